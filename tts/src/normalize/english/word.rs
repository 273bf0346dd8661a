//! Abbreviations, initials, Roman numerals, symbols, and words as they stand.

use std::sync::LazyLock;

use regex::Regex;

use super::number::{cardinal_of, ordinal};
use crate::normalize::rule::{Place, compile, ends_sentence, group};
use crate::normalize::said::Hit;

/// `Dr.`, `St.`, `No. 5`, `approx.`, `etc.`, `w/o`.
pub(super) fn abbreviation(place: &Place<'_>) -> Option<Hit> {
    let found = ABBREVIATION.captures(place.rest)?;
    let (name, dot) = (group(&found, 1), group(&found, 2));
    let length = found[0].len();
    let after = place.rest[length..].trim_start();
    let before_capital = after.starts_with(|next: char| next.is_uppercase());
    let before_digit = after.starts_with(|next: char| next.is_ascii_digit());
    let after_name = !place.begins_sentence()
        && place
            .before
            .trim_end()
            .rsplit(' ')
            .next()
            .is_some_and(|word| word.starts_with(|first: char| first.is_uppercase()));
    let words = match name {
        "Dr" if after_name && !dot.is_empty() && !before_capital => "Drive",
        "Dr" if before_capital => "Doctor",
        "St" if before_capital && !after_name => "Saint",
        "St" if !dot.is_empty() => "Street",
        "No" | "no" if before_digit && !dot.is_empty() => "number",
        "Nos" | "nos" if before_digit && !dot.is_empty() => "numbers",
        _ => {
            let (_, words, kind) = ABBREVIATIONS.iter().find(|(short, ..)| *short == name)?;
            match kind {
                Written::Either if dot.is_empty() && !before_capital => return None,
                Written::Dotted if dot.is_empty() => return None,
                Written::Bare | Written::Dotted | Written::Either => words,
            }
        }
    };
    let title = matches!(words, "Doctor" | "Saint" | "Mister" | "Missus" | "Miz" | "Professor" | "number" | "numbers");
    let hit = Hit::new(length).words(words);
    let closes = !dot.is_empty() && ends_sentence(place.rest, length) && (!title || after.is_empty());
    Some(if closes { hit.mark('.') } else { hit })
}

/// `e.g.`, `U.S.`, `P.O.`, `J. Smith`.
pub(super) fn dotted_initials(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = INITIAL.captures(place.rest) {
        return Some(Hit::new(group(&found, 1).len() + 1).letters(group(&found, 1)));
    }
    let found = DOTTED.find(place.rest)?;
    let length = found.end();
    let hit = match found.as_str().to_lowercase().as_str() {
        "e.g." => Hit::new(length).words("for example"),
        "i.e." => Hit::new(length).words("that is"),
        "a.k.a." => Hit::new(length).words("also known as"),
        "n.b." => Hit::new(length).words("note"),
        _ => Hit::new(length).letters(found.as_str()),
    };
    Some(
        if ends_sentence(place.rest, length) && found.as_str().ends_with('.') && place.rest[length..].trim().is_empty()
        {
            hit.mark('.')
        } else {
            hit
        },
    )
}

/// `SMS` is spelled, `NASA` and `PLEASE` are not. `shouted` tells that the whole text is in capitals.
pub(in crate::normalize) fn capitals(place: &Place<'_>, shouted: Shouted) -> Option<Hit> {
    let found = CAPITALS.captures(place.rest)?;
    let (word, plural) = (group(&found, 1), group(&found, 2));
    let length = found[0].len();
    if let Some((_, said)) = SAID_AS.iter().find(|(written, _)| *written == word) {
        return Some(Hit::new(length).words(said));
    }
    let spelled = match shouted {
        _ if SPELLED.contains(&word) => true,
        Shouted::No => {
            !COMMON_WORDS.contains(&word) && !ACRONYMS.contains(&word) && (word.len() <= 3 || !pronounceable(word))
        }
        Shouted::Yes => !COMMON_WORDS.contains(&word) && !pronounceable(word),
    };
    if !spelled {
        let said =
            if ACRONYMS.contains(&word) && shouted == Shouted::No { word.to_owned() } else { word.to_lowercase() };
        return Some(Hit::new(length).words(&format!("{said}{}", plural.to_lowercase())));
    }
    let hit = Hit::new(length).letters(word);
    // The plural goes with the letters as "'s" does, so that it is one word to the voice: `S M Ses`.
    Some(if plural.is_empty() { hit } else { Hit::new(length).words(&format!("{word}'s")) })
}

