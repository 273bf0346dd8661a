//! The calls that live now, and those who watch them.
//!
//! A call holds one [`Feed`] and tells it every event after it is in the journal. When the feed is let go of, in
//! whichever way the call ended, the call leaves the list.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use call::{CallId, Direction, EventRecord, Moment};
use tokio::sync::{broadcast, mpsc};

use crate::journal::Header;
use crate::store::{CallStatus, Cdr, CdrFold, Cursor, StoredUtterance};
use crate::telemetry;
use crate::wire::RecordMode;

/// What can be asked of a live call from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallControl {
    /// End it.
    HangUp,
    /// Go on recording so, if it is recorded.
    Record(RecordMode),
}

/// The register of live calls. Cheap to copy; every copy is the same register.
#[derive(Clone, Default)]
pub struct LiveCalls {
    calls: Arc<Mutex<HashMap<CallId, Entry>>>,
}

struct Entry {
    header: Header,
    fold: CdrFold,
    /// When the first event was.
    start: Option<Moment>,
    said: VecDeque<StoredUtterance>,
    events: broadcast::Sender<Arc<EventRecord>>,
    controls: mpsc::Sender<CallControl>,
}

impl Entry {
    fn apply(&mut self, record: &EventRecord) {
        self.fold.apply(record);
        let start = *self.start.get_or_insert(record.at);
        if let Some(utterance) = StoredUtterance::of(record, start) {
            if self.said.len() == SAID_MAX {
                self.said.pop_front();
            }
            self.said.push_back(utterance);
        }
    }
}

/// What became of a request to a live call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It has more requests waiting than it can take.
    Busy,
    /// It does not live.
    NotLive,
    /// It will see the request.
    Yes,
}

impl LiveCalls {
    /// Enters a call. `controls` receives what is asked of it from outside.
    pub fn begin(&self, header: Header, controls: mpsc::Sender<CallControl>) -> Feed {
        let (events, _) = broadcast::channel(FEED_MAX);
        let entry = Entry { header, fold: CdrFold::new(&header), start: None, said: VecDeque::new(), events, controls };
        let mut calls = self.lock();
        calls.insert(header.call_id, entry);
        telemetry::set_calls_live(count_live(&calls));
        drop(calls);
        Feed { call_id: header.call_id, live: self.clone() }
    }

    /// The records so far of all calls in the register, newest first. A call whose rows are not written yet is among
    /// them even when it has ended.
    pub fn calls(&self) -> Vec<Cdr> {
        let mut calls: Vec<Cdr> = self.lock().values().map(|entry| entry.fold.cdr().clone()).collect();
        calls.sort_by_key(|cdr| std::cmp::Reverse(Cursor::of(cdr)));
        calls
    }

    /// The record so far of one call in the register.
    pub fn call(&self, call_id: CallId) -> Option<Cdr> {
        self.lock().get(&call_id).map(|entry| entry.fold.cdr().clone())
    }

    /// How many calls live.
    pub fn count(&self) -> usize {
        count_live(&self.lock())
    }

    /// Events of a call from now on.
    pub(crate) fn watch(&self, call_id: CallId) -> Option<(Header, broadcast::Receiver<Arc<EventRecord>>)> {
        self.lock().get(&call_id).map(|entry| (entry.header, entry.events.subscribe()))
    }

    /// Asks a call for something.
    pub(super) fn ask(&self, call_id: CallId, control: CallControl) -> Asked {
        let calls = self.lock();
        let Some(entry) = calls.get(&call_id).filter(|entry| entry.fold.cdr().status == CallStatus::Live) else {
            return Asked::NotLive;
        };
        match entry.controls.try_send(control) {
            Ok(()) => Asked::Yes,
            Err(mpsc::error::TrySendError::Closed(_)) => Asked::NotLive,
            Err(mpsc::error::TrySendError::Full(_)) => Asked::Busy,
        }
    }

    /// A panic of one holder leaves the register as it was after the last whole change.
    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Entry>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LiveCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveCalls({})", self.count())
    }
}

/// A call's place in the register.
#[derive(Debug)]
pub struct Feed {
    call_id: CallId,
    live: LiveCalls,
}

impl Feed {
    /// Tells an event to whoever watches, and counts it. To be done after the event is in the journal. Never waits: a
    /// watcher that cannot follow is dropped and may resume.
    pub fn publish(&self, record: Arc<EventRecord>) {
        let mut calls = self.live.lock();
        let Some(entry) = calls.get_mut(&self.call_id) else { return };
        entry.apply(&record);
        let direction = entry.fold.cdr().direction.unwrap_or(Direction::Inbound);
        // Nobody may be watching, which is no error.
        let _ = entry.events.send(record.clone());
        if record.event.is_last() {
            telemetry::set_calls_live(count_live(&calls));
        }
        drop(calls);
        telemetry::observe(direction, &record);
    }

    /// What was said so far, in order of its beginning; of a very long call the last of it.
    pub fn transcript(&self) -> Vec<StoredUtterance> {
        let calls = self.live.lock();
        let mut said: Vec<_> =
            calls.get(&self.call_id).map(|entry| entry.said.iter().cloned().collect()).unwrap_or_default();
        drop(calls);
        said.sort_by_key(|utterance| (utterance.start_ms, utterance.seq));
        said
    }

    /// The call's record so far.
    pub fn cdr(&self) -> Option<Cdr> {
        self.live.call(self.call_id)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut calls = self.live.lock();
        calls.remove(&self.call_id);
        telemetry::set_calls_live(count_live(&calls));
    }
}

fn count_live(calls: &HashMap<CallId, Entry>) -> usize {
    calls.values().filter(|entry| entry.fold.cdr().status == CallStatus::Live).count()
}

/// Utterances of one call kept in memory; the journal has all.
const SAID_MAX: usize = 1_000;
/// Events a watcher may be behind. More than a second of the busiest call.
pub(super) const FEED_MAX: usize = 256;
