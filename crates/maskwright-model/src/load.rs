//! Loading a model: from a checkpoint, optionally with a tuned decoder put into it, or from fresh
//! weights.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::config::{ModelType, SamConfig};
use crate::device::{Place, host};
use crate::error::{Error, Result};
use crate::image_encoder::EncoderConfig;
use crate::sam::Sam;
use crate::weights::{self, Checkpoint};

/// Where a model comes from: a checkpoint, a configuration to initialise, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSource {
    /// The model's name, such as `vit_b`, `vit_l` or `vit_h`. A checkpoint must be of this model;
    /// without a checkpoint such a model is made with fresh weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// A SAM or HQ-SAM checkpoint: `.pth`, `.safetensors`, or a Hugging Face folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<PathBuf>,
    /// A file of tuned tensors (`epoch_N`), which replace those of the checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_model: Option<PathBuf>,
    /// The side of the model's square input in pixels, a multiple of 16; the checkpoint's own if not
    /// given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_size: Option<usize>,
    /// The sizes of a model that is made with fresh weights if there is no checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<SamConfig>,
}

/// A loaded model, and remarks on how it was made.
#[derive(Debug)]
pub struct LoadedModel {
    /// The model, with all parameters outside autodiff.
    pub sam: Sam,
    /// Remarks for the user: parts with fresh weights, parts of the file that were ignored, weights that
    /// are NaN or infinite.
    pub notes: Vec<String>,
    /// What of it has fresh weights.
    pub fresh: Fresh,
}

/// What of a model has fresh weights, which have learned nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// Nothing: all weights come from files.
    Nothing,
    /// The HQ head, which the checkpoint does not have.
    HqHead,
    /// All of it.
    All,
}

/// Makes the model that `source` describes.
///
/// If there is a checkpoint, its tensors determine the configuration, and `model_type` must agree with
/// it. Otherwise a model is initialised from `seed`. If `want_hq`, a model without an HQ head gets a
/// fresh one.
///
/// # Errors
/// [`Error::NoModel`] if `source` names no model, [`Error::WrongModel`] for a checkpoint of another
/// model than the named one, and other errors for files that cannot be read or do not fit.
pub fn load_model(
    source: &ModelSource,
    want_hq: bool,
    seed: u64,
    device: &Device,
) -> Result<LoadedModel> {
    load_with(source, want_hq, seed, device, |config, checkpoint| {
        weights::from_tensors(config, checkpoint, seed, device)
    })
}

/// Makes the model that `source` describes, none of which learns, at a place. Where that packs an encoder's weights, they
/// are read straight into their packed form: of the largest models that is a third of the memory.
///
/// # Errors
/// As [`load_model`].
pub fn load_frozen(source: &ModelSource, place: &Place) -> Result<LoadedModel> {
    let mut loaded =
        load_with(source, false, 0, &host(), |config, checkpoint| match place.packs() {
            Some(instructions) => weights::packed_from(config, checkpoint, 0, instructions),
            None => weights::from_tensors(config, checkpoint, 0, &host()),
        })?;
    loaded.sam = place.put(loaded.sam, false);
    Ok(loaded)
}

