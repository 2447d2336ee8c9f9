//! Several sets as one list of records.

use std::sync::Arc;

use super::Source;
use crate::error::{Error, Result};
use crate::record::Record;

/// The sets of a run, one after the other: record `i` of the run is a record of one of the sets.
///
/// The record's number over all sets is what its samples are keyed by.
#[derive(Clone)]
pub struct Mix {
    sets: Vec<Arc<dyn Source>>,
    /// First record of each set, and behind them the number of all records.
    starts: Vec<usize>,
}

impl std::fmt::Debug for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sets = self.sets.iter().map(|set| (set.name(), set.len()));
        f.debug_map().entries(sets).finish()
    }
}

impl Mix {
    /// Concatenates sets. Fails if there is no record at all.
    pub fn new(sets: Vec<Arc<dyn Source>>) -> Result<Mix> {
        let mut starts = vec![0];
        for set in &sets {
            starts.push(starts[starts.len() - 1] + set.len());
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

    /// A single set.
    pub fn of(set: impl Source + 'static) -> Result<Mix> {
        Mix::new(vec![Arc::new(set)])
    }

    /// The sets in order.
    pub fn sets(&self) -> &[Arc<dyn Source>] {
        &self.sets
    }

    /// How many records all sets have together; never 0.
    #[allow(clippy::len_without_is_empty, reason = "a mix is never empty")]
    pub fn len(&self) -> usize {
        self.starts[self.sets.len()]
    }

    /// Which set a record is in, and its number there.
    pub fn locate(&self, record: usize) -> Result<(usize, usize)> {
        if record >= self.len() {
            return Err(Error::NoSuchRecord {
                set: "all sets".into(),
                index: record,
                len: self.len(),
            });
        }
        // The last set that starts at or before the record; sets without records share their start
        // with the next one and are never the last.
        let set = self.starts.partition_point(|&start| start <= record) - 1;
        Ok((set, record - self.starts[set]))
    }

    /// The record of a number over all sets.
    pub fn record(&self, record: usize) -> Result<Record> {
        let (set, index) = self.locate(record)?;
        self.sets[set].record(index)
    }

    /// The number over all sets of the record `name` of the set `set`, by search.
    pub fn find(&self, set: &str, name: &str) -> Option<usize> {
        (0..self.len()).find(|&record| {
            self.record(record).is_ok_and(|found| &*found.set == set && found.name == name)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use maskwright_image::decode::MaskRule;

    use super::*;
    use crate::source::{MaskBuffer, Pick};

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
        fn image_bytes(&self, _: usize, _: &mut Vec<u8>) -> Result<()> {
            Ok(())
        }
        fn mask(&self, _: usize, _: Pick, _: &mut MaskBuffer) -> Result<()> {
            Ok(())
        }
        fn mask_rule(&self) -> &MaskRule {
            &self.2
        }
    }

    fn set(name: &'static str, len: usize) -> Arc<dyn Source> {
        Arc::new(Numbered(name, len, MaskRule::default()))
    }

    #[test]
    fn records_are_found_across_sets() {
        let mix = Mix::new(vec![set("a", 2), set("none", 0), set("b", 3)]).unwrap();
        let at: Vec<_> = (0..5).map(|record| mix.locate(record).unwrap()).collect();
        assert_eq!(at, [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]);
        assert_eq!(mix.record(3).unwrap().to_string(), "b/1");
        assert_eq!(mix.find("b", "1"), Some(3));
        assert_eq!(mix.find("b", "3"), None);
        let error = mix.locate(5).unwrap_err().to_string();
        assert!(error.contains("record 5") && error.contains("only 5"), "{error}");
    }

    #[test]
    fn a_mix_of_nothing_is_refused() {
        assert!(Mix::new(vec![]).is_err());
        assert!(Mix::new(vec![set("none", 0)]).is_err());
    }
}
