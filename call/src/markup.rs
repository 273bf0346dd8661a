//! The small markup of spoken texts: a subset of SSML 1.1, so that an author can say how something is to be read.
//!
//! It stands here because the mind checks it when a flow is loaded, the mouth obeys it, and the house writes down the
//! words without it. What is wrong is told to the author once; at the moment of speaking a wrong tag is only left out.

use crate::speech::Language;

/// What is wrong with a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkupProblem {
    /// Where in the text, in bytes.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: String,
}

/// A stretch of text that is said in one language and one manner.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The words with the blanks around them; of the tags only `<break>` and `<say-as>` are left.
    pub text: String,
    /// The language it is said in.
    pub language: Language,
    /// Speed as a factor: 1.0 is the usual.
    pub rate: f32,
    /// Louder or softer than usual, in decibels.
    pub gain_db: f32,
}

/// Everything wrong with the markup of a text, in its order.
pub fn check(text: &str) -> Vec<MarkupProblem> {
    let mut problems = Vec::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let Some(length) = tag_length(&text[start..]) else {
            problems.push(problem(start, "\"<\" begins no tag", "write the sign as a word"));
            at = start + 1;
            continue;
        };
        at = start + length;
        let inside_say_as = open.last().is_some_and(|(_, name)| *name == SAY_AS);
        match read(&text[start..at]) {
            Ok(Tag::Close(name)) => match open.pop() {
                Some((_, opened)) if opened == name => {}
                Some((_, opened)) => {
                    let hint = format!("close <{opened}> first");
                    problems.push(problem(start, &format!("</{name}> closes <{opened}>"), &hint));
                }
                None => problems.push(problem(start, &format!("</{name}> closes nothing"), "take it out")),
            },
            Ok(_) if inside_say_as => {
                problems.push(problem(start, "a tag inside <say-as>", "put it before or behind"));
            }
            Ok(Tag::Break) => {}
            Ok(Tag::Language(_)) => open.push((start, LANG)),
            Ok(Tag::Manner { name, .. }) => open.push((start, name)),
            Ok(Tag::SayAs) => open.push((start, SAY_AS)),
            Err((message, hint)) => {
                problems.push(problem(start, &message, &hint));
                // A tag with a wrong attribute is still closed further on.
                let name = name_of(&text[start..at]);
                if let Some(known) = PAIRED.into_iter().find(|known| *known == name) {
                    open.push((start, known));
                }
            }
        }
    }
    for (start, name) in open {
        problems.push(problem(start, &format!("<{name}> is not closed"), &format!("write </{name}> where it ends")));
    }
    problems.sort_by_key(|problem| problem.at);
    problems
}

/// The words of a text without its markup: no tags, and one blank where there were several.
pub fn plain(text: &str) -> String {
    let untagged = untagged(text);
    let mut out = String::with_capacity(untagged.len());
    for word in untagged.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A text without its tags, its blanks as they are.
pub fn untagged(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let length = tag_length(tag);
        if length.is_none() {
            out.push('<');
        }
        rest = &tag[length.unwrap_or(1)..];
    }
    out.push_str(rest);
    out
}

/// A text of others, in which nothing can be taken for markup: `<` and `>` become blanks.
pub fn unmarked(text: &str) -> String {
    text.replace(['<', '>'], " ")
}

