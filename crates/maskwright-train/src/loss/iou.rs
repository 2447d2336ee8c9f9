//! The error of the predicted IoU, where the IoU head learns (Kirillov et al., 2023, appendix A).

use burn::tensor::Tensor;

use super::term::{LossTerm, TermFunction};

/// The SAM paper's term, of weight 1.
pub(super) const IOU: LossTerm = LossTerm {
    name: "iou",
    title: "error of the predicted IoU",
    weight: 1.0,
    function: TermFunction::Iou(squared_error),
};

fn squared_error(predicted: Tensor<2>, truth: Tensor<2>) -> Tensor<1> {
    (predicted - truth).square().mean()
}
