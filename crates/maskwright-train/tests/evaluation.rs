//! Evaluation by clicks and by boxes, held to loops that are as plain as the rules, and the same with any number of threads.

use std::sync::Arc;

use burn::tensor::Device;
use maskwright_data::geometry::Geometry;
use maskwright_data::postprocess;
use maskwright_data::sample::Preset;
use maskwright_data::source::{DataFile, DetectionSet, MemorySource, OpenContext, SetSpec, Source};
use maskwright_image::encode::png_rgb;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::metric;
use maskwright_image::metric::average_precision::{Found, Overlap, Scene, True, average_precision};
use maskwright_image::metric::clicks::{Click, next_click};
use maskwright_image::{RgbImage, Size};
use maskwright_model::device::{Compute, host};
use maskwright_model::{
    DecodeMode, ImageFeatures, MaskKind, ModelSource, PromptInput, PromptPoint, Sam, SamConfig,
};
use maskwright_train::Error;
use maskwright_train::evaluator::clicks::FirstMask;
use maskwright_train::evaluator::{
    ClickConfig, EvalConfig, EvalJob, EvalSet, Evaluation, ScoredBy, evaluate,
};
use maskwright_train::observer::Silent;

const SIDE: usize = 64;

fn model(device: &Device) -> Sam {
    SamConfig::small(SIDE, 16, 32, 2).init(device, 3).expect("a model")
}

/// A picture whose colours say little about its object.
fn picture(size: Size, number: usize) -> RgbImage {
    let mut image = RgbImage::filled(size, 0);
    for (at, value) in image.data.iter_mut().enumerate() {
        *value = (at * (7 + number) % 251) as u8;
    }
    image
}

fn disc(size: Size, (y, x): (i64, i64), square: i64) -> Bitmap {
    Bitmap::from_fn(size, |row, column| {
        (row as i64 - y).pow(2) + (column as i64 - x).pow(2) < square
    })
}

/// Two images with two objects each, and one whose mask is empty.
fn objects() -> Vec<(Size, Vec<Bitmap>)> {
    let (wide, tall) = (Size::new(40, 70), Size::new(90, 50));
    let empty = Bitmap::from_fn(wide, |_, _| false);
    vec![
        (wide, vec![disc(wide, (18, 30), 150), disc(wide, (30, 60), 60)]),
        (tall, vec![disc(tall, (50, 20), 200), disc(tall, (5, 45), 90)]),
        (wide, vec![empty]),
    ]
}

fn set() -> EvalSet {
    let mut source = MemorySource::new("discs").with_objects(maskwright_data::source::Objects::All);
    for (number, (size, masks)) in objects().into_iter().enumerate() {
        let masks = masks.into_iter().map(Into::into).collect();
        source.push(number.to_string(), picture(size, number), masks).expect("an image");
    }
    EvalSet { name: "discs".into(), source: Arc::new(source) }
}

fn evaluated(sam: &Sam, config: &EvalConfig) -> Evaluation {
    let data = DataFile::default();
    let samples = data.sample_config(SIDE, sam.config().mask_size());
    evaluate(sam, &host(), &samples, &[set()], config, &mut Silent).expect("an evaluation")
}

fn clicks(clicks: ClickConfig) -> EvalConfig {
    EvalConfig {
        prompts: Vec::new(),
        geometry: Preset::LongestSide,
        clicks: Some(clicks),
        ..EvalConfig::default()
    }
}

/// The features of an image in the model's input, and how it was fitted.
fn encoded(sam: &Sam, record: usize) -> (ImageFeatures, Geometry) {
    let source = set().source;
    let maker = maskwright_data::sample::SampleMaker::new(
        DataFile::default().sample_config(SIDE, sam.config().mask_size()),
    );
    let sample = maker
        .and_then(|mut maker| maker.eval(source.as_ref(), record, Preset::LongestSide))
        .expect("a sample");
    let shown = sample.geometry.visible();
    let input = sam.preprocess_fitted(&sample.image, [shown.height, shown.width], &host());
    (sam.encode_image(input.expect("an input")), sample.geometry)
}

