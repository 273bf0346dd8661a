//! The English voice "hibari" (American, female, 8 MB): text in, 24 kHz sound out, at some hundred times real time.
//!
//! Files are those of the voice's own package. The network tells how many frames each sound takes, so marks are exact
//! to one sound and nothing is guessed.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

use call::{Language, Pcm, SampleRate};
use flate2::read::GzDecoder;
use rten::{Model, NodeId, Value, ValueOrView};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use serde::de::DeserializeOwned;

use crate::finish::finished;
use crate::marks::{WordEnd, marks};
use crate::normalize::{Normalizer, Said, Token};
use crate::phonemes::{Lexicon, Pronouncer, Tagger, Unknown};
use crate::synth::{Spectra, Synth};
use crate::voice::{Speech, Style, TEXT_BYTES_MAX, Voice, VoiceError};

/// The voice with all it needs, loaded once and used from any thread.
pub struct Hibari {
    normalizer: Normalizer,
    pronouncer: Pronouncer,
    alphabet: HashMap<char, i32>,
    network: Network,
    synth: Synth,
}

impl Hibari {
    /// Loads the voice from its folder (`<models>/hibari`).
    ///
    /// # Errors
    /// [`VoiceError::File`] names the file that is missing or broken.
    pub fn load(dir: &Path) -> Result<Self, VoiceError> {
        let lexicon = {
            let (checked, derived) = ("lexicon_us_gold.json.gz", "lexicon_us_silver.json.gz");
            let layers = (unpacked(dir, checked)?, unpacked(dir, derived)?);
            Lexicon::parse(&layers.0, &layers.1).map_err(|reason| broken(dir, checked, &reason))?
        };
        let tagger = Tagger::parse(&unpacked(dir, TAGGER)?).map_err(|reason| broken(dir, TAGGER, &reason))?;
        let unknown = Unknown::new(model(dir, "oov.onnx")?, &bytes(dir, "oov.json")?)
            .map_err(|reason| broken(dir, "oov.json", &reason))?;
        let exceptions: HashMap<String, Vec<String>> = json(dir, "tokenizer_exceptions.json")?;
        let is_word = |text: &str| text.chars().all(|letter| letter.is_alphabetic() || letter == '\'');
        let contractions = exceptions.into_iter().filter(|(text, pieces)| pieces.len() > 1 && is_word(text)).collect();
        let alphabet: HashMap<char, i32> = json(dir, "vocab.json")?;
        let network = Network::new(model(dir, NETWORK)?).map_err(|reason| broken(dir, NETWORK, &reason))?;
        Ok(Self {
            normalizer: Normalizer::default(),
            pronouncer: Pronouncer { lexicon, tagger, unknown, contractions },
            alphabet,
            network,
            synth: Synth::new(),
        })
    }

    /// Teaches words of a business: a name, and how it is said. `/hwɑwˈA/` between slashes are sounds in the voice's
    /// own alphabet; anything else is a respelling in English words, such as `wah way`. Names are never spelled out
    /// and are found in any case.
    ///
    /// # Errors
    /// [`VoiceError::Lexicon`] names the word whose sounds the voice does not have.
    pub fn with_lexicon(mut self, words: &BTreeMap<String, String>) -> Result<Self, VoiceError> {
        let mut sounds = Vec::with_capacity(words.len());
        for (word, said) in words {
            let spoken = match said.trim().strip_prefix('/').and_then(|said| said.strip_suffix('/')) {
                Some(sounds) => sounds.to_owned(),
                None => self.phonemes(said)?,
            };
            let known = |sound| self.alphabet.contains_key(&sound);
            if spoken.trim().is_empty() || !spoken.chars().all(known) || word.trim().is_empty() {
                return Err(VoiceError::Lexicon { word: word.clone() });
            }
            sounds.push((word.trim(), spoken));
        }
        for (word, sounds) in sounds {
            self.pronouncer.lexicon.add(word, sounds);
        }
        self.normalizer = Normalizer::default().keeping(words.keys().map(|word| word.trim()));
        Ok(self)
    }

