//! The recogniser's threads: every call's decodes in one bounded queue, the most urgent first.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroU8;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use asr::{
    Abandoned, Admission, Cancel, DecodeId, DecodeKind, DecodeQueue, DecodeQueueConfig, DecodeRequest, DecodeTicket,
    Decoded, LanguageChoice, QueueDepth, Recognizer, RecognizerError,
};
use call::{CallId, LegId};

use crate::telemetry;

/// Who is told when a decode is done. Called on a recogniser thread, or at once when there is no room.
type Done = Box<dyn FnOnce(Result<Decoded, RecognizerError>) + Send>;

/// Whose decode it is: legs of one call number theirs independently.
type Listener = (CallId, LegId);

/// One decode on its way.
struct Job {
    request: DecodeRequest,
    done: Done,
}

/// The ears of all calls.
#[derive(Clone)]
pub struct Ears {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    recognizer: Arc<dyn Recognizer>,
    workers: usize,
}

struct State {
    queue: DecodeQueue<Job, Listener>,
    running: HashMap<(Listener, DecodeId), Cancel>,
}

impl State {
    /// Whether nothing waits that matters, and only one decode runs. One that was cancelled is as good as gone.
    fn is_idle_but_for_one(&self) -> bool {
        let depth = self.queue.depth();
        let runs = self.running.values().filter(|cancel| !cancel.is_cancelled()).count();
        runs == 1 && depth.finals + depth.speculative == 0
    }

    /// Tells the metrics how the queue stands. Cheap: a handful of atomic numbers.
    fn tell(&self) {
        telemetry::observe_queue(self.queue.depth(), self.queue.totals());
    }
}

impl Ears {
    /// Starts one thread for each decode that may run at once.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(recognizer: Arc<dyn Recognizer>, workers: NonZeroU8) -> io::Result<Self> {
        let workers = usize::from(workers.get());
        let queue = DecodeQueue::new(DecodeQueueConfig::default());
        let state = Mutex::new(State { queue, running: HashMap::new() });
        let shared = Arc::new(Shared { state, work: Condvar::new(), recognizer, workers });
        for number in 0..workers {
            let shared = shared.clone();
            thread::Builder::new().name(format!("ears-{number}")).spawn(move || shared.run())?;
        }
        Ok(Self { shared })
    }

    /// Has a stretch of sound decoded; `done` is told once, also when there is no room for it.
    pub fn decode(
        &self,
        listener: Listener,
        id: DecodeId,
        kind: DecodeKind,
        request: DecodeRequest,
        done: impl FnOnce(Result<Decoded, RecognizerError>) + Send + 'static,
    ) {
        let ticket = DecodeTicket { call: listener, id, kind, job: Job { request, done: Box::new(done) } };
        let admission = {
            let mut state = self.shared.lock();
            let admission = state.queue.push(ticket);
            state.tell();
            admission
        };
        let unlucky = match admission {
            Admission::Displaced(ticket) => {
                self.shared.work.notify_one();
                ticket
            }
            Admission::Queued => return self.shared.work.notify_one(),
            Admission::Refused(ticket) => ticket,
        };
        (unlucky.job.done)(Err(RecognizerError::Busy { states_max: self.shared.workers }));
    }

    /// A decode is not wanted any more.
    pub fn abandon(&self, listener: Listener, id: DecodeId) {
        let mut state = self.shared.lock();
        match state.queue.abandon(listener, id) {
            Abandoned::Running => {
                if let Some(cancel) = state.running.get(&(listener, id)) {
                    cancel.cancel();
                }
            }
            Abandoned::Unknown | Abandoned::Waiting(_) => {}
        }
        state.tell();
    }

    /// A speculative decode has become the final one.
    pub fn promote(&self, listener: Listener, id: DecodeId) {
        let mut state = self.shared.lock();
        state.queue.promote(listener, id);
        state.tell();
    }

    /// A leg is gone: none of its decodes is wanted any more.
    pub fn hang_up(&self, listener: Listener) {
        let mut state = self.shared.lock();
        state.queue.hang_up(listener);
        for ((owner, _), cancel) in &state.running {
            if *owner == listener {
                cancel.cancel();
            }
        }
        state.tell();
    }

    /// How many decodes wait and run.
    pub fn depth(&self) -> QueueDepth {
        self.shared.lock().queue.depth()
    }
}

impl Shared {
    fn run(&self) {
        // The wire's threads go before these when cores are short. Where the machine forbids it, all are equal.
        let _ = rustix::process::nice(NICENESS);
        // The first decode makes the engine's state and is slow; no caller should be the one to wait for it.
        let warm_up = DecodeRequest::new(vec![0; WARM_UP_SAMPLES].into(), LanguageChoice::default());
        drop(self.recognizer.decode(&warm_up));
        loop {
            let mut ticket = self.next();
            // Two threads shorten one decode by a third; under load they would only take a core from another.
            let idle = self.lock().is_idle_but_for_one();
            let threads = if idle { self.workers.min(THREADS_IDLE) } else { 1 };
            ticket.job.request.threads = u8::try_from(threads).ok().and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MIN);
            let begin = Instant::now();
            let result = self.recognizer.decode(&ticket.job.request);
            telemetry::observe_decode(ticket.kind, begin.elapsed(), &result);
            {
                let mut state = self.lock();
                state.queue.finish(ticket.call, ticket.id);
                state.running.remove(&(ticket.call, ticket.id));
                state.tell();
            }
            (ticket.job.done)(result);
        }
    }

    /// Waits for the next decode and notes that it runs.
    fn next(&self) -> DecodeTicket<Job, Listener> {
        let mut state = self.lock();
        loop {
            if let Some(ticket) = state.queue.pop() {
                state.running.insert((ticket.call, ticket.id), ticket.job.request.cancel.clone());
                state.tell();
                return ticket;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a decode poisons nothing that matters: the queue is changed only in one piece.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much the recogniser stands back from the wire (nice(2)).
const NICENESS: i32 = 5;
/// A second of silence.
const WARM_UP_SAMPLES: usize = 16_000;
/// Threads for one decode when no other waits.
const THREADS_IDLE: usize = 2;
