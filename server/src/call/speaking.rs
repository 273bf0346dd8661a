//! What the house says to one leg: text goes in, clips come out clause by clause, and only played words are reported.
//!
//! A pure machine. It asks for clauses to be rendered, plays them in order as soon as each is ready, and turns the
//! wire's exact frame counts into the words the listener really heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use call::markup::plain;
use call::{Language, Moment, Pii, Span};
use dialog::PromptKind;
use media::{Clip, Progress};
use tts::Style;

use crate::mouth::{Rendered, Say};

/// Something to be said.
#[derive(Clone, Debug)]
pub(crate) struct Saying {
    /// The mind's name for it.
    pub(crate) id: u64,
    /// The words, as written, with their markup.
    pub(crate) text: Pii<String>,
    /// The language of the words.
    pub(crate) language: Language,
    /// Whether it is said in every call.
    pub(crate) kind: PromptKind,
    /// How it is said where its markup says nothing else.
    pub(crate) style: Style,
}

/// What [`Speaking`] wants done or has to tell.
#[derive(Debug)]
pub(crate) enum SpeakingOutput {
    /// The first sound of a saying was sent.
    Began { at: Moment },
    /// A saying is over: `text` was really played, within `span` if any of it was. It holds no markup.
    Ended { id: u64, text: Pii<String>, language: Language, span: Option<Span>, ending: Ending },
    /// Play this after what is already playing.
    Play(Clip),
    /// A clause was played whole and more of its saying follows: `text` is what was played of it so far.
    Played { text: Pii<String>, language: Language, span: Span },
    /// Render this clause and answer with [`Speaking::handle_rendered`] under the same token. About so much sound is
    /// played before it.
    Render { token: u64, say: Say, kind: PromptKind, ahead: Duration },
}

/// Whether a saying came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it was played.
    Complete,
    /// It was cut off.
    Stopped,
}

/// The voice's work for one leg.
#[derive(Debug, Default)]
pub(crate) struct Speaking {
    sayings: VecDeque<Active>,
    outputs: VecDeque<SpeakingOutput>,
    next_token: u64,
}

/// A saying on its way.
#[derive(Debug)]
struct Active {
    id: u64,
    language: Language,
    clauses: Vec<Clause>,
    began: Option<Moment>,
    last_played: Option<Moment>,
}

/// A part of a saying that is rendered and played as one.
#[derive(Debug)]
struct Clause {
    token: u64,
    text: Pii<String>,
    /// Whether a blank stands before it.
    spaced: bool,
    /// How long it plays, as far as its letters tell.
    guess: Duration,
    state: ClauseState,
}

#[derive(Debug)]
enum ClauseState {
    /// Could not be rendered; never heard.
    Failed,
    /// The wire has it.
    Playing(Arc<Rendered>),
    /// So many bytes of its text were heard.
    Over { heard_bytes: usize },
    /// Rendered, and waiting for the clauses before it.
    Ready(Arc<Rendered>),
    /// Being rendered.
    Rendering,
}

impl Speaking {
    /// Says something after whatever is being said.
    pub(crate) fn say(&mut self, saying: &Saying) {
        let mut ahead = self.ahead();
        let mut clauses = Vec::new();
        for part in tts::parts(saying.text.reveal(), saying.language, saying.style) {
            self.next_token += 1;
            let (token, spaced) = (self.next_token, part.spaced);
            let say = Say::from(part);
            let (text, guess) = (say.text.clone(), guess(&say));
            self.outputs.push_back(SpeakingOutput::Render { token, say, kind: saying.kind, ahead });
            ahead += guess;
            clauses.push(Clause { token, text, spaced, guess, state: ClauseState::Rendering });
        }
        let active = Active { id: saying.id, language: saying.language, clauses, began: None, last_played: None };
        self.sayings.push_back(active);
        self.settle();
    }

    /// Whether anything is being said or about to be.
    pub(crate) fn is_busy(&self) -> bool {
        !self.sayings.is_empty()
    }

