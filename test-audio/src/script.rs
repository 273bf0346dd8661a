//! Follows a scenario: when to speak, what to wait for, and whether the caller was helped.
//!
//! Pure: it knows turns, not sockets. The caller's shell tells it what was heard and asks what to do next, so that
//! every way a call can go is tested in microseconds.

use std::collections::VecDeque;
use std::time::Duration;

use call::Moment;

use crate::report::Outcome;
use crate::scenario::{Act, Ending, Expect, ExpectedEvent, Presence, Scenario, Start, WITHIN_DEFAULT};

/// What happened on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The caller has said its text or pressed its keys.
    ActEnded,
    /// The other side hung up.
    CallEnded,
    /// Words of a turn whose sound ended in this epoch.
    Heard { epoch: usize, text: String },
    /// The other side has been quiet for 0.7 s; its words will follow.
    SoundEnded,
    /// The other side began to speak.
    SoundStarted,
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Do what this turn says.
    Act { turn: usize },
    /// Hang up; this was the call.
    Finished(Outcome),
    /// This turn only listens; it has begun.
    Listen { turn: usize },
}

/// The progress of one call through its scenario.
#[derive(Debug)]
pub(crate) struct Script {
    scenario: Scenario,
    state: State,
    /// Counts turns begun. What is heard belongs to the epoch in which its sound ended.
    epoch: usize,
    expect: Vec<Expect>,
    heard: String,
    /// Words still with the recogniser, of this epoch.
    pending: usize,
    first_sound: Option<Moment>,
    sound_start: Option<Moment>,
    line: Line,
    outputs: VecDeque<Output>,
}

/// Where the call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Acting { turn: usize },
    AwaitingQuiet { turn: usize },
    Closing { since: Moment },
    Done,
    Listening { next: usize, since: Moment },
    Thinking { turn: usize, until: Moment },
}

/// Whether the other side is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Ended,
    Up,
}

/// How an expectation stands.
enum Standing {
    Failed(String),
    Met,
    Open,
}

impl Script {
    /// A call that was answered now.
    pub(crate) fn new(scenario: Scenario, now: Moment) -> Self {
        let mut script = Self {
            scenario,
            state: State::Done,
            epoch: 0,
            expect: Vec::new(),
            heard: String::new(),
            pending: 0,
            first_sound: None,
            sound_start: None,
            line: Line::Up,
            outputs: VecDeque::new(),
        };
        let speaks_first = script.scenario.turns.first().is_some_and(|turn| turn.act != Act::Listen);
        if speaks_first && script.scenario.turns[0].start == Start::AfterThem {
            // The other side greets first.
            script.expect = vec![any_response(script.scenario.turns[0].line)];
            script.state = State::Listening { next: 0, since: now };
        } else {
            script.begin(0, now);
        }
        script
    }

    /// The number of turns begun so far.
    pub(crate) const fn epoch(&self) -> usize {
        self.epoch
    }

    /// Something happened. Drain [`Script::poll_output`] afterwards.
    pub(crate) fn handle_input(&mut self, input: Input, now: Moment) {
        match input {
            Input::ActEnded => {
                if let State::Acting { turn } = self.state {
                    self.state = State::Listening { next: turn + 1, since: now };
                }
            }
            Input::CallEnded => self.line = Line::Ended,
            Input::Heard { epoch, text } if epoch == self.epoch => {
                self.pending = self.pending.saturating_sub(1);
                self.heard.push(' ');
                self.heard.push_str(&text);
            }
            // Words of an earlier turn come too late to count.
            Input::Heard { .. } | Input::Tick => {}
            Input::SoundEnded => {
                self.pending += 1;
                self.sound_start = None;
            }
            Input::SoundStarted => {
                self.first_sound.get_or_insert(now);
                self.sound_start = Some(now);
            }
        }
        self.advance(now);
    }

    /// What to do next, if anything.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Goes as far as it can; each round ends a state, so there are few.
    fn advance(&mut self, now: Moment) {
        for _ in 0..ROUNDS_MAX {
            let before = self.state;
            match self.state {
                State::Acting { turn } if self.line == Line::Ended => self.fail_early(turn),
                State::Acting { .. } | State::Done => {}
                State::AwaitingQuiet { turn } => self.await_quiet(turn, now),
                State::Closing { since } => self.close(since, now),
                State::Listening { next, since } => self.listen(next, since, now),
                State::Thinking { turn, until } => self.think(turn, until, now),
            }
            if self.state == before {
                return;
            }
        }
    }

