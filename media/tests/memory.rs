//! What a call's media costs in memory, since a worker holds hundreds of them.
//!
//! One test alone in its process, since the counter sees all threads.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::alloc::System;
use std::net::SocketAddr;

use call::Codec;
use media::{Playout, RtpConfig, RtpSession, RtpTime, SeqNo, Ssrc};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn session() -> RtpSession {
    let config = RtpConfig {
        codec: Codec::Pcmu,
        payload_type: 0,
        telephone_event: Some(101),
        remote: SocketAddr::from(([127, 0, 0, 1], 4_000)),
        ssrc: Ssrc(1),
        first_seq: SeqNo(0),
        first_time: RtpTime(0),
    };
    RtpSession::new(config).unwrap()
}

#[test]
fn a_leg_takes_less_than_100_kb_and_leaves_nothing_behind() {
    drop(session());
    let region = Region::new(ALLOCATOR);
    let held = (session(), Playout::new());
    let taken = region.change();
    let bytes = taken.bytes_allocated - taken.bytes_deallocated + size_of_val(&held);
    drop(held);
    let after = region.change();
    assert!(bytes < 100_000, "{bytes} bytes");
    assert_eq!(after.allocations, after.deallocations);
    println!("{bytes} bytes per leg");
}
