//! Amounts of money: "twelve fifty", "¥1,299.00", 三块五毛.

use serde::Serialize;

use super::speech::{Piece, pieces, tokens};
use super::{english, mandarin};

/// A currency a caller can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Renminbi.
    Cny,
    /// Euro.
    Eur,
    /// Pound sterling.
    Gbp,
    /// United States dollar.
    Usd,
}

/// Money in hundredths, so that nothing is ever rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Cents, pence or fen.
    pub cents: u64,
    /// As named by the caller, if it was.
    pub currency: Option<Currency>,
}

impl Amount {
    /// Written as in `1299.00`.
    pub fn to_text(self) -> String {
        format!("{}.{:02}", self.cents / 100, self.cents % 100)
    }
}

const NAMES: [(&str, Currency); 22] = [
    ("yuan", Currency::Cny),
    ("rmb", Currency::Cny),
    ("renminbi", Currency::Cny),
    ("元", Currency::Cny),
    ("块", Currency::Cny),
    ("圆", Currency::Cny),
    ("¥", Currency::Cny),
    ("￥", Currency::Cny),
    ("cny", Currency::Cny),
    ("euro", Currency::Eur),
    ("euros", Currency::Eur),
    ("€", Currency::Eur),
    ("欧元", Currency::Eur),
    ("pound", Currency::Gbp),
    ("pounds", Currency::Gbp),
    ("£", Currency::Gbp),
    ("英镑", Currency::Gbp),
    ("dollar", Currency::Usd),
    ("dollars", Currency::Usd),
    ("$", Currency::Usd),
    ("美元", Currency::Usd),
    ("bucks", Currency::Usd),
];

/// The amount in a text.
pub fn amount(text: &str) -> Option<Amount> {
    let tokens = tokens(text);
    let currency = currency(text, &tokens);
    let mut values: Vec<u64> = Vec::new();
    let mut small: Option<u64> = None;
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at].as_str();
        match token {
            // 毛 and 角 are tenths, 分 and cents hundredths of what was named before.
            "毛" | "角" => small = Some(small.unwrap_or(0) + values.pop()?.checked_div(100)?.checked_mul(10)?),
            "分" | "cents" | "cent" | "pence" | "fen" => {
                small = Some(small.unwrap_or(0) + values.pop()?.checked_div(100)?);
            }
            _ => {}
        }
        match value(&tokens, at) {
            Some((cents, taken)) => {
                values.push(cents);
                at += taken.max(1);
            }
            None => at += 1,
        }
    }
    let (first, second) = (values.first().copied(), values.get(1).copied());
    let cents = match (first, second, small) {
        (None, _, small) => small?,
        (Some(whole), _, Some(small)) => whole.checked_add(small)?,
        // "Twelve fifty" is 12.50 and 三块五 is 3.50.
        (Some(whole), Some(part), None) if whole % 100 == 0 && part < 10_000 => {
            let tenths = text.contains('块') && part < 1_000;
            whole.checked_add(part / if tenths { 10 } else { 100 })?
        }
        (Some(whole), _, None) => whole,
    };
    let said = pieces(text).iter().any(|piece| matches!(piece, Piece::Number(_)));
    said.then_some(Amount { cents, currency })
}

/// A number at a token, in hundredths.
fn value(tokens: &[String], at: usize) -> Option<(u64, usize)> {
    let token = tokens[at].as_str();
    if token.starts_with(|letter: char| letter.is_ascii_digit()) && !token.contains(char::is_alphabetic) {
        let (whole, part) = token.split_once('.').unwrap_or((token, "0"));
        let part = part.get(..part.len().min(2))?;
        let scale = if part.len() == 1 { 10 } else { 1 };
        let cents = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part.parse::<u64>().ok()? * scale)?;
        if let Some((value, taken)) = english::cardinal(tokens, at) {
            return Some((value.checked_mul(100)?, taken));
        }
        return Some((cents, 1));
    }
    let letters: Vec<char> = tokens[at..].iter().map_while(|token| token.chars().next()).collect();
    let found = english::cardinal(tokens, at)
        .or_else(|| english::below_hundred(tokens, at))
        .or_else(|| mandarin::cardinal(&letters))
        .or_else(|| mandarin::digit(letters[0]).map(|digit| (digit, 1)));
    found.and_then(|(value, taken)| Some((value.checked_mul(100)?, taken)))
}

fn currency(text: &str, tokens: &[String]) -> Option<Currency> {
    let named = |name: &str| match name.is_ascii() && name != "$" {
        true => tokens.iter().any(|token| token == name),
        false => text.contains(name),
    };
    // 欧元 and 美元 hold 元, so longer names are looked for first.
    let mut found: Vec<_> = NAMES.iter().filter(|(name, _)| named(name)).collect();
    found.sort_by_key(|(name, _)| std::cmp::Reverse(name.chars().count()));
    found.first().map(|(_, currency)| *currency)
}
