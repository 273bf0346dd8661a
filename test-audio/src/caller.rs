//! The simulated caller: a whole call over real SIP and RTP, as a scenario says it.
//!
//! A shell around [`Script`]: it dials, keeps the recording, lets the ears and the voice work, and reports. Time in a
//! call is counted in frames of 20 ms since the answer, so that reports, recording and script agree to the sample.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use call::{AudioFrame, Codec, Language, Moment, Pcm};
use media::Recorder;
use sip_bridge::Transport;
use tokio::sync::mpsc;

use crate::ear::{Ear, Noticed};
use crate::echo::LineEffects;
use crate::gap::{Stretch, stretches};
use crate::phone::{CallError, Phone, PhoneEvent, Route};
use crate::report::{CallProgress, CallReport, EndedBy, Outcome, TurnReport};
use crate::scenario::{Act, Scenario};
use crate::script::{Input, Output, Script};
use crate::speech::{Hearing, Speech, Words, frames};
use crate::wire::{ActEnd, Listener, Tick};

/// A call to place.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// Whom: `sip:NAME@HOST:PORT`.
    pub to: String,
    /// Who calls: the user part of From.
    pub from: String,
    /// How SIP travels.
    pub transport: Transport,
    /// What the caller does and expects.
    pub scenario: Scenario,
    /// Where to keep a stereo recording.
    pub record: Option<PathBuf>,
    /// What the caller speaks, best first.
    pub codecs: Vec<Codec>,
    /// How the caller's line spoils what is sent, as with an echo of what is heard.
    pub line: LineEffects,
}

/// The simulated caller.
#[derive(Debug)]
pub struct Caller;

impl Caller {
    /// Places a call and lives it to its end.
    ///
    /// `mouth` speaks text, at any rate; `ears` write down 16 kHz sound. Both may block, which costs only a thread.
    /// `progress` is told what happens; when it is full, news is dropped and the call goes on.
    ///
    /// # Errors
    /// [`CallError`] when there was no call, or something of the scenario cannot be said. A call in which the caller
    /// was not helped is no error but a report.
    pub async fn place<M, E>(
        plan: CallPlan,
        mouth: Arc<M>,
        ears: Arc<E>,
        progress: mpsc::Sender<CallProgress>,
    ) -> Result<CallReport, CallError>
    where
        M: Fn(&str, Language) -> Result<Pcm, String> + Send + Sync + ?Sized + 'static,
        E: Fn(Arc<[i16]>, Language) -> Result<String, String> + Send + Sync + ?Sized + 'static,
    {
        let speech = Speech::new(mouth, ears, plan.scenario.language);
        let acts = prepare(&plan.scenario, &speech).await?;
        let recorder = plan.record.as_deref().map(Recorder::create).transpose()?;
        let route = Route::find(&plan.to, plan.transport).await?;
        let door = route.open_door(plan.transport).await?;
        let ringing = || tell(&progress, CallProgress::Ringing);
        let phone = Phone::dial(&door, &route, &plan.from, &plan.codecs, Listener::Frames, plan.line, ringing).await;
        let phone = match phone {
            Ok(phone) => phone,
            Err(error) => {
                door.close().await;
                return Err(error);
            }
        };
        tell(&progress, CallProgress::Answered);
        let hearing = speech.listen();
        let script = Script::new(plan.scenario.clone(), Moment::START);
        let live = LiveCall {
            scenario: plan.scenario,
            acts,
            script,
            phone,
            hearing,
            ear: Ear::new(),
            recorder,
            said: Vec::new(),
            heard: Vec::new(),
            drafts: vec![Draft::default()],
            verdict: None,
            ended: None,
            progress,
        };
        let report = live.run(plan.record).await;
        door.close().await;
        Ok(report)
    }
}

/// Something to do that is ready to be done.
#[derive(Clone, Debug)]
enum Prepared {
    Keys(String),
    Nothing,
    Sound(Arc<[AudioFrame]>),
}

