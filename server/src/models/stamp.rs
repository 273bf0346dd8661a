//! Stamps: which files have been hashed already, so that a start does not read 80 MB again.
//!
//! A stamp holds the size, the time of change and the hash. A file that was touched since has no stamp any more and is
//! hashed anew; `hotline models verify` hashes all files, stamp or not.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const FILE: &str = ".stamps.json";
const READ_BYTES: usize = 1 << 20;

/// What a file was like when it was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    changed_ns: u64,
    sha256: String,
}

/// The stamps of one folder of models, by path.
#[derive(Debug)]
pub(super) struct Stamps {
    file: PathBuf,
    stamps: BTreeMap<String, Stamp>,
    is_changed: bool,
}

impl Stamps {
    /// The stamps of a folder; none where they cannot be read, which only costs time.
    pub(super) fn load(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let stamps = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { file, stamps, is_changed: false }
    }

    /// The hash in the stamp of a file, if the file has not been touched since.
    pub(super) fn known(&self, path: &str, metadata: &Metadata) -> Option<&str> {
        let stamp = self.stamps.get(path)?;
        let is_same = stamp.bytes == metadata.len() && stamp.changed_ns == changed_ns(metadata);
        is_same.then_some(stamp.sha256.as_str())
    }

    /// Remembers the hash of a file.
    pub(super) fn remember(&mut self, path: &str, metadata: &Metadata, sha256: &str) {
        let stamp = Stamp { bytes: metadata.len(), changed_ns: changed_ns(metadata), sha256: sha256.to_owned() };
        let before = self.stamps.insert(path.to_owned(), stamp.clone());
        self.is_changed |= before != Some(stamp);
    }

    /// Writes the stamps, if there are new ones. A folder that is read-only stays without them.
    pub(super) fn save(&self) {
        if !self.is_changed {
            return;
        }
        let temporary = self.file.with_extension(format!("{}.tmp", process::id()));
        let written = serde_json::to_vec_pretty(&self.stamps)
            .map_err(io::Error::from)
            .and_then(|bytes| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &self.file));
        if written.is_err() {
            // Best effort: there may be nothing to remove.
            let _ = fs::remove_file(&temporary);
        }
    }
}

/// Nanoseconds since 1970 of the last change; 0 where the file system does not say.
fn changed_ns(metadata: &Metadata) -> u64 {
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    changed.and_then(|age| u64::try_from(age.as_nanos()).ok()).unwrap_or(0)
}

/// The hash of a file, in hexadecimal; `on_read` hears of every piece that was read.
pub(super) fn sha256_of(path: &Path, mut on_read: impl FnMut(u64)) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..count]);
        on_read(count as u64);
    }
}

/// The hash of bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
