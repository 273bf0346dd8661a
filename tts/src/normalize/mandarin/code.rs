//! What is not a quantity, in Mandarin: telephone numbers, order ids, card tails, plates, e-mail and web addresses.
//!
//! A caller writes these down, so each digit is said by its name, in groups with a breath between them; on the
//! telephone, on plates and on doors 1 is 幺.

use std::sync::LazyLock;

use regex::Regex;

use super::number::{cardinal, one_by_one, telephone_digits};
use crate::normalize::rule::{Place, compile, group, grouping};
use crate::normalize::said::Hit;

/// How 1 is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// 一, as in ids and card numbers.
    Plain,
    /// 幺, as in telephone numbers.
    Telephone,
}

/// `help@shop.example.com`, `https://example.com/a`, `www.example.com`.
pub(super) fn address(place: &Place<'_>) -> Option<Hit> {
    let found = EMAIL.find(place.rest).or_else(|| URL.find(place.rest)).or_else(|| DOMAIN.find(place.rest))?;
    let text = found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '/']);
    if text.is_empty() {
        return None;
    }
    let shown = text.split_once("://").map_or(text, |(_, shown)| shown);
    let mut hit = Hit::new(text.len());
    for piece in ADDRESS_PIECE.find_iter(shown) {
        let piece = piece.as_str();
        hit = match piece {
            _ if piece.starts_with(|first: char| first.is_ascii_digit()) => hit.words(&one_by_one(piece)),
            _ if piece.len() < 3 || SPELLED.contains(&piece.to_ascii_lowercase().as_str()) => match sign(piece) {
                Some(name) => hit.words(name),
                None => hit.letters(piece),
            },
            _ => hit.words(&piece.to_lowercase()),
        };
    }
    Some(hit)
}

/// `13800138000`, `138-0013-8000`, `+86 21 5555 1234`, `400-820-8820`, `010-88886666`, `95588`, `拨打110`.
pub(super) fn telephone(place: &Place<'_>) -> Option<Hit> {
    let found = TELEPHONE.find(place.rest)?;
    let after = &place.rest[found.end()..];
    let continued = after.starts_with(|next: char| next.is_ascii_alphanumeric() || "-%.元块万亿¥".contains(next))
        && !(after.starts_with('.') && !after[1..].starts_with(|next: char| next.is_ascii_digit()));
    if continued || place.before.ends_with(['¥', '-', '.']) {
        return None;
    }
    let named = SERVICE_NUMBERS.contains(&found.as_str()) || cue(place.before, TELEPHONE_CUES);
    let emergency = found.as_str().len() == 3 && EMERGENCY_CUES.iter().any(|cue| after.starts_with(cue));
    (found.len() > 7 || named || emergency).then(|| dictated(Hit::new(found.end()), found.as_str(), Digits::Telephone))
}

/// Digits that name something: after 尾号, 订单号, 验证码 and the like; with a zero in front; or too many for a
/// quantity. Stars that hide digits are a breath.
pub(super) fn numbered(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = CARD.find(place.rest) {
        return Some(dictated(Hit::new(found.end()), found.as_str(), Digits::Plain));
    }
    if let Some(found) = ROOM.captures(place.rest) {
        let digits = group(&found, 1);
        return Some(dictated(Hit::new(digits.len()), digits, Digits::Telephone));
    }
    let found = DIGITS.captures(place.rest)?;
    let digits = group(&found, 1);
    let after = &place.rest[digits.len()..];
    let quantity = after.starts_with(|next: char| "%°℃".contains(next) || next.is_ascii_alphabetic())
        || after
            .strip_prefix(['.', ',', ':', '/'])
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()));
    if quantity {
        return None;
    }
    let counted = after.starts_with(|next: char| "个元块次件位人万亿天年月笔".contains(next));
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    let extension = cue(place.before, &["分机", "转", "房间", "房间号", "门牌"]) && digits.len() > 2;
    if extension && !counted {
        return Some(dictated(Hit::new(digits.len()), digits, Digits::Telephone));
    }
    let named = cue(place.before, ID_CUES) && !counted && digits.len() > 1;
    (leading_zero || named || digits.len() >= 8 && !counted)
        .then(|| dictated(Hit::new(digits.len()), digits, Digits::Plain))
}

