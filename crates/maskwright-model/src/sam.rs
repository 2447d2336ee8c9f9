//! The whole model.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::adapter::Adapter;
use crate::config::SamConfig;
use crate::conventions::{Conventions, PIXEL_MEAN, PIXEL_STD};
use crate::error::{Error, Result};
use crate::image_encoder::{EncoderState, ImageFeatures, PlacedEncoder, per_prompt};
use crate::init::Init;
use crate::mask_decoder::{DecodeMode, Decoded, MaskDecoder, MaskOutput};
use crate::ops::normalise::{Pixels, normalised};
use crate::ops::{Tf32, rows};
use crate::prompt_encoder::{PromptEmbeddings, PromptEncoder, PromptInput};
use crate::weights::by_name::{VisitByName, visit_by_name};
use crate::weights::names::Path;

/// A Segment Anything model, with or without the HQ head.
#[derive(Module, Debug)]
pub struct Sam {
    /// Computes features from pixels; see [`Sam::image_encoder`].
    pub(crate) image_encoder: PlacedEncoder,
    /// Computes embeddings from prompts.
    pub prompt_encoder: PromptEncoder,
    /// Computes masks from features and embeddings.
    pub mask_decoder: MaskDecoder,
    #[module(skip)]
    pub(crate) tf32: Tf32,
    #[module(skip)]
    config: SamConfig,
    #[module(skip)]
    conventions: Option<Box<Conventions>>,
    /// What the image encoder's weights are adapted with.
    #[module(skip)]
    pub(crate) adapter: Option<Box<Adapter>>,
}

impl SamConfig {
    /// Makes a model with fresh parameters from PyTorch's default distributions. They depend only on
    /// this configuration and the seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that is not possible.
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
            adapter: None,
        })
    }
}

impl Sam {
    /// Returns the configuration of the model.
    pub fn config(&self) -> &SamConfig {
        &self.config
    }

    /// Returns how the model was trained and validated. `None` for checkpoints from elsewhere, which do
    /// not store it.
    pub fn conventions(&self) -> Option<&Conventions> {
        self.conventions.as_deref()
    }

    /// Returns the same model with these conventions, which are stored in the files that it is written
    /// to.
    ///
    /// # Errors
    /// [`Error::Config`] for values that are not possible ([`Conventions::check`]).
    pub fn with_conventions(mut self, conventions: Conventions) -> Result<Self> {
        conventions.check().map_err(|reason| Error::Config {
            field: "conventions",
            value: format!("{conventions:?}"),
            reason,
        })?;
        self.conventions = Some(Box::new(conventions));
        Ok(self)
    }

    /// Normalises images of the model's size by the mean and deviation of its [`Conventions`], or SAM's
    /// if it has none. `pixels` are `batch` images `[3, s, s]`: red, green and blue planes, row-major,
    /// 0..=255. Returns `[batch, 3, s, s]` in f32 on `device`.
    ///
    /// # Errors
    /// [`Error::Input`] if there are not `batch * 3 * s * s` values.
    pub fn preprocess(&self, pixels: &[u8], batch: usize, device: &Device) -> Result<Tensor<4>> {
        let side = self.config.image_size;
        self.preprocess_padded(pixels, batch, [side, side], device)
    }

    /// Normalises images that may be smaller than the model's input: `batch` images `[3, h, w]`. Below
    /// and to the right of them the result has zeros, added after normalisation as in SAM's predictor.
    /// Returns `[batch, 3, s, s]`.
    ///
    /// The pixels are copied to the device as u8 and converted to f32 there.
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

    /// Runs the first pieces of the image encoder on normalised images `[b, 3, s, s]`; the rest is left to
    /// [`encode_rest`](Self::encode_rest), to the same bits as [`encode_image`](Self::encode_image).
    pub fn encode_first(&self, images: Tensor<4>, pieces: usize) -> EncoderState {
        self.image_encoder.advance(EncoderState::of_images(images), pieces, self.tf32)
    }

    /// Runs the pieces of the image encoder that are left.
    ///
    /// # Panics
    /// If `state` is not one that a model of this configuration made.
    pub fn encode_rest(&self, state: EncoderState) -> ImageFeatures {
        let pieces = self.image_encoder.parameters().pieces();
        self.image_encoder.advance(state, pieces, self.tf32).into_features()
    }

    /// Returns the features together with what of the decoder depends only on the image, or not even on
    /// that, so that it runs once for any number of prompts: the HQ head's part, and the cells' positions.
    ///
    /// Do not use it for training, where this part changes with the head.
    #[must_use]
    pub fn with_hq_features(&self, features: ImageFeatures) -> ImageFeatures {
        let hq = self.mask_decoder.hq.as_ref().map(|head| head.features(&features, self.tf32));
        ImageFeatures { hq, dense_pe: Some(self.prompt_encoder.dense_pe(self.tf32)), ..features }
    }

    /// Encodes prompts that all have the same number of tokens; see [`Sam::predict`] for others.
    ///
    /// # Errors
    /// As [`PromptEncoder::forward`].
    pub fn encode_prompts(&self, prompts: &[PromptInput]) -> Result<PromptEmbeddings> {
        self.prompt_encoder.forward(prompts, self.tf32)
    }

