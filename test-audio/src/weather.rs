//! What happens to datagrams on a bad line, as a pure machine: loss, jitter, reordering, duplicates.
//!
//! Time and chance come from outside, so the relay around it is only sockets, and every habit of the line is tested
//! without one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use call::Moment;

use crate::dice::Dice;
use crate::line::{LossPattern, Losses};

/// How bad the line is. The default is a perfect one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Which datagrams are lost.
    pub loss: LossPattern,
    /// Every datagram is late by at least this much.
    pub delay: Duration,
    /// And by up to this much more, each by itself. Order is kept unless `reorder` says otherwise.
    pub jitter: Duration,
    /// Probability that a datagram may be overtaken by the following ones: it is held back by `REORDER_HOLD` more.
    pub reorder: f64,
    /// Probability that a datagram comes twice.
    pub duplicate: f64,
    /// Equal seeds give equal weather.
    pub seed: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            loss: LossPattern::Random { share: 0.0 },
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            duplicate: 0.0,
            seed: 0,
        }
    }
}

/// What one direction of a line has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCount {
    /// Datagrams that came in.
    pub received: u64,
    /// Datagrams that went out, duplicates included.
    pub sent: u64,
    /// Lost on purpose.
    pub lost: u64,
    /// Doubled on purpose.
    pub duplicated: u64,
    /// Lost because the line was full.
    pub overflowed: u64,
    /// Still under way.
    pub waiting: u64,
}

/// One direction of a bad line.
#[derive(Debug)]
pub struct BadLine {
    weather: Weather,
    losses: Losses,
    dice: Dice,
    waiting: BinaryHeap<Reverse<Waiting>>,
    last_due: Moment,
    now: Moment,
    count: LineCount,
}

/// A datagram under way. Ordered by when it is due, then by arrival, so that ties keep their order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Moment,
    number: u64,
    datagram: Vec<u8>,
}

impl BadLine {
    /// A line in this weather.
    pub fn new(weather: Weather) -> Self {
        Self {
            weather,
            losses: Losses::new(weather.loss, weather.seed),
            // Another stream than that of the losses, so that turning on jitter does not change what is lost.
            dice: Dice::new(weather.seed ^ 0x5EED_0F1E_77E4),
            waiting: BinaryHeap::new(),
            last_due: Moment::START,
            now: Moment::START,
            count: LineCount::default(),
        }
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Moment) {
        self.now = self.now.max(now);
        self.count.received += 1;
        if self.losses.next_is_lost() {
            self.count.lost += 1;
            return;
        }
        self.delay(datagram);
        if self.dice.happens(self.weather.duplicate) {
            self.count.duplicated += 1;
            self.delay(datagram);
        }
    }

    /// The next datagram to send, if one is due.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        let due = self.waiting.peek().is_some_and(|Reverse(first)| first.due <= self.now);
        if !due {
            return None;
        }
        self.count.sent += 1;
        self.waiting.pop().map(|Reverse(first)| first.datagram)
    }

    /// When the next datagram is due.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.waiting.peek().map(|Reverse(first)| first.due)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.now = self.now.max(now);
    }

    /// What has happened so far.
    pub fn count(&self) -> LineCount {
        LineCount { waiting: self.waiting.len() as u64, ..self.count }
    }

    fn delay(&mut self, datagram: &[u8]) {
        if self.waiting.len() >= WAITING_MAX || datagram.len() > DATAGRAM_MAX {
            self.count.overflowed += 1;
            return;
        }
        let jitter = self.weather.jitter.mul_f64(self.dice.fraction());
        let on_time = (self.now + self.weather.delay + jitter).max(self.last_due);
        let due = if self.dice.happens(self.weather.reorder) {
            on_time + REORDER_HOLD
        } else {
            // Those behind it may not overtake it.
            self.last_due = on_time;
            on_time
        };
        let number = self.count.received * 2 + self.count.duplicated;
        self.waiting.push(Reverse(Waiting { due, number, datagram: datagram.to_vec() }));
    }
}

