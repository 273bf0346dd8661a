//! What the house tells of itself: log lines and counters.
//!
//! Counters of calls are made from call events, here and nowhere else, so that no library needs to know of them and a
//! replayed journal counts the same; those of the recogniser are of the machine and not of a call. Log lines hold events, numbers and ids, never what somebody said. Crates that are not ours
//! do not know that rule, so they are heard only when something is wrong, and the SIP stack, which prints whole
//! messages, is not heard at all.

use std::time::Duration;

use asr::{DecodeKind, Decoded, QueueDepth, QueueTotals, RecognizerError};
use call::{CallEvent, Direction, EventRecord, HandoffReason, HangupBy, Speaker, TurnLatency};
use media::RecordError;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Log, LogFormat, LogLevel};
use crate::mouth::Prepared;

/// Why the house cannot tell of itself.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// Counters could not be set up: they are already, or a bound is wrong. A bug of ours.
    #[error("cannot set up metrics: {0}")]
    Counters(#[from] BuildError),
    /// Somebody in this process has set up logging before. A bug of ours.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Begins to write log lines to standard error. Once in a process.
///
/// # Errors
/// [`TelemetryError::Twice`].
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter(log.level)));
    match log.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
        LogFormat::Text => registry.with(lines).try_init()?,
    }
    Ok(())
}

/// Begins to count. Once in a process; what is rendered by the handle is what `/metrics` answers.
///
/// # Errors
/// [`TelemetryError::Counters`].
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = metrics_builder()?.install_recorder()?;
    describe();
    Ok(handle)
}

/// The exporter with the buckets of our histograms.
///
/// # Errors
/// [`TelemetryError::Counters`].
pub fn metrics_builder() -> Result<PrometheusBuilder, TelemetryError> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(DECODE_SECONDS.to_owned()), &TURN_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Full(TURN_LATENCY.to_owned()), &TURN_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Full(ENGINE_SECONDS.to_owned()), &TOOL_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Full(TOOL_SECONDS.to_owned()), &TOOL_BUCKETS_S)?)
}

/// Counts one event of a call that goes in `direction`. Labels are words of ours or of the configuration: none grows
/// with the number of calls.
pub fn observe(direction: Direction, record: &EventRecord) {
    match &record.event {
        CallEvent::Answered { codec } => {
            counter!("hotline_calls_answered_total", "codec" => codec.sdp_name()).increment(1)
        }
        CallEvent::CallbackRequested { .. } => counter!("hotline_callbacks_requested_total").increment(1),
        CallEvent::Created { .. } => {
            counter!("hotline_calls_started_total", "direction" => direction_word(direction)).increment(1);
        }
        CallEvent::Ended { hangup_by, .. } => {
            let labels = [("direction", direction_word(direction)), ("hangup_by", hangup_word(*hangup_by))];
            counter!("hotline_calls_total", &labels).increment(1);
        }
        CallEvent::IntentDetected { intent, .. } => {
            counter!("hotline_intents_total", "intent" => intent.clone()).increment(1);
        }
        CallEvent::QueueConnected { .. } => counter!("hotline_transfers_connected_total").increment(1),
        CallEvent::RecordingFailed { .. } => counter!("hotline_recordings_failed_total").increment(1),
        CallEvent::Said { utterance } => {
            let labels = [("speaker", speaker_word(utterance.speaker)), ("language", utterance.language.code())];
            counter!("hotline_utterances_total", &labels).increment(1);
        }
        CallEvent::ToolCalled { tool } => counter!("hotline_tool_calls_total", "tool" => tool.clone()).increment(1),
        CallEvent::ToolFailed { tool, took_ms, .. } => {
            counter!("hotline_tool_calls_failed_total", "tool" => tool.clone()).increment(1);
            histogram!(TOOL_SECONDS, "tool" => tool.clone()).record(seconds(*took_ms));
        }
        CallEvent::ToolReturned { tool, took_ms, .. } => {
            histogram!(TOOL_SECONDS, "tool" => tool.clone()).record(seconds(*took_ms));
        }
        CallEvent::TransferFailed { .. } => counter!("hotline_transfers_failed_total").increment(1),
        CallEvent::TransferRequested { handoff } => {
            counter!("hotline_transfers_requested_total", "reason" => reason_word(handoff.reason)).increment(1);
        }
        CallEvent::TurnCompleted { latency, .. } => observe_turn(latency),
        CallEvent::Bridged { .. }
        | CallEvent::Digit { .. }
        | CallEvent::EmotionChanged { .. }
        | CallEvent::Held { .. }
        | CallEvent::PartialHeard { .. }
        | CallEvent::PartialSaid { .. }
        | CallEvent::QueueLeft { .. }
        | CallEvent::QueueOffered { .. }
        | CallEvent::RecordingReady { .. }
        | CallEvent::RecordingStarted { .. }
        | CallEvent::Resumed { .. }
        | CallEvent::SlotFilled { .. }
        | CallEvent::StepEntered { .. } => {}
    }
}

