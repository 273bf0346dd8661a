//! What can go wrong with sound files, told apart by who must act.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a sound file could not be written or read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// No room is left on the disk, or in the quota: the call goes on, someone must make room.
    #[error("no room on the disk for {}", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The machine failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a recording of ours, so its header is left alone.
    #[error("{} is not a recording: {why}", path.display())]
    NotARecording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file is damaged or of another kind.
    #[error("{} is not a WAV file: {why}", path.display())]
    NotAWav {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such file.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The sound is longer than we record or read.
    #[error("{} is too long", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A WAV file of a kind we do not read, such as compressed sound.
    #[error("{} holds sound of a kind we do not read; 8, 16, 24 or 32 bits, or 32-bit floats, will do", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
    },
}

impl RecordError {
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => {
                Self::DiskFull { path }
            }
            io::ErrorKind::NotFound => Self::NotFound { path },
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn from_hound(path: &Path, error: hound::Error) -> Self {
        let not_a_wav = |why| Self::NotAWav { path: path.to_owned(), why };
        match error {
            hound::Error::FormatError(why) => not_a_wav(why),
            hound::Error::InvalidSampleFormat | hound::Error::TooWide | hound::Error::Unsupported => {
                Self::Unsupported { path: path.to_owned() }
            }
            // hound reports the end of a file that promised more as a plain failure without a kind.
            hound::Error::IoError(source) if source.kind() == io::ErrorKind::Other => not_a_wav(SHORT),
            hound::Error::IoError(source) if source.kind() == io::ErrorKind::UnexpectedEof => not_a_wav(SHORT),
            hound::Error::IoError(source) => Self::from_io(path, source),
            hound::Error::UnfinishedSample => not_a_wav("it ends in the middle of a sample"),
        }
    }
}

const SHORT: &str = "it ends before its header says";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A path in the folder for temporary files that no other test uses.
    pub(crate) fn temp_path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("hotline-media-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let error = |kind| RecordError::from_io(Path::new("a.wav"), io::Error::from(kind));
        assert!(matches!(error(io::ErrorKind::StorageFull), RecordError::DiskFull { .. }));
        assert!(matches!(error(io::ErrorKind::QuotaExceeded), RecordError::DiskFull { .. }));
        assert!(matches!(error(io::ErrorKind::PermissionDenied), RecordError::Io { .. }));
    }
}
