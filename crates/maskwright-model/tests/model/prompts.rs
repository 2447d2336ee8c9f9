//! Prompts in batches: each is answered as if it were asked alone.

use std::sync::Arc;

use crate::common::{close, device};
use maskwright_model::weights::StateTensor;
use maskwright_model::{DecodeMode, PromptInput, PromptPoint, SamConfig};

#[test]
fn batches_of_mixed_prompts_match_single_ones() {
    let device = device();
    let sam = SamConfig::small(64, 8, 32, 3).init(&device, 5).unwrap();
    let pixels: Vec<u8> = (0..4 * 3 * 64 * 64).map(|i| (i * 7919 % 251) as u8).collect();
    let features = sam.encode_image(sam.preprocess(&pixels, 4, &device).unwrap());
    let mask: Arc<[f32]> = (0..32 * 32).map(|i| if i % 5 < 2 { 255.0 } else { 0.0 }).collect();
    let boxed =
        PromptInput { mask: Some(mask.clone()), ..PromptInput::from_box([9.0, 3.0, 40.0, 50.0]) };
    let prompts = [
        PromptInput::from_points([PromptPoint::new(3.0, 4.0, 1)]),
        PromptInput::from_mask(mask),
        boxed,
        PromptInput::from_points([PromptPoint::new(3.0, 4.0, 1), PromptPoint::new(30.0, 20.0, 0)]),
    ];
    for mode in
        [DecodeMode::Hq, DecodeMode::Sam { multimask: true }, DecodeMode::Both { multimask: false }]
    {
        let all = sam.predict(&features, &prompts, &[0, 1, 2, 3], mode).unwrap();
        // Of one image, with what the HQ head makes of it beforehand.
        let one = sam.with_hq_features(features.select(&[2]));
        assert!(one.hq.is_some());
        let shared = sam.predict(&one, &prompts, &[0; 4], mode).unwrap();
        for (i, prompt) in prompts.iter().enumerate() {
            let encoded = sam.encode_prompts(std::slice::from_ref(prompt)).unwrap();
            for (batch, image) in [(&all, i), (&shared, 2)] {
                let one = sam.decode(&features.select(&[image]), &encoded, &[0], mode).unwrap();
                let pairs = [(&batch.sam, one.sam), (&batch.hq, one.hq)];
                for (batch, one) in pairs {
                    assert_eq!(batch.is_some(), one.is_some());
                    let (Some(batch), Some(one)) = (batch, one) else { continue };
                    let row = batch.clone().narrow(0, i, 1);
                    let expected = StateTensor {
                        shape: one.dims().to_vec(),
                        values: one.try_into_vec_as::<f32>().unwrap(),
                    };
                    close("row", row, &expected, 1e-5);
                }
            }
        }
    }
}
