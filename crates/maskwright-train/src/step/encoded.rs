//! The features of a batch's images while several passes work on them.

use burn::tensor::{Gradients, Tensor};
use maskwright_model::ImageFeatures;

/// Features that several passes are made on, each with its own backward pass.
///
/// Where the encoder learns, the passes work on copies that no graph leads to, and what they say of these is gathered; at the
/// end it goes back through the encoder once.
pub(super) struct Encoded {
    /// What the passes work on.
    pub(super) features: ImageFeatures,
    /// Where the encoder learns.
    learning: Option<Learning>,
}

struct Learning {
    /// The features with their graph.
    computed: ImageFeatures,
    embedding: Option<Tensor<4>>,
    early: Option<Tensor<4>>,
}

impl Encoded {
    pub(super) fn new(computed: ImageFeatures, encoder_learns: bool) -> Self {
        if !encoder_learns {
            return Self { features: computed, learning: None };
        }
        // Where only the end of the encoder learns, its early feature depends on nothing that does.
        let leaf = |tensor: &Tensor<4>| match tensor.is_autodiff() {
            true => tensor.clone().detach().require_grad(),
            false => tensor.clone(),
        };
        let features = ImageFeatures {
            embedding: leaf(&computed.embedding),
            early: leaf(&computed.early),
            hq: None,
            dense_pe: None,
        };
        Self { features, learning: Some(Learning { computed, embedding: None, early: None }) }
    }

    /// Adds what one pass says of the features, `weight` times.
    pub(super) fn add(&mut self, gradients: &Gradients, weight: f64) {
        let Some(learning) = &mut self.learning else { return };
        let add = |sum: &mut Option<Tensor<4>>, leaf: &Tensor<4>| {
            if !leaf.is_autodiff() {
                return;
            }
            let Some(gradient) = leaf.grad(gradients) else { return };
            let gradient = gradient * weight;
            *sum = Some(match sum.take() {
                Some(sum) => sum + gradient,
                None => gradient,
            });
        };
        add(&mut learning.embedding, &self.features.embedding);
        add(&mut learning.early, &self.features.early);
    }

    /// The gradients of the encoder's parameters: those of the weighted sum of the passes. `None` where the encoder is
    /// frozen.
    pub(super) fn backward(self) -> Option<Gradients> {
        let Learning { computed, embedding, early } = self.learning?;
        // The gradient of this sum with respect to the features is what was gathered.
        let product = |features: Tensor<4>, gradient: Option<Tensor<4>>| {
            gradient.map(|gradient| (features * gradient.autodiff()).sum())
        };
        let parts = [product(computed.embedding, embedding), product(computed.early, early)];
        let total = parts.into_iter().flatten().reduce(|sum, part| sum + part)?;
        Some(total.backward())
    }
}
