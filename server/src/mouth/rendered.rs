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
        let lead = lead(&pcm.samples);
        pcm.samples.drain(..lead);
        let silence = pause.as_millis() as usize * (AudioFrame::RATE.hz() as usize / 1_000);
        pcm.samples.resize(pcm.samples.len() + silence, 0);
        let frames: Arc<[AudioFrame]> = pcm.frames()?.into();
        let per_frame = speech.pcm.rate.samples_per_frame();
        let lead = lead * per_frame / AudioFrame::RATE.samples_per_frame();
        let to_frame = |mark: &tts::Mark| FrameMark {
            end_byte: mark.end_byte,
            end_frame: mark.end_sample.saturating_sub(lead).div_ceil(per_frame).min(frames.len()),
        };
        let marks = speech.marks.iter().map(to_frame).collect();
        Some(Self { frames, marks })
    }
}

/// How many samples before the first sound nobody needs: a voice draws breath, and the caller waits.
fn lead(samples: &[i16]) -> usize {
    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    let first = samples.iter().position(|sample| sample.unsigned_abs() > loudest / LEAD_SOFTER).unwrap_or(0);
    first.saturating_sub(LEAD_KEPT).min(LEAD_MAX)
}

/// The first sound is at most so many times softer than the loudest: 40 dB.
const LEAD_SOFTER: u16 = 100;
/// What stays before it, for a soft beginning: 10 ms at 16 kHz.
const LEAD_KEPT: usize = 160;
/// A longer silence was put there on purpose: 80 ms.
const LEAD_MAX: usize = 1_280;

#[cfg(test)]
mod tests {
    use call::{Pcm, SampleRate};

    use super::*;

    #[test]
    fn the_breath_before_the_first_word_is_cut_and_the_words_stay_in_place() {
        let samples = [vec![20; 1_120], vec![9_000; 4_800]].concat();
        let speech = Speech {
            pcm: Pcm { rate: SampleRate::HZ_16000, samples },
            marks: vec![tts::Mark { end_byte: 5, end_sample: 1_120 + 1_600 }],
        };
        let rendered = Rendered::new(&speech, Duration::ZERO).unwrap();
        // 70 ms of breath, of which 10 stay; the word ends 100 ms after its beginning.
        assert_eq!(rendered.frames.len(), 16);
        assert_eq!(rendered.marks, [FrameMark { end_byte: 5, end_frame: 6 }]);
    }

    #[test]
    fn silence_that_was_asked_for_stays() {
        let check = |silent: usize, expected: usize| {
            assert_eq!(lead(&[vec![0; silent], vec![9_000; 800]].concat()), expected, "{silent}");
        };
        check(0, 0);
        check(100, 0);
        check(800, 640);
        check(16_000, LEAD_MAX);
        assert_eq!(lead(&[]), 0);
    }
}
