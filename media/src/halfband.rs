//! Doubling and halving the rate of a stream: between the telephone's 8 kHz and the 16 kHz of the house.
//!
//! A half-band filter needs a multiplication for every second tap only, and its other half is the sound itself, late by
//! some samples. That makes it several times cheaper than a resampler for any two rates, and its delay is 1.4 ms. The
//! taps are a sinc under a Kaiser window: flat to 3.4 kHz, and some 55 dB down from 4.6 kHz.

/// Which way the rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factor {
    Double,
    Halve,
}

/// One stream on its way to double or half the rate.
#[derive(Clone, Debug)]
pub(crate) struct HalfBand {
    factor: Factor,
    /// The taps that are not zero and not in the middle, times the gain of the direction.
    taps: [f32; TAPS],
    /// The latest samples that went through the filter, oldest first.
    filtered: [f32; PAST],
    /// When halving: the latest samples that only pass, oldest first.
    passed: [f32; CENTRE],
    /// When halving: the first of a pair whose second has not come.
    pending: Option<i16>,
}

impl HalfBand {
    pub(crate) fn new(factor: Factor) -> Self {
        let gain = match factor {
            Factor::Double => 1.0,
            Factor::Halve => 0.5,
        };
        Self { factor, taps: taps().map(|tap| tap * gain), filtered: [0.0; PAST], passed: [0.0; CENTRE], pending: None }
    }

    /// Takes samples in and appends those that come out.
    pub(crate) fn process(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        match self.factor {
            Factor::Double => samples.chunks(BLOCK).for_each(|block| self.double(block, out)),
            Factor::Halve => self.halve_all(samples, out),
        }
    }

    /// Samples at the output rate by which the sound is late.
    pub(crate) const fn delay(&self) -> usize {
        match self.factor {
            Factor::Double => 2 * CENTRE + 1,
            Factor::Halve => CENTRE,
        }
    }

    /// Forgets the stream.
    pub(crate) const fn reset(&mut self) {
        (self.filtered, self.passed, self.pending) = ([0.0; PAST], [0.0; CENTRE], None);
    }

    fn double(&mut self, block: &[i16], out: &mut Vec<i16>) {
        let mut line = [0.0; PAST + BLOCK];
        line[..PAST].copy_from_slice(&self.filtered);
        for (slot, &sample) in line[PAST..].iter_mut().zip(block) {
            *slot = f32::from(sample);
        }
        let between = convolve(&self.taps, &line);
        let late = &line[PAST - CENTRE..];
        let start = out.len();
        out.resize(start + 2 * block.len(), 0);
        for (pair, (&a, &b)) in out[start..].chunks_exact_mut(2).zip(between.iter().zip(late)) {
            (pair[0], pair[1]) = (rounded(a), rounded(b));
        }
        self.filtered.copy_from_slice(&line[block.len()..block.len() + PAST]);
    }

    fn halve_all(&mut self, mut samples: &[i16], out: &mut Vec<i16>) {
        if let Some(first) = self.pending.take() {
            let Some((&second, rest)) = samples.split_first() else {
                self.pending = Some(first);
                return;
            };
            self.halve(&[first, second], out);
            samples = rest;
        }
        let (pairs, odd) = samples.split_at(samples.len() / 2 * 2);
        pairs.chunks(2 * BLOCK).for_each(|block| self.halve(block, out));
        self.pending = odd.first().copied();
    }

    fn halve(&mut self, pairs: &[i16], out: &mut Vec<i16>) {
        let (mut line, mut late) = ([0.0; PAST + BLOCK], [0.0; CENTRE + BLOCK]);
        line[..PAST].copy_from_slice(&self.filtered);
        late[..CENTRE].copy_from_slice(&self.passed);
        let count = pairs.len() / 2;
        for (n, pair) in pairs.chunks_exact(2).enumerate() {
            late[CENTRE + n] = f32::from(pair[0]);
            line[PAST + n] = f32::from(pair[1]);
        }
        let sums = convolve(&self.taps, &line);
        let start = out.len();
        out.resize(start + count, 0);
        for (sample, (&sum, &middle)) in out[start..].iter_mut().zip(sums.iter().zip(&late)) {
            *sample = rounded(sum + 0.5 * middle);
        }
        self.filtered.copy_from_slice(&line[count..count + PAST]);
        self.passed.copy_from_slice(&late[count..count + CENTRE]);
    }
}

/// The filter over one block. Sixteen sums grow side by side, which a compiler turns into a few wide registers.
fn convolve(taps: &[f32; TAPS], line: &[f32; PAST + BLOCK]) -> [f32; BLOCK] {
    let mut sums = [0.0; BLOCK];
    for (group, place) in sums.chunks_exact_mut(LANES).zip((0..).step_by(LANES)) {
        let mut lanes = [0.0; LANES];
        for (back, &tap) in taps.iter().enumerate() {
            let from = place + PAST - back;
            for (lane, &sample) in lanes.iter_mut().zip(&line[from..from + LANES]) {
                *lane += tap * sample;
            }
        }
        group.copy_from_slice(&lanes);
    }
    sums
}

/// The even taps of the filter; those of odd number are zero but for the one in the middle. They sum up to one, as the
/// middle does, so that both phases are equally loud.
fn taps() -> [f32; TAPS] {
    let middle = (TAPS as f64 * 2.0 - 2.0) / 2.0;
    let window = |x: f64| bessel(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt());
    let taps: [f64; TAPS] = std::array::from_fn(|n| {
        let at = 2.0 * n as f64 - middle;
        let angle = std::f64::consts::FRAC_PI_2 * at;
        angle.sin() / angle * window(at / (middle + 1.0))
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..BESSEL_TERMS {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

/// To the nearest whole sample, within 16 bits. Written so that no call to a maths library is needed.
pub(crate) fn rounded(sample: f32) -> i16 {
    (sample + 0.5_f32.copysign(sample)) as i16
}

/// Taps that cost a multiplication.
const TAPS: usize = 24;
/// Samples before the newest that the filter looks at.
const PAST: usize = TAPS - 1;
/// By how many samples of the lower rate the middle tap is late.
const CENTRE: usize = (PAST - 1) / 2;
/// Samples of the lower rate in one go: 20 ms of 8 kHz.
const BLOCK: usize = 160;
/// Sums that grow side by side.
const LANES: usize = 16;
/// Some 55 dB between 3.4 and 4.6 kHz of 16 kHz with these taps.
const KAISER_BETA: f64 = 5.2;
const BESSEL_TERMS: i32 = 24;

const _: () = assert!(BLOCK.is_multiple_of(LANES) && TAPS.is_multiple_of(2));
