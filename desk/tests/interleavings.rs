//! Random orders of everything that can happen at a desk, among them all the races.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use call::{AgentId, CallId, Language, Moment};
use desk::{Agent, Desk, DeskConfig, Input, Output};
use proptest::prelude::*;

const AGENTS: [&str; 3] = ["alice", "bob", "chen"];

#[test]
fn the_agent_idle_the_longest_is_rung() {
    let mut desk = desk();
    assert_eq!(outputs(&mut desk, waits(1, Language::En), 0), [ring(1, "alice")]);
    assert_eq!(outputs(&mut desk, answers(1, "alice"), 10), [connects(1, "alice")]);
    assert_eq!(outputs(&mut desk, Input::CallEnded { call: call(1) }, 20), []);
    desk.handle_timeout(Moment::from_millis(5_020));
    assert_eq!(outputs(&mut desk, waits(2, Language::En), 6_000), [ring(2, "bob")], "alice was busy later");
}

#[test]
fn an_agent_who_did_not_answer_is_not_offered_the_call_again() {
    let mut desk = desk();
    outputs(&mut desk, waits(1, Language::En), 0);
    let refused = Input::AgentRefused { call: call(1), agent: agent("alice"), reason: "busy".to_owned() };
    assert_eq!(outputs(&mut desk, refused, 10), [ring(1, "bob")]);
    desk.handle_timeout(Moment::from_millis(20_010));
    let after: Vec<Output> = std::iter::from_fn(|| desk.poll_output()).collect();
    assert_eq!(after, [stop(1, "bob"), Output::NoAgent { call: call(1), reason: "no_answer" }]);
}

#[test]
fn an_answer_that_crosses_a_hang_up_is_hung_up() {
    let mut desk = desk();
    outputs(&mut desk, waits(1, Language::En), 0);
    assert_eq!(outputs(&mut desk, Input::CallerLeft { call: call(1) }, 10), [stop(1, "alice")]);
    assert_eq!(outputs(&mut desk, answers(1, "alice"), 10), [stop(1, "alice")]);
    assert!(desk.is_free(&agent("alice")));
}

#[test]
fn an_answer_that_crosses_the_end_of_ringing_loses() {
    let mut desk = desk();
    outputs(&mut desk, waits(1, Language::En), 0);
    desk.handle_timeout(Moment::from_millis(20_000));
    let rung: Vec<Output> = std::iter::from_fn(|| desk.poll_output()).collect();
    assert_eq!(rung, [stop(1, "alice"), ring(1, "bob")]);
    assert_eq!(outputs(&mut desk, answers(1, "alice"), 20_000), [stop(1, "alice")]);
    assert_eq!(outputs(&mut desk, answers(1, "bob"), 20_000), [connects(1, "bob")]);
}

#[test]
fn a_queue_nobody_serves_says_so_at_once() {
    let mut desk = desk();
    let other = Input::CallerWaiting { call: call(1), queue: "sales".to_owned(), language: Language::En, priority: 0 };
    assert_eq!(outputs(&mut desk, other, 0), [Output::NoAgent { call: call(1), reason: "no_agent" }]);
}

#[test]
fn a_caller_waits_for_a_busy_agent_and_not_for_ever() {
    let mut desk = desk();
    for (number, name) in [(1, "alice"), (2, "bob")] {
        outputs(&mut desk, waits(number, Language::En), 0);
        outputs(&mut desk, answers(number, name), 0);
    }
    assert_eq!(outputs(&mut desk, waits(3, Language::En), 10), []);
    let left = Input::AgentLeft { call: call(2), agent: agent("bob") };
    assert_eq!(outputs(&mut desk, left, 20), [], "bob rests first");
    desk.handle_timeout(Moment::from_millis(5_020));
    assert_eq!(desk.poll_output(), Some(ring(3, "bob")));
    assert_eq!(outputs(&mut desk, waits(4, Language::En), 6_000), []);
    desk.handle_timeout(Moment::from_millis(126_000));
    let ends: Vec<Output> = std::iter::from_fn(|| desk.poll_output()).collect();
    assert!(ends.contains(&Output::NoAgent { call: call(4), reason: "all_busy" }), "{ends:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_one_wins_and_every_wait_ends(inputs in proptest::collection::vec((input(), 0_u64..8_000), 0..80)) {
        let mut desk = desk();
        let mut world = World::default();
        let mut now = Moment::START;
        for (input, millis) in inputs {
            now += Duration::from_millis(millis);
            while let Some(due) = desk.poll_timeout().filter(|due| *due <= now) {
                desk.handle_timeout(due);
                world.drain(&mut desk);
            }
            world.before(&input);
            desk.handle_input(input, now);
            world.drain(&mut desk);
        }
        for _ in 0..100 {
            let Some(due) = desk.poll_timeout() else { break };
            desk.handle_timeout(due);
            world.drain(&mut desk);
        }
        prop_assert!(world.waiting.is_empty(), "these wait for ever: {:?}", world.waiting);
        prop_assert_eq!(desk.waiting(), 0);
    }
}