    /// The sounds that the voice would speak, in its own alphabet: to see why a word sounds as it does.
    ///
    /// # Errors
    /// As [`Voice::speak`].
    pub fn phonemes(&self, text: &str) -> Result<String, VoiceError> {
        let (tokens, sounds) = self.read(text)?;
        let mut out = String::new();
        for (token, sounds) in tokens.iter().zip(&sounds) {
            out.push_str(joint(token, sounds, out.is_empty()));
            out.push_str(sounds);
        }
        Ok(out)
    }

    fn read(&self, text: &str) -> Result<(Vec<Token>, Vec<String>), VoiceError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(VoiceError::TooLong { bytes: text.len() });
        }
        let tokens = self.normalizer.tokens(text);
        let sounds = self.pronouncer.pronounce(&tokens).map_err(VoiceError::Engine)?;
        let audible = |(token, sounds): (&Token, &String)| !matches!(token.said, Said::Mark(_)) && !sounds.is_empty();
        if !tokens.iter().zip(&sounds).any(audible) {
            return Err(VoiceError::NothingToSay);
        }
        Ok((tokens, sounds))
    }

    /// Cuts the sounds into stretches that the network can hear at once, between words.
    fn stretches(&self, tokens: &[Token], sounds: &[String]) -> Vec<Stretch> {
        let mut out = Vec::new();
        let mut stretch = Stretch::default();
        for (token, sounds) in tokens.iter().zip(sounds) {
            if stretch.ids.len() + sounds.chars().count() > SOUNDS_MAX && !stretch.ids.is_empty() {
                out.push(std::mem::take(&mut stretch));
            }
            let written = joint(token, sounds, stretch.ids.is_empty()).chars().chain(sounds.chars());
            let room = SOUNDS_MAX.saturating_sub(stretch.ids.len());
            stretch.ids.extend(written.filter_map(|sound| self.alphabet.get(&sound).copied()).take(room));
            if !matches!(token.said, Said::Mark(_)) && !sounds.is_empty() {
                stretch.ends.push((stretch.ids.len(), token.span.clone()));
            }
        }
        out.push(stretch);
        out.retain(|stretch| !stretch.ends.is_empty());
        out
    }
}

impl Voice for Hibari {
    fn language(&self) -> Language {
        Language::En
    }

    fn speak(&self, text: &str, style: Style) -> Result<Speech, VoiceError> {
        let (tokens, sounds) = self.read(text)?;
        let mut samples = Vec::new();
        let mut ends = Vec::new();
        for stretch in self.stretches(&tokens, &sounds) {
            let offset = samples.len();
            let (sound, passed) = self.network.speak(&stretch.ids, style.kept_rate(), &self.synth)?;
            let whole = passed.last().copied().unwrap_or(0).max(1);
            ends.extend(stretch.ends.into_iter().map(|(sounds, span)| {
                // The first of `passed` is the silence that the network hears before the first sound.
                let part = passed.get(sounds).copied().unwrap_or(whole);
                WordEnd { span, sample: offset + sound.len() * part / whole }
            }));
            samples.extend(sound);
        }
        let finished = finished(&samples, style.kept_gain() * LOUDNESS);
        let marks = marks(text, &ends, finished.cut_start, finished.samples.len());
        Ok(Speech { pcm: Pcm { rate: SampleRate::HZ_24000, samples: finished.samples }, marks })
    }
}

/// What the network hears at once: sounds, and after how many of them each word ends.
#[derive(Default)]
struct Stretch {
    ids: Vec<i32>,
    ends: Vec<(usize, std::ops::Range<usize>)>,
}

/// The network and the places of its inputs and outputs.
struct Network {
    model: Model,
    ids: NodeId,
    speed: NodeId,
    /// `lh`, `theta`, `ln`, `lr`, `phi`, `f0`, and the running sum of frames for each sound.
    outputs: [NodeId; 7],
}

impl Network {
    fn new(model: Model) -> Result<Self, String> {
        let node = |name: &str| model.find_node(name).ok_or_else(|| format!("the network has no {name}"));
        let outputs = ["lh", "theta", "ln", "lr", "phi", "f0", FRAMES_SUM];
        let found: Vec<NodeId> = outputs.into_iter().map(node).collect::<Result<_, _>>()?;
        let outputs = found.try_into().map_err(|_| "the network has other outputs")?;
        Ok(Self { ids: node("ids")?, speed: node("speed")?, outputs, model })
    }

