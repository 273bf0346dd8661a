//! Trains the classifier from acted or labelled speech and says how good it is on speakers it never heard.
//!
//! Every figure is leave-one-speaker-out: a classifier that knows the voice proves nothing about callers. Each clip is
//! heard several times, at another level, through another handset and with noise, and beside more or less of the same
//! speaker's other speech, because a caller is judged in their first second and in their tenth minute. Deterministic.

mod chance;
mod figures;
mod fold;

use thiserror::Error;

use self::chance::Chance;
pub use self::figures::{Figures, Rates, Start};
use super::features::FEATURES;
use super::model::EmotionModel;
use super::voice::Windows;
use call::{AudioFrame, Pcm};

/// What a clip was acted or labelled as. The seven of EmoDB (Burkhardt et al., Interspeech 2005).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feeling {
    /// `W`, Wut.
    Anger,
    /// `L`, Langeweile.
    Boredom,
    /// `E`, Ekel.
    Disgust,
    /// `A`, Angst.
    Fear,
    /// `F`, Freude.
    Happiness,
    /// `N`.
    Neutral,
    /// `T`, Trauer.
    Sadness,
}

impl Feeling {
    /// The feeling of an EmoDB file name, such as `03a01Fa`: its sixth letter.
    pub fn from_emodb(letter: char) -> Option<Self> {
        Some(match letter {
            'A' => Self::Fear,
            'E' => Self::Disgust,
            'F' => Self::Happiness,
            'L' => Self::Boredom,
            'N' => Self::Neutral,
            'T' => Self::Sadness,
            'W' => Self::Anger,
            _ => return None,
        })
    }

    /// High arousal or low, in the usual division (Schuller et al., IEEE Trans. Affective Computing 1(2), 2010).
    pub const fn is_aroused(self) -> bool {
        match self {
            Self::Anger | Self::Fear | Self::Happiness => true,
            Self::Boredom | Self::Disgust | Self::Neutral | Self::Sadness => false,
        }
    }
}

/// One labelled utterance.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Who speaks; clips with the same number are the same voice.
    pub speaker: u32,
    /// What it expresses.
    pub feeling: Feeling,
    /// The sound, 16 kHz.
    pub sound: Pcm,
}

/// How the training goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainConfig {
    /// Times each clip is heard: once as it is, the others changed. 3.
    pub hearings: usize,
    /// Baselines each hearing is put beside. 2.
    pub baselines: usize,
    /// Penalty on squared weights, for a thousand windows.
    pub ridge: f64,
    /// Chooses levels, noises and baselines.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self { hearings: 3, baselines: 2, ridge: 20.0, seed: 1 }
    }
}

/// The clips cannot be trained on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrainError {
    /// The operator's: leave-one-speaker-out needs others to learn from.
    #[error("{found} speakers are too few to train on and test on others: give at least {SPEAKERS_MIN}")]
    FewSpeakers {
        /// How many there are.
        found: usize,
    },
    /// The operator's: a feeling to be told from the others is missing.
    #[error("a speaker has no {what} speech to learn from: give each speaker clips of neutral, angry and other speech")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// The operator's: a clip has another rate.
    #[error("a clip of speaker {speaker} has {rate}, not 16000 Hz: resample it first")]
    Rate {
        /// Whose.
        speaker: u32,
        /// What it has.
        rate: call::SampleRate,
    },
}

/// Weights and how good they are on voices they never heard.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Trained on every speaker.
    pub model: EmotionModel,
    /// Each clip judged by weights trained on the other speakers.
    pub figures: Figures,
}

/// A clip as one hearing of it left it.
pub(super) struct Heard {
    speaker: usize,
    hearing: usize,
    feeling: Feeling,
    windows: Vec<[f32; FEATURES]>,
}

/// Trains on `clips` as they sound behind `line`, which is a telephone.
///
/// # Errors
/// [`TrainError`] when there is not enough to learn from.
pub fn train(clips: &[Clip], line: impl Fn(&Pcm) -> Pcm, config: TrainConfig) -> Result<Trained, TrainError> {
    let mut speakers: Vec<u32> = clips.iter().map(|clip| clip.speaker).collect();
    speakers.sort_unstable();
    speakers.dedup();
    check(clips, &speakers)?;
    let mut heard = Vec::new();
    for (speaker, &number) in speakers.iter().enumerate() {
        for hearing in 0..config.hearings.max(1) {
            // One level, handset and noise for all of a speaker's clips: it is one call.
            let mut chance = Chance::new(config.seed ^ (u64::from(number) << 20) ^ ((hearing as u64) << 50));
            let room = Room::of(hearing, &mut chance);
            for clip in clips.iter().filter(|clip| clip.speaker == number) {
                let sound = line(&room.hear(&clip.sound, &mut chance));
                heard.push(Heard { speaker, hearing, feeling: clip.feeling, windows: windows(&sound) });
            }
        }
    }
    Ok(fold::train(&heard, speakers.len(), config))
}

fn check(clips: &[Clip], speakers: &[u32]) -> Result<(), TrainError> {
    if speakers.len() < SPEAKERS_MIN {
        return Err(TrainError::FewSpeakers { found: speakers.len() });
    }
    if let Some(odd) = clips.iter().find(|clip| clip.sound.rate != AudioFrame::RATE) {
        return Err(TrainError::Rate { speaker: odd.speaker, rate: odd.sound.rate });
    }
    let has = |what, test: fn(Feeling) -> bool| {
        let everywhere = speakers.iter().all(|&s| clips.iter().any(|clip| clip.speaker == s && test(clip.feeling)));
        if everywhere { Ok(()) } else { Err(TrainError::Missing { what }) }
    };
    has("neutral", |feeling| feeling == Feeling::Neutral)?;
    has("angry", |feeling| feeling == Feeling::Anger)
}

/// The windows of a clip, cut as in a call.
fn windows(sound: &Pcm) -> Vec<[f32; FEATURES]> {
    let mut windows = Windows::new();
    let frames = sound.frames().unwrap_or_default();
    let mut found: Vec<_> = frames.iter().filter_map(|frame| windows.push(frame)).collect();
    found.extend(windows.end());
    found
}

/// Between a mouth and the line: how loud, how bright, how noisy.
struct Room {
    gain: f32,
    brightness: f32,
    noise: f32,
}

impl Room {
    /// The first hearing changes nothing.
    fn of(hearing: usize, chance: &mut Chance) -> Self {
        if hearing == 0 {
            return Self { gain: 1.0, brightness: 0.0, noise: 0.0 };
        }
        let decibels = |db: f32| 10.0_f32.powf(db / 20.0);
        Self {
            gain: decibels(chance.between(-12.0, 6.0)),
            brightness: chance.between(-0.35, 0.35),
            noise: 32_768.0 * decibels(chance.between(-75.0, -45.0)),
        }
    }

    fn hear(&self, sound: &Pcm, chance: &mut Chance) -> Pcm {
        let mut before = 0.0;
        let samples = sound.samples.iter().map(|&sample| {
            let sample = f32::from(sample);
            let bright = sample + self.brightness * before;
            before = sample;
            (self.gain * bright + self.noise * chance.between(-1.7, 1.7)).clamp(-32_768.0, 32_767.0) as i16
        });
        Pcm { rate: sound.rate, samples: samples.collect() }
    }
}

/// One is tested on, and one voice alone teaches that voice.
const SPEAKERS_MIN: usize = 3;
