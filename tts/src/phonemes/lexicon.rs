//! The pronouncing dictionary, and what can be derived from it: plurals, past tenses, spelled letters, and the little
//! words whose sound depends on their neighbours.
//!
//! Two layers: one checked by people, whose entries may differ by part of speech, and one made by machine. A business
//! adds its own names as a third, which wins.

use std::collections::HashMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::stress::{PRIMARY, Restress, SECONDARY, restressed};

/// Spelling to sounds.
pub(crate) struct Lexicon {
    own: HashMap<String, String>,
    checked: HashMap<String, Entry>,
    derived: HashMap<String, Entry>,
}

/// How a word sounds.
enum Entry {
    /// Always so.
    Always(Box<str>),
    /// By part of speech; a part that is there without sounds is spelled.
    ByTag(HashMap<Box<str>, Option<Box<str>>>),
}

impl<'de> Deserialize<'de> for Entry {
    /// By hand, because the derived form copies each entry first, and there are 180,000 of them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sounds, or sounds by part of speech")
            }

            fn visit_str<E: de::Error>(self, sounds: &str) -> Result<Entry, E> {
                Ok(Entry::Always(sounds.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let mut sounds = HashMap::new();
                while let Some((tag, sound)) = map.next_entry()? {
                    sounds.insert(tag, sound);
                }
                Ok(Entry::ByTag(sounds))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What stands after a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// The sound that the next word begins with.
    pub(crate) sound: NextSound,
    /// Whether the next word is "to".
    pub(crate) to: bool,
}

/// The first sound of the next word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NextSound {
    /// A consonant.
    Consonant,
    /// The end, or a pause.
    #[default]
    Pause,
    /// A vowel.
    Vowel,
}

impl Lexicon {
    /// Reads the two layers (JSON objects of spelling to sounds).
    pub(crate) fn parse(checked: &[u8], derived: &[u8]) -> Result<Self, String> {
        let read = |json| serde_json::from_slice(json).map_err(|error: serde_json::Error| error.to_string());
        Ok(Self { own: HashMap::new(), checked: read(checked)?, derived: read(derived)? })
    }

    /// Adds a word of one's own, as phonemes.
    pub(crate) fn add(&mut self, word: &str, sounds: String) {
        self.own.insert(word.to_lowercase(), sounds);
    }

    /// The sounds of `word`, or `None` when it must be guessed.
    pub(crate) fn sounds(&self, word: &str, tag: &str, ahead: Ahead) -> Option<String> {
        if let Some(sounds) = self.own.get(&word.to_lowercase()) {
            return Some(sounds.clone());
        }
        if let Some(sounds) = self.little_word(word, tag, ahead) {
            return Some(sounds);
        }
        let change = if word == word.to_lowercase() {
            None
        } else if word == word.to_uppercase() {
            Some(Restress::Main)
        } else {
            Some(Restress::Lift)
        };
        let word = self.plain_case(word, tag, ahead);
        if self.is_known(&word) {
            return self.entry(&word, tag, change, ahead);
        }
        if let Some(stem) = word.strip_suffix('\'') {
            let known = self.is_known(stem);
            return if known { self.entry(stem, tag, change, ahead) } else { self.inflected(stem, tag, change, ahead) };
        }
        self.inflected(&word, tag, change, ahead)
    }

    /// Letters by their names, the last one stressed.
    pub(crate) fn letters(&self, letters: &str) -> Option<String> {
        let names: Option<Vec<&str>> = letters
            .chars()
            .map(|letter| match self.checked.get(&letter.to_uppercase().to_string())? {
                Entry::Always(sounds) => Some(&**sounds),
                Entry::ByTag(sounds) => sounds.get("DEFAULT")?.as_deref(),
            })
            .collect();
        let joined: String = names?.concat();
        let even = if joined.contains(PRIMARY) {
            restressed(&joined, Restress::Weaken)
        } else {
            restressed(&joined, Restress::Lift)
        };
        Some(match even.rfind(SECONDARY) {
            Some(at) => format!("{}{PRIMARY}{}", &even[..at], &even[at + SECONDARY.len_utf8()..]),
            None => even,
        })
    }

    /// Words that change with their neighbours or their part of speech.
    fn little_word(&self, word: &str, tag: &str, ahead: Ahead) -> Option<String> {
        let lower = word.to_lowercase();
        let sounds = match lower.as_str() {
            "a" => {
                if tag == "DT" {
                    "ɐ"
                } else {
                    "ˈA"
                }
            }
            "am" if tag.starts_with("NN") => return self.letters(word),
            "am" if ahead.sound == NextSound::Pause || word != "am" => return self.always("am"),
            "am" => "ɐm",
            "an" if word == "AN" && tag.starts_with("NN") => return self.letters(word),
            "an" => "ɐn",
            "by" if tag.starts_with("RB") || tag.starts_with("ADV") => "bˈI",
            "i" if word == "I" && tag == "PRP" => "ˌI",
            "in" if word != "IN" || tag != "NNP" => {
                if ahead.sound == NextSound::Pause || tag != "IN" {
                    "ˈɪn"
                } else {
                    "ɪn"
                }
            }
            "the" if word != "THE" || tag == "DT" => {
                if ahead.sound == NextSound::Vowel {
                    "ði"
                } else {
                    "ðə"
                }
            }
            "to" if word != "TO" || matches!(tag, "TO" | "IN") => match ahead.sound {
                NextSound::Consonant => "tə",
                NextSound::Pause => return self.always("to"),
                NextSound::Vowel => "tʊ",
            },
            "used" => {
                let past = matches!(tag, "VBD" | "JJ") && ahead.to;
                return self.tagged("used", if past { "VBD" } else { "DEFAULT" });
            }
            "vs" if tag == "IN" => return self.always("versus"),
            _ => return None,
        };
        Some(sounds.to_owned())
    }

    /// `Hello` and `HELLO` are looked up as `hello`, unless they are known as they stand or are likely names.
    fn plain_case(&self, word: &str, tag: &str, ahead: Ahead) -> String {
        let lower = word.to_lowercase();
        let letters = word.chars().filter(|letter| *letter != '\'').all(char::is_alphabetic);
        let cased = word == word.to_uppercase() || word.chars().skip(1).all(|letter| !letter.is_uppercase());
        let name = tag == "NNP" && word.chars().count() <= 7;
        let has = |word: &str| self.find(&self.checked, word).is_some() || self.find(&self.derived, word).is_some();
        let fold = word != lower
            && word.chars().count() > 1
            && letters
            && cased
            && !name
            && !has(word)
            && (has(&lower) || self.inflected(&lower, tag, None, ahead).is_some());
        if fold { lower } else { word.to_owned() }
    }

    fn is_known(&self, word: &str) -> bool {
        if self.find(&self.checked, word).is_some() || self.find(&self.derived, word).is_some() {
            return true;
        }
        if word.is_empty() || !word.chars().all(|letter| letter.is_ascii_alphabetic()) {
            return false;
        }
        let rest = &word[1..];
        rest == rest.to_uppercase()
            || word == word.to_uppercase() && self.find(&self.checked, &word.to_lowercase()).is_some()
    }

    /// What the layers say about a known word; initials that they do not have are spelled.
    fn entry(&self, word: &str, tag: &str, change: Option<Restress>, ahead: Ahead) -> Option<String> {
        let initials = word == word.to_uppercase() && self.find(&self.checked, word).is_none();
        let name = initials && tag == "NNP";
        let lower;
        let word = if initials {
            lower = word.to_lowercase();
            &lower
        } else {
            word
        };
        let found = self.find(&self.checked, word).or_else(|| if name { None } else { self.find(&self.derived, word) });
        let sounds = match found {
            None => None,
            Some(Entry::Always(sounds)) => Some(&**sounds),
            Some(Entry::ByTag(sounds)) => {
                let at_pause = ahead.sound == NextSound::Pause && sounds.contains_key("None");
                let tag = if at_pause {
                    "None"
                } else if sounds.contains_key(tag) {
                    tag
                } else {
                    parent(tag)
                };
                sounds.get(tag).or_else(|| sounds.get("DEFAULT"))?.as_deref()
            }
        };
        match sounds {
            Some(sounds) if !name || sounds.contains(PRIMARY) => {
                Some(change.map_or_else(|| sounds.to_owned(), |change| restressed(sounds, change)))
            }
            Some(_) | None => self.letters(word),
        }
    }

    /// Plurals, past tenses and gerunds of words that are known.
    fn inflected(&self, word: &str, tag: &str, change: Option<Restress>, ahead: Ahead) -> Option<String> {
        let count = word.chars().count();
        let stem = |cut: usize| word.len().checked_sub(cut).and_then(|end| word.get(..end));
        let first_known = |stems: &[Option<String>]| stems.iter().flatten().find(|stem| self.is_known(stem)).cloned();
        let cut = |length: usize, condition: bool| if condition { stem(length).map(str::to_owned) } else { None };
        let with = |length: usize, ending: &str, condition: bool| cut(length, condition).map(|stem| stem + ending);
        if count >= 3 && word.ends_with('s') {
            let es = word.ends_with("'s") || count > 4 && word.ends_with("es") && !word.ends_with("ies");
            let stems = [cut(1, !word.ends_with("ss")), cut(2, es), with(3, "y", count > 4 && word.ends_with("ies"))];
            if let Some(stem) = first_known(&stems) {
                return self.entry(&stem, tag, change, ahead).map(|sounds| plural(&sounds));
            }
        }
        if count >= 4 && word.ends_with('d') {
            let ed = count > 4 && word.ends_with("ed") && !word.ends_with("eed");
            if let Some(stem) = first_known(&[cut(1, !word.ends_with("dd")), cut(2, ed)]) {
                return self.entry(&stem, tag, change, ahead).map(|sounds| past(&sounds));
            }
        }
        if count >= 5 && word.ends_with("ing") {
            let doubled = stem(3).is_some_and(|stem| {
                let mut back = stem.chars().rev();
                let (last, before) = (back.next(), back.next());
                last == before && last.is_some_and(|last| "bcdgklmnprstvxz".contains(last)) || stem.ends_with("ck")
            });
            let stems = [cut(3, count > 5), with(3, "e", true), cut(4, count > 5 && doubled)];
            if let Some(stem) = first_known(&stems) {
                let change = change.or(Some(Restress::Lift));
                return self.entry(&stem, tag, change, ahead).map(|sounds| gerund(&sounds));
            }
        }
        None
    }

    /// An entry, also when it is written with the other case of the first letter.
    fn find<'a>(&self, layer: &'a HashMap<String, Entry>, word: &str) -> Option<&'a Entry> {
        if let Some(found) = layer.get(word) {
            return Some(found);
        }
        if word.chars().count() < 2 {
            return None;
        }
        let lower = word.to_lowercase();
        let capital = capitalized(&lower);
        if word == lower {
            if capital == lower { None } else { layer.get(&capital) }
        } else if word == capital {
            layer.get(&lower)
        } else {
            None
        }
    }

    fn always(&self, word: &str) -> Option<String> {
        self.tagged(word, "DEFAULT")
    }

    fn tagged(&self, word: &str, tag: &str) -> Option<String> {
        match self.checked.get(word)? {
            Entry::Always(sounds) => Some(sounds.to_string()),
            Entry::ByTag(sounds) => sounds.get(tag)?.as_deref().map(str::to_owned),
        }
    }
}

