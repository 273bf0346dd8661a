//! Cuts a text into clauses, each spoken on its own.
//!
//! The first clause is short, so that sound starts early; the others are as long as whole sentences where they can
//! be, because a voice that sees a whole sentence says it better. No cut falls inside a number, an amount, an order
//! id, an abbreviation or markup.

use std::ops::Range;
use std::time::Duration;

use call::Language;

/// A stretch of text that is spoken in one breath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The words, with their punctuation and markup but without the spaces around them.
    pub text: String,
    /// Where they stand in the whole text, in bytes.
    pub span: Range<usize>,
    /// Silence to keep before the next clause: none after the last one, unless the author asked for it.
    pub pause: Duration,
}

/// Cuts `text` into clauses, in order. Every word of the text is in exactly one of them.
pub fn clauses(text: &str, language: Language) -> Vec<Clause> {
    let limits = Limits::of(language);
    let mut out = Vec::new();
    let mut start = 0;
    let mut last_soft: Option<usize> = None;
    let boundaries = boundaries(text, language);
    for boundary in boundaries {
        let length = text[start..boundary.at].trim().chars().count();
        let enough = if out.is_empty() { limits.first } else { limits.other };
        if length > limits.other
            && let Some(at) = last_soft.take()
        {
            push(&mut out, text, start..at, PAUSE_SOFT);
            start = at;
        }
        let length = text[start..boundary.at].trim().chars().count();
        match boundary.kind {
            BoundaryKind::Break(pause) => {
                push(&mut out, text, start..boundary.at, pause);
                start = boundary.at;
                last_soft = None;
            }
            BoundaryKind::Hard => {
                push(&mut out, text, start..boundary.at, PAUSE_HARD);
                start = boundary.at;
                last_soft = None;
            }
            BoundaryKind::Soft if length >= enough => {
                push(&mut out, text, start..boundary.at, PAUSE_SOFT);
                start = boundary.at;
                last_soft = None;
            }
            BoundaryKind::Soft => last_soft = Some(boundary.at),
        }
    }
    push(&mut out, text, start..text.len(), Duration::ZERO);
    // Marks before the first word belong to the first clause that has one.
    if out.len() > 1 && !has_words(&out[0].text) {
        let first = out.remove(0);
        out[0].span.start = first.span.start;
        out[0].text = text[out[0].span.clone()].to_owned();
    }
    let mut out: Vec<Clause> = out.into_iter().flat_map(|clause| shortened(clause, limits.most)).collect();
    if let Some(last) = out.last_mut()
        && matches!(last.pause, PAUSE_SOFT | PAUSE_HARD)
    {
        last.pause = Duration::ZERO;
    }
    out
}

/// How many characters a clause has.
#[derive(Clone, Copy)]
struct Limits {
    /// From here on the first clause ends at a comma.
    first: usize,
    /// From here on any other clause ends at a comma.
    other: usize,
    /// No clause is longer.
    most: usize,
}

impl Limits {
    const fn of(language: Language) -> Self {
        match language {
            Language::En => Self { first: 20, other: 140, most: CLAUSE_CHARS_MAX },
            Language::Zh => Self { first: 2, other: 14, most: 40 },
        }
    }
}

/// A place where a clause may end.
struct Boundary {
    at: usize,
    kind: BoundaryKind,
}

/// How strongly.
enum BoundaryKind {
    /// `<break/>`: the author wants this much silence here.
    Break(Duration),
    /// The end of a sentence.
    Hard,
    /// A comma, a colon, a dash.
    Soft,
}

