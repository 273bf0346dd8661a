//! The connection to one browser: ICE, DTLS and SRTP, wrapped so that no type of the library is seen beyond this folder.
//!
//! ICE-lite (RFC 8445 2.5): we tell our address and the browser finds the way. So an offer needs no candidates in it,
//! and after a change of the browser's network its checks from the new address are enough. No STUN server is asked,
//! no name is resolved, and mDNS is off: on a machine without multicast it fails.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use call::Codec;
use media::{RtpConfig, RtpTime, SeqNo, Ssrc};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::shared::marshal::{Marshal, Unmarshal};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateType,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    configure_rtcp_reports,
};

use super::OfferError;

/// Where one browser reaches us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where we listen; the unspecified address means all of this machine's.
    pub(super) listen: SocketAddr,
    /// The address told instead, where others see us by another one (NAT).
    pub(super) public: Option<IpAddr>,
}

/// What happens on the connection.
pub(super) enum PeerEvent {
    /// The browser has opened its channel to us.
    Channel(Arc<dyn DataChannel>),
    /// The way to the browser has changed.
    Link(Link),
    /// The browser's sound begins.
    Sound(Arc<dyn TrackRemote>),
}

/// The way to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing comes from it; it may come back.
    Lost,
    /// Gone for good.
    Over,
    /// Sound can flow.
    Up,
}

/// The connection to one browser.
pub(super) struct Peer {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    gathering: watch::Receiver<RTCIceGatheringState>,
    ssrc: Ssrc,
    agreed: Agreed,
    /// At most [`EVENTS_MAX`] wait.
    pub(super) events: mpsc::Receiver<PeerEvent>,
}

/// The payload types that both sides use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Agreed {
    opus: u8,
    telephone_event: Option<u8>,
}

impl Peer {
    /// Takes a browser's offer; returns the connection and our answer, with our address in it.
    ///
    /// # Errors
    /// [`OfferError::Offer`] when the offer is none or has no Opus, [`OfferError::Machine`] when ours fails.
    pub(super) async fn answer(place: Place, offer: String) -> Result<(Self, String), OfferError> {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (gathered, gathering) = watch::channel(RTCIceGatheringState::New);
        let connection = connect(place, Handler { events: sender, gathered }).await.map_err(machine)?;
        let ssrc = Ssrc(rand::random());
        let track = Arc::new(TrackLocalStaticRTP::new(voice_track(ssrc)));
        let agreed = Agreed { opus: 0, telephone_event: None };
        let mut peer = Self { connection, track, gathering, ssrc, agreed, events };
        let answer = peer.begin(offer).await?;
        Ok((peer, answer))
    }

    async fn begin(&mut self, offer: String) -> Result<String, OfferError> {
        self.take(offer).await?;
        // Fails where the offer has no codec of ours.
        self.connection.add_track(self.track.clone()).await.map_err(theirs)?;
        let answer = self.describe().await?;
        self.agreed = Agreed::read(&answer).ok_or_else(|| OfferError::Offer("it has no sound in Opus".to_owned()))?;
        Ok(answer)
    }

    /// Takes a changed offer; the sound goes on.
    ///
    /// # Errors
    /// As [`Peer::answer`]; the connection stays as it was where the offer is none.
    pub(super) async fn restart(&mut self, offer: String) -> Result<String, OfferError> {
        self.take(offer).await?;
        self.describe().await
    }

    async fn take(&self, offer: String) -> Result<(), OfferError> {
        let offer = RTCSessionDescription::offer(offer).map_err(theirs)?;
        self.connection.set_remote_description(offer).await.map_err(theirs)
    }

    async fn describe(&mut self) -> Result<String, OfferError> {
        let answer = self.connection.create_answer(None).await.map_err(theirs)?;
        self.connection.set_local_description(answer).await.map_err(theirs)?;
        let complete = self.gathering.wait_for(|state| *state == RTCIceGatheringState::Complete);
        let gathered = timeout(GATHER_WAIT, complete).await.is_ok_and(|state| state.is_ok());
        if !gathered {
            return Err(OfferError::Machine("this machine's own addresses were not found in time".to_owned()));
        }
        let description = self.connection.local_description().await;
        let description = description.ok_or_else(|| OfferError::Machine("there is no answer".to_owned()))?;
        Ok(description.sdp)
    }

