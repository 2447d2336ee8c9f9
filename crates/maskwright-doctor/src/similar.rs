//! Which looks are near each other, without comparing all with all.
//!
//! Two hashes of 256 bits that differ in fewer than 16 bits agree in at least one of their 16 bands of
//! 16 bits (the pigeonhole principle). So hashes are sorted into buckets band by band, and only those
//! of a bucket are compared: for 40,000 images that look different, a few hundred comparisons each in place of
//! 40,000.

use crate::fingerprint::{LOOK_BITS, Look, distance};

/// Looks that differ in at most this many bits are reported: re-encoded, resized or slightly edited
/// copies, and neighbouring frames of a film.
pub(super) const NEAR: u32 = 15;

const BANDS: usize = NEAR as usize + 1;
const BAND_BITS: usize = LOOK_BITS / BANDS;

/// Buckets above this size (very many pictures that look alike) are not compared through: each member
/// is compared with so many others, the next by hash.
const WINDOW: usize = 512;

/// Calls `found(a, b, distance)` for pairs of places in `looks` that are near, `a < b`; a pair may come several times.
pub(super) fn near_pairs(looks: &[Look], mut found: impl FnMut(usize, usize, u32)) {
    let mut order: Vec<usize> = (0..looks.len()).collect();
    for band in 0..BANDS {
        let keys: Vec<u64> = looks.iter().map(|look| band_of(look, band)).collect();
        order.sort_unstable_by_key(|&at| (keys[at], looks[at], at));
        for bucket in order.chunk_by(|&a, &b| keys[a] == keys[b]) {
            for (place, &a) in bucket.iter().enumerate() {
                for &b in bucket[place + 1..].iter().take(WINDOW) {
                    let distance = distance(&looks[a], &looks[b]);
                    if distance <= NEAR {
                        found(a.min(b), a.max(b), distance);
                    }
                }
            }
        }
    }
}

/// The bits of a band. They lie far from each other in the picture: neighbouring cells are alike, and a band
/// of such would be the same in many pictures, all bright for a sky.
fn band_of(look: &Look, band: usize) -> u64 {
    // An odd factor makes a permutation of the 256 places.
    let place = |bit: usize| (bit * 167) % LOOK_BITS;
    (0..BAND_BITS).fold(0, |bits, bit| {
        let at = place(band * BAND_BITS + bit);
        bits << 1 | (look[at / 64] >> (at % 64) & 1)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use maskwright_data::random::{Keyed, Purpose};

    fn random_look(draws: &mut Keyed) -> Look {
        std::array::from_fn(|_| draws.next_u64())
    }

    #[test]
    fn the_pairs_are_those_of_comparing_all_with_all() {
        let mut draws = Keyed::new(1, 2, 3, Purpose::Flip);
        let mut looks: Vec<Look> = (0..300).map(|_| random_look(&mut draws)).collect();
        // Copies with 0 to 24 bits changed.
        for changes in 0..25 {
            let mut copy = looks[7 * changes];
            for _ in 0..changes {
                let bit = draws.next_u64() as usize % LOOK_BITS;
                copy[bit / 64] ^= 1 << (bit % 64);
            }
            looks.push(copy);
        }
        let mut plain = BTreeSet::new();
        for a in 0..looks.len() {
            for b in a + 1..looks.len() {
                let distance = distance(&looks[a], &looks[b]);
                if distance <= NEAR {
                    plain.insert((a, b, distance));
                }
            }
        }
        let mut banded = BTreeSet::new();
        near_pairs(&looks, |a, b, distance| {
            banded.insert((a, b, distance));
        });
        assert!(plain.len() >= 16);
        assert_eq!(banded, plain);
    }

    #[test]
    fn each_bit_is_in_one_band() {
        let mut seen = [0; BANDS];
        for bit in 0..LOOK_BITS {
            let mut look = Look::default();
            look[bit / 64] = 1 << (bit % 64);
            let bands: Vec<usize> = (0..BANDS).filter(|&band| band_of(&look, band) != 0).collect();
            assert_eq!(bands.len(), 1);
            seen[bands[0]] += 1;
        }
        assert_eq!(seen, [BAND_BITS; BANDS]);
    }

    #[test]
    fn forty_thousand_looks_take_few_comparisons() {
        let mut draws = Keyed::new(5, 0, 0, Purpose::Flip);
        let looks: Vec<Look> = (0..40_000).map(|_| random_look(&mut draws)).collect();
        let mut compared = 0u64;
        for band in 0..BANDS {
            let mut sizes = std::collections::HashMap::new();
            looks.iter().for_each(|look| *sizes.entry(band_of(look, band)).or_insert(0u64) += 1);
            compared += sizes.values().map(|n| n * (n - 1) / 2).sum::<u64>();
        }
        // All with all would be 800 million.
        assert!(compared < 1_000_000, "{compared}");
    }
}
