//! Half-precision numbers (IEEE 754 binary16), as weights are stored.
//!
//! Two short functions are not worth a crate; the tests go through every one of the 65,536 values.

/// The number that 16 bits stand for.
pub(super) fn to_f32(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    };
    sign * magnitude
}

/// The 16 bits nearest to a number; halfway between two, the one whose last bit is zero.
pub(super) fn from_f32(number: f32) -> u16 {
    let bits = number.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = f64::from(number.abs());
    if number.is_nan() {
        return sign | 0x7e00;
    }
    // 65520 is halfway between the greatest half, 65504, and the next that would be.
    if magnitude >= 65_520.0 {
        return sign | 0x7c00;
    }
    let exponent = ((bits >> 23 & 0xff) as i32 - 127).max(-14);
    // Counted in units of the last place, where adjacent halves are adjacent whole numbers, rounding is exact.
    let units = (magnitude * 2_f64.powi(10 - exponent)).round_ties_even() as u32;
    let rounded = if units < 1024 { units } else { units - 1024 + (((exponent + 15) as u32) << 10) };
    sign | rounded as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_single_precision() {
        for bits in 0..=u16::MAX {
            let number = to_f32(bits);
            if number.is_nan() {
                assert!(to_f32(from_f32(number)).is_nan());
            } else {
                assert_eq!(from_f32(number), bits, "{number}");
            }
        }
    }

    #[test]
    fn halfway_goes_to_even() {
        for (number, expected) in [
            (1.0 + 1.0 / 2048.0, 0x3c00),
            (1.0 + 3.0 / 2048.0, 0x3c02),
            (2047.9999, 0x6800),
            (65_519.0, 0x7bff),
            (65_520.0, 0x7c00),
            (-1e-9, 0x8000),
            (2_f32.powi(-25) * 1.01, 0x0001),
        ] {
            assert_eq!(from_f32(number), expected, "{number}");
        }
    }
}
