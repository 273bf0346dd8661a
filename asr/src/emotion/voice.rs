//! Listens to one voice: keeps the last two seconds of speech and judges them every half second.

use std::collections::VecDeque;
use std::fmt;

use call::AudioFrame;

use super::baseline::Baseline;
use super::features::{FEATURES, WINDOW_HOPS, features};
use super::model::{EmotionModel, Scores};
use super::sketch::{HOPS_PER_S, Sketch, Sketcher};

/// Cuts speech into windows.
pub(super) struct Windows {
    sketcher: Sketcher,
    window: VecDeque<Sketch>,
    /// Sketches since the last window.
    fresh: usize,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self { sketcher: Sketcher::new(), window: VecDeque::with_capacity(WINDOW_HOPS), fresh: 0 }
    }

    /// Takes 20 ms of speech in; every half second gives the features of the last two.
    pub(super) fn push(&mut self, frame: &AudioFrame) -> Option<[f32; FEATURES]> {
        for sketch in self.sketcher.sketch(frame) {
            if self.window.len() == WINDOW_HOPS {
                self.window.pop_front();
            }
            self.window.push_back(sketch);
            self.fresh += 1;
        }
        if self.fresh < STEP_HOPS {
            return None;
        }
        self.fresh = 0;
        features(&self.window)
    }

    /// Lets a frame without speech pass.
    pub(super) fn skip(&mut self, frame: &AudioFrame) {
        self.sketcher.skip(frame);
    }

    /// The speech is over; gives what came since the last window, when it is worth judging.
    pub(super) fn end(&mut self) -> Option<[f32; FEATURES]> {
        let enough = self.fresh >= LEFT_HOPS_MIN;
        let last = if enough { features(&self.window) } else { None };
        self.window.clear();
        self.fresh = 0;
        last
    }
}

/// One caller's voice: windows, what is usual for them, and the mean over the utterance.
pub(super) struct Voice {
    model: EmotionModel,
    windows: Windows,
    baseline: Baseline,
    sum: Scores,
    count: f32,
}

impl Voice {
    pub(super) fn new(model: EmotionModel) -> Self {
        Self { model, windows: Windows::new(), baseline: Baseline::unknown(), sum: Scores::default(), count: 0.0 }
    }

    /// Takes 20 ms of speech in; every half second gives the scores of the last two.
    pub(super) fn speech(&mut self, frame: &AudioFrame) -> Option<Scores> {
        let features = self.windows.push(frame)?;
        Some(self.judge(&features))
    }

    pub(super) fn skip(&mut self, frame: &AudioFrame) {
        self.windows.skip(frame);
    }

    /// A stretch of speech is over: what was left of it.
    pub(super) fn pause(&mut self) -> Option<Scores> {
        let features = self.windows.end()?;
        Some(self.judge(&features))
    }

    /// The mean since the last call, which is the utterance; `None` when there was too little sound.
    pub(super) fn take(&mut self) -> Option<Scores> {
        let (sum, count) = (std::mem::take(&mut self.sum), std::mem::take(&mut self.count));
        (count > 0.0).then(|| Scores { arousal: sum.arousal / count, agitation: sum.agitation / count })
    }

    fn judge(&mut self, features: &[f32; FEATURES]) -> Scores {
        let standard = self.model.standard(features);
        let scores = self.model.scores(&standard, &self.baseline);
        // Beside the population, not the caller: else one who begins angry would soon be their own measure.
        let alone = self.model.sounds(self.model.scores(&standard, &Baseline::unknown()));
        self.baseline.learn(&standard, trust(alone.arousal));
        self.sum.arousal += scores.arousal;
        self.sum.agitation += scores.agitation;
        self.count += 1.0;
        scores
    }
}

/// How far a window is taken for the caller's usual voice, by how aroused it sounds.
pub(super) fn trust(arousal: f32) -> f32 {
    TRUST_MIN + (1.0 - TRUST_MIN) * (1.0 - arousal)
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").field("windows", &self.count).finish_non_exhaustive()
    }
}

/// Half a second.
const STEP_HOPS: usize = HOPS_PER_S / 2;
/// What is left at the end of an utterance is judged from 300 ms on.
const LEFT_HOPS_MIN: usize = 30;
/// Some people are simply loud and quick.
const TRUST_MIN: f32 = 0.15;
