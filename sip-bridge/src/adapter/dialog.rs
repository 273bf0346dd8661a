//! One dialog of RFC 3261 12: who is on which end, through which proxies, and the requests built from that.

use std::net::{IpAddr, SocketAddr};

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::uri::ParamsExt;
use rsipstack::sip::{Header, Method, Request, Response, Scheme, Transport as StackTransport, Uri, Version};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::{Transaction, random_text};
use rsipstack::transport::{SipAddr, SipConnection};

use super::headers::{allow, extra, from_tag, product, sdp_type, to_tag};
use super::switch::{DialogKey, SIP_PORT, Switch, resolve};
use super::tcp;
use crate::door::{Dial, DoorError, Transport};
use crate::registrar::Contact;

/// What we know of a dialog.
#[derive(Clone)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    /// From and To of our requests, tags included.
    local: String,
    remote: String,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    remote_target: Uri,
    /// The Route values of our requests, in order.
    routes: Vec<String>,
    /// Our Contact value.
    pub(super) contact: String,
    transport: Transport,
    /// The stream the dialog was begun on, if on one.
    connection: Option<SipConnection>,
    /// Where their messages come from.
    source: Option<SocketAddr>,
    /// Whether it is reached only there, whatever its Contact says: a phone that has registered from there.
    registered: bool,
}

/// A request on its way: where, and over what.
pub(super) struct Hop {
    pub(super) peer: SocketAddr,
    pub(super) transport: Transport,
    pub(super) connection: Option<SipConnection>,
}