/// Notes how many calls live.
pub fn set_calls_live(count: usize) {
    gauge!("hotline_calls_live").set(count as f64);
}

/// Notes how far the rendering of fixed prompts is.
pub(crate) fn set_prompts(prompts: Prepared) {
    gauge!("hotline_prompts_wanted").set(prompts.total as f64);
    gauge!("hotline_prompts_ready").set(prompts.ready as f64);
    gauge!("hotline_prompts_failed").set(prompts.failed as f64);
}

/// Notes what the SIP door has refused since it opened.
pub(crate) fn observe_door(counts: sip_bridge::DoorCounts) {
    let refused = |reason: &'static str, count: u64| {
        counter!("hotline_sip_refused_total", "reason" => reason).absolute(count);
    };
    refused("connections", counts.connections_refused);
    refused("invites", counts.invites_limited);
    refused("no_sip", counts.dropped);
    refused("registers", counts.registers_limited);
    refused("request", counts.refused);
    counter!("hotline_sip_passwords_wrong_total").absolute(counts.failures);
    counter!("hotline_sip_sources_blocked_total").absolute(counts.blocked);
    gauge!("hotline_sip_phones_registered").set(counts.registered as f64);
}

/// Notes whether recordings can be written: the last one could not, for want of room or otherwise, or could.
pub(crate) fn set_recording_trouble(error: Option<&RecordError>) {
    let is_full = matches!(error, Some(RecordError::DiskFull { .. }));
    gauge!("hotline_recording_disk_full").set(f64::from(u8::from(is_full)));
    gauge!("hotline_recording_unwritable").set(f64::from(u8::from(error.is_some() && !is_full)));
}

/// Notes frames of 20 ms that never reached their recording and are silence there.
pub(crate) fn observe_recording_gap(frames: u32) {
    if frames > 0 {
        counter!("hotline_recording_frames_lost_total").increment(frames.into());
    }
}

/// Notes what became of a webhook.
pub(crate) fn observe_webhook(outcome: &'static str) {
    counter!("hotline_webhooks_total", "outcome" => outcome).increment(1);
}

/// Notes what became of a request to a speech engine over HTTP, and how long it took when it was sent.
pub(crate) fn observe_engine(engine: &'static str, outcome: &'static str, took: Duration) {
    counter!("hotline_engine_requests_total", "engine" => engine, "outcome" => outcome).increment(1);
    if !took.is_zero() {
        histogram!(ENGINE_SECONDS, "engine" => engine, "outcome" => outcome).record(took.as_secs_f64());
    }
}

/// Notes what became of the request of a guest.
pub(crate) fn observe_guest(work: &'static str, outcome: &'static str) {
    counter!("hotline_guest_requests_total", "work" => work, "outcome" => outcome).increment(1);
}