    /// Sound for these ids, and after each of them, counted from the silence in front, how much of the sound has
    /// passed; the last is the whole. The network counts in steps of its own, of several frames each.
    fn speak(&self, sounds: &[i32], rate: f32, synth: &Synth) -> Result<(Vec<f32>, Vec<usize>), VoiceError> {
        let ids: Vec<i32> = std::iter::once(SILENCE).chain(sounds.iter().copied()).chain([SILENCE]).collect();
        let seed =
            ids.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &id| (hash ^ id as u64).wrapping_mul(0x100_0000_01b3));
        let ids = NdTensor::from_data([1, ids.len()], ids);
        let speed = NdTensor::from_data([1], vec![rate]);
        let inputs = vec![
            (self.ids, ValueOrView::from(ids.as_dyn().view())),
            (self.speed, ValueOrView::from(speed.as_dyn().view())),
        ];
        let engine = |reason: String| VoiceError::Engine(reason);
        let [lh, theta, ln, lr, phi, f0, sums] =
            self.model.run_n(inputs, self.outputs, None).map_err(|error| engine(error.to_string()))?;
        let (lh, theta, ln, lr) = (floats(lh)?, floats(theta)?, floats(ln)?, floats(lr)?);
        let (phi, f0) = (floats(phi)?, floats(f0)?);
        let spectra = Spectra {
            frames: f0.len(),
            harmonic_log: &lh,
            harmonic_turn: &theta,
            noise_log: &ln,
            free_log: &lr,
            free_phase: &phi,
            f0_hz: &f0,
        };
        let sound = synth.render(&spectra, seed).map_err(engine)?;
        let sums = sums.into_tensor::<i32>().ok_or_else(|| engine("frames that are not whole numbers".to_owned()))?;
        Ok((sound, sums.iter().map(|&sum| usize::try_from(sum).unwrap_or(0)).collect()))
    }
}

/// What stands between the sounds before a token and its own.
fn joint(token: &Token, sounds: &str, first: bool) -> &'static str {
    match token.said {
        _ if first || sounds.is_empty() => "",
        Said::Mark('—') | Said::Letters(_) | Said::Word(_) => " ",
        Said::Mark(_) => "",
    }
}

fn floats(value: Value) -> Result<Vec<f32>, VoiceError> {
    let tensor =
        value.into_tensor::<f32>().ok_or_else(|| VoiceError::Engine("spectra that are not numbers".to_owned()))?;
    Ok(tensor.to_vec())
}

fn model(dir: &Path, name: &str) -> Result<Model, VoiceError> {
    Model::load(bytes(dir, name)?).map_err(|error| broken(dir, name, &error.to_string()))
}

fn json<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<T, VoiceError> {
    serde_json::from_slice(&bytes(dir, name)?).map_err(|error| broken(dir, name, &error.to_string()))
}

fn unpacked(dir: &Path, name: &str) -> Result<Vec<u8>, VoiceError> {
    let packed = bytes(dir, name)?;
    let mut out = Vec::new();
    let read = GzDecoder::new(packed.as_slice()).take(UNPACKED_BYTES_MAX).read_to_end(&mut out);
    read.map_err(|error| broken(dir, name, &error.to_string()))?;
    Ok(out)
}

fn bytes(dir: &Path, name: &str) -> Result<Vec<u8>, VoiceError> {
    std::fs::read(dir.join(name)).map_err(|error| broken(dir, name, &error.to_string()))
}

fn broken(dir: &Path, name: &str, reason: &str) -> VoiceError {
    VoiceError::File { file: dir.join(name), reason: reason.to_owned() }
}

const NETWORK: &str = "hibari.onnx";
const TAGGER: &str = "tagger.json.gz";
/// Inside the network: the running sum of the frames of each sound.
const FRAMES_SUM: &str = "/CumSum_output_0";
/// The sound of nothing, before the first and after the last.
const SILENCE: i32 = 0;
/// Brings the voice to about -20 dBFS over a sentence.
const LOUDNESS: f32 = 1.9;
/// Sounds that the network hears at once; it was trained on no more.
const SOUNDS_MAX: usize = 400;
/// The largest file has 10 MB when unpacked.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
