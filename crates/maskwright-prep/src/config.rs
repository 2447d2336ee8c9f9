//! What is prepared, and how.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::sample::default_decode_memory;
use maskwright_data::source::DataFile;
use maskwright_model::MaskKind;
use maskwright_predict::Predictor;
use maskwright_predict::mask_generator::MaskGeneratorConfig;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest side of a JPEG image.
const LONGEST_JPEG: usize = 65535;

/// The most shards: their names have six digits.
const MOST_SHARDS: usize = 1_000_000;

/// What is prepared.
#[derive(Debug, Clone, PartialEq)]
pub enum PrepData {
    /// All training and validation sets of a data file. An image is one record with all of its objects.
    Sets(Box<DataFile>),
    /// The images of a folder, which have no masks.
    Images {
        /// The name of the set.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
}

/// How records become members of tar files: all that the bytes depend on, besides data and model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepConfig {
    /// Images whose longer side has more pixels are shrunk to it, with their masks, and stored as JPEG. All others keep their
    /// bytes.
    pub longest_side: Option<usize>,
    /// The quality of those JPEG files, 1 to 100.
    pub jpeg_quality: u8,
    /// Whether each image's embedding is stored beside it.
    pub embeddings: bool,
    /// How masks of everything in the images are found, which take the place of the data's own; none keeps those.
    pub auto_masks: Option<MaskGeneratorConfig>,
    /// Whether images and masks are refused that are damaged but decodable.
    pub strict: bool,
}

impl Default for PrepConfig {
    /// Images keep their bytes, and masks are the data's own.
    fn default() -> PrepConfig {
        PrepConfig {
            longest_side: None,
            jpeg_quality: 90,
            embeddings: false,
            auto_masks: None,
            strict: false,
        }
    }
}

impl PrepConfig {
    /// Whether a model is asked.
    pub fn needs_model(&self) -> bool {
        self.embeddings || self.auto_masks.is_some()
    }

    /// Checks that the settings are possible.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] naming the first that is not.
    pub fn validate(&self) -> Result<()> {
        if let Some(side) = self.longest_side.filter(|side| !(1..=LONGEST_JPEG).contains(side)) {
            return Err(Error::setting("longest_side", "1 to 65535 pixels", side));
        }
        if !(1..=100).contains(&self.jpeg_quality) {
            return Err(Error::setting("jpeg_quality", "1 to 100", self.jpeg_quality));
        }
        if let Some(generator) = &self.auto_masks {
            generator.validate()?;
        }
        Ok(())
    }
}

/// How many shards there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shards {
    /// So many.
    Number(usize),
    /// As many as it takes for each to have so many records, the last one what is left.
    Records(usize),
}

impl Default for Shards {
    /// 1000 records in each.
    fn default() -> Shards {
        Shards::Records(1000)
    }
}

impl Shards {
    /// How many there are of so many records.
    pub(crate) fn count(self, records: usize) -> Result<usize> {
        match self {
            Shards::Number(count) if (1..=MOST_SHARDS).contains(&count) => Ok(count),
            Shards::Number(count) => {
                Err(Error::setting("shards", &format!("1 to {MOST_SHARDS}"), count))
            }
            Shards::Records(0) => Err(Error::setting("records of a shard", "1 or more", 0)),
            Shards::Records(each) => match records.div_ceil(each).max(1) {
                count if count <= MOST_SHARDS => Ok(count),
                _ => {
                    let least = records.div_ceil(MOST_SHARDS);
                    let expected = format!("{least} or more of {records} records");
                    Err(Error::setting("records of a shard", &expected, each))
                }
            },
        }
    }
}

/// What the work may take; the result does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Threads; 0 for as many as the machine runs at once.
    pub workers: usize,
    /// Bytes that decoding may take in all threads together.
    pub decode_memory: u64,
}

impl Default for Resources {
    fn default() -> Resources {
        Resources { workers: 0, decode_memory: default_decode_memory() }
    }
}

/// The model that makes embeddings and finds masks.
#[derive(Clone)]
pub struct Model {
    /// The model.
    pub predictor: Arc<Predictor>,
    /// The kind of mask to find.
    pub kind: MaskKind,
    /// Where it comes from, which the output folder remembers.
    checkpoint: String,
}

impl Model {
    /// A model of a checkpoint, with a tuned decoder over it where one is given. The same files are the same model from whatever
    /// folder they are named; what is no path here, such as an address, is taken as it is.
    pub fn new(
        predictor: Arc<Predictor>,
        kind: MaskKind,
        checkpoint: &Path,
        restore_model: Option<&Path>,
    ) -> Model {
        let named = |path: &Path| {
            let absolute = std::path::absolute(path).ok().filter(|_| path.exists());
            absolute.as_deref().unwrap_or(path).display().to_string()
        };
        let mut all = named(checkpoint);
        if let Some(over) = restore_model {
            all += &format!(" with {}", named(over));
        }
        Model { predictor, kind, checkpoint: all }
    }

    /// Where it comes from.
    pub(crate) fn checkpoint(&self) -> &str {
        &self.checkpoint
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({}, {})", self.checkpoint, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted() {
        let count = |shards: Shards, records| shards.count(records).map_err(|e| e.to_string());
        assert_eq!(count(Shards::Records(10), 30), Ok(3));
        assert_eq!(count(Shards::Records(10), 31), Ok(4));
        assert_eq!(count(Shards::Records(10), 0), Ok(1));
        assert_eq!(count(Shards::Number(7), 2), Ok(7));
        assert_eq!(
            count(Shards::Number(0), 2).unwrap_err(),
            "shards: expected 1 to 1000000, found 0"
        );
        assert_eq!(
            count(Shards::Records(0), 2).unwrap_err(),
            "records of a shard: expected 1 or more, found 0"
        );
    }

    #[test]
    fn settings_that_are_not_possible_are_named() {
        let refused = |change: fn(&mut PrepConfig)| {
            let mut config = PrepConfig::default();
            change(&mut config);
            config.validate().expect_err("refused").to_string()
        };
        assert_eq!(
            refused(|config| config.longest_side = Some(0)),
            "longest_side: expected 1 to 65535 pixels, found 0"
        );
        assert_eq!(
            refused(|config| config.jpeg_quality = 101),
            "jpeg_quality: expected 1 to 100, found 101"
        );
        assert_eq!(
            refused(|config| {
                let generator = MaskGeneratorConfig { points_per_side: 0, ..Default::default() };
                config.auto_masks = Some(generator);
            }),
            "points_per_side: expected 1 or more, found 0"
        );
        assert!(PrepConfig::default().validate().is_ok());
    }
}
