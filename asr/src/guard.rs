//! Guards against words that nobody said.
//!
//! Whisper was trained on subtitles. Given music, hum or silence it writes what subtitles say there: thanks for
//! watching, or one phrase over and over. Each guard looks at one kind of evidence; the first that objects decides.

use std::time::Duration;

use call::Language;

use crate::recognizer::Verdict;

/// Why words were not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// A line that the model writes when nobody speaks.
    KnownHallucination,
    /// The model itself did not believe it.
    LowProbability,
    /// Nobody spoke: no words, or the model says that there was no speech.
    NoSpeech,
    /// One phrase again and again, or more words than a mouth can say in the time.
    Repetition,
    /// The sound was too short to hold a word.
    TooShort,
}

/// What is known about a decoded text.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The cleaned words.
    pub text: &'a str,
    /// Their language.
    pub language: Language,
    /// The model's probability that nobody spoke, 0.0 to 1.0.
    pub no_speech: f32,
    /// Mean natural logarithm of the probabilities of the words' tokens; 0.0 is certainty.
    pub mean_log_prob: f32,
    /// Length of the sound.
    pub audio: Duration,
    /// What the model was told to lean towards.
    pub prompt: Option<&'a str>,
}

/// Decides whether the words are to be believed.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    match objection(evidence) {
        Some(reason) => Verdict::Dropped(reason),
        None => Verdict::Kept,
    }
}

fn objection(evidence: &Evidence<'_>) -> Option<DropReason> {
    let words = bare(evidence.text);
    let unsure = evidence.no_speech > NO_SPEECH_DOUBT || evidence.mean_log_prob < LOG_PROB_DOUBT;
    if evidence.audio < AUDIO_MIN {
        Some(DropReason::TooShort)
    } else if words.is_empty() {
        Some(DropReason::NoSpeech)
    } else if is_never_said(&words) || (unsure && is_doubtful(&words)) || echoes_prompt(&words, evidence.prompt) {
        Some(DropReason::KnownHallucination)
    } else if is_repetition(&words, evidence.language) || is_too_fast(&words, evidence) {
        Some(DropReason::Repetition)
    } else if evidence.no_speech > NO_SPEECH_MAX && evidence.mean_log_prob < LOG_PROB_DOUBT {
        Some(DropReason::NoSpeech)
    } else if evidence.mean_log_prob < LOG_PROB_MIN {
        Some(DropReason::LowProbability)
    } else {
        None
    }
}

