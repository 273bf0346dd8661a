//! The classifier on public data sets: how often it is right, and how often it turns strangers away.

#![expect(clippy::print_stdout, reason = "a measurement is read from what is printed")]

use std::path::PathBuf;

use dialog::nlu::{ACT_MIN, CONFIRM_MIN, Classifier};

/// Examples of each intent that are learned from; more would only take longer here.
const EACH_MAX: usize = 40;

fn shared(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/nlu").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("{} is not there: not measured", path.display());
    }
    text
}

/// Groups examples by intent, at most so many each.
fn group(pairs: &[(String, String)], each_max: usize) -> Vec<(String, Vec<String>)> {
    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for (text, intent) in pairs {
        let group = groups.entry(intent.clone()).or_default();
        if group.len() < each_max {
            group.push(text.clone());
        }
    }
    groups.into_iter().collect()
}

struct Score {
    right: f64,
    acted: f64,
    right_when_acted: f64,
}

fn score(classifier: &Classifier, tests: &[(String, String)]) -> Score {
    let mut right = 0;
    let mut acted = 0;
    let mut right_when_acted = 0;
    for (text, intent) in tests {
        let ranked = classifier.classify(text);
        let Some(best) = ranked.best() else { continue };
        right += usize::from(best.intent == *intent);
        if best.confidence >= ACT_MIN {
            acted += 1;
            right_when_acted += usize::from(best.intent == *intent);
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Score {
        right: share(right, tests.len()),
        acted: share(acted, tests.len()),
        right_when_acted: share(right_when_acted, acted),
    }
}

#[test]
fn shared_banking77_intents_are_told_apart() {
    let (Some(train), Some(dev)) = (shared("banking77/train.csv"), shared("banking77/dev.csv")) else { return };
    let rows = |text: &str| -> Vec<(String, String)> {
        let row = |line: &str| {
            line.rsplit_once(',').map(|(text, intent)| (text.trim_matches('"').to_owned(), intent.to_owned()))
        };
        text.lines().skip(1).filter_map(row).filter(|(_, intent)| !intent.contains(' ')).collect()
    };
    let classifier = Classifier::train(&group(&rows(&train), EACH_MAX), &[]);
    let score = score(&classifier, &rows(&dev));
    println!(
        "banking77, 77 intents, {EACH_MAX} examples each: {:.1} % right; acts on {:.1} %, of those {:.1} % right",
        score.right * 100.0,
        score.acted * 100.0,
        score.right_when_acted * 100.0
    );
    assert!(score.right > 0.78, "{}", score.right);
    assert!(score.right_when_acted > 0.88, "{}", score.right_when_acted);
}

#[test]
fn shared_clinc150_strangers_are_turned_away() {
    let Some(text) = shared("clinc150/data.json") else { return };
    let data: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let pairs = |name: &str| -> Vec<(String, String)> {
        let pair = |pair: &serde_json::Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
        data[name].as_array().into_iter().flatten().filter_map(pair).collect()
    };
    let outside: Vec<String> = pairs("oos_train").into_iter().map(|(text, _)| text).collect();
    let classifier = Classifier::train(&group(&pairs("train"), EACH_MAX), &outside);
    let score = score(&classifier, &pairs("dev"));
    let strangers: Vec<_> = pairs("oos_dev");
    let best = |text: &str| classifier.classify(text).best().map_or(0.0, |guess| guess.confidence);
    let refused = strangers.iter().filter(|(text, _)| best(text) < CONFIRM_MIN).count();
    let not_acted = strangers.iter().filter(|(text, _)| best(text) < ACT_MIN).count();
    let share = |count: usize| count as f64 / strangers.len().max(1) as f64;
    println!(
        "clinc150, 150 intents, {EACH_MAX} examples each: {:.1} % right; acts on {:.1} %, of those {:.1} % right; \
         strangers: {:.1} % turned away, {:.1} % not acted on",
        score.right * 100.0,
        score.acted * 100.0,
        score.right_when_acted * 100.0,
        share(refused) * 100.0,
        share(not_acted) * 100.0
    );
    assert!(score.right > 0.80, "{}", score.right);
    assert!(share(not_acted) > 0.80, "{}", share(not_acted));
}
