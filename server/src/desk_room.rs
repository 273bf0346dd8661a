//! The desk's room: one task owns `desk::Desk`, so that two calls never fight over one agent.

use std::collections::HashMap;

use call::{AgentId, CallId, Language, Moment};
use desk::{Activity, Agent, Desk, DeskConfig, Input, Output};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use crate::call::Note;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::{AgentState, AgentStatus};

/// What the desk tells a call that waits for a person.
#[derive(Clone, Debug)]
pub(crate) enum DeskNotice {
    /// The agent who answered has the call.
    Connect { agent: AgentId },
    /// Nobody takes the call.
    NoAgent { reason: String },
    /// Ring this agent's phone.
    Ring { agent: AgentId, address: String },
    /// Stop ringing it.
    StopRinging { agent: AgentId },
}

/// A call that waits for a person.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    pub(crate) queue: String,
    pub(crate) language: Language,
    pub(crate) notes: mpsc::Sender<Note>,
}

/// What a call tells the desk.
#[derive(Debug)]
enum Told {
    Event(Input),
    Waiting(Waiting),
}

/// The way to the desk.
#[derive(Clone, Debug)]
pub(crate) struct DeskRoom {
    told: mpsc::Sender<Told>,
    agents: watch::Receiver<Vec<AgentStatus>>,
}

impl DeskRoom {
    /// Opens the desk with the agents of the configuration.
    pub(crate) fn start(config: &Config, clock: Clock) -> Self {
        let agents = config.agents.iter().map(|agent| Agent {
            id: agent.id.clone(),
            // Where the phone registers, the phone itself is looked up when it is to ring.
            address: agent.address.as_ref().map(|address| address.as_str().to_owned()).unwrap_or_default(),
            queues: agent.queues.clone(),
            languages: agent.languages.clone(),
        });
        let desk_config = DeskConfig {
            agents: agents.collect(),
            ring_timeout: config.transfer.ring_s.duration(),
            wrapup: config.transfer.wrapup_s.duration(),
            ..DeskConfig::default()
        };
        let (told, inlet) = mpsc::channel(TOLD_MAX);
        let (board, agents) = watch::channel(Vec::new());
        let room = Room { desk: Desk::new(desk_config), clock, calls: HashMap::new(), board };
        tokio::spawn(room.run(inlet));
        Self { told, agents }
    }

    /// What the agents do, kept up to date.
    pub(crate) fn agents(&self) -> watch::Receiver<Vec<AgentStatus>> {
        self.agents.clone()
    }

    /// A call needs a person; it hears through its notes what becomes of that.
    pub(crate) async fn wait(&self, waiting: Waiting) {
        self.tell(Told::Waiting(waiting)).await;
    }

    /// An agent picked up.
    pub(crate) async fn answered(&self, call: CallId, agent: AgentId) {
        self.tell(Told::Event(Input::AgentAnswered { call, agent })).await;
    }

    /// An agent declined, was busy, or could not be reached.
    pub(crate) async fn refused(&self, call: CallId, agent: AgentId, reason: String) {
        self.tell(Told::Event(Input::AgentRefused { call, agent, reason })).await;
    }

    /// An agent who had the call is gone, and the caller still there.
    pub(crate) async fn agent_left(&self, call: CallId, agent: AgentId) {
        self.tell(Told::Event(Input::AgentLeft { call, agent })).await;
    }

    /// The caller is gone.
    pub(crate) async fn caller_left(&self, call: CallId) {
        self.tell(Told::Event(Input::CallerLeft { call })).await;
    }

    async fn tell(&self, told: Told) {
        if self.told.send(told).await.is_err() {
            warn!("The desk has closed");
        }
    }
}

/// The task's own.
struct Room {
    desk: Desk,
    clock: Clock,
    calls: HashMap<CallId, mpsc::Sender<Note>>,
    board: watch::Sender<Vec<AgentStatus>>,
}

impl Room {
    async fn run(mut self, mut inlet: mpsc::Receiver<Told>) {
        loop {
            self.update_board();
            let alarm = self.desk.poll_timeout().unwrap_or(self.clock.now() + IDLE_WAIT);
            tokio::select! {
                told = inlet.recv() => match told {
                    Some(told) => self.take(told),
                    None => return,
                },
                () = tokio::time::sleep_until(self.clock.instant(alarm).into()) => {
                    self.desk.handle_timeout(self.clock.now());
                }
            }
            while let Some(output) = self.desk.poll_output() {
                self.pass_on(output);
            }
        }
    }

    /// Shows what every agent does, with the moment since which they do it.
    fn update_board(&self) {
        let before = self.board.borrow().clone();
        let now = self.clock.unix_ms();
        let show = |(agent, activity): (&Agent, Activity)| {
            let (state, call_id) = match activity {
                Activity::Idle => (AgentState::Idle, None),
                Activity::Ringing { call } => (AgentState::Ringing, Some(call)),
                Activity::Talking { call } => (AgentState::Busy, Some(call)),
                Activity::WrapUp => (AgentState::Wrapup, None),
            };
            let same = before.iter().find(|shown| shown.id == agent.id && shown.state == state);
            AgentStatus {
                id: agent.id.clone(),
                state,
                since_unix_ms: same.map_or(now, |shown| shown.since_unix_ms),
                queues: agent.queues.clone(),
                languages: agent.languages.clone(),
                call_id,
            }
        };
        let after: Vec<_> = self.desk.agents().map(show).collect();
        if after != before {
            self.board.send_replace(after);
        }
    }

    fn take(&mut self, told: Told) {
        let now: Moment = self.clock.now();
        match told {
            Told::Event(input) => {
                if let Input::CallEnded { call } | Input::CallerLeft { call } = &input {
                    self.calls.remove(call);
                }
                self.desk.handle_input(input, now);
            }
            Told::Waiting(Waiting { call, queue, language, notes }) => {
                self.calls.insert(call, notes);
                self.desk.handle_input(Input::CallerWaiting { call, queue, language, priority: 0 }, now);
            }
        }
    }

    fn pass_on(&self, output: Output) {
        let (call, notice) = match output {
            Output::Connect { call, agent } => (call, DeskNotice::Connect { agent }),
            Output::NoAgent { call, reason } => (call, DeskNotice::NoAgent { reason: reason.to_owned() }),
            Output::Ring { call, agent, address } => (call, DeskNotice::Ring { agent, address }),
            Output::StopRinging { call, agent } => (call, DeskNotice::StopRinging { agent }),
        };
        // A call that is over has told the desk so, and one whose notes are full is past saving.
        if let Some(notes) = self.calls.get(&call)
            && notes.try_send(Note::Desk(notice)).is_err()
        {
            warn!(call_id = %call, "A call does not hear the desk");
        }
    }
}

/// Calls talking to the desk at once.
const TOLD_MAX: usize = 1_024;
/// How long the desk sleeps when nothing is due.
const IDLE_WAIT: std::time::Duration = std::time::Duration::from_secs(60);
