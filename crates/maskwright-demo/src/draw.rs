//! The random draws of the generator: named streams, so that a change to one
//! part of a picture (its background, say) leaves every other part as it was.

use maskwright_data::random::{Keyed, Purpose};

/// What a stream of draws decides. The numbers are part of the data set's
/// definition: the same seed gives the same pictures only while they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Stream {
    Frame = 1,
    Shape = 2,
    Colour = 3,
    Background = 4,
    Surface = 5,
    Grain = 6,
}

/// A [`Keyed`] generator of one picture and stream, with the draws that shapes need.
pub(super) struct Draw(Keyed);

impl Draw {
    /// `split` and `stream` take the key's place of the epoch: a generated set has none.
    pub(super) fn new(seed: u64, split: u64, index: u64, stream: Stream) -> Self {
        Self(Keyed::new(seed, (split << 8) | stream as u64, index, Purpose::Synthesis))
    }

    /// Uniform in [0, 1).
    pub(super) fn uniform(&mut self) -> f32 {
        self.0.uniform()
    }

    /// Uniform in [low, high).
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Uniform whole number in [low, high], both ends included.
    pub(super) fn count(&mut self, low: usize, high: usize) -> usize {
        low + self.0.below((high - low + 1) as u64) as usize
    }

    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.uniform() < probability
    }

    /// -1 or +1.
    pub(super) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Roughly normal with mean 0 and variance 1, in [-3.46, 3.46]: four bytes of
    /// one word, summed. Film grain needs no tails and is drawn for every pixel.
    pub(super) fn grain(&mut self) -> f32 {
        let [a, b, c, d] = self.0.next_u32().to_le_bytes();
        let sum = f32::from(a) + f32::from(b) + f32::from(c) + f32::from(d);
        // Mean 510; the variance of a byte is (256^2 - 1) / 12, that of four 147.8^2.
        (sum - 510.0) / 147.8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_splits_are_independent_and_repeatable() {
        let first = |split, stream| Draw::new(7, split, 3, stream).uniform();
        let base = first(0, Stream::Shape);
        assert_eq!(base, first(0, Stream::Shape));
        assert_ne!(base, first(1, Stream::Shape));
        assert_ne!(base, first(0, Stream::Colour));
    }

    #[test]
    fn draws_stay_in_their_ranges_and_have_their_moments() {
        let mut draw = Draw::new(1, 0, 0, Stream::Grain);
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        let mut counts = [0usize; 3];
        for _ in 0..20_000 {
            let value = f64::from(draw.grain());
            sum += value;
            squares += value * value;
            counts[draw.count(4, 6) - 4] += 1;
            let ranged = draw.range(-2.0, 5.0);
            assert!((-2.0..5.0).contains(&ranged));
        }
        assert!((sum / 20_000.0).abs() < 0.03);
        assert!((squares / 20_000.0 - 1.0).abs() < 0.03);
        assert!(counts.iter().all(|n| (6_200..7_100).contains(n)), "{counts:?}");
    }
}
