//! Values in what a caller says: numbers, yes and no, dates, amounts, telephone numbers, in both languages.
//!
//! Recognisers write "2041", "twenty forty one", "two oh four one" or 二零四幺 for the same thing, and callers correct
//! themselves in mid-number. Every function takes any text and answers `None` rather than guess.

mod amounts;
mod answers;
mod dates;
mod digits;
mod english;
mod mandarin;
mod speech;
mod tongue;

pub use amounts::{Amount, Currency, amount};
pub use answers::{YesNo, is_backchannel, yes_no};
pub use dates::date;
pub use digits::{Dictated, code, digits, luhn_digit, luhn_valid, phone};

pub(crate) use answers::{asks_for_floor, begins_with_answer, holds_phrase};
pub(crate) use digits::corrects;
pub(crate) use tongue::wished_language;

/// How many words a text has; a Chinese character counts as one.
pub(crate) fn words(text: &str) -> usize {
    speech::tokens(text).len()
}
