//! How the objects of an annotated image become samples, and which are let through.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Pick;
use crate::error::{Error, Result};
use crate::random::{Keyed, Purpose};

/// How many records an image with several objects makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "OneAllOrCount", into = "OneAllOrCount")]
pub enum Objects {
    /// One record for an image; every epoch draws one of its objects.
    #[default]
    One,
    /// One record for every object.
    All,
    /// As many records as this, or as the image has objects if those are fewer; every epoch draws
    /// that many different objects.
    UpTo(u32),
}

/// `"one"`, `"all"` or a number, as a data file has it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"one\", \"all\" or a number of objects an image")]
enum OneAllOrCount {
    Word(String),
    Count(u32),
}

impl TryFrom<OneAllOrCount> for Objects {
    type Error = Error;

    fn try_from(value: OneAllOrCount) -> Result<Objects> {
        let found = match value {
            OneAllOrCount::Word(word) if word == "one" => return Ok(Objects::One),
            OneAllOrCount::Word(word) if word == "all" => return Ok(Objects::All),
            OneAllOrCount::Count(count) if count > 0 => return Ok(Objects::UpTo(count)),
            OneAllOrCount::Word(word) => format!("\"{word}\""),
            OneAllOrCount::Count(count) => count.to_string(),
        };
        Err(Error::Setting {
            key: "objects".into(),
            expected: "\"one\", \"all\" or a number of objects an image, from 1".into(),
            found,
        })
    }
}

impl FromStr for Objects {
    type Err = Error;

    fn from_str(text: &str) -> Result<Objects> {
        match text.parse() {
            Ok(count) => OneAllOrCount::Count(count),
            Err(_) => OneAllOrCount::Word(text.to_owned()),
        }
        .try_into()
    }
}

impl From<Objects> for OneAllOrCount {
    fn from(objects: Objects) -> OneAllOrCount {
        match objects {
            Objects::One => OneAllOrCount::Word("one".into()),
            Objects::All => OneAllOrCount::Word("all".into()),
            Objects::UpTo(count) => OneAllOrCount::Count(count),
        }
    }
}

impl Objects {
    /// The name of the `nth` record of an image.
    pub(crate) fn record_name(self, image: &str, nth: u64) -> String {
        match self {
            Objects::One => image.to_owned(),
            Objects::All | Objects::UpTo(_) => format!("{image}#{nth}"),
        }
    }

    /// How many records an image with `objects` objects makes; none without objects.
    pub(crate) fn records(self, objects: u32) -> u64 {
        match self {
            Objects::One => u64::from(objects.min(1)),
            Objects::All => u64::from(objects),
            Objects::UpTo(count) => u64::from(objects.min(count)),
        }
    }

    /// How many objects a record is drawn from, of an image with `objects` objects.
    pub(crate) fn choices(self, objects: u32) -> u32 {
        match self {
            Objects::All => 1,
            Objects::One | Objects::UpTo(_) => objects,
        }
    }

    /// The object, below `objects`, that the `nth` record of an image shows; none where there is
    /// none of that number.
    pub fn choose(self, nth: u64, objects: u32, pick: Pick) -> Option<u32> {
        let chosen = match (self, pick) {
            (Objects::All, Pick::Drawn(_) | Pick::Nth(0)) => nth,
            (Objects::All, Pick::Nth(_)) => return None,
            (_, Pick::Nth(object)) => object as u64,
            (_, Pick::Drawn(_)) if nth >= u64::from(objects) => return None,
            (_, Pick::Drawn(key)) => {
                // The records of an image follow each other; all use the order that the first draws, each
                // from its own number on.
                let mut sample = key.sample;
                sample.record = sample.record.wrapping_sub(nth);
                let place = (nth + key.place % u64::from(objects)) % u64::from(objects);
                distinct(sample.generator(Purpose::Object), objects, place as u32).into()
            }
        };
        u32::try_from(chosen).ok().filter(|&chosen| chosen < objects)
    }

    /// As [`choose`](Objects::choose), of the image of a record of a set.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`] where there is none of that number.
    pub(super) fn choose_of(
        self,
        (set, record): (&str, usize),
        nth: u64,
        objects: u32,
        pick: Pick,
    ) -> Result<u32> {
        self.choose(nth, objects, pick).ok_or_else(|| Error::NoSuchRecord {
            set: format!("the objects of record {record} of {set}"),
            index: match pick {
                Pick::Nth(nth) => nth,
                Pick::Drawn(_) => nth as usize,
            },
            len: objects as usize,
        })
    }
}

/// The number at position `nth` of a uniformly drawn order of `0..count`; `nth` is below `count`.
///
/// The first steps of the shuffle of Fisher and Yates, whose list is kept only where it was changed.
fn distinct(mut draws: Keyed, count: u32, nth: u32) -> u32 {
    let mut moved: Vec<(u32, u32)> = Vec::new();
    let at = |moved: &[(u32, u32)], place: u32| {
        moved.iter().rev().find(|(known, _)| *known == place).map_or(place, |(_, value)| *value)
    };
    for place in 0..=nth {
        let other = place + draws.below(u64::from(count - place)) as u32;
        let (here, there) = (at(&moved, place), at(&moved, other));
        if place == nth {
            return there;
        }
        moved.push((other, here));
    }
    0
}

