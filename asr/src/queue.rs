//! The decodes of all calls in the order in which they should run.
//!
//! Cores are few and decodes take long. A final decode is a caller waiting for an answer and goes first; a speculative
//! one may become final any moment; a partial only shows words. Pure: the server owns the threads that take from it.

use std::collections::VecDeque;

use call::CallId;

use crate::recognizer::{DecodeId, DecodeKind};

/// How much may wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeQueueConfig {
    /// Decodes of all kinds that may wait. 64.
    pub waiting_max: usize,
    /// Partials that may wait, of all calls together; more would be stale when their turn comes. 4.
    pub partials_max: usize,
    /// With this many final and speculative decodes waiting, partials are refused. 2.
    pub partials_until: usize,
}

impl Default for DecodeQueueConfig {
    fn default() -> Self {
        Self { waiting_max: 64, partials_max: 4, partials_until: 2 }
    }
}

/// A decode whose turn has come.
#[derive(Debug, PartialEq, Eq)]
pub struct DecodeTicket<T, K = CallId> {
    /// Whose: the call, or whatever tells listeners apart.
    pub call: K,
    /// Which of theirs.
    pub id: DecodeId,
    /// Why.
    pub kind: DecodeKind,
    /// What the server needs to run it.
    pub job: T,
}

/// What became of a decode that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<T, K = CallId> {
    /// It waits; this one, which was worth less, had to go. Its listener should be told that it failed.
    Displaced(DecodeTicket<T, K>),
    /// It waits.
    Queued,
    /// There is no room for it. Its listener should be told that it failed.
    Refused(DecodeTicket<T, K>),
}

/// What became of a decode that nobody wants any more.
#[derive(Debug, PartialEq, Eq)]
pub enum Abandoned<T, K = CallId> {
    /// It runs. Cancel it and call [`DecodeQueue::finish`] when it has stopped.
    Running,
    /// It is not here, or no longer.
    Unknown,
    /// It waited and is gone.
    Waiting(DecodeTicket<T, K>),
}

/// How many decodes wait and run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Final decodes that wait.
    pub finals: usize,
    /// Partial decodes that wait.
    pub partials: usize,
    /// Decodes that run.
    pub running: usize,
    /// Speculative decodes that wait.
    pub speculative: usize,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueTotals {
    /// Nobody wanted it any more.
    pub abandoned: u64,
    /// Waited, and had to make room.
    pub displaced: u64,
    /// Found no room.
    pub refused: u64,
    /// Began to run.
    pub started: u64,
}

/// The queue. `T` is whatever the server needs to run a decode. `K` tells listeners apart, since each numbers its own
/// decodes: the call where it has one listener, call and leg where it has several.
#[derive(Debug)]
pub struct DecodeQueue<T, K = CallId> {
    config: DecodeQueueConfig,
    finals: VecDeque<DecodeTicket<T, K>>,
    speculative: VecDeque<DecodeTicket<T, K>>,
    partials: VecDeque<DecodeTicket<T, K>>,
    running: Vec<(K, DecodeId, DecodeKind)>,
    totals: QueueTotals,
}

impl<T, K: Copy + Eq> DecodeQueue<T, K> {
    /// An empty queue.
    pub fn new(config: DecodeQueueConfig) -> Self {
        Self {
            config,
            finals: VecDeque::new(),
            speculative: VecDeque::new(),
            partials: VecDeque::new(),
            running: Vec::new(),
            totals: QueueTotals::default(),
        }
    }

    /// Lets a decode wait, if there is room for its kind.
    ///
    /// A partial is refused while its call has another one waiting or running, while too many of other calls wait, or
    /// while more important decodes do.
    /// When the queue is full a final displaces the newest partial or else the newest speculative decode, and a
    /// speculative one the newest partial.
    pub fn push(&mut self, ticket: DecodeTicket<T, K>) -> Admission<T, K> {
        let kind = ticket.kind;
        if kind == DecodeKind::Partial && !self.has_room_for_partial(ticket.call) {
            self.totals.refused += 1;
            return Admission::Refused(ticket);
        }
        let mut displaced = None;
        if self.waiting() >= self.config.waiting_max {
            displaced = match kind {
                DecodeKind::Final => self.partials.pop_back().or_else(|| self.speculative.pop_back()),
                DecodeKind::Partial => None,
                DecodeKind::Speculative => self.partials.pop_back(),
            };
            if displaced.is_none() {
                self.totals.refused += 1;
                return Admission::Refused(ticket);
            }
        }
        self.lane(kind).push_back(ticket);
        match displaced {
            Some(other) => {
                self.totals.displaced += 1;
                Admission::Displaced(other)
            }
            None => Admission::Queued,
        }
    }

