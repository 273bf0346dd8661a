//! The doorman: looks at every message before the SIP stack does, and answers what must not get further.
//!
//! The stack's parser refuses unknown methods without an answer and lets much pass that RFC 3261 calls malformed. Both
//! are settled here without state: a reply is made of the request alone (RFC 3261 8.2.7), so a flood of bad requests
//! costs no memory. Pure: bytes in, a verdict out.

mod grammar;
mod request;

use std::net::SocketAddr;

use grammar::Via;
use request::{Answer, Request};

/// Longest message head we read, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// What we say we are. No version: it would only tell an attacker which holes to try.
pub(crate) const PRODUCT: &str = "Hotline";
/// The methods we do.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE";
/// The bodies we read.
pub(crate) const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it is no SIP, or an answer is forbidden or impossible.
    Drop,
    /// Hand its first bytes to the stack; what follows in a datagram is no part of it (RFC 3261 18.3).
    Pass { length: usize },
    /// Hand it to the stack in this plainer form.
    PassPlain(Vec<u8>),
    /// Send these bytes there, and forget it.
    Reply { bytes: Vec<u8>, to: SocketAddr },
}

/// Judges one message: a datagram, or what a stream was cut into.
pub(crate) fn judge(message: &[u8], source: SocketAddr) -> Verdict {
    let (head, body) = split(message);
    if head.len() > HEAD_BYTES_MAX {
        return Verdict::Drop;
    }
    if head.starts_with(b"SIP/2.0 ") {
        return if body.is_some() { Verdict::Pass { length: message.len() } } else { Verdict::Drop };
    }
    let Some((request, via)) = read(head, source) else {
        return Verdict::Drop;
    };
    // RFC 3261 17.1.1.3: an ACK is never answered.
    match (request.objection(body, &via), request.method == "ACK") {
        (Some(_), true) => Verdict::Drop,
        (Some(answer), false) => Verdict::Reply { bytes: request.reply(&answer, &via), to: via.reply_to },
        (None, _) => {
            let body = body.unwrap_or_default();
            let body = request.content_length().and_then(|length| body.get(..length)).unwrap_or(body);
            if request.odd {
                Verdict::PassPlain(request.plain(body))
            } else {
                Verdict::Pass { length: head.len() + HEAD_END.len() + body.len() }
            }
        }
    }
}

/// Refuses a message that passed, but that the stack cannot read after all.
pub(crate) fn refuse(message: &[u8], source: SocketAddr) -> Verdict {
    match read(split(message).0, source) {
        Some((request, via)) if request.method != "ACK" => {
            Verdict::Reply { bytes: request.reply(&Answer::new("400 Bad Request"), &via), to: via.reply_to }
        }
        Some(_) | None => Verdict::Drop,
    }
}

/// A request and the way back.
fn read(head: &[u8], source: SocketAddr) -> Option<(Request<'_>, Via)> {
    let request = Request::read(head)?;
    let via = Via::read(request.first("via")?, source)?;
    Some((request, via))
}

/// The head and, when it is complete, the body.
fn split(message: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = message.windows(HEAD_END.len()).position(|window| window == HEAD_END);
    match end {
        Some(end) => (&message[..end], Some(&message[end + HEAD_END.len()..])),
        None => (message, None),
    }
}

