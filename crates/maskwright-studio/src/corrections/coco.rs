//! What was saved, as COCO's instances: a file for each set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use maskwright_image::Size;
use maskwright_image::mask::Rle;
use serde::Serialize;

use super::made_set::{MadeSet, name_of, shared_folder, within, write_unless_same};
use super::stored::Stored;
use crate::error::{Error, Result};

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

/// Writes a set's file, and returns the set that it is.
///
/// # Errors
/// [`Error::Io`], masks that do not fit their images.
pub(super) fn write(folder: &Path, set: &str, images: &[Stored]) -> Result<MadeSet> {
    let root = shared_folder(images.iter().map(|stored| stored.image.as_path()));
    let objects = || images.iter().flat_map(|stored| &stored.objects);
    let names: BTreeSet<&str> = objects().map(|object| object.name.trim()).collect();
    let numbers: BTreeMap<&str, usize> = names.into_iter().zip(1..).collect();
    let mut document =
        Instances { images: Vec::new(), categories: Vec::new(), annotations: Vec::new() };
    document.categories =
        numbers.iter().map(|(name, id)| Category { id: *id, name: (*name).to_owned() }).collect();
    for (id, stored) in (1..).zip(images) {
        let size = Size::new(stored.size.height, stored.size.width);
        document.images.push(Image {
            id,
            file_name: within(&root, &stored.image),
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
    let path = folder.join(file_name(set));
    let bytes = serde_json::to_vec(&document)
        .map_err(|error| Error::io(&path, "write")(std::io::Error::other(error)))?;
    write_unless_same(&path, &bytes)?;
    Ok(MadeSet::new(
        set,
        &[("kind", "coco"), ("annotations", &file_name(set)), ("images", &root.to_string_lossy())],
    ))
}

/// The name of a set's file within the folder of corrections.
pub(super) fn file_name(set: &str) -> String {
    format!("{}.json", name_of(set))
}
