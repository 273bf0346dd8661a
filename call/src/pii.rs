//! Personal data: names, numbers, words spoken, digits pressed.
//!
//! `Pii` prints as `[pii]` everywhere and does not serialise by itself. A field that must be written whole, such as an
//! utterance in the journal, says so where it is declared: `#[serde(with = "call::revealed")]`.

use std::fmt;

/// Something private. The only way in is [`Pii::reveal`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Wraps a private value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for the console, the journal, the recogniser and the mind, never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out, under the same rule as [`Pii::reveal`].
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[pii]")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[pii]")
    }
}

/// For `#[serde(with = "call::revealed")]`: writes the private value whole, on purpose and in the open.
pub mod revealed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Pii;

    /// Writes the value inside.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(pii: &Pii<T>, serializer: S) -> Result<S::Ok, S::Error> {
        pii.reveal().serialize(serializer)
    }

    /// Reads a value and wraps it.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Pii<T>, D::Error> {
        T::deserialize(deserializer).map(Pii::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_value_never_prints() {
        let name = Pii::new("Wang Fang");
        assert_eq!(format!("{name} {name:?}"), "[pii] [pii]");
        assert_eq!(*name.reveal(), "Wang Fang");
    }
}
