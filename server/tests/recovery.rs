//! What an earlier run left behind is closed, whatever it was and however often the machine stops meanwhile.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what cannot be prepared or read fails its test")]

mod kept;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use call::{CallEvent, EventRecord, Language, Moment, Pii, Span, Speaker, Utterance};
use kept::{BEGAN_UNIX_MS, append, header, open_call, recording_name, repair, whole_call};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use server::journal::{Folders, Header, Journal, RecoveryProblem, read, recover};
use server::store::{CallStatus, CallbackState, Cdr, Projector, Store};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

#[tokio::test]
async fn a_call_cut_off_in_the_middle_is_closed_with_its_recording() {
    let place = Place::new().await;
    let journal = place.write(&header(1), open_call(&header(1)));
    let mut torn = fs::read(&journal).unwrap();
    torn.extend_from_slice(b"{\"seq\":26,\"at\":1");
    fs::write(&journal, torn).unwrap();

    let mended = RefCell::new(Vec::new());
    let recovery = recover(&place.folders, &place.store, |path: &Path| {
        mended.borrow_mut().push(path.to_owned());
        Ok(Duration::from_secs(2))
    });
    let recovery = recovery.await.unwrap();

    assert!(recovery.problems.is_empty(), "{:?}", recovery.problems);
    let [closed] = &recovery.calls[..] else { panic!("one call was left, {} closed", recovery.calls.len()) };
    assert_eq!(closed.cdr.status, CallStatus::Crashed);
    assert_eq!((closed.cdr.recording_s, closed.cdr.reason.as_deref()), (Some(2.0), Some("crash")));
    assert_eq!(mended.into_inner(), [place.folders.recordings.join(recording_name(&header(1)))]);
    assert_eq!(closed.journal.extension().unwrap(), "jsonl");
    assert!(closed.journal.starts_with(place.folders.recordings.join("2023/11/14")));
    place.check_closed(&header(1), &closed.journal).await;
    assert_eq!(place.store.transcript(header(1).call_id).await.unwrap().len(), 2);

    let again = recover(&place.folders, &place.store, repair).await.unwrap();
    assert!(again.calls.is_empty(), "what is closed stays closed");
}

#[tokio::test]
async fn what_the_bot_had_said_of_its_last_words_is_not_lost_and_not_told_twice() {
    let place = Place::new().await;
    let bot = |text: &str| Utterance {
        speaker: Speaker::Bot,
        span: Span { start: Moment::from_millis(9_000), end: Moment::from_millis(9_500) },
        text: Pii::new(text.to_owned()),
        confidence: 1.0,
        language: Language::En,
        emotion: None,
    };
    let begun = |text: &str| CallEvent::PartialSaid { utterance: bot(text) };
    let mut events = open_call(&header(1));
    events.extend([begun("Your order"), begun("Your order is on its way.")]);
    place.write(&header(1), events.clone());
    recover(&place.folders, &place.store, repair).await.unwrap();
    let transcript = place.store.transcript(header(1).call_id).await.unwrap();
    assert_eq!(transcript.len(), 3);
    assert_eq!(transcript[2].text.reveal(), "Your order is on its way.");

    events.push(CallEvent::Said { utterance: bot("Your order is on its way. Anything else?") });
    place.write(&header(2), events);
    recover(&place.folders, &place.store, repair).await.unwrap();
    let transcript = place.store.transcript(header(2).call_id).await.unwrap();
    assert_eq!(transcript.len(), 3, "the whole takes the place of its beginning");
}

#[tokio::test]
async fn a_call_that_outlived_its_last_event_ends_with_its_recording() {
    let place = Place::new().await;
    place.write(&header(1), open_call(&header(1)).into_iter().take(3).collect());
    let recovery = recover(&place.folders, &place.store, |_: &Path| Ok(Duration::from_secs(90))).await.unwrap();
    let cdr = &recovery.calls[0].cdr;
    assert_eq!(cdr.end_unix_ms, Some(header(1).unix_ms + 10 + 90_000));
    assert!(cdr.bot_s >= 90.0, "the caller was with the bot all that time: {}", cdr.bot_s);
}