const HEAD_END: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "192.0.2.7:40000";

    fn request(method: &str, change: impl Fn(String) -> String) -> Vec<u8> {
        let plain = format!(
            "{method} sip:1@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z9hG4bK1\r\n\
             From: <sip:a@x>;tag=f\r\nTo: <sip:1@x>\r\nCall-ID: c\r\nCSeq: 7 {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:a@10.0.0.5:5070>\r\nContent-Length: 0\r\n\r\n"
        );
        change(plain).into_bytes()
    }

    /// The status of the reply, `pass` or `drop`.
    fn verdict(message: &[u8]) -> String {
        match judge(message, SOURCE.parse().unwrap()) {
            Verdict::Drop => "drop".to_owned(),
            Verdict::Pass { .. } | Verdict::PassPlain(_) => "pass".to_owned(),
            Verdict::Reply { bytes, .. } => String::from_utf8(bytes).unwrap()[8..11].to_owned(),
        }
    }

    #[test]
    fn every_method_is_passed_answered_or_refused() {
        for (method, expected) in [
            ("ACK", "pass"),
            ("BYE", "481"),
            ("CANCEL", "pass"),
            ("INFO", "481"),
            ("INVITE", "pass"),
            ("MESSAGE", "405"),
            ("NOTIFY", "405"),
            ("OPTIONS", "200"),
            ("PRACK", "405"),
            ("PUBLISH", "405"),
            ("REFER", "405"),
            ("REGISTER", "405"),
            ("SUBSCRIBE", "405"),
            ("UPDATE", "481"),
            ("NEWMETHOD", "501"),
            ("invite", "501"),
            ("IN<VITE", "400"),
        ] {
            assert_eq!(verdict(&request(method, |plain| plain)), expected, "{method}");
        }
    }

    #[test]
    fn a_malformed_request_is_told_so() {
        let check = |from: &str, to: &str, expected: &str| {
            let message = request("INVITE", |plain| {
                assert!(plain.contains(from), "{from}");
                plain.replace(from, to)
            });
            assert_eq!(verdict(&message), expected, "{from} -> {to}");
        };
        check("SIP/2.0\r\n", "SIP/7.0\r\n", "505");
        check("CSeq: 7", "CSeq: 36893488147419103232", "400");
        check("CSeq: 7 INVITE", "CSeq: 7 BYE", "400");
        check("CSeq: 7 INVITE\r\n", "", "400");
        check("CSeq:", "CSeq 7\r\nCSeq:", "400");
        check("Call-ID: c\r\n", "", "400");
        check("Call-ID: c\r\n", "i: c\r\n", "pass");
        check("From: <sip:a@x>;tag=f", "From: <sip:a@x>", "400");
        check("From: <sip:a@x>;tag=f", "From: \"a <sip:a@x>;tag=f", "400");
        check("From: <sip:a@x>;tag=f", "From: \"a, <b>\"\r\n <sip:a@x>;tag=f", "pass");
        check("To: <sip:1@x>\r\n", "To: <sip:1@x>\r\nTo: <sip:2@x>\r\n", "400");
        check("Contact: <sip:a@10.0.0.5:5070>\r\n", "", "400");
        check("Contact: <sip:a@10.0.0.5:5070>", "Contact: sip:a@10.0.0.5?x=y", "400");
        check("Contact: <sip:a@10.0.0.5:5070>", "Contact: <sip:a@10.0.0.5>, <sip:b@10.0.0.5>", "pass");
        check("branch=z9hG4bK1", "branch=z9hG4bK", "400");
        check("branch=z9hG4bK1", "branch=z9hG4bK1;;", "400");
        check("Max-Forwards", "Accept: text/plain\r\nMax-Forwards", "406");
        check("Max-Forwards", "Accept: text/plain, application/sdp;q=0.1\r\nMax-Forwards", "pass");
        check("SIP/2.0\r\n", "SIP/2.0  \r\n", "400");
        check("sip:1@192.0.2.1 SIP", " sip:1@192.0.2.1 SIP", "400");
        check("sip:1@192.0.2.1 SIP", "sip:1@192.0.2.1?Route=x SIP", "400");
        check("sip:1@192.0.2.1 SIP", "sip:1?x@192.0.2.1 SIP", "pass");
        check("Content-Length: 0", "Content-Length: 9999", "400");
        check("Content-Length: 0", "Content-Length: -1", "400");
        check("Content-Length: 0", "Content-Length: 0\r\nl: 5", "400");
        check("Max-Forwards: 70", "Max-Forwards: many", "400");
        check("sip:1@192.0.2.1 SIP", "<sip:1@192.0.2.1> SIP", "400");
        check("sip:1@192.0.2.1 SIP", "sip:1@192.0.2.1 ;x SIP", "400");
        check("sip:1@192.0.2.1 SIP", "tel:+86100 SIP", "pass");
        check("sip:1@192.0.2.1 SIP", "nobody:x SIP", "416");
        check("Max-Forwards", "Require: 100rel, x\r\nMax-Forwards", "420");
        check("Content-Length: 0\r\n\r\n", "Content-Type: text/html\r\nContent-Length: 1\r\n\r\n<", "415");
        check("Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n", "400");
        check("Via: SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z9hG4bK1\r\n", "", "drop");
    }

    #[test]
    fn what_is_no_sip_gets_no_answer() {
        for noise in
            [&b""[..], b"\0\xff\x80\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"INVITE", b"SIP/2.0 200", b" \r\n\r\n"]
        {
            assert_eq!(verdict(noise), "drop", "{noise:?}");
        }
        let ack = request("ACK", |plain| plain.replace("CSeq: 7", "CSeq: x"));
        assert_eq!(verdict(&ack), "drop", "an ACK is never answered");
    }

    #[test]
    fn a_reply_goes_back_where_the_request_came_from() {
        let check = |via: &str, to: &str, expected: &str| {
            let message =
                request("REGISTER", |plain| plain.replace("SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z9hG4bK1", via));
            let Verdict::Reply { bytes, to: sent_to } = judge(&message, SOURCE.parse().unwrap()) else {
                panic!("no reply to {via}");
            };
            let text = String::from_utf8(bytes).unwrap();
            let line = text.lines().find(|line| line.starts_with("Via")).unwrap();
            assert_eq!((sent_to.to_string().as_str(), line), (to, expected));
            assert!(text.contains("\r\nUser-Agent: Hotline\r\n"), "{text}");
            assert!(text.contains("\r\nTo: <sip:1@x>;tag="), "{text}");
        };
        check(
            "SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z1",
            SOURCE,
            "Via: SIP/2.0/UDP 10.0.0.5:5070;rport=40000;branch=z1;received=192.0.2.7",
        );
        check(
            "SIP/2.0/UDP h.example;branch=z1, SIP/2.0/UDP p:1",
            "192.0.2.7:5060",
            "Via: SIP/2.0/UDP h.example;branch=z1;received=192.0.2.7, SIP/2.0/UDP p:1",
        );
    }
}