/// Notes the recogniser's queue as it is now and all that has happened to it.
pub(crate) fn observe_queue(depth: QueueDepth, totals: QueueTotals) {
    let waiting = [(DecodeKind::Final, depth.finals), (DecodeKind::Partial, depth.partials)]
        .into_iter()
        .chain([(DecodeKind::Speculative, depth.speculative)]);
    for (kind, count) in waiting {
        gauge!("hotline_decodes_waiting", "kind" => kind_word(kind)).set(count as f64);
    }
    gauge!("hotline_decodes_running").set(depth.running as f64);
    counter!("hotline_decodes_abandoned_total").absolute(totals.abandoned);
    counter!("hotline_decodes_displaced_total").absolute(totals.displaced);
    counter!("hotline_decodes_refused_total").absolute(totals.refused);
    counter!("hotline_decodes_started_total").absolute(totals.started);
}

/// Notes a decode that ran to its end, and how long it took.
pub(crate) fn observe_decode(kind: DecodeKind, took: Duration, result: &Result<Decoded, RecognizerError>) {
    histogram!(DECODE_SECONDS, "kind" => kind_word(kind)).record(took.as_secs_f64());
    if let Err(RecognizerError::DeadlineExceeded(_)) = result {
        counter!("hotline_decodes_late_total").increment(1);
    }
}

/// Notes what became of a decode that was started before its turn was over.
pub(crate) fn observe_speculation(outcome: SpeculationOutcome) {
    counter!("hotline_speculations_total", "outcome" => outcome.word()).increment(1);
}

/// What became of an early decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeculationOutcome {
    /// The turn ended without one that could be used.
    Missed,
    /// Its words were those of the turn.
    Right,
    /// The caller went on.
    Wasted,
}

impl SpeculationOutcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Right => "right",
            Self::Wasted => "wasted",
        }
    }
}

const fn kind_word(kind: DecodeKind) -> &'static str {
    match kind {
        DecodeKind::Final => "final",
        DecodeKind::Partial => "partial",
        DecodeKind::Speculative => "speculative",
    }
}

fn observe_turn(latency: &TurnLatency) {
    let TurnLatency { silence_wait_ms, decode_ms, mind_ms, first_audio_ms } = *latency;
    let parts = [
        ("silence_wait", silence_wait_ms),
        ("decode", decode_ms),
        ("mind", mind_ms),
        ("first_audio", first_audio_ms),
        ("total", latency.total_ms()),
    ];
    for (part, span_ms) in parts {
        histogram!(TURN_LATENCY, "part" => part).record(seconds(span_ms.into()));
    }
}

/// Libraries that warn of what every call does, or name addresses in it.
const QUIET: &str = "webrtc=error,rtc=error,rtc_dtls=error,rtc_ice=error,rtc_sctp=error,";

/// Which lines are written, in the words of [`EnvFilter`].
pub fn filter(level: LogLevel) -> String {
    let ours = OURS.map(|name| format!("{name}={}", level.as_str())).join(",");
    let others = match level {
        LogLevel::Error => LogLevel::Error,
        LogLevel::Debug | LogLevel::Info | LogLevel::Trace | LogLevel::Warn => LogLevel::Warn,
    };
    format!("{},{ours},{QUIET}rsipstack=off", others.as_str())
}

