//! Codecs: from payload bytes to samples and back, at the codec's own rate.
//!
//! One enum each way, so that a session holds its codec by value and a codec with state (G.722, Opus) is one more
//! variant.

use call::{Codec, SampleRate};
use thiserror::Error;

use crate::g711;

/// The codecs a session can carry, best first, for the offer and answer.
pub const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// A codec we can name but not carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no sound can be carried as {0}")]
pub struct CodecUnsupported(pub Codec);

/// Payload bytes to samples.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
}

impl Decoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, CodecUnsupported> {
        match codec {
            Codec::G722 | Codec::Opus => Err(CodecUnsupported(codec)),
            Codec::Pcma => Ok(Self::Pcma),
            Codec::Pcmu => Ok(Self::Pcmu),
        }
    }

    /// The rate of the samples.
    pub(crate) const fn rate(&self) -> SampleRate {
        match self {
            Self::Pcma | Self::Pcmu => SampleRate::HZ_8000,
        }
    }

    /// How long a payload lasts, in ticks of the RTP clock. G.711: one byte, one tick.
    pub(crate) fn ticks(&self, payload: &[u8]) -> u32 {
        match self {
            Self::Pcma | Self::Pcmu => payload.len() as u32,
        }
    }

    /// Decodes into the beginning of `out` and returns the number of samples; what does not fit is left out.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        match self {
            Self::Pcma => g711::map(payload, out, g711::linear_from_a_law),
            Self::Pcmu => g711::map(payload, out, g711::linear_from_mu_law),
        }
    }
}

/// Samples to payload bytes.
#[derive(Debug)]
pub(crate) enum Encoder {
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
}

impl Encoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, CodecUnsupported> {
        match codec {
            Codec::G722 | Codec::Opus => Err(CodecUnsupported(codec)),
            Codec::Pcma => Ok(Self::Pcma),
            Codec::Pcmu => Ok(Self::Pcmu),
        }
    }

    /// The rate the samples must have.
    pub(crate) const fn rate(&self) -> SampleRate {
        match self {
            Self::Pcma | Self::Pcmu => SampleRate::HZ_8000,
        }
    }

    /// Encodes into the beginning of `out` and returns the number of bytes; what does not fit is left out.
    pub(crate) fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        match self {
            Self::Pcma => g711::map(samples, out, g711::a_law_from_linear),
            Self::Pcmu => g711::map(samples, out, g711::mu_law_from_linear),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_survives_each_codec() {
        let tone: Vec<i16> = (0..160).map(|n| (8_000.0 * (n as f32 * 0.3).sin()) as i16).collect();
        for codec in CODECS {
            let mut bytes = [0; 160];
            let mut heard = [0; 160];
            assert_eq!(Encoder::new(codec).unwrap().encode(&tone, &mut bytes), 160);
            assert_eq!(Decoder::new(codec).unwrap().decode(&bytes, &mut heard), 160);
            let worst = tone.iter().zip(&heard).map(|(&a, &b)| (a - b).abs()).max().unwrap();
            assert!(worst <= 256, "{codec}: off by {worst}");
        }
    }

    #[test]
    fn codecs_to_come_are_refused_by_name() {
        assert_eq!(Decoder::new(Codec::Opus).unwrap_err(), CodecUnsupported(Codec::Opus));
        assert_eq!(Encoder::new(Codec::G722).unwrap_err(), CodecUnsupported(Codec::G722));
    }
}
