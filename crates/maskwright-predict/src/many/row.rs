//! What became of an image and its prompts: a line of the results.

use maskwright_image::Size;
use serde::{Deserialize, Serialize};

use super::journal::Outcome;
use crate::listed_prompts::{Id, ImagePrompts};
use crate::mask_generator::Segmentation;

/// The line of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRow {
    /// The image, as the list of prompts names it.
    pub image: String,
    /// Its id in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<Id>,
    /// What became of it.
    pub status: Outcome,
    /// Why it could not be used, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was odd about it or its prompts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The image's file name, within its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// In pixels; 0 of an image that could not be read.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// The picture with the numbers of all masks, within the output folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<String>,
    /// The picture with all masks over the image, within the output folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<String>,
    /// What tells the files of masks that its prompts name from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_files: Option<String>,
    /// The masks, in the order of the prompts.
    pub masks: Vec<MaskRow>,
    /// Prompts that could not be used: all of an image that could not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedPrompt>,
}

/// A mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskRow {
    /// The prompt's place among those of its image, from 0.
    pub prompt: usize,
    /// The mask's place among those of its prompt, from 0.
    pub mask_number: usize,
    /// The prompt's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// The prompt's score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The prompt's category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<Id>,
    /// The IoU that the model predicts.
    pub predicted_iou: f32,
    /// The number of pixels.
    pub area: u64,
    /// Left, top, width and height in pixels, as COCO has them; zeros for an empty mask.
    pub bbox: [u32; 4],
    /// The mask's PNG, within the output folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its number in the picture of all masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<u16>,
    /// The mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<Segmentation>,
}

/// A prompt that could not be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedPrompt {
    /// Its place among those of its image, from 0.
    pub prompt: usize,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// What is wrong with it.
    pub reason: String,
}

impl MaskRow {
    /// The prompt's score, or else the predicted IoU.
    pub(super) fn score_or_iou(&self) -> f64 {
        self.score.unwrap_or_else(|| f64::from(self.predicted_iou))
    }
}

impl ImageRow {
    /// The line of an image that could not be used, nor any prompt on it.
    pub(super) fn refused(prompts: &ImagePrompts, reason: String) -> Self {
        let refused = prompts.prompts.iter().enumerate().map(|(prompt, one)| RefusedPrompt {
            prompt,
            id: one.id.clone(),
            reason: reason.clone(),
        });
        Self {
            refused: refused.collect(),
            reason: Some(reason),
            ..Self::begun(prompts, Outcome::Refused)
        }
    }

    /// The line of an image of which nothing is known yet.
    pub(super) fn begun(prompts: &ImagePrompts, status: Outcome) -> Self {
        Self {
            image: prompts.image.clone(),
            image_id: prompts.image_id.clone(),
            status,
            reason: None,
            warnings: Vec::new(),
            file_name: None,
            width: 0,
            height: 0,
            instances: None,
            overlay: None,
            mask_files: None,
            masks: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(super) fn size(&self) -> Size {
        Size::new(self.height, self.width)
    }

    /// The files that were written of it, within the output folder.
    pub fn files(self) -> Vec<String> {
        let masks = self.masks.into_iter().filter_map(|mask| mask.file);
        masks.chain(self.instances).chain(self.overlay).collect()
    }

    /// The first thing that was odd.
    pub fn first_warning(&self) -> Option<String> {
        self.warnings.first().map(|text| format!("{}: {text}", self.image))
    }

    /// What could not be used, and why: the image, or some of its prompts.
    pub fn refusals(&self) -> impl Iterator<Item = String> {
        let prompts = self.refused.iter().filter(|_| self.reason.is_none());
        let reasons = self.reason.iter().chain(prompts.map(|one| &one.reason));
        reasons.map(|reason| format!("{}: {reason}", self.image))
    }
}
