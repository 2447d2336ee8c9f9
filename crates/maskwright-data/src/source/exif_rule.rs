//! Which way up images are read.

use serde::{Deserialize, Serialize};

/// What to do with an image's EXIF orientation.
///
/// Viewers and annotation tools turn a photograph upright as its EXIF orientation says; most image
/// readers of training programs do not. So a mask may fit the stored pixels or the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExifRule {
    /// Turned upright where the mask fits the upright picture, also if it fits both (a
    /// half turn, a mirroring, a square), because masks are drawn on what a viewer shows;
    /// left as stored where only the stored pixels fit.
    #[default]
    Auto,
    /// Never turned: the way of HQ-SAM's training code.
    Ignore,
}
