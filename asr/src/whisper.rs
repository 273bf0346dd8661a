//! Multilingual Whisper through whisper-rs: the recogniser that ships with the house.
//!
//! The encoder looks at as much time as there is sound and not at 30 s, so that a short answer costs a short decode.
//! Decoding is greedy and with timestamps, which keeps short sounds from looping. One loaded model serves all decodes;
//! each running decode has a state of its own out of a bounded pool.

mod piece;
mod pool;

use std::fmt;
use std::num::NonZeroU8;
use std::path::Path;
use std::time::Instant;

use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperState};

use call::{AudioFrame, Language};

use self::piece::Piece;
use self::pool::{Pool, Search, Slot, engine};
use crate::clean::clean;
use crate::expect::{Expect, Fit};
use crate::guard::DropReason;
use crate::pieces;
use crate::recognizer::{DecodeRequest, Decoded, LanguageChoice, Recognizer, RecognizerError, Segment, Verdict};
use crate::wordless::is_wordless;

/// How much the recogniser may take of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhisperConfig {
    /// Decodes at once. Each state takes about 50 MB with the base model, and is made when first needed.
    pub states_max: NonZeroU8,
}

impl Default for WhisperConfig {
    /// Two decodes at once.
    fn default() -> Self {
        Self { states_max: NonZeroU8::MIN.saturating_add(1) }
    }
}

/// A loaded Whisper model in ggml format.
pub struct Whisper {
    context: WhisperContext,
    pool: Pool,
}

impl Whisper {
    /// Loads a model file and makes its first state.
    ///
    /// # Errors
    /// [`RecognizerError::Load`] when the file is missing, is not a ggml Whisper model, or does not know Mandarin.
    pub fn load(path: impl AsRef<Path>, config: WhisperConfig) -> Result<Self, RecognizerError> {
        let path = path.as_ref();
        let failed = |reason: String| RecognizerError::Load { path: path.to_owned(), reason };
        // Without this the engine writes to stderr; with it and without a log backend it is silent.
        whisper_rs::install_logging_hooks();
        // The engine's own message for a missing file is only in its log.
        std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let mut parameters = WhisperContextParameters::new();
        parameters.use_gpu(false).flash_attn(FLASH_ATTENTION);
        let context = WhisperContext::new_with_params(path, parameters).map_err(|error| failed(error.to_string()))?;
        if !context.is_multilingual() {
            return Err(failed("the model knows English only".to_owned()));
        }
        let pool = Pool::new(usize::from(config.states_max.get()));
        // The first state is made now, so that a machine with too little memory says so before a caller is there.
        pool.take(&context).map_err(|error| failed(error.to_string()))?;
        Ok(Self { context, pool })
    }

    /// Decodes at most [`pieces::PIECE_SAMPLES_MAX`] samples.
    fn decode_piece(
        &self,
        slot: &mut Slot,
        samples: &[f32],
        language: Language,
        search: Search,
        request: &DecodeRequest,
    ) -> Result<Piece, RecognizerError> {
        let prompt = self.prompt_tokens(request);
        let mut params = slot.settings(language, search);
        params.set_n_threads(i32::from(request.threads.get()));
        params.set_audio_ctx(audio_ctx(samples.len()));
        params.set_max_tokens(tokens_max(samples.len()));
        params.set_tokens(&prompt);
        slot.run(params, samples, request)?;
        Ok(self.read_piece(&slot.state, language, samples, request))
    }

    /// Decodes sound of any length, piece by piece.
    fn decode_whole(
        &self,
        slot: &mut Slot,
        sound: &[f32],
        language: Language,
        search: Search,
        request: &DecodeRequest,
    ) -> Result<Piece, RecognizerError> {
        let mut whole = Piece::default();
        for range in pieces::cut(&request.samples) {
            let offset_s = range.start as f32 / AudioFrame::RATE.hz() as f32;
            whole.append(self.decode_piece(slot, &sound[range], language, search, request)?, offset_s);
        }
        Ok(whole)
    }

    /// Decodes all of the sound, and once more where its words are not the kind of answer that was asked for.
    fn decode_expecting(
        &self,
        slot: &mut Slot,
        sound: &[f32],
        language: Language,
        request: &DecodeRequest,
        started: Instant,
    ) -> Result<Decoded, RecognizerError> {
        let mut whole = self.decode_whole(slot, sound, language, Search::Greedy, request)?;
        let hint = hint(request.expect, language).filter(|_| sound.len() <= AGAIN_SAMPLES_MAX);
        if let Some(hint) = hint
            && whole.fit(language, request.expect) == Fit::Poor
        {
            let hinted = DecodeRequest { prompt: Some(hint.to_owned()), ..request.clone() };
            let other = self.decode_whole(slot, sound, language, Search::Beam, &hinted)?;
            if other.fit(language, request.expect) > whole.fit(language, request.expect) {
                whole = other;
            }
        }
        Ok(whole.decoded(language, request.audio(), started.elapsed()))
    }

