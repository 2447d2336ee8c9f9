//! A sketch of many image files, small enough for the metadata of a checkpoint.
//!
//! It holds the hashes of up to 1024 of the files' names, always those with the smallest hashes (a bottom-k sketch; Cohen and Kelner,
//! "Summarizing data using bottom-k sketches", 2007), each with the length of the file: names alone are often numbers that
//! every set has. Up to that many files it knows each one; of more it knows a sample that is even over the names, so that
//! the share of other files that are among them can be told.
//!
//! ```
//! use maskwright_model::ImageSketch;
//!
//! let length = |name: &str| Some(1000 + name.len() as u64);
//! let trained = ImageSketch::of(["a", "b", "c"], |index| length(["a", "b", "c"][index]));
//! let others = ["a", "c", "x", "y"];
//! assert_eq!(trained.share_of(others, |index| length(others[index])), Some(0.5));
//! assert_eq!(trained.share_of(others, |_| Some(7)), Some(0.0));
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most files that are kept.
const MOST: usize = 1024;

/// Hexadecimal digits of a file: 16 of its name's hash, 8 of its length.
const DIGITS: usize = 24;

/// Image files, or an even sample of them, by the hashes of their names and their lengths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ImageSketch {
    /// The number of names, those of which the files' lengths are not known included.
    count: u64,
    files: BTreeSet<(u64, u32)>,
}

/// As it is written: the files one behind the other, in ascending order.
#[derive(Serialize, Deserialize)]
struct Stored {
    count: u64,
    files: String,
}

impl ImageSketch {
    /// Makes a sketch of the files of these names; `length` gives the bytes of the file at a place among them, and is asked for those
    /// that are kept alone. A file whose length is not known is left out.
    pub fn of<T: AsRef<str>>(
        names: impl IntoIterator<Item = T>,
        mut length: impl FnMut(usize) -> Option<u64>,
    ) -> Self {
        let mut count = 0;
        let mut smallest: BTreeSet<(u64, usize)> = BTreeSet::new();
        for (place, name) in names.into_iter().enumerate() {
            count += 1;
            let hash = hash(name.as_ref());
            if smallest.len() < MOST || smallest.last().is_some_and(|(last, _)| hash < *last) {
                smallest.insert((hash, place));
                if smallest.len() > MOST {
                    smallest.pop_last();
                }
            }
        }
        let files =
            smallest.into_iter().filter_map(|(hash, place)| Some((hash, low(length(place)?))));
        Self { count, files: files.collect() }
    }

    /// Returns whether it is of no file at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns which share of the files of these names is among those that the sketch is of, in `[0, 1]`; exactly for up to 1024 files in
    /// the sketch, and else estimated from those that a sample of its files would hold. `None` if none of them would be in one.
    /// `length` gives the bytes of the file at a place among `names`.
    pub fn share_of<T: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = T>,
        mut length: impl FnMut(usize) -> Option<u64>,
    ) -> Option<f64> {
        let all_known = self.count as usize <= MOST;
        let largest = self.files.last()?.0;
        let (mut known, mut looked_at) = (0u64, 0u64);
        for (place, name) in names.into_iter().enumerate() {
            let hash = hash(name.as_ref());
            if all_known || hash <= largest {
                looked_at += 1;
                let named = self.files.range((hash, 0)..=(hash, u32::MAX)).next().is_some();
                let mut same =
                    || length(place).is_some_and(|bytes| self.files.contains(&(hash, low(bytes))));
                known += u64::from(named && same());
            }
        }
        (looked_at > 0).then(|| known as f64 / looked_at as f64)
    }
}

/// The first 8 bytes of the SHA-256.
fn hash(name: &str) -> u64 {
    let sum = Sha256::digest(name.as_bytes());
    u64::from_be_bytes(sum[..8].try_into().expect("a sum has 32 bytes"))
}

/// The lower half of a length, which tells files apart as well.
fn low(bytes: u64) -> u32 {
    (bytes & u64::from(u32::MAX)) as u32
}