fn boundaries(text: &str, language: Language) -> Vec<Boundary> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        if letter == '<'
            && let Some((end, pause)) = tag(&text[at..])
        {
            at += end;
            if let Some(pause) = pause {
                out.push(Boundary { at, kind: BoundaryKind::Break(pause) });
            }
            continue;
        }
        let mut end = at + letter.len_utf8();
        let kind = match letter {
            '\n' => Some(BoundaryKind::Hard),
            '。' | '！' | '？' | '…' => Some(BoundaryKind::Hard),
            '，' | '；' | '：' | '、' | '—' => Some(BoundaryKind::Soft),
            '.' | '!' | '?' => {
                end = past_closing(text, end);
                (ends_word(text, end) && !(letter == '.' && is_abbreviation(text, at, end)))
                    .then_some(BoundaryKind::Hard)
            }
            ',' | ';' | ':' => ends_word(text, end).then_some(BoundaryKind::Soft),
            '–' | '-' => (text[..at].ends_with(' ') && ends_word(text, end)).then_some(BoundaryKind::Soft),
            _ => None,
        };
        if let Some(kind) = kind {
            end = past_closing(text, end);
            // An enumeration comma keeps its list together: it is a Mandarin boundary only.
            if letter != '、' || language == Language::Zh {
                out.push(Boundary { at: end, kind });
            }
        }
        at = end;
    }
    out
}

/// The length of the tag at the beginning of `text`, with a whole `<say-as>..</say-as>` taken as one, and the silence
/// it asks for.
fn tag(text: &str) -> Option<(usize, Option<Duration>)> {
    let end = text.char_indices().take(TAG_CHARS_MAX).find(|&(_, letter)| letter == '>')?.0 + 1;
    let body = text[1..end - 1].trim();
    if body.starts_with("say-as") && !body.ends_with('/') {
        const CLOSING: &str = "</say-as>";
        let close = text.find(CLOSING)?;
        return Some((close + CLOSING.len(), None));
    }
    if let Some(attributes) = body.strip_prefix("break") {
        return Some((end, Some(break_time(attributes))));
    }
    body.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/').then_some((end, None))
}

/// Reads `time="300ms"` or `time="1.5s"`; half a second when it is missing or unreadable, and never more than
/// [`BREAK_MAX`].
fn break_time(attributes: &str) -> Duration {
    let seconds = attributes.split(['"', '\'']).nth(1).and_then(|time| {
        let time = time.trim();
        match time.strip_suffix("ms") {
            Some(millis) => millis.trim().parse::<f64>().ok().map(|millis| millis / 1_000.0),
            None => time.strip_suffix('s')?.trim().parse::<f64>().ok(),
        }
    });
    let seconds = seconds.filter(|seconds| *seconds >= 0.0).unwrap_or(0.5);
    Duration::from_secs_f64(seconds.min(BREAK_MAX.as_secs_f64()))
}

/// Closing quotes, brackets and further marks belong to the clause that they close.
fn past_closing(text: &str, from: usize) -> usize {
    let closing = |letter: char| {
        matches!(
            letter,
            '"' | '\'' | ')' | ']' | '”' | '’' | '」' | '）' | '》' | '.' | '!' | '?' | '。' | '！' | '？' | '…'
        )
    };
    let rest = &text[from..];
    from + rest.find(|letter| !closing(letter)).unwrap_or(rest.len())
}

/// Whether a space, the end or a Chinese character follows: `3.5` and `a.b` do not end here.
fn ends_word(text: &str, end: usize) -> bool {
    text[end..].chars().next().is_none_or(|next| next.is_whitespace() || next == '<' || is_han(next))
}

/// Whether the full stop at `at` only shortens a word: `Dr. Li`, `J. Smith`, `e.g. this`, `No. 5`, `approx. two`.
fn is_abbreviation(text: &str, at: usize, end: usize) -> bool {
    let Some(next) = text[end..].trim_start().chars().next() else { return false };
    if next.is_lowercase() {
        return true;
    }
    let start = text[..at].rfind(|letter: char| letter.is_whitespace() || letter == '(').map_or(0, |before| before + 1);
    let start = (start..=at).find(|&place| text.is_char_boundary(place)).unwrap_or(at);
    let word = text[start..at].trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let mut letters = word.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(only), None) if only.is_uppercase() && only != 'I');
    initial
        || TITLES.contains(&word)
        || (NUMBERED.contains(&word) && next.is_ascii_digit())
        || matches!(word, "e.g" | "i.e")
}

