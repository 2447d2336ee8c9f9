//! Several objects of one image in a step: the image is encoded once, every object is decoded with its
//! own prompt and corrected by clicks, and the loss is a mean over all predictions.

use std::collections::BTreeMap;

use burn::tensor::Device;
use maskwright_data::batch::TrainBatch;
use maskwright_data::geometry::Geometry;
use maskwright_data::plan::Framing;
use maskwright_data::prompt::{Point, Prompt, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{ObjectInfo, ViewInfo};
use maskwright_image::Size;
use maskwright_model::{Sam, SamConfig, Trainable};
use maskwright_train::features::encode;
use maskwright_train::loss::{LossConfig, LossValues, PointConfig};
use maskwright_train::step::{StepSettings, learn};

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
    // Points that no logit chooses: another rounding of a logit then changes no point.
    let points = PointConfig { importance: 0.0, ..PointConfig::default() };
    let loss = LossConfig { points, ..LossConfig::default() };
    let settings = StepSettings { loss, ..StepSettings::new(&sam, learns) };
    (sam, settings)
}

type Values = BTreeMap<String, Vec<f32>>;

/// The loss of a batch, its gradients, and how many predictions were made.
fn run(sam: &Sam, batch: &TrainBatch, settings: &StepSettings) -> (LossValues, Values, usize) {
    let state = encode(sam, batch, settings.frozen_pieces).expect("features");
    let learnt = learn(sam, state, batch, settings).expect("a loss");
    (learnt.values, learnt.gradients.into_values(sam), learnt.predictions)
}

fn near(found: f64, wanted: f64, what: &str) {
    assert!((found / wanted - 1.0).abs() < 1e-5, "{what}: {found} for {wanted}");
}

fn all_near(found: &LossValues, wanted: &LossValues, what: &str) {
    near(found.total, wanted.total, what);
    assert!(found.terms.len() >= 2 && found.terms.keys().eq(wanted.terms.keys()), "{what}");
    for (name, value) in &found.terms {
        near(*value, wanted.terms[name], name);
    }
}

/// That gradients are the same but for rounding.
fn same_gradients(found: &Values, wanted: &Values, what: &str) {
    assert!(found.keys().eq(wanted.keys()), "{what}");
    let largest = |values: &[f32]| values.iter().fold(0f32, |most, v| most.max(v.abs()));
    // Where a gradient is 0 but for rounding, the rounding is that of the others.
    let noise = 1e-5 * wanted.values().map(|one| largest(one)).fold(0.0, f32::max);
    for (name, found) in found {
        let bound = 1e-3 * largest(found) + noise;
        for (found, wanted) in found.iter().zip(&wanted[name]) {
            assert!((found - wanted).abs() < bound, "{what}, {name}: {found} for {wanted}");
        }
    }
}

/// The batch of all three objects, once more as a second and a third image, whose pixels and draws are others.
fn three_images() -> TrainBatch {
    let mut batch = batch(&[0, 1, 2]);
    let one = batch.clone();
    for image in 1..3u64 {
        let pixels = one.images.iter().map(|value| value.wrapping_add(90 * image as u8));
        batch.images.extend(pixels);
        batch.labels.extend(&one.labels);
        batch.prompts.extend(one.prompts.iter().cloned());
        batch.image_of.extend([image as usize; 3]);
        batch.ignored.extend([None, None, None]);
        let key = SampleKey::in_epoch(11, 2, 5 + image);
        batch.objects.extend((0..3).map(|object| ObjectInfo {
            key: key.object(object),
            id: None,
            other_kind: false,
        }));
        batch.views.push(ViewInfo { key, ..one.views[0].clone() });
    }
    batch
}

/// The image of this number of [`three_images`] alone.
fn image_alone(image: usize) -> TrainBatch {
    let all = three_images();
    let part = 3 * SIDE * SIDE;
    TrainBatch {
        images: all.images[image * part..][..part].to_vec(),
        labels: all.labels[image * part..][..part].to_vec(),
        prompts: all.prompts[3 * image..][..3].to_vec(),
        image_of: vec![0; 3],
        objects: all.objects[3 * image..][..3].to_vec(),
        ignored: vec![None; 3],
        views: vec![all.views[image].clone()],
        ..all
    }
}

#[test]
fn images_side_by_side_teach_what_they_teach_alone() {
    for (learns, corrections) in [(Trainable::Hq, 0), (Trainable::All, 0), (Trainable::All, 1)] {
        let (sam, settings) = model(&learns);
        let settings = StepSettings { corrections, ..settings };
        let (values, gradients, predictions) = run(&sam, &three_images(), &settings);
        let mut sum = LossValues::default();
        let mut mean: Values = BTreeMap::new();
        let mut counted = 0;
        for image in 0..3 {
            let (values, gradients, count) = run(&sam, &image_alone(image), &settings);
            sum.add(&values.times(count as f64));
            counted += count;
            for (name, gradient) in gradients {
                let mean = mean.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
                let share = count as f32 / predictions as f32;
                mean.iter_mut().zip(gradient).for_each(|(mean, value)| *mean += value * share);
            }
        }
        let what = format!("{learns}, {corrections} corrections");
        assert_eq!(predictions, counted, "{what}");
        assert!(predictions >= 9, "{what}: every object at least once");
        all_near(&values, &sum.divided_by(predictions as f64), &what);
        same_gradients(&gradients, &mean, &what);
        // The bits are the same whichever thread was first.
        let (again, gradients_again, _) = run(&sam, &three_images(), &settings);
        assert_eq!((again, gradients_again), (values, gradients), "{what}");
    }
}

