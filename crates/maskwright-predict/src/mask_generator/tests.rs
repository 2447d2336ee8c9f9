//! The generator on a small model of fresh weights: what it gives is arbitrary, but every rule can be
//! checked on it.

use burn::tensor::Device;
use maskwright_data::prompt::{Point, Prompt};
use maskwright_image::Size;
use maskwright_model::SamConfig;

use super::*;
use crate::predictor::Fit;

fn predictor(hq: bool) -> Predictor {
    let device = Device::flex();
    let sam = SamConfig::small(64, 16, 32, 2).with_hq(hq).init(&device, 3).expect("a model");
    Predictor::new(sam, device)
}

fn picture(width: usize, height: usize) -> RgbImage {
    let value = |i: usize| (i.wrapping_mul(0x9E37_79B9) >> 7) as u8;
    let data = (0..3 * width * height).map(|i| value(i / 60)).collect();
    RgbImage::new(Size::new(height, width), data).expect("a picture")
}

/// Everything stays: no threshold, no suppression.
fn open() -> MaskGeneratorConfig {
    MaskGeneratorConfig {
        points_per_side: 3,
        points_per_batch: 4,
        pred_iou_thresh: 0.0,
        stability_score_thresh: 0.0,
        box_nms_thresh: 1.0,
        crop_nms_thresh: 1.0,
        ..Default::default()
    }
}

fn generate(
    predictor: &Predictor,
    kind: MaskKind,
    config: MaskGeneratorConfig,
) -> Vec<GeneratedMask> {
    let generator = MaskGenerator::new(predictor, kind, config).expect("good settings");
    let mut last = (0, 0);
    let masks = generator
        .generate(&picture(90, 70), |done, total| {
            assert!(done > last.0 && done <= total);
            last = (done, total);
        })
        .expect("masks");
    assert_eq!(last.0, last.1);
    masks
}

#[test]
fn every_point_gives_the_masks_of_its_prompt() {
    let predictor = predictor(true);
    let image = picture(90, 70);
    let encoded = predictor.encode(&image).expect("encoded");
    for (kind, masks_of_a_point) in [(MaskKind::Sam, 3), (MaskKind::SamHq, 1), (MaskKind::Hq, 1)] {
        let found = generate(&predictor, kind, open());
        assert_eq!(found.len(), 9 * masks_of_a_point);
        for mask in &found {
            assert_eq!(mask.crop_box, [0, 0, 90, 70]);
            let [x, y] = mask.point;
            let prompt = Prompt::from_points([Point { x: x as f32, y: y as f32, label: 1 }]);
            let alone = predictor.predict(&encoded, &prompt, kind, true).expect("masks").masks;
            let same = alone
                .iter()
                .find(|other| (other.predicted_iou - mask.predicted_iou).abs() < 1e-5)
                .expect("the point's own mask");
            // Batched products may differ in the last bits, so a pixel at the border may as well.
            let there = mask.mask.to_bitmap();
            let differ =
                (0..70 * 90).filter(|i| there.get(i / 90, i % 90) != same.mask.get(i / 90, i % 90));
            assert!(differ.count() <= 3);
            assert_eq!(mask.box_xyxy, there.box_xyxy().unwrap_or_default());
            let score = stability_score(&encoded.logits(&same.low_res), 1.0);
            assert!((mask.stability_score - score).abs() < 0.01);
        }
        // Best predicted IoU first.
        assert!(found.is_sorted_by(|a, b| a.predicted_iou >= b.predicted_iou));
    }
}

#[test]
fn thresholds_and_suppression_take_away() {
    let predictor = predictor(false);
    let all = generate(&predictor, MaskKind::Sam, open());
    let mut ious: Vec<f32> = all.iter().map(|mask| mask.predicted_iou).collect();
    ious.sort_by(f32::total_cmp);
    let middle = ious[ious.len() / 2];
    // What is below 0 is no threshold, as 0 is none.
    let config =
        MaskGeneratorConfig { pred_iou_thresh: -1.0, stability_score_thresh: -1.0, ..open() };
    config.validate().expect("valid");
    assert_eq!(generate(&predictor, MaskKind::Sam, config), all);
    let above = generate(
        &predictor,
        MaskKind::Sam,
        MaskGeneratorConfig { pred_iou_thresh: middle.max(1e-3), ..open() },
    );
    assert_eq!(above.len(), ious.iter().filter(|&&iou| iou > middle.max(1e-3)).count());
    let mut scores: Vec<f32> = all.iter().map(|mask| mask.stability_score).collect();
    scores.sort_by(f32::total_cmp);
    let middle = scores[scores.len() / 2];
    let stable = generate(
        &predictor,
        MaskKind::Sam,
        MaskGeneratorConfig { stability_score_thresh: middle, ..open() },
    );
    assert!(stable.iter().all(|mask| mask.stability_score >= middle));
    assert!(stable.len() >= scores.len() / 2 && !stable.is_empty());
    let few =
        generate(&predictor, MaskKind::Sam, MaskGeneratorConfig { box_nms_thresh: 0.3, ..open() });
    let boxes: Vec<_> = all.iter().map(|mask| mask.box_xyxy.map(|v| v as f32)).collect();
    let scores: Vec<f32> = all.iter().map(|mask| mask.predicted_iou).collect();
    assert_eq!(few.len(), nms(&boxes, &scores, 0.3).len());
    assert!(few.len() < all.len());
}