    /// A clause was rendered, or could not be. One that comes after a stop is no longer wanted.
    pub(crate) fn handle_rendered(&mut self, token: u64, rendered: Option<Arc<Rendered>>) {
        let clauses = self.sayings.iter_mut().flat_map(|saying| &mut saying.clauses);
        for clause in clauses {
            if clause.token == token && matches!(clause.state, ClauseState::Rendering) {
                clause.state = rendered.map_or(ClauseState::Failed, ClauseState::Ready);
                break;
            }
        }
        self.settle();
    }

    /// The wire played, finished or stopped a clip. Clips bear the token of their clause.
    pub(crate) fn handle_progress(&mut self, progress: &Progress, at: Moment) {
        let (token, frames) = match *progress {
            Progress::Finished { clip } => (clip, usize::MAX),
            Progress::Started { clip } => return self.handle_started(clip, at),
            Progress::Stopped { clip, frames_played } => (clip, frames_played),
        };
        for saying in &mut self.sayings {
            let Some(clause) = saying.clauses.iter_mut().find(|clause| clause.token == token) else { continue };
            let heard_bytes = match &clause.state {
                ClauseState::Playing(rendered) => rendered.bytes_heard(frames, clause.text.reveal()),
                ClauseState::Failed | ClauseState::Over { .. } | ClauseState::Ready(_) | ClauseState::Rendering => 0,
            };
            clause.state = ClauseState::Over { heard_bytes };
            if frames > 0 {
                saying.last_played = Some(at);
            }
            if let (Some(start), false) = (saying.began, saying.is_over()) {
                let (text, span) = (Pii::new(saying.heard().0), Span { start, end: at });
                self.outputs.push_back(SpeakingOutput::Played { text, language: saying.language, span });
            }
        }
        self.settle();
    }

    /// Forgets everything not yet handed to the wire. What the wire holds is reported as it tells of its stop.
    pub(crate) fn stop(&mut self) {
        let mut unplayed = Vec::new();
        self.outputs.retain(|output| match output {
            SpeakingOutput::Play(clip) => {
                unplayed.push(clip.id);
                false
            }
            SpeakingOutput::Began { .. }
            | SpeakingOutput::Ended { .. }
            | SpeakingOutput::Played { .. }
            | SpeakingOutput::Render { .. } => true,
        });
        for clause in self.sayings.iter_mut().flat_map(|saying| &mut saying.clauses) {
            let is_here = matches!(clause.state, ClauseState::Ready(_) | ClauseState::Rendering);
            if is_here || unplayed.contains(&clause.token) {
                clause.state = ClauseState::Over { heard_bytes: 0 };
            }
        }
        self.settle();
    }

    /// The next thing to do, until `None`.
    pub(crate) fn poll_output(&mut self) -> Option<SpeakingOutput> {
        self.outputs.pop_front()
    }

    fn handle_started(&mut self, token: u64, at: Moment) {
        let holds = |saying: &&mut Active| saying.clauses.iter().any(|clause| clause.token == token);
        if let Some(saying) = self.sayings.iter_mut().find(holds)
            && saying.began.is_none()
        {
            saying.began = Some(at);
            self.outputs.push_back(SpeakingOutput::Began { at });
        }
    }

    /// About how much sound is still to be played.
    fn ahead(&self) -> Duration {
        let left = |clause: &Clause| match &clause.state {
            ClauseState::Failed | ClauseState::Over { .. } => Duration::ZERO,
            ClauseState::Playing(rendered) | ClauseState::Ready(rendered) => rendered.duration(),
            ClauseState::Rendering => clause.guess,
        };
        self.sayings.iter().flat_map(|saying| &saying.clauses).map(left).sum()
    }

    /// Plays what is ready, in order and as much as the wire takes, and closes sayings that are over.
    fn settle(&mut self) {
        let mut playing = 0;
        'order: for clause in self.sayings.iter_mut().flat_map(|saying| &mut saying.clauses) {
            match &clause.state {
                ClauseState::Rendering => break 'order,
                ClauseState::Ready(_) if playing >= PLAYING_MAX => break 'order,
                ClauseState::Ready(rendered) => {
                    let rendered = rendered.clone();
                    let clip = Clip { id: clause.token, frames: rendered.frames.clone() };
                    self.outputs.push_back(SpeakingOutput::Play(clip));
                    clause.state = ClauseState::Playing(rendered);
                    playing += 1;
                }
                ClauseState::Playing(_) => playing += 1,
                ClauseState::Failed | ClauseState::Over { .. } => {}
            }
        }
        while self.sayings.front().is_some_and(Active::is_over) {
            if let Some(saying) = self.sayings.pop_front() {
                self.outputs.push_back(saying.close());
            }
        }
    }
}