impl From<ImageSketch> for Stored {
    fn from(sketch: ImageSketch) -> Self {
        let files = sketch.files.iter();
        let files = files.map(|(hash, length)| format!("{hash:016x}{length:08x}")).collect();
        Self { count: sketch.count, files }
    }
}

impl TryFrom<Stored> for ImageSketch {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { count, files } = stored;
        let wrong = || format!("expected at most {MOST} files of {DIGITS} hexadecimal digits");
        if files.len() > DIGITS * MOST || files.len() % DIGITS != 0 {
            return Err(wrong());
        }
        // A sign is no digit.
        if !files.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let read = |place: usize| {
            let digits = &files[place * DIGITS..][..DIGITS];
            let hash = u64::from_str_radix(&digits[..16], 16).ok()?;
            Some((hash, u32::from_str_radix(&digits[16..], 16).ok()?))
        };
        let files: Option<BTreeSet<_>> = (0..files.len() / DIGITS).map(read).collect();
        let files = files.ok_or_else(wrong)?;
        if (files.len() as u64) > count {
            return Err(format!("expected at most {count} files, found {}", files.len()));
        }
        Ok(Self { count, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
        range.map(|number| format!("image_{number}"))
    }

    fn sketch(range: std::ops::Range<usize>) -> ImageSketch {
        let first = range.start;
        ImageSketch::of(names(range), |place| Some((first + place) as u64))
    }

    fn share(sketch: &ImageSketch, range: std::ops::Range<usize>) -> Option<f64> {
        let first = range.start;
        sketch.share_of(names(range), |place| Some((first + place) as u64))
    }

    #[test]
    fn few_files_are_known_exactly() {
        let known = sketch(0..900);
        assert_eq!(share(&known, 0..900), Some(1.0));
        assert_eq!(share(&known, 450..1350), Some(0.5));
        assert_eq!(share(&known, 900..1000), Some(0.0));
        assert_eq!(share(&known, 0..0), None);
        assert_eq!(share(&ImageSketch::default(), 0..3), None);
        // Of the same names, but other files; and such that are no files.
        assert_eq!(known.share_of(names(0..900), |place| Some(place as u64 + 1)), Some(0.0));
        assert_eq!(known.share_of(names(0..900), |_| None), Some(0.0));
        assert!(ImageSketch::of(names(0..900), |_| None).is_empty());
    }

    #[test]
    fn of_many_the_share_is_estimated_and_few_lengths_are_asked_for() {
        let mut asked = 0;
        let known = ImageSketch::of(names(0..100_000), |place| {
            asked += 1;
            Some(place as u64)
        });
        assert_eq!((known.files.len(), asked), (MOST, MOST));
        // Of 40,000 names about 1% are looked at: 400, half of them known, with a deviation of 10.
        let half = share(&known, 80_000..120_000).expect("some are looked at");
        assert!((half - 0.5).abs() < 0.15, "{half}");
        assert_eq!(share(&known, 0..100_000), Some(1.0));
        assert_eq!(share(&known, 100_000..200_000), Some(0.0));
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        for known in [ImageSketch::default(), sketch(0..5000)] {
            let json = serde_json::to_string(&known).expect("plain");
            assert!(json.len() < 25_000, "{}", json.len());
            assert_eq!(serde_json::from_str::<ImageSketch>(&json).expect("readable"), known);
        }
    }

    #[test]
    fn hostile_ones_are_refused() {
        let digits = "0".repeat(DIGITS);
        for (count, files) in [
            (5, "0".repeat(DIGITS - 1)),
            (5, format!("+{}", &digits[1..])),
            (5, "é".repeat(DIGITS / 2)),
            (0, digits.clone()),
            (u64::MAX, digits.repeat(MOST + 1)),
        ] {
            let json = serde_json::json!({ "count": count, "files": files });
            assert!(serde_json::from_value::<ImageSketch>(json.clone()).is_err(), "{json}");
        }
    }
}
