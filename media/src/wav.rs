//! WAV files in and out, of every kind people have, through hound.

use std::path::Path;

use call::{Pcm, SampleRate};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::record_error::RecordError;

/// The most samples, of all channels together, that are read from a file: 64 minutes of stereo at 44.1 kHz.
pub const WAV_SAMPLES_MAX: u32 = 340_000_000;

/// The most channels a file may have.
pub const WAV_CHANNELS_MAX: u16 = 32;

/// Sound from a file, channel by channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WavSound {
    /// Samples per second.
    pub rate: SampleRate,
    /// One list of samples per channel, all of one length; never empty.
    pub channels: Vec<Vec<i16>>,
}

impl WavSound {
    /// All channels mixed into one.
    pub fn mono(&self) -> Pcm {
        let count = self.channels.len() as i32;
        let length = self.channels.first().map_or(0, Vec::len);
        let mix = |n: usize| (self.channels.iter().map(|channel| i32::from(channel[n])).sum::<i32>() / count) as i16;
        Pcm { rate: self.rate, samples: (0..length).map(mix).collect() }
    }

    /// One channel alone: in our recordings 0 is the caller and 1 the bot or agent.
    pub fn channel(&self, index: usize) -> Option<Pcm> {
        self.channels.get(index).map(|samples| Pcm { rate: self.rate, samples: samples.clone() })
    }
}

/// Reads a WAV file: whole numbers of 8, 16, 24 or 32 bits, or 32-bit floats, at any rate.
///
/// # Errors
/// [`RecordError::NotFound`] and [`RecordError::Io`] when it cannot be read; [`RecordError::NotAWav`],
/// [`RecordError::Unsupported`] and [`RecordError::TooLong`] when it can but is of no use.
pub fn read_wav(path: impl AsRef<Path>) -> Result<WavSound, RecordError> {
    let path = path.as_ref();
    let reader = WavReader::open(path).map_err(|error| RecordError::from_hound(path, error))?;
    let spec = reader.spec();
    let unsupported = || RecordError::Unsupported { path: path.to_owned() };
    let rate = SampleRate::new(spec.sample_rate).ok_or_else(unsupported)?;
    if spec.channels == 0 || spec.channels > WAV_CHANNELS_MAX {
        return Err(unsupported());
    }
    let count = reader.len();
    if count > WAV_SAMPLES_MAX {
        return Err(RecordError::TooLong { path: path.to_owned() });
    }
    let channel_count = usize::from(spec.channels);
    // The header may promise more than the file holds, so take memory as sound comes.
    let mut channels = vec![Vec::new(); channel_count];
    let mut fill = |n: usize, sample: i16| channels[n % channel_count].push(sample);
    let failed = |error| RecordError::from_hound(path, error);
    match spec.sample_format {
        SampleFormat::Float => {
            for (n, sample) in reader.into_samples::<f32>().enumerate() {
                fill(n, (sample.map_err(failed)? * 32_768.0) as i16);
            }
        }
        SampleFormat::Int => {
            let bits = u32::from(spec.bits_per_sample);
            for (n, sample) in reader.into_samples::<i32>().enumerate() {
                fill(n, to_16_bits(sample.map_err(failed)?, bits));
            }
        }
    }
    let shortest = channels.iter().map(Vec::len).min().unwrap_or(0);
    for channel in &mut channels {
        channel.truncate(shortest);
    }
    Ok(WavSound { rate, channels })
}

/// Writes a mono WAV file of 16 bits.
///
/// # Errors
/// [`RecordError::DiskFull`] or [`RecordError::Io`].
pub fn write_wav(path: impl AsRef<Path>, sound: &Pcm) -> Result<(), RecordError> {
    let path = path.as_ref();
    let failed = |error| RecordError::from_hound(path, error);
    let spec =
        WavSpec { channels: 1, sample_rate: sound.rate.hz(), bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).map_err(failed)?;
    for chunk in sound.samples.chunks(CHUNK) {
        let mut samples = writer.get_i16_writer(chunk.len() as u32);
        chunk.iter().for_each(|&sample| samples.write_sample(sample));
        samples.flush().map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

fn to_16_bits(sample: i32, bits: u32) -> i16 {
    if bits <= 16 { (sample << (16 - bits)) as i16 } else { (sample >> (bits - 16)) as i16 }
}

const CHUNK: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_error::tests::temp_path;

    fn sound() -> Pcm {
        Pcm { rate: SampleRate::HZ_24000, samples: (-500..500).map(|n| n * 60).collect() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let path = temp_path("again.wav");
        write_wav(&path, &sound()).unwrap();
        let read = read_wav(&path).unwrap();
        assert_eq!(read.mono(), sound());
        assert_eq!((read.channel(0), read.channel(1)), (Some(sound()), None));
        std::fs::remove_file(path).unwrap();
    }

    #[track_caller]
    fn check(bits: u16, format: SampleFormat) {
        let path = temp_path(&format!("{bits}{format:?}.wav"));
        let spec = WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: bits, sample_format: format };
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for n in -100..100_i32 {
            for side in [1, -1] {
                match format {
                    SampleFormat::Float => writer.write_sample((side * n) as f32 / 128.0).unwrap(),
                    SampleFormat::Int => writer.write_sample((side * n) << (bits - 8)).unwrap(),
                }
            }
        }
        writer.finalize().unwrap();
        let read = read_wav(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(read.rate.hz(), 44_100);
        let left: Vec<i16> = (-100..100).map(|n| n * 256).collect();
        assert_eq!(read.channels[0], left, "{bits} bits {format:?}");
        assert_eq!(read.channels[1][0], -left[0]);
        assert_eq!(read.mono().samples, vec![0; 200], "left and right cancel out");
    }

    #[test]
    fn every_width_and_format_is_read() {
        for bits in [8, 16, 24, 32] {
            check(bits, SampleFormat::Int);
        }
        check(32, SampleFormat::Float);
    }

    #[test]
    fn what_is_no_wav_is_named() {
        let path = temp_path("no.wav");
        assert!(matches!(read_wav(&path), Err(RecordError::NotFound { .. })));
        std::fs::write(&path, b"RIFF, but no more than that").unwrap();
        let error = read_wav(&path).unwrap_err();
        assert!(matches!(error, RecordError::NotAWav { .. }), "{error:?}");
        assert!(error.to_string().contains("no.wav"), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}
