//! The image features of a batch: from the encoder, or from a cache of views.
//!
//! Where the encoder is frozen, the features of a view are the same whenever it is shown. With a fixed number of views of
//! each record ([`LoaderConfig::views`](maskwright_data::loader::LoaderConfig::views)) they can be computed once and kept on
//! disk ([`FeatureCache`]), while objects, prompts and clicks are drawn anew in every epoch. Where only its first blocks are
//! frozen, what they make of a view is kept, and each step goes on from there. Images of views that are kept are not
//! decoded.

mod cache;

use maskwright_data::batch::TrainBatch;
use maskwright_model::Sam;
use maskwright_model::image_encoder::EncoderState;

pub(crate) use cache::Making;
pub use cache::{CacheConfig, CacheInfo, FeatureCache, FeatureType, default_folder, list, remove};

use crate::error::Result;

/// Runs the first `pieces` of the encoder on the images of a batch: those that are frozen
/// ([`Sam::frozen_pieces`]), since what they do is not recorded.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if the images do not fit the model.
pub fn encode(model: &Sam, batch: &TrainBatch, pieces: usize) -> Result<EncoderState> {
    encode_first(model, &batch.images, batch.views.len(), pieces)
}

/// Runs the first pieces of the encoder on `count` images `[3, s, s]`, 0..=255, which are normalised by the model's own mean
/// and deviation on its device.
pub(crate) fn encode_first(
    model: &Sam,
    pixels: &[u8],
    count: usize,
    pieces: usize,
) -> Result<EncoderState> {
    // Plain tensors: what depends on frozen parameters alone is not recorded.
    let images = model.preprocess(pixels, count, &model.device())?;
    Ok(model.encode_first(images, pieces))
}