/// The world as the outputs alone tell it, so that the desk cannot agree with its own mistakes.
#[derive(Default)]
struct World {
    waiting: BTreeSet<CallId>,
    ringing: BTreeMap<AgentId, CallId>,
    talking: BTreeMap<AgentId, CallId>,
}

impl World {
    fn drain(&mut self, desk: &mut Desk) {
        while let Some(output) = desk.poll_output() {
            self.after(output);
        }
    }

    fn before(&mut self, input: &Input) {
        match input {
            Input::CallerWaiting { call, .. } => {
                if !self.talking.values().any(|talking| talking == call) {
                    self.waiting.insert(*call);
                }
            }
            Input::AgentLeft { call, agent } => {
                if self.talking.get(agent) == Some(call) {
                    self.talking.remove(agent);
                }
            }
            Input::AgentRefused { call, agent, .. } => {
                if self.ringing.get(agent) == Some(call) {
                    self.ringing.remove(agent);
                }
            }
            Input::CallerLeft { call } | Input::CallEnded { call } => {
                self.waiting.remove(call);
                self.talking.retain(|_, talking| talking != call);
            }
            Input::AgentAnswered { .. } => {}
        }
    }

    fn after(&mut self, output: Output) {
        match output {
            Output::Connect { call, agent } => {
                assert_eq!(self.ringing.remove(&agent), Some(call), "only a ringing agent is connected");
                assert!(self.waiting.remove(&call), "only a waiting call is connected");
                assert!(!self.talking.values().any(|talking| *talking == call), "two agents on one call");
                assert_eq!(self.talking.insert(agent, call), None, "two calls on one agent");
            }
            Output::NoAgent { call, .. } => {
                assert!(self.waiting.remove(&call), "only a waiting call is refused");
                assert!(!self.ringing.values().any(|ringing| *ringing == call), "nobody rings for it any more");
            }
            Output::Ring { call, agent, .. } => {
                assert!(self.waiting.contains(&call), "only for a waiting call");
                assert!(!self.talking.contains_key(&agent), "a talking agent is not rung");
                assert!(!self.ringing.values().any(|ringing| *ringing == call), "one agent rings for a call");
                assert_eq!(self.ringing.insert(agent, call), None, "one call rings at an agent");
            }
            Output::StopRinging { call, agent } => {
                if self.ringing.get(&agent) == Some(&call) {
                    self.ringing.remove(&agent);
                }
            }
        }
    }
}

fn input() -> impl Strategy<Value = Input> {
    let number = 0_u8..8;
    let pair = (number.clone(), proptest::sample::select(AGENTS.to_vec()));
    prop_oneof![
        4 => (number.clone(), any::<bool>(), 0_u8..3).prop_map(|(number, zh, priority)| Input::CallerWaiting {
            call: call(number),
            queue: "after_sales".to_owned(),
            language: if zh { Language::Zh } else { Language::En },
            priority,
        }),
        4 => pair.clone().prop_map(|(number, name)| answers(number, name)),
        2 => pair.clone().prop_map(|(number, name)| Input::AgentRefused {
            call: call(number),
            agent: agent(name),
            reason: "busy".to_owned(),
        }),
        2 => pair.prop_map(|(number, name)| Input::AgentLeft { call: call(number), agent: agent(name) }),
        1 => number.clone().prop_map(|number| Input::CallerLeft { call: call(number) }),
        1 => number.prop_map(|number| Input::CallEnded { call: call(number) }),
    ]
}

fn desk() -> Desk {
    let of = |name: &&str| Agent {
        id: agent(name),
        address: format!("sip:{name}@127.0.0.1"),
        queues: vec!["after_sales".to_owned()],
        languages: if *name == "chen" { vec![Language::Zh] } else { vec![Language::En, Language::Zh] },
    };
    Desk::new(DeskConfig { agents: AGENTS.iter().map(of).collect(), ..DeskConfig::default() })
}

fn outputs(desk: &mut Desk, input: Input, now_ms: u64) -> Vec<Output> {
    desk.handle_input(input, Moment::from_millis(now_ms));
    std::iter::from_fn(|| desk.poll_output()).collect()
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name)
}

fn call(number: u8) -> CallId {
    CallId::from_bits(u128::from(number))
}

fn waits(number: u8, language: Language) -> Input {
    Input::CallerWaiting { call: call(number), queue: "after_sales".to_owned(), language, priority: 0 }
}

fn answers(number: u8, name: &str) -> Input {
    Input::AgentAnswered { call: call(number), agent: agent(name) }
}

fn ring(number: u8, name: &str) -> Output {
    Output::Ring { call: call(number), agent: agent(name), address: format!("sip:{name}@127.0.0.1") }
}

fn stop(number: u8, name: &str) -> Output {
    Output::StopRinging { call: call(number), agent: agent(name) }
}

fn connects(number: u8, name: &str) -> Output {
    Output::Connect { call: call(number), agent: agent(name) }
}
