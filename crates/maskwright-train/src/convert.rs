//! Converts checkpoints from one layout to another, puts tuned decoders into their models, and exports
//! models as graphs for other runtimes.
//!
//! Values are copied as they are, bit for bit, unless another number type is asked for; one tensor is
//! in memory at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maskwright_data::lossy;
use maskwright_model::load::{
    check_decoder_type, check_input_size, check_type, describe, not_finite,
};
use maskwright_model::onnx::{self, ExportOptions, Masks};
use maskwright_model::weights::{self, Checkpoint, Container, Content, Element, Layout, Tensors};
use maskwright_model::{Error as ModelError, MaskKind, ModelType, SamConfig};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::error::{Error, Result};

/// What a checkpoint is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = no_target)]
pub enum Target {
    /// A `.pth` that PyTorch loads.
    Pth,
    /// A safetensors file with official names.
    Safetensors,
    /// A folder that transformers loads.
    #[strum(serialize = "hf")]
    HuggingFace,
    /// The mask decoder with its HQ head alone, as HQ-SAM's `epoch_N.pth` has it, in the container
    /// that the file's ending names.
    HqDecoder,
    /// Two ONNX graphs, of the image encoder and of prompt encoder and mask decoder.
    Onnx,
}

impl Target {
    /// Returns the name in settings.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn no_target(found: &str) -> Error {
    Error::setting("convert.to", Target::VARIANTS.join(", "), found)
}

/// The options of [`convert`].
#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// The target; if not given, the output's ending decides.
    pub to: Option<Target>,
    /// The number type of the floats, by name (`f32`, `f16`, `bf16`); as they are if not given.
    pub dtype: Option<String>,
    /// The name of the model that the input must be, if it shall be checked.
    pub model_type: Option<String>,
    /// The file of a mask decoder whose tensors replace those of the input.
    pub merge: Option<PathBuf>,
    /// Whether an output that exists is replaced.
    pub force: bool,
    /// For ONNX: the side of the model's input; the checkpoint's own if not given.
    pub input_size: Option<usize>,
    /// For ONNX: the masks that the decoder returns; the best that the model has if not given.
    pub kind: Option<MaskKind>,
    /// For ONNX: masks for ambiguous prompts, as in prediction.
    pub multimask: bool,
}

/// The result of [`convert`].
#[derive(Debug, Clone, Serialize)]
pub struct Converted {
    /// The file or folder that was read.
    #[serde(serialize_with = "lossy::path")]
    pub input: PathBuf,
    /// How it is laid out.
    pub input_layout: Layout,
    /// Whether it is a whole model or only a decoder.
    pub content: Content,
    /// The model, by its official name or its sizes; `None` for a decoder alone.
    pub model: Option<String>,
    /// Whether the output has an HQ head.
    pub hq: bool,
    /// The masks that an ONNX decoder returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<MaskKind>,
    /// The output that was requested.
    #[serde(serialize_with = "lossy::path")]
    pub output: PathBuf,
    /// The files that were written: the output itself, or the files of an ONNX model.
    #[serde(serialize_with = "lossy::list")]
    pub files: Vec<PathBuf>,
    /// How it is laid out.
    pub output_layout: Layout,
    /// Number of tensors written.
    pub tensors: usize,
    /// Bytes of their values.
    pub bytes: u64,
    /// Number of tensors of each number type.
    pub dtypes: BTreeMap<String, usize>,
    /// The decoder that was put into the model, if one was given.
    pub merged: Option<Merged>,
    /// Remarks for the user: parts of the input that were ignored, and weights that are NaN or infinite.
    pub notes: Vec<String>,
}

/// A decoder that was put into a model.
#[derive(Debug, Clone, Serialize)]
pub struct Merged {
    /// Its file.
    #[serde(serialize_with = "lossy::path")]
    pub decoder: PathBuf,
    /// The number of the model's tensors that it replaced.
    pub replaced: usize,
    /// The number of tensors that it added.
    pub added: usize,
}

