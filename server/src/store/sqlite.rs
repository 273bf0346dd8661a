//! The database file itself: opened, migrated, written a call at a time, read a page at a time.
//!
//! A locked or full database is an error for the caller of these functions and never a panic. SQL texts are constants;
//! values travel beside them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use call::{CallEvent, CallId, EventRecord, Language, Moment, Mood, Pii, Speaker, revealed};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use thiserror::Error;
use utoipa::ToSchema;

use super::cdr::Cdr;
use super::rows;
use crate::journal::Header;

/// The database. Cheap to copy; every copy uses the same connections.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

/// Why the database did not do as asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database answered with an error. The machine's fault: no space, no permission, locked for too long.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The file is of a later version, or not ours.
    #[error("the database cannot be brought to this version: {0}; move the file away and it is made anew")]
    Migrate(#[from] MigrateError),
    /// Somebody has put a value there that we do not understand.
    #[error("the database holds a value of `{0}` that is not ours")]
    Row(&'static str),
}

/// Calls, newest first, and where the next page begins.
#[derive(Clone, Debug, PartialEq)]
pub struct CallsPage {
    /// The calls.
    pub calls: Vec<Cdr>,
    /// Where to go on; `None` when there are no more.
    pub next: Option<Cursor>,
}

/// A place in the list of calls: just after this one. Written as `{start_unix_ms}-{call_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When that call began.
    pub start_unix_ms: i64,
    /// That call.
    pub call_id: CallId,
}

impl Cursor {
    /// The place of a call in the list.
    pub fn of(cdr: &Cdr) -> Self {
        Self { start_unix_ms: cdr.start_unix_ms, call_id: cdr.call_id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start_unix_ms, self.call_id)
    }
}

/// Text that is no place in the list of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a cursor; take it from `next` of the page before")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (start, call) = text.rsplit_once('-').ok_or(InvalidCursor)?;
        let start_unix_ms = start.parse().map_err(|_| InvalidCursor)?;
        let call_id = call.parse().map_err(|_| InvalidCursor)?;
        Ok(Self { start_unix_ms, call_id })
    }
}

/// Something that was said, as the database holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoredUtterance {
    /// The number of its event.
    pub seq: u64,
    /// Who spoke.
    #[schema(value_type = String)]
    pub speaker: Speaker,
    /// When it began, in milliseconds since the call began.
    pub start_ms: u64,
    /// When it ended.
    pub end_ms: u64,
    /// The words.
    #[serde(with = "revealed")]
    #[schema(value_type = String)]
    pub text: Pii<String>,
    /// How likely they are right, 0.0 to 1.0.
    pub confidence: f32,
    /// The language.
    #[schema(value_type = String)]
    pub language: Language,
    /// How the speaker felt, where known.
    #[schema(value_type = Option<String>)]
    pub mood: Option<Mood>,
}

impl StoredUtterance {
    /// What an event says was said, if it does. Times count from `start`.
    pub fn of(record: &EventRecord, start: Moment) -> Option<Self> {
        let CallEvent::Said { utterance } = &record.event else { return None };
        let since_start = |moment: Moment| u64::try_from(moment.since(start).as_millis()).unwrap_or(u64::MAX);
        Some(Self {
            seq: record.seq,
            speaker: utterance.speaker,
            start_ms: since_start(utterance.span.start),
            end_ms: since_start(utterance.span.end),
            text: utterance.text.clone(),
            confidence: utterance.confidence,
            language: utterance.language,
            mood: utterance.emotion.map(|emotion| emotion.mood),
        })
    }
}

/// A promise to call somebody back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Callback {
    /// Its own name.
    pub id: String,
    /// The call in which it was promised.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// Whom to call.
    #[serde(with = "revealed")]
    #[schema(value_type = String)]
    pub number: Pii<String>,
    /// The queue that should do it.
    pub queue: String,
    /// Whether it was done.
    pub state: CallbackState,
    /// When it was promised, in milliseconds since 1970 (UTC).
    pub created_unix_ms: i64,
}

