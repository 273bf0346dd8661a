//! A phone that registers, rightly and wrongly, message by message.

use super::*;
use crate::front::{Doorman, Origin, Verdict};
use crate::guard::GuardConfig;

const REALM: &str = "hotline";
const HOME: &str = "192.0.2.7:40000";

fn user(name: &str, password: &str, algorithms: &[Algorithm]) -> User {
    let ha1 = |wanted| algorithms.contains(&wanted).then(|| Algorithm::ha1(wanted, name, REALM, password));
    User { name: name.to_owned(), ha1_md5: ha1(Algorithm::Md5), ha1_sha256: ha1(Algorithm::Sha256) }
}

/// A phone, and the doorman it talks to.
struct Scene {
    doorman: Doorman,
    now: Moment,
    source: SocketAddr,
    user: &'static str,
    password: &'static str,
    algorithm: Algorithm,
    cseq: u32,
    nonce: String,
    nc: u32,
}

impl Scene {
    fn new() -> Self {
        let users = vec![
            user("alice", "wonder", &Algorithm::ALL),
            user("bob", "builder", &[Algorithm::Md5]),
            user("张三", "密码", &Algorithm::ALL),
        ];
        let seconds = Duration::from_secs;
        let registrar = RegistrarConfig {
            realm: REALM.to_owned(),
            users,
            expires_min: seconds(60),
            expires_max: seconds(7_200),
            failures_max: 5,
            block: seconds(300),
            nat_pause: seconds(25),
            secret: [3; 32],
        };
        Self {
            doorman: Doorman::new(GuardConfig::default(), Some(registrar)),
            now: Moment::from_millis(10_000),
            source: HOME.parse().unwrap(),
            user: "alice",
            password: "wonder",
            algorithm: Algorithm::Sha256,
            cseq: 0,
            nonce: String::new(),
            nc: 0,
        }
    }

    /// One REGISTER as given, headers ending in line ends; returns the whole answer.
    fn send(&mut self, headers: &str) -> String {
        let user = self.user.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let user = if self.user.is_ascii() { self.user.to_owned() } else { user };
        let message = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bK{cseq}\r\nFrom: <sip:{user}@h>;tag=f\r\n\
             To: <sip:{user}@h>\r\nCall-ID: c\r\nCSeq: {cseq} REGISTER\r\n{headers}Content-Length: 0\r\n\r\n",
            cseq = self.cseq
        );
        let origin = Origin { source: self.source, transport: Transport::Udp };
        match self.doorman.judge(message.as_bytes(), origin, self.now) {
            Verdict::Reply { bytes, .. } => String::from_utf8(bytes).unwrap(),
            other => format!("{other:?}"),
        }
    }

    fn proof(&mut self) -> String {
        self.nc += 1;
        let (name, ha1) = (self.algorithm.name(), self.algorithm.ha1(self.user, REALM, self.password));
        let hash = |text: &str| {
            // `ha1` hashes `user:realm:password`, so any text with two colons can be hashed with it.
            let mut parts = text.splitn(3, ':');
            let mut part = || parts.next().unwrap();
            let (a, b, c) = (part(), part(), part());
            self.algorithm.ha1(a, b, c)
        };
        // The method and a URI `sip:h` have two colons between them, as has the rest.
        let ha2 = hash("REGISTER:sip:h");
        let nc = format!("{:08x}", self.nc);
        let response = hash(&format!("{ha1}:{}:{nc}:cn:auth:{ha2}", self.nonce));
        format!(
            "Authorization: Digest username=\"{}\", realm=\"{REALM}\", nonce=\"{}\", uri=\"sip:h\", algorithm={name}, \
             qop=auth, nc={nc}, cnonce=\"cn\", response=\"{response}\"\r\n",
            self.user, self.nonce
        )
    }

    /// Asks for a challenge.
    fn challenge(&mut self) -> String {
        self.cseq += 1;
        let answer = self.send("");
        self.learn(&answer);
        answer
    }

    fn learn(&mut self, answer: &str) {
        let nonce = answer.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
        self.nonce = nonce.unwrap_or_else(|| panic!("no challenge: {answer}")).to_owned();
        self.nc = 0;
    }

    /// A proven REGISTER.
    fn register(&mut self, headers: &str) -> String {
        self.cseq += 1;
        let proof = self.proof();
        self.send(&format!("{proof}{headers}"))
    }

    fn uris(&self, user: &str) -> Vec<String> {
        self.doorman.contacts(user, self.now).into_iter().map(|contact| contact.uri).collect()
    }
}