    /// What the media thread is to do, when it finds the leg at `gate`.
    pub(super) fn rtp_config(&self, gate: SocketAddr) -> RtpConfig {
        RtpConfig {
            codec: Codec::Opus,
            payload_type: self.agreed.opus,
            telephone_event: self.agreed.telephone_event,
            remote: gate,
            ssrc: self.ssrc,
            first_seq: SeqNo(rand::random()),
            first_time: RtpTime(rand::random()),
        }
    }

    /// Sends one packet of RTP to the browser; what is none is dropped, as is what cannot be sent.
    pub(super) async fn send(&self, packet: &[u8]) {
        if let Ok(packet) = Packet::unmarshal(&mut Bytes::copy_from_slice(packet)) {
            // Fails only while the connection is going down, and then the leg is told by an event.
            let _ = self.track.write_rtp(packet).await;
        }
    }

    /// Ends the connection, and tells the browser so.
    pub(super) async fn close(&self) {
        // Whatever goes wrong here is tried again when the connection is dropped.
        let _ = timeout(CLOSE_WAIT, self.connection.close()).await;
    }
}

impl Drop for Peer {
    /// Dropped alone, the library's task would live on: so the connection is closed whatever way its leg ended.
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let connection = self.connection.clone();
            runtime.spawn(async move { timeout(CLOSE_WAIT, connection.close()).await });
        }
    }
}

/// The next packet of a browser's sound as bytes of RTP in `out`, without the extensions that only browsers know.
/// `None` when no more will come.
pub(super) async fn next_packet<'a>(track: &Arc<dyn TrackRemote>, out: &'a mut [u8]) -> Option<&'a [u8]> {
    loop {
        let TrackRemoteEvent::OnRtpPacket(mut packet) = track.poll().await? else { continue };
        packet.header.padding = false;
        packet.header.extension = false;
        packet.header.extensions.clear();
        if let Ok(length) = packet.marshal_to(out) {
            return Some(&out[..length]);
        }
    }
}

/// The next message of a browser's channel. `None` when it is closed.
pub(super) async fn next_message(channel: &Arc<dyn DataChannel>) -> Option<Vec<u8>> {
    loop {
        match channel.poll().await? {
            DataChannelEvent::OnMessage(message) if message.data.len() <= MESSAGE_BYTES_MAX => {
                return Some(message.data.to_vec());
            }
            DataChannelEvent::OnClose => return None,
            _ => {}
        }
    }
}

struct Handler {
    events: mpsc::Sender<PeerEvent>,
    gathered: watch::Sender<RTCIceGatheringState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let link = match state {
            RTCPeerConnectionState::Connected => Link::Up,
            RTCPeerConnectionState::Disconnected => Link::Lost,
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => Link::Over,
            _ => return,
        };
        self.tell(PeerEvent::Link(link));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        self.tell(PeerEvent::Channel(channel));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tell(PeerEvent::Sound(track));
    }
}

impl Handler {
    /// Never waits: this is called by what carries the sound. A browser that opens channels without end is not heard.
    fn tell(&self, event: PeerEvent) {
        let _ = self.events.try_send(event);
    }
}

async fn connect(place: Place, handler: Handler) -> webrtc::error::Result<Arc<dyn PeerConnection>> {
    let mut engine = MediaEngine::default();
    for (name, clock_rate, channels, fmtp, payload_type) in CODECS {
        let rtp_codec = RTCRtpCodec {
            mime_type: name.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: Vec::new(),
        };
        engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Audio)?;
    }
    let mut settings = SettingEngineBuilder::new()
        .with_lite(true)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(place.listen.ip().is_loopback())
        .with_ice_timeouts(Some(LOST_AFTER), Some(OVER_AFTER), Some(KEEP_ALIVE));
    if let Some(public) = place.public {
        settings = settings.with_nat_1to1_ips(vec![public.to_string()], RTCIceCandidateType::Host);
    }
    let connection = PeerConnectionBuilder::new()
        .with_setting_engine(settings.build())
        .with_media_engine(engine)
        .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
        .with_handler(Arc::new(handler))
        .with_udp_addrs(vec![place.listen])
        .with_data_channel_send_buffer_limit(SEND_BYTES_MAX)
        .build()
        .await?;
    Ok(Arc::new(connection))
}

