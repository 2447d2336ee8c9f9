//! The data at a path: a data file, or a folder whose layout tells what it is.

use std::path::Path;

use super::{DataFile, Recognised, recognise};
use crate::error::{Error, Result};

/// Returns the sets at a path: those of a data file (`.toml`), or those of a folder whose layout tells what it is ([`recognise`]).
///
/// # Errors
/// As [`DataFile::read`] and [`recognise`]; [`Error::Setting`] for a folder that is nothing that can be trained on, or may be several
/// things.
pub fn data_at(path: &Path) -> Result<DataFile> {
    let about =
        std::fs::metadata(path).map_err(|source| Error::Read { file: path.into(), source })?;
    if about.is_file() {
        return DataFile::read(path);
    }
    let refused = |expected: &str, found: String| {
        let key = format!("data {}", path.display());
        Err(Error::Setting { key, expected: expected.into(), found })
    };
    match recognise(path)? {
        Recognised::Set(reading) => Ok(reading.data),
        Recognised::ImagesAlone { images } => {
            refused("images with masks or annotations", format!("{images} images alone"))
        }
        Recognised::NotRead { what, instead } => refused(instead, what.into()),
        Recognised::Unclear { found, likely } => {
            let readings: Vec<&str> = likely.iter().map(|one| one.what.as_str()).collect();
            match &readings[..] {
                [] => refused("a data file or a folder of one data set", found),
                many => {
                    let may_be = many.join(", or ");
                    refused("one data set", format!("{found}, which may be {may_be}"))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maskwright_image::{GreyImage, RgbImage, Size, encode};

    use super::*;

    #[test]
    fn files_and_folders_are_told_apart_and_others_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), bytes).unwrap();
        };
        let image = encode::png_rgb(&RgbImage::filled(Size::square(8), 90)).unwrap();
        let mask = encode::png_grey(&GreyImage::filled(Size::square(8), 255)).unwrap();
        write("set/images/a.png", &image);
        write("set/masks/a.png", &mask);
        write(
            "data.toml",
            b"[[train]]\nname = \"a\"\nimages = \"set/images\"\nmasks = \"set/masks\"\n",
        );
        write("alone/a.png", &image);
        write("empty/a.txt", b"");
        assert_eq!(data_at(&at("data.toml")).unwrap().train.len(), 1);
        assert_eq!(data_at(&at("set")).unwrap().train.len(), 1);
        let refused = |name: &str| {
            let text = data_at(&at(name)).unwrap_err().to_string();
            text.replace(&format!("{}/", folder.path().display()), "")
        };
        assert!(matches!(data_at(&at("none")), Err(Error::Read { .. })));
        assert_eq!(
            refused("alone"),
            "data alone: expected images with masks or annotations, found 1 images alone"
        );
        assert!(refused("empty").starts_with("data empty: expected a data file or a folder"));
    }
}