fn describe() {
    describe_counter!("hotline_callbacks_requested_total", "Callbacks promised to callers");
    describe_counter!("hotline_calls_answered_total", "Calls answered, by codec");
    describe_counter!("hotline_calls_started_total", "Calls that came in or went out");
    describe_counter!("hotline_calls_total", "Calls that have ended, by direction and who ended them");
    describe_counter!("hotline_engine_requests_total", "Requests to speech engines over HTTP, by what became of them");
    describe_counter!(
        "hotline_guest_requests_total",
        "Requests of others to our speech engines, by what became of them"
    );
    describe_counter!("hotline_decodes_abandoned_total", "Decodes that nobody wanted any more");
    describe_counter!("hotline_decodes_displaced_total", "Waiting decodes that had to make room");
    describe_counter!("hotline_decodes_late_total", "Decodes stopped at their deadline");
    describe_counter!("hotline_decodes_refused_total", "Decodes that found no room");
    describe_counter!("hotline_decodes_started_total", "Decodes begun");
    describe_counter!("hotline_intents_total", "Intents understood");
    describe_counter!("hotline_recording_frames_lost_total", "Frames of 20 ms that are silence in their recording");
    describe_counter!("hotline_recordings_failed_total", "Recordings that could not be written");
    describe_counter!(
        "hotline_speculations_total",
        "Decodes started before the end of a turn: right, wasted, or missed"
    );
    describe_counter!("hotline_tool_calls_failed_total", "Business systems that did not answer as they should");
    describe_counter!("hotline_tool_calls_total", "Business systems asked");
    describe_counter!("hotline_transfers_connected_total", "Callers connected to a person");
    describe_counter!("hotline_transfers_failed_total", "Callers for whom no person was found");
    describe_counter!("hotline_transfers_requested_total", "Persons asked for, by reason");
    describe_counter!("hotline_utterances_total", "Finished utterances, by speaker and language");
    describe_counter!("hotline_sip_passwords_wrong_total", "Registrations with a wrong password");
    describe_counter!("hotline_sip_refused_total", "What the SIP door refused, by reason");
    describe_counter!("hotline_sip_sources_blocked_total", "Sources blocked for wrong passwords");
    describe_gauge!("hotline_sip_phones_registered", "Phones that are registered now");
    describe_counter!("hotline_webhooks_total", "Webhooks, by what became of them");
    describe_gauge!("hotline_calls_live", "Calls that live now");
    describe_gauge!("hotline_recording_disk_full", "1 while recordings fail for want of room on the disk");
    describe_gauge!("hotline_recording_unwritable", "1 while recordings fail for another reason");
    describe_histogram!(ENGINE_SECONDS, metrics::Unit::Seconds, "How long speech engines over HTTP took");
    describe_gauge!("hotline_prompts_failed", "Clauses of fixed prompts that no voice can say");
    describe_gauge!("hotline_prompts_ready", "Clauses of fixed prompts that play at once");
    describe_gauge!("hotline_prompts_wanted", "Clauses of fixed prompts in all flows, languages and manners");
    describe_gauge!("hotline_decodes_running", "Decodes that run now");
    describe_gauge!("hotline_decodes_waiting", "Decodes that wait, by kind");
    describe_histogram!(DECODE_SECONDS, metrics::Unit::Seconds, "How long decodes took on their thread, by kind");
    describe_histogram!(TOOL_SECONDS, metrics::Unit::Seconds, "How long business systems took");
    describe_histogram!(
        TURN_LATENCY,
        metrics::Unit::Seconds,
        "From the caller's last sound to the bot's first, by part and in total"
    );
}

const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

const fn hangup_word(by: HangupBy) -> &'static str {
    match by {
        HangupBy::Agent => "agent",
        HangupBy::Bot => "bot",
        HangupBy::Caller => "caller",
        HangupBy::System => "system",
        HangupBy::Transfer => "transfer",
    }
}

const fn reason_word(reason: HandoffReason) -> &'static str {
    match reason {
        HandoffReason::BotFailed => "bot_failed",
        HandoffReason::CallerAsked => "caller_asked",
        HandoffReason::FlowAsked => "flow_asked",
        HandoffReason::NotUnderstood => "not_understood",
        HandoffReason::ToolFailed => "tool_failed",
    }
}

const fn speaker_word(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Agent => "agent",
        Speaker::Bot => "bot",
        Speaker::Caller => "caller",
    }
}

fn seconds(span_ms: u64) -> f64 {
    span_ms as f64 / 1_000.0
}

