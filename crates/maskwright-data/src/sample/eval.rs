//! Evaluation samples.

use std::sync::Arc;

use maskwright_image::decode::Warning;
use maskwright_image::mask::Bitmap;
use maskwright_image::{RgbImage, Size};

use crate::geometry::Geometry;
use crate::prompt::{DrawnKinds, Prompt, PromptConfig, PromptKind, SampledLabel, draw_prompt};
use crate::random::{ObjectKey, SampleKey};

/// A record as the model is evaluated on it.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalSample {
    /// `[3, size, size]`: red, green, blue planes, row-major, 0..=255, not normalised.
    pub image: Vec<u8>,
    /// Height and width of the model's input.
    pub size: usize,
    /// How the original became the input; leads back as well.
    pub geometry: Geometry,
    /// The object at the original resolution, upright like the image, without what is ignored.
    pub truth: Bitmap,
    /// The pixels that count for nothing, as object nor as background, at the original resolution; none where all count.
    pub ignored: Option<Bitmap>,
    /// `[size, size]`: the label in the frame of the input, 0.0..=255.0; above 128 is foreground.
    pub label: Vec<f32>,
    /// The pixels of the label that count for nothing; none where all count.
    pub ignored_in_label: Option<Bitmap>,
    /// Name of the set.
    pub set: Arc<str>,
    /// Name of the record in its set.
    pub name: String,
    /// Number of the record in its set.
    pub record: usize,
    /// Id of the annotation, where the record's objects lie in an annotation file.
    pub object: Option<u64>,
    /// Whether the image was turned upright by its EXIF orientation.
    pub turned: bool,
    /// The image for people, upright, where its settings ask for that ([`SampleConfig::picture_width`]) and decoding it again would
    /// take long: it is four times larger or more, and no JPEG.
    ///
    /// [`SampleConfig::picture_width`]: super::SampleConfig::picture_width
    pub picture: Option<Arc<RgbImage>>,
    /// What was odd about the image or the mask.
    pub warnings: Vec<Warning>,
    /// How many of the warnings are about the mask; these come first.
    pub mask_warnings: usize,
}

/// The epoch of evaluation draws: one that no training reaches, so that they differ from all
/// training draws.
pub(super) const EVALUATION: u64 = u64::MAX;

impl EvalSample {
    /// A prompt of one kind, drawn from the label in the frame of the input.
    ///
    /// Equal seeds give equal prompts. Weights and additional kinds of the settings do not matter
    /// here, and a point prompt on an object with fewer pixels than points repeats some. Returns
    /// `None` where the label shows no foreground at this size.
    pub fn prompt(&self, kind: PromptKind, config: &PromptConfig, seed: u64) -> Option<Prompt> {
        let config =
            PromptConfig { kinds: crate::prompt::KindWeights::only(kind), ..config.clone() };
        let foreground = Bitmap::from_label(&self.label, Size::square(self.size));
        let sampled = SampledLabel {
            label: &self.label,
            size: Size::square(self.size),
            foreground: &foreground,
            ignored: self.ignored_in_label.as_ref(),
            visible: self.geometry.visible(),
        };
        draw_prompt(sampled, &config, &DrawnKinds::only(kind), self.key(seed))
    }

    /// The key of everything that an evaluation draws about this record's object.
    pub fn key(&self, seed: u64) -> ObjectKey {
        SampleKey::in_epoch(seed, EVALUATION, self.record as u64).object(0)
    }
}
