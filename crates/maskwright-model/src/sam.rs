//! The whole model.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};

use crate::config::SamConfig;
use crate::conventions::{Conventions, PIXEL_MEAN, PIXEL_STD};
use crate::error::{Error, Result};
use crate::image_encoder::{ImageFeatures, PlacedEncoder, per_prompt};
use crate::init::Init;
use crate::mask_decoder::{DecodeMode, Decoded, MaskDecoder, MaskOutput};
use crate::ops::normalise::{Pixels, normalised};
use crate::ops::{Tf32, rows};
use crate::prompt_encoder::{PromptEmbeddings, PromptEncoder, PromptInput};

/// A Segment Anything model, with or without the HQ head.
#[derive(Module, Debug)]
pub struct Sam {
    /// Pixels to features; see [`Sam::image_encoder`].
    pub(crate) image_encoder: PlacedEncoder,
    /// Prompts to embeddings.
    pub prompt_encoder: PromptEncoder,
    /// Both to masks.
    pub mask_decoder: MaskDecoder,
    #[module(skip)]
    pub(crate) tf32: Tf32,
    #[module(skip)]
    config: SamConfig,
    #[module(skip)]
    conventions: Option<Box<Conventions>>,
}

impl SamConfig {
    /// Makes a model with fresh parameters (PyTorch's default distributions), which are a pure
    /// function of this configuration and the seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that cannot be.
    pub fn init(&self, device: &Device, seed: u64) -> Result<Sam> {
        self.validate()?;
        let init = Init::new(device, seed);
        Ok(Sam {
            image_encoder: PlacedEncoder::new(
                self.encoder.init(init.part("image_encoder"), &self.frame()),
            ),
            prompt_encoder: PromptEncoder::new(init.part("prompt_encoder"), self),
            mask_decoder: MaskDecoder::new(init.part("mask_decoder"), self),
            tf32: Tf32::default(),
            config: self.clone(),
            conventions: None,
        })
    }
}

impl Sam {
    /// What the model is made of.
    pub fn config(&self) -> &SamConfig {
        &self.config
    }

    /// How the model was trained and validated, where that is known: not of a file of others.
    pub fn conventions(&self) -> Option<&Conventions> {
        self.conventions.as_deref()
    }

    /// The same model, known to be used so; the files that it is written to will say it.
    ///
    /// # Errors
    /// [`Error::Config`] for values that no model is trained with ([`Conventions::check`]).
    pub fn with_conventions(mut self, conventions: Conventions) -> Result<Self> {
        conventions.check().map_err(|reason| Error::Config {
            field: "conventions",
            value: format!("{conventions:?}"),
            reason,
        })?;
        self.conventions = Some(Box::new(conventions));
        Ok(self)
    }

    /// Normalises images of the model's size by the mean and deviation of its [`Conventions`], or
    /// SAM's: `pixels` are `batch` times `[3, s, s]` RGB in row order. Gives `[batch, 3, s, s]`.
    ///
    /// # Errors
    /// [`Error::Input`] if there are not `batch * 3 * s * s` values.
    pub fn preprocess(&self, pixels: &[u8], batch: usize, device: &Device) -> Result<Tensor<4>> {
        let side = self.config.image_size;
        self.preprocess_padded(pixels, batch, [side, side], device)
    }

    /// Normalises images that may be smaller than the model's: `batch` times `[3, h, w]`. Below and
    /// to the right they are filled with zeros after normalisation, as SAM's predictor does.
    ///
    /// The pixels go to the device as they are, and become f32 there.
    ///
    /// # Errors
    /// [`Error::Input`] if there are not `batch * 3 * h * w` values, or h or w exceed the model's.
    pub fn preprocess_padded(
        &self,
        pixels: &[u8],
        batch: usize,
        [h, w]: [usize; 2],
        device: &Device,
    ) -> Result<Tensor<4>> {
        let side = self.config.image_size;
        if h > side || w > side {
            return Err(Error::Input {
                what: "image size",
                expected: format!("at most {side} x {side}"),
                found: format!("{h} x {w}"),
            });
        }
        if batch == 0 || pixels.len() != batch * 3 * h * w {
            return Err(Error::Input {
                what: "image pixels",
                expected: format!("{batch} x 3 x {h} x {w}"),
                found: pixels.len().to_string(),
            });
        }
        let (mean, deviation) = match &self.conventions {
            Some(conventions) => (conventions.pixel_mean, conventions.pixel_std),
            None => (PIXEL_MEAN, PIXEL_STD),
        };
        let images = Pixels { values: pixels, shape: [batch, 3, h, w] };
        Ok(normalised(images, mean, deviation, side, device))
    }

    /// Encodes normalised images `[b, 3, s, s]`.
    pub fn encode_image(&self, images: Tensor<4>) -> ImageFeatures {
        self.image_encoder.forward(images, self.tf32)
    }

