//! The task that settles calls: when a call has ended, its rows are written and its journal moves to the archive.
//!
//! Calls hand their journal over and go; they never wait for the database. While it cannot be written, journals are kept
//! and tried again, and those for which there is no room, or no time at the end, stay in the live folder, where the next
//! start finds them. Settling a call that ended well is the same code as closing one that a crash cut off.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use call::CallId;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::sqlite::Store;
use crate::journal::{Folders, Journal, RecoveryProblem, settle};

/// The way to the settling task. Cheap to copy; the task ends when every copy is gone.
#[derive(Clone, Debug)]
pub struct Projector {
    queue: mpsc::Sender<Ended>,
}

/// The settling task.
#[derive(Debug)]
pub struct ProjectorTask {
    task: JoinHandle<()>,
}

/// A call that is over.
struct Ended {
    call_id: CallId,
    journal: PathBuf,
    /// Let go of when the call is settled, or will not be in this run.
    _until_settled: Box<dyn Send + Sync>,
}

impl Projector {
    /// Starts the task. `repair` is that of [`recover`](fn@crate::journal::recover), for calls that panicked.
    pub fn start<R>(store: Store, folders: Folders, repair: R) -> (Self, ProjectorTask)
    where
        R: Fn(&Path) -> Result<Duration, String> + Clone + Send + Sync + 'static,
    {
        let (queue, ended) = mpsc::channel(QUEUE_MAX);
        let settler = Settler { store, folders, repair, unsettled: VecDeque::new(), pause: RETRY_FIRST };
        (Self { queue }, ProjectorTask { task: tokio::spawn(settler.run(ended)) })
    }

    /// Gives a journal away to be settled. `until_settled` is kept until its rows can be read from the database; give
    /// the call's [`Feed`](crate::http::Feed), so that the call can be found all the time. Never waits.
    pub fn settle(&self, journal: Journal, until_settled: impl Send + Sync + 'static) {
        let call_id = journal.header().call_id;
        let path = journal.path().to_owned();
        let ended = Ended { call_id, journal: path, _until_settled: Box::new(until_settled) };
        // Closed before another opens it to settle it.
        drop(journal);
        if self.queue.try_send(ended).is_err() {
            warn!(%call_id, "The database is behind; the call is settled at the next start");
        }
    }
}

impl ProjectorTask {
    /// Waits until every call handed over is settled, for `limit` at most. Every [`Projector`] must be gone by then.
    pub async fn stop(self, limit: Duration) {
        let abort = self.task.abort_handle();
        if timeout(limit, self.task).await.is_err() {
            abort.abort();
            warn!("The database is behind; calls that are not settled will be at the next start");
        }
    }
}

struct Settler<R> {
    store: Store,
    folders: Folders,
    repair: R,
    /// Calls whose rows could not be written, oldest first.
    unsettled: VecDeque<Ended>,
    pause: Duration,
}

impl<R> Settler<R>
where
    R: Fn(&Path) -> Result<Duration, String> + Clone + Send + Sync + 'static,
{
    async fn run(mut self, mut queue: mpsc::Receiver<Ended>) {
        let mut retry_at = Instant::now();
        loop {
            tokio::select! {
                ended = queue.recv() => match ended {
                    Some(ended) => {
                        if self.unsettled.is_empty() {
                            retry_at = self.attempt(ended, retry_at).await;
                        } else {
                            self.keep(ended);
                        }
                    }
                    None => break,
                },
                () = sleep_until(retry_at), if !self.unsettled.is_empty() => {
                    if let Some(ended) = self.unsettled.pop_front() {
                        retry_at = self.attempt(ended, retry_at).await;
                    }
                }
            }
        }
        while let Some(ended) = self.unsettled.pop_front() {
            if self.settle(ended.call_id, ended.journal.clone()).await == Settled::NotYet {
                warn!(unsettled = self.unsettled.len() + 1, "Calls stay unsettled until the next start");
                return;
            }
        }
    }

    /// Settles a call, or keeps it; tells when to try the oldest kept one again.
    async fn attempt(&mut self, ended: Ended, retry_at: Instant) -> Instant {
        match self.settle(ended.call_id, ended.journal.clone()).await {
            Settled::Done => {
                self.pause = RETRY_FIRST;
                retry_at
            }
            // The next start will say again what is wrong with this file.
            Settled::Never => retry_at,
            Settled::NotYet => {
                self.unsettled.push_back(ended);
                let next = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(RETRY_LAST);
                next
            }
        }
    }

    fn keep(&mut self, ended: Ended) {
        if self.unsettled.len() < UNSETTLED_MAX {
            self.unsettled.push_back(ended);
        } else {
            warn!(call_id = %ended.call_id, "The database is behind; the call is settled at the next start");
        }
    }

    async fn settle(&self, call_id: CallId, journal: PathBuf) -> Settled {
        let (store, folders, repair) = (self.store.clone(), self.folders.clone(), self.repair.clone());
        let runtime = Handle::current();
        // Files are read and moved, which may take a slow disk's time: not on a thread that calls need.
        let settling =
            tokio::task::spawn_blocking(move || runtime.block_on(settle(&journal, &folders, &store, &repair)));
        match settling.await {
            Ok(Ok(_)) => {
                debug!(%call_id, "Call settled");
                Settled::Done
            }
            Ok(Err(problem)) => {
                warn!(%call_id, %problem, "A call cannot be settled");
                match problem {
                    RecoveryProblem::Archive(_) | RecoveryProblem::Store(_) => Settled::NotYet,
                    RecoveryProblem::Journal(_) => Settled::Never,
                }
            }
            Err(_) => {
                warn!(%call_id, "Settling a call broke off");
                Settled::Never
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Done,
    Never,
    NotYet,
}

/// Ended calls waiting for the task.
const QUEUE_MAX: usize = 1_024;
/// Ended calls waiting for the database.
const UNSETTLED_MAX: usize = 4_096;
/// The first pause before a call is tried again, doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const RETRY_LAST: Duration = Duration::from_secs(60);
