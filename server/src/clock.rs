//! The one clock: turns the machine's time into `Moment`s.
//!
//! Pure machines take a `Moment`; this is the only place that makes one from a real clock.

use std::time::{Duration, Instant};

use call::Moment;

/// Time since the server started. Cheap to copy; every copy tells the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Moment::from_micros(micros)
    }

    /// The machine's instant of a moment, for sleeping until it.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.start + Duration::from_micros(moment.as_micros())
    }

    /// The wall clock in milliseconds since 1970 (UTC).
    pub fn unix_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}
