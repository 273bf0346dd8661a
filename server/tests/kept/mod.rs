//! A call as it is kept, and the part of the house that keeps it: shared by the tests of journal, HTTP and webhooks.

#![expect(dead_code, reason = "each test program uses its own part of this")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use asr::Scripted;
use call::{
    AgentId, CallEvent, CallId, Codec, Direction, Emotion, EventRecord, Handoff, HandoffReason, HangupBy, Language,
    LegId, Moment, Mood, Pii, SessionId, SlotValue, Span, Speaker, TriedStep, TurnLatency, Utterance,
};
use server::ears::Ears;
use server::guests::Guests;
use server::http::{self, AgentState, AgentStatus, CallControl, Feed, HttpState, LiveCalls, Readiness};
use server::journal::{Folders, Header, Journal, dated_path};
use server::store::{Projector, ProjectorTask, Store};
use server::telemetry;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tts::ToneVoice;

/// Words that must never be seen in a log.
pub(crate) const PRIVATE: [&str; 5] =
    ["+8613800138000", "Wang Fang", "48213", "order number is four", "callback-number-77"];
/// 2023-11-14, 22:13:20 UTC.
pub(crate) const BEGAN_UNIX_MS: i64 = 1_700_000_000_000;

pub(crate) fn header(number: u128) -> Header {
    Header {
        call_id: CallId::from_bits(number),
        session_id: SessionId::from_bits(number + 1_000_000),
        // Later calls have higher numbers.
        unix_ms: BEGAN_UNIX_MS + i64::try_from(number).unwrap() * 1_000,
    }
}

/// The name of a call's recording below the recordings folder.
pub(crate) fn recording_name(header: &Header) -> String {
    dated_path(header.unix_ms, header.session_id, "wav").display().to_string()
}

/// Everything that can happen in a call, without its end.
pub(crate) fn open_call(header: &Header) -> Vec<CallEvent> {
    let alice = || AgentId::new("alice");
    let said = |speaker, start_ms, text: &str| CallEvent::Said {
        utterance: Utterance {
            speaker,
            span: Span { start: Moment::from_millis(start_ms), end: Moment::from_millis(start_ms + 500) },
            text: Pii::new(text.to_owned()),
            confidence: 0.875,
            language: Language::En,
            emotion: (speaker == Speaker::Caller).then_some(Emotion::with_probability(Mood::Impatient, 0.75)),
        },
    };
    let latency = TurnLatency { silence_wait_ms: 300, decode_ms: 120, mind_ms: 5, first_audio_ms: 40 };
    let from = Pii::new("+8613800138000".to_owned());
    vec![
        CallEvent::Created { direction: Direction::Inbound, from, to: "400".into(), flow: "after-sales".into() },
        CallEvent::Answered { codec: Codec::Pcmu },
        CallEvent::RecordingStarted { path: recording_name(header) },
        CallEvent::StepEntered { step: "greeting".into() },
        said(Speaker::Bot, 100, "Hello, how can I help?"),
        CallEvent::PartialHeard { text: Pii::new("my name is Wang".into()) },
        said(Speaker::Caller, 1_000, "My name is Wang Fang and my order number is four eight"),
        CallEvent::IntentDetected { intent: "order_status".into(), confidence: 0.875 },
        CallEvent::TurnCompleted { turn: 1, latency },
        CallEvent::Digit { digit: Pii::new('4') },
        CallEvent::SlotFilled { slot: "order_id".into(), value: Pii::new("48213".into()) },
        CallEvent::ToolCalled { tool: "order".into() },
        CallEvent::ToolReturned { tool: "order".into(), status: 200, took_ms: 30 },
        CallEvent::ToolCalled { tool: "shipment".into() },
        CallEvent::ToolFailed { tool: "shipment".into(), reason: "timeout".into(), took_ms: 2_000 },
        CallEvent::EmotionChanged { emotion: Emotion::with_probability(Mood::Angry, 0.75) },
        CallEvent::Held { leg: LegId::CALLER },
        CallEvent::Resumed { leg: LegId::CALLER },
        CallEvent::TransferRequested { handoff: handoff() },
        CallEvent::QueueOffered { agent: alice() },
        CallEvent::QueueConnected { agent: alice() },
        CallEvent::Bridged { agent: alice(), leg: LegId(1) },
        CallEvent::QueueLeft { reason: "no_answer".into() },
        CallEvent::TransferFailed { reason: "no_answer".into() },
        CallEvent::CallbackRequested { number: Pii::new("callback-number-77".into()), queue: "support".into() },
    ]
}

/// The same to its end, with its recording whole.
pub(crate) fn whole_call(header: &Header) -> Vec<CallEvent> {
    let mut events = open_call(header);
    events.push(CallEvent::RecordingReady { path: recording_name(header), duration_ms: 2_000 });
    events.push(CallEvent::Ended { reason: "caller_hung_up".into(), hangup_by: HangupBy::Caller, sip_code: None });
    events
}

