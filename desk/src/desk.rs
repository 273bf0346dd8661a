//! The machine: who waits, who rings, who talks.
//!
//! An agent is in exactly one [`State`], and a call is rung at one agent at a time, so an answer is valid only if both
//! sides still say so. Whatever comes late finds another state and changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use call::{AgentId, CallId, Language, Moment};

use crate::input::{Activity, Agent, DeskConfig, Input, Output};

/// Most callers that wait at once; one more hears that nobody is free.
const WAITING_MAX: usize = 10_000;

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Free since then.
    Idle { since: Moment },
    /// Rung for this call until then.
    Ringing { call: CallId, until: Moment },
    /// Talking.
    Talking { call: CallId },
    /// Resting after a call until then.
    WrapUp { until: Moment },
}

impl State {
    fn activity(self) -> Activity {
        match self {
            Self::Idle { .. } => Activity::Idle,
            Self::Ringing { call, .. } => Activity::Ringing { call },
            Self::Talking { call } => Activity::Talking { call },
            Self::WrapUp { .. } => Activity::WrapUp,
        }
    }
}

#[derive(Debug)]
struct Desked {
    agent: Agent,
    state: State,
}

#[derive(Debug)]
struct Waiting {
    call: CallId,
    queue: String,
    language: Language,
    priority: u8,
    until: Moment,
    tried: BTreeSet<AgentId>,
}

/// Decides who answers which call: the agent who has been idle the longest is rung first, and one who did not take a
/// call is not offered it again.
#[derive(Debug)]
pub struct Desk {
    config: DeskConfig,
    agents: BTreeMap<AgentId, Desked>,
    /// In the order in which they are served.
    waiting: Vec<Waiting>,
    outputs: VecDeque<Output>,
}

impl Desk {
    /// A desk where every agent is idle.
    pub fn new(config: DeskConfig) -> Self {
        let mut agents = BTreeMap::new();
        for agent in &config.agents {
            let state = State::Idle { since: Moment::START };
            agents.entry(agent.id.clone()).or_insert_with(|| Desked { agent: agent.clone(), state });
        }
        Self { config, agents, waiting: Vec::new(), outputs: VecDeque::new() }
    }

    /// Takes in something that happened. Drain [`Self::poll_output`] before the next one.
    pub fn handle_input(&mut self, input: Input, now: Moment) {
        match input {
            Input::AgentAnswered { call, agent } => self.answered(call, agent),
            Input::AgentLeft { call, agent } => self.left(call, &agent, now),
            Input::AgentRefused { call, agent, reason: _ } => self.refused(call, &agent, now),
            Input::CallEnded { call } | Input::CallerLeft { call } => self.caller_left(call, now),
            Input::CallerWaiting { call, queue, language, priority } => {
                self.caller_waiting(call, queue, language, priority, now);
            }
        }
        self.offer(now);
    }