/// Small letters and digits with single spaces between words.
fn bare(text: &str) -> String {
    let spaced: String = text
        .chars()
        .filter(|&letter| letter != '\'' && letter != '’')
        .map(|letter| if letter.is_alphanumeric() { letter } else { ' ' })
        .collect();
    spaced.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_never_said(words: &str) -> bool {
    let solid = words.replace(' ', "");
    NEVER_SAID.iter().any(|line| words == *line || solid == *line)
        || NEVER_SAID_PARTS.iter().any(|part| words.contains(part) || solid.contains(part))
}

fn is_doubtful(words: &str) -> bool {
    DOUBTFUL.contains(&words)
}

/// The model repeats its prompt when it hears nothing. A caller who says a whole prompt sentence is far rarer.
fn echoes_prompt(words: &str, prompt: Option<&str>) -> bool {
    let Some(prompt) = prompt.map(bare) else { return false };
    let long_enough = words.chars().count() >= PROMPT_ECHO_CHARS_MIN;
    long_enough && prompt.contains(words) && 2 * words.len() >= prompt.len()
}

/// Finds a phrase of up to [`LOOP_UNITS_MAX`] words (characters in Mandarin) said too many times in a row.
///
/// Single words get more patience than phrases: "zero zero zero zero" and "no no no no no" are really said.
fn is_repetition(words: &str, language: Language) -> bool {
    let units: Vec<&str> = match language {
        Language::En => words.split(' ').collect(),
        Language::Zh => words.split("").filter(|unit| !unit.trim().is_empty()).collect(),
    };
    (1..=LOOP_UNITS_MAX).any(|len| longest_run(&units, len) >= if len == 1 { SINGLE_RUN_MAX } else { PHRASE_RUN_MAX })
}

/// How many times in a row a phrase of `len` units stands at its best place.
fn longest_run(units: &[&str], len: usize) -> usize {
    let mut longest = 0;
    let mut matching = 0;
    for (before, after) in units.iter().zip(units.iter().skip(len)) {
        matching = if before == after { matching + 1 } else { 0 };
        longest = longest.max(matching / len + 1);
    }
    longest
}

fn is_too_fast(words: &str, evidence: &Evidence<'_>) -> bool {
    let letters_per_second_max = match evidence.language {
        Language::En => LETTERS_PER_SECOND_MAX_EN,
        Language::Zh => LETTERS_PER_SECOND_MAX_ZH,
    };
    words.chars().count() as f32 > LETTERS_FREE + letters_per_second_max * evidence.audio.as_secs_f32()
}

/// No word is shorter, and the engine itself takes nothing shorter.
const AUDIO_MIN: Duration = Duration::from_millis(100);
/// Above this, and with doubtful words, nobody spoke.
const NO_SPEECH_MAX: f32 = 0.6;
/// Above this a doubtful line is not believed.
const NO_SPEECH_DOUBT: f32 = 0.3;
/// A mean token probability of 0.37, the limit the model's makers chose.
const LOG_PROB_MIN: f32 = -1.0;
/// A mean token probability of 0.50.
const LOG_PROB_DOUBT: f32 = -0.7;
/// The longest phrase looked for in a loop.
const LOOP_UNITS_MAX: usize = 12;
/// As often as this in a row no word is said.
const SINGLE_RUN_MAX: usize = 9;
/// As often as this in a row no phrase is said.
const PHRASE_RUN_MAX: usize = 5;
/// Fast English is 20 letters a second.
const LETTERS_PER_SECOND_MAX_EN: f32 = 32.0;
/// Fast Mandarin is 8 syllables a second.
const LETTERS_PER_SECOND_MAX_ZH: f32 = 13.0;
/// Digits and names may be written longer than they sound.
const LETTERS_FREE: f32 = 16.0;
/// Shorter words may well be both in the prompt and in the answer.
const PROMPT_ECHO_CHARS_MIN: usize = 12;

/// Whole texts that no caller says. Small letters, no punctuation.
const NEVER_SAID: [&str; 12] = [
    "thank you for watching",
    "thanks for watching",
    "thank you so much for watching",
    "please subscribe",
    "please subscribe to my channel",
    "subscribe to the channel",
    "ill see you in the next video",
    "see you next time on the next video",
    "谢谢观看",
    "谢谢收看",
    "感谢观看",
    "感谢收看",
];

/// Parts of texts that no caller says.
const NEVER_SAID_PARTS: [&str; 10] = [
    "thanks for watching",
    "thank you for watching",
    "subtitles by the amara",
    "like and subscribe",
    "请不吝点赞",
    "订阅转发",
    "amara.org",
    "amaraorg",
    "字幕志愿者",
    "字幕由",
];

/// Whole texts that callers say too; believed only when the evidence is good.
const DOUBTFUL: [&str; 16] = [
    "you",
    "thank you",
    "thank you very much",
    "thanks",
    "bye",
    "bye bye",
    "oh",
    "so",
    "the",
    "hmm",
    "um",
    "beep",
    "i dont know",
    "嗯",
    "哦",
    "谢谢",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> Evidence<'_> {
        Evidence {
            text,
            language: if text.is_ascii() { Language::En } else { Language::Zh },
            no_speech: 0.02,
            mean_log_prob: -0.2,
            audio: Duration::from_secs(4),
            prompt: None,
        }
    }

    fn check(evidence: &Evidence<'_>, expected: Option<DropReason>) {
        assert_eq!(objection(evidence), expected, "{}", evidence.text);
    }

    #[test]
    fn what_callers_say_is_believed() {
        check(&good("Where is my order?"), None);
        check(&good("Thank you."), None);
        check(&good("No, no, no, no, no!"), None);
        check(&good("zero zero zero zero zero one"), None);
        check(&good("0000 0000"), None);
        check(&good("我要退货，谢谢。"), None);
        check(&good("对对对对对"), None);
    }

    #[test]
    fn lines_of_subtitles_are_not_believed() {
        let known = Some(DropReason::KnownHallucination);
        check(&good("Thanks for watching!"), known);
        check(&good("Thank you for watching, and I'll see you soon."), known);
        check(&good("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"), known);
        check(&good("字幕由 Amara.org 社区提供"), known);
        check(&Evidence { no_speech: 0.5, ..good("Thank you.") }, known);
        check(&Evidence { mean_log_prob: -1.0, ..good("you") }, known);
    }

    #[test]
    fn loops_are_not_believed() {
        let repetition = Some(DropReason::Repetition);
        check(&good("I'm sorry. I'm sorry. I'm sorry. I'm sorry. I'm sorry."), repetition);
        check(&good("the the the the the the the the the"), repetition);
        check(&good("我不知道我不知道我不知道我不知道我不知道"), repetition);
        let fast = Evidence { audio: Duration::from_millis(500), ..good("I would like to know where my order is now") };
        check(&fast, repetition);
    }

    #[test]
    fn the_models_own_doubts_count() {
        check(&Evidence { no_speech: 0.8, mean_log_prob: -0.9, ..good("A word") }, Some(DropReason::NoSpeech));
        check(&Evidence { no_speech: 0.8, ..good("A word") }, None);
        check(&Evidence { mean_log_prob: -1.5, ..good("A word") }, Some(DropReason::LowProbability));
        check(&good(""), Some(DropReason::NoSpeech));
        check(&Evidence { audio: Duration::from_millis(60), ..good("Yes") }, Some(DropReason::TooShort));
    }

    #[test]
    fn an_echo_of_the_prompt_is_not_believed() {
        let prompt = Some("Orders at Hotline: kettle, toaster.");
        let known = Some(DropReason::KnownHallucination);
        check(&Evidence { prompt, ..good("Orders at Hotline, kettle, toaster.") }, known);
        check(&Evidence { prompt, ..good("kettle") }, None);
    }
}
