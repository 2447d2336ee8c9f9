//! What is to be prepared.

use std::path::Path;

use maskwright_data::source::{Recognised, recognise};
use maskwright_prep::PrepData;

use super::PrepFlags;
use crate::exit::Usage;
use crate::flags::data_at::data_at;
use crate::tell;

/// What is done with a folder.
const THEN: (&str, &str) = ("prep", "preparing it");

/// The data that the flags name; a folder of images alone where a model makes something of them.
pub(super) fn of(flags: &PrepFlags) -> anyhow::Result<PrepData> {
    let asks_model = flags.auto_masks || flags.embeddings;
    let Some(path) = &flags.path else {
        return match flags.data.images_alone() {
            Some(folder) if asks_model => Ok(images(folder)),
            Some(folder) => Err(without_masks(&format!("--images {}", folder.display()))),
            None => Ok(PrepData::Sets(Box::new(flags.data.resolve(0.0)?))),
        };
    };
    if flags.data.says_where() {
        let expected = "expected DATA or flags that say where the data are (--images and --masks, --data, ...)";
        return Err(Usage(format!("{expected}, found both")).into());
    }
    let recognised = path.is_dir().then(|| recognise(path)).transpose();
    if let Some(Recognised::ImagesAlone { images: count }) =
        recognised.map_err(maskwright_train::Error::from)?
    {
        if !asks_model {
            return Err(without_masks(&path.display().to_string()));
        }
        tell::say(format_args!(
            "{} looks like {count} images without masks; preparing them",
            path.display()
        ));
        return Ok(images(path));
    }
    Ok(PrepData::Sets(Box::new(data_at(&flags.data, path, THEN)?)))
}

fn images(folder: &Path) -> PrepData {
    let name = folder.file_name().map_or("images".into(), |name| name.to_string_lossy());
    PrepData::Images { name: name.into_owned(), folder: folder.into() }
}

fn without_masks(what: &str) -> anyhow::Error {
    Usage(format!(
        "{what}: expected images with masks or annotations (--masks DIR, --coco JSON), or something to make of images \
         alone (--auto-masks, --embeddings), found images alone"
    ))
    .into()
}

/// Whether the data are images alone.
pub(super) fn has_no_masks(data: &PrepData) -> bool {
    matches!(data, PrepData::Images { .. })
}
