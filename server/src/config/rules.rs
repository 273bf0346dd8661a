//! Rules between fields, and answers that take more than one field.
//!
//! Each value is already valid by itself; here is what must hold between them for a call to go well.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use call::Language;

use super::sections::Config;

/// A rule that does not hold.
pub(super) struct BrokenRule {
    /// The key to change, with its sections.
    pub(super) key: String,
    /// What is wrong.
    pub(super) message: String,
    /// The way out.
    pub(super) hint: String,
}

/// How calls to one number are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The flow's name.
    pub flow: &'a str,
    /// The language the call begins in.
    pub language: Language,
    /// Those the caller may speak.
    pub languages: &'a [Language],
}

impl Config {
    /// How a call to `called` is answered: as its `[[number]]` says, or else by the defaults.
    pub fn route(&self, called: &str) -> Route<'_> {
        let number = self.numbers.iter().find(|number| number.called == called);
        Route {
            flow: number.and_then(|number| number.flow.as_deref()).unwrap_or(&self.dialog.flow),
            language: number.and_then(|number| number.language).unwrap_or(self.speech.language),
            languages: number
                .map(|number| number.languages.as_slice())
                .filter(|languages| !languages.is_empty())
                .unwrap_or(&self.speech.languages),
        }
    }

    /// The names of all flows in use, each once.
    pub fn flow_names(&self) -> BTreeSet<&str> {
        let of_numbers = self.numbers.iter().filter_map(|number| number.flow.as_deref());
        of_numbers.chain([self.dialog.flow.as_str()]).collect()
    }

    /// The file of a flow.
    pub fn flow_file(&self, name: &str) -> PathBuf {
        self.dialog.flows.join(format!("{name}.yaml"))
    }

    /// Where recordings and finished journals are kept.
    pub fn recordings_folder(&self) -> PathBuf {
        self.recording.folder.clone().unwrap_or_else(|| self.data.folder.join("recordings"))
    }

    /// Where the journals of live calls are.
    pub fn live_folder(&self) -> PathBuf {
        self.data.folder.join("live")
    }

    /// Where rendered prompts are kept: beside the models that rendered them, for all houses of this user.
    pub fn prompts_folder(&self) -> PathBuf {
        crate::models::folder().with_file_name("prompts")
    }

    /// Where the models are: as configured, or else [`crate::models::folder`].
    pub fn models_folder(&self) -> PathBuf {
        self.speech.models.clone().unwrap_or_else(crate::models::folder)
    }

    /// The address to listen on for sound.
    pub fn media_listen(&self) -> IpAddr {
        let doors = [self.sip.udp, self.sip.tcp, self.sip.tls];
        let door = doors.into_iter().find_map(|door| door.address()).map(|address| address.ip());
        self.media.listen.or(door).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
    }

    /// The address to tell phones in SDP. `None` when we listen on every address and nothing else is said: then it is
    /// the one from which the phone is reached.
    pub fn media_address(&self) -> Option<IpAddr> {
        let listen = Some(self.media_listen()).filter(|address| !address.is_unspecified());
        self.media.public_address.or(self.sip.public_address).or(listen)
    }

    /// Every rule between fields that does not hold.
    pub(super) fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        self.check_doors(&mut broken);
        self.check_browsers(&mut broken);
        self.check_speech(&mut broken);
        self.check_numbers(&mut broken);
        self.check_agents(&mut broken);
        self.check_users(&mut broken);
        broken
    }

    fn check_doors(&self, broken: &mut Vec<BrokenRule>) {
        let missing = self.sip.tls_certificate.is_none() || self.sip.tls_key.is_none();
        if self.sip.tls.address().is_some() && missing {
            let hint = "add `tls_certificate = \"cert.pem\"` and `tls_key = \"key.pem\"` to [sip], or turn it off";
            broken.push(rule("sip.tls", "TLS needs a certificate and its key", hint));
        }
        let doors: Vec<_> =
            [self.sip.udp, self.sip.tcp, self.sip.tls].into_iter().filter_map(|door| door.address()).collect();
        if doors.is_empty() {
            broken.push(rule("sip", "udp, tcp and tls are all off, so no call could come in", "turn one of them on"));
        }
        if !self.http.listen.ip().is_loopback() && self.http.token.is_none() {
            broken.push(rule(
                "http.listen",
                format!("{} can be reached from other machines, so http.token is required", self.http.listen),
                "add `token = \"${HOTLINE_TOKEN}\"` to [http], or listen on 127.0.0.1",
            ));
        }
        let wide = doors.iter().any(|door| !door.ip().is_loopback());
        if wide && self.media_listen().is_loopback() {
            broken.push(rule(
                "media.listen",
                "calls may come from other machines, but their sound could not",
                "let [media] listen on the address of [sip]",
            ));
        }
        let legs_max = self.media.ports.legs_max();
        let calls_max = self.sip.calls_max.number() as usize;
        if legs_max < 2 * calls_max {
            broken.push(rule(
                "media.ports",
                format!(
                    "{} has room for {legs_max} legs, but {calls_max} calls with an agent each need {}",
                    self.media.ports,
                    2 * calls_max
                ),
                "widen the range, or lower sip.calls_max",
            ));
        }
    }

    fn check_browsers(&self, broken: &mut Vec<BrokenRule>) {
        let Self { webrtc, .. } = self;
        let ports = webrtc.ports.ports();
        let places = usize::from(ports.end() - ports.start()) + 1;
        let calls_max = webrtc.calls_max.number() as usize;
        if webrtc.enabled && places < calls_max {
            broken.push(rule(
                "webrtc.ports",
                format!("{} has {places} ports, but webrtc.calls_max is {calls_max}", webrtc.ports),
                "widen the range, or lower webrtc.calls_max",
            ));
        }
    }

    fn check_speech(&self, broken: &mut Vec<BrokenRule>) {
        let Self { speech, .. } = self;
        if !speech.languages.contains(&speech.language) {
            broken.push(rule(
                "speech.language",
                format!("\"{}\" is not among speech.languages", speech.language),
                format!("add \"{}\" to speech.languages", speech.language),
            ));
        }
        let distinct: BTreeSet<_> = speech.languages.iter().collect();
        if distinct.len() < speech.languages.len() {
            broken.push(rule("speech.languages", "a language stands there twice", "write each once"));
        }
        let recognizer = speech.recognizer.iter().map(|engine| ("speech.recognizer.url".to_owned(), &engine.url));
        let voices = speech.voice.iter();
        let voices = voices.map(|(language, engine)| (format!("speech.voice.{language}.url"), &engine.url));
        for (key, url) in recognizer.chain(voices) {
            // What stands there is printed and logged; a key must not be.
            if url.as_str().contains(['?', '#', '@']) {
                let hint = "write the address alone, and the key as `key = \"${NAME}\"` beside it";
                broken.push(rule(key, "holds more than an address", hint));
            }
        }
        for language in [Language::En, Language::Zh] {
            for word in tts::unsayable(language, speech.lexicon.of(language)) {
                let message = format!("the pronunciation of {word:?} cannot be said in \"{language}\"");
                broken.push(rule(format!("speech.lexicon.{language}.{word}"), message, lexicon_hint(language)));
            }
        }
        check_flow_name("dialog.flow", &self.dialog.flow, broken);
    }

    fn check_numbers(&self, broken: &mut Vec<BrokenRule>) {
        let called: Vec<_> = self.numbers.iter().map(|number| number.called.as_str()).collect();
        for (place, number) in self.numbers.iter().enumerate() {
            if number.called.is_empty() {
                broken.push(rule(format!("number.{place}.called"), "is empty", "write the number that is called"));
            }
            let language = number.language.unwrap_or(self.speech.language);
            if !number.languages.is_empty() && !number.languages.contains(&language) {
                broken.push(rule(
                    format!("number.{place}.languages"),
                    format!("its calls begin in \"{language}\", which is not among them"),
                    format!("add \"{language}\", or set `language` to one of them"),
                ));
            }
            if called[..place].contains(&number.called.as_str()) {
                let message = format!("\"{}\" stands in an earlier [[number]]", number.called);
                broken.push(rule(format!("number.{place}.called"), message, "make one of the two"));
            }
            if let Some(flow) = &number.flow {
                check_flow_name(&format!("number.{place}.flow"), flow, broken);
            }
            if let Some(language) = number.language.filter(|language| !self.speech.languages.contains(language)) {
                let message = format!("\"{language}\" is not among speech.languages");
                let hint = format!("add \"{language}\" to speech.languages");
                broken.push(rule(format!("number.{place}.language"), message, hint));
            }
        }
    }

    fn check_agents(&self, broken: &mut Vec<BrokenRule>) {
        let ids: Vec<_> = self.agents.iter().map(|agent| agent.id.as_str()).collect();
        for (place, agent) in self.agents.iter().enumerate() {
            let id = agent.id.as_str();
            if !is_plain_name(id) {
                let message = format!("\"{id}\" is not a plain name");
                broken.push(rule(format!("agent.{place}.id"), message, PLAIN_NAME_HINT));
            }
            if ids[..place].contains(&id) {
                let message = format!("\"{id}\" stands in an earlier [[agent]]");
                broken.push(rule(format!("agent.{place}.id"), message, "give each agent an id of their own"));
            }
            match &agent.user {
                None if agent.address.is_none() => {
                    let hint = "add `user = \"...\"` for a phone that registers, or `address = \"sip:...\"`";
                    broken.push(rule(format!("agent.{place}"), "has neither a user nor an address", hint));
                }
                Some(user) if !self.users.iter().any(|known| known.name == *user) => {
                    let hint = "`hotline user add` makes the [[user]] section";
                    broken.push(rule(format!("agent.{place}.user"), format!("there is no [[user]] \"{user}\""), hint));
                }
                Some(_) | None => {}
            }
            if agent.queues.is_empty() {
                let hint = "name at least one queue that a flow hands over to";
                broken.push(rule(format!("agent.{place}.queues"), "is empty, so this agent would get no call", hint));
            }
            if agent.languages.is_empty() {
                let hint = "name one, or leave the key out for all";
                broken.push(rule(
                    format!("agent.{place}.languages"),
                    "is empty, so this agent would get no call",
                    hint,
                ));
            }
        }
    }
}

