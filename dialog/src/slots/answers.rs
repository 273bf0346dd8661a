//! Yes, no, and sounds that are no answer at all.

use serde::Serialize;

use super::speech::tokens;

/// An answer to a question of yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum YesNo {
    /// No.
    No,
    /// Yes.
    Yes,
}

/// Phrases that hold the other word but mean this; looked at first, longest first.
const IDIOMS: [(&str, YesNo); 38] = [
    ("no that is all", YesNo::No),
    ("nothing else", YesNo::No),
    ("that is all", YesNo::No),
    ("that is it", YesNo::No),
    ("thats all", YesNo::No),
    ("that's all", YesNo::No),
    ("thats it", YesNo::No),
    ("that's it", YesNo::No),
    ("i'm good", YesNo::No),
    ("im good", YesNo::No),
    ("all good", YesNo::No),
    ("no thanks", YesNo::No),
    ("not really", YesNo::No),
    ("not right", YesNo::No),
    ("not correct", YesNo::No),
    ("not quite", YesNo::No),
    ("isn't right", YesNo::No),
    ("isn't correct", YesNo::No),
    ("don't", YesNo::No),
    ("do not", YesNo::No),
    ("no problem", YesNo::Yes),
    ("why not", YesNo::Yes),
    ("不用", YesNo::No),
    ("不需要", YesNo::No),
    ("不要", YesNo::No),
    ("没有了", YesNo::No),
    ("不是", YesNo::No),
    ("不对", YesNo::No),
    ("不行", YesNo::No),
    ("不可以", YesNo::No),
    ("不好", YesNo::No),
    ("没问题", YesNo::Yes),
    ("没错", YesNo::Yes),
    ("不错", YesNo::Yes),
    ("不正确", YesNo::No),
    ("没事了", YesNo::No),
    ("没了", YesNo::No),
    ("就这些", YesNo::No),
];

const WORDS: [(&str, YesNo); 50] = [
    ("yes", YesNo::Yes),
    ("yeah", YesNo::Yes),
    ("yep", YesNo::Yes),
    ("yup", YesNo::Yes),
    ("yah", YesNo::Yes),
    ("sure", YesNo::Yes),
    ("correct", YesNo::Yes),
    ("right", YesNo::Yes),
    ("okay", YesNo::Yes),
    ("ok", YesNo::Yes),
    ("exactly", YesNo::Yes),
    ("absolutely", YesNo::Yes),
    ("indeed", YesNo::Yes),
    ("please", YesNo::Yes),
    ("of course", YesNo::Yes),
    ("go ahead", YesNo::Yes),
    ("definitely", YesNo::Yes),
    ("affirmative", YesNo::Yes),
    ("fine", YesNo::Yes),
    ("aye", YesNo::Yes),
    ("true", YesNo::Yes),
    ("that's it", YesNo::Yes),
    ("perfect", YesNo::Yes),
    ("uh huh", YesNo::Yes),
    ("mm hm", YesNo::Yes),
    ("no", YesNo::No),
    ("nope", YesNo::No),
    ("nah", YesNo::No),
    ("wrong", YesNo::No),
    ("incorrect", YesNo::No),
    ("never", YesNo::No),
    ("negative", YesNo::No),
    ("neither", YesNo::No),
    ("是的", YesNo::Yes),
    ("对", YesNo::Yes),
    ("好", YesNo::Yes),
    ("可以", YesNo::Yes),
    ("行", YesNo::Yes),
    ("正确", YesNo::Yes),
    ("是", YesNo::Yes),
    ("嗯", YesNo::Yes),
    ("要", YesNo::Yes),
    ("需要", YesNo::Yes),
    ("当然", YesNo::Yes),
    ("确认", YesNo::Yes),
    ("不", YesNo::No),
    ("没有", YesNo::No),
    ("错", YesNo::No),
    ("否", YesNo::No),
    ("算了", YesNo::No),
];

