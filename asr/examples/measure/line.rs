//! Lines that a caller may have.

use std::f32::consts::TAU;
use std::sync::Arc;

use crate::common;

/// A telephone line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// One packet of 20 ms in twenty is lost, two or three in a row.
    Lossy,
    /// White noise 8 dB below the voice.
    Loud,
    /// White noise 15 dB below the voice.
    Noisy,
    /// Nothing but G.711.
    Quiet,
}

impl Line {
    pub(crate) const ALL: [Self; 4] = [Self::Quiet, Self::Noisy, Self::Loud, Self::Lossy];

    /// The sound at the other end.
    pub(crate) fn carry(self, samples: &[i16]) -> Arc<[i16]> {
        let mut dice = Dice(samples.len() as u32 | 1);
        match self {
            Self::Lossy => {
                let mut sound = common::telephone(samples).to_vec();
                let mut burst = 0;
                for packet in sound.chunks_mut(320) {
                    if burst == 0 && dice.next() < 0.022 {
                        burst = if dice.next() < 0.5 { 2 } else { 3 };
                    }
                    if burst > 0 {
                        burst -= 1;
                        packet.fill(0);
                    }
                }
                sound.into()
            }
            Self::Loud => common::telephone(&noisy(samples, 8.0, &mut dice)),
            Self::Noisy => common::telephone(&noisy(samples, 15.0, &mut dice)),
            Self::Quiet => common::telephone(samples),
        }
    }
}

fn noisy(samples: &[i16], snr_db: f32, dice: &mut Dice) -> Vec<i16> {
    let power: f32 = samples.iter().map(|&sample| f32::from(sample).powi(2)).sum();
    let level = (power / samples.len().max(1) as f32).sqrt() / 10f32.powf(snr_db / 20.0);
    samples.iter().map(|&sample| (f32::from(sample) + level * dice.bell()) as i16).collect()
}

/// Equal seeds give equal numbers.
struct Dice(u32);

impl Dice {
    /// From 0.0 to 1.0.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / 16_777_216.0
    }

    /// Normally distributed, by Box and Muller.
    fn bell(&mut self) -> f32 {
        let radius = (-2.0 * self.next().max(1e-7).ln()).sqrt();
        radius * (TAU * self.next()).cos()
    }
}
