//! The grammar of SIP as far as the doorman reads it (RFC 3261 25.1): tokens, lists, addresses, Via.
//!
//! Strict where a liberal reading could be another's: a value that may mean two things is refused. What only looks odd, as
//! a display name with brackets, is taken, because phones are odd.

use std::net::SocketAddr;

/// A word of RFC 3261 25.1, token.
pub(crate) fn is_token(word: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !word.is_empty() && word.bytes().all(in_token)
}

/// A From, To or one Contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub(crate) uri: &'a str,
    /// What follows, from the first `;` on.
    parameters: &'a str,
}

impl<'a> Address<'a> {
    /// `None` when it is malformed.
    pub(crate) fn read(value: &'a str) -> Option<Self> {
        let value = value.trim();
        let after_name = match value.strip_prefix('"') {
            Some(quoted) => quoted.get(closing_quote(quoted)? + 1..)?.trim_start(),
            None => value,
        };
        let (uri, parameters) = match after_name.split_once('<') {
            Some((name, rest)) => {
                // A comma or semicolon outside of quotes would begin something else.
                let ambiguous = name.contains([',', ';', '"', '>']) || (value.starts_with('"') && !name.is_empty());
                let (uri, parameters) = rest.split_once('>')?;
                (!ambiguous).then_some((uri, parameters.trim()))?
            }
            None if value.starts_with('"') => return None,
            None => {
                let end = after_name.find(';').unwrap_or(after_name.len());
                let (uri, parameters) = after_name.split_at(end);
                // RFC 3261 20: these would need brackets.
                (!uri.contains(['?', ','])).then_some((uri.trim_end(), parameters))?
            }
        };
        let sound = uri.contains(':') && !uri.contains(|c: char| c.is_whitespace() || c == '<' || c.is_control());
        (sound && are_parameters(parameters)).then_some(Self { uri, parameters })
    }

    /// A parameter's value; empty when it has none.
    pub(crate) fn parameter(&self, wanted: &str) -> Option<&'a str> {
        split_outside_quotes(self.parameters, ';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    }

    /// The tag, which names one end of a dialog.
    pub(crate) fn tag(&self) -> Option<&'a str> {
        self.parameter("tag").filter(|tag| !tag.is_empty())
    }

    /// The scheme of the URI, as written.
    pub(crate) fn scheme(&self) -> &'a str {
        self.uri.split_once(':').map_or("", |(scheme, _)| scheme)
    }
}

/// Whether text is nothing, or `;name` and `;name=value` and no empty ones.
fn are_parameters(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(';') else { return text.is_empty() };
    split_outside_quotes(rest, ';').all(|parameter| {
        let (name, value) = parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)));
        let value = value.map(str::trim);
        let quoted =
            |value: &str| value.strip_prefix('"').is_some_and(|rest| closing_quote(rest) == rest.len().checked_sub(1));
        let plain = |value: &str| !value.is_empty() && !value.contains(['"', ',', '<', '>', ' ', '\t']);
        is_token(name.trim()) && value.is_none_or(|value| plain(value) || quoted(value))
    })
}

/// The parts of a list, at commas outside of quotes and brackets.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    split_outside_quotes(value, ',').map(str::trim)
}

/// Splits at a mark that stands neither in quotes nor in angle brackets.
fn split_outside_quotes(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    text.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ if c == mark => return !quoted && !bracketed,
            _ => {}
        }
        false
    })
}

/// Where the quote ends that was opened before `text`.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// A user part as it is meant (RFC 3261 19.1.2); as it was written where that would be no text.
pub(crate) fn unescaped(user: &str) -> String {
    let mut bytes = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control));
    text.unwrap_or_else(|| user.to_owned())
}

/// The topmost Via, completed with where the request really came from.
pub(super) struct Via {
    pub(super) value: String,
    pub(super) reply_to: SocketAddr,
    /// Whether every Via of the header can be read, and this one names its transaction.
    pub(super) sound: bool,
}

