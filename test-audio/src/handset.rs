//! A telephone for a person: one call whose sound comes from wherever its holder takes it, 20 ms at a time.
//!
//! The beat is the wire's. Whoever holds the handset gives a frame for each one heard; a holder who was late does not
//! stay late, because what would have to wait is left out.

use call::{AudioFrame, Codec};
use sip_bridge::{Door, Transport};

use crate::echo::LineEffects;
use crate::phone::{CallError, Phone, PhoneEvent, Route};
use crate::report::RtpReport;
use crate::wire::{ActEnd, Listener};

/// A call to place by hand.
#[derive(Clone, Debug)]
pub struct HandsetPlan {
    /// Whom: `sip:NAME@HOST:PORT`.
    pub to: String,
    /// Who calls: the user part of From.
    pub from: String,
    /// How SIP travels.
    pub transport: Transport,
    /// What is spoken, best first.
    pub codecs: Vec<Codec>,
}

/// What happens on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandsetEvent {
    /// They hung up, or the line is gone; the SIP status, if one was told.
    Ended {
        /// The SIP status.
        code: Option<u16>,
    },
    /// The next 20 ms; silence when nothing came.
    Heard(Box<AudioFrame>),
}

/// A call that was answered.
#[derive(Debug)]
pub struct Handset {
    door: Door,
    phone: Phone,
    /// Frames given and not yet sent.
    waiting: usize,
}

impl Handset {
    /// Places a call and waits for the answer; `ringing` is called when their phone rings.
    ///
    /// # Errors
    /// [`CallError`] when there was no call.
    pub async fn dial(plan: HandsetPlan, ringing: impl FnMut()) -> Result<Self, CallError> {
        let route = Route::find(&plan.to, plan.transport).await?;
        let door = route.open_door(plan.transport).await?;
        match Phone::dial(&door, &route, &plan.from, &plan.codecs, Listener::Frames, LineEffects::default(), ringing)
            .await
        {
            Ok(phone) => Ok(Self { door, phone, waiting: 0 }),
            Err(error) => {
                door.close().await;
                Err(error)
            }
        }
    }

    /// Says 20 ms. Left out when four frames wait already.
    pub fn say(&mut self, frame: AudioFrame) {
        if self.waiting < WAITING_MAX {
            self.waiting += 1;
            self.phone.wire().play([frame].into());
        }
    }

    /// Presses these keys, one after the other (RFC 4733).
    pub fn press(&self, keys: &str) {
        self.phone.wire().press(keys);
    }

    /// The next thing that happens. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> HandsetEvent {
        loop {
            match self.phone.next().await {
                PhoneEvent::Ended { code } => return HandsetEvent::Ended { code },
                // A caller has no use for keys that come the other way.
                PhoneEvent::Key(_) => {}
                PhoneEvent::Tick(tick) => {
                    match tick.act {
                        Some(ActEnd::Done) => self.waiting = self.waiting.saturating_sub(1),
                        Some(ActEnd::Refused { reason }) => {
                            tracing::warn!(reason, "A handset could not send everything");
                            self.waiting = 0;
                        }
                        None => {}
                    }
                    return HandsetEvent::Heard(Box::new(tick.heard));
                }
            }
        }
    }

    /// Hangs up, if that is still needed, and tells what came.
    pub async fn hang_up(self) -> RtpReport {
        let report = self.phone.hang_up("hung up").await;
        self.door.close().await;
        report.rtp
    }
}

/// Frames that may wait to be sent: 80 ms.
const WAITING_MAX: usize = 4;
