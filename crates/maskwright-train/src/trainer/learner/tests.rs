//! Several batches to an update, steps that are skipped, and averages, on batches of boxes.

use std::collections::BTreeMap;

use maskwright_data::geometry::Geometry;
use maskwright_data::plan::Framing;
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{ObjectInfo, ViewInfo};
use maskwright_data::source::DataFile;
use maskwright_image::Size;
use maskwright_model::SamConfig;
use maskwright_model::weights::state_dict;

use super::*;

const SIDE: usize = 64;

/// A batch of the images of these numbers, each with one box.
fn batch(images: &[usize]) -> TrainBatch {
    let corners = |image: usize| [4 + 3 * image, 6 + image, 30 + 5 * image, 40 + 4 * image];
    let label = |image: usize| {
        let [x0, y0, x1, y1] = corners(image);
        (0..SIDE * SIDE).map(move |pixel| {
            let (x, y) = (pixel % SIDE, pixel / SIDE);
            if (x0..=x1).contains(&x) && (y0..=y1).contains(&y) { 255.0 } else { 0.0 }
        })
    };
    let pixels = |image: usize| (0..3 * SIDE * SIDE).map(move |i| (i * (7 + image) % 251) as u8);
    let key = |image: usize| SampleKey::in_epoch(11, 0, image as u64);
    TrainBatch {
        images: images.iter().flat_map(|&image| pixels(image)).collect(),
        labels: images.iter().flat_map(|&image| label(image)).collect(),
        prompts: images
            .iter()
            .map(|&image| Prompt {
                kind: PromptKind::Box,
                box_xyxy: Some(corners(image).map(|corner| corner as f32)),
                points: Vec::new(),
                mask: None,
            })
            .collect(),
        image_of: (0..images.len()).collect(),
        objects: images
            .iter()
            .map(|&image| ObjectInfo { key: key(image).object(0), id: None, other_kind: false })
            .collect(),
        ignored: vec![None; images.len()],
        views: images
            .iter()
            .map(|&image| ViewInfo {
                set: "boxes".into(),
                name: image.to_string(),
                key: key(image),
                geometry: Geometry::whole(Size::square(SIDE)),
                framing: Framing::Jitter,
                redraws: 0,
                not_in_view: 0,
                turned: false,
                warnings: Vec::new(),
                mask_warnings: 0,
            })
            .collect(),
        size: SIDE,
        epoch: 0,
        index: 0,
    }
}

/// A batch whose labels are no numbers.
fn damaged() -> TrainBatch {
    let mut batch = batch(&[0]);
    batch.labels.fill(f32::NAN);
    batch
}

fn config(accumulate: usize) -> TrainConfig {
    let mut config = TrainConfig::new(DataFile::from_folders("a", "b"), "run".into());
    config.train.accumulate = accumulate;
    // Points that no logit chooses: another rounding of a logit then changes no point.
    config.train.loss.points.importance = 0.0;
    config.train.loss.points.per_mask = 512;
    config
}

fn learner(config: &TrainConfig) -> Learner {
    let device = Device::flex();
    let sam = SamConfig::small(SIDE, 16, 32, 2).init(&device, 3).expect("a model");
    let sam = sam.frozen().training(&config.train.learns);
    Learner::new(config, sam, None, None, &device).expect("a learner")
}

fn weights(sam: &Sam) -> BTreeMap<String, Vec<f32>> {
    state_dict(sam).tensors.into_iter().map(|(name, tensor)| (name, tensor.values)).collect()
}