fn load_with(
    source: &ModelSource,
    want_hq: bool,
    seed: u64,
    device: &Device,
    read: impl Fn(&SamConfig, &Checkpoint) -> Result<weights::Loaded>,
) -> Result<LoadedModel> {
    let wanted: Option<ModelType> = source.model_type.as_deref().map(str::parse).transpose()?;
    let mut notes = Vec::new();
    let mut fresh = Fresh::Nothing;
    let mut sam = match &source.checkpoint {
        Some(path) => {
            let checkpoint = Checkpoint::open(path)?;
            let mut config = weights::detect(&checkpoint)?;
            check_type(path, wanted, &config)?;
            let own = config.image_size;
            config.image_size = source.input_size.unwrap_or(own);
            if config.image_size != own {
                let (side, path) = (config.image_size, path.display());
                notes.push(format!(
                    "the input is {side} x {side} pixels; the own size of {path} is {own} x {own}"
                ));
            }
            config.hq |= want_hq;
            notes.extend(checkpoint.notes.iter().map(|note| format!("{}: {note}", path.display())));
            let loaded = read(&config, &checkpoint)?;
            notes.extend(not_finite(path, &loaded.not_finite));
            if !loaded.fresh.is_empty() {
                fresh = Fresh::HqHead;
                notes.push(format!(
                    "{} has no HQ head; it starts from fresh weights (seed {seed})",
                    path.display()
                ));
            }
            loaded.sam
        }
        None => {
            let config = fresh_config(source, wanted, want_hq)?;
            fresh = Fresh::All;
            notes.push(format!("no checkpoint: all weights start fresh (seed {seed})"));
            config.init(device, seed)?
        }
    };
    if let Some(path) = &source.restore_model {
        let applied = weights::apply_tuned(sam, Checkpoint::open(path)?)?;
        notes.extend(not_finite(path, &applied.not_finite));
        sam = applied.sam;
        // What was tuned has an HQ head where the model has one.
        if fresh == Fresh::HqHead {
            fresh = Fresh::Nothing;
        }
    }
    Ok(LoadedModel { sam: sam.frozen(), notes, fresh })
}

fn fresh_config(
    source: &ModelSource,
    wanted: Option<ModelType>,
    want_hq: bool,
) -> Result<SamConfig> {
    let config = match (&source.config, wanted) {
        (Some(config), _) => config.clone(),
        (None, Some(model)) => SamConfig::of(model)?,
        (None, None) => {
            return Err(Error::NoModel);
        }
    };
    let size = source.input_size.unwrap_or(config.image_size);
    let hq = want_hq || config.hq;
    Ok(config.with_image_size(size).with_hq(hq))
}

/// Checks that a checkpoint is of the model `wanted`, if one is named.
pub fn check_type(path: &Path, wanted: Option<ModelType>, found: &SamConfig) -> Result<()> {
    match wanted {
        Some(wanted) if wanted != found.model_type() => Err(Error::WrongModel {
            file: path.to_path_buf(),
            key: "model.model_type",
            expected: format!("a {wanted} checkpoint"),
            found: describe(found),
        }),
        _ => Ok(()),
    }
}

/// Checks that a mask decoder belongs to the model `wanted`, if one is named. A decoder without an HQ
/// head fits all models and cannot be checked, which is an error too.
pub fn check_decoder_type(
    path: &Path,
    wanted: Option<ModelType>,
    decoder: &Checkpoint,
) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let width = SamConfig::of(wanted)?.early_dim();
    match weights::decoder_width(decoder) {
        Some(found) if found == width => Ok(()),
        Some(found) => Err(Error::WrongModel {
            file: path.to_path_buf(),
            key: "model.model_type",
            expected: format!("the mask decoder of a {wanted}, for a feature of {width} channels"),
            found: format!("one for {found} channels"),
        }),
        None => Err(Error::ModelNotTold { file: path.to_path_buf(), key: "model.model_type" }),
    }
}

/// Returns a short description of a model: its official name, or its sizes.
pub fn describe(config: &SamConfig) -> String {
    let model = config.model_type();
    if model.is_custom() {
        return format!("a custom model (width {}, {})", config.early_dim(), encoder(config));
    }
    model.to_string()
}

fn encoder(config: &SamConfig) -> String {
    match &config.encoder {
        EncoderConfig::Vit(vit) => {
            format!("{} blocks, patch {}", vit.depth, config.patch_size)
        }
        _ => "another encoder".into(),
    }
}

