//! The wire: threads that own the sockets of many calls and keep their 20 ms beat.
//!
//! A call talks to its thread through [`Line`]: small commands in, [`WireEvent`]s out, both bounded. Nothing on the
//! beat allocates, locks, logs or waits, so a busy mind never makes a caller's sound stutter.

mod ports;
mod recording;
mod worker;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use call::{AudioFrame, LegId, Moment, Pii};
use media::{Clip, MediaDirection, Progress, RtpConfig, RtpSession, RtpStats};
use sip_bridge::sdp::Negotiated;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

pub use self::ports::{PortPool, PortsExhausted};
pub use self::recording::RecordingOutcome;

use crate::clock::Clock;

/// What the wire tells a call.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "boxing a frame would allocate on the beat")]
pub enum WireEvent {
    /// A leg pressed a key.
    Digit {
        /// Which leg.
        leg: LegId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: Pii<char>,
        /// When its end was known.
        at: Moment,
    },
    /// 20 ms of sound from a leg.
    Frame {
        /// Which leg.
        leg: LegId,
        /// The sound.
        frame: AudioFrame,
        /// The loudness of what was sent to the leg a beat before, as [`AudioFrame::rms`]: its echo comes back later.
        sent_rms: f32,
        /// When it left the jitter buffer.
        at: Moment,
    },
    /// A clip began, ended, or was stopped.
    Progress {
        /// On which leg.
        leg: LegId,
        /// What happened, with exact counts of frames sent.
        progress: Progress,
        /// When.
        at: Moment,
    },
    /// The recording cannot be written; the call goes on without.
    RecordingFailed(String),
    /// A clip's sound, handed back so that it is freed here and not on the beat.
    Retired(Arc<[AudioFrame]>),
}

/// Why the wire could not do as asked.
#[derive(Debug, Error)]
pub enum WireError {
    /// The media thread has more to do than it can take. The machine is overloaded.
    #[error("the media thread's command queue is full: lower sip.calls_max or give the machine more cores")]
    Busy,
    /// The media thread has ended. A bug of ours.
    #[error("the media thread has ended")]
    Ended,
    /// The leg's codec is not one we have. A bug of ours: the answer should have refused it.
    #[error(transparent)]
    Session(#[from] media::SessionError),
    /// A thread could not be started.
    #[error("cannot start a media thread: {0}")]
    Start(std::io::Error),
}

/// How loud a prompt plays while a caller may be speaking over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudness {
    /// Lowered, until it is known whether the caller really says something.
    Ducked,
    /// As recorded.
    Full,
    /// As recorded, and what was lowered is said again from its beginning.
    FullAgain,
}

/// Commands of a call to its media thread.
enum Command {
    AddLeg { line: LineId, leg: LegId, socket: UdpSocket, rtp: Box<RtpSession> },
    Bridge { line: LineId, one: LegId, other: LegId },
    Close { line: LineId, stats: oneshot::Sender<Vec<(LegId, RtpStats)>> },
    Loudness { line: LineId, leg: LegId, loudness: Loudness },
    Open { line: LineId, events: mpsc::Sender<WireEvent> },
    Play { line: LineId, leg: LegId, clip: Clip },
    Record { line: LineId, recording: recording::Recording },
    Redirect { line: LineId, leg: LegId, target: Box<Negotiated>, direction: MediaDirection },
    RemoveLeg { line: LineId, leg: LegId },
    Stop { line: LineId, leg: LegId },
}

/// Names a call on its media thread.
type LineId = u64;

/// The media threads and the ports they may use.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<Inner>,
}

struct Inner {
    workers: Vec<SyncSender<Command>>,
    recorder: recording::RecorderThread,
    ports: PortPool,
    next_line: AtomicU64,
}

