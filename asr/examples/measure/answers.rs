//! Digits, yes and no, and choices: how many answers are right, with and without knowing what was asked.

use std::time::Duration;

use asr::score::{cer, wer};
use asr::{DecodeRequest, Expect, LanguageChoice, Recognizer, Whisper};
use call::Language;

use crate::line::Line;
use crate::set::{Clip, Kind};

pub(crate) fn measure(whisper: &Whisper, clips: &[Clip]) {
    for line in Line::ALL {
        for (name, wanted) in [("digits", 0), ("yes/no", 1), ("choice", 2)] {
            let of_kind = |clip: &&Clip| match clip.kind {
                Kind::Digits(_) => wanted == 0,
                Kind::YesNo(_) => wanted == 1,
                Kind::Choice(_) => wanted == 2,
                Kind::Open => false,
            };
            let clips: Vec<&Clip> = clips.iter().filter(of_kind).collect();
            if clips.is_empty() {
                continue;
            }
            let (blind, blind_s) = right(whisper, &clips, line, |_| Expect::Anything);
            let (told, told_s) = right(whisper, &clips, line, |clip| clip.kind.expect());
            let count = clips.len();
            println!(
                "{line:?} {name}: {blind} of {count} right unasked in {blind_s:.1} s, {told} asked in {told_s:.1} s"
            );
        }
    }
}

fn right(whisper: &Whisper, clips: &[&Clip], line: Line, expect: impl Fn(&Clip) -> Expect) -> (usize, f32) {
    let mut right = 0;
    let mut cpu = Duration::ZERO;
    for clip in clips {
        let request = DecodeRequest {
            expect: expect(clip),
            deadline: Duration::from_secs(120),
            ..DecodeRequest::new(line.carry(&clip.samples), LanguageChoice::Fixed(clip.language))
        };
        let decoded = whisper.decode(&request).unwrap();
        cpu += decoded.cpu;
        let text = request.expect.repair(&decoded.text, clip.language);
        if is_right(clip, &text) {
            right += 1;
        } else {
            println!("    {line:?} {:?} {}: {} / {}", request.expect, clip.id, clip.text, text);
        }
    }
    (right, cpu.as_secs_f32())
}

fn is_right(clip: &Clip, heard: &str) -> bool {
    let errors = |said: &str, heard: &str| match clip.language {
        Language::En => wer(said, heard).errors,
        Language::Zh => cer(said, heard).errors,
    };
    match &clip.kind {
        Kind::Choice(words) => heard.to_lowercase().contains(words),
        Kind::Digits(digits) => dictated(heard) == *digits,
        Kind::Open | Kind::YesNo(_) => errors(&clip.text, heard) == 0,
    }
}

/// The digits in a text, written as figures or as words.
fn dictated(text: &str) -> String {
    let mut digits = String::new();
    let mut times = 1;
    let lower = text.to_lowercase();
    for word in lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // "Double 9351" is five digits.
        if times > 1
            && let Some(first) = word.chars().next().filter(char::is_ascii_digit)
        {
            digits.push(first);
        }
        let digit = match word {
            "double" => {
                times = 2;
                continue;
            }
            "oh" | "o" => Some(0),
            _ => UNITS.iter().position(|unit| *unit == word),
        };
        if let Some(digit) = digit {
            digits.push_str(&digit.to_string().repeat(times));
        }
        let han = |letter: char| UNITS_ZH.chars().position(|unit| unit == letter).map(|digit| digit % 10);
        for digit in word.chars().filter_map(|letter| letter.to_digit(10).map(|digit| digit as usize).or(han(letter))) {
            digits.push_str(&digit.to_string());
        }
        times = 1;
    }
    digits
}

const UNITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// 幺 is one.
const UNITS_ZH: &str = "零一二三四五六七八九〇幺";
