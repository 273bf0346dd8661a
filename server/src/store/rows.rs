//! Between our types and columns. Every value is checked on its way back: a database can be edited by hand.

use call::{CallId, EventRecord, Moment, Pii, Utterance};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Row, Type};

use super::cdr::Cdr;
use super::sqlite::{Callback, StoreError, StoredUtterance};

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

pub(super) const CALL_INSERT: &str = "INSERT INTO calls (call_id, session_id, direction, from_number, to_number, flow, \
    queue, agent, start_unix_ms, answer_unix_ms, end_unix_ms, bot_s, wait_s, talk_s, hold_s, turns, status, sip_code, \
    reason, hangup_by, recording, recording_s, language, intent, mood, handoff, last_error, last_seq) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (call_id) DO UPDATE SET session_id = excluded.session_id, direction = excluded.direction, \
    from_number = excluded.from_number, to_number = excluded.to_number, flow = excluded.flow, \
    queue = excluded.queue, agent = excluded.agent, start_unix_ms = excluded.start_unix_ms, \
    answer_unix_ms = excluded.answer_unix_ms, end_unix_ms = excluded.end_unix_ms, bot_s = excluded.bot_s, \
    wait_s = excluded.wait_s, talk_s = excluded.talk_s, hold_s = excluded.hold_s, turns = excluded.turns, \
    status = excluded.status, sip_code = excluded.sip_code, reason = excluded.reason, \
    hangup_by = excluded.hangup_by, recording = excluded.recording, recording_s = excluded.recording_s, \
    language = excluded.language, intent = excluded.intent, mood = excluded.mood, handoff = excluded.handoff, \
    last_error = excluded.last_error, last_seq = excluded.last_seq";

pub(super) const UTTERANCE_INSERT: &str = "INSERT INTO utterances (call_id, seq, speaker, start_ms, end_ms, text, \
    confidence, language, mood) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A callback that is there already keeps its state: somebody may have done it meanwhile.
pub(super) const CALLBACK_INSERT: &str = "INSERT INTO callbacks (id, call_id, number, queue, state, created_unix_ms) \
    VALUES (?, ?, ?, ?, 'open', ?) ON CONFLICT (id) DO NOTHING";

/// Binds a record to [`CALL_INSERT`].
pub(super) fn bind_cdr(cdr: &Cdr) -> Statement<'static> {
    let handoff = cdr.handoff.as_ref().and_then(|handoff| serde_json::to_string(handoff).ok());
    sqlx::query(CALL_INSERT)
        .bind(cdr.call_id.to_string())
        .bind(cdr.session_id.to_string())
        .bind(cdr.direction.and_then(word))
        .bind(cdr.from.reveal().clone())
        .bind(cdr.to.clone())
        .bind(cdr.flow.clone())
        .bind(cdr.queue.clone())
        .bind(cdr.agent.as_ref().map(|agent| agent.as_str().to_owned()))
        .bind(cdr.start_unix_ms)
        .bind(cdr.answer_unix_ms)
        .bind(cdr.end_unix_ms)
        .bind(cdr.bot_s)
        .bind(cdr.wait_s)
        .bind(cdr.talk_s)
        .bind(cdr.hold_s)
        .bind(cdr.turns)
        .bind(cdr.status.as_str())
        .bind(cdr.sip_code)
        .bind(cdr.reason.clone())
        .bind(cdr.hangup_by.and_then(word))
        .bind(cdr.recording.clone())
        .bind(cdr.recording_s)
        .bind(cdr.language.map(|language| language.code()))
        .bind(cdr.intent.clone())
        .bind(cdr.mood.and_then(word))
        .bind(handoff)
        .bind(cdr.last_error.clone())
        .bind(i64::try_from(cdr.last_seq).unwrap_or(i64::MAX))
}

