//! Words to sounds.
//!
//! Words are tagged from left to right and pronounced from right to left, because "the" and "to" depend on the sound
//! that follows. A word that is not in the dictionary as a whole is taken apart at hyphens and capitals; what is still
//! unknown then is read by the network.

mod lexicon;
mod stress;
mod tagger;
mod unknown;

use std::collections::HashMap;

pub(crate) use self::lexicon::Lexicon;
use self::lexicon::{Ahead, NextSound, plural};
use self::stress::{PRIMARY, Restress, is_consonant, is_vowel, restressed, weight};
pub(crate) use self::tagger::Tagger;
pub(crate) use self::unknown::Unknown;
use crate::normalize::{Said, Token};

/// Everything needed to pronounce English.
pub(crate) struct Pronouncer {
    pub(crate) lexicon: Lexicon,
    pub(crate) tagger: Tagger,
    pub(crate) unknown: Unknown,
    /// Contractions and the pieces that the tagger knows them by: `don't` as `do`, `n't`.
    pub(crate) contractions: HashMap<String, Vec<String>>,
}

impl Pronouncer {
    /// The sounds of each token; a mark sounds like itself, a word without any readable letter is empty.
    pub(crate) fn pronounce(&self, tokens: &[Token]) -> Result<Vec<String>, String> {
        let pieces: Vec<Vec<String>> = tokens.iter().map(|token| self.pieces(&token.said)).collect();
        let flat: Vec<&str> = pieces.iter().flatten().map(String::as_str).collect();
        let tags = self.tagger.tag(&flat);
        let mut tags_left = tags.as_slice();
        let mut out = vec![String::new(); tokens.len()];
        let mut ahead = Ahead::default();
        for (at, token) in tokens.iter().enumerate().rev() {
            let (before, mine) = tags_left.split_at(tags_left.len() - pieces[at].len());
            tags_left = before;
            let sounds = match &token.said {
                Said::Letters(letters) => self.lexicon.letters(letters).unwrap_or_default(),
                Said::Mark(mark) => mark.to_string(),
                Said::Word(word) => self.word(word, &pieces[at], mine, ahead)?,
            };
            let to = matches!(&token.said, Said::Word(word) if word.eq_ignore_ascii_case("to"));
            ahead = Ahead { sound: first_sound(&sounds).unwrap_or(ahead.sound), to };
            // The voice writes a tapped t as T and has no glottal stop.
            out[at] = sounds.replace('ɾ', "T").replace('ʔ', "t");
        }
        Ok(out)
    }

    /// What the tagger sees of a token.
    fn pieces(&self, said: &Said) -> Vec<String> {
        let word = match said {
            Said::Letters(letters) => return vec![letters.clone()],
            Said::Mark(mark) => return vec![mark.to_string()],
            Said::Word(word) => word,
        };
        if let Some(pieces) = self.contractions.get(word) {
            return pieces.clone();
        }
        if let Some(stem) = word.strip_suffix("'s").filter(|stem| !stem.is_empty()) {
            let mut pieces = hyphenated(stem);
            pieces.push("'s".to_owned());
            return pieces;
        }
        match word.strip_suffix('\'').filter(|stem| !stem.is_empty()) {
            Some(stem) => {
                let mut pieces = hyphenated(stem);
                pieces.push("'".to_owned());
                pieces
            }
            None => hyphenated(word),
        }
    }

    fn word(&self, word: &str, pieces: &[String], tags: &[&str], ahead: Ahead) -> Result<String, String> {
        // Several pieces share the tag of the heaviest, the first among equals.
        let weigh = |piece: &str| piece.chars().map(|letter| if letter.is_uppercase() { 2 } else { 1 }).sum::<usize>();
        let heaviest = pieces.iter().zip(tags).rev().max_by_key(|(piece, _)| weigh(piece));
        let tag = heaviest.map_or("NN", |(_, tag)| tag);
        if let Some(sounds) = self.lexicon.sounds(word, tag, ahead) {
            return Ok(sounds);
        }
        let halves: Vec<&str> = word.split('-').filter(|half| !half.is_empty()).collect();
        if halves.len() == 1 && !word.contains('-') {
            return self.compound(word, tag, ahead);
        }
        let tag_of =
            |half: &str| pieces.iter().zip(tags).find(|(piece, _)| *piece == half).map_or(tag, |(_, tag)| *tag);
        let mut sounds = Vec::with_capacity(halves.len());
        let mut next = ahead;
        for half in halves.iter().rev() {
            let spoken = match self.lexicon.sounds(half, tag_of(half), next) {
                Some(spoken) => spoken,
                None => self.compound(half, tag_of(half), next)?,
            };
            next = Ahead { sound: first_sound(&spoken).unwrap_or(next.sound), to: half.eq_ignore_ascii_case("to") };
            sounds.push(((*half).to_owned(), spoken));
        }
        sounds.reverse();
        Ok(settled(sounds))
    }