fn status(answer: &str) -> &str {
    answer.get(8..11).unwrap_or(answer)
}

#[test]
fn a_user_proves_the_password_by_either_algorithm_and_is_found() {
    for algorithm in Algorithm::ALL {
        let mut scene = Scene { algorithm, ..Scene::new() };
        let challenge = scene.challenge();
        assert_eq!(status(&challenge), "401");
        let offered: Vec<_> = challenge.lines().filter(|line| line.starts_with("WWW-Authenticate: Digest")).collect();
        assert!(offered[0].contains("algorithm=SHA-256") && offered[1].contains("algorithm=MD5"), "RFC 8760 2.3");
        let granted = scene.register("Contact: <sip:alice@10.0.0.5:5070>\r\n");
        assert_eq!(status(&granted), "200", "{granted}");
        assert!(granted.contains("\r\nContact: <sip:alice@10.0.0.5:5070>;expires=3600\r\n"), "{granted}");
        let found = scene.doorman.contacts("alice", scene.now);
        assert_eq!((found[0].source, found[0].transport), (scene.source, Transport::Udp), "where it came from");
        assert!(found[0].is_behind_nat());
        scene.now += Duration::from_secs(3_600);
        assert!(scene.uris("alice").is_empty(), "it expires");
    }
}

#[test]
fn who_has_one_hash_is_offered_one_algorithm_and_names_may_be_chinese() {
    let mut scene = Scene { user: "bob", password: "builder", algorithm: Algorithm::Md5, ..Scene::new() };
    assert!(!scene.challenge().contains("SHA-256"));
    assert_eq!(status(&scene.register("Contact: <sip:b@10.0.0.5>\r\n")), "200");
    let mut scene = Scene { user: "张三", password: "密码", ..Scene::new() };
    scene.challenge();
    assert_eq!(status(&scene.register("Contact: <sip:z@10.0.0.5>\r\n")), "200");
    assert_eq!(scene.uris("张三"), ["sip:z@10.0.0.5"]);
}

#[test]
fn a_wrong_password_an_unknown_user_and_another_users_name_are_forbidden() {
    let mut scene = Scene { password: "wander", ..Scene::new() };
    scene.challenge();
    assert_eq!(status(&scene.register("Contact: <sip:a@10.0.0.5>\r\n")), "403");
    let mut scene = Scene { user: "mallory", ..Scene::new() };
    assert!(scene.challenge().contains("SHA-256"), "an unknown user looks like a known one");
    assert_eq!(status(&scene.register("Contact: <sip:a@10.0.0.5>\r\n")), "403");
    let mut scene = Scene::new();
    scene.challenge();
    let alices = scene.proof();
    scene.user = "bob";
    assert_eq!(status(&scene.send(&alices)), "403");
    assert_eq!(scene.doorman.counts(scene.now).failures, 1);
    assert_eq!(status(&scene.send("Authorization: NoOneKnowsThisScheme x=y\r\n")), "401", "RFC 4475 3.3.7");
}

#[test]
fn a_nonce_ages_and_what_was_overheard_is_worth_nothing() {
    let mut scene = Scene::new();
    scene.challenge();
    scene.now += NONCE_LIFE + Duration::from_millis(1);
    let stale = scene.register("Contact: <sip:a@10.0.0.5>\r\n");
    assert!(status(&stale) == "401" && stale.contains("stale=true"), "{stale}");
    scene.learn(&stale);
    let proof = scene.proof();
    scene.cseq += 1;
    let good = format!("{proof}Contact: <sip:a@10.0.0.5>\r\n");
    assert_eq!(status(&scene.send(&good)), "200");
    assert_eq!(status(&scene.send(&good)), "200", "the same datagram again is a retransmission");
    let other = format!("{proof}Contact: <sip:thief@198.51.100.1>\r\n");
    assert!(scene.send(&other).contains("stale=true"), "the same proof for something else is not");
    scene.source = "198.51.100.1:5060".parse().unwrap();
    assert_eq!(status(&scene.send(&good)), "401", "nor from elsewhere");
    assert_eq!(scene.uris("alice"), ["sip:a@10.0.0.5"]);
}

