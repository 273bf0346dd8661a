//! The lossy line with real sockets on 127.0.0.1.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::time::Duration;

use test_audio::line::LossPattern;
use test_audio::{LossyLine, Weather};
use tokio::net::UdpSocket;

#[tokio::test]
async fn a_lossy_line_loses_what_it_should_and_carries_the_rest_both_ways() {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let weather = Weather {
        loss: LossPattern::Every { period: 5 },
        jitter: Duration::from_millis(4),
        seed: 1,
        ..Weather::default()
    };
    let line = LossyLine::lay(near.local_addr().unwrap(), far.local_addr().unwrap(), weather).await.unwrap();
    for number in 0..100_u8 {
        near.send_to(&[number], line.near_end()).await.unwrap();
        far.send_to(&[number, number], line.far_end()).await.unwrap();
        stranger.send_to(b"stranger", line.near_end()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let expected: Vec<u8> = (0..100).filter(|number| number % 5 != 4).collect();
    assert_eq!(everything(&far).await, expected.iter().map(|&number| vec![number]).collect::<Vec<_>>());
    assert_eq!(everything(&near).await, expected.iter().map(|&number| vec![number, number]).collect::<Vec<_>>());
    let (outward, inward) = line.cut().await;
    assert_eq!((outward.received, outward.sent, outward.lost), (100, 80, 20));
    assert_eq!((inward.received, inward.sent, inward.lost), (100, 80, 20));
}

/// What has come in, until nothing comes for 0.3 s.
async fn everything(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut bytes = [0; 2_048];
    while let Ok(got) = tokio::time::timeout(Duration::from_millis(300), socket.recv(&mut bytes)).await {
        all.push(bytes[..got.unwrap()].to_vec());
    }
    all
}