/// Returns the number of values in a model, trained and constant ones.
pub fn parameter_count(sam: &Sam) -> usize {
    weights::shapes(sam).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

/// Returns a warning if there are weights that are NaN or infinite. `found` lists tensors with the
/// number of such values.
pub fn not_finite(path: &Path, found: &[(String, usize)]) -> Option<String> {
    const SHOWN: usize = 5;
    let all: usize = found.iter().map(|(_, count)| count).sum();
    let mut names: Vec<String> =
        found.iter().take(SHOWN).map(|(name, count)| format!("{name}: {count}")).collect();
    if found.len() > SHOWN {
        names.push(format!("and {} more tensors", found.len() - SHOWN));
    }
    let (path, names) = (path.display(), names.join(", "));
    (all > 0).then(|| format!("{path}: {all} weights are NaN or infinite ({names})"))
}

/// Checks that `model.input_size` is a multiple of 16 pixels, the side of a patch.
///
/// # Errors
/// [`Error::Setting`], which names the nearest valid sizes.
pub fn check_input_size(size: usize) -> Result<()> {
    if size > 0 && size.is_multiple_of(16) {
        return Ok(());
    }
    let below = (size / 16).max(1) * 16;
    Err(Error::Setting {
        key: "model.input_size",
        expected: format!("a multiple of 16, such as {below} or {}", below + 16),
        found: size.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;
    use crate::device::Compute;
    use crate::image_encoder::Precision;

    #[test]
    fn weights_that_are_packed_as_they_are_read_are_those_that_are_packed_later() {
        let compute = Compute { precision: Some(Precision::Bf16), ..Compute::default() };
        let Ok(place) = compute.open() else {
            return println!("left out: this processor does not multiply bf16");
        };
        let folder = std::env::temp_dir().join(format!("maskwright-frozen-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let config = SamConfig::small(64, 16, 32, 2).with_hq(true);
        let mut state = weights::state_dict(&config.init(&host(), 3).expect("a model"));
        let damaged = "image_encoder.blocks.1.mlp.lin2.weight";
        state.tensors.get_mut(damaged).expect("a weight").values[5] = f32::NAN;
        let path = folder.join("model.safetensors");
        let sam = weights::from_tensors(&config, &state, 0, &host()).expect("a model").sam;
        weights::save(&sam, &path).expect("written");

        let source = ModelSource { checkpoint: Some(path.clone()), ..ModelSource::default() };
        let frozen = load_frozen(&source, &place).expect("loaded");
        let later = load_model(&source, false, 0, &host()).expect("loaded");
        assert_eq!(frozen.notes, later.notes);
        assert!(later.notes.iter().any(|note| note.contains(damaged)), "{:?}", later.notes);
        let in_file = frozen.sam.image_encoder.in_file();
        assert!(in_file.len() == 4 * 2 && in_file.contains_key(damaged), "{in_file:?}");
        let bits = |sam: &Sam| {
            // With a NaN in the last block, what comes before it is what can be compared.
            let images = Tensor::ones([1, 3, 64, 64], &host());
            sam.encode_first(images, 2).x.into_data()
        };
        let later = place.put(later.sam, false);
        assert_eq!(bits(&frozen.sam), bits(&later));
        assert!(later.image_encoder.in_file().is_empty());

        // What goes into a checkpoint is what the file has, and what computes in f32 is made of it.
        let values = |sam: &Sam| {
            let tensors = weights::state_dict(sam).tensors;
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            tensors
                .into_iter()
                .map(|(name, tensor)| (name, bits(tensor.values)))
                .collect::<Vec<_>>()
        };
        assert!(values(&frozen.sam) == values(&later));
        let mut thawed = frozen.sam.clone();
        thawed.image_encoder_mut();
        assert!(thawed.image_encoder.in_file().is_empty() && values(&thawed) == values(&later));

        // A file that ends too early is refused by name.
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        let error = load_frozen(&source, &place).expect_err("half a file").to_string();
        assert!(error.contains("model.safetensors"), "{error}");
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn input_sizes_are_multiples_of_16() {
        assert!(check_input_size(1024).is_ok() && check_input_size(16).is_ok());
        insta::assert_snapshot!(check_input_size(1000).expect_err("refused"), @"model.input_size: expected a multiple of 16, such as 992 or 1008, found 1000");
        assert!(check_input_size(0).is_err());
    }
}
