//! One call of the bench: what is done in it, and what can be told from its sound alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use call::{AudioFrame, Codec, Language, Pcm};
use media::Recorder;
use serde::Serialize;
use test_audio::gap::stretches;
use test_audio::line::LossPattern;
use test_audio::{Echo, LineEffects, Probe, ProbePlan, ProbeReport, Reaction, reaction};

use super::material::Material;

/// What comes while the bot talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Disturbance {
    /// "Mm-hm."
    Backchannel,
    Cough,
    /// The bot's own voice, 20 dB softer and 200 ms late, and nothing else.
    Echo,
    /// Words over that echo.
    EchoWords,
    /// Hold music in the room.
    Music,
    Words,
}

impl Disturbance {
    pub(super) const ALL: [Self; 6] =
        [Self::Backchannel, Self::Cough, Self::Echo, Self::EchoWords, Self::Music, Self::Words];

    /// Whether somebody wants to speak now, so that the bot has to stop.
    pub(super) const fn asks_to_speak(self) -> bool {
        match self {
            Self::EchoWords | Self::Words => true,
            Self::Backchannel | Self::Cough | Self::Echo | Self::Music => false,
        }
    }

    const fn echo(self) -> Option<Echo> {
        match self {
            Self::Echo | Self::EchoWords => Some(Echo { delay: Duration::from_millis(200), attenuation_db: 20.0 }),
            Self::Backchannel | Self::Cough | Self::Music | Self::Words => None,
        }
    }
}

/// What is done in a call.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Says something after the greeting, over a line that loses this share of packets, and hears the answer.
    Ask { material: Arc<Material>, loss: f64 },
    /// Hears the long prompt undisturbed.
    Reference,
    /// Lets something sound into the long prompt, so long after its beginning; `None` is the echo alone.
    TalkOver { disturbance: Disturbance, sound: Option<Arc<Material>>, after: Duration },
}

/// A call to place.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Who calls: unique in a run, and a number, because the flow reads it out.
    pub(super) from: String,
    pub(super) language: Language,
    pub(super) callers: usize,
    pub(super) task: Task,
}

/// What the sound of a call tells. Times are milliseconds since the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct SoundFacts {
    pub(super) began_unix_ms: i64,
    /// Where the caller's first and last sound of the utterance are.
    pub(super) said: Option<(u64, u64)>,
    /// The bot's first sound after the caller's last.
    pub(super) answer_ms: Option<u64>,
    /// The bot began to talk before the caller was done.
    pub(super) talked_over: bool,
    /// How the long prompt went on; `None` where it was not found.
    pub(super) reaction: Option<Reaction>,
    pub(super) packets_lost: u64,
}

/// A call that was placed.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) job: Job,
    /// Why there was no call, or what its sound tells.
    pub(super) sound: Result<SoundFacts, String>,
}

/// Places the call and lives it to its end. With a folder, its sound is kept there as `{from}.wav`.
pub(super) async fn place(job: Job, to: String, reference: &[i16], keep: Option<&Path>) -> Trial {
    let sound = match live(&job, to).await {
        Ok((report, began)) => {
            let kept = keep.map(|folder| write(&wav_file(folder, &job.from), &report)).transpose();
            match kept {
                Ok(_) => Ok(facts(&job, &report, began, reference)),
                Err(error) => Err(format!("the sound could not be kept: {error:#}")),
            }
        }
        Err(error) => Err(format!("{error:#}")),
    };
    Trial { job, sound }
}

/// The long prompt as a caller hears it.
///
/// # Errors
/// When there is no call.
pub(super) async fn reference(language: Language, to: String) -> Result<Vec<i16>> {
    let job = Job { from: format!("99{}", language as u8), language, callers: 1, task: Task::Reference };
    let (report, began) = live(&job, to).await?;
    let first = began.as_millis() as usize * AudioFrame::RATE.hz() as usize / 1_000;
    Ok(report.heard.get(first..).unwrap_or_default().to_vec())
}

/// Where the sound of a kept call is.
pub(super) fn wav_file(folder: &Path, from: &str) -> PathBuf {
    folder.join(format!("{from}.wav"))
}

/// The call as sound, and when its task began.
async fn live(job: &Job, to: String) -> Result<(ProbeReport, Duration)> {
    let echo = match &job.task {
        Task::TalkOver { disturbance, .. } => disturbance.echo(),
        Task::Ask { .. } | Task::Reference => None,
    };
    let loss = match &job.task {
        Task::Ask { loss, .. } if *loss > 0.0 => {
            Some((LossPattern::Bursts { share: *loss, run_mean: 2.0 }, job.from.parse().unwrap_or(1)))
        }
        Task::Ask { .. } | Task::Reference | Task::TalkOver { .. } => None,
    };
    let plan = ProbePlan { to, from: job.from.clone(), codecs: vec![Codec::Pcmu], line: LineEffects { echo, loss } };
    let mut probe = Probe::dial(&plan).await?;
    hear_out(&mut probe).await;
    let began = match &job.task {
        Task::Ask { material, .. } => {
            let began = probe.now();
            say(&mut probe, &material.sound).await;
            wait_for_voice(&mut probe, ANSWER_MAX).await;
            listen(&mut probe, TAIL).await;
            began
        }
        Task::Reference => {
            let began = long_prompt(&mut probe).await;
            listen(&mut probe, REFERENCE).await;
            began
        }
        Task::TalkOver { sound, after, .. } => {
            long_prompt(&mut probe).await;
            listen(&mut probe, *after).await;
            let began = probe.now();
            match sound {
                Some(material) => {
                    say(&mut probe, &material.sound).await;
                    listen(&mut probe, REACTION_MAX).await;
                }
                None => listen(&mut probe, ECHO).await,
            }
            began
        }
    };
    Ok((probe.hang_up().await, began))
}