    fn begin(&mut self, turn: usize, now: Moment) {
        let Some(plan) = self.scenario.turns.get(turn) else {
            self.state = State::Closing { since: now };
            return;
        };
        match (&plan.act, plan.start) {
            (Act::Listen, Start::AfterThem | Start::BargeIn) => {
                self.open_epoch(turn);
                self.outputs.push_back(Output::Listen { turn });
                self.state = State::Listening { next: turn + 1, since: now };
            }
            (Act::File(_) | Act::Keys(_) | Act::Speak(_), Start::AfterThem) => {
                self.state = State::AwaitingQuiet { turn };
            }
            (Act::File(_) | Act::Keys(_) | Act::Speak(_), Start::BargeIn) => {
                self.state = State::Thinking { turn, until: now + plan.wait };
            }
        }
    }

    /// Forgets what was heard before; from now on everything belongs to this turn.
    fn open_epoch(&mut self, turn: usize) {
        self.epoch += 1;
        self.heard.clear();
        self.pending = 0;
        self.first_sound = None;
        let plan = &self.scenario.turns[turn];
        self.expect.clone_from(&plan.expect);
        let is_last = turn + 1 == self.scenario.turns.len();
        if self.expect.is_empty() && !is_last {
            self.expect.push(any_response(plan.line));
        }
    }

    fn await_quiet(&mut self, turn: usize, now: Moment) {
        if self.line == Line::Ended {
            self.fail_early(turn);
        } else if self.sound_start.is_none() {
            self.state = State::Thinking { turn, until: now + self.scenario.turns[turn].wait };
        }
    }

    fn think(&mut self, turn: usize, until: Moment, now: Moment) {
        let interrupted = self.sound_start.is_some() && self.scenario.turns[turn].start == Start::AfterThem;
        if self.line == Line::Ended {
            self.fail_early(turn);
        } else if interrupted {
            self.state = State::AwaitingQuiet { turn };
        } else if now >= until {
            self.open_epoch(turn);
            self.outputs.push_back(Output::Act { turn });
            self.state = State::Acting { turn };
        }
    }

    fn listen(&mut self, next: usize, since: Moment, now: Moment) {
        let mut open = Vec::new();
        for expect in std::mem::take(&mut self.expect) {
            match self.standing(&expect, since, now) {
                Standing::Failed(why) => {
                    let why = format!("{}:{}: expected {expect}, but {why}", self.scenario.file, expect.line);
                    return self.finish(Outcome::NotHelped { why });
                }
                Standing::Met => {}
                Standing::Open => open.push(expect),
            }
        }
        self.expect = open;
        if self.expect.is_empty() {
            self.begin(next, now);
        }
    }

    fn standing(&self, expect: &Expect, since: Moment, now: Moment) -> Standing {
        let deadline = since + expect.within;
        let too_late = now > deadline;
        let words_may_come = self.pending > 0 || self.sound_start.is_some_and(|start| start <= deadline);
        let ended = self.line == Line::Ended;
        let happened = match expect.event {
            ExpectedEvent::CallEnded => ended,
            ExpectedEvent::Response if expect.text.is_empty() => {
                self.first_sound.is_some_and(|first| first <= deadline)
            }
            ExpectedEvent::Response => expect.text_is_in(&self.heard),
        };
        let undecided = match expect.event {
            ExpectedEvent::CallEnded => !too_late,
            ExpectedEvent::Response if expect.text.is_empty() => !too_late && !ended,
            ExpectedEvent::Response => words_may_come || (!too_late && !ended),
        };
        match (expect.presence, happened, undecided) {
            (Presence::Required, true, _) | (Presence::Absent, false, false) => Standing::Met,
            (Presence::Absent, true, _) => Standing::Failed("it came".to_owned()),
            (Presence::Absent | Presence::Required, false, true) => Standing::Open,
            (Presence::Required, false, false) => Standing::Failed(self.what_came_instead()),
        }
    }

    fn what_came_instead(&self) -> String {
        let hung_up = if self.line == Line::Ended { " and hung up" } else { "" };
        match (self.heard.trim(), self.first_sound) {
            ("", None) => format!("the other side said nothing{hung_up}"),
            ("", Some(_)) => format!("no word of the other side was understood{hung_up}"),
            (heard, _) => format!("the other side said \"{heard}\"{hung_up}"),
        }
    }

