//! What the mind expects to hear next, because a pause means different things in a number and in a sentence.

/// The kind of answer that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Expect {
    /// An open question, or none.
    #[default]
    Anything,
    /// One of a few offered things.
    Choice,
    /// A number that the caller dictates, such as an order number.
    Digits {
        /// Fewest digits that make a whole answer.
        min: u8,
        /// Most digits that make sense; with this many the answer is whole.
        max: u8,
    },
    /// Agreement or refusal.
    YesNo,
}
