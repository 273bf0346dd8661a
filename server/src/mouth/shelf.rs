//! Rendered prompts on disk, so that a restart needs no synthesis.
//!
//! One file for each clause, named by its key, written whole or not at all. A file that is damaged or not ours is as
//! good as none: the clause is rendered again. Only fixed prompts lie here; what is said to one caller never does.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use call::AudioFrame;
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use super::cache::Key;
use super::rendered::{FrameMark, Rendered};

/// A folder of rendered clauses with a limit in bytes; what was used least recently goes first.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    bytes_max: u64,
    bytes: AtomicU64,
    written: AtomicU64,
}

impl Shelf {
    /// Opens a folder, and makes it where there is none. What an earlier run was writing when it died is removed.
    ///
    /// # Errors
    /// When the folder cannot be made or listed.
    pub(super) fn open(folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                // One that stays is only a few bytes lost.
                let _ = fs::remove_file(path);
            }
        }
        let shelf = Self { folder, bytes_max, bytes: AtomicU64::new(0), written: AtomicU64::new(0) };
        shelf.sweep();
        Ok(shelf)
    }

    /// What lies under a key, if it is whole.
    pub(super) fn load(&self, key: &Key) -> Option<Rendered> {
        let path = self.path(key);
        let file = File::open(&path).ok()?;
        if file.metadata().ok()?.len() > FILE_BYTES_MAX {
            return None;
        }
        let rendered = parse(key, &fs::read(&path).ok()?);
        match &rendered {
            // Where the time cannot be set, it goes as if it had not been used.
            Some(_) => drop(file.set_times(FileTimes::new().set_modified(SystemTime::now()))),
            None => debug!(path = %path.display(), "A kept prompt is damaged; it is rendered again"),
        }
        rendered
    }

    /// Keeps a clause. A disk that is full or read-only costs time at the next start and nothing else.
    pub(super) fn save(&self, key: &Key, rendered: &Rendered) {
        let bytes = write(key, rendered);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.folder.join(format!("{}-{}-{number}.{UNFINISHED}", key.name(), std::process::id()));
        let length = bytes.len() as u64;
        if length > FILE_BYTES_MAX {
            return;
        }
        let saved = File::create(&unfinished)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&unfinished, self.path(key)));
        if let Err(error) = saved {
            // Best effort: there may be nothing to remove.
            let _ = fs::remove_file(&unfinished);
            warn!(folder = %self.folder.display(), %error, "A rendered prompt cannot be kept; check the disk");
            return;
        }
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length > self.bytes_max {
            self.sweep();
        }
    }

    /// Counts what lies here, and takes away the least recently used until a tenth is free, if it is too much.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| is_ours(path))
            .filter_map(|path| {
                let metadata = fs::metadata(&path).ok()?;
                Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), path))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        if total > self.bytes_max {
            for (_, length, path) in files {
                if total <= self.bytes_max / 10 * 9 {
                    break;
                }
                if fs::remove_file(path).is_ok() {
                    total = total.saturating_sub(length);
                }
            }
        }
        self.bytes.store(total, Ordering::Relaxed);
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(key.name()).with_extension(KEPT)
    }
}

fn is_ours(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == KEPT) && path.file_stem().is_some_and(|stem| stem.len() == 64)
}

/// Magic, key, counts of marks and frames, the marks, the samples, and the hash of all that: whole numbers in little
/// endian, sound as 16 kHz mono in 16 bits.
fn write(key: &Key, rendered: &Rendered) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + rendered.bytes() + HASH_BYTES);
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    bytes.extend(MAGIC);
    bytes.extend(key.0);
    bytes.extend(number(rendered.marks.len()));
    bytes.extend(number(rendered.frames.len()));
    for mark in &rendered.marks {
        bytes.extend(number(mark.end_byte));
        bytes.extend(number(mark.end_frame));
    }
    bytes.extend(rendered.frames.iter().flat_map(|frame| frame.0).flat_map(i16::to_le_bytes));
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

