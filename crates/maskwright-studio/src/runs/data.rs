//! What a training learns from, as a data file.

use std::path::{Path, PathBuf};

use maskwright_data::source::{DataFile, Part, SetSpec};
use maskwright_files::write_atomically;

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
        valid.repeat = None;
        let rest: Part = "rest of 90%".parse()?;
        match spec.name.strip_suffix(" (corrections)") {
            // A record of theirs is an object: all of an image go to the same side.
            Some(of) if spec.kind.taken().is_none() => {
                let names = corrections.names(of);
                let held_out = rest.select(&names).into_iter();
                valid.include = held_out.map(|at| format!("{}#*", escaped(&names[at]))).collect();
                spec.exclude.extend(valid.include.iter().cloned());
            }
            _ => {
                spec.part = Some("90%".parse()?);
                valid.part = Some(rest);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use maskwright_data::source::OpenContext;
    use maskwright_image::{RgbImage, Size, encode};

    use super::*;
    use crate::StudioData;
    use crate::api::{CroppedMask, SaveRequest, SavedObject};
    use crate::corrections::CorrectionsForm;

    /// In whatever form, the objects of an image are all trained on or all validated with.
    #[test]
    fn an_image_is_never_on_both_sides() {
        let place = tempfile::tempdir().expect("a folder");
        let photos = place.path().join("photos");
        std::fs::create_dir(&photos).expect("made");
        let jpeg = encode::jpeg_rgb(&RgbImage::filled(Size::new(20, 30), 90), 90).expect("encoded");
        for number in 0..20 {
            std::fs::write(photos.join(format!("photo_{number}.jpg")), &jpeg).expect("written");
        }
        let from = StudioData::Photos { folder: photos };
        let set = DataSet::open(&from, &OpenContext::default()).expect("opened");
        let object = |x| SavedObject {
            name: "leaf".into(),
            colour: "#33aa77".into(),
            mask: CroppedMask { x, y: 3, width: 4, height: 4, runs: vec![0, 16] },
            clicks: 1,
            predicted_iou: None,
        };
        for form in CorrectionsForm::ALL {
            let folder = place.path().join(form.name());
            let corrections = Corrections::open(&folder, form).expect("opened");
            for index in 0..20 {
                let objects = vec![object(2), object(12), object(22)];
                let request = SaveRequest { revision: 0, objects };
                corrections.save(&set, index, &request).expect("saved");
            }
            let file = place.path().join(format!("{}.toml", form.name()));
            write(&file, &TrainData::Corrections, &set, &corrections).expect("written");
            corrections.end();
            let data = DataFile::read(&file).expect("a data file");
            let images = |specs: &[SetSpec]| -> BTreeSet<PathBuf> {
                assert_eq!(specs.len(), 1);
                let open = specs[0].open(&OpenContext::default()).expect("opened");
                (0..open.len()).map(|at| open.record(at).expect("there").image).collect()
            };
            let (trained, held_out) = (images(&data.train), images(&data.valid));
            assert_eq!((trained.len(), held_out.len()), (18, 2), "{form:?}");
            assert!(trained.is_disjoint(&held_out), "{form:?}");
        }
    }
}
