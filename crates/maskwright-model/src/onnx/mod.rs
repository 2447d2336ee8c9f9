//! Models as ONNX files, for runtimes in any language: the image encoder in one, prompt encoder and
//! mask decoder in another, since an image is encoded once and asked many times.
//!
//! [`export`] builds the two graphs from a [`Checkpoint`] and its configuration, operator by operator
//! as the modules of this crate compute, with the checkpoint's tensors as constants under their
//! official names, and writes them without holding the weights in memory. Operators are those of
//! opset 17.
//!
//! | graph | input | output |
//! |---|---|---|
//! | encoder | `pixels` `[images, 3, s, s]`, red, green, blue in 0..255, not normalised | `image_embeddings` `[images, c, g, g]`; with an HQ mask `interm_embeddings` `[levels, images, g, g, d]` |
//! | decoder | those of one image, or of one for each prompt; `point_coords` `[prompts, points, 2]`, `point_labels` `[prompts, points]`, `mask_input` `[1 or prompts, 1, m, m]`, `has_mask_input` `[1 or prompts]`, `orig_im_size` `[2]` | `masks` `[prompts, n, height, width]`, `iou_predictions` `[prompts, n]`, `low_res_masks` `[prompts, n, m, m]` |
//!
//! All are f32. The decoder's names, shapes and meaning are those of the exporters of Segment Anything
//! and HQ-SAM, with any number of prompts beyond.
//!
//! ```no_run
//! use maskwright_model::onnx::{ExportOptions, export};
//! use maskwright_model::weights::Checkpoint;
//!
//! # fn main() -> Result<(), maskwright_model::Error> {
//! let checkpoint = Checkpoint::open("sam_hq_vit_b.pth".as_ref())?;
//! let options = ExportOptions::default();
//! let exported = export(&checkpoint, "sam_hq_vit_b.onnx".as_ref(), &options, &mut |_, _| {})?;
//! assert_eq!(exported.files[1].to_str(), Some("sam_hq_vit_b.decoder.onnx"));
//! # Ok(())
//! # }
//! ```

mod decoder;
mod file;
pub(crate) mod graph;
pub(crate) mod layers;
mod masks;
mod prompts;
mod proto;
#[cfg(test)]
mod tests;
mod two_way_transformer;

use std::path::{Path, PathBuf};

use graph::{Axis, Graph, Value};
pub use masks::Masks;

use crate::config::SamConfig;
use crate::conventions::{Conventions, PIXEL_MEAN, PIXEL_STD};
use crate::error::{Error, Result};
use crate::image_encoder::Encoded;
use crate::weights::{self, Checkpoint, Written};

/// How to [`export`].
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Side of the square input in pixels; the checkpoint's own if not given.
    pub image_size: Option<usize>,
    /// Which masks; with an HQ head the sum of both, otherwise SAM's, if not given.
    pub masks: Option<Masks>,
    /// For ambiguous prompts: all of SAM's ambiguous masks where SAM's are given, otherwise the one of
    /// them with the highest predicted IoU, plus the HQ mask.
    pub multimask: bool,
    /// A graph with more bytes of values than this gets a second file for them: protobuf's readers
    /// take no file of 2 GiB.
    pub most_inside: u64,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { image_size: None, masks: None, multimask: false, most_inside: 1_500_000_000 }
    }
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Encoder and decoder, then the files of values that lie beside them, if any.
    pub files: Vec<PathBuf>,
    /// The checkpoint's tensors in them.
    pub written: Written,
}

/// The files that an export to `NAME.onnx` may write: `NAME.encoder.onnx`, `NAME.decoder.onnx`, and
/// beside each its values, `....onnx.data`, where they are too many for one.
pub fn files(path: &Path) -> [PathBuf; 4] {
    let [encoder, decoder] =
        ["encoder", "decoder"].map(|part| path.with_extension(format!("{part}.onnx")));
    let data = [file::data_file(&encoder), file::data_file(&decoder)];
    let [encoder_data, decoder_data] = data;
    [encoder, decoder, encoder_data, decoder_data]
}