/// Cuts a text where its language or its manner changes. Nested tags add up; those that are wrong change nothing.
pub fn stretches(text: &str, language: Language) -> Vec<Stretch> {
    let empty = Stretch { text: String::new(), language, rate: 1.0, gain_db: 0.0 };
    let mut out = Vec::new();
    let mut outer: Vec<(&str, Stretch)> = Vec::new();
    let mut now = empty;
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        now.text.push_str(before);
        let Some(length) = tag_length(from) else {
            now.text.push('<');
            rest = &from[1..];
            continue;
        };
        let (tag, after) = from.split_at(length);
        rest = after;
        let inner = match read(tag) {
            Ok(Tag::Break | Tag::SayAs | Tag::Close(SAY_AS)) => {
                now.text.push_str(tag);
                continue;
            }
            Ok(Tag::Language(language)) => (LANG, Stretch { text: String::new(), language, ..now }),
            Ok(Tag::Manner { name, rate, gain_db }) => {
                let (rate, gain_db) = (now.rate * rate, now.gain_db + gain_db);
                (name, Stretch { text: String::new(), language: now.language, rate, gain_db })
            }
            Ok(Tag::Close(name)) => {
                if let Some((_, before)) = outer.pop_if(|(opened, _)| *opened == name) {
                    flush(&mut out, &now);
                    now = before;
                }
                continue;
            }
            Err(_) => continue,
        };
        flush(&mut out, &now);
        now.text.clear();
        outer.push((inner.0, std::mem::replace(&mut now, inner.1)));
    }
    now.text.push_str(rest);
    flush(&mut out, &now);
    out
}

fn flush(out: &mut Vec<Stretch>, now: &Stretch) {
    if !now.text.is_empty() {
        out.push(now.clone());
    }
}

/// One tag.
enum Tag<'a> {
    Break,
    Close(&'a str),
    Language(Language),
    Manner { name: &'static str, rate: f32, gain_db: f32 },
    SayAs,
}

/// What is wrong, and the way out.
type Wrong = (String, String);

/// Bytes of the tag at the beginning of `text`, from `<` to `>`; `None` when there is none.
pub fn tag_length(text: &str) -> Option<usize> {
    let body = text.strip_prefix('<')?;
    let is_tag = body.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let end = body.find(['<', '>'])?;
    (is_tag && end < TAG_BYTES_MAX && body[end..].starts_with('>')).then_some(end + 2)
}

fn name_of(tag: &str) -> &str {
    let body = tag.trim_matches(['<', '>']).trim_matches('/').trim();
    body.split([' ', '\t', '\n']).next().unwrap_or_default()
}

fn read(tag: &str) -> Result<Tag<'_>, Wrong> {
    let body = &tag[1..tag.len() - 1];
    let name = name_of(tag);
    if body.starts_with('/') {
        return Ok(Tag::Close(name));
    }
    let is_empty = body.trim_end().ends_with('/');
    let attributes = attributes(body.trim_end().trim_end_matches('/').trim().strip_prefix(name).unwrap_or_default())
        .ok_or_else(|| wrong(format!("<{name}> cannot be read"), "write name=\"value\" with quotation marks"))?;
    let allowed: &[&str] = match name {
        "break" => &["time"],
        "emphasis" => &[],
        LANG => &["xml:lang"],
        "prosody" => &["rate", "volume"],
        SAY_AS => &["interpret-as"],
        _ => return Err(wrong(format!("markup <{name}> does not exist"), TAGS)),
    };
    if let Some((key, _)) = attributes.iter().find(|(key, _)| !allowed.contains(key)) {
        let hint = if allowed.is_empty() { "it has none".to_owned() } else { format!("it has {}", allowed.join(", ")) };
        return Err((format!("<{name}> has no attribute \"{key}\""), hint));
    }
    if is_empty != (name == "break") {
        let hint = if is_empty { format!("write <{name}>..</{name}>") } else { "write <break time=\"300ms\"/>".into() };
        return Err((format!("<{name}> is written otherwise"), hint));
    }
    let value = |key: &str| attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    match name {
        "break" => break_time(value("time")).map(|()| Tag::Break),
        "emphasis" => Ok(Tag::Manner { name: "emphasis", rate: EMPHASIS_RATE, gain_db: EMPHASIS_DB }),
        LANG => spoken(value("xml:lang")).map(Tag::Language),
        "prosody" => {
            let (rate, gain_db) = (rate(value("rate"))?, volume(value("volume"))?);
            Ok(Tag::Manner { name: "prosody", rate, gain_db })
        }
        _ => match value("interpret-as") {
            Some(kind) if KINDS.contains(&kind) => Ok(Tag::SayAs),
            Some(kind) => {
                Err((format!("interpret-as \"{kind}\" does not exist"), format!("known: {}", KINDS.join(", "))))
            }
            None => Err(wrong("<say-as> has no \"interpret-as\"".into(), "write <say-as interpret-as=\"digits\">")),
        },
    }
}