    /// The decode that should run now. Call [`DecodeQueue::finish`] when it is done.
    pub fn pop(&mut self) -> Option<DecodeTicket<T, K>> {
        let ticket =
            self.finals.pop_front().or_else(|| self.speculative.pop_front()).or_else(|| self.partials.pop_front())?;
        self.running.push((ticket.call, ticket.id, ticket.kind));
        self.totals.started += 1;
        Some(ticket)
    }

    /// A decode that was popped is done, well or badly.
    pub fn finish(&mut self, call: K, id: DecodeId) {
        self.running.retain(|&(owner, running, _)| (owner, running) != (call, id));
    }

    /// Nobody wants this decode any more.
    pub fn abandon(&mut self, call: K, id: DecodeId) -> Abandoned<T, K> {
        if self.running.iter().any(|&(owner, running, _)| (owner, running) == (call, id)) {
            self.totals.abandoned += 1;
            return Abandoned::Running;
        }
        match self.remove(call, id) {
            Some(ticket) => {
                self.totals.abandoned += 1;
                Abandoned::Waiting(ticket)
            }
            None => Abandoned::Unknown,
        }
    }

    /// A waiting speculative decode has become the final one: its turn is over.
    pub fn promote(&mut self, call: K, id: DecodeId) {
        if let Some(ticket) = self.remove(call, id) {
            self.finals.push_back(DecodeTicket { kind: DecodeKind::Final, ..ticket });
        }
    }

    /// The call is over: all its waiting decodes go. Those that run are to be cancelled.
    pub fn hang_up(&mut self, call: K) {
        let before = self.waiting();
        for lane in [&mut self.finals, &mut self.speculative, &mut self.partials] {
            lane.retain(|ticket| ticket.call != call);
        }
        self.totals.abandoned += (before - self.waiting()) as u64;
    }

    /// How many wait and run now.
    pub fn depth(&self) -> QueueDepth {
        QueueDepth {
            finals: self.finals.len(),
            partials: self.partials.len(),
            running: self.running.len(),
            speculative: self.speculative.len(),
        }
    }

    /// What has happened since the start.
    pub fn totals(&self) -> QueueTotals {
        self.totals
    }

    fn waiting(&self) -> usize {
        self.finals.len() + self.speculative.len() + self.partials.len()
    }

    fn has_room_for_partial(&self, call: K) -> bool {
        let waits = self.partials.iter().any(|ticket| ticket.call == call);
        let runs = self.running.iter().any(|&(owner, _, kind)| owner == call && kind == DecodeKind::Partial);
        let crowded = self.partials.len() >= self.config.partials_max;
        !waits && !runs && !crowded && self.finals.len() + self.speculative.len() < self.config.partials_until
    }

    fn lane(&mut self, kind: DecodeKind) -> &mut VecDeque<DecodeTicket<T, K>> {
        match kind {
            DecodeKind::Final => &mut self.finals,
            DecodeKind::Partial => &mut self.partials,
            DecodeKind::Speculative => &mut self.speculative,
        }
    }

