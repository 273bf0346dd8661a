//! What a caller does and what the listener makes of it, frame by frame in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use call::{AudioFrame, Language, Moment};
use proptest::prelude::*;

use super::{Bot, Listener, ListenerConfig, ListenerOutput, Speculation, UnclearReason};
use crate::confidence::Features;
use crate::expect::Expect;
use crate::guard::DropReason;
use crate::recognizer::{
    DecodeId, DecodeKind, DecodeRequest, Decoded, LanguageChoice, Recognizer, RecognizerError, Verdict,
};
use crate::scripted::Scripted;

/// A listener, a recogniser that takes its time, and a clock.
struct Room {
    listener: Listener,
    now: Moment,
    /// What the recogniser writes; `None` fails.
    text: Option<&'static str>,
    takes: Duration,
    due: VecDeque<(Moment, DecodeId, DecodeRequest)>,
    log: Vec<String>,
    heard: Vec<ListenerOutput>,
}

impl Room {
    fn new(text: Option<&'static str>, takes_ms: u64) -> Self {
        Self {
            listener: Listener::new(ListenerConfig::default(), LanguageChoice::default()),
            now: Moment::from_millis(1_000),
            text,
            takes: Duration::from_millis(takes_ms),
            due: VecDeque::new(),
            log: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Speech or silence for some time.
    fn hear(&mut self, speech: f32, ms: u64) -> &mut Self {
        for _ in 0..ms / 20 {
            self.now += AudioFrame::DURATION;
            self.answer();
            self.listener.handle_frame(&AudioFrame([100; AudioFrame::SAMPLES]), speech, self.now);
            self.drain();
        }
        self
    }

    fn speech(&mut self, ms: u64) -> &mut Self {
        self.hear(0.9, ms)
    }

    fn silence(&mut self, ms: u64) -> &mut Self {
        self.hear(0.05, ms)
    }

    fn answer(&mut self) {
        while let Some((_, id, request)) = self.due.pop_front_if(|(at, _, _)| *at <= self.now) {
            let answer = match self.text {
                Some(text) => Scripted::new([text]).decode(&request),
                None => Err(RecognizerError::Busy { states_max: 1 }),
            };
            self.listener.handle_decoded(id, answer, self.now);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.listener.poll_output() {
            self.log.push(match &output {
                ListenerOutput::Abandon { id } => format!("abandon {id}"),
                ListenerOutput::Decode { id, kind, request } => {
                    self.due.push_back((self.now + self.takes, *id, request.clone()));
                    format!("{kind:?} {id}")
                }
                ListenerOutput::Guess { text, .. } => format!("guess {}", text.reveal()),
                ListenerOutput::Heard { text, speculation, .. } => format!("heard {} {speculation:?}", text.reveal()),
                ListenerOutput::Partial { text, .. } => format!("partial {}", text.reveal()),
                ListenerOutput::Promote { id } => format!("promote {id}"),
                ListenerOutput::SpeechStarted { .. } => "started".to_owned(),
                ListenerOutput::SpeechStopped { .. } => "stopped".to_owned(),
                ListenerOutput::TurnEnded { .. } => "ended".to_owned(),
                ListenerOutput::Unclear { reason, .. } => format!("unclear {reason:?}"),
            });
            self.heard.push(output);
        }
    }

    fn check(&self, expected: &[&str]) {
        assert_eq!(self.log, expected);
    }
}

#[test]
fn whoever_talks_over_the_bot_is_made_out_at_once() {
    let mut room = Room::new(Some("Where is my order?"), 150);
    room.listener.bot_speaking(Bot::Speaking);
    room.silence(500).speech(440);
    room.check(&["started", "Partial 1", "guess Where is my order?"]);
    room.listener.bot_speaking(Bot::Silent);
    room.silence(600);
    let after: Vec<_> = room.log.iter().skip_while(|line| *line != "stopped").collect();
    assert_eq!(
        after,
        ["stopped", "Speculative 2", "partial Where is my order?", "ended", "heard Where is my order? Used"]
    );
}

#[test]
fn an_early_decode_is_there_when_the_turn_is_over() {
    let mut room = Room::new(Some("Where is my order?"), 150);
    room.silence(500).speech(900).silence(1_000);
    room.check(&["started", "stopped", "Speculative 1", "ended", "heard Where is my order? Used"]);
    let Some(ListenerOutput::Heard { span, silence_wait, decode, confidence, .. }) = room.heard.last() else {
        panic!("the last output is what was heard")
    };
    assert_eq!((span.start, span.end), (Moment::from_millis(1_500), Moment::from_millis(2_400)));
    assert_eq!(*silence_wait, Duration::from_millis(200), "finished words need little silence");
    assert_eq!((*decode, *confidence), (Duration::ZERO, 1.0));
}

#[test]
fn a_turn_waits_for_its_words_and_then_ends_at_once() {
    let mut room = Room::new(Some("Where is my order?"), 900);
    room.silence(500).speech(900).silence(1_500);
    room.check(&["started", "stopped", "Speculative 1", "ended", "heard Where is my order? Used"]);
    let Some(ListenerOutput::Heard { silence_wait, decode, .. }) = room.heard.last() else {
        panic!("the last output is what was heard")
    };
    assert_eq!((*silence_wait, *decode), (Duration::from_millis(40 + 900), Duration::ZERO));
}

#[test]
fn a_very_slow_early_decode_is_hurried() {
    let mut room = Room::new(Some("Where is my order?"), 1_900);
    room.silence(500).speech(900).silence(2_500);
    room.check(&["started", "stopped", "Speculative 1", "ended", "promote 1", "heard Where is my order? Used"]);
    let Some(ListenerOutput::Heard { silence_wait, decode, .. }) = room.heard.last() else {
        panic!("the last output is what was heard")
    };
    assert_eq!(*silence_wait + *decode, Duration::from_millis(40 + 1_900));
}

#[test]
fn an_early_decode_is_thrown_away_when_the_caller_goes_on() {
    let mut room = Room::new(Some("Where is my order?"), 400);
    room.speech(500).silence(240).speech(280).silence(1_000);
    room.check(&[
        "started",
        "stopped",
        "Speculative 1",
        "abandon 1",
        "started",
        "stopped",
        "Speculative 2",
        "ended",
        "heard Where is my order? Used",
    ]);
    let cancelled: Vec<bool> = room
        .heard
        .iter()
        .filter_map(|output| match output {
            ListenerOutput::Decode { request, .. } => Some(request.cancel.is_cancelled()),
            _ => None,
        })
        .collect();
    assert_eq!(cancelled, [true, false], "an abandoned decode stops by itself");
}

#[test]
fn a_failed_early_decode_gets_a_second_chance_and_no_third() {
    let mut room = Room::new(None, 100);
    room.speech(600).silence(1_500);
    room.check(&["started", "stopped", "Speculative 1", "ended", "Final 2", "unclear Failed"]);
}

#[test]
fn words_that_never_come_are_given_up() {
    let mut room = Room::new(Some("Yes."), 60_000);
    room.speech(600).silence(6_500);
    room.check(&["started", "stopped", "Speculative 1", "ended", "promote 1", "abandon 1", "unclear Timeout"]);
}

#[test]
fn a_cough_is_unclear_and_a_click_is_nothing() {
    let mut room = Room::new(Some(""), 100);
    room.speech(60).silence(1_000);
    room.check(&[]);
    room.speech(200).silence(1_000);
    let reason = UnclearReason::Dropped(DropReason::NoSpeech);
    room.check(&["started", "stopped", "Speculative 1", "ended", &format!("unclear {reason:?}")]);
}

#[test]
fn partials_come_each_second_and_their_words_do_not_change() {
    let mut room = Room::new(Some("where is my order"), 200);
    room.speech(3_000).silence(1_000);
    let partials = room.log.iter().filter(|line| line.starts_with("Partial")).count();
    assert_eq!(partials, 2, "{:?}", room.log);
    assert!(room.log.contains(&"partial where is my order".to_owned()), "{:?}", room.log);
    assert_eq!(room.log.last().unwrap(), "heard where is my order Used");
}

#[test]
fn speech_over_the_bot_is_noticed_soon_and_an_echo_is_not() {
    let mut room = Room::new(Some("agent"), 100);
    room.listener.bot_speaking(Bot::Speaking);
    room.hear(0.6, 2_000);
    room.check(&[]);
    let begun = room.now;
    room.speech(240);
    room.check(&["started"]);
    let noticed = room.heard.iter().any(
        |output| matches!(output, ListenerOutput::SpeechStarted { at } if at.since(begun) <= Duration::from_millis(20)),
    );
    assert!(noticed);
}

#[test]
fn a_number_may_be_dictated_slowly() {
    let mut room = Room::new(Some("four four seven"), 100);
    room.listener.expect(Expect::Digits { min: 8, max: 8 }, LanguageChoice::Fixed(Language::En), None);
    room.speech(800).silence(1_000).speech(600).silence(1_000);
    assert!(!room.log.contains(&"ended".to_owned()), "{:?}", room.log);
    room.silence(400);
    assert!(room.log.contains(&"ended".to_owned()), "{:?}", room.log);
}

#[test]
fn a_turn_ends_when_the_line_goes_dead() {
    let mut room = Room::new(Some("hello"), 100);
    room.speech(600);
    for _ in 0..200 {
        let Some(at) = room.listener.poll_timeout() else { break };
        room.now = room.due.front().map_or(at, |(due, _, _)| at.min(*due)).max(room.now);
        room.answer();
        room.listener.handle_timeout(room.now);
        room.drain();
    }
    room.check(&["started", "stopped", "Speculative 1", "ended", "heard hello Used"]);
}

#[test]
fn an_endless_talker_is_cut_and_heard_on() {
    let mut room = Room::new(Some("and so on"), 300);
    room.speech(40_000).silence(1_500);
    let heard = room.log.iter().filter(|line| line.starts_with("heard")).count();
    assert_eq!(heard, 2, "{:?}", room.log);
    let longest = room
        .heard
        .iter()
        .filter_map(|output| match output {
            ListenerOutput::Decode { request, .. } => Some(request.audio()),
            _ => None,
        })
        .max();
    assert!(longest.unwrap() <= Duration::from_secs(30));
}

#[test]
fn an_answer_that_nobody_waits_for_is_ignored() {
    let mut room = Room::new(Some("yes"), 100);
    let stray = Decoded {
        text: "stray".to_owned(),
        language: Language::En,
        confidence: 1.0,
        features: Features::default(),
        no_speech: 0.0,
        segments: Vec::new(),
        audio: Duration::ZERO,
        cpu: Duration::ZERO,
        verdict: Verdict::Kept,
    };
    room.listener.handle_decoded(DecodeId(77), Ok(stray), room.now);
    room.drain();
    room.check(&[]);
}

proptest! {
    #[test]
    fn every_turn_is_answered_once_whatever_the_caller_does(
        stretches in prop::collection::vec((0u64..60, 0u64..60), 1..30),
        takes_ms in 0u64..2_000,
        fails in any::<bool>(),
    ) {
        let mut room = Room::new(if fails { None } else { Some("where is it") }, takes_ms);
        for (speech, silence) in stretches {
            room.speech(speech * 20).silence(silence * 20);
        }
        room.silence(12_000);
        let count = |what: &str| room.log.iter().filter(|line| line.starts_with(what)).count();
        prop_assert_eq!(count("ended"), count("heard") + count("unclear"), "{:?}", room.log);
        // Only a turn that is cut for its length ends while its speaker talks.
        let states = room.log.iter().filter(|line| ["started", "stopped", "ended"].contains(&line.as_str()));
        let cut = states.clone().zip(states.skip(1)).filter(|&(before, line)| line == "ended" && before == "started");
        prop_assert_eq!(count("started"), count("stopped") + cut.count(), "{:?}", room.log);
        let kinds = [DecodeKind::Final, DecodeKind::Partial, DecodeKind::Speculative];
        let asked: usize = kinds.iter().map(|kind| count(&format!("{kind:?}"))).sum();
        prop_assert!(count("abandon") <= asked);
        prop_assert_eq!(room.listener.poll_timeout(), None, "nothing is left to wait for");
    }
}

#[test]
fn the_speculation_that_missed_says_so() {
    let mut room = Room::new(None, 300);
    room.speech(600).silence(440);
    room.text = Some("yes");
    room.silence(1_500);
    assert_eq!(room.log.last().unwrap(), &format!("heard yes {:?}", Speculation::Missed));
}
