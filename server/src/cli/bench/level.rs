//! What a run of calls with so many callers at once says about one language: journals and sound put together.

use std::collections::HashMap;

use call::{CallEvent, EventRecord, Language, Speaker, TurnLatency};
use serde::Serialize;
use test_audio::labelled::{Labelled, UtteranceKind};

use super::figures::{Calibration, Spread, WordErrors, Wrong, score};
use super::trial::{Disturbance, SoundFacts, Task, Trial};

/// Figures of one language with so many callers at once.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LevelFigures {
    pub(super) callers: usize,
    pub(super) language: Language,
    pub(super) calls: usize,
    /// Calls that were not answered or broke off.
    pub(super) calls_lost: usize,
    /// Utterances of which no word came out.
    pub(super) utterances_lost: usize,
    /// Packets of the house that did not arrive.
    pub(super) packets_lost: u64,
    /// By the share of the caller's packets that the line lost, through G.711.
    pub(super) words: Vec<LossFigures>,
    pub(super) calibration: Calibration,
    /// From the caller's last sound to the final words in the journal.
    pub(super) final_text: Spread,
    /// From the caller's last sound to the bot's first, as the caller hears it.
    pub(super) voice_to_voice: Spread,
    pub(super) parts: Parts,
    pub(super) pauses: Pauses,
    pub(super) talking_over: Vec<TalkOver>,
    /// From the first sound of words to the bot's voice becoming softer.
    pub(super) duck: Spread,
    /// From the end of the first word to the bot's silence; below zero when it was quicker.
    pub(super) stop: Spread,
}

/// Word errors over a line that loses so much.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LossFigures {
    pub(super) lost_percent: f64,
    pub(super) words: WordErrors,
}

/// The parts of an answer's time as the house sees them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Parts {
    pub(super) silence_wait: Spread,
    pub(super) decode: Spread,
    pub(super) mind: Spread,
    /// Of sentences that are kept in memory.
    pub(super) first_audio_cached: Spread,
    /// Of sentences spoken for the first time.
    pub(super) first_audio_live: Spread,
}

/// Utterances with silence inside.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Pauses {
    pub(super) utterances: usize,
    /// Those that became two turns, or into which the bot talked.
    pub(super) cut_in: usize,
}

/// What the bot did while something sounded into its prompt.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TalkOver {
    pub(super) disturbance: Disturbance,
    /// Times that could be measured.
    pub(super) tried: usize,
    /// The bot stopped, or did not in time, and should not have.
    pub(super) wrong: usize,
    /// Times in which its prompt was not found in what was heard.
    pub(super) unmeasured: usize,
}

/// A call that did not go as it should.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failure {
    /// Who called; also the name of the kept sound.
    pub(super) call: String,
    pub(super) callers: usize,
    pub(super) language: Language,
    pub(super) what: String,
    pub(super) said: String,
    pub(super) heard: String,
}

/// Journals by who called.
pub(super) type Journals = HashMap<String, Vec<EventRecord>>;

/// What the journal of one call says of the caller's turns.
struct Turns<'a> {
    said: Vec<(i64, f32, &'a str)>,
    latency: Option<TurnLatency>,
    steps: Vec<&'a str>,
}

impl<'a> Turns<'a> {
    fn read(events: &'a [EventRecord]) -> Self {
        let mut turns = Self { said: Vec::new(), latency: None, steps: Vec::new() };
        for record in events {
            if let CallEvent::Said { utterance } = &record.event
                && utterance.speaker == Speaker::Caller
            {
                turns.said.push((record.unix_ms, utterance.confidence, utterance.text.reveal()));
            } else if let CallEvent::StepEntered { step } = &record.event {
                turns.steps.push(step);
            } else if let CallEvent::TurnCompleted { latency, .. } = &record.event {
                turns.latency.get_or_insert(*latency);
            }
        }
        turns
    }

    fn text(&self) -> String {
        self.said.iter().map(|(_, _, text)| *text).collect::<Vec<_>>().join(" ")
    }
}

/// Measurements being collected.
#[derive(Default)]
struct Collected {
    by_loss: Vec<(f64, Vec<Wrong>)>,
    answers: Vec<(f32, bool)>,
    final_text: Vec<i64>,
    voice_to_voice: Vec<i64>,
    silence_wait: Vec<i64>,
    decode: Vec<i64>,
    mind: Vec<i64>,
    cached: Vec<i64>,
    live: Vec<i64>,
    duck: Vec<i64>,
    stop: Vec<i64>,
    pauses: Pauses,
    over: HashMap<Disturbance, [usize; 3]>,
    calls_lost: usize,
    utterances_lost: usize,
    packets_lost: u64,
}

/// Puts the calls of one language at one number of callers together; what went wrong is added to `failures`.
pub(super) fn measure(
    callers: usize,
    language: Language,
    trials: &[Trial],
    journals: &Journals,
    failures: &mut Vec<Failure>,
) -> LevelFigures {
    let own = || trials.iter().filter(|trial| trial.job.callers == callers && trial.job.language == language);
    let mut collected = Collected::default();
    for trial in own() {
        for (what, said, heard) in collected.add(trial, journals) {
            let call = trial.job.from.clone();
            failures.push(Failure { call, callers, language, what, said, heard });
        }
    }
    let words = |(loss, scores): (f64, Vec<Wrong>)| LossFigures {
        lost_percent: loss * 100.0,
        words: WordErrors::of(language, scores),
    };
    let over = |disturbance: Disturbance| {
        let [tried, wrong, unmeasured] = collected.over.get(&disturbance).copied()?;
        Some(TalkOver { disturbance, tried, wrong, unmeasured })
    };
    let talking_over = Disturbance::ALL.into_iter().filter_map(over).collect();
    LevelFigures {
        callers,
        language,
        calls: own().count(),
        calls_lost: collected.calls_lost,
        utterances_lost: collected.utterances_lost,
        packets_lost: collected.packets_lost,
        words: collected.by_loss.into_iter().map(words).collect(),
        calibration: Calibration::of(&collected.answers),
        final_text: Spread::of(collected.final_text),
        voice_to_voice: Spread::of(collected.voice_to_voice),
        parts: Parts {
            silence_wait: Spread::of(collected.silence_wait),
            decode: Spread::of(collected.decode),
            mind: Spread::of(collected.mind),
            first_audio_cached: Spread::of(collected.cached),
            first_audio_live: Spread::of(collected.live),
        },
        pauses: collected.pauses,
        talking_over,
        duck: Spread::of(collected.duck),
        stop: Spread::of(collected.stop),
    }
}

