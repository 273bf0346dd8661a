//! A clause as sound, and how much of its text a listener has heard.

use std::sync::Arc;
use std::time::Duration;

use call::AudioFrame;
use tts::Speech;

/// A clause as sound, ready for the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// 20 ms each.
    pub frames: Arc<[AudioFrame]>,
    /// Where words end, in order.
    pub marks: Vec<FrameMark>,
}

/// Where a word ends, in the text and in the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMark {
    /// Byte offset just behind the word.
    pub end_byte: usize,
    /// Frames from the beginning until the word is out.
    pub end_frame: usize,
}

impl Rendered {
    /// How many bytes of `text` a listener has heard after `frames`. A word counts when all of it was sent.
    pub fn bytes_heard(&self, frames: usize, text: &str) -> usize {
        if frames >= self.frames.len() {
            return text.len();
        }
        let heard = self.marks.iter().take_while(|mark| mark.end_frame <= frames).last();
        heard.map_or(0, |mark| mark.end_byte.min(text.len()))
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        AudioFrame::DURATION * u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    /// Bytes of memory it takes, roughly.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.frames) + size_of_val(&*self.marks)
    }

    /// Sound for the wire, followed by so much silence.
    pub(super) fn new(speech: &Speech, pause: Duration) -> Option<Self> {
        let mut pcm = media::resample(&speech.pcm, AudioFrame::RATE).ok()?;
        let silence = pause.as_millis() as usize * (AudioFrame::RATE.hz() as usize / 1_000);
        pcm.samples.resize(pcm.samples.len() + silence, 0);
        let frames: Arc<[AudioFrame]> = pcm.frames()?.into();
        let per_frame = speech.pcm.rate.samples_per_frame();
        let to_frame = |mark: &tts::Mark| FrameMark {
            end_byte: mark.end_byte,
            end_frame: mark.end_sample.div_ceil(per_frame).min(frames.len()),
        };
        let marks = speech.marks.iter().map(to_frame).collect();
        Some(Self { frames, marks })
    }
}
