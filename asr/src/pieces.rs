//! Long sound in pieces the recogniser can take: at most 28 s each, cut where it is quietest.

use std::ops::Range;

/// Cuts 16 kHz sound into pieces of at most [`PIECE_SAMPLES_MAX`] samples that together are the whole.
///
/// A cut lies in the second half of what a piece may hold, in the middle of the quietest 200 ms there, so that words
/// stay whole wherever the speaker breathes.
pub(crate) fn cut(samples: &[i16]) -> Vec<Range<usize>> {
    let mut pieces = Vec::with_capacity(samples.len() / (PIECE_SAMPLES_MAX / 2) + 1);
    let mut start = 0;
    while samples.len() - start > PIECE_SAMPLES_MAX {
        let from = start + PIECE_SAMPLES_MAX / 2;
        let end = from + quietest(&samples[from..start + PIECE_SAMPLES_MAX]);
        pieces.push(start..end);
        start = end;
    }
    pieces.push(start..samples.len());
    pieces
}

/// The middle of the quietest [`QUIET_BLOCKS`] blocks.
fn quietest(samples: &[i16]) -> usize {
    let energies: Vec<u64> = samples
        .chunks_exact(BLOCK_SAMPLES)
        .map(|block| block.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum())
        .collect();
    let quietest = energies
        .windows(QUIET_BLOCKS)
        .enumerate()
        .min_by_key(|(_, blocks)| blocks.iter().sum::<u64>())
        .map_or(0, |(index, _)| index);
    (quietest + QUIET_BLOCKS / 2) * BLOCK_SAMPLES
}

/// 28 s: the recogniser's window is 30 s, and it does better with some silence behind the words.
pub(crate) const PIECE_SAMPLES_MAX: usize = 28 * 16_000;
/// 20 ms.
const BLOCK_SAMPLES: usize = 320;
/// 200 ms.
const QUIET_BLOCKS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sound_stays_whole() {
        for samples in [0, 16_000, PIECE_SAMPLES_MAX] {
            assert_eq!(cut(&vec![1; samples]), std::slice::from_ref(&(0..samples)));
        }
    }

    #[test]
    fn long_sound_is_cut_in_its_pauses() {
        let mut samples = vec![3_000i16; 60 * 16_000];
        samples[20 * 16_000..20 * 16_000 + 8_000].fill(0);
        samples[41 * 16_000..41 * 16_000 + 8_000].fill(0);
        let pieces = cut(&samples);
        assert_eq!(pieces.len(), 3);
        assert!((20 * 16_000..20 * 16_000 + 8_000).contains(&pieces[0].end), "{pieces:?}");
        assert!((41 * 16_000..41 * 16_000 + 8_000).contains(&pieces[1].end), "{pieces:?}");
    }

    #[test]
    fn pieces_make_the_whole_and_none_is_too_long() {
        let samples: Vec<i16> = (0..100 * 16_000).map(|index| ((index * 7_919) % 2_000) as i16).collect();
        let pieces = cut(&samples);
        assert_eq!(pieces.first().unwrap().start, 0);
        assert_eq!(pieces.last().unwrap().end, samples.len());
        for pair in pieces.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
        }
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_SAMPLES_MAX));
    }
}
