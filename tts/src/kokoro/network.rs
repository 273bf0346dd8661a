//! Kokoro's network: tokens and a style in, sound and the length of each token out.

use std::sync::Arc;
use std::thread;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

/// Tokens that the network hears at once, the silence at both ends aside.
pub(super) const TOKENS_MAX: usize = 510;
/// Numbers that say how the voice sounds.
const STYLE: usize = 256;
/// The token of silence, before the first and after the last.
const SILENCE: i32 = 0;
/// Frames that a token takes at most; the network stops at fewer by itself.
const TOKEN_FRAMES_MAX: f32 = 1_000.0;
/// Threads that one voice computes on at most; more gain little on a sentence.
const THREADS_MAX: usize = 4;

/// The loaded network, the places of its inputs and outputs, and the styles of one voice.
pub(super) struct Network {
    model: Model,
    tokens: NodeId,
    style: NodeId,
    speed: NodeId,
    frames_max: NodeId,
    audio: NodeId,
    frames: NodeId,
    /// A row for each number of tokens, since the voice speaks long and short texts differently.
    styles: Vec<f32>,
    /// Threads of its own: on those that all networks share, voice activity, which is asked every 32 ms of every call,
    /// would wait behind a whole clause.
    threads: Arc<ThreadPool>,
}

/// What the network made of some tokens.
pub(super) struct Sound {
    /// 24 kHz, about -1.0 to 1.0.
    pub(super) samples: Vec<f32>,
    /// After the silence in front and after each token, in samples, how much has passed.
    pub(super) passed: Vec<usize>,
}

impl Network {
    /// `styles` are the bytes of the voice's file: rows of 256 `f32`, little-endian.
    pub(super) fn new(model: Model, styles: &[u8]) -> Result<Self, String> {
        let (numbers, rest) = styles.as_chunks::<4>();
        let styles: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if styles.len() != TOKENS_MAX * STYLE || !rest.is_empty() || !styles.iter().all(|number| number.is_finite()) {
            return Err(format!("the voice has {} numbers, not {TOKENS_MAX} rows of {STYLE}", styles.len()));
        }
        let node = |name: &str| model.find_node(name).ok_or_else(|| format!("the network has no {name}"));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        Ok(Self {
            tokens: node("tokens")?,
            style: node("style")?,
            speed: node("speed")?,
            frames_max: node("frames_max")?,
            audio: node("audio")?,
            frames: node("frames")?,
            styles,
            threads: Arc::new(ThreadPool::with_num_threads(threads)),
            model,
        })
    }

    /// Speaks at most [`TOKENS_MAX`] tokens, `rate` times as fast as the voice's own pace.
    pub(super) fn speak(&self, tokens: &[i32], rate: f32) -> Result<Sound, String> {
        let row = tokens.len().min(TOKENS_MAX - 1) * STYLE;
        let style = self.styles.get(row..row + STYLE).unwrap_or_default().to_vec();
        let framed: Vec<i32> =
            std::iter::once(SILENCE).chain(tokens.iter().copied().take(TOKENS_MAX)).chain([SILENCE]).collect();
        // The silence at both ends stays as long as the network wants it: cut short, it takes the first sounds with it.
        let frames_max = vec![TOKEN_FRAMES_MAX; framed.len()];
        let frames_max = NdTensor::from_data([1, framed.len()], frames_max);
        let framed = NdTensor::from_data([1, framed.len()], framed);
        let style = NdTensor::from_data([1, STYLE], style);
        let speed = NdTensor::from_data([1], vec![rate]);
        let inputs = vec![
            (self.tokens, ValueOrView::from(framed.as_dyn().view())),
            (self.style, ValueOrView::from(style.as_dyn().view())),
            (self.speed, ValueOrView::from(speed.as_dyn().view())),
            (self.frames_max, ValueOrView::from(frames_max.as_dyn().view())),
        ];
        let options = RunOptions::default().with_thread_pool(Some(self.threads.clone()));
        let [audio, frames] =
            self.model.run_n(inputs, [self.audio, self.frames], Some(options)).map_err(|error| error.to_string())?;
        let (samples, frames) = (floats(audio)?, floats(frames)?);
        if !samples.iter().all(|sample| sample.is_finite()) {
            return Err("the network gave no numbers".to_owned());
        }
        let passed = passed(&frames, samples.len());
        Ok(Sound { samples, passed })
    }
}

/// Running sums of frames, in samples of a sound that is `length` long. The network makes whole frames, so the last
/// sum is the whole sound.
fn passed(frames: &[f32], length: usize) -> Vec<usize> {
    let whole = frames.iter().sum::<f32>().max(1.0);
    let sums = frames.iter().scan(0.0, |sum, frames| {
        *sum += frames;
        Some(*sum)
    });
    sums.map(|sum| ((sum / whole * length as f32) as usize).min(length)).collect()
}

fn floats(value: Value) -> Result<Vec<f32>, String> {
    Ok(value.into_tensor::<f32>().ok_or("the network's output is not of numbers")?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_samples() {
        assert_eq!(passed(&[2.0, 1.0, 3.0, 4.0], 6_000), [1_200, 1_800, 3_600, 6_000]);
        assert_eq!(passed(&[0.0], 0), [0]);
        assert_eq!(passed(&[], 5), [0; 0]);
    }
}
