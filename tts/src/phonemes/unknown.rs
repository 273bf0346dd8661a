//! Words that no dictionary has: a small network reads them letter by letter.
//!
//! It is trained like a recogniser (CTC): each letter has a few places, each place holds a sound or nothing, and a
//! sound that stands twice in a row is said once.

use rten::{Model, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use serde::Deserialize;

/// Reads unknown words.
pub(crate) struct Unknown {
    model: Model,
    letters: Vec<char>,
    sounds: Vec<char>,
    letters_max: usize,
}

/// What stands beside the model.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "in")]
    letters: Vec<char>,
    #[serde(rename = "out")]
    sounds: Vec<char>,
    maxlen: usize,
}

impl Unknown {
    /// A network and the JSON that names its letters and sounds.
    pub(crate) fn new(model: Model, json: &[u8]) -> Result<Self, String> {
        let Written { letters, sounds, maxlen } = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        Ok(Self { model, letters, sounds, letters_max: maxlen })
    }

    /// The sounds of a word; empty when the network knows none of its letters.
    pub(crate) fn sounds(&self, word: &str) -> Result<String, String> {
        let number = |letter: char| self.letters.iter().position(|known| *known == letter);
        let ids: Vec<i32> = word.chars().filter_map(number).take(self.letters_max).map(|id| id as i32 + 1).collect();
        if ids.is_empty() {
            return Ok(String::new());
        }
        let input = NdTensor::from_data([1, ids.len()], ids);
        let value =
            self.model.run_one(ValueOrView::from(input.as_dyn().view()), None).map_err(|error| error.to_string())?;
        let places: Tensor<i32> = value.into_tensor().ok_or("sounds that are not whole numbers")?;
        let mut out = String::new();
        let mut last = 0;
        for &place in places.iter() {
            if place != last
                && let Some(sound) =
                    usize::try_from(place).ok().and_then(|place| self.sounds.get(place.checked_sub(1)?))
            {
                out.push(*sound);
            }
            last = place;
        }
        Ok(out)
    }
}
