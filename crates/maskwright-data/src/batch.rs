//! A batch: the views of one training step, contiguous in memory.

use maskwright_image::mask::Bitmap;

use crate::prompt::Prompt;
use crate::sample::{ObjectInfo, ViewInfo};

/// The data of one training step: `b` views, each of one image, with `n` objects in total and at least
/// one in each view.
///
/// Objects are in the order of their views.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainBatch {
    /// The images `[b, 3, size, size]`: red, green and blue planes, row-major, 0..=255, not normalised. Those that the loader
    /// [need not decode](crate::loader::LoaderConfig::without_pixels) have undefined pixels.
    pub images: Vec<u8>,
    /// The labels `[n, size, size]`: row-major, 0.0..=255.0; above 128 is foreground.
    pub labels: Vec<f32>,
    /// The `n` prompts, one per object, in pixels of the views.
    pub prompts: Vec<Prompt>,
    /// For each of the `n` objects the number of the image that shows it, below `b`.
    pub image_of: Vec<usize>,
    /// The `n` objects: which they are, and how their prompts were drawn.
    pub objects: Vec<ObjectInfo>,
    /// For each of the `n` objects the pixels of its label that count for nothing; `None` where all count.
    pub ignored: Vec<Option<Bitmap>>,
    /// The `b` views: where they come from, and how they were made.
    pub views: Vec<ViewInfo>,
    /// Height and width of the images and labels.
    pub size: usize,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The number of the batch in this rank's epoch, from 0.
    pub index: u64,
}

impl TrainBatch {
    /// Returns one image, `[3, size, size]`.
    ///
    /// # Panics
    ///
    /// If there is no image of this number.
    pub fn image(&self, view: usize) -> &[u8] {
        let len = 3 * self.size * self.size;
        &self.images[view * len..(view + 1) * len]
    }

    /// Returns the label of one object, `[size, size]`.
    ///
    /// # Panics
    ///
    /// If there is no object of this number.
    pub fn label(&self, object: usize) -> &[f32] {
        let len = self.size * self.size;
        &self.labels[object * len..(object + 1) * len]
    }
}
