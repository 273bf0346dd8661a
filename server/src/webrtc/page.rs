//! What the page and the call tell each other over the data channel, as JSON.
//!
//! The page learns what is said as it is said, keys that were understood, who it talks to and how the call ended. It
//! tells keys and that it hangs up. Anything else it sends is nothing to us.

use call::{CallEvent, EventRecord, Speaker};
use serde::{Deserialize, Serialize};

/// To the page.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToPage<'a> {
    /// Words: all of the sentence so far. `done`: they will not change.
    Caption { who: Speaker, text: &'a str, done: bool },
    /// A key was understood.
    Digit { digit: char },
    /// The call is over.
    Ended { reason: &'a str },
    /// Who the caller has.
    State { state: State },
}

/// Who the caller has at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// A person.
    Agent,
    /// The bot.
    Bot,
    /// A person is being rung.
    Ringing,
}

/// From the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromPage {
    /// A key was pressed.
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// The caller hangs up.
    HangUp,
}

impl FromPage {
    /// Reads a message; `None` when it is none of ours.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let message = serde_json::from_slice(bytes).ok()?;
        match message {
            Self::Digit { digit: '0'..='9' | '*' | '#' | 'A'..='D' } | Self::HangUp => Some(message),
            Self::Digit { .. } => None,
        }
    }
}

/// What the page is told last. `reason`: in a word or two, as in the journal.
pub(super) fn ended(reason: &str) -> Option<String> {
    serde_json::to_string(&ToPage::Ended { reason }).ok()
}

/// What the page is told of an event of its call; nothing, of most.
pub(super) fn told(record: &EventRecord) -> Option<String> {
    let message = match &record.event {
        CallEvent::PartialHeard { text } => ToPage::Caption { who: Speaker::Caller, text: text.reveal(), done: false },
        CallEvent::Said { utterance } => {
            ToPage::Caption { who: utterance.speaker, text: utterance.text.reveal(), done: true }
        }
        CallEvent::PartialSaid { utterance } => {
            ToPage::Caption { who: utterance.speaker, text: utterance.text.reveal(), done: false }
        }
        CallEvent::Digit { digit } => ToPage::Digit { digit: *digit.reveal() },
        CallEvent::Answered { .. } | CallEvent::QueueLeft { .. } => ToPage::State { state: State::Bot },
        CallEvent::QueueOffered { .. } => ToPage::State { state: State::Ringing },
        CallEvent::Bridged { .. } => ToPage::State { state: State::Agent },
        CallEvent::CallbackRequested { .. }
        | CallEvent::Created { .. }
        | CallEvent::EmotionChanged { .. }
        | CallEvent::Ended { .. }
        | CallEvent::Held { .. }
        | CallEvent::IntentDetected { .. }
        | CallEvent::QueueConnected { .. }
        | CallEvent::RecordingFailed { .. }
        | CallEvent::RecordingReady { .. }
        | CallEvent::RecordingStarted { .. }
        | CallEvent::Resumed { .. }
        | CallEvent::SlotFilled { .. }
        | CallEvent::StepEntered { .. }
        | CallEvent::ToolCalled { .. }
        | CallEvent::ToolFailed { .. }
        | CallEvent::ToolReturned { .. }
        | CallEvent::TransferFailed { .. }
        | CallEvent::TransferRequested { .. }
        | CallEvent::TurnCompleted { .. } => return None,
    };
    serde_json::to_string(&message).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_and_hanging_up_are_taken_from_a_page() {
        let check =
            |text: &str, expected: Option<FromPage>| assert_eq!(FromPage::read(text.as_bytes()), expected, "{text}");
        check(r##"{"type":"digit","digit":"#"}"##, Some(FromPage::Digit { digit: '#' }));
        check(r#"{"type":"hang_up"}"#, Some(FromPage::HangUp));
        check(r#"{"type":"digit","digit":"x"}"#, None);
        check(r#"{"type":"digit","digit":"12"}"#, None);
        check(r#"{"type":"transfer"}"#, None);
        check("\u{0}", None);
    }
}
