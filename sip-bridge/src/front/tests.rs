//! Messages one by one, and what the doorman makes of each.

use super::*;

const SOURCE: &str = "192.0.2.7:40000";

fn judge(message: &[u8]) -> Verdict {
    let origin = Origin { source: SOURCE.parse().unwrap(), transport: Transport::Udp };
    Doorman::new(GuardConfig::default(), None).judge(message, origin, Moment::START)
}

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
    match judge(message) {
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
    for noise in [&b""[..], b"\0\xff\x80\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"INVITE", b"SIP/2.0 200", b" \r\n\r\n"] {
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
        let Verdict::Reply { bytes, to: sent_to } = judge(&message) else {
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
