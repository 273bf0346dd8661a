//! The simulated agent: a phone that rings, is answered or not, listens to the brief, helps, and hangs up.
//!
//! The house reaches it like any desk phone, by INVITE to an address, so that a hand-over is proved with everything a
//! hand-over needs. One call at a time; who calls meanwhile hears "busy".

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use call::{AudioFrame, Codec, Language, Pcm};
use serde::Serialize;
use sip_bridge::{Door, InboundCall, Transport};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::ear::{Ear, Noticed};
use crate::phone::{CallError, Phone, PhoneEvent, door_config};
use crate::report::{EndedBy, RtpReport};
use crate::speech::{Hearing, Speech, Words};
use crate::wire::ActEnd;

/// How a simulated agent works.
#[derive(Clone, Debug)]
pub struct AgentPlan {
    /// Where the phone listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// How SIP travels.
    pub transport: Transport,
    /// What happens when it rings.
    pub pickup: Pickup,
    /// What is spoken.
    pub language: Language,
    /// What the agent says: the first after the brief, each further one after the caller has said something.
    pub lines: Vec<String>,
    /// What the phone speaks, best first.
    pub codecs: Vec<Codec>,
}

/// What a simulated agent does when the phone rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pickup {
    /// Answers after this time.
    After(Duration),
    /// Is always on another call: 486.
    Busy,
    /// Lets it ring.
    Never,
    /// Declines: 603.
    Refuses,
}

/// One call as the agent lived it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentReport {
    /// Whether it was answered.
    pub answered: bool,
    /// The User-to-User header that came with the call (RFC 7433).
    pub user_to_user: Option<String>,
    /// What was heard, in order; the first is the brief.
    pub heard: Vec<AgentHeard>,
    /// What was said, in order.
    pub said: Vec<String>,
    /// Keys that came.
    pub keys: String,
    /// Who hung up.
    pub ended_by: EndedBy,
    /// From the answer to the end, in milliseconds.
    pub duration_ms: u64,
    /// What arrived.
    pub rtp: RtpReport,
}

/// Something a simulated agent heard. Times are milliseconds from the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentHeard {
    /// The words.
    pub text: String,
    /// First sound.
    pub started_ms: u64,
    /// Last sound.
    pub ended_ms: u64,
}

/// The simulated agent's phone. It goes silent when this is dropped.
#[derive(Debug)]
pub struct Agent {
    /// One report per call, at most 64 waiting; further ones are dropped.
    pub reports: mpsc::Receiver<AgentReport>,
    local: SocketAddr,
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl AgentPlan {
    /// An agent who answers after 0.8 s and has two lines and a goodbye for every caller.
    pub fn friendly(address: SocketAddr, language: Language) -> Self {
        let lines: &[&str] = match language {
            Language::En => &[
                "Hello, this is Alice from customer care. I can see your order here. How can I help you?",
                "Of course. I have asked the carrier to bring it a day earlier, and you will get a message.",
                "You are welcome. Goodbye.",
            ],
            Language::Zh => &[
                "您好，我是客服小李，已经看到您的订单了，请问有什么可以帮您？",
                "好的，我已经联系快递公司加急处理，稍后会给您发短信。",
                "不客气，再见。",
            ],
        };
        Self {
            address,
            transport: Transport::Udp,
            pickup: Pickup::After(Duration::from_millis(800)),
            language,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
        }
    }
}

impl Agent {
    /// Plugs the phone in.
    ///
    /// `mouth` speaks text, at any rate; `ears` write down 16 kHz sound. Both may block, which costs only a thread.
    ///
    /// # Errors
    /// [`CallError::Door`] when the address is taken, [`CallError::Speech`] when a line cannot be spoken.
    pub async fn listen<M, E>(plan: AgentPlan, mouth: Arc<M>, ears: Arc<E>) -> Result<Self, CallError>
    where
        M: Fn(&str, Language) -> Result<Pcm, String> + Send + Sync + ?Sized + 'static,
        E: Fn(Arc<[i16]>, Language) -> Result<String, String> + Send + Sync + ?Sized + 'static,
    {
        let speech = Speech::new(mouth, ears, plan.language);
        let mut lines = Vec::with_capacity(plan.lines.len());
        for line in &plan.lines {
            lines.push((line.clone(), speech.say(line).await?));
        }
        let (door, calls) = Door::open(door_config(plan.address, plan.transport)).await?;
        let local = door.local_addr(plan.transport).unwrap_or(plan.address);
        let (reports_in, reports) = mpsc::channel(REPORTS_MAX);
        let (close, closed) = oneshot::channel();
        let desk = Desk { plan, speech, lines: lines.into(), door, reports: reports_in };
        let task = tokio::spawn(desk.run(calls, closed));
        Ok(Self { reports, local, close: Some(close), task })
    }

