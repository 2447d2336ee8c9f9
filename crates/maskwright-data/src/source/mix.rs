//! Several sets as one list of samples.

use std::ops::Range;
use std::sync::Arc;

use super::Source;
use super::weights::{repeated, tempered, validate_repeat};
use crate::error::{Error, Result};
use crate::random::{Order, Purpose, SampleKey};
use crate::record::Record;

/// The sets of a run, one after the other, each with its weight.
///
/// An epoch visits *places*, which are numbered over all sets. The number of a place is
/// [`SampleKey::record`], by which samples are keyed. Without weights each place is a record. A set of
/// `n` records that is [repeated](Mix::repeated) `r` times has `round(n * r)` places: first all of its
/// records, as often as all of them come, then some of them once more. So the repeats of a record have
/// different keys and are different samples. Every epoch draws anew which records come once more, none
/// of them twice. No list is kept for this, however many records there are.
#[derive(Clone)]
pub struct Mix {
    sets: Vec<Arc<dyn Source>>,
    /// First place of each set, and behind them the number of all places.
    starts: Vec<usize>,
}

impl std::fmt::Debug for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sets = self.sets.iter().map(|set| (set.name(), set.len()));
        f.debug_map().entries(sets).finish()
    }
}

impl Mix {
    /// Joins sets without weights, every record once. Fails if there is no record at all.
    pub fn new(sets: Vec<Arc<dyn Source>>) -> Result<Mix> {
        Mix::tempered(sets, 1.0)
    }

    /// A mix of a single set.
    pub fn of(set: impl Source + 'static) -> Result<Mix> {
        Mix::new(vec![Arc::new(set)])
    }

    /// Joins sets with repeat factors: with 2.5 every record comes twice and half of them once more,
    /// with 0.1 a tenth of them comes. Fails if a factor is not above 0, and if there is no record at
    /// all.
    pub fn repeated(sets: Vec<(Arc<dyn Source>, f64)>) -> Result<Mix> {
        let mut places = Vec::with_capacity(sets.len());
        for (set, repeat) in &sets {
            validate_repeat(set.name(), *repeat)?;
            places.push(repeated(set.len(), *repeat));
        }
        Mix::with_places(sets.into_iter().map(|(set, _)| set).collect(), &places)
    }

    /// Joins sets with shares proportional to their numbers of records to the power of `1 /
    /// temperature`, with as many places in all as there are records; see
    /// [`MixConfig`](super::MixConfig). Fails if there is no record at all.
    pub fn tempered(sets: Vec<Arc<dyn Source>>, temperature: f64) -> Result<Mix> {
        let records: Vec<usize> = sets.iter().map(|set| set.len()).collect();
        super::MixConfig { temperature }.validate()?;
        Mix::with_places(sets, &tempered(&records, temperature))
    }

    fn with_places(sets: Vec<Arc<dyn Source>>, places: &[usize]) -> Result<Mix> {
        let mut starts = vec![0];
        for count in places {
            starts.push(starts[starts.len() - 1] + count);
        }
        if starts[starts.len() - 1] == 0 {
            return Err(Error::Setting {
                key: "train or valid sets".into(),
                expected: "at least one record".into(),
                found: format!("{} sets without any", sets.len()),
            });
        }
        Ok(Mix { sets, starts })
    }

    /// Returns the sets in order.
    pub fn sets(&self) -> &[Arc<dyn Source>] {
        &self.sets
    }

    /// Returns the number of places in an epoch, which is never 0.
    #[allow(clippy::len_without_is_empty, reason = "a mix is never empty")]
    pub fn len(&self) -> usize {
        self.starts[self.sets.len()]
    }

    /// Returns the number of records of all sets, each counted once.
    pub fn records(&self) -> usize {
        self.sets.iter().map(|set| set.len()).sum()
    }

