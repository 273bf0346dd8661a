//! Digest authentication (RFC 7616 as RFC 8760 has it for SIP): challenges, and whether an answer to one is right.
//!
//! A nonce is the time and a seal of ours over it and the source, so challenges cost no memory, and one that was
//! overheard is of no use from elsewhere. What is kept of a password is its HA1 for each algorithm: the digest needs that
//! very value on our side, so a slow hash such as argon2, which cannot give it, is impossible.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use call::Moment;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How long a nonce is good for.
pub(super) const NONCE_LIFE: Duration = Duration::from_secs(300);

/// The hash of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Old, and the only one that many phones know.
    Md5,
    /// The one to prefer (RFC 8760).
    Sha256,
}

impl Algorithm {
    /// The better one first, as RFC 8760 2.3 wants them offered.
    pub(super) const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn named(name: Option<&str>) -> Option<Self> {
        // RFC 7616 3.3: MD5 when nothing is said.
        let name = name.unwrap_or("MD5");
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The hash of text, as lower-case hex.
    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }

    /// The hash of `user:realm:password` (RFC 7616 3.4.2): 32 hex digits for MD5, 64 for SHA-256.
    pub fn ha1(self, user: &str, realm: &str, password: &str) -> String {
        self.hash(&format!("{user}:{realm}:{password}"))
    }
}

/// Who may register, and the hashes of the password. It prints without them.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user part of the address.
    pub name: String,
    /// HA1 by MD5, in lower-case hex.
    pub ha1_md5: Option<String>,
    /// HA1 by SHA-256, in lower-case hex.
    pub ha1_sha256: Option<String>,
}

impl User {
    pub(super) fn ha1(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Md5 => self.ha1_md5.as_deref(),
            Algorithm::Sha256 => self.ha1_sha256.as_deref(),
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &"[pii]").finish_non_exhaustive()
    }
}

/// Makes nonces and knows its own again.
pub(super) struct Seal {
    secret: [u8; 32],
    /// Tells apart the nonces of one millisecond.
    count: u32,
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nonce {
    Forged,
    Good,
    Old,
}

impl Seal {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret, count: 0 }
    }

    pub(super) fn nonce(&mut self, source: IpAddr, now: Moment) -> String {
        self.count = self.count.wrapping_add(1);
        let head = format!("{:016x}{:08x}", now.as_millis(), self.count);
        format!("{head}{}", self.sign(&head, source))
    }

    pub(super) fn check(&self, nonce: &str, source: IpAddr, now: Moment) -> Nonce {
        let Some((head, seal)) = nonce.split_at_checked(24) else { return Nonce::Forged };
        if !bool::from(self.sign(head, source).as_bytes().ct_eq(seal.as_bytes())) {
            return Nonce::Forged;
        }
        match u64::from_str_radix(&head[..16], 16) {
            Ok(ms) if now.since(Moment::from_millis(ms)) <= NONCE_LIFE => Nonce::Good,
            Ok(_) => Nonce::Old,
            Err(_) => Nonce::Forged,
        }
    }

    fn sign(&self, head: &str, source: IpAddr) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length is good");
        mac.update(head.as_bytes());
        mac.update(source.to_canonical().to_string().as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }
}

/// An Authorization header.
pub(super) struct Credentials<'a> {
    pub(super) user: String,
    pub(super) realm: String,
    pub(super) nonce: &'a str,
    pub(super) uri: &'a str,
    pub(super) nc: u32,
    pub(super) algorithm: Algorithm,
    nc_text: &'a str,
    cnonce: &'a str,
    response: &'a str,
}

impl<'a> Credentials<'a> {
    /// `None` for another scheme, another algorithm, without `qop=auth`, or when something is missing or twice.
    pub(super) fn read(header: &'a str) -> Option<Self> {
        let (scheme, rest) = header.split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let fields: Vec<_> = crate::front::list(rest).filter_map(|field| field.split_once('=')).collect();
        let get = |name: &str| {
            let mut found = fields.iter().filter(|(known, _)| known.trim().eq_ignore_ascii_case(name));
            let (_, value) = found.next()?;
            let value = value.trim();
            let plain = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            found.next().is_none().then_some(plain)
        };
        if !get("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        let nc_text = get("nc").filter(|nc| nc.len() == 8)?;
        Some(Self {
            user: get("username")?.replace("\\\"", "\"").replace("\\\\", "\\"),
            realm: get("realm")?.to_owned(),
            nonce: get("nonce")?,
            uri: get("uri")?,
            nc: u32::from_str_radix(nc_text, 16).ok()?,
            algorithm: Algorithm::named(get("algorithm"))?,
            nc_text,
            cnonce: get("cnonce")?,
            response: get("response")?,
        })
    }

    /// Whether the response was made with the password of this HA1 (RFC 7616 3.4.1).
    pub(super) fn proves(&self, ha1: &str, method: &str) -> bool {
        let ha2 = self.algorithm.hash(&format!("{method}:{}", self.uri));
        let Self { nonce, nc_text, cnonce, .. } = self;
        let expected = self.algorithm.hash(&format!("{ha1}:{nonce}:{nc_text}:{cnonce}:auth:{ha2}"));
        expected.as_bytes().ct_eq(self.response.to_ascii_lowercase().as_bytes()).into()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 3.9.1.
    #[test]
    fn the_example_of_the_rfc_is_proved_by_both_algorithms() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header = format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
                 cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let credentials = Credentials::read(&header).unwrap();
            let ha1 = credentials.algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
            assert!(credentials.proves(&ha1, "GET"), "{algorithm}");
            assert!(!credentials.proves(&ha1, "POST"), "{algorithm}");
        }
    }

    #[test]
    fn what_is_no_digest_of_ours_is_not_read() {
        let good = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", qop=auth, nc=00000001, \
                    cnonce=\"c\", response=\"0\"";
        assert!(Credentials::read(good).is_some());
        for (from, to) in [
            ("Digest", "Basic"),
            ("qop=auth", "qop=auth-int"),
            (", qop=auth", ""),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=0000000g"),
            ("realm=\"r\"", "algorithm=MD5-sess, realm=\"r\""),
            ("realm=\"r\"", "realm=\"r\", realm=\"s\""),
            (", cnonce=\"c\"", ""),
        ] {
            assert!(Credentials::read(&good.replace(from, to)).is_none(), "{to}");
        }
    }

    #[test]
    fn a_nonce_is_good_for_a_while_and_for_one_source() {
        let mut seal = Seal::new([7; 32]);
        let (home, elsewhere) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let born = Moment::from_millis(5_000);
        let nonce = seal.nonce(home, born);
        assert_eq!(seal.check(&nonce, home, born + NONCE_LIFE), Nonce::Good);
        assert_eq!(seal.check(&nonce, home, born + NONCE_LIFE + Duration::from_millis(1)), Nonce::Old);
        assert_eq!(seal.check(&nonce, elsewhere, born), Nonce::Forged);
        assert_eq!(Seal::new([8; 32]).check(&nonce, home, born), Nonce::Forged);
        for forged in ["", "x", "ffffffffffffffff", &nonce.replace('0', "1"), "日本語日本語日本語日本語"] {
            assert_eq!(seal.check(forged, home, born), Nonce::Forged, "{forged}");
        }
    }
}