pub(super) fn cdr(row: &SqliteRow) -> Result<Cdr, StoreError> {
    let handoff = column::<Option<String>>(row, "handoff")?;
    let handoff =
        handoff.map(|json| serde_json::from_str(&json).map_err(|_| StoreError::Row("handoff"))).transpose()?;
    Ok(Cdr {
        call_id: parsed(row, "call_id")?,
        session_id: parsed(row, "session_id")?,
        direction: maybe_parsed(row, "direction")?,
        from: Pii::new(column(row, "from_number")?),
        to: column(row, "to_number")?,
        flow: column(row, "flow")?,
        queue: column(row, "queue")?,
        agent: maybe_parsed(row, "agent")?,
        start_unix_ms: column(row, "start_unix_ms")?,
        answer_unix_ms: column(row, "answer_unix_ms")?,
        end_unix_ms: column(row, "end_unix_ms")?,
        bot_s: column(row, "bot_s")?,
        wait_s: column(row, "wait_s")?,
        talk_s: column(row, "talk_s")?,
        hold_s: column(row, "hold_s")?,
        turns: column(row, "turns")?,
        status: parsed(row, "status")?,
        sip_code: column(row, "sip_code")?,
        reason: column(row, "reason")?,
        hangup_by: maybe_parsed(row, "hangup_by")?,
        recording: column(row, "recording")?,
        recording_s: column(row, "recording_s")?,
        language: maybe_parsed(row, "language")?,
        intent: column(row, "intent")?,
        mood: maybe_parsed(row, "mood")?,
        handoff,
        last_error: column(row, "last_error")?,
        last_seq: unsigned(row, "last_seq")?,
    })
}

/// Binds an utterance to [`UTTERANCE_INSERT`]; times count from `start`.
pub(super) fn bind_utterance(
    call_id: CallId,
    record: &EventRecord,
    utterance: &Utterance,
    start: Moment,
) -> Statement<'static> {
    let since_start = |moment: Moment| i64::try_from(moment.since(start).as_millis()).unwrap_or(i64::MAX);
    sqlx::query(UTTERANCE_INSERT)
        .bind(call_id.to_string())
        .bind(i64::try_from(record.seq).unwrap_or(i64::MAX))
        .bind(word(utterance.speaker))
        .bind(since_start(utterance.span.start))
        .bind(since_start(utterance.span.end))
        .bind(utterance.text.reveal().clone())
        .bind(f64::from(utterance.confidence))
        .bind(utterance.language.code())
        .bind(utterance.emotion.and_then(|emotion| word(emotion.mood)))
}

pub(super) fn utterance(row: &SqliteRow) -> Result<StoredUtterance, StoreError> {
    Ok(StoredUtterance {
        seq: unsigned(row, "seq")?,
        speaker: parsed(row, "speaker")?,
        start_ms: unsigned(row, "start_ms")?,
        end_ms: unsigned(row, "end_ms")?,
        text: Pii::new(column(row, "text")?),
        confidence: column::<f64>(row, "confidence")? as f32,
        language: parsed(row, "language")?,
        mood: maybe_parsed(row, "mood")?,
    })
}

/// Binds a promise to call back to [`CALLBACK_INSERT`].
pub(super) fn bind_callback(
    call_id: CallId,
    record: &EventRecord,
    number: &Pii<String>,
    queue: &str,
) -> Statement<'static> {
    // The same each time the journal is read, so that a callback is never promised twice.
    sqlx::query(CALLBACK_INSERT)
        .bind(format!("{call_id}-{}", record.seq))
        .bind(call_id.to_string())
        .bind(number.reveal().clone())
        .bind(queue.to_owned())
        .bind(record.unix_ms)
}

pub(super) fn callback(row: &SqliteRow) -> Result<Callback, StoreError> {
    Ok(Callback {
        id: column(row, "id")?,
        call_id: parsed(row, "call_id")?,
        number: Pii::new(column(row, "number")?),
        queue: column(row, "queue")?,
        state: parsed(row, "state")?,
        created_unix_ms: column(row, "created_unix_ms")?,
    })
}

/// The word by which JSON knows a unit-like value.
pub(super) fn word<T: Serialize>(value: T) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Some(word),
        Ok(_) | Err(_) => None,
    }
}

fn column<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(name).map_err(|_| StoreError::Row(name))
}

fn unsigned(row: &SqliteRow, name: &'static str) -> Result<u64, StoreError> {
    u64::try_from(column::<i64>(row, name)?).map_err(|_| StoreError::Row(name))
}

fn parsed<T: DeserializeOwned>(row: &SqliteRow, name: &'static str) -> Result<T, StoreError> {
    maybe_parsed(row, name)?.ok_or(StoreError::Row(name))
}

fn maybe_parsed<T: DeserializeOwned>(row: &SqliteRow, name: &'static str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = column(row, name)?;
    text.map(|text| serde_json::from_value(Value::String(text)).map_err(|_| StoreError::Row(name))).transpose()
}
