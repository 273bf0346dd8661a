//! What a single text means to a flow, without a call around it: for `hotline understand` and for the conversation.

use std::collections::BTreeMap;

use call::Language;
use jiff::civil::Date;
use serde::Serialize;

use crate::flow::{Check, Flow, Slot, SlotKind};
use crate::nlu::{Guess, is_han};
use crate::slots::{self, Dictated, YesNo};

/// What a text means to a flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Understanding {
    /// The language it was taken to be in.
    pub language: Language,
    /// The intent, if any is likely enough to ask about.
    pub intent: Option<String>,
    /// How sure, 0.0 to 1.0; of the likeliest intent when there is none.
    pub confidence: f32,
    /// All intents, the likeliest first.
    pub ranked: Vec<Guess>,
    /// Slots that the text fills.
    pub slots: Vec<FoundSlot>,
}

/// A slot that a text fills.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundSlot {
    /// Its name in the flow.
    pub slot: String,
    /// Its value as text.
    pub value: String,
}

/// What `text` means to `flow` on the day `today`.
pub fn understand(flow: &Flow, text: &str, today: Date) -> Understanding {
    let language = language_of(flow, text);
    let ranked = flow.classifiers.get(&language).map(|classifier| classifier.classify(text)).unwrap_or_default();
    let found = found(flow, text, today).into_iter().map(|(slot, value)| FoundSlot { slot, value });
    Understanding {
        language,
        intent: ranked.accepted().map(|guess| guess.intent.clone()),
        confidence: ranked.best().map_or(0.0, |guess| guess.confidence),
        ranked: ranked.guesses().to_vec(),
        slots: found.collect(),
    }
}

/// The language of the flow that the letters belong to.
fn language_of(flow: &Flow, text: &str) -> Language {
    let wanted = if text.chars().any(is_han) { Language::Zh } else { Language::En };
    let spoken = flow.languages.contains(&wanted);
    if spoken { wanted } else { flow.languages.first().copied().unwrap_or(wanted) }
}

/// Slots that a caller fills unasked. Only values that prove themselves count: a checked number, a whole phone number.
pub(crate) fn found(flow: &Flow, text: &str, today: Date) -> BTreeMap<String, String> {
    let proves = |slot: &&Slot| match &slot.kind {
        SlotKind::Digits { min, check, .. } => *check == Check::Luhn || *min >= 6,
        SlotKind::Choice(_) | SlotKind::Date => true,
        SlotKind::Amount | SlotKind::Phone | SlotKind::YesNo => false,
    };
    let fill = |(name, slot): (&String, &Slot)| match take(slot, text, today) {
        Taken::Value(value) => Some((name.clone(), value)),
        Taken::Invalid(_) | Taken::Nothing | Taken::Partial(_) => None,
    };
    flow.slots.iter().filter(|(_, slot)| proves(slot)).filter_map(fill).collect()
}

/// What a slot takes from a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A number that cannot be right: the wrong length, or its check digit disagrees.
    Invalid(String),
    /// Nothing of its kind.
    Nothing,
    /// The beginning of a number.
    Partial(String),
    /// A value.
    Value(String),
}

/// What a slot takes from an answer to its question.
pub(crate) fn take(slot: &Slot, text: &str, today: Date) -> Taken {
    let value = |value: Option<String>| value.map_or(Taken::Nothing, Taken::Value);
    match &slot.kind {
        SlotKind::Amount => value(slots::amount(text).map(slots::Amount::to_text)),
        SlotKind::Choice(options) => value(choice(options, text)),
        SlotKind::Date => value(slots::date(text, today).map(|date| date.to_string())),
        SlotKind::Digits { min, max, check } => match slots::digits(text, *min..=*max) {
            Dictated::Complete(digits) if *check == Check::None || slots::luhn_valid(&digits) => Taken::Value(digits),
            Dictated::Complete(digits) | Dictated::TooMany(digits) => Taken::Invalid(digits),
            Dictated::None => Taken::Nothing,
            Dictated::Partial(digits) => Taken::Partial(digits),
        },
        SlotKind::Phone => value(slots::phone(text)),
        SlotKind::YesNo => value(slots::yes_no(text).map(|answer| match answer {
            YesNo::No => "no".to_owned(),
            YesNo::Yes => "yes".to_owned(),
        })),
    }
}

fn choice(options: &BTreeMap<String, BTreeMap<Language, Vec<String>>>, text: &str) -> Option<String> {
    let said = |words: &BTreeMap<Language, Vec<String>>| {
        words.values().flatten().any(|phrase| slots::holds_phrase(text, phrase))
    };
    let mut meant = options.iter().filter(|(_, words)| said(words)).map(|(name, _)| name.clone());
    let first = meant.next();
    first.filter(|_| meant.next().is_none())
}