/// Waits until the greeting is out: sound, and then quiet.
async fn hear_out(probe: &mut Probe) {
    wait_for_voice(probe, GREETING_MAX).await;
    let (until, mut quiet) = (probe.now() + GREETING_MAX, 0);
    while quiet < QUIET_FRAMES && probe.now() < until {
        let Some(tick) = probe.tick().await else { return };
        quiet = if tick.level > VOICE { 0 } else { quiet + 1 };
    }
}

/// Asks for the long prompt; when its first sound came.
async fn long_prompt(probe: &mut Probe) -> Duration {
    probe.press("1");
    wait_for_voice(probe, ANSWER_MAX).await;
    probe.now().saturating_sub(AudioFrame::DURATION * VOICE_FRAMES)
}

async fn wait_for_voice(probe: &mut Probe, at_most: Duration) {
    let (until, mut loud) = (probe.now() + at_most, 0);
    while loud < VOICE_FRAMES && probe.now() < until {
        let Some(tick) = probe.tick().await else { return };
        loud = if tick.level > VOICE { loud + 1 } else { 0 };
    }
}

async fn say(probe: &mut Probe, sound: &Pcm) {
    let Some(frames) = sound.frames() else { return };
    let until = probe.now() + sound.duration() + SAY_MARGIN;
    probe.play(frames.into());
    while probe.now() < until {
        match probe.tick().await {
            Some(tick) if tick.done => return,
            Some(_) => {}
            None => return,
        }
    }
}

async fn listen(probe: &mut Probe, time: Duration) {
    let until = probe.now() + time;
    while probe.now() < until && probe.tick().await.is_some() {}
}

fn facts(job: &Job, report: &ProbeReport, began: Duration, reference: &[i16]) -> SoundFacts {
    let said = stretches(&report.said, AudioFrame::RATE);
    let said = said.first().zip(said.last()).map(|(first, last)| (first.start_ms, last.end_ms));
    let mut facts = SoundFacts {
        began_unix_ms: report.began_unix_ms,
        said,
        packets_lost: report.rtp.lost,
        ..SoundFacts::default()
    };
    match &job.task {
        Task::Ask { .. } => {
            let heard = stretches(&report.heard, AudioFrame::RATE);
            if let Some((start, end)) = said {
                facts.answer_ms = heard.iter().map(|heard| heard.start_ms).find(|&at| at >= end);
                facts.talked_over = heard.iter().any(|heard| heard.start_ms > start && heard.start_ms < end);
            }
        }
        Task::Reference => {}
        Task::TalkOver { sound, .. } => {
            // The echo alone has no onset of its own.
            let onset = said.filter(|_| sound.is_some()).map_or(began, |(start, _)| Duration::from_millis(start));
            facts.reaction = reaction(&report.heard, reference, onset);
        }
    }
    facts
}

/// Left what the caller said, right what it heard.
fn write(file: &Path, report: &ProbeReport) -> Result<()> {
    let mut recorder = Recorder::create(file)?;
    let frame = |chunk: &[i16]| {
        let mut frame = AudioFrame::SILENCE;
        frame.0[..chunk.len()].copy_from_slice(chunk);
        frame
    };
    let frames = |sound: &[i16]| sound.chunks(AudioFrame::SAMPLES).map(frame).collect::<Vec<_>>();
    for (left, right) in frames(&report.said).iter().zip(&frames(&report.heard)) {
        recorder.write(left, right)?;
    }
    recorder.finish()?;
    Ok(())
}

/// Above this a frame is the bot's voice: -38 dB of full scale.
const VOICE: f32 = 400.0;
/// So many such frames in a row are a voice and no click.
const VOICE_FRAMES: u32 = 3;
/// After so many quiet frames the greeting is out: 0.3 s.
const QUIET_FRAMES: u32 = 15;
/// How long the greeting may take to begin, and then to end.
const GREETING_MAX: Duration = Duration::from_secs(8);
/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// How much of an answer is heard.
const TAIL: Duration = Duration::from_millis(300);
/// How much of the long prompt is needed: the latest onset, the longest utterance and the time to react.
const REFERENCE: Duration = Duration::from_secs(14);
/// How long after the last sound the bot is watched.
const REACTION_MAX: Duration = Duration::from_millis(2_500);
/// How long the echo is listened to.
const ECHO: Duration = Duration::from_secs(6);
/// How much longer than itself a sound may take to be sent.
const SAY_MARGIN: Duration = Duration::from_secs(2);
