//! The media path takes all its memory at the start: after that no packet, frame, digit or clip allocates or frees.
//!
//! One test alone in its process, since the counter sees all threads.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::alloc::System;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use call::{AudioFrame, Codec, Moment};
use media::{Attention, Clip, PACKET_MAX, Playout, RtpConfig, RtpSession, RtpTime, SeqNo, Ssrc};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4_000);
const STRANGER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5_000);

fn session(codec: Codec) -> RtpSession {
    let config = RtpConfig {
        codec,
        payload_type: 0,
        telephone_event: Some(101),
        remote: HERE,
        ssrc: Ssrc(1),
        first_seq: SeqNo(65_000),
        first_time: RtpTime(7),
    };
    RtpSession::new(config).unwrap()
}

/// 30 s of a call on a bad line: loss, copies, strangers, noise, keys, clips, ducking and stops.
fn talk(speaker: &mut RtpSession, listener: &mut RtpSession, playout: &mut Playout, clips: &[Arc<[AudioFrame]>]) {
    let mut out = [0; PACKET_MAX];
    let mut now = Moment::from_millis(1_000);
    for n in 0..1_500_u64 {
        now += Duration::from_millis(20);
        if n % 100 == 0 {
            let frames = clips[n as usize / 100].clone();
            playout.push(Clip { id: n, frames }).unwrap();
        }
        match n % 300 {
            70 => playout.duck(-12.0),
            120 => playout.restore(),
            150 => playout.stop(),
            200 => speaker.send_digit('5').unwrap(),
            _ => {}
        }
        while playout.poll_progress().is_some() {}
        while let Some(frames) = playout.poll_retired() {
            assert!(Arc::strong_count(&frames) > 1, "freed by its owner, not here");
        }
        let frame = playout.frame().unwrap_or_default();
        if n % 500 > 450 {
            speaker.skip_packet();
        } else if let Some(packet) = speaker.packet(&frame, &mut out) {
            if n % 13 != 0 {
                listener.handle_datagram(HERE, &out[..packet.len], now);
            }
            if n % 17 == 0 {
                listener.handle_datagram(HERE, &out[..packet.len], now);
                listener.handle_datagram(STRANGER, &out[..packet.len], now);
                listener.handle_datagram(STRANGER, &out[..9], now);
            }
        }
        listener.next_frame(now);
        while listener.poll_event().is_some() {}
        assert!(listener.stats().received <= n + 1);
    }
}

/// 30 s in which packets of one leg go on to another, now unheard and now heard, with words of ours in between.
fn pass_on(phone: &mut RtpSession, one: &mut RtpSession, two: &mut RtpSession) {
    let (mut out, mut passed) = ([0; PACKET_MAX], [0; PACKET_MAX]);
    let mut now = Moment::from_millis(1_000);
    for n in 0..1_500_u64 {
        now += Duration::from_millis(20);
        if n % 200 == 0 {
            one.set_attention(if n % 400 == 0 { Attention::Unheard } else { Attention::Heard });
            phone.send_digit('#').unwrap();
        }
        let packet = phone.packet(&AudioFrame([n as i16; 320]), &mut out).unwrap();
        if let Some(relay) = one.take_datagram(HERE, &out[..packet.len], now)
            && n % 100 < 90
        {
            two.skip_packet();
            assert!(two.relay(&relay, &mut passed).is_some());
        } else {
            two.packet(&AudioFrame::SILENCE, &mut passed);
        }
        one.next_frame(now);
        while one.poll_event().is_some() {}
    }
}

#[test]
fn the_media_path_takes_no_memory_after_the_start() {
    let clips: Vec<Arc<[AudioFrame]>> = (0..15).map(|n| vec![AudioFrame([n * 100; 320]); 60].into()).collect();
    // The harness itself allocates while the first of this runs.
    talk(&mut session(Codec::Pcmu), &mut session(Codec::Pcmu), &mut Playout::new(), &clips);
    for codec in media::CODECS {
        let (mut speaker, mut listener, mut playout) = (session(codec), session(codec), Playout::new());
        let region = Region::new(ALLOCATOR);
        talk(&mut speaker, &mut listener, &mut playout, &clips);
        let change = region.change();
        let counts = (change.allocations, change.reallocations, change.deallocations);
        assert_eq!(counts, (0, 0, 0), "{codec}: {change:?}");
        // Opus sends nothing while no clip plays.
        let least = if codec == Codec::Opus { 600 } else { 1_200 };
        let stats = listener.stats();
        assert!(stats.received > least && stats.concealed_ms > 0, "{codec}: it was a real call: {stats:?}");
        let (mut phone, mut one, mut two) = (session(codec), session(codec), session(codec));
        let region = Region::new(ALLOCATOR);
        pass_on(&mut phone, &mut one, &mut two);
        let change = region.change();
        let counts = (change.allocations, change.reallocations, change.deallocations);
        assert_eq!(counts, (0, 0, 0), "{codec}, bridged: {change:?}");
        let least = if codec == Codec::Opus { 1_300 } else { 1_500 };
        assert!(two.stats().sent >= least, "{codec}: {:?}", two.stats());
    }
}
