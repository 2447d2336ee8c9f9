//! What is kept of an instances file: its images, and which objects each has.

use std::collections::HashMap;
use std::path::Path;

use super::said::Ids;
use crate::error::{Error, Result};
use crate::source::LeftOut;
use crate::source::index::ObjectEntry;
use crate::source::objects::ObjectFilter;

/// What annotations of crowds are called where they are left out.
pub(crate) const CROWDS: &str = "annotations of crowds";

/// What is kept of a file.
#[derive(Debug, Default)]
pub(crate) struct CocoFile {
    /// In the order of the file.
    pub(crate) images: Vec<CocoImage>,
    /// Whether it is a list of results, whose images are known by their ids alone.
    pub(crate) results: bool,
    /// The images' names, one after the other.
    names: Vec<u8>,
    /// Objects that the filter lets through, sorted by image, in the order of the file.
    objects: Vec<(u64, ObjectEntry)>,
    pub(crate) left_out: Vec<LeftOut>,
    /// The keys of the categories, and their names.
    pub(crate) categories: Vec<(u32, String)>,
    /// Annotations of images that are not listed.
    pub(crate) unlisted: LeftOut,
    pub(super) ids: Ids,
}

/// An image of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CocoImage {
    /// The key of its id.
    pub(super) id: u64,
    /// 0 where the file does not tell the size.
    pub(crate) width: u32,
    pub(crate) height: u32,
    name_at: u64,
    name_len: u32,
}

impl CocoImage {
    /// The key of its id: the id itself where it is a number.
    pub(crate) fn key(&self) -> u64 {
        self.id
    }
}

impl CocoFile {
    pub(super) fn new() -> CocoFile {
        CocoFile {
            unlisted: LeftOut::none("annotations of images that are not listed"),
            ..CocoFile::default()
        }
    }

    pub(super) fn add_image(&mut self, id: u64, name: &str, (width, height): (u32, u32)) {
        let (name_at, name_len) = (self.names.len() as u64, name.len() as u32);
        self.images.push(CocoImage { id, width, height, name_at, name_len });
        self.names.extend_from_slice(name.as_bytes());
    }

    /// The file of an image as it is listed.
    pub(crate) fn name(&self, image: &CocoImage) -> &[u8] {
        let at = image.name_at as usize;
        self.names.get(at..at + image.name_len as usize).unwrap_or_default()
    }

    /// The image of a number, for messages: "image 7".
    pub(crate) fn image(&self, number: usize) -> String {
        self.images
            .get(number)
            .map_or_else(String::new, |image| format!("image {}", self.ids.shown(image.id)))
    }

    /// The objects of the image of a number.
    pub(crate) fn objects(&self, image: usize) -> &[(u64, ObjectEntry)] {
        let image = image as u64;
        let from = self.objects.partition_point(|(of, _)| *of < image);
        let to = from + self.objects[from..].partition_point(|(of, _)| *of == image);
        &self.objects[from..to]
    }

    /// Brings images and annotations together: `objects` are those to take with the keys of their images, `categories` the
    /// keys of those to take where not all are.
    pub(super) fn join(
        &mut self,
        path: &Path,
        mut objects: Vec<(u64, ObjectEntry)>,
        categories: Option<&[u32]>,
    ) -> Result<()> {
        let mut numbers: HashMap<u64, u64> = HashMap::with_capacity(self.images.len());
        let mut repeated = LeftOut::none("entries of images that are listed twice alike");
        let mut images: Vec<CocoImage> = Vec::with_capacity(self.images.len());
        for image in &self.images {
            let Some(&before) = numbers.get(&image.id) else {
                numbers.insert(image.id, images.len() as u64);
                images.push(*image);
                continue;
            };
            let before = &images[before as usize];
            let same = (before.width, before.height) == (image.width, image.height)
                && self.name(before) == self.name(image);
            if !same {
                return Err(Error::AnnotationFile {
                    file: path.into(),
                    place: format!("image {}", self.ids.shown(image.id)),
                    message:
                        "id: expected an id of its own, found it again with another name or size"
                            .into(),
                });
            }
            repeated.add(|| self.ids.shown(image.id).into_owned());
        }
        self.images = images;
        let mut other_category = LeftOut::none("annotations of other categories");
        objects.retain_mut(|(image, object)| {
            if categories.is_some_and(|chosen| !chosen.contains(&object.category)) {
                other_category.add(|| format!("id {}", object.shown_id()));
                return false;
            }
            match numbers.get(image) {
                Some(number) => {
                    *image = *number;
                    true
                }
                None => {
                    let image = self.ids.shown(*image);
                    self.unlisted
                        .add(|| format!("annotation {} of image {image}", object.shown_id()));
                    false
                }
            }
        });
        // Stable: an image's objects stay in the order of the file.
        objects.sort_by_key(|(image, _)| *image);
        self.objects = objects;
        self.left_out.extend([other_category, repeated]);
        self.left_out.retain(|left| left.count > 0);
        Ok(())
    }
}

/// The ids of the categories asked for; none where all are.
pub(super) fn chosen_categories(
    path: &Path,
    filter: &ObjectFilter,
    known: &[(u32, String)],
) -> Result<Option<Vec<u32>>> {
    if filter.categories.is_empty() {
        return Ok(None);
    }
    let find = |wanted: &String| {
        let ids: Vec<u32> =
            known.iter().filter(|(_, name)| name == wanted).map(|(id, _)| *id).collect();
        let nearest = || {
            let near =
                known.iter().min_by_key(|(_, name)| strsim::damerau_levenshtein(name, wanted));
            near.map_or_else(String::new, |(_, name)| format!(" (did you mean \"{name}\"?)"))
        };
        match ids.is_empty() {
            false => Ok(ids),
            true => Err(Error::Setting {
                key: format!("categories of {}", path.display()),
                expected: format!("names among the file's {} categories", known.len()),
                found: format!("\"{wanted}\"{}", nearest()),
            }),
        }
    };
    let ids: Vec<Vec<u32>> = filter.categories.iter().map(find).collect::<Result<_>>()?;
    Ok(Some(ids.concat()))
}
