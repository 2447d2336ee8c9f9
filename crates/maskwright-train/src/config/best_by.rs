//! By which measure one validation is better than another.

use std::str::FromStr;

use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::error::{Error, Result};
use crate::evaluator::{ClickMetrics, MaskScores, SetMetrics, judged};

/// The measure that says which epoch is the best: a metric, of all validation sets or of one. It is read from `iou`,
/// `boundary_iou`, `noc`, or one of these behind a set's name: `SET:iou`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BestBy {
    /// The set that counts; `None` for all alike.
    pub set: Option<String>,
    /// The metric.
    pub metric: BestMetric,
}

/// A metric that says which epoch is the best.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, strum::Display, strum::EnumString, VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum BestMetric {
    /// Intersection over union.
    #[default]
    Iou,
    /// Boundary IoU.
    BoundaryIou,
    /// The number of clicks until the IoU is 0.9 (or the highest IoU that clicks are counted to, if that is not one of them); fewer
    /// are better. The validation has to click ([`ValidationConfig::clicks`](super::ValidationConfig::clicks)).
    Noc,
}

/// The number of clicks until the IoU is 0.9, or the highest that clicks are counted to.
fn decisive_noc(clicks: &ClickMetrics) -> Option<f64> {
    let at = clicks.reached.iter().find(|at| at.iou == 0.9);
    let highest = || clicks.reached.iter().max_by(|a, b| a.iou.total_cmp(&b.iou));
    at.or_else(highest).map(|at| at.noc)
}

/// The setting that holds the measure.
const KEY: &str = "checkpoints.best_by";

impl BestBy {
    /// Returns how good a validation is; larger is better. It is the mean over the sets that count, and over their kinds of
    /// prompt, of the mask that is trained (the HQ mask where there is one, otherwise SAM's); of the number of clicks the
    /// negative. `None` if there is none.
    pub fn score(&self, validation: &[SetMetrics], clicks: &[ClickMetrics]) -> Option<f64> {
        let counts = |set: &str| self.set.as_ref().is_none_or(|name| name == set);
        let scores = |of: fn(&MaskScores) -> f64| -> Vec<f64> {
            let sets = validation.iter().filter(|set| counts(&set.set));
            sets.filter_map(|set| judged(&set.scores).map(of)).collect()
        };
        let values = match self.metric {
            BestMetric::Iou => scores(|scores| scores.iou),
            BestMetric::BoundaryIou => scores(|scores| scores.boundary_iou),
            BestMetric::Noc => {
                let hq = clicks.iter().any(|metrics| metrics.mask == MaskKind::Hq);
                let judged = if hq { MaskKind::Hq } else { MaskKind::Sam };
                let own = clicks.iter().filter(|one| one.mask == judged && counts(&one.set));
                own.filter_map(|metrics| decisive_noc(metrics).map(|noc| -noc)).collect()
            }
        };
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Returns the metric's own value of a [`score`](Self::score).
    pub fn value(&self, score: f64) -> f64 {
        match self.metric {
            BestMetric::Iou | BestMetric::BoundaryIou => score,
            BestMetric::Noc => -score,
        }
    }

    /// Checks that the set that counts is one of `sets`.
    ///
    /// # Errors
    /// [`Error::Setting`] with the names of the sets.
    pub fn check<'a>(&self, sets: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
        match &self.set {
            Some(name) if sets.clone().all(|set| set != name) => {
                let sets: Vec<&str> = sets.collect();
                let expected = match sets.is_empty() {
                    true => "a validation set, of which there is none".to_owned(),
                    false => format!("a validation set ({})", sets.join(", ")),
                };
                Err(Error::setting(KEY, expected, name))
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for BestBy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // A set's name may hold a colon, a metric's does not.
        let (set, name) = match text.rsplit_once(':') {
            Some((set, name)) => (Some(set.to_owned()), name),
            None => (None, text),
        };
        let refused = || {
            let names = BestMetric::VARIANTS;
            let of_set: Vec<String> = names.iter().map(|name| format!("SET:{name}")).collect();
            let expected = format!("{}, {}", names.join(", "), of_set.join(" or "));
            Error::setting(KEY, expected, text)
        };
        Ok(Self { set, metric: name.parse().map_err(|_| refused())? })
    }
}

impl std::fmt::Display for BestBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(set) = &self.set {
            write!(f, "{set}:")?;
        }
        write!(f, "{}", self.metric)
    }
}