/// How long a reordered datagram is held back: long enough for two packets of 20 ms to overtake it.
pub(crate) const REORDER_HOLD: Duration = Duration::from_millis(45);
/// Datagrams under way at once in one direction; more are lost, as on a real line.
pub(crate) const WAITING_MAX: usize = 1_024;
/// The longest datagram carried, in bytes.
pub(crate) const DATAGRAM_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, proptest};

    use super::*;

    /// Sends datagrams numbered 0.. every 20 ms, and gives what came out: number and lateness in milliseconds.
    fn carry(weather: Weather, datagrams: u32) -> (Vec<(u32, u64)>, LineCount) {
        let mut line = BadLine::new(weather);
        let mut out = Vec::new();
        let mut drain = |line: &mut BadLine, now: Moment| {
            while let Some(datagram) = line.poll_output() {
                let number = u32::from_be_bytes(datagram.try_into().unwrap());
                out.push((number, now.as_millis() - u64::from(number) * 20));
            }
        };
        for number in 0..datagrams {
            let now = Moment::from_millis(u64::from(number) * 20);
            while let Some(due) = line.poll_timeout().filter(|&due| due <= now) {
                line.handle_timeout(due);
                drain(&mut line, due);
            }
            line.handle_datagram(&number.to_be_bytes(), now);
            drain(&mut line, now);
        }
        while let Some(due) = line.poll_timeout() {
            line.handle_timeout(due);
            drain(&mut line, due);
        }
        (out, line.count())
    }

    #[test]
    fn a_perfect_line_carries_everything_at_once_and_in_order() {
        let (out, count) = carry(Weather::default(), 100);
        assert_eq!(out, (0..100).map(|number| (number, 0)).collect::<Vec<_>>());
        assert_eq!(count, LineCount { received: 100, sent: 100, ..LineCount::default() });
    }

    #[test]
    fn reordered_datagrams_arrive_behind_their_followers() {
        let (out, _) = carry(Weather { reorder: 0.1, seed: 4, ..Weather::default() }, 200);
        assert_eq!(out.len(), 200);
        assert!(out.windows(2).any(|pair| pair[0].0 > pair[1].0), "some order was broken");
    }

    #[test]
    fn a_full_line_loses_instead_of_growing() {
        let mut line = BadLine::new(Weather { delay: Duration::from_secs(9), ..Weather::default() });
        for _ in 0..WAITING_MAX + 5 {
            line.handle_datagram(b"x", Moment::START);
        }
        assert_eq!(line.count().waiting, WAITING_MAX as u64);
        assert_eq!(line.count().overflowed, 5);
        line.handle_datagram(&[0; DATAGRAM_MAX + 1], Moment::START);
        assert_eq!(line.count().overflowed, 6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_datagram_is_lost_or_carried_and_none_is_invented(
            seed in any::<u64>(),
            share in 0.0..0.5_f64,
            duplicate in 0.0..0.5_f64,
            reorder in 0.0..0.5_f64,
            jitter_ms in 0..120_u64,
        ) {
            let weather = Weather {
                loss: LossPattern::Random { share },
                jitter: Duration::from_millis(jitter_ms),
                duplicate,
                reorder,
                seed,
                ..Weather::default()
            };
            let (out, count) = carry(weather, 150);
            assert_eq!(count.sent + count.lost, count.received + count.duplicated, "the books balance: {count:?}");
            assert_eq!(out.len() as u64, count.sent);
            assert!(out.iter().all(|&(number, _)| number < 150));
            let late_max = jitter_ms + REORDER_HOLD.as_millis() as u64 + 1;
            assert!(out.iter().all(|&(_, late)| late <= late_max), "nothing is later than {late_max} ms");
            assert_eq!(carry(weather, 150), (out, count), "the seed decides");
        }

        #[test]
        fn jitter_alone_never_changes_the_order(seed in any::<u64>(), jitter_ms in 0..200_u64) {
            let weather = Weather { jitter: Duration::from_millis(jitter_ms), seed, ..Weather::default() };
            let (out, _) = carry(weather, 100);
            assert_eq!(out.iter().map(|&(number, _)| number).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        }
    }
}
