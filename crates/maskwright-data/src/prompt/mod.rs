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
//! Foreground means a label above 128. The golden cases of the public reference
//! implementation are met exactly.

mod boxes;
mod config;
mod draw;
mod noise_mask;
mod points;

pub use boxes::{jittered_box, tight_box};
pub use config::{KindWeights, MaskValues, PointChoice, PromptConfig, PromptKind};
pub use draw::{LabelView, PromptDrawer, draw_prompt};
pub use noise_mask::{NoiseMask, boundary_band, noise_mask, noise_mask_from_normals};
pub use points::{Point, background_points, centre_point, foreground_points};

/// What the model is told about one object.
///
/// Holds the parts of its kind, and of further kinds if the settings add some.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The kind that was drawn.
    pub kind: PromptKind,
    /// A box `[x0, y0, x1, y1]`.
    pub box_xyxy: Option<[f32; 4]>,
    /// Points on the object (label 1) and beside it (label 0).
    pub points: Vec<Point>,
    /// A low resolution mask.
    pub mask: Option<NoiseMask>,
}
