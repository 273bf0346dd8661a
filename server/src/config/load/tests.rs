//! What a configuration file may say, what it may not, and what its writer is told.

use super::*;
use crate::config::{Listener, Route};

/// The sample at the root of the repository.
const SAMPLE: &str = include_str!("../../../../hotline.toml");
/// The reference of every field.
const REFERENCE: &str = include_str!("../../../../docs/configuration.md");

fn parse(text: &str) -> Result<Config, String> {
    let variable = |name: &str| match name {
        "TOKEN" => Some("0123456789abcdef".to_owned()),
        "HOTLINE_PAGE_TOKEN" | "HOTLINE_SPEECH_KEY" | "HOTLINE_TOKEN" | "HOTLINE_WEBHOOK_SECRET" => {
            Some("a secret for the sample".to_owned())
        }
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    Config::parse(text, Path::new("hotline.toml"), variable).map_err(|error| error.to_string())
}

/// Every part of `expected` must be in the message.
fn check(text: &str, expected: &[&str]) {
    let message = parse(text).expect_err(text);
    for part in expected {
        assert!(message.contains(part), "\"{part}\" is missing from: {message}");
    }
}

#[test]
fn without_a_file_the_defaults_hold_and_stay_on_this_machine() {
    let config = parse("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.sip.udp, Listener::At("127.0.0.1:5060".parse().unwrap()));
    assert!(config.http.listen.ip().is_loopback());
    assert!(config.media_listen().is_loopback());
    assert_eq!(config.dialog.vars["backend"], "http://127.0.0.1:8090");
    assert_eq!(config.recordings_folder(), Path::new("data/recordings"));
}

#[test]
fn the_sample_as_it_stands_says_what_the_defaults_say() {
    assert_eq!(parse(SAMPLE).unwrap(), Config::default());
}

/// The sample with its examples switched on: a line `#key = value` has no blank after the mark, a sentence has.
fn sample_in_full() -> String {
    let switch_on = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with([' ', '#']) => example.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    SAMPLE.lines().map(|line| switch_on(line) + "\n").collect()
}

#[test]
fn the_sample_and_the_reference_name_every_field() {
    let full = sample_in_full();
    parse(&full).unwrap();
    let sections = [
        "sip",
        "sip.guard",
        "sip.registrar",
        "media",
        "webrtc",
        "http",
        "data",
        "recording",
        "speech",
        "speech.recognizer",
        "speech.voice.en",
        "speech.voice.zh",
        "speech.lexicon",
        "dialog",
        "transfer",
        "limits",
        "log",
        "webhook",
    ];
    let headers = sections.map(|name| format!("[{name}]")).into_iter().chain([
        "[[number]]".into(),
        "[[agent]]".into(),
        "[[user]]".into(),
    ]);
    for header in headers {
        // The parser itself lists the keys it knows, so a field that is added is asked for here by itself.
        let message = parse(&format!("{header}\nqqqqqqqqqqqq = 1")).unwrap_err();
        let keys: Vec<_> = message.rsplit("known here: ").next().unwrap().split(", ").collect();
        let after =
            full.split(&format!("\n{header}\n")).nth(1).unwrap_or_else(|| panic!("{header} is not in the sample"));
        let section = after.split("\n[").next().unwrap();
        let name = header.trim_matches(['[', ']']);
        for key in keys {
            let is_table =
                [']', '.'].iter().any(|behind| format!("\n{after}").contains(&format!("\n[{name}.{key}{behind}")));
            assert!(is_table || format!("\n{section}").contains(&format!("\n{key} = ")), "{name}.{key} in the sample");
            assert!(REFERENCE.contains(&format!("`{name}.{key}`")), "{name}.{key} in docs/configuration.md");
        }
    }
}

#[test]
fn a_misspelt_key_is_told_with_its_place_and_the_nearest_key() {
    check("# first\n[sip]\ncalls_mx = 3\n", &["hotline.toml:3:1:", "sip.calls_mx", "did you mean \"calls_max\"?"]);
    check("[spi]\nudp = \"off\"\n", &["hotline.toml:1:2:", "unknown key \"spi\"", "did you mean \"sip\"?"]);
    check("[log]\nqqqq = 1\n", &["log.qqqq", "known here: level, format"]);
    check("[[agent]]\nid = \"a\"\nadress = \"sip:a@b\"\n", &[":3:1:", "agent.0.adress", "did you mean \"address\"?"]);
    check("[speech]\nlanguage = \"em\"\n", &[":2:12:", "speech.language", "did you mean \"en\"?"]);
}

#[test]
fn a_bad_value_is_told_with_its_place_and_a_good_one() {
    check("[sip]\nudp = \"5060\"\n", &["hotline.toml:2:7:", "sip.udp", "127.0.0.1:5060"]);
    check("[sip]\ncalls_max = 0\n", &["sip.calls_max", "from 1 to 10000"]);
    check("[media]\nports = \"9-5\"\n", &["media.ports", "20000-29998"]);
    check("[transfer]\nring_s = \"20\"\n", &[":2:10:", "transfer.ring_s", "invalid type"]);
    check("[[agent]]\nid = \"a\"\n", &[":1:1:", "agent.0", "\"queues\" is missing"]);
    check("[webhook]\n", &["webhook", "\"url\" is missing"]);
    check("[sip\n", &["hotline.toml:1:5:"]);
    check("[sip]\ncalls_max = 1\ncalls_max = 2\n", &[":3:1:", "duplicate key"]);
}

#[test]
fn rules_between_fields_are_told_all_at_once() {
    let text = "[http]\nlisten = \"0.0.0.0:8080\"\n[sip]\nudp = \"off\"\ntcp = \"off\"\n";
    check(
        text,
        &["hotline.toml:2:10:", "http.token is required", "HOTLINE_TOKEN", "sip: udp, tcp and tls are all off"],
    );
    check("[sip]\ntls = \"127.0.0.1:5061\"\n", &[":2:7:", "sip.tls: TLS needs a certificate", "tls_key"]);
    check("[media]\nports = \"20000-20010\"\n", &[":2:9:", "room for 6 legs", "sip.calls_max"]);
    check("[sip]\nudp = \"0.0.0.0:5060\"\n[media]\nlisten = \"127.0.0.1\"\n", &[":4:10:", "media.listen"]);
    let engine =
        "[speech.recognizer]\nurl = \"https://key@speech.example\"\n[speech.voice.zh]\nurl = \"http://a/v1?k=1\"\n";
    check(engine, &[":2:7:", "speech.recognizer.url: holds more", ":4:7:", "speech.voice.zh.url", "key = "]);
    check("[speech]\nlanguages = [\"zh\"]\n", &["speech.language", "not among"]);
    check("[dialog]\nflow = \"../etc/passwd\"\n", &[":2:8:", "plain name"]);
    check("[[number]]\ncalled = \"1\"\n[[number]]\ncalled = \"1\"\n", &[":4:10:", "number.1.called"]);
    let agent = "[[agent]]\nid = \"alice\"\naddress = \"sip:alice@127.0.0.1\"\nqueues = [\"support\"]\n";
    check(&format!("{agent}{agent}"), &[":6:6:", "agent.1.id", "earlier [[agent]]"]);
    let agent = "[[agent]]\nid = \"bob\"\nqueues = [\"support\"]\n";
    check(agent, &[":1:1:", "agent.0: has neither a user nor an address"]);
    check(&format!("{agent}user = \"bob\"\n"), &[":4:8:", "agent.0.user", "hotline user add"]);
    check("[[user]]\nname = \"bob\"\n", &["user.0: has no hash"]);
    check("[[user]]\nname = \"bob\"\nha1_md5 = \"secret\"\n", &[":3:11:", "32 hex digits"]);
    check("[sip.registrar]\nexpires_s_min = 4000\n", &[":2:17:", "sip.registrar.expires_s_min"]);
}

#[test]
fn words_of_a_business_are_told_when_they_cannot_be_said() {
    let good = "[speech.lexicon.en]\nHuawei = \"wah way\"\n[speech.lexicon.zh]\n\"华为\" = \"hua2 wei2\"\n";
    let lexicon = parse(good).unwrap().speech.lexicon;
    assert_eq!((lexicon.en["Huawei"].as_str(), lexicon.zh["华为"].as_str()), ("wah way", "hua2 wei2"));
    let wrong = "[speech.lexicon.en]\nXiaomi = \"/§/\"\n[speech.lexicon.zh]\n\"重庆\" = \"chong2\"\n";
    check(wrong, &["hotline.toml:2:10:", "speech.lexicon.en.Xiaomi", "between slashes"]);
    check(wrong, &["hotline.toml:4:", "speech.lexicon.zh.重庆", "pinyin with tone numbers"]);
    check("[speech.lexicon]\nfr = {}\n", &["speech.lexicon.fr", "known here: en, zh"]);
}

#[test]
fn the_environment_is_put_into_strings_only_where_it_is_asked_for() {
    let config = parse("[http]\nlisten = \"0.0.0.0:80\"\ntoken = \"${TOKEN}\"\n").unwrap();
    assert_eq!(config.http.token.unwrap().reveal(), "0123456789abcdef");
    check(
        "# ${IN_A_COMMENT}\n[http]\ntoken = \"${UNSET}\"\n",
        &[":3:9:", "http.token", "UNSET is not set", ":-default"],
    );
    check("[data]\nfolder = \"${OPEN\"\n", &["without \"}\""]);
    check("[http]\ntoken = \"${EMPTY}\"\n", &["at least 16 characters"]);
    let vars = parse("[dialog.vars]\na = \"x${TOKEN}y\"\nb = \"$${TOKEN}\"\nc = \"${UNSET:-d}${EMPTY}\"\n")
        .unwrap()
        .dialog
        .vars;
    assert_eq!([&vars["a"], &vars["b"], &vars["c"]], ["x0123456789abcdefy", "${TOKEN}", "d"]);
    assert_eq!(vars["backend"], "http://127.0.0.1:8090", "the default stays beside others");
}

#[test]
fn relative_paths_start_at_the_file() {
    let text = "[data]\nfolder = \"d\"\n[speech]\nwhisper = \"/models/w.bin\"\n";
    let config = Config::parse(text, Path::new("/etc/hotline/hotline.toml"), |_| None).unwrap();
    assert_eq!(config.live_folder(), Path::new("/etc/hotline/d/live"));
    assert_eq!(config.flow_file("after-sales"), Path::new("/etc/hotline/flows/after-sales.yaml"));
    assert_eq!(config.speech.whisper.as_deref(), Some(Path::new("/models/w.bin")));
}

#[test]
fn a_number_has_its_own_flow_and_language() {
    let config = parse("[[number]]\ncalled = \"9500\"\nflow = \"survey\"\nlanguage = \"zh\"\n").unwrap();
    let languages = &[call::Language::En, call::Language::Zh];
    assert_eq!(config.route("9500"), Route { flow: "survey", language: call::Language::Zh, languages });
    assert_eq!(config.route("1234"), Route { flow: "after-sales", language: call::Language::En, languages });
    assert_eq!(config.flow_names().into_iter().collect::<Vec<_>>(), ["after-sales", "survey"]);
}

#[test]
fn an_engine_needs_an_address_and_has_defaults_for_the_rest() {
    let config = parse("[speech.recognizer]\nurl = \"http://127.0.0.1:9000\"\n").unwrap();
    let engine = config.speech.recognizer.unwrap();
    assert_eq!((engine.model.as_str(), engine.response_format.as_str()), ("whisper-1", "verbose_json"));
    assert!(config.speech.voice.is_empty());
    check("[speech.recognizer]\nmodel = \"x\"\n", &["speech.recognizer", "\"url\" is missing"]);
    check("[speech.voice.fr]\nurl = \"http://a\"\n", &["speech.voice.fr", "known here: en, zh"]);
    check("[speech.voice.en]\nurl = \"ftp://a\"\n", &[":2:7:", "speech.voice.en.url", "not a web address"]);
    check(
        "[speech.voice.en]\nurl = \"http://a\"\nresponse_format = \"mp3\"\n",
        &[":3:19:", "speech.voice.en.response_format", "unknown value \"mp3\""],
    );
}

#[test]
fn what_is_shown_can_be_read_again_and_holds_no_secret() {
    let config = parse(&sample_in_full()).unwrap();
    let shown = toml::to_string(&config).unwrap();
    assert!(!shown.contains("a secret for the sample"));
    let masked = shown.replace("ha1_sha256 = \"[secret]\"", &format!("ha1_sha256 = \"{}\"", "0".repeat(64)));
    let masked = masked.replace("ha1_md5 = \"[secret]\"", &format!("ha1_md5 = \"{}\"", "0".repeat(32)));
    let masked = masked.replace("\"[secret]\"", "\"0123456789abcdef\"");
    assert_eq!(parse(&masked).unwrap().agents, config.agents);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let error = Config::load(Some(Path::new("/nowhere/hotline.toml"))).unwrap_err().to_string();
    assert!(error.contains("/nowhere/hotline.toml") && error.contains("--config"), "{error}");
}
