//! One call on a simulated phone: signalling and sound together, for callers, agents and load alike.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use call::Codec;
use sip_bridge::sdp::{self, LocalMedia, Offer};
use sip_bridge::{Dial, Door, DoorConfig, DoorError, InboundCall, LegError, LegEvent, LegHandle, Side, Transport};
use tokio::net::{UdpSocket, lookup_host};

use crate::echo::LineEffects;
use crate::report::EndedBy;
use crate::wire::{Listener, Tick, Wire, WireError, WirePort, WireReport};

/// Why a simulated phone has no call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Ours: the address to call is none.
    #[error("{target:?} is no SIP address; write sip:NAME@HOST:PORT")]
    BadTarget {
        /// What was given.
        target: String,
    },
    /// Theirs: the session they answered with cannot be used.
    #[error("what they want to speak cannot be used: {0}")]
    BadSession(#[from] sdp::SdpError),
    /// The machine's or ours: the SIP door.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Ours: the leg was over or asked for too much.
    #[error(transparent)]
    Leg(#[from] LegError),
    /// Ours: a WAV file of the scenario, or the recording, cannot be used.
    #[error(transparent)]
    Record(#[from] media::RecordError),
    /// Theirs: they did not take the call.
    #[error("the call was not answered: {code} {reason}")]
    Refused {
        /// The SIP status; 408 when nobody answered in time.
        code: u16,
        /// Its phrase.
        reason: String,
    },
    /// Ours: text could not be spoken.
    #[error("cannot say \"{text}\": {reason}")]
    Speech {
        /// The text.
        text: String,
        /// What the voice said.
        reason: String,
    },
    /// The machine's: the name of the host is not known, or there is no way to it.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the machine said.
        reason: String,
    },
    /// The machine's: no port or thread for sound.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Where a call goes: the URI with its transport, and this machine's address on the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) uri: String,
    pub(crate) local: IpAddr,
}

impl Route {
    /// Finds the way to a SIP address.
    pub(crate) async fn find(target: &str, transport: Transport) -> Result<Self, CallError> {
        let (uri, host) = uri_and_host(target, transport)?;
        let unreachable = |reason: String| CallError::Unreachable { host: host.clone(), reason };
        let mut peers = lookup_host(&host).await.map_err(|error| unreachable(error.to_string()))?;
        let peer = peers.next().ok_or_else(|| unreachable("the name has no address".to_owned()))?;
        let any: IpAddr = if peer.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
        let local = async {
            // Connecting a UDP socket sends nothing; it only asks the machine for the way.
            let socket = UdpSocket::bind((any, 0)).await?;
            socket.connect(peer).await?;
            socket.local_addr()
        };
        let local = local.await.map_err(|error| unreachable(error.to_string()))?.ip();
        Ok(Self { uri, local })
    }

    /// A door towards there, on a free port.
    pub(crate) async fn open_door(&self, transport: Transport) -> Result<Door, CallError> {
        let (door, inbound) = Door::open(door_config(SocketAddr::new(self.local, 0), transport)).await?;
        // A phone that only calls takes none: callers hear 503.
        drop(inbound);
        Ok(door)
    }
}

/// A door for one transport.
pub(crate) fn door_config(address: SocketAddr, transport: Transport) -> DoorConfig {
    match transport {
        Transport::Tcp => DoorConfig { tcp: Some(address), ..DoorConfig::default() },
        // A simulated phone has no certificate to show, and calls out by TCP.
        Transport::Tls => DoorConfig::default(),
        Transport::Udp => DoorConfig { udp: Some(address), ..DoorConfig::default() },
    }
}

/// What happens on a call that was answered.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a tick, taken once and never stored")]
pub(crate) enum PhoneEvent {
    /// They hung up, or the sound is gone.
    Ended { code: Option<u16> },
    /// A key by SIP INFO.
    Key(char),
    /// 20 ms have passed.
    Tick(Tick),
}

/// A call that was answered.
#[derive(Debug)]
pub(crate) struct Phone {
    leg: LegHandle,
    wire: Wire,
    local: LocalMedia,
}

impl Phone {
    /// Places a call and waits for the answer; `ringing` is called when their phone rings.
    pub(crate) async fn dial(
        door: &Door,
        route: &Route,
        from: &str,
        codecs: &[Codec],
        listener: Listener,
        line: LineEffects,
        mut ringing: impl FnMut(),
    ) -> Result<Self, CallError> {
        let (port, local) = open_media(route.local, codecs)?;
        let mut leg = door
            .dial(Dial {
                to: route.uri.clone(),
                from_user: from.to_owned(),
                display: None,
                sdp: sdp::offer(&local),
                headers: Vec::new(),
                ring_timeout: RING_MAX,
            })
            .await?;
        loop {
            match leg.events.recv().await {
                Some(LegEvent::Answered { sdp }) => {
                    let agreed = sdp::accept(&sdp, &local);
                    if agreed.is_err() {
                        leg.hang_up("unusable answer").await;
                    }
                    let wire = port.start(&agreed?, listener, line)?;
                    return Ok(Self { leg, wire, local });
                }
                Some(LegEvent::Failed { code, reason }) => return Err(CallError::Refused { code, reason }),
                Some(LegEvent::Ended { reason, code, .. }) => {
                    return Err(CallError::Refused { code: code.unwrap_or(NO_STATUS), reason });
                }
                Some(LegEvent::Ringing) => ringing(),
                Some(LegEvent::Confirmed { .. } | LegEvent::EarlyMedia { .. } | LegEvent::Info { .. }) => {}
                Some(LegEvent::Reoffered { reply, .. }) => reply.reject(NOT_ACCEPTABLE),
                None => return Err(CallError::Door(DoorError::Closed)),
            }
        }
    }

    /// Answers a call.
    pub(crate) async fn answer(call: InboundCall, local: IpAddr, codecs: &[Codec]) -> Result<Self, CallError> {
        let (port, local) = open_media(local, codecs)?;
        let mut leg = call.leg;
        let agreed = match call.offer {
            Some(offer) => {
                let agreed = Offer::parse(&offer).and_then(|offer| sdp::answer(&offer, &local));
                if let Err(error) = &agreed {
                    leg.reject(error.status(), "Not Acceptable Here", None).await?;
                }
                let agreed = agreed?;
                leg.answer(agreed.sdp.clone(), Vec::new()).await?;
                agreed
            }
            None => {
                leg.answer(sdp::offer(&local), Vec::new()).await?;
                confirmed_answer(&mut leg, &local).await?
            }
        };
        let wire = port.start(&agreed, Listener::Frames, LineEffects::default())?;
        Ok(Self { leg, wire, local })
    }

    /// The sound.
    pub(crate) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The next thing that happens. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&mut self) -> PhoneEvent {
        loop {
            tokio::select! {
                biased;
                event = self.leg.events.recv() => match event {
                    Some(LegEvent::Ended { code, .. }) => return PhoneEvent::Ended { code },
                    Some(LegEvent::Failed { code, .. }) => return PhoneEvent::Ended { code: Some(code) },
                    Some(LegEvent::Info { digit }) => return PhoneEvent::Key(digit.into_revealed()),
                    Some(LegEvent::Reoffered { offer, reply }) => self.reoffered(offer.as_deref(), reply),
                    Some(
                        LegEvent::Answered { .. }
                        | LegEvent::Confirmed { .. }
                        | LegEvent::EarlyMedia { .. }
                        | LegEvent::Ringing,
                    ) => {}
                    None => return PhoneEvent::Ended { code: None },
                },
                tick = self.wire.tick() => match tick {
                    Some(tick) => return PhoneEvent::Tick(tick),
                    None => return PhoneEvent::Ended { code: None },
                },
            }
        }
    }

    /// Waits for the end of a call whose frames nobody wants, but no longer than this.
    pub(crate) async fn stay(&mut self, time: Duration) -> Option<EndedBy> {
        let ended = async {
            while let Some(event) = self.leg.events.recv().await {
                match event {
                    LegEvent::Ended { by: Side::Remote, .. } | LegEvent::Failed { .. } => return,
                    LegEvent::Reoffered { offer, reply } => agree_anew(&self.wire, &mut self.local, offer, reply),
                    LegEvent::Answered { .. }
                    | LegEvent::Confirmed { .. }
                    | LegEvent::EarlyMedia { .. }
                    | LegEvent::Ended { by: Side::Local, .. }
                    | LegEvent::Info { .. }
                    | LegEvent::Ringing => {}
                }
            }
        };
        tokio::time::timeout(time, ended).await.ok().map(|()| EndedBy::Them)
    }

    /// Hangs up, if that is still needed, and tells what came.
    pub(crate) async fn hang_up(self, reason: &str) -> WireReport {
        let Self { mut leg, wire, .. } = self;
        leg.hang_up(reason).await;
        let goodbye = async { while leg.events.recv().await.is_some() {} };
        // The BYE is on its way; their answer is not waited for any longer than this.
        let _answered = tokio::time::timeout(GOODBYE_MAX, goodbye).await;
        wire.close().await
    }

    fn reoffered(&mut self, offer: Option<&str>, reply: sip_bridge::Reoffer) {
        agree_anew(&self.wire, &mut self.local, offer.map(str::to_owned), reply);
    }
}