    fn close(&mut self, since: Moment, now: Moment) {
        let waited = now.since(since);
        match (self.line, self.scenario.ending) {
            (Line::Ended, Ending::HangUp | Ending::Wait) => self.finish(Outcome::Helped),
            (Line::Up, Ending::HangUp) => {
                // Politely, when they have finished; but not for ever.
                if self.sound_start.is_none() || waited > CLOSE_WAIT_MAX {
                    self.finish(Outcome::Helped);
                }
            }
            (Line::Up, Ending::Wait) => {
                if waited > HANG_UP_WAIT_MAX {
                    let seconds = HANG_UP_WAIT_MAX.as_secs();
                    let why = format!("{}: the other side did not hang up within {seconds} s", self.scenario.file);
                    self.finish(Outcome::NotHelped { why });
                }
            }
        }
    }

    fn fail_early(&mut self, turn: usize) {
        let line = self.scenario.turns[turn].line;
        let why = format!("{}:{line}: the other side hung up before this turn", self.scenario.file);
        self.finish(Outcome::NotHelped { why });
    }

    fn finish(&mut self, outcome: Outcome) {
        self.state = State::Done;
        self.outputs.push_back(Output::Finished(outcome));
    }
}

/// What every turn but the last waits for when its author said nothing.
const fn any_response(line: u64) -> Expect {
    Expect {
        line,
        event: ExpectedEvent::Response,
        within: WITHIN_DEFAULT,
        text: Vec::new(),
        presence: Presence::Required,
    }
}

