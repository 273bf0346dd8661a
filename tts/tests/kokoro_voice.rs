//! The real Mandarin voice: its sound is sane, its marks are honest, and the same words sound the same.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test without its voice must fail")]

use std::env;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use tts::{Hibari, Kokoro, Speech, Style, Voice, VoiceError};

const WAIT: &str = "请稍等，";
const GREETING: &str = "您好，请问有什么可以帮您？";

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
fn marks_grow_word_by_word_and_the_last_stands_at_the_end() {
    for (text, marks_min) in [(WAIT, 1), (GREETING, 5), ("您的订单 HL-204 共 ¥12.5，用 Hotline App 查询。 ", 4)]
    {
        let speech = say(text, Style::default());
        assert!(speech.marks.len() >= marks_min, "{text}: {:?}", speech.marks);
        assert!(speech.marks.windows(2).all(|pair| pair[0].end_byte < pair[1].end_byte), "{:?}", speech.marks);
        assert!(speech.marks.windows(2).all(|pair| pair[0].end_sample < pair[1].end_sample), "{:?}", speech.marks);
        assert!(speech.marks.iter().all(|mark| text.is_char_boundary(mark.end_byte)));
        let last = speech.marks.last().unwrap();
        assert_eq!((last.end_byte, last.end_sample), (text.trim_end().len(), speech.pcm.samples.len()));
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
    for text in ["", "，", "…… \n", "<break time=\"1s\"/>"] {
        assert!(matches!(VOICE.speak(text, Style::default()), Err(VoiceError::NothingToSay)), "{text:?}");
    }
    assert!(matches!(VOICE.speak(&"您".repeat(1_000), Style::default()), Err(VoiceError::TooLong { .. })));
    let error = Kokoro::load(&PathBuf::from("/nonexistent"), None).err().unwrap().to_string();
    assert!(error.contains("zf_xiaoxiao.bin") && error.contains("hotline models fetch"), "{error}");
}

#[test]
fn the_sounds_of_a_text_can_be_looked_at() {
    assert_eq!(VOICE.phonemes("您好，谢谢。"), "ni↗nxau↓, ɕje↘ɕje.");
    assert!(VOICE.phonemes("请打开Hotline").contains("hˈɑtlˌIn"), "{}", VOICE.phonemes("请打开Hotline"));
}

fn say(text: &str, style: Style) -> Speech {
    VOICE.speak(text, style).unwrap()
}

fn loudness_dbfs(speech: &Speech) -> f32 {
    let energy: f64 = speech.pcm.samples.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    20.0 * ((energy / speech.pcm.samples.len() as f64).sqrt() as f32 / 32_768.0).log10()
}

fn models() -> PathBuf {
    env::var_os("HOTLINE_MODELS").map(PathBuf::from).unwrap_or_else(|| {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        cache.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap()).join(".cache")).join("hotline/models")
    })
}

static VOICE: LazyLock<Kokoro> = LazyLock::new(|| {
    let english = Hibari::load(&models().join("hibari")).map(Arc::new);
    match english.and_then(|english| Kokoro::load(&models().join("kokoro"), Some(english))) {
        Ok(voice) => voice,
        Err(error) => panic!("{error}: run `make setup`"),
    }
});
