//! What a rule makes of a stretch of text: words, letters to spell, pauses.

/// One thing to say, or one silence to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Letters read by their names, written as capitals: `SMS`.
    Letters(String),
    /// A mark of punctuation that the voice hears: one of `. , ? ! ; : — …`.
    Mark(char),
    /// A word as it is found in a dictionary.
    Word(String),
}

/// What a rule found at the place it was asked about.
pub(super) struct Hit {
    /// Bytes of text that are dealt with; never zero.
    pub(super) length: usize,
    pub(super) said: Vec<Said>,
}

impl Hit {
    pub(super) fn new(length: usize) -> Self {
        Self { length, said: Vec::new() }
    }

    /// Adds each word of `words`.
    pub(super) fn words(mut self, words: &str) -> Self {
        self.said.extend(words.split_whitespace().map(|word| Said::Word(word.to_owned())));
        self
    }

    /// Adds letters to spell.
    pub(super) fn letters(mut self, letters: &str) -> Self {
        let letters: String =
            letters.chars().filter(|letter| letter.is_alphabetic()).flat_map(char::to_uppercase).collect();
        if !letters.is_empty() {
            self.said.push(Said::Letters(letters));
        }
        self
    }

    /// Adds a mark.
    pub(super) fn mark(mut self, mark: char) -> Self {
        self.said.push(Said::Mark(mark));
        self
    }

    /// Adds a short pause, unless nothing has been said yet.
    pub(super) fn pause(self) -> Self {
        if self.said.is_empty() || matches!(self.said.last(), Some(Said::Mark(_))) { self } else { self.mark(',') }
    }
}
