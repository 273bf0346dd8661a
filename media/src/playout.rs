//! Playout: clips to the caller, one frame per 20 ms, and the truth about what was really played.
//!
//! Counts are exact because they are taken where frames leave. Clips hold their frames in an `Arc` which is handed back
//! when the clip is done, so that memory is never freed on the thread that keeps the beat.

use std::collections::VecDeque;
use std::sync::Arc;

use call::AudioFrame;
use thiserror::Error;

/// Clips that may be in the house at once: queued, playing, or retired and not yet polled.
pub const CLIPS_MAX: usize = 64;

/// A piece of speech or music, such as one clause of a sentence.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The number under which it is reported.
    pub id: u64,
    /// Its sound.
    pub frames: Arc<[AudioFrame]>,
}

/// What has become of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its last frame was played.
    Finished {
        /// Which clip.
        clip: u64,
    },
    /// Its first frame was played.
    Started {
        /// Which clip.
        clip: u64,
    },
    /// It was cut short, or never begun.
    Stopped {
        /// Which clip.
        clip: u64,
        /// Frames of it that were played whole; the one that faded is not among them.
        frames_played: usize,
    },
}

/// The queue takes no more; the clip comes back.
#[derive(Debug, Error)]
#[error("{CLIPS_MAX} clips are queued or not yet polled")]
pub struct PlayoutFull(pub Clip);

/// Plays clips one after the other.
#[derive(Debug)]
pub struct Playout {
    queue: VecDeque<Clip>,
    /// The first clip's next frame.
    position: usize,
    /// Frames of the first clip that were played; more than `position` after it went back.
    furthest: usize,
    /// Clips at the head of the queue that end with the next frame, which fades.
    stopping: usize,
    gain: Gain,
    progress: VecDeque<Progress>,
    retired: VecDeque<Arc<[AudioFrame]>>,
}

impl Playout {
    /// An empty queue at full loudness.
    pub fn new() -> Self {
        Self {
            queue: VecDeque::with_capacity(CLIPS_MAX),
            position: 0,
            furthest: 0,
            stopping: 0,
            gain: Gain { now: 1.0, target: 1.0 },
            progress: VecDeque::with_capacity(PROGRESS_MAX),
            retired: VecDeque::with_capacity(CLIPS_MAX),
        }
    }

    /// Plays a clip after those that wait.
    ///
    /// # Errors
    /// [`PlayoutFull`] with the clip, when too many wait or what is done was not polled.
    pub fn push(&mut self, clip: Clip) -> Result<(), PlayoutFull> {
        // Each clip in the queue leaves an Arc and at most two reports behind; room for them is kept free from here on.
        let clips = self.queue.len() + self.retired.len();
        let reports = self.progress.len() + REPORTS_PER_CLIP * (self.queue.len() + 1);
        if clips >= CLIPS_MAX || reports > PROGRESS_MAX {
            return Err(PlayoutFull(clip));
        }
        self.queue.push_back(clip);
        Ok(())
    }

    /// The next 20 ms, or `None` when there is nothing to play.
    pub fn frame(&mut self) -> Option<AudioFrame> {
        let mut frame = AudioFrame::SILENCE;
        self.frame_into(&mut frame).then_some(frame)
    }

    /// As [`Playout::frame`], without moving the sound about: false where that gives `None`, and then nothing is written.
    pub fn frame_into(&mut self, frame: &mut AudioFrame) -> bool {
        if self.stopping > 0 {
            let fading = self.queue.front().and_then(|clip| clip.frames.get(self.position));
            let is_fading = fading.map(|sound| frame.clone_from(sound)).is_some();
            self.retire_stopped();
            if is_fading {
                fade(frame);
                self.gain.apply(frame);
            }
            return is_fading;
        }
        let is_playing = self.take_frame(frame);
        if is_playing {
            self.gain.apply(frame);
        } else {
            self.gain.settle();
        }
        is_playing
    }

    /// Ends all that plays or waits. What plays fades out within 10 ms of the next frame and is reported after it.
    pub fn stop(&mut self) {
        self.stopping = self.queue.len();
        self.restore();
        if self.furthest == 0 {
            // Nothing of the first was heard, so there is nothing to fade.
            self.retire_stopped();
        }
    }

    /// Ends all at once, for a leg that is gone: no further frame is played, and all is reported now.
    pub fn cut(&mut self) {
        self.stopping = self.queue.len();
        self.retire_stopped();
    }