impl Collected {
    /// Adds a call; returns what was wrong with it, what was said, and what was heard.
    fn add(&mut self, trial: &Trial, journals: &Journals) -> Vec<(String, String, String)> {
        let sound = match &trial.sound {
            Ok(sound) => sound,
            Err(reason) => {
                self.calls_lost += 1;
                return vec![(format!("no call: {reason}"), String::new(), String::new())];
            }
        };
        self.packets_lost += sound.packets_lost;
        let empty = Vec::new();
        let turns = Turns::read(journals.get(&trial.job.from).unwrap_or(&empty));
        match &trial.job.task {
            Task::Ask { material, loss } => {
                let (said, heard) = (material.labelled.text(), turns.text());
                let wrong = self.add_asked(&material.labelled, *loss, sound, &turns);
                wrong.into_iter().map(|what| (what, said.clone(), heard.clone())).collect()
            }
            Task::Reference => Vec::new(),
            Task::TalkOver { disturbance, sound: material, .. } => {
                let first_word = material.as_ref().and_then(|material| material.first_word);
                let first_word_ms = first_word.map(|first_word| first_word.as_millis() as i64);
                let said = material.as_ref().map(|material| material.labelled.text()).unwrap_or_default();
                let wrong = self.add_talked_over(*disturbance, sound, first_word_ms);
                wrong.into_iter().map(|what| (what, said.clone(), turns.text())).collect()
            }
        }
    }

    fn add_asked(&mut self, labelled: &Labelled, loss: f64, sound: &SoundFacts, turns: &Turns<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        let found = score(labelled, &turns.text());
        let place = self.by_loss.iter().position(|(known, _)| *known == loss).unwrap_or_else(|| {
            self.by_loss.push((loss, Vec::new()));
            self.by_loss.len() - 1
        });
        self.by_loss[place].1.push(found);
        if turns.said.is_empty() {
            self.utterances_lost += 1;
            wrong.push("no words".to_owned());
        } else if found.words.errors > 0 {
            wrong.push(format!("{} of {} wrong", found.words.errors, found.words.reference));
        }
        if labelled.kind == UtteranceKind::Pause {
            self.pauses.utterances += 1;
            if turns.said.len() > 1 || sound.talked_over {
                self.pauses.cut_in += 1;
                wrong.push("cut in".to_owned());
            }
        }
        // An utterance that became two turns has no one confidence and no one end.
        if let [(heard_unix_ms, confidence, _)] = turns.said.as_slice() {
            self.answers.push((*confidence, found.words.errors == 0));
            if let Some(((_, end), answer)) = sound.said.zip(sound.answer_ms) {
                self.final_text.push(heard_unix_ms - sound.began_unix_ms - end as i64);
                self.voice_to_voice.push(answer as i64 - end as i64);
            }
            self.add_parts(turns);
        }
        wrong
    }

    fn add_parts(&mut self, turns: &Turns<'_>) {
        let Some(latency) = turns.latency else { return };
        self.silence_wait.push(latency.silence_wait_ms.into());
        self.decode.push(latency.decode_ms.into());
        self.mind.push(latency.mind_ms.into());
        if turns.steps.contains(&"live") {
            self.live.push(latency.first_audio_ms.into());
        } else if turns.steps.contains(&"fixed") {
            self.cached.push(latency.first_audio_ms.into());
        }
    }

    fn add_talked_over(
        &mut self,
        disturbance: Disturbance,
        sound: &SoundFacts,
        first_word_ms: Option<i64>,
    ) -> Option<String> {
        let [tried, wrong, unmeasured] = self.over.entry(disturbance).or_default();
        let Some(reaction) = sound.reaction else {
            *unmeasured += 1;
            return Some("the prompt was not found in what was heard".to_owned());
        };
        *tried += 1;
        let length_ms = sound.said.map_or(0, |(start, end)| end.saturating_sub(start)) as i64;
        let ms = |span: std::time::Duration| span.as_millis() as i64;
        let stopped_ms = reaction.stopped.map(ms);
        if !disturbance.asks_to_speak() {
            *wrong += usize::from(stopped_ms.is_some());
            return stopped_ms.map(|at| format!("stopped for {disturbance:?} after {at} ms"));
        }
        if disturbance == Disturbance::Words {
            self.duck.extend(reaction.ducked.map(ms));
        }
        match stopped_ms.filter(|&at| at <= length_ms + STOP_MARGIN_MS) {
            Some(at) => {
                if disturbance == Disturbance::Words {
                    self.stop.extend(first_word_ms.map(|first_word_ms| at - first_word_ms));
                }
                None
            }
            None => {
                *wrong += 1;
                Some(format!("talked on over {disturbance:?}"))
            }
        }
    }
}

/// A bot that still talks so long after the caller's last word has missed it.
const STOP_MARGIN_MS: i64 = 1_000;