    /// The set of a place.
    pub fn set_of(&self, place: u64) -> Result<usize> {
        if place >= self.len() as u64 {
            return Err(Error::NoSuchRecord {
                set: "all sets".into(),
                index: place as usize,
                len: self.len(),
            });
        }
        // The last set that starts at or before the place; sets without places share their start
        // with the next one and are never the last.
        Ok(self.starts.partition_point(|&start| start as u64 <= place) - 1)
    }

    /// The places of a set.
    ///
    /// # Panics
    ///
    /// If there is no such set.
    pub fn places(&self, set: usize) -> Range<u64> {
        self.starts[set] as u64..self.starts[set + 1] as u64
    }

    /// Which set the record of a key is in, and its number there. The key's seed and view matter for places
    /// beyond the last whole repeat of a set.
    pub fn locate(&self, key: SampleKey) -> Result<(usize, usize)> {
        let set = self.set_of(key.record)?;
        let places = self.places(set);
        let place = key.record - places.start;
        let records = self.sets[set].len() as u64;
        let whole = (places.end - places.start) / records * records;
        if place < whole {
            return Ok((set, (place % records) as usize));
        }
        let draw = SampleKey { record: set as u64, ..key }.generator(Purpose::Remainder);
        Ok((set, Order::drawn(draw, records).record(place - whole) as usize))
    }

    /// The record of a key.
    pub fn record(&self, key: SampleKey) -> Result<Record> {
        let (set, index) = self.locate(key)?;
        self.sets[set].record(index)
    }

