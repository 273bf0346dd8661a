//! The jitter buffer: packets come when they come, sound goes out every 20 ms.
//!
//! Delay grows by itself: when the buffer runs dry the listener gets concealment, but the sender's clock is not moved
//! on, so sound that is merely late is still played and nothing a caller says is thrown away. It shrinks slowly: when
//! for a while more sound lay in wait than the line's jitter calls for, the surplus is named, and the session drops
//! that much in a quiet moment. All memory is taken at the start.

use std::time::Duration;

use call::Moment;

use crate::rtp::{RtpTime, SeqNo};

/// The longest payload: 80 ms of G.711.
pub const PAYLOAD_MAX: usize = 640;

/// The most frames of 20 ms the buffer aims to hold back.
pub const TARGET_FRAMES_MAX: u32 = 10;

/// The most sound that may lie in wait, in frames of 20 ms; the oldest beyond is dropped.
pub const BACKLOG_FRAMES_MAX: u32 = 25;

/// Packets that fit at once.
const SLOTS: usize = 64;

/// Payloads lie in pieces of so many bytes, 20 ms of G.711: what is free is used again while it is still near, and a
/// call does not hold room for 64 long packets that never come together.
const PIECE: usize = 160;

/// Pieces for all that may lie in wait, and for one packet more than that.
const PIECES: usize = SLOTS;

/// What became of a packet put into the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// Already here or already played.
    Duplicate,
    /// Its time has passed.
    Late,
    /// In its place.
    Stored,
    /// Longer than [`PAYLOAD_MAX`], or of no length at all.
    Unfit,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub enum Popped<'a> {
    /// Nothing is here although the stream was running: conceal, it may only be late.
    Dry,
    /// Packets are missing: conceal that many ticks.
    Lost {
        /// Length of the hole, never more than was wanted.
        ticks: u32,
    },
    /// The next payload.
    Packet(&'a [u8]),
    /// The sender was silent for that many ticks (it sends nothing in silence).
    Silence {
        /// Length of the silence, never more than was wanted.
        ticks: u32,
    },
    /// Nothing has come yet, or nothing for long.
    Waiting,
}

/// Orders packets by sequence number and plays them by timestamp.
#[derive(Debug)]
pub struct JitterBuffer {
    slots: Box<[Slot]>,
    pieces: Box<[[u8; PIECE]]>,
    /// Pieces that hold nothing, the last used last.
    free: Vec<u8>,
    /// The payload being handed out, joined.
    popped: Box<[u8; PAYLOAD_MAX]>,
    held: usize,
    /// How long the held packets last together.
    held_ticks: u32,
    /// Ticks in 20 ms.
    frame_ticks: u32,
    phase: Phase,
    /// The first sequence number not yet played or given up.
    next_seq: SeqNo,
    /// Bit n: the packet n + 1 before `next_seq` was played.
    played: u64,
    /// Media time of the next sample due.
    next_time: RtpTime,
    /// Ticks concealed while dry, not yet known to be lost or late.
    borrowed: u32,
    /// Ticks of media time given up since the last packet was played.
    given_up: u32,
    line: Line,
    dropped: u64,
    late: u64,
}

#[derive(Debug)]
struct Slot {
    full: bool,
    seq: SeqNo,
    time: RtpTime,
    ticks: u32,
    arrival: Moment,
    len: usize,
    /// Which pieces hold the payload, the first `len` bytes of it.
    pieces: [u8; PAYLOAD_MAX.div_ceil(PIECE)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Never heard anything since the start or a reset.
    New,
    /// Sound goes out.
    Playing,
    /// Dry for long; packets are gathered again before sound goes out.
    Stopped,
}

impl JitterBuffer {
    /// A buffer for an RTP clock of `clock_hz` ticks a second.
    pub fn new(clock_hz: u32) -> Self {
        let slot = || Slot {
            full: false,
            seq: SeqNo(0),
            time: RtpTime(0),
            ticks: 0,
            arrival: Moment::START,
            len: 0,
            pieces: [0; PAYLOAD_MAX.div_ceil(PIECE)],
        };
        Self {
            slots: (0..SLOTS).map(|_| slot()).collect(),
            pieces: vec![[0; PIECE]; PIECES].into(),
            free: (0..PIECES as u8).collect(),
            popped: Box::new([0; PAYLOAD_MAX]),
            held: 0,
            held_ticks: 0,
            frame_ticks: clock_hz / 50,
            phase: Phase::New,
            next_seq: SeqNo(0),
            played: 0,
            next_time: RtpTime(0),
            borrowed: 0,
            given_up: 0,
            line: Line::new(clock_hz),
            dropped: 0,
            late: 0,
        }
    }

