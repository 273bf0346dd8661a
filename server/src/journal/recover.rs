//! What a start does with the journals an earlier run left behind: it closes their calls.
//!
//! Each step leaves the journal such that doing all of them again gives the same result, because the machine may stop
//! in the middle of this as well: the recording is mended, then the journal says so, then it says that the call ended,
//! then the rows are written, and only then is the file moved to the archive.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use call::{CallEvent, EventRecord, HangupBy, Moment, Speaker, Utterance};
use thiserror::Error;
use tracing::{info, warn};

use super::file::{Header, Journal};
use super::place::{self, Folders};
use super::read::JournalError;
use crate::store::{Cdr, Store, StoreError};

/// What a start has found and closed.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Calls that are closed now, in the order of their beginning.
    pub calls: Vec<Recovered>,
    /// Journals that could not be settled, and why. They stay where they are, and the next start tries again.
    pub problems: Vec<(PathBuf, RecoveryProblem)>,
}

/// A call that an earlier run did not settle.
#[derive(Debug)]
pub struct Recovered {
    /// Whose journal it was.
    pub header: Header,
    /// Its record, as it is in the database now.
    pub cdr: Cdr,
    /// Where its journal is now.
    pub journal: PathBuf,
}

/// Why a journal could not be settled.
#[derive(Debug, Error)]
pub enum RecoveryProblem {
    /// The archive cannot be written. The machine's fault.
    #[error("cannot move the journal to the recordings folder: {0}")]
    Archive(io::Error),
    /// The file cannot be read, or is no journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The database cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Closes every call whose journal is still in the live folder. To be done before the first call is answered.
///
/// `repair` makes a recording that was cut off playable and tells its length; it is given the whole path.
///
/// # Errors
/// When the live folder cannot be listed or made. What goes wrong with one journal is in [`Recovery::problems`].
pub async fn recover<R>(folders: &Folders, store: &Store, repair: R) -> io::Result<Recovery>
where
    R: Fn(&Path) -> Result<Duration, String>,
{
    fs::create_dir_all(&folders.live)?;
    let mut left: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folders.live)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == place::EXTENSION) {
            left.push(path);
        }
    }
    let mut recovery = Recovery::default();
    for path in left {
        match settle(&path, folders, store, &repair).await {
            Ok(Some(recovered)) => {
                info!(call_id = %recovered.header.call_id, status = %recovered.cdr.status, "Call closed from its journal");
                recovery.calls.push(recovered);
            }
            Ok(None) => {}
            Err(problem) => {
                warn!(journal = %path.display(), %problem, "A journal could not be settled; the next start tries again");
                recovery.problems.push((path, problem));
            }
        }
    }
    recovery.calls.sort_by_key(|recovered| (recovered.header.unix_ms, recovered.header.call_id));
    Ok(recovery)
}

/// Closes one call from its journal: mends what a crash has left, writes the rows, moves the file. `None` when the file
/// was torn before the call did anything; it is then removed.
///
/// # Errors
/// [`RecoveryProblem`]; to be tried again, whatever was done so far.
pub(crate) async fn settle<R>(
    path: &Path,
    folders: &Folders,
    store: &Store,
    repair: &R,
) -> Result<Option<Recovered>, RecoveryProblem>
where
    R: Fn(&Path) -> Result<Duration, String>,
{
    let (mut journal, mut events) = match Journal::reopen(path) {
        Err(JournalError::Header) if is_unfinished(path) => {
            // The server was killed while it wrote the first line, before the call did anything.
            fs::remove_file(path).map_err(JournalError::Read)?;
            return Ok(None);
        }
        other => other?,
    };
    mend(&mut journal, &mut events, &folders.recordings, repair)?;
    let header = journal.header();
    let cdr = store.settle(&header, &events).await?;
    let journal = journal.finish(&folders.recordings).map_err(RecoveryProblem::Archive)?;
    Ok(Some(Recovered { header, cdr, journal }))
}

