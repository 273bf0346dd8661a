//! Which utterances and disturbances are put into which call.
//!
//! Every number of callers gets a sample of the whole set that is the same in every run, so that runs can be compared.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use call::{AudioFrame, Language};
use test_audio::labelled::{Labelled, UtteranceKind};
use test_audio::sounds;

use super::material::{Material, Speakers};
use super::trial::{Disturbance, Job, Task};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything.
    Full,
    /// A sample, in a few minutes.
    Quick,
}

/// Chooses what is said in which call.
pub(super) struct Plan<'a> {
    pub(super) speakers: &'a Speakers,
    pub(super) extent: Extent,
    pub(super) languages: Vec<Language>,
    /// Whether there are calls in which something is said and answered.
    pub(super) asks: bool,
    /// Whether there are calls in which something sounds while the bot talks.
    pub(super) talks_over: bool,
    /// Percent of packets lost.
    pub(super) loss: Vec<f64>,
    /// Calls planned so far; 0 to begin with.
    pub(super) jobs: usize,
}

impl Plan<'_> {
    /// The calls of all languages with so many callers at once, mixed as they would come.
    ///
    /// # Errors
    /// When a sound cannot be made.
    pub(super) fn level(&mut self, set: &[Labelled], callers: usize) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for &language in self.languages.iter().filter(|&&language| self.speakers.speaks(language)) {
            let own = |wanted: &dyn Fn(UtteranceKind) -> bool| -> Vec<&Labelled> {
                set.iter().filter(|one| one.language == language && wanted(one.kind)).collect()
            };
            let mut tasks = Vec::new();
            if self.asks {
                let pauses = own(&|kind| kind == UtteranceKind::Pause);
                let words = own(&|kind| !matches!(kind, UtteranceKind::Backchannel | UtteranceKind::Pause));
                tasks.extend(self.ask(&words, self.words_max(callers))?);
                tasks.extend(self.ask(&pauses, self.pauses_max(callers))?);
            }
            if self.talks_over && self.speakers.voice(language).is_some() {
                let interruptions = own(&|kind| kind == UtteranceKind::Interruption);
                let backchannels = own(&|kind| kind == UtteranceKind::Backchannel);
                tasks.extend(self.talk_over(language, callers, &interruptions, &backchannels)?);
            }
            for task in tasks {
                self.jobs += 1;
                jobs.push(Job { from: format!("{}", 10_000 + self.jobs), language, callers, task });
            }
        }
        Ok(mixed(jobs))
    }

    const fn words_max(&self, callers: usize) -> usize {
        match (self.extent, callers) {
            (Extent::Full, _) => 16 * callers,
            (Extent::Quick, 1) => 6,
            (Extent::Quick, _) => 16,
        }
    }

    const fn pauses_max(&self, callers: usize) -> usize {
        match (self.extent, callers) {
            (Extent::Quick, 1) => 3,
            (Extent::Full | Extent::Quick, _) => 8,
        }
    }

    /// Asks over every line; when quick, over each in turn.
    fn ask(&self, set: &[&Labelled], at_most: usize) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for (index, labelled) in spread(set, at_most).enumerate() {
            let material = Arc::new(self.speakers.sound(labelled, 1.0)?);
            for (nth, loss) in self.loss.iter().enumerate() {
                if self.extent == Extent::Full || index % self.loss.len() == nth {
                    tasks.push(Task::Ask { material: material.clone(), loss: loss / 100.0 });
                }
            }
        }
        Ok(tasks)
    }

    fn talk_over(
        &self,
        language: Language,
        callers: usize,
        interruptions: &[&Labelled],
        backchannels: &[&Labelled],
    ) -> Result<Vec<Task>> {
        let each = match (self.extent, callers) {
            (Extent::Quick, 1) => 1,
            (Extent::Full, 1) | (Extent::Quick, _) => 2,
            (Extent::Full, _) => callers.clamp(3, 6),
        };
        let mut tasks = Vec::new();
        for disturbance in Disturbance::ALL {
            for nth in 0..each {
                // Between 1.5 s, which is needed to find the prompt, and 3 s.
                let after = Duration::from_millis(1_500 + (nth * 370 % 1_500) as u64);
                let said = match disturbance {
                    Disturbance::Backchannel => backchannels,
                    Disturbance::EchoWords | Disturbance::Words => interruptions,
                    Disturbance::Cough | Disturbance::Echo | Disturbance::Music => &[],
                };
                let sound = match disturbance {
                    Disturbance::Cough => Some(wordless("cough", language, sounds::cough(nth as u64))),
                    Disturbance::Echo => None,
                    Disturbance::Music => Some(wordless("music", language, sounds::music(MUSIC))),
                    Disturbance::Backchannel | Disturbance::EchoWords | Disturbance::Words if said.is_empty() => break,
                    Disturbance::Backchannel | Disturbance::EchoWords | Disturbance::Words => {
                        Some(self.speakers.sound(said[nth % said.len()], 1.0)?)
                    }
                };
                tasks.push(Task::TalkOver { disturbance, sound: sound.map(Arc::new), after });
            }
        }
        Ok(tasks)
    }
}

/// A sound without words.
fn wordless(name: &str, language: Language, sound: call::Pcm) -> Material {
    debug_assert_eq!(sound.rate, AudioFrame::RATE);
    let labelled = Labelled {
        id: name.to_owned(),
        language,
        kind: UtteranceKind::Recording,
        parts: vec![format!("[{name}]")],
        pause: Duration::ZERO,
        expected: vec![String::new()],
    };
    Material { labelled, sound, first_word: None }
}

/// At most so many of them, from the whole of the set.
fn spread<'a>(set: &'a [&'a Labelled], at_most: usize) -> impl Iterator<Item = &'a Labelled> {
    let count = at_most.min(set.len());
    (0..count).map(move |index| set[index * set.len() / count])
}

/// In an order that puts what was alike apart, the same in every run.
fn mixed<T>(mut items: Vec<T>) -> Vec<T> {
    let mut dice = test_audio::Dice::new(items.len() as u64);
    for end in (1..items.len()).rev() {
        items.swap(end, (dice.bits() % (end as u64 + 1)) as usize);
    }
    items
}

/// How long music sounds.
const MUSIC: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use test_audio::labelled;

    use super::*;

    #[test]
    fn a_sample_comes_from_the_whole_set() {
        let set = labelled::read_set("u", labelled::UTTERANCES, Language::En).unwrap();
        let english: Vec<_> = set.iter().filter(|one| one.language == Language::En).collect();
        let ids = |at_most| spread(&english, at_most).map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(3), ["en01", "en24", "en47"]);
        assert_eq!(ids(1_000).len(), english.len());
        assert_eq!(spread(&[], 4).count(), 0);
    }

    #[test]
    fn mixing_keeps_everything_and_is_the_same_every_time() {
        let numbers: Vec<_> = (0..50).collect();
        let mut once = mixed(numbers.clone());
        assert_eq!(once, mixed(numbers.clone()));
        assert_ne!(once, numbers);
        once.sort_unstable();
        assert_eq!(once, numbers);
    }
}