    fn prompt_tokens(&self, request: &DecodeRequest) -> Vec<i32> {
        let prompt = request.prompt.as_deref().unwrap_or_default();
        if prompt.is_empty() || prompt.contains('\0') {
            return Vec::new();
        }
        // A prompt that is too long is left out: it is a hint, and the words must come.
        self.context.tokenize(prompt, PROMPT_TOKENS_MAX).unwrap_or_default()
    }

    fn read_piece(&self, state: &WhisperState, language: Language, samples: &[f32], request: &DecodeRequest) -> Piece {
        let end_of_text = self.context.token_eot();
        let mut piece = Piece::default();
        for segment in state.as_iter() {
            let text = clean(&segment.to_str_lossy().unwrap_or_default(), language);
            for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
                if token.token_id() < end_of_text {
                    piece.token(token.token_probability());
                }
            }
            piece.no_speech = piece.no_speech.max(segment.no_speech_probability());
            if !text.is_empty() {
                let (start_s, end_s) =
                    (segment.start_timestamp() as f32 / 100.0, segment.end_timestamp() as f32 / 100.0);
                piece.segments.push(Segment { start_s, end_s, text });
            }
        }
        piece.undouble(language, samples);
        piece.judge(language, samples.len(), request);
        piece
    }

    /// Which of these languages the beginning of the sound is likeliest to be in.
    fn likeliest(
        &self,
        slot: &mut Slot,
        samples: &[f32],
        allowed: &[Language],
        request: &DecodeRequest,
    ) -> Result<Language, RecognizerError> {
        if let [only] = allowed {
            return Ok(*only);
        }
        let beginning = &samples[..samples.len().min(DETECT_SAMPLES_MAX)];
        let mut params = slot.settings(Language::En, Search::Greedy);
        params.set_n_threads(i32::from(request.threads.get()));
        params.set_audio_ctx(audio_ctx(beginning.len()));
        // A window of 100 ms makes the engine prepare the sound and the size of the encoder, and decode nothing.
        params.set_duration_ms(100);
        slot.run(params, beginning, request)?;
        let (_, probabilities) = slot.state.lang_detect(0, usize::from(request.threads.get())).map_err(engine)?;
        let probability = |language: Language| {
            whisper_rs::get_lang_id(language.code())
                .and_then(|id| probabilities.get(usize::try_from(id).ok()?).copied())
                .unwrap_or(0.0)
        };
        let likeliest = allowed.iter().copied().max_by(|a, b| probability(*a).total_cmp(&probability(*b)));
        Ok(likeliest.unwrap_or_default())
    }
}

impl fmt::Debug for Whisper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whisper").field("states_max", &self.pool.states_max()).finish_non_exhaustive()
    }
}

impl Recognizer for Whisper {
    fn decode(&self, request: &DecodeRequest) -> Result<Decoded, RecognizerError> {
        let started = Instant::now();
        let sound: Vec<f32> = request.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        if let Some(reason) = hopeless(&request.samples) {
            return Ok(Piece::dropped(reason).decoded(request.language.first(), request.audio(), started.elapsed()));
        }
        let mut lease = self.pool.take(&self.context)?;
        let slot = lease.slot()?;
        slot.obey(request, started);
        let language = match &request.language {
            LanguageChoice::Detect(allowed) if allowed.is_empty() => {
                self.likeliest(slot, &sound, &[Language::En, Language::Zh], request)?
            }
            LanguageChoice::Detect(allowed) => self.likeliest(slot, &sound, allowed, request)?,
            LanguageChoice::Fixed(language) | LanguageChoice::Likely { expected: language, .. } => *language,
        };
        let decoded = self.decode_expecting(slot, &sound, language, request, started)?;
        let LanguageChoice::Likely { expected, others } = &request.language else { return Ok(decoded) };
        if !is_doubtful(&decoded) {
            return Ok(decoded);
        }
        let all: Vec<_> = std::iter::once(*expected).chain(others.iter().copied()).collect();
        let other = self.likeliest(slot, &sound, &all, request)?;
        if other == *expected {
            return Ok(Decoded { cpu: started.elapsed(), ..decoded });
        }
        self.decode_expecting(slot, &sound, other, request, started)
    }
}

/// Whether words make so little sense that they may be in another language.
fn is_doubtful(decoded: &Decoded) -> bool {
    match decoded.verdict {
        Verdict::Dropped(DropReason::NoSpeech | DropReason::TooShort) => false,
        Verdict::Dropped(_) => true,
        Verdict::Kept => decoded.confidence < DOUBTFUL || is_latin_mandarin(decoded),
    }
}

