//! The one error type of this crate.

use std::path::PathBuf;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in making, loading, saving or feeding a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration that describes no possible model.
    #[error("model configuration: {field} = {value}: {reason}")]
    Config {
        /// The field, with dots into nested parts.
        field: &'static str,
        /// Its value.
        value: String,
        /// Why it cannot be.
        reason: String,
    },
    /// A model type that is not known.
    #[error("unknown model type {name:?} (known: {known})")]
    UnknownModelType {
        /// What was given.
        name: String,
        /// The names that there are, with commas between them.
        known: String,
    },
    /// An input whose size does not fit the model.
    #[error("{what}: expected {expected}, found {found}")]
    Input {
        /// Which input.
        what: &'static str,
        /// What the model takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A prompt that says nothing or cannot be encoded.
    #[error("prompt {index}: {reason}")]
    Prompt {
        /// Its place in the list that was given.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The HQ output was asked of a model without an HQ head.
    #[error("the model has no HQ head (hf_token and its features): load or initialise one first")]
    NoHqHead,
    /// A setting that the model or the device cannot have.
    #[error("{key}: expected {expected}, found {found}")]
    Setting {
        /// The setting's dotted key, such as `model.input_size`.
        key: &'static str,
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Neither a checkpoint nor a description of a model to make from nothing.
    #[error(
        "no model: expected a checkpoint (model.checkpoint), or a model to start from fresh \
         weights (model.model_type: vit_b, vit_l or vit_h; model.config)"
    )]
    NoModel,
    /// A device that this build or this machine has not, or that does not compute.
    #[error("{device} is no device here: expected {expected}, found {found}")]
    NoDevice {
        /// The device that was asked for.
        device: String,
        /// What is missing, or which devices there are.
        expected: String,
        /// What was found in its place.
        found: String,
    },
    /// A checkpoint of another model than the one named, or without the part that is asked for.
    #[error("{}: expected {expected}, found {found}", file.display())]
    WrongModel {
        /// The checkpoint.
        file: PathBuf,
        /// The setting that asks for it.
        key: &'static str,
        /// The model that was asked for.
        expected: String,
        /// The model that is in the file.
        found: String,
    },
    /// A mask decoder alone that could be any model's, where one is asked for by name.
    #[error(
        "{}: expected a whole model, or a mask decoder with an HQ head, which tells its model; \
         found a mask decoder that is alike in all models", file.display()
    )]
    ModelNotTold {
        /// The checkpoint.
        file: PathBuf,
        /// The setting that asks for it.
        key: &'static str,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A file that is no checkpoint, or a damaged one.
    #[error("{}: not a readable checkpoint ({format}): {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The format it was taken for.
        format: &'static str,
        /// What the reader met.
        reason: String,
    },
    /// A checkpoint from whose tensors no configuration can be told.
    #[error("{}cannot tell the model from the checkpoint: {reason}", named(file))]
    Detect {
        /// The file, where it is one.
        file: Option<PathBuf>,
        /// Which tensor is missing or odd.
        reason: String,
    },
    /// A checkpoint that does not fit the model; every misfit by name.
    #[error("{0}")]
    Mismatch(Box<Mismatch>),
    /// A low-rank adapter of another image encoder than that of the model it shall go over.
    #[error(
        "{}: expected the base of this low-rank adapter, an image encoder with the hash {expected}..., \
         found {found}...{}", file.display(), of_base(base)
    )]
    AdapterBase {
        /// The adapter.
        file: PathBuf,
        /// The model's file, where it is one.
        base: Option<PathBuf>,
        /// The first digits of the hash of the adapter's own base.
        expected: String,
        /// Those of the model's.
        found: String,
    },
    /// A model that a file layout has no way to hold.
    #[error("{}: the {layout} layout holds {expected}, found {found}", path.display())]
    Layout {
        /// What was to be written.
        path: PathBuf,
        /// The layout.
        layout: &'static str,
        /// What it holds.
        expected: &'static str,
        /// What the model has.
        found: String,
    },
}

/// A base's name behind its hash.
fn of_base(base: &Option<PathBuf>) -> String {
    base.as_ref().map(|base| format!(" in {}", base.display())).unwrap_or_default()
}

/// A file's name before what is wrong with it.
fn named(file: &Option<PathBuf>) -> String {
    file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default()
}

/// All tensors of a checkpoint that do not fit a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// The file, where it is one.
    pub file: Option<PathBuf>,
    /// Names the model has and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Names the checkpoint has and the model lacks.
    pub unexpected: Vec<String>,
    /// Names in both with different shapes.
    pub misshapen: Vec<Misshapen>,
}

/// One tensor whose shape differs between checkpoint and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// The official name.
    pub name: String,
    /// The model's shape, in the official layout.
    pub expected: Vec<usize>,
    /// The checkpoint's shape.
    pub found: Vec<usize>,
}

impl Mismatch {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A wrong file mismatches in hundreds of names: every one is in the lists, and enough are shown to see the pattern.
        const SHOWN: usize = 40;
        let list = |names: &[String]| {
            let mut text = names[..names.len().min(SHOWN)].join(", ");
            if names.len() > SHOWN {
                text.push_str(&format!(", and {} more", names.len() - SHOWN));
            }
            text
        };
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("{} missing ({})", self.missing.len(), list(&self.missing)));
        }
        if !self.unexpected.is_empty() {
            parts.push(format!(
                "{} unexpected ({})",
                self.unexpected.len(),
                list(&self.unexpected)
            ));
        }
        if !self.misshapen.is_empty() {
            let names: Vec<String> = self
                .misshapen
                .iter()
                .map(|m| format!("{}: {:?} for {:?}", m.name, m.found, m.expected))
                .collect();
            parts.push(format!("{} of another shape ({})", names.len(), list(&names)));
        }
        let parts = parts.join("; ");
        write!(f, "{}the checkpoint does not fit the model: {parts}", named(&self.file))
    }
}
