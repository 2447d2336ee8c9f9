//! Adam on the HQ head: five steps against PyTorch's, on the golden cases of the model, and three
//! steps against the formula written out.

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use maskwright_model::weights::{self, LoadOptions, StateDict};
use maskwright_model::{DecodeMode, PromptInput, PromptPoint, Trainable};
use maskwright_train::loss::points::Plane;
use maskwright_train::loss::{LossConfig, PointTargets, point_loss, weighted_sum};
use maskwright_train::optimizer::{Optimizer, OptimizerConfig};

/// How small a gradient is rounding, as a share of the largest in its tensor: a gradient is a sum
/// over the loss's points of three masks, 37,632 at HQ-SAM's count of them, and each of these
/// sums' terms is rounded by half of epsilon: the root of their number, times half of epsilon, is
/// what is expected of a sum. Adam's first step goes by a gradient's sign alone, which is chance
/// where the gradient is rounding, and the weight is off by twice the rate then.
const ROUNDING: f32 = 97.0 * f32::EPSILON;

/// The f32 tensors and the images of the golden forward file.
fn forward_file(path: &Path) -> (std::collections::HashMap<String, Vec<f32>>, Vec<u8>) {
    let bytes = std::fs::read(path).expect("read");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut images = Vec::new();
    let mut tensors = std::collections::HashMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() == safetensors::Dtype::U8 {
            images = view.data().to_vec();
        } else {
            let values = view.data().as_chunks::<4>().0.iter();
            tensors.insert(name, values.map(|b| f32::from_le_bytes(*b)).collect());
        }
    }
    (tensors, images)
}

#[test]
fn five_steps_match_pytorch() {
    for folder in crate::folders("maskwright-model", "", "model") {
        five_steps_match(&folder);
    }
}

fn five_steps_match(folder: &Path) {
    let steps = StateDict::read(&folder.join("small_train_steps.safetensors")).expect("read");
    let (inputs, images) = forward_file(&folder.join("small_forward.safetensors"));
    let wanted: Vec<[f64; 2]> =
        serde_json::from_str(&steps.metadata["losses_bce_dice"]).expect("a list of pairs");

    let device = crate::device();
    let checkpoint = folder.join("small_sam_hq.safetensors");
    let sam = weights::load(&checkpoint, &LoadOptions::default(), &device).expect("loads").sam;
    let mut sam = sam.training(&Trainable::Hq);
    let points: Vec<PromptPoint> = inputs["point_coords"]
        .chunks_exact(2)
        .zip(&inputs["point_labels"])
        .map(|(xy, label)| PromptPoint::new(xy[0], xy[1], *label as i32))
        .collect();
    let corners: [f32; 4] = inputs["box"].clone().try_into().expect("four corners");
    let prompts = [
        PromptInput::from_box(corners),
        PromptInput::from_points(points),
        PromptInput::from_mask(inputs["mask_input"].clone()),
    ];
    let labels = &inputs["labels_f32"];
    let pixels = labels.len() / 3;
    let side = pixels.isqrt();

    let config = OptimizerConfig::default();
    let mut adam = Optimizer::new(&config);
    for (step, [bce, dice]) in wanted.into_iter().enumerate() {
        let features = sam.encode_image(sam.preprocess(&images, 3, &device).expect("fits"));
        let masks =
            sam.predict(&features, &prompts, &[0, 1, 2], DecodeMode::Hq).expect("predicts").hq;
        let coords = &steps.tensors[&format!("step{step}.points")];
        let per_mask = coords.shape[1];
        let mut targets = PointTargets::new(per_mask);
        for mask in 0..3 {
            let label =
                Plane { values: &labels[mask * pixels..][..pixels], height: side, width: side };
            targets.push(coords.values[mask * 2 * per_mask..][..2 * per_mask].to_vec(), &label);
        }
        let loss = point_loss(&LossConfig::default(), masks.expect("an HQ mask"), &targets);
        // Adam divides by the root of tiny moments, so rounding grows from step to step, and another
        // device rounds otherwise.
        let later = if device == Device::flex() { 1e-4 } else { 1e-3 };
        let tolerance = if step == 0 { 1e-5 } else { later };
        for (found, wanted) in loss.iter().zip([bce, dice]) {
            let found = f64::from(found.value.clone().into_scalar::<f32>());
            assert!((found / wanted - 1.0).abs() < tolerance, "step {step}: {found} for {wanted}");
        }
        sam = adam.update(sam, weighted_sum(&loss).expect("two terms").backward(), 1e-3);
    }

    let after = weights::state_dict(&sam);
    let (mut tensors, mut compared, mut left_out) = (0, 0, 0);
    for (name, wanted) in &steps.tensors {
        let Some(name) = name.strip_prefix("after5.") else { continue };
        let found = &after.tensors[name];
        assert_eq!(found.shape, wanted.shape, "{name}");
        let largest = |values: &[f32]| values.iter().fold(0f32, |m, v| m.max(v.abs()));
        let tolerance = 1e-3 * largest(&wanted.values);
        let gradients = &steps.tensors[&format!("grad.{name}")].values;
        let rounding = ROUNDING * largest(gradients);
        for ((a, b), gradient) in found.values.iter().zip(&wanted.values).zip(gradients) {
            // A weight without any influence has a gradient of exactly zero, and does not move.
            if *gradient != 0.0 && gradient.abs() < rounding {
                left_out += 1;
                continue;
            }
            assert!((a - b).abs() <= tolerance, "{name}: {a} for {b}, gradient {gradient}");
            compared += 1;
        }
        tensors += 1;
    }
    assert_eq!(tensors, 25);
    // Were gradients spread evenly up to the largest, the rule would leave out as large a share.
    assert!(left_out * 1000 <= compared, "{left_out} weights left out, {compared} compared");
}