impl Active {
    fn is_over(&self) -> bool {
        self.clauses.iter().all(|clause| matches!(clause.state, ClauseState::Failed | ClauseState::Over { .. }))
    }

    /// The words whose sound was sent, and whether that is all.
    fn heard(&self) -> (String, Ending) {
        let mut text = String::new();
        let mut ending = Ending::Complete;
        for clause in &self.clauses {
            let words = clause.text.reveal();
            let heard = match clause.state {
                ClauseState::Over { heard_bytes } => heard_bytes.min(words.len()),
                ClauseState::Failed | ClauseState::Playing(_) | ClauseState::Ready(_) | ClauseState::Rendering => 0,
            };
            if heard < words.len() && !matches!(clause.state, ClauseState::Failed) {
                ending = Ending::Stopped;
            }
            let heard = plain(words.get(..heard).unwrap_or_default());
            if !heard.is_empty() {
                if clause.spaced && !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&heard);
            }
        }
        (text, ending)
    }

    fn close(self) -> SpeakingOutput {
        let (text, ending) = self.heard();
        let span = self.began.map(|start| Span { start, end: self.last_played.unwrap_or(start) });
        SpeakingOutput::Ended { id: self.id, text: Pii::new(text), language: self.language, span, ending }
    }
}

/// How long a clause plays, as far as its letters tell: enough to put clauses in the order in which they are needed.
fn guess(say: &Say) -> Duration {
    let letters = u32::try_from(say.text.reveal().chars().count()).unwrap_or(u32::MAX);
    let letter = match say.language {
        Language::En => LETTER_EN,
        Language::Zh => LETTER_ZH,
    };
    letter.saturating_mul(letters).saturating_add(say.pause)
}

/// Clips on the wire at once; it takes 64.
const PLAYING_MAX: usize = 16;
/// A letter of English, spaces counted: about 15 a second.
const LETTER_EN: Duration = Duration::from_millis(65);
/// A character of Mandarin: about 4 a second.
const LETTER_ZH: Duration = Duration::from_millis(230);

#[cfg(test)]
mod truth;

#[cfg(test)]
mod tests {
    use call::AudioFrame;

    use super::*;
    use crate::mouth::FrameMark;

    fn rendered(frames: usize, marks: &[(usize, usize)]) -> Arc<Rendered> {
        let marks = marks.iter().map(|&(end_byte, end_frame)| FrameMark { end_byte, end_frame }).collect();
        Arc::new(Rendered { frames: vec![AudioFrame::SILENCE; frames].into(), marks })
    }

    fn begin(text: &str) -> (Speaking, Vec<u64>) {
        let mut speaking = Speaking::default();
        let text = Pii::new(text.to_owned());
        speaking.say(&Saying { id: 7, text, language: Language::En, kind: PromptKind::Live, style: Style::default() });
        let mut tokens = Vec::new();
        while let Some(output) = speaking.poll_output() {
            if let SpeakingOutput::Render { token, .. } = output {
                tokens.push(token);
            }
        }
        (speaking, tokens)
    }

    fn ended(speaking: &mut Speaking) -> Option<(String, Ending)> {
        while let Some(output) = speaking.poll_output() {
            if let SpeakingOutput::Ended { text, ending, .. } = output {
                return Some((text.into_revealed(), ending));
            }
        }
        None
    }

    #[test]
    fn a_whole_saying_is_reported_whole() {
        let (mut speaking, tokens) = begin("Hello there.");
        speaking.handle_rendered(tokens[0], Some(rendered(50, &[(5, 20), (12, 50)])));
        speaking.handle_progress(&Progress::Started { clip: tokens[0] }, Moment::from_millis(100));
        assert!(ended(&mut speaking).is_none(), "it is still playing");
        speaking.handle_progress(&Progress::Finished { clip: tokens[0] }, Moment::from_millis(1_100));
        assert_eq!(ended(&mut speaking), Some(("Hello there.".to_owned(), Ending::Complete)));
        assert!(!speaking.is_busy());
    }