/// State changes at one moment; a scenario has fewer turns.
const ROUNDS_MAX: usize = 4 * crate::scenario::TURNS_MAX;
/// How long a caller who wants to hang up listens to somebody who goes on.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long the other side may take to hang up.
const HANG_UP_WAIT_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays events, each at its millisecond, into a scenario; gives what the caller did, each at its millisecond.
    ///
    /// Events: `on` and `off` (sound of the other side), `end` (they hang up), `done` (own act ended), other text is
    /// words of the sound that ended last.
    fn check(turns: &str, events: &[(u64, &str)], expected: &[&str]) {
        let scenario = Scenario::parse("s.yaml", &format!("name: s\n{turns}")).unwrap();
        let mut script = Script::new(scenario, Moment::START);
        let mut done = Vec::new();
        let mut sound_epoch = 0;
        let last = events.last().map_or(0, |event| event.0) + 40_000;
        for ms in (0..last).step_by(20) {
            let now = Moment::from_millis(ms);
            let due = events.iter().filter(|(at, _)| (ms..ms + 20).contains(at)).map(|(_, event)| *event);
            for event in due.chain(["tick"]) {
                if event == "off" {
                    sound_epoch = script.epoch();
                }
                script.handle_input(input(event, sound_epoch), now);
                while let Some(output) = script.poll_output() {
                    done.push(match output {
                        Output::Act { turn } => format!("{ms} act {turn}"),
                        Output::Finished(Outcome::Helped) => format!("{ms} helped"),
                        Output::Finished(Outcome::NotHelped { why }) => format!("{ms} {why}"),
                        Output::Listen { turn } => format!("{ms} listen {turn}"),
                    });
                }
            }
        }
        assert_eq!(done, expected, "{turns}{events:?}");
    }

    fn input(event: &str, epoch: usize) -> Input {
        match event {
            "done" => Input::ActEnded,
            "end" => Input::CallEnded,
            "off" => Input::SoundEnded,
            "on" => Input::SoundStarted,
            "tick" => Input::Tick,
            text => Input::Heard { epoch, text: text.to_owned() },
        }
    }

    #[test]
    fn a_caller_waits_for_the_greeting_thinks_and_speaks() {
        check(
            "turns:\n  - user: Where is it?\n    wait_s: 0.2\n    expect: { event: response, text_contains: number }\n",
            &[(500, "on"), (2_000, "off"), (3_000, "done"), (3_500, "on"), (5_000, "off"), (5_500, "Your number?")],
            &["2200 act 0", "5500 helped"],
        );
    }

    #[test]
    fn a_caller_speaks_over_a_prompt_only_when_told_to() {
        check(
            "turns:\n  - expect: { event: response }\n  - user: Agent!\n    barge_in: true\n    wait_s: 1\n",
            &[(500, "on"), (2_500, "done"), (3_000, "off")],
            &["0 listen 0", "1500 act 1", "3000 helped"],
        );
        check(
            "turns:\n  - expect: { event: response }\n  - user: Agent!\n    wait_s: 1\n",
            &[(500, "on"), (3_000, "off"), (3_500, "on"), (5_000, "off"), (7_000, "done")],
            &["0 listen 0", "6000 act 1", "7000 helped"],
        );
    }

    #[test]
    fn missing_and_wrong_answers_are_named_with_their_line() {
        let turns = "turns:\n  - user: Hi\n    expect: { event: response, within_ms: 2000, text_contains: a | b }\n";
        let greeted = [(100, "on"), (1_000, "off"), (2_000, "done")];
        let failed = |why: &str| format!("s.yaml:4: expected a response with \"a | b\" within 2000 ms, but {why}");
        let nothing = format!("4020 {}", failed("the other side said nothing"));
        check(turns, &greeted, &["1000 act 0", &nothing]);
        let wrong = [&greeted[..], &[(3_000, "on"), (6_000, "off"), (7_000, "No.")]].concat();
        check(turns, &wrong, &["1000 act 0", &format!("7000 {}", failed("the other side said \"No.\""))]);
        let gone = [&greeted[..], &[(3_000, "end")]].concat();
        let hung_up = format!("3000 {}", failed("the other side said nothing and hung up"));
        check(turns, &gone, &["1000 act 0", &hung_up]);
        check(
            "turns:\n  - user: Hi\n",
            &[],
            &["15020 s.yaml:3: expected a response within 15000 ms, but the other side said nothing"],
        );
    }

    #[test]
    fn words_that_come_after_a_pause_or_from_another_voice_still_count() {
        check(
            "turns:\n  - user: Agent\n    expect: { event: response, within_ms: 9000, text_contains: Alice }\n",
            &[
                (100, "on"),
                (900, "off"),
                (2_000, "done"),
                (2_500, "on"),
                (4_000, "off"),
                (4_500, "Connecting you."),
                (8_000, "on"),
                (9_500, "off"),
                (11_900, "This is Alice."),
            ],
            &["900 act 0", "11900 helped"],
        );
    }

    #[test]
    fn words_of_an_earlier_turn_do_not_count_for_a_later_one() {
        check(
            "turns:\n  - user: One\n  - user: Two\n    expect: { event: response, within_ms: 1000, text_contains: x }\n",
            &[(100, "on"), (900, "off"), (2_000, "done"), (2_500, "on"), (4_000, "off"), (4_500, "x"), (5_000, "done")],
            &[
                "900 act 0",
                "4000 act 1",
                "6020 s.yaml:5: expected a response with \"x\" within 1000 ms, but the other side said nothing",
            ],
        );
    }

    #[test]
    fn what_must_not_happen_is_waited_for() {
        let turns = "turns:\n  - expect: { event: response, absent: true, within_ms: 1000 }\n";
        check(turns, &[], &["0 listen 0", "1020 helped"]);
        check(turns, &[(500, "on")], &["0 listen 0", "500 s.yaml:3: expected no response within 1000 ms, but it came"]);
        let turns = "turns:\n  - expect: { event: call.ended, absent: true, within_ms: 1000 }\n";
        check(turns, &[(500, "end")], &["0 listen 0", "500 s.yaml:3: expected no hang-up within 1000 ms, but it came"]);
    }

    #[test]
    fn a_hang_up_can_be_what_was_wanted() {
        let turns = "end: wait\nturns:\n  - user: Bye\n    expect: { event: call.ended, within_ms: 5000 }\n";
        let greeted = [(100, "on"), (1_000, "off"), (2_000, "done")];
        check(turns, &[&greeted[..], &[(4_000, "end")]].concat(), &["1000 act 0", "4000 helped"]);
        let why = "7020 s.yaml:5: expected a hang-up within 5000 ms, but the other side said nothing";
        check(turns, &greeted, &["1000 act 0", why]);
        let turns = "end: wait\nturns:\n  - user: Bye\n";
        check(turns, &greeted, &["1000 act 0", "22020 s.yaml: the other side did not hang up within 20 s"]);
    }

    #[test]
    fn a_hang_up_before_the_last_turn_is_a_failure() {
        check(
            "turns:\n  - user: One\n  - user: Two\n",
            &[(100, "on"), (1_000, "off"), (2_000, "done"), (2_500, "on"), (3_000, "end")],
            &["1000 act 0", "3000 s.yaml:4: the other side hung up before this turn"],
        );
        check(
            "turns:\n  - user: One\n",
            &[(100, "on"), (1_000, "off"), (1_500, "end")],
            &["1000 act 0", "1500 s.yaml:3: the other side hung up before this turn"],
        );
    }
}
