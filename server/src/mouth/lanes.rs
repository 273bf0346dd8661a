//! What waits to be rendered, in lanes that do not stand in each other's way.
//!
//! Fixed prompts that a call needs now never wait for live text, live text never waits for the rendering in the
//! background, and live text of all calls is taken in the order in which it will be heard.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use tts::{Voice, VoiceError};

use super::Say;
use super::cache::Key;
use super::rendered::Rendered;

/// Who is told of a clause.
pub(super) type Done = Box<dyn FnOnce(Result<Arc<Rendered>, Arc<VoiceError>>) + Send>;

/// A clause to be rendered.
pub(super) struct Job {
    pub(super) voice: Arc<dyn Voice>,
    pub(super) key: Key,
    pub(super) say: Say,
}

/// Which lanes a thread serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Live text, and fixed prompts while there is none.
    Calls,
    /// Fixed prompts that a call needs now.
    Prompts,
    /// Fixed prompts that no call needs yet, while nothing is rendered for a call.
    Quiet,
}

/// A job and what is to be done with its sound.
pub(super) enum Task {
    /// Kept, and told to all who wait for it.
    Fixed(Job),
    /// Told and forgotten.
    Live(Job, Done),
    /// Kept, and told as progress.
    Quiet(Job, Done),
}

/// The lanes.
#[derive(Default)]
pub(super) struct Lanes {
    state: Mutex<State>,
    bell: Condvar,
    /// How many calls are live.
    pub(super) calls: AtomicUsize,
}

#[derive(Default)]
struct State {
    fixed: VecDeque<Job>,
    /// Who waits for the fixed prompts that are queued or being rendered: many calls may need the same one at once.
    waiting: HashMap<Key, Vec<Done>>,
    live: BinaryHeap<Reverse<Needed>>,
    quiet: VecDeque<(Job, Done)>,
    count: u64,
    /// Tasks for calls that are being rendered.
    busy: usize,
    closed: bool,
}

/// A live job, by the moment at which its sound is needed.
struct Needed {
    at: Instant,
    number: u64,
    job: Job,
    done: Done,
}

impl Lanes {
    /// Queues a fixed prompt that a call needs now. `false` when too many wait.
    pub(super) fn push_fixed(&self, job: Job, done: Done) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting: usize = state.waiting.values().map(Vec::len).sum();
        if waiting >= WAITING_MAX {
            return false;
        }
        match state.waiting.get_mut(&job.key) {
            Some(others) => others.push(done),
            None => {
                state.waiting.insert(job.key, vec![done]);
                state.fixed.push_back(job);
                self.bell.notify_all();
            }
        }
        true
    }

    /// Queues live text whose sound is needed at `at`. `false` when too many wait.
    pub(super) fn push_live(&self, job: Job, at: Instant, done: Done) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.live.len() >= WAITING_MAX {
            return false;
        }
        state.count += 1;
        let number = state.count;
        state.live.push(Reverse(Needed { at, number, job, done }));
        self.bell.notify_all();
        true
    }

    /// Puts these jobs in the place of those that still wait in the background.
    pub(super) fn replace_quiet(&self, jobs: VecDeque<(Job, Done)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.quiet = jobs;
        self.bell.notify_all();
    }

    /// Waits for the next task of this duty; `None` when the house is closed.
    pub(super) fn next(&self, duty: Duty) -> Option<Task> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.closed {
                return None;
            }
            if let Some(task) = state.take(duty) {
                state.busy += usize::from(duty != Duty::Quiet);
                return Some(task);
            }
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A task of this duty is done.
    pub(super) fn finished(&self, duty: Duty) {
        if duty != Duty::Quiet {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.busy = state.busy.saturating_sub(1);
            self.bell.notify_all();
        }
    }

    /// All who wait for a fixed prompt that is done.
    pub(super) fn waiting_for(&self, key: &Key) -> Vec<Done> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.remove(key).unwrap_or_default()
    }

    /// Sends every thread home. What still waits is never told.
    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { closed: true, ..State::default() };
        self.bell.notify_all();
    }
}

