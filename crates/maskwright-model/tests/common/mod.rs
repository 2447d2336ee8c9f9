//! What the integration tests share.
#![allow(dead_code, reason = "not every test uses everything")]

pub(crate) mod golden;

use burn::tensor::{Device, Tensor};
use maskwright_model::weights::StateTensor;
use maskwright_model::{DecodeMode, EncoderConfig, ImageFeatures, PromptInput, Sam, SamConfig};

/// A TinyViT of the smallest sizes, for the official input.
pub(crate) fn tiny_vit() -> SamConfig {
    let mut config = SamConfig::vit_tiny();
    let EncoderConfig::TinyVit(tiny) = &mut config.encoder else { panic!("not a TinyViT") };
    tiny.embed_dims = [8, 16, 24, 32];
    tiny.depths = [1, 1, 1, 1];
    tiny.heads = [2, 2, 2];
    tiny.windows = [3, 4, 2];
    tiny.classes = 3;
    config.prompt_dim = 64;
    config
}

/// The CPU, or with `MASKWRIGHT_TEST_DEVICE=cuda` the first GPU, in a build with that feature.
pub(crate) fn device() -> Device {
    match std::env::var("MASKWRIGHT_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => Device::flex(),
        #[cfg(feature = "cuda")]
        Ok("cuda") => Device::cuda(0),
        Ok(other) => panic!("no device {other:?} in this build"),
    }
}

/// Fails unless the largest difference is within `tolerance` of the largest expected value.
#[track_caller]
pub(crate) fn close<const D: usize>(
    what: &str,
    found: Tensor<D>,
    expected: &StateTensor,
    tolerance: f32,
) {
    assert_eq!(found.dims().as_slice(), expected.shape.as_slice(), "{what}: shape");
    let found = found.try_into_vec_as::<f32>().unwrap();
    let maximum = expected.values.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = found.iter().zip(&expected.values).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(
        worst <= tolerance * maximum.max(1e-6),
        "{what}: off by {worst} with a maximum of {maximum}"
    );
}

/// Sum of squares of the HQ logits: its gradient reaches every HQ parameter.
pub(crate) fn loss(sam: &Sam, features: &ImageFeatures, prompts: &[PromptInput]) -> Tensor<1> {
    let output = sam.predict(features, prompts, &vec![0; prompts.len()], DecodeMode::Hq).unwrap();
    output.hq.unwrap().square().mean()
}
