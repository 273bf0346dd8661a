//! Resampling at the doors of the house: fed with whatever number of samples comes.
//!
//! A stream between a rate and its double, as every telephone call is, goes through a half-band filter; any other
//! through rubato's FFT resampler. There a stream uses blocks of 10 ms, because half a block is delay that a caller hears; a whole clip uses blocks of 20 ms,
//! because there only quality counts and the delay is cut off.

use call::{Pcm, SampleRate};
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};
use thiserror::Error;

use crate::halfband::{Factor, HalfBand, rounded};

/// The lowest rate that is resampled, in hertz.
pub const RATE_HZ_MIN: u32 = 4_000;

/// The highest rate that is resampled, in hertz.
pub const RATE_HZ_MAX: u32 = 192_000;

/// Why sound cannot be resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResampleError {
    /// No sound of a telephone or a studio: the rate is below [`RATE_HZ_MIN`] or above [`RATE_HZ_MAX`].
    #[error("cannot resample from {from} to {to}: rates must lie between {RATE_HZ_MIN} and {RATE_HZ_MAX} Hz")]
    RateOutOfRange {
        /// The rate given.
        from: SampleRate,
        /// The rate wanted.
        to: SampleRate,
    },
}

/// Changes the rate of one mono stream. Allocates only in [`Resampler::new`].
pub struct Resampler {
    way: Way,
}

enum Way {
    Any(Box<Engine>),
    Half(Box<HalfBand>),
    /// Both rates are the same.
    Same,
}

struct Engine {
    fft: Fft<f32>,
    /// A block in the making, `filled` samples so far.
    block_in: Vec<f32>,
    filled: usize,
    block_out: Vec<f32>,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match &self.way {
            Way::Any(_) => "any",
            Way::Half(_) => "half-band",
            Way::Same => "same",
        };
        f.debug_struct("Resampler").field("way", &way).finish()
    }
}

impl Resampler {
    /// A resampler for a stream. Between a rate and its double it delays the sound by 1.4 ms of 16 kHz, and 20 ms in are
    /// always exactly 20 ms out; else by 5 ms, or by half a common block of the rates if that is longer.
    ///
    /// # Errors
    /// [`ResampleError`] when a rate is out of range.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, ResampleError> {
        let in_range = |rate: SampleRate| (RATE_HZ_MIN..=RATE_HZ_MAX).contains(&rate.hz());
        if in_range(from) && in_range(to) {
            if to.hz() == 2 * from.hz() {
                return Ok(Self { way: Way::Half(Box::new(HalfBand::new(Factor::Double))) });
            }
            if from.hz() == 2 * to.hz() {
                return Ok(Self { way: Way::Half(Box::new(HalfBand::new(Factor::Halve))) });
            }
        }
        Self::with_blocks(from, to, STREAM_BLOCKS_PER_S, WindowFunction::Blackman2)
    }

    fn with_blocks(
        from: SampleRate,
        to: SampleRate,
        per_s: u32,
        window: WindowFunction,
    ) -> Result<Self, ResampleError> {
        let error = ResampleError::RateOutOfRange { from, to };
        let range = RATE_HZ_MIN..=RATE_HZ_MAX;
        if !range.contains(&from.hz()) || !range.contains(&to.hz()) {
            return Err(error);
        }
        if from == to {
            return Ok(Self { way: Way::Same });
        }
        let (hz_in, hz_out) = (from.hz() as usize, to.hz() as usize);
        let block = (from.hz().min(to.hz()) / per_s * from.hz() / from.hz().min(to.hz())) as usize;
        let fft = Fft::new_custom(hz_in, hz_out, block, 1, 1, window, FixedSync::Both);
        let fft: Fft<f32> = fft.map_err(|_| error)?;
        let engine = Engine {
            block_in: vec![0.0; fft.input_frames_next()],
            filled: 0,
            block_out: vec![0.0; fft.output_frames_next()],
            fft,
        };
        Ok(Self { way: Way::Any(Box::new(engine)) })
    }

    /// Takes samples in and appends those that come out to `out`. Does not allocate when `out` has room.
    pub fn process(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        match &mut self.way {
            Way::Any(engine) => engine.process(samples, out),
            Way::Half(filter) => filter.process(samples, out),
            Way::Same => out.extend_from_slice(samples),
        }
    }

    /// Samples at the output rate by which the sound is delayed.
    pub fn delay(&self) -> usize {
        match &self.way {
            Way::Any(engine) => engine.fft.output_delay(),
            Way::Half(filter) => filter.delay(),
            Way::Same => 0,
        }
    }

    /// Forgets the stream, so that the next one does not begin with the end of the last.
    pub fn reset(&mut self) {
        match &mut self.way {
            Way::Any(engine) => {
                engine.fft.reset();
                engine.filled = 0;
            }
            Way::Half(filter) => filter.reset(),
            Way::Same => {}
        }
    }
}

impl Engine {
    fn process(&mut self, mut samples: &[i16], out: &mut Vec<i16>) {
        while !samples.is_empty() {
            let room = self.block_in.len() - self.filled;
            let (now, later) = samples.split_at(room.min(samples.len()));
            for (slot, &sample) in self.block_in[self.filled..].iter_mut().zip(now) {
                *slot = f32::from(sample);
            }
            self.filled += now.len();
            samples = later;
            if self.filled == self.block_in.len() {
                self.filled = 0;
                self.turn_block();
                out.extend(self.block_out.iter().map(|&sample| rounded(sample)));
            }
        }
    }

