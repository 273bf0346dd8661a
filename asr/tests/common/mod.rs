//! What the tests with real models share: where models and speech lie, WAV files, and a telephone line.

use std::f64::consts::PI;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of the model cache. Fails the test when it is not there.
pub(crate) fn model(name: &str) -> PathBuf {
    let cache = std::env::var_os("HOTLINE_MODELS").map(PathBuf::from).unwrap_or_else(|| {
        let caches = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache"));
        caches.join("hotline/models")
    });
    let path = cache.join(name);
    assert!(path.is_file(), "{} is missing: run `make setup`", path.display());
    path
}

/// The folder of shared speech, if this machine has it.
pub(crate) fn shared_speech() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/speech");
    if !folder.is_dir() {
        println!("no ../shared/speech here: nothing to measure");
        return None;
    }
    Some(folder)
}

/// Clips of one language with what is said in them.
pub(crate) fn clips(folder: &Path, language: &str) -> Vec<(String, Arc<[i16]>, String)> {
    let table = std::fs::read_to_string(folder.join(format!("{language}.tsv"))).expect("the table is readable");
    let read = |line: &str| {
        let mut fields = line.split('\t');
        let (id, text) = (fields.next()?, fields.nth(2)?);
        let path = folder.join(language).join(format!("{id}.wav"));
        path.is_file().then(|| (id.to_owned(), wav(&path), text.to_owned()))
    };
    table.lines().skip(1).filter_map(read).collect()
}

/// A mono 16 kHz WAV file.
pub(crate) fn wav(path: &Path) -> Arc<[i16]> {
    let mut reader = hound::WavReader::open(path).expect("the file is a WAV");
    let format = reader.spec();
    assert_eq!((format.channels, format.sample_rate, format.bits_per_sample), (1, 16_000, 16), "{}", path.display());
    reader.samples::<i16>().map(|sample| sample.expect("the WAV is whole")).collect()
}

/// The sound after a telephone: band-limited, 8 kHz, mu-law (ITU-T G.711), and back at 16 kHz.
pub(crate) fn telephone(samples: &[i16]) -> Arc<[i16]> {
    let wide: Vec<f64> = samples.iter().map(|&sample| f64::from(sample)).collect();
    let narrow: Vec<f64> = filter(&wide).into_iter().step_by(2).collect();
    let mut spread = vec![0.0; samples.len()];
    for (place, &sample) in spread.iter_mut().step_by(2).zip(&narrow) {
        *place = 2.0 * f64::from(mu_law_round_trip(sample.clamp(-32_768.0, 32_767.0) as i16));
    }
    filter(&spread).into_iter().map(|sample| sample.clamp(-32_768.0, 32_767.0) as i16).collect()
}

/// Low-pass at 3.5 kHz: a windowed sinc of 127 taps.
fn filter(samples: &[f64]) -> Vec<f64> {
    const HALF: isize = 63;
    let cutoff = 3_500.0 / 16_000.0;
    let taps: Vec<f64> = (-HALF..=HALF)
        .map(|tap| {
            let angle = 2.0 * PI * cutoff * tap as f64;
            let sinc = if tap == 0 { 2.0 * cutoff } else { angle.sin() / (PI * tap as f64) };
            sinc * (0.54 + 0.46 * (PI * tap as f64 / HALF as f64).cos())
        })
        .collect();
    let at = |index: isize| usize::try_from(index).ok().and_then(|index| samples.get(index)).copied().unwrap_or(0.0);
    (0..samples.len() as isize)
        .map(|middle| taps.iter().zip(-HALF..=HALF).map(|(tap, offset)| tap * at(middle + offset)).sum())
        .collect()
}

/// Through eight bits and back: G.711 mu-law, with a bias of 33 on 14 bits.
fn mu_law_round_trip(sample: i16) -> i16 {
    let magnitude = (i32::from(sample).abs() >> 2).min(8_158) + 33;
    let exponent = (31 - magnitude.leading_zeros() as i32) - 5;
    let mantissa = (magnitude >> (exponent + 1)) & 0xF;
    let decoded = ((2 * mantissa + 33) << exponent) - 33;
    let loud = (decoded << 2).min(32_767) as i16;
    if sample < 0 { -loud } else { loud }
}
