//! The doorman: looks at every message before the SIP stack does, and answers what must not get further.
//!
//! The stack's parser refuses unknown methods without an answer and lets much pass that RFC 3261 calls malformed. Both
//! are settled here without state: a reply is made of the request alone (RFC 3261 8.2.7), so a flood of bad requests
//! costs no memory. Pure: bytes in, a verdict out.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

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
    /// Hand it to the stack.
    Pass,
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
        return if body.is_some() { Verdict::Pass } else { Verdict::Drop };
    }
    let Some(request) = Request::read(head) else {
        return Verdict::Drop;
    };
    let Some(via) = request.first("via").and_then(|via| Via::read(via, source)) else {
        return Verdict::Drop;
    };
    // RFC 3261 17.1.1.3: an ACK is never answered.
    match (request.objection(body), request.method == "ACK") {
        (Some(_), true) => Verdict::Drop,
        (Some(objection), false) => Verdict::Reply { bytes: request.reply(&objection, &via), to: via.reply_to },
        (None, _) => Verdict::Pass,
    }
}

/// Refuses a message that passed, but that the stack cannot read after all.
pub(crate) fn refuse(message: &[u8], source: SocketAddr) -> Verdict {
    let request = Request::read(split(message).0);
    let Some(request) = request.filter(|request| request.method != "ACK") else {
        return Verdict::Drop;
    };
    let Some(via) = request.first("via").and_then(|via| Via::read(via, source)) else {
        return Verdict::Drop;
    };
    Verdict::Reply { bytes: request.reply(&Objection::new("400 Bad Request"), &via), to: via.reply_to }
}