pub(crate) fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ffff}')
}

fn push(out: &mut Vec<Clause>, text: &str, span: Range<usize>, pause: Duration) {
    let piece = &text[span.clone()];
    let words = piece.trim();
    if has_words(words) || (out.is_empty() && !words.is_empty()) {
        let start = span.start + (piece.len() - piece.trim_start().len());
        out.push(Clause { text: words.to_owned(), span: start..start + words.len(), pause });
    } else if let Some(last) = out.last_mut() {
        // Nothing but marks or a break: they only lengthen the silence.
        if !words.is_empty() {
            last.span.end = span.start + piece.trim_end().len();
            let whole = &text[last.span.clone()];
            last.text = whole.to_owned();
        }
        last.pause = if last.pause > PAUSE_HARD {
            last.pause.saturating_add(pause).min(BREAK_MAX)
        } else {
            last.pause.max(pause)
        };
    }
}

/// Whether anything but marks and tags is in it.
pub(crate) fn has_words(text: &str) -> bool {
    first_word(text).is_some()
}

/// Where the first letter or digit stands that is not in a tag; a `<say-as>` begins at its tag.
fn first_word(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        match (letter == '<').then(|| tag(rest)).flatten() {
            Some(_) if rest.starts_with("<say-as") => return Some(at),
            Some((length, _)) => at += length,
            None if letter.is_alphanumeric() => return Some(at),
            None => at += letter.len_utf8(),
        }
    }
    None
}

/// Cuts a clause that is still too long at a space, or in the middle of a word where there is none.
fn shortened(clause: Clause, most: usize) -> Vec<Clause> {
    let mut out = Vec::new();
    let mut rest = clause.text.as_str();
    let mut start = clause.span.start;
    // Marks and breaks alone are no clause: those at either end stay with its words, however many letters they have.
    while let Some(first) = first_word(rest)
        && let Some((limit, _)) = rest[first..].char_indices().nth(most)
    {
        let words = &rest[first..];
        let cut = last_space_outside_tags(&words[..limit]).unwrap_or_else(|| outside_code(words, limit));
        let cut = first + outside_tags(words, cut);
        if !has_words(&rest[cut..]) {
            break;
        }
        let words = rest[..cut].trim_end();
        out.push(Clause { text: words.to_owned(), span: start..start + words.len(), pause: Duration::ZERO });
        let next = rest[cut..].trim_start();
        start += rest.len() - next.len();
        rest = next;
    }
    if !rest.is_empty() {
        out.push(Clause { text: rest.to_owned(), span: start..start + rest.len(), pause: clause.pause });
    }
    out
}

/// The place of a cut that would fall into a tag, moved to the tag's beginning, or to its end where it comes first.
fn outside_tags(text: &str, cut: usize) -> usize {
    let mut at = 0;
    while let Some(found) = text.get(at..cut).and_then(|before| before.find('<')) {
        let start = at + found;
        let length = tag(&text[start..]).map_or(1, |(length, _)| length);
        if start + length > cut {
            return if text[..start].trim().is_empty() { start + length } else { start };
        }
        at = start + length;
    }
    cut
}

/// The last place up to `limit` that is not inside a number or a code; `limit` when there is none.
fn outside_code(text: &str, limit: usize) -> usize {
    let of_code = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | ',' | ':' | '-' | '/' | '@');
    let places = text.char_indices().take_while(|&(at, _)| at <= limit);
    let inside = |at: usize| text[..at].ends_with(of_code) && text[at..].starts_with(of_code);
    places.filter(|&(at, _)| at > 0 && !inside(at)).last().map_or(limit, |(at, _)| at)
}