/// Whether the writer holds down the shift key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::normalize) enum Shouted {
    /// Capitals mean initials.
    No,
    /// Capitals mean nothing.
    Yes,
}

impl Shouted {
    /// More than half of at least three words are in capitals.
    pub(in crate::normalize) fn of(text: &str) -> Self {
        let words: Vec<_> = text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).collect();
        let loud = |word: &&&str| {
            word.chars().filter(|letter| letter.is_uppercase()).count() >= 2 && !word.chars().any(char::is_lowercase)
        };
        let shouted = words.iter().filter(loud).count();
        if shouted >= 3 && shouted * 2 > words.len() { Self::Yes } else { Self::No }
    }
}

/// `Chapter IV`, `Henry VIII`.
pub(super) fn roman(place: &Place<'_>) -> Option<Hit> {
    let numbered = place.follows(&["chapter", "part", "section", "volume", "phase", "type", "level", "class", "act"]);
    let named = place.follows(&["henry", "louis", "charles", "george", "edward", "elizabeth", "pope", "king", "queen"]);
    if !numbered && !named {
        return None;
    }
    let found = ROMAN.find(place.rest)?;
    let value = roman_value(found.as_str())?;
    let hit = Hit::new(found.end());
    Some(if named { hit.words("the").words(&ordinal(&value.to_string())) } else { hit.words(&cardinal_of(value)) })
}

/// Signs that are said: `&`, `+`, `=`, `@`, `#`, `~`, fractions.
pub(super) fn symbol(place: &Place<'_>) -> Option<Hit> {
    let letter = place.rest.chars().next()?;
    let after = &place.rest[letter.len_utf8()..];
    let digit_after = after.trim_start().starts_with(|next: char| next.is_ascii_digit());
    let alone = (place.before.is_empty() || place.before.ends_with(char::is_whitespace))
        && after.starts_with(|next: char| next.is_whitespace() || matches!(next, '.' | ',' | '!' | '?'));
    let line_start = place.before.is_empty() || place.before.ends_with('\n');
    let between_words = place.before.ends_with(char::is_alphabetic) && after.starts_with(char::is_alphabetic);
    let words = match letter {
        '&' => "and",
        '+' => "plus",
        '=' => "equals",
        '@' => "at",
        '#' if digit_after => "number",
        '#' if alone && !line_start => "pound",
        '*' if alone && !line_start => "star",
        '~' | '≈' if digit_after => "about",
        '<' if digit_after => "less than",
        '>' if digit_after => "greater than",
        '≤' => "at most",
        '≥' => "at least",
        '±' => "plus or minus",
        '×' => "times",
        '÷' => "divided by",
        '§' => "section",
        '→' if digit_after || !after.trim().is_empty() => "to",
        '½' => "one half",
        '¼' => "one quarter",
        '¾' => "three quarters",
        '%' => "percent",
        '°' => "degrees",
        '$' => "dollars",
        '£' => "pounds",
        '€' => "euros",
        '¥' => "yuan",
        '/' if between_words && after.starts_with("or") => "",
        '/' if between_words && after.starts_with(|next: char| next.is_lowercase()) => "or",
        '/' if between_words => "slash",
        _ => return None,
    };
    let joined = matches!(letter, '½' | '¼' | '¾') && place.before.ends_with(|last: char| last.is_ascii_digit());
    let hit = Hit::new(letter.len_utf8());
    Some(if joined { hit.words("and").words(words.trim_start_matches("one ")) } else { hit.words(words) })
}

/// A word in Latin letters, apostrophes and hyphens inside included.
pub(in crate::normalize) fn word(place: &Place<'_>) -> Option<Hit> {
    let found = WORD.find(place.rest)?;
    let hit = Hit::new(found.end());
    Some(match found.as_str() {
        "and" if place.rest.starts_with("and/or") => Hit::new("and/or".len()).words("and or"),
        said => hit.words(&said.replace("--", " ")),
    })
}

/// Latin letters, with or without accents: what the dictionary and the unknown-word model can read.
pub(in crate::normalize) fn is_latin(letter: char) -> bool {
    letter.is_alphabetic() && letter <= '\u{24f}'
}