    /// The same features with the part of the HQ head that depends on the image alone, so that it
    /// runs once for any number of prompts; for a model without the head they stay as they are.
    ///
    /// Not for training: it would have to be made anew after every change of the head.
    #[must_use]
    pub fn with_hq_features(&self, features: ImageFeatures) -> ImageFeatures {
        let hq = self.mask_decoder.hq.as_ref().map(|head| head.features(&features, self.tf32));
        ImageFeatures { hq, ..features }
    }

    /// Encodes prompts that all have the same number of tokens; see [`Sam::predict`] for others.
    ///
    /// # Errors
    /// As [`PromptEncoder::forward`].
    pub fn encode_prompts(&self, prompts: &[PromptInput]) -> Result<PromptEmbeddings> {
        self.prompt_encoder.forward(prompts, self.tf32)
    }

    /// Decodes encoded prompts: prompt i is for image `image_of[i]` of `features`.
    ///
    /// # Errors
    /// As [`MaskDecoder::forward`].
    pub fn decode(
        &self,
        features: &ImageFeatures,
        prompts: &PromptEmbeddings,
        image_of: &[usize],
        mode: DecodeMode,
    ) -> Result<MaskOutput> {
        let dense_pe = self.prompt_encoder.dense_pe(self.tf32);
        self.mask_decoder.forward(features, dense_pe, prompts, image_of, mode, self.tf32)
    }

    /// Encodes and decodes prompts of any kinds: prompt i is for image `image_of[i]` of `features`.
    /// An image may have any number of prompts.
    ///
    /// Prompts of the same number of tokens go through the transformer together; what follows it
    /// runs once for all. The outputs are in the order of the prompts.
    ///
    /// # Errors
    /// As [`PromptEncoder::forward`] (save that token counts may differ) and
    /// [`MaskDecoder::forward`].
    pub fn predict(
        &self,
        features: &ImageFeatures,
        prompts: &[PromptInput],
        image_of: &[usize],
        mode: DecodeMode,
    ) -> Result<MaskOutput> {
        features.check(prompts.len(), image_of)?;
        let groups = group_by_tokens(prompts);
        let dense_pe = self.prompt_encoder.dense_pe(self.tf32);
        let mut order = Vec::with_capacity(prompts.len());
        let (mut tokens, mut image) = (Vec::new(), Vec::new());
        for group in groups.values() {
            // Errors shall name a prompt's place in the whole list.
            for &i in group {
                self.prompt_encoder.check(i, &prompts[i])?;
            }
            let members: Vec<PromptInput> = group.iter().map(|&i| prompts[i].clone()).collect();
            let encoded = self.prompt_encoder.forward(&members, self.tf32)?;
            let images: Vec<usize> = group.iter().map(|&i| image_of[i]).collect();
            let embedding = per_prompt(features.embedding.clone(), &images);
            let pe = dense_pe.clone();
            let decoded = self.mask_decoder.transform(embedding, pe, &encoded, mode, self.tf32)?;
            tokens.push(decoded.tokens);
            image.push(decoded.image);
            order.extend_from_slice(group);
        }
        let mut place = vec![0; order.len()];
        for (at, &prompt) in order.iter().enumerate() {
            place[prompt] = at;
        }
        let decoded = Decoded {
            tokens: rows(Tensor::cat(tokens, 0), &place),
            image: rows(Tensor::cat(image, 0), &place),
        };
        self.mask_decoder.heads(features, image_of, decoded, mode, self.tf32)
    }
}

/// The prompts' places by their number of tokens; each group can be encoded at once.
pub fn group_by_tokens(prompts: &[PromptInput]) -> BTreeMap<usize, Vec<usize>> {
    let mut groups = BTreeMap::<usize, Vec<usize>>::new();
    for (i, prompt) in prompts.iter().enumerate() {
        groups.entry(prompt.token_count()).or_default().push(i);
    }
    groups
}

/// Bilinear resize of `[b, n, h, w]` with half-pixel centres (align_corners=false, no antialias), as
/// PyTorch's.
pub fn resize_bilinear(x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if [h, w] == size {
        return x;
    }
    let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
    interpolate(x, options.with_output_size(size))
}

impl Sam {
    /// Brings mask logits to the original image: up to the model's input size, cut to `input_size`
    /// (the part of the input that shows the image, `[h, w]`), and resized to `original_size`.
    pub fn postprocess_masks(
        &self,
        masks: Tensor<4>,
        input_size: [usize; 2],
        original_size: [usize; 2],
    ) -> Tensor<4> {
        let side = self.config.image_size;
        let [b, n, _, _] = masks.dims();
        let masks = resize_bilinear(masks, [side, side]);
        let [h, w] = input_size.map(|v| v.clamp(1, side));
        resize_bilinear(masks.slice([0..b, 0..n, 0..h, 0..w]), original_size)
    }
}
