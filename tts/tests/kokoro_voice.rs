//! The real Mandarin voice: its sound is sane, its marks are honest, and the same words sound the same.
//!
//! Sentences are given as the phonemes that the front end writes for them, so that a fault here is the voice's own.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test without its voice must fail")]

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use tts::{Kokoro, Speech, Style, VoiceError, Word};

/// 请稍等， as one word and a mark.
const WAIT: &[(&str, &str)] = &[("请稍等", "ʨʰi↓ŋʂau→tə↓ŋ"), ("，", ",")];
/// 您好，请问有什么可以帮您？
const GREETING: &[(&str, &str)] = &[
    ("您好", "ni↗nxau↓"),
    ("，", ","),
    ("请问", "ʨʰi↓ŋwə↘n"),
    ("有", "jou↓"),
    ("什么", "ʂə↗nmɤ"),
    ("可以", "kʰɤ↗i↓"),
    ("帮", "pa→ŋ"),
    ("您", "ni↗n"),
    ("？", "?"),
];

#[test]
fn a_sentence_has_a_sane_length_and_loudness() {
    let speech = say(GREETING, Style::default());
    let seconds = speech.pcm.duration().as_secs_f32();
    assert!((1.8..3.5).contains(&seconds), "{seconds} s");
    let peak = speech.pcm.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((6_000..31_000).contains(&peak), "peak {peak}");
    let level = loudness_dbfs(&speech);
    assert!((-24.0..-16.0).contains(&level), "{level} dBFS");
    let loud = |sample: &i16| sample.unsigned_abs() > 200;
    let lead = speech.pcm.samples.iter().position(loud).unwrap() / 24;
    let tail = speech.pcm.samples.iter().rev().position(loud).unwrap() / 24;
    assert!((5..80).contains(&lead), "{lead} ms in front");
    assert!((5..120).contains(&tail), "{tail} ms behind");
}

#[test]
fn marks_grow_and_the_last_stands_at_the_end() {
    for words in [WAIT, GREETING] {
        let (text, _) = written(words);
        let speech = say(words, Style::default());
        assert!(speech.marks.windows(2).all(|pair| pair[0].end_byte < pair[1].end_byte), "{:?}", speech.marks);
        assert!(speech.marks.windows(2).all(|pair| pair[0].end_sample < pair[1].end_sample), "{:?}", speech.marks);
        assert!(speech.marks.iter().all(|mark| text.is_char_boundary(mark.end_byte)));
        let last = speech.marks.last().unwrap();
        assert_eq!((last.end_byte, last.end_sample), (text.len(), speech.pcm.samples.len()));
    }
}

#[test]
fn the_same_words_give_the_same_samples_on_any_thread() {
    let first = say(WAIT, Style::default());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| say(WAIT, Style::default()))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), first);
        }
    });
}

#[test]
fn rate_and_gain_are_heard() {
    let usual = say(WAIT, Style::default());
    let slow = say(WAIT, Style { rate: 0.7, gain_db: 0.0 });
    assert!(slow.pcm.samples.len() as f32 > 1.15 * usual.pcm.samples.len() as f32);
    let soft = say(WAIT, Style { rate: 1.0, gain_db: -6.0 });
    let softer_db = loudness_dbfs(&usual) - loudness_dbfs(&soft);
    assert!((4.5..6.5).contains(&softer_db), "{softer_db} dB");
}

#[test]
fn nothing_to_say_is_said_so_and_a_missing_file_is_named() {
    let mark = Word { phonemes: ",".to_owned(), span: 0..3 };
    assert!(matches!(VOICE.say("，", &[mark], Style::default()), Err(VoiceError::NothingToSay)));
    assert!(matches!(VOICE.say(&"您".repeat(1_000), &[], Style::default()), Err(VoiceError::TooLong { .. })));
    let error = Kokoro::load(&PathBuf::from("/nonexistent")).err().unwrap().to_string();
    assert!(error.contains("zf_xiaoxiao.bin") && error.contains("hotline models fetch"), "{error}");
}

fn say(words: &[(&str, &str)], style: Style) -> Speech {
    let (text, words) = written(words);
    VOICE.say(&text, &words, style).unwrap()
}

/// The text of words, and the words with their places in it.
fn written(words: &[(&str, &str)]) -> (String, Vec<Word>) {
    let mut text = String::new();
    let word = |(written, phonemes): &(&str, &str)| {
        let start = text.len();
        text.push_str(written);
        Word { phonemes: (*phonemes).to_owned(), span: start..text.len() }
    };
    let words = words.iter().map(word).collect();
    (text, words)
}

fn loudness_dbfs(speech: &Speech) -> f32 {
    let energy: f64 = speech.pcm.samples.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    20.0 * ((energy / speech.pcm.samples.len() as f64).sqrt() as f32 / 32_768.0).log10()
}

fn folder() -> PathBuf {
    let models = env::var_os("HOTLINE_MODELS").map(PathBuf::from).unwrap_or_else(|| {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        cache.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap()).join(".cache")).join("hotline/models")
    });
    models.join("kokoro")
}

static VOICE: LazyLock<Kokoro> = LazyLock::new(|| match Kokoro::load(&folder()) {
    Ok(voice) => voice,
    Err(error) => panic!("{error}: run `make setup`"),
});
