//! The output of an image encoder: feature maps by name.

use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::ops::rows;

/// The features of a batch of images, channels-last.
#[derive(Debug, Clone)]
pub struct ImageFeatures {
    /// The image embedding `[b, g, g, prompt_dim]`.
    pub embedding: Tensor<4>,
    /// An early feature `[b, g, g, early_dim]` for the HQ head: the output of the first global block
    /// of a vision transformer, or of TinyViT's second stage. HQ-SAM calls it `interm_embeddings[0]`.
    pub early: Tensor<4>,
    /// The HQ head's feature of both, if it was computed beforehand; see
    /// [`Sam::with_hq_features`](crate::Sam::with_hq_features).
    pub hq: Option<Tensor<4>>,
    /// The positions of the cells, if they were computed beforehand; likewise.
    pub dense_pe: Option<Tensor<2>>,
}

impl ImageFeatures {
    /// Returns the number of images.
    pub fn batch(&self) -> usize {
        self.embedding.dims()[0]
    }

    /// Returns the features of these images, in this order.
    #[must_use]
    pub fn select(&self, images: &[usize]) -> Self {
        Self {
            embedding: rows(self.embedding.clone(), images),
            early: rows(self.early.clone(), images),
            hq: self.hq.clone().map(|hq| rows(hq, images)),
            dense_pe: self.dense_pe.clone(),
        }
    }

    /// Refuses a list of images, one for each of so many prompts, that names one that is not here.
    pub(crate) fn check(&self, prompts: usize, image_of: &[usize]) -> Result<()> {
        if prompts == 0 || image_of.len() != prompts {
            return Err(Error::Input {
                what: "prompts",
                expected: format!("at least one, and an image for each ({})", image_of.len()),
                found: prompts.to_string(),
            });
        }
        match image_of.iter().find(|&&image| image >= self.batch()) {
            Some(image) => Err(Error::Input {
                what: "image of a prompt",
                expected: format!("below the number of images ({})", self.batch()),
                found: image.to_string(),
            }),
            None => Ok(()),
        }
    }
}

/// The map of the image of every prompt: `[images, ..]` to `[prompts, ..]`, or to `[1, ..]`, which
/// stands for all, where the prompts are of one image. Nothing is copied then, nor where prompt i is
/// for image i.
pub(crate) fn per_prompt<const D: usize>(images: Tensor<D>, image_of: &[usize]) -> Tensor<D> {
    match image_of {
        [first, rest @ ..] if rest.iter().all(|image| image == first) => rows(images, &[*first]),
        _ => rows(images, image_of),
    }
}
