//! The keyed generator and its conversions from bits to numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::Purpose;

/// A random generator keyed by `(seed, number, record, purpose)` and an object's place.
///
/// The four numbers, as little-endian 64-bit words, are the 256-bit key of a
/// ChaCha stream with 8 rounds (Bernstein, "ChaCha, a variant of Salsa20", 2008), the
/// place is its nonce; the draws are its words in order. Equal keys give equal draws on
/// every platform.
#[derive(Debug, Clone)]
pub struct Keyed {
    bits: ChaCha8Rng,
}

impl Keyed {
    /// The generator of one key. `number` is that of the view or of the draw, as the purpose's
    /// [scope](Purpose::scope) says; in an epoch that makes its own views both are the epoch's.
    pub fn new(seed: u64, number: u64, record: u64, purpose: Purpose) -> Keyed {
        let mut key = [0u8; 32];
        for (word, value) in key.chunks_exact_mut(8).zip([seed, number, record, purpose as u64]) {
            word.copy_from_slice(&value.to_le_bytes());
        }
        Keyed { bits: ChaCha8Rng::from_seed(key) }
    }

    /// The generator of one of several objects that share the key, from its beginning; that at place 0 is
    /// the key's own.
    pub fn of_object(mut self, place: u64) -> Keyed {
        self.bits.set_stream(place);
        self.bits.set_word_pos(0);
        self
    }

    /// The generator of one of several rounds in which an object is asked about again, from its beginning; that of round 0
    /// is the object's own. Rounds are 2^32 words of the stream apart.
    pub fn of_round(mut self, round: u64) -> Keyed {
        self.bits.set_word_pos(u128::from(round) << 32);
        self
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.bits.next_u32()
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// A uniform number in `[0, 1)`: one of the 2^24 multiples of 2^-24.
    ///
    /// Every multiple is an f32, so the value never rounds up to 1. PyTorch's `rand`
    /// draws from the same set.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// A uniform integer in `0..n`, without bias.
    ///
    /// Lemire, "Fast Random Integer Generation in an Interval", 2019.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "an integer below 0 does not exist");
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            // 2^64 mod n low words are one too many for an even share.
            let surplus = n.wrapping_neg() % n;
            while (product as u64) < surplus {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// A number of the standard normal distribution.
    ///
    /// The cosine half of Box and Muller's transform, so that a draw always takes
    /// the same number of bits; computed in f64.
    pub fn normal(&mut self) -> f32 {
        // In (0, 1], so that the logarithm is finite.
        let radius = ((self.next_u32() as f64) + 1.0) * (1.0 / 4_294_967_296.0);
        let turn = self.next_u32() as f64 * (1.0 / 4_294_967_296.0);
        let value = libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * turn);
        value as f32
    }
}

/// The probability that a standard normal number is at most `x`.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_key_matters() {
        let first =
            |seed, number, record, purpose| Keyed::new(seed, number, record, purpose).next_u64();
        let base = first(1, 2, 3, Purpose::Flip);
        assert_eq!(base, first(1, 2, 3, Purpose::Flip));
        assert_ne!(base, first(2, 2, 3, Purpose::Flip));
        assert_ne!(base, first(1, 3, 3, Purpose::Flip));
        assert_ne!(base, first(1, 2, 4, Purpose::Flip));
        assert_ne!(base, first(1, 2, 3, Purpose::Scale));
        assert_eq!(base, Keyed::new(1, 2, 3, Purpose::Flip).of_object(0).next_u64());
        assert_ne!(base, Keyed::new(1, 2, 3, Purpose::Flip).of_object(1).next_u64());
        // Swapping two parts is another key.
        assert_ne!(first(1, 2, 3, Purpose::Flip), first(1, 3, 2, Purpose::Flip));
    }

    /// The values themselves are a promise: a run's samples must not change with an upgrade.
    #[test]
    fn the_values_are_pinned() {
        let mut draw = Keyed::new(42, 0, 0, Purpose::Scale);
        let words: Vec<u32> = (0..4).map(|_| draw.next_u32()).collect();
        assert_eq!(words, PINNED_WORDS);
        let mut draw = Keyed::new(42, 0, 0, Purpose::Scale);
        assert_eq!(draw.uniform(), (PINNED_WORDS[0] >> 8) as f32 / 16_777_216.0);
        let mut draw = Keyed::new(42, 0, 0, Purpose::Scale);
        let wide = u64::from(PINNED_WORDS[1]) << 32 | u64::from(PINNED_WORDS[0]);
        assert_eq!(draw.below(1000), ((u128::from(wide) * 1000) >> 64) as u64);
    }

    // From a separate implementation of ChaCha8 with key words 42, 0, 0, 3 and block 0.
    const PINNED_WORDS: [u32; 4] = [3_348_256_349, 2_469_140_708, 3_352_691_653, 982_428_918];

    #[test]
    fn uniform_stays_below_one_and_fills_its_range() {
        let mut draw = Keyed::new(7, 0, 0, Purpose::Scale);
        let mut buckets = [0u32; 10];
        for _ in 0..100_000 {
            let value = draw.uniform();
            assert!((0.0..1.0).contains(&value));
            buckets[(value * 10.0) as usize] += 1;
        }
        // Five standard deviations of a count with mean 10,000.
        assert!(buckets.iter().all(|&n| n.abs_diff(10_000) < 475), "{buckets:?}");
    }

    #[test]
    fn below_is_even_and_inside() {
        for n in [1u64, 2, 3, 7, 10] {
            let mut draw = Keyed::new(7, n, 0, Purpose::Crop);
            let mut counts = vec![0u32; n as usize];
            for _ in 0..n * 10_000 {
                counts[draw.below(n) as usize] += 1;
            }
            assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 500), "{counts:?}");
        }
        let mut draw = Keyed::new(7, 0, 0, Purpose::Crop);
        assert!((0..100).all(|_| draw.below(u64::MAX) < u64::MAX));
    }

    #[test]
    #[should_panic(expected = "below 0")]
    fn below_zero_is_a_bug_of_the_caller() {
        Keyed::new(0, 0, 0, Purpose::Crop).below(0);
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut draw = Keyed::new(7, 0, 0, Purpose::NoiseMask);
        let n = 200_000;
        let (mut sum, mut squares, mut below_one) = (0f64, 0f64, 0u32);
        for _ in 0..n {
            let value = f64::from(draw.normal());
            sum += value;
            squares += value * value;
            below_one += u32::from(value < 1.0);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.012, "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.017, "variance {}", squares / n);
        assert!((f64::from(below_one) / n - normal_cdf(1.0)).abs() < 0.005);
    }

    #[test]
    fn normal_cdf_matches_tables() {
        assert!((normal_cdf(0.0) - 0.5).abs() < 1e-15);
        assert!((normal_cdf(1.0) - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((normal_cdf(-0.5) - 0.308_537_538_725_987).abs() < 1e-14);
    }
}