/// The last space that is neither the first letter, nor inside a tag, nor between two digits.
fn last_space_outside_tags(text: &str) -> Option<usize> {
    text.rmatch_indices(' ').map(|(at, _)| at).find(|&at| {
        let before = &text[..at];
        let closed = before.rfind('<').is_none_or(|open| before[open..].contains('>'));
        let digits = before.ends_with(|letter: char| letter.is_ascii_digit())
            && text[at + 1..].starts_with(|letter: char| letter.is_ascii_digit());
        at > 0 && closed && !digits
    })
}

/// Characters of an English clause at most: the model hears some 400 phonemes at once, and a clause of digits has
/// several phonemes for each character, so this is far below.
pub const CLAUSE_CHARS_MAX: usize = 200;

/// The longest silence a `<break>` may ask for.
pub const BREAK_MAX: Duration = Duration::from_secs(10);

/// Characters in a tag at most; what is longer is no tag.
pub(crate) const TAG_CHARS_MAX: usize = 200;

pub(crate) const PAUSE_SOFT: Duration = Duration::from_millis(120);
pub(crate) const PAUSE_HARD: Duration = Duration::from_millis(280);

/// Before a name, so a capital follows and the sentence goes on.
const TITLES: &[&str] = &[
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Mt", "Ft", "Gen", "Gov", "Sen", "Rep", "Capt", "Lt", "Col", "Sgt", "Rev",
    "Hon", "Pres", "Messrs", "vs", "approx", "cf",
];

