//! Samples of one step, side by side in memory.

use crate::prompt::Prompt;
use crate::sample::SampleInfo;

/// The samples of one training step.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainBatch {
    /// `[batch_size, 3, size, size]`: row-major, 0..=255, not normalised.
    pub images: Vec<u8>,
    /// `[batch_size, 1, size, size]`: row-major, 0.0..=255.0; above 128 is foreground.
    pub labels: Vec<f32>,
    /// One per sample.
    pub prompts: Vec<Prompt>,
    /// One per sample.
    pub samples: Vec<SampleInfo>,
    /// Number of samples.
    pub batch_size: usize,
    /// Height and width of a sample.
    pub size: usize,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch of this rank in the epoch, from 0.
    pub index: u64,
}

impl TrainBatch {
    /// The image of one sample: `[3, size, size]`.
    ///
    /// # Panics
    ///
    /// If there is no such sample.
    pub fn image(&self, sample: usize) -> &[u8] {
        let len = 3 * self.size * self.size;
        &self.images[sample * len..(sample + 1) * len]
    }

    /// The label of one sample: `[size, size]`.
    ///
    /// # Panics
    ///
    /// If there is no such sample.
    pub fn label(&self, sample: usize) -> &[f32] {
        let len = self.size * self.size;
        &self.labels[sample * len..(sample + 1) * len]
    }
}
