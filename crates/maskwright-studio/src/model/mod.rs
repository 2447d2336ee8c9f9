//! The model that answers clicks.
//!
//! | file | what it is about |
//! |---|---|
//! | `engine` | the model at hand, and the thread that encodes images |
//! | `answer` | prompts of the page, and masks for it |
//! | `likeness` | how far images are from those that have masks |
//! | `queue` | which image would teach most |
//! | `compare` | two models on one image |

pub(crate) mod answer;
pub(crate) mod compare;
pub(crate) mod engine;
mod likeness;
pub(crate) mod queue;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use maskwright_model::Compute;
use maskwright_predict::Predictor;

use crate::api::ModelInfo;
use crate::error::Result;
use crate::key::key_of;

/// A model that was read.
pub(crate) struct Model {
    pub(crate) info: ModelInfo,
    pub(crate) path: PathBuf,
    pub(crate) predictor: Predictor,
    /// What its encoder and its way with images are called: embeddings of another are not its own.
    encoder: String,
    /// Models are told apart by it, also two that were read from one path.
    number: u64,
}

/// Numbers of models.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Model {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// Those of the model.
    pub(crate) fn load(path: &Path, compute: &Compute) -> Result<Self> {
        let predictor = Predictor::load(path, None, None, compute)?;
        let config = predictor.sam().config();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let size = config.image_size;
        let heads = if config.hq { " + HQ" } else { "" };
        let info = ModelInfo {
            checkpoint: path.display().to_string(),
            name: stem,
            kind: format!("{}{heads}", config.model_type()),
            input_size: size,
            has_hq: config.hq,
        };
        let hash = predictor.encoder_hash()?;
        let fit = predictor.fit().0.name();
        let encoder = key_of(&[hash.as_bytes(), fit.as_bytes(), &size.to_le_bytes()]);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Self { info, path: path.to_path_buf(), predictor, encoder, number })
    }

    /// What an image's embedding is called in the cache.
    pub(crate) fn embedding_key(&self, image: &str) -> String {
        key_of(&[b"embedding", image.as_bytes(), self.encoder.as_bytes()])
    }
}
