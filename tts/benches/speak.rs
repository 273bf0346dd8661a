//! What a caller waits for: the first clause, and a whole sentence; and how much of it is the text.

#![expect(clippy::panic, reason = "a test or a bench without its voice must fail")]

use std::env;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use tts::{Hibari, Normalizer, Style, Voice, clauses};

fn speak(criterion: &mut Criterion) {
    let models = env::var_os("HOTLINE_MODELS").map(PathBuf::from).unwrap_or_else(|| {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
        cache.unwrap_or_else(home).join("hotline/models")
    });
    let folder = models.join("hibari");
    let voice = match Hibari::load(&folder) {
        Ok(voice) => voice,
        Err(error) => panic!("{error}: run `make setup`"),
    };
    criterion.bench_function("load", |bench| bench.iter(|| Hibari::load(black_box(&folder)).is_ok()));
    criterion.bench_function("normalise a sentence", |bench| {
        let normalizer = Normalizer::default();
        bench.iter(|| normalizer.normalize(black_box(SENTENCE)));
    });
    criterion
        .bench_function("sounds of a sentence", |bench| bench.iter(|| voice.phonemes(black_box(SENTENCE)).is_ok()));
    criterion.bench_function("cut an answer", |bench| bench.iter(|| clauses(black_box(SENTENCE), call::Language::En)));
    criterion.bench_function("first clause", |bench| {
        bench.iter(|| voice.speak(black_box("Thank you for calling,"), Style::default()).is_ok());
    });
    criterion.bench_function("twelve words", |bench| {
        bench.iter(|| voice.speak(black_box(SENTENCE), Style::default()).is_ok());
    });
}

const SENTENCE: &str = "Your order has been shipped and should arrive at your door on Tuesday.";

criterion_group!(benches, speak);
criterion_main!(benches);