    /// Decodes encoded prompts. Prompt i belongs to image `image_of[i]` of `features`.
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
        let dense_pe = self.positions(features);
        self.mask_decoder.forward(features, dense_pe, prompts, image_of, mode, self.tf32)
    }

    /// Encodes and decodes prompts of any kinds, at least one. Prompt i belongs to image `image_of[i]`
    /// of `features`, and an image may have any number of prompts. Coordinates are in pixels of the
    /// model's input.
    ///
    /// Prompts with the same number of tokens go through the transformer together. The rest of the
    /// decoder runs once for all prompts. The outputs are in the order of the prompts. On the CPU, where nothing is
    /// derived, prompts are decoded by themselves, several at once: what one makes fits the caches then.
    ///
    /// # Errors
    /// As [`PromptEncoder::forward`] (except that the numbers of tokens may differ) and
    /// [`MaskDecoder::forward`].
    pub fn predict(
        &self,
        features: &ImageFeatures,
        prompts: &[PromptInput],
        image_of: &[usize],
        mode: DecodeMode,
    ) -> Result<MaskOutput> {
        features.check(prompts.len(), image_of)?;
        // Here, where errors can name a prompt's place in the whole list.
        for (i, prompt) in prompts.iter().enumerate() {
            self.prompt_encoder.check(i, prompt)?;
        }
        if prompts.len() > 1 && self.computes_on_cpu() && !self.decoding_is_recorded(features) {
            return self.predict_each(features, prompts, image_of, mode);
        }
        let groups = group_by_tokens(prompts);
        let dense_pe = self.positions(features);
        let mut order = Vec::with_capacity(prompts.len());
        let (mut tokens, mut image) = (Vec::new(), Vec::new());
        for group in groups.values() {
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
        let decoded =
            Decoded { tokens: rows(joined(tokens), &place), image: rows(joined(image), &place) };
        self.mask_decoder.heads(features, image_of, decoded, mode, self.tf32)
    }

    /// The same, a prompt at a time on each thread.
    fn predict_each(
        &self,
        features: &ImageFeatures,
        prompts: &[PromptInput],
        image_of: &[usize],
        mode: DecodeMode,
    ) -> Result<MaskOutput> {
        let dense_pe = Some(self.positions(features));
        let features = ImageFeatures { dense_pe, ..features.clone() };
        let each = prompts.par_iter().zip(image_of).map(|(prompt, &image)| {
            self.predict(&features, std::slice::from_ref(prompt), &[image], mode)
        });
        let each = each.collect::<Result<Vec<MaskOutput>>>()?;
        let joined = |of: fn(&MaskOutput) -> Option<Tensor<4>>| {
            let parts: Option<Vec<Tensor<4>>> = each.iter().map(of).collect();
            parts.map(|parts| Tensor::cat(parts, 0))
        };
        let iou: Option<Vec<Tensor<2>>> = each.iter().map(|one| one.iou.clone()).collect();
        Ok(MaskOutput {
            sam: joined(|one| one.sam.clone()),
            iou: iou.map(|parts| Tensor::cat(parts, 0)),
            hq: joined(|one| one.hq.clone()),
        })
    }

    /// Whether a backward pass may follow what is made of these features.
    fn decoding_is_recorded(&self, features: &ImageFeatures) -> bool {
        struct Recorded(bool);
        impl VisitByName for Recorded {
            fn visit<const D: usize>(&mut self, _: &Path, param: &Param<Tensor<D>>) {
                self.0 |= param.val().is_autodiff();
            }
        }
        let mut recorded = Recorded(features.embedding.is_autodiff());
        visit_by_name(&self.prompt_encoder, &mut recorded);
        visit_by_name(&self.mask_decoder, &mut recorded);
        recorded.0
    }

    fn positions(&self, features: &ImageFeatures) -> Tensor<2> {
        let made = features.dense_pe.clone();
        made.unwrap_or_else(|| self.prompt_encoder.dense_pe(self.tf32))
    }
}

/// Groups behind one another; one alone is not copied.
fn joined(mut groups: Vec<Tensor<3>>) -> Tensor<3> {
    match groups.len() {
        1 => groups.remove(0),
        _ => Tensor::cat(groups, 0),
    }
}

/// Returns the indices of the prompts, grouped by their number of tokens. Each group can be encoded at
/// once.
pub fn group_by_tokens(prompts: &[PromptInput]) -> BTreeMap<usize, Vec<usize>> {
    let mut groups = BTreeMap::<usize, Vec<usize>>::new();
    for (i, prompt) in prompts.iter().enumerate() {
        groups.entry(prompt.token_count()).or_default().push(i);
    }
    groups
}

/// Resizes `[b, n, h, w]` bilinearly to `size`, `[height, width]`, with half-pixel centres
/// (`align_corners = false`, no antialiasing), as PyTorch does.
pub fn resize_bilinear(x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if [h, w] == size {
        return x;
    }
    let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
    interpolate(x, options.with_output_size(size))
}

impl Sam {
    /// Maps mask logits `[b, n, m, m]` to the original image. They are resized to the model's input
    /// size, cut to `input_size` `[h, w]`, the part of the input that shows the image, and resized to
    /// `original_size` `[height, width]`.
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