/// Whether capitals look like a word: a vowel, and no long heap of consonants.
fn pronounceable(word: &str) -> bool {
    let mut heap = 0;
    let mut heap_max = 0;
    for letter in word.chars() {
        heap = if "AEIOUY".contains(letter) { 0 } else { heap + 1 };
        heap_max = heap_max.max(heap);
    }
    word.chars().any(|letter| "AEIOUY".contains(letter)) && heap_max <= 3
}

fn roman_value(text: &str) -> Option<u64> {
    let digits: Vec<u64> = text
        .chars()
        .map(|letter| match letter {
            'I' => Some(1),
            'V' => Some(5),
            'X' => Some(10),
            'L' => Some(50),
            'C' => Some(100),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let mut total = 0;
    for (at, &digit) in digits.iter().enumerate() {
        let before_larger = digits.get(at + 1).is_some_and(|&next| next > digit);
        total = if before_larger { total - i64::try_from(digit).ok()? } else { total + i64::try_from(digit).ok()? };
    }
    u64::try_from(total).ok().filter(|total| *total > 0)
}

/// How a short form must be written to be one.
#[derive(Clone, Copy)]
enum Written {
    /// Without its full stop.
    Bare,
    /// Only with its full stop: `co.` is a company, `co` is not.
    Dotted,
    /// With its full stop, or before a capital: `Mr Li`.
    Either,
}

const ABBREVIATIONS: &[(&str, &str, Written)] = &[
    ("Mr", "Mister", Written::Either),
    ("Mrs", "Missus", Written::Either),
    ("Ms", "Miz", Written::Either),
    ("Dr", "Doctor", Written::Either),
    ("Prof", "Professor", Written::Either),
    ("Capt", "Captain", Written::Dotted),
    ("Lt", "Lieutenant", Written::Dotted),
    ("Sgt", "Sergeant", Written::Dotted),
    ("Gen", "General", Written::Dotted),
    ("Rev", "Reverend", Written::Dotted),
    ("Jr", "Junior", Written::Dotted),
    ("Sr", "Senior", Written::Dotted),
    ("Mt", "Mount", Written::Either),
    ("Ave", "Avenue", Written::Dotted),
    ("Blvd", "Boulevard", Written::Dotted),
    ("Rd", "Road", Written::Dotted),
    ("Ln", "Lane", Written::Dotted),
    ("Hwy", "Highway", Written::Dotted),
    ("Apt", "apartment", Written::Dotted),
    ("Ste", "suite", Written::Dotted),
    ("Bldg", "building", Written::Dotted),
    ("Fl", "floor", Written::Dotted),
    ("Ltd", "Limited", Written::Dotted),
    ("Inc", "Incorporated", Written::Dotted),
    ("Corp", "Corporation", Written::Dotted),
    ("Co", "Company", Written::Dotted),
    ("Dept", "department", Written::Dotted),
    ("dept", "department", Written::Dotted),
    ("acct", "account", Written::Dotted),
    ("Acct", "account", Written::Dotted),
    ("appt", "appointment", Written::Dotted),
    ("approx", "approximately", Written::Dotted),
    ("est", "estimated", Written::Dotted),
    ("etc", "et cetera", Written::Dotted),
    ("ext", "extension", Written::Dotted),
    ("Ext", "extension", Written::Dotted),
    ("Fig", "figure", Written::Dotted),
    ("fig", "figure", Written::Dotted),
    ("incl", "including", Written::Dotted),
    ("excl", "excluding", Written::Dotted),
    ("max", "maximum", Written::Dotted),
    ("min", "minimum", Written::Dotted),
    ("misc", "miscellaneous", Written::Dotted),
    ("qty", "quantity", Written::Dotted),
    ("Qty", "quantity", Written::Dotted),
    ("ref", "reference", Written::Dotted),
    ("Ref", "reference", Written::Dotted),
    ("tel", "telephone", Written::Dotted),
    ("Tel", "telephone", Written::Dotted),
    ("temp", "temperature", Written::Dotted),
    ("vol", "volume", Written::Dotted),
    ("Vol", "volume", Written::Dotted),
    ("vs", "versus", Written::Dotted),
    ("vs", "versus", Written::Bare),
    ("hrs", "hours", Written::Dotted),
    ("mins", "minutes", Written::Dotted),
    ("wk", "week", Written::Dotted),
    ("yr", "year", Written::Dotted),
    ("yrs", "years", Written::Dotted),
    ("Jan", "January", Written::Dotted),
    ("Feb", "February", Written::Dotted),
    ("Mar", "March", Written::Dotted),
    ("Apr", "April", Written::Dotted),
    ("Jun", "June", Written::Dotted),
    ("Jul", "July", Written::Dotted),
    ("Aug", "August", Written::Dotted),
    ("Sep", "September", Written::Dotted),
    ("Sept", "September", Written::Dotted),
    ("Oct", "October", Written::Dotted),
    ("Nov", "November", Written::Dotted),
    ("Dec", "December", Written::Dotted),
    ("Mon", "Monday", Written::Dotted),
    ("Tue", "Tuesday", Written::Dotted),
    ("Tues", "Tuesday", Written::Dotted),
    ("Wed", "Wednesday", Written::Dotted),
    ("Thu", "Thursday", Written::Dotted),
    ("Thurs", "Thursday", Written::Dotted),
    ("Fri", "Friday", Written::Dotted),
    ("w/", "with", Written::Bare),
    ("w/o", "without", Written::Bare),
    ("c/o", "care of", Written::Bare),
];

/// Capitals that stand for a phrase.
const SAID_AS: &[(&str, &str)] = &[
    ("OK", "okay"),
    ("ASAP", "as soon as possible"),
    ("TBD", "to be determined"),
    ("TBC", "to be confirmed"),
    ("AKA", "also known as"),
    ("WIFI", "wi-fi"),
    ("JPEG", "jay peg"),
    ("RSVP", "R S V P"),
];

/// Initials that could be taken for a word.
const SPELLED: &[&str] = &[
    "AI", "API", "ATM", "CEO", "ETA", "EU", "FAQ", "HR", "ID", "IE", "IMEI", "IP", "IPA", "ISO", "ISBN", "HDMI", "IOU",
    "IVR", "OTP", "RMA", "SKU", "UAE", "UK", "UPS", "URL", "USA", "USB", "VAT", "VIP", "VPN", "IEEE", "ISP", "IOS",
    "IBM", "UI", "UX", "IVA", "IRS", "FAO",
];

/// Short initials that are said as words.
const ACRONYMS: &[&str] = &[
    "NASA", "NATO", "PIN", "SIM", "RAM", "LAN", "WAN", "GIF", "LED", "COVID", "UNESCO", "UNICEF", "IKEA", "LEGO",
    "LASER", "SWIFT", "SEPA", "IBAN", "DOB", "CAD", "PAC", "ROM", "BIOS", "MAC", "VISA", "FIFA", "OPEC", "ASIC",
];

/// Words that are often put in capitals for weight.
const COMMON_WORDS: &[&str] = &[
    "A", "I", "ALL", "AM", "AN", "AND", "ANY", "ARE", "AS", "ASK", "AT", "BE", "BUT", "BUY", "BY", "CAN", "DAY", "DO",
    "FEE", "FOR", "FREE", "GET", "GO", "HAS", "HE", "HER", "HIM", "HIS", "HOW", "IF", "IN", "IS", "IT", "LET", "MAY",
    "ME", "MY", "NEW", "NO", "NOT", "NOW", "OF", "OFF", "OLD", "ON", "ONE", "ONLY", "OR", "OUR", "OUT", "PAY", "PRESS",
    "SAY", "SEE", "SET", "SHE", "SO", "THE", "THEY", "TO", "TOO", "TOP", "TRY", "TWO", "UP", "USE", "WAS", "WAY", "WE",
    "WHO", "WHY", "WILL", "YES", "YET", "YOU", "YOUR", "HELP", "SALE", "STOP", "PLEASE", "HI", "OH", "BIG", "BAD",
    "END", "CALL", "TEXT",
];

static ABBREVIATION: LazyLock<Regex> = LazyLock::new(|| compile(r"^(w/o\b|w/|c/o\b|[A-Za-z]{2,6}\b)(\.?)"));
static INITIAL: LazyLock<Regex> = LazyLock::new(|| compile(r"^([A-Z])\. (?:[A-Z][a-z]|[A-Z]\.)"));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| compile(r"^(?:[A-Za-z]\.){2,8}(?:[A-Za-z]\b)?"));
static CAPITALS: LazyLock<Regex> = LazyLock::new(|| compile(r"^([A-Z]{2,24})('?s)?\b"));
static ROMAN: LazyLock<Regex> = LazyLock::new(|| compile(r"^[IVXLC]{1,8}\b"));
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^'?[A-Za-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{24f}]+(?:['-][A-Za-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{24f}]+)*'?",
    )
});
