//! Takes back a sentence that was written twice and said once.
//!
//! Now and then the recogniser writes a short answer down and then hears it once more in the silence behind. People
//! do say things twice, so the second one goes only where the voice was on for too short a time to say both.

use call::{AudioFrame, Language};

/// The byte at which the second of two equal halves begins, if the text is such and too long for `sound` (16 kHz,
/// -1.0 to 1.0). Punctuation and capitals do not count.
pub(crate) fn second_half(text: &str, language: Language, sound: &[f32]) -> Option<usize> {
    let (least, letters_per_second_max) = match language {
        Language::En => (LETTERS_MIN_EN, LETTERS_PER_SECOND_MAX_EN),
        Language::Zh => (LETTERS_MIN_ZH, LETTERS_PER_SECOND_MAX_ZH),
    };
    let letters: Vec<(usize, char)> = text
        .char_indices()
        .filter(|(_, letter)| letter.is_alphanumeric())
        .flat_map(|(at, letter)| letter.to_lowercase().map(move |small| (at, small)))
        .collect();
    let half = letters.len() / 2;
    let (first, second) = letters.split_at(half);
    let equal = first.len() == second.len() && first.iter().zip(second).all(|(one, other)| one.1 == other.1);
    // Digits are written much shorter than they are said, and numbers are really repeated.
    let is_sentence = half >= least && !first.iter().any(|(_, letter)| letter.is_ascii_digit());
    if !equal || !is_sentence || letters.len() as f32 <= letters_per_second_max * voiced_s(sound) {
        return None;
    }
    let at = second.first()?.0;
    // A cut inside a word would be no sentence.
    let between_words = language == Language::Zh || text[..at].ends_with(|letter: char| !letter.is_alphanumeric());
    between_words.then_some(at)
}

/// For how long the voice was on: frames of 20 ms less than 30 dB below the loudest.
fn voiced_s(sound: &[f32]) -> f32 {
    let frame = AudioFrame::RATE.hz() as usize / 50;
    let energies: Vec<f32> =
        sound.chunks(frame).map(|frame| frame.iter().map(|sample| sample * sample).sum()).collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    energies.iter().filter(|energy| **energy > loudest * QUIET).count() as f32 / 50.0
}

/// 30 dB.
const QUIET: f32 = 1e-3;
/// "yes, yes" and "of course, of course" are really said.
const LETTERS_MIN_EN: usize = 10;
const LETTERS_MIN_ZH: usize = 4;
/// Fast English, without its pauses, is 20 letters a second.
const LETTERS_PER_SECOND_MAX_EN: f32 = 24.0;
/// Fast Mandarin is 7 to 8 syllables a second.
const LETTERS_PER_SECOND_MAX_ZH: f32 = 9.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// So much sound, with as much near silence on either side.
    fn sound(seconds: f32) -> Vec<f32> {
        let count = (seconds * 16_000.0) as usize;
        let voice = (0..count).map(|at| 0.3 * (at as f32 * 0.1).sin());
        let quiet = || std::iter::repeat_n(0.001, 16_000);
        quiet().chain(voice).chain(quiet()).collect()
    }

    fn check(text: &str, language: Language, seconds: f32, kept: Option<&str>) {
        let cut = second_half(text, language, &sound(seconds));
        assert_eq!(cut.map(|at| text[..at].trim_end()), kept, "{text} in {seconds} s");
    }

    #[test]
    fn a_sentence_said_once_is_written_once() {
        let doubled = "I prefer the morning. I prefer the morning.";
        check(doubled, Language::En, 1.2, Some("I prefer the morning."));
        check("I prefer the morning, i prefer the morning", Language::En, 1.2, Some("I prefer the morning,"));
        check("我要转人工服务。我要转人工服务", Language::Zh, 1.3, Some("我要转人工服务。"));
        check("我要转人工服务我要转人工服务", Language::Zh, 1.3, Some("我要转人工服务"));
    }

    #[test]
    fn what_may_have_been_said_twice_stays() {
        check("I prefer the morning. I prefer the morning.", Language::En, 2.6, None);
        check("我要转人工服务。我要转人工服务。", Language::Zh, 2.5, None);
        check("No, no.", Language::En, 0.2, None);
        check("好的好的", Language::Zh, 0.2, None);
        check("My code is 1358. My code is 1358.", Language::En, 0.5, None);
        check("20412041", Language::Zh, 0.4, None);
        check("I prefer the morning. I prefer the evening.", Language::En, 1.0, None);
        check("", Language::En, 1.0, None);
    }
}