impl TryFrom<String> for BestBy {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<BestBy> for String {
    fn from(best_by: BestBy) -> Self {
        best_by.to_string()
    }
}

#[cfg(test)]
mod tests {
    use maskwright_data::prompt::PromptKind;

    use super::*;
    use crate::evaluator::clicks::Reached;

    fn set(name: &str, iou: f64, boundary_iou: f64) -> SetMetrics {
        SetMetrics {
            set: name.into(),
            prompt: PromptKind::Box,
            images: 1,
            objects: 1,
            without_prompt: 0,
            empty: 0,
            scores: vec![
                MaskScores::new(MaskKind::Sam, 0.0, 0.0),
                MaskScores::new(MaskKind::Hq, iou, boundary_iou),
            ],
        }
    }

    #[test]
    fn a_measure_is_of_all_sets_or_of_one() {
        let validation = [set("leaves", 0.5, 0.25), set("a:b", 1.0, 0.75)];
        for (text, wanted) in [
            ("iou", Some(0.75)),
            ("boundary_iou", Some(0.5)),
            ("leaves:iou", Some(0.5)),
            ("a:b:boundary_iou", Some(0.75)),
            ("none:iou", None),
        ] {
            let best_by: BestBy = text.parse().expect("a measure");
            assert_eq!(best_by.to_string(), text);
            assert_eq!(best_by.score(&validation, &[]), wanted, "{text}");
        }
        assert_eq!(BestBy::default().to_string(), "iou");
        assert_eq!(BestBy::default().score(&[], &[]), None);
    }

    #[test]
    fn fewer_clicks_are_better() {
        let clicks = |set: &str, mask, nocs: [f64; 2]| ClickMetrics {
            set: set.into(),
            mask,
            images: 1,
            objects: 1,
            empty: 0,
            most: 20,
            reached: [0.9, 0.95]
                .into_iter()
                .zip(nocs)
                .map(|(iou, noc)| Reached { iou, noc, nof: 0, never: 0 })
                .collect(),
            iou_after: Vec::new(),
        };
        let found = [
            clicks("leaves", MaskKind::Sam, [9.0, 12.0]),
            clicks("leaves", MaskKind::Hq, [4.0, 8.0]),
            clicks("veins", MaskKind::Hq, [6.0, 7.0]),
        ];
        let all: BestBy = "noc".parse().expect("a measure");
        let one: BestBy = "leaves:noc".parse().expect("a measure");
        assert_eq!(all.score(&[], &found), Some(-5.0));
        assert_eq!(one.score(&[], &found), Some(-4.0));
        assert_eq!((all.value(-5.0), BestBy::default().value(0.5)), (5.0, 0.5));
        assert_eq!(one.score(&[], &found[..1]), Some(-9.0), "without an HQ head SAM's own counts");
        assert_eq!(all.score(&[], &[]), None);
    }

    #[test]
    fn what_is_no_measure_is_refused_by_its_name() {
        let refused = |text: &str| text.parse::<BestBy>().expect_err("refused").to_string();
        let one: BestBy = "roots:iou".parse().expect("a measure");
        let of_others = one.check(["leaves", "veins"].into_iter()).expect_err("refused");
        let of_none = one.check(std::iter::empty()).expect_err("refused");
        let lines =
            [refused("dice"), refused("leaves:clicks"), of_others.to_string(), of_none.to_string()];
        insta::assert_snapshot!(lines.join("\n"), @"
            checkpoints.best_by: expected iou, boundary_iou, noc, SET:iou or SET:boundary_iou or SET:noc, found dice
            checkpoints.best_by: expected iou, boundary_iou, noc, SET:iou or SET:boundary_iou or SET:noc, found leaves:clicks
            checkpoints.best_by: expected a validation set (leaves, veins), found roots
            checkpoints.best_by: expected a validation set, of which there is none, found roots
            ");
    }
}