impl Wire {
    /// Starts `workers` media threads and one that writes recordings.
    ///
    /// # Errors
    /// [`WireError::Start`] when the machine gives no thread.
    pub fn start(workers: usize, ports: PortPool, clock: Clock) -> Result<Self, WireError> {
        let recorder = recording::RecorderThread::start().map_err(WireError::Start)?;
        let workers = (0..workers.max(1))
            .map(|number| worker::start(number, clock, recorder.feed()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(WireError::Start)?;
        let inner = Inner { workers, recorder, ports, next_line: AtomicU64::new(0) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The ports for sound.
    pub fn ports(&self) -> &PortPool {
        &self.inner.ports
    }

    /// Opens a line for one call: all its legs live on one thread.
    ///
    /// # Errors
    /// [`WireError::Busy`] when the thread's queue is full, [`WireError::Ended`] when it is gone.
    pub fn open(&self) -> Result<(Line, mpsc::Receiver<WireEvent>), WireError> {
        let id = self.inner.next_line.fetch_add(1, Ordering::Relaxed);
        let slot = usize::try_from(id).unwrap_or(0) % self.inner.workers.len();
        let (events, receiver) = mpsc::channel(LINE_EVENTS_MAX);
        let line = Line { id, worker: self.inner.workers[slot].clone(), recorder: self.inner.recorder.clone() };
        line.send(Command::Open { line: id, events })?;
        Ok((line, receiver))
    }
}

/// A call's end of the wire.
pub struct Line {
    id: LineId,
    worker: SyncSender<Command>,
    recorder: recording::RecorderThread,
}

impl Line {
    /// Adds a leg whose sound comes and goes through `socket`.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn add_leg(&self, leg: LegId, socket: UdpSocket, config: RtpConfig) -> Result<(), WireError> {
        let rtp = Box::new(RtpSession::new(config)?);
        self.send(Command::AddLeg { line: self.id, leg, socket, rtp })
    }

    /// Sends a leg's sound elsewhere, packed otherwise, or holds it, after a re-INVITE.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn redirect(&self, leg: LegId, target: &Negotiated, direction: MediaDirection) -> Result<(), WireError> {
        let target = Box::new(target.clone());
        self.send(Command::Redirect { line: self.id, leg, target, direction })
    }

    /// Takes a leg away and closes its socket.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn remove_leg(&self, leg: LegId) -> Result<(), WireError> {
        self.send(Command::RemoveLeg { line: self.id, leg })
    }

    /// Plays a clip to a leg after those already waiting.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn play(&self, leg: LegId, clip: Clip) -> Result<(), WireError> {
        self.send(Command::Play { line: self.id, leg, clip })
    }

    /// Fades the playing clip out within 10 ms and forgets those waiting.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn stop(&self, leg: LegId) -> Result<(), WireError> {
        self.send(Command::Stop { line: self.id, leg })
    }

    /// Lowers what plays to a leg, or lets it go on.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn set_loudness(&self, leg: LegId, loudness: Loudness) -> Result<(), WireError> {
        self.send(Command::Loudness { line: self.id, leg, loudness })
    }

    /// Lets two legs hear each other.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn bridge(&self, one: LegId, other: LegId) -> Result<(), WireError> {
        self.send(Command::Bridge { line: self.id, one, other })
    }

    /// Records the caller (left) and what the caller is sent (right) into a new file. The outcome comes when the line
    /// is closed.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn record(&self, path: PathBuf) -> Result<oneshot::Receiver<RecordingOutcome>, WireError> {
        let (recording, outcome) = self.recorder.begin(path);
        self.send(Command::Record { line: self.id, recording })?;
        Ok(outcome)
    }

    /// Ends the line and tells what the wire saw of each leg.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn close(&self) -> Result<oneshot::Receiver<Vec<(LegId, RtpStats)>>, WireError> {
        let (stats, receiver) = oneshot::channel();
        self.send(Command::Close { line: self.id, stats })?;
        Ok(receiver)
    }

    fn send(&self, command: Command) -> Result<(), WireError> {
        self.worker.try_send(command).map_err(|error| match error {
            TrySendError::Disconnected(_) => WireError::Ended,
            TrySendError::Full(_) => WireError::Busy,
        })
    }
}

impl Drop for Line {
    /// A call that ends in any way, panic included, frees its sockets.
    fn drop(&mut self) {
        let (stats, _) = oneshot::channel();
        // The thread may already be gone at shutdown, which frees the sockets as well.
        let _ = self.send(Command::Close { line: self.id, stats });
    }
}

/// The beat of the house.
const TICK: Duration = AudioFrame::DURATION;
/// Events waiting for one call: over a second of two legs' frames. When it is full, sound is dropped and counted.
const LINE_EVENTS_MAX: usize = 256;
/// Commands waiting for one media thread.
const COMMANDS_MAX: usize = 4_096;
