//! One media thread: many calls, one 20 ms beat.
//!
//! Per beat it takes commands, reads what arrived on every socket, and sends what is due. Every buffer is made when a
//! leg is added; on the beat nothing is allocated, locked or logged.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use call::{AudioFrame, LegId, Moment};
use media::{Playout, RtpEvent, RtpSession};
use tokio::sync::mpsc;

use super::{COMMANDS_MAX, Command, LineId, Loudness, TICK, WireEvent, recording};
use crate::clock::Clock;

/// Starts a media thread and returns the queue to it.
pub(super) fn start(
    number: usize,
    clock: Clock,
    recorder: SyncSender<recording::Job>,
) -> io::Result<SyncSender<Command>> {
    let (commands, receiver) = sync_channel(COMMANDS_MAX);
    let worker = Worker { clock, commands: receiver, recorder, lines: HashMap::new(), ended: VecDeque::new() };
    thread::Builder::new().name(format!("media-{number}")).spawn(move || worker.run())?;
    Ok(commands)
}

struct Worker {
    clock: Clock,
    commands: Receiver<Command>,
    recorder: SyncSender<recording::Job>,
    lines: HashMap<LineId, LineState>,
    /// Recordings that are over and of which the recorder has not been told.
    ended: VecDeque<u64>,
}

/// One call on this thread.
struct LineState {
    events: mpsc::Sender<WireEvent>,
    legs: Vec<Leg>,
    bridge: Option<(LegId, LegId)>,
    recording: Option<u64>,
}

/// One leg of a call: its socket, its RTP, and what plays to it.
struct Leg {
    id: LegId,
    socket: UdpSocket,
    rtp: Box<RtpSession>,
    playout: Playout,
    heard: Option<AudioFrame>,
    sent_rms: f32,
}

impl Worker {
    fn run(mut self) {
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
                line.tick(now, &self.recorder);
            }
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
                if let Some(line) = self.lines.get_mut(&line) {
                    line.legs.push(Leg { id: leg, socket, rtp, playout: Playout::new(), heard: None, sent_rms: 0.0 });
                }
            }
            Command::Bridge { line, one, other } => {
                if let Some(line) = self.lines.get_mut(&line) {
                    line.bridge = Some((one, other));
                }
            }
            Command::Close { line, stats } => {
                if let Some(mut line) = self.lines.remove(&line) {
                    let now = self.clock.now();
                    for leg in &mut line.legs {
                        leg.playout.cut();
                        leg.tell_progress(now, &line.events);
                    }
                    self.ended.extend(line.recording);
                    let seen = line.legs.iter().map(|leg| (leg.id, leg.rtp.stats())).collect();
                    // The call may not wait for it.
                    let _ = stats.send(seen);
                }
            }
            Command::Loudness { line, leg, loudness } => self.with_leg(line, leg, |leg| match loudness {
                Loudness::Ducked => leg.playout.duck(DUCK_DB),
                Loudness::Full => leg.playout.restore(),
                Loudness::FullAgain => leg.playout.resume(),
            }),
            Command::Open { line, events } => {
                let legs = Vec::with_capacity(LEGS_EXPECTED);
                self.lines.insert(line, LineState { events, legs, bridge: None, recording: None });
            }
            Command::Play { line, leg, clip } => self.play(line, leg, clip),
            Command::Record { line, recording } => self.begin_recording(line, recording),
            Command::Redirect { line, leg, target, direction } => self.with_leg(line, leg, |leg| {
                // A codec we do not have was refused when the answer was made; the old one stays then.
                let _ = leg.rtp.set_codec(target.codec, target.payload_type, target.telephone_event);
                leg.rtp.set_remote(target.remote);
                leg.rtp.set_direction(direction);
            }),
            Command::RemoveLeg { line, leg } => {
                if let Some(line) = self.lines.get_mut(&line) {
                    line.legs.retain(|kept| kept.id != leg);
                    if line.bridge.is_some_and(|(one, other)| one == leg || other == leg) {
                        line.bridge = None;
                    }
                }
            }
            Command::Stop { line, leg } => self.with_leg(line, leg, |leg| leg.playout.stop()),
        }
    }

    fn with_leg(&mut self, line: LineId, leg: LegId, act: impl FnOnce(&mut Leg)) {
        let found = self.lines.get_mut(&line).and_then(|line| line.legs.iter_mut().find(|found| found.id == leg));
        if let Some(leg) = found {
            act(leg);
        }
    }

    fn play(&mut self, line: LineId, leg: LegId, clip: media::Clip) {
        let now = self.clock.now();
        let Some(state) = self.lines.get_mut(&line) else { return };
        let clip_id = clip.id;
        let refused = match state.legs.iter_mut().find(|found| found.id == leg) {
            Some(found) => found.playout.push(clip).is_err(),
            None => true,
        };
        if refused {
            // A clip that never plays is told as stopped at once, so that whoever waits for it goes on.
            let progress = media::Progress::Stopped { clip: clip_id, frames_played: 0 };
            let _ = state.events.try_send(WireEvent::Progress { leg, progress, at: now });
        }
    }

    fn begin_recording(&mut self, line: LineId, recording: recording::Recording) {
        let Some(state) = self.lines.get_mut(&line) else { return };
        let id = recording.id();
        let job = recording::Job::Begin { recording, events: state.events.clone() };
        if self.recorder.try_send(job).is_ok() {
            state.recording = Some(id);
        }
    }

    /// Tells the recorder which recordings are over. While its queue is full, that waits for a later beat.
    fn end_recordings(&mut self) {
        while let Some(&id) = self.ended.front() {
            if self.recorder.try_send(recording::Job::End { id }).is_err() {
                return;
            }
            self.ended.pop_front();
        }
    }
}

