//! `hotline talk`: the machine's own microphone and speaker as a telephone.
//!
//! A caller like any other: a real call over SIP and RTP, placed to a house that is started for it on ports and in a
//! folder of its own, or to one that runs already. Only the far ends of the sound are other ones.

mod device;
mod keys;
mod sound;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use call::{AudioFrame, Language};
use clap::Args;
use sip_bridge::Transport;
use test_audio::{Handset, HandsetEvent, HandsetPlan};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::keys::Keys;
use self::sound::{Loudspeaker, Microphone};
use super::story::Partials;
use super::{Settings, demo, serve, story};
use crate::clock::Clock;
use crate::config::{Config, Listener, Log, LogLevel};
use crate::serving::Serving;
use crate::telemetry;

/// Arguments of `hotline talk`.
#[derive(Debug, Args)]
pub(super) struct TalkArgs {
    /// The flow to talk to: its name in dialog.flows, or a YAML file
    #[arg(long, conflicts_with = "server")]
    flow: Option<String>,
    /// The language the call begins in; speech.language when left out
    #[arg(long, conflicts_with = "server")]
    lang: Option<Language>,
    /// Call this server, such as sip:hotline@127.0.0.1:5060, instead of starting one for the call
    #[arg(long, value_name = "SIP_ADDRESS")]
    server: Option<String>,
    /// The number to call from
    #[arg(long, default_value = "caller")]
    from: String,
    /// Say what is in this WAV file, instead of what the microphone hears
    #[arg(long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// Write what is heard into this WAV file, instead of playing it
    #[arg(long, value_name = "WAV")]
    output: Option<PathBuf>,
}

/// Runs `hotline talk` until either side hangs up.
///
/// # Errors
/// When there is no microphone or speaker, the house does not start, or nobody answers.
pub(super) async fn run(args: TalkArgs, settings: Settings) -> Result<ExitCode> {
    // First, because a machine without a microphone should not load models to find out.
    let microphone = Microphone::open(args.input.as_deref())?;
    let speaker = Loudspeaker::open(args.output.as_deref())?;
    // The call is told on the terminal; of the log only what is worth waking somebody stands between its lines.
    telemetry::init(&Log { level: LogLevel::Warn, ..settings.config.log.clone() })?;
    let house = match &args.server {
        Some(_) => None,
        None => Some(OwnHouse::start(&args, settings.config).await?),
    };
    let address = match (&args.server, &house) {
        (Some(address), _) => address.clone(),
        (None, Some(house)) => format!("sip:hotline@{}", house.serving.sip_address()),
        (None, None) => bail!("there is nobody to call"),
    };
    let plan = HandsetPlan { to: address, from: args.from, transport: Transport::Udp, codecs: media::CODECS.to_vec() };
    let talked = talk(plan, microphone, speaker).await;
    if let Some(house) = house {
        house.close(talked.is_ok()).await?;
    }
    talked.map(|()| ExitCode::SUCCESS)
}

/// One call from its first ring to its end.
async fn talk(plan: HandsetPlan, mut microphone: Microphone, mut speaker: Loudspeaker) -> Result<()> {
    let tell = |line: &str| writeln!(std::io::stderr(), "{line}");
    let mut stop = pin!(serve::wait_for_stop());
    let dialling = Handset::dial(plan, || drop(tell("Ringing ...")));
    let mut handset = tokio::select! {
        dialled = dialling => dialled?,
        stopped = &mut stop => return stopped,
    };
    tell("Connected: speak. Keys 0-9 * # are sent; Ctrl-C hangs up.")?;
    let by = tokio::select! {
        stopped = &mut stop => stopped.map(|()| "you hung up"),
        by = live(&mut handset, &mut microphone, &mut speaker) => by,
    };
    let rtp = handset.hang_up().await;
    speaker.finish()?;
    tell(&format!("The call is over: {}. Packets received {}, lost {}.", by?, rtp.received, rtp.lost))?;
    Ok(())
}

/// Lets both sides talk, until they hang up or everything in the file is said; returns which.
async fn live(handset: &mut Handset, microphone: &mut Microphone, speaker: &mut Loudspeaker) -> Result<&'static str> {
    let mut keys = Keys::listen()?;
    let mut afterwards = Afterwards::default();
    loop {
        tokio::select! {
            biased;
            Some(key) = keys.next() => handset.press(&key.to_string()),
            event = handset.next() => match event {
                HandsetEvent::Ended { .. } => return Ok("they hung up"),
                HandsetEvent::Heard(heard) => {
                    speaker.play(&heard)?;
                    match microphone.frame() {
                        Some(frame) => handset.say(frame),
                        None if afterwards.is_over(&heard) => return Ok("the file was said and answered"),
                        None => {}
                    }
                }
            },
        }
    }
}

/// When a call whose caller has said everything is over.
#[derive(Debug, Default)]
struct Afterwards {
    frames: u32,
    quiet: u32,
}

impl Afterwards {
    /// Takes 20 ms of what is heard after the last word; tells whether the answer has been heard to its end.
    fn is_over(&mut self, heard: &AudioFrame) -> bool {
        self.frames += 1;
        self.quiet = if heard.rms() > QUIET_RMS { 0 } else { self.quiet + 1 };
        AudioFrame::DURATION * self.quiet >= QUIET || AudioFrame::DURATION * self.frames >= AFTERWARDS_MAX
    }
}

