//! What is rendered, what is kept, and who waits for what.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tts::{Speech, ToneVoice};

use super::*;

/// Beeps, counts what it speaks, and holds back what it is told to hold back.
struct Counting {
    inner: ToneVoice,
    version: &'static str,
    spoken: AtomicUsize,
    gate: Option<Gate>,
}

/// Told when a clause to be held back has begun, and waits until it may go on.
type Gate = (Mutex<Sender<()>>, Mutex<Receiver<()>>);

impl Counting {
    fn new(version: &'static str) -> Self {
        Self { inner: ToneVoice::default(), version, spoken: AtomicUsize::new(0), gate: None }
    }

    fn spoken(&self) -> usize {
        self.spoken.load(Ordering::SeqCst)
    }
}

impl Voice for Counting {
    fn language(&self) -> Language {
        Language::En
    }

    fn fingerprint(&self) -> String {
        self.version.to_owned()
    }

    fn speak(&self, text: &str, style: Style) -> Result<Speech, VoiceError> {
        self.spoken.fetch_add(1, Ordering::SeqCst);
        if let Some((begun, go)) = &self.gate
            && text.starts_with("Held")
        {
            begun.lock().unwrap().send(()).unwrap();
            go.lock().unwrap().recv().unwrap();
        }
        self.inner.speak(text, style)
    }
}

fn say(text: &str) -> Say {
    Say { text: Pii::new(text.to_owned()), pause: Duration::ZERO, language: Language::En, style: Style::default() }
}

fn wait_until_prepared(mouth: &Mouth) -> Prepared {
    let mut prepared = mouth.prepared();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    *runtime.block_on(prepared.wait_for(|prepared| prepared.is_done())).unwrap()
}

/// Renders and waits.
fn rendered(mouth: &Mouth, text: &str, kind: PromptKind) -> Arc<Rendered> {
    let (sender, receiver) = channel();
    let tell = move |result: Result<Arc<Rendered>, _>| sender.send(result.unwrap()).unwrap();
    match mouth.render(say(text), kind, Duration::ZERO, tell).unwrap() {
        Some(kept) => kept,
        None => receiver.recv().unwrap(),
    }
}

#[test]
fn a_restart_needs_no_synthesis_and_another_version_of_the_voice_does() {
    let folder = tempfile::tempdir().unwrap();
    let start = |voice: &Arc<Counting>| Mouth::start(vec![voice.clone()], 1, Some(folder.path().to_owned())).unwrap();
    let check = |version: &'static str, expected: usize| {
        let voice = Arc::new(Counting::new(version));
        let mouth = start(&voice);
        mouth.prepare([say("One."), say("Two."), say("One."), say("...")]);
        let prepared = wait_until_prepared(&mouth);
        assert_eq!((prepared.total, prepared.ready, prepared.failed), (3, 2, 1), "the third cannot be spoken");
        let one = mouth.render(say("One."), PromptKind::Fixed, Duration::ZERO, |_| {}).unwrap();
        assert!(one.is_some_and(|one| one.frames.len() == 9), "at once");
        assert_eq!(voice.spoken(), expected, "{version}");
    };
    check("a", 3);
    check("a", 1);
    check("b", 3);
}

#[test]
fn only_fixed_prompts_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let voice = Arc::new(Counting::new("a"));
    let mouth = Mouth::start(vec![voice.clone()], 1, Some(folder.path().to_owned())).unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    rendered(&mouth, "Your code is 4 4 7 1.", PromptKind::Live);
    rendered(&mouth, "Your code is 4 4 7 1.", PromptKind::Live);
    assert_eq!((voice.spoken(), files()), (2, 0));
    rendered(&mouth, "Hello.", PromptKind::Fixed);
    rendered(&mouth, "Hello.", PromptKind::Fixed);
    rendered(&mouth, "Hello.", PromptKind::Live);
    assert_eq!((voice.spoken(), files()), (3, 1), "live text that is also a prompt comes from the cache");
}

#[test]
fn calls_do_not_wait_for_the_background_nor_prompts_for_live_text() {
    let (begun, has_begun) = channel();
    let (go, may_go) = channel();
    let gate = Some((Mutex::new(begun), Mutex::new(may_go)));
    let voice = Arc::new(Counting { gate, ..Counting::new("a") });
    let mouth = Mouth::start(vec![voice], 1, None).unwrap();
    mouth.prepare([say("Held in the background."), say("Later.")]);
    has_begun.recv().unwrap();
    rendered(&mouth, "Live.", PromptKind::Live);
    rendered(&mouth, "Later.", PromptKind::Fixed);
    mouth.render(say("Held live."), PromptKind::Live, Duration::ZERO, |_| {}).unwrap();
    has_begun.recv().unwrap();
    // Every thread but that of fixed prompts is held now.
    rendered(&mouth, "A prompt.", PromptKind::Fixed);
    assert!(!mouth.prepared().borrow().is_done());
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(wait_until_prepared(&mouth).ready, 2);
}

#[test]
fn prompts_of_a_new_flow_take_the_place_of_the_old_ones() {
    let (begun, has_begun) = channel();
    let (go, may_go) = channel();
    let voice = Arc::new(Counting { gate: Some((Mutex::new(begun), Mutex::new(may_go))), ..Counting::new("a") });
    let mouth = Mouth::start(vec![voice.clone()], 1, None).unwrap();
    mouth.prepare([say("Held."), say("Old.")]);
    has_begun.recv().unwrap();
    mouth.prepare([say("New.")]);
    go.send(()).unwrap();
    let prepared = wait_until_prepared(&mouth);
    assert_eq!((prepared.total, prepared.ready), (1, 1), "the one that was under way is not counted");
    assert_eq!(voice.spoken(), 2, "the old one is not rendered");
}
