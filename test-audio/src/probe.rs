//! A caller in the hands of a bench: dials, says what it is told when it is told, and keeps all the sound.
//!
//! [`Caller`](crate::Caller) follows a scenario and judges a call; a probe judges nothing. Its time is counted in frames
//! of 20 ms since the answer, like that of every simulated phone.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use call::{AudioFrame, Codec};
use sip_bridge::{Door, Transport};

use crate::echo::LineEffects;
use crate::phone::{CallError, Phone, PhoneEvent, Route};
use crate::report::RtpReport;
use crate::wire::{ActEnd, Listener};

/// A call to place.
#[derive(Clone, Debug)]
pub struct ProbePlan {
    /// Whom: `sip:NAME@HOST:PORT`.
    pub to: String,
    /// Who calls: the user part of From.
    pub from: String,
    /// What is spoken, best first.
    pub codecs: Vec<Codec>,
    /// How the line spoils what is sent.
    pub line: LineEffects,
}

/// A call that was answered. Hang up with [`Probe::hang_up`].
#[derive(Debug)]
pub struct Probe {
    phone: Phone,
    door: Door,
    said: Vec<i16>,
    heard: Vec<i16>,
    began: Option<SystemTime>,
    ended: bool,
}

/// What 20 ms brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeTick {
    /// How loud the other side was, as root of the mean square, 0.0 to 32768.0.
    pub level: f32,
    /// What was played or pressed last is over.
    pub done: bool,
}

/// A whole call as sound.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// What we said, 16 kHz, without any echo.
    pub said: Vec<i16>,
    /// What we heard, 16 kHz, as long as `said`.
    pub heard: Vec<i16>,
    /// When the first sample was, in milliseconds since 1970 (UTC), to within a few.
    pub began_unix_ms: i64,
    /// What arrived.
    pub rtp: RtpReport,
}

impl Probe {
    /// Places a call over UDP and waits for its answer.
    ///
    /// # Errors
    /// [`CallError`] when there was no call.
    pub async fn dial(plan: &ProbePlan) -> Result<Self, CallError> {
        let route = Route::find(&plan.to, Transport::Udp).await?;
        let door = route.open_door(Transport::Udp).await?;
        match Phone::dial(&door, &route, &plan.from, &plan.codecs, Listener::Frames, plan.line, || {}).await {
            Ok(phone) => Ok(Self { phone, door, said: Vec::new(), heard: Vec::new(), began: None, ended: false }),
            Err(error) => {
                door.close().await;
                Err(error)
            }
        }
    }

    /// Says this, after what is being said.
    pub fn play(&self, frames: Arc<[AudioFrame]>) {
        self.phone.wire().play(frames);
    }

    /// Presses these keys.
    pub fn press(&self, keys: &str) {
        self.phone.wire().press(keys);
    }

    /// The next 20 ms; `None` when they have hung up.
    pub async fn tick(&mut self) -> Option<ProbeTick> {
        while !self.ended {
            match self.phone.next().await {
                PhoneEvent::Ended { .. } => self.ended = true,
                PhoneEvent::Key(_) => {}
                PhoneEvent::Tick(tick) => {
                    self.said.extend_from_slice(&tick.said.0);
                    self.heard.extend_from_slice(&tick.heard.0);
                    let began = SystemTime::now().checked_sub(self.now());
                    // Ticks may wait for us but are never early, so the earliest beginning is the true one.
                    self.began = [self.began, began].into_iter().flatten().min();
                    let done = matches!(tick.act, Some(ActEnd::Done | ActEnd::Refused { .. }));
                    return Some(ProbeTick { level: crate::gap::rms(&tick.heard.0), done });
                }
            }
        }
        None
    }

    /// Time since the answer.
    pub fn now(&self) -> Duration {
        AudioFrame::DURATION * u32::try_from(self.heard.len() / AudioFrame::SAMPLES).unwrap_or(u32::MAX)
    }

    /// Hangs up, if they have not, and hands out the sound.
    pub async fn hang_up(self) -> ProbeReport {
        let Self { phone, door, said, heard, began, .. } = self;
        let wire = phone.hang_up("measured").await;
        door.close().await;
        let began = began.and_then(|began| began.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let began_unix_ms = i64::try_from(began.as_millis()).unwrap_or(i64::MAX);
        ProbeReport { said, heard, began_unix_ms, rtp: wire.rtp }
    }
}