/// Whether a promised callback was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallbackState {
    /// Somebody called back.
    Done,
    /// Somebody still must.
    Open,
}

impl Store {
    /// Opens the database file, makes it where it is missing, and brings it to this version.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the file cannot be opened, [`StoreError::Migrate`] when it is not ours.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With WAL this survives a killed process; a power cut may take the last rows, which the journals have.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_WAIT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_WAIT)
            .connect_with(options)
            .await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Self { pool })
    }

    /// Writes all rows of a call that has ended, from its events, in one transaction. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing is written then.
    pub async fn settle(&self, header: &Header, events: &[EventRecord]) -> Result<Cdr, StoreError> {
        let cdr = Cdr::from_events(header, events);
        let start = events.first().map_or(Moment::START, |first| first.at);
        let mut rows = self.pool.begin().await?;
        rows::bind_cdr(&cdr).execute(&mut *rows).await?;
        sqlx::query("DELETE FROM utterances WHERE call_id = ?")
            .bind(header.call_id.to_string())
            .execute(&mut *rows)
            .await?;
        for record in events {
            let statement = if let CallEvent::CallbackRequested { number, queue } = &record.event {
                rows::bind_callback(header.call_id, record, number, queue)
            } else if let CallEvent::Said { utterance } = &record.event {
                rows::bind_utterance(header.call_id, record, utterance, start)
            } else {
                continue;
            };
            statement.execute(&mut *rows).await?;
        }
        rows.commit().await?;
        Ok(cdr)
    }

    /// The record of a call that has ended.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Row`].
    pub async fn call(&self, call_id: CallId) -> Result<Option<Cdr>, StoreError> {
        let row = sqlx::query("SELECT * FROM calls WHERE call_id = ?")
            .bind(call_id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(rows::cdr).transpose()
    }

    /// Calls that have ended, newest first: at most `limit` of those after `before`.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Row`].
    pub async fn calls(&self, before: Option<Cursor>, limit: u32) -> Result<CallsPage, StoreError> {
        let start = before.map_or(i64::MAX, |cursor| cursor.start_unix_ms);
        // Greater than every id, so that a page without a cursor begins with the newest call.
        let call = before.map_or_else(|| "~".to_owned(), |cursor| cursor.call_id.to_string());
        let rows = sqlx::query(
            "SELECT * FROM calls WHERE (start_unix_ms, call_id) < (?, ?) \
             ORDER BY start_unix_ms DESC, call_id DESC LIMIT ?",
        )
        .bind(start)
        .bind(call)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.pool)
        .await?;
        let mut calls = rows.iter().map(rows::cdr).collect::<Result<Vec<_>, _>>()?;
        let more = calls.len() > limit as usize;
        calls.truncate(limit as usize);
        let next = if more { calls.last().map(Cursor::of) } else { None };
        Ok(CallsPage { calls, next })
    }

    /// What was said in a call that has ended, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Row`].
    pub async fn transcript(&self, call_id: CallId) -> Result<Vec<StoredUtterance>, StoreError> {
        let rows = sqlx::query("SELECT * FROM utterances WHERE call_id = ? ORDER BY start_ms, seq")
            .bind(call_id.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(rows::utterance).collect()
    }

    /// Promised callbacks, newest first, at most `limit`: those in one state, or all.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Row`].
    pub async fn callbacks(&self, state: Option<CallbackState>, limit: u32) -> Result<Vec<Callback>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM callbacks WHERE ?1 IS NULL OR state = ?1 ORDER BY created_unix_ms DESC, id DESC LIMIT ?2",
        )
        .bind(state.and_then(rows::word))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(rows::callback).collect()
    }

    /// Closes the connections after what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// SQLite writes one transaction at a time; more connections only help readers.
const CONNECTIONS_MAX: u32 = 4;
/// How long a transaction waits for another program that has the file locked.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long a request waits for a connection.
const ACQUIRE_WAIT: Duration = Duration::from_secs(8);