/// Reads `input` in any layout and writes it to `output`. Before anything is written every tensor is
/// compared with the model, and a checkpoint that lacks one is refused. `progress` is called with the
/// bytes of values that are done and the bytes in all.
///
/// # Errors
/// [`Error::Setting`] for options that contradict each other, [`Error::OutputName`] and
/// [`Error::OutputExists`] for an output that cannot be written, [`Error::Model`] if the model is not
/// the named one, and for everything that is wrong with the files.
pub fn convert(
    input: &Path,
    output: &Path,
    options: &ConvertOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Converted> {
    let layout = output_layout(output, options.to)?;
    check_onnx_options(output, layout, options)?;
    refuse_to_replace(output, layout, options.force)?;
    let wanted: Option<ModelType> = options.model_type.as_deref().map(str::parse).transpose()?;
    let dtype: Option<Element> = options.dtype.as_deref().map(Element::writable).transpose()?;

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
    let config = match content {
        Content::Decoder if layout != Layout::Onnx => {
            weights::check_decoder_alone(&checkpoint)?;
            check_decoder_type(input, wanted, &checkpoint)?;
            None
        }
        // A graph has encoders too: there, a decoder alone is refused by name.
        Content::Decoder | Content::Whole => {
            let config = weights::detect(&checkpoint)?;
            check_type(input, wanted, &config)?;
            weights::check(&checkpoint, &config)?;
            checkpoint.set_config(&config);
            Some(config)
        }
    };
    let has_hq = |name: &str| name.ends_with("hf_token.weight");
    let mut hq = checkpoint.names().any(has_hq);
    if options.to == Some(Target::HqDecoder) {
        if !hq {
            return Err(ModelError::WrongModel {
                file: input.to_path_buf(),
                key: "convert.to",
                expected: "a model with an HQ head".into(),
                found: "none (no mask_decoder.hf_token.weight)".into(),
            }
            .into());
        }
        checkpoint = weights::decoder_of(checkpoint);
    }
    if let Some(dtype) = dtype {
        checkpoint = checkpoint.to_element(dtype);
    }
    let (mut kind, mut files) = (None, vec![output.to_path_buf()]);
    let written = match (layout, &config) {
        (Layout::Onnx, Some(config)) => {
            let masks = masks(config, options.kind)?;
            let options = export_options(masks, options);
            let exported = onnx::export(&checkpoint, output, &options, progress)?;
            hq = masks != MaskKind::Sam;
            kind = Some(masks);
            files = exported.files;
            exported.written
        }
        _ => checkpoint.write_watched(output, container(layout), progress)?,
    };
    notes.extend(not_finite(output, &written.not_finite));
    let dtypes = written.elements.iter().map(|(element, &count)| (element.to_string(), count));
    Ok(Converted {
        input: input.to_path_buf(),
        input_layout,
        content,
        model: config.as_ref().map(describe),
        hq,
        kind,
        output: output.to_path_buf(),
        files,
        output_layout: layout,
        tensors: written.tensors,
        bytes: written.bytes,
        dtypes: dtypes.collect(),
        merged,
        notes,
    })
}

/// Refuses what only a graph has where none is written, and an impossible size of one.
fn check_onnx_options(output: &Path, layout: Layout, options: &ConvertOptions) -> Result<()> {
    if layout == Layout::Onnx {
        return options.input_size.map_or(Ok(()), |size| Ok(check_input_size(size)?));
    }
    let given = [
        ("model.input_size", options.input_size.is_some()),
        ("convert.kind", options.kind.is_some()),
        ("convert.multimask", options.multimask),
    ];
    match given.into_iter().find(|&(_, given)| given) {
        None => Ok(()),
        Some((key, _)) => {
            Err(Error::setting(key, "an output that ends in .onnx", output.display()))
        }
    }
}

fn refuse_to_replace(output: &Path, layout: Layout, force: bool) -> Result<()> {
    let files = match layout {
        Layout::Onnx => onnx::files(output).to_vec(),
        _ => vec![output.to_path_buf()],
    };
    match files.into_iter().find(|file| file.exists()) {
        Some(file) if !force => Err(Error::OutputExists { file }),
        _ => Ok(()),
    }
}

/// The masks of a graph: what is asked for, if the model has it.
fn masks(config: &SamConfig, kind: Option<MaskKind>) -> Result<MaskKind> {
    match kind {
        Some(kind) if kind != MaskKind::Sam && !config.hq => {
            let expected = "sam, the only masks of a model without an HQ head";
            Err(Error::setting("convert.kind", expected, kind))
        }
        Some(kind) => Ok(kind),
        None => Ok(if config.hq { MaskKind::SamHq } else { MaskKind::Sam }),
    }
}

fn export_options(kind: MaskKind, options: &ConvertOptions) -> ExportOptions {
    ExportOptions {
        image_size: options.input_size,
        masks: Some(match kind {
            MaskKind::Sam => Masks::Sam,
            MaskKind::Hq => Masks::Hq,
            MaskKind::SamHq => Masks::SamHq,
        }),
        multimask: options.multimask,
        ..ExportOptions::default()
    }
}

/// What holds the tensors of a layout. Nothing asks for the older stream of pickles.
fn container(layout: Layout) -> Container {
    match layout {
        Layout::Safetensors => Container::Safetensors,
        Layout::HuggingFace => Container::HuggingFace,
        Layout::Pth | Layout::LegacyPth | Layout::Onnx => Container::Pth,
    }
}

/// The layout, from what is asked for and the output's ending, which have to agree.
fn output_layout(output: &Path, to: Option<Target>) -> Result<Layout> {
    let onnx = output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    if onnx && matches!(to, None | Some(Target::Onnx)) {
        return Ok(Layout::Onnx);
    }
    let ending = Container::of(output).map(|container| match container {
        Container::Safetensors => Layout::Safetensors,
        Container::Pth => Layout::Pth,
        Container::HuggingFace => Layout::HuggingFace,
    });
    let wrong = |expected: &'static str| {
        let target = to.map(Target::name);
        Err(Error::OutputName { file: output.to_path_buf(), expected, target })
    };
    match (to, ending) {
        (None, Some(layout)) => Ok(layout),
        (None, None) => {
            wrong("a name that ends in .pth, .safetensors or .onnx, or a folder's name")
        }
        (Some(Target::Pth), Some(Layout::Pth)) => Ok(Layout::Pth),
        (Some(Target::Pth), _) => wrong("a name that ends in .pth, .pt or .bin"),
        (Some(Target::Safetensors), Some(Layout::Safetensors)) => Ok(Layout::Safetensors),
        (Some(Target::Safetensors), _) => wrong("a name that ends in .safetensors"),
        // A folder may have a dot in its name.
        (Some(Target::HuggingFace), None | Some(Layout::HuggingFace)) => Ok(Layout::HuggingFace),
        (Some(Target::HuggingFace), _) => wrong("a folder's name"),
        (Some(Target::Onnx), _) => wrong("a name that ends in .onnx"),
        (Some(Target::HqDecoder), Some(layout)) if layout != Layout::HuggingFace => Ok(layout),
        (Some(Target::HqDecoder), _) => wrong("a name that ends in .pth or .safetensors"),
    }
}
