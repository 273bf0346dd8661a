//! "Did you mean ...?": the known name closest to an unknown one, because most mistakes are slips of the finger.

/// The known name nearest to `wanted`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).clamp(1, 3);
    let near = known.map(|name| (distance(wanted, name), name)).filter(|(steps, _)| *steps <= limit);
    near.min().map(|(_, name)| name)
}

/// Letters to insert, remove, replace or swap with their neighbour to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found_and_other_words_are_not() {
        let known = ["ask_order", "order_status", "refund"];
        let check = |wanted: &str, expected: Option<&str>| assert_eq!(nearest(wanted, known.into_iter()), expected);
        check("ask_oder", Some("ask_order"));
        check("order_statsu", Some("order_status"));
        check("refnd", Some("refund"));
        check("invoice", None);
        check("", None);
    }
}
