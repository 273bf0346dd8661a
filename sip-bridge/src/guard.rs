//! Limits on what one source may ask of the door, in a table that cannot grow past its bound.
//!
//! A flood must cost the flooder's own service and nobody else's: each source has buckets of its own, and what it asks
//! beyond them is refused from the message alone, or not answered at all, so that we never send more than we receive.
//! Pure: the time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use call::Moment;

/// Sources with a bucket of their own. When all are busy, newcomers share one.
pub const SOURCES_MAX: usize = 4096;

/// What one source may do. A source is an IPv4 address, or an IPv6 network of 64 bits, which one customer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// New calls a second, with twice as many at once.
    pub invites_s_max: u32,
    /// Registrations a second, with twice as many at once.
    pub registers_s_max: u32,
    /// Wrong passwords within [`GuardConfig::block`], by one source or for one user.
    pub failures_max: u32,
    /// How long a source is refused after that.
    pub block: Duration,
    /// TCP and TLS connections open at once.
    pub connections_max: u32,
    /// How long a connection may be silent while no call and no registration needs it.
    pub idle: Duration,
    /// Sources without limits, such as a trunk or a proxy.
    pub trusted: Vec<IpAddr>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            invites_s_max: 20,
            registers_s_max: 20,
            failures_max: 10,
            block: Duration::from_secs(300),
            connections_max: 64,
            idle: Duration::from_secs(900),
            trusted: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        }
    }
}

/// What the door has refused since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorCounts {
    /// Sources blocked for wrong passwords.
    pub blocked: u64,
    /// Connections refused.
    pub connections_refused: u64,
    /// Wrong passwords.
    pub failures: u64,
    /// New calls beyond a source's limit.
    pub invites_limited: u64,
    /// Messages that were malformed or asked what we do not do, and were told so.
    pub refused: u64,
    /// Registrations beyond a source's limit, or from a blocked one.
    pub registers_limited: u64,
    /// What was no SIP.
    pub dropped: u64,
    /// Phones registered now.
    pub registered: u64,
}

/// What becomes of a request under the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Tell them to come back later.
    Later,
    /// Do not even answer.
    Silence,
    /// Within the limits.
    Welcome,
}

/// The limits at work.
#[derive(Debug)]
pub(crate) struct Guard {
    config: GuardConfig,
    sources: HashMap<IpAddr, Source>,
    /// The sources that found no room.
    crowd: Source,
    swept: Option<Moment>,
}

impl Guard {
    pub(crate) fn new(config: GuardConfig) -> Self {
        Self { config, sources: HashMap::new(), crowd: Source::default(), swept: None }
    }

    pub(crate) fn is_trusted(&self, source: IpAddr) -> bool {
        self.config.trusted.contains(&source.to_canonical())
    }

    /// A new call.
    pub(crate) fn invite(&mut self, source: IpAddr, now: Moment) -> Entry {
        let pace = Pace::per_second(self.config.invites_s_max);
        self.enter(source, now, |source| &mut source.invites, pace)
    }

    /// A registration.
    pub(crate) fn register(&mut self, source: IpAddr, now: Moment) -> Entry {
        let pace = Pace::per_second(self.config.registers_s_max);
        self.enter(source, now, |source| &mut source.registers, pace)
    }

    /// A wrong password; whether it was one too many, and the source is blocked.
    pub(crate) fn failed(&mut self, source: IpAddr, now: Moment) -> bool {
        if self.is_trusted(source) {
            return false;
        }
        let (pace, block) = (Pace::of(self.config.failures_max, self.config.block), self.config.block);
        let source = self.source(source, now);
        let blocked = !source.failures.take(pace, now);
        if blocked {
            source.blocked_until = Some(now + block);
        }
        blocked
    }

    fn enter(&mut self, ip: IpAddr, now: Moment, of: impl Fn(&mut Source) -> &mut Bucket, pace: Pace) -> Entry {
        if self.is_trusted(ip) {
            return Entry::Welcome;
        }
        let source = self.source(ip, now);
        let blocked = source.blocked_until.is_some_and(|until| until > now);
        if !blocked && of(source).take(pace, now) {
            Entry::Welcome
        } else if source.refusals.take(REFUSALS, now) {
            Entry::Later
        } else {
            Entry::Silence
        }
    }

    fn source(&mut self, ip: IpAddr, now: Moment) -> &mut Source {
        let key = network(ip);
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&key) {
            // Once a second at most, or the flood would make us sweep without end.
            if self.swept.is_none_or(|swept| now.since(swept) >= SWEEP_PAUSE) {
                self.swept = Some(now);
                self.sources.retain(|_, source| !source.is_idle(now));
            }
            if self.sources.len() >= SOURCES_MAX {
                return &mut self.crowd;
            }
        }
        self.sources.entry(key).or_default()
    }
}