    /// Forgets the stream, for a new source; what was learnt about the line is kept.
    pub fn reset(&mut self) {
        self.clear();
        self.phase = Phase::New;
        self.line.forget_transit();
    }

    /// Puts a packet in. `ticks` is how long its sound lasts.
    pub fn insert(&mut self, seq: SeqNo, time: RtpTime, ticks: u32, payload: &[u8], now: Moment) -> Inserted {
        if payload.len() > PAYLOAD_MAX || ticks == 0 || ticks > self.frame_ticks * BACKLOG_FRAMES_MAX {
            return Inserted::Unfit;
        }
        if self.phase == Phase::New && self.held == 0 {
            self.next_seq = seq;
        }
        let ahead = self.place(seq);
        if ahead < 0 {
            let was_played = ahead >= -64 && self.played & (1 << (-ahead - 1)) != 0;
            if was_played {
                return Inserted::Duplicate;
            }
            self.late += 1;
            self.line.was_late(now);
            return Inserted::Late;
        }
        if ahead as usize >= SLOTS {
            // Too far ahead to be joined to what is here: start over from this packet.
            self.dropped += self.held as u64;
            self.clear();
            self.phase = Phase::Stopped;
            self.next_seq = seq;
        }
        if self.slots[usize::from(seq.0) % SLOTS].full {
            return Inserted::Duplicate;
        }
        while self.free.len() < payload.len().div_ceil(PIECE) {
            // Packets that are large for the time they last: the oldest give way, as in any other overflow.
            let Some(head) = self.head() else { return Inserted::Unfit };
            self.drop_head(head);
        }
        let slot = &mut self.slots[usize::from(seq.0) % SLOTS];
        slot.full = true;
        (slot.seq, slot.time, slot.ticks, slot.arrival, slot.len) = (seq, time, ticks, now, payload.len());
        for (part, place) in payload.chunks(PIECE).zip(&mut slot.pieces) {
            if let Some(piece) = self.free.pop() {
                self.pieces[usize::from(piece)][..part.len()].copy_from_slice(part);
                *place = piece;
            }
        }
        self.held += 1;
        self.held_ticks += ticks;
        self.line.arrived(time, now);
        Inserted::Stored
    }

    /// Takes note of a packet that is not put in, so that the line's jitter stays known.
    pub fn observe(&mut self, time: RtpTime, now: Moment) {
        self.line.arrived(time, now);
    }

    /// Takes what is due next, when `wanted` ticks are still missing from the frame to be played.
    pub fn pop(&mut self, wanted: u32, now: Moment) -> Popped<'_> {
        self.line.tick(now);
        self.drop_overflow();
        // Each turn drops a packet or returns, so there are at most as many turns as slots.
        for _ in 0..=SLOTS {
            let Some(head) = self.head() else { return self.run_dry(wanted) };
            let slot = &self.slots[head];
            let (seq, time) = (slot.seq, slot.time);
            if self.phase != Phase::Playing && !self.start(head, now) {
                return Popped::Waiting;
            }
            let gap = time.since(self.next_time);
            if gap < 0 && gap.unsigned_abs() <= self.given_up {
                self.release(head, Fate::GivenUp);
                self.late += 1;
                self.line.was_late(now);
                continue;
            }
            let limit = (self.frame_ticks * BACKLOG_FRAMES_MAX).cast_signed();
            if (1..=limit).contains(&gap) {
                let piece = self.fill(gap.unsigned_abs(), wanted);
                if piece > 0 && seq == self.next_seq {
                    return Popped::Silence { ticks: piece };
                }
                if piece > 0 {
                    return Popped::Lost { ticks: piece };
                }
            }
            return self.play(head, now);
        }
        Popped::Waiting
    }

    /// The packet that joins on to what was popped last, if it is here: it may hold a copy of what was lost before it.
    pub fn following(&mut self) -> Option<&[u8]> {
        let head = self.head()?;
        if self.phase != Phase::Playing || self.slots[head].time != self.next_time {
            return None;
        }
        let len = self.join(head);
        Some(&self.popped[..len])
    }

    /// Ticks that lie in wait without need, to be dropped in a quiet moment.
    pub const fn surplus(&self) -> u32 {
        self.line.surplus
    }

    /// The session dropped so much of what it had popped.
    pub const fn discarded(&mut self, ticks: u32) {
        self.line.surplus = self.line.surplus.saturating_sub(ticks);
    }

    /// Frames of 20 ms the buffer aims to hold back.
    pub fn target_frames(&self) -> u32 {
        self.line.target_frames()
    }

