//! Which of two models is better, and on which images.

use std::collections::HashMap;

use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use super::interval::{Interval, intervals};
use crate::evaluator::{Evaluation, ImageScores, MaskScores, judged};

/// Objects whose IoU differs by less than this are neither better nor worse.
const SAME: f64 = 0.01;
/// Objects that are named of each kind.
const NAMED: usize = 10;

/// A model beside the one before it, on the objects that both were evaluated on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Per set, prompt and mask that both models have, in the order of the evaluation.
    pub sets: Vec<Compared>,
    /// The objects that got better most, of all sets under the first prompt, by the mask that is judged first.
    pub better: Vec<Changed>,
    /// The objects that got worse most.
    pub worse: Vec<Changed>,
}

/// The means of one mask over the objects of a set, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The set's name.
    pub set: String,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// The mask of the model.
    pub mask: MaskKind,
    /// The mask of the model before it: the same, or SAM's own where that model has no HQ head.
    pub before_mask: MaskKind,
    /// The number of objects.
    pub objects: usize,
    /// The mean IoU of the model before.
    pub before: f64,
    /// The mean IoU now.
    pub after: f64,
    /// The interval of the mean difference over the same objects; none for a single image.
    pub difference: Option<Interval>,
    /// The mean boundary IoU of the model before.
    pub boundary_before: f64,
    /// The mean boundary IoU now.
    pub boundary_after: f64,
    /// The interval of its mean difference.
    pub boundary_difference: Option<Interval>,
    /// The number of objects whose IoU rose by 0.01 or more.
    pub better: usize,
    /// The number of objects whose IoU fell by 0.01 or more.
    pub worse: usize,
}

impl Compared {
    /// Says in a word what the difference means: "better" or "worse" where its interval excludes 0.
    pub fn verdict(&self) -> &'static str {
        match self.difference {
            Some(interval) if interval.low > 0.0 => "better",
            Some(interval) if interval.high < 0.0 => "worse",
            _ => "no clear difference",
        }
    }
}

/// An object with its IoU before and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The set's name.
    pub set: String,
    /// The record's number in the set.
    pub record: usize,
    /// The record's name.
    pub name: String,
    /// The IoU of the model before.
    pub before: f64,
    /// The IoU now.
    pub after: f64,
}

impl Changed {
    fn gain(&self) -> f64 {
        self.after - self.before
    }
}

type ObjectKey<'a> = (&'a str, usize, PromptKind);

impl Comparison {
    /// Compares two evaluations of the same sets with the same prompts. Objects that only one of them scored are in neither
    /// mean.
    pub fn new(after: &Evaluation, before: &Evaluation, seed: u64) -> Self {
        let earlier: HashMap<ObjectKey<'_>, &ImageScores> = before
            .images
            .iter()
            .map(|one| ((one.set.as_str(), one.record, one.prompt), one))
            .collect();
        let pairs: Vec<(&ImageScores, &ImageScores)> = after
            .images
            .iter()
            .filter_map(|one| {
                let before = earlier.get(&(one.set.as_str(), one.record, one.prompt))?;
                Some((one, *before))
            })
            .collect();
        let mut sets = Vec::new();
        for metrics in &after.sets {
            let of_set = |(one, _): &&(&ImageScores, &ImageScores)| {
                one.set == metrics.set && one.prompt == metrics.prompt
            };
            let pairs: Vec<_> = pairs.iter().filter(of_set).copied().collect();
            let masks = metrics.scores.iter().map(|scores| scores.mask);
            sets.extend(masks.filter_map(|mask| compared(&pairs, mask, seed)));
        }
        let prompt = after.sets.first().map(|set| set.prompt);
        let mut changed: Vec<Changed> = pairs
            .iter()
            .filter(|(one, _)| Some(one.prompt) == prompt)
            .filter_map(|(one, before)| changed(one, before))
            .collect();
        changed.sort_by(|a, b| b.gain().total_cmp(&a.gain()));
        let better = changed.iter().take(NAMED).filter(|one| one.gain() >= SAME).cloned();
        let worse = changed.iter().rev().take(NAMED).filter(|one| one.gain() <= -SAME).cloned();
        Self { sets, better: better.collect(), worse: worse.collect() }
    }
}

