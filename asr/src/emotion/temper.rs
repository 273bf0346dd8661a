//! How one caller feels, utterance by utterance: sound and words weighed together, without fluttering.
//!
//! The sound of the voice is judged every half second of speech; the words come when the utterance is over and close
//! it. What was said keeps counting for a while, because nobody is furious in one sentence and content in the next. The
//! mood changes only when another one is clearly likelier. A second of speech costs about 0.7 ms.

use std::collections::VecDeque;
use std::time::Duration;

use call::{AudioFrame, Emotion, Language, Moment, Mood};

use super::evidence::Evidence;
use super::model::{EmotionModel, Scores, Sounds};
use super::voice::Voice;
use super::words::{Repeats, weigh};

/// The machine. One for each caller, for the whole call: it learns what their usual voice is.
#[derive(Debug)]
pub struct Temper {
    model: EmotionModel,
    voice: Voice,
    /// When speech was last heard.
    speech_at: Option<Moment>,
    /// The mean of the last utterances' scores, the newer the heavier.
    sound: Option<Scores>,
    words: Evidence,
    words_at: Moment,
    repeats: Repeats,
    mood: Mood,
    outputs: VecDeque<Emotion>,
}

impl Temper {
    /// A caller of whom nothing is known.
    pub fn new(model: &EmotionModel) -> Self {
        Self {
            model: model.clone(),
            voice: Voice::new(model.clone()),
            speech_at: None,
            sound: None,
            words: Evidence::default(),
            words_at: Moment::START,
            repeats: Repeats::default(),
            mood: Mood::Calm,
            outputs: VecDeque::new(),
        }
    }

    /// Hears 20 ms; `speech` is how likely somebody speaks in it, 0.0 to 1.0. Speech costs 12 microseconds, each 25th
    /// frame 91, where a window is judged; silence costs 3.
    pub fn handle_frame(&mut self, frame: &AudioFrame, speech: f32, now: Moment) {
        if speech >= SPEECH_MIN {
            self.speech_at = Some(now);
            self.voice.speech(frame);
            return;
        }
        // Pauses between words belong to the speech; longer ones end it.
        match self.speech_at {
            Some(at) if now - at < PAUSE_MAX => {
                self.voice.speech(frame);
            }
            Some(_) => {
                self.speech_at = None;
                self.voice.pause();
                self.voice.skip(frame);
            }
            None => self.voice.skip(frame),
        }
    }

    /// The utterance is over and this is what was said; its emotion is the next output.
    pub fn handle_words(&mut self, text: &str, language: Language, now: Moment) {
        self.voice.pause();
        self.speech_at = None;
        if let Some(heard) = self.voice.take() {
            let blend = |before: f32, new: f32| before + SOUND_SHARE * (new - before);
            self.sound = Some(self.sound.map_or(heard, |sound| Scores {
                arousal: blend(sound.arousal, heard.arousal),
                agitation: blend(sound.agitation, heard.agitation),
            }));
        }
        let faded = 0.5_f32.powf((now - self.words_at).as_secs_f32() / WORDS_HALF_LIFE.as_secs_f32());
        self.words_at = now;
        let mut new = weigh(text, language);
        if self.repeats.is_again(text, language) {
            new.add(Mood::Impatient, REPEAT_WEIGHT);
        }
        self.words = self.words.times(faded.min(WORDS_KEPT)).plus(new).capped(WORDS_MAX);
        if self.outputs.len() < OUTPUTS_MAX {
            let emotion = self.settle();
            self.outputs.push_back(emotion);
        }
    }

    /// The emotion of each utterance, in order; `None` when all were taken.
    pub fn poll_output(&mut self) -> Option<Emotion> {
        self.outputs.pop_front()
    }

    /// How the voice sounded over the last utterances; `None` before the first.
    pub fn sounds(&self) -> Option<Sounds> {
        self.sound.map(|scores| self.model.sounds(scores))
    }

    /// Weighs everything; the mood of before is kept unless another is clearly likelier.
    fn settle(&mut self) -> Emotion {
        let sound = self.sounds().map_or(Evidence::default(), Evidence::of_sound);
        let moods = self.words.plus(sound).moods();
        let likeliest = moods.likeliest();
        if moods.of(likeliest) > moods.of(self.mood) + MARGIN {
            self.mood = likeliest;
        }
        Emotion::new(self.mood, moods)
    }
}

