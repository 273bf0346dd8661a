//! A request as the doorman reads it, what is wrong with it, and the answers that need no state.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::grammar::{Address, Via, is_token, list, long_name, tightened};
use super::{ACCEPT, PRODUCT};

/// A stateless answer.
pub(crate) struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// With a status and its phrase.
    pub(crate) fn new(status: &'static str) -> Self {
        Self { status, headers: Vec::new() }
    }

    /// Whether it says no.
    pub(super) fn is_refusal(&self) -> bool {
        !self.status.starts_with('2')
    }

    /// And a header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The head of a request, read as far as an answer needs it.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    version: &'a str,
    /// Names in their long form and lower case, values unfolded; as received, in order.
    headers: Vec<(String, String)>,
    well_formed: bool,
    /// Written in a way that the grammar allows and parsers misread: folded lines, or white space where none is needed.
    pub(super) odd: bool,
}

impl<'a> Request<'a> {
    /// `None` when it is not even shaped like a request.
    pub(super) fn read(head: &'a [u8]) -> Option<Self> {
        let (text, whole) = match std::str::from_utf8(head) {
            Ok(text) => (text, true),
            Err(error) => (std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?, false),
        };
        let mut lines = text.split("\r\n");
        let start = lines.next()?;
        let (method, rest) = start.split_once(' ')?;
        let (uri, version) = rest.trim_end().rsplit_once(' ')?;
        if !version.to_ascii_uppercase().starts_with("SIP/") || method.is_empty() {
            return None;
        }
        // RFC 3261 7.1: one space between the three, and none after.
        let mut well_formed = whole && rest.trim_end() == rest;
        let (mut headers, mut odd) = (Vec::<(String, String)>::new(), false);
        for line in lines.filter(|line| !line.is_empty()) {
            let continued = line.starts_with([' ', '\t']);
            match (headers.last_mut(), line.split_once(':')) {
                // RFC 3261 7.3.1: a folded line goes on with the one before.
                (Some((_, value)), _) if continued => {
                    odd = true;
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (_, Some((name, value))) if !continued && is_token(name.trim()) => {
                    odd |= name.ends_with([' ', '\t']);
                    headers.push((long_name(name.trim()), value.trim().to_owned()));
                }
                _ => well_formed = false,
            }
        }
        Some(Self { method, uri, version, headers, well_formed, odd })
    }

    /// The first value of a header.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header, one for each time it stands there.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Why it may not pass, or what it is to be told.
    pub(super) fn objection(&self, body: Option<&[u8]>, via: &Via, allowed: &str) -> Option<Answer> {
        if self.version != "SIP/2.0" {
            return Some(Answer::new("505 Version Not Supported"));
        }
        // RFC 3261 16.3: nothing else is worth looking at in a malformed request.
        if !self.well_formed || !is_token(self.method) || body.is_none_or(|body| !self.framed(body)) {
            return Some(Answer::new("400 Bad Request"));
        }
        // RFC 3261 8.2: method first, then headers, then content.
        if !KNOWN.contains(&self.method) {
            return Some(Answer::new("501 Not Implemented").with("Allow", allowed));
        }
        if !via.sound {
            return Some(Answer::new("400 Bad Via"));
        }
        if let Some(missing) = self.missing() {
            return Some(Answer::new(missing));
        }
        if !allowed.split(", ").any(|method| method == self.method) {
            return Some(Answer::new("405 Method Not Allowed").with("Allow", allowed));
        }
        self.bad_uri().or_else(|| self.extension()).or_else(|| self.content(body)).or_else(|| self.place(allowed))
    }

    /// RFC 3261 18.3, 20.14: the length, if given, is one number and no more than what came.
    fn framed(&self, body: &[u8]) -> bool {
        let mut lengths = self.all("content-length").map(|value| value.parse::<usize>().ok());
        match lengths.next() {
            None => true,
            Some(first) => first.is_some_and(|first| first <= body.len()) && lengths.all(|other| other == first),
        }
    }

    /// The stated length of the body.
    pub(super) fn content_length(&self) -> Option<usize> {
        self.first("content-length")?.parse().ok()
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
                ("from", Some(value)) => Address::read(value).is_some_and(|from| from.tag().is_some()),
                ("to", Some(value)) => self.is_right_to(value),
                (_, Some(value)) => !value.is_empty(),
                (_, None) => false,
            };
            if !right || twice {
                return Some(status);
            }
        }
        self.contacts_are_wrong().then_some("400 Bad Contact")
    }

    fn is_right_to(&self, value: &str) -> bool {
        let Some(to) = Address::read(value) else { return false };
        // RFC 3261 10.3: what is registered is a SIP address.
        let sip = || ["sip", "sips"].iter().any(|scheme| to.scheme().eq_ignore_ascii_case(scheme));
        self.method != "REGISTER" || sip()
    }

    fn contacts_are_wrong(&self) -> bool {
        // RFC 3261 10.2.2: every contact at once, for its removal.
        let read = |contact: &str| (self.method == "REGISTER" && contact == "*") || Address::read(contact).is_some();
        let mut contacts = self.all("contact").flat_map(list).peekable();
        (self.method == "INVITE" && contacts.peek().is_none()) || !contacts.all(read)
    }

    fn is_own_cseq(&self, value: &str) -> bool {
        let mut words = value.split_whitespace();
        let number = words.next().and_then(|number| number.parse::<u32>().ok());
        // RFC 3261 8.1.1.5: below 2^31, and of the same method.
        number.is_some_and(|number| number < 1 << 31) && words.next() == Some(self.method) && words.next().is_none()
    }

    /// The number of the CSeq.
    pub(crate) fn cseq(&self) -> Option<u32> {
        self.first("cseq")?.split_whitespace().next()?.parse().ok()
    }

    /// Whether it belongs into a dialog.
    pub(super) fn is_within(&self) -> bool {
        self.first("to").and_then(Address::read).is_some_and(|to| to.tag().is_some())
    }

    fn bad_uri(&self) -> Option<Answer> {
        if self.uri.is_empty() || self.uri.contains([' ', '\t', '<', '>', '"']) {
            return Some(Answer::new("400 Bad Request-URI"));
        }
        let (scheme, rest) = self.uri.split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            // RFC 3261 19.1.1: headers have no place in a request line. A `?` in the user part is none.
            "sip" | "sips" if rest.rsplit_once('@').map_or(rest, |(_, host)| host).contains('?') => {
                Some(Answer::new("400 Bad Request-URI"))
            }
            "sip" | "sips" | "tel" => None,
            _ => Some(Answer::new("416 Unsupported URI Scheme")),
        }
    }

    /// RFC 3261 8.2.2.3: nothing is supported that must be required.
    fn extension(&self) -> Option<Answer> {
        let required: Vec<&str> = self.all("require").flat_map(list).collect();
        let refused = !required.is_empty() && !matches!(self.method, "ACK" | "CANCEL");
        refused.then(|| Answer::new("420 Bad Extension").with("Unsupported", required.join(", ")))
    }

    /// RFC 3261 8.2.3: a body that changes the session must be one we read, and our answer one they read.
    fn content(&self, body: Option<&[u8]>) -> Option<Answer> {
        if !matches!(self.method, "INVITE" | "UPDATE") {
            return None;
        }
        let kind = self.first("content-type").unwrap_or_default().to_ascii_lowercase();
        let readable = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/sdp");
        let encoded = self.first("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        if body.is_some_and(|body| !body.is_empty()) && (!readable || encoded) {
            let refusal = Answer::new("415 Unsupported Media Type").with("Accept", ACCEPT);
            return Some(refusal.with("Accept-Encoding", "identity"));
        }
        let mut accepted =
            self.all("accept").flat_map(list).map(|kind| kind.split(';').next().unwrap_or(kind)).peekable();
        let reads_sdp = |kind: &str| {
            let kind = kind.trim().to_ascii_lowercase();
            matches!(kind.as_str(), "" | "*/*" | "application/*" | "application/sdp")
        };
        // RFC 3261 20.1, RFC 4475 3.3.15: an answer would be of a kind that they do not read.
        (accepted.peek().is_some() && !accepted.any(reads_sdp)).then(|| Answer::new("406 Not Acceptable"))
    }

    /// What belongs into a dialog and names none, and what needs no dialog.
    fn place(&self, allowed: &str) -> Option<Answer> {
        match (self.method, self.is_within()) {
            ("BYE" | "INFO" | "UPDATE", false) => Some(Answer::new("481 Call/Transaction Does Not Exist")),
            // RFC 3261 11.2.
            ("OPTIONS", false) => {
                let answer = Answer::new("200 OK").with("Allow", allowed).with("Accept", ACCEPT);
                Some(answer.with("Accept-Language", "en, zh"))
            }
            _ => None,
        }
    }

    /// Makes the answer of the request (RFC 3261 8.2.6.2).
    pub(super) fn reply(&self, answer: &Answer, top: &Via) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {}\r\nVia: {}\r\n", answer.status, top.value);
        for via in self.all("via").skip(1) {
            text.push_str(&format!("Via: {via}\r\n"));
        }
        for (name, known) in [("From", "from"), ("To", "to"), ("Call-ID", "call-id"), ("CSeq", "cseq")] {
            let Some(value) = self.first(known) else { continue };
            text.push_str(&format!("{name}: {value}"));
            // What cannot be read may have a tag all the same.
            if name == "To" && Address::read(value).map_or(!value.contains("tag"), |to| to.tag().is_none()) {
                text.push_str(&format!(";tag={:016x}", self.fingerprint(&top.value)));
            }
            text.push_str("\r\n");
        }
        for (name, value) in &answer.headers {
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

    /// The same request in the plainest form of the grammar: nothing folded, no white space that means nothing.
    pub(super) fn plain(&self, body: &[u8]) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.uri, self.version);
        for (name, value) in &self.headers {
            // RFC 3261 20.42: the topmost Via alone is ours to read, so each on its own line.
            if name == "via" {
                list(value).for_each(|via| text.push_str(&format!("Via: {}\r\n", tightened(via))));
                continue;
            }
            let structured = ["contact", "cseq", "from", "record-route", "route", "to"].contains(&name.as_str());
            let value = if structured { tightened(value) } else { value.clone() };
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        [text.as_bytes(), b"\r\n", body].concat()
    }
}

/// Methods of SIP and its extensions; all others are unknown rather than not allowed.
const KNOWN: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];
