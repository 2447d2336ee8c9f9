//! The order of an epoch as a keyed permutation.

use super::{Keyed, Purpose};

/// Rounds of the Feistel network. Four make a pseudo-random permutation (Luby and
/// Rackoff, 1988) of wide blocks; small sets have narrow blocks and need more.
const ROUNDS: usize = 10;

/// Smallest half block in bits. Networks on halves of one or two bits reach few of the
/// permutations of a handful of records, so small sets are walked inside 2^8 values.
const MIN_HALF_BITS: u32 = 4;

/// The order in which an epoch visits `len` records: a permutation of `0..len` keyed by
/// `(seed, epoch)`.
///
/// The permutation is computed, not stored. A Feistel network permutes the next even power of two
/// of at least `len` and 256 values; a value outside `0..len` is fed back in until one inside comes
/// out ("cycle walking", Black and Rogaway, 2002), which takes fewer than four turns on average for
/// 64 records or more. A set of a billion records costs as little memory as a set of ten, and
/// resuming in mid-epoch costs nothing.
#[derive(Debug, Clone)]
pub struct Order {
    len: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Order {
    /// The order of one epoch.
    pub fn new(seed: u64, epoch: u64, len: u64) -> Order {
        Order::drawn(Keyed::new(seed, epoch, 0, Purpose::Order), len)
    }

    /// A permutation of `0..len` for another purpose, keyed by what is drawn.
    pub fn drawn(mut draw: Keyed, len: u64) -> Order {
        let mut keys = [0; ROUNDS];
        keys.fill_with(|| draw.next_u64());
        let bits = 64 - len.saturating_sub(1).leading_zeros();
        Order { len, half_bits: bits.div_ceil(2).max(MIN_HALF_BITS), keys }
    }

    /// How many records an epoch visits.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to visit.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The record at `position`.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`len`](Order::len).
    pub fn record(&self, position: u64) -> u64 {
        assert!(position < self.len, "position {position} of an epoch of {} records", self.len);
        let mut value = position;
        loop {
            value = self.permute(value);
            if value < self.len {
                return value;
            }
        }
    }

    fn permute(&self, value: u64) -> u64 {
        let mask = u64::MAX >> (64 - self.half_bits);
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for &key in &self.keys {
            (left, right) = (right, left ^ (scramble(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// A 64-bit mix in which every input bit moves every output bit: the finalizer of
/// SplitMix64 (Steele, Lea and Flood, 2014, with Stafford's constants).
fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn each_record_comes_once() {
        for len in [1, 2, 3, 5, 16, 17, 255, 256, 257, 1000, 4096, 10_001] {
            for epoch in 0..3 {
                let order = Order::new(1, epoch, len);
                let mut seen = vec![false; len as usize];
                for position in 0..len {
                    let record = order.record(position) as usize;
                    assert!(!std::mem::replace(&mut seen[record], true));
                }
            }
        }
    }

    #[test]
    fn huge_sets_need_no_list() {
        let order = Order::new(1, 0, u64::MAX);
        assert_ne!(order.record(0), order.record(u64::MAX - 1));
        assert!(order.record(1 << 40) < u64::MAX);
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let list = |seed, epoch| {
            let order = Order::new(seed, epoch, 100);
            (0..100).map(|p| order.record(p)).collect::<Vec<_>>()
        };
        assert_eq!(list(1, 0), list(1, 0));
        assert_ne!(list(1, 0), list(1, 1));
        assert_ne!(list(1, 0), list(2, 0));
    }

    #[test]
    fn all_orders_of_four_are_equally_likely() {
        let mut counts: HashMap<Vec<u64>, u32> = HashMap::new();
        for epoch in 0..24_000 {
            let order = Order::new(9, epoch, 4);
            *counts.entry((0..4).map(|p| order.record(p)).collect()).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        let chi2: f64 = counts.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        // 23 degrees of freedom: 49.7 is passed once in a thousand.
        assert!(chi2 < 49.7, "chi-square {chi2}");
    }

    #[test]
    fn neighbours_are_independent() {
        // How often position p+1 holds a higher record than position p: half the time.
        let order = Order::new(3, 0, 50_000);
        let rises = (1..50_000).filter(|&p| order.record(p) > order.record(p - 1)).count();
        assert!(rises.abs_diff(25_000) < 350, "{rises}");
        // No position remembers its record's size.
        let n = 50_000f64;
        let mean = (n - 1.0) / 2.0;
        let covariance: f64 = (0..50_000u64)
            .map(|p| (p as f64 - mean) * (order.record(p) as f64 - mean))
            .sum::<f64>()
            / n;
        let correlation = covariance / (n * n / 12.0);
        assert!(correlation.abs() < 0.02, "{correlation}");
    }
}
