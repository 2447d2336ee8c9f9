//! By which measure one validation is better than another.

use std::str::FromStr;

use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::error::{Error, Result};
use crate::evaluator::{MaskScores, SetMetrics};

/// The measure that says which epoch is the best: a metric, of all validation sets or of one. It is read from `iou`,
/// `boundary_iou`, `SET:iou` or `SET:boundary_iou`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BestBy {
    /// The set that counts; `None` for all alike.
    pub set: Option<String>,
    /// The metric.
    pub metric: BestMetric,
}

/// A metric that says which epoch is the best; larger is better.
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
}

impl BestMetric {
    fn of(self, scores: &MaskScores) -> f64 {
        match self {
            Self::Iou => scores.iou,
            Self::BoundaryIou => scores.boundary_iou,
        }
    }
}

/// The setting that holds the measure.
const KEY: &str = "checkpoints.best_by";

impl BestBy {
    /// Returns the measure of a validation: the mean over the sets that count, and over their kinds of prompt, of the
    /// mask that is trained (the HQ mask where there is one, otherwise SAM's). `None` if there is none.
    pub fn score(&self, validation: &[SetMetrics]) -> Option<f64> {
        let scores: Vec<f64> = validation
            .iter()
            .filter(|set| self.set.as_ref().is_none_or(|name| *name == set.set))
            .filter_map(|set| set.of(MaskKind::Hq).or_else(|| set.of(MaskKind::Sam)))
            .map(|scores| self.metric.of(scores))
            .collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
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
            let found = match name {
                "noc" => format!("{text} (clicks are not counted in a validation of a run)"),
                _ => text.to_owned(),
            };
            Error::setting(KEY, expected, found)
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
            assert_eq!(best_by.score(&validation), wanted, "{text}");
        }
        assert_eq!(BestBy::default().to_string(), "iou");
        assert_eq!(BestBy::default().score(&[]), None);
    }

    #[test]
    fn what_is_no_measure_is_refused_by_its_name() {
        let refused = |text: &str| text.parse::<BestBy>().expect_err("refused").to_string();
        let one: BestBy = "roots:iou".parse().expect("a measure");
        let of_others = one.check(["leaves", "veins"].into_iter()).expect_err("refused");
        let of_none = one.check(std::iter::empty()).expect_err("refused");
        let lines =
            [refused("dice"), refused("leaves:noc"), of_others.to_string(), of_none.to_string()];
        insta::assert_snapshot!(lines.join("\n"), @"
            checkpoints.best_by: expected iou, boundary_iou, SET:iou or SET:boundary_iou, found dice
            checkpoints.best_by: expected iou, boundary_iou, SET:iou or SET:boundary_iou, found leaves:noc (clicks are not counted in a validation of a run)
            checkpoints.best_by: expected a validation set (leaves, veins), found roots
            checkpoints.best_by: expected a validation set, of which there is none, found roots
            ");
    }
}