/// Frames from here on are speech.
const SPEECH_MIN: f32 = 0.5;
/// Longer pauses end a stretch of speech.
const PAUSE_MAX: Duration = Duration::from_millis(240);
/// How much of the voice's mean the newest utterance is.
const SOUND_SHARE: f32 = 0.65;
/// After this time words count half.
const WORDS_HALF_LIFE: Duration = Duration::from_secs(20);
/// They count at most this much at the next utterance, however soon it comes.
const WORDS_KEPT: f32 = 0.6;
/// All words together shift the odds of a mood at most by e to this.
const WORDS_MAX: f32 = 6.0;
/// What saying the same again weighs.
const REPEAT_WEIGHT: f32 = 2.0;
/// Another mood must be likelier by this much.
const MARGIN: f32 = 0.1;
/// Utterances not yet taken.
const OUTPUTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feel(said: &[(u64, &str)], language: Language) -> Vec<Mood> {
        let mut temper = Temper::new(&EmotionModel::shipped());
        let mut moods = Vec::new();
        for (second, text) in said {
            temper.handle_words(text, language, Moment::from_millis(second * 1_000));
            moods.push(temper.poll_output().unwrap().mood);
        }
        moods
    }

    #[test]
    fn words_alone_move_the_mood_and_it_fades() {
        let said = [
            (0, "Where is my order?"),
            (10, "This is ridiculous, I want to make a complaint."),
            (18, "It is two zero four one."),
            (60, "Yes that is right."),
            (90, "Wonderful, thank you so much."),
        ];
        assert_eq!(feel(&said, Language::En), [Mood::Calm, Mood::Angry, Mood::Angry, Mood::Calm, Mood::Pleased]);
    }

    #[test]
    fn a_repeated_sentence_and_the_wish_for_a_person_are_impatience() {
        let said = [(0, "我的包裹到底什么时候到"), (9, "我的包裹什么时候到啊"), (15, "转人工，转人工客服")];
        let moods = feel(&said, Language::Zh);
        assert_eq!(moods[0], Mood::Calm);
        assert_eq!(moods[2], Mood::Impatient);
    }

    #[test]
    fn a_polite_word_does_not_flutter() {
        let said = [(0, "I want my order."), (5, "Thanks."), (9, "Order 2041."), (14, "Thank you.")];
        let moods = feel(&said, Language::En);
        let changes = moods.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= 1, "{moods:?}");
    }

    #[test]
    fn the_machine_does_not_print_what_was_said() {
        let mut temper = Temper::new(&EmotionModel::shipped());
        temper.handle_words("My name is Rosalind Featherstone", Language::En, Moment::START);
        assert!(!format!("{temper:?}").to_lowercase().contains("rosalind"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn whatever_is_heard_and_said_the_probabilities_sum_to_one(
            frames in prop::collection::vec((any::<u64>(), 0.0_f32..1.0, any::<bool>()), 1..200),
            texts in prop::collection::vec("\\PC{0,40}|thank you|投诉|fuck", 1..5),
        ) {
            let mut temper = Temper::new(&EmotionModel::shipped());
            let mut now = Moment::START;
            for (text, part) in texts.iter().zip(frames.chunks(40)) {
                for (seed, speech, loud) in part {
                    let level = if *loud { 1 } else { 64 };
                    let frame = AudioFrame(std::array::from_fn(|n| {
                        (seed.wrapping_mul(n as u64 * 2 + 1).rotate_left(17) as i16) / level
                    }));
                    now += AudioFrame::DURATION;
                    temper.handle_frame(&frame, *speech, now);
                }
                for language in [Language::En, Language::Zh] {
                    temper.handle_words(text, language, now);
                    let emotion = temper.poll_output().unwrap();
                    let moods = emotion.moods;
                    let sum = moods.angry + moods.calm + moods.impatient + moods.pleased + moods.sad;
                    prop_assert!((sum - 1.0).abs() < 1e-4, "{emotion:?}");
                    prop_assert!(emotion.probability == moods.of(emotion.mood));
                    prop_assert!([moods.angry, moods.calm, moods.impatient, moods.pleased, moods.sad].iter().all(|p| *p >= 0.0));
                }
                prop_assert!(temper.poll_output().is_none());
            }
        }
    }
}
