//! A lock on the folder of the models, so that two fetches at once do not write the same files.
//!
//! The machine gives it up when the process ends, however it ends; nothing has to be cleaned up after a crash.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

const FILE: &str = ".lock";

/// Held while files are fetched.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting for another process that has it; `on_wait` is called once before waiting.
    pub(super) fn take(folder: &Path, on_wait: impl FnOnce()) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = File::options().create(true).truncate(false).write(true).open(folder.join(FILE))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                on_wait();
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { _file: file })
    }
}
