//! Images as the model sees them: each is encoded once, however many of its objects follow each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use maskwright_data::geometry::Geometry;
use maskwright_data::sample::EvalSample;
use maskwright_model::{ImageFeatures, Sam};

use crate::error::Result;

/// Encodes the images of samples.
pub(super) struct Encoder<'a> {
    sam: &'a Sam,
    device: &'a Device,
    last: Option<Encoded>,
    /// The number of images that were encoded.
    pub(super) images: usize,
    /// The time that it took.
    pub(super) took: Duration,
}

struct Encoded {
    sample: Arc<EvalSample>,
    features: ImageFeatures,
}

impl Encoded {
    /// Whether a sample shows the same pixels in the same way.
    fn is_of(&self, sample: &EvalSample) -> bool {
        let shown = |geometry: &Geometry| geometry.visible();
        shown(&self.sample.geometry) == shown(&sample.geometry) && self.sample.image == sample.image
    }
}

impl<'a> Encoder<'a> {
    pub(super) fn new(sam: &'a Sam, device: &'a Device) -> Self {
        Self { sam, device, last: None, images: 0, took: Duration::ZERO }
    }

    /// The features of a sample's image, with the part of the HQ head that depends on nothing else.
    pub(super) fn features(&mut self, sample: &Arc<EvalSample>) -> Result<ImageFeatures> {
        if let Some(last) = self.last.as_ref().filter(|last| last.is_of(sample)) {
            return Ok(last.features.clone());
        }
        let started = Instant::now();
        let shown = sample.geometry.visible();
        let size = [shown.height, shown.width];
        let input = self.sam.preprocess_fitted(&sample.image, size, self.device)?;
        let features = self.sam.with_hq_features(self.sam.encode_image(input));
        self.images += 1;
        self.took += started.elapsed();
        self.last = Some(Encoded { sample: Arc::clone(sample), features: features.clone() });
        Ok(features)
    }
}
