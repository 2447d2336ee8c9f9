//! The layout of Hugging Face's transformers: a folder with `config.json` and `model.safetensors`,
//! or the latter in shards, with names of its own.

mod config;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use maskwright_files::NewFolder;

use super::checkpoint::{Checkpoint, Layout};
use super::conventions::conventions;
use super::element::Element;
use super::safetensors_file;
use crate::config::SamConfig;
use crate::conventions::{Conventions, PIXEL_MEAN, PIXEL_STD};
use crate::error::{Error, Result};
use crate::files::write_whole;

const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const OLD_WEIGHTS: &str = "pytorch_model.bin";
const OLD_INDEX: &str = "pytorch_model.bin.index.json";

/// The longest configuration that is read: SAM's have 2 KB, with everything that transformers knows 10 KB.
const MAX_CONFIG: u64 = 1 << 20;

/// The longest index of shards: SAM's largest would have 60 KB.
const MAX_INDEX: u64 = 16 << 20;

/// Opens a folder; its names become the official ones. `open_file` opens one of its files, with the names
/// that are in it.
pub(super) fn open_folder(
    folder: &Path,
    open_file: &dyn Fn(&Path) -> Result<Checkpoint>,
) -> Result<Checkpoint> {
    let bad = |file: &str, reason: String| Error::Checkpoint {
        path: folder.join(file),
        format: "Hugging Face",
        reason,
    };
    let index = [INDEX, OLD_INDEX].into_iter().find(|index| folder.join(index).is_file());
    let mut checkpoint = if let Some(index) = index {
        let mut whole = Checkpoint::default();
        for shard in shards(folder, index)? {
            let part = open_file(&folder.join(&shard))?;
            whole.notes.extend(part.notes.iter().cloned());
            let (replaced, _) = whole.put_over(part);
            if replaced > 0 {
                return Err(bad(
                    &shard,
                    format!("{replaced} of its tensors are in another shard too"),
                ));
            }
        }
        whole
    } else if let Some(file) =
        [WEIGHTS, OLD_WEIGHTS].into_iter().find(|file| folder.join(file).is_file())
    {
        open_file(&folder.join(file))?
    } else {
        return Err(Error::Checkpoint {
            path: folder.to_owned(),
            format: "a folder",
            reason: format!(
                "expected {WEIGHTS}, {INDEX}, {OLD_WEIGHTS} or {OLD_INDEX} in it, {}",
                instead(folder)
            ),
        });
    };
    checkpoint.undo_wrappers(folder)?;
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

/// What a folder without a model has in the place of one.
fn instead(folder: &Path) -> String {
    const SHOWN: usize = 3;
    const ENDINGS: [&str; 6] = ["safetensors", "pth", "pt", "ckpt", "bin", "distcp"];
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<String> = entries
        .filter(|entry| {
            let ending = Path::new(&entry.file_name()).extension().map(|e| e.to_owned());
            ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    if files.iter().any(|name| name.ends_with(".distcp")) {
        return "found a distributed checkpoint of PyTorch: python -m \
                torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE makes one file of it"
            .to_owned();
    }
    let more = files.len().saturating_sub(SHOWN);
    files.truncate(SHOWN);
    let files = files.join(", ");
    match (files.is_empty(), more) {
        (true, _) => "found none".to_owned(),
        (_, 0) => format!("found {files}: give a file by itself"),
        _ => format!("found {files} and {more} more: give one of them by itself"),
    }
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
fn shards(folder: &Path, index: &str) -> Result<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let path = folder.join(index);
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
    let part = NewFolder::beside(folder).map_err(io)?;
    fill(part.path())?;
    part.publish().map_err(io)
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
