//! Money, percentages, measures, ranges, fractions and plain numbers in Mandarin.

use std::sync::LazyLock;

use regex::Regex;

use super::number::{cardinal, count, decimal, one_by_one};
use crate::normalize::rule::{NUMBER, Place, compile, group};
use crate::normalize::said::Hit;

/// `¥1,299.50`, `$5`, `RMB 20`, `¥100-200`, `€2.5万`.
pub(super) fn money_before(place: &Place<'_>) -> Option<Hit> {
    let found = MONEY_BEFORE.captures(place.rest)?;
    let name = currency(group(&found, 2))?;
    let mut length = found[0].len();
    let sign = if group(&found, 1).is_empty() { "" } else { "负" };
    let (number, scale) = (group(&found, 3), group(&found, 4));
    if let Some(upper) = MONEY_RANGE.captures(&place.rest[length..]) {
        length += upper[0].len();
        let upper_scale = group(&upper, 2);
        let words = format!("{sign}{}{scale}到{}{upper_scale}{name}", count(number), count(group(&upper, 1)));
        return Some(Hit::new(length).words(&words));
    }
    // `¥88元` names it twice; once is enough.
    let again = place.rest[length..].strip_prefix("元").map_or(0, |_| "元".len());
    Some(Hit::new(length + again).words(sign).words(&amount(number, scale, name)))
}

/// `88元`, `12.5块`, `20 USD`, `1.2万元`, `5€`; the names of currencies are said by their characters.
pub(super) fn money_after(place: &Place<'_>) -> Option<Hit> {
    let found = MONEY_AFTER.captures(place.rest)?;
    let unit = group(&found, 3);
    let name = currency(unit).unwrap_or(unit);
    let length = found[0].len();
    Some(Hit::new(length).words(&amount(group(&found, 1), group(&found, 2), name)))
}

/// `50%`, `10-15%`, `3‰`, `-5%`.
pub(super) fn percent(place: &Place<'_>) -> Option<Hit> {
    let found = PERCENT.captures(place.rest)?;
    let sign = if group(&found, 1).is_empty() { "" } else { "负" };
    let head = if group(&found, 4) == "‰" { "千分之" } else { "百分之" };
    let mut words = format!("{sign}{head}{}", decimal(group(&found, 2)));
    if !group(&found, 3).is_empty() {
        words = format!("{words}到{}", decimal(group(&found, 3)));
    }
    Some(Hit::new(found[0].len()).words(&words))
}

/// `25℃`, `-3°C`, `5kg`, `100Mbps`, `20GB`, `3 km/h`: units in signs and letters. Those in characters are read as they
/// stand.
pub(super) fn measure(place: &Place<'_>) -> Option<Hit> {
    let found = MEASURE.captures(place.rest)?;
    let (sign, low, number, unit) = (group(&found, 1), group(&found, 2), group(&found, 3), group(&found, 4));
    let (_, name) = UNITS.iter().find(|(written, _)| *written == unit)?;
    let after = &place.rest[found[0].len()..];
    if unit.ends_with(|last: char| last.is_ascii_alphabetic())
        && after.starts_with(|next: char| next.is_ascii_alphanumeric())
    {
        return None;
    }
    let number = if low.is_empty() { count(number) } else { format!("{}到{}", count(low), count(number)) };
    let sign = match (sign, unit) {
        ("", _) => "",
        (_, "℃" | "°C" | "°" | "度") => "零下",
        _ => "负",
    };
    let hit = Hit::new(found[0].len()).words(sign).words(&number);
    Some(match name.chars().all(|letter| letter.is_ascii_uppercase()) {
        true => hit.letters(name),
        false => hit.words(name),
    })
}

