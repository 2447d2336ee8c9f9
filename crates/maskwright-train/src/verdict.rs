//! Whether a run made its model better: the best validation, the last, and the one before the first step.

use std::fmt;
use std::path::PathBuf;

use maskwright_model::MaskKind;
use serde::Serialize;

use crate::config::BestMetric;
use crate::evaluator::{SetMetrics, judged};
use crate::run_files::{BEST, RunFiles};
use crate::run_log::EpochEntry;

/// An object whose mask has a smaller IoU was not found at all.
pub const MISSED: f64 = 0.01;

/// Means over fewer objects differ by chance.
pub const FEW: usize = 10;

/// How the validations of a run compare, by the measure that its settings name. As text it is a sentence for people, who count epochs
/// from 1; the fields count them from 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The measure ([`BestBy`](crate::config::BestBy)).
    pub best_by: String,
    /// The mask that is judged after training.
    pub mask: MaskKind,
    /// The measure of the model as it came, before the first step; none if that was not validated.
    pub before: Option<f64>,
    /// The mask that was judged before training: SAM's own if the HQ head was new.
    pub before_mask: Option<MaskKind>,
    /// The best epoch, from 0.
    pub best_epoch: usize,
    /// Its measure.
    pub best: f64,
    /// The last epoch that was validated, from 0.
    pub last_epoch: usize,
    /// Its measure.
    pub last: f64,
    /// Whether the best epoch is better than the model was before; none if that is not known.
    pub better: Option<bool>,
    /// The number of held-out objects that the measures are means of.
    pub objects: usize,
    /// How many of them the last validation missed: their IoU is below [`MISSED`]; none where it is not known.
    pub missed: Option<usize>,
    /// The file of the best epoch's model, if there is one.
    #[serde(serialize_with = "maskwright_data::lossy::optional")]
    pub best_file: Option<PathBuf>,
    #[serde(skip)]
    epochs: usize,
    #[serde(skip)]
    metric: BestMetric,
}

impl Verdict {
    /// Compares the validations of a run; `None` before the first one after an epoch.
    pub fn of(run: &RunFiles) -> Option<Self> {
        let best_by = &run.config.checkpoints.best_by;
        let (best_epoch, best) = run.best()?;
        let scored = |entry: &'_ EpochEntry| entry.score(best_by);
        let last = run.epochs().rev().find(|entry| scored(entry).is_some())?;
        let last_score = scored(last)?;
        let before = run.before();
        let before_score = before.and_then(|entry| entry.score(best_by));
        let best_file = Some(run.folder.join(BEST)).filter(|file| file.is_file());
        Some(Self {
            best_by: best_by.to_string(),
            mask: judged_of(last.decisive()),
            before: before_score.map(|score| best_by.value(score)),
            before_mask: before.map(|entry| judged_of(&entry.validation)),
            best_epoch,
            best: best_by.value(best),
            last_epoch: last.epoch,
            last: best_by.value(last_score),
            better: before_score.map(|before| best > before),
            objects: objects(last.decisive()),
            missed: missed(run),
            best_file,
            epochs: run.config.train.epochs,
            metric: best_by.metric,
        })
    }

    /// Whether there are so few held-out objects that the figures say little.
    pub fn is_of_few(&self) -> bool {
        (1..FEW).contains(&self.objects)
    }

    /// Says that means over so few objects say little; none where they are more.
    pub fn caution(&self) -> Option<String> {
        let objects = match self.objects {
            1 => "one held-out object is".to_owned(),
            several => format!("{several} held-out objects are"),
        };
        self.is_of_few().then(|| format!("{objects} few: a small difference may be chance"))
    }

    /// Says how many held-out objects the last validation missed altogether; none where it missed none.
    pub fn missed_altogether(&self) -> Option<String> {
        let missed = self.missed.filter(|missed| *missed > 0)?;
        let are = if missed == 1 { "is" } else { "are" };
        Some(format!(
            "{missed} of {} held-out objects {are} missed altogether ({} IoU below {MISSED} after epoch {})",
            self.objects,
            self.mask.title(),
            self.last_epoch + 1
        ))
    }

