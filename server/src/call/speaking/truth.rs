//! Played truth: whatever happens, the words reported are those whose sound was sent, found out by listening.
//!
//! Every frame of every clause bears a number of its own. What the wire sends is listened to, so that the expectation
//! comes from the sound itself and not from anybody's counting.

use std::collections::{HashMap, HashSet, VecDeque};

use call::AudioFrame;
use media::Playout;
use proptest::prelude::*;
use tts::parts;

use super::*;
use crate::mouth::FrameMark;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// The leg is gone; nothing is sent after it.
    HangUp,
    /// What the wire has told arrives.
    Hear,
    /// Some clause that is being rendered is done, or cannot be.
    Rendered {
        which: usize,
        fails: bool,
    },
    Say(String, Language),
    Send(usize),
    Stop,
}

/// The wire, a listener and a caller's mouth.
struct Line {
    speaking: Speaking,
    playout: Playout,
    /// Told by the wire and not yet arrived.
    told: VecDeque<Progress>,
    pending: Vec<(u64, Say)>,
    /// Numbers that were heard whole.
    heard: HashSet<i16>,
    /// Words of each clause: where each ends in the text, and the numbers of its frames.
    sounds: HashMap<u64, Vec<(usize, Vec<i16>)>>,
    /// Numbers of the silence after each clause.
    pauses: HashMap<u64, Vec<i16>>,
    next: i16,
    said: Vec<Vec<u64>>,
    texts: Vec<(String, Language)>,
    ended: Vec<(u64, String, Ending)>,
    frames_per_word: Vec<usize>,
}

impl Line {
    fn new(frames_per_word: Vec<usize>) -> Self {
        Self {
            speaking: Speaking::default(),
            playout: Playout::new(),
            told: VecDeque::new(),
            pending: Vec::new(),
            heard: HashSet::new(),
            sounds: HashMap::new(),
            pauses: HashMap::new(),
            next: 0,
            said: Vec::new(),
            texts: Vec::new(),
            ended: Vec::new(),
            frames_per_word,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::HangUp => {
                self.playout.cut();
                self.collect();
                self.hear();
                self.speaking.stop();
            }
            Step::Hear => self.hear(),
            Step::Rendered { which, fails } => {
                if !self.pending.is_empty() {
                    let (token, say) = self.pending.swap_remove(which % self.pending.len());
                    let rendered = (!fails).then(|| self.sound(token, &say));
                    self.speaking.handle_rendered(token, rendered);
                }
            }
            Step::Say(text, language) => {
                let (id, style) = (self.texts.len() as u64, Style::default());
                self.texts.push((text.clone(), language));
                self.said.push(Vec::new());
                self.speaking.say(&Saying { id, text: Pii::new(text), language, kind: PromptKind::Live, style });
            }
            Step::Send(frames) => {
                for _ in 0..frames {
                    if let Some(frame) = self.playout.frame()
                        && frame.0 == [frame.0[0]; AudioFrame::SAMPLES]
                    {
                        self.heard.insert(frame.0[0]);
                    }
                    self.collect();
                }
            }
            Step::Stop => {
                self.speaking.stop();
                self.playout.stop();
            }
        }
        self.settle();
    }