    #[test]
    fn a_stopped_saying_holds_only_the_words_whose_sound_was_sent() {
        let (mut speaking, tokens) = begin("Hello there.");
        speaking.handle_rendered(tokens[0], Some(rendered(50, &[(5, 20), (12, 50)])));
        assert!(matches!(speaking.poll_output(), Some(SpeakingOutput::Play(_))));
        speaking.handle_progress(&Progress::Started { clip: tokens[0] }, Moment::from_millis(100));
        speaking.stop();
        speaking.handle_progress(&Progress::Stopped { clip: tokens[0], frames_played: 30 }, Moment::from_millis(700));
        assert_eq!(ended(&mut speaking), Some(("Hello".to_owned(), Ending::Stopped)));
    }

    #[test]
    fn what_is_rendered_too_late_is_not_played() {
        let (mut speaking, tokens) = begin("Hello there. How are you today?");
        speaking.handle_rendered(tokens[0], Some(rendered(50, &[(12, 50)])));
        assert!(matches!(speaking.poll_output(), Some(SpeakingOutput::Play(_))));
        speaking.handle_progress(&Progress::Started { clip: tokens[0] }, Moment::from_millis(100));
        while speaking.poll_output().is_some() {}
        speaking.stop();
        // The first clause still fades.
        speaking.handle_rendered(tokens[1], Some(rendered(50, &[(18, 50)])));
        assert!(speaking.poll_output().is_none());
    }

    #[test]
    fn a_clip_that_the_wire_has_not_been_given_is_not_played_after_a_stop() {
        let (mut speaking, tokens) = begin("Hello there.");
        speaking.handle_rendered(tokens[0], Some(rendered(50, &[(12, 50)])));
        speaking.stop();
        assert_eq!(ended(&mut speaking), Some((String::new(), Ending::Stopped)));
        assert!(speaking.poll_output().is_none());
    }

    #[test]
    fn a_saying_stopped_before_it_began_was_not_said() {
        let (mut speaking, _tokens) = begin("Hello there.");
        speaking.stop();
        assert_eq!(ended(&mut speaking), Some((String::new(), Ending::Stopped)));
    }

    #[test]
    fn each_clause_is_needed_when_those_before_it_have_been_played() {
        let mut speaking = Speaking::default();
        let mut say = |text: &str, language| {
            let text = Pii::new(text.to_owned());
            speaking.say(&Saying { id: 7, text, language, kind: PromptKind::Live, style: Style::default() });
            let mut needed = Vec::new();
            while let Some(output) = speaking.poll_output() {
                if let SpeakingOutput::Render { ahead, .. } = output {
                    needed.push(ahead.as_millis());
                }
            }
            needed
        };
        assert_eq!(say("Thank you for that. Anything else?", Language::En), [0, 19 * 65 + 280]);
        assert_eq!(say("好的。", Language::Zh), [33 * 65 + 280], "after the other");
    }

    #[test]
    fn the_words_are_told_without_their_markup() {
        let (mut speaking, tokens) = begin("<emphasis>Hello</emphasis> <break time=\"1s\"/>there.");
        for token in tokens {
            speaking.handle_rendered(token, Some(rendered(2, &[])));
            speaking.handle_progress(&Progress::Started { clip: token }, Moment::from_millis(100));
            speaking.handle_progress(&Progress::Finished { clip: token }, Moment::from_millis(200));
        }
        assert_eq!(ended(&mut speaking), Some(("Hello there.".to_owned(), Ending::Complete)));
    }

    #[test]
    fn a_clause_that_cannot_be_rendered_is_left_out_and_the_call_goes_on() {
        let (mut speaking, tokens) = begin("Hello there.");
        for token in tokens {
            speaking.handle_rendered(token, None);
        }
        assert_eq!(ended(&mut speaking), Some((String::new(), Ending::Complete)));
    }
}
