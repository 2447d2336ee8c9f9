//! Where a model computes, and in what precision.
//!
//! On an accelerator a frozen image encoder runs in bf16, as PyTorch's autocast would have it: the
//! factors of products are bf16, while norms, softmax, positions and the sums between the blocks stay
//! f32. Everything else, and whatever learns, stays f32; see [`crate::ops::products`] for what f32
//! means there.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::image_encoder::ImageEncoder;
use crate::ops::products::on_cpu;
use crate::sam::Sam;

/// What a frozen image encoder multiplies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// bfloat16, with sums in f32.
    #[default]
    Bf16,
    /// f32.
    F32,
}

impl std::str::FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "bf16" => Ok(Self::Bf16),
            "f32" => Ok(Self::F32),
            _ => Err(format!("expected bf16 or f32, found {name:?}")),
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        })
    }
}

impl Sam {
    /// The model on a device, its encoder frozen and in this precision.
    ///
    /// The encoder's own parameters stay where they are, in f32, for checkpoints; what computes is a
    /// copy. On the CPU a model in f32 computes with its own.
    #[must_use]
    pub fn with_frozen_encoder_on(mut self, device: &Device, precision: Precision) -> Self {
        self.encoder_copy = if on_cpu(device) && precision == Precision::F32 {
            None
        } else {
            let copy = self.image_encoder.clone().to_device(device);
            Some(Box::new(in_precision(copy, precision)))
        };
        self.rest_on(device)
    }

    /// The whole model on a device, in f32, for training all of it.
    #[must_use]
    pub fn on(mut self, device: &Device) -> Self {
        self.encoder_copy = None;
        self.image_encoder = self.image_encoder.to_device(device);
        self.rest_on(device)
    }

    /// The device that it computes on, without autodiff.
    pub fn device(&self) -> Device {
        self.prompt_encoder.device().without_autodiff()
    }

    fn rest_on(mut self, device: &Device) -> Self {
        self.prompt_encoder = self.prompt_encoder.to_device(device);
        self.mask_decoder = self.mask_decoder.to_device(device);
        self
    }
}

fn in_precision(encoder: ImageEncoder, precision: Precision) -> ImageEncoder {
    match precision {
        Precision::F32 => encoder,
        Precision::Bf16 => encoder.map(&mut Weights { name: Vec::new() }),
    }
}

/// Puts the weights of linear layers and convolutions into bf16; a layer's result has the type of
/// its weight.
struct Weights {
    name: Vec<String>,
}

impl ModuleMapper for Weights {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.name.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.name.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Of one axis are the weights of norms.
        let multiplies = D > 1 && self.name.last().is_some_and(|name| name == "weight");
        if multiplies { param.map(|tensor| tensor.cast(DType::BF16)) } else { param }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EncoderConfig, SamConfig, TinyVitConfig};
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
            // What a checkpoint gets is not rounded.
            assert!(state_dict(&sam) == kept);
            let sam = sam.with_frozen_encoder_on(&device, Precision::F32);
            assert_eq!(off(sam.encode_image(images).embedding, exact.embedding), 0.0);
        }
    }
}
