//! Which terms the loss has, and their weights.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::bce::BCE;
use super::boundary::BOUNDARY;
use super::dice::DICE;
use super::focal::FOCAL;
use super::iou::IOU;
use super::points::{PointConfig, PointTargets};
use super::term::{LossTerm, TermFunction, TermValue};
use crate::error::{Error, Result};

/// All terms, in the order in which they are added.
pub const TERMS: [LossTerm; 5] = [BCE, DICE, FOCAL, BOUNDARY, IOU];

/// Losses that have names, and the weights of their terms; terms that are not named are not computed. `hq_sam` is the default,
/// HQ-SAM's (Ke et al., 2023); `sam` is SAM's own (Kirillov et al., 2023, section 3 and appendix A); `boundary` weighs
/// the surroundings of boundaries (Wei et al., 2020) beside the dice loss.
pub const NAMED_LOSSES: [(&str, &[(&str, f64)]); 3] = [
    ("hq_sam", &[("bce", 1.0), ("dice", 1.0), ("iou", 1.0)]),
    ("sam", &[("focal", 20.0), ("dice", 1.0), ("iou", 1.0)]),
    ("boundary", &[("boundary", 1.0), ("dice", 1.0), ("iou", 1.0)]),
];

/// The loss: a weighted sum of terms, computed at points of the masks.
///
/// ```toml
/// [train.loss.weights]      # a term that is not named has its default
/// bce = 1.0
/// dice = 2.0
/// iou = 0.0                 # not computed
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// The weights by the terms' names; with 0 a term is not computed. HQ-SAM: `bce` 1, `dice` 1. The
    /// SAM paper: `iou` 1, where the IoU head learns, `focal` 20 and `dice` 1 ([`NAMED_LOSSES`]).
    pub weights: BTreeMap<String, f64>,
    /// How the points are chosen.
    pub points: PointConfig,
}

impl Default for LossConfig {
    fn default() -> Self {
        let terms = TERMS.iter().filter(|term| term.weight > 0.0);
        let weights = terms.map(|term| (term.name.to_owned(), term.weight)).collect();
        Self { weights, points: PointConfig::default() }
    }
}