#[test]
fn every_beginning_of_a_journal_becomes_a_valid_record() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(Place::new());
    let number = RefCell::new(0_u128);
    // Cut anywhere, with or without rubbish after the cut, with a recording that can be mended or cannot.
    // Rubbish that begins with the end of a line would make the line before it whole.
    let bytes = proptest::collection::vec(any::<u8>(), 1..40).prop_filter("torn", |bytes| bytes[0] != b'\n');
    let rubbish = prop_oneof![Just(Vec::new()), bytes];
    let mended = prop_oneof![Just(Ok(Duration::from_secs(2))), Just(Err("not a recording".to_owned()))];
    let strategy = (any::<proptest::sample::Index>(), rubbish, mended);
    TestRunner::new(Config::with_cases(96))
        .run(&strategy, |(cut, rubbish, mended)| {
            *number.borrow_mut() += 1;
            let header = header(*number.borrow());
            let path = place.write(&header, whole_call(&header));
            let whole = fs::read(&path).unwrap();
            let cut = cut.index(whole.len() + 1);
            let beginning = [&whole[..cut], &rubbish[..]].concat();
            fs::write(&path, &beginning).unwrap();
            runtime.block_on(check_recovery(&place, &header, &whole, cut, &beginning, &mended));
            Ok(())
        })
        .unwrap();
}

/// Recovers one journal of which only the beginning is left.
async fn check_recovery(
    place: &Place,
    header: &Header,
    whole: &[u8],
    cut: usize,
    beginning: &[u8],
    mended: &Result<Duration, String>,
) {
    let header_bytes = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let recovery = recover(&place.folders, &place.store, |_: &Path| mended.clone()).await.unwrap();
    if cut < header_bytes {
        assert!(recovery.calls.is_empty(), "nothing was acted on");
        // Rubbish with a line in it may be somebody's: it is told and left.
        let left = beginning.contains(&b'\n');
        assert_eq!(recovery.problems.len(), usize::from(left));
        recovery.problems.iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
        return;
    }
    assert!(recovery.problems.is_empty(), "{:?}", recovery.problems);
    let [closed] = &recovery.calls[..] else { panic!("{} calls closed", recovery.calls.len()) };
    let was_whole = cut == whole.len();
    let expected = if was_whole { CallStatus::Completed } else { CallStatus::Crashed };
    assert_eq!(closed.cdr.status, expected);
    assert!(closed.cdr.end_unix_ms.unwrap() >= closed.cdr.start_unix_ms);
    assert!(closed.cdr.start_unix_ms >= BEGAN_UNIX_MS);
    let events = place.check_closed(header, &closed.journal).await;
    // Every event that was written whole is still there, and before what was added.
    let written: Vec<EventRecord> = whole[header_bytes..cut]
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(events[..written.len()], written);
}

#[tokio::test]
async fn a_recovery_that_is_cut_off_goes_on_at_the_next_start() {
    let place = Place::new().await;
    let journal = place.write(&header(1), open_call(&header(1)));

    // The database fails after the journal was mended.
    let gone = Store::open(&place.folder.path().join("other.db")).await.unwrap();
    gone.close().await;
    let first = recover(&place.folders, &gone, repair).await.unwrap();
    assert!(matches!(first.problems[..], [(_, RecoveryProblem::Store(_))]), "{:?}", first.problems);
    assert!(journal.exists());

    // The archive fails after the rows were written.
    fs::write(&place.folders.recordings, "in the way").unwrap();
    let second = recover(&place.folders, &place.store, repair).await.unwrap();
    assert!(matches!(second.problems[..], [(_, RecoveryProblem::Archive(_))]), "{:?}", second.problems);
    assert!(journal.exists());

    fs::remove_file(&place.folders.recordings).unwrap();
    let third = recover(&place.folders, &place.store, repair).await.unwrap();
    let events = place.check_closed(&header(1), &third.calls[0].journal).await;
    let count = |wanted: fn(&CallEvent) -> bool| events.iter().filter(|record| wanted(&record.event)).count();
    assert_eq!(count(CallEvent::is_last), 1);
    assert_eq!(count(|event| matches!(event, CallEvent::RecordingReady { .. })), 1);
    let callbacks = place.store.callbacks(Some(CallbackState::Open), 10).await.unwrap();
    assert_eq!(callbacks.len(), 1, "nobody is called back twice");
}

