//! `hotline bench first-audio`: how long a text takes from "say this" to its first packet on the wire.
//!
//! It goes the way of a call: clauses, cache or voice, a real media thread, a real socket. What is not in it is a SIP
//! dialog, which has no part in the matter.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use call::{Codec, Language, LegId, Moment};
use dialog::PromptKind;
use media::{Clip, Progress, RtpConfig};
use serde::Serialize;
use tts::Style;

use super::super::{Settings, print_json};
use crate::clock::Clock;
use crate::engines;
use crate::mouth::{Mouth, Rendered, Say};
use crate::wire::{Line, LineEvents, PortPool, Wire, WireEvent};

#[derive(Serialize)]
struct FirstPacket {
    /// Where the sound came from.
    source: &'static str,
    texts: usize,
    median_ms: f64,
    largest_ms: f64,
}

/// Runs `hotline bench first-audio`.
///
/// # Errors
/// When a model is missing, or the wire does not send.
pub(super) async fn run(language: Language, json: bool, settings: &Settings) -> Result<()> {
    let texts = match language {
        Language::En => &SENTENCES,
        Language::Zh => &SENTENCES_ZH,
    };
    let folder = std::env::temp_dir().join(format!("hotline-bench-first-audio-{}", std::process::id()));
    let measured = measure_all(texts, language, &folder, settings).await;
    // Only what was made above.
    let _ = std::fs::remove_dir_all(&folder);
    let measured = measured?;
    if json {
        return print_json(&measured);
    }
    for FirstPacket { source, texts, median_ms, largest_ms } in &measured {
        let what = format!("{source:<7} {texts} texts: first packet after {median_ms:.1} ms (median)");
        writeln!(std::io::stdout(), "{what}, {largest_ms:.1} ms (largest)")?;
    }
    Ok(())
}

async fn measure_all(
    texts: &[&str],
    language: Language,
    folder: &Path,
    settings: &Settings,
) -> Result<Vec<FirstPacket>> {
    let says: Vec<Say> = texts
        .iter()
        .filter_map(|text| tts::parts(text, language, Style::default()).into_iter().next())
        .map(Say::from)
        .collect();
    let start = || {
        let voices = engines::voices(&settings.models, &[language], &settings.config.speech.lexicon)?;
        Ok::<_, anyhow::Error>(Mouth::start(voices, 1, Some(folder.into()))?)
    };
    let mut phone = Phone::connect()?;
    let mouth = start()?;
    let live = phone.measure("live", &mouth, &says, PromptKind::Live).await?;
    mouth.prepare(says.clone());
    mouth.prepared().wait_for(|prepared| prepared.is_done()).await.context("the voice threads have ended")?;
    let memory = phone.measure("memory", &mouth, &says, PromptKind::Fixed).await?;
    // A new house finds on disk what the old one left.
    let disk = phone.measure("disk", &start()?, &says, PromptKind::Fixed).await?;
    Ok(vec![memory, disk, live])
}

/// A leg that is listened to.
struct Phone {
    clock: Clock,
    line: Line,
    events: LineEvents,
    /// Keeps the port that the sound goes to.
    _socket: UdpSocket,
    clips: u64,
}

impl Phone {
    fn connect() -> Result<Self> {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let clock = Clock::start();
        let wire = Wire::start(1, PortPool::new(local, 30_000..=39_998, rand::random()), clock)?;
        let (line, events) = wire.open()?;
        let socket = UdpSocket::bind((local, 0)).context("cannot open a port to send sound to")?;
        let config = RtpConfig {
            codec: Codec::Pcmu,
            payload_type: 0,
            telephone_event: None,
            remote: socket.local_addr()?,
            ssrc: media::Ssrc(rand::random()),
            first_seq: media::SeqNo(rand::random()),
            first_time: media::RtpTime(rand::random()),
        };
        line.add_leg(LegId::CALLER, wire.ports().reserve()?, config)?;
        Ok(Self { clock, line, events, _socket: socket, clips: 0 })
    }

