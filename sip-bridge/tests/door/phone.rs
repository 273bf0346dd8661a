//! A phone of bytes: it sends what it is told, however wrong, and reads what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use sip_bridge::{Door, Transport};

use crate::common::{ANSWER, PATIENCE, called, port, told};

/// A phone made of a datagram socket and string formatting.
pub(crate) struct Phone {
    socket: UdpSocket,
    door: SocketAddr,
    /// What makes its messages one call.
    pub(crate) call_id: String,
    /// To, with the door's tag once there is one.
    pub(crate) to: String,
    /// Further header lines for every request.
    pub(crate) extra: String,
}

impl Phone {
    pub(crate) async fn new(door: &Door, call_id: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (door, to) = (door.local_addr(Transport::Udp).unwrap(), "<sip:1001@example.org>".to_owned());
        Self { socket, door, call_id: call_id.to_owned(), to, extra: String::new() }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn request(&self, method: &str, cseq: u32, body: &str) -> String {
        let kind = if body.starts_with("v=0") { "Content-Type: application/sdp\r\n" } else { "" };
        // An address that is not ours: only rport brings the answer back (RFC 3581).
        format!(
            "{method} sip:1001@{door} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;rport;branch=z9hG4bK{id}{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: \"Bob\" <sip:bob@example.org>;tag=bob\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:bob@{own}>\r\n{extra}{kind}Content-Length: {length}\r\n\r\n{body}",
            door = self.door,
            id = self.call_id,
            to = self.to,
            own = self.addr(),
            extra = self.extra,
            length = body.len(),
        )
    }

    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) {
        self.socket.send_to(bytes.as_ref(), self.door).await.unwrap();
    }

    /// The next message, or an empty string when none comes within `wait`.
    pub(crate) async fn within(&self, wait: Duration) -> String {
        let mut buffer = [0; 8_192];
        match tokio::time::timeout(wait, self.socket.recv_from(&mut buffer)).await {
            Ok(received) => String::from_utf8_lossy(&buffer[..received.unwrap().0]).into_owned(),
            Err(_) => String::new(),
        }
    }

    /// Reads, now and then, what came back, so that no queue of the kernel is what is measured.
    pub(crate) async fn drain(&self, number: u32) {
        if number.is_multiple_of(50) {
            while !self.within(Duration::from_millis(1)).await.is_empty() {}
        }
    }

    /// The next message that is not 100.
    pub(crate) async fn next(&self) -> String {
        loop {
            let message = self.within(PATIENCE).await;
            assert!(!message.is_empty(), "no message came");
            if !message.starts_with("SIP/2.0 100") {
                return message;
            }
        }
    }

    /// The final response to a request; what the door still repeats of earlier transactions is passed over.
    pub(crate) async fn ask(&self, method: &str, cseq: u32, body: &str) -> String {
        self.send(self.request(method, cseq, body)).await;
        let asked = format!("{cseq} {method}");
        loop {
            let response = self.next().await;
            if response.starts_with("SIP/2.0") && header(&response, "CSeq") == asked {
                return response;
            }
        }
    }

    /// Takes the door's tag from a response.
    pub(crate) fn learn(&mut self, response: &str) {
        self.to = header(response, "To").to_owned();
    }

    /// Sets up a call with the INVITE and the ACK given; the 200 is returned.
    pub(crate) async fn established(
        &mut self,
        door: &Door,
        offer: &str,
        ack: &str,
        calls: &mut Calls,
    ) -> (Leg, String) {
        assert_eq!(self.door, door.local_addr(Transport::Udp).unwrap());
        self.send(self.request("INVITE", 1, offer)).await;
        let mut call = called(calls).await;
        call.leg.answer(ANSWER.to_owned(), Vec::new()).await.unwrap();
        let accepted = self.next().await;
        assert_eq!(status(&accepted), 200);
        self.learn(&accepted);
        self.send(self.request("ACK", 1, ack).replace("1ACK", "1x")).await;
        let expected = if ack.is_empty() { "confirmed -".to_owned() } else { format!("confirmed {}", port(ack)) };
        assert_eq!(told(&mut call.leg).await, expected);
        (call.leg, accepted)
    }
}

pub(crate) type Calls = tokio::sync::mpsc::Receiver<sip_bridge::InboundCall>;
pub(crate) type Leg = sip_bridge::LegHandle;

pub(crate) fn status(response: &str) -> u16 {
    response.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    message.lines().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
}
