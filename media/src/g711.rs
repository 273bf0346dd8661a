//! G.711, the sound of the telephone: 14 or 13 bits of loudness squeezed into 8 (ITU-T G.711).
//!
//! Decoding is one look into a table computed at compile time; encoding is a look by the upper 13 or 14 bits, so that
//! a frame costs a few hundred loads and nothing else.

/// One mu-law byte for a 16-bit sample.
#[inline]
pub fn mu_law_from_linear(sample: i16) -> u8 {
    MU_LAW_OF_LINEAR[usize::from(sample.cast_unsigned() >> 2)]
}

/// The 16-bit sample that a mu-law byte stands for.
#[inline]
pub fn linear_from_mu_law(byte: u8) -> i16 {
    LINEAR_OF_MU_LAW[usize::from(byte)]
}

/// One A-law byte for a 16-bit sample.
#[inline]
pub fn a_law_from_linear(sample: i16) -> u8 {
    A_LAW_OF_LINEAR[usize::from(sample.cast_unsigned() >> 3)]
}

/// The 16-bit sample that an A-law byte stands for.
#[inline]
pub fn linear_from_a_law(byte: u8) -> i16 {
    LINEAR_OF_A_LAW[usize::from(byte)]
}

/// Turns one kind into the other, as much as fits, and tells how much. Made anew for each law, so that the look into the
/// table is in the loop and not behind a call.
pub(crate) fn map<A: Copy, B>(from: &[A], to: &mut [B], law: impl Fn(A) -> B) -> usize {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = law(from);
    }
    from.len().min(to.len())
}

/// The byte that stands for silence in mu-law.
pub const MU_LAW_SILENCE: u8 = 0xff;

/// The byte that stands for silence in A-law.
pub const A_LAW_SILENCE: u8 = 0xd5;

static LINEAR_OF_MU_LAW: [i16; 256] = mu_law_decisions();
static LINEAR_OF_A_LAW: [i16; 256] = a_law_decisions();
static MU_LAW_OF_LINEAR: [u8; 1 << 14] = mu_law_codes();
static A_LAW_OF_LINEAR: [u8; 1 << 13] = a_law_codes();

/// ITU-T G.711 table 2: 8 segments of 16 steps each side, all bits inverted on the line.
const fn mu_law_decisions() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let bits = !(byte as u8);
        let segment = (bits >> 4) & 7;
        let step = (bits & 15) as i16;
        let magnitude = ((2 * step + 33) << segment) - 33;
        // The standard counts in 14 bits; our samples have 16.
        table[byte] = if bits & 0x80 == 0 { magnitude * 4 } else { -magnitude * 4 };
        byte += 1;
    }
    table
}

/// ITU-T G.711 table 1: 7 segments each side, even bits inverted on the line.
const fn a_law_decisions() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let bits = (byte as u8) ^ 0x55;
        let segment = (bits >> 4) & 7;
        let step = (bits & 15) as i16;
        let magnitude = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << (segment - 1) };
        // The standard counts in 13 bits; our samples have 16.
        table[byte] = if bits & 0x80 == 0 { -magnitude * 8 } else { magnitude * 8 };
        byte += 1;
    }
    table
}

/// Every 14-bit value and its mu-law byte.
const fn mu_law_codes() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < 1 << 14 {
        // Sign-extend the 14 bits.
        let linear = ((index as u16) << 2).cast_signed() as i32 >> 2;
        let sign = if linear < 0 { 0x80 } else { 0 };
        let mut magnitude = linear.abs();
        if magnitude > 8_158 {
            magnitude = 8_158;
        }
        magnitude += 33;
        // The segment is where the highest bit stands, counted from bit 5.
        let segment = 26 - magnitude.leading_zeros();
        let step = (magnitude >> (segment + 1)) & 15;
        table[index] = !(sign | (segment << 4) as u8 | step as u8);
        index += 1;
    }
    table
}

/// Every 13-bit value and its A-law byte.
const fn a_law_codes() -> [u8; 1 << 13] {
    let mut table = [0; 1 << 13];
    let mut index = 0;
    while index < 1 << 13 {
        // Sign-extend the 13 bits.
        let linear = ((index as u16) << 3).cast_signed() as i32 >> 3;
        let sign = if linear < 0 { 0 } else { 0x80 };
        // Negative values mirror the positive ones shifted by one: -1 is the first value below zero.
        let magnitude = if linear < 0 { -1 - linear } else { linear };
        let code = if magnitude < 32 {
            magnitude >> 1
        } else {
            let segment = 27 - magnitude.leading_zeros() as i32;
            (segment << 4) | ((magnitude >> segment) & 15)
        };
        table[index] = (sign | code as u8) ^ 0x55;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_matches_the_tables_of_the_standard() {
        // G.711 table 2a: decoder values 8031, 4191, 0 and their bytes on the line; 14 bits there, 16 here.
        for (byte, linear) in [(0x80, 8_031), (0x8f, 4_191), (0x90, 3_999), (0xff, 0), (0x00, -8_031), (0x7f, 0)] {
            assert_eq!(linear_from_mu_law(byte), linear * 4, "byte {byte:#04x}");
        }
        for (linear, byte) in [(0, 0xff), (32_767, 0x80), (-32_768, 0x00), (8, 0xfe), (-8, 0x7e), (1_000, 0xce)] {
            assert_eq!(mu_law_from_linear(linear), byte, "sample {linear}");
        }
    }

    #[test]
    fn a_law_matches_the_tables_of_the_standard() {
        // G.711 table 1a: the extreme value 4032 and the smallest 1; 13 bits there, 16 here.
        for (byte, linear) in [(0xaa, 4_032), (0xd5, 1), (0x55, -1), (0x2a, -4_032), (0xd4, 3)] {
            assert_eq!(linear_from_a_law(byte), linear * 8, "byte {byte:#04x}");
        }
        for (linear, byte) in [(0, 0xd5), (-1, 0x55), (32_767, 0xaa), (-32_768, 0x2a), (1_000, 0xfa)] {
            assert_eq!(a_law_from_linear(linear), byte, "sample {linear}");
        }
    }

    #[test]
    fn every_byte_survives_a_round_trip() {
        for byte in 0..=u8::MAX {
            assert_eq!(a_law_from_linear(linear_from_a_law(byte)), byte);
            let back = mu_law_from_linear(linear_from_mu_law(byte));
            // Mu-law has two zeros; ours is the positive one.
            assert_eq!(back, if byte == 0x7f { 0xff } else { byte });
        }
    }

    #[test]
    fn the_error_is_never_more_than_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            let step = (i32::from(sample).abs() / 16).max(32);
            for heard in [linear_from_mu_law(mu_law_from_linear(sample)), linear_from_a_law(a_law_from_linear(sample))]
            {
                let error = (i32::from(heard) - i32::from(sample)).abs();
                assert!(error <= step, "{sample} was heard as {heard}");
            }
        }
    }
}
