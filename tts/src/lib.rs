//! The mouth: text to speech.
//!
//! [`parts`] cuts a text, its markup included, into [`clauses`] so that sound starts early; a [`Voice`] speaks each
//! clause and marks where in the sound every word ends, so that the transcript holds what was really played. [`Hibari`]
//! is the English voice, [`Kokoro`] the Mandarin one; [`ToneVoice`] beeps, for tests. [`Normalizer`] reads numbers,
//! money, dates and codes as words, in English and in Mandarin.

mod clause;
mod estimate;
mod fingerprint;
mod finish;
mod hibari;
mod kokoro;
mod lexicon;
mod mandarin;
mod marks;
mod normalize;
mod part;
mod phonemes;
mod synth;
mod tone;
mod voice;

pub use clause::{BREAK_MAX, CLAUSE_CHARS_MAX, Clause, clauses};
pub use estimate::{estimated_marks, without_markup};
pub use fingerprint::Fingerprint;
pub use hibari::Hibari;
pub use kokoro::Kokoro;
pub use lexicon::unsayable;
pub use normalize::Normalizer;
pub use part::{Part, parts};
pub use tone::ToneVoice;
pub use voice::{Mark, Speech, Style, TEXT_BYTES_MAX, Voice, VoiceError};
