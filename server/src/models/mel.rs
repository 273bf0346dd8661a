//! The mel filters that a Whisper file carries: 80 triangles over 201 bins of a 400-point spectrum at 16 kHz.
//!
//! Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above, each triangle of area one. They are
//! computed rather than copied because the source package does not hold them.

const RATE_HZ: f64 = 16_000.0;
const FFT_SIZE: usize = 400;
/// Bins of a spectrum of real samples.
pub(super) const BINS: usize = FFT_SIZE / 2 + 1;

/// Where the scale turns from linear to logarithmic.
const BREAK_HZ: f64 = 1_000.0;
const HZ_PER_MEL: f64 = 200.0 / 3.0;
const BREAK_MEL: f64 = BREAK_HZ / HZ_PER_MEL;

/// 27 steps of the logarithmic part span a factor of 6.4.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz / HZ_PER_MEL } else { BREAK_MEL + (hz / BREAK_HZ).ln() / log_step() }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL { mel * HZ_PER_MEL } else { BREAK_HZ * (log_step() * (mel - BREAK_MEL)).exp() }
}

/// `bands` filters of [`BINS`] weights each, one after the other.
pub(super) fn filters(bands: usize) -> Vec<f32> {
    let last_mel = hz_to_mel(RATE_HZ / 2.0);
    let mel_step = last_mel / (bands + 1) as f64;
    // The last corner is set, not counted up to, so that its triangle ends at 8 kHz with nothing.
    let mels = (0..=bands).map(|corner| corner as f64 * mel_step).chain([last_mel]);
    let corners: Vec<f64> = mels.map(mel_to_hz).collect();
    let bin_hz = 1.0 / (FFT_SIZE as f64 * (1.0 / RATE_HZ));
    let mut weights = Vec::with_capacity(bands * BINS);
    for corner in corners.windows(3) {
        let (low, centre, high) = (corner[0], corner[1], corner[2]);
        let area_norm = 2.0 / (high - low);
        for bin in 0..BINS {
            let hz = bin as f64 * bin_hz;
            let rise = (hz - low) / (centre - low);
            let fall = (high - hz) / (high - centre);
            let height = rise.min(fall);
            // Rounded to single precision before the norm, as the filters that Whisper was trained with were.
            let height = if height > 0.0 { height as f32 } else { 0.0 };
            weights.push((f64::from(height) * area_norm) as f32);
        }
    }
    // The file is compared by hash, so the sign of a zero counts. The usual formula gives a negative one at 0 Hz, where
    // the first triangle begins, and compilers do not promise to keep it.
    if let Some(first) = weights.first_mut() {
        *first = -0.0;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::stamp::sha256;

    #[test]
    fn every_filter_has_an_area_of_about_one() {
        let weights = filters(80);
        assert_eq!(weights.len(), 80 * BINS);
        for (band, filter) in weights.chunks(BINS).enumerate().skip(40) {
            let area: f32 = filter.iter().sum::<f32>() * 40.0;
            assert!((area - 1.0).abs() < 0.15, "band {band} has area {area}");
        }
    }

    #[test]
    fn the_filters_are_the_same_to_the_byte_on_every_machine() {
        let bytes: Vec<u8> = filters(80).into_iter().flat_map(f32::to_le_bytes).collect();
        let expected = "4f2701b1d287d74a0dc9871026e9519d98cb76426615f2539b0d151a0ae4ec2e";
        assert_eq!(sha256(&bytes), expected, "or the hash of the converted Whisper file would differ too");
    }

    #[test]
    fn the_scale_goes_there_and_back() {
        for hz in [0.0, 500.0, 1_000.0, 3_400.0, 8_000.0] {
            assert!((mel_to_hz(hz_to_mel(hz)) - hz).abs() < 1e-9, "{hz}");
        }
        assert!((hz_to_mel(1_000.0) - 15.0).abs() < 1e-12);
    }
}