#[test]
fn several_batches_are_one_large_batch() {
    let mut parts = learner(&config(3));
    for (images, last) in [(&[0, 1][..], false), (&[2], false), (&[3, 4], true)] {
        let before = weights(parts.model());
        let learned = parts.learn(&batch(images), last, 1e-3).expect("a step");
        assert!(learned.skipped.is_none());
        assert_eq!(before == weights(parts.model()), !last);
    }
    let mut whole = learner(&config(1));
    let start = weights(whole.model());
    whole.learn(&batch(&[0, 1, 2, 3, 4]), true, 1e-3).expect("a step");

    // The first moments after one update are a tenth of the gradient.
    let gradient = |learner: &Learner| {
        let bytes = learner.optimizer.to_bytes(learner.model(), "state".as_ref()).expect("written");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("a file");
        let of_gradient = |name: &String| name.ends_with(".exp_avg");
        let values = |view: safetensors::tensor::TensorView<'_>| -> Vec<f32> {
            view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
        };
        let named = file.tensors().into_iter().filter(|(name, _)| of_gradient(name));
        named.map(|(name, view)| (name, values(view))).collect::<BTreeMap<String, Vec<f32>>>()
    };
    let (parts, whole) = (gradient(&parts), gradient(&whole));
    let largest = whole.values().flatten().fold(0f32, |most, value| most.max(value.abs()));
    assert!(largest > 1e-4, "something is learned: {largest}");
    for (name, wanted) in &whole {
        for (found, wanted) in parts[name].iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-6 * largest, "{name}: {found} for {wanted}");
        }
    }
    assert_eq!(parts.len(), 25, "the tensors of the HQ head");
    assert!(start.len() > 25);
}

#[test]
fn a_step_that_is_no_number_changes_nothing() {
    let mut learner = learner(&config(1));
    let before = weights(learner.model());
    let learned = learner.learn(&damaged(), true, 1e-3).expect("a step");
    assert_eq!(learned.skipped, Some(NotFinite::Loss));
    assert!(!learned.values.total.is_finite());
    assert!(before == weights(learner.model()));

    // A loss that is a number whose gradient is none: its square is beyond f32.
    let mut large = config(1);
    large.train.loss.set_weights([("bce", 1e30)]);
    let mut learner = super::tests::learner(&large);
    let learned = learner.learn(&batch(&[0]), true, 1e-3).expect("a step");
    assert_eq!(learned.skipped, Some(NotFinite::Gradient));
    assert!(learned.values.total.is_finite() && before == weights(learner.model()));
}

#[test]
fn an_update_is_made_of_the_batches_that_are_numbers() {
    let (mut with, mut without) = (learner(&config(3)), learner(&config(2)));
    for (at, images) in [Some(&[0, 1][..]), None, Some(&[2])].iter().enumerate() {
        let batch = images.map_or_else(damaged, batch);
        let learned = with.learn(&batch, at == 2, 1e-3).expect("a step");
        assert_eq!(learned.skipped.is_some(), images.is_none());
    }
    without.learn(&batch(&[0, 1]), false, 1e-3).expect("a step");
    without.learn(&batch(&[2]), true, 1e-3).expect("a step");
    assert!(weights(with.model()) == weights(without.model()));

    // Of nothing but such batches there is no update.
    let before = weights(with.model());
    for last in [false, false, true] {
        with.learn(&damaged(), last, 1e-3).expect("a step");
    }
    assert!(before == weights(with.model()));
}

#[test]
fn the_average_follows_the_weights() {
    let decay = 0.75;
    let mut config = config(1);
    config.train.ema = Some(decay);
    let mut learner = learner(&config);
    let mut wanted: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut moved = false;
    for step in 0..3 {
        learner.learn(&batch(&[step, step + 1]), true, 1e-2).expect("a step");
        for (name, values) in weights(learner.model()) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let average = wanted.entry(name).or_insert_with(|| values.clone());
            for (average, value) in average.iter_mut().zip(&values) {
                moved |= average != value;
                *average = decay * *average + (1.0 - decay) * value;
            }
        }
    }
    assert!(moved);
    let averaged = weights(&learner.averaged().expect("an average"));
    for (name, wanted) in wanted {
        for (found, wanted) in averaged[&name].iter().zip(wanted) {
            assert!((f64::from(*found) - wanted).abs() < 1e-6, "{name}: {found} for {wanted}");
        }
    }
}
