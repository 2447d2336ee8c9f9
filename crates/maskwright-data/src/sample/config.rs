//! The settings of samples.

use maskwright_image::decode::{DecodeBudget, Limits};

use super::decode_memory::default_decode_memory;
use crate::error::{Error, Result};
use crate::plan::PlanConfig;
use crate::prompt::PromptConfig;

/// The most objects that are drawn for a view. A label of 1024 x 1024 pixels takes 4 MiB, so more of them would
/// be a slip.
const MOST_OBJECTS: usize = 1024;

/// How samples are made.
#[derive(Debug, Clone)]
pub struct SampleConfig {
    /// How training samples are cut out, and the size of all samples.
    pub plan: PlanConfig,
    /// How prompts are drawn.
    pub prompts: PromptConfig,
    /// The number of different objects of a record that are drawn for a view, or all if the record has
    /// fewer. Drawn objects that the view does not show are left out of it. 1 to 1024.
    pub objects_per_image: usize,
    /// The width of a picture for people that an evaluation sample has beside the model's input, where its image is so large that
    /// decoding it again would take long; none if no picture is wanted.
    pub picture_width: Option<usize>,
    /// The limits of what the decoder accepts.
    pub limits: Limits,
    /// What all decoding may take together. Clones of these settings share it, and so do all threads of a loader; for
    /// several loaders to keep to one budget, it is given to the settings of each.
    pub decode_budget: DecodeBudget,
}

impl Default for SampleConfig {
    /// HQ-SAM's training: one object per image. Decoding may take the
    /// [default share](default_decode_memory) of the machine's memory.
    fn default() -> SampleConfig {
        SampleConfig {
            plan: PlanConfig::default(),
            prompts: PromptConfig::default(),
            objects_per_image: 1,
            picture_width: None,
            limits: Limits::default(),
            decode_budget: DecodeBudget::new(default_decode_memory()),
        }
    }
}

impl SampleConfig {
    /// Returns the defaults for a model with an input of `size` x `size` pixels and patches of 16
    /// pixels. Its mask prompts have a quarter of that size.
    pub fn for_size(size: usize) -> SampleConfig {
        let mut config = SampleConfig::default();
        config.plan.size = size;
        config.prompts.mask_size = (size / 4).max(1);
        config
    }

    /// Checks that samples can be made with these settings. The error names the first setting that is
    /// wrong.
    pub fn validate(&self) -> Result<()> {
        self.plan.validate()?;
        if !(1..=MOST_OBJECTS).contains(&self.objects_per_image) {
            return Err(Error::Setting {
                key: "objects_per_image".into(),
                expected: format!("1 to {MOST_OBJECTS}"),
                found: self.objects_per_image.to_string(),
            });
        }
        self.prompts.validate()
    }
}