const BACKCHANNELS: [&str; 35] = [
    "mm", "mhm", "mmhmm", "mm hm", "mm hmm", "uh huh", "uhhuh", "hmm", "hm", "ah", "oh", "okay", "ok", "right",
    "i see", "mmm", "hmmm", "mhmm", "mm mm", "um", "uh", "yeah", "嗯", "嗯嗯", "哦", "啊", "呃", "哦哦", "好", "好的",
    "好吧", "对", "是", "是的", "行",
];

/// Whether a text says yes or no; `None` when it says neither, or both.
pub fn yes_no(text: &str) -> Option<YesNo> {
    let mut spoken = spaced(text);
    let mut yes = false;
    let mut no = false;
    for (phrase, meaning) in IDIOMS.iter().chain(&WORDS) {
        let phrase = spaced(phrase);
        if spoken.contains(&phrase) {
            spoken = spoken.replace(&phrase, " ");
            match meaning {
                YesNo::No => no = true,
                YesNo::Yes => yes = true,
            }
        }
    }
    match (yes, no) {
        (true, false) => Some(YesNo::Yes),
        // "No, that's right" and "no thanks, that's fine" are settled by their first word.
        (true, true) => first_word(text),
        (false, true) => Some(YesNo::No),
        (false, false) => None,
    }
}

/// Whether a text begins with yes or no: then that is its meaning, whatever politeness follows.
pub(crate) fn begins_with_answer(text: &str) -> bool {
    let spoken = spaced(text);
    // 要 begins wishes ("我要", "要转人工") more often than it answers.
    let phrases = WORDS.iter().chain(&IDIOMS).map(|(phrase, _)| *phrase).filter(|phrase| *phrase != "要");
    phrases.map(spaced).any(|phrase| spoken.starts_with(&phrase))
}

fn first_word(text: &str) -> Option<YesNo> {
    let first = tokens(text).into_iter().next()?;
    let by_word = WORDS.iter().find(|(word, _)| *word == first).map(|(_, meaning)| *meaning);
    let holds_no = by_word == Some(YesNo::No) && (text.contains("right") || text.contains("correct"));
    by_word.filter(|_| !holds_no)
}

/// Whether a text is only a sign of listening, such as "mm-hm" or 嗯.
pub fn is_backchannel(text: &str) -> bool {
    let tokens = tokens(text);
    let is_known = |sound: &str| BACKCHANNELS.contains(&sound);
    let joined = tokens.concat();
    // "Okay, right", 嗯嗯好的.
    let is_row = (1..=ROW_MAX).contains(&tokens.len()) && tokens.iter().all(|sound| is_known(sound));
    is_row || is_known(&joined) || is_known(&tokens.join(" "))
}

/// More signs of listening than these in a row want to be heard.
const ROW_MAX: usize = 4;

/// Whether a text begins with a word that asks for the floor, such as "wait" or 停.
pub(crate) fn asks_for_floor(text: &str) -> bool {
    tokens(text).first().is_some_and(|first| FLOOR.contains(&first.as_str()))
}

/// Words with which people cut in. None of them is easily made out in a murmur.
const FLOOR: [&str; 20] = [
    "agent",
    "but",
    "cancel",
    "excuse",
    "hello",
    "help",
    "hold",
    "human",
    "listen",
    "operator",
    "person",
    "question",
    "representative",
    "sorry",
    "stop",
    "wait",
    "停",
    "等",
    "喂",
    "别",
];

/// Whether a text holds a phrase as whole words.
pub(crate) fn holds_phrase(text: &str, phrase: &str) -> bool {
    let phrase = spaced(phrase);
    phrase.trim() != "" && spaced(text).contains(&phrase)
}

/// Words between single spaces, with one at each end, so that whole words can be searched.
fn spaced(text: &str) -> String {
    format!(" {} ", tokens(text).join(" "))
}
