//! Tells a call as it happens, from the events the server publishes over HTTP.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use call::{CallEvent, EventRecord, Speaker, TurnLatency};
use reqwest::Client;
use serde_json::Value;
use test_audio::gap::turn_gaps;

use crate::config::Secret;

/// Whether words are shown while somebody still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partials {
    /// No.
    Hidden,
    /// On the terminal's last line, until something else stands there.
    Shown,
}

/// Waits for a call, prints what happens in it, and returns its id when it has ended.
///
/// # Errors
/// When the web interface cannot be asked.
pub(super) async fn tell(http: String, token: Option<Secret>, partials: Partials) -> Result<Option<String>> {
    let client = Client::new();
    let Some(call_id) = wait_for_call(&client, &http, token.as_ref()).await? else { return Ok(None) };
    let (mut seen, mut start) = (0, None);
    for _ in 0..POLLS_MAX {
        let url = format!("{http}/v1/calls/{call_id}/events?after={seen}");
        let events = ask(&client, &url, token.as_ref()).await?;
        let events = events.get("events").cloned().unwrap_or(events);
        let records: Vec<EventRecord> = serde_json::from_value(events).context("events are not as expected")?;
        for record in records {
            seen = record.seq;
            let start = *start.get_or_insert(record.at);
            let at_s = (record.at - start).as_secs_f64();
            match (partials, &record.event) {
                (Partials::Shown, CallEvent::PartialHeard { text }) => print_partial(at_s, text.reveal())?,
                (Partials::Shown, event) => {
                    write!(std::io::stdout(), "{LINE_AGAIN}")?;
                    print_event(at_s, event)?;
                }
                (Partials::Hidden, event) => print_event(at_s, event)?,
            }
            if record.event.is_last() {
                return Ok(Some(call_id));
            }
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(Some(call_id))
}

async fn wait_for_call(client: &Client, http: &str, token: Option<&Secret>) -> Result<Option<String>> {
    for _ in 0..POLLS_MAX {
        let calls = ask(client, &format!("{http}/v1/calls?state=live"), token).await?;
        let id = calls.pointer("/calls/0/call_id").and_then(Value::as_str);
        if let Some(id) = id {
            return Ok(Some(id.to_owned()));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(None)
}

async fn ask(client: &Client, url: &str, token: Option<&Secret>) -> Result<Value> {
    let mut request = client.get(url).header("Accept", "application/json").timeout(ASK_TIMEOUT);
    if let Some(token) = token {
        request = request.bearer_auth(token.reveal());
    }
    let response = request.send().await.with_context(|| format!("cannot ask {url}"))?;
    if !response.status().is_success() {
        bail!("{url} answered {}", response.status());
    }
    Ok(response.json().await?)
}

/// Prints words that may still change, over those that stood there.
fn print_partial(at_s: f64, text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    // What is too long for a line would stay behind.
    let skip = text.chars().count().saturating_sub(PARTIAL_CHARS_MAX);
    let end: String = text.chars().skip(skip).collect();
    write!(out, "{LINE_AGAIN}{at_s:>6.1}s  caller  {end} ...")?;
    out.flush()?;
    Ok(())
}

fn print_event(at_s: f64, event: &CallEvent) -> Result<()> {
    let line = |who: &str, what: &str| writeln!(std::io::stdout(), "{at_s:>6.1}s  {who:<7} {what}");
    match event {
        CallEvent::Answered { codec } => line("", &format!("[answered, {codec}]"))?,
        CallEvent::Bridged { agent, .. } => line("", &format!("[{agent} and the caller hear each other]"))?,
        CallEvent::CallbackRequested { .. } => line("", "[a callback is promised]")?,
        CallEvent::Digit { digit } => line("caller", &format!("[key {}]", digit.reveal()))?,
        CallEvent::Ended { reason, hangup_by, .. } => line("", &format!("[ended by {hangup_by:?}: {reason}]"))?,
        CallEvent::IntentDetected { intent, confidence } => {
            line("", &format!("[wants {intent}, {:.0} % sure]", confidence * 100.0))?;
        }
        CallEvent::QueueConnected { agent } => line("", &format!("[{agent} answers and hears the brief]"))?,
        CallEvent::QueueLeft { reason } => line("", &format!("[no agent: {reason}]"))?,
        CallEvent::QueueOffered { agent } => line("", &format!("[{agent}'s phone rings]"))?,
        CallEvent::RecordingFailed { reason } => line("", &format!("[recording failed: {reason}]"))?,
        CallEvent::Said { utterance } => {
            let who = match utterance.speaker {
                Speaker::Agent => "agent",
                Speaker::Bot => "bot",
                Speaker::Caller => "caller",
            };
            line(who, utterance.text.reveal())?;
        }
        CallEvent::ToolFailed { tool, reason, took_ms } => {
            line("", &format!("[{tool} failed after {took_ms} ms: {reason}]"))?;
        }
        CallEvent::ToolReturned { tool, status, took_ms } => {
            line("", &format!("[{tool} answered {status} in {took_ms} ms]"))?;
        }
        CallEvent::TransferRequested { handoff } => line("", &format!("[brief: {}]", handoff.brief.reveal()))?,
        CallEvent::TurnCompleted { latency, .. } => line("", &latency_text(latency))?,
        CallEvent::Created { .. }
        | CallEvent::EmotionChanged { .. }
        | CallEvent::Held { .. }
        | CallEvent::PartialHeard { .. }
        | CallEvent::PartialSaid { .. }
        | CallEvent::RecordingReady { .. }
        | CallEvent::RecordingStarted { .. }
        | CallEvent::Resumed { .. }
        | CallEvent::SlotFilled { .. }
        | CallEvent::StepEntered { .. }
        | CallEvent::ToolCalled { .. }
        | CallEvent::TransferFailed { .. } => {}
    }
    Ok(())
}

fn latency_text(latency: &TurnLatency) -> String {
    format!(
        "[answered in {} ms: silence {}, decode {}, mind {}, first sound {}]",
        latency.total_ms(),
        latency.silence_wait_ms,
        latency.decode_ms,
        latency.mind_ms,
        latency.first_audio_ms
    )
}

/// Prints where the call is kept, and the gaps measured on its recorded sound.
///
/// # Errors
/// When the web interface cannot be asked.
pub(super) async fn print_places(http: &str, token: Option<Secret>, call_id: &str, recordings: &Path) -> Result<()> {
    let client = Client::new();
    let url = format!("{http}/v1/calls/{call_id}");
    let call = ask(&client, &url, token.as_ref()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "\nCDR, transcript, hand-over:  {url}")?;
    let name = call.pointer("/recording").or_else(|| call.pointer("/cdr/recording")).and_then(Value::as_str);
    let Some(name) = name else { return Ok(()) };
    let file = recordings.join(name);
    writeln!(out, "Recording (left caller, right bot or agent):  {}", file.display())?;
    writeln!(out, "Journal:  {}", file.with_extension("jsonl").display())?;
    let sound = media::read_wav(&file)?;
    if let (Some(left), Some(right)) = (sound.channels.first(), sound.channels.get(1)) {
        let gaps = turn_gaps(left, right, sound.rate);
        let shown: Vec<_> = gaps.iter().map(|gap| gap.gap_ms.to_string()).collect();
        writeln!(out, "Gaps on the recording, caller's last sound to the answer's first, ms:  {}", shown.join(", "))?;
    }
    Ok(())
}

/// To the beginning of the line, and nothing on it (ECMA-48: CR, EL).
const LINE_AGAIN: &str = "\r\x1b[K";
/// What of a partial is shown.
const PARTIAL_CHARS_MAX: usize = 56;
/// How often the server is asked.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Ten minutes of asking.
const POLLS_MAX: usize = 6_000;
/// How long one answer may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