/// What is known of one source.
#[derive(Debug, Default)]
struct Source {
    invites: Bucket,
    registers: Bucket,
    refusals: Bucket,
    failures: Bucket,
    blocked_until: Option<Moment>,
}

impl Source {
    fn is_idle(&self, now: Moment) -> bool {
        let buckets = [&self.invites, &self.registers, &self.refusals, &self.failures];
        buckets.iter().all(|bucket| bucket.empty_at <= now) && self.blocked_until.is_none_or(|until| until <= now)
    }
}

/// How fast a bucket leaks, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    burst: u32,
}

impl Pace {
    const fn per_second(rate: u32) -> Self {
        let rate = if rate == 0 { 1 } else { rate };
        Self { interval: Duration::from_micros(1_000_000 / rate as u64), burst: rate.saturating_mul(2) }
    }

    /// So many within a span.
    pub(crate) fn of(count: u32, span: Duration) -> Self {
        Self { interval: span / count.max(1), burst: count.max(1) }
    }
}

/// A leaking bucket, kept as the moment at which it will be empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    empty_at: Moment,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { empty_at: Moment::START }
    }
}

impl Bucket {
    /// Whether one more fits.
    pub(crate) fn has_room(&self, pace: Pace, now: Moment) -> bool {
        self.empty_at.since(now) + pace.interval <= pace.interval * pace.burst
    }

    /// Puts one in, if it fits.
    pub(crate) fn take(&mut self, pace: Pace, now: Moment) -> bool {
        let fits = self.has_room(pace, now);
        if fits {
            self.empty_at = self.empty_at.max(now) + pace.interval;
        }
        fits
    }
}

/// What one customer has.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX))),
    }
}

/// Refusals told to one source; the rest are silent.
const REFUSALS: Pace = Pace::per_second(10);
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(GuardConfig { invites_s_max: 2, failures_max: 3, ..GuardConfig::default() })
    }

    fn at(ms: u64) -> Moment {
        Moment::from_millis(100_000 + ms)
    }

    #[test]
    fn a_source_may_burst_then_keep_its_pace_and_others_do_not_notice() {
        let mut guard = guard();
        let (flooder, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let first: Vec<_> = (0..40).map(|_| guard.invite(flooder, at(0))).collect();
        let count = |wanted| first.iter().filter(|entry| **entry == wanted).count();
        assert_eq!((count(Entry::Welcome), count(Entry::Later), count(Entry::Silence)), (4, 20, 16));
        assert_eq!(guard.invite(other, at(0)), Entry::Welcome);
        assert_eq!(guard.invite(flooder, at(499)), Entry::Later);
        assert_eq!(guard.invite(flooder, at(500)), Entry::Welcome, "one each half second");
    }

    #[test]
    fn wrong_passwords_block_the_source_for_a_while() {
        let mut guard = guard();
        let source = [192, 0, 2, 1].into();
        let told: Vec<_> = (0..4).map(|_| guard.failed(source, at(0))).collect();
        assert_eq!(told, [false, false, false, true]);
        assert_eq!(guard.register(source, at(299_999)), Entry::Later);
        assert_eq!(guard.register(source, at(300_000)), Entry::Welcome);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_those_who_are_blocked() {
        let mut guard = guard();
        let blocked: IpAddr = [192, 0, 2, 1].into();
        assert_eq!((0..4).filter(|_| guard.failed(blocked, at(0))).count(), 1);
        for number in 0..3 * SOURCES_MAX as u32 {
            guard.invite(Ipv4Addr::from(0x0A00_0000 + number).into(), at(u64::from(number) / 100));
            assert!(guard.sources.len() <= SOURCES_MAX);
        }
        assert_eq!(guard.register(blocked, at(200)), Entry::Later);
        // Later there is room again for all.
        assert_eq!(guard.invite([198, 51, 100, 1].into(), at(20_000)), Entry::Welcome);
        assert!(guard.sources.len() < SOURCES_MAX);
    }

    #[test]
    fn an_ipv6_customer_is_one_source_and_a_trusted_one_has_no_limit() {
        let mut guard = guard();
        let from = |host: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, host]);
        let welcome = (0..40).filter(|host| guard.invite(from(*host), at(0)) == Entry::Welcome).count();
        assert_eq!(welcome, 4);
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert!((0..100).all(|_| guard.invite(mapped, at(0)) == Entry::Welcome));
    }
}
