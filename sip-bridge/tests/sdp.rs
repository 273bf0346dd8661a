//! Session descriptions of real phones, and what we agree on with each.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene fails there")]

use call::Codec;
use sip_bridge::sdp::{self, LocalMedia, MediaDirection, Negotiated, Offer, SdpError};

fn local(codecs: &[Codec]) -> LocalMedia {
    LocalMedia {
        address: "192.0.2.1".parse().unwrap(),
        port: 4000,
        codecs: codecs.to_vec(),
        telephone_event: true,
        session_id: 77,
        version: 1,
    }
}

fn answer(offer: &str) -> Result<Negotiated, SdpError> {
    sdp::answer(&Offer::parse(offer)?, &local(&[Codec::Pcmu, Codec::Pcma, Codec::G722]))
}

/// `codec payload/digits remote direction ptime`, or the status of the refusal.
fn told(result: Result<Negotiated, SdpError>) -> String {
    match result {
        Ok(n) => {
            let digits = n.telephone_event.map_or("-".to_owned(), |number| number.to_string());
            format!("{} {}/{digits} {} {:?} {}", n.codec, n.payload_type, n.remote, n.direction, n.ptime_ms)
        }
        Err(error) => error.status().to_string(),
    }
}

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n";

#[test]
fn the_first_codec_of_the_offer_that_we_speak_is_taken() {
    let check = |media: &str, expected: &str| assert_eq!(told(answer(&format!("{HEAD}{media}"))), expected, "{media}");
    check("m=audio 5000 RTP/AVP 0 8\r\n", "PCMU 0/- 198.51.100.9:5000 SendRecv 20");
    check("m=audio 5000 RTP/AVP 8 0\r\n", "PCMA 8/- 198.51.100.9:5000 SendRecv 20");
    check("m=audio 5000 RTP/AVP 18 9 0\r\n", "G722 9/- 198.51.100.9:5000 SendRecv 20");
    check(
        "m=audio 5000 RTP/AVP 18 96 101\r\na=rtpmap:96 pcma/8000\r\na=rtpmap:101 telephone-event/8000\r\n",
        "PCMA 96/101 198.51.100.9:5000 SendRecv 20",
    );
    // A static number that is mapped to something else is something else.
    check("m=audio 5000 RTP/AVP 0 8\r\na=rtpmap:0 GSM/8000\r\n", "PCMA 8/- 198.51.100.9:5000 SendRecv 20");
    // A known name at a rate of its own is another codec.
    check("m=audio 5000 RTP/AVP 97\r\na=rtpmap:97 PCMU/16000\r\n", "488");
    check("m=audio 5000 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000/2\r\n", "488");
    check("m=audio 5000 RTP/AVP 0 0 8 0\r\n", "PCMU 0/- 198.51.100.9:5000 SendRecv 20");
    check(
        "m=audio 5000 RTP/AVP 0 96 101 102\r\na=rtpmap:96 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=rtpmap:102 telephone-event/8000\r\n",
        "PCMU 0/101 198.51.100.9:5000 SendRecv 20",
    );
    // Digits on a clock that is not the sound's cannot be timed by it.
    check(
        "m=audio 5000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/48000\r\n",
        "PCMU 0/- 198.51.100.9:5000 SendRecv 20",
    );
    check("m=audio 5000 RTP/AVP 18 4\r\n", "488");
    check("m=audio 5000 RTP/AVP 300 x 0\r\n", "PCMU 0/- 198.51.100.9:5000 SendRecv 20");
    check("m=audio 0 RTP/AVP 0\r\n", "488");
    check("m=audio 5000 RTP/SAVP 0\r\n", "488");
    check("m=video 5000 RTP/AVP 31\r\n", "488");
}

#[test]
fn hold_in_all_its_forms_is_understood() {
    let check = |head: &str, tail: &str, expected: &str| {
        let offer = format!("{head}m=audio 5000 RTP/AVP 0\r\n{tail}");
        let negotiated = answer(&offer).unwrap();
        assert_eq!(negotiated.direction.attribute(), expected, "{offer}");
        assert!(negotiated.sdp.contains(&format!("\r\na={expected}\r\n")), "{}", negotiated.sdp);
    };
    let zero = HEAD.replace("c=IN IP4 198.51.100.9", "c=IN IP4 0.0.0.0");
    check(HEAD, "", "sendrecv");
    check(HEAD, "a=sendonly\r\n", "recvonly");
    check(HEAD, "a=recvonly\r\n", "sendonly");
    check(HEAD, "a=inactive\r\n", "inactive");
    check(&format!("{HEAD}a=sendonly\r\n"), "", "recvonly");
    check(&format!("{HEAD}a=sendonly\r\n"), "a=sendrecv\r\n", "sendrecv");
    check(&zero, "", "recvonly");
    check(&zero, "a=inactive\r\n", "inactive");
    check(HEAD, "c=IN IP4 0.0.0.0\r\na=sendonly\r\n", "recvonly");
}

