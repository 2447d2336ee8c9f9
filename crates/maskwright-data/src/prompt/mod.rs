//! Prompts: what the model is told about the object it shall segment.
//!
//! Every prompt is drawn from the *sampled* label, in the frame of the model's input, never from
//! the mask file. Coordinates are pixel indices of that frame (x right, y down, the centre of the
//! top-left pixel is `(0, 0)`). By default a sample gets one of three kinds with equal probability,
//! as in HQ-SAM's training:
//!
//! | kind | what it is |
//! |---|---|
//! | [`PromptKind::Box`] | the tight box of the foreground, inclusive pixel indices |
//! | [`PromptKind::Points`] | 10 different, uniformly drawn foreground pixels |
//! | [`PromptKind::NoiseMask`] | the label at a quarter of the size, its boundary disturbed by noise |
//!
//! After a prediction, a click where it is wrong may correct it: [`ErrorRegion`].
//!
//! Foreground means a label above 128. The golden cases of the public reference
//! implementation are met exactly.

mod boxes;
mod config;
mod correction;
mod draw;
mod noise_mask;
mod points;

pub use boxes::{jittered_box, tight_box};
pub use config::{DrawnKinds, KindWeights, MaskValues, PointChoice, PromptConfig, PromptKind};
pub use correction::ErrorRegion;
pub use draw::{PromptDrawer, SampledLabel, draw_prompt};
pub use noise_mask::{NoiseMask, boundary_band, noise_mask, noise_mask_from_normals};
pub use points::{Point, background_points, centre_point, foreground_points};

use serde::{Deserialize, Serialize};

/// What the model is told about one object.
///
/// Holds the parts of its kind, and of further kinds if the settings add some. A drawn prompt is in the
/// frame of the model's input; one that a user gives in the frame of the original image, but for its
/// mask, which lies over the model's input either way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// The kind that was drawn.
    pub kind: PromptKind,
    /// A box `[x0, y0, x1, y1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_xyxy: Option<[f32; 4]>,
    /// Points on the object (label 1) and beside it (label 0).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
    /// A low resolution mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<NoiseMask>,
}

impl Prompt {
    /// A prompt of these parts, any of which may be missing. Its kind is that of the first that is
    /// there.
    pub fn of(box_xyxy: Option<[f32; 4]>, points: Vec<Point>, mask: Option<NoiseMask>) -> Self {
        let kind = match (&box_xyxy, points.is_empty()) {
            (Some(_), _) => PromptKind::Box,
            (None, true) if mask.is_some() => PromptKind::NoiseMask,
            (None, _) => PromptKind::Points,
        };
        Self { kind, box_xyxy, points, mask }
    }

    /// A box alone, `[x0, y0, x1, y1]`.
    pub fn from_box(box_xyxy: [f32; 4]) -> Self {
        Self::of(Some(box_xyxy), Vec::new(), None)
    }

    /// Points alone.
    pub fn from_points(points: impl Into<Vec<Point>>) -> Self {
        Self::of(None, points.into(), None)
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.box_xyxy.is_none() && self.points.is_empty() && self.mask.is_none()
    }
}
