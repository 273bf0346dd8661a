//! The first moments of a call: agree on sound, open the journal, answer, and let the conversation begin.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::Arc;

use call::{CallEvent, Direction, HangupBy, Language, LegId, SessionId};
use dialog::{Conversation, Input, Setup};
use media::RtpConfig;
use sip_bridge::LegError;
use sip_bridge::sdp::SdpError;
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::agent::AgentSide;
use super::barge_in::BargeIn;
use super::ear::Ear;
use super::signalling::{LegMedia, MediaError, rtp_config};
use super::speaking::Speaking;
use super::turns::Turns;
use super::{Call, CallerSide, Inlets, Limit};
use crate::house::House;
use crate::reception::{Arrival, Sound};
use crate::records::RecordsError;

/// Why a call was not taken. The caller's phone has been told.
#[derive(Debug, Error)]
pub(crate) enum AnswerError {
    /// The caller was gone, or the leg broke.
    #[error(transparent)]
    Leg(#[from] LegError),
    /// No port, or no common codec.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The called number's flow is not loaded. A bug of ours: start-up loads every flow in use.
    #[error("flow {0} is not loaded")]
    NoFlow(String),
    /// The journal cannot be opened.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl AnswerError {
    /// The status that tells the caller's phone (RFC 3261 21).
    const fn status(&self) -> (u16, &'static str) {
        match self {
            Self::Media(MediaError::Sdp(SdpError::NoCommonCodec)) => (488, "Not Acceptable Here"),
            Self::Media(MediaError::Sdp(_)) => (400, "Bad Request"),
            Self::Leg(_) | Self::Media(_) | Self::NoFlow(_) | Self::Records(_) => (503, "Service Unavailable"),
        }
    }
}

/// Answers a call and runs it to its end.
///
/// # Errors
/// [`AnswerError`] when it could not be answered; its leg has then been rejected.
pub(crate) async fn answer(house: Arc<House>, arrival: Arrival) -> Result<(), AnswerError> {
    let control = arrival.leg.control();
    let retry_after = house.config.sip.retry_after_s.duration();
    let (call, inlets, sdp) = match begin(house, arrival) {
        Ok(begun) => begun,
        Err(error) => {
            let (status, reason) = error.status();
            control.reject(status, reason, (status == 503).then_some(retry_after)).await?;
            return Err(error);
        }
    };
    let headers = vec![("User-to-User".to_owned(), format!("{};encoding=hex", call.session))];
    match control.answer(sdp, headers).await {
        Ok(()) => call.run(inlets).await,
        Err(error) => call.abort(inlets, &error).await,
    }
    Ok(())
}

/// Builds the call up to the moment before the answer. The journal knows of it from here on.
fn begin(house: Arc<House>, arrival: Arrival) -> Result<(Call, Inlets, String), AnswerError> {
    let route = house.config.route(&arrival.to);
    let flow_name = route.flow.to_owned();
    let languages = with_voice(&house, route.languages);
    let language = arrival.language.filter(|wish| languages.contains(wish)).unwrap_or(route.language);
    let flow = house.flows.now().get(&flow_name).ok_or_else(|| AnswerError::NoFlow(flow_name.clone()))?;
    let (media, socket, agreed) = agree(&house, arrival.sound)?;
    let id = arrival.call;
    let session = arrival.session.unwrap_or_else(|| SessionId::from_bits(rand::random()));
    let (control, controls) = mpsc::channel(CONTROLS_MAX);
    let mut chronicle = house.records.open(id, session, control)?;
    chronicle.record(CallEvent::Created {
        direction: Direction::Inbound,
        from: arrival.from.clone(),
        to: arrival.to.clone(),
        flow: flow_name,
    });
    info!(call_id = %id, session_id = %session, "Call came in");
    let (line, wire) = house.wire.open().map_err(MediaError::from)?;
    let (notes, notes_inlet) = mpsc::channel(NOTES_MAX);
    let now = house.clock.now();
    let setup = Setup {
        language,
        languages,
        agent_language: house.brief_language(),
        caller: arrival.from.clone(),
        config: house.flow_config(),
        today: jiff::Zoned::now().date(),
        seed: rand::random(),
    };
    let mind = Conversation::new(flow, setup, now);
    let caller = CallerSide {
        ear: Ear::new(&house, (id, LegId::CALLER), mind.language(), mind.languages(), notes.clone()),
        handle: arrival.leg,
        media,
        socket: Some(socket),
        sound_at: now,
        speaking: Speaking::default(),
        floor: BargeIn::default(),
        protected: VecDeque::new(),
        farewell: None,
    };
    let mut call = Call {
        id,
        session,
        chronicle,
        caller,
        agent: AgentSide::default(),
        line,
        mind,
        notes,
        turns: Turns::default(),
        recording: None,
        number: arrival.from,
        ending: None,
        limit: Limit::Talk(now + house.config.limits.call_s_max.duration()),
        _voices: house.mouth.call_begins(),
        house,
    };
    let sdp = match agreed {
        Some((rtp, sdp)) => {
            call.join_caller(rtp)?;
            sdp
        }
        None => call.caller.media.offer(),
    };
    Ok((call, Inlets { wire, notes: notes_inlet, controls }, sdp))
}

/// What RTP is to do, and our answer. `None` while the caller's answer to our offer is to come.
type Agreed = Option<(RtpConfig, String)>;

/// Takes the sound of an arrival, or a port for it, and agrees on it.
fn agree(house: &House, sound: Sound) -> Result<(LegMedia, UdpSocket, Agreed), MediaError> {
    match sound {
        Sound::Agreed { socket, rtp } => Ok((LegMedia::agreed(), socket, Some((rtp, String::new())))),
        Sound::Offered { offer, peer } => {
            let (media, socket) = LegMedia::reserve(house, Some(peer))?;
            let negotiated = offer.map(|offer| media.answer(&offer)).transpose()?;
            let agreed = negotiated.map(|negotiated| (rtp_config(&negotiated), negotiated.sdp));
            Ok((media, socket, agreed))
        }
    }
}

/// Nobody is answered in a language without a voice.
fn with_voice(house: &House, languages: &[Language]) -> Vec<Language> {
    let spoken = house.mouth.languages();
    languages.iter().copied().filter(|language| spoken.contains(language)).collect()
}

impl Call {
    /// Sound with the caller is agreed on: it flows, is recorded, and the conversation begins.
    pub(super) fn join_caller(&mut self, rtp: RtpConfig) -> Result<(), MediaError> {
        let Some(socket) = self.caller.socket.take() else { return Ok(()) };
        self.line.add_leg(LegId::CALLER, socket, rtp)?;
        self.chronicle.record(CallEvent::Answered { codec: rtp.codec });
        if self.house.config.recording.enabled {
            self.start_recording()?;
        }
        self.think(Input::Started);
        Ok(())
    }

    fn start_recording(&mut self) -> Result<(), MediaError> {
        let place = self.chronicle.recording_place();
        if let Some(folder) = place.file.parent()
            && let Err(error) = std::fs::create_dir_all(folder)
        {
            self.chronicle.record(CallEvent::RecordingFailed { reason: error.to_string() });
            return Ok(());
        }
        self.chronicle.record(CallEvent::RecordingStarted { path: place.name.clone() });
        let outcome = self.line.record(place.file)?;
        self.recording = Some((place.name, outcome));
        Ok(())
    }

    /// The answer did not reach the caller: close what was begun.
    async fn abort(mut self, inlets: Inlets, error: &LegError) {
        warn!(call_id = %self.id, %error, "The caller was gone before the answer");
        self.end("caller_hung_up", HangupBy::Caller, Some(487));
        self.close(inlets).await;
    }
}

/// Answers waiting for one call.
const NOTES_MAX: usize = 256;
/// Orders from outside waiting for one call.
const CONTROLS_MAX: usize = 8;
