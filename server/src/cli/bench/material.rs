//! Sound for the bench: labelled words spoken by our own voices, or read from recordings.
//!
//! What was spoken is kept in the cache folder, because a slow voice would make every run wait. The voice is part of
//! what is measured, so another build of the program speaks everything anew.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use call::{AudioFrame, Language, Pcm};
use test_audio::labelled::Labelled;
use tts::{Style, Voice};

use crate::cli::Settings;
use crate::cli::speech::read_mono;
use crate::engines;

/// A labelled utterance as sound.
#[derive(Clone, Debug)]
pub(super) struct Material {
    pub(super) labelled: Labelled,
    /// 16 kHz.
    pub(super) sound: Pcm,
    /// From its beginning to the end of the first word, where that is known.
    pub(super) first_word: Option<Duration>,
}

/// Where sounds come from.
pub(super) struct Speakers {
    voices: Vec<Arc<dyn Voice>>,
    cache: PathBuf,
    /// The folder of recordings, instead of voices.
    recordings: Option<PathBuf>,
}

impl Speakers {
    /// Loads the voices; with a folder of recordings, sounds are read from there.
    ///
    /// # Errors
    /// When a voice's model is missing.
    pub(super) fn load(settings: &Settings, recordings: Option<PathBuf>) -> Result<Self> {
        let speech = &settings.config.speech;
        let voices = engines::voices(&settings.models, &speech.languages, &speech.lexicon)?;
        Ok(Self { voices, cache: fresh_cache(), recordings })
    }

    /// The voice of a language, if there is one.
    pub(super) fn voice(&self, language: Language) -> Option<&Arc<dyn Voice>> {
        self.voices.iter().find(|voice| voice.language() == language)
    }

    /// Whether there is sound in this language.
    pub(super) fn speaks(&self, language: Language) -> bool {
        self.recordings.is_some() || self.voice(language).is_some()
    }

    /// Whether sounds are recordings, which have the speed they have.
    pub(super) const fn are_recordings(&self) -> bool {
        self.recordings.is_some()
    }

    /// The sound of an utterance at this speed; 1.0 is the voice's own, and that of every recording.
    ///
    /// # Errors
    /// When there is no voice, it fails, or the recording cannot be read.
    pub(super) fn sound(&self, labelled: &Labelled, rate: f32) -> Result<Material> {
        let labelled = labelled.clone();
        if let Some(folder) = &self.recordings {
            let sound = read_mono(&folder.join(format!("{}.wav", labelled.id)))?;
            return Ok(Material { labelled, sound, first_word: None });
        }
        let mut hasher = DefaultHasher::new();
        (labelled.language, &labelled.parts, labelled.pause, rate.to_bits()).hash(&mut hasher);
        let file = self.cache.join(format!("{:016x}.wav", hasher.finish()));
        if let Some((sound, first_word)) = read_kept(&file) {
            return Ok(Material { labelled, sound, first_word });
        }
        let (sound, first_word) = self.speak(&labelled, rate)?;
        // A cache that cannot be written costs time and nothing else.
        let _kept = keep(&file, &sound, first_word);
        Ok(Material { labelled, sound, first_word })
    }

    fn speak(&self, labelled: &Labelled, rate: f32) -> Result<(Pcm, Option<Duration>)> {
        let language = labelled.language;
        let voice = self.voice(language).with_context(|| format!("there is no voice for language {language} yet"))?;
        let style = Style { rate, ..Style::default() };
        let (mut samples, mut first_word) = (Vec::new(), None);
        for (index, part) in labelled.parts.iter().enumerate() {
            if index > 0 {
                silence(&mut samples, labelled.pause);
            }
            let mut before = Duration::ZERO;
            for clause in tts::clauses(part, language) {
                silence(&mut samples, before);
                before = clause.pause;
                let speech = voice.speak(&clause.text, style)?;
                if first_word.is_none() {
                    let end = speech.marks.first().map(|mark| mark.end_sample);
                    first_word = end.map(|end| Duration::from_secs_f64(end as f64 / f64::from(speech.pcm.rate.hz())));
                }
                samples.extend(media::resample(&speech.pcm, AudioFrame::RATE)?.samples);
            }
        }
        Ok((Pcm { rate: AudioFrame::RATE, samples }, first_word))
    }
}

/// Adds so much silence.
pub(super) fn silence(samples: &mut Vec<i16>, length: Duration) {
    let count = length.as_millis() as usize * AudioFrame::RATE.hz() as usize / 1_000;
    samples.resize(samples.len() + count, 0);
}

fn read_kept(file: &Path) -> Option<(Pcm, Option<Duration>)> {
    let first_word = std::fs::read_to_string(file.with_extension("ms")).ok()?.trim().parse().ok();
    Some((read_mono(file).ok()?, first_word.map(Duration::from_millis)))
}

fn keep(file: &Path, sound: &Pcm, first_word: Option<Duration>) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    media::write_wav(file, sound)?;
    let ms = first_word.map(|first_word| first_word.as_millis().to_string()).unwrap_or_default();
    std::fs::write(file.with_extension("ms"), ms)?;
    Ok(())
}

/// The cache of this very build. Those of others are removed.
fn fresh_cache() -> PathBuf {
    let all = crate::models::folder().with_file_name("bench");
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let stamp = program.map(|program| {
        let modified = program.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        format!("{:x}-{:x}", program.len(), modified.as_millis())
    });
    let own = all.join(stamp.unwrap_or_else(|_| "unknown".to_owned()));
    for folder in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        if folder.path() != own {
            // It is only a cache: what cannot be removed stays.
            let _gone = std::fs::remove_dir_all(folder.path());
        }
    }
    own
}
