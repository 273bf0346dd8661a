//! The echo of a telephone: what comes out of the earpiece goes back into the microphone, later and softer.
//!
//! A phone on a table or a hybrid in an old exchange sends the bot its own voice. A house must not take it for a caller.

use std::collections::VecDeque;
use std::time::Duration;

use call::AudioFrame;

use crate::line::LossPattern;

/// How a phone's own line spoils what it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineEffects {
    /// What it hears goes back.
    pub echo: Option<Echo>,
    /// Packets that never arrive, and the seed of their pattern. What we hear is not touched.
    pub loss: Option<(LossPattern, u64)>,
}

/// How loud and how late an echo is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Echo {
    /// From hearing to sending, at most 2 s.
    pub delay: Duration,
    /// How much softer than it was heard, in decibels; 0.0 is as loud.
    pub attenuation_db: f64,
}

/// The way of the echo through one phone.
#[derive(Debug)]
pub(crate) struct EchoPath {
    waiting: VecDeque<i16>,
    factor: f64,
}

impl EchoPath {
    pub(crate) fn new(echo: Echo) -> Self {
        let delay = echo.delay.min(DELAY_MAX).as_micros() as usize;
        let samples = delay * AudioFrame::RATE.hz() as usize / 1_000_000;
        Self { waiting: vec![0; samples].into(), factor: 10_f64.powf(-echo.attenuation_db / 20.0) }
    }

    /// Takes what is heard now and mixes what comes back now into what is said.
    pub(crate) fn mix(&mut self, heard: &AudioFrame, said: &AudioFrame) -> AudioFrame {
        self.waiting.extend(heard.0);
        let mut sent = *said;
        for sample in &mut sent.0 {
            let echo = f64::from(self.waiting.pop_front().unwrap_or(0)) * self.factor;
            *sample = sample.saturating_add(echo.round() as i16);
        }
        sent
    }
}

/// No echo is later.
const DELAY_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_comes_back_later_softer_and_mixed_with_speech() {
        let mut path = EchoPath::new(Echo { delay: Duration::from_millis(50), attenuation_db: 20.0 });
        let heard = AudioFrame([10_000; AudioFrame::SAMPLES]);
        let said = AudioFrame([300; AudioFrame::SAMPLES]);
        let sent: Vec<i16> =
            (0..4).flat_map(|n| path.mix(if n == 0 { &heard } else { &AudioFrame::SILENCE }, &said).0).collect();
        // 50 ms are 800 samples; the echo lasts as long as the sound did.
        assert!(sent[..800].iter().all(|&sample| sample == 300));
        assert!(sent[800..1_120].iter().all(|&sample| sample == 1_300));
        assert!(sent[1_120..].iter().all(|&sample| sample == 300));
    }

    #[test]
    fn an_echo_that_is_too_loud_is_cut_off_and_not_wrapped() {
        let mut path = EchoPath::new(Echo { delay: Duration::ZERO, attenuation_db: -20.0 });
        let loud = AudioFrame([20_000; AudioFrame::SAMPLES]);
        assert!(path.mix(&loud, &loud).0.iter().all(|&sample| sample == i16::MAX));
    }
}