    #[expect(clippy::expect_used, reason = "both blocks were made of the length the engine asked for")]
    fn turn_block(&mut self) {
        let (frames_in, frames_out) = (self.block_in.len(), self.block_out.len());
        let input = SequentialSlice::new(&self.block_in, 1, frames_in).expect("one channel of that length");
        let mut output = SequentialSlice::new_mut(&mut self.block_out, 1, frames_out).expect("one channel");
        self.fft.process_into_buffer(&input, &mut output, None).expect("blocks have the length of the engine");
    }
}

/// Changes the rate of a whole clip. Its length stays the same to the sample, and so does its place in time.
///
/// # Errors
/// [`ResampleError`] when a rate is out of range.
pub fn resample(clip: &Pcm, to: SampleRate) -> Result<Pcm, ResampleError> {
    if clip.rate == to {
        return Ok(clip.clone());
    }
    let mut resampler = Resampler::with_blocks(clip.rate, to, CLIP_BLOCKS_PER_S, WindowFunction::BlackmanHarris2)?;
    let length = (clip.samples.len() as u64 * u64::from(to.hz())).div_ceil(u64::from(clip.rate.hz())) as usize;
    let delay = resampler.delay();
    let mut samples = Vec::with_capacity(length + delay + to.samples_per_frame());
    resampler.process(&clip.samples, &mut samples);
    let silence = vec![0; clip.rate.samples_per_frame()];
    while samples.len() < length + delay {
        resampler.process(&silence, &mut samples);
    }
    samples.drain(..delay);
    samples.truncate(length);
    Ok(Pcm { rate: to, samples })
}

const STREAM_BLOCKS_PER_S: u32 = 100;
const CLIP_BLOCKS_PER_S: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: SampleRate, hz: f32, count: usize) -> Pcm {
        let step = std::f32::consts::TAU * hz / rate.hz() as f32;
        Pcm { rate, samples: (0..count).map(|n| (10_000.0 * (n as f32 * step).sin()) as i16).collect() }
    }

    /// The worst difference, leaving out 20 ms at both ends where a tone that begins at once has no fair copy.
    fn worst(a: &[i16], b: &[i16], rate: SampleRate) -> i32 {
        let edge = rate.samples_per_frame();
        let middle = edge..a.len() - edge;
        a[middle.clone()].iter().zip(&b[middle]).map(|(&a, &b)| (i32::from(a) - i32::from(b)).abs()).max().unwrap()
    }

    #[test]
    fn a_clip_keeps_its_length_and_its_place() {
        for (from, to) in [(8_000, 16_000), (16_000, 8_000), (24_000, 16_000), (44_100, 16_000), (16_000, 48_000)] {
            let (from, to) = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
            let seconds = 1;
            let out = resample(&tone(from, 440.0, from.hz() as usize * seconds), to).unwrap();
            let expected = tone(to, 440.0, to.hz() as usize * seconds);
            assert_eq!(out.samples.len(), expected.samples.len(), "{from} to {to}");
            let off = worst(&out.samples, &expected.samples, to);
            assert!(off < 100, "{from} to {to}: off by {off}");
        }
    }

    #[test]
    fn a_short_and_an_empty_clip_are_clips_too() {
        let out = resample(&tone(SampleRate::HZ_24000, 440.0, 31), SampleRate::HZ_16000).unwrap();
        assert_eq!(out.samples.len(), 21);
        let none = Pcm { rate: SampleRate::HZ_8000, samples: vec![] };
        assert!(resample(&none, SampleRate::HZ_16000).unwrap().samples.is_empty());
    }

    #[test]
    fn a_stream_gives_a_frame_for_a_frame() {
        for (from, to) in [(SampleRate::HZ_8000, SampleRate::HZ_16000), (SampleRate::HZ_16000, SampleRate::HZ_8000)] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let input = tone(from, 1_000.0, from.hz() as usize);
            let mut out = Vec::new();
            for (n, frame) in input.samples.chunks(from.samples_per_frame()).enumerate() {
                resampler.process(frame, &mut out);
                assert_eq!(out.len(), (n + 1) * to.samples_per_frame());
            }
            let delay = resampler.delay();
            assert!(delay <= to.hz() as usize / 200, "at most 5 ms");
            let expected = tone(to, 1_000.0, to.hz() as usize - delay);
            assert!(worst(&out[delay..], &expected.samples, to) < 100);
        }
    }

    #[test]
    fn the_telephone_band_passes_and_aliases_do_not() {
        let loudness = |hz: f32| {
            let mut resampler = Resampler::new(SampleRate::HZ_16000, SampleRate::HZ_8000).unwrap();
            let mut out = Vec::new();
            resampler.process(&tone(SampleRate::HZ_16000, hz, 16_000).samples, &mut out);
            let energy: f64 = out[400..].iter().map(|&s| f64::from(s).powi(2)).sum();
            20.0 * ((energy / (out.len() - 400) as f64).sqrt() / 7_071.0).log10()
        };
        for hz in [100.0, 300.0, 1_000.0, 2_000.0, 3_000.0, 3_300.0] {
            assert!(loudness(hz).abs() < 1.0, "{hz} Hz: {:.1} dB", loudness(hz));
        }
        assert!(loudness(3_400.0) > -3.0, "3400 Hz: {:.1} dB", loudness(3_400.0));
        for hz in [4_600.0, 6_000.0, 7_500.0] {
            assert!(loudness(hz) < -40.0, "{hz} Hz: {:.1} dB", loudness(hz));
        }
    }

    #[test]
    fn rates_of_no_sound_are_refused() {
        let odd = SampleRate::new(1).unwrap();
        let error = Resampler::new(odd, SampleRate::HZ_16000).unwrap_err();
        assert_eq!(error, ResampleError::RateOutOfRange { from: odd, to: SampleRate::HZ_16000 });
    }
}