/// Writes a whole model as ONNX, to the [`files`] of `path`, which are replaced if they are there;
/// `watch` hears with every tensor of the checkpoint how many bytes of values are done, and in all.
///
/// The weights keep their number type: f16 and bf16 become f32 when they are loaded, and all is
/// computed in f32.
///
/// # Errors
/// [`Error::Detect`] if the checkpoint holds no whole model, [`Error::Mismatch`] with every tensor that
/// does not fit, [`Error::Config`] for an impossible size, [`Error::NoHqHead`], [`Error::Io`], and
/// [`Error::Checkpoint`] if a tensor cannot be read.
pub fn export(
    checkpoint: &Checkpoint,
    path: &Path,
    options: &ExportOptions,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<Exported> {
    let mut config = weights::detect(checkpoint)?;
    config.image_size = options.image_size.unwrap_or(config.image_size);
    config.validate()?;
    weights::check(checkpoint, &config)?;
    let masks = options.masks.unwrap_or(if config.hq { Masks::SamHq } else { Masks::Sam });
    if masks.hq() && !config.hq {
        return Err(Error::NoHqHead);
    }
    let conventions = weights::conventions(checkpoint)?;
    let checkpoint = checkpoint.clone().fitted(&config)?;
    let json = serde_json::to_string(&config).unwrap_or_default();
    let wanted = decoder::Wanted { masks, multimask: options.multimask };
    let [encoder_file, decoder_file, ..] = files(path);

    let mut parts = Vec::new();
    let mut graph = Graph::new(&checkpoint);
    encoder(&mut graph, &config, conventions.as_ref(), masks.hq());
    let says = "Image encoder: a square RGB image, 0..255, to embeddings. The image is scaled so \
                that its longer side fills the square, at the top-left; what is beside it is 128, or \
                the pixel mean for zeros after normalisation as in SAM's predictor";
    parts.push((graph, "encoder", says, encoder_file));
    let mut graph = Graph::new(&checkpoint);
    decoder::build(&mut graph, &config, wanted);
    let says = "Prompt encoder and mask decoder: embeddings and prompts to masks";
    parts.push((graph, "decoder", says, decoder_file));

    let weights = parts.iter().flat_map(|(graph, ..)| &graph.constants);
    let total = weights.filter(|weight| weight.bytes.is_none()).map(file::byte_len).sum();
    let mut written = Written::default();
    let mut seen = |name: &str, element: weights::Element, bytes: &[u8]| {
        written.count(name, element, bytes);
        watch(written.bytes, total);
    };
    let (mut files, mut beside) = (Vec::new(), Vec::new());
    for (graph, part, says, path) in parts {
        let known = checkpoint.metadata.get(weights::CONVENTIONS_KEY).map(String::as_str);
        let about = file::About { part, says, config: &json, conventions: known };
        let most = options.most_inside;
        let mut made = file::write(graph, &about, &checkpoint, &path, most, &mut seen)?;
        beside.extend(made.drain(1..));
        files.extend(made);
    }
    files.extend(beside);
    Ok(Exported { files, written })
}

/// Pixels to embeddings.
fn encoder(g: &mut Graph<'_>, config: &SamConfig, conventions: Option<&Conventions>, hq: bool) {
    let (side, grid) = (Axis::Fixed(config.image_size), Axis::Fixed(config.grid()));
    let images = Axis::Free("images");
    let pixels = [images, Axis::Fixed(3), side, side];
    let pixels = g.input("pixels", &pixels, "Red, green, blue, each 0..255, row by row");
    g.scope("preprocess");
    let mean = conventions.map_or(PIXEL_MEAN, |known| known.pixel_mean);
    let deviation = conventions.map_or(PIXEL_STD, |known| known.pixel_std);
    let (mean, deviation) = (g.floats(&mean, &[3, 1, 1]), g.floats(&deviation, &[3, 1, 1]));
    let centred = g.node("Sub", &[&pixels, &mean], &[]);
    let normalised = g.node("Div", &[&centred, &deviation], &[]);
    let Encoded { embedding, early } = config.encoder.graph(g, &config.frame(), &normalised);
    let axes = [images, Axis::Fixed(config.prompt_dim), grid, grid];
    g.output("image_embeddings", embedding, &axes, "The image embedding");
    if hq {
        g.scope("image_encoder.interm");
        let levels: Vec<Value> = early.iter().map(|level| g.unsqueeze(level, 0)).collect();
        let levels = g.concat(&levels.iter().collect::<Vec<_>>(), 0);
        let early_dim = Axis::Fixed(config.early_dim());
        let axes = [Axis::Fixed(early.len()), images, grid, grid, early_dim];
        let says = "The outputs of the encoder's global blocks, or of TinyViT's second stage";
        g.output("interm_embeddings", levels, &axes, says);
    }
}
