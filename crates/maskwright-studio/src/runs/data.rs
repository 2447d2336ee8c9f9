//! What a training learns from, as a data file.

use std::path::{Path, PathBuf};

use maskwright_data::source::{DataFile, SetSpec};
use maskwright_model::files::write_atomically;

use crate::api::TrainData;
use crate::corrections::Corrections;
use crate::data::DataSet;
use crate::error::{Error, Result};

/// Corrections of fewer images are all trained on.
const HELD_OUT_FROM: usize = 10;

/// Writes the data file of a training, and returns it.
///
/// Of an image that has corrections, these are trained on and not the masks that the set has. Where nothing validates, a tenth of each set
/// does.
///
/// # Errors
/// [`Error::Setting`] where there is nothing to learn from, [`Error::Io`].
pub(super) fn write(
    path: &Path,
    wanted: &TrainData,
    set: &DataSet,
    corrections: &Corrections,
) -> Result<PathBuf> {
    let refuse = |expected: &str, found: &str| Err(Error::setting("data", expected, found));
    let mut data = set.data.clone().unwrap_or_default();
    if *wanted == TrainData::Set && data.train.is_empty() {
        return refuse("sets with masks to train on", "photographs without masks");
    }
    let drawn = match wanted {
        TrainData::Set => None,
        TrainData::Corrections | TrainData::Both => corrections.data_file()?,
    };
    let drawn = drawn.map(|file| DataFile::read(&file)).transpose()?;
    match (wanted, &drawn) {
        (TrainData::Corrections, None) => {
            return refuse("corrections", "none: draw masks on some images first");
        }
        (TrainData::Both, None) if data.train.is_empty() => {
            return refuse("masks", "photographs without masks, and no corrections");
        }
        (TrainData::Corrections, _) => data.train.clear(),
        _ => {}
    }
    if *wanted == TrainData::Both {
        for spec in &mut data.train {
            let names = corrections.names(&spec.name);
            spec.exclude.extend(names.iter().map(|name| escaped(name)));
        }
    }
    let own: Vec<SetSpec> = set.sets.iter().filter_map(|set| set.spec.clone()).collect();
    for mut spec in drawn.unwrap_or_default().train {
        // Turned and seen as in the set that it corrects.
        let of = spec.name.strip_suffix(" (corrections)").unwrap_or(&spec.name);
        if let Some(like) = own.iter().find(|one| one.name == of) {
            (spec.exif, spec.value_range) = (like.exif, like.value_range);
        }
        data.train.push(spec);
    }
    if data.valid.is_empty() {
        hold_out(&mut data, set, corrections)?;
    }
    data.validate()?;
    // A data file names its places from the root on: it lies elsewhere.
    let here = std::env::current_dir().map_err(Error::io(Path::new("."), "find"))?;
    data.rebase(&here);
    let text = toml::to_string(&data)
        .map_err(|error| Error::setting("data", "what a data file can say", error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "create"))?;
    write_atomically(path, text.as_bytes()).map_err(Error::io(path, "write"))?;
    Ok(path.to_path_buf())
}

/// A tenth of each set that is taken whole validates.
fn hold_out(data: &mut DataFile, set: &DataSet, corrections: &Corrections) -> Result<()> {
    for spec in data.train.iter_mut().filter(|spec| spec.part.is_none()) {
        let count = match spec.name.strip_suffix(" (corrections)") {
            Some(of) => corrections.names(of).len(),
            None => {
                set.sets.iter().find(|open| open.source.name() == spec.name).map_or(0, |open| {
                    open.source.len().saturating_sub(corrections.names(&spec.name).len())
                })
            }
        };
        if count < HELD_OUT_FROM {
            continue;
        }
        let mut valid = spec.clone();
        valid.name = format!("{} (held out)", spec.name);
        spec.part = Some("90%".parse()?);
        valid.part = Some("rest of 90%".parse()?);
        valid.repeat = None;
        data.valid.push(valid);
    }
    Ok(())
}

/// A name as a pattern that fits it alone.
fn escaped(name: &str) -> String {
    let mut pattern = String::new();
    for c in name.chars() {
        match c {
            '*' | '?' | '[' | ']' => pattern.extend(['[', c, ']']),
            c => pattern.push(c),
        }
    }
    pattern
}