/// Speaks and reads everything beforehand, so that no turn waits for the voice.
async fn prepare(scenario: &Scenario, speech: &Speech) -> Result<Vec<Prepared>, CallError> {
    let mut acts = Vec::with_capacity(scenario.turns.len());
    for turn in &scenario.turns {
        acts.push(match &turn.act {
            Act::File(path) => Prepared::Sound(wav_frames(path)?),
            Act::Keys(keys) => Prepared::Keys(keys.clone()),
            Act::Listen => Prepared::Nothing,
            Act::Speak(text) => Prepared::Sound(speech.say(text).await?),
        });
    }
    Ok(acts)
}

fn wav_frames(path: &Path) -> Result<Arc<[AudioFrame]>, CallError> {
    let sound = media::read_wav(path)?.mono();
    frames(&sound).map_err(|reason| CallError::Speech { text: path.display().to_string(), reason })
}

/// A turn as it is remembered while the call goes on.
#[derive(Debug, Default)]
struct Draft {
    said: String,
    heard: Vec<String>,
    started_ms: u64,
    ended_ms: Option<u64>,
    kind: DraftKind,
}

/// What there is to find of a turn in the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DraftKind {
    Keys,
    #[default]
    Listened,
    Spoke,
}

/// A call that is going on.
struct LiveCall {
    scenario: Scenario,
    acts: Vec<Prepared>,
    script: Script,
    phone: Phone,
    hearing: Hearing,
    ear: Ear,
    recorder: Option<Recorder>,
    said: Vec<i16>,
    heard: Vec<i16>,
    /// One for each epoch of the script.
    drafts: Vec<Draft>,
    verdict: Option<Outcome>,
    ended: Option<(EndedBy, Option<u16>)>,
    progress: mpsc::Sender<CallProgress>,
}

impl LiveCall {
    async fn run(mut self, record: Option<PathBuf>) -> CallReport {
        let guard = tokio::time::sleep(self.scenario.call_max + STALL_MAX);
        tokio::pin!(guard);
        self.obey();
        while self.verdict.is_none() {
            tokio::select! {
                biased;
                Some(words) = self.hearing.words() => self.understood(words),
                event = self.phone.next(), if self.ended.is_none() => self.happened(event),
                () = &mut guard => self.give_up("the sound of the call stood still"),
                // Their last words are with the ears; each tick decides whether they still matter.
                () = tokio::time::sleep(AFTERWARDS), if self.ended.is_some() => self.input(Input::Tick),
            }
            self.obey();
        }
        self.report(record).await
    }

    fn now_ms(&self) -> u64 {
        (self.said.len() / AudioFrame::SAMPLES) as u64 * AudioFrame::DURATION.as_millis() as u64
    }

    fn input(&mut self, input: Input) {
        self.script.handle_input(input, Moment::from_millis(self.now_ms()));
    }

    fn happened(&mut self, event: PhoneEvent) {
        match event {
            PhoneEvent::Ended { code } => {
                self.ended = Some((EndedBy::Them, code));
                tell(&self.progress, CallProgress::Ended { by: EndedBy::Them, at_ms: self.now_ms() });
                let rest = self.ear.finish();
                self.noticed(rest);
                self.input(Input::CallEnded);
            }
            // A caller has no use for keys that come the other way.
            PhoneEvent::Key(_) => {}
            PhoneEvent::Tick(tick) => self.tick(&tick),
        }
    }

    fn tick(&mut self, tick: &Tick) {
        self.said.extend_from_slice(&tick.said.0);
        self.heard.extend_from_slice(&tick.heard.0);
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.write(&tick.said, &tick.heard)
        {
            tracing::error!(%error, "The recording of a simulated caller has stopped");
            self.recorder = None;
        }
        let noticed = self.ear.hear(&tick.heard);
        self.noticed(noticed);
        match &tick.act {
            Some(ActEnd::Done) => {
                self.act_ended();
                self.input(Input::ActEnded);
            }
            Some(ActEnd::Refused { reason }) => self.give_up(&format!("a turn could not be done: {reason}")),
            None => self.input(Input::Tick),
        }
        if self.now_ms() > self.scenario.call_max.as_millis() as u64 {
            self.give_up(&format!("the call took longer than {} s", self.scenario.call_max.as_secs()));
        }
    }