const ENGINE_SECONDS: &str = "hotline_engine_seconds";
const DECODE_SECONDS: &str = "hotline_decode_seconds";
const TOOL_SECONDS: &str = "hotline_tool_seconds";
const TURN_LATENCY: &str = "hotline_turn_latency_seconds";
/// Fine where a caller begins to notice, coarse above.
const TURN_BUCKETS_S: [f64; 14] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1.2, 1.5, 2.5, 5.0];
const TOOL_BUCKETS_S: [f64; 9] = [0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0];
/// Our crates, as they name themselves in log lines.
const OURS: [&str; 9] = ["asr", "call", "desk", "dialog", "hotline", "media", "server", "sip_bridge", "tts"];

#[cfg(test)]
mod tests {
    use call::{Moment, Pii};

    use super::*;

    fn rendered(events: Vec<CallEvent>) -> String {
        let recorder = metrics_builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for (seq, event) in (1..).zip(events) {
                observe(Direction::Inbound, &EventRecord { seq, at: Moment::START, unix_ms: 0, event });
            }
        });
        recorder.handle().render()
    }

    #[test]
    fn a_turn_is_counted_by_its_parts_and_in_total() {
        let latency = TurnLatency { silence_wait_ms: 300, decode_ms: 150, mind_ms: 10, first_audio_ms: 40 };
        let text = rendered(vec![CallEvent::TurnCompleted { turn: 1, latency }]);
        assert!(text.contains(r#"hotline_turn_latency_seconds_sum{part="total"} 0.5"#), "{text}");
        assert!(text.contains(r#"hotline_turn_latency_seconds_bucket{part="decode",le="0.1"} 0"#), "{text}");
        assert!(text.contains(r#"hotline_turn_latency_seconds_bucket{part="decode",le="0.2"} 1"#), "{text}");
    }

    #[test]
    fn an_ended_call_is_counted_by_who_ended_it() {
        let ended = CallEvent::Ended { reason: "completed".into(), hangup_by: HangupBy::Bot, sip_code: None };
        let text = rendered(vec![ended]);
        assert!(text.contains(r#"hotline_calls_total{direction="inbound",hangup_by="bot"} 1"#), "{text}");
    }

    #[test]
    fn no_counter_tells_what_a_caller_said_or_pressed() {
        let text = rendered(vec![
            CallEvent::Digit { digit: Pii::new('7') },
            CallEvent::PartialHeard { text: Pii::new("my name is Wang Fang".into()) },
            CallEvent::SlotFilled { slot: "order_id".into(), value: Pii::new("48213".into()) },
            CallEvent::CallbackRequested { number: Pii::new("+8613800138000".into()), queue: "sales".into() },
        ]);
        for private in ["Wang", "48213", "138"] {
            assert!(!text.contains(private), "{text}");
        }
    }

    #[test]
    fn the_recognisers_queue_and_its_early_decodes_are_counted() {
        let recorder = metrics_builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let depth = QueueDepth { finals: 3, partials: 0, running: 2, speculative: 1 };
            observe_queue(depth, QueueTotals { abandoned: 1, displaced: 0, refused: 4, started: 9 });
            let late = Err(RecognizerError::DeadlineExceeded(Duration::from_secs(5)));
            observe_decode(DecodeKind::Final, Duration::from_secs(5), &late);
            observe_speculation(SpeculationOutcome::Wasted);
        });
        let text = recorder.handle().render();
        for line in [
            r#"hotline_decodes_waiting{kind="final"} 3"#,
            "hotline_decodes_running 2",
            "hotline_decodes_refused_total 4",
            "hotline_decodes_late_total 1",
            r#"hotline_decode_seconds_sum{kind="final"} 5"#,
            r#"hotline_speculations_total{outcome="wasted"} 1"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn others_are_heard_only_when_something_is_wrong() {
        let filter = filter(LogLevel::Trace);
        assert!(filter.starts_with("warn,"), "{filter}");
        assert!(filter.contains("server=trace") && filter.ends_with("rsipstack=off"), "{filter}");
        assert!(filter.parse::<EnvFilter>().is_ok());
    }
}
