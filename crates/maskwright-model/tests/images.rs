//! Prompts of several images, any number of each.

use burn::tensor::{Device, Tensor};
use maskwright_model::{
    DecodeMode, Error, ImageFeatures, MaskOutput, PromptInput, PromptPoint, Sam, SamConfig,
};

fn model() -> (Sam, ImageFeatures) {
    let device = Device::flex();
    let sam = SamConfig::small(64, 8, 32, 3).init(&device, 5).unwrap();
    let pixels: Vec<u8> = (0..3 * 3 * 64 * 64).map(|i| (i * 7919 % 251) as u8).collect();
    let features = sam.encode_image(sam.preprocess(&pixels, 3, &device).unwrap());
    (sam, features)
}

/// Prompts of one, of two and of no tokens.
fn prompts() -> [PromptInput; 5] {
    let mask: Vec<f32> = (0..32 * 32).map(|i| if i % 5 < 2 { 255.0 } else { 0.0 }).collect();
    [
        PromptInput::from_points([PromptPoint::new(3.0, 4.0, 1)]),
        PromptInput::from_box([9.0, 3.0, 40.0, 50.0]),
        PromptInput::from_mask(mask),
        PromptInput::from_box([1.0, 2.0, 30.0, 20.0]),
        PromptInput::from_points([PromptPoint::new(50.0, 14.0, 1)]),
    ]
}

/// Every mask and predicted IoU of prompt `i`.
fn of_prompt(output: &MaskOutput, i: usize) -> Vec<f32> {
    let row = |x: &Tensor<4>| x.clone().narrow(0, i, 1).try_into_vec_as::<f32>().unwrap();
    let mut values: Vec<f32> = output.sam.iter().chain(&output.hq).flat_map(row).collect();
    values.extend(output.iou.iter().flat_map(|x| row(&x.clone().unsqueeze_dims(&[2, 3]))));
    values
}

#[test]
fn prompts_of_several_images_are_decoded_as_those_of_each() {
    let (sam, features) = model();
    let prompts = prompts();
    for image_of in [[2, 0, 1, 0, 2], [1, 1, 0, 1, 1], [0, 2, 2, 2, 1], [1; 5]] {
        for mode in [DecodeMode::Hq, DecodeMode::Both { multimask: true }] {
            for features in [features.clone(), sam.with_hq_features(features.clone())] {
                let all = sam.predict(&features, &prompts, &image_of, mode).unwrap();
                for (i, &image) in image_of.iter().enumerate() {
                    let one = features.select(&[image]);
                    let one = sam.predict(&one, &prompts[i..=i], &[0], mode).unwrap();
                    let (found, expected) = (of_prompt(&all, i), of_prompt(&one, 0));
                    assert_eq!(found.len(), expected.len());
                    let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
                    for (a, b) in found.iter().zip(&expected) {
                        assert!((a - b).abs() <= 1e-5 * largest, "{image_of:?}, prompt {i}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_image_among_others_gives_the_bits_of_the_image_alone() {
    let (sam, features) = model();
    let prompts = prompts();
    for mode in [DecodeMode::Hq, DecodeMode::Sam { multimask: true }] {
        let among = sam.predict(&features, &prompts, &[1; 5], mode).unwrap();
        let alone = sam.predict(&features.select(&[1]), &prompts, &[0; 5], mode).unwrap();
        for i in 0..5 {
            assert_eq!(of_prompt(&among, i), of_prompt(&alone, i));
        }
    }
}

#[test]
fn the_image_of_a_prompt_has_to_be_there() {
    let (sam, features) = model();
    let prompts = prompts();
    let mode = DecodeMode::Hq;
    for image_of in [vec![0; 4], vec![0; 6], vec![], vec![0, 1, 2, 3, 0]] {
        let refused = sam.predict(&features, &prompts, &image_of, mode);
        assert!(matches!(refused, Err(Error::Input { .. })), "{image_of:?}");
        let encoded = sam.encode_prompts(&prompts[1..2]).unwrap();
        let refused = sam.decode(&features, &encoded, &image_of, mode);
        assert!(matches!(refused, Err(Error::Input { .. })), "{image_of:?}");
    }
    assert!(sam.predict(&features, &[], &[], mode).is_err());
}

#[test]
fn prompts_are_read_and_written_as_json() {
    for prompt in prompts() {
        let json = serde_json::to_string(&prompt).unwrap();
        assert_eq!(serde_json::from_str::<PromptInput>(&json).unwrap(), prompt);
    }
    let point = PromptInput::from_points([PromptPoint::new(3.0, 4.5, 1)]);
    let json = r#"{"points":[{"x":3.0,"y":4.5,"label":1}]}"#;
    assert_eq!(serde_json::to_string(&point).unwrap(), json);
    assert!(serde_json::from_str::<PromptInput>(&json.replace("points", "point")).is_err());
}
