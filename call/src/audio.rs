//! Sound: one shape inside the house, and a tagged one at its doors.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Samples per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// 8 kHz: G.711 on the telephone.
    pub const HZ_8000: Self = Self::constant(8_000);
    /// 16 kHz: audio inside the house, and what the recogniser hears.
    pub const HZ_16000: Self = Self::constant(16_000);
    /// 24 kHz: what the voices speak.
    pub const HZ_24000: Self = Self::constant(24_000);
    /// 48 kHz: Opus and sound cards.
    pub const HZ_48000: Self = Self::constant(48_000);

    /// A rate, unless `hz` is zero.
    pub const fn new(hz: u32) -> Option<Self> {
        match NonZeroU32::new(hz) {
            Some(hz) => Some(Self(hz)),
            None => None,
        }
    }

    /// The rate in hertz.
    pub const fn hz(self) -> u32 {
        self.0.get()
    }

    /// Samples in 20 ms.
    pub const fn samples_per_frame(self) -> usize {
        self.hz() as usize / 50
    }

    const fn constant(hz: u32) -> Self {
        match NonZeroU32::new(hz) {
            Some(hz) => Self(hz),
            // Evaluated at compile time only, for the constants above.
            None => Self(NonZeroU32::MIN),
        }
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

/// How sound is packed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.722, 16 kHz sound whose RTP clock ticks at 8 kHz (RFC 3551 4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
    /// G.711 A-law, payload type 8 (RFC 3551).
    Pcma,
    /// G.711 mu-law, payload type 0 (RFC 3551).
    Pcmu,
}

impl Codec {
    /// The encoding name in `a=rtpmap` (RFC 3551, RFC 7587).
    pub const fn sdp_name(self) -> &'static str {
        match self {
            Self::G722 => "G722",
            Self::Opus => "opus",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// Ticks per second of the RTP timestamp.
    pub const fn rtp_clock_hz(self) -> u32 {
        match self {
            Self::G722 | Self::Pcma | Self::Pcmu => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// The rate of the sound itself.
    pub const fn sample_rate(self) -> SampleRate {
        match self {
            Self::G722 => SampleRate::HZ_16000,
            Self::Opus => SampleRate::HZ_48000,
            Self::Pcma | Self::Pcmu => SampleRate::HZ_8000,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sdp_name())
    }
}

/// A codec name we do not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown codec; known are PCMU, PCMA, G722 and opus")]
pub struct UnknownCodec;

impl FromStr for Codec {
    type Err = UnknownCodec;

    /// Encoding names are compared without case (RFC 4855 3).
    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        [Self::G722, Self::Opus, Self::Pcma, Self::Pcmu]
            .into_iter()
            .find(|codec| codec.sdp_name().eq_ignore_ascii_case(name))
            .ok_or(UnknownCodec)
    }
}

/// 20 ms of sound inside the house: mono, 16 kHz, 320 samples of 16 bits. Always.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AudioFrame(pub [i16; Self::SAMPLES]);

impl AudioFrame {
    /// Samples in a frame.
    pub const SAMPLES: usize = 320;
    /// The rate of every frame.
    pub const RATE: SampleRate = SampleRate::HZ_16000;
    /// The length of every frame.
    pub const DURATION: Duration = Duration::from_millis(20);
    /// A frame of nothing.
    pub const SILENCE: Self = Self([0; Self::SAMPLES]);

    /// Loudness as the root of the mean square of the samples, 0.0 (nothing) to 32768.0.
    pub fn rms(&self) -> f32 {
        // Whole numbers may be added in any order, so this is done many at a time; it runs on every beat of every leg.
        let energy: u64 = self.0.iter().map(|&sample| u64::from(i32::from(sample).pow(2).unsigned_abs())).sum();
        (energy as f64 / Self::SAMPLES as f64).sqrt() as f32
    }
}

impl Default for AudioFrame {
    fn default() -> Self {
        Self::SILENCE
    }
}

impl fmt::Debug for AudioFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioFrame(rms {:.0})", self.rms())
    }
}

/// Sound at a door of the house: mono, 16 bits, at any rate.
#[derive(Clone, PartialEq, Eq)]
pub struct Pcm {
    /// Samples per second.
    pub rate: SampleRate,
    /// The sound.
    pub samples: Vec<i16>,
}

impl Pcm {
    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate.hz()))
    }

    /// Cuts 16 kHz sound into frames; the last is filled up with silence. `None` at any other rate.
    pub fn frames(&self) -> Option<Vec<AudioFrame>> {
        if self.rate != AudioFrame::RATE {
            return None;
        }
        let cut = |chunk: &[i16]| {
            let mut frame = AudioFrame::SILENCE;
            frame.0[..chunk.len()].copy_from_slice(chunk);
            frame
        };
        Some(self.samples.chunks(AudioFrame::SAMPLES).map(cut).collect())
    }
}

impl fmt::Debug for Pcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcm({}, {:?})", self.rate, self.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_cut_into_frames_and_the_last_is_filled() {
        let pcm = Pcm { rate: SampleRate::HZ_16000, samples: vec![1000; 330] };
        let frames = pcm.frames().unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].rms(), 1000.0);
        assert_eq!(frames[1].0[9], 1000);
        assert_eq!(frames[1].0[10], 0);
        assert_eq!(Pcm { rate: SampleRate::HZ_8000, samples: vec![] }.frames(), None);
    }

    #[test]
    fn codec_names_are_read_without_case() {
        assert_eq!("pcmu".parse(), Ok(Codec::Pcmu));
        assert_eq!("OPUS".parse(), Ok(Codec::Opus));
        assert_eq!("GSM".parse::<Codec>(), Err(UnknownCodec));
        assert_eq!(Codec::G722.rtp_clock_hz(), 8_000, "RFC 3551 4.5.2");
    }
}