    /// The mean deviation of arrival times (RFC 3550 6.4.1).
    pub fn jitter(&self) -> Duration {
        self.line.jitter()
    }

    /// Packets that came after their time, and packets dropped because too much lay in wait.
    pub const fn late_and_dropped(&self) -> (u64, u64) {
        (self.late, self.dropped)
    }

    fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.full = false;
        }
        self.free.clear();
        self.free.extend(0..PIECES as u8);
        (self.held, self.held_ticks, self.played) = (0, 0, 0);
        (self.borrowed, self.given_up) = (0, 0);
        self.line.surplus = 0;
    }

    /// How far ahead of the next packet this one is. Before the first was played, an earlier one moves the start.
    fn place(&mut self, seq: SeqNo) -> i16 {
        let ahead = seq.since(self.next_seq);
        let span_fits = || self.newest_seq().is_none_or(|newest| newest.since(seq) < SLOTS as i16);
        // Looking through all slots costs more than the rest of a packet's way, so it is left to the very first ones.
        if self.phase == Phase::New && (-(SLOTS as i16)..0).contains(&ahead) && span_fits() {
            self.next_seq = seq;
            return 0;
        }
        ahead
    }

    fn newest_seq(&self) -> Option<SeqNo> {
        let ahead = |slot: &Slot| slot.seq.since(self.next_seq);
        self.slots.iter().filter(|slot| slot.full).max_by_key(|slot| ahead(slot)).map(|slot| slot.seq)
    }

    /// The held packet with the lowest sequence number.
    fn head(&self) -> Option<usize> {
        if self.held == 0 {
            return None;
        }
        (0..SLOTS as u16)
            .map(|ahead| usize::from(self.next_seq.plus(ahead).0) % SLOTS)
            .find(|&index| self.slots[index].full)
    }

    fn drop_overflow(&mut self) {
        for _ in 0..SLOTS {
            if self.held_ticks <= self.frame_ticks * BACKLOG_FRAMES_MAX {
                return;
            }
            let Some(head) = self.head() else { return };
            self.drop_head(head);
        }
    }

    fn drop_head(&mut self, head: usize) {
        let end = self.slots[head].time.plus(self.slots[head].ticks);
        if self.phase == Phase::Playing && end.since(self.next_time) > 0 {
            self.next_time = end;
        }
        self.release(head, Fate::GivenUp);
        self.dropped += 1;
    }

    fn run_dry(&mut self, wanted: u32) -> Popped<'_> {
        if self.phase != Phase::Playing {
            return Popped::Waiting;
        }
        self.borrowed += wanted;
        if self.borrowed > self.frame_ticks * DRY_FRAMES_MAX {
            self.phase = Phase::Stopped;
            (self.borrowed, self.given_up) = (0, 0);
            return Popped::Waiting;
        }
        Popped::Dry
    }

    /// Begins to play once enough has gathered or the first packet has waited long enough.
    fn start(&mut self, head: usize, now: Moment) -> bool {
        let slot = &self.slots[head];
        let target = self.line.target_frames();
        let gathered = self.held_ticks >= target * self.frame_ticks;
        let waited = now.since(slot.arrival) >= FRAME * (target - 1);
        if !(gathered || waited) {
            return false;
        }
        self.advance(slot.seq, Fate::GivenUp);
        self.next_time = self.slots[head].time;
        self.phase = Phase::Playing;
        self.line.begin_window(now);
        true
    }

    /// Fills a hole of `gap` ticks: first with what was concealed while dry, then with at most `wanted` more.
    fn fill(&mut self, gap: u32, wanted: u32) -> u32 {
        let paid = gap.min(self.borrowed);
        self.borrowed -= paid;
        let piece = (gap - paid).min(wanted);
        self.next_time = self.next_time.plus(paid + piece);
        self.given_up += paid + piece;
        piece
    }

    fn play(&mut self, head: usize, now: Moment) -> Popped<'_> {
        let slot = &self.slots[head];
        if self.borrowed > 0 {
            // It was late, not lost, and has made the delay longer by what was concealed meanwhile.
            self.line.was_late(now);
        }
        (self.borrowed, self.given_up) = (0, 0);
        self.next_time = slot.time.plus(slot.ticks);
        let len = self.join(head);
        self.release(head, Fate::Played);
        self.line.observe(self.held_ticks, now);
        Popped::Packet(&self.popped[..len])
    }

    /// Puts the payload of a slot into one piece and returns its length.
    fn join(&mut self, place: usize) -> usize {
        let slot = &self.slots[place];
        for (part, &piece) in self.popped[..slot.len].chunks_mut(PIECE).zip(&slot.pieces) {
            part.copy_from_slice(&self.pieces[usize::from(piece)][..part.len()]);
        }
        slot.len
    }

    fn release(&mut self, index: usize, fate: Fate) {
        let slot = &mut self.slots[index];
        slot.full = false;
        self.free.extend_from_slice(&slot.pieces[..slot.len.div_ceil(PIECE)]);
        self.held -= 1;
        self.held_ticks -= slot.ticks;
        let after = slot.seq.plus(1);
        self.advance(after, fate);
    }

    /// Moves `next_seq` on; the packet just before it met `fate`, those between were given up.
    fn advance(&mut self, to: SeqNo, fate: Fate) {
        let steps = to.since(self.next_seq).max(0).unsigned_abs();
        self.played = self.played.checked_shl(u32::from(steps)).unwrap_or(0);
        if steps > 0 && fate == Fate::Played {
            self.played |= 1;
        }
        self.next_seq = to;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    GivenUp,
    Played,
}