    /// A word that the dictionary does not have: its parts at capitals if it has them all, else the network's guess.
    fn compound(&self, word: &str, tag: &str, ahead: Ahead) -> Result<String, String> {
        let parts = at_capitals(word);
        if parts.len() > 1 {
            let mut next = ahead;
            let mut sounds = Vec::with_capacity(parts.len());
            for part in parts.iter().rev() {
                let Some(spoken) = self.lexicon.sounds(part, tag, next) else { break };
                next = Ahead { sound: first_sound(&spoken).unwrap_or(next.sound), to: false };
                sounds.push(((*part).to_owned(), spoken));
            }
            if sounds.len() == parts.len() {
                sounds.reverse();
                return Ok(settled(sounds));
            }
        }
        match word.strip_suffix("'s") {
            Some(stem) => Ok(plural(&self.unknown.sounds(stem)?)),
            None => self.unknown.sounds(word.trim_end_matches('\'')),
        }
    }
}

/// Joins the parts of a compound; when most of them carry the main stress, the lightest half of them give it up.
fn settled(mut parts: Vec<(String, String)>) -> String {
    let mut ranked: Vec<_> = parts
        .iter()
        .enumerate()
        .filter(|(_, (_, sounds))| !sounds.is_empty())
        .map(|(at, (_, sounds))| (sounds.contains(PRIMARY), weight(sounds), at))
        .collect();
    let stressed = ranked.iter().filter(|(primary, ..)| *primary).count();
    if ranked.len() == 2 && parts[ranked[0].2].0.chars().count() == 1 {
        let at = ranked[1].2;
        parts[at].1 = restressed(&parts[at].1, Restress::Weaken);
    } else if ranked.len() >= 2 && stressed > ranked.len().div_ceil(2) {
        ranked.sort_unstable();
        for &(_, _, at) in &ranked[..ranked.len() / 2] {
            parts[at].1 = restressed(&parts[at].1, Restress::Weaken);
        }
    }
    parts.into_iter().map(|(_, sounds)| sounds).collect()
}

/// A word and its hyphens as pieces of their own.
fn hyphenated(word: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for (at, half) in word.split('-').enumerate() {
        if at > 0 {
            pieces.push("-".to_owned());
        }
        if !half.is_empty() {
            pieces.push(half.to_owned());
        }
    }
    pieces
}

/// `iPhone` as `i`, `Phone`; `HTTPServer` as `HTTP`, `Server`.
fn at_capitals(word: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for window in 1..letters.len() {
        let (at, here) = letters[window];
        let before = letters[window - 1].1;
        let after = letters.get(window + 1).map(|(_, letter)| *letter);
        let rises = before.is_lowercase() && here.is_uppercase();
        let word_in_capitals = before.is_uppercase() && here.is_uppercase() && after.is_some_and(char::is_lowercase);
        if rises || word_in_capitals {
            parts.push(&word[start..at]);
            start = at;
        }
    }
    parts.push(&word[start..]);
    parts
}

/// What a word begins with, for the word before it.
fn first_sound(sounds: &str) -> Option<NextSound> {
    sounds.chars().find_map(|sound| match sound {
        ';' | ':' | ',' | '.' | '!' | '?' | '—' | '…' => Some(NextSound::Pause),
        sound if is_vowel(sound) => Some(NextSound::Vowel),
        sound if is_consonant(sound) => Some(NextSound::Consonant),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_apart_at_capitals_and_hyphens() {
        assert_eq!(at_capitals("iPhone"), ["i", "Phone"]);
        assert_eq!(at_capitals("HTTPServer"), ["HTTP", "Server"]);
        assert_eq!(at_capitals("order"), ["order"]);
        assert_eq!(hyphenated("well-known"), ["well", "-", "known"]);
    }

    #[test]
    fn one_half_of_a_compound_gives_up_its_stress() {
        let part = |word: &str, sounds: &str| (word.to_owned(), sounds.to_owned());
        assert_eq!(settled(vec![part("well", "wˈɛl"), part("known", "nˈOn")]), "wˌɛlnˈOn");
        assert_eq!(settled(vec![part("e", "ˈi"), part("shop", "ʃˈɑp")]), "ˈiʃˌɑp");
    }
}
