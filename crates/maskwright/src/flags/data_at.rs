//! Data that are given as a path: what its ending or its content says that it is.

use std::path::Path;

use maskwright_data::source::{CocoKeys, DataFile, SetKind, SetSpec, images_of};

use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::flags::folder::{Then, sets_of};

/// The sets at a path, with the flags that are for all of them: a data file, COCO's JSON, a tar file of SA-1B, or a folder, of
/// which a line says what it is taken for and what is done `then`.
pub(crate) fn data_at(flags: &DataFlags, path: &Path, then: Then) -> anyhow::Result<DataFile> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let set = match ending.as_deref().filter(|_| path.is_file()) {
        Some("toml") => return Ok(DataFile::read(path).map_err(maskwright_train::Error::from)?),
        Some("json") => {
            let images = images_of(path).map_err(maskwright_train::Error::from)?;
            let images = images.ok_or_else(|| {
                let shown = path.display();
                Usage(format!(
                    "{shown}: expected its images in a folder beside it, found none of them; name the folder: \
                     --coco {shown} --images DIR"
                ))
            })?;
            let annotations = path.to_owned();
            let keys = CocoKeys { annotations, images, ..CocoKeys::default() };
            SetSpec::new(stem(path), SetKind::Coco(keys))
        }
        Some("tar") => SetSpec::sa1b(stem(path), path),
        _ => return flags.of_sets(sets_of(path, then)?),
    };
    flags.of_sets(DataFile { train: vec![set], ..DataFile::default() })
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "data".into(), |stem| stem.to_string_lossy().into_owned())
}
