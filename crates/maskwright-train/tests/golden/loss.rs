//! The loss and its gradient against PyTorch's, on the golden cases of the loss, and a hand-computed case.

use std::path::PathBuf;

use burn::tensor::{Tensor, TensorData};
use maskwright_train::loss::points::{Plane, choose};
use maskwright_train::loss::{
    LossConfig, PointConfig, PointTargets, TermValue, point_loss, weighted_sum,
};
use safetensors::SafeTensors;

fn cases() -> Vec<PathBuf> {
    let files = |folder: PathBuf| std::fs::read_dir(folder).expect("a folder of cases");
    let folders = crate::folders("maskwright-train", "loss", "loss");
    folders.into_iter().flat_map(files).map(|entry| entry.expect("an entry").path()).collect()
}

fn floats(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).expect("the golden file has this tensor");
    let values =
        view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (view.shape().to_vec(), values)
}

/// A term's value, by its name.
fn value(terms: &[TermValue], name: &str) -> f64 {
    let term = terms.iter().find(|term| term.name == name).expect("a term of the default loss");
    f64::from(term.value.clone().into_scalar::<f32>())
}

#[test]
fn golden_cases_match_pytorch() {
    for path in cases() {
        let case = path.display();
        let bytes = std::fs::read(&path).expect("a case");
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a header");
        let wanted = |key: &str| -> f64 {
            metadata.metadata().as_ref().expect("metadata")[key].parse().expect("a number")
        };
        let (shape, logits) = floats(&file, "logits");
        let (target_shape, target) = floats(&file, "target");
        let (_, candidates) = floats(&file, "oversampled_coords");
        let (_, uniform) = floats(&file, "random_coords");
        let (_, wanted_grad) = floats(&file, "grad_logits");

        // Cases beside the repository have as many points as HQ-SAM's training.
        let mut config = PointConfig::default();
        if let Some(points) = metadata.metadata().as_ref().and_then(|words| words.get("points")) {
            config.per_mask = points.parse().expect("a number");
        }
        let mut points = PointTargets::new(config.per_mask);
        let label: Vec<f32> = target.iter().map(|t| t * 255.0).collect();
        for mask in 0..shape[0] {
            let pixels = shape[2] * shape[3];
            let logits = Plane {
                values: &logits[mask * pixels..][..pixels],
                height: shape[2],
                width: shape[3],
            };
            let label_pixels = target_shape[2] * target_shape[3];
            let label = Plane {
                values: &label[mask * label_pixels..][..label_pixels],
                height: target_shape[2],
                width: target_shape[3],
            };
            let candidates =
                &candidates[mask * 2 * config.candidates()..][..2 * config.candidates()];
            let uniform = &uniform[mask * 2 * config.uniform()..][..2 * config.uniform()];
            points.push(choose(&config, &logits, candidates, uniform), &label);
        }

        let device = crate::device().autodiff();
        let shape: [usize; 4] = shape.try_into().expect("four axes");
        let logits = Tensor::<4>::from_data(TensorData::new(logits, shape), &device).require_grad();
        let loss = point_loss(&LossConfig::default(), logits.clone(), &points);
        let bce = value(&loss, "bce");
        let dice = value(&loss, "dice");
        assert!((bce / wanted("loss_mask") - 1.0).abs() < 1e-5, "{case}: bce {bce}");
        assert!((dice / wanted("loss_dice") - 1.0).abs() < 1e-5, "{case}: dice {dice}");

        let gradients = weighted_sum(&loss).expect("two terms").backward();
        let grad = logits.grad(&gradients).expect("a gradient").into_data();
        let scale = wanted_grad.iter().fold(0f32, |m, g| m.max(g.abs()));
        for (got, wanted) in grad.iter::<f32>().zip(&wanted_grad) {
            assert!((got - wanted).abs() < 1e-3 * scale, "{case}: {got} {wanted}");
        }
    }
}

#[test]
fn a_case_by_hand() {
    // One mask, two points: logit 0 with target 1, logit ln 3 with target 0.
    let device = crate::device();
    let logits =
        Tensor::<4>::from_data(TensorData::new(vec![0.0, 3f32.ln()], [1, 1, 1, 2]), &device);
    let points = PointTargets {
        coords: vec![0.25, 0.5, 0.75, 0.5],
        targets: vec![1.0, 0.0],
        ..PointTargets::new(2)
    };
    let loss = point_loss(&LossConfig::default(), logits, &points);
    // Probabilities 1/2 and 3/4: cross entropies ln 2 and ln 4.
    let bce = value(&loss, "bce");
    assert!((bce - (2f64.ln() + 4f64.ln()) / 2.0).abs() < 1e-6);
    // 1 - (2 * 0.5 + 1) / (1.25 + 1 + 1)
    let dice = value(&loss, "dice");
    assert!((dice - (1.0 - 2.0 / 3.25)).abs() < 1e-6);
}