impl State {
    fn take(&mut self, duty: Duty) -> Option<Task> {
        let fixed = |state: &mut Self| state.fixed.pop_front().map(Task::Fixed);
        match duty {
            Duty::Calls => match self.live.pop() {
                Some(Reverse(Needed { job, done, .. })) => Some(Task::Live(job, done)),
                None => fixed(self),
            },
            Duty::Prompts => fixed(self),
            // The engines compute on cores that all voices and the ears share, so calls go first.
            Duty::Quiet if self.busy > 0 || !self.fixed.is_empty() || !self.live.is_empty() => None,
            Duty::Quiet => self.quiet.pop_front().map(|(job, done)| Task::Quiet(job, done)),
        }
    }
}

impl Ord for Needed {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Needed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Needed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Needed {}

/// Clauses that may wait in one lane, of all calls.
const WAITING_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use call::{Language, Pii};
    use tts::{Style, ToneVoice};

    use super::*;

    fn job(number: u8) -> Job {
        let text = Pii::new(number.to_string());
        let say = Say { text, pause: Duration::ZERO, language: Language::En, style: Style::default() };
        Job { voice: Arc::new(ToneVoice::default()), key: Key([number; 32]), say }
    }

    fn done() -> Done {
        Box::new(|_| {})
    }

    /// The first byte of the key of the next task, and its lane.
    fn next(lanes: &Lanes, duty: Duty) -> Option<(u8, &'static str)> {
        let mut state = lanes.state.lock().unwrap();
        state.take(duty).map(|task| match task {
            Task::Fixed(job) => (job.key.0[0], "fixed"),
            Task::Live(job, _) => (job.key.0[0], "live"),
            Task::Quiet(job, _) => (job.key.0[0], "quiet"),
        })
    }

    #[test]
    fn live_text_is_taken_in_the_order_in_which_it_is_heard() {
        let lanes = Lanes::default();
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        // One caller's three clauses, then the first clause of another.
        for (number, needed) in [(1, at(0)), (2, at(2_000)), (3, at(5_000)), (4, at(10)), (5, at(2_000))] {
            assert!(lanes.push_live(job(number), needed, done()));
        }
        let order: Vec<_> = std::iter::from_fn(|| next(&lanes, Duty::Calls)).map(|(number, _)| number).collect();
        assert_eq!(order, [1, 4, 2, 5, 3]);
    }

    #[test]
    fn no_lane_waits_for_another() {
        let lanes = Lanes::default();
        lanes.replace_quiet(VecDeque::from([(job(7), done()), (job(8), done())]));
        assert!(lanes.push_fixed(job(1), done()));
        assert!(lanes.push_fixed(job(2), done()));
        assert!(lanes.push_live(job(3), Instant::now(), done()));
        assert_eq!(next(&lanes, Duty::Quiet), None, "the background gives way");
        assert_eq!(next(&lanes, Duty::Prompts), Some((1, "fixed")), "though live text waits");
        assert_eq!(next(&lanes, Duty::Calls), Some((3, "live")), "though fixed prompts wait");
        assert_eq!(next(&lanes, Duty::Calls), Some((2, "fixed")), "once there is no live text");
        assert_eq!(next(&lanes, Duty::Calls), None, "the background is not for those who serve calls");
        assert_eq!(next(&lanes, Duty::Quiet), Some((7, "quiet")));
        lanes.replace_quiet(VecDeque::new());
        assert_eq!(next(&lanes, Duty::Quiet), None, "another flow has been loaded");
    }

    #[test]
    fn a_prompt_that_many_calls_need_is_rendered_once() {
        let lanes = Lanes::default();
        for _ in 0..50 {
            assert!(lanes.push_fixed(job(1), done()));
        }
        assert_eq!(next(&lanes, Duty::Prompts), Some((1, "fixed")));
        assert_eq!(next(&lanes, Duty::Prompts), None);
        assert!(lanes.push_fixed(job(1), done()), "one more, while it is being rendered");
        assert_eq!(next(&lanes, Duty::Prompts), None);
        assert_eq!(lanes.waiting_for(&Key([1; 32])).len(), 51);
    }

    #[test]
    fn lanes_are_bounded_and_a_closed_house_sends_its_threads_home() {
        let lanes = Lanes::default();
        for _ in 0..WAITING_MAX {
            assert!(lanes.push_live(job(1), Instant::now(), done()) && lanes.push_fixed(job(2), done()));
        }
        assert!(!lanes.push_live(job(1), Instant::now(), done()) && !lanes.push_fixed(job(3), done()));
        lanes.close();
        assert!(lanes.next(Duty::Calls).is_none() && lanes.next(Duty::Quiet).is_none());
    }
}