impl Dialog {
    /// The dialog an INVITE asks for (RFC 3261 12.1.1). `None` when its headers do not make one.
    pub(super) fn invited(
        switch: &Switch,
        invite: &Request,
        connection: &SipConnection,
        source: SocketAddr,
    ) -> Option<Self> {
        let transport = transport_of(connection);
        let local_tag = random_text(TAG_CHARS);
        let contact = invite.typed_contact_headers().ok()?.into_iter().next()?;
        Some(Self {
            call_id: invite.call_id_header().ok()?.value().to_owned(),
            local: format!("{};tag={local_tag}", invite.to_header().ok()?.value()),
            remote: invite.from_header().ok()?.value().to_owned(),
            local_tag,
            remote_tag: Some(from_tag(invite)?),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq_header().ok()?.seq().ok()?),
            remote_target: contact.uri,
            routes: record_routes(invite),
            contact: contact_value(switch.advertised(source, transport), transport),
            transport,
            connection: (transport != Transport::Udp).then(|| connection.clone()),
            source: Some(source),
            registered: false,
        })
    }

    /// The dialog a call of ours is to become.
    pub(super) fn calling(switch: &Switch, dial: &Dial) -> Result<Self, DoorError> {
        let bad = || DoorError::BadTarget { target: dial.to.clone() };
        let target = Uri::try_from(dial.to.as_str()).map_err(|_| bad())?;
        let secure = target.scheme == Some(Scheme::Sips);
        let plain = (secure || target.scheme == Some(Scheme::Sip)) && target.headers.is_empty();
        if !plain || dial.to.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(bad());
        }
        let transport = match (target.transport(), switch.bound(Transport::Udp)) {
            (transport, _) if secure || transport == Some(&StackTransport::Tls) => match switch.bound(Transport::Tls) {
                Some(_) => Transport::Tls,
                None => return Err(DoorError::NoTransport(Transport::Tls)),
            },
            (Some(StackTransport::Tcp), _) | (None, None) => Transport::Tcp,
            (Some(StackTransport::Udp) | None, Some(_)) => Transport::Udp,
            (Some(StackTransport::Udp), None) => return Err(DoorError::NoTransport(Transport::Udp)),
            (Some(_), _) => return Err(bad()),
        };
        let local_tag = random_text(TAG_CHARS);
        let user = escaped_user(&dial.from_user);
        // Until the peer's address is known, and with it ours towards it, see `place`.
        let local = match &dial.display {
            Some(display) => format!("\"{}\" <sip:{user}@{{}}>;tag={local_tag}", quoted(display)),
            None => format!("<sip:{user}@{{}}>;tag={local_tag}"),
        };
        Ok(Self {
            call_id: random_text(CALL_ID_CHARS),
            local,
            remote: format!("<{target}>"),
            local_tag,
            remote_tag: None,
            local_cseq: 0,
            remote_cseq: None,
            remote_target: target,
            routes: Vec::new(),
            contact: String::new(),
            transport,
            connection: None,
            source: None,
            registered: false,
        })
    }

    /// The same to a phone that has registered.
    pub(super) fn calling_contact(switch: &Switch, dial: &Dial, contact: &Contact) -> Result<Self, DoorError> {
        let dialog = Self::calling(switch, dial)?;
        Ok(Self { transport: contact.transport, source: Some(contact.source), registered: true, ..dialog })
    }

    /// The peer of the stream that the dialog goes by, if it goes by one.
    pub(super) fn stream(&self) -> Option<SocketAddr> {
        self.connection.as_ref().and(self.source)
    }

    /// Finds the way to the callee and names our address on it. `None` when there is none.
    pub(super) async fn place(&mut self, switch: &std::sync::Arc<Switch>) -> Option<Hop> {
        let hop = self.hop(switch).await?;
        let ours = switch.advertised(hop.peer, hop.transport);
        self.local = self.local.replacen("{}", &host(ours.ip()), 1);
        self.contact = contact_value(ours, hop.transport);
        self.connection.clone_from(&hop.connection);
        self.source = Some(hop.peer);
        Some(hop)
    }

    /// The key by which messages find the dialog.
    pub(super) fn key(&self) -> DialogKey {
        DialogKey { call_id: self.call_id.clone(), tag: self.local_tag.clone() }
    }

    /// The same from the caller's side.
    pub(super) fn caller_key(&self) -> Option<DialogKey> {
        let tag = self.remote_tag.clone()?;
        Some(DialogKey { call_id: self.call_id.clone(), tag })
    }

    /// Learns the rest of the dialog from a 2xx to our INVITE (RFC 3261 12.1.2).
    pub(super) fn establish(&mut self, response: &Response) {
        self.remote_tag = to_tag(response);
        if let Ok(to) = response.to_header() {
            self.remote = to.value().to_owned();
        }
        self.routes = record_routes(response);
        self.routes.reverse();
        self.refresh_target(response);
    }

    /// Follows a changed Contact (RFC 3261 12.2.1.2, 12.2.2).
    pub(super) fn refresh_target(&mut self, message: &impl HeadersExt) {
        if let Some(contact) = message.typed_contact_headers().ok().and_then(|list| list.into_iter().next()) {
            self.remote_target = contact.uri;
        }
    }

    /// Whether a request of theirs belongs to the dialog and is newer than the last (RFC 3261 12.2.2).
    pub(super) fn admits(&mut self, request: &Request) -> Result<(), u16> {
        if self.remote_tag.is_some() && from_tag(request) != self.remote_tag {
            return Err(481);
        }
        let cseq = request.cseq_header().ok().and_then(|cseq| cseq.seq().ok()).ok_or(400_u16)?;
        if self.remote_cseq.is_some_and(|last| cseq < last) {
            return Err(500);
        }
        self.remote_cseq = Some(cseq);
        Ok(())
    }

    /// Where the next request goes: the first route or the remote target (RFC 3261 12.2.1.1), on the stream of the
    /// dialog while it lives.
    pub(super) async fn hop(&self, switch: &std::sync::Arc<Switch>) -> Option<Hop> {
        let alive = |connection: &&SipConnection| !connection.cancel_token().is_some_and(|token| token.is_cancelled());
        if let (Some(connection), Some(peer)) = (self.connection.as_ref().filter(alive), self.source) {
            return Some(Hop { peer, transport: self.transport, connection: Some(connection.clone()) });
        }
        if let (true, Some(peer), true) = (self.registered, self.source, self.routes.is_empty()) {
            let connection = switch.connection(peer);
            if self.transport == Transport::Udp || connection.is_some() {
                return Some(Hop { peer, transport: self.transport, connection });
            }
        }
        let route = self.routes.first().and_then(|route| Uri::try_from(uri_of(route)).ok());
        let next = route.as_ref().unwrap_or(&self.remote_target);
        let transport = match next.transport() {
            Some(StackTransport::Tcp) => Transport::Tcp,
            Some(StackTransport::Tls) => Transport::Tls,
            Some(_) => Transport::Udp,
            None => self.transport,
        };
        let mut peer = resolve(&next.host_with_port).await?;
        if let (None, Some(source)) = (&route, self.source) {
            peer = reachable(peer, source);
        }
        let connection = match transport {
            Transport::Tcp => Some(tcp::connect(switch, peer).await?),
            // We hold nobody's certificate for right: there is only the stream that they opened.
            Transport::Tls => Some(switch.connection(peer)?),
            Transport::Udp => None,
        };
        Some(Hop { peer, transport, connection })
    }

    /// Builds a request in the dialog, or the INVITE that asks for it.
    pub(super) fn request(
        &mut self,
        switch: &Switch,
        method: Method,
        hop: &Hop,
        content: Content<'_>,
    ) -> Option<Request> {
        self.local_cseq += 1;
        let ours = switch.advertised(hop.peer, hop.transport);
        let kind = stack_transport(hop.transport);
        let via = switch.endpoint.get_via(Some(SipAddr::new(kind, ours.into())), None).ok()?;
        let mut headers = vec![
            Header::Via(via.into()),
            Header::MaxForwards(70_u32.into()),
            Header::From(self.local.clone().into()),
            Header::To(self.remote.clone().into()),
            Header::CallId(self.call_id.clone().into()),
            Header::CSeq(format!("{} {method}", self.local_cseq).into()),
            product(),
        ];
        headers.extend(self.routes.iter().map(|route| Header::Route(route.clone().into())));
        if method == Method::Invite {
            headers.extend([Header::Contact(self.contact.clone().into()), allow()]);
        }
        headers.extend(content.headers.iter().map(extra));
        if content.sdp.is_some() {
            headers.push(sdp_type());
        }
        let body = content.sdp.unwrap_or_default().as_bytes().to_vec();
        headers.push(Header::ContentLength((body.len() as u32).into()));
        let (uri, version) = (self.remote_target.clone(), Version::V2);
        Some(Request { method, uri, version, headers: headers.into(), body })
    }
}

