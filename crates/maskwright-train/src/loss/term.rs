//! What a term of the loss is: a name, a weight, and a function of the model's answers.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A term of the loss, as its own file in this folder describes it.
#[derive(Debug)]
pub struct LossTerm {
    /// What it is called in settings, logs and states.
    pub name: &'static str,
    /// What it is called in sentences and curves.
    pub title: &'static str,
    /// Its weight where the settings say nothing.
    pub weight: f64,
    /// How it is computed.
    pub function: TermFunction,
}

/// What a term is a function of. Its value is a mean over the objects, of shape `[1]`.
#[derive(Debug, Clone, Copy)]
pub enum TermFunction {
    /// Of a mask's logits at the points, and the labels there in `[0, 1]`; both `[n, points]`.
    Points(fn(Tensor<2>, Tensor<2>) -> Tensor<1>),
    /// Of the IoU that the model predicts for its mask, and the true one; both `[n, 1]`.
    Iou(fn(Tensor<2>, Tensor<2>) -> Tensor<1>),
}

/// A term that was computed.
#[derive(Debug, Clone)]
pub struct TermValue {
    /// The term's name.
    pub name: &'static str,
    /// What it counts in the loss.
    pub weight: f64,
    /// Its value without the weight, shape `[1]`.
    pub value: Tensor<1>,
}

impl TermValue {
    /// What it adds to the loss.
    pub fn weighted(&self) -> Tensor<1> {
        // Without an operation for the usual weight: autodiff then has nothing to remember.
        if self.weight == 1.0 { self.value.clone() } else { self.value.clone() * self.weight }
    }
}

/// The weighted sum of terms, in their order; none of none.
pub fn weighted_sum(terms: &[TermValue]) -> Option<Tensor<1>> {
    terms.iter().map(TermValue::weighted).reduce(|sum, term| sum + term)
}

/// A loss in numbers: what was minimised, and its terms by name, without their weights.
///
/// In JSON they lie beside each other: `"loss": 1.5, "bce": 0.5, "dice": 1.0`.
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
    /// Adds another step's values, or another mask's.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        for (name, value) in &other.terms {
            self.add_term(name, *value);
        }
    }

    /// Adds to one term.
    pub fn add_term(&mut self, name: &str, value: f64) {
        match self.terms.get_mut(name) {
            Some(sum) => *sum += value,
            None => drop(self.terms.insert(name.to_owned(), value)),
        }
    }

    /// All values divided by a count.
    #[must_use]
    pub fn divided_by(&self, count: f64) -> Self {
        let terms = self.terms.iter().map(|(name, value)| (name.clone(), value / count));
        Self { total: self.total / count, terms: terms.collect() }
    }

    /// The value of a term, if it was computed.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.get(name).copied()
    }
}
