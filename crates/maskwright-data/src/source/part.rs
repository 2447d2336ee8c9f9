//! A share of a set that is stable, disjoint from its rest, and has a readable name.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::hash::fnv1a;
use crate::error::{Error, Result};

/// A share of a set's records: `"90%"`, or `"rest of 90%"` for the others.
///
/// The records are ranked by a hash of their names and the first so many per cent are taken: always
/// the same ones on every machine and in every order of the folder. `"90%"` and `"rest of 90%"` of
/// one set have no record in common and leave none out; if there are two records or more, neither
/// is empty. When files are added, records at most near the boundary change sides.
///
/// ```
/// use maskwright_data::source::Part;
///
/// let train: Part = "90%".parse()?;
/// let valid: Part = "rest of 90%".parse()?;
/// let names: Vec<String> = (0..50).map(|n| format!("photo_{n}")).collect();
/// assert_eq!(train.select(&names).len(), 45);
/// assert_eq!(valid.select(&names).len(), 5);
/// # Ok::<(), maskwright_data::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Part {
    percent: f64,
    rest: bool,
}

impl Part {
    /// The numbers of the names that belong to the part, ascending.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..names.len()).collect();
        // Names may repeat only where files differ in bytes that are no text: their order decides.
        ranked.sort_by_key(|&at| (name_hash(names[at].as_ref()), at));
        let share = (names.len() as f64 * self.percent / 100.0).round() as usize;
        let taken = match names.len() {
            0 | 1 => share,
            several => share.clamp(1, several - 1),
        };
        let mut chosen = if self.rest { ranked.split_off(taken) } else { ranked[..taken].to_vec() };
        chosen.sort_unstable();
        chosen
    }
}

/// [`fnv1a`] with a final mix, because FNV's high bits depend little on the last letters.
fn name_hash(name: &str) -> u64 {
    let fnv = fnv1a(name.as_bytes());
    let mixed = (fnv ^ (fnv >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Part> {
        let refuse = || Error::Setting {
            key: "part".into(),
            expected: "a share like \"90%\" or its complement \"rest of 90%\", between 0% and 100%"
                .into(),
            found: format!("\"{text}\""),
        };
        let (rest, share) = match text.trim().strip_prefix("rest of ") {
            Some(share) => (true, share),
            None => (false, text.trim()),
        };
        let percent: f64 =
            share.strip_suffix('%').and_then(|n| n.trim().parse().ok()).ok_or_else(refuse)?;
        if !(percent > 0.0 && percent < 100.0) {
            return Err(refuse());
        }
        Ok(Part { percent, rest })
    }
}

impl TryFrom<String> for Part {
    type Error = Error;

    fn try_from(text: String) -> Result<Part> {
        text.parse()
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}%", if self.rest { "rest of " } else { "" }, self.percent)
    }
}

impl From<Part> for String {
    fn from(part: Part) -> String {
        part.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("frame_{n:05}")).collect()
    }

    fn select(part: &str, count: usize) -> Vec<usize> {
        part.parse::<Part>().unwrap().select(&names(count))
    }

    #[test]
    fn part_and_rest_share_out_all_records() {
        for count in [2, 3, 10, 101] {
            for share in ["1%", "33.3%", "50%", "90%", "99%"] {
                let mut all = select(share, count);
                let rest = select(&format!("rest of {share}"), count);
                assert!(!all.is_empty() && !rest.is_empty());
                all.extend(rest);
                all.sort();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
            }
        }
        assert_eq!(select("90%", 1), [0]);
        assert!(select("90%", 0).is_empty());
    }

    #[test]
    fn the_part_follows_names_not_positions() {
        let part: Part = "50%".parse().unwrap();
        let forward = names(40);
        let backward: Vec<String> = forward.iter().rev().cloned().collect();
        let mut a: Vec<_> = part.select(&forward).into_iter().map(|at| &forward[at]).collect();
        let mut b: Vec<_> = part.select(&backward).into_iter().map(|at| &backward[at]).collect();
        a.sort();
        b.sort();
        assert_eq!(a, b);
        // Not just every other frame or the first half.
        let gaps: Vec<usize> = part.select(&forward).windows(2).map(|w| w[1] - w[0]).collect();
        assert!(gaps.iter().any(|&g| g > 2) && gaps.contains(&1));
    }

    #[test]
    fn added_files_move_few_records() {
        let before = select("90%", 1000);
        let after = select("90%", 1010);
        let left = before.iter().filter(|at| !after.contains(at)).count();
        assert!(left <= 10, "{left}");
    }

    #[test]
    fn other_texts_are_refused() {
        let words = ["90", "0%", "100%", "-5%", "rest", "rest of", "nan%", "first 90%", ""]
            .map(|text| text.parse::<Part>().unwrap_err().to_string());
        insta::assert_snapshot!(words.join("\n"), @r#"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "90"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "0%"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "100%"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "-5%"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "rest"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "rest of"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "nan%"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found "first 90%"
            part: expected a share like "90%" or its complement "rest of 90%", between 0% and 100%, found ""
            "#);
        assert_eq!("rest of 90 %".parse::<Part>().unwrap().to_string(), "rest of 90%");
    }
}
