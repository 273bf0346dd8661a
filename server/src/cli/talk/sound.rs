//! Where the caller's sound comes from and where the answer goes: the machine's devices, or files.

use std::path::{Path, PathBuf};
use std::vec;

use anyhow::{Context, Result};
use call::{AudioFrame, Pcm};

use super::device::{DeviceIn, DeviceOut};
use crate::cli::speech::read_mono;

/// What the caller says, 20 ms at a time.
pub(super) enum Microphone {
    /// The machine's.
    Device(Box<DeviceIn>),
    /// A file, from its beginning.
    File(vec::IntoIter<AudioFrame>),
}

impl Microphone {
    /// Opens a file, or else the machine's microphone.
    ///
    /// # Errors
    /// When the file cannot be read, or no microphone is found.
    pub(super) fn open(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::Device(Box::new(DeviceIn::open()?))) };
        let frames = read_mono(file)?.frames().context("the file could not be cut into frames")?;
        Ok(Self::File(frames.into_iter()))
    }

    /// The next 20 ms; `None` after the end of a file.
    pub(super) fn frame(&mut self) -> Option<AudioFrame> {
        match self {
            Self::Device(device) => Some(device.frame()),
            Self::File(frames) => frames.next(),
        }
    }
}

/// Where the answer is heard.
pub(super) enum Loudspeaker {
    /// The machine's.
    Device(Box<DeviceOut>),
    /// A file, written at the end.
    File { path: PathBuf, samples: Vec<i16> },
}

impl Loudspeaker {
    /// Opens the machine's speaker, unless a file is to be written.
    ///
    /// # Errors
    /// When no speaker is found.
    pub(super) fn open(file: Option<&Path>) -> Result<Self> {
        match file {
            Some(path) => Ok(Self::File { path: path.to_owned(), samples: Vec::new() }),
            None => Ok(Self::Device(Box::new(DeviceOut::open()?))),
        }
    }

    /// Takes 20 ms.
    ///
    /// # Errors
    /// When the device is gone.
    pub(super) fn play(&mut self, frame: &AudioFrame) -> Result<()> {
        match self {
            Self::Device(device) => device.play(frame),
            Self::File { samples, .. } => {
                if samples.len() < FILE_SAMPLES_MAX {
                    samples.extend_from_slice(&frame.0);
                }
                Ok(())
            }
        }
    }

    /// Writes the file, if there is one to write.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(self) -> Result<()> {
        if let Self::File { path, samples } = self {
            media::write_wav(path, &Pcm { rate: AudioFrame::RATE, samples })?;
        }
        Ok(())
    }
}

/// An hour; what comes later is not written.
const FILE_SAMPLES_MAX: usize = 3_600 * 16_000;
