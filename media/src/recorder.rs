//! The recording of a call: stereo WAV, left the caller, right the bot or the agent.
//!
//! Sound goes to the system every 40 ms, so that a process that dies takes no more than that with it. The header is
//! brought up to date every 0.2 s, always after the sound it tells of, so that the file plays at any moment; what came
//! after the last header is won back by [`repair`].

#![expect(clippy::disallowed_types, reason = "the recorder is the part of this crate that touches files")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use call::AudioFrame;

use crate::record_error::RecordError;

/// The most frames of 20 ms in one recording: 12 hours, well below what a WAV header can count.
pub const RECORDING_FRAMES_MAX: u32 = 12 * 3_600 * 50;

/// Writes one recording. It blocks on the disk, so it lives on a thread of its own and not on the one that keeps the
/// beat.
pub struct Recorder {
    path: PathBuf,
    file: File,
    /// Sound not yet given to the system, as it stands in the file.
    waiting: Vec<u8>,
    frames: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No room was left; nothing more is written.
    DiskFull,
    /// Something else failed; nothing more is written.
    Failed,
    Writing,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, file: _, waiting: _, frames, state } = self;
        f.debug_struct("Recorder").field("path", path).field("frames", frames).field("state", state).finish()
    }
}

impl Recorder {
    /// Begins a recording; a file of that name is overwritten.
    ///
    /// # Errors
    /// [`RecordError::DiskFull`], [`RecordError::NotFound`] when the folder is missing, [`RecordError::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, RecordError> {
        let path = path.as_ref().to_owned();
        let failed = |error| RecordError::from_io(&path, error);
        let mut file = File::create(&path).map_err(failed)?;
        file.write_all(&header(0)).map_err(failed)?;
        let waiting = Vec::with_capacity(WRITE_FRAMES as usize * FRAME_BYTES);
        Ok(Self { path, file, waiting, frames: 0, state: State::Writing })
    }

    /// Adds 20 ms of both sides.
    ///
    /// # Errors
    /// [`RecordError::DiskFull`] and [`RecordError::Io`], from then on always, since a recording with a hole would be
    /// out of step; [`RecordError::TooLong`] after [`RECORDING_FRAMES_MAX`]. What was written until then is kept.
    pub fn write(&mut self, left: &AudioFrame, right: &AudioFrame) -> Result<(), RecordError> {
        self.check()?;
        if self.frames >= RECORDING_FRAMES_MAX {
            return Err(RecordError::TooLong { path: self.path.clone() });
        }
        let written = self.append(left, right);
        written.map_err(|error| {
            let error = RecordError::from_io(&self.path, error);
            self.state = if matches!(error, RecordError::DiskFull { .. }) { State::DiskFull } else { State::Failed };
            error
        })
    }

    /// How much was recorded.
    pub fn duration(&self) -> Duration {
        AudioFrame::DURATION * self.frames
    }

    /// Ends the recording and tells how long it is.
    ///
    /// # Errors
    /// Those of [`Recorder::write`]. When an earlier write has failed, the header is made to fit what is on the disk,
    /// and the length of that is told.
    pub fn finish(mut self) -> Result<Duration, RecordError> {
        match self.state {
            State::DiskFull | State::Failed => repair(&self.path),
            State::Writing => {
                let written = self.write_waiting().and_then(|()| self.write_counts());
                written.map_err(|error| RecordError::from_io(&self.path, error))?;
                Ok(self.duration())
            }
        }
    }

    fn check(&self) -> Result<(), RecordError> {
        let path = || self.path.clone();
        match self.state {
            State::DiskFull => Err(RecordError::DiskFull { path: path() }),
            State::Failed => {
                let source = std::io::Error::other("an earlier write has failed");
                Err(RecordError::Io { path: path(), source })
            }
            State::Writing => Ok(()),
        }
    }

    fn append(&mut self, left: &AudioFrame, right: &AudioFrame) -> io::Result<()> {
        let start = self.waiting.len();
        self.waiting.resize(start + FRAME_BYTES, 0);
        for ((block, left), right) in self.waiting[start..].chunks_exact_mut(4).zip(&left.0).zip(&right.0) {
            block[..2].copy_from_slice(&left.to_le_bytes());
            block[2..].copy_from_slice(&right.to_le_bytes());
        }
        self.frames += 1;
        if self.frames.is_multiple_of(WRITE_FRAMES) {
            self.write_waiting()?;
        }
        if self.frames.is_multiple_of(HEADER_FRAMES) {
            self.write_counts()?;
        }
        Ok(())
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    /// Brings the header up to date with all sound that was written.
    fn write_counts(&mut self) -> io::Result<()> {
        let sound = self.frames as usize * FRAME_BYTES - self.waiting.len();
        self.file.write_all_at(&header(sound as u32), 0)
    }
}

