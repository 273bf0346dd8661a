//! Measures the ears on labelled sound and fits what is fitted: answers, ends of turn and confidence.
//!
//! ```sh
//! cargo run -p asr --release --example measure -- answers SET.tsv
//! cargo run -p asr --release --example measure -- turns SET.tsv
//! cargo run -p asr --release --example measure -- confidence SET.tsv [SET2.tsv ...]
//! ```
//!
//! A set is a tab-separated table whose first line names the columns `id` and `text`, and `kind` for answers and turns
//! (`digits:44712093`, `yesno:yes`, `choice:billing` or `open`). Its sounds are `SET/ID.wav`: mono, 16 kHz, 16 bits. A set
//! whose name begins with `zh` is Mandarin, all others are English.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a command for developers that stops where its input is wrong, and says what it measured"
)]

mod answers;
#[path = "../../tests/common/mod.rs"]
#[expect(dead_code, reason = "only some of what the tests share is of use here")]
mod common;
mod confidence;
mod line;
mod set;
mod turns;

use asr::{Whisper, WhisperConfig};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let whisper = || Whisper::load(common::model("whisper/ggml-base-q8_0.bin"), WhisperConfig::default()).unwrap();
    match arguments.split_first() {
        Some((command, [file])) if command == "answers" => answers::measure(&whisper(), &set::read(file)),
        Some((command, [file])) if command == "turns" => turns::measure(&whisper(), &set::read(file)),
        Some((command, files)) if command == "confidence" && !files.is_empty() => {
            let clips: Vec<set::Clip> = files.iter().flat_map(set::read).collect();
            confidence::measure(&whisper(), &clips);
        }
        Some(_) | None => println!("usage: measure answers|turns|confidence SET.tsv; see examples/measure/main.rs"),
    }
}