/// Agrees to a changed session, as to being put on hold.
fn agree_anew(wire: &Wire, local: &mut LocalMedia, offer: Option<String>, reply: sip_bridge::Reoffer) {
    local.version += 1;
    let Some(offer) = offer else { return reply.answer(sdp::offer(local)) };
    match Offer::parse(&offer).and_then(|offer| sdp::answer(&offer, local)) {
        Ok(agreed) => {
            reply.answer(agreed.sdp.clone());
            wire.renegotiate(agreed);
        }
        Err(error) => reply.reject(error.status()),
    }
}

/// Their answer in the ACK to an answer of ours that was an offer.
async fn confirmed_answer(leg: &mut LegHandle, local: &LocalMedia) -> Result<sdp::Negotiated, CallError> {
    loop {
        match leg.events.recv().await {
            Some(LegEvent::Confirmed { answer: Some(answer) }) => return Ok(sdp::accept(&answer, local)?),
            Some(LegEvent::Ended { .. } | LegEvent::Failed { .. }) | None => {
                return Err(CallError::Leg(LegError::Ended));
            }
            Some(
                LegEvent::Answered { .. }
                | LegEvent::Confirmed { answer: None }
                | LegEvent::EarlyMedia { .. }
                | LegEvent::Info { .. }
                | LegEvent::Reoffered { .. }
                | LegEvent::Ringing,
            ) => {}
        }
    }
}

