//! The thread that writes recordings, so that a slow disk never reaches the beat.
//!
//! Frames come through one bounded queue. When the disk cannot follow they are dropped and counted; when it is full
//! the recording ends with an event and the call goes on.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use call::AudioFrame;
use media::{RecordError, Recorder};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::WireEvent;

/// How a recording ended: its length, or what went wrong.
pub type RecordingOutcome = Result<Duration, String>;

/// The recording thread, as the rest of the wire sees it.
#[derive(Clone)]
pub(super) struct RecorderThread {
    feed: SyncSender<Job>,
    next: Arc<AtomicU64>,
}

/// A recording that a media thread begins, feeds and ends.
pub(super) struct Recording {
    id: u64,
    path: PathBuf,
    outcome: oneshot::Sender<RecordingOutcome>,
}

/// What the recording thread is asked to do.
#[expect(clippy::large_enum_variant, reason = "boxing a frame would allocate on the beat")]
pub(super) enum Job {
    Begin { recording: Recording, events: mpsc::Sender<WireEvent> },
    End { id: u64 },
    Frame { id: u64, left: AudioFrame, right: AudioFrame },
}

impl RecorderThread {
    pub(super) fn start() -> io::Result<Self> {
        let (feed, jobs) = sync_channel(JOBS_MAX);
        thread::Builder::new().name("recorder".to_owned()).spawn(move || run(&jobs))?;
        Ok(Self { feed, next: Arc::new(AtomicU64::new(0)) })
    }

    /// The queue that media threads write to.
    pub(super) fn feed(&self) -> SyncSender<Job> {
        self.feed.clone()
    }

    /// Names a new recording.
    pub(super) fn begin(&self, path: PathBuf) -> (Recording, oneshot::Receiver<RecordingOutcome>) {
        let (outcome, receiver) = oneshot::channel();
        (Recording { id: self.next.fetch_add(1, Ordering::Relaxed), path, outcome }, receiver)
    }
}

impl Recording {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

/// A recording being written, or why it no longer is.
struct Open {
    recorder: Result<Recorder, String>,
    outcome: oneshot::Sender<RecordingOutcome>,
    events: mpsc::Sender<WireEvent>,
}

impl Open {
    fn fail(&mut self, error: &RecordError) {
        warn!(error = %error, "Recording failed; the call goes on");
        let reason = error.to_string();
        // A call whose queue is full learns it from the outcome instead.
        let _ = self.events.try_send(WireEvent::RecordingFailed(reason.clone()));
        self.recorder = Err(reason);
    }
}

fn run(jobs: &Receiver<Job>) {
    let mut open: HashMap<u64, Open> = HashMap::new();
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Begin { recording, events } => {
                let mut entry = Open { recorder: Err(String::new()), outcome: recording.outcome, events };
                match Recorder::create(&recording.path) {
                    Ok(recorder) => entry.recorder = Ok(recorder),
                    Err(error) => entry.fail(&error),
                }
                open.insert(recording.id, entry);
            }
            Job::End { id } => {
                if let Some(entry) = open.remove(&id) {
                    let outcome = entry.recorder.and_then(|recorder| recorder.finish().map_err(|e| e.to_string()));
                    // The call may have ended without waiting.
                    let _ = entry.outcome.send(outcome);
                }
            }
            Job::Frame { id, left, right } => {
                let Some(entry) = open.get_mut(&id) else { continue };
                let Ok(recorder) = &mut entry.recorder else { continue };
                if let Err(error) = recorder.write(&left, &right) {
                    entry.fail(&error);
                }
            }
        }
    }
}

/// Frames waiting for the disk: 20 seconds of 200 calls would be 200,000; two seconds of 200 are kept.
const JOBS_MAX: usize = 20_000;
