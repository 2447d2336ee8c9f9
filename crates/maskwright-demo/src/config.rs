//! What the generated set consists of.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::error::{Error, Result};
use crate::picture::{self, Picture};

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoConfig {
    /// The seed of everything. Default 0.
    pub seed: u64,
    /// Pictures in the training split. Default 240.
    pub train: usize,
    /// Pictures in the validation split. Default 40.
    pub valid: usize,
    /// The shortest side of a picture, in pixels, 32..=`max_side`. Default 200.
    pub min_side: usize,
    /// The longest side of a picture, in pixels, up to 4096. Default 420.
    pub max_side: usize,
    /// JPEG quality of the images, 1..=100. Default 92.
    pub quality: u8,
    /// Threads to generate with; 0 for as many as there are cores. Changes no pixel.
    pub threads: usize,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            train: 240,
            valid: 40,
            min_side: 200,
            max_side: 420,
            quality: 92,
            threads: 0,
        }
    }
}

/// A part of the generated set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Split {
    /// Pictures to train on.
    Train,
    /// Pictures to evaluate on; none of them is in the training split.
    Valid,
}

impl Split {
    /// The name of the split's folder.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl DemoConfig {
    /// Generates one picture in memory, before JPEG coding.
    ///
    /// `index` may exceed the split's count: the split has no end.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where the configuration cannot be.
    pub fn picture(&self, split: Split, index: usize) -> Result<Picture> {
        self.check()?;
        Ok(self.render(split, index))
    }

    /// Generates a picture of settings that were checked.
    pub(crate) fn render(&self, split: Split, index: usize) -> Picture {
        picture::render(self.seed, &(self.min_side..=self.max_side), split as u64, index)
    }

    /// Refuses settings that no set can be made with.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |key, expected, found| Err(Error::Setting { key, expected, found });
        // Thin parts of smaller objects would vanish between pixels; larger ones
        // than 4096 only cost time.
        if !(32..=4096).contains(&self.max_side) {
            return refuse("max_side", "32 to 4096".into(), self.max_side.to_string());
        }
        if !(32..=self.max_side).contains(&self.min_side) {
            let expected = format!("32 to max_side ({})", self.max_side);
            return refuse("min_side", expected, self.min_side.to_string());
        }
        if !(1..=100).contains(&self.quality) {
            return refuse("quality", "1 to 100".into(), self.quality.to_string());
        }
        for (key, count) in [("train", self.train), ("valid", self.valid)] {
            // File names have five digits, so that they sort by index.
            if count > 100_000 {
                return refuse(key, "at most 100000".into(), count.to_string());
            }
        }
        if self.train + self.valid == 0 {
            return refuse("train and valid", "at least one picture".into(), "none".into());
        }
        Ok(())
    }
}