    /// The first key of an epoch whose record is `name` of the set `set`, by search.
    pub fn find(&self, seed: u64, epoch: u64, set: &str, name: &str) -> Option<SampleKey> {
        let keys = (0..self.len() as u64).map(|record| SampleKey::in_epoch(seed, epoch, record));
        keys.into_iter().find(|&key| {
            self.record(key).is_ok_and(|found| &*found.set == set && found.name == name)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use maskwright_image::decode::MaskRule;

    use super::*;
    use crate::source::{ImageBuffer, Located, MaskBuffer, Pick};

    struct Numbered(&'static str, usize, MaskRule);

    impl Source for Numbered {
        fn name(&self) -> &str {
            self.0
        }
        fn len(&self) -> usize {
            self.1
        }
        fn record(&self, index: usize) -> Result<Record> {
            let path = PathBuf::from(index.to_string());
            Ok(Record {
                set: self.0.into(),
                name: index.to_string(),
                image: path.clone(),
                mask: path,
            })
        }
        fn image(&self, _: &Located, _: &mut ImageBuffer) -> Result<()> {
            Ok(())
        }
        fn mask(&self, _: &Located, _: Pick, _: &mut MaskBuffer) -> Result<()> {
            Ok(())
        }
        fn mask_rule(&self) -> &MaskRule {
            &self.2
        }
    }

    fn set(name: &'static str, len: usize) -> Arc<dyn Source> {
        Arc::new(Numbered(name, len, MaskRule::default()))
    }

    fn key(epoch: u64, record: u64) -> SampleKey {
        SampleKey::in_epoch(5, epoch, record)
    }

    /// How often each record comes in an epoch.
    fn counts(mix: &Mix, epoch: u64) -> BTreeMap<(usize, usize), usize> {
        let mut counts = BTreeMap::new();
        for place in 0..mix.len() as u64 {
            *counts.entry(mix.locate(key(epoch, place)).unwrap()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn records_are_found_across_sets() {
        let mix = Mix::new(vec![set("a", 2), set("none", 0), set("b", 3)]).unwrap();
        let at: Vec<_> = (0..5).map(|place| mix.locate(key(0, place)).unwrap()).collect();
        assert_eq!(at, [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]);
        assert_eq!(mix.record(key(0, 3)).unwrap().to_string(), "b/1");
        assert_eq!(mix.find(5, 0, "b", "1"), Some(key(0, 3)));
        assert_eq!(mix.find(5, 0, "b", "3"), None);
        assert_eq!((mix.len(), mix.records()), (5, 5));
        let error = mix.locate(key(0, 5)).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"record 5 of all sets: there are only 5");
    }

    #[test]
    fn a_mix_of_nothing_is_refused() {
        assert!(Mix::new(vec![]).is_err());
        assert!(Mix::new(vec![set("none", 0)]).is_err());
        assert!(Mix::repeated(vec![(set("none", 0), 4.0)]).is_err());
        let error = Mix::repeated(vec![(set("a", 3), 0.0)]).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"repeat of set a: expected a number above 0 and up to 1000000, found 0");
    }

    #[test]
    fn repeats_come_as_often_as_asked() {
        let sets = vec![(set("a", 10), 2.5), (set("none", 0), 7.0), (set("b", 40), 0.3)];
        let mix = Mix::repeated(sets).unwrap();
        assert_eq!((mix.len(), mix.records()), (25 + 12, 50));
        assert_eq!((mix.places(0), mix.places(1), mix.places(2)), (0..25, 25..25, 25..37));
        let mut thrice = Vec::new();
        for epoch in 0..20 {
            let counts = counts(&mix, epoch);
            // Every record of "a" twice, and five of them once more.
            let of_a: Vec<usize> = (0..10).map(|index| counts[&(0, index)]).collect();
            assert_eq!(of_a.iter().filter(|&&n| n == 2).count(), 5, "{of_a:?}");
            assert_eq!(of_a.iter().filter(|&&n| n == 3).count(), 5, "{of_a:?}");
            // Twelve different ones of "b".
            let of_b: Vec<_> = counts.iter().filter(|((set, _), _)| *set == 2).collect();
            assert_eq!(of_b.len(), 12);
            assert!(of_b.iter().all(|(_, n)| **n == 1));
            thrice.push(of_a);
        }
        thrice.sort();
        thrice.dedup();
        assert!(thrice.len() > 15, "another part in each epoch: {} of 20", thrice.len());
    }

    /// Over many epochs every record has its turn equally often.
    #[test]
    fn the_remainder_is_shared_out_evenly() {
        let mix = Mix::repeated(vec![(set("a", 20), 0.25)]).unwrap();
        let mut seen = [0u32; 20];
        for epoch in 0..4000 {
            for ((_, index), _) in counts(&mix, epoch) {
                seen[index] += 1;
            }
        }
        // Five standard deviations of a count with mean 1000.
        assert!(seen.iter().all(|&n| n.abs_diff(1000) < 140), "{seen:?}");
    }

    #[test]
    fn a_repeat_of_one_changes_nothing() {
        let plain = Mix::new(vec![set("a", 7), set("b", 5)]).unwrap();
        let repeated = Mix::repeated(vec![(set("a", 7), 1.0), (set("b", 5), 1.0)]).unwrap();
        let tempered = Mix::tempered(vec![set("a", 7), set("b", 5)], 1.0).unwrap();
        for place in 0..12 {
            let at = plain.locate(key(3, place)).unwrap();
            assert_eq!(repeated.locate(key(3, place)).unwrap(), at);
            assert_eq!(tempered.locate(key(3, place)).unwrap(), at);
        }
    }

    #[test]
    fn temperature_shares_an_epoch_of_the_same_length() {
        let mix = Mix::tempered(vec![set("large", 900), set("small", 100)], 2.0).unwrap();
        assert_eq!((mix.len(), mix.places(0), mix.places(1)), (1000, 0..750, 750..1000));
        let counts = counts(&mix, 1);
        assert_eq!(counts.keys().filter(|(set, _)| *set == 0).count(), 750);
        let of_small = |times| counts.iter().filter(|((s, _), n)| *s == 1 && **n == times).count();
        assert_eq!((of_small(2), of_small(3)), (50, 50));
        assert!(Mix::tempered(vec![set("a", 3)], 0.9).is_err());
    }
}
