//! A term of the loss: a name, a weight, and a function of the model's output.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A term of the loss. Each has a file of its own in this folder.
#[derive(Debug)]
pub struct LossTerm {
    /// The name in settings, logs and saved states.
    pub name: &'static str,
    /// The name in sentences and curves.
    pub title: &'static str,
    /// The weight if the settings do not give one.
    pub weight: f64,
    /// The function that computes it.
    pub function: TermFunction,
}

/// The function of a term, by its arguments. It returns a mean over the objects, of shape `[1]`.
#[derive(Debug, Clone, Copy)]
pub enum TermFunction {
    /// A function of a mask's logits at the points and the labels there in `[0, 1]`, both `[n, points]`.
    Points(fn(Tensor<2>, Tensor<2>) -> Tensor<1>),
    /// A function of a mask's logits at the points, the labels there in `[0, 1]` and the points' weights, which are 1 far
    /// from the label's boundary and more beside it ([`PointTargets::boundary`](super::PointTargets::boundary)); all
    /// `[n, points]`.
    WeightedPoints(fn(Tensor<2>, Tensor<2>, Tensor<2>) -> Tensor<1>),
    /// A function of the IoU that the model predicts for its mask and the true IoU, both `[n, 1]`.
    Iou(fn(Tensor<2>, Tensor<2>) -> Tensor<1>),
}

/// The value of a term.
#[derive(Debug, Clone)]
pub struct TermValue {
    /// The term's name.
    pub name: &'static str,
    /// The weight of the term in the loss.
    pub weight: f64,
    /// The value without the weight, of shape `[1]`.
    pub value: Tensor<1>,
}

impl TermValue {
    /// Returns the value times the weight.
    pub fn weighted(&self) -> Tensor<1> {
        // Without an operation for the usual weight: autodiff then has nothing to remember.
        if self.weight == 1.0 { self.value.clone() } else { self.value.clone() * self.weight }
    }
}

/// Returns the weighted sum of terms, added in their order, or `None` if there are none.
pub fn weighted_sum(terms: &[TermValue]) -> Option<Tensor<1>> {
    terms.iter().map(TermValue::weighted).reduce(|sum, term| sum + term)
}

/// A loss as numbers: the value that is minimised, and its terms by name, without their weights.
///
/// In JSON they are keys of one object: `"loss": 1.5, "bce": 0.5, "dice": 1.0`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LossValues {
    /// The weighted sum.
    // States of version 3 call the sum over an epoch's steps so.
    #[serde(rename = "loss", alias = "total")]
    pub total: f64,
    /// Each term, summed over the masks that are trained.
    #[serde(flatten)]
    pub terms: BTreeMap<String, f64>,
}

impl LossValues {
    /// Adds the values of another step or another mask.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        for (name, value) in &other.terms {
            self.add_term(name, *value);
        }
    }

    /// Adds `value` to one term.
    pub fn add_term(&mut self, name: &str, value: f64) {
        match self.terms.get_mut(name) {
            Some(sum) => *sum += value,
            None => drop(self.terms.insert(name.to_owned(), value)),
        }
    }

    /// Returns all values times `count`.
    #[must_use]
    pub fn times(&self, count: f64) -> Self {
        let terms = self.terms.iter().map(|(name, value)| (name.clone(), value * count));
        Self { total: self.total * count, terms: terms.collect() }
    }

    /// Returns all values divided by `count`.
    #[must_use]
    pub fn divided_by(&self, count: f64) -> Self {
        let terms = self.terms.iter().map(|(name, value)| (name.clone(), value / count));
        Self { total: self.total / count, terms: terms.collect() }
    }

    /// Returns the value of a term, if it was computed.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.get(name).copied()
    }
}
