//! One media thread: many calls, one 20 ms beat.
//!
//! Per beat it takes commands, reads what arrived on every socket, and sends what is due. Every buffer is made when a
//! leg is added; on the beat nothing is allocated, locked or logged.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use call::LegId;
use media::Clip;

use super::events::Bell;
use super::leg::{Buffers, Leg};
use super::line::LineState;
use super::recording::RecorderFeed;
use super::{COMMANDS_MAX, Command, LineId, Loudness, TICK, WireEvent, priority, recording};
use crate::clock::Clock;

/// Starts a media thread and returns the queue to it.
pub(super) fn start(
    number: usize,
    clock: Clock,
    recorder: RecorderFeed,
    bell: Bell,
) -> io::Result<SyncSender<Command>> {
    let (commands, receiver) = sync_channel(COMMANDS_MAX);
    let worker = Worker { clock, commands: receiver, recorder, bell, lines: HashMap::new(), ended: VecDeque::new() };
    thread::Builder::new().name(format!("media-{number}")).spawn(move || worker.run())?;
    Ok(commands)
}

struct Worker {
    clock: Clock,
    commands: Receiver<Command>,
    recorder: RecorderFeed,
    bell: Bell,
    lines: HashMap<LineId, LineState>,
    /// Recordings that are over and of which the recorder has not been told.
    ended: VecDeque<u64>,
}

impl Worker {
    fn run(mut self) {
        priority::raise(priority::Rank::Beat);
        let mut buffers = Buffers::new();
        let mut next_tick = Instant::now();
        loop {
            self.end_recordings();
            if self.lines.is_empty() {
                match self.commands.recv_timeout(IDLE_WAIT) {
                    Ok(command) => self.obey(command),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                next_tick = Instant::now();
            }
            for _ in 0..COMMANDS_MAX {
                let Ok(command) = self.commands.try_recv() else { break };
                self.obey(command);
            }
            let now = self.clock.now();
            for line in self.lines.values_mut() {
                line.tick(now, &mut buffers, &mut self.recorder);
            }
            self.recorder.flush();
            self.bell.ring();
            next_tick += TICK;
            let late = Instant::now();
            if next_tick + BEHIND_MAX < late {
                // The machine stood still, for example suspended: begin again instead of sending a burst.
                next_tick = late;
            }
            thread::sleep(next_tick.saturating_duration_since(late));
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::AddLeg { line, leg, socket, rtp } => {
                self.with_line(line, |line| line.add_leg(Leg::new(leg, socket, rtp)));
            }
            Command::Attend { line, leg, attention } => {
                self.with_line(line, |line| line.attend(leg, attention));
            }
            Command::Bridge { line, one, other } => self.with_line(line, |line| line.set_bridge(Some((one, other)))),
            Command::Close { line, stats } => {
                if let Some(mut line) = self.lines.remove(&line) {
                    let now = self.clock.now();
                    self.ended.extend(line.end_recording());
                    // The call may not wait for it.
                    let _ = stats.send(line.close(now));
                    drop(line);
                    self.bell.ring();
                }
            }
            Command::Loudness { line, leg, loudness } => self.with_leg(line, leg, |leg| match loudness {
                Loudness::Ducked => leg.playout.duck(DUCK_DB),
                Loudness::Full => leg.playout.restore(),
                Loudness::FullAgain => leg.playout.resume(),
            }),
            Command::Open { line, events } => {
                self.lines.insert(line, LineState::new(events));
            }
            Command::Play { line, leg, clip } => self.play(line, leg, clip),
            Command::Record { line, recording } => self.begin_recording(line, recording),
            Command::RecordAs { line, mode } => self.with_line(line, |line| line.record_as(mode)),
            Command::Redirect { line, leg, target, direction } => {
                self.with_leg(line, leg, |leg| {
                    // A codec we do not have was refused when the answer was made; the old one stays then.
                    let _ = leg.rtp.set_codec(target.codec, target.payload_type, target.telephone_event);
                    leg.rtp.set_remote(target.remote);
                    leg.rtp.set_direction(direction);
                });
                self.with_line(line, LineState::settle_attention);
            }
            Command::RemoveLeg { line, leg } => self.with_line(line, |line| line.remove_leg(leg)),
            Command::Stop { line, leg } => self.with_leg(line, leg, |leg| leg.playout.stop()),
        }
    }

    fn with_line(&mut self, line: LineId, act: impl FnOnce(&mut LineState)) {
        if let Some(line) = self.lines.get_mut(&line) {
            act(line);
        }
    }

    fn with_leg(&mut self, line: LineId, leg: LegId, act: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.lines.get_mut(&line).and_then(|line| line.leg_mut(leg)) {
            act(leg);
        }
    }

    fn play(&mut self, line: LineId, leg: LegId, clip: Clip) {
        let now = self.clock.now();
        let Some(state) = self.lines.get_mut(&line) else { return };
        let clip_id = clip.id;
        let refused = match state.leg_mut(leg) {
            Some(found) => found.playout.push(clip).is_err(),
            None => true,
        };
        if refused {
            // A clip that never plays is told as stopped at once, so that whoever waits for it goes on.
            let progress = media::Progress::Stopped { clip: clip_id, frames_played: 0 };
            state.events.tell(WireEvent::Progress { leg, progress, at: now });
        }
    }

    fn begin_recording(&mut self, line: LineId, recording: recording::Recording) {
        let Some(state) = self.lines.get_mut(&line) else { return };
        let id = recording.id();
        // One file at a time: another recording ends the one before.
        self.ended.extend(state.end_recording());
        if self.recorder.tell(recording::Job::Begin { recording, line: state.events.bell() }) {
            state.begin_recording(id);
        }
    }

    /// Tells the recorder which recordings are over. While its queue is full, that waits for a later beat.
    fn end_recordings(&mut self) {
        while let Some(&id) = self.ended.front() {
            if !self.recorder.tell(recording::Job::End { id }) {
                break;
            }
            self.ended.pop_front();
        }
        self.recorder.flush();
    }
}

impl Drop for Worker {
    /// However the thread ends, whoever waits for it is woken.
    fn drop(&mut self) {
        self.lines.clear();
        self.bell.stop();
    }
}

/// How far behind the beat may fall before it starts afresh.
const BEHIND_MAX: Duration = Duration::from_millis(200);
/// How long an idle thread sleeps at a time.
const IDLE_WAIT: Duration = Duration::from_millis(500);
/// How far a prompt is lowered under a caller's voice.
const DUCK_DB: f32 = -15.0;