    /// Carries out what the mouth wants, as the call does.
    fn settle(&mut self) {
        while let Some(output) = self.speaking.poll_output() {
            match output {
                SpeakingOutput::Began { .. } => {}
                SpeakingOutput::Ended { id, text, ending, .. } => self.ended.push((id, text.into_revealed(), ending)),
                SpeakingOutput::Play(clip) => self.playout.push(clip).unwrap(),
                SpeakingOutput::Played { text, .. } => {
                    let sent = self.listened(self.ended.len()).0;
                    assert!(sent.starts_with(text.reveal()), "{:?} of {sent:?}", text.reveal());
                }
                SpeakingOutput::Render { token, say, .. } => {
                    self.said.last_mut().unwrap().push(token);
                    self.pending.push((token, say));
                }
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        self.told.extend(std::iter::from_fn(|| self.playout.poll_progress()));
        while self.playout.poll_retired().is_some() {}
    }

    fn hear(&mut self) {
        while let Some(progress) = self.told.pop_front() {
            self.speaking.handle_progress(&progress, Moment::from_millis(1));
        }
    }

    /// Sound for a clause: some frames for each word, and a frame of silence at the end.
    fn sound(&mut self, token: u64, say: &Say) -> Arc<Rendered> {
        let text = say.text.reveal();
        let (mut frames, mut marks, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for (nth, end_byte) in word_ends(text).into_iter().enumerate() {
            let count = self.frames_per_word[nth % self.frames_per_word.len()];
            let numbers: Vec<_> = (0..count).map(|_| self.number()).collect();
            frames.extend(numbers.iter().copied());
            marks.push(FrameMark { end_byte, end_frame: frames.len() });
            words.push((end_byte, numbers));
        }
        let pause = vec![self.number()];
        frames.extend(&pause);
        self.sounds.insert(token, words);
        self.pauses.insert(token, pause);
        let frames = frames.into_iter().map(|number| AudioFrame([number; AudioFrame::SAMPLES])).collect();
        Arc::new(Rendered { frames, marks })
    }

    fn number(&mut self) -> i16 {
        self.next += 1;
        self.next
    }

    /// What a listener would write down of a saying, and whether that is all of it that has a sound.
    fn listened(&self, saying: usize) -> (String, bool) {
        let (text, language) = &self.texts[saying];
        let parts = parts(text, *language, Style::default());
        let (mut out, mut all) = (String::new(), true);
        for (part, token) in parts.iter().zip(&self.said[saying]) {
            let Some(words) = self.sounds.get(token) else { continue };
            let heard = words.iter().take_while(|(_, numbers)| numbers.iter().all(|n| self.heard.contains(n))).count();
            let whole = heard == words.len() && self.pauses[token].iter().all(|n| self.heard.contains(n));
            all &= whole;
            let end = if whole { part.clause.text.len() } else { heard.checked_sub(1).map_or(0, |last| words[last].0) };
            let words = plain(&part.clause.text[..end]);
            if part.spaced && !out.is_empty() && !words.is_empty() {
                out.push(' ');
            }
            out.push_str(&words);
        }
        (out, all)
    }
}

/// Where words end: a run of letters and marks, or one Han character with the marks behind it. Tags are no words.
fn word_ends(text: &str) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let (mut inside, mut tag_end) = (false, 0);
    for (at, letter) in text.char_indices() {
        tag_end = tag_end.max(call::markup::tag_length(&text[at..]).map_or(0, |length| at + length));
        let end = at + letter.len_utf8();
        if at < tag_end || letter.is_whitespace() {
            inside = false;
        } else if letter.is_alphanumeric() && (!inside || !letter.is_ascii()) {
            ends.push(end);
            inside = true;
        } else if let Some(last) = ends.last_mut()
            && inside
        {
            *last = end;
        }
    }
    ends
}

fn text() -> impl Strategy<Value = (String, Language)> {
    let english = prop::sample::select(vec![
        "hello",
        "Dr. Li,",
        "your order",
        "HL-20418.",
        "is",
        "$1,299.00,",
        "one two three four five six",
        "right?",
        "<break time=\"300ms\"/>",
        "<emphasis>now</emphasis>",
        "<lang xml:lang=\"zh-CN\">您好。</lang>",
        "<say-as interpret-as=\"digits\">44, 71</say-as>.",
    ]);
    let mandarin = prop::sample::select(vec![
        "您好，",
        "请问",
        "您的订单号是多少？",
        "一共1,299.50元。",
        "我来帮您查一下，",
        "请稍等。",
        "<break/>",
        "<prosody rate=\"slow\">谢谢</prosody>",
        "<lang xml:lang=\"en\">Hello.</lang>",
    ]);
    prop_oneof![
        prop::collection::vec(english, 1..14).prop_map(|words| (words.join(" "), Language::En)),
        prop::collection::vec(mandarin, 1..14).prop_map(|words| (words.concat(), Language::Zh)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => text().prop_map(|(text, language)| Step::Say(text, language)),
        12 => (any::<usize>(), prop::bool::weighted(0.05))
            .prop_map(|(which, fails)| Step::Rendered { which, fails }),
        8 => (0_usize..30).prop_map(Step::Send),
        6 => Just(Step::Hear),
        1 => Just(Step::Stop),
    ]
}

proptest! {
    #[test]
    fn exactly_the_words_whose_sound_was_sent_are_reported(
        steps in prop::collection::vec(step(), 1..60),
        frames_per_word in prop::collection::vec(1_usize..6, 1..5),
        hangs_up in any::<bool>(),
    ) {
        let mut line = Line::new(frames_per_word);
        for step in steps {
            line.run(step);
        }
        if hangs_up {
            line.run(Step::HangUp);
        } else {
            // All is rendered and played to its end.
            while line.speaking.is_busy() {
                line.run(Step::Rendered { which: 0, fails: false });
                line.run(Step::Send(1_000));
                line.run(Step::Hear);
            }
        }
        prop_assert!(!line.speaking.is_busy());
        let ids: Vec<_> = line.ended.iter().map(|(id, ..)| *id).collect();
        prop_assert_eq!(ids, (0..line.texts.len() as u64).collect::<Vec<_>>(), "each ends once, in order");
        for (id, text, ending) in &line.ended {
            let saying = usize::try_from(*id).unwrap();
            let (listened, all) = line.listened(saying);
            prop_assert_eq!(text, &listened, "{:?}", line.texts[saying]);
            let rendered = line.said[saying].iter().all(|token| line.sounds.contains_key(token));
            let whole = plain(&line.texts[saying].0);
            if rendered {
                prop_assert!(whole.starts_with(text.as_str()), "{text:?} of {whole:?}");
                // The silence behind the last word may be missing from what is complete.
                prop_assert!(!all || *ending == Ending::Complete);
                prop_assert!(*ending == Ending::Stopped || *text == whole, "{:?} of {:?}", text, whole);
                prop_assert!(!all || *text == whole, "{:?} of {:?}", text, whole);
                let after = whole[text.len()..].chars().next();
                let cut = after.is_some_and(|next| next.is_ascii_alphanumeric())
                    && text.ends_with(|last: char| last.is_ascii_alphanumeric());
                prop_assert!(!cut, "a word is cut: {:?} of {:?}", text, whole);
            }
        }
    }
}
