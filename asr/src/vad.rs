//! Voice activity: how likely it is that somebody speaks in this frame.
//!
//! Silero v6 (16 kHz path) in rten, behind an energy gate. The network takes windows of 512 samples (32 ms) preceded by
//! the last 64 of the window before; frames of 20 ms are cut anew here, so a verdict lags its frame by at most 32 ms.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use thiserror::Error;

use call::AudioFrame;

use crate::gate::{EnergyGate, Gate};

/// The voice detector cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VadError {
    /// The operator's: the model file is missing or is not one.
    #[error("cannot load the voice detector {path}: {reason}; run `make setup`")]
    Load {
        /// Where it was looked for.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The operator's: the file is a model, but not Silero v6.
    #[error("{path} is not a Silero v6 voice detector: {reason}; run `make setup`")]
    NotSilero {
        /// The file.
        path: PathBuf,
        /// What is missing or different.
        reason: String,
    },
}

/// The loaded network. Cheap to clone; all calls share one.
#[derive(Clone)]
pub struct VadModel {
    shared: Arc<Shared>,
}

struct Shared {
    model: Model,
    input: NodeId,
    state: NodeId,
    rate: NodeId,
    probability: NodeId,
    state_out: NodeId,
    /// One thread: a window is too little work to share, and waking a second thread costs more than it saves.
    pool: Arc<ThreadPool>,
}

impl VadModel {
    /// Loads `silero_vad.onnx` and runs it once, so that a wrong file is found now and not in a call.
    ///
    /// # Errors
    /// [`VadError`], naming the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, VadError> {
        let path = path.as_ref();
        let model = Model::load_file(path)
            .map_err(|error| VadError::Load { path: path.to_owned(), reason: error.to_string() })?;
        let not_silero = |reason: String| VadError::NotSilero { path: path.to_owned(), reason };
        let node = |name: &str| model.node_id(name).map_err(|_| not_silero(format!("no node named `{name}`")));
        let (input, state, rate) = (node("input")?, node("state")?, node("sr")?);
        let (probability, state_out) = (node("output")?, node("stateN")?);
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        let shared = Shared { model, input, state, rate, probability, state_out, pool };
        shared.run(&[0.0; INPUT_SAMPLES], &NdTensor::zeros(STATE_SHAPE)).map_err(not_silero)?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A detector for one direction of one call.
    pub fn stream(&self) -> Vad {
        Vad {
            model: self.clone(),
            gate: EnergyGate::new(),
            state: NdTensor::zeros(STATE_SHAPE),
            context: [0.0; CONTEXT_SAMPLES],
            pending: Vec::with_capacity(PENDING_SAMPLES_MAX),
            probability: 0.0,
        }
    }
}

impl fmt::Debug for VadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VadModel(silero v6, 16 kHz)")
    }
}

impl Shared {
    /// One window: `window` is context and samples in -1.0 to 1.0, the state is `[2, 1, 128]`.
    fn run(&self, window: &[f32; INPUT_SAMPLES], state: &NdTensor<f32, 3>) -> Result<(f32, NdTensor<f32, 3>), String> {
        let sound = NdTensor::from_data([1, INPUT_SAMPLES], window.to_vec());
        let rate = Tensor::from(AudioFrame::RATE.hz().cast_signed());
        let inputs: Vec<(NodeId, ValueOrView)> =
            vec![(self.input, sound.view().into()), (self.state, state.view().into()), (self.rate, rate.view().into())];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let [probability, state] = self
            .model
            .run_n(inputs, [self.probability, self.state_out], Some(options))
            .map_err(|error| error.to_string())?;
        let probability: NdTensor<f32, 2> =
            probability.try_into().map_err(|_| "the output is not a matrix of numbers".to_owned())?;
        let state: NdTensor<f32, 3> = state.try_into().map_err(|_| "the state has not three dimensions".to_owned())?;
        if state.shape() != STATE_SHAPE {
            return Err("the state changes its shape".to_owned());
        }
        let probability = probability.iter().next().copied().ok_or("the output is empty")?;
        Ok((probability.clamp(0.0, 1.0), state))
    }
}

/// Listens to one direction of one call.
pub struct Vad {
    model: VadModel,
    gate: EnergyGate,
    state: NdTensor<f32, 3>,
    context: [f32; CONTEXT_SAMPLES],
    /// Samples the network has not seen; less than a window while the gate is open.
    pending: Vec<i16>,
    probability: f32,
}

impl Vad {
    /// Takes the next frame and returns how likely it is, 0.0 to 1.0, that somebody speaks now.
    ///
    /// While nothing stands out of the line's noise the answer is 0.0 and the network rests; its memory starts afresh
    /// at the next sound, of which it also hears the 64 ms before.
    pub fn push(&mut self, frame: &AudioFrame) -> f32 {
        self.pending.extend_from_slice(&frame.0);
        match self.gate.admit(frame) {
            Gate::Open => self.run_windows(),
            Gate::Shut => self.rest(),
        }
        self.probability
    }

    /// The answer to the last frame.
    pub fn probability(&self) -> f32 {
        self.probability
    }

    fn run_windows(&mut self) {
        let mut used = 0;
        let mut highest: Option<f32> = None;
        for samples in self.pending.chunks_exact(WINDOW_SAMPLES) {
            let mut window = [0.0; INPUT_SAMPLES];
            window[..CONTEXT_SAMPLES].copy_from_slice(&self.context);
            for (place, sample) in window[CONTEXT_SAMPLES..].iter_mut().zip(samples) {
                *place = f32::from(*sample) / 32_768.0;
            }
            self.context.copy_from_slice(&window[WINDOW_SAMPLES..]);
            used += WINDOW_SAMPLES;
            // The network ran when it was loaded. Should it fail now, hearing too much is better than being deaf.
            let probability = match self.model.shared.run(&window, &self.state) {
                Ok((probability, state)) => {
                    self.state = state;
                    probability
                }
                Err(_) => 1.0,
            };
            highest = Some(highest.map_or(probability, |so_far| so_far.max(probability)));
        }
        self.pending.drain(..used);
        self.probability = highest.unwrap_or(self.probability);
    }

    fn rest(&mut self) {
        if self.probability > 0.0 {
            self.probability = 0.0;
            self.state = NdTensor::zeros(STATE_SHAPE);
            self.context = [0.0; CONTEXT_SAMPLES];
        }
        let too_many = self.pending.len().saturating_sub(PENDING_SAMPLES_MAX - AudioFrame::SAMPLES);
        self.pending.drain(..too_many);
    }
}

impl fmt::Debug for Vad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vad").field("gate", &self.gate).field("probability", &self.probability).finish_non_exhaustive()
    }
}

/// New samples in a window of the network.
const WINDOW_SAMPLES: usize = 512;
/// Samples of the window before that go in front.
const CONTEXT_SAMPLES: usize = 64;
/// What the network takes.
const INPUT_SAMPLES: usize = CONTEXT_SAMPLES + WINDOW_SAMPLES;
/// Its memory.
const STATE_SHAPE: [usize; 3] = [2, 1, 128];
/// Two windows and the frame that completes them.
const PENDING_SAMPLES_MAX: usize = 2 * WINDOW_SAMPLES + AudioFrame::SAMPLES;

const _: () = assert!(CONTEXT_SAMPLES < WINDOW_SAMPLES && AudioFrame::SAMPLES < WINDOW_SAMPLES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_is_named_with_the_way_out() {
        let error = VadModel::load("/nowhere/silero_vad.onnx").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nowhere/silero_vad.onnx") && text.contains("make setup"), "{text}");
    }
}