/// `name="value"` pairs; `None` when something else stands there.
fn attributes(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, after) = after[1..].split_once(quote)?;
        out.push((key.trim(), value.trim()));
        rest = after.trim_start();
    }
    Some(out)
}

fn break_time(time: Option<&str>) -> Result<(), Wrong> {
    let Some(time) = time else { return Ok(()) };
    let seconds = match time.strip_suffix("ms") {
        Some(millis) => number(millis).map(|millis| millis / 1_000.0),
        None => time.strip_suffix('s').and_then(number),
    };
    match seconds {
        Some(seconds) if (0.0..=BREAK_S_MAX).contains(&seconds) => Ok(()),
        Some(_) | None => Err(wrong(format!("\"{time}\" is no time of a break"), "write 300ms or 1.5s, at most 10s")),
    }
}

fn rate(rate: Option<&str>) -> Result<f32, Wrong> {
    let percent = |text: &str| text.strip_suffix('%').and_then(number).map(|percent| percent / 100.0);
    match rate {
        None | Some("medium") => Ok(1.0),
        Some("fast") => Ok(1.15),
        Some("slow") => Ok(0.85),
        Some("x-fast") => Ok(1.35),
        Some("x-slow") => Ok(0.7),
        Some(other) => percent(other)
            .filter(|rate| (0.5..=2.0).contains(rate))
            .ok_or_else(|| wrong(format!("\"{other}\" is no rate"), "write slow, fast, x-slow, x-fast or 50% to 200%")),
    }
}

fn volume(volume: Option<&str>) -> Result<f32, Wrong> {
    let decibels = |text: &str| text.strip_suffix("dB").and_then(number);
    match volume {
        None | Some("medium") => Ok(0.0),
        Some("loud") => Ok(3.0),
        Some("soft") => Ok(-4.0),
        Some("x-loud") => Ok(6.0),
        Some("x-soft") => Ok(-8.0),
        Some(other) => decibels(other).filter(|gain_db| (-20.0..=6.0).contains(gain_db)).ok_or_else(|| {
            wrong(format!("\"{other}\" is no volume"), "write soft, loud, x-soft, x-loud or -20dB to +6dB")
        }),
    }
}

fn spoken(code: Option<&str>) -> Result<Language, Wrong> {
    let code = code.unwrap_or_default();
    let primary = code.split('-').next().unwrap_or_default();
    primary.parse().map_err(|_| wrong(format!("language \"{code}\" does not exist"), "write zh-CN or en-US"))
}

fn number(text: &str) -> Option<f32> {
    text.trim().parse::<f32>().ok().filter(|number| number.is_finite())
}

fn wrong(message: String, hint: &str) -> Wrong {
    (message, hint.to_owned())
}

fn problem(at: usize, message: &str, hint: &str) -> MarkupProblem {
    MarkupProblem { at, message: message.to_owned(), hint: hint.to_owned() }
}

