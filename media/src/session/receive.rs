//! The hearing half of a session: jitter buffer, decoder or concealment, resampler, 20 ms at a time.

use call::{AudioFrame, Codec, Moment};

use crate::codec::{Decoder, OPUS_SAMPLES_MAX};
use crate::conceal::Concealer;
use crate::jitter::{JitterBuffer, PAYLOAD_MAX, Popped};
use crate::resample::Resampler;
use crate::session::SessionError;

#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) jitter: JitterBuffer,
    decoder: Decoder,
    concealer: Concealer,
    resampler: Resampler,
    /// Samples at the codec's rate not yet played, oldest first.
    ready: Vec<i16>,
    /// One decoded payload.
    decoded: Box<[i16]>,
    /// Samples at the rate of the house.
    out: Vec<i16>,
    clock: Clock,
    level: Level,
    pub(super) concealed_ticks: u64,
}

impl Receiver {
    pub(super) fn new(codec: Codec) -> Result<Self, SessionError> {
        let decoder = Decoder::new(codec)?;
        let rate = decoder.rate();
        let longest = (PAYLOAD_MAX * DECODED_PER_BYTE_MAX).max(OPUS_SAMPLES_MAX);
        Ok(Self {
            jitter: JitterBuffer::new(codec.rtp_clock_hz()),
            concealer: Concealer::new(rate),
            resampler: Resampler::new(rate, AudioFrame::RATE)?,
            ready: Vec::with_capacity(longest + rate.samples_per_frame()),
            decoded: vec![0; longest].into(),
            out: Vec::with_capacity(AudioFrame::SAMPLES * 2),
            clock: Clock { tick_hz: codec.rtp_clock_hz(), sample_hz: rate.hz() },
            level: Level::default(),
            concealed_ticks: 0,
            decoder,
        })
    }

    /// How long a payload lasts, in ticks of the RTP clock.
    pub(super) fn ticks(&self, payload: &[u8]) -> u32 {
        self.decoder.ticks(payload)
    }

    /// Forgets the stream, for a new source.
    pub(super) fn reset(&mut self) {
        self.jitter.reset();
        self.ready.clear();
    }

    /// Writes the next 20 ms; false while nothing comes.
    pub(super) fn next_frame(&mut self, frame: &mut AudioFrame, now: Moment) -> bool {
        let wanted = self.decoder.rate().samples_per_frame();
        // Each turn adds at least a tick, or ends; a frame is never made of more packets than this.
        for _ in 0..PACKETS_PER_FRAME_MAX {
            if self.ready.len() >= wanted {
                break;
            }
            if !self.fetch(wanted, now) {
                if self.ready.is_empty() {
                    return false;
                }
                self.ready.resize(wanted, 0);
            }
        }
        self.ready.resize(self.ready.len().max(wanted), 0);
        self.out.clear();
        self.resampler.process(&self.ready[..wanted], &mut self.out);
        self.ready.drain(..wanted);
        let (sound, rest) = frame.0.split_at_mut(self.out.len().min(AudioFrame::SAMPLES));
        sound.copy_from_slice(&self.out[..sound.len()]);
        rest.fill(0);
        true
    }

    /// Makes some more samples ready. False when nothing is to be played.
    fn fetch(&mut self, wanted: usize, now: Moment) -> bool {
        let missing = wanted - self.ready.len();
        let ticks = self.clock.ticks(missing);
        let payload = match self.jitter.pop(ticks, now) {
            Popped::Dry => return self.conceal(missing),
            Popped::Lost { ticks } => return self.conceal(self.clock.samples(ticks)),
            Popped::Packet(payload) => payload,
            Popped::Silence { ticks } => {
                let length = self.ready.len() + self.clock.samples(ticks);
                self.ready.resize(length, 0);
                return true;
            }
            Popped::Waiting => return false,
        };
        let lasts = self.decoder.ticks(payload);
        let count = self.decoder.decode(payload, &mut self.decoded);
        let samples = &mut self.decoded[..count];
        if !self.decoder.conceals() {
            self.concealer.heard(samples);
        }
        if self.jitter.surplus() >= lasts && self.level.is_quiet(samples) {
            // More waits than the line needs; nobody misses a piece of a pause.
            self.jitter.discarded(lasts);
            return true;
        }
        self.ready.extend_from_slice(samples);
        true
    }

    fn conceal(&mut self, count: usize) -> bool {
        let start = self.ready.len();
        self.ready.resize(start + count, 0);
        let hole = &mut self.ready[start..];
        if self.decoder.conceals() {
            self.decoder.conceal(self.jitter.following(), hole, &mut self.decoded);
        } else {
            self.concealer.conceal(hole);
        }
        self.concealed_ticks += u64::from(self.clock.ticks(count));
        true
    }
}

/// Between ticks of the RTP clock and samples: G.722 and Opus have a clock of another rate than their sound.
#[derive(Clone, Copy, Debug)]
struct Clock {
    tick_hz: u32,
    sample_hz: u32,
}

impl Clock {
    /// At least so long as `samples`.
    fn ticks(self, samples: usize) -> u32 {
        (samples * self.tick_hz as usize).div_ceil(self.sample_hz as usize) as u32
    }

    /// At least one, so that a tick shorter than a sample still moves on.
    fn samples(self, ticks: u32) -> usize {
        (ticks as usize * self.sample_hz as usize / self.tick_hz as usize).max(1)
    }
}

/// How loud the speaker usually is, so that a pause can be told from speech on any line.
#[derive(Debug, Default)]
struct Level {
    peak: f32,
}

impl Level {
    fn is_quiet(&mut self, samples: &[i16]) -> bool {
        let energy: u64 = samples.iter().map(|&sample| u64::from(i32::from(sample).pow(2).unsigned_abs())).sum();
        let rms = (energy as f32 / samples.len().max(1) as f32).sqrt();
        self.peak = rms.max(self.peak * PEAK_DECAY);
        rms < QUIET_RMS.max(self.peak * QUIET_SHARE)
    }
}

/// 20 ms of 1 ms packets, and as many again dropped from a pause.
const PACKETS_PER_FRAME_MAX: usize = 40;
/// Samples a payload byte can become: one in G.711, two in G.722.
const DECODED_PER_BYTE_MAX: usize = 2;
/// Loudness below which anything is a pause: -47 dB of full scale.
const QUIET_RMS: f32 = 150.0;
/// A pause is so much softer than the speaker's loudest of late (-20 dB).
const QUIET_SHARE: f32 = 0.1;
/// Per packet: the loudest is half forgotten after some 7 s.
const PEAK_DECAY: f32 = 0.998;