fn parse(key: &Key, bytes: &[u8]) -> Option<Rendered> {
    let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH_BYTES)?)?;
    if Sha256::digest(body).as_slice() != hash {
        return None;
    }
    let body = body.strip_prefix(MAGIC)?.strip_prefix(&key.0)?;
    let (marks, body) = number(body)?;
    let (frames, body) = number(body)?;
    let (marks, sound) = body.split_at_checked(marks.checked_mul(MARK_BYTES)?)?;
    if frames == 0 || sound.len() != frames.checked_mul(FRAME_BYTES)? {
        return None;
    }
    let mark = |bytes: &[u8]| {
        let (end_byte, rest) = number(bytes)?;
        Some(FrameMark { end_byte, end_frame: number(rest)?.0 })
    };
    let marks = marks.chunks_exact(MARK_BYTES).map(mark).collect::<Option<Vec<_>>>()?;
    let frame = |bytes: &[u8]| {
        let mut frame = AudioFrame::SILENCE;
        for (sample, pair) in frame.0.iter_mut().zip(bytes.chunks_exact(2)) {
            *sample = i16::from_le_bytes([pair[0], pair[1]]);
        }
        frame
    };
    let frames: Arc<[AudioFrame]> = sound.chunks_exact(FRAME_BYTES).map(frame).collect();
    Some(Rendered { frames, marks })
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number) as usize, rest))
}

const MAGIC: &[u8] = b"HOTPRM01";
const HASH_BYTES: usize = 32;
const HEADER_BYTES: usize = 8 + 32 + 8;
const MARK_BYTES: usize = 8;
const FRAME_BYTES: usize = 2 * AudioFrame::SAMPLES;
/// A clause lasts seconds; this is four minutes.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// The ending of what is whole.
const KEPT: &str = "prompt";
/// The ending of what is being written.
const UNFINISHED: &str = "unfinished";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key([number; 32])
    }

    fn rendered(frames: usize) -> Rendered {
        let frame = |n: usize| AudioFrame([n as i16; AudioFrame::SAMPLES]);
        let marks =
            vec![FrameMark { end_byte: 5, end_frame: frames / 2 }, FrameMark { end_byte: 9, end_frame: frames }];
        Rendered { frames: (0..frames).map(frame).collect(), marks }
    }

    #[test]
    fn what_is_kept_comes_back_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        Shelf::open(folder.path().join("a/b"), 1 << 20).unwrap().save(&key(1), &rendered(40));
        let shelf = Shelf::open(folder.path().join("a/b"), 1 << 20).unwrap();
        assert_eq!(shelf.load(&key(1)), Some(rendered(40)));
        assert_eq!(shelf.load(&key(2)), None);
    }

    #[test]
    fn damaged_and_foreign_files_are_ignored_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path().to_owned(), 1 << 20).unwrap();
        shelf.save(&key(1), &rendered(3));
        let whole = fs::read(shelf.path(&key(1))).unwrap();
        for at in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(shelf.path(&key(1)), &damaged).unwrap();
            assert_eq!(shelf.load(&key(1)), None, "byte {at}");
            fs::write(shelf.path(&key(1)), &whole[..at]).unwrap();
            assert_eq!(shelf.load(&key(1)), None, "cut at {at}");
        }
        fs::write(shelf.path(&key(2)), &whole).unwrap();
        assert_eq!(shelf.load(&key(2)), None, "another clause's sound");
        shelf.save(&key(1), &rendered(4));
        assert_eq!(shelf.load(&key(1)), Some(rendered(4)));
    }

    #[test]
    fn the_least_recently_used_goes_first_and_foreign_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let one = write(&key(0), &rendered(10)).len() as u64;
        let foreign = folder.path().join("notes.txt");
        fs::write(&foreign, "of the operator").unwrap();
        fs::write(folder.path().join("x.unfinished"), "of a crash").unwrap();
        let shelf = Shelf::open(folder.path().to_owned(), 4 * one).unwrap();
        for number in 0..4 {
            shelf.save(&key(number), &rendered(10));
            let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(number) + 1);
            File::open(shelf.path(&key(number))).unwrap().set_times(FileTimes::new().set_modified(old)).unwrap();
        }
        assert!(shelf.load(&key(0)).is_some(), "used just now");
        shelf.save(&key(9), &rendered(10));
        let left: Vec<_> = [0, 1, 2, 3, 9].into_iter().filter(|number| shelf.path(&key(*number)).exists()).collect();
        assert_eq!(left, [0, 3, 9], "until a tenth is free");
        assert!(foreign.exists());
        assert!(!folder.path().join("x.unfinished").exists());
    }
}
