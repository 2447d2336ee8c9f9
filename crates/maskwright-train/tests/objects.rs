//! Several objects of one image in a step: the image is encoded once, every object is decoded with its
//! own prompt, and the loss is a mean over the objects.

use burn::tensor::Device;
use maskwright_data::batch::TrainBatch;
use maskwright_data::geometry::Geometry;
use maskwright_data::plan::Framing;
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{ObjectInfo, ViewInfo};
use maskwright_image::Size;
use maskwright_model::{Sam, SamConfig, Trainable, weights};
use maskwright_train::loss::{LossConfig, PointConfig};
use maskwright_train::step::{Forward, StepSettings, forward};

const SIDE: usize = 64;

/// Corners of the objects of the image, in pixels, inclusive.
const BOXES: [[usize; 4]; 3] = [[4, 6, 30, 40], [35, 10, 60, 28], [10, 45, 55, 60]];

fn key() -> SampleKey {
    SampleKey::in_epoch(11, 2, 5)
}

/// One image with some of its objects; object `i` is at place `i` of the view.
fn batch(objects: &[usize]) -> TrainBatch {
    let label = |object: usize| {
        let [x0, y0, x1, y1] = BOXES[object];
        (0..SIDE * SIDE).map(move |pixel| {
            let (x, y) = (pixel % SIDE, pixel / SIDE);
            if (x0..=x1).contains(&x) && (y0..=y1).contains(&y) { 255.0 } else { 0.0 }
        })
    };
    let prompt = |&object: &usize| Prompt {
        kind: PromptKind::Box,
        box_xyxy: Some(BOXES[object].map(|corner| corner as f32)),
        points: Vec::new(),
        mask: None,
    };
    let info = |&object: &usize| ObjectInfo {
        key: key().object(object as u64),
        id: None,
        other_kind: false,
    };
    TrainBatch {
        images: (0..3 * SIDE * SIDE).map(|i| (i * 7 % 251) as u8).collect(),
        labels: objects.iter().flat_map(|&object| label(object)).collect(),
        prompts: objects.iter().map(prompt).collect(),
        image_of: vec![0; objects.len()],
        objects: objects.iter().map(info).collect(),
        ignored: vec![None; objects.len()],
        views: vec![ViewInfo {
            set: "boxes".into(),
            name: "one".into(),
            key: key(),
            geometry: Geometry::whole(Size::square(SIDE)),
            framing: Framing::Jitter,
            redraws: 0,
            not_in_view: 0,
            turned: false,
            warnings: Vec::new(),
            mask_warnings: 0,
        }],
        size: SIDE,
        epoch: 2,
        index: 0,
    }
}

fn model(learns: &Trainable) -> (Sam, StepSettings) {
    let sam = SamConfig::small(SIDE, 16, 32, 2).init(&Device::flex(), 3).expect("a model");
    let sam = sam.frozen().training(learns);
    let hq_alone = sam.hq_head_alone_learns(learns);
    // Points that no logit chooses: another rounding of a logit then changes no point.
    let points = PointConfig { importance: 0.0, ..PointConfig::default() };
    (sam, StepSettings { hq_alone, loss: LossConfig { points, ..LossConfig::default() } })
}

#[test]
fn the_loss_is_the_mean_over_the_objects_of_one_image() {
    for learns in [Trainable::Hq, Trainable::All] {
        let (sam, settings) = model(&learns);
        // The batch holds the pixels of one image: nothing else could be encoded.
        let run = |objects: &[usize]| forward(&sam, &batch(objects), &settings).expect("a loss");
        let together = run(&[0, 1, 2]);
        let alone: Vec<Forward> = (0..3).map(|object| run(&[object])).collect();
        let mean = |value: &dyn Fn(&Forward) -> f64| alone.iter().map(value).sum::<f64>() / 3.0;
        let near = |found: f64, wanted: f64, what: &str| {
            assert!((found / wanted - 1.0).abs() < 1e-5, "{learns}, {what}: {found} for {wanted}");
        };
        near(together.values.total, mean(&|one| one.values.total), "total");
        assert!(together.values.terms.len() >= 2);
        for (name, value) in &together.values.terms {
            near(*value, mean(&|one| one.values.term(name).expect("the same terms")), name);
        }

        // So is its gradient.
        let together = weights::gradients(&sam, &together.backward()).tensors;
        let alone: Vec<_> = alone
            .into_iter()
            .map(|one| weights::gradients(&sam, &one.backward()).tensors)
            .collect();
        let largest = |values: &[f32]| values.iter().fold(0f32, |most, v| most.max(v.abs()));
        // Where a gradient is 0 but for rounding, the rounding is that of the others.
        let noise = 1e-5 * together.values().map(|one| largest(&one.values)).fold(0.0, f32::max);
        for (name, gradient) in &together {
            let bound = 1e-3 * largest(&gradient.values) + noise;
            for (place, found) in gradient.values.iter().enumerate() {
                let wanted = alone.iter().map(|one| one[name].values[place]).sum::<f32>() / 3.0;
                assert!((found - wanted).abs() < bound, "{name}: {found} for {wanted}");
            }
        }
    }
}

#[test]
fn points_belong_to_an_object_wherever_it_stands() {
    let (sam, settings) = model(&Trainable::Hq);
    let total =
        |objects: &[usize]| forward(&sam, &batch(objects), &settings).expect("a loss").values.total;
    assert!((total(&[0, 1, 2]) / total(&[2, 0, 1]) - 1.0).abs() < 1e-6);
    // Another key is other points.
    let mut other = batch(&[0]);
    other.objects[0].key = key().object(1);
    let other = forward(&sam, &other, &settings).expect("a loss").values.total;
    assert_ne!(other, total(&[0]));
}