/// A house for one call.
struct OwnHouse {
    serving: Serving,
    captions: JoinHandle<Result<Option<String>>>,
    recordings: PathBuf,
    closing: CancellationToken,
}

impl OwnHouse {
    async fn start(args: &TalkArgs, mut config: Config) -> Result<Self> {
        let mut out = std::io::stderr();
        private(&mut config);
        if let Some(language) = args.lang {
            config.speech.language = language;
        }
        if let Some(flow) = &args.flow {
            choose_flow(&mut config, flow)?;
        }
        let closing = CancellationToken::new();
        if let Some(backend) = demo::open_shop_if_needed(&mut config, closing.clone()).await? {
            writeln!(out, "No backend answers, so the sample shop does: {backend}/orders")?;
        }
        let recordings = config.recordings_folder();
        writeln!(out, "Loading the speech models and rendering the prompts ...")?;
        let serving = Serving::start(config, Clock::start()).await?;
        serving.ready().await;
        let http = format!("http://{}", serving.http_address());
        let partials = if std::io::stdout().is_terminal() { Partials::Shown } else { Partials::Hidden };
        let captions = tokio::spawn(story::tell(http, serving.token(), partials));
        Ok(Self { serving, captions, recordings, closing })
    }

    /// Tells where the call is kept, if there was one, and stops.
    async fn close(self, talked: bool) -> Result<()> {
        let Self { serving, captions, recordings, closing } = self;
        if talked {
            let told = tokio::time::timeout(CAPTIONS_WAIT, captions).await;
            let call_id = told.ok().and_then(Result::ok).transpose()?.flatten();
            if let Some(call_id) = call_id {
                let http = format!("http://{}", serving.http_address());
                story::print_places(&http, serving.token(), &call_id, &recordings).await?;
            }
        } else {
            captions.abort();
        }
        serving.stop().await;
        closing.cancel();
        Ok(())
    }
}

/// Lets a house be there beside one that runs: on ports of this machine that are free, in a folder of its own, telling
/// nobody. One folder must not be used by two houses.
fn private(config: &mut Config) {
    let any_port = ([127, 0, 0, 1], 0).into();
    config.sip.udp = Listener::At(any_port);
    config.sip.tcp = Listener::Off;
    config.sip.public_address = None;
    config.media.listen = None;
    config.media.public_address = None;
    config.http.listen = any_port;
    config.data.folder = config.data.folder.join("talk");
    config.recording.folder = None;
    config.webhook = None;
    config.numbers.clear();
}

/// Takes `flow` for the name of a flow, or for its file when it ends in `.yaml`.
fn choose_flow(config: &mut Config, flow: &str) -> Result<()> {
    let Some(file) = flow.strip_suffix(".yaml").map(PathBuf::from) else {
        flow.clone_into(&mut config.dialog.flow);
        return Ok(());
    };
    let name = file.file_name().and_then(|name| name.to_str()).context("--flow names no file")?;
    name.clone_into(&mut config.dialog.flow);
    config.dialog.flows = file.parent().map(PathBuf::from).unwrap_or_default();
    Ok(())
}

/// Silence after which an answer is taken to be over: the bot asks again after less.
const QUIET: Duration = Duration::from_secs(6);
/// How long answers are waited for after the last word of a file.
const AFTERWARDS_MAX: Duration = Duration::from_secs(60);
/// -50 dB of full scale.
const QUIET_RMS: f32 = 100.0;
/// How long after the call its last events may take.
const CAPTIONS_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_named_or_is_a_file() {
        let check = |flow: &str, folder: &str, name: &str| {
            let mut config = Config::default();
            choose_flow(&mut config, flow).unwrap();
            assert_eq!((config.dialog.flows.to_str().unwrap(), config.dialog.flow.as_str()), (folder, name));
        };
        check("survey", "flows", "survey");
        check("mine/survey.yaml", "mine", "survey");
        check("survey.yaml", "", "survey");
    }

    #[test]
    fn a_call_from_a_file_is_over_when_the_answer_is() {
        let mut afterwards = Afterwards::default();
        let loud = AudioFrame([3_000; AudioFrame::SAMPLES]);
        for _ in 0..200 {
            assert!(!afterwards.is_over(&AudioFrame::SILENCE), "four seconds of thinking");
        }
        assert!(!afterwards.is_over(&loud));
        let quiet = (1..).find(|_| afterwards.is_over(&AudioFrame::SILENCE));
        assert_eq!(quiet, Some(300), "six seconds of 20 ms");
    }

    #[test]
    fn the_house_of_a_talk_touches_nothing_of_a_running_one() {
        let mut config = Config::default();
        private(&mut config);
        assert_eq!(config.sip.udp.address().unwrap().port(), 0);
        assert_eq!(config.http.listen.port(), 0);
        assert_eq!(config.live_folder(), PathBuf::from("data/talk/live"));
        assert_eq!(config.recordings_folder(), PathBuf::from("data/talk/recordings"));
    }
}