    /// The name of the measure in a sentence.
    fn measure(&self) -> String {
        let set = self.best_by.rsplit_once(':').map(|(set, _)| format!(" on {set}"));
        let name = match self.metric {
            BestMetric::Iou => "IoU",
            BestMetric::BoundaryIou => "boundary IoU",
            BestMetric::Noc => "clicks",
        };
        format!("{} {name}{}", self.mask.title(), set.unwrap_or_default())
    }

    /// A value with as many decimals as tell it from the others, up to five.
    fn number(&self, value: f64) -> String {
        let fewest = match self.metric {
            BestMetric::Noc => 2,
            BestMetric::Iou | BestMetric::BoundaryIou => 3,
        };
        let values = [Some(self.best), Some(self.last), self.before];
        let told = |decimals: usize| {
            let same = |a: f64, b: f64| format!("{a:.decimals$}") == format!("{b:.decimals$}");
            let pairs = values
                .iter()
                .flatten()
                .flat_map(|&a| values.iter().flatten().map(move |&b| (a, b)));
            pairs.filter(|(a, b)| a != b).all(|(a, b)| !same(a, b))
        };
        let decimals = (fewest..5).find(|&decimals| told(decimals)).unwrap_or(5);
        format!("{value:.decimals$}")
    }

    /// Whether the first value is worse than the second.
    fn is_worse(&self, value: f64, than: f64) -> bool {
        match self.metric {
            BestMetric::Noc => value > than,
            BestMetric::Iou | BestMetric::BoundaryIou => value < than,
        }
    }
}

/// The number of objects of sets, each counted under its first prompt.
fn objects(sets: &[SetMetrics]) -> usize {
    let Some(prompt) = sets.first().map(|set| set.prompt) else { return 0 };
    let counted = sets.iter().filter(|set| set.prompt == prompt);
    counted.map(|set| set.objects.max(set.images)).sum()
}

/// How many objects the last validation missed.
fn missed(run: &RunFiles) -> Option<usize> {
    let images = &run.validation.as_ref()?.evaluation.images;
    let prompt = images.first()?.prompt;
    let scores = images.iter().filter(|one| one.prompt == prompt).map(|one| judged(&one.scores));
    Some(scores.flatten().filter(|scores| scores.iou < MISSED).count())
}

