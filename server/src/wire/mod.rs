//! The wire: threads that own the sockets of many calls and keep their 20 ms beat.
//!
//! A call talks to its thread through [`Line`]: small commands in, [`WireEvent`]s out, both bounded. Nothing on the
//! beat allocates, locks, logs or waits, so a busy mind never makes a caller's sound stutter.

mod events;
mod leg;
mod line;
mod ports;
mod priority;
mod recording;
mod worker;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use call::{AudioFrame, LegId, Moment, Pii};
use media::{Attention, Clip, MediaDirection, Progress, RtpConfig, RtpSession, RtpStats};
use sip_bridge::sdp::Negotiated;
use thiserror::Error;
use tokio::sync::oneshot;

pub use self::events::LineEvents;
pub use self::ports::{PortPool, PortsExhausted};
pub(crate) use self::priority::{Rank, raise};
pub use self::recording::RecordingOutcome;

use crate::clock::Clock;

/// What the wire tells a call.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "boxing a frame would allocate on the beat")]
pub enum WireEvent {
    /// A leg without sound has shown that its phone is there: comfort noise, or a report on the sound's port. Told once
    /// a second at most.
    Alive {
        /// Which leg.
        leg: LegId,
        /// When it last did.
        at: Moment,
    },
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

/// What a recording takes from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordMode {
    /// Nothing: the file goes on where it stopped.
    Paused,
    /// Both sides.
    Running,
    /// Silence in the place of both sides; the file keeps time.
    Silence,
    /// A soft tone in the place of both sides; the file keeps time.
    Tone,
}

/// Commands of a call to its media thread.
enum Command {
    AddLeg { line: LineId, leg: LegId, socket: UdpSocket, rtp: Box<RtpSession> },
    Attend { line: LineId, leg: LegId, attention: Attention },
    Bridge { line: LineId, one: LegId, other: LegId },
    Close { line: LineId, stats: oneshot::Sender<Vec<(LegId, RtpStats)>> },
    Loudness { line: LineId, leg: LegId, loudness: Loudness },
    Open { line: LineId, events: events::EventSender },
    Play { line: LineId, leg: LegId, clip: Clip },
    Record { line: LineId, recording: recording::Recording },
    RecordAs { line: LineId, mode: RecordMode },
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
    workers: Vec<Worker>,
    recorder: recording::RecorderThread,
    ports: PortPool,
    next_line: AtomicU64,
}

/// A media thread, as the rest of the wire sees it.
struct Worker {
    commands: SyncSender<Command>,
    bell: events::Bell,
}

impl Drop for Inner {
    /// The media threads end when nobody can command them any more, and the recorder after them.
    fn drop(&mut self) {
        self.recorder.stop();
    }
}

impl Wire {
    /// Starts `workers` media threads and one that writes recordings.
    ///
    /// # Errors
    /// [`WireError::Start`] when the machine gives no thread.
    pub fn start(workers: usize, ports: PortPool, clock: Clock) -> Result<Self, WireError> {
        let recorder = recording::RecorderThread::start().map_err(WireError::Start)?;
        let workers = (0..workers.max(1))
            .map(|number| {
                let bell = events::Bell::start(number)?;
                let commands = worker::start(number, clock, recorder.feed(), bell.clone())?;
                Ok(Worker { commands, bell })
            })
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
    pub fn open(&self) -> Result<(Line, LineEvents), WireError> {
        let id = self.inner.next_line.fetch_add(1, Ordering::Relaxed);
        let slot = usize::try_from(id).unwrap_or(0) % self.inner.workers.len();
        let worker = &self.inner.workers[slot];
        let (sender, events) = events::line();
        let line = Line { id, worker: worker.commands.clone(), recorder: self.inner.recorder.clone() };
        worker.bell.watch(&sender);
        line.send(Command::Open { line: id, events: sender })?;
        Ok((line, events))
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

    /// Whether a leg's frames are wanted as events. Packets of a bridged leg that nobody listens to are passed on without
    /// being unpacked.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn attend(&self, leg: LegId, attention: Attention) -> Result<(), WireError> {
        self.send(Command::Attend { line: self.id, leg, attention })
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

    /// Pauses, masks or resumes the recording. Without one, nothing happens.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn record_as(&self, mode: RecordMode) -> Result<(), WireError> {
        self.send(Command::RecordAs { line: self.id, mode })
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
/// Events waiting for one call: 1.2 s of a caller's frames, half of that of two legs'. When it is full, sound is dropped.
/// All of it is memory that every call takes, since a ring goes round.
const LINE_EVENTS_MAX: usize = 64;
/// Commands waiting for one media thread.
const COMMANDS_MAX: usize = 4_096;