fn voice_track(ssrc: Ssrc) -> MediaStreamTrack {
    let (name, clock_rate, channels, fmtp, _) = CODECS[0];
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc.0), ..Default::default() },
        codec: RTCRtpCodec {
            mime_type: name.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: Vec::new(),
        },
        ..Default::default()
    };
    let name = "hotline".to_owned();
    MediaStreamTrack::new(name.clone(), name.clone(), name, RtpCodecKind::Audio, vec![coding])
}

impl Agreed {
    /// The payload types that our answer names; `None` when it has no Opus, or declines the sound.
    fn read(answer: &str) -> Option<Self> {
        let is_taken = answer.lines().any(|line| line.starts_with("m=audio ") && !line.starts_with("m=audio 0 "));
        let number = |wanted: &str| {
            answer.lines().find_map(|line| {
                let (number, encoding) = line.trim().strip_prefix("a=rtpmap:")?.split_once(' ')?;
                encoding.eq_ignore_ascii_case(wanted).then(|| number.parse().ok())?
            })
        };
        let opus = number("opus/48000/2").filter(|_| is_taken)?;
        Some(Self { opus, telephone_event: number("telephone-event/48000") })
    }
}

fn theirs(error: webrtc::error::Error) -> OfferError {
    OfferError::Offer(error.to_string())
}

fn machine(error: webrtc::error::Error) -> OfferError {
    OfferError::Machine(format!("the connection cannot be prepared: {error}"))
}

/// Name, clock, channels, parameters and our payload type. RFC 7587 7.1: we like the copy for lost packets; and since
/// what follows a pause is heard better when the pause was heard too, no silence is to be left out.
const CODECS: [(&str, u32, u16, &str, u8); 2] =
    [("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1", 111), ("audio/telephone-event", 48_000, 0, "0-15", 110)];
/// Events that may wait: a few for each thing that can happen.
const EVENTS_MAX: usize = 32;
/// How long finding our own addresses may take.
const GATHER_WAIT: Duration = Duration::from_secs(3);
/// How long saying goodbye may take.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// After so long without a sign the page is told nothing, but we begin to count.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// How long after that a browser may find its way back.
const OVER_AFTER: Duration = Duration::from_secs(25);
/// How often a silent browser is asked for a sign.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// The longest message of a page; ours are a line.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// Captions that may wait for a slow line.
const SEND_BYTES_MAX: usize = 64 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_types_are_those_of_the_answer() {
        let check = |answer: &str, expected: Option<(u8, Option<u8>)>| {
            let agreed = Agreed::read(answer).map(|agreed| (agreed.opus, agreed.telephone_event));
            assert_eq!(agreed, expected, "{answer}");
        };
        let opus = "m=audio 9 UDP/TLS/RTP/SAVPF 96 110\r\na=rtpmap:96 opus/48000/2\r\n";
        check(opus, Some((96, None)));
        check(&format!("{opus}a=rtpmap:110 telephone-event/48000\r\n"), Some((96, Some(110))));
        check(&format!("{opus}a=rtpmap:126 telephone-event/8000\r\n"), Some((96, None)));
        check(&opus.replace("m=audio 9", "m=audio 0"), None);
        check("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\n", None);
    }

    #[tokio::test]
    async fn what_is_no_offer_is_refused_and_leaves_nothing_behind() {
        let place = Place { listen: SocketAddr::from(([127, 0, 0, 1], 0)), public: None };
        for offer in ["", "v=0", "INVITE sip:x SIP/2.0\r\n\r\n", "\u{0}\u{ff}"] {
            let refused = Peer::answer(place, offer.to_owned()).await;
            assert!(matches!(refused, Err(OfferError::Offer(_))), "{offer:?}");
        }
    }
}