/// Whether what was taken for Mandarin was written in Latin letters alone. Figures are said in both languages.
fn is_latin_mandarin(decoded: &Decoded) -> bool {
    let letters = || decoded.text.chars().filter(|letter| letter.is_alphabetic());
    decoded.language == Language::Zh && letters().next().is_some() && letters().all(|letter| letter.is_ascii())
}

/// A sentence that leads towards the kind of answer that was asked for, for a second look at sound whose first words
/// were no such answer.
///
/// Not for the first: a decoder that is led to digits writes nothing at all for every third number.
const fn hint(expect: Expect, language: Language) -> Option<&'static str> {
    match (expect, language) {
        (Expect::Anything | Expect::Choice, _) => None,
        (Expect::Digits { .. }, Language::En) => Some("The number is 4 4 7 1 2 0 9 3."),
        (Expect::Digits { .. }, Language::Zh) => Some("号码是四四七一二零九三。"),
        (Expect::YesNo, Language::En) => Some("Is that right? Yes, please. No, thank you."),
        (Expect::YesNo, Language::Zh) => Some("对吗？是的。不是。"),
    }
}

/// Sound that cannot hold words and is not worth a decode.
pub(crate) fn hopeless(samples: &[i16]) -> Option<DropReason> {
    if samples.len() < SAMPLES_MIN {
        return Some(DropReason::TooShort);
    }
    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    (loudest < PEAK_MIN || is_wordless(samples)).then_some(DropReason::NoSpeech)
}

/// How many of its positions (20 ms each) the encoder looks at: the sound, some silence behind it, rounded up.
fn audio_ctx(samples: usize) -> i32 {
    let positions = (samples / SAMPLES_PER_POSITION + POSITIONS_BEHIND).next_multiple_of(POSITIONS_STEP);
    i32::try_from(positions).unwrap_or(POSITIONS_MAX).min(POSITIONS_MAX)
}

/// More tokens than anybody says in the time; a loop ends here.
fn tokens_max(samples: usize) -> i32 {
    let seconds = i32::try_from(samples / AudioFrame::RATE.hz() as usize).unwrap_or(i32::MAX / 32);
    TOKENS_FREE + TOKENS_PER_SECOND_MAX * seconds
}

/// With flash attention the engine rounds its memory of the sound up to 256 positions and does not blank the rest, so
/// that the decoder hears what the state held before: the words of another caller. It must stay off.
const FLASH_ATTENTION: bool = false;
/// 100 ms: the engine takes nothing shorter.
const SAMPLES_MIN: usize = 1_600;
/// -60 dB of full scale: below it there is nothing but the noise of a codec.
const PEAK_MIN: u16 = 32;
/// 20 ms.
const SAMPLES_PER_POSITION: usize = 320;
/// 1.28 s of silence behind the sound, without which last words get lost.
const POSITIONS_BEHIND: usize = 64;
/// The engine's kernels like round numbers.
const POSITIONS_STEP: usize = 64;
/// 30 s, all that the model has.
const POSITIONS_MAX: i32 = 1_500;
/// Timestamps and punctuation.
const TOKENS_FREE: i32 = 32;
/// Twice as fast as fast speech.
const TOKENS_PER_SECOND_MAX: i32 = 14;
/// A prompt longer than this is left out.
const PROMPT_TOKENS_MAX: usize = 96;
/// Words less likely than this may be those of another language. Of 20 recordings decoded in the wrong language, 14 gave no
/// words, two were below this, and four, digits and English written in Latin letters, were above and are kept.
const DOUBTFUL: f32 = 0.6;
/// Sound longer than 12 s is no bare answer and is not decoded twice.
const AGAIN_SAMPLES_MAX: usize = 12 * 16_000;
/// The language shows in the first 6 s.
const DETECT_SAMPLES_MAX: usize = 6 * 16_000;

const _: () = assert!(pieces::PIECE_SAMPLES_MAX / SAMPLES_PER_POSITION + POSITIONS_BEHIND <= POSITIONS_MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_looks_at_as_much_as_there_is() {
        let check = |seconds: usize, expected: i32| assert_eq!(audio_ctx(seconds * 16_000), expected, "{seconds} s");
        check(0, 64);
        check(1, 128);
        check(3, 256);
        check(28, 1_472);
        check(60, 1_500);
    }

    #[test]
    fn silence_and_clicks_are_not_decoded() {
        assert_eq!(hopeless(&[9_000; 800]), Some(DropReason::TooShort));
        assert_eq!(hopeless(&[3; 16_000]), Some(DropReason::NoSpeech));
        let voice: Vec<i16> =
            (0..16_000i32).map(|index| ((index * index / 700) % 4_000 * (index % 4_000) / 4_000) as i16).collect();
        assert_eq!(hopeless(&voice), None);
    }

    #[test]
    fn a_missing_model_is_named_with_the_way_out() {
        let error = Whisper::load("/nowhere/ggml.bin", WhisperConfig::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nowhere/ggml.bin") && text.contains("make setup"), "{text}");
    }
}