impl LossConfig {
    /// Sets the weights of these terms, and those of all others to 0.
    pub fn set_weights<'a>(&mut self, weights: impl IntoIterator<Item = (&'a str, f64)>) {
        self.weights = TERMS.iter().map(|term| (term.name.to_owned(), 0.0)).collect();
        self.weights.extend(weights.into_iter().map(|(name, weight)| (name.to_owned(), weight)));
    }

    /// Returns an empty batch of points, with all that the terms ask of them.
    pub fn targets(&self) -> PointTargets {
        let per_mask = self.points.per_mask;
        let weighed = |term: &LossTerm| matches!(term.function, TermFunction::WeightedPoints(_));
        match TERMS.iter().any(|term| weighed(term) && self.weight(term) > 0.0) {
            true => PointTargets::weighed(per_mask),
            false => PointTargets::new(per_mask),
        }
    }

    /// Returns the weight of a term.
    pub fn weight(&self, term: &LossTerm) -> f64 {
        self.weights.get(term.name).copied().unwrap_or(term.weight)
    }

    /// Checks that all names are terms, that all weights are finite and at least 0, and that a term of
    /// the mask has a weight.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<()> {
        const KEY: &str = "train.loss.weights";
        for (name, weight) in &self.weights {
            if TERMS.iter().all(|term| term.name != name) {
                let known: Vec<&str> = TERMS.iter().map(|term| term.name).collect();
                return Err(Error::setting(KEY, format!("names of {}", known.join(", ")), name));
            }
            if !(weight.is_finite() && *weight >= 0.0) {
                let key = format!("{KEY}.{name}");
                return Err(Error::setting(key, "a number of 0 or more", weight));
            }
        }
        let of_the_mask = |term: &&LossTerm| !matches!(term.function, TermFunction::Iou(_));
        if TERMS.iter().filter(of_the_mask).all(|term| self.weight(term) == 0.0) {
            return Err(Error::setting(KEY, "a term of the mask with a weight above 0", "none"));
        }
        self.points.validate()
    }

    /// Computes the terms of a mask from its logits at the points and the labels there in `[0, 1]`, both
    /// `[n, points]`.
    pub fn of_points(&self, logits: &Tensor<2>, labels: &Tensor<2>) -> Vec<TermValue> {
        self.computed(|function| match function {
            TermFunction::Points(value) => Some(value(logits.clone(), labels.clone())),
            TermFunction::WeightedPoints(_) | TermFunction::Iou(_) => None,
        })
    }

    /// As [`of_points`](Self::of_points), the terms that also take the points' weights by their distance from the
    /// boundary, `[n, points]`.
    pub fn of_weighted_points(
        &self,
        logits: &Tensor<2>,
        labels: &Tensor<2>,
        weights: &Tensor<2>,
    ) -> Vec<TermValue> {
        self.computed(|function| match function {
            TermFunction::WeightedPoints(value) => {
                Some(value(logits.clone(), labels.clone(), weights.clone()))
            }
            TermFunction::Points(_) | TermFunction::Iou(_) => None,
        })
    }

    /// Computes the terms of the predicted and the true IoU, both `[n, 1]`.
    pub fn of_iou(&self, predicted: &Tensor<2>, truth: &Tensor<2>) -> Vec<TermValue> {
        self.computed(|function| match function {
            TermFunction::Iou(value) => Some(value(predicted.clone(), truth.clone())),
            TermFunction::Points(_) | TermFunction::WeightedPoints(_) => None,
        })
    }

    /// Returns whether any term needs the IoU.
    pub fn wants_iou(&self) -> bool {
        let of_iou = |term: &LossTerm| matches!(term.function, TermFunction::Iou(_));
        TERMS.iter().any(|term| of_iou(term) && self.weight(term) > 0.0)
    }

    fn computed(&self, value: impl Fn(TermFunction) -> Option<Tensor<1>>) -> Vec<TermValue> {
        TERMS
            .iter()
            .filter(|term| self.weight(term) > 0.0)
            .filter_map(|term| {
                let value = value(term.function)?;
                Some(TermValue { name: term.name, weight: self.weight(term), value })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_checked_by_name() {
        assert!(LossConfig::default().validate().is_ok());
        let with = |weights: &[(&str, f64)]| {
            let weights = weights.iter().map(|&(name, weight)| (name.to_owned(), weight)).collect();
            LossConfig { weights, ..LossConfig::default() }
        };
        // A term that is not named counts as it does by default.
        assert!(with(&[("dice", 0.0)]).validate().is_ok());
        assert!(with(&[("iou", 0.0)]).validate().is_ok() && !with(&[("iou", 0.0)]).wants_iou());
        for (weights, word) in [
            (&[("hinge", 1.0)][..], "bce, dice, focal, boundary, iou"),
            (&[("bce", -1.0)], "train.loss.weights.bce"),
            (&[("dice", f64::NAN)], "train.loss.weights.dice"),
            (&[("bce", 0.0), ("dice", 0.0)], "above 0"),
        ] {
            let refusal = with(weights).validate().expect_err("refused").to_string();
            assert!(refusal.contains(word), "{refusal}");
        }
    }

    #[test]
    fn named_losses_are_right_and_the_first_is_the_default() {
        for (name, weights) in NAMED_LOSSES {
            let mut loss = LossConfig::default();
            loss.set_weights(weights.iter().copied());
            loss.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
            let same =
                TERMS.iter().all(|term| loss.weight(term) == LossConfig::default().weight(term));
            assert_eq!(same, name == "hq_sam", "{name}");
        }
    }

    #[test]
    fn a_loss_is_the_weighted_sum_of_its_terms() {
        let device = burn::tensor::Device::flex();
        let tensor = |values: [[f32; 2]; 1]| Tensor::<2>::from_data(values, &device);
        let mut config = LossConfig::default();
        config.weights.insert("dice".into(), 0.5);
        let terms = config.of_points(&tensor([[0.0, 3f32.ln()]]), &tensor([[1.0, 0.0]]));
        assert_eq!(terms.iter().map(|term| term.name).collect::<Vec<_>>(), ["bce", "dice"]);
        let total: f32 =
            super::super::term::weighted_sum(&terms).expect("two terms").into_scalar::<f32>();
        // Probabilities 1/2 and 3/4: cross entropies ln 2 and ln 4; dice 1 - 2 / 3.25.
        let wanted = (2f32.ln() + 4f32.ln()) / 2.0 + 0.5 * (1.0 - 2.0 / 3.25);
        assert!((total - wanted).abs() < 1e-6, "{total} for {wanted}");
    }
}
