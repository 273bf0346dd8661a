//! The mind: what the caller wants, what must still be asked, what is looked up, said and decided.
//!
//! A [`Flow`] is a checked file; a [`Conversation`] walks it with one caller. It reads no clock and opens no socket:
//! words, keys, tool results and time come in by `handle_input` and `handle_timeout`, and what is to be said or done
//! comes out of `poll_output`, so the same inputs always give the same call.

mod brief;
mod conversation;
mod flow;
mod input;
pub mod nlu;
mod output;
pub mod slots;
mod understand;
mod wording;

pub use conversation::{Conversation, Phase};
pub use flow::{Flow, FlowErrors, FlowProblem, HOLE};
pub use input::{Input, Setup};
pub use output::{BargeIn, Expectation, Method, Output, Pauses, PromptKind, ToolRequest};
pub use understand::{FoundSlot, Understanding, understand};
