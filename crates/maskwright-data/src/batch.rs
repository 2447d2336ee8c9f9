//! Views of one step, side by side in memory.

use crate::prompt::Prompt;
use crate::sample::{ObjectInfo, ViewInfo};

/// What one training step is made of: `b` views, each one image, with `n` objects in them, at least one in each.
///
/// The objects lie in the order of their views.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainBatch {
    /// `[b, 3, size, size]`: row-major, 0..=255, not normalised.
    pub images: Vec<u8>,
    /// `[n, size, size]`: row-major, 0.0..=255.0; above 128 is foreground.
    pub labels: Vec<f32>,
    /// `n` prompts, one per object.
    pub prompts: Vec<Prompt>,
    /// `n` numbers below `b`, one per object: the image that shows it.
    pub image_of: Vec<usize>,
    /// `n` infos, one per object.
    pub objects: Vec<ObjectInfo>,
    /// `b` infos, one per image.
    pub views: Vec<ViewInfo>,
    /// Height and width of the images and labels.
    pub size: usize,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch of this rank in the epoch, from 0.
    pub index: u64,
}

impl TrainBatch {
    /// One image: `[3, size, size]`.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn image(&self, view: usize) -> &[u8] {
        let len = 3 * self.size * self.size;
        &self.images[view * len..(view + 1) * len]
    }

    /// The label of one object: `[size, size]`.
    ///
    /// # Panics
    ///
    /// If there is no such object.
    pub fn label(&self, object: usize) -> &[f32] {
        let len = self.size * self.size;
        &self.labels[object * len..(object + 1) * len]
    }
}