/// What a request carries.
#[derive(Clone, Copy, Default)]
pub(super) struct Content<'a> {
    pub(super) sdp: Option<&'a str>,
    pub(super) headers: &'a [(String, String)],
}

/// A client transaction for a request, aimed at its hop.
pub(super) fn transaction(switch: &Switch, request: Request, hop: &Hop) -> Option<Transaction> {
    let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
    let endpoint = std::sync::Arc::clone(&switch.endpoint);
    let mut transaction = Transaction::new_client(key, request, endpoint, hop.connection.clone());
    let kind = stack_transport(hop.transport);
    transaction.destination = Some(SipAddr::new(kind, hop.peer.into()));
    Some(transaction)
}

/// The CANCEL of an INVITE: the same, but for the method and what describes the call (RFC 3261 9.1).
pub(super) fn cancel_of(invite: &Request) -> Option<Request> {
    let cseq = invite.cseq_header().ok()?.seq().ok()?;
    let mut headers: Vec<Header> = invite.headers.clone().into();
    headers.retain(|header| {
        matches!(
            header,
            Header::Via(_)
                | Header::MaxForwards(_)
                | Header::From(_)
                | Header::To(_)
                | Header::CallId(_)
                | Header::Route(_)
                | Header::UserAgent(_)
        )
    });
    headers.push(Header::CSeq(format!("{cseq} CANCEL").into()));
    headers.push(Header::ContentLength(0_u32.into()));
    let (uri, version) = (invite.uri.clone(), Version::V2);
    Some(Request { method: Method::Cancel, uri, version, headers: headers.into(), body: Vec::new() })
}

/// How the messages of a connection travel. Our streams are channels to the stack.
pub(super) fn transport_of(connection: &SipConnection) -> Transport {
    match connection {
        SipConnection::Udp(_) => Transport::Udp,
        stream if stream.get_addr().r#type == Some(StackTransport::Tls) => Transport::Tls,
        _ => Transport::Tcp,
    }
}

/// The stack's word for a transport.
pub(super) const fn stack_transport(transport: Transport) -> StackTransport {
    match transport {
        Transport::Tcp => StackTransport::Tcp,
        Transport::Tls => StackTransport::Tls,
        Transport::Udp => StackTransport::Udp,
    }
}

/// The proxies that want to stay on the way, in the order of the message.
fn record_routes(message: &impl HeadersExt) -> Vec<String> {
    let routes = message.typed_record_route_headers().unwrap_or_default();
    routes.into_iter().map(|route| format!("<{}>", route.uri)).collect()
}

fn uri_of(route: &str) -> &str {
    route.trim_start_matches('<').trim_end_matches('>')
}

fn contact_value(addr: SocketAddr, transport: Transport) -> String {
    match transport {
        Transport::Tcp | Transport::Tls => {
            format!("<sip:{}:{};transport={}>", host(addr.ip()), addr.port(), transport.name())
        }
        Transport::Udp => format!("<sip:{}:{}>", host(addr.ip()), addr.port()),
    }
}

fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A private Contact behind a public source is a phone behind a NAT that does not know it: go back where it came from.
fn reachable(target: SocketAddr, source: SocketAddr) -> SocketAddr {
    let private = |address: IpAddr| match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => address.is_unspecified(),
    };
    if private(target.ip()) && !private(source.ip()) && !source.ip().is_loopback() { source } else { target }
}

/// RFC 3261 25.1: whatever is not allowed in a user part is escaped.
fn escaped_user(user: &str) -> String {
    user.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

/// RFC 3261 25.1, quoted-string.
fn quoted(display: &str) -> String {
    display.chars().filter(|c| !c.is_control()).fold(String::new(), |mut quoted, c| {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
        quoted
    })
}

const TAG_CHARS: usize = 12;
const CALL_ID_CHARS: usize = 24;
const _: () = assert!(SIP_PORT == 5060, "RFC 3261 19.1.2");