fn handoff() -> Handoff {
    Handoff {
        reason: HandoffReason::CallerAsked,
        intent: Some("order_status".into()),
        queue: "support".into(),
        language: Language::En,
        emotion: Emotion::with_probability(Mood::Angry, 0.75),
        slots: vec![SlotValue { name: "order_id".into(), value: Pii::new("48213".into()), confirmed: true }],
        tried: vec![TriedStep { step: "shipment".into(), outcome: "tool_failed".into() }],
        brief: Pii::new("Wang Fang asks where order 48213 is.".into()),
    }
}

/// Appends the event as the `n`th second of the call.
pub(crate) fn append(journal: &mut Journal, event: CallEvent) -> EventRecord {
    static SECONDS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let second = SECONDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let unix_ms = journal.header().unix_ms + 10;
    journal.append(Moment::from_millis(second * 1_000), unix_ms, event).unwrap()
}

/// Pretends that each recording was mended and lasts two seconds.
pub(crate) fn repair(_recording: &Path) -> Result<Duration, String> {
    Ok(Duration::from_secs(2))
}

/// What keeps calls, with its web interface on a port of this machine.
pub(crate) struct Keeping {
    pub(crate) folder: TempDir,
    pub(crate) folders: Folders,
    pub(crate) store: Store,
    pub(crate) live: LiveCalls,
    pub(crate) readiness: Readiness,
    pub(crate) address: SocketAddr,
    pub(crate) closing: CancellationToken,
    pub(crate) projector: Projector,
    pub(crate) task: ProjectorTask,
    pub(crate) http: JoinHandle<()>,
    _agents: watch::Sender<Vec<AgentStatus>>,
}

/// A call that a test leads.
pub(crate) struct TestCall {
    pub(crate) journal: Journal,
    pub(crate) feed: Feed,
    pub(crate) controls: mpsc::Receiver<CallControl>,
}

impl Keeping {
    pub(crate) async fn start(token: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders { live: folder.path().join("live"), recordings: folder.path().join("recordings") };
        let store = Store::open(&folder.path().join("hotline.db")).await.unwrap();
        let (projector, task) = Projector::start(store.clone(), folders.clone(), repair);
        let (live, readiness, closing) = (LiveCalls::default(), Readiness::new(), CancellationToken::new());
        let alice = AgentStatus {
            id: AgentId::new("alice"),
            state: AgentState::Idle,
            since_unix_ms: BEGAN_UNIX_MS,
            queues: vec!["support".into()],
            languages: vec![Language::En],
            call_id: None,
        };
        let (agents_sender, agents) = watch::channel(vec![alice]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = HttpState {
            store: store.clone(),
            folders: folders.clone(),
            live: live.clone(),
            agents,
            prompts: tokio::sync::watch::Sender::default().subscribe(),
            readiness: readiness.clone(),
            guests: guests(),
            reload_flows: std::sync::Arc::new(|| anyhow::bail!("after-sales.yaml:3: unknown key `stepz`")),
            metrics: telemetry::metrics_builder().unwrap().build_recorder().handle(),
            token: token.map(|token| token.to_owned().try_into().unwrap()),
            browsers: None,
            closing: closing.clone(),
        };
        let http = tokio::spawn(http::serve(listener, state));
        Self {
            folder,
            folders,
            store,
            live,
            readiness,
            address,
            closing,
            projector,
            task,
            http,
            _agents: agents_sender,
        }
    }

    pub(crate) fn begin(&self, header: Header) -> TestCall {
        let journal = Journal::create(&self.folders.live, header).unwrap();
        let (sender, controls) = mpsc::channel(1);
        TestCall { journal, feed: self.live.begin(header, sender), controls }
    }

    /// Leads a call to its end and waits until its rows are written.
    pub(crate) async fn settled(&self, header: Header) {
        let mut call = self.begin(header);
        for event in whole_call(&header) {
            call.record(event);
        }
        self.projector.settle(call.journal, call.feed);
        self.until_settled(header.call_id).await;
    }

    pub(crate) async fn until_settled(&self, call_id: CallId) {
        eventually("the call is settled", || self.live.call(call_id).is_none()).await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let response = reqwest::get(self.url(path)).await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }
}

/// Engines that hear one line and speak in tones.
fn guests() -> Guests {
    let ears = Ears::start(Arc::new(Scripted::new([HEARD])), NonZeroU8::MIN).unwrap();
    Guests::start(ears, &[Arc::new(ToneVoice::default())], NonZeroU8::MIN).unwrap()
}

/// What those engines hear.
pub(crate) const HEARD: &str = "where is my order";

impl TestCall {
    /// As the house does it: in the journal first, then told.
    pub(crate) fn record(&mut self, event: CallEvent) {
        let record = append(&mut self.journal, event);
        self.feed.publish(Arc::new(record));
    }
}

/// Waits until something is so, for ten seconds at most.
pub(crate) async fn eventually(claim: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came that {claim}");
}
