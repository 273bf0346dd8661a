//! The recogniser's states: how many there may be, who holds which, and when a running decode must stop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperError, WhisperState};

use call::Language;

use crate::recognizer::{Cancel, DecodeRequest, RecognizerError};

/// A bounded pool of states of one model.
pub(super) struct Pool {
    inner: Mutex<Inner>,
    states_max: usize,
}

#[derive(Default)]
struct Inner {
    free: Vec<Slot>,
    made: usize,
}

impl Pool {
    pub(super) fn new(states_max: usize) -> Self {
        Self { inner: Mutex::default(), states_max }
    }

    pub(super) fn states_max(&self) -> usize {
        self.states_max
    }

    /// A free state, or a new one, unless all are in use.
    pub(super) fn take(&self, context: &WhisperContext) -> Result<Lease<'_>, RecognizerError> {
        let mut inner = self.lock();
        if let Some(slot) = inner.free.pop() {
            return Ok(Lease { pool: self, slot: Some(slot) });
        }
        if inner.made >= self.states_max {
            return Err(RecognizerError::Busy { states_max: self.states_max });
        }
        inner.made += 1;
        drop(inner);
        // Made outside the lock: it takes milliseconds, and others may come back with theirs meanwhile.
        match Slot::new(context) {
            Ok(slot) => Ok(Lease { pool: self, slot: Some(slot) }),
            Err(error) => {
                self.lock().made -= 1;
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the pool whole: nothing in here is half done between two statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A state for as long as one decode takes; it goes back to the pool by itself, also after an error or a panic.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    slot: Option<Slot>,
}

impl Lease<'_> {
    /// The state. It is there until the lease is dropped.
    pub(super) fn slot(&mut self) -> Result<&mut Slot, RecognizerError> {
        self.slot.as_mut().ok_or_else(|| RecognizerError::Engine("the state is gone".to_owned()))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.lock().free.push(slot);
        }
    }
}

/// How the likeliest words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Several continuations side by side.
    Beam,
    /// The likeliest token, one after the other.
    Greedy,
}

/// One decode's working memory.
pub(super) struct Slot {
    pub(super) state: WhisperState,
    limit: Arc<Limit>,
    english: [FullParams<'static, 'static>; 2],
    mandarin: [FullParams<'static, 'static>; 2],
}

impl Slot {
    fn new(context: &WhisperContext) -> Result<Self, RecognizerError> {
        let state = context.create_state().map_err(engine)?;
        let limit = Arc::new(Limit::default());
        let both = |language| [Search::Greedy, Search::Beam].map(|search| settings(language, search, &limit));
        let (english, mandarin) = (both(Language::En), both(Language::Zh));
        Ok(Self { state, limit, english, mandarin })
    }

    /// From now on decodes on this state obey the request's deadline and cancel flag.
    pub(super) fn obey(&self, request: &DecodeRequest, started: Instant) {
        self.limit.set(Stop { at: started + request.deadline, cancel: request.cancel.clone() });
    }

    /// The settings for a language, to be refined for one decode.
    ///
    /// The engine's wrapper gives a C string for the language and a box for the abort callback out of its hands and
    /// never frees them, so they are made once for each state and only cloned here.
    pub(super) fn settings(&self, language: Language, search: Search) -> FullParams<'static, 'static> {
        let [greedy, beam] = match language {
            Language::En => &self.english,
            Language::Zh => &self.mandarin,
        };
        match search {
            Search::Beam => beam.clone(),
            Search::Greedy => greedy.clone(),
        }
    }

    /// Runs the engine over the sound.
    pub(super) fn run(
        &mut self,
        params: FullParams<'_, '_>,
        samples: &[f32],
        request: &DecodeRequest,
    ) -> Result<(), RecognizerError> {
        let outcome = self.state.full(params, samples);
        match (outcome, self.limit.reason()) {
            (_, Some(Reason::Cancelled)) => Err(RecognizerError::Cancelled),
            (Err(_), Some(Reason::Late)) => Err(RecognizerError::DeadlineExceeded(request.deadline)),
            (Err(error), None) => Err(engine(error)),
            // Late but done: the words are there, and better than none.
            (Ok(()), Some(Reason::Late) | None) => Ok(()),
        }
    }
}

/// Continuations that a beam keeps.
const BEAMS: i32 = 5;

/// What every decode has in common.
fn settings(language: Language, search: Search, limit: &Arc<Limit>) -> FullParams<'static, 'static> {
    let mut params = FullParams::new(match search {
        Search::Beam => SamplingStrategy::BeamSearch { beam_size: BEAMS, patience: -1.0 },
        Search::Greedy => SamplingStrategy::Greedy { best_of: 1 },
    });
    params.set_language(Some(language.code()));
    params.set_translate(false);
    params.set_no_context(true);
    params.set_no_timestamps(false);
    params.set_single_segment(false);
    params.set_suppress_blank(true);
    params.set_suppress_nst(true);
    params.set_temperature(0.0);
    // A doubtful decode is not tried again at higher temperatures: measured, that gave no better words and
    // made answers depend on chance, at up to three times the cost. The guards drop what is not to be believed.
    params.set_temperature_inc(0.0);
    params.set_print_special(false);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    let limit = Arc::clone(limit);
    // The wrapper hands the engine a pointer to a boxed `dyn FnMut` and calls it back as the type given here, so this
    // type must be that very box and not the closure's own.
    let stop: Box<dyn FnMut() -> bool> = Box::new(move || limit.reason().is_some());
    params.set_abort_callback_safe::<_, Box<dyn FnMut() -> bool>>(stop);
    params
}

/// The engine's failure in our words.
pub(super) fn engine(error: WhisperError) -> RecognizerError {
    RecognizerError::Engine(error.to_string())
}

/// Tells a running decode to stop. Asked by the engine before every operation of its graph.
#[derive(Default)]
struct Limit {
    stop: Mutex<Option<Stop>>,
}

struct Stop {
    at: Instant,
    cancel: Cancel,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Cancelled,
    Late,
}

impl Limit {
    fn set(&self, stop: Stop) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
    }

    fn reason(&self) -> Option<Reason> {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let stop = stop.as_ref()?;
        if stop.cancel.is_cancelled() {
            Some(Reason::Cancelled)
        } else if Instant::now() >= stop.at {
            Some(Reason::Late)
        } else {
            None
        }
    }
}
