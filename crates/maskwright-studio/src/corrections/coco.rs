//! What was saved, as COCO's instances: a file for each set, and the data file that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use maskwright_image::Size;
use maskwright_image::mask::Rle;
use maskwright_model::files::write_atomically;
use serde::Serialize;

use super::stored::{Stored, readable};
use crate::error::{Error, Result};
use crate::key::key_of;

/// The data file.
pub(super) const DATA_FILE: &str = "data.toml";

/// A file of COCO that was written.
pub(super) struct Written {
    name: String,
    annotations: String,
    images: PathBuf,
}

#[derive(Serialize)]
struct Instances {
    images: Vec<Image>,
    categories: Vec<Category>,
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
struct Image {
    id: usize,
    file_name: String,
    height: usize,
    width: usize,
}

#[derive(Serialize)]
struct Category {
    id: usize,
    name: String,
}

#[derive(Serialize)]
struct Annotation {
    id: usize,
    image_id: usize,
    category_id: usize,
    segmentation: Segmentation,
    area: u64,
    /// Left, top, width, height.
    bbox: [u32; 4],
    iscrowd: u8,
}

#[derive(Serialize)]
struct Segmentation {
    size: [usize; 2],
    counts: String,
}

impl Written {
    /// Writes a set's file.
    ///
    /// # Errors
    /// [`Error::Io`], masks that do not fit their images.
    pub(super) fn write(folder: &Path, set: &str, images: &[Stored]) -> Result<Self> {
        let root = shared_folder(images.iter().map(|stored| stored.image.as_path()));
        let objects = || images.iter().flat_map(|stored| &stored.objects);
        let names: BTreeSet<&str> = objects().map(|object| object.name.trim()).collect();
        let numbers: BTreeMap<&str, usize> = names.into_iter().zip(1..).collect();
        let mut document =
            Instances { images: Vec::new(), categories: Vec::new(), annotations: Vec::new() };
        document.categories = numbers
            .iter()
            .map(|(name, id)| Category { id: *id, name: (*name).to_owned() })
            .collect();
        for (id, stored) in (1..).zip(images) {
            let size = Size::new(stored.size.height, stored.size.width);
            let within = stored.image.strip_prefix(&root).unwrap_or(&stored.image);
            document.images.push(Image {
                id,
                file_name: within.to_string_lossy().replace('\\', "/"),
                height: size.height,
                width: size.width,
            });
            for object in stored.objects.iter().filter(|object| !object.mask.is_empty()) {
                let mask = Rle::from_bitmap(&object.mask.to_bitmap(size)?);
                document.annotations.push(Annotation {
                    id: document.annotations.len() + 1,
                    image_id: id,
                    category_id: numbers[object.name.trim()],
                    area: mask.area(),
                    bbox: mask.box_xywh(),
                    segmentation: Segmentation {
                        size: [size.height, size.width],
                        counts: mask.to_compressed(),
                    },
                    iscrowd: 0,
                });
            }
        }
        let annotations = format!("{}-{}.json", readable(set), &key_of(&[set.as_bytes()])[..6]);
        let path = folder.join(&annotations);
        let bytes = serde_json::to_vec(&document)
            .map_err(|error| Error::io(&path, "write")(std::io::Error::other(error)))?;
        write_unless_same(&path, &bytes)?;
        Ok(Self { name: format!("{set} (corrections)"), annotations, images: root })
    }
}

/// Writes the data file; removed where there is nothing.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn write_data_file(folder: &Path, sets: &[Written]) -> Result<()> {
    let path = folder.join(DATA_FILE);
    if sets.is_empty() {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&path, "remove")(error))
            }
            _ => Ok(()),
        };
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = "# Objects that were drawn in the studio, which writes this file.\n".to_owned();
    for set in sets {
        text += &format!(
            "\n[[train]]\nname = {}\nkind = \"coco\"\nannotations = {}\nimages = {}\n",
            quoted(&set.name),
            quoted(&set.annotations),
            quoted(&set.images.to_string_lossy())
        );
    }
    write_unless_same(&path, text.as_bytes())
}

/// Files that stay as they are keep their time: an index that was made of them is still good.
fn write_unless_same(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    write_atomically(path, bytes).map_err(Error::io(path, "write"))
}

/// The deepest folder that all of these lie in.
fn shared_folder<'a>(mut paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let folder = |path: &'a Path| path.parent().unwrap_or(Path::new("")).components();
    let Some(first) = paths.next() else { return PathBuf::new() };
    let mut shared: Vec<Component<'_>> = folder(first).collect();
    for path in paths {
        let same = shared.iter().copied().zip(folder(path)).take_while(|(a, b)| a == b).count();
        shared.truncate(same);
    }
    shared.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_shared_folder() {
        let shared = |paths: &[&str]| shared_folder(paths.iter().map(Path::new));
        assert_eq!(shared(&["/a/b/1.jpg", "/a/b/2.jpg"]), Path::new("/a/b"));
        assert_eq!(shared(&["/a/b/1.jpg", "/a/c/2.jpg"]), Path::new("/a"));
        assert_eq!(shared(&["/a/b/1.jpg"]), Path::new("/a/b"));
        assert_eq!(shared(&[]), Path::new(""));
    }
}