#[tokio::test]
async fn a_callback_that_was_made_stays_made() {
    let place = Place::new().await;
    let journal = place.write(&header(1), whole_call(&header(1)));
    let (header, events) = read(&journal).unwrap();
    place.store.settle(&header, &events).await.unwrap();
    let mut outside = place.other_program().await;
    sqlx::query("UPDATE callbacks SET state = 'done'").execute(&mut outside).await.unwrap();
    place.store.settle(&header, &events).await.unwrap();
    let callbacks = place.store.callbacks(None, 10).await.unwrap();
    assert_eq!(callbacks.iter().map(|callback| callback.state).collect::<Vec<_>>(), [CallbackState::Done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_while_the_database_is_locked_and_are_settled_when_it_is_free() {
    let place = Place::new().await;
    let (projector, task) = Projector::start(place.store.clone(), place.folders.clone(), repair);
    let mut other = place.other_program().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    for number in 1..=3 {
        let mut journal = Journal::create(&place.folders.live, header(number)).unwrap();
        for event in whole_call(&header(number)) {
            append(&mut journal, event);
        }
        // Returns at once: a call never waits for the database.
        projector.settle(journal, ());
    }
    // Longer than a transaction waits for the lock, so that it has failed and is tried again.
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    assert_eq!(place.left().len(), 3);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    kept::eventually("all are settled", || place.left().is_empty()).await;
    drop(projector);
    task.stop(Duration::from_secs(5)).await;
    assert_eq!(place.store.calls(None, 10).await.unwrap().calls.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_panicked_is_closed_without_a_restart() {
    let place = Place::new().await;
    let (projector, task) = Projector::start(place.store.clone(), place.folders.clone(), repair);
    let mut journal = Journal::create(&place.folders.live, header(1)).unwrap();
    for event in open_call(&header(1)) {
        append(&mut journal, event);
    }
    projector.settle(journal, ());
    drop(projector);
    task.stop(Duration::from_secs(10)).await;
    let cdr = place.store.call(header(1).call_id).await.unwrap().unwrap();
    assert_eq!(cdr.status, CallStatus::Crashed);
    assert!(place.left().is_empty());
}

/// Folders and a database of a test's own.
struct Place {
    folder: TempDir,
    folders: Folders,
    store: Store,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders { live: folder.path().join("live"), recordings: folder.path().join("recordings") };
        let store = Store::open(&folder.path().join("hotline.db")).await.unwrap();
        Self { folder, folders, store }
    }

    /// Writes the journal of a run that is then killed.
    fn write(&self, header: &Header, events: Vec<CallEvent>) -> PathBuf {
        let mut journal = Journal::create(&self.folders.live, *header).unwrap();
        for event in events {
            append(&mut journal, event);
        }
        journal.path().to_owned()
    }

    /// Journals that are not settled.
    fn left(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.folders.live).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// Another program that has the same database open.
    async fn other_program(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("hotline.db"));
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Checks that journal and database tell the same of a call, and that it is over.
    async fn check_closed(&self, header: &Header, journal: &Path) -> Vec<EventRecord> {
        let (found, events) = read(journal).unwrap();
        assert_eq!(&found, header);
        assert!(events.last().unwrap().event.is_last());
        assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq && pair[0].at <= pair[1].at));
        let row = self.store.call(header.call_id).await.unwrap().unwrap();
        assert_eq!(row, Cdr::from_events(header, &events), "the database tells what the journal tells");
        assert!(!self.left().iter().any(|path| path.file_name() == journal.file_name()));
        events
    }
}
