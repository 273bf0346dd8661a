//! Bringing in a person: the agent's phone rings, hears the brief, and then talks with the caller.
//!
//! Who is asked is the desk's decision; this is the agent's leg and the music the caller hears meanwhile.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use asr::{DecodeId, Decoded, RecognizerError};
use call::markup::unmarked;
use call::{AgentId, AudioFrame, CallEvent, Handoff, HangupBy, LegId, Moment, Pii};
use dialog::{Input, PromptKind};
use media::{Clip, Progress};
use sip_bridge::{Dial, LegEvent, LegHandle};
use tracing::{info, warn};
use tts::Style;

use super::Call;
use super::ear::{Ear, EarOutput};
use super::signalling::{LegMedia, rtp_config};
use super::speaking::{Saying, Speaking, SpeakingOutput};
use crate::desk_room::{self, DeskNotice};
use crate::mouth::Rendered;
use crate::phonebook::Reach;

/// The people's side of a call.
#[derive(Default)]
pub(crate) struct AgentSide {
    handoff: Option<Handoff>,
    phone: Option<Phone>,
    waiting: Waiting,
    music: Music,
    legs: u32,
}

/// Whether the caller waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Waiting {
    #[default]
    No,
    Yes,
}

/// One agent's phone.
struct Phone {
    agent: AgentId,
    leg: LegId,
    handle: LegHandle,
    media: LegMedia,
    socket: Option<UdpSocket>,
    state: PhoneState,
    speaking: Speaking,
    ear: Option<Ear>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PhoneState {
    /// The agent talks with the caller.
    Bridged,
    /// The agent answered; the desk has not yet said that the call is theirs.
    Answered,
    /// The agent hears what the call is about.
    Briefed,
    /// It rings.
    Ringing,
}

/// What the caller hears while waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Music {
    #[default]
    Off,
    Playing,
}

impl AgentSide {
    /// A person is needed.
    pub(super) fn begin(&mut self, handoff: Handoff) {
        self.handoff = Some(handoff);
    }

    /// Whether caller and agent talk to each other.
    pub(super) fn is_bridged(&self) -> bool {
        self.phone.as_ref().is_some_and(|phone| phone.state == PhoneState::Bridged)
    }

    /// The next event of the agent's leg; never, while there is none.
    pub(super) async fn next_event(&mut self) -> Option<LegEvent> {
        match &mut self.phone {
            Some(phone) => phone.handle.events.recv().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        self.phone.as_ref()?.ear.as_ref()?.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Moment) {
        if let Some(ear) = self.ear() {
            ear.handle_timeout(now);
        }
    }

    pub(super) fn hear(&mut self, frame: &AudioFrame, sent_rms: f32, at: Moment) {
        if let Some(ear) = self.ear() {
            ear.hear(frame, sent_rms, at);
        }
    }

    pub(super) fn handle_decoded(&mut self, id: DecodeId, result: Result<Decoded, RecognizerError>, now: Moment) {
        if let Some(ear) = self.ear() {
            ear.handle_decoded(id, result, now);
        }
    }

    pub(super) fn handle_rendered(&mut self, token: u64, rendered: Option<Arc<Rendered>>) {
        if let Some(phone) = &mut self.phone {
            phone.speaking.handle_rendered(token, rendered);
        }
    }

    pub(super) fn handle_progress(&mut self, progress: &Progress, at: Moment) {
        if let Some(phone) = &mut self.phone {
            phone.speaking.handle_progress(progress, at);
        }
    }

    pub(super) fn ear(&mut self) -> Option<&mut Ear> {
        self.phone.as_mut()?.ear.as_mut()
    }
}

impl Call {
    /// Asks the desk for a person.
    pub(super) async fn wait_for_agent(&mut self) {
        let Some(handoff) = &self.agent.handoff else { return };
        let (queue, language) = (handoff.queue.clone(), handoff.language);
        self.agent.waiting = Waiting::Yes;
        self.house.desk.wait(desk_room::Waiting { call: self.id, queue, language, notes: self.notes.clone() }).await;
    }

    /// The desk has decided something.
    pub(super) async fn on_desk(&mut self, notice: DeskNotice) {
        match notice {
            DeskNotice::Connect { agent } => self.brief_agent(&agent),
            DeskNotice::NoAgent { reason } => {
                self.chronicle.record(CallEvent::QueueLeft { reason: reason.clone() });
                self.agent.waiting = Waiting::No;
                self.think(Input::TransferFailed { reason });
            }
            DeskNotice::Ring { agent, address } => {
                self.chronicle.record(CallEvent::QueueOffered { agent: agent.clone() });
                if let Err(reason) = self.ring_agent(agent.clone(), address).await {
                    warn!(call_id = %self.id, %agent, reason, "An agent's phone cannot be called");
                    self.house.desk.refused(self.id, agent, reason).await;
                }
            }
            DeskNotice::StopRinging { agent } => {
                if self.agent.phone.as_ref().is_some_and(|phone| phone.agent == agent) {
                    self.drop_phone("no answer").await;
                }
            }
        }
    }

