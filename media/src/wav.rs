//! WAV files in and out, of every kind people have, through hound.

use std::io::{Cursor, Read};
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
    read(reader, path)
}

/// Reads a WAV file that is in memory, as [`read_wav`] does. One whose header promises more than there is, as engines
/// send that write the header before they know the length, is read to its end. Errors name it `the sound`.
///
/// # Errors
/// As [`read_wav`].
pub fn parse_wav(mut bytes: Vec<u8>) -> Result<WavSound, RecordError> {
    shorten_data(&mut bytes);
    let path = Path::new("the sound");
    let reader = WavReader::new(Cursor::new(bytes)).map_err(|error| RecordError::from_hound(path, error))?;
    read(reader, path)
}

/// Lets the header promise no more sound than there is, in whole frames.
fn shorten_data(bytes: &mut [u8]) {
    let mut at = RIFF_HEADER;
    let mut frame = 1;
    while let Some(&[a, b, c, d, l0, l1, l2, l3]) = bytes.get(at..at + CHUNK_HEADER) {
        let (name, length) = ([a, b, c, d], u32::from_le_bytes([l0, l1, l2, l3]));
        let body = at + CHUNK_HEADER;
        if name == *b"fmt " {
            if let Some(&[low, high]) = bytes.get(body + BLOCK_ALIGN..body + BLOCK_ALIGN + 2) {
                frame = u32::from(u16::from_le_bytes([low, high])).max(1);
            }
        } else if name == *b"data" {
            let there = u32::try_from(bytes.len() - body).unwrap_or(u32::MAX);
            if length > there {
                bytes[at + 4..body].copy_from_slice(&(there / frame * frame).to_le_bytes());
            }
            return;
        }
        // Chunks begin at even places.
        let Some(next) = (length as usize).checked_next_multiple_of(2).and_then(|length| body.checked_add(length))
        else {
            return;
        };
        at = next;
    }
}

fn read(reader: WavReader<impl Read>, path: &Path) -> Result<WavSound, RecordError> {
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

/// The bytes of a mono WAV file of 16 bits.
///
/// # Errors
/// [`RecordError::TooLong`] when its length does not fit into a WAV header.
pub fn wav_bytes(sound: &Pcm) -> Result<Vec<u8>, RecordError> {
    let too_long = || RecordError::TooLong { path: "the sound".into() };
    let data = u32::try_from(sound.samples.len() * 2).ok().filter(|&data| data < u32::MAX - 36).ok_or_else(too_long)?;
    let hz = sound.rate.hz();
    let mut bytes = Vec::with_capacity(44 + data as usize);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + data).to_le_bytes());
    // Whole numbers, one channel, and so many bytes a second, a frame, and bits a sample.
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&hz.to_le_bytes());
    bytes.extend_from_slice(&hz.saturating_mul(2).to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&data.to_le_bytes());
    bytes.extend(sound.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    Ok(bytes)
}

fn to_16_bits(sample: i32, bits: u32) -> i16 {
    if bits <= 16 { (sample << (16 - bits)) as i16 } else { (sample >> (bits - 16)) as i16 }
}

const CHUNK: usize = 4_096;
/// `RIFF`, a length, `WAVE`.
const RIFF_HEADER: usize = 12;
/// A name and a length.
const CHUNK_HEADER: usize = 8;
/// Where the bytes of a frame stand in the chunk `fmt `.
const BLOCK_ALIGN: usize = 12;

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
    fn sound_in_memory_is_read_even_when_its_header_promises_more() {
        let whole = wav_bytes(&sound()).unwrap();
        assert_eq!(parse_wav(whole.clone()).unwrap().mono(), sound());
        let mut endless = whole.clone();
        endless[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(parse_wav(endless).unwrap().mono(), sound());
        let mut cut = whole.clone();
        cut.truncate(whole.len() - 3);
        let read = parse_wav(cut).unwrap().mono();
        assert_eq!(read.samples, sound().samples[..sound().samples.len() - 2]);
        for length in 0..44 {
            assert!(parse_wav(whole[..length].to_vec()).is_err(), "{length} bytes are no WAV file");
        }
        let error = parse_wav(b"<html>busy</html>".to_vec()).unwrap_err();
        assert!(error.to_string().starts_with("the sound is not a WAV file"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reader(header in 0usize..44, noise in proptest::collection::vec(0u8.., 0..200)) {
            let mut bytes = wav_bytes(&sound()).unwrap()[..header].to_vec();
            bytes.extend(noise);
            let _ = parse_wav(bytes);
        }
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
