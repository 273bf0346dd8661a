//! How long decodes take: `cargo run --release -p asr --example decode_times -- MODEL WAV..`
//!
//! Prints the wall time of each file on one and on two threads, three times each and the best of them, because a busy
//! machine only ever makes a decode slower.
#![expect(clippy::print_stdout, reason = "an example talks to the person who started it")]

use std::error::Error;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use asr::{DecodeRequest, LanguageChoice, Recognizer, Whisper, WhisperConfig};
use call::Language;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("usage: decode_times MODEL WAV..")?;
    let whisper = Whisper::load(model, WhisperConfig::default())?;
    println!("{:>8} {:>10} {:>10}  file", "audio s", "1 thread", "2 threads");
    for file in arguments {
        let mut reader = hound::WavReader::open(&file)?;
        if reader.spec().sample_rate != 16_000 || reader.spec().channels != 1 {
            return Err(format!("{file} is not mono at 16 kHz").into());
        }
        let samples: Arc<[i16]> = reader.samples::<i16>().collect::<Result<_, _>>()?;
        let best = |threads: u8| -> Result<Duration, Box<dyn Error>> {
            let mut request = DecodeRequest::new(Arc::clone(&samples), LanguageChoice::Fixed(Language::En));
            request.threads = NonZeroU8::new(threads).ok_or("no threads")?;
            request.deadline = DEADLINE;
            let mut best = DEADLINE;
            for _ in 0..TRIES {
                best = best.min(whisper.decode(&request)?.cpu);
            }
            Ok(best)
        };
        let (one, two) = (best(1)?, best(2)?);
        let audio_s = samples.len() as f32 / 16_000.0;
        println!("{audio_s:8.2} {:7} ms {:7} ms  {file}", one.as_millis(), two.as_millis());
    }
    Ok(())
}

const TRIES: usize = 3;
const DEADLINE: Duration = Duration::from_secs(600);