/// `HL-20418-7`, `CA1234`, `A4`, `5G`, `110101199003071234X`, `粤B12345`.
pub(super) fn identifier(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = PLATE.captures(place.rest) {
        let hit = Hit::new(found[0].len()).words(group(&found, 1)).letters(group(&found, 2));
        return Some(runs(hit, group(&found, 3), Digits::Telephone));
    }
    let found = IDENTIFIER.find(place.rest)?;
    let text = found.as_str();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let upper = text.chars().filter(char::is_ascii_uppercase).count();
    let lower = text.chars().filter(char::is_ascii_lowercase).count();
    let count = RUN.find_iter(text).count();
    if digits == 0 || upper + lower == 0 {
        return None;
    }
    // `iphone15` and `type-c2` are words that carry a number; `a1b2c3` is an id.
    let dictate = digits >= 3 || count >= 3 && digits >= 2;
    let vehicle = VEHICLE.is_match(text) && place.rest[text.len()..].starts_with(['次', '航', '列', '车', '班']);
    let kind = if vehicle { Digits::Telephone } else { Digits::Plain };
    let mut hit = Hit::new(text.len());
    for (index, part) in text.split(['-', '_', '/']).enumerate() {
        if index > 0 && dictate {
            hit = hit.pause();
        }
        hit = if dictate { runs(hit, part, kind) } else { counted_runs(hit, part) };
    }
    Some(hit)
}

/// Letters and digits one by one, as `say-as interpret-as="characters"` asks.
pub(super) fn characters(content: &str) -> Hit {
    let mut hit = Hit::new(content.len().max(1));
    for found in ANY_RUN.find_iter(content) {
        let run = found.as_str();
        hit = match sign(run) {
            Some(name) => hit.words(name),
            None if run.starts_with(|first: char| first.is_ascii_digit()) => hit.words(&one_by_one(run)),
            None if run.is_ascii() => hit.letters(run),
            None => hit.words(run),
        };
    }
    hit
}

/// Digits in the groups in which they were written, long groups cut as people say them.
pub(super) fn dictated(mut hit: Hit, text: &str, kind: Digits) -> Hit {
    let name = match kind {
        Digits::Plain => one_by_one,
        Digits::Telephone => telephone_digits,
    };
    if text.starts_with('+') {
        hit = hit.words("加");
    }
    for (index, run) in DIGIT_RUN.find_iter(text).enumerate() {
        if index > 0 {
            hit = hit.pause();
        }
        let mut rest = run.as_str();
        for (place, &size) in grouping(rest.len()).iter().enumerate() {
            let (chunk, left) = rest.split_at(size.min(rest.len()));
            if place > 0 {
                hit = hit.pause();
            }
            hit = hit.words(&name(chunk));
            rest = left;
        }
        while !rest.is_empty() {
            let (chunk, left) = rest.split_at(4.min(rest.len()));
            hit = hit.pause().words(&name(chunk));
            rest = left;
        }
    }
    hit
}

fn runs(mut hit: Hit, part: &str, kind: Digits) -> Hit {
    for run in RUN.find_iter(part) {
        let run = run.as_str();
        hit = match run.starts_with(|first: char| first.is_ascii_digit()) {
            true => dictated(hit, run, kind),
            false => hit.letters(run),
        };
    }
    hit
}

fn counted_runs(mut hit: Hit, part: &str) -> Hit {
    for run in RUN.find_iter(part) {
        let run = run.as_str();
        let word = run.len() > 3 || run.chars().any(|letter| letter.is_ascii_lowercase()) && run.len() > 1;
        hit = match run.starts_with(|first: char| first.is_ascii_digit()) {
            true => hit.words(&cardinal(run)),
            false if word => hit.words(run),
            false => hit.letters(run),
        };
    }
    hit
}

/// The name of a sign where addresses and ids are spelled.
fn sign(piece: &str) -> Option<&'static str> {
    Some(match piece {
        "." => "点",
        "@" => "艾特",
        "-" => "横杠",
        "_" => "下划线",
        "/" => "斜杠",
        "+" => "加",
        "#" => "井号",
        "*" => "星号",
        _ => return None,
    })
}

/// Whether one of these words stands before, with nothing but 是, 为, 号, 码 and a colon between.
fn cue(before: &str, words: &[&str]) -> bool {
    let links = ['是', '为', ':', ' ', '"', '号', '码', '#', '的', '(', ')', '请'];
    words.iter().any(|word| before.trim_end_matches(links).ends_with(word.trim_end_matches(links)))
}

