//! Leaves an engine alone that fails again and again, so that callers do not wait for its time limit each time.

use std::time::{Duration, Instant};

/// Counts failures in a row. Pure: the time is an argument.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    /// Whether the engine may be asked. After a rest one request goes ahead of the others to find out.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        match self.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    /// The engine answered.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// The engine failed; returns whether a rest begins with this.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX {
            return false;
        }
        self.rests_until = Some(now + REST);
        self.failures == FAILURES_MAX
    }

    /// The answer was not waited for: if this was to find out, the next one may.
    pub(super) fn gave_up(&mut self, now: Instant) {
        if self.rests_until.is_some() {
            self.rests_until = Some(now);
        }
    }
}

/// Failures in a row before a rest.
const FAILURES_MAX: u32 = 3;
/// How long an engine is left alone.
const REST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_fails_is_left_alone_and_then_tried_by_one() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        assert!(!breaker.failed(start) && !breaker.failed(start));
        assert!(breaker.allows(start), "two failures are bad luck");
        assert!(breaker.failed(start), "the third begins a rest");
        assert!(!breaker.allows(start + REST / 2));
        assert!(breaker.allows(start + REST), "one goes ahead");
        assert!(!breaker.allows(start + REST), "the others wait for what it finds");
        assert!(!breaker.failed(start + REST), "the rest goes on, it does not begin");
        assert!(!breaker.allows(start + REST + REST / 2));
        assert!(breaker.allows(start + 2 * REST));
        breaker.answered();
        assert!(breaker.allows(start + 2 * REST));
    }

    #[test]
    fn one_that_was_cancelled_leaves_its_turn_to_the_next() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        breaker.gave_up(start);
        assert!(breaker.allows(start));
        for _ in 0..FAILURES_MAX {
            breaker.failed(start);
        }
        assert!(breaker.allows(start + REST) && !breaker.allows(start + REST));
        breaker.gave_up(start + REST);
        assert!(breaker.allows(start + REST) && !breaker.allows(start + REST));
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        for _ in 0..10 {
            breaker.failed(start);
            breaker.failed(start);
            breaker.answered();
        }
        assert!(breaker.allows(start));
    }
}