    /// Where the phone listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The phone's SIP address.
    pub fn uri(&self) -> String {
        format!("sip:agent@{}", self.local)
    }

    /// Unplugs the phone; a call that is going on is hung up and reported.
    pub async fn close(mut self) -> Vec<AgentReport> {
        drop(self.close.take());
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "A simulated agent ended badly");
        }
        let mut rest = Vec::new();
        while let Some(report) = self.reports.recv().await {
            rest.push(report);
        }
        rest
    }
}

/// What the task owns.
struct Desk {
    plan: AgentPlan,
    speech: Speech,
    lines: Arc<[(String, Arc<[AudioFrame]>)]>,
    door: Door,
    reports: mpsc::Sender<AgentReport>,
}

impl Desk {
    async fn run(self, mut calls: mpsc::Receiver<InboundCall>, mut closed: oneshot::Receiver<()>) {
        'calls: loop {
            let call = tokio::select! {
                _ = &mut closed => break,
                call = calls.recv() => call,
            };
            let Some(call) = call else { break };
            let talk = self.take(call);
            tokio::pin!(talk);
            let report = loop {
                tokio::select! {
                    report = &mut talk => break report,
                    Some(other) = calls.recv() => decline(other, BUSY, "Busy Here").await,
                    // The door hangs up for us below.
                    _ = &mut closed => break 'calls,
                }
            };
            if let Some(report) = report
                && self.reports.try_send(report).is_err()
            {
                tracing::warn!("Nobody reads what a simulated agent reports");
            }
        }
        self.door.close().await;
    }

    /// One call, from the ringing on.
    async fn take(&self, call: InboundCall) -> Option<AgentReport> {
        let user_to_user = call.user_to_user.clone();
        let unanswered = |ended_by| AgentReport {
            answered: false,
            user_to_user: user_to_user.clone(),
            heard: Vec::new(),
            said: Vec::new(),
            keys: String::new(),
            ended_by,
            duration_ms: 0,
            rtp: RtpReport::default(),
        };
        let mut call = call;
        let wait = match self.plan.pickup {
            Pickup::After(wait) => wait,
            Pickup::Busy => {
                decline(call, BUSY, "Busy Here").await;
                return Some(unanswered(EndedBy::Us));
            }
            Pickup::Never => RING_MAX,
            Pickup::Refuses => {
                decline(call, DECLINE, "Decline").await;
                return Some(unanswered(EndedBy::Us));
            }
        };
        if let Err(error) = call.leg.ring().await {
            tracing::debug!(%error, "A call to a simulated agent is gone");
            return Some(unanswered(EndedBy::Them));
        }
        // While it rings, the only event is that they give up.
        if tokio::time::timeout(wait, call.leg.events.recv()).await.is_ok() {
            return Some(unanswered(EndedBy::Them));
        }
        if self.plan.pickup == Pickup::Never {
            decline(call, UNAVAILABLE, "Temporarily Unavailable").await;
            return Some(unanswered(EndedBy::Us));
        }
        let local = self.door.address_towards(call.source);
        match Phone::answer(call, local, &self.plan.codecs).await {
            Ok(phone) => {
                let talk = Talk::new(phone, self.speech.listen(), Arc::clone(&self.lines));
                Some(AgentReport { user_to_user: user_to_user.clone(), ..talk.run().await })
            }
            Err(error) => {
                tracing::warn!(%error, "A simulated agent could not answer");
                Some(unanswered(EndedBy::Us))
            }
        }
    }
}

async fn decline(call: InboundCall, status: u16, reason: &str) {
    if let Err(error) = call.leg.reject(status, reason, None).await {
        tracing::debug!(%error, "A call to a simulated agent is gone");
    }
}

/// What the agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Until they have been quiet after sound; since this frame.
    Listening { since: u64 },
    /// Breathing in before the next line.
    Pausing { until: u64 },
    /// Saying a line.
    Speaking,
}

/// A call that is going on. Time is counted in frames since the answer.
struct Talk {
    phone: Phone,
    hearing: Hearing,
    lines: Arc<[(String, Arc<[AudioFrame]>)]>,
    ear: Ear,
    frames: u64,
    next_line: usize,
    doing: Doing,
    they_talk: bool,
    report: AgentReport,
}

