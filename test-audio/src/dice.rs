//! Chance with a seed: the same seed gives the same bad line for ever.
//!
//! A generator of our own (SplitMix64, Steele et al. 2014), because a library's may change with its version, and a
//! failing seed must still fail the same way a year later.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number from 0.0 up to but not including 1.0.
    pub fn fraction(&mut self) -> f64 {
        // 53 bits are what a double holds.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability; never for 0.0, always for 1.0.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A number around 0.0 whose spread is 1.0: the sum of twelve fractions, close enough to a bell for line noise.
    pub fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.fraction()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_stream() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            [dice.bits(), dice.bits(), dice.bits()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_eq!(draw(0)[0], 0xE220_A839_7B1D_CDAF, "the published first value of SplitMix64");
    }

    #[test]
    fn chance_is_as_likely_as_it_says() {
        let mut dice = Dice::new(1);
        let hits = (0..10_000).filter(|_| dice.happens(0.2)).count();
        assert!((1_850..2_150).contains(&hits), "{hits}");
        assert!(!(0..1_000).any(|_| dice.happens(0.0)));
        assert!((0..1_000).all(|_| dice.happens(1.0)));
    }
}