    /// The next thing to do, in order; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let agents = self.agents.values().filter_map(|desked| match desked.state {
            State::Idle { .. } | State::Talking { .. } => None,
            State::Ringing { until, .. } | State::WrapUp { until } => Some(until),
        });
        agents.chain(self.waiting.iter().map(|waiting| waiting.until)).min()
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Moment) {
        let mut rang_out = Vec::new();
        for (id, desked) in &mut self.agents {
            match desked.state {
                State::Ringing { call, until } if until <= now => rang_out.push((call, id.clone())),
                State::WrapUp { until } if until <= now => desked.state = State::Idle { since: now },
                State::Idle { .. } | State::Ringing { .. } | State::Talking { .. } | State::WrapUp { .. } => {}
            }
        }
        for (call, agent) in rang_out {
            self.outputs.push_back(Output::StopRinging { call, agent: agent.clone() });
            self.refused(call, &agent, now);
        }
        let expired: Vec<CallId> = self.waiting.iter().filter(|w| w.until <= now).map(|w| w.call).collect();
        for call in expired {
            self.stop_ringing(call, now);
            self.give_up(call, "all_busy");
        }
        self.offer(now);
    }

    /// Callers that wait for a person, ringing ones included.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What every agent does now, by name.
    pub fn agents(&self) -> impl Iterator<Item = (&Agent, Activity)> {
        self.agents.values().map(|desked| (&desked.agent, desked.state.activity()))
    }

    /// Whether an agent could be rung now.
    pub fn is_free(&self, agent: &AgentId) -> bool {
        self.agents.get(agent).is_some_and(|desked| matches!(desked.state, State::Idle { .. }))
    }

    fn caller_waiting(&mut self, call: CallId, queue: String, language: Language, priority: u8, now: Moment) {
        let waits = self.waiting.iter().any(|waiting| waiting.call == call);
        let talks = self.agents.values().any(|desked| desked.state == State::Talking { call });
        if waits || talks {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.outputs.push_back(Output::NoAgent { call, reason: "all_busy" });
            return;
        }
        let place = self.waiting.partition_point(|earlier| earlier.priority >= priority);
        let until = now + self.config.wait_max;
        self.waiting.insert(place, Waiting { call, queue, language, priority, until, tried: BTreeSet::new() });
    }

    /// The first valid answer wins; whoever answers what is no longer theirs is hung up.
    fn answered(&mut self, call: CallId, agent: AgentId) {
        let state = self.agents.get_mut(&agent).map(|desked| &mut desked.state);
        match state {
            Some(state) if matches!(*state, State::Ringing { call: rung, .. } if rung == call) => {
                *state = State::Talking { call };
                self.waiting.retain(|waiting| waiting.call != call);
                self.outputs.push_back(Output::Connect { call, agent });
            }
            // Told twice: they are connected already.
            Some(State::Talking { call: talking }) if *talking == call => {}
            Some(_) | None => self.outputs.push_back(Output::StopRinging { call, agent }),
        }
    }

    fn refused(&mut self, call: CallId, agent: &AgentId, now: Moment) {
        let Some(desked) = self.agents.get_mut(agent) else { return };
        if !matches!(desked.state, State::Ringing { call: rung, .. } if rung == call) {
            return;
        }
        desked.state = State::Idle { since: now };
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.call == call) {
            waiting.tried.insert(agent.clone());
        }
    }

    fn left(&mut self, call: CallId, agent: &AgentId, now: Moment) {
        let until = now + self.config.wrapup;
        if let Some(desked) = self.agents.get_mut(agent).filter(|desked| desked.state == State::Talking { call }) {
            desked.state = State::WrapUp { until };
        }
    }

    fn caller_left(&mut self, call: CallId, now: Moment) {
        self.waiting.retain(|waiting| waiting.call != call);
        self.stop_ringing(call, now);
        let until = now + self.config.wrapup;
        for desked in self.agents.values_mut().filter(|desked| desked.state == State::Talking { call }) {
            desked.state = State::WrapUp { until };
        }
    }

    fn stop_ringing(&mut self, call: CallId, now: Moment) {
        for (id, desked) in &mut self.agents {
            if matches!(desked.state, State::Ringing { call: rung, .. } if rung == call) {
                desked.state = State::Idle { since: now };
                self.outputs.push_back(Output::StopRinging { call, agent: id.clone() });
            }
        }
    }

    fn give_up(&mut self, call: CallId, reason: &'static str) {
        self.waiting.retain(|waiting| waiting.call != call);
        self.outputs.push_back(Output::NoAgent { call, reason });
    }

    /// Rings a free agent for each caller who has none ringing, in order.
    fn offer(&mut self, now: Moment) {
        let calls: Vec<CallId> = self.waiting.iter().map(|waiting| waiting.call).collect();
        for call in calls {
            let rings = |desked: &Desked| matches!(desked.state, State::Ringing { call: rung, .. } if rung == call);
            let Some(waiting) = self.waiting.iter().find(|waiting| waiting.call == call) else { continue };
            if self.agents.values().any(rings) {
                continue;
            }
            let serving: Vec<&Desked> = self.agents.values().filter(|desked| serves(&desked.agent, waiting)).collect();
            let left: Vec<&Desked> =
                serving.iter().copied().filter(|desked| !waiting.tried.contains(&desked.agent.id)).collect();
            if left.is_empty() {
                let reason = if serving.is_empty() { "no_agent" } else { "no_answer" };
                self.give_up(call, reason);
                continue;
            }
            let idle = left.into_iter().filter_map(|desked| match desked.state {
                State::Idle { since } => Some((since, desked.agent.id.clone())),
                State::Ringing { .. } | State::Talking { .. } | State::WrapUp { .. } => None,
            });
            let Some((_, agent)) = idle.min() else { continue };
            let until = now + self.config.ring_timeout;
            if let Some(desked) = self.agents.get_mut(&agent) {
                desked.state = State::Ringing { call, until };
                let address = desked.agent.address.clone();
                self.outputs.push_back(Output::Ring { call, agent, address });
            }
        }
    }
}

fn serves(agent: &Agent, waiting: &Waiting) -> bool {
    agent.queues.contains(&waiting.queue) && agent.languages.contains(&waiting.language)
}