/// Before a number.
const NUMBERED: &[&str] = &[
    "No", "Nos", "no", "nos", "Fig", "fig", "Vol", "vol", "p", "pp", "Ch", "ch", "Apt", "Ste", "ext", "Ext", "Tel",
    "tel", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct", "Nov", "Dec", "approx", "Rm", "Bldg",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, text: &str, expected: &[&str]) {
        let got = clauses(text, language);
        let texts: Vec<_> = got.iter().map(|clause| clause.text.as_str()).collect();
        assert_eq!(texts, expected, "{text}");
        for clause in &got {
            assert_eq!(&text[clause.span.clone()], clause.text, "{text}");
        }
    }

    #[test]
    fn the_first_clause_is_short_and_sentences_stay_whole() {
        check(
            Language::En,
            "Thank you, Dr. Li. Your total is $1,299.00, and it ships on 3 May, as I said. Anything else?",
            &["Thank you, Dr. Li.", "Your total is $1,299.00, and it ships on 3 May, as I said.", "Anything else?"],
        );
        check(Language::En, "Yes, it is on its way to you.", &["Yes, it is on its way to you."]);
    }

    #[test]
    fn numbers_ids_and_abbreviations_stay_in_one_piece() {
        check(Language::En, "It is 3.5 kg, i.e. light.", &["It is 3.5 kg, i.e. light."]);
        check(
            Language::En,
            "Order HL-20418-7 (No. 5) is with J. Smith.",
            &["Order HL-20418-7 (No. 5) is with J. Smith."],
        );
        check(Language::En, "Take fruit, e.g. Apples.", &["Take fruit, e.g. Apples."]);
        check(Language::En, "We open at 9:30. Call us.", &["We open at 9:30.", "Call us."]);
        check(Language::En, "Write to help@shop.example.com. Thanks!", &["Write to help@shop.example.com.", "Thanks!"]);
        check(Language::En, "It was you and I. He left.", &["It was you and I.", "He left."]);
    }

    #[test]
    fn mandarin_is_cut_at_its_own_marks() {
        check(
            Language::Zh,
            "您好，请问您的订单号是多少？我来帮您查一下，请稍等。",
            &["您好，", "请问您的订单号是多少？", "我来帮您查一下，请稍等。"],
        );
        check(Language::Zh, "一共1,299.50元。", &["一共1,299.50元。"]);
    }

    #[test]
    fn mandarin_numbers_and_codes_are_never_cut() {
        check(
            Language::Zh,
            "您好,您的订单HL-20418-7共¥1,299.50,请查收.",
            &["您好,", "您的订单HL-20418-7共¥1,299.50,", "请查收."],
        );
        check(Language::Zh, "营业时间9:00-18:00，周一休息。", &["营业时间9:00-18:00，", "周一休息。"]);
        check(Language::Zh, "好的，请拨打400-820-8820转2。", &["好的，", "请拨打400-820-8820转2。"]);
        check(Language::Zh, "版本2.5.1已发布。请更新", &["版本2.5.1已发布。", "请更新"]);
        let digits = "一二三四五，".to_owned() + &"1234 5678 ".repeat(8) + "元";
        let cut = clauses(&digits, Language::Zh);
        for clause in &cut {
            let (before, after) = (&digits[..clause.span.start], &digits[clause.span.end..]);
            let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
            assert!(!(digit(before.chars().next_back()) && digit(clause.text.chars().next())), "{cut:?}");
            assert!(!(digit(clause.text.chars().next_back()) && digit(after.chars().next())), "{cut:?}");
        }
        let amount = "请您确认本次消费金额为人民币壹佰贰拾叁万肆仟伍佰陆拾柒元整以及手续费用1234567.89元谢谢";
        assert!(clauses(amount, Language::Zh).iter().any(|clause| clause.text.contains("1234567.89")));
    }

    #[test]
    fn the_first_mandarin_clause_is_short_and_the_others_are_not_crumbs() {
        check(
            Language::Zh,
            "好的，我已经为您查到了这笔订单，它将在明天下午由顺丰快递送达，请您保持电话畅通，谢谢。",
            &["好的，", "我已经为您查到了这笔订单，", "它将在明天下午由顺丰快递送达，", "请您保持电话畅通，谢谢。"],
        );
        check(Language::Zh, "请问您要办理退货、换货、还是维修？", &["请问您要办理退货、", "换货、还是维修？"]);
        let long = "我们会在收到您寄回的商品之后的三个工作日之内完成检测并且将全部的款项按照原来的支付方式退还到您的账户里面请您放心";
        let cut = clauses(long, Language::Zh);
        assert!(cut.iter().all(|clause| clause.text.chars().count() <= 40), "{cut:?}");
    }

    #[test]
    fn pauses_follow_the_marks_and_the_author() {
        let got = clauses(
            "Please hold on one moment, please. <break time=\"700ms\"/> Here it is. <break time='99s'/>",
            Language::En,
        );
        let pauses: Vec<_> = got.iter().map(|clause| clause.pause.as_millis()).collect();
        assert_eq!(pauses, [120, 700, 10_000]);
    }

    #[test]
    fn a_text_of_marks_is_one_clause_and_nothing_is_none() {
        check(Language::En, "...", &["..."]);
        check(Language::En, "  ", &[]);
    }

    #[test]
    fn a_sentence_without_end_is_cut_between_words() {
        let text = "word ".repeat(200);
        let got = clauses(&text, Language::En);
        assert!(got.len() > 3);
        assert!(
            got.iter().all(|clause| clause.text.chars().count() <= CLAUSE_CHARS_MAX && clause.text.ends_with("word"))
        );
    }

    #[test]
    fn a_long_clause_is_not_cut_within_a_tag() {
        let id = "<say-as interpret-as=\"digits\">44, 71</say-as>";
        let han = "您".repeat(30);
        check(Language::Zh, &format!("{han}{id}{han}"), &[&han, id, &han]);
        check(Language::Zh, &format!("{id}{han}"), &[id, &han]);
    }

    #[test]
    fn a_marked_id_is_never_cut() {
        let text = "Your own code is <say-as interpret-as=\"characters\">A. B, C</say-as>, right?";
        check(Language::En, text, &[text.split_inclusive("</say-as>,").next().unwrap(), "right?"]);
    }
}
