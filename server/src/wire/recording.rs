//! The thread that writes recordings, so that a slow disk never reaches the beat.
//!
//! Frames come through one bounded ring for each media thread. When the disk cannot follow, frames are dropped and
//! silence stands in their place, so that both sides stay in time; when it is full the recording ends with an event and
//! the call goes on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;
use std::{fmt, io};

use call::AudioFrame;
use media::{RecordError, Recorder};
use rtrb::{Consumer, Producer, RingBuffer};
use tokio::sync::oneshot;
use tracing::warn;

use super::events::LineBell;
use crate::telemetry;

/// How a recording ended: its length, or what went wrong.
pub type RecordingOutcome = Result<Duration, String>;

/// The recording thread, as the rest of the wire sees it.
#[derive(Clone)]
pub(super) struct RecorderThread {
    thread: Thread,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    stopped: AtomicBool,
    /// Rings of media threads that the recorder has not yet taken over.
    rings: Mutex<Vec<Consumer<Job>>>,
}

/// A media thread's way to the recorder.
pub(super) struct RecorderFeed {
    ring: Producer<Job>,
    recorder: Thread,
    has_news: bool,
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
    Begin { recording: Recording, line: Arc<LineBell> },
    End { id: u64 },
    Frame { id: u64, beat: u32, left: AudioFrame, right: AudioFrame },
}

impl RecorderThread {
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mine = shared.clone();
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(move || run(&mine))?;
        Ok(Self { thread: thread.thread().clone(), shared })
    }

    /// A ring for one media thread.
    pub(super) fn feed(&self) -> RecorderFeed {
        let (ring, jobs) = RingBuffer::new(JOBS_MAX);
        self.shared.rings.lock().unwrap_or_else(PoisonError::into_inner).push(jobs);
        RecorderFeed { ring, recorder: self.thread.clone(), has_news: false }
    }

    /// Names a new recording.
    pub(super) fn begin(&self, path: PathBuf) -> (Recording, oneshot::Receiver<RecordingOutcome>) {
        let (outcome, receiver) = oneshot::channel();
        (Recording { id: self.shared.next.fetch_add(1, Ordering::Relaxed), path, outcome }, receiver)
    }

    /// No media thread feeds it any more.
    pub(super) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl RecorderFeed {
    /// Hands a job over, if there is room.
    pub(super) fn tell(&mut self, job: Job) -> bool {
        self.has_news = true;
        self.ring.push(job).is_ok()
    }

    /// At the end of a beat: one call to the system when there is work, which does not wait.
    pub(super) fn flush(&mut self) {
        if std::mem::take(&mut self.has_news) {
            self.recorder.unpark();
        }
    }
}

impl Recording {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin { .. } => "Begin",
            Self::End { .. } => "End",
            Self::Frame { .. } => "Frame",
        })
    }
}

/// A recording being written, or why it no longer is.
struct Open {
    recorder: Result<Recorder, String>,
    /// The beat that is to come next.
    beat: u32,
    outcome: oneshot::Sender<RecordingOutcome>,
    line: Arc<LineBell>,
}

impl Open {
    fn begin(recording: Recording, line: Arc<LineBell>) -> Self {
        let mut entry = Self { recorder: Err(String::new()), beat: 0, outcome: recording.outcome, line };
        match Recorder::create(&recording.path) {
            Ok(recorder) => {
                entry.recorder = Ok(recorder);
                telemetry::set_recording_trouble(None);
            }
            Err(error) => entry.fail(&error),
        }
        entry
    }

    fn write(&mut self, beat: u32, left: &AudioFrame, right: &AudioFrame) {
        let Ok(recorder) = &mut self.recorder else { return };
        let missed = beat.saturating_sub(self.beat).min(MISSED_MAX);
        self.beat = beat.saturating_add(1);
        let filled = (0..missed).try_for_each(|_| recorder.write(&AudioFrame::SILENCE, &AudioFrame::SILENCE));
        telemetry::observe_recording_gap(missed);
        if let Err(error) = filled.and_then(|()| recorder.write(left, right)) {
            self.fail(&error);
        }
    }

    fn end(self) {
        let outcome = self.recorder.and_then(|recorder| recorder.finish().map_err(|error| error.to_string()));
        // The call may have ended without waiting.
        let _ = self.outcome.send(outcome);
    }

    /// What was written so far is made whole, and the call is told.
    fn fail(&mut self, error: &RecordError) {
        warn!(error = %error, "Recording failed; the call goes on");
        telemetry::set_recording_trouble(Some(error));
        let reason = error.to_string();
        self.line.recording_failed(reason.clone());
        if let Ok(recorder) = std::mem::replace(&mut self.recorder, Err(reason)) {
            // Its error is the one just told.
            let _ = recorder.finish();
        }
    }
}

fn run(shared: &Shared) {
    let mut rings: Vec<Consumer<Job>> = Vec::new();
    let mut open: HashMap<u64, Open> = HashMap::new();
    loop {
        thread::park_timeout(LOOK_AGAIN);
        let stopped = shared.stopped.load(Ordering::Acquire);
        rings.append(&mut shared.rings.lock().unwrap_or_else(PoisonError::into_inner));
        for ring in &mut rings {
            while let Ok(job) = ring.pop() {
                obey(job, &mut open);
            }
        }
        rings.retain(|ring| !ring.is_abandoned() || !ring.is_empty());
        if stopped && rings.is_empty() {
            // The media threads are gone, and with them whoever would end these.
            open.drain().for_each(|(_, entry)| entry.end());
            return;
        }
    }
}

fn obey(job: Job, open: &mut HashMap<u64, Open>) {
    match job {
        Job::Begin { recording, line } => {
            open.insert(recording.id, Open::begin(recording, line));
        }
        Job::End { id } => {
            if let Some(entry) = open.remove(&id) {
                entry.end();
            }
        }
        Job::Frame { id, beat, left, right } => {
            if let Some(entry) = open.get_mut(&id) {
                entry.write(beat, &left, &right);
            }
        }
    }
}

/// Frames waiting for the disk, for one media thread: 0.8 s of 100 calls.
const JOBS_MAX: usize = 4_096;
/// The longest hole that is filled with silence: a minute. Nothing but a bug or a machine that slept makes longer ones.
const MISSED_MAX: u32 = 3_000;
/// How long the recorder sleeps when nobody wakes it.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