#[test]
fn crops_give_masks_in_the_images_frame() {
    let predictor = predictor(true).with_fit(Fit::Sam);
    let config =
        MaskGeneratorConfig { crop_n_layers: 1, crop_n_points_downscale_factor: 2, ..open() };
    let found = generate(&predictor, MaskKind::SamHq, config);
    let crops = crop_boxes(Size::new(70, 90), 1, 512.0 / 1500.0);
    // The first crop's mask, if it does not end at the crop, is that of the crop alone.
    let mut of_crops = 0;
    for mask in found.iter().filter(|mask| mask.crop_box != [0, 0, 90, 70]) {
        of_crops += 1;
        let (crop, _) = crops.iter().find(|(crop, _)| *crop == mask.crop_box).expect("a crop");
        let [x0, y0, x1, y1] = *crop;
        assert!((x0 as f64..x1 as f64).contains(&mask.point[0]));
        assert!((y0 as f64..y1 as f64).contains(&mask.point[1]));
        let bitmap = mask.mask.to_bitmap();
        assert_eq!((bitmap.height(), bitmap.width()), (70, 90));
        if bitmap.count() > 0 {
            let inside = bitmap.box_xyxy().expect("not empty");
            assert!(inside[0] as usize >= x0 && (inside[2] as usize) < x1);
            assert!(inside[1] as usize >= y0 && (inside[3] as usize) < y1);
        }
    }
    // These crops are so small that most masks end within 20 pixels of their edge.
    assert!(of_crops <= 4);
    assert_eq!(found.len() - of_crops, 9);
}

#[test]
fn small_regions_go_and_what_was_not_mended_is_preferred() {
    let predictor = predictor(true);
    let config = MaskGeneratorConfig { min_mask_region_area: 40, ..open() };
    let before = generate(&predictor, MaskKind::SamHq, open());
    let after = generate(&predictor, MaskKind::SamHq, config);
    assert_eq!(after.len(), before.len());
    for mask in &after {
        let original = before.iter().find(|other| other.point == mask.point).expect("the same");
        let (mended, _) = remove_small_regions(&original.mask.to_bitmap(), 40);
        assert_eq!(mask.mask.to_bitmap(), mended);
        assert_eq!(mask.box_xyxy, mended.box_xyxy().unwrap_or_default());
    }
    let changed = |mask: &GeneratedMask| !before.iter().any(|other| other.mask == mask.mask);
    assert!(after.is_sorted_by_key(changed));
}

#[test]
fn tiny_images_and_own_points_work() {
    let predictor = predictor(true);
    let config = MaskGeneratorConfig {
        point_grids: Some(vec![vec![[0.25, 0.5]], vec![[0.5, 0.5], [0.1, 0.9]]]),
        crop_n_layers: 1,
        ..open()
    };
    for (width, height) in [(1, 1), (1, 9), (2, 1)] {
        let generator =
            MaskGenerator::new(&predictor, MaskKind::SamHq, config.clone()).expect("settings");
        let masks = generator.generate(&picture(width, height), |_, _| ()).expect("masks");
        assert!(!masks.is_empty());
        for mask in masks {
            assert_eq!((mask.mask.height(), mask.mask.width()), (height, width));
        }
    }
}

#[test]
fn settings_that_cannot_be_are_named() {
    let refused = |config: MaskGeneratorConfig| config.validate().expect_err("refused").to_string();
    let base = MaskGeneratorConfig::default;
    base().validate().expect("the defaults are good");
    for (config, name) in [
        (MaskGeneratorConfig { points_per_side: 0, ..base() }, "points_per_side"),
        (MaskGeneratorConfig { points_per_batch: 0, ..base() }, "points_per_batch"),
        (MaskGeneratorConfig { pred_iou_thresh: f32::NAN, ..base() }, "pred_iou_thresh"),
        (MaskGeneratorConfig { box_nms_thresh: -1.0, ..base() }, "box_nms_thresh"),
        (MaskGeneratorConfig { crop_overlap_ratio: 1.0, ..base() }, "crop_overlap_ratio"),
        (MaskGeneratorConfig { crop_n_layers: 9, ..base() }, "crop_n_layers"),
        (MaskGeneratorConfig { point_grids: Some(vec![]), ..base() }, "point_grids"),
        (MaskGeneratorConfig { point_grids: Some(vec![vec![[0.5, 1.5]]]), ..base() }, "1.5"),
    ] {
        let error = refused(config);
        assert!(error.contains(name), "{error}");
    }
}
