//! Binary cross entropy on the points.

use burn::tensor::Tensor;

use super::term::{LossTerm, TermFunction};

/// HQ-SAM's first term, of weight 1.
pub(super) const BCE: LossTerm = LossTerm {
    name: "bce",
    title: "cross entropy",
    weight: 1.0,
    function: TermFunction::Points(bce),
};

/// The mean of the cross entropy over points and objects.
fn bce(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    cross_entropy(logits, labels).mean()
}

/// `max(x, 0) - x t + ln(1 + exp(-|x|))` at every point: finite for every logit `x`.
pub(super) fn cross_entropy(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<2> {
    let softplus = logits.clone().abs().neg().exp().log1p();
    logits.clone().clamp_min(0.0) - logits * labels + softplus
}
