//! Checkpoints from one layout into another, and tuned decoders into the models they belong to.
//!
//! Values are copied as they are, bit for bit, unless another number type is asked for; one tensor is
//! in memory at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use maskwright_model::ModelType;
use maskwright_model::weights::{self, Checkpoint, Container, Content, Element, Layout, Tensors};
use serde::Serialize;

use crate::checkpoint::{check_decoder_type, check_type, describe, not_finite};
use crate::error::{Error, Result};

/// What a checkpoint is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A `.pth` that PyTorch loads.
    Pth,
    /// A safetensors file with official names.
    Safetensors,
    /// A folder that transformers loads.
    HuggingFace,
    /// The mask decoder with its HQ head alone, as HQ-SAM's `epoch_N.pth` has it, in the container
    /// that the file's ending names.
    HqDecoder,
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "pth" => Ok(Self::Pth),
            "safetensors" => Ok(Self::Safetensors),
            "hf" => Ok(Self::HuggingFace),
            "hq-decoder" => Ok(Self::HqDecoder),
            _ => Err(Error::Setting {
                setting: "--to".into(),
                expected: "pth, safetensors, hf or hq-decoder".into(),
                found: name.into(),
            }),
        }
    }
}

/// How to [`convert`].
#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// What to make; told from the output's ending if not given.
    pub to: Option<Target>,
    /// The number type of the floats, by name (`f32`, `f16`, `bf16`); as they are if not given.
    pub dtype: Option<String>,
    /// What the model has to be, by name.
    pub model_type: Option<String>,
    /// A mask decoder to put over the input's.
    pub merge: Option<PathBuf>,
    /// Whether an output that exists is replaced.
    pub force: bool,
}

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Converted {
    /// The file or folder that was read.
    pub input: PathBuf,
    /// How it is laid out.
    pub input_layout: Layout,
    /// Whether it holds a whole model or a decoder alone.
    pub content: Content,
    /// The model, by its official name or its sizes; none for a decoder alone.
    pub model: Option<String>,
    /// Whether the output has an HQ head.
    pub hq: bool,
    /// The file or folder that was written.
    pub output: PathBuf,
    /// How it is laid out.
    pub output_layout: Layout,
    /// Number of tensors written.
    pub tensors: usize,
    /// Bytes of their values.
    pub bytes: u64,
    /// Number of tensors of each number type.
    pub dtypes: BTreeMap<String, usize>,
    /// What was put over the input.
    pub merged: Option<Merged>,
    /// Remarks: what was passed over in reading, weights that are no numbers.
    pub notes: Vec<String>,
}

/// A decoder that was put into a model.
#[derive(Debug, Clone, Serialize)]
pub struct Merged {
    /// Its file.
    pub decoder: PathBuf,
    /// Tensors of the model that it replaced.
    pub replaced: usize,
    /// Tensors that the model did not have.
    pub added: usize,
}

/// Reads `input` in any layout and writes it to `output`, after every tensor was held against the model:
/// nothing is written of a checkpoint that lacks one. `progress` hears of bytes of values, done and in all.
///
/// # Errors
/// [`Error::Setting`] for options that contradict, [`Error::RunFile`] for another model than the named
/// one, [`Error::Model`] for everything that is wrong with the files.
pub fn convert(
    input: &Path,
    output: &Path,
    options: &ConvertOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Converted> {
    let container = container(output, options.to)?;
    if output.exists() && !options.force {
        return Err(Error::Setting {
            setting: output.display().to_string(),
            expected: "a path where nothing is, or --force".into(),
            found: "a file or folder that is there".into(),
        });
    }
    let wanted: Option<ModelType> = options.model_type.as_deref().map(str::parse).transpose()?;
    let dtype: Option<Element> = options.dtype.as_deref().map(str::parse).transpose()?;

    let mut checkpoint = Checkpoint::open(input)?;
    let input_layout = checkpoint.layout.unwrap_or(Layout::Safetensors);
    let mut notes = checkpoint.notes.clone();
    let merged = match &options.merge {
        None => None,
        Some(path) => {
            let decoder = Checkpoint::open(path)?;
            notes.extend(decoder.notes.iter().cloned());
            let (replaced, added) = weights::merge(&mut checkpoint, decoder)?;
            Some(Merged { decoder: path.clone(), replaced, added })
        }
    };
    let content = weights::content(&checkpoint.shapes());
    let model = match content {
        Content::Decoder => {
            weights::check_decoder_alone(&checkpoint)?;
            check_decoder_type(input, wanted, &checkpoint)?;
            None
        }
        Content::Whole => {
            let config = weights::detect(&checkpoint)?;
            check_type(input, wanted, &config)?;
            weights::check(&checkpoint, &config)?;
            checkpoint.set_config(&config);
            Some(describe(&config))
        }
    };
    let has_hq = |name: &str| name.ends_with("hf_token.weight");
    let hq = checkpoint.names().any(has_hq);
    if options.to == Some(Target::HqDecoder) {
        if !hq {
            return Err(Error::RunFile {
                file: input.to_path_buf(),
                expected: "a model with an HQ head (--to hq-decoder)".into(),
                found: "none (no mask_decoder.hf_token.weight)".into(),
            });
        }
        checkpoint = weights::decoder_of(checkpoint);
    }
    if let Some(dtype) = dtype {
        checkpoint = checkpoint.to_element(dtype);
    }
    let mut dtypes = BTreeMap::new();
    for element in checkpoint.names().filter_map(|name| checkpoint.element(name)) {
        *dtypes.entry(element.to_string()).or_default() += 1;
    }
    let written = checkpoint.write_watched(output, container, progress)?;
    notes.extend(not_finite(output, &written.not_finite));
    Ok(Converted {
        input: input.to_path_buf(),
        input_layout,
        content,
        model,
        hq,
        output: output.to_path_buf(),
        output_layout: match container {
            Container::Safetensors => Layout::Safetensors,
            Container::Pth => Layout::Pth,
            Container::HuggingFace => Layout::HuggingFace,
        },
        tensors: written.tensors,
        bytes: written.bytes,
        dtypes,
        merged,
        notes,
    })
}

/// The container, from what is asked for and the output's ending, which have to agree.
fn container(output: &Path, to: Option<Target>) -> Result<Container> {
    let ending = Container::of(output);
    let wrong = |expected: &str| Error::Setting {
        setting: "the output".into(),
        expected: expected.into(),
        found: output.display().to_string(),
    };
    match (to, ending) {
        (None, Some(container)) => Ok(container),
        (None, None) => {
            Err(wrong("a name that ends in .pth or .safetensors, a folder's name, or --to"))
        }
        (Some(Target::Pth), Some(Container::Pth)) => Ok(Container::Pth),
        (Some(Target::Pth), _) => Err(wrong("a name that ends in .pth, .pt or .bin (--to pth)")),
        (Some(Target::Safetensors), Some(Container::Safetensors)) => Ok(Container::Safetensors),
        (Some(Target::Safetensors), _) => {
            Err(wrong("a name that ends in .safetensors (--to safetensors)"))
        }
        // A folder may have a dot in its name.
        (Some(Target::HuggingFace), None | Some(Container::HuggingFace)) => {
            Ok(Container::HuggingFace)
        }
        (Some(Target::HuggingFace), _) => Err(wrong("a folder's name (--to hf)")),
        (Some(Target::HqDecoder), Some(container)) if container != Container::HuggingFace => {
            Ok(container)
        }
        (Some(Target::HqDecoder), _) => {
            Err(wrong("a name that ends in .pth or .safetensors (--to hq-decoder)"))
        }
    }
}
