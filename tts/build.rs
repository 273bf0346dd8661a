//! Gives the crate a number that changes with its source: sound kept on disk by one build is not that of another.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> io::Result<()> {
    let source = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("src");
    let mut hasher = DefaultHasher::new();
    for path in files(&source)? {
        path.strip_prefix(&source).unwrap_or(&path).hash(&mut hasher);
        fs::read(&path)?.hash(&mut hasher);
    }
    let mut out = io::stdout();
    writeln!(out, "cargo::rerun-if-changed=src")?;
    writeln!(out, "cargo::rustc-env=TTS_SOURCE={:016x}", hasher.finish())
}

fn files(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut out = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            out.extend(files(&path)?);
        } else {
            out.insert(path);
        }
    }
    Ok(out)
}