/// The scores of a mask before: of the same kind, or SAM's own where there is no HQ head.
fn before_of(before: &ImageScores, mask: MaskKind) -> Option<&MaskScores> {
    before.of(mask).or_else(|| before.of(MaskKind::Sam))
}

fn compared(pairs: &[(&ImageScores, &ImageScores)], mask: MaskKind, seed: u64) -> Option<Compared> {
    let scores: Vec<(usize, &MaskScores, &MaskScores)> = pairs
        .iter()
        .filter_map(|(one, before)| Some((one.image, one.of(mask)?, before_of(before, mask)?)))
        .collect();
    let (_, _, first) = scores.first()?;
    let mean = |of: &dyn Fn(&MaskScores, &MaskScores) -> f64| {
        scores.iter().map(|(_, after, before)| of(after, before)).sum::<f64>() / scores.len() as f64
    };
    let rows: Vec<(usize, Vec<f64>)> = scores
        .iter()
        .map(|(image, after, before)| {
            (*image, vec![after.iou - before.iou, after.boundary_iou - before.boundary_iou])
        })
        .collect();
    let differences = intervals(&rows, seed);
    let difference = |value: usize| differences.as_ref().map(|found| found[value]);
    let count = |wanted: fn(f64) -> bool| rows.iter().filter(|(_, row)| wanted(row[0])).count();
    let (set, prompt) = pairs.first().map(|(one, _)| (one.set.clone(), one.prompt))?;
    Some(Compared {
        set,
        prompt,
        mask,
        before_mask: first.mask,
        objects: scores.len(),
        before: mean(&|_, before| before.iou),
        after: mean(&|after, _| after.iou),
        difference: difference(0),
        boundary_before: mean(&|_, before| before.boundary_iou),
        boundary_after: mean(&|after, _| after.boundary_iou),
        boundary_difference: difference(1),
        better: count(|gain| gain >= SAME),
        worse: count(|gain| gain <= -SAME),
    })
}

/// An object by the mask that is judged first: the HQ mask, or SAM's own.
fn changed(one: &ImageScores, before: &ImageScores) -> Option<Changed> {
    let after = judged(&one.scores)?;
    Some(Changed {
        set: one.set.clone(),
        record: one.record,
        name: one.name.clone(),
        before: before_of(before, after.mask)?.iou,
        after: after.iou,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evaluation, object};
    use super::*;

    #[test]
    fn means_and_counts_are_over_the_objects_of_both() {
        let now = evaluation(&[object(0, 0.75), object(1, 0.5), object(2, 1.0), object(3, 0.5)]);
        let before = evaluation(&[object(0, 0.5), object(1, 0.625), object(3, 0.495)]);
        let found = Comparison::new(&now, &before, 3);
        let sam = &found.sets[0];
        assert_eq!((sam.mask, sam.before_mask, sam.objects), (MaskKind::Sam, MaskKind::Sam, 3));
        assert_eq!((sam.before, sam.after), (1.62 / 3.0, 1.75 / 3.0));
        assert_eq!((sam.better, sam.worse, sam.verdict()), (1, 1, "no clear difference"));
        let interval = sam.difference.expect("three images");
        assert!(interval.low >= -0.125 && interval.high <= 0.25 && interval.low < interval.high);
        // The HQ mask, which both have, is what images are ranked by; it is the same everywhere.
        assert_eq!(found.sets[1].difference, Some(Interval { low: 0.0, high: 0.0 }));
        assert!(found.better.is_empty() && found.worse.is_empty());
    }

    #[test]
    fn a_model_without_the_head_is_compared_by_its_own_mask() {
        let plain = |record, iou| {
            let mut one = object(record, iou);
            one.scores.truncate(1);
            one
        };
        let before: Vec<ImageScores> = (0..30).map(|i| plain(i, 0.5 + 0.01 * i as f64)).collect();
        let now: Vec<ImageScores> = (0..30).map(|i| object(i, 0.0)).collect();
        let found = Comparison::new(&evaluation(&now), &evaluation(&before), 3);
        let hq = &found.sets[1];
        assert_eq!((hq.mask, hq.before_mask), (MaskKind::Hq, MaskKind::Sam));
        assert_eq!((hq.verdict(), hq.better), ("better", 30));
        let names: Vec<usize> = found.better.iter().map(|one| one.record).collect();
        assert_eq!(names, (0..10).collect::<Vec<_>>(), "the largest gains first");
    }
}
