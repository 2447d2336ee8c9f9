//! How often the records of each set come in an epoch.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most times that a set's records may come in an epoch.
const MAX_REPEAT: f64 = 1_000_000.0;

/// How the training sets of a run are weighted against each other: `[mix]` of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixConfig {
    /// A set's share of an epoch is proportional to its number of records to the power of `1 /
    /// temperature`. The length of the epoch stays the same. 1 changes nothing; the higher the number,
    /// the more equal the shares of large and small sets (Arivazhagan et al., "Massively Multilingual
    /// Neural Machine Translation in the Wild", 2019). It is at least 1, and cannot be used together
    /// with a set's `repeat`.
    pub temperature: f64,
}

impl Default for MixConfig {
    fn default() -> MixConfig {
        MixConfig { temperature: 1.0 }
    }
}

impl MixConfig {
    /// Checks that the temperature is finite and at least 1.
    pub fn validate(&self) -> Result<()> {
        if self.temperature >= 1.0 && self.temperature.is_finite() {
            return Ok(());
        }
        Err(Error::Setting {
            key: "mix.temperature".into(),
            expected: "a number of at least 1".into(),
            found: self.temperature.to_string(),
        })
    }
}

/// Refuses a repeat factor of the set `set` that is not above 0, or too large.
pub(super) fn validate_repeat(set: &str, repeat: f64) -> Result<()> {
    if repeat > 0.0 && repeat <= MAX_REPEAT {
        return Ok(());
    }
    Err(Error::Setting {
        key: format!("repeat of set {set}"),
        expected: format!("a number above 0 and up to {MAX_REPEAT}"),
        found: repeat.to_string(),
    })
}

/// How many samples an epoch has of a set of `records` records that come `repeat` times each: rounded, and
/// at least one of a set that has any.
pub(super) fn repeated(records: usize, repeat: f64) -> usize {
    match records {
        0 => 0,
        several => ((several as f64 * repeat).round() as usize).max(1),
    }
}

/// How many samples an epoch has of each set at a temperature: together as many as there are records.
///
/// What the shares leave over after rounding down goes to those that were rounded most, the first of
/// equals.
pub(super) fn tempered(records: &[usize], temperature: f64) -> Vec<usize> {
    if temperature == 1.0 {
        return records.to_vec();
    }
    let total: usize = records.iter().sum();
    // libm's, because the system's may differ in the last bit, and the count with it.
    let weights: Vec<f64> = records
        .iter()
        .map(|&n| if n == 0 { 0.0 } else { libm::pow(n as f64, 1.0 / temperature) })
        .collect();
    let sum: f64 = weights.iter().sum();
    let shares: Vec<f64> = weights.iter().map(|weight| total as f64 * weight / sum).collect();
    let mut counts: Vec<usize> =
        shares.iter().zip(records).map(|(&share, &n)| (share as usize).max(n.min(1))).collect();
    let mut by_rounding: Vec<usize> = (0..records.len()).filter(|&set| records[set] > 0).collect();
    by_rounding.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract()).then(a.cmp(&b)));
    let missing = total.saturating_sub(counts.iter().sum());
    for set in by_rounding.into_iter().cycle().take(missing) {
        counts[set] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn repeats_are_rounded_and_leave_no_set_out() {
        assert_eq!([1.0, 2.5, 0.25, 0.01].map(|repeat| repeated(10, repeat)), [10, 25, 3, 1]);
        assert_eq!(repeated(0, 3.0), 0);
    }

    #[test]
    fn temperature_evens_the_shares_out() {
        let sets = [900, 100, 0];
        assert_eq!(tempered(&sets, 1.0), sets);
        // Square roots 30 and 10: three quarters and one.
        assert_eq!(tempered(&sets, 2.0), [750, 250, 0]);
        assert_eq!(tempered(&sets, 1e9), [500, 500, 0]);
    }

    proptest! {
        #[test]
        fn an_epoch_stays_as_long(
            records in proptest::collection::vec(0usize..5000, 1..8),
            temperature in 1.0f64..50.0,
        ) {
            let counts = tempered(&records, temperature);
            prop_assert_eq!(counts.iter().sum::<usize>(), records.iter().sum::<usize>());
            for (&n, &count) in records.iter().zip(&counts) {
                prop_assert_eq!(n == 0, count == 0);
            }
            for (a, b) in (0..records.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                // A larger set never comes to less, rounding aside.
                if records[a] >= records[b] {
                    prop_assert!(counts[a] + 1 >= counts[b]);
                }
            }
        }
    }

    #[test]
    fn impossible_weights_are_refused() {
        let words = [0.5, 0.0, -1.0, f64::NAN, f64::INFINITY]
            .map(|temperature| MixConfig { temperature }.validate().unwrap_err().to_string());
        insta::assert_snapshot!(words.join("\n"), @"
            mix.temperature: expected a number of at least 1, found 0.5
            mix.temperature: expected a number of at least 1, found 0
            mix.temperature: expected a number of at least 1, found -1
            mix.temperature: expected a number of at least 1, found NaN
            mix.temperature: expected a number of at least 1, found inf
            ");
        assert!(MixConfig::default().validate().is_ok());
        let words = [0.0, -2.0, f64::NAN, f64::INFINITY, 1e7]
            .map(|repeat| validate_repeat("leaves", repeat).unwrap_err().to_string());
        insta::assert_snapshot!(words.join("\n"), @"
            repeat of set leaves: expected a number above 0 and up to 1000000, found 0
            repeat of set leaves: expected a number above 0 and up to 1000000, found -2
            repeat of set leaves: expected a number above 0 and up to 1000000, found NaN
            repeat of set leaves: expected a number above 0 and up to 1000000, found inf
            repeat of set leaves: expected a number above 0 and up to 1000000, found 10000000
            ");
        assert!(validate_repeat("leaves", 0.001).is_ok());
    }
}