const LANG: &str = "lang";
const SAY_AS: &str = "say-as";
/// Tags that have an end of their own.
const PAIRED: [&str; 4] = ["emphasis", LANG, "prosody", SAY_AS];
const TAGS: &str = "known: break, emphasis, lang, prosody, say-as";
/// How `<say-as>` may read what is in it.
const KINDS: [&str; 11] = [
    "cardinal",
    "characters",
    "currency",
    "date",
    "digits",
    "number",
    "ordinal",
    "spell-out",
    "telephone",
    "time",
    "verbatim",
];
/// What is longer is no tag.
const TAG_BYTES_MAX: usize = 180;
const BREAK_S_MAX: f32 = 10.0;
const EMPHASIS_RATE: f32 = 0.9;
const EMPHASIS_DB: f32 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_markup_is_named_with_its_place_and_good_markup_is_not() {
        let check = |text: &str, expected: &[(usize, &str)]| {
            let found = check(text);
            let found: Vec<_> = found.iter().map(|problem| (problem.at, problem.message.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("Hello <break time=\"300ms\"/> you, <break/> <prosody rate='90%' volume=\"+3dB\">slow</prosody>.", &[]);
        check("<lang xml:lang=\"zh-CN\">您好<emphasis>！</emphasis></lang>", &[]);
        check("<say-as interpret-as=\"telephone\">\u{e000}</say-as>", &[]);
        check("a <brek/> b", &[(2, "markup <brek> does not exist")]);
        check("a < b", &[(2, "\"<\" begins no tag")]);
        check("<break time=\"soon\"/>", &[(0, "\"soon\" is no time of a break")]);
        check("<break time=\"11s\"/>", &[(0, "\"11s\" is no time of a break")]);
        check("<break>", &[(0, "<break> is written otherwise")]);
        check("<prosody rate=\"quick\">a</prosody>", &[(0, "\"quick\" is no rate")]);
        check("<prosody pitch=\"high\">a</prosody>", &[(0, "<prosody> has no attribute \"pitch\"")]);
        check("<prosody volume=\"9dB\">a</prosody>", &[(0, "\"9dB\" is no volume")]);
        check("<lang xml:lang=\"fr-FR\">oui</lang>", &[(0, "language \"fr-FR\" does not exist")]);
        check("<say-as interpret-as=\"rhyme\">a</say-as>", &[(0, "interpret-as \"rhyme\" does not exist")]);
        check("<say-as>a</say-as>", &[(0, "<say-as> has no \"interpret-as\"")]);
        check("<say-as interpret-as=\"digits\">1<break/>2</say-as>", &[(31, "a tag inside <say-as>")]);
        check("<emphasis>a", &[(0, "<emphasis> is not closed")]);
        check("a</emphasis>", &[(1, "</emphasis> closes nothing")]);
        check(
            "<lang xml:lang=\"en\"><emphasis>a</lang>",
            &[(0, "<lang> is not closed"), (31, "</lang> closes <emphasis>")],
        );
        check("<emphasis level=strong>a</emphasis>", &[(0, "<emphasis> cannot be read")]);
    }

    #[test]
    fn words_are_left_without_their_markup() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected, "{text}");
        check("Hold  on. <break time=\"1s\"/> Your <emphasis>own</emphasis>, code.", "Hold on. Your own, code.");
        check("<say-as interpret-as=\"digits\">4471</say-as>", "4471");
        check("<say-as interpret-as=\"characters\">A B", "A B");
        check("5 < 6 <b", "5 < 6 <b");
        check("您好<break/>请讲", "您好请讲");
        assert_eq!(unmarked("<break time=\"9s\"/>"), " break time=\"9s\"/ ");
    }

    #[test]
    fn a_text_is_cut_where_language_or_manner_changes() {
        let text = "Say <lang xml:lang=\"zh\">您<prosody rate=\"slow\">好</prosody></lang> <break/>and \
                    <prosody volume=\"soft\"><emphasis>go</emphasis></prosody>.";
        let got: Vec<_> = stretches(text, Language::En)
            .into_iter()
            .map(|stretch| (stretch.text, stretch.language, stretch.rate, stretch.gain_db))
            .collect();
        let of = |text: &str, language, rate, gain_db| (text.to_owned(), language, rate, gain_db);
        let expected = [
            of("Say ", Language::En, 1.0, 0.0),
            of("您", Language::Zh, 1.0, 0.0),
            of("好", Language::Zh, 0.85, 0.0),
            of(" <break/>and ", Language::En, 1.0, 0.0),
            of("go", Language::En, 0.9, -2.0),
            of(".", Language::En, 1.0, 0.0),
        ];
        assert_eq!(got, expected);
        let wrong = stretches("a <brek> b </prosody> c", Language::En);
        assert_eq!(wrong.len(), 1);
        assert_eq!(plain(&wrong[0].text), "a b c");
    }
}