/// A stateless answer.
struct Objection {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Objection {
    fn new(status: &'static str) -> Self {
        Self { status, headers: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The head of a request, read as far as an answer needs it.
struct Request<'a> {
    method: &'a str,
    uri: &'a str,
    version: &'a str,
    /// Names in their long form and lower case, values unfolded; as received, in order.
    headers: Vec<(String, String)>,
    well_formed: bool,
}

impl<'a> Request<'a> {
    /// `None` when it is not even shaped like a request.
    fn read(head: &'a [u8]) -> Option<Self> {
        let (text, mut well_formed) = match std::str::from_utf8(head) {
            Ok(text) => (text, true),
            Err(error) => (std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?, false),
        };
        let mut lines = text.split("\r\n");
        let start = lines.next()?;
        let (method, rest) = start.split_once(' ')?;
        let (uri, version) = rest.rsplit_once(' ')?;
        if !version.to_ascii_uppercase().starts_with("SIP/") || method.is_empty() {
            return None;
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let continued = line.starts_with([' ', '\t']);
            match (headers.last_mut(), line.split_once(':')) {
                // RFC 3261 7.3.1: a folded line goes on with the one before.
                (Some((_, value)), _) if continued => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (_, Some((name, value))) if !continued && is_token(name.trim()) => {
                    headers.push((long_name(name.trim()), value.trim().to_owned()));
                }
                _ => well_formed = false,
            }
        }
        Some(Self { method, uri, version, headers, well_formed })
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Why it may not pass.
    fn objection(&self, body: Option<&[u8]>) -> Option<Objection> {
        if self.version != "SIP/2.0" {
            return Some(Objection::new("505 Version Not Supported"));
        }
        // RFC 3261 16.3: nothing else is worth looking at in a malformed request.
        if !self.well_formed || !is_token(self.method) || body.is_none_or(|body| !self.framed(body)) {
            return Some(Objection::new("400 Bad Request"));
        }
        if let Some(missing) = self.missing() {
            return Some(Objection::new(missing));
        }
        // RFC 3261 8.2: method first, then headers, then content.
        match self.method {
            "INVITE" | "ACK" | "BYE" | "CANCEL" | "OPTIONS" | "INFO" | "UPDATE" => {}
            "MESSAGE" | "NOTIFY" | "PRACK" | "PUBLISH" | "REFER" | "REGISTER" | "SUBSCRIBE" => {
                return Some(Objection::new("405 Method Not Allowed").with("Allow", ALLOW));
            }
            _ => return Some(Objection::new("501 Not Implemented").with("Allow", ALLOW)),
        }
        self.bad_uri().or_else(|| self.extension()).or_else(|| self.content(body)).or_else(|| self.place())
    }

    /// RFC 3261 18.3, 20.14: the length, if given, is one number and no more than what came.
    fn framed(&self, body: &[u8]) -> bool {
        let mut lengths = self.all("content-length").map(|value| value.parse::<usize>().ok());
        match lengths.next() {
            None => true,
            Some(first) => first.is_some_and(|first| first <= body.len()) && lengths.all(|other| other == first),
        }
    }

    /// RFC 3261 8.1.1: what every request must have, once, and rightly.
    fn missing(&self) -> Option<&'static str> {
        for (name, status) in [
            ("call-id", "400 Bad Call-ID"),
            ("cseq", "400 Bad CSeq"),
            ("from", "400 Bad From"),
            ("max-forwards", "400 Bad Max-Forwards"),
            ("to", "400 Bad To"),
        ] {
            let mut values = self.all(name);
            let (first, twice) = (values.next(), values.next().is_some());
            let right = match (name, first) {
                // RFC 2543 had none, and its phones still call.
                ("max-forwards", None) => true,
                ("max-forwards", Some(value)) => value.parse::<u8>().is_ok(),
                ("cseq", Some(value)) => self.is_own_cseq(value),
                // RFC 3261 8.1.1.3: From carries a tag.
                ("from", Some(value)) => is_address(value) && tag(value).is_some_and(|tag| !tag.is_empty()),
                ("to", Some(value)) => is_address(value),
                (_, Some(value)) => !value.is_empty(),
                (_, None) => false,
            };
            if !right || twice {
                return Some(status);
            }
        }
        let contacts = self.all("contact").count();
        (self.method == "INVITE" && contacts == 0).then_some("400 Missing Contact")
    }

    fn is_own_cseq(&self, value: &str) -> bool {
        let mut words = value.split_whitespace();
        let number = words.next().and_then(|number| number.parse::<u32>().ok());
        // RFC 3261 8.1.1.5: below 2^31, and of the same method.
        number.is_some_and(|number| number < 1 << 31) && words.next() == Some(self.method) && words.next().is_none()
    }

    fn bad_uri(&self) -> Option<Objection> {
        if self.uri.is_empty() || self.uri.contains([' ', '\t', '<', '>', '"']) {
            return Some(Objection::new("400 Bad Request-URI"));
        }
        let scheme = self.uri.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("sip" | "sips" | "tel") => None,
            _ => Some(Objection::new("416 Unsupported URI Scheme")),
        }
    }

    /// RFC 3261 8.2.2.3: nothing is supported that must be required.
    fn extension(&self) -> Option<Objection> {
        let required: Vec<&str> = self.all("require").flat_map(|value| value.split(',')).map(str::trim).collect();
        let refused = !required.is_empty() && !matches!(self.method, "ACK" | "CANCEL");
        refused.then(|| Objection::new("420 Bad Extension").with("Unsupported", required.join(", ")))
    }

    /// RFC 3261 8.2.3: a body that changes the session must be one we read.
    fn content(&self, body: Option<&[u8]>) -> Option<Objection> {
        let describes = matches!(self.method, "INVITE" | "UPDATE") && body.is_some_and(|body| !body.is_empty());
        let kind = self.first("content-type").unwrap_or_default().to_ascii_lowercase();
        let readable = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/sdp");
        let encoded = self.first("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        let refused = describes && (!readable || encoded);
        refused.then(|| {
            Objection::new("415 Unsupported Media Type").with("Accept", ACCEPT).with("Accept-Encoding", "identity")
        })
    }

    /// What belongs into a dialog and names none, and what needs no dialog.
    fn place(&self) -> Option<Objection> {
        let in_dialog = self.first("to").and_then(tag).is_some_and(|tag| !tag.is_empty());
        match (self.method, in_dialog) {
            ("BYE" | "INFO" | "UPDATE", false) => Some(Objection::new("481 Call/Transaction Does Not Exist")),
            // RFC 3261 11.2.
            ("OPTIONS", false) => Some(
                Objection::new("200 OK").with("Allow", ALLOW).with("Accept", ACCEPT).with("Accept-Language", "en, zh"),
            ),
            _ => None,
        }
    }

    /// Makes the answer of the request (RFC 3261 8.2.6.2).
    fn reply(&self, objection: &Objection, top: &Via) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {}\r\nVia: {}\r\n", objection.status, top.value);
        for via in self.all("via").skip(1) {
            text.push_str(&format!("Via: {via}\r\n"));
        }
        for (name, known) in [("From", "from"), ("To", "to"), ("Call-ID", "call-id"), ("CSeq", "cseq")] {
            let Some(value) = self.first(known) else { continue };
            text.push_str(&format!("{name}: {value}"));
            if name == "To" && tag(value).is_none() {
                text.push_str(&format!(";tag={:016x}", self.fingerprint(&top.value)));
            }
            text.push_str("\r\n");
        }
        for (name, value) in &objection.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("User-Agent: {PRODUCT}\r\nContent-Length: 0\r\n\r\n"));
        text.into_bytes()
    }