/// The clicks on one object and the IoU after each, by the rule itself.
fn by_the_rule(
    sam: &Sam,
    (features, geometry): &(ImageFeatures, Geometry),
    truth: &Bitmap,
    most: usize,
) -> (Vec<Click>, Vec<f64>) {
    let mut prediction = Bitmap::from_fn(truth.size(), |_, _| false);
    let (mut clicks, mut ious) = (Vec::new(), Vec::new());
    let mut prompt = PromptInput::default();
    while clicks.len() < most
        && let Some(click) = next_click(&prediction, truth, None, &clicks)
    {
        clicks.push(click);
        let (x, y) = geometry.to_output(click.x as f64, click.y as f64);
        prompt.points.push(PromptPoint::new(x as f32, y as f32, i32::from(click.positive)));
        let multimask = clicks.len() == 1;
        let mode = DecodeMode::Sam { multimask };
        let output = sam.predict(features, std::slice::from_ref(&prompt), &[0], mode);
        let mask = output.expect("a mask").best().sam.expect("SAM's mask");
        let logits: Vec<f32> = mask.into_data().iter::<f32>().collect();
        let side = logits.len().isqrt();
        let enlarged = postprocess::to_source(geometry, &logits, side);
        prediction = Bitmap::from_logits(&enlarged, geometry.source);
        ious.push(metric::iou(&prediction, truth));
        prompt.mask = Some(logits.into());
    }
    (clicks, ious)
}

#[test]
fn clicks_follow_the_rule() {
    let sam = model(&host());
    let found = evaluated(&sam, &clicks(ClickConfig { most: 6, ..ClickConfig::default() }));
    let of_sam: Vec<_> = found.click_runs.iter().filter(|run| run.mask == MaskKind::Sam).collect();
    assert_eq!(of_sam.len(), 4, "nothing is clicked on in the empty mask");
    for run in of_sam {
        let (image, object) = (run.record / 2, run.record % 2);
        assert_eq!(run.image, image);
        let truth = &objects()[image].1[object];
        let expected = by_the_rule(&sam, &encoded(&sam, run.record), truth, 6);
        assert_eq!((run.clicks.clone(), run.ious.clone()), expected, "{}", run.name);
    }
    let metrics = &found.clicks[0];
    assert_eq!(
        (metrics.mask, metrics.images, metrics.objects, metrics.empty),
        (MaskKind::Sam, 2, 4, 1)
    );
    let kinds: Vec<MaskKind> = found.clicks.iter().map(|metrics| metrics.mask).collect();
    assert_eq!(kinds, [MaskKind::Sam, MaskKind::Hq, MaskKind::SamHq]);
    assert!(found.sets.is_empty() && found.images.is_empty());
}

#[test]
fn the_digits_do_not_depend_on_the_number_of_threads() {
    let sam = model(&host());
    let config = EvalConfig {
        prompts: maskwright_data::prompt::PromptKind::ALL.to_vec(),
        ..clicks(ClickConfig { most: 3, jitter: 0.7, ..ClickConfig::default() })
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| evaluated(&sam, &config))
    };
    let one = with(1);
    assert!(!one.images.is_empty() && !one.click_runs.is_empty());
    assert_eq!(one, with(3));
}

#[test]
fn the_first_answer_may_be_the_single_mask() {
    let sam = model(&host());
    let first = |first| {
        let one =
            ClickConfig { most: 1, first, masks: vec![MaskKind::Sam], ..ClickConfig::default() };
        evaluated(&sam, &clicks(one)).click_runs
    };
    let (best, single) = (first(FirstMask::Best), first(FirstMask::Single));
    assert!(best.iter().zip(&single).all(|(a, b)| a.clicks == b.clicks), "the same first clicks");
    assert!(best.iter().zip(&single).any(|(a, b)| a.ious != b.ious), "other masks");
}

#[test]
fn impossible_clicks_are_refused() {
    let sam = SamConfig::small(SIDE, 16, 32, 2).with_hq(false).init(&host(), 3).expect("a model");
    let refused = |clicks: ClickConfig| clicks.check(&sam).expect_err("refused").to_string();
    let all = ClickConfig::default();
    insta::assert_snapshot!(
        [
            refused(ClickConfig { most: 0, ..all.clone() }),
            refused(ClickConfig { jitter: 1.5, ..all.clone() }),
            refused(ClickConfig { thresholds: vec![0.8, 85.0], ..all.clone() }),
            refused(ClickConfig { masks: vec![MaskKind::Hq], ..all }),
        ]
        .join("\n"),
        @"
        clicks.most: expected at least one click, found 0
        clicks.jitter: expected a share in 0..=1, found 1.5
        clicks.thresholds: expected IoUs in 0..=1, found 85
        clicks.masks: expected masks that the model has (sam, for it has no HQ head), found hq
        "
    );
}