#[test]
fn contacts_are_added_refreshed_cut_and_removed() {
    let mut scene = Scene::new();
    scene.challenge();
    let brief = scene.register("Contact: <sip:a@10.0.0.5>;expires=30\r\n");
    assert!(status(&brief) == "423" && brief.contains("Min-Expires: 60"), "{brief}");
    scene.register("Contact: <sip:a@10.0.0.5>;expires=100000\r\n");
    scene.now += Duration::from_secs(1);
    let both = scene.register("Contact: <sip:b@10.0.0.6>\r\nExpires: 600\r\n");
    assert!(both.contains("<sip:a@10.0.0.5>;expires=7199") && both.contains("<sip:b@10.0.0.6>;expires=600"), "{both}");
    assert_eq!(scene.uris("alice"), ["sip:b@10.0.0.6", "sip:a@10.0.0.5"], "the latest first");
    let asked = scene.register("");
    assert!(asked.contains("sip:a@") && asked.contains("sip:b@"), "RFC 3261 10.2.3: {asked}");
    scene.register("Contact: <sip:a@10.0.0.5>;expires=0\r\n");
    assert_eq!(scene.uris("alice"), ["sip:b@10.0.0.6"]);
    assert_eq!(status(&scene.register("Contact: *\r\nExpires: 60\r\n")), "400");
    assert_eq!(status(&scene.register("Contact: *, <sip:c@x>\r\nExpires: 0\r\n")), "400");
    assert_eq!(scene.uris("alice").len(), 1);
    assert_eq!(status(&scene.register("Contact: *\r\nExpires: 0\r\n")), "200");
    assert!(scene.uris("alice").is_empty());
}

#[test]
fn contacts_are_bounded_ordered_and_sip() {
    let mut scene = Scene::new();
    scene.challenge();
    for number in 0..CONTACTS_PER_USER_MAX {
        assert_eq!(status(&scene.register(&format!("Contact: <sip:a@10.0.0.{number}>\r\n"))), "200");
    }
    assert_eq!(status(&scene.register("Contact: <sip:a@10.0.1.1>\r\n")), "403");
    assert_eq!(scene.doorman.counts(scene.now).registered, CONTACTS_PER_USER_MAX as u64);
    // Older than the last one for this contact: RFC 3261 10.3.
    scene.cseq = 0;
    assert_eq!(status(&scene.register("Contact: <sip:a@10.0.0.9>;expires=0\r\n")), "500");
    scene.cseq = 100;
    assert_eq!(status(&scene.register("Contact: <tel:+86100>\r\n")), "400");
    assert_eq!(status(&scene.register(&format!("Contact: <sip:{}@x>\r\n", "a".repeat(600)))), "400");
}

#[test]
fn guessing_is_blocked_for_strangers_and_not_for_the_phone_that_is_there() {
    let mut scene = Scene::new();
    scene.challenge();
    assert_eq!(status(&scene.register("Contact: <sip:a@10.0.0.5>\r\n")), "200");
    let home = scene.source;
    (scene.source, scene.password) = ("198.51.100.9:5060".parse().unwrap(), "guess");
    scene.challenge();
    let told: Vec<_> = (0..6).map(|_| scene.register("").lines().next().unwrap_or_default().to_owned()).collect();
    assert!(told.iter().all(|line| line.contains("403")), "{told:?}");
    scene.password = "wonder";
    assert_eq!(status(&scene.register("")), "403", "even the right one, for a while");
    scene.source = home;
    scene.challenge();
    assert_eq!(status(&scene.register("")), "200");
    // Ten from one source, and that source is not listened to.
    (scene.source, scene.password) = ("198.51.100.9:5060".parse().unwrap(), "guess");
    scene.challenge();
    (0..5).for_each(|_| drop(scene.register("")));
    assert_eq!(status(&scene.register("")), "503");
    assert_eq!(scene.doorman.counts(scene.now).blocked, 1);
}