fn open_media(address: IpAddr, codecs: &[Codec]) -> Result<(WirePort, LocalMedia), CallError> {
    let port = WirePort::open(address).map_err(WireError::from)?;
    let bound = port.local_addr().map_err(WireError::from)?;
    let local = LocalMedia {
        address: bound.ip(),
        port: bound.port(),
        codecs: codecs.to_vec(),
        telephone_event: true,
        // The hasher's keys are the random numbers that the standard library has.
        session_id: RandomState::new().build_hasher().finish() >> 2,
        version: 1,
    };
    Ok((port, local))
}

/// Completes what a person types, and finds `host:port` in it (RFC 3261 19.1.1).
fn uri_and_host(target: &str, transport: Transport) -> Result<(String, String), CallError> {
    let bad = || CallError::BadTarget { target: target.to_owned() };
    let bare = target.strip_prefix("sip:").unwrap_or(target);
    let without_user = bare.rsplit_once('@').map_or(bare, |(_, host)| host);
    let host = without_user.split([';', '?', '>']).next().unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || matches!(c, '<' | '/' | '@' | '"');
    if host.is_empty() || host.starts_with(':') || bare.contains(odd) && !bare.contains('@') || host.contains(odd) {
        return Err(bad());
    }
    let port =
        host.rsplit_once(':').filter(|(name, _)| !name.contains(':') || name.ends_with(']')).map(|(_, port)| port);
    let host = match port {
        Some(port) => port.parse::<u16>().map(|_| host.to_owned()).map_err(|_| bad())?,
        None => format!("{host}:5060"),
    };
    let named = bare.contains(";transport=");
    let suffix = match transport {
        Transport::Tcp if !named => ";transport=tcp",
        Transport::Tcp | Transport::Tls | Transport::Udp => "",
    };
    Ok((format!("sip:{bare}{suffix}"), host))
}

/// How long a phone rings.
const RING_MAX: Duration = Duration::from_secs(30);
/// How long the answer to a BYE is waited for.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// Told when a call ended without a status.
const NO_STATUS: u16 = 487;
/// RFC 3261 21.4.26.
const NOT_ACCEPTABLE: u16 = 488;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, transport: Transport, expected: Option<(&str, &str)>) {
        let found = uri_and_host(target, transport).ok();
        assert_eq!(found.as_ref().map(|(uri, host)| (uri.as_str(), host.as_str())), expected, "{target}");
    }

    #[test]
    fn targets_are_completed_or_refused() {
        check("sip:a@h:5070", Transport::Udp, Some(("sip:a@h:5070", "h:5070")));
        check("a@h", Transport::Tcp, Some(("sip:a@h;transport=tcp", "h:5060")));
        check("sip:h;transport=tcp", Transport::Tcp, Some(("sip:h;transport=tcp", "h:5060")));
        check("sip:a@[::1]:5070", Transport::Udp, Some(("sip:a@[::1]:5070", "[::1]:5070")));
        check("sip:a@[::1]", Transport::Udp, Some(("sip:a@[::1]", "[::1]:5060")));
        for bad in ["", "sip:", "sip:a@", "a@h:port", "a@h:99999", "http://h/", "a b"] {
            check(bad, Transport::Udp, None);
        }
    }
}
