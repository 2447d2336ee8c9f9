//! Where a model computes, and in what precision.
//!
//! On an accelerator a frozen image encoder runs in bf16, as PyTorch's autocast would have it: the
//! factors of products are bf16, while norms, softmax, positions and the sums between the blocks stay
//! f32. Everything else, and whatever learns, stays f32; see [`crate::ops::products`] for what f32
//! means there.

use burn::module::Module;
use burn::tensor::Device;

use crate::image_encoder::{ImageEncoder, Precision};
use crate::ops::Tf32;
use crate::ops::products::on_cpu;
use crate::sam::Sam;

impl Sam {
    /// The model on a device, its encoder frozen and in this precision.
    ///
    /// The encoder's own parameters stay where they are, in f32, for checkpoints; what computes is a
    /// copy ([`PlacedEncoder`](crate::image_encoder::PlacedEncoder)). On the CPU a model in f32 computes
    /// with its own.
    #[must_use]
    pub fn with_frozen_encoder_on(mut self, device: &Device, precision: Precision) -> Self {
        self.image_encoder = self.image_encoder.frozen_on(device, precision);
        self.rest_on(device)
    }

    /// The whole model on a device, in f32, for training all of it.
    #[must_use]
    pub fn on(mut self, device: &Device) -> Self {
        self.image_encoder = self.image_encoder.on(device);
        self.rest_on(device)
    }

    /// The same model, with or without products of factors that are rounded to TF32, where the device
    /// makes such.
    #[must_use]
    pub fn with_tf32(mut self, tf32: Tf32) -> Self {
        self.tf32 = tf32;
        self
    }

    /// The device that it computes on, without autodiff.
    pub fn device(&self) -> Device {
        self.prompt_encoder.device().without_autodiff()
    }

    /// Returns whether that is the CPU.
    pub fn computes_on_cpu(&self) -> bool {
        on_cpu(&self.device())
    }

    /// The image encoder with its own parameters, whatever computes in their stead.
    pub fn image_encoder(&self) -> &ImageEncoder {
        self.image_encoder.parameters()
    }

    /// The image encoder's parameters, to be changed. A frozen copy of them is dropped: from here on the
    /// parameters compute, in f32.
    pub fn image_encoder_mut(&mut self) -> &mut ImageEncoder {
        self.image_encoder.parameters_mut()
    }

    fn rest_on(mut self, device: &Device) -> Self {
        self.prompt_encoder = self.prompt_encoder.to_device(device);
        self.mask_decoder = self.mask_decoder.to_device(device);
        self
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Tensor};

    use super::*;
    use crate::config::SamConfig;
    use crate::image_encoder::{EncoderConfig, TinyVitConfig};
    use crate::weights::state_dict;

    fn off(a: Tensor<4>, b: Tensor<4>) -> f32 {
        assert_eq!(a.dtype(), DType::F32);
        let scale = b.clone().abs().max().into_scalar::<f32>();
        (a - b).abs().max().into_scalar::<f32>() / scale
    }

    #[test]
    fn a_frozen_encoder_in_bf16_is_near_the_one_in_f32_and_not_equal_to_it() {
        let device = Device::flex();
        let vit = SamConfig::small(64, 16, 32, 2);
        let tiny = EncoderConfig::TinyVit(TinyVitConfig {
            embed_dims: [16, 32, 48, 64],
            depths: [1, 1, 2, 1],
            heads: [1, 2, 2],
            windows: [3, 4, 2],
            classes: 3,
        });
        let tiny = SamConfig { encoder: tiny, ..vit.clone() };
        for config in [vit, tiny] {
            let sam = config.init(&device, 3).expect("a model").frozen();
            let bytes: Vec<u8> = (0..3 * 64 * 64).map(|i| (i * 37 % 251) as u8).collect();
            let images = sam.preprocess(&bytes, 1, &device).expect("a size");
            let exact = sam.encode_image(images.clone());
            let kept = state_dict(&sam);
            let sam = sam.with_frozen_encoder_on(&device, Precision::Bf16);
            let found = sam.encode_image(images.clone());
            for (found, exact) in
                [(found.embedding, exact.embedding.clone()), (found.early, exact.early)]
            {
                let off = off(found, exact);
                assert!((1e-5..4e-2).contains(&off), "{off}");
            }
            // Neither the number of threads nor what else is in the batch changes a bit.
            let bits = |sam: &Sam, images: Tensor<4>| {
                let features = sam.encode_image(images);
                [features.embedding, features.early].map(|map| map.into_data())
            };
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
            let one = bits(&sam, images.clone());
            assert!(one == alone.install(|| bits(&sam, images.clone())));
            let other = Tensor::ones([1, 3, 64, 64], &device);
            let both = Tensor::cat(vec![other, images.clone()], 0);
            let second = sam.encode_image(both).select(&[1]);
            assert!(one == [second.embedding, second.early].map(|map| map.into_data()));
            // What a checkpoint gets is not rounded.
            assert!(state_dict(&sam) == kept);
            let sam = sam.with_frozen_encoder_on(&device, Precision::F32);
            assert_eq!(off(sam.encode_image(images).embedding, exact.embedding), 0.0);
        }
    }

    /// Whatever changes the parameters of a frozen encoder changes what it computes.
    #[test]
    fn a_frozen_copy_is_never_out_of_date() {
        let device = Device::flex();
        let config = SamConfig::small(64, 16, 32, 2);
        let placed = |seed| {
            let sam = config.init(&device, seed).expect("a model").frozen();
            sam.with_frozen_encoder_on(&device, Precision::Bf16)
        };
        let images = Tensor::ones([1, 3, 64, 64], &device);
        let embedding = |sam: &Sam| sam.encode_image(images.clone()).embedding;
        let exact = embedding(&config.init(&device, 4).expect("a model").frozen());

        // Another checkpoint into it.
        let other = state_dict(&config.init(&device, 4).expect("a model"));
        let sam = crate::weights::apply(placed(3), &other).expect("fits").sam;
        assert!(!sam.image_encoder.is_frozen());
        assert_eq!(off(embedding(&sam), exact.clone()), 0.0);

        // By hand.
        let mut sam = placed(3);
        assert!(sam.image_encoder.is_frozen());
        *sam.image_encoder_mut() =
            config.init(&device, 4).expect("a model").image_encoder().clone();
        assert_eq!(off(embedding(&sam), exact), 0.0);

        // Training: of something else it stays, of itself it goes.
        let head = placed(3).training(&crate::Trainable::Hq);
        assert!(head.image_encoder.is_frozen());
        let all = placed(3).training(&crate::Trainable::All);
        assert!(!all.image_encoder.is_frozen());
        assert!(embedding(&all).is_autodiff());
    }
}