/// Digits after these words are dialled.
const TELEPHONE_CUES: &[&str] =
    &["拨打", "拨", "致电", "电话", "热线", "客服", "来电", "回电", "手机", "打", "联系", "传真", "短信至", "专线"];
/// A short number before these words is dialled.
const EMERGENCY_CUES: &[&str] = &["报警", "急救", "火警", "电话", "热线", "指挥"];
/// Digits after these words name something.
const ID_CUES: &[&str] = &[
    "尾号",
    "末四位",
    "后四位",
    "前四位",
    "末尾",
    "订单",
    "单号",
    "编号",
    "工号",
    "验证码",
    "校验码",
    "动态码",
    "密码",
    "卡号",
    "账号",
    "帐号",
    "户号",
    "流水",
    "票号",
    "案件",
    "保单",
    "会员",
    "邮编",
    "取件码",
    "提货码",
    "兑换码",
    "优惠码",
    "邀请码",
    "身份证",
    "护照",
    "代码",
    "型号",
    "批次",
    "QQ",
    "qq",
    "微信",
    "ID",
    "id",
    "工单",
    "尾数",
    "代号",
    "航班",
    "车次",
    "运单",
    "快递",
];
/// Numbers of five digits that everybody knows as numbers to call.
const SERVICE_NUMBERS: &[&str] = &[
    "10000", "10010", "10086", "10099", "11183", "11185", "12110", "12117", "12119", "12121", "12122", "12123",
    "12301", "12305", "12306", "12309", "12310", "12313", "12315", "12318", "12319", "12320", "12321", "12328",
    "12329", "12331", "12333", "12338", "12345", "12348", "12355", "12358", "12360", "12365", "12366", "12367",
    "12368", "12369", "12371", "12377", "12378", "12380", "12381", "12385", "12388", "12389", "12393", "12395",
    "12396", "95501", "95508", "95511", "95516", "95518", "95519", "95522", "95526", "95527", "95528", "95533",
    "95536", "95546", "95555", "95558", "95559", "95561", "95566", "95568", "95577", "95580", "95588", "95595",
    "95598", "95599", "95338", "95311", "95543", "95554",
];
const SPELLED: &[&str] = &["www", "vip", "hr", "qq", "cn", "uk", "faq", "sms", "gov", "edu", "hk", "tw", "bbs"];

static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^[A-Za-z0-9][A-Za-z0-9_.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"));
static URL: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^(?i:https?://|ftp://|www\.)[A-Za-z0-9][A-Za-z0-9_./?=&%#:+-]*"));
static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+(?:com|org|net|cn|io|uk|de|eu|edu|gov|info|shop|dev|app|ai|example)(?-u:\b)(?:/[A-Za-z0-9_./-]*)?",
    )
});
static ADDRESS_PIECE: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z]+|[0-9]+|[.@_/+#-]"));
static TELEPHONE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"^(?:(?:\+|00)\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{1,4}(?:[ -]?\d{2,4}){1,4}",
        r"|1[3-9]\d[ -]?(?:\d{4}|\*{4})[ -]?\d{4}",
        r"|(?:400|800)[ -]?\d{3,4}[ -]?\d{3,4}",
        r"|\(?0\d{2,3}\)?[ -]?\d{3,4}[ -]?\d{4}(?:-\d{1,4})?",
        r"|\d{3,4}-\d{4}",
        r"|\d{3,7})",
    ))
});
static CARD: LazyLock<Regex> = LazyLock::new(|| compile(r"^\d{3,6}(?:\*{2,10}\d{0,4}|(?:[ -]\d{4}){2,4})(?-u:\b)"));
static ROOM: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{3,4})(?:室|房|号房)"));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,40})"));
static PLATE: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^([京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])([A-HJ-NP-Z])[·• -]?([A-HJ-NP-Z0-9]{5,6})(?-u:\b)",
    )
});
static VEHICLE: LazyLock<Regex> = LazyLock::new(|| compile(r"^(?:[GDCZTK]\d{1,4}|[A-Z\d]{2}\d{3,4})$"));
static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| compile(r"^[A-Za-z0-9]+(?:[-_/][A-Za-z0-9]+)*"));
static RUN: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z]+|[0-9]+"));
static ANY_RUN: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z]+|[0-9]+|[-._/@#*+]|\p{Han}"));
static DIGIT_RUN: LazyLock<Regex> = LazyLock::new(|| compile(r"[0-9]+"));