/// Which objects and images of an annotated set are taken.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ObjectFilter {
    pub(crate) min_area: Option<f64>,
    pub(crate) max_area: Option<f64>,
    pub(crate) min_predicted_iou: Option<f64>,
    pub(crate) min_stability_score: Option<f64>,
    pub(crate) min_objects: u32,
    pub(crate) max_objects: Option<u32>,
    pub(crate) crowds: bool,
    /// Names; empty takes all.
    pub(crate) categories: Vec<String>,
    /// Whether objects are their boxes, and masks are not looked at.
    pub(crate) boxes_only: bool,
}

/// What an annotation says about its object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) area: Option<f64>,
    pub(crate) predicted_iou: Option<f64>,
    pub(crate) stability_score: Option<f64>,
}

impl ObjectFilter {
    /// Whether an object is taken. A bound on something that the annotation does not say lets it
    /// through: the bound cannot be meant for this file.
    pub(crate) fn lets_through(&self, facts: &Facts) -> bool {
        let least = |value: Option<f64>, bound: Option<f64>| match (value, bound) {
            (Some(value), Some(bound)) => value >= bound,
            _ => true,
        };
        least(facts.area, self.min_area)
            && least(self.max_area, facts.area)
            && least(facts.predicted_iou, self.min_predicted_iou)
            && least(facts.stability_score, self.min_stability_score)
    }

    /// Whether an image with so many objects left is taken.
    pub(crate) fn takes_image(&self, objects: u32) -> bool {
        objects >= self.min_objects.max(1) && self.max_objects.is_none_or(|most| objects <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SampleKey;

    fn drawn(record: u64, epoch: u64) -> Pick {
        Pick::Drawn(SampleKey::in_epoch(3, epoch, record).object(0))
    }

    #[test]
    fn one_object_is_uniform_over_epochs() {
        let mut counts = [0u32; 5];
        for epoch in 0..5000 {
            counts[Objects::One.choose(0, 5, drawn(17, epoch)).unwrap() as usize] += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(counts.iter().all(|count| count.abs_diff(1000) < 142), "{counts:?}");
        assert_eq!(Objects::One.records(7), 1);
        assert_eq!(Objects::One.records(0), 0);
    }

    #[test]
    fn several_objects_of_an_epoch_differ() {
        let rule = Objects::UpTo(3);
        assert_eq!((rule.records(2), rule.records(3), rule.records(9)), (2, 3, 3));
        let mut orders = std::collections::HashSet::new();
        for epoch in 0..600 {
            let chosen: Vec<u32> =
                (0..3).map(|nth| rule.choose(nth, 4, drawn(100 + nth, epoch)).unwrap()).collect();
            assert!(chosen[0] != chosen[1] && chosen[1] != chosen[2] && chosen[0] != chosen[2]);
            assert!(chosen.iter().all(|&object| object < 4));
            orders.insert(chosen);
        }
        assert_eq!(orders.len(), 24);
        // With all objects taken, each comes once.
        let mut all: Vec<u32> =
            (0..4).map(|nth| Objects::UpTo(9).choose(nth, 4, drawn(nth, 1)).unwrap()).collect();
        all.sort();
        assert_eq!(all, [0, 1, 2, 3]);
    }

    #[test]
    fn all_objects_are_records_of_their_own() {
        assert_eq!(Objects::All.records(6), 6);
        assert_eq!(Objects::All.choose(4, 6, drawn(0, 0)), Some(4));
        assert_eq!(Objects::All.choose(4, 6, Pick::Nth(0)), Some(4));
        assert_eq!(Objects::All.choose(4, 6, Pick::Nth(1)), None);
        assert_eq!(Objects::All.choose(6, 6, drawn(0, 0)), None);
        assert_eq!(Objects::One.choose(0, 6, Pick::Nth(5)), Some(5));
        assert_eq!(Objects::One.choose(0, 6, Pick::Nth(6)), None);
    }

    #[test]
    fn settings_read_and_write() {
        for (text, rule) in
            [("\"one\"", Objects::One), ("\"all\"", Objects::All), ("12", Objects::UpTo(12))]
        {
            assert_eq!(serde_json::from_str::<Objects>(text).unwrap(), rule);
            assert_eq!(serde_json::to_string(&rule).unwrap(), text);
        }
        for (text, rule) in
            [("one", Objects::One), ("all", Objects::All), ("12", Objects::UpTo(12))]
        {
            assert_eq!(text.parse::<Objects>().unwrap(), rule);
        }
        let words = ["\"every\"", "0", "-1", "1.5"]
            .map(|text| serde_json::from_str::<Objects>(text).unwrap_err().to_string());
        insta::assert_snapshot!(words.join("\n"), @r#"
            objects: expected "one", "all" or a number of objects an image, from 1, found "every"
            objects: expected "one", "all" or a number of objects an image, from 1, found 0
            expected "one", "all" or a number of objects an image
            expected "one", "all" or a number of objects an image
            "#);
    }

    #[test]
    fn bounds_are_inclusive_and_unknown_facts_pass() {
        let filter = ObjectFilter {
            min_area: Some(10.0),
            max_area: Some(20.0),
            min_predicted_iou: Some(0.9),
            max_objects: Some(3),
            ..ObjectFilter::default()
        };
        let facts = |area, iou| Facts { area, predicted_iou: iou, stability_score: None };
        assert!(filter.lets_through(&facts(Some(10.0), Some(0.9))));
        assert!(filter.lets_through(&facts(Some(20.0), None)));
        assert!(!filter.lets_through(&facts(Some(9.0), None)));
        assert!(!filter.lets_through(&facts(Some(21.0), None)));
        assert!(!filter.lets_through(&facts(None, Some(0.89))));
        assert!(!filter.takes_image(0) && filter.takes_image(1) && !filter.takes_image(4));
    }
}
