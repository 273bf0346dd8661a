//! The torture messages of RFC 4475, each answered as that RFC says, and the door as good as before.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::{OFFER, called, empty, open_with_users, told};
use crate::phone::{Phone, header, status};

/// A file of the set, the status of the answer (0 for none), and the section that asks for it.
///
/// Where the RFC leaves a choice, ours is the stricter one: what may mean two things is refused. A REGISTER
/// that is well formed is asked for a password, with another scheme (3.3.7) too.
const EXPECTED: [(&str, u16, &str); 49] = [
    ("badaspec", 400, "3.1.2.14"),
    ("badbranch", 400, "3.2.1"),
    // A wrong Date matters only to those who use it.
    ("baddate", 486, "3.1.2.12"),
    ("baddn", 400, "3.1.2.15"),
    ("badinv01", 400, "3.1.2.1"),
    ("badvers", 505, "3.1.2.16"),
    ("bcast", 0, "3.3.10"),
    ("bext01", 420, "3.3.5"),
    ("bigcode", 0, "3.1.2.19"),
    ("clerr", 400, "3.1.2.2"),
    ("cparam01", 401, "3.3.12"),
    ("cparam02", 401, "3.3.13"),
    // The second request in the datagram is not one.
    ("dblreq", 401, "3.1.1.8"),
    ("esc01", 486, "3.1.1.3"),
    // Escaped, the method is another one.
    ("esc02", 501, "3.1.1.5"),
    ("escnull", 401, "3.1.1.4"),
    ("escruri", 400, "3.1.2.11"),
    ("insuf", 400, "3.3.1"),
    ("intmeth", 501, "3.1.1.2"),
    // It should be taken by those who still speak RFC 2543, which is older than any phone in use.
    ("inv2543", 400, "3.4.1"),
    ("invut", 415, "3.3.6"),
    ("longreq", 486, "3.1.1.7"),
    ("ltgtruri", 400, "3.1.2.7"),
    ("lwsdisp", 200, "3.1.1.6"),
    ("lwsruri", 400, "3.1.2.8"),
    ("lwsstart", 400, "3.1.2.9"),
    ("mcl01", 400, "3.3.9"),
    ("mismatch01", 400, "3.1.2.17"),
    ("mismatch02", 501, "3.1.2.18"),
    ("mpart01", 405, "3.1.1.11"),
    ("multi01", 400, "3.3.8"),
    ("ncl", 400, "3.1.2.3"),
    ("noreason", 0, "3.1.1.13"),
    ("novelsc", 416, "3.3.3"),
    ("quotbal", 400, "3.1.2.6"),
    ("regaut01", 401, "3.3.7"),
    ("regbadct", 400, "3.1.2.13"),
    ("regescrt", 401, "3.3.14"),
    ("scalar02", 400, "3.1.2.4"),
    ("scalarlg", 0, "3.1.2.5"),
    ("sdp01", 406, "3.3.15"),
    ("semiuri", 200, "3.1.1.9"),
    ("transports", 200, "3.1.1.10"),
    ("trws", 400, "3.1.2.10"),
    ("unkscm", 416, "3.3.2"),
    ("unksm2", 400, "3.3.4"),
    ("unreason", 0, "3.1.1.12"),
    // Well formed in every line, and of a dialog that nobody knows.
    ("wsinv", 481, "3.1.1.1"),
    ("zeromf", 200, "3.3.11"),
];

/// The set, when it is there.
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/sip-torture/rfc4475");
    root.is_dir().then_some(root)
}

/// Asks for the answer at the port the message comes from (RFC 3581); nothing else of it is touched.
fn with_rport(message: &[u8]) -> Vec<u8> {
    let is_via = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"via") || name.eq_ignore_ascii_case(b"v")
    };
    let mut at = 0;
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if is_via(line) {
            let here = message[at..].iter().position(|byte| *byte == b';');
            let folded =
                message[at..].windows(3).position(|three| three.starts_with(b"\r\n") && !b" \t".contains(&three[2]));
            let end = here.into_iter().chain(folded).min().unwrap_or(line.len());
            return [&message[..at + end], b";rport", &message[at + end..]].concat();
        }
        at += line.len();
    }
    message.to_vec()
}

#[tokio::test]
async fn every_torture_message_of_the_shared_folder_is_answered_as_rfc_4475_says() {
    let Some(folder) = folder() else { return };
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, EXPECTED.len(), "every file has its line");
    let (door, mut calls) = open_with_users().await;
    let mut wrong = Vec::new();
    for (name, expected, section) in EXPECTED {
        let message = std::fs::read(folder.join(format!("{name}.dat"))).unwrap();
        let mut phone = Phone::new(&door, name).await;
        phone.send(with_rport(&message)).await;
        if expected == 486 {
            let call = called(&mut calls).await;
            if name == "esc01" {
                assert_eq!(call.to, "sips:user@example.com", "the called user, unescaped");
            }
            call.leg.reject(486, "Busy Here", None).await.unwrap();
        }
        // Where no answer is due, the next one is that to a question of ours.
        phone.send(phone.request("OPTIONS", 1, "")).await;
        let mut answers = vec![phone.next().await];
        while header(&answers[answers.len() - 1], "Call-ID") != name {
            answers.push(phone.next().await);
        }
        answers.pop();
        let mut stray = phone.within(Duration::from_millis(20)).await;
        if stray.starts_with("SIP/2.0 100") {
            stray = phone.within(Duration::from_millis(500)).await;
        }
        answers.extend((!stray.is_empty()).then_some(stray));
        let statuses: Vec<_> = answers.iter().map(|answer| status(answer)).collect();
        let right = if expected == 0 {
            statuses.is_empty()
        } else {
            statuses.first() == Some(&expected) && statuses.iter().all(|s| *s == expected)
        };
        if !right {
            wrong.push(format!("{name} ({section}): {expected} expected, {statuses:?} came"));
        }
        for answer in &answers {
            assert!(header(answer, "Server").is_empty() && !answer.contains("rsip"), "{answer}");
            assert!(matches!(header(answer, "User-Agent"), "Hotline"), "no version: {answer}");
        }
        // And an ordinary call is as possible as before.
        phone.call_id = format!("{name}-after");
        let (mut leg, _) = phone.established(&door, OFFER, "", &mut calls).await;
        assert_eq!(status(&phone.ask("BYE", 2, "").await), 200);
        assert_eq!(told(&mut leg).await, "ended Remote bye 0");
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), EXPECTED.len(), wrong.join("\n"));
    empty(&door).await;
}
