//! The gradient of HQ-SAM's loss in the HQ head's parameters, against PyTorch's.

use std::path::Path;

use crate::common::golden::{self, Case};
use crate::common::{close, device};
use burn::tensor::{Int, Tensor, TensorData, activation};
use maskwright_model::weights::{self, LoadOptions, StateDict, StateTensor};
use maskwright_model::{DecodeMode, PromptInput, Trainable};

/// Bilinear values of `[b, 1, h, w]` at points `[b, p, 2]` (x, y in 0..1; half-pixel centres, zeros
/// outside): `[b, p]`, differentiable in the map.
fn sample(map: Tensor<4>, points: &StateTensor) -> Tensor<2> {
    let [b, _, h, w] = map.dims();
    let count = points.shape[1];
    let mut indices = Vec::new();
    let mut weights = Vec::new();
    for xy in points.values.chunks_exact(2) {
        let (x, y) = (xy[0] * w as f32 - 0.5, xy[1] * h as f32 - 0.5);
        for tap in 0..4 {
            let (dx, dy) = ((tap % 2) as f32, (tap / 2) as f32);
            let (at_x, at_y) = (x.floor() + dx, y.floor() + dy);
            let inside = (0.0..w as f32).contains(&at_x) && (0.0..h as f32).contains(&at_y);
            let weight = (1.0 - (x - at_x).abs()) * (1.0 - (y - at_y).abs());
            weights.push(if inside { weight } else { 0.0 });
            indices.push(if inside { at_y as i64 * w as i64 + at_x as i64 } else { 0 });
        }
    }
    let device = map.device();
    let indices = TensorData::new(indices, [b, count * 4]);
    let indices = Tensor::<2, Int>::from_data(indices, &device);
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [b, count * 4]), &device);
    let taps = map.reshape([b, h * w]).gather(1, indices) * weights;
    taps.reshape([b, count, 4]).sum_dim(2).reshape([b, count])
}

#[test]
fn hq_gradients_match_pytorch() {
    for folder in golden::folders() {
        hq_gradients_match(&folder);
    }
}

fn hq_gradients_match(folder: &Path) {
    let device = device();
    let inputs = Case::read(&folder.join("small_forward.safetensors"));
    let steps = StateDict::read(&folder.join("small_train_steps.safetensors")).unwrap();
    let file = folder.join("small_sam_hq.safetensors");
    let sam = weights::load(&file, &LoadOptions::default(), &device).unwrap().sam;
    let sam = sam.training(&Trainable::Hq);
    let features = sam.encode_image(sam.preprocess(&inputs.images.1, 3, &device).unwrap());
    let prompts: Vec<PromptInput> = inputs.prompts().into_iter().take(3).map(|(p, _)| p).collect();
    let masks = sam.predict(&features, &prompts, &[0, 1, 2], DecodeMode::Hq).unwrap().hq.unwrap();
    close("masks", masks.clone(), &steps.tensors["step0.masks_hq"], 1e-4);

    // HQ-SAM's loss at the given points: binary cross-entropy plus dice, a mean over the masks.
    let points = &steps.tensors["step0.points"];
    let labels = inputs.get("labels_f32");
    let labels = TensorData::new(labels.values.clone(), labels.shape.clone());
    let labels = sample(Tensor::<4>::from_data(labels, &device) / 255.0, points);
    let logits = sample(masks, points);
    let cross = activation::relu(logits.clone()) - logits.clone() * labels.clone()
        + (-logits.clone().abs()).exp().log1p();
    let chance = activation::sigmoid(logits);
    let both = (chance.clone() * labels.clone()).sum_dim(1) * 2.0 + 1.0;
    let dice = -(both / (chance.sum_dim(1) + labels.sum_dim(1) + 1.0)) + 1.0;
    let (cross, dice) = (cross.mean(), dice.mean());
    let expected: Vec<Vec<f32>> = serde_json::from_str(&steps.metadata["losses_bce_dice"]).unwrap();
    for (found, expected) in [&cross, &dice].into_iter().zip(&expected[0]) {
        let found = found.clone().into_scalar::<f32>();
        assert!((found - expected).abs() < 1e-5 * expected, "{found} for {expected}");
    }
    let gradients = weights::gradients(&sam, &(cross + dice).backward());
    assert_eq!(gradients.tensors.len(), 25);
    for (name, gradient) in gradients.tensors {
        let expected = &steps.tensors[&format!("grad.{name}")];
        assert_eq!(gradient.shape, expected.shape, "{name}");
        let count = gradient.values.len();
        let found = Tensor::<1>::from_data(TensorData::new(gradient.values, [count]), &device);
        let expected = StateTensor { shape: vec![count], values: expected.values.clone() };
        close(&name, found, &expected, 1e-3);
    }
}