fn judged_of(sets: &[SetMetrics]) -> MaskKind {
    let first = sets.iter().find_map(|set| judged(&set.scores));
    first.map_or(MaskKind::Sam, |scores| scores.mask)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { best_epoch, best, last_epoch, last, epochs, .. } = self;
        let (number, worse) = (|value: f64| self.number(value), |a, b| self.is_worse(a, b));
        write!(
            f,
            "best: epoch {} of {epochs} ({} {}",
            best_epoch + 1,
            self.measure(),
            number(*best)
        )?;
        match self.objects {
            0 => write!(f, ")")?,
            1 => write!(f, ", of one held-out object)")?,
            several => write!(f, ", the mean of {several} held-out objects)")?,
        }
        if let Some(before) = self.before {
            write!(f, "; before: {}", number(before))?;
            if self.before_mask.is_some_and(|mask| mask != self.mask) {
                write!(f, " (SAM's own mask, since the HQ head was new)")?;
            }
        }
        if best_epoch != last_epoch {
            let than = match self.before {
                Some(before) if worse(*last, before) => "is worse than before",
                Some(before) if worse(before, *last) => "is better than before, too",
                Some(_) => "is as good as before",
                None => "is worse",
            };
            write!(f, "; the last, epoch {}, {than} ({})", last_epoch + 1, number(*last))?;
        }
        if self.better == Some(false) {
            write!(f, "; no epoch is better than the model was before")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(before: Option<f64>, best: (usize, f64), last: (usize, f64)) -> Verdict {
        Verdict {
            best_by: "iou".into(),
            mask: MaskKind::Hq,
            before,
            before_mask: before.map(|_| MaskKind::Hq),
            best_epoch: best.0,
            best: best.1,
            last_epoch: last.0,
            last: last.1,
            better: before.map(|before| best.1 > before),
            objects: 40,
            missed: Some(0),
            best_file: None,
            epochs: 12,
            metric: BestMetric::Iou,
        }
    }

    #[test]
    fn it_says_whether_it_got_better() {
        let of_clicks = Verdict {
            best_by: "leaves:noc".into(),
            metric: BestMetric::Noc,
            better: Some(true),
            ..verdict(Some(7.0), (3, 4.5), (11, 5.25))
        };
        let new_head = Verdict {
            before_mask: Some(MaskKind::Sam),
            ..verdict(Some(0.5), (11, 0.9), (11, 0.9))
        };
        let lines = [
            verdict(Some(0.154), (0, 0.193), (11, 0.130)),
            verdict(Some(0.154), (10, 0.193), (11, 0.190)),
            verdict(Some(0.154), (11, 0.193), (11, 0.193)),
            verdict(Some(0.193), (2, 0.154), (11, 0.130)),
            verdict(None, (2, 0.154), (11, 0.130)),
            of_clicks,
            new_head,
        ]
        .map(|verdict| verdict.to_string());
        insta::assert_snapshot!(lines.join("\n"), @"
        best: epoch 1 of 12 (HQ IoU 0.193, the mean of 40 held-out objects); before: 0.154; the last, epoch 12, is worse than before (0.130)
        best: epoch 11 of 12 (HQ IoU 0.193, the mean of 40 held-out objects); before: 0.154; the last, epoch 12, is better than before, too (0.190)
        best: epoch 12 of 12 (HQ IoU 0.193, the mean of 40 held-out objects); before: 0.154
        best: epoch 3 of 12 (HQ IoU 0.154, the mean of 40 held-out objects); before: 0.193; the last, epoch 12, is worse than before (0.130); no epoch is better than the model was before
        best: epoch 3 of 12 (HQ IoU 0.154, the mean of 40 held-out objects); the last, epoch 12, is worse (0.130)
        best: epoch 4 of 12 (HQ clicks on leaves 4.50, the mean of 40 held-out objects); before: 7.00; the last, epoch 12, is better than before, too (5.25)
        best: epoch 12 of 12 (HQ IoU 0.900, the mean of 40 held-out objects); before: 0.500 (SAM's own mask, since the HQ head was new)
        ");
    }

    #[test]
    fn few_objects_and_missed_ones_are_said() {
        let few =
            Verdict { objects: 4, missed: Some(2), ..verdict(Some(0.167), (4, 0.283), (5, 0.233)) };
        let one = Verdict { objects: 1, missed: Some(1), ..few.clone() };
        let lines = [&few, &one].map(|verdict| {
            [verdict.caution(), verdict.missed_altogether(), Some(verdict.to_string())]
                .map(Option::unwrap_or_default)
                .join("\n")
        });
        insta::assert_snapshot!(lines.join("\n"), @"
        4 held-out objects are few: a small difference may be chance
        2 of 4 held-out objects are missed altogether (HQ IoU below 0.01 after epoch 6)
        best: epoch 5 of 12 (HQ IoU 0.283, the mean of 4 held-out objects); before: 0.167; the last, epoch 6, is better than before, too (0.233)
        one held-out object is few: a small difference may be chance
        1 of 1 held-out objects is missed altogether (HQ IoU below 0.01 after epoch 6)
        best: epoch 5 of 12 (HQ IoU 0.283, of one held-out object); before: 0.167; the last, epoch 6, is better than before, too (0.233)
        ");
        let close = verdict(Some(0.00004), (2, 0.0101), (3, 0.0));
        insta::assert_snapshot!(close, @"best: epoch 3 of 12 (HQ IoU 0.01010, the mean of 40 held-out objects); before: 0.00004; the last, epoch 4, is worse than before (0.00000)");
        let many = verdict(Some(0.1), (0, 0.2), (1, 0.2));
        assert_eq!((many.caution(), many.missed_altogether()), (None, None));
    }
}
