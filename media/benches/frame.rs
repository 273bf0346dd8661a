//! What 20 ms of one call cost: a frame packed and sent, a packet received, unpacked and heard.

#![expect(clippy::unwrap_used, reason = "a bench may fail by panic")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use call::{AudioFrame, Codec, Moment, SampleRate};
use criterion::{Criterion, criterion_group, criterion_main};
use media::{Clip, PACKET_MAX, Playout, Resampler, RtpConfig, RtpSession, RtpTime, SeqNo, Ssrc};

fn session(remote: SocketAddr) -> RtpSession {
    let config = RtpConfig {
        codec: Codec::Pcmu,
        payload_type: 0,
        telephone_event: Some(101),
        remote,
        ssrc: Ssrc(1),
        first_seq: SeqNo(0),
        first_time: RtpTime(0),
    };
    RtpSession::new(config).unwrap()
}

fn speech() -> AudioFrame {
    AudioFrame(std::array::from_fn(|n| (8_000.0 * (n as f32 * 0.12).sin()) as i16))
}

fn whole_path(criterion: &mut Criterion) {
    let here = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let (mut speaker, mut listener, mut playout) = (session(here), session(here), Playout::new());
    let frames: std::sync::Arc<[AudioFrame]> = vec![speech(); 500].into();
    let mut now = Moment::START;
    let mut out = [0; PACKET_MAX];
    criterion.bench_function("play, send, receive and hear 20 ms", |bencher| {
        bencher.iter(|| {
            now += Duration::from_millis(20);
            if playout.is_idle() {
                playout.push(Clip { id: 0, frames: frames.clone() }).unwrap();
                while playout.poll_progress().is_some() {}
                while playout.poll_retired().is_some() {}
            }
            let frame = playout.frame().unwrap();
            let packet = speaker.packet(&frame, &mut out).unwrap();
            listener.handle_datagram(here, &out[..packet.len], now);
            black_box(listener.next_frame(now))
        });
    });
}

fn sending(criterion: &mut Criterion) {
    let mut speaker = session(SocketAddr::from(([127, 0, 0, 1], 4_000)));
    let (frame, mut out) = (speech(), [0; PACKET_MAX]);
    criterion.bench_function("send 20 ms", |bencher| {
        bencher.iter(|| black_box(speaker.packet(&frame, &mut out)));
    });
}

fn resampling(criterion: &mut Criterion) {
    for (from, to) in [(SampleRate::HZ_8000, SampleRate::HZ_16000), (SampleRate::HZ_16000, SampleRate::HZ_8000)] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let input = vec![1_000; from.samples_per_frame()];
        let mut out = Vec::with_capacity(1_000);
        criterion.bench_function(&format!("resample 20 ms from {from} to {to}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                resampler.process(black_box(&input), &mut out);
                black_box(&out);
            });
        });
    }
}

fn concealing(criterion: &mut Criterion) {
    let mut concealer = media::Concealer::new(SampleRate::HZ_8000);
    let mut heard: [i16; 160] = std::array::from_fn(|n| (8_000.0 * (n as f32 * 0.24).sin()) as i16);
    let mut hole = [0; 160];
    criterion.bench_function("conceal 20 ms", |bencher| {
        bencher.iter(|| {
            concealer.heard(&mut heard);
            concealer.conceal(&mut hole);
            black_box(&hole);
        });
    });
}

criterion_group!(benches, whole_path, sending, resampling, concealing);
criterion_main!(benches);
