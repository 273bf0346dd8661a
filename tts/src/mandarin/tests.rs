//! The reader as a whole: the golden table of readings, spans, and what a business teaches.

use super::*;

#[test]
fn polyphones_and_tones_are_read_as_in_the_table() {
    let reader = Reader::new(None);
    let lines: Vec<_> = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with("//")).collect();
    let mut wrong = String::new();
    for line in &lines {
        let (input, expected) = line.split_once('\t').unwrap();
        let got = pinyin(&reader, input);
        if got != expected {
            wrong.push_str(&format!("{input}\n  want {expected}\n  got  {got}\n"));
        }
    }
    assert!(lines.len() >= 100, "the table has only {} lines", lines.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_word_knows_the_text_it_came_from() {
    let text = "您的订单HL-20418，共¥299。";
    let words = Reader::new(None).words(text);
    assert!(words.iter().all(|word| text.is_char_boundary(word.span.start) && text.is_char_boundary(word.span.end)));
    assert!(words.windows(2).all(|pair| pair[0].span.start <= pair[1].span.start));
    let spans: Vec<_> = words.iter().map(|word| &text[word.span.clone()]).collect();
    assert_eq!(spans.first(), Some(&"您"));
    assert!(spans.contains(&"订单") && spans.contains(&"HL-20418") && spans.contains(&"，"));
    assert_eq!(spans.last(), Some(&"。"));
    assert_eq!(words.last().unwrap().phonemes, ".");
}

#[test]
fn a_business_teaches_pinyin_and_other_characters() {
    let words = [("Huawei", "hua2 wei2"), ("单店", "shan4 dian4"), ("叕", "若")];
    let words = words.map(|(word, said)| (word.to_owned(), said.to_owned())).into();
    let reader = Reader::new(None).with_lexicon(&words).unwrap();
    assert_eq!(pinyin(&reader, "去单店"), "qu4 shan4 dian4");
    assert_eq!(pinyin(&reader, "叕"), "ruo4");
    assert_eq!(reader.words("我用HUAWEI").last().unwrap().phonemes, "xwa↗wei↗");
    for wrong in ["", "hua9", "b", "hello", "shan4"] {
        let words = BTreeMap::from([("单店".to_owned(), wrong.to_owned())]);
        let error = Reader::new(None).with_lexicon(&words).err();
        assert!(matches!(error, Some(VoiceError::Lexicon { word }) if word == "单店"), "{wrong}");
    }
}

#[test]
fn without_an_english_voice_letters_are_spelled() {
    let words = Reader::new(None).words("请关注APP");
    assert_eq!(words.last().unwrap().phonemes, "ˈA pˈi pˈi");
}

/// Pinyin as it is spoken.
fn pinyin(reader: &Reader, text: &str) -> String {
    let mut out = Vec::new();
    for piece in reader.pieces(text) {
        match piece {
            Piece::Latin(token) => out.push(format!("{:?}", token.said)),
            Piece::Mark(mark, _) => out.push(mark.to_string()),
            Piece::Spoken(words) => out.extend(words.into_iter().map(|(reading, _)| {
                let syllables: Vec<_> = reading.syllables.iter().map(Syllable::to_string).collect();
                syllables.join(" ")
            })),
        }
    }
    out.join(" ")
}

const TABLE: &str = include_str!("../../tests/golden/zh_pinyin.tsv");