    fn noticed(&mut self, noticed: Option<Noticed>) {
        match noticed {
            Some(Noticed::Ended { start_ms, end_ms, sound }) => {
                self.hearing.hear(self.script.epoch(), start_ms, end_ms, sound);
                self.input(Input::SoundEnded);
            }
            Some(Noticed::Started { .. }) => self.input(Input::SoundStarted),
            None => {}
        }
    }

    fn understood(&mut self, words: Words) {
        let Words { epoch, start_ms, end_ms, text } = words;
        if let Some(draft) = self.drafts.get_mut(epoch)
            && !text.trim().is_empty()
        {
            draft.heard.push(text.trim().to_owned());
            let gap_ms = live_gap(draft, start_ms, &self.said);
            tell(
                &self.progress,
                CallProgress::Heard { text: text.clone(), started_ms: start_ms, ended_ms: end_ms, gap_ms },
            );
        }
        self.input(Input::Heard { epoch, text });
    }

    /// Does what the script says.
    fn obey(&mut self) {
        while let Some(output) = self.script.poll_output() {
            match output {
                Output::Act { turn } => self.act(turn),
                Output::Finished(outcome) => {
                    self.verdict.get_or_insert(outcome);
                }
                Output::Listen { .. } => {
                    let now = self.now_ms();
                    self.drafts.push(Draft { started_ms: now, ended_ms: Some(now), ..Draft::default() });
                }
            }
        }
    }

    fn act(&mut self, turn: usize) {
        let started_ms = self.now_ms();
        let kind = match &self.acts[turn] {
            Prepared::Keys(keys) => {
                self.phone.wire().press(keys);
                DraftKind::Keys
            }
            Prepared::Nothing => DraftKind::Listened,
            Prepared::Sound(frames) => {
                self.phone.wire().play(Arc::clone(frames));
                DraftKind::Spoke
            }
        };
        let said = match &self.scenario.turns[turn].act {
            Act::File(path) => format!("[file {}]", path.display()),
            Act::Keys(keys) => format!("[keys {keys}]"),
            Act::Listen => String::new(),
            Act::Speak(text) => text.clone(),
        };
        tell(&self.progress, CallProgress::Said { text: said.clone(), started_ms });
        self.drafts.push(Draft { said, started_ms, kind, ..Draft::default() });
    }

    fn act_ended(&mut self) {
        let now = self.now_ms();
        if let Some(draft) = self.drafts.last_mut() {
            draft.ended_ms.get_or_insert(now);
        }
    }

    fn give_up(&mut self, why: &str) {
        let why = format!("{}: {why}", self.scenario.file);
        self.verdict.get_or_insert(Outcome::NotHelped { why });
    }

    async fn report(mut self, record: Option<PathBuf>) -> CallReport {
        let rest = self.ear.finish();
        self.noticed(rest);
        let duration_ms = self.now_ms();
        let (ended_by, code) = match self.ended {
            Some(ended) => ended,
            None => {
                tell(&self.progress, CallProgress::Ended { by: EndedBy::Us, at_ms: duration_ms });
                (EndedBy::Us, None)
            }
        };
        let wire = self.phone.hang_up("scenario finished").await;
        for words in self.hearing.finish().await {
            if let Some(draft) = self.drafts.get_mut(words.epoch)
                && !words.text.trim().is_empty()
            {
                draft.heard.push(words.text.trim().to_owned());
            }
        }
        let recording = self.recorder.and_then(|recorder| match recorder.finish() {
            Ok(_) => record,
            Err(error) => {
                tracing::error!(%error, "The recording of a simulated caller is not whole");
                None
            }
        });
        let (said, heard) = (stretches(&self.said, AudioFrame::RATE), stretches(&self.heard, AudioFrame::RATE));
        CallReport {
            scenario: self.scenario.name,
            // `run` goes on until there is one.
            outcome: self.verdict.unwrap_or(Outcome::Helped),
            turns: turn_reports(&self.drafts, &said, &heard, duration_ms),
            ended_by,
            sip_code: code.unwrap_or(SIP_OK),
            duration_ms,
            first_sound_ms: heard.first().map(|first| first.start_ms),
            recording,
            rtp: wire.rtp,
        }
    }
}

