//! The layout of Hugging Face's transformers: a folder with `config.json` and `model.safetensors`,
//! or the latter in shards, with names of its own.

mod config;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use super::checkpoint::{Checkpoint, Layout};
use super::conventions::conventions;
use super::element::Element;
use super::safetensors_file;
use crate::config::SamConfig;
use crate::conventions::{Conventions, PIXEL_MEAN, PIXEL_STD};
use crate::error::{Error, Result};
use crate::files::{folder_of, write_whole};

const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const OLD_WEIGHTS: &str = "pytorch_model.bin";

/// The longest configuration that is read: SAM's have 2 KB, with everything that transformers knows 10 KB.
const MAX_CONFIG: u64 = 1 << 20;

/// The longest index of shards: SAM's largest would have 60 KB.
const MAX_INDEX: u64 = 16 << 20;

/// Opens a folder; its names become the official ones. `open_file` opens an older folder's PyTorch file.
pub(super) fn open_folder(
    folder: &Path,
    open_file: &dyn Fn(&Path) -> Result<Checkpoint>,
) -> Result<Checkpoint> {
    let bad = |file: &str, reason: String| Error::Checkpoint {
        path: folder.join(file),
        format: "Hugging Face",
        reason,
    };
    let mut checkpoint = if folder.join(INDEX).is_file() {
        let mut whole = Checkpoint::default();
        for shard in shards(folder)? {
            let part = safetensors_file::open(&folder.join(&shard))?;
            let (replaced, _) = whole.put_over(part);
            if replaced > 0 {
                return Err(bad(
                    &shard,
                    format!("{replaced} of its tensors are in another shard too"),
                ));
            }
        }
        whole
    } else if folder.join(WEIGHTS).is_file() {
        safetensors_file::open(&folder.join(WEIGHTS))?
    } else if folder.join(OLD_WEIGHTS).is_file() {
        open_file(&folder.join(OLD_WEIGHTS))?
    } else {
        return Err(Error::Checkpoint {
            path: folder.to_owned(),
            format: "a folder",
            reason: format!("expected {WEIGHTS}, {INDEX} or {OLD_WEIGHTS} in it, found none"),
        });
    };
    checkpoint.layout = Some(Layout::HuggingFace);
    checkpoint.path = Some(folder.to_owned());
    to_official_names(&mut checkpoint);
    let path = folder.join(CONFIG);
    if path.is_file() {
        let text = text(&path, MAX_CONFIG)?;
        let mut config = config::from_json(&text).map_err(|reason| bad(CONFIG, reason))?;
        // A SAM's configuration beside HQ tensors, or the reverse, is told by the tensors.
        config.hq = checkpoint.names().any(|name| name == "mask_decoder.hf_token.weight");
        checkpoint.set_config(&config);
    }
    Ok(checkpoint)
}

/// A text file of at most so many bytes.
fn text(path: &Path, limit: u64) -> Result<String> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut text = String::new();
    let found = std::fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .map_err(io)?;
    if found as u64 > limit {
        return Err(Error::Checkpoint {
            path: path.to_owned(),
            format: "Hugging Face",
            reason: format!("expected at most {limit} bytes of JSON, found more"),
        });
    }
    Ok(text)
}

/// The file names of a sharded model.
fn shards(folder: &Path) -> Result<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let path = folder.join(INDEX);
    let bad =
        |reason: String| Error::Checkpoint { path: path.clone(), format: "Hugging Face", reason };
    let text = text(&path, MAX_INDEX)?;
    let index: Index = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => Err(bad(format!("expected shards in this folder, found {name:?}"))),
        None => Ok(names),
    }
}

/// Gives the tensors their official names, if they have Hugging Face's.
pub(super) fn to_official_names(checkpoint: &mut Checkpoint) {
    if !names::are_theirs(checkpoint.names()) {
        return;
    }
    if checkpoint.layout == Some(Layout::Safetensors) {
        checkpoint.layout = Some(Layout::HuggingFace);
    }
    let official = names::to_official(checkpoint.names());
    *checkpoint = std::mem::take(checkpoint).rename(|name| official.get(name).cloned());
}

/// Writes the folder. A new one appears by one rename; in one that exists each file is replaced by one.
///
/// # Errors
/// [`Error::Layout`] for a model that transformers has not; [`Error::Io`].
pub(super) fn write_folder(
    checkpoint: &Checkpoint,
    config: &SamConfig,
    folder: &Path,
    seen: &mut dyn FnMut(&str, Element, &[u8]),
) -> Result<()> {
    let json = config::to_json(config).map_err(|found| Error::Layout {
        path: folder.to_owned(),
        layout: "Hugging Face",
        expected: "a SAM or HQ-SAM with a plain vision transformer",
        found,
    })?;
    let io = |source| Error::Io { path: folder.to_owned(), source };
    let mut theirs = checkpoint.clone();
    // What transformers looks for before it reads a file.
    theirs.metadata.insert("format".to_owned(), "pt".to_owned());
    let renamed = names::to_theirs(checkpoint.names());
    let theirs = theirs.rename(|name| renamed.get(name).cloned());
    let official: BTreeMap<&str, &str> =
        renamed.iter().map(|(ours, theirs)| (theirs.as_str(), ours.as_str())).collect();
    let mut seen = |name: &str, element: Element, bytes: &[u8]| {
        seen(official.get(name).copied().unwrap_or(name), element, bytes);
    };
    let conventions = conventions(checkpoint)?;
    let mut fill = |folder: &Path| -> Result<()> {
        safetensors_file::write(&theirs, &folder.join(WEIGHTS), &mut seen)?;
        write_json(&folder.join(PREPROCESSOR), &preprocessor(config, conventions.as_ref()))?;
        write_json(&folder.join(CONFIG), &json)
    };
    if folder.is_dir() {
        return fill(folder);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".maskwright-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let part = builder.tempdir_in(folder_of(folder)).map_err(io)?;
    fill(part.path())?;
    std::fs::rename(part.path(), folder).map_err(io)?;
    // It goes by the new name now: nothing is left to remove.
    let _ = part.keep();
    Ok(())
}

fn write_json(path: &Path, json: &serde_json::Value) -> Result<()> {
    let text = format!("{json:#}\n");
    write_whole(path, |out| {
        out.write_all(text.as_bytes()).map_err(|source| Error::Io { path: path.to_owned(), source })
    })
}

/// How transformers' SamProcessor readies images: as SAM does, by the model's mean and deviation.
fn preprocessor(config: &SamConfig, conventions: Option<&Conventions>) -> serde_json::Value {
    let mean = conventions.map_or(PIXEL_MEAN, |known| known.pixel_mean);
    let deviation = conventions.map_or(PIXEL_STD, |known| known.pixel_std);
    let scaled = |values: [f32; 3]| values.map(|v| f64::from((v / 255.0 * 1e6).round()) / 1e6);
    let class = if config.hq { "SamHQProcessor" } else { "SamProcessor" };
    serde_json::json!({
        "image_processor_type": "SamImageProcessor",
        "processor_class": class,
        "do_convert_rgb": true,
        "do_resize": true,
        "do_rescale": true,
        "do_normalize": true,
        "do_pad": true,
        "image_mean": scaled(mean),
        "image_std": scaled(deviation),
        "resample": 2,
        "rescale_factor": 1.0 / 255.0,
        "size": { "longest_edge": config.image_size },
        "pad_size": { "height": config.image_size, "width": config.image_size },
        "mask_size": { "longest_edge": config.mask_size() },
        "mask_pad_size": { "height": config.mask_size(), "width": config.mask_size() },
    })
}