impl LineState {
    /// One beat of one call: hear every leg, then send to every leg, then record.
    fn tick(&mut self, now: Moment, recorder: &SyncSender<recording::Job>) {
        for leg in &mut self.legs {
            leg.hear(now);
            leg.tell_digits(now, &self.events);
            if let Some(frame) = leg.heard {
                // A full queue drops sound: the call is behind, and waiting here would hurt every other call.
                let _ = self.events.try_send(WireEvent::Frame { leg: leg.id, frame, sent_rms: leg.sent_rms, at: now });
            }
        }
        let mut to_caller = AudioFrame::SILENCE;
        for place in 0..self.legs.len() {
            let other = self.heard_by(self.legs[place].id);
            let leg = &mut self.legs[place];
            let sent = leg.speak(other, now, &self.events);
            if leg.id == LegId::CALLER {
                to_caller = sent;
            }
        }
        if let Some(id) = self.recording {
            let caller = self.legs.iter().find(|leg| leg.id == LegId::CALLER);
            let left = caller.and_then(|leg| leg.heard).unwrap_or(AudioFrame::SILENCE);
            let _ = recorder.try_send(recording::Job::Frame { id, left, right: to_caller });
        }
    }

    /// What a bridged leg should hear: the other leg's sound of this beat.
    fn heard_by(&self, leg: LegId) -> Option<AudioFrame> {
        let (one, other) = self.bridge?;
        let from = if leg == one {
            other
        } else if leg == other {
            one
        } else {
            return None;
        };
        self.legs.iter().find(|found| found.id == from)?.heard
    }
}

impl Leg {
    fn hear(&mut self, now: Moment) {
        let mut datagram = [0; DATAGRAM_MAX];
        for _ in 0..RECEIVES_MAX {
            match self.socket.recv_from(&mut datagram) {
                Ok((length, from)) => self.rtp.handle_datagram(from, &datagram[..length], now),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        self.heard = self.rtp.next_frame(now);
    }

    /// Sends this beat's packet and returns the sound in it.
    fn speak(&mut self, bridged: Option<AudioFrame>, now: Moment, events: &mpsc::Sender<WireEvent>) -> AudioFrame {
        let frame = self.playout.frame().or(bridged).unwrap_or(AudioFrame::SILENCE);
        self.sent_rms = frame.rms();
        self.tell_progress(now, events);
        let mut packet = [0; media::PACKET_MAX];
        if let Some(out) = self.rtp.packet(&frame, &mut packet) {
            // A full socket buffer or an unreachable peer loses this packet, as any packet may be lost.
            let _ = self.socket.send_to(&packet[..out.len], out.to);
        }
        frame
    }
}

impl Leg {
    /// Tells of keys pressed. What finds no room in the queue waits for the next beat: a key must not be lost.
    fn tell_digits(&mut self, now: Moment, events: &mpsc::Sender<WireEvent>) {
        while let Ok(room) = events.try_reserve() {
            let Some(event) = self.rtp.poll_event() else { break };
            if let RtpEvent::Digit(digit) = event {
                room.send(WireEvent::Digit { leg: self.id, digit, at: now });
            }
        }
    }

    /// Tells what was played, under the same rule: whoever waits for the end of a clip must hear of it.
    fn tell_progress(&mut self, now: Moment, events: &mpsc::Sender<WireEvent>) {
        while let Ok(room) = events.try_reserve() {
            let Some(progress) = self.playout.poll_progress() else { break };
            room.send(WireEvent::Progress { leg: self.id, progress, at: now });
        }
        while let Ok(room) = events.try_reserve() {
            let Some(frames) = self.playout.poll_retired() else { break };
            room.send(WireEvent::Retired(frames));
        }
    }
}

/// Packets read from one leg in one beat: 20 of 20 ms is a burst of 400 ms; what is beyond waits for the next.
const RECEIVES_MAX: usize = 20;
/// Longer datagrams are cut, and then fail to parse.
const DATAGRAM_MAX: usize = 1_500;
/// How far behind the beat may fall before it starts afresh.
const BEHIND_MAX: Duration = Duration::from_millis(200);
/// How long an idle thread sleeps at a time.
const IDLE_WAIT: Duration = Duration::from_millis(500);
/// How far a prompt is lowered under a caller's voice.
const DUCK_DB: f32 = -15.0;
/// Caller, agent, one consulted.
const LEGS_EXPECTED: usize = 4;
const _: () = assert!(DATAGRAM_MAX >= media::PACKET_MAX);
