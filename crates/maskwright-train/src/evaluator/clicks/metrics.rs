//! What sequences of clicks lead to, and their means over sets.

use maskwright_image::metric::clicks::{Click, never_reached, number_of_clicks};
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use super::ClickConfig;

/// The clicks on one object, and the IoU after each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClickRun {
    /// The set's name.
    pub set: String,
    /// The record's number in the set.
    pub record: usize,
    /// The record's name.
    pub name: String,
    /// The number of its image among those of the set that were evaluated.
    pub image: usize,
    /// The mask that was judged, and clicked on.
    pub mask: MaskKind,
    /// The clicks, in pixels of the image.
    pub clicks: Vec<Click>,
    /// The IoU after each click, at the image's own resolution.
    pub ious: Vec<f64>,
}

impl ClickRun {
    /// Returns the IoU after a number of clicks, from 1: after the last click, if there were fewer, since nothing was wrong any
    /// more that had not been clicked.
    pub fn iou_after(&self, clicks: usize) -> f64 {
        let last = self.ious.len().min(clicks);
        last.checked_sub(1).map_or(0.0, |at| self.ious[at])
    }
}

/// The means over the objects of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClickMetrics {
    /// The set's name.
    pub set: String,
    /// The mask that was judged, and clicked on.
    pub mask: MaskKind,
    /// The number of images.
    pub images: usize,
    /// The number of objects that were clicked on.
    pub objects: usize,
    /// The number of records whose mask is empty. They are in no mean.
    pub empty: usize,
    /// The largest number of clicks on an object.
    pub most: usize,
    /// How many clicks an IoU takes, for each that was asked for.
    pub reached: Vec<Reached>,
    /// The mean IoU after 1, 2, ... clicks, up to `most`. The last IoU of an object on which fewer were needed goes on counting.
    pub iou_after: Vec<f64>,
}

/// How many clicks an IoU takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The IoU.
    pub iou: f64,
    /// The mean number of the first click after which the IoU is this or more; `most` for objects where it never is (NoC).
    pub noc: f64,
    /// The number of objects whose number of clicks is `most`, as RITM and those after it count failures (NoF): an object that
    /// the last click brings there is among them.
    pub nof: usize,
    /// The number of objects that never get there.
    pub never: usize,
}

impl ClickMetrics {
    /// Computes the means over `runs`, which are of one mask and lie in `images` images. `empty` is the number of records left out.
    pub fn mean(
        set: &str,
        mask: MaskKind,
        config: &ClickConfig,
        runs: &[&ClickRun],
        (images, empty): (usize, usize),
    ) -> Self {
        let (most, count) = (config.most, runs.len() as f64);
        let reached = |&iou: &f64| {
            let clicks = |run: &&ClickRun| number_of_clicks(&run.ious, iou, most);
            let counted =
                |wanted: &dyn Fn(&&ClickRun) -> bool| runs.iter().filter(|run| wanted(run)).count();
            Reached {
                iou,
                noc: runs.iter().map(clicks).sum::<usize>() as f64 / count,
                nof: counted(&|run| clicks(run) == most),
                never: counted(&|run| never_reached(&run.ious, iou, most)),
            }
        };
        let after =
            |clicks: usize| runs.iter().map(|run| run.iou_after(clicks)).sum::<f64>() / count;
        Self {
            set: set.to_owned(),
            mask,
            images,
            objects: runs.len(),
            empty,
            most,
            reached: config.thresholds.iter().map(reached).collect(),
            iou_after: (1..=most).map(after).collect(),
        }
    }

    /// Returns the mean IoU after a number of clicks, from 1 to `most`.
    pub fn after(&self, clicks: usize) -> Option<f64> {
        clicks.checked_sub(1).and_then(|at| self.iou_after.get(at).copied())
    }

    /// Returns a line for a log.
    pub fn one_line(&self) -> String {
        let Self { set, mask, objects, .. } = self;
        let reached: Vec<String> = self
            .reached
            .iter()
            .map(|reached| format!("NoC@{:.0} {:.2}", 100.0 * reached.iou, reached.noc))
            .collect();
        let first = self.after(1).unwrap_or(0.0);
        format!(
            "{set} (clicks, {objects} objects): {}  {}  IoU after 1 click {first:.4}",
            mask.title(),
            reached.join("  ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ious: &[f64]) -> ClickRun {
        ClickRun {
            set: "leaves".into(),
            record: 0,
            name: "a".into(),
            image: 0,
            mask: MaskKind::Sam,
            clicks: vec![Click { y: 0, x: 0, positive: true }; ious.len()],
            ious: ious.to_vec(),
        }
    }

    /// Three clicks at most: one object reaches 0.9 by the second, one by the last, one never; the second needs no third.
    #[test]
    fn hand_counted() {
        let runs = [run(&[0.5, 0.95]), run(&[0.2, 0.4, 0.9]), run(&[0.1, 0.8, 0.7])];
        let config = ClickConfig { most: 3, thresholds: vec![0.9, 0.75], ..ClickConfig::default() };
        let runs: Vec<&ClickRun> = runs.iter().collect();
        let metrics = ClickMetrics::mean("leaves", MaskKind::Sam, &config, &runs, (2, 1));
        let [at90, at75] = metrics.reached[..] else { panic!("two thresholds") };
        assert_eq!((at90.noc, at90.nof, at90.never), (8.0 / 3.0, 2, 1));
        assert_eq!((at75.noc, at75.nof, at75.never), (7.0 / 3.0, 1, 0));
        let expected = [0.8 / 3.0, 2.15 / 3.0, 2.55 / 3.0];
        for (clicks, expected) in (1..).zip(expected) {
            let found = metrics.after(clicks).expect("one of three");
            assert!((found - expected).abs() < 1e-12, "{clicks}: {found}");
        }
        assert_eq!((metrics.after(0), metrics.after(4)), (None, None));
        insta::assert_snapshot!(metrics.one_line(), @"leaves (clicks, 3 objects): SAM  NoC@90 2.67  NoC@75 2.33  IoU after 1 click 0.2667");
    }
}
