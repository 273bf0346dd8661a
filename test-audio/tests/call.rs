//! Caller and agent call each other over real SIP and RTP on 127.0.0.1, with tones for voices.
//!
//! Speech is a tone whose pitch is the first letter of the text, and the ears name the pitch they hear, so that what
//! was heard proves which sound went through.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::sync::Arc;
use std::time::Duration;

use call::{Codec, Language, Pcm, SampleRate};
use sip_bridge::Transport;
use test_audio::{
    Agent, AgentPlan, CallError, CallPlan, CallProgress, CallReport, Caller, Echo, EndedBy, LineEffects, LoadPlan,
    Outcome, Pickup, Scenario, load,
};
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_both_ways_and_is_recorded_on_both_sides() {
    let agent = agent(Transport::Udp, Pickup::After(Duration::from_millis(100)), &["b", "d"]).await;
    let file = std::env::temp_dir().join(format!("test-audio-call-{}.wav", std::process::id()));
    // The agent speaks only after the caller: the caller has to begin.
    let scenario = "turns:\n  - user: a\n    barge_in: true\n    wait_s: 0.5\n    \
                    expect: { event: response, within_ms: 4000, text_contains: b }\n  - user: c\n    wait_s: 0.2\n    \
                    expect: { event: response, within_ms: 4000, text_contains: d }\n";
    let (report, progress) = call(&agent, Transport::Udp, scenario, Some(file.clone())).await;
    let report = report.unwrap();
    assert_eq!(report.outcome, Outcome::Helped, "{report:?}");
    let words: Vec<_> = report.turns.iter().map(|turn| (turn.said.as_str(), turn.heard.as_str())).collect();
    assert_eq!(words, [("a", "b"), ("c", "d")]);
    for turn in &report.turns {
        // 0.7 s of quiet and 0.4 s of breath, on the recorded sound.
        let gap = turn.gap_ms.unwrap();
        assert!((900..2_000).contains(&gap), "{turn:?}");
    }
    assert_eq!((report.ended_by, report.sip_code), (EndedBy::Us, 200));
    assert!(report.rtp.received > 50 && report.rtp.sent > 50, "{:?}", report.rtp);
    assert!(matches!(progress.first(), Some(CallProgress::Ringing)), "{progress:?}");
    assert!(
        progress.iter().any(|news| matches!(news, CallProgress::Heard { text, gap_ms: Some(_), .. } if text == "b"))
    );

    let heard_by_agent = agent.close().await.remove(0);
    let texts: Vec<_> = heard_by_agent.heard.iter().map(|heard| heard.text.as_str()).collect();
    assert_eq!(texts, ["a", "c"]);
    assert_eq!(heard_by_agent.said, ["b", "d"]);
    assert_eq!(heard_by_agent.ended_by, EndedBy::Them);

    let sound = media::read_wav(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!((sound.rate, sound.channels.len()), (SampleRate::HZ_16000, 2));
    let gaps = test_audio::gap::turn_gaps(&sound.channels[0], &sound.channels[1], sound.rate);
    let measured: Vec<_> = gaps.iter().map(|gap| Some(gap.gap_ms)).collect();
    assert_eq!(measured, report.turns.iter().map(|turn| turn.gap_ms).collect::<Vec<_>>(), "report and file agree");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_hears_its_own_voice_back_from_a_phone_with_an_echo() {
    let agent = agent(Transport::Udp, Pickup::After(Duration::ZERO), &["b", "d"]).await;
    // The caller says one thing and is answered twice: the agent takes the echo of its first answer for a turn.
    let scenario = "turns:\n  - user: a\n    barge_in: true\n    expect: { event: response, within_ms: 5000, \
                    text_contains: b }\n  - expect: { event: response, within_ms: 5000, text_contains: d }\n";
    let echo = Some(Echo { delay: Duration::from_millis(200), attenuation_db: 6.0 });
    let mut plan = plan(agent.uri(), Transport::Udp, scenario, None);
    plan.line = LineEffects { echo, loss: None };
    let (news, _unread) = mpsc::channel(64);
    let report = Caller::place(plan, Arc::new(mouth), Arc::new(ears), news).await.unwrap();
    assert_eq!(report.outcome, Outcome::Helped, "{report:?}");
    let heard_by_agent = agent.close().await.remove(0);
    assert_eq!([&heard_by_agent.heard[0].text, &heard_by_agent.heard[1].text], ["a", "b"], "the second is its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_arrive_each_once_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let agent = agent(transport, Pickup::After(Duration::ZERO), &["b"]).await;
        // Keys make no sound, so nobody answers them; the word after them is answered.
        let scenario = "turns:\n  - dtmf: \"2044118#\"\n    barge_in: true\n    wait_s: 0.3\n    \
                        expect: { event: call.ended, absent: true, within_ms: 100 }\n  \
                        - user: a\n    barge_in: true\n    expect: { event: response, within_ms: 5000 }\n";
        let (report, _) = call(&agent, transport, scenario, None).await;
        let report = report.unwrap();
        assert_eq!(report.outcome, Outcome::Helped, "{report:?}");
        assert_eq!(report.turns[0].said, "[keys 2044118#]");
        assert_eq!(agent.close().await[0].keys, "2044118#", "{transport:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_hangs_up_too_early_is_told_with_the_line() {
    let agent = agent(Transport::Udp, Pickup::After(Duration::ZERO), &["b"]).await;
    let scenario = "end: wait\nturns:\n  - user: a\n    barge_in: true\n    wait_s: 0.2\n  - expect: { event: response, \
                    within_ms: 9000, text_contains: z }\n";
    let (report, progress) = call(&agent, Transport::Udp, scenario, None).await;
    let report = report.unwrap();
    assert_eq!(report.ended_by, EndedBy::Them);
    let Outcome::NotHelped { why } = report.outcome else { panic!("nobody said z") };
    assert!(why.starts_with("s.yaml:7: expected a response with \"z\""), "{why}");
    assert!(why.ends_with("and hung up"), "{why}");
    assert!(progress.iter().any(|news| matches!(news, CallProgress::Ended { by: EndedBy::Them, .. })));
    assert_eq!(agent.close().await[0].ended_by, EndedBy::Us);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_does_not_answer_is_an_error_with_its_status() {
    for (pickup, status) in [(Pickup::Busy, 486), (Pickup::Refuses, 603)] {
        let agent = agent(Transport::Udp, pickup, &["b"]).await;
        let (report, _) = call(&agent, Transport::Udp, "turns:\n  - user: a\n", None).await;
        assert!(matches!(report, Err(CallError::Refused { code, .. }) if code == status), "{report:?}");
        let reports = agent.close().await;
        assert_eq!((reports.len(), reports[0].answered), (1, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_phone_is_given_up_after_the_limit() {
    let agent = agent(Transport::Udp, Pickup::After(Duration::ZERO), &[]).await;
    let scenario = "call_s_max: 1\nturns:\n  - expect: { event: response, within_ms: 9000 }\n";
    let (report, _) = call(&agent, Transport::Udp, scenario, None).await;
    match report {
        Ok(report) => assert!(matches!(report.outcome, Outcome::NotHelped { .. }), "{report:?}"),
        Err(error) => panic!("{error}"),
    }
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_said_plainly() {
    let plan = plan("sip:x@host.invalid:5060".to_owned(), Transport::Udp, "turns:\n  - user: a\n", None);
    let (news, _) = mpsc::channel(8);
    let error = Caller::place(plan, Arc::new(mouth), Arc::new(ears), news).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot reach host.invalid:5060: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_counts_calls_sound_and_gaps() {
    let line = "b";
    let agent = agent(Transport::Udp, Pickup::After(Duration::ZERO), &[line, line]).await;
    let report = load(LoadPlan {
        to: agent.uri(),
        from: "load".to_owned(),
        transport: Transport::Udp,
        calls: 2,
        interval: Duration::from_millis(300),
        hold: Duration::from_secs(2),
        codecs: vec![Codec::Pcma],
    })
    .await
    .unwrap();
    // The phone takes one call and is busy for the other.
    assert_eq!((report.calls, report.answered), (2, 1), "{report:?}");
    assert_eq!(report.each[1].sip_code, Some(486));
    assert_eq!(report.lost, 0);
    assert!(report.each[0].rtp.received > 60, "{report:?}");
    assert!(report.gap_max_ms >= 20.0, "no two packets are closer than the beat all the time: {report:?}");
    drop(agent);
}

async fn agent(transport: Transport, pickup: Pickup, lines: &[&str]) -> Agent {
    let plan = AgentPlan {
        transport,
        pickup,
        lines: lines.iter().map(|&line| line.to_owned()).collect(),
        ..AgentPlan::friendly("127.0.0.1:0".parse().unwrap(), Language::En)
    };
    Agent::listen(plan, Arc::new(mouth), Arc::new(ears)).await.unwrap()
}

fn plan(to: String, transport: Transport, scenario: &str, record: Option<std::path::PathBuf>) -> CallPlan {
    let scenario = Scenario::parse("s.yaml", &format!("name: s\n{scenario}")).unwrap();
    CallPlan {
        to,
        from: "caller".to_owned(),
        transport,
        scenario,
        record,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        line: LineEffects::default(),
    }
}

async fn call(
    agent: &Agent,
    transport: Transport,
    scenario: &str,
    record: Option<std::path::PathBuf>,
) -> (Result<CallReport, CallError>, Vec<CallProgress>) {
    let (news, mut heard) = mpsc::channel(64);
    let plan = plan(agent.uri(), transport, scenario, record);
    let limit = Duration::from_secs(60);
    let report = tokio::time::timeout(limit, Caller::place(plan, Arc::new(mouth), Arc::new(ears), news)).await.unwrap();
    let mut progress = Vec::new();
    while let Some(news) = heard.recv().await {
        progress.push(news);
    }
    (report, progress)
}

/// Pitches of the letters a to d.
const PITCHES: [(char, f64); 4] = [('a', 400.0), ('b', 700.0), ('c', 1_100.0), ('d', 1_700.0)];

/// Half a second of the pitch of the first letter, at a rate that is not the wire's.
fn mouth(text: &str, _language: Language) -> Result<Pcm, String> {
    let letter = text.chars().next().unwrap_or('?');
    let pitch = PITCHES.iter().find(|(name, _)| *name == letter).ok_or("no such letter")?.1;
    let wave = |n: u32| ((f64::from(n) * pitch / 24_000.0 * std::f64::consts::TAU).sin() * 9_000.0) as i16;
    Ok(Pcm { rate: SampleRate::HZ_24000, samples: (0..12_000).map(wave).collect() })
}

/// Names the pitch, by counting how often the sound crosses zero while it is loud.
fn ears(sound: Arc<[i16]>, _language: Language) -> Result<String, String> {
    let loud: Vec<i16> = sound
        .chunks(320)
        .filter(|frame| frame.iter().any(|sample| sample.unsigned_abs() > 4_000))
        .flatten()
        .copied()
        .collect();
    let crossings = loud.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    let pitch = crossings as f64 / 2.0 / (loud.len().max(1) as f64 / 16_000.0);
    let (letter, _) = PITCHES
        .iter()
        .min_by(|a, b| (a.1 - pitch).abs().total_cmp(&(b.1 - pitch).abs()))
        .filter(|(_, near)| (near - pitch).abs() < 80.0)
        .ok_or("no letter")?;
    Ok(letter.to_string())
}
