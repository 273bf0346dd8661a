//! The golden tables of readings, so that a change of one rule shows what it does to all the others.

use call::Language;
use tts::Normalizer;

#[test]
fn every_line_of_the_english_table_is_read_as_written() {
    check(Language::En, include_str!("golden/en_normalize.tsv"));
}

#[test]
fn every_line_of_the_mandarin_table_is_read_as_written() {
    check(Language::Zh, include_str!("golden/zh_normalize.tsv"));
}

fn check(language: Language, table: &str) {
    let normalizer = Normalizer::new(language);
    let lines: Vec<_> = table.lines().filter(|line| !line.is_empty() && !line.starts_with("//")).collect();
    let mut wrong = String::new();
    for line in &lines {
        let (input, expected) = line.split_once('\t').expect("input, a tab, the expected words");
        let got = normalizer.normalize(input);
        if got != expected {
            wrong.push_str(&format!("{input}\n  want {expected}\n  got  {got}\n"));
        }
    }
    assert!(lines.len() >= 150, "the table has only {} lines", lines.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}