    fn remove(&mut self, call: K, id: DecodeId) -> Option<DecodeTicket<T, K>> {
        [&mut self.finals, &mut self.speculative, &mut self.partials].into_iter().find_map(|lane| {
            let place = lane.iter().position(|ticket| (ticket.call, ticket.id) == (call, id))?;
            lane.remove(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::DecodeKind::{Final, Partial, Speculative};
    use super::*;

    fn ticket(call: u128, id: u64, kind: DecodeKind) -> DecodeTicket<()> {
        DecodeTicket { call: CallId::from_bits(call), id: DecodeId(id), kind, job: () }
    }

    fn order(queue: &mut DecodeQueue<()>) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|ticket| ticket.id.0).collect()
    }

    #[test]
    fn finals_run_before_speculative_and_those_before_partials() {
        let mut queue: DecodeQueue<()> = DecodeQueue::new(DecodeQueueConfig::default());
        for (id, kind) in [(1, Partial), (2, Speculative), (3, Final), (4, Final)] {
            assert_eq!(queue.push(ticket(id.into(), id, kind)), Admission::Queued);
        }
        assert_eq!(queue.depth(), QueueDepth { finals: 2, partials: 1, running: 0, speculative: 1 });
        assert_eq!(order(&mut queue), [3, 4, 2, 1]);
    }

    #[test]
    fn a_call_has_one_partial_at_a_time() {
        let mut queue: DecodeQueue<()> = DecodeQueue::new(DecodeQueueConfig::default());
        assert_eq!(queue.push(ticket(1, 1, Partial)), Admission::Queued);
        assert_eq!(queue.push(ticket(1, 2, Partial)), Admission::Refused(ticket(1, 2, Partial)));
        queue.pop();
        assert_eq!(queue.push(ticket(1, 3, Partial)), Admission::Refused(ticket(1, 3, Partial)), "it runs");
        queue.finish(CallId::from_bits(1), DecodeId(1));
        assert_eq!(queue.push(ticket(1, 4, Partial)), Admission::Queued);
    }

    #[test]
    fn few_partials_wait_however_many_calls_there_are() {
        let mut queue: DecodeQueue<()> = DecodeQueue::new(DecodeQueueConfig::default());
        for call in 1..=4 {
            assert_eq!(queue.push(ticket(call.into(), call, Partial)), Admission::Queued);
        }
        assert_eq!(queue.push(ticket(5, 5, Partial)), Admission::Refused(ticket(5, 5, Partial)));
        queue.pop();
        assert_eq!(queue.push(ticket(5, 6, Partial)), Admission::Queued);
    }

    #[test]
    fn partials_go_first_when_load_rises() {
        let mut queue: DecodeQueue<()> =
            DecodeQueue::new(DecodeQueueConfig { waiting_max: 2, ..DecodeQueueConfig::default() });
        queue.push(ticket(1, 1, Partial));
        queue.push(ticket(2, 2, Final));
        assert_eq!(queue.push(ticket(3, 3, Speculative)), Admission::Displaced(ticket(1, 1, Partial)));
        assert_eq!(queue.push(ticket(4, 4, Partial)), Admission::Refused(ticket(4, 4, Partial)));
        assert_eq!(queue.push(ticket(5, 5, Final)), Admission::Displaced(ticket(3, 3, Speculative)));
        assert_eq!(queue.push(ticket(6, 6, Final)), Admission::Refused(ticket(6, 6, Final)));
        assert_eq!(queue.totals(), QueueTotals { displaced: 2, refused: 2, ..QueueTotals::default() });
    }

    #[test]
    fn what_nobody_wants_does_not_run() {
        let mut queue: DecodeQueue<()> = DecodeQueue::new(DecodeQueueConfig::default());
        queue.push(ticket(1, 1, Speculative));
        queue.push(ticket(2, 2, Final));
        queue.push(ticket(2, 3, Speculative));
        let (one, two) = (CallId::from_bits(1), CallId::from_bits(2));
        assert_eq!(queue.abandon(one, DecodeId(1)), Abandoned::Waiting(ticket(1, 1, Speculative)));
        assert_eq!(queue.abandon(one, DecodeId(1)), Abandoned::Unknown);
        queue.pop();
        assert_eq!(queue.abandon(two, DecodeId(2)), Abandoned::Running);
        queue.hang_up(two);
        assert_eq!(order(&mut queue), Vec::<u64>::new());
    }

    #[test]
    fn a_speculative_decode_whose_turn_is_over_goes_to_the_front() {
        let mut queue: DecodeQueue<()> = DecodeQueue::new(DecodeQueueConfig::default());
        queue.push(ticket(1, 1, Speculative));
        queue.push(ticket(2, 2, Speculative));
        queue.promote(CallId::from_bits(2), DecodeId(2));
        assert_eq!(order(&mut queue), [2, 1]);
    }

    proptest! {
        #[test]
        fn the_queue_is_bounded_and_loses_nothing(steps in prop::collection::vec((0u8..6, 0u8..4, 0u8..3), 0..200)) {
            let config = DecodeQueueConfig { waiting_max: 5, partials_max: 2, partials_until: 3 };
            let mut queue: DecodeQueue<()> = DecodeQueue::new(config);
            let (mut pushed, mut left) = (0u64, 0u64);
            for (step, call, kind) in steps {
                let call = CallId::from_bits(call.into());
                match step {
                    0..=2 => {
                        pushed += 1;
                        let kind = [Final, Partial, Speculative][usize::from(kind)];
                        match queue.push(DecodeTicket { call, id: DecodeId(pushed), kind, job: () }) {
                            Admission::Displaced(_) | Admission::Refused(_) => left += 1,
                            Admission::Queued => {}
                        }
                    }
                    3 => left += queue.pop().map_or(0, |ticket| { queue.finish(ticket.call, ticket.id); 1 }),
                    4 => left += u64::from(matches!(queue.abandon(call, DecodeId(pushed)), Abandoned::Waiting(_))),
                    _ => queue.promote(call, DecodeId(pushed)),
                }
                prop_assert!(queue.waiting() <= 5);
                prop_assert_eq!(pushed, left + queue.waiting() as u64);
                prop_assert_eq!(queue.depth().running, 0);
            }
        }
    }
}