/// The plural, or the possessive: `-s`, `-z` or `-ᵻz` after a hiss.
pub(crate) fn plural(stem: &str) -> String {
    let ending = match stem.chars().next_back() {
        Some('p' | 't' | 'k' | 'f' | 'θ') => "s",
        Some('s' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ') => "ᵻz",
        Some(_) | None => "z",
    };
    format!("{stem}{ending}")
}

fn past(stem: &str) -> String {
    match stem.chars().next_back() {
        Some('p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ') => format!("{stem}t"),
        Some('d') => format!("{stem}ᵻd"),
        Some('t') => tapped(stem).map_or_else(|| format!("{stem}ᵻd"), |stem| format!("{stem}ᵻd")),
        Some(_) | None => format!("{stem}d"),
    }
}

fn gerund(stem: &str) -> String {
    format!("{}ɪŋ", tapped(stem).unwrap_or_else(|| stem.to_owned()))
}

/// American speech taps a `t` between vowels.
fn tapped(stem: &str) -> Option<String> {
    let stem = stem.strip_suffix('t')?;
    let before = stem.chars().next_back()?;
    "AIOWYiuæɑəɛɪɹʊʌ".contains(before).then(|| format!("{stem}ɾ"))
}

fn parent(tag: &str) -> &str {
    match tag {
        tag if tag.starts_with("VB") => "VERB",
        tag if tag.starts_with("NN") => "NOUN",
        tag if tag.starts_with("ADV") || tag.starts_with("RB") => "ADV",
        tag if tag.starts_with("ADJ") || tag.starts_with("JJ") => "ADJ",
        tag => tag,
    }
}

fn capitalized(lower: &str) -> String {
    let mut letters = lower.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_follow_the_last_sound() {
        let check = |got: String, expected: &str| assert_eq!(got, expected);
        check(plural("bˈʊk"), "bˈʊks");
        check(plural("ˈɔɹdəɹ"), "ˈɔɹdəɹz");
        check(plural("ɹᵻfˈʌnd"), "ɹᵻfˈʌndz");
        check(plural("bˈɑks"), "bˈɑksᵻz");
        check(past("stˈɑp"), "stˈɑpt");
        check(past("wˈAt"), "wˈAɾᵻd");
        check(past("ɛkspˈɛkt"), "ɛkspˈɛktᵻd");
        check(gerund("wˈAt"), "wˈAɾɪŋ");
    }

    #[test]
    fn the_lexicon_derives_and_spells() {
        let checked = r#"{"refund":{"DEFAULT":"ɹifˈʌnd","NOUN":"ɹˈifʌnd"},"order":"ˈɔɹdəɹ","S":"ˈɛs","M":"ˈɛm","to":"tu","Li":"lˈi"}"#;
        let mut lexicon = Lexicon::parse(checked.as_bytes(), b"{}").unwrap();
        let check = |word, tag, expected: Option<&str>| {
            assert_eq!(lexicon.sounds(word, tag, Ahead::default()).as_deref(), expected, "{word}");
        };
        check("refund", "NN", Some("ɹˈifʌnd"));
        check("refunds", "VBZ", Some("ɹifˈʌndz"));
        check("Orders", "NNS", Some("ˈɔɹdəɹz"));
        check("SMS", "NN", Some("ˌɛsˌɛmˈɛs"));
        check("li", "NN", Some("lˈi"));
        check("zzyzx", "NN", None);
        lexicon.add("Zzyzx", "zˈIzɪks".to_owned());
        assert_eq!(lexicon.sounds("zzyzx", "NN", Ahead::default()).as_deref(), Some("zˈIzɪks"));
    }
}