    /// RFC 3261 8.2.7: a stateless answer gives a retransmission the same tag.
    fn fingerprint(&self, via: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.first("call-id"), self.first("from"), via).hash(&mut hasher);
        hasher.finish()
    }
}

/// The topmost Via, completed with where the request really came from.
struct Via {
    value: String,
    reply_to: SocketAddr,
}

impl Via {
    fn read(header: &str, source: SocketAddr) -> Option<Self> {
        let (first, rest) = match header.split_once(',') {
            Some((first, rest)) => (first.trim_end(), format!(", {}", rest.trim_start())),
            None => (header, String::new()),
        };
        let mut parts = first.split(';').map(str::trim);
        let sent = parts.next()?;
        let (_, sent_by) = sent.rsplit_once(char::is_whitespace)?;
        let mut port = sent_port(sent_by);
        let mut value = sent.to_owned();
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            let name = parameter.split('=').next().unwrap_or(parameter).trim();
            if name.eq_ignore_ascii_case("rport") {
                // RFC 3581 4: the answer goes to the port it came from.
                port = source.port();
                value.push_str(&format!(";rport={port}"));
            } else if !name.eq_ignore_ascii_case("received") {
                value.push_str(&format!(";{parameter}"));
            }
        }
        // RFC 3261 18.2.1, 18.2.2: the answer goes to the address it came from.
        value.push_str(&format!(";received={}", source.ip()));
        value.push_str(&rest);
        Some(Self { value, reply_to: SocketAddr::new(source.ip(), port) })
    }
}

/// The port a Via says it was sent from.
fn sent_port(sent_by: &str) -> u16 {
    let after_address = sent_by.rsplit_once(']').map_or(sent_by, |(_, after)| after);
    after_address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(SIP_PORT)
}

/// The head and, when it is complete, the body.
fn split(message: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    match end {
        Some(end) => (&message[..end], Some(&message[end + 4..])),
        None => (message, None),
    }
}

/// RFC 3261 25.1, token.
fn is_token(word: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !word.is_empty() && word.bytes().all(in_token)
}

/// Whether it can be a From or To: a URI, in brackets or not, and every quote and bracket closed.
fn is_address(value: &str) -> bool {
    let unquoted: String = value.split('"').step_by(2).collect();
    let quotes_closed = value.matches('"').count().is_multiple_of(2) || value.contains("\\\"");
    let brackets = (unquoted.matches('<').count(), unquoted.matches('>').count());
    quotes_closed && unquoted.contains(':') && matches!(brackets, (0, 0) | (1, 1))
}

/// The tag of a From or To.
fn tag(value: &str) -> Option<&str> {
    let parameters = value.rsplit_once('>').map_or(value, |(_, parameters)| parameters);
    parameters.split(';').skip(1).find_map(|parameter| {
        let (name, tag) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("tag").then(|| tag.trim())
    })
}

/// RFC 3261 7.3.3: compact names.
fn long_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let long = match name.as_str() {
        "c" => "content-type",
        "e" => "content-encoding",
        "f" => "from",
        "i" => "call-id",
        "k" => "supported",
        "l" => "content-length",
        "m" => "contact",
        "t" => "to",
        "v" => "via",
        _ => return name,
    };
    long.to_owned()
}

const SIP_PORT: u16 = 5060;

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
            Verdict::Pass => "pass".to_owned(),
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