    async fn measure(
        &mut self,
        source: &'static str,
        mouth: &Mouth,
        says: &[Say],
        kind: PromptKind,
    ) -> Result<FirstPacket> {
        let mut spans = Vec::with_capacity(says.len());
        for say in says {
            spans.push(self.first_packet(mouth, say, kind).await?);
        }
        spans.sort_unstable();
        let in_ms = |span: Option<&Duration>| span.map_or(0.0, |span| span.as_secs_f64() * 1e3);
        let (median_ms, largest_ms) = (in_ms(spans.get(spans.len() / 2)), in_ms(spans.last()));
        Ok(FirstPacket { source, texts: spans.len(), median_ms, largest_ms })
    }

    /// From asking for a clause to its first packet.
    async fn first_packet(&mut self, mouth: &Mouth, say: &Say, kind: PromptKind) -> Result<Duration> {
        let begin = self.clock.now();
        let (sender, receiver) = sync_channel(1);
        let tell = move |result: Result<Arc<Rendered>, _>| drop(sender.send(result));
        let rendered = match mouth.render(say.clone(), kind, Duration::ZERO, tell)? {
            Some(kept) => kept,
            None => receiver.recv_timeout(RENDER_WAIT).context("the voice did not answer")??,
        };
        self.clips += 1;
        self.line.play(LegId::CALLER, Clip { id: self.clips, frames: rendered.frames.clone() })?;
        let started = self.wait_for(Progress::Started { clip: self.clips }).await?;
        self.line.stop(LegId::CALLER)?;
        // The rest of the clip is not waited for, only its end.
        while self.progress().await?.0 == (Progress::Started { clip: self.clips }) {}
        Ok(started - begin)
    }

    async fn wait_for(&mut self, wanted: Progress) -> Result<Moment> {
        loop {
            let (progress, at) = self.progress().await?;
            if progress == wanted {
                return Ok(at);
            }
        }
    }

    async fn progress(&mut self) -> Result<(Progress, Moment)> {
        loop {
            match tokio::time::timeout(RENDER_WAIT, self.events.recv()).await {
                Ok(Some(WireEvent::Progress { progress, at, .. })) => return Ok((progress, at)),
                Ok(Some(WireEvent::RecordingFailed(reason))) => bail!("{reason}"),
                Ok(Some(
                    WireEvent::Alive { .. } | WireEvent::Digit { .. } | WireEvent::Frame { .. } | WireEvent::Retired(_),
                )) => {}
                Ok(None) | Err(_) => bail!("the wire does not send"),
            }
        }
    }
}

/// How long one clause may take.
const RENDER_WAIT: Duration = Duration::from_secs(30);

const SENTENCES: [&str; 10] = [
    "Thank you for calling. How can I help you today?",
    "Your order 2 0 4 1 8 8 4 4 was shipped on the 18th of November.",
    "The total is one thousand two hundred ninety nine yuan.",
    "It will arrive tomorrow between nine and twelve in the morning.",
    "Please tell me the eight digits of your order number.",
    "I am sorry, I did not understand that. Could you say it again?",
    "The refund of 45 dollars will be in your account within three days.",
    "Your parcel is with the carrier and will be delivered on Tuesday.",
    "All our agents are busy. May we call you back this afternoon?",
    "I will connect you to a colleague who can help you with the invoice.",
];

/// The same in Mandarin.
const SENTENCES_ZH: [&str; 10] = [
    "您好，感谢您的来电，请问有什么可以帮您？",
    "您的订单已经发货，预计明天送达。",
    "请告诉我您的八位订单号。",
    "对不起，我没有听清楚，请您再说一遍。",
    "一共是一千二百九十九元。",
    "退款会在三天之内退回您的账户。",
    "我帮您转接同事，请稍等。",
    "现在所有的客服都在忙，今天下午给您回电可以吗？",
    "您的包裹正在派送，快递员会给您打电话。",
    "还有什么可以帮您？",
];