const _: () = assert!(PIECES <= u8::MAX as usize + 1 && PAYLOAD_MAX <= PIECES * PIECE);

const FRAME: Duration = Duration::from_millis(20);

/// After so much concealment in a row the stream counts as stopped.
const DRY_FRAMES_MAX: u32 = 10;

/// What the line is like: how unevenly packets come, and how much waits for them.
#[derive(Debug)]
struct Line {
    clock_hz: u32,
    /// Arrival minus media time of the last packet, in ticks (RFC 3550 A.8).
    transit: Option<i32>,
    /// In sixteenths of a tick (RFC 3550 A.8).
    jitter_x16: u32,
    /// Frames held back beyond what the jitter says, because packets came late.
    boost: u32,
    boost_changed: Option<Moment>,
    window_began: Moment,
    backlog_min: u32,
    surplus: u32,
}

impl Line {
    fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            transit: None,
            jitter_x16: 0,
            boost: BOOST_FIRST,
            boost_changed: None,
            window_began: Moment::START,
            backlog_min: u32::MAX,
            surplus: 0,
        }
    }

    const fn forget_transit(&mut self) {
        self.transit = None;
    }

    fn arrived(&mut self, time: RtpTime, now: Moment) {
        let arrival = (u128::from(now.as_micros()) * u128::from(self.clock_hz) / 1_000_000) as u32;
        let transit = RtpTime(arrival).since(time);
        let change = self.transit.map_or(0, |before| transit.wrapping_sub(before).unsigned_abs());
        self.transit = Some(transit);
        // A second is no jitter but a step of the sender's clock.
        if change < self.clock_hz {
            self.jitter_x16 = self.jitter_x16 + change - ((self.jitter_x16 + 8) >> 4);
        }
    }

    fn jitter(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.jitter_x16) / 16.0 / f64::from(self.clock_hz))
    }

    fn target_frames(&self) -> u32 {
        let frame_x16 = self.clock_hz / 50 * 16;
        let spread = (2 * self.jitter_x16 + frame_x16 / 2) / frame_x16;
        (1 + spread + self.boost).min(TARGET_FRAMES_MAX)
    }

    fn was_late(&mut self, now: Moment) {
        if self.boost_changed.is_none_or(|then| now.since(then) >= BOOST_PAUSE) {
            self.boost = (self.boost + 1).min(TARGET_FRAMES_MAX);
        }
        self.boost_changed = Some(now);
    }

    fn tick(&mut self, now: Moment) {
        let changed = *self.boost_changed.get_or_insert(now);
        if self.boost > 0 && now.since(changed) >= BOOST_LASTS {
            self.boost -= 1;
            self.boost_changed = Some(now);
        }
    }

    const fn begin_window(&mut self, now: Moment) {
        self.window_began = now;
        self.backlog_min = u32::MAX;
        self.surplus = 0;
    }

    /// Looks at what lay in wait after each packet; the least over a window is delay nobody needed.
    fn observe(&mut self, backlog: u32, now: Moment) {
        self.backlog_min = self.backlog_min.min(backlog);
        if now.since(self.window_began) < WINDOW {
            return;
        }
        let frame = self.clock_hz / 50;
        let reserve = (self.target_frames() - 1) * frame;
        let unneeded = self.backlog_min.saturating_sub(reserve);
        self.begin_window(now);
        if unneeded >= frame {
            self.surplus = unneeded;
        }
    }
}

/// Frames held back at first beyond the jitter, until the line has shown itself.
const BOOST_FIRST: u32 = 1;
/// Late packets close together count once.
const BOOST_PAUSE: Duration = Duration::from_millis(500);
/// A late packet is remembered so long.
const BOOST_LASTS: Duration = Duration::from_secs(5);
/// Over how long the least backlog is taken.
const WINDOW: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