/// Turns as the recording shows them. The time before the first turn is one only when something was heard in it.
fn turn_reports(drafts: &[Draft], said: &[Stretch], heard: &[Stretch], end_ms: u64) -> Vec<TurnReport> {
    let report = |(index, draft): (usize, &Draft)| {
        let next_ms = drafts.get(index + 1).map_or(end_ms, |next| next.started_ms);
        let act_end_ms = draft.ended_ms.unwrap_or(next_ms);
        let own = |stretch: &&Stretch| stretch.end_ms > draft.started_ms && stretch.start_ms < act_end_ms;
        let (started_ms, ended_ms) = match draft.kind {
            DraftKind::Keys | DraftKind::Listened => (draft.started_ms, act_end_ms),
            DraftKind::Spoke => (
                said.iter().find(own).map_or(draft.started_ms, |first| first.start_ms),
                said.iter().rfind(own).map_or(act_end_ms, |last| last.end_ms),
            ),
        };
        let answer = heard.iter().find(|answer| answer.start_ms >= ended_ms && answer.start_ms < next_ms);
        let gap_ms = match draft.kind {
            DraftKind::Listened => None,
            DraftKind::Keys | DraftKind::Spoke => answer.map(|answer| answer.start_ms - ended_ms),
        };
        TurnReport { said: draft.said.clone(), heard: draft.heard.join(" "), started_ms, ended_ms, gap_ms }
    };
    let reports = drafts.iter().enumerate().map(report);
    reports.enumerate().filter(|(index, turn)| *index > 0 || !turn.heard.is_empty()).map(|(_, turn)| turn).collect()
}

/// The gap of an answer while the call still goes on; only the first answer of a turn has one.
fn live_gap(draft: &Draft, answer_ms: u64, said: &[i16]) -> Option<u64> {
    let end_ms = match draft.kind {
        DraftKind::Keys => draft.ended_ms?,
        DraftKind::Listened => return None,
        DraftKind::Spoke => {
            let act_end_ms = draft.ended_ms?;
            let own = |stretch: &&Stretch| stretch.end_ms > draft.started_ms && stretch.start_ms < act_end_ms;
            stretches(said, AudioFrame::RATE).iter().rfind(own)?.end_ms
        }
    };
    if draft.heard.len() > 1 { None } else { answer_ms.checked_sub(end_ms) }
}

/// Tells the news, if there is room for it.
fn tell(progress: &mpsc::Sender<CallProgress>, news: CallProgress) {
    if progress.try_send(news).is_err() {
        tracing::debug!("News of a simulated call was not taken");
    }
}

/// A call whose sound stands still this much longer than its limit is given up.
const STALL_MAX: Duration = Duration::from_secs(10);
/// How often to look whether the last words have been understood.
const AFTERWARDS: Duration = Duration::from_millis(100);
/// The status of a call that was answered.
const SIP_OK: u16 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_measured_on_the_recording_and_not_on_the_plan() {
        let stretch = |start_ms, end_ms| Stretch { start_ms, end_ms };
        let draft = |said: &str, started_ms, ended_ms, kind| Draft {
            said: said.to_owned(),
            heard: vec!["a".to_owned(), "b".to_owned()],
            started_ms,
            ended_ms: Some(ended_ms),
            kind,
        };
        let drafts = [
            Draft::default(),
            draft("", 0, 0, DraftKind::Listened),
            draft("Hello", 1_000, 2_000, DraftKind::Spoke),
            draft("[keys 1]", 4_000, 4_200, DraftKind::Keys),
            draft("Bye", 6_000, 7_000, DraftKind::Spoke),
        ];
        let said = [stretch(1_100, 1_400), stretch(1_600, 1_850), stretch(6_050, 6_800)];
        // The last answer begins before the caller has finished.
        let heard = [stretch(100, 900), stretch(2_350, 3_000), stretch(4_500, 5_000), stretch(6_500, 7_500)];
        let turns = turn_reports(&drafts, &said, &heard, 8_000);
        let times: Vec<_> = turns.iter().map(|turn| (turn.started_ms, turn.ended_ms, turn.gap_ms)).collect();
        assert_eq!(times, [(0, 0, None), (1_100, 1_850, Some(500)), (4_000, 4_200, Some(300)), (6_050, 6_800, None),]);
        assert_eq!(turns[1].heard, "a b");
    }
}