    /// Makes room for somebody who may be speaking: plays on, softer by `gain_db`. The change takes 40 ms.
    pub fn duck(&mut self, gain_db: f32) {
        let gain_db = if gain_db.is_nan() { 0.0 } else { gain_db.clamp(-96.0, 0.0) };
        self.gain.target = 10.0_f32.powf(gain_db / 20.0);
    }

    /// Goes on as loud as before, within 40 ms.
    pub const fn restore(&mut self) {
        self.gain.target = 1.0;
    }

    /// As [`Playout::restore`], but says the present clip again from its beginning: what was talked over was not heard.
    /// The clip is reported as it would have been, with the most of its frames that were ever played.
    pub const fn resume(&mut self) {
        self.position = 0;
        self.restore();
    }

    /// The next report.
    pub fn poll_progress(&mut self) -> Option<Progress> {
        self.progress.pop_front()
    }

    /// The clip that plays now and how many of its frames were played. `None` when the next frame begins a clip or
    /// nothing waits.
    pub fn played(&self) -> Option<(u64, usize)> {
        self.queue.front().filter(|_| self.position > 0).map(|clip| (clip.id, self.position))
    }

    /// The sound of a clip that is done, to be freed elsewhere.
    pub fn poll_retired(&mut self) -> Option<Arc<[AudioFrame]>> {
        self.retired.pop_front()
    }

    /// Whether nothing plays or waits.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Frames still to be played.
    pub fn frames_left(&self) -> usize {
        self.queue.iter().map(|clip| clip.frames.len()).sum::<usize>() - self.position
    }

    fn take_frame(&mut self, out: &mut AudioFrame) -> bool {
        // Clips without a frame are done as soon as their turn comes.
        for _ in 0..=CLIPS_MAX {
            let Some(clip) = self.queue.front() else { return false };
            let (id, frames) = (clip.id, clip.frames.len());
            if self.furthest == 0 {
                self.progress.push_back(Progress::Started { clip: id });
            }
            let is_there = clip.frames.get(self.position).map(|frame| out.clone_from(frame)).is_some();
            self.position += usize::from(is_there);
            self.furthest = self.furthest.max(self.position);
            if self.position == frames {
                self.progress.push_back(Progress::Finished { clip: id });
                self.retire_front();
            }
            if is_there {
                return true;
            }
        }
        false
    }

    fn retire_stopped(&mut self) {
        while self.stopping > 0 {
            let Some(clip) = self.queue.front() else { break };
            let report = Progress::Stopped { clip: clip.id, frames_played: self.furthest };
            self.progress.push_back(report);
            self.retire_front();
        }
    }

    fn retire_front(&mut self) {
        if let Some(clip) = self.queue.pop_front() {
            self.retired.push_back(clip.frames);
        }
        (self.position, self.furthest) = (0, 0);
        self.stopping = self.stopping.saturating_sub(1);
    }
}

impl Default for Playout {
    fn default() -> Self {
        Self::new()
    }
}

/// Loudness as a factor that moves in small steps, since a jump would click.
#[derive(Clone, Copy, Debug)]
struct Gain {
    now: f32,
    target: f32,
}

impl Gain {
    fn apply(&mut self, frame: &mut AudioFrame) {
        if self.now == 1.0 && self.target == 1.0 {
            return;
        }
        for sample in &mut frame.0 {
            self.now = if self.now < self.target {
                (self.now + GAIN_STEP).min(self.target)
            } else {
                (self.now - GAIN_STEP).max(self.target)
            };
            *sample = (f32::from(*sample) * self.now) as i16;
        }
    }

    /// In silence nobody hears a jump.
    const fn settle(&mut self) {
        self.now = self.target;
    }
}

/// Down to nothing within the first half, silent in the second.
fn fade(frame: &mut AudioFrame) {
    const HALF: usize = AudioFrame::SAMPLES / 2;
    for (n, sample) in frame.0.iter_mut().enumerate() {
        let gain = HALF.saturating_sub(n) as f32 / HALF as f32;
        *sample = (f32::from(*sample) * gain) as i16;
    }
}

/// From full to nothing in 40 ms.
const GAIN_STEP: f32 = 1.0 / (2 * AudioFrame::SAMPLES) as f32;
const REPORTS_PER_CLIP: usize = 2;
const PROGRESS_MAX: usize = REPORTS_PER_CLIP * CLIPS_MAX;

#[cfg(test)]
mod tests;