/// A COCO file of the two images with objects, with boxes around them, and a crowd in the second.
fn annotated(folder: &std::path::Path) -> DetectionSet {
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for (number, (size, masks)) in objects().into_iter().take(2).enumerate() {
        let file = format!("{number}.png");
        let png = png_rgb(&picture(size, number)).expect("a PNG");
        std::fs::write(folder.join(&file), png).expect("written");
        images.push(serde_json::json!({
            "id": number + 1, "file_name": file, "height": size.height, "width": size.width,
        }));
        for (at, mask) in masks.iter().enumerate() {
            let rle = Rle::from_bitmap(mask);
            annotations.push(serde_json::json!({
                "id": annotations.len() + 1,
                "image_id": number + 1,
                "category_id": 7,
                "iscrowd": usize::from(number == 1 && at == 1),
                "area": rle.area(),
                "bbox": rle.box_xywh(),
                "segmentation": {"size": [size.height, size.width], "counts": rle.to_compressed()},
            }));
        }
    }
    let file = folder.join("instances.json");
    let text = serde_json::json!({
        "images": images, "annotations": annotations, "categories": [{"id": 7, "name": "disc"}],
    });
    std::fs::write(&file, text.to_string()).expect("written");
    let spec = SetSpec::coco("discs", file, folder);
    DetectionSet::read(&spec, &OpenContext::default()).expect("a set")
}

#[test]
fn average_precision_is_that_of_the_masks_for_the_boxes() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = Arc::new(annotated(folder.path()));
    let sam = model(&host());
    let checkpoint = folder.path().join("sam.safetensors");
    maskwright_model::weights::save(&sam, &checkpoint).expect("saved");
    let source = ModelSource { checkpoint: Some(checkpoint), ..ModelSource::default() };
    let job =
        EvalJob::for_boxes(&source, &Compute::default(), &DataFile::default()).expect("a job");
    let boxes = set.true_boxes();
    assert_eq!(boxes.len(), 3, "the crowd has no box of its own");
    let config = EvalConfig { geometry: Preset::LongestSide, ..EvalConfig::default() };
    let by = ScoredBy::PredictedIou;
    let found = job.evaluate_boxes(&set, &boxes, by, &config, &mut Silent).expect("evaluated");
    assert_eq!((found.images, found.boxes, found.masks.len()), (2, 3, 3));

    // The masks one by one. Decoded alone, logits differ in their last digits, so nothing here lies on an edge.
    let mut scenes = vec![Scene::default(), Scene::default()];
    for (image, scene) in scenes.iter_mut().enumerate() {
        for object in &set.images()[image].objects {
            let (mask, area, crowd) = (object.mask.clone(), object.area, object.crowd);
            scene.truths.push(True { mask, area, crowd });
        }
        let (features, geometry) = encoded(&sam, 2 * image);
        for one in boxes.iter().filter(|one| one.image == image) {
            let [x, y, width, height] = one.box_xywh;
            let corners = geometry.box_to_output([x, y, x + width - 1.0, y + height - 1.0]);
            let prompt = PromptInput::from_box(corners.map(|corner| corner as f32));
            let mode = DecodeMode::Sam { multimask: false };
            let output = sam.predict(&features, &[prompt], &[0], mode).expect("a mask");
            let score = output.iou.expect("predicted").into_data().iter::<f32>().next();
            let logits: Vec<f32> =
                output.sam.expect("SAM's mask").into_data().iter::<f32>().collect();
            let enlarged = postprocess::to_source(&geometry, &logits, logits.len().isqrt());
            let mask = Rle::from_bitmap(&Bitmap::from_logits(&enlarged, geometry.source));
            scene.found.push(Found { mask, score: f64::from(score.expect("one")) });
        }
    }
    let scenes = [scenes];
    let expected = average_precision(&scenes, Overlap::Mask).expect("one size");
    assert_eq!((found.masks[0].mask, found.masks[0].by_mask), (MaskKind::Sam, expected));
    let expected = average_precision(&scenes, Overlap::Boundary(0.02)).expect("one size");
    assert_eq!(found.masks[0].by_boundary, expected);
}

#[test]
fn clicks_on_empty_masks_alone_are_an_error() {
    let size = Size::new(20, 20);
    let mut source = MemorySource::new("nothing");
    let empty = Bitmap::from_fn(size, |_, _| false);
    source.push("a", picture(size, 0), vec![empty.into()]).expect("an image");
    assert_eq!(source.len(), 1);
    let sets = [EvalSet { name: "nothing".into(), source: Arc::new(source) }];
    let sam = model(&host());
    let samples = DataFile::default().sample_config(SIDE, sam.config().mask_size());
    let config = clicks(ClickConfig::default());
    let error = evaluate(&sam, &host(), &samples, &sets, &config, &mut Silent);
    let error = error.expect_err("nothing to click on");
    assert!(matches!(error, Error::NothingScored { .. }), "{error}");
    insta::assert_snapshot!(error.to_string(), @"set nothing: expected an object that allows a prompt of the kind clicks, found none: the masks of 1 are empty");
}
