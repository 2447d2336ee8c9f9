//! The settings of samples.

use maskwright_image::decode::Limits;

use crate::error::Result;
use crate::plan::PlanConfig;
use crate::prompt::PromptConfig;

/// How samples are made.
#[derive(Debug, Clone, Default)]
pub struct SampleConfig {
    /// How training samples are cut out, and the size of all samples.
    pub plan: PlanConfig,
    /// How prompts are drawn.
    pub prompts: PromptConfig,
    /// What the decoder accepts.
    pub limits: Limits,
}

impl SampleConfig {
    /// The defaults for a model with an input of `size` x `size` pixels and patches of 16 pixels,
    /// whose mask prompts have a quarter of that size.
    pub fn for_size(size: usize) -> SampleConfig {
        let mut config = SampleConfig::default();
        config.plan.size = size;
        config.prompts.mask_size = (size / 4).max(1);
        config
    }

    /// Refuses settings that no sample can be made with.
    pub fn validate(&self) -> Result<()> {
        self.plan.validate()?;
        self.prompts.validate()
    }
}
