//! The real voice: its sound is sane, its marks are honest, and nothing a text may hold makes it panic.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test or a bench without its voice must fail")]

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use tts::{Hibari, Normalizer, Speech, Style, Voice, VoiceError, clauses};

#[test]
fn a_sentence_has_a_sane_length_and_loudness() {
    let speech = speak("Your order has been shipped and should arrive on Tuesday.");
    let seconds = speech.pcm.duration().as_secs_f32();
    assert!((2.0..5.0).contains(&seconds), "{seconds} s");
    let peak = speech.pcm.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((4_000..31_000).contains(&peak), "peak {peak}");
    let level = loudness_dbfs(&speech);
    assert!((-24.0..-16.0).contains(&level), "{level} dBFS");
}

#[test]
fn silence_at_the_ends_is_short() {
    let speech = speak("Thank you for calling.");
    let loud = |sample: &i16| sample.unsigned_abs() > 200;
    let lead = speech.pcm.samples.iter().position(loud).unwrap() / 24;
    let tail = speech.pcm.samples.iter().rev().position(loud).unwrap() / 24;
    assert!((10..80).contains(&lead), "{lead} ms in front");
    assert!((10..120).contains(&tail), "{tail} ms behind");
}

#[test]
fn marks_grow_and_cover_the_text() {
    for text in [
        "Order HL-20418-7 costs $1,299.00, and ships on 2026-11-21 👍 ",
        "Hello",
        "  Press * or #, please.\nThen wait… ",
        "“Call +86 21 5555 1234 at 9:30 a.m., Dr. Li!”",
    ] {
        let speech = speak(text);
        assert!(speech.marks.windows(2).all(|pair| pair[0].end_byte < pair[1].end_byte), "{text}");
        assert!(speech.marks.windows(2).all(|pair| pair[0].end_sample < pair[1].end_sample), "{text}");
        let last = speech.marks.last().unwrap();
        assert_eq!(last.end_byte, text.trim_end().len(), "{text}");
        assert_eq!(last.end_sample, speech.pcm.samples.len(), "{text}");
        assert!(speech.marks.iter().all(|mark| text.is_char_boundary(mark.end_byte)), "{text}");
    }
}

#[test]
fn a_word_ends_where_its_mark_says() {
    // The same words alone take about as long as up to their mark.
    let whole = speak("Your parcel arrives tomorrow, thank you.");
    let mark = whole.marks.iter().find(|mark| mark.end_byte == "Your parcel arrives tomorrow,".len()).unwrap();
    let alone = speak("Your parcel arrives tomorrow,").pcm.samples.len();
    let ratio = mark.end_sample as f32 / alone as f32;
    assert!((0.8..1.15).contains(&ratio), "{ratio}");
}

#[test]
fn the_same_text_gives_the_same_samples_on_any_thread() {
    let text = "This call may be recorded.";
    let first = speak(text);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| speak(text))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), first);
        }
    });
}

#[test]
fn rate_and_gain_are_heard() {
    let usual = speak("Please stay on the line.");
    let slow = VOICE.speak("Please stay on the line.", Style { rate: 0.7, gain_db: 0.0 }).unwrap();
    assert!(slow.pcm.samples.len() as f32 > 1.2 * usual.pcm.samples.len() as f32);
    let soft = VOICE.speak("Please stay on the line.", Style { rate: 1.0, gain_db: -6.0 }).unwrap();
    let softer_db = loudness_dbfs(&usual) - loudness_dbfs(&soft);
    assert!((5.5..6.5).contains(&softer_db), "{softer_db} dB");
}

#[test]
fn nothing_to_say_is_said_so() {
    for text in ["", " \n ", "...", "您好", "👍", "<break time=\"1s\"/>"] {
        assert!(matches!(VOICE.speak(text, Style::default()), Err(VoiceError::NothingToSay)), "{text:?}");
    }
    assert!(matches!(VOICE.speak(&"a".repeat(3_000), Style::default()), Err(VoiceError::TooLong { .. })));
}

#[test]
fn a_clause_of_digits_is_longer_than_the_network_hears_and_is_still_spoken() {
    let text = "20418 ".repeat(40);
    let speech = speak(&text);
    assert!(speech.pcm.duration().as_secs_f32() > 30.0);
    assert_eq!(speech.marks.len(), 40);
}

#[test]
fn a_missing_file_is_named_with_the_way_out() {
    let error = Hibari::load(&PathBuf::from("/nonexistent")).err().unwrap().to_string();
    assert!(error.contains("lexicon_us_gold.json.gz") && error.contains("hotline models fetch"), "{error}");
}

#[test]
fn a_business_teaches_its_names() {
    let plain = VOICE.phonemes("Call XQLI now.").unwrap();
    let words =
        BTreeMap::from([("XQLI".to_owned(), "/kwˈɪli/".to_owned()), ("Huawei".to_owned(), "wah way".to_owned())]);
    let taught = Hibari::load(&folder()).unwrap().with_lexicon(&words).unwrap();
    assert!(!plain.contains("kwˈɪli"));
    assert_eq!(taught.phonemes("Call XQLI now.").unwrap(), "kˈɔl kwˈɪli nˈW.");
    assert!(taught.phonemes("huawei").unwrap().contains("wˈA"));
    let wrong = BTreeMap::from([("Foo".to_owned(), "/你/".to_owned())]);
    assert!(matches!(taught.with_lexicon(&wrong), Err(VoiceError::Lexicon { word }) if word == "Foo"));
}

#[test]
fn homographs_follow_their_sentence() {
    let check = |text, sounds: &str| {
        let got = VOICE.phonemes(text).unwrap();
        assert!(got.contains(sounds), "{text}: {got}");
    };
    check("I will record the call.", "ɹəkˈɔɹd");
    check("This is a record.", "ɹˈɛkəɹd");
    check("The agent and the order.", "ði ˈAʤᵊnt");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_is_spoken_or_refused(text in "\\PC{0,60}|[A-Z0-9$£.,:/ -]{0,40}|(<[a-z-]{0,8}[ =\"a-z]{0,12}/?>|[a-z 0-9]){0,12}") {
        if let Ok(speech) = VOICE.speak(&text, Style::default()) {
            prop_assert!(speech.marks.windows(2).all(|pair| pair[0].end_byte < pair[1].end_byte && pair[0].end_sample < pair[1].end_sample));
            prop_assert_eq!(speech.marks.last().unwrap().end_sample, speech.pcm.samples.len());
        }
    }
}

proptest! {
    #[test]
    fn the_front_end_takes_anything(text in "\\PC{0,200}|(?s).{0,80}|[A-Z0-9$£.,:/°%+#@'() -]{0,80}") {
        for language in [call::Language::En, call::Language::Zh] {
            let words = Normalizer::new(language).normalize(&text);
            prop_assert!(!words.chars().any(|letter| letter.is_ascii_digit()), "{:?} became {:?}", text, words);
            let cut = clauses(&text, language);
            prop_assert!(cut.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            prop_assert!(cut.iter().all(|clause| text[clause.span.clone()] == clause.text));
            let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
            let kept: usize = cut.iter().map(|clause| letters(&clause.text)).sum();
            prop_assert_eq!(kept, letters(&text), "{:?}", cut);
        }
    }
}

fn speak(text: &str) -> Speech {
    VOICE.speak(text, Style::default()).unwrap()
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
    models.join("hibari")
}

static VOICE: LazyLock<Hibari> = LazyLock::new(|| match Hibari::load(&folder()) {
    Ok(voice) => voice,
    Err(error) => panic!("{error}: run `make setup`"),
});
