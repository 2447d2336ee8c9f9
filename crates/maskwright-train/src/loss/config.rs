//! Which terms the loss has, and their weights.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::bce::BCE;
use super::dice::DICE;
use super::iou::IOU;
use super::points::PointConfig;
use super::term::{LossTerm, TermFunction, TermValue};
use crate::error::{Error, Result};

/// All terms, in the order in which they are added.
pub const TERMS: [LossTerm; 3] = [BCE, DICE, IOU];

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
    /// SAM paper: `iou` 1, where the IoU head learns.
    pub weights: BTreeMap<String, f64>,
    /// How the points are chosen.
    pub points: PointConfig,
}

impl Default for LossConfig {
    fn default() -> Self {
        let weights = TERMS.iter().map(|term| (term.name.to_owned(), term.weight)).collect();
        Self { weights, points: PointConfig::default() }
    }
}

impl LossConfig {
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
        let of_the_mask = |term: &&LossTerm| matches!(term.function, TermFunction::Points(_));
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
            TermFunction::Iou(_) => None,
        })
    }

    /// Computes the terms of the predicted and the true IoU, both `[n, 1]`.
    pub fn of_iou(&self, predicted: &Tensor<2>, truth: &Tensor<2>) -> Vec<TermValue> {
        self.computed(|function| match function {
            TermFunction::Iou(value) => Some(value(predicted.clone(), truth.clone())),
            TermFunction::Points(_) => None,
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
            (&[("focal", 1.0)][..], "bce, dice, iou"),
            (&[("bce", -1.0)], "train.loss.weights.bce"),
            (&[("dice", f64::NAN)], "train.loss.weights.dice"),
            (&[("bce", 0.0), ("dice", 0.0)], "above 0"),
        ] {
            let refusal = with(weights).validate().expect_err("refused").to_string();
            assert!(refusal.contains(word), "{refusal}");
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