    async fn ring_agent(&mut self, agent: AgentId, address: String) -> Result<(), String> {
        let reach = Reach::of(&self.house, &agent)?;
        let (media, socket) = LegMedia::reserve(&self.house, reach.source()).map_err(|error| error.to_string())?;
        let dial = Dial {
            to: address,
            from_user: self.number.reveal().clone(),
            display: None,
            sdp: media.offer(),
            headers: vec![("User-to-User".to_owned(), format!("{};encoding=hex", self.session))],
            // The desk takes the call back at the end of its own ring time; this is the limit beyond it.
            ring_timeout: self.house.config.transfer.ring_s.duration() + RING_MARGIN,
        };
        let door = &self.house.door;
        let dialled = match &reach {
            Reach::Fixed => door.dial(dial).await,
            Reach::Registered(contact) => door.dial_contact(dial, contact).await,
        };
        let handle = dialled.map_err(|error| error.to_string())?;
        self.agent.legs += 1;
        self.agent.phone = Some(Phone {
            agent,
            leg: LegId(self.agent.legs),
            handle,
            media,
            socket: Some(socket),
            state: PhoneState::Ringing,
            speaking: Speaking::default(),
            ear: None,
        });
        Ok(())
    }

    /// Something happened in the agent's signalling.
    pub(super) async fn on_agent_leg(&mut self, event: LegEvent) {
        match event {
            LegEvent::Answered { sdp } => self.on_agent_answered(&sdp).await,
            LegEvent::Ended { reason, .. } => self.on_agent_gone(reason).await,
            LegEvent::Failed { code, reason } => {
                info!(call_id = %self.id, code, "An agent's phone did not take the call");
                self.on_agent_gone(reason).await;
            }
            LegEvent::Reoffered { offer, reply } => {
                let Some(phone) = &self.agent.phone else { return };
                let (leg, mut media) = (phone.leg, phone.media.clone());
                self.on_reoffer(leg, &mut media, offer.as_deref(), reply);
                if let Some(phone) = &mut self.agent.phone {
                    phone.media = media;
                }
            }
            LegEvent::Confirmed { .. } | LegEvent::EarlyMedia { .. } | LegEvent::Info { .. } | LegEvent::Ringing => {}
        }
    }

    async fn on_agent_answered(&mut self, sdp: &str) {
        let Some(phone) = &mut self.agent.phone else { return };
        let agent = phone.agent.clone();
        let joined = match (phone.media.accept(sdp), phone.socket.take()) {
            (Ok(negotiated), Some(socket)) => {
                phone.state = PhoneState::Answered;
                self.line.add_leg(phone.leg, socket, rtp_config(&negotiated)).map_err(|error| error.to_string())
            }
            (Err(error), _) => Err(error.to_string()),
            (Ok(_), None) => Err("answered twice".to_owned()),
        };
        match joined {
            Ok(()) => self.house.desk.answered(self.id, agent).await,
            Err(reason) => {
                warn!(call_id = %self.id, %agent, reason, "An agent's answer cannot be used");
                self.drop_phone("no sound").await;
                self.house.desk.refused(self.id, agent, reason).await;
            }
        }
    }

    /// The call is this agent's: tell them what it is about before they meet the caller.
    fn brief_agent(&mut self, agent: &AgentId) {
        self.chronicle.record(CallEvent::QueueConnected { agent: agent.clone() });
        let Some(phone) = &mut self.agent.phone else { return };
        let Some(handoff) = &self.agent.handoff else { return };
        phone.state = PhoneState::Briefed;
        let language = self.house.brief_language();
        // The brief holds words of the caller, which are not markup.
        let text = Pii::new(unmarked(handoff.brief.reveal()));
        let (kind, style) = (PromptKind::Live, Style::default());
        phone.speaking.say(&Saying { id: BRIEF, text, language, kind, style });
    }

    /// Carries out what the agent's mouth and ear want; returns whether there was anything.
    pub(super) async fn settle_agent(&mut self) -> bool {
        let mut any = false;
        while let Some((leg, output)) = self.agent_speech() {
            any = true;
            match output {
                SpeakingOutput::Began { .. } | SpeakingOutput::Played { .. } => {}
                SpeakingOutput::Ended { .. } => self.bridge().await,
                SpeakingOutput::Play(clip) => {
                    if let Err(error) = self.line.play(leg, clip) {
                        self.fail_media(&error);
                    }
                }
                SpeakingOutput::Render { token, say, kind, ahead } => {
                    self.render(leg, token, say, kind, ahead);
                }
            }
        }
        any |= self.settle_agent_ear();
        any
    }