#[derive(Module, Debug)]
struct Line {
    weight: Param<Tensor<1>>,
}

#[test]
fn three_steps_follow_the_formula() {
    let device = Device::flex().autodiff();
    let start = [1.0f32, -2.0, 0.5];
    let weight = Tensor::<1>::from_data(TensorData::new(start.to_vec(), [3]), &device);
    let mut line = Line { weight: Param::from_tensor(weight) };
    let config = OptimizerConfig::default();
    let mut adam = Optimizer::new(&config);
    let (mut value, mut first, mut second) = (start.map(f64::from), [0.0; 3], [0.0; 3]);
    for step in 1..=3 {
        // The loss is the sum of cubes: its gradient is 3 w^2.
        let weight = line.weight.val();
        let loss = (weight.clone() * weight.clone() * weight).sum();
        line = adam.update(line, loss.backward(), 0.1);
        for i in 0..3 {
            let gradient = 3.0 * value[i] * value[i];
            first[i] = 0.9 * first[i] + 0.1 * gradient;
            second[i] = 0.999 * second[i] + 0.001 * gradient * gradient;
            let unbiased = first[i] / (1.0 - 0.9f64.powi(step));
            let scale = (second[i] / (1.0 - 0.999f64.powi(step))).sqrt() + 1e-8;
            value[i] -= 0.1 * unbiased / scale;
        }
        let found: Vec<f32> = line.weight.val().into_data().iter::<f32>().collect();
        for (found, wanted) in found.iter().zip(value) {
            assert!((f64::from(*found) - wanted).abs() < 1e-5, "step {step}: {found} for {wanted}");
        }
        // The state travels as bytes and goes on as if nothing had happened.
        let bytes = adam.to_bytes(&line, "state".as_ref()).expect("written");
        let plain = device.clone().without_autodiff();
        adam =
            Optimizer::from_bytes(&config, &bytes, "state".as_ref(), &line, &plain).expect("read");
    }
}