#[test]
fn the_loss_is_the_mean_over_the_objects_of_one_image() {
    for learns in [Trainable::Hq, Trainable::All] {
        let (sam, settings) = model(&learns);
        // The batch holds the pixels of one image: nothing else could be encoded.
        let (values, gradients, predictions) = run(&sam, &batch(&[0, 1, 2]), &settings);
        assert_eq!(predictions, 3);
        let alone = [0, 1, 2].map(|object| run(&sam, &batch(&[object]), &settings));
        let mut sum = LossValues::default();
        let mut mean: Values = BTreeMap::new();
        for (values, gradients, _) in &alone {
            sum.add(values);
            for (name, gradient) in gradients {
                let mean = mean.entry(name.clone()).or_insert_with(|| vec![0.0; gradient.len()]);
                mean.iter_mut().zip(gradient).for_each(|(mean, value)| *mean += value / 3.0);
            }
        }
        all_near(&values, &sum.divided_by(3.0), &learns.to_string());
        same_gradients(&gradients, &mean, &learns.to_string());
    }
}

#[test]
fn passes_of_fewer_objects_come_to_the_same() {
    let end: Trainable = "image_encoder.neck.*,mask_decoder.*".parse().expect("patterns");
    for learns in [Trainable::Hq, Trainable::Decoder, Trainable::All, end] {
        let (sam, settings) = model(&learns);
        for corrections in [0, 2] {
            let settings = StepSettings { corrections, ..settings.clone() };
            let whole = run(&sam, &batch(&[0, 1, 2]), &settings);
            assert_eq!(whole.2, 3 * (1 + corrections), "a model from nothing is always wrong");
            for objects_per_step in [1, 2] {
                let settings = StepSettings { objects_per_step, ..settings.clone() };
                let parts = run(&sam, &batch(&[0, 1, 2]), &settings);
                let what = format!("{learns}, {objects_per_step} of 3, {corrections} corrections");
                all_near(&parts.0, &whole.0, &what);
                same_gradients(&parts.1, &whole.1, &what);
                assert_eq!(parts.2, whole.2);
                assert_eq!(parts, run(&sam, &batch(&[0, 1, 2]), &settings), "the same again");
            }
        }
    }
}

#[test]
fn points_belong_to_an_object_wherever_it_stands() {
    let (sam, settings) = model(&Trainable::Hq);
    let total = |objects: &[usize]| run(&sam, &batch(objects), &settings).0.total;
    assert!((total(&[0, 1, 2]) / total(&[2, 0, 1]) - 1.0).abs() < 1e-6);
    // Another key is other points.
    let mut other = batch(&[0]);
    other.objects[0].key = key().object(1);
    assert_ne!(run(&sam, &other, &settings).0.total, total(&[0]));
}

/// A single point trains one of the three masks, and the IoU of all three; everything else trains the single mask.
#[test]
fn a_single_point_is_ambiguous() {
    let point = |x, y, label| Point { x, y, label };
    let (sam, settings) = model(&Trainable::Decoder);
    let learnt_masks = |points: Vec<Point>| -> Vec<usize> {
        let mut batch = batch(&[0]);
        batch.prompts[0] = Prompt::from_points(points);
        let (_, gradients, _) = run(&sam, &batch, &settings);
        let learns = |mask: &usize| {
            let name = format!("mask_decoder.output_hypernetworks_mlps.{mask}.layers.2.weight");
            gradients.get(&name).is_some_and(|values| values.iter().any(|value| *value != 0.0))
        };
        let ious = &gradients["mask_decoder.iou_prediction_head.layers.2.bias"];
        let iou_of = |mask: usize| ious[mask] != 0.0;
        let masks: Vec<usize> = (0..4).filter(learns).collect();
        match masks[..] {
            [0] => assert_eq!([0, 1, 2, 3].map(iou_of), [true, false, false, false]),
            _ => assert_eq!([0, 1, 2, 3].map(iou_of), [false, true, true, true]),
        }
        masks
    };
    let ambiguous = learnt_masks(vec![point(15.0, 20.0, 1)]);
    assert!(matches!(ambiguous[..], [1..=3]), "{ambiguous:?}");
    assert_eq!(learnt_masks(vec![point(15.0, 20.0, 1), point(20.0, 30.0, 1)]), [0]);
    assert_eq!(learnt_masks(vec![point(60.0, 50.0, 0)]), [0], "a point beside the object");
}
