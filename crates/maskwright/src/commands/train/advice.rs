//! What helps where training refuses data: the flag that mends it, as the doctor would say, or the doctor's own command.

use std::path::PathBuf;

use maskwright_data::source::{DataFile, SetKind, partners};
use maskwright_train::{Error, TrainConfig};
use {maskwright_data as data, maskwright_image as image};

use super::TrainFlags;
use crate::failure::Advised;
use crate::flags::data::place_of;

/// Lines of help about an error; none where it is not about data.
pub(super) fn advice(flags: &TrainFlags, sets: &DataFile, error: &Error) -> Vec<String> {
    let Error::Data(error) = error else { return Vec::new() };
    let error = &**error;
    let mut lines = Vec::new();
    lines.extend(suffix(sets).filter(|_| matches!(error, data::Error::Unpaired { .. })));
    if let data::Error::Image { source: image::Error::MaskZeroOne, .. } = error {
        lines.push("--set 'mask_values={ 1 = 255 }' maps them".to_owned());
    }
    // Of what is not there the doctor knows no more.
    let of_records = matches!(
        error,
        data::Error::Image { .. }
            | data::Error::Annotation { .. }
            | data::Error::SizeMismatch { .. }
            | data::Error::DamagedFile { .. }
            | data::Error::EmptyMask { .. }
            | data::Error::Unpaired { .. }
            | data::Error::DuplicateStem { .. }
            | data::Error::CrowdsLeftOut { .. }
    );
    let doctor = flags.data.doctors_words(flags.folder.as_deref()).filter(|_| of_records);
    lines.extend(doctor.map(|words| {
        format!(
            "`maskwright doctor {words}` lists all that training would refuse, and what mends it"
        )
    }));
    lines
}

/// An error about what a run reads, with the flag that says where it lies now if it is not where it was; `beside` that flag.
pub(crate) fn of_missing(config: &TrainConfig, beside: &str, error: Error) -> anyhow::Error {
    let no_file = |path: &Option<PathBuf>| path.as_ref().is_some_and(|path| !path.exists());
    let data_missing = match &error {
        Error::Data(error) => match &**error {
            data::Error::FolderMissing { .. } => true,
            data::Error::Read { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        },
        _ => false,
    };
    let flags = match (&error, data_missing) {
        (_, true) => place_of(&config.data),
        (Error::Model(_) | Error::Io { .. }, _) if no_file(&config.model.checkpoint) => {
            "--checkpoint FILE"
        }
        (Error::Model(_) | Error::Io { .. }, _) if no_file(&config.model.restore_model) => {
            "--restore-model FILE"
        }
        _ => return error.into(),
    };
    let advice = format!("if it has moved, {beside} {flags} says where it lies now");
    Advised::new(error, advice).into()
}

/// The suffix by which masks would find their images.
fn suffix(sets: &DataFile) -> Option<String> {
    sets.train.iter().chain(&sets.valid).find_map(|set| {
        let SetKind::Pairs(keys) = &set.kind else { return None };
        let found = partners::suffix(keys).filter(|found| found.suffix != keys.mask_suffix)?;
        let example = found.example.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Some(format!(
            "--mask-suffix={} pairs {} images with masks such as {example}",
            found.suffix, found.explains
        ))
    })
}
