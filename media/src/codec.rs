//! Codecs: from payload bytes to samples and back, at the codec's own rate.
//!
//! One enum each way, so that a session holds its codec by value and a codec with state is one more variant. All
//! memory is taken in `new`; nothing here allocates afterwards.

use std::fmt;

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};
use call::{Codec, SampleRate};
use opus::{Application, Bitrate, Channels};
use thiserror::Error;

use crate::g711;
use crate::jitter::PAYLOAD_MAX;

/// The codecs a session can carry, best first, for the offer and answer.
pub const CODECS: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma];

/// A codec we can name but not carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no sound can be carried as {0}")]
pub struct CodecUnsupported(pub Codec);

/// Payload bytes to samples.
pub(crate) enum Decoder {
    /// G.722.
    G722(Box<G722Decoder>),
    /// Opus, decoded at the rate of the house, so that nothing has to be resampled.
    Opus(opus::Decoder),
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
}

impl Decoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, CodecUnsupported> {
        match codec {
            Codec::G722 => Ok(Self::G722(Box::default())),
            Codec::Opus => opus::Decoder::new(OPUS_RATE.hz(), Channels::Mono)
                .map(Self::Opus)
                .map_err(|_out_of_memory| CodecUnsupported(codec)),
            Codec::Pcma => Ok(Self::Pcma),
            Codec::Pcmu => Ok(Self::Pcmu),
        }
    }

    /// The rate of the samples.
    pub(crate) const fn rate(&self) -> SampleRate {
        match self {
            Self::G722(_) => SampleRate::HZ_16000,
            Self::Opus(_) => OPUS_RATE,
            Self::Pcma | Self::Pcmu => SampleRate::HZ_8000,
        }
    }

    /// How long a payload lasts, in ticks of the RTP clock; 0 when it is none of this codec. G.711 and
    /// G.722: one byte, one tick (RFC 3551 4.5.2: the clock of G.722 ticks at 8 kHz by an old mistake).
    pub(crate) fn ticks(&self, payload: &[u8]) -> u32 {
        match self {
            // RFC 7587 4.2: the clock ticks at 48 kHz whatever the sound does.
            Self::Opus(_) => opus::packet::get_nb_samples(payload, Codec::Opus.rtp_clock_hz())
                .ok()
                .and_then(|ticks| u32::try_from(ticks).ok())
                .unwrap_or(0),
            Self::G722(_) | Self::Pcma | Self::Pcmu => payload.len() as u32,
        }
    }

    /// Decodes into the beginning of `out` and returns the number of samples; what does not fit is left out, and what is
    /// broken becomes nothing.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        match self {
            Self::G722(decoder) => decoder.decode_into(payload, out).unwrap_or(0),
            Self::Opus(decoder) => decoder.decode(payload, out, false).unwrap_or(0),
            Self::Pcma => g711::map(payload, out, g711::linear_from_a_law),
            Self::Pcmu => g711::map(payload, out, g711::linear_from_mu_law),
        }
    }

    /// Whether this codec continues its own sound over a hole; else the [`crate::Concealer`] does.
    pub(crate) const fn conceals(&self) -> bool {
        match self {
            Self::Opus(_) => true,
            Self::G722(_) | Self::Pcma | Self::Pcmu => false,
        }
    }

    /// Fills `out` with what is missing: from the copy in `next`, the packet right after the hole, if it carries one
    /// (RFC 6716 2.1.7), else by going on from what was heard. `room` is memory to work in. Only for a codec that
    /// [`Decoder::conceals`].
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, out: &mut [i16], room: &mut [i16]) {
        let Self::Opus(decoder) = self else { return };
        for piece in out.chunks_mut(OPUS_SAMPLES_MAX) {
            // The decoder counts in steps of 2.5 ms.
            let length = piece.len().next_multiple_of(OPUS_STEP).min(room.len());
            let made = match next {
                Some(next) => decoder.decode(next, &mut room[..length], true),
                None => decoder.decode(&[], &mut room[..length], false),
            };
            let made = made.unwrap_or(0).min(piece.len());
            piece[..made].copy_from_slice(&room[..made]);
            piece[made..].fill(0);
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

/// The rate at which Opus is decoded and encoded: that of the house.
const OPUS_RATE: SampleRate = SampleRate::HZ_16000;
/// The longest Opus packet, 120 ms (RFC 6716 2.1.4), in samples.
pub(crate) const OPUS_SAMPLES_MAX: usize = 16 * 120;
/// 2.5 ms in samples.
const OPUS_STEP: usize = 40;
/// Speech in the full band of the house sounds no better with more; in bits a second.
const OPUS_BITRATE: i32 = 28_000;
/// Effort, 0 to 10: above 5 speech gains nothing that can be heard.
const OPUS_COMPLEXITY: i32 = 5;
/// Frames of silence that are sent before nothing is.
const SILENCE_AFTER: u32 = 10;
/// In silence one frame of so many is sent: every 400 ms.
const SILENCE_SIGN: u32 = 20;
/// The loss we prepare for, in percent: from here on each packet carries a small copy of the one before.
const OPUS_LOSS_PERCENT: i32 = 10;

/// An encoder for speech on a line that loses packets (FEC). What is to be left out as silence (DTX) is decided in
/// [`Encoder::encode`]: the encoder itself would take steady music on hold for the noise of a room.
fn opus_encoder() -> Result<opus::Encoder, opus::Error> {
    let mut encoder = opus::Encoder::new(OPUS_RATE.hz(), Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(OPUS_BITRATE))?;
    encoder.set_complexity(OPUS_COMPLEXITY)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(OPUS_LOSS_PERCENT)?;
    Ok(encoder)
}

/// Samples to payload bytes.
pub(crate) enum Encoder {
    /// G.722.
    G722(Box<G722Encoder>),
    /// Opus, and for how many frames there has been nothing but silence.
    Opus(opus::Encoder, u32),
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
}

impl Encoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, CodecUnsupported> {
        match codec {
            Codec::G722 => Ok(Self::G722(Box::default())),
            Codec::Opus => {
                opus_encoder().map(|encoder| Self::Opus(encoder, 0)).map_err(|_out_of_memory| CodecUnsupported(codec))
            }
            Codec::Pcma => Ok(Self::Pcma),
            Codec::Pcmu => Ok(Self::Pcmu),
        }
    }

    /// The rate the samples must have.
    pub(crate) const fn rate(&self) -> SampleRate {
        match self {
            Self::G722(_) => SampleRate::HZ_16000,
            Self::Opus(..) => OPUS_RATE,
            Self::Pcma | Self::Pcmu => SampleRate::HZ_8000,
        }
    }

    /// Encodes 20 ms into the beginning of `out` and returns the number of bytes; what does not fit is left out. 0 when
    /// nothing needs to be sent, because nobody speaks.
    pub(crate) fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        match self {
            Self::G722(encoder) => encoder.encode_into(samples, out).unwrap_or(0),
            Self::Opus(encoder, silent) => {
                let is_silent = samples.iter().all(|sample| *sample == 0);
                *silent = if is_silent { silent.saturating_add(1) } else { 0 };
                // RFC 7587 3.1.3: nothing needs to be sent but a sign of life now and then.
                if *silent > SILENCE_AFTER && *silent % SILENCE_SIGN != 0 {
                    return 0;
                }
                let room = out.len().min(PAYLOAD_MAX);
                encoder.encode(samples, &mut out[..room]).unwrap_or(0)
            }
            Self::Pcma => g711::map(samples, out, g711::a_law_from_linear),
            Self::Pcmu => g711::map(samples, out, g711::mu_law_from_linear),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| (8_000.0 * (n as f32 * 0.15).sin()) as i16).collect()
    }

    fn rms(samples: &[i16]) -> f32 {
        (samples.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_survives_each_table() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let tone = tone(0, 160);
            let mut bytes = [0; 160];
            let mut heard = [0; 160];
            assert_eq!(Encoder::new(codec).unwrap().encode(&tone, &mut bytes), 160);
            assert_eq!(Decoder::new(codec).unwrap().decode(&bytes, &mut heard), 160);
            let worst = tone.iter().zip(&heard).map(|(&a, &b)| (a - b).abs()).max().unwrap();
            assert!(worst <= 256, "{codec}: off by {worst}");
        }
    }

    /// A second of a tone as packets of 20 ms.
    fn opus_packets() -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        let pack = |n: usize| {
            let mut bytes = [0; PAYLOAD_MAX];
            let length = encoder.encode(&tone(n * 320, 320), &mut bytes);
            bytes[..length].to_vec()
        };
        (0..50).map(pack).collect()
    }

    #[test]
    fn opus_keeps_a_tone_and_its_time() {
        let mut decoder = Decoder::new(Codec::Opus).unwrap();
        let mut heard = [0; OPUS_SAMPLES_MAX];
        for (n, packet) in opus_packets().iter().enumerate() {
            assert_eq!(decoder.ticks(packet), 960, "20 ms at 48 kHz");
            assert_eq!(decoder.decode(packet, &mut heard), 320);
            if n > 10 {
                let loud = rms(&heard[..320]);
                assert!((4_000.0..8_000.0).contains(&loud), "packet {n}: {loud}");
            }
        }
        let whole: usize = opus_packets().iter().map(Vec::len).sum();
        assert!((1_000..5_000).contains(&whole), "{whole} bytes for a second");
    }

    #[test]
    fn opus_fills_a_hole_and_better_with_the_packet_behind_it() {
        let packets = opus_packets();
        let with = |next: Option<&[u8]>| {
            let mut decoder = Decoder::new(Codec::Opus).unwrap();
            let (mut room, mut hole) = ([0; OPUS_SAMPLES_MAX], [0; 320]);
            for packet in &packets[..30] {
                decoder.decode(packet, &mut room);
            }
            decoder.conceal(next, &mut hole, &mut room);
            decoder.decode(&packets[30], &mut room);
            let mut whole = [0; OPUS_SAMPLES_MAX];
            let mut other = Decoder::new(Codec::Opus).unwrap();
            packets[..31].iter().for_each(|packet| _ = other.decode(packet, &mut whole));
            let error: Vec<i16> = hole.iter().zip(&whole).map(|(&a, &b)| a.saturating_sub(b)).collect();
            (rms(&hole), rms(&error))
        };
        let (guessed, guess_error) = with(None);
        let (restored, restore_error) = with(Some(&packets[31]));
        assert!(guessed > 3_000.0 && restored > 3_000.0, "{guessed} {restored}");
        assert!(guess_error < 4_000.0 && restore_error < 4_000.0, "{guess_error} {restore_error}");
    }

    #[test]
    fn opus_is_quiet_in_silence() {
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        let mut bytes = [0; PAYLOAD_MAX];
        let sent = (0..100).filter(|_| encoder.encode(&[0; 320], &mut bytes) > 0).count();
        assert!(sent < 40, "{sent} packets in 2 s of silence");
    }

    #[test]
    fn broken_opus_becomes_nothing() {
        let mut decoder = Decoder::new(Codec::Opus).unwrap();
        let mut heard = [0; OPUS_SAMPLES_MAX];
        for broken in [&[][..], &[0xff], &[0x03, 0xff, 0x00], &[0xff; 639]] {
            let ticks = decoder.ticks(broken);
            assert!(ticks <= 5_760, "{ticks}");
            assert!(decoder.decode(broken, &mut heard) <= OPUS_SAMPLES_MAX);
        }
    }

    #[test]
    fn g722_keeps_a_tone_and_its_time() {
        let (mut encoder, mut decoder) = (Encoder::new(Codec::G722).unwrap(), Decoder::new(Codec::G722).unwrap());
        let (mut bytes, mut heard) = ([0; 200], [0; 400]);
        for n in 0..20 {
            let length = encoder.encode(&tone(n * 320, 320), &mut bytes);
            assert_eq!((length, decoder.ticks(&bytes[..length])), (160, 160), "20 ms");
            assert_eq!(decoder.decode(&bytes[..length], &mut heard), 320);
            let loud = rms(&heard[..320]);
            assert!(n < 2 || (5_000.0..6_300.0).contains(&loud), "frame {n}: {loud}");
        }
        for payload in [&[][..], &[0xff; 199], &[0x55; 7]] {
            assert_eq!(decoder.decode(payload, &mut heard), payload.len() * 2, "any byte is sound");
        }
        assert_eq!(decoder.decode(&[0; 300], &mut heard), 0, "what does not fit is refused whole");
    }
}
