//! Cutting a stream into SIP messages (RFC 3261 18.3), with a bound on everything.
//!
//! Our own instead of the stack's, because a stream that brings no SIP must be closed before it fills memory, and a
//! message the stack cannot parse must be answered rather than end the connection and every call on it. Pure.

use crate::front::HEAD_BYTES_MAX;

/// Longest message on a stream, in bytes, head and body.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The next thing in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The rest cannot be cut any more: close, after answering what there is.
    Broken(Vec<u8>),
    /// A ping, to be answered with CRLF (RFC 5626 3.5.1).
    KeepAlive,
    /// A whole message.
    Message(Vec<u8>),
    /// More bytes are needed.
    Partial,
}

/// The bytes of one stream that are not cut yet; never more than [`MESSAGE_BYTES_MAX`] and one read.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    /// Whether no message has begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Cuts off the next frame.
    pub(crate) fn next(&mut self) -> Frame {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return Frame::KeepAlive;
        }
        // RFC 3261 7.5: empty lines before a start line are skipped; one CRLF alone may be half a ping.
        if self.buffer.starts_with(b"\r\n") && self.buffer.len() > 3 {
            self.buffer.drain(..2);
            return self.next();
        }
        if self.buffer.len() < 4 {
            return Frame::Partial;
        }
        if !self.begins_like_sip() {
            return Frame::Broken(std::mem::take(&mut self.buffer));
        }
        let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if self.buffer.len() > HEAD_BYTES_MAX { Frame::Broken(Vec::new()) } else { Frame::Partial };
        };
        let body = match content_length(&self.buffer[..head]) {
            Some(length) if head + 4 + length <= MESSAGE_BYTES_MAX => length,
            _ => return Frame::Broken(self.buffer.drain(..head + 4).collect()),
        };
        let whole = head + 4 + body;
        if self.buffer.len() < whole {
            return Frame::Partial;
        }
        Frame::Message(self.buffer.drain(..whole).collect())
    }

    /// A start line names SIP; a stream without one within reach is something else.
    fn begins_like_sip(&self) -> bool {
        match self.buffer.iter().take(START_LINE_BYTES_MAX).position(|byte| *byte == b'\n') {
            Some(end) => self.buffer[..end].windows(4).any(|four| four.eq_ignore_ascii_case(b"SIP/")),
            None => {
                self.buffer.len() < START_LINE_BYTES_MAX
                    && self.buffer.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | 0x80..))
            }
        }
    }
}

/// The stated length of the body, 0 when nothing is stated, `None` when it is not one number.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut stated = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = line[..colon].trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l") {
            let value = std::str::from_utf8(line[colon + 1..].trim_ascii()).ok()?;
            let length = value.parse::<usize>().ok()?;
            if stated.is_some_and(|stated| stated != length) {
                return None;
            }
            stated = Some(length);
        }
    }
    Some(stated.unwrap_or(0))
}

const START_LINE_BYTES_MAX: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when `stream` arrives in pieces of `size` bytes.
    fn cut(stream: &[u8], size: usize) -> Vec<String> {
        let mut framer = Framer::default();
        let mut frames = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            loop {
                match framer.next() {
                    Frame::Broken(_) => {
                        frames.push("broken".to_owned());
                        return frames;
                    }
                    Frame::KeepAlive => frames.push("ping".to_owned()),
                    Frame::Message(bytes) => frames.push(format!("{} bytes", bytes.len())),
                    Frame::Partial => break,
                }
            }
        }
        frames
    }

    #[test]
    fn a_stream_is_cut_alike_in_whatever_pieces_it_comes() {
        let one = b"BYE sip:a SIP/2.0\r\nl: 3\r\n\r\nabc";
        let other = b"SIP/2.0 200 OK\r\nContent-Length:  0\r\n\r\n";
        let stream = [&b"\r\n\r\n"[..], one, b"\r\n", other, b"\r\n\r\n", other].concat();
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(cut(&stream, size), ["ping", "30 bytes", "38 bytes", "ping", "38 bytes"], "{size}");
        }
    }

    #[test]
    fn what_is_no_sip_breaks_the_stream_early() {
        let long_head = [&b"BYE sip:a SIP/2.0\r\n"[..], &b"a: b\r\n".repeat(10_000)].concat();
        for (stream, size) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], 4),
            (b"\x16\x03\x01\0\0", 5),
            (&b"x".repeat(5_000), 100),
            (&long_head, 1_000),
            (b"BYE sip:a SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n", 10),
            (b"BYE sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n", 10),
            (b"BYE sip:a SIP/2.0\r\nl: 65536\r\n\r\n", 10),
        ] {
            assert_eq!(cut(stream, size), ["broken"]);
        }
    }
}