    /// Keeps what the agent said; returns whether there was anything.
    pub(super) fn settle_agent_ear(&mut self) -> bool {
        let mut any = false;
        while let Some(output) = self.agent.ear().and_then(Ear::poll_output) {
            any = true;
            if let EarOutput::Heard { utterance, .. } = output {
                self.chronicle.record(CallEvent::Said { utterance });
            }
        }
        any
    }

    fn agent_speech(&mut self) -> Option<(LegId, SpeakingOutput)> {
        let phone = self.agent.phone.as_mut()?;
        Some((phone.leg, phone.speaking.poll_output()?))
    }

    /// The brief is over, or could not be spoken: caller and agent meet.
    async fn bridge(&mut self) {
        self.agent.waiting = Waiting::No;
        self.tend_music();
        let Some(phone) = &mut self.agent.phone else { return };
        if phone.state != PhoneState::Briefed {
            return;
        }
        phone.state = PhoneState::Bridged;
        let language = self.house.brief_language();
        phone.ear = Some(Ear::new(&self.house, (self.id, phone.leg), language, &[], self.notes.clone()));
        let (agent, leg) = (phone.agent.clone(), phone.leg);
        info!(call_id = %self.id, %agent, "Agent joined");
        self.chronicle.record(CallEvent::Bridged { agent, leg });
        self.think(Input::TransferConnected);
        if let Err(error) = self.line.bridge(LegId::CALLER, leg) {
            self.fail_media(&error);
        }
    }

    /// The agent's leg is over.
    async fn on_agent_gone(&mut self, reason: String) {
        // A bridged agent's ear is kept until the last words are written down.
        if self.agent.is_bridged() {
            return self.end("agent_hung_up", HangupBy::Agent, None);
        }
        let Some(phone) = self.agent.phone.take() else { return };
        self.remove_leg(phone.leg);
        match phone.state {
            PhoneState::Answered | PhoneState::Bridged | PhoneState::Ringing => {
                self.house.desk.refused(self.id, phone.agent, reason).await;
            }
            PhoneState::Briefed => {
                // The agent had the call and left before meeting the caller: another one is needed.
                self.house.desk.agent_left(self.id, phone.agent).await;
                self.wait_for_agent().await;
            }
        }
    }

    /// Hangs up an agent's phone that is no longer wanted.
    async fn drop_phone(&mut self, reason: &str) {
        if let Some(phone) = self.agent.phone.take() {
            phone.handle.hang_up(reason).await;
            self.remove_leg(phone.leg);
        }
    }

    /// The call ends: the desk and the agent's phone are free again.
    pub(super) async fn close_agent(&mut self, reason: &str) {
        self.drop_phone(reason).await;
        if self.agent.handoff.is_some() {
            self.house.desk.caller_left(self.id).await;
        }
    }

    fn remove_leg(&mut self, leg: LegId) {
        // A media thread that is gone has taken the leg with it.
        let _ = self.line.remove_leg(leg);
    }

    /// Music plays while the caller waits and nobody speaks to them.
    pub(super) fn tend_music(&mut self) {
        let wanted = self.agent.waiting == Waiting::Yes && !self.caller.speaking.is_busy();
        match self.agent.music {
            Music::Off if wanted => {
                self.agent.music = Music::Playing;
                self.play_music();
            }
            Music::Playing if !wanted => {
                self.agent.music = Music::Off;
                if let Err(error) = self.line.stop(LegId::CALLER) {
                    self.fail_media(&error);
                }
            }
            Music::Off | Music::Playing => {}
        }
    }

    fn play_music(&mut self) {
        let clip = Clip { id: MUSIC, frames: self.house.hold_music.clone() };
        if let Err(error) = self.line.play(LegId::CALLER, clip) {
            self.fail_media(&error);
        }
    }

    /// Plays the music again when it is over; returns whether the progress was the music's.
    pub(super) fn on_music_progress(&mut self, progress: &Progress) -> bool {
        match *progress {
            Progress::Finished { clip: MUSIC } => {
                if self.agent.music == Music::Playing {
                    self.play_music();
                }
                true
            }
            Progress::Started { clip } | Progress::Stopped { clip, .. } | Progress::Finished { clip } => clip == MUSIC,
        }
    }
}

/// The brief's name among what is said to the agent.
const BRIEF: u64 = 0;
/// The music's name among the clips of the caller's leg; clauses count up from 1.
const MUSIC: u64 = u64::MAX;
/// How long beyond the desk's ring time an agent's phone may ring.
const RING_MARGIN: Duration = Duration::from_secs(5);