impl Config {
    fn check_users(&self, broken: &mut Vec<BrokenRule>) {
        let names: Vec<_> = self.users.iter().map(|user| user.name.as_str()).collect();
        for (place, user) in self.users.iter().enumerate() {
            if user.name.is_empty() || user.name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
                let hint = "write the user part of the SIP address, without spaces and colons";
                broken.push(rule(format!("user.{place}.name"), "is no user name", hint));
            }
            if names[..place].contains(&user.name.as_str()) {
                let message = format!("\"{}\" stands in an earlier [[user]]", user.name);
                broken.push(rule(format!("user.{place}.name"), message, "make one of the two"));
            }
            if user.ha1_md5.is_none() && user.ha1_sha256.is_none() {
                let hint = "`hotline user add` makes the hashes";
                broken.push(rule(format!("user.{place}"), "has no hash of a password", hint));
            }
        }
        if self.users.len() > sip_bridge::USERS_MAX {
            let message = format!("there are more than {} users", sip_bridge::USERS_MAX);
            broken.push(rule("user", message, "let several phones register as one user"));
        }
        let registrar = &self.sip.registrar;
        if registrar.expires_s_min > registrar.expires_s_max {
            let hint = "lower it, or raise sip.registrar.expires_s_max";
            broken.push(rule("sip.registrar.expires_s_min", "is more than sip.registrar.expires_s_max", hint));
        }
    }
}

const PLAIN_NAME_HINT: &str = "use letters, digits, \"-\" and \"_\" only";

const fn lexicon_hint(language: Language) -> &'static str {
    match language {
        Language::En => "respell it in English words (\"wah way\"), or give its sounds between slashes (\"/hwɑwˈA/\")",
        Language::Zh => {
            "write pinyin with tone numbers, one syllable for each character (\"hua2 wei2\"), or other characters that \
             sound so (\"话为\")"
        }
    }
}

/// A flow's name becomes the name of a file, so it must not wander to another folder.
fn check_flow_name(key: &str, name: &str, broken: &mut Vec<BrokenRule>) {
    if !is_plain_name(name) {
        broken.push(rule(key, format!("\"{name}\" is not the plain name of a flow, without .yaml"), PLAIN_NAME_HINT));
    }
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn rule(key: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> BrokenRule {
    BrokenRule { key: key.into(), message: message.into(), hint: hint.into() }
}