#[test]
fn each_stream_is_answered_at_its_place() {
    let offer = format!(
        "{HEAD}m=video 6000 RTP/AVP 31 32\r\nm=audio 5000 RTP/AVP 18\r\nm=audio 5002 RTP/AVPF 8\r\n\
         c=IN IP4 203.0.113.4\r\na=ptime:30\r\nm=application 9 UDP/BFCP *\r\n"
    );
    let negotiated = answer(&offer.replace("t=0 0", "t=2873397496 2873404696")).unwrap();
    assert_eq!(negotiated.remote, "203.0.113.4:5002".parse().unwrap());
    let expected = "v=0\r\no=- 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=2873397496 2873404696\r\n\
                    m=video 0 RTP/AVP 31 32\r\nm=audio 0 RTP/AVP 18\r\nm=audio 4000 RTP/AVPF 8\r\n\
                    a=rtpmap:8 PCMA/8000\r\na=ptime:30\r\na=sendrecv\r\nm=application 0 UDP/BFCP *\r\n";
    assert_eq!(negotiated.sdp, expected);
}

#[test]
fn odd_phones_are_understood() {
    let check = |offer: &str, expected: &str| assert_eq!(told(answer(offer)), expected, "{offer}");
    // Bare line feeds, an origin that is not numeric, double spaces, upper case, trailing white space.
    check(
        "v=0\no=user abc xyz IN IP4 h\ns=call \nc=IN IP4 10.0.0.2 \nt=0 0\nm=audio  5000  RTP/AVP  0  101 \n\
         a=RTPMAP:101  Telephone-Event/8000\na=fmtp:101 0-16,32\na=SENDONLY\n",
        "PCMU 0/101 10.0.0.2:5000 RecvOnly 20",
    );
    // No origin, no name, no time; lines of other kinds that would not parse.
    check("v=0\r\nb=AS\r\nk=\r\nc=IN IP4 10.0.0.2\r\nm=audio 5000 RTP/AVP 8\r\n", "PCMA 8/- 10.0.0.2:5000 SendRecv 20");
    check("v=0\r\nc=IN IP6 2001:db8::5\r\nm=audio 5000/2 RTP/AVP 0\r\n", "PCMU 0/- [2001:db8::5]:5000 SendRecv 20");
    // What is no description, or cannot be sent to.
    check("", "400");
    check("hello", "400");
    check("v=1\r\n", "400");
    check("v=0\r\ns=-\r\nt=0 0\r\n", "400");
    check("v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio many RTP/AVP 0\r\n", "400");
    check("v=0\r\nm=audio 5000 RTP/AVP 0\r\n", "400");
    check("v=0\r\nc=IN IP4 phone.example.org\r\nm=audio 5000 RTP/AVP 0\r\n", "488");
    check("v=0\r\nc=IN IP4 224.2.1.1/127\r\nm=audio 5000 RTP/AVP 0\r\n", "488");
    check(&format!("{HEAD}{}", "m=audio 5000 RTP/AVP 0\r\n".repeat(17)), "400");
    check(&format!("{HEAD}m=audio 5000 RTP/AVP 0\r\na={}\r\n", "x".repeat(20_000)), "400");
}

#[test]
fn packets_are_as_long_as_the_peer_asks_within_reason() {
    for (attributes, expected) in [
        ("", 20),
        ("a=ptime:10\r\n", 10),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:20.0\r\n", 20),
        ("a=ptime:-1\r\n", 20),
        ("a=ptime:soon\r\n", 20),
        ("a=ptime:40\r\na=maxptime:20\r\n", 20),
    ] {
        let negotiated = answer(&format!("{HEAD}m=audio 5000 RTP/AVP 0\r\n{attributes}")).unwrap();
        assert_eq!(negotiated.ptime_ms, expected, "{attributes}");
    }
}

#[test]
fn our_offer_is_answered_by_ourselves_in_every_codec() {
    let all = [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];
    let ours = local(&all);
    let offer = sdp::offer(&ours);
    for codec in all {
        let mut theirs = local(&[codec]);
        theirs.port = 6000;
        let answered = sdp::answer(&Offer::parse(&offer).unwrap(), &theirs).unwrap();
        assert_eq!((answered.codec, answered.remote.port()), (codec, 4000));
        let accepted = sdp::accept(&answered.sdp, &ours).unwrap();
        assert_eq!((accepted.codec, accepted.payload_type), (codec, answered.payload_type));
        assert_eq!((accepted.telephone_event, accepted.remote.port()), (answered.telephone_event, 6000));
        assert!(accepted.telephone_event.is_some(), "digits tick with {codec}");
    }
    let silent = sdp::offer(&LocalMedia { telephone_event: false, ..local(&[Codec::Pcmu]) });
    assert!(silent.contains("m=audio 4000 RTP/AVP 0\r\n"), "{silent}");
    let hold = sdp::offer_directed(&ours, MediaDirection::SendOnly);
    let held = sdp::answer(&Offer::parse(&hold).unwrap(), &ours).unwrap();
    assert_eq!(held.direction, MediaDirection::RecvOnly);
}

#[test]
fn an_answer_that_declines_or_talks_of_something_else_is_refused() {
    let check = |answer: &str, expected: u16| {
        let refused = sdp::accept(answer, &local(&[Codec::Pcmu])).unwrap_err();
        assert_eq!(refused.status(), expected, "{answer}");
    };
    check(&format!("{HEAD}m=audio 0 RTP/AVP 0\r\n"), 488);
    check(&format!("{HEAD}m=audio 5000 RTP/AVP 8\r\n"), 488);
    check("nonsense", 400);
}