impl Via {
    /// `None` when no answer can be sent.
    pub(super) fn read(header: &str, source: SocketAddr) -> Option<Self> {
        let (first, rest) = match header.split_once(',') {
            Some((first, rest)) => (first.trim_end(), format!(", {}", rest.trim_start())),
            None => (header, String::new()),
        };
        let mut parts = first.split(';').map(str::trim);
        let sent = parts.next()?;
        let (_, sent_by) = sent.rsplit_once(char::is_whitespace)?;
        let mut port = sent_port(sent_by);
        let mut value = sent.to_owned();
        let mut sound = list(header).all(|via| via.find(';').is_none_or(|at| are_parameters(&via[at..])));
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            let (name, own) = parameter.split_once('=').map_or((parameter, ""), |(name, own)| (name, own));
            let name = name.trim();
            if name.eq_ignore_ascii_case("rport") {
                // RFC 3581 4: the answer goes to the port it came from.
                port = source.port();
                value.push_str(&format!(";rport={port}"));
            } else if !name.eq_ignore_ascii_case("received") {
                value.push_str(&format!(";{parameter}"));
            }
            // RFC 3261 8.1.1.7: behind the cookie stands what is unique.
            sound &= !(name.eq_ignore_ascii_case("branch") && own.trim().eq_ignore_ascii_case("z9hG4bK"));
        }
        // RFC 3261 18.2.1, 18.2.2: the answer goes to the address it came from.
        value.push_str(&format!(";received={}", source.ip()));
        value.push_str(&rest);
        Some(Self { value, reply_to: SocketAddr::new(source.ip(), port), sound })
    }
}

/// The port a Via says it was sent from.
fn sent_port(sent_by: &str) -> u16 {
    let after_address = sent_by.rsplit_once(']').map_or(sent_by, |(_, after)| after);
    after_address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(SIP_PORT)
}

/// RFC 3261 7.3.3: compact names.
pub(super) fn long_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let long = match name.as_str() {
        "c" => "content-type",
        "e" => "content-encoding",
        "f" => "from",
        "i" => "call-id",
        "k" => "supported",
        "l" => "content-length",
        "m" => "contact",
        "r" => "refer-to",
        "s" => "subject",
        "t" => "to",
        "v" => "via",
        "x" => "session-expires",
        _ => return name,
    };
    long.to_owned()
}

/// A value without the white space that RFC 3261 allows around separators, for parsers that do not.
pub(super) fn tightened(value: &str) -> String {
    let mut tight = String::with_capacity(value.len());
    let (mut quoted, mut escaped, mut space) = (false, false, false);
    for c in value.trim().chars() {
        if !quoted && c.is_ascii_whitespace() {
            space = true;
            continue;
        }
        let glued = |c: char| matches!(c, ';' | '=' | '/' | ',');
        if space && !glued(c) && !tight.ends_with(glued) {
            tight.push(' ');
        }
        space = false;
        tight.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    tight
}

const SIP_PORT: u16 = 5060;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused() {
        for (value, uri, tag) in [
            ("sip:a@x;tag=1", "sip:a@x", Some("1")),
            ("caller<sip:a@x>;tag=1", "sip:a@x", Some("1")),
            ("<sip:a@x;lr>", "sip:a@x;lr", None),
            ("\"a, <b>\" <sip:a@x?h=1>;x=\"q;q\" ; tag = 7", "sip:a@x?h=1", Some("7")),
            (r#""J \\\"" <sip:j@x>"#, "sip:j@x", None),
            ("张三 (mobile) <tel:+86100>;tag=2", "tel:+86100", Some("2")),
            ("isbn:2983792873", "isbn:2983792873", None),
        ] {
            let read = Address::read(value).unwrap();
            assert_eq!((read.uri, read.tag()), (uri, tag), "{value}");
        }
        for bad in [
            "",
            "alice",
            "\"a <sip:a@x>",
            "\"a\" b <sip:a@x>",
            "\"a\" sip:a@x",
            "Bell, Alexander <sip:a@x>",
            "< sip:a@x >",
            "sip:a@x?Route=%3Csip:y%3E",
            "<sip:a@x>;;",
            "<sip:a@x>;tag=",
            "<sip:a@x>;a b",
            "<sip:a@x> x",
            "<sip:a@x",
        ] {
            assert_eq!(Address::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn white_space_around_separators_goes_and_in_quotes_stays() {
        assert_eq!(
            tightened("SIP  /   2.0  /UDP   1.2.3.4 ;  branch = x , SIP/2.0/TCP b"),
            "SIP/2.0/UDP 1.2.3.4;branch=x,SIP/2.0/TCP b"
        );
        assert_eq!(tightened(r#""a  ; \" b"   <sip:x> ; q = 1"#), r#""a  ; \" b" <sip:x>;q=1"#);
    }
}
