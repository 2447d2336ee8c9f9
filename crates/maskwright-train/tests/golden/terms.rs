//! Terms of other losses against PyTorch's, on the golden case of them.

use burn::tensor::{Tensor, TensorData};
use maskwright_train::loss::points::Plane;
use maskwright_train::loss::{LossConfig, point_loss, weighted_sum};
use safetensors::SafeTensors;

use crate::learning::{floats, number};

#[test]
fn other_terms_match_pytorch() {
    let folder = crate::own("maskwright-train", "terms");
    let bytes = std::fs::read(folder.join("terms.safetensors")).expect("a case");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (shape, logits) = floats(&file, "logits");
    let shape: [usize; 4] = shape.try_into().expect("four axes");
    let (target_shape, target) = floats(&file, "target");
    let (points_shape, coords) = floats(&file, "points");
    let (height, width) = (target_shape[2], target_shape[3]);
    let label: Vec<f32> = target.iter().map(|t| t * 255.0).collect();

    for name in ["focal", "boundary"] {
        let mut loss = LossConfig::default();
        loss.set_weights([(name, 1.0)]);
        loss.points.per_mask = points_shape[1];
        let mut points = loss.targets();
        for mask in 0..shape[0] {
            let plane =
                Plane { values: &label[mask * height * width..][..height * width], height, width };
            points
                .push(coords[mask * 2 * points_shape[1]..][..2 * points_shape[1]].to_vec(), &plane);
        }
        let device = crate::device().autodiff();
        let logits = Tensor::<4>::from_data(TensorData::new(logits.clone(), shape), &device);
        let logits = logits.require_grad();
        let terms = point_loss(&loss, logits.clone(), &points);
        assert_eq!(terms.iter().map(|term| term.name).collect::<Vec<_>>(), [name]);
        let found = f64::from(terms[0].value.clone().into_scalar::<f32>());
        let wanted = number(&bytes, name);
        assert!((found / wanted - 1.0).abs() < 1e-5, "{name}: {found} for {wanted}");

        let gradients = weighted_sum(&terms).expect("a term").backward();
        let found = logits.grad(&gradients).expect("a gradient").into_data();
        let (_, wanted) = floats(&file, &format!("grad_{name}"));
        let scale = wanted.iter().fold(0f32, |most, value| most.max(value.abs()));
        for (found, wanted) in found.iter::<f32>().zip(&wanted) {
            assert!((found - wanted).abs() < 1e-4 * scale, "{name}: {found} for {wanted}");
        }
    }
}
