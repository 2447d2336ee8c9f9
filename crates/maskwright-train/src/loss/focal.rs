//! Focal loss on the points (Lin et al., 2017), SAM's own term for its masks.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

use super::bce::cross_entropy;
use super::term::{LossTerm, TermFunction};

/// SAM's first term (Kirillov et al., 2023, section 3), there of weight 20; not computed by default.
pub(super) const FOCAL: LossTerm =
    LossTerm { name: "focal", title: "focal", weight: 0.0, function: TermFunction::Points(focal) };

/// How much an object's points count, and those of the background the rest.
const ALPHA: f64 = 0.25;

/// `a (1 - q)^2 c`, the mean over points and objects, with `c` the cross entropy, `q = p t + (1 - p)(1 - t)` the
/// probability of what is right, and `a = t / 4 + 3 (1 - t) / 4`: points that are right already hardly count.
fn focal(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    let probability = sigmoid(logits.clone());
    // 1 - q, without taking it from 1: p + t - 2 p t.
    let wrong = probability.clone() + labels.clone() - probability * labels.clone() * 2.0;
    let balance = labels.clone() * (2.0 * ALPHA - 1.0) + (1.0 - ALPHA);
    (balance * wrong.square() * cross_entropy(logits, labels)).mean()
}