impl Talk {
    fn new(phone: Phone, hearing: Hearing, lines: Arc<[(String, Arc<[AudioFrame]>)]>) -> Self {
        let report = AgentReport {
            answered: true,
            user_to_user: None,
            heard: Vec::new(),
            said: Vec::new(),
            keys: String::new(),
            ended_by: EndedBy::Us,
            duration_ms: 0,
            rtp: RtpReport::default(),
        };
        let doing = Doing::Listening { since: 0 };
        Self { phone, hearing, lines, ear: Ear::new(), frames: 0, next_line: 0, doing, they_talk: false, report }
    }

    async fn run(mut self) -> AgentReport {
        loop {
            tokio::select! {
                biased;
                Some(words) = self.hearing.words() => keep(&mut self.report, words),
                event = self.phone.next() => match event {
                    PhoneEvent::Ended { .. } => {
                        self.report.ended_by = EndedBy::Them;
                        break;
                    }
                    PhoneEvent::Key(key) => self.key(key),
                    PhoneEvent::Tick(tick) => {
                        if let Some(key) = tick.digit {
                            self.key(key);
                        }
                        self.frames += 1;
                        let noticed = self.ear.hear(&tick.heard);
                        self.noticed(noticed);
                        self.advance(tick.act.as_ref());
                        let finished = self.next_line >= self.lines.len() && self.doing != Doing::Speaking;
                        if finished && self.is_over() {
                            break;
                        }
                    }
                },
            }
        }
        let rest = self.ear.finish();
        self.noticed(rest);
        self.report.duration_ms = self.frames * AudioFrame::DURATION.as_millis() as u64;
        self.report.rtp = self.phone.hang_up("agent finished").await.rtp;
        for words in self.hearing.finish().await {
            keep(&mut self.report, words);
        }
        self.report
    }

    /// Whether the last line has been said and they have had time to say goodbye.
    fn is_over(&self) -> bool {
        match self.doing {
            Doing::Listening { since } => !self.they_talk && self.frames - since >= GOODBYE_FRAMES,
            Doing::Pausing { .. } => true,
            Doing::Speaking => false,
        }
    }

    fn key(&mut self, key: char) {
        if self.report.keys.len() < KEYS_MAX {
            self.report.keys.push(key);
        }
    }

    fn noticed(&mut self, noticed: Option<Noticed>) {
        match noticed {
            Some(Noticed::Ended { start_ms, end_ms, sound }) => {
                self.they_talk = false;
                self.hearing.hear(0, start_ms, end_ms, sound);
                if matches!(self.doing, Doing::Listening { .. }) {
                    self.doing = Doing::Pausing { until: self.frames + PAUSE_FRAMES };
                }
            }
            Some(Noticed::Started { .. }) => {
                self.they_talk = true;
                if matches!(self.doing, Doing::Pausing { .. }) {
                    self.doing = Doing::Listening { since: self.frames };
                }
            }
            None => {}
        }
    }

    fn advance(&mut self, act: Option<&ActEnd>) {
        let may_speak = match self.doing {
            Doing::Listening { since } => self.frames - since >= PATIENCE_FRAMES && !self.they_talk,
            Doing::Pausing { until } => self.frames >= until,
            Doing::Speaking => {
                if act.is_some() {
                    self.doing = Doing::Listening { since: self.frames };
                }
                false
            }
        };
        if may_speak && let Some((text, sound)) = self.lines.get(self.next_line) {
            self.phone.wire().play(Arc::clone(sound));
            self.report.said.push(text.clone());
            self.next_line += 1;
            self.doing = Doing::Speaking;
        }
    }
}

fn keep(report: &mut AgentReport, words: Words) {
    let text = words.text.trim().to_owned();
    if !text.is_empty() {
        report.heard.push(AgentHeard { text, started_ms: words.start_ms, ended_ms: words.end_ms });
    }
}

/// Reports that may wait.
const REPORTS_MAX: usize = 64;
/// Keys remembered of one call.
const KEYS_MAX: usize = 256;
/// How long a phone that nobody answers rings.
const RING_MAX: Duration = Duration::from_secs(120);
/// How long the agent waits for somebody to speak before the next line: 12 s.
const PATIENCE_FRAMES: u64 = 600;
/// How long the agent waits after the last line: 2 s.
const GOODBYE_FRAMES: u64 = 100;
/// How long the agent breathes in: 0.4 s.
const PAUSE_FRAMES: u64 = 20;
/// RFC 3261 21.4.24.
const BUSY: u16 = 486;
/// RFC 3261 21.4.18.
const UNAVAILABLE: u16 = 480;
/// RFC 3261 21.6.2.
const DECLINE: u16 = 603;