/// `3-5个`, `10~20分钟`, `1.5-2万`: two numbers of which the second is greater.
pub(super) fn range(place: &Place<'_>) -> Option<Hit> {
    let found = RANGE.captures(place.rest)?;
    let (low, high) = (group(&found, 1), group(&found, 2));
    let after = &place.rest[found[0].len()..];
    if after.starts_with(['-', '~', '/', ':']) || place.before.ends_with(['-', '/', '.']) {
        return None;
    }
    let value = |number: &str| number.replace(',', "").parse::<f64>().unwrap_or(0.0);
    if value(low) >= value(high) {
        return None;
    }
    let measured = is_measured(after);
    let say = |number: &str| if measured { count(number) } else { decimal(number) };
    let joint = if found[0].contains('至') { "至" } else { "到" };
    Some(Hit::new(found[0].len()).words(&format!("{}{joint}{}", say(low), say(high))))
}

/// `1/2`, `7×24`, `3:2`, `v2.5.1`, `192.168.0.1`, `6-3-201`, `95折`, `10k`.
pub(super) fn compound_number(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = FRACTION.captures(place.rest) {
        let words = format!("{}分之{}", cardinal(group(&found, 2)), cardinal(group(&found, 1)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    if let Some(found) = TIMES.captures(place.rest) {
        let words = format!("{}乘{}", cardinal(group(&found, 1)), cardinal(group(&found, 2)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    if let Some(found) = RATIO.captures(place.rest) {
        let words = format!("{}比{}", cardinal(group(&found, 1)), cardinal(group(&found, 2)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    if let Some(found) = DISCOUNT.captures(place.rest) {
        let digits: String = found[0].chars().filter(char::is_ascii_digit).collect();
        return Some(Hit::new(found[0].len()).words(&format!("{}折", one_by_one(&digits))));
    }
    if let Some(found) = VERSION.captures(place.rest) {
        let parts: Vec<_> = group(&found, 1).split('.').map(cardinal).collect();
        return Some(Hit::new(found[0].len()).letters("V").words(&parts.join("点")));
    }
    if let Some(found) = DOTTED.find(place.rest) {
        let parts: Vec<_> = found.as_str().split('.').collect();
        let read: fn(&str) -> String = if parts.len() == 4 { one_by_one } else { cardinal };
        let words: Vec<_> = parts.into_iter().map(read).collect();
        return Some(Hit::new(found.end()).words(&words.join("点")));
    }
    let found = HYPHENED.find(place.rest)?;
    let part = |digits: &str| if digits.len() > 2 { one_by_one(digits) } else { cardinal(digits) };
    let words: Vec<_> = found.as_str().split('-').map(part).collect();
    Some(Hit::new(found.end()).words(&words.join("杠")))
}

/// Everything else with digits.
pub(super) fn plain_number(place: &Place<'_>) -> Option<Hit> {
    let found = PLAIN.captures(place.rest)?;
    let number = group(&found, 1);
    let after = &place.rest[found[0].len()..];
    let ordinal = place.before.ends_with('第');
    let words = if !ordinal && is_measured(after) { count(number) } else { decimal(number) };
    Some(Hit::new(found[0].len()).words(&words))
}

/// A minus before a number, or the 到 of a range.
pub(super) fn dash_before_number(place: &Place<'_>) -> Option<Hit> {
    let found = DASH.captures(place.rest)?;
    let before = place.before.trim_end();
    let numeric = before.ends_with(|last: char| last.is_ascii_digit() || "%点日月号年元℃".contains(last));
    let length = group(&found, 1).len();
    if numeric {
        return Some(Hit::new(length).words("到"));
    }
    let alone = !before.ends_with(|last: char| last.is_ascii_alphanumeric());
    match group(&found, 1) {
        "-" if alone => Some(Hit::new(length).words("负")),
        "~" if alone => Some(Hit::new(length).words("大约")),
        _ => None,
    }
}

/// `say-as interpret-as="currency"` shares the words of an amount.
pub(super) fn currency_as_marked(content: &str) -> Option<Hit> {
    let place = Place::alone(content);
    money_before(&place).or_else(|| money_after(&place))
}

/// An amount of money. Yuan have 角 and 分 where two digits stand behind the point; the colloquial 块 has 毛.
fn amount(number: &str, scale: &str, name: &str) -> String {
    let plain: String = number.chars().filter(|letter| *letter != ',').collect();
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let part = part.trim_end_matches('0');
    if !scale.is_empty() || part.len() > 2 || !matches!(name, "元" | "块" | "块钱") {
        let number = if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") };
        return format!("{}{scale}{name}", count(&number));
    }
    let (tenth, hundredth) = (part.get(..1).unwrap_or(""), part.get(1..).unwrap_or(""));
    let colloquial = name != "元";
    let unit = if colloquial { "块" } else { "元" };
    let mut out = if whole == "0" && !part.is_empty() { String::new() } else { format!("{}{unit}", count(whole)) };
    match (tenth, hundredth) {
        ("", _) => return format!("{}{name}", count(whole)),
        ("0", cents) if out.is_empty() => out.push_str(&format!("{}分", count(cents))),
        ("0", cents) => out.push_str(&format!("零{}分", cardinal(cents))),
        // 十二块五: the last unit is left unsaid.
        (tenth, "") if colloquial && !out.is_empty() => out.push_str(&cardinal(tenth)),
        (tenth, cents) => {
            let tenth = if out.is_empty() { count(tenth) } else { cardinal(tenth) };
            out.push_str(&format!("{tenth}{}", if colloquial { "毛" } else { "角" }));
            match cents {
                "" => {}
                _ if colloquial => out.push_str(&cardinal(cents)),
                _ => out.push_str(&format!("{}分", cardinal(cents))),
            }
        }
    }
    out
}

/// Whether a measure word follows, so that a lone 2 is 两.
fn is_measured(after: &str) -> bool {
    let after = after.strip_prefix(' ').unwrap_or(after);
    let excepted = ["年级", "年代", "点零", "千瓦时"].iter().any(|exception| after.starts_with(exception));
    !excepted && after.starts_with(|next: char| MEASURE_WORDS.contains(next))
}

fn currency(sign: &str) -> Option<&'static str> {
    CURRENCIES.iter().find(|(written, _)| *written == sign.trim()).map(|(_, name)| *name)
}

/// First characters of the words that count things; 月, 日, 号, 楼, 级 number them instead.
const MEASURE_WORDS: &str = "个位件张条台部次天年周小分秒元块公千克斤吨米升毫厘种份家双套间箱盒包瓶杯辆名人岁层角毛倍项笔封通句段组批页本支只片袋桶根顿遍趟场万亿百点股户口扇颗棵匹头把枚首篇对副则届款平亩刻季";

const CURRENCIES: &[(&str, &str)] = &[
    ("¥", "元"),
    ("RMB", "元"),
    ("CNY", "元"),
    ("$", "美元"),
    ("US$", "美元"),
    ("USD", "美元"),
    ("HK$", "港元"),
    ("HKD", "港元"),
    ("€", "欧元"),
    ("EUR", "欧元"),
    ("£", "英镑"),
    ("GBP", "英镑"),
    ("JPY", "日元"),
    ("₩", "韩元"),
    ("KRW", "韩元"),
    ("NT$", "新台币"),
    ("A$", "澳元"),
    ("AUD", "澳元"),
    ("C$", "加元"),
    ("CAD", "加元"),
    ("S$", "新加坡元"),
    ("SGD", "新加坡元"),
    ("CHF", "瑞士法郎"),
    ("₹", "卢比"),
];

/// What is written in signs or letters, and how it is said; capitals are spelled.
const UNITS: &[(&str, &str)] = &[
    ("℃", "摄氏度"),
    ("°C", "摄氏度"),
    ("℉", "华氏度"),
    ("°F", "华氏度"),
    ("°", "度"),
    ("km/h", "公里每小时"),
    ("m/s", "米每秒"),
    ("MB/s", "兆每秒"),
    ("kg", "公斤"),
    ("KG", "公斤"),
    ("Kg", "公斤"),
    ("mg", "毫克"),
    ("g", "克"),
    ("t", "吨"),
    ("km", "公里"),
    ("KM", "公里"),
    ("cm", "厘米"),
    ("CM", "厘米"),
    ("mm", "毫米"),
    ("m", "米"),
    ("m²", "平方米"),
    ("㎡", "平方米"),
    ("m2", "平方米"),
    ("m³", "立方米"),
    ("km²", "平方公里"),
    ("L", "升"),
    ("l", "升"),
    ("ml", "毫升"),
    ("mL", "毫升"),
    ("ML", "毫升"),
    ("Gbps", "G"),
    ("Mbps", "兆"),
    ("Kbps", "K"),
    ("KB", "KB"),
    ("MB", "兆"),
    ("M", "兆"),
    ("GB", "GB"),
    ("G", "G"),
    ("TB", "TB"),
    ("T", "T"),
    ("K", "K"),
    ("k", "K"),
    ("kHz", "千赫兹"),
    ("MHz", "兆赫兹"),
    ("GHz", "吉赫兹"),
    ("Hz", "赫兹"),
    ("kWh", "千瓦时"),
    ("kW", "千瓦"),
    ("KW", "千瓦"),
    ("W", "瓦"),
    ("V", "伏"),
    ("v", "伏"),
    ("mAh", "毫安时"),
    ("h", "小时"),
    ("min", "分钟"),
    ("s", "秒"),
    ("ms", "毫秒"),
    ("dB", "分贝"),
    ("px", "像素"),
    ("F", "楼"),
];

const SIGNS: &str = r"US\$|HK\$|NT\$|A\$|C\$|S\$|[$£€¥₹₩]|RMB|CNY|USD|HKD|EUR|GBP|JPY|KRW|AUD|CAD|SGD|CHF";

static MONEY_BEFORE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"^(-)?({SIGNS})\s?{NUMBER}(万亿|[百千万亿])?")));
static MONEY_RANGE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"^\s?[-~–—至到]\s?(?:{SIGNS})?\s?{NUMBER}(万亿|[百千万亿])?元?")));
static MONEY_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(r"^{NUMBER}\s?(万亿|[百千万亿])?\s?(元|块钱|块|美元|美金|欧元|英镑|日元|港元|港币|(?:{SIGNS}))"))
});
static PERCENT: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"^(-)?{NUMBER}(?:%?[-~–—至到]{NUMBER})?\s?([%‰])")));
static MEASURE: LazyLock<Regex> = LazyLock::new(|| {
    let mut names: Vec<_> = UNITS.iter().map(|(name, _)| regex::escape(name)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    compile(&format!(r"^(-)?(?:{NUMBER}[-~–—])?{NUMBER}\s?({})", names.join("|")))
});
static RANGE: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"^{NUMBER}\s?[-~–—至]\s?{NUMBER}")));
static FRACTION: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,3})/(\d{1,3})(?-u:\b)"));
static TIMES: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d+)\s?[x×*X]\s?(\d+)"));
static RATIO: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,3}):(\d{1,3})"));
static DISCOUNT: LazyLock<Regex> = LazyLock::new(|| compile(r"^(?:\d\.\d|[1-9][1-9]|[1-9])折"));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| compile(r"^\d{1,3}(?:\.\d{1,4}){2,4}"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| compile(r"^[vV](\d{1,3}(?:\.\d{1,4}){1,4})"));
static HYPHENED: LazyLock<Regex> = LazyLock::new(|| compile(r"^\d{1,4}(?:-\d{1,4}){2,5}"));
static PLAIN: LazyLock<Regex> = LazyLock::new(|| compile(&format!("^{NUMBER}")));
static DASH: LazyLock<Regex> = LazyLock::new(|| compile(r"^([-~–—]{1,2})\s?[$£€¥]?\d"));