/// Makes the header of a recording fit the sound that is really in the file, as after a crash, and tells its length.
/// Doing it twice changes nothing more.
///
/// # Errors
/// [`RecordError::NotARecording`] when the file is not one that [`Recorder`] began, which is then left alone;
/// [`RecordError::NotFound`], [`RecordError::DiskFull`] or [`RecordError::Io`].
pub fn repair(path: impl AsRef<Path>) -> Result<Duration, RecordError> {
    let path = path.as_ref();
    let failed = |error| RecordError::from_io(path, error);
    let refuse = |why| RecordError::NotARecording { path: path.to_owned(), why };
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length < HEADER_BYTES {
        return Err(refuse("it is shorter than a header"));
    }
    let mut found = [0; HEADER_BYTES as usize];
    file.read_exact(&mut found).map_err(failed)?;
    // The fields that count the sound are what is mended; all others must be as Recorder writes them.
    let template = header(0);
    let same = |range: std::ops::Range<usize>| found[range.clone()] == template[range];
    if !(same(0..4) && same(8..40)) {
        return Err(refuse("its header is not one of ours"));
    }
    let sound = (length - HEADER_BYTES).min(u64::from(u32::MAX) - HEADER_BYTES) / BLOCK_BYTES * BLOCK_BYTES;
    file.set_len(HEADER_BYTES + sound).map_err(failed)?;
    for (place, count) in [(RIFF_COUNT_AT, sound + HEADER_BYTES - 8), (DATA_COUNT_AT, sound)] {
        file.seek(SeekFrom::Start(place)).map_err(failed)?;
        file.write_all(&(count as u32).to_le_bytes()).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    Ok(Duration::from_secs(sound) / BYTES_PER_S)
}

/// The 44 bytes of our header over so many bytes of sound (RIFF WAVE, PCM format).
fn header(sound_bytes: u32) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[0..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(sound_bytes + HEADER_BYTES as u32 - 8).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&CHANNELS.to_le_bytes());
    header[24..28].copy_from_slice(&AudioFrame::RATE.hz().to_le_bytes());
    header[28..32].copy_from_slice(&BYTES_PER_S.to_le_bytes());
    header[32..34].copy_from_slice(&(BLOCK_BYTES as u16).to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..44].copy_from_slice(&sound_bytes.to_le_bytes());
    header
}

const CHANNELS: u16 = 2;
const HEADER_BYTES: u64 = 44;
const RIFF_COUNT_AT: u64 = 4;
const DATA_COUNT_AT: u64 = 40;
/// One sample of both sides.
const BLOCK_BYTES: u64 = 4;
const BYTES_PER_S: u32 = AudioFrame::RATE.hz() * BLOCK_BYTES as u32;
/// 20 ms of both sides.
const FRAME_BYTES: usize = AudioFrame::SAMPLES * BLOCK_BYTES as usize;
/// Sound goes to the system each 40 ms: more often costs more than it saves, less often loses more in a crash.
const WRITE_FRAMES: u32 = 2;
/// The header is brought up to date each 0.2 s.
const HEADER_FRAMES: u32 = 10;

const _: () = assert!(HEADER_FRAMES.is_multiple_of(WRITE_FRAMES));
const _: () = assert!(RECORDING_FRAMES_MAX as u64 * AudioFrame::SAMPLES as u64 * BLOCK_BYTES < u32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_error::tests::temp_path;
    use crate::wav::read_wav;

    fn frame(level: i16) -> AudioFrame {
        AudioFrame([level; AudioFrame::SAMPLES])
    }

    fn record(path: &Path, frames: u32) -> Recorder {
        let mut recorder = Recorder::create(path).unwrap();
        for _ in 0..frames {
            recorder.write(&frame(100), &frame(-200)).unwrap();
        }
        recorder
    }

    #[test]
    fn a_recording_has_the_caller_left_and_the_bot_right() {
        let path = temp_path("stereo.wav");
        let recorder = record(&path, 13);
        assert_eq!(recorder.finish().unwrap(), Duration::from_millis(260));
        let sound = read_wav(&path).unwrap();
        assert_eq!(sound.rate, AudioFrame::RATE);
        assert_eq!(sound.channels, [vec![100; 13 * 320], vec![-200; 13 * 320]]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_recording_plays_at_any_moment_and_a_crash_costs_at_most_40_ms() {
        let path = temp_path("alive.wav");
        let mut recorder = Recorder::create(&path).unwrap();
        assert_eq!(read_wav(&path).unwrap().channels[0].len(), 0, "from the first moment");
        for written in 1..=37 {
            recorder.write(&frame(5), &frame(6)).unwrap();
            let on_disk = read_wav(&path).unwrap().channels[0].len() / AudioFrame::SAMPLES;
            assert!(on_disk + 10 > written, "{on_disk} of {written}");
        }
        std::mem::forget(recorder);
        // As after `kill -9`: nothing in the process had a chance to be written.
        assert_eq!(repair(&path).unwrap(), Duration::from_millis(36 * 20), "the last 40 ms may be lost, and no more");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_crashed_recording_is_repaired_once_and_for_all() {
        let path = temp_path("crashed.wav");
        record(&path, 20).finish().unwrap();
        // As a crash leaves it: sound beyond the header's count, the last sample torn.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40..44].copy_from_slice(&(10 * 320 * 4_u32).to_le_bytes());
        bytes[4..8].fill(0);
        bytes.extend([1, 2, 3]);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_wav(&path).unwrap().channels[0].len(), 10 * 320);
        assert_eq!(repair(&path).unwrap(), Duration::from_millis(400));
        let once = std::fs::read(&path).unwrap();
        assert_eq!(repair(&path).unwrap(), Duration::from_millis(400));
        assert_eq!(std::fs::read(&path).unwrap(), once);
        assert_eq!(read_wav(&path).unwrap().channels[1], vec![-200; 20 * 320]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_finished_recording_needs_no_repair() {
        let path = temp_path("finished.wav");
        record(&path, 3).finish().unwrap();
        let before = std::fs::read(&path).unwrap();
        repair(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before, "a header is the same by both ways");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let path = temp_path("foreign.wav");
        let bytes = vec![7; 100];
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(repair(&path), Err(RecordError::NotARecording { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(repair(&path), Err(RecordError::NotFound { .. })));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Recorder::create(temp_path("no-folder").join("a.wav")).unwrap_err();
        assert!(matches!(error, RecordError::NotFound { .. }), "{error:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        let error = Recorder::create("/dev/full").unwrap_err();
        assert!(matches!(error, RecordError::DiskFull { .. }), "{error:?}");
    }
}