/// Mends the recording and writes the events that the crash left out.
fn mend<R>(
    journal: &mut Journal,
    events: &mut Vec<EventRecord>,
    recordings: &Path,
    repair: &R,
) -> Result<(), JournalError>
where
    R: Fn(&Path) -> Result<Duration, String>,
{
    if events.last().is_some_and(|record| record.event.is_last()) {
        return Ok(());
    }
    let mut end = End::of(journal.header(), events);
    if let Some(utterance) = unfinished_saying(events) {
        events.push(journal.append(end.at, end.unix_ms, CallEvent::Said { utterance })?);
    }
    if let Some((path, began)) = unfinished_recording(events) {
        let event = match inside(recordings, &path).map(|whole| repair(&whole)) {
            Some(Ok(duration)) => {
                end = end.no_earlier_than(began, duration);
                let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                CallEvent::RecordingReady { path, duration_ms }
            }
            Some(Err(reason)) => CallEvent::RecordingFailed { reason },
            None => CallEvent::RecordingFailed { reason: "its path leaves the recordings folder".to_owned() },
        };
        events.push(journal.append(end.at, end.unix_ms, event)?);
    }
    let ended = CallEvent::Ended { reason: CRASH.to_owned(), hangup_by: HangupBy::System, sip_code: None };
    events.push(journal.append(end.at, end.unix_ms, ended)?);
    Ok(())
}

/// When a call must have ended, as far as can be known.
#[derive(Clone, Copy)]
struct End {
    at: Moment,
    unix_ms: i64,
}

impl End {
    /// With its last event, for want of a later sign of life.
    fn of(header: Header, events: &[EventRecord]) -> Self {
        let nothing = Self { at: Moment::START, unix_ms: header.unix_ms };
        events.last().map_or(nothing, |last| Self { at: last.at, unix_ms: last.unix_ms })
    }

    /// A recording that began at `began` and lasts so long shows that the call was alive until its end.
    fn no_earlier_than(self, began: Self, duration: Duration) -> Self {
        let duration_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self {
            at: self.at.max(began.at + duration),
            unix_ms: self.unix_ms.max(began.unix_ms.saturating_add(duration_ms)),
        }
    }
}

/// What the bot had said of what it was saying.
fn unfinished_saying(events: &[EventRecord]) -> Option<Utterance> {
    events.iter().rev().find_map(|record| match &record.event {
        CallEvent::PartialSaid { utterance } => Some(Some(utterance.clone())),
        CallEvent::Said { utterance } if utterance.speaker == Speaker::Bot => Some(None),
        _ => None,
    })?
}

/// The recording that was begun and neither finished nor given up.
fn unfinished_recording(events: &[EventRecord]) -> Option<(String, End)> {
    events.iter().fold(None, |open, record| match &record.event {
        CallEvent::RecordingStarted { path } => Some((path.clone(), End { at: record.at, unix_ms: record.unix_ms })),
        CallEvent::RecordingFailed { .. } | CallEvent::RecordingReady { .. } => None,
        CallEvent::Answered { .. }
        | CallEvent::Bridged { .. }
        | CallEvent::CallbackRequested { .. }
        | CallEvent::Created { .. }
        | CallEvent::Digit { .. }
        | CallEvent::EmotionChanged { .. }
        | CallEvent::Ended { .. }
        | CallEvent::Held { .. }
        | CallEvent::IntentDetected { .. }
        | CallEvent::PartialHeard { .. }
        | CallEvent::PartialSaid { .. }
        | CallEvent::QueueConnected { .. }
        | CallEvent::QueueLeft { .. }
        | CallEvent::QueueOffered { .. }
        | CallEvent::Resumed { .. }
        | CallEvent::Said { .. }
        | CallEvent::SlotFilled { .. }
        | CallEvent::StepEntered { .. }
        | CallEvent::ToolCalled { .. }
        | CallEvent::ToolFailed { .. }
        | CallEvent::ToolReturned { .. }
        | CallEvent::TransferFailed { .. }
        | CallEvent::TransferRequested { .. }
        | CallEvent::TurnCompleted { .. } => open,
    })
}

/// The whole path of a recording, unless it would lie outside the folder.
pub(crate) fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
    (plain && path.components().next().is_some()).then(|| folder.join(path))
}

/// Whether a file holds no whole line.
fn is_unfinished(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| !bytes.contains(&b'\n'))
}

/// Why a call ended that the server did not live to end.
pub(crate) const CRASH: &str = "crash";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_never_lies_outside_its_folder() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(inside(Path::new("/rec"), path), expected.map(PathBuf::from), "{path}");
        };
        check("2026/01/02/a.wav", Some("/rec/2026/01/02/a.wav"));
        check("../a.wav", None);
        check("2026/../../a.wav", None);
        check("/etc/passwd", None);
        check("", None);
    }
}
