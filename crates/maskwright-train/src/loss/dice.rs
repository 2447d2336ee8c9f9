//! Dice loss on the points (Milletari et al., 2016).

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

use super::term::{LossTerm, TermFunction};

/// HQ-SAM's second term, of weight 1.
pub(super) const DICE: LossTerm =
    LossTerm { name: "dice", title: "dice", weight: 1.0, function: TermFunction::Points(dice) };

/// `1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)` with `p` the sigmoid of the logit, sums over the
/// points of an object, the mean over objects.
fn dice(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    let probability = sigmoid(logits);
    let overlap = (probability.clone() * labels.clone()).sum_dim(1);
    let sizes = probability.sum_dim(1) + labels.sum_dim(1);
    let dice = ((overlap * 2.0 + 1.0) / (sizes + 1.0)).neg() + 1.0;
    dice.mean()
}
