//! COCO's instances files, and LVIS's, which have the same layout (Lin et al., "Microsoft COCO", 2014;
//! Gupta et al., "LVIS", 2019).
//!
//! A file holds all images and all annotations of a set, in any order. Only what an index needs is kept
//! of it: sizes, names, and where each object's segmentation lies.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::segmentation;
use super::stream::{JsonStream, Parsed};
use crate::error::{Error, Result};
use crate::source::LeftOut;
use crate::source::bytes::open_file;
use crate::source::index::{Counted, ObjectEntry, OpenContext, Span};
use crate::source::objects::{Facts, ObjectFilter};

/// What is kept of a file.
#[derive(Debug, Default)]
pub(crate) struct CocoFile {
    /// In the order of the file.
    pub(crate) images: Vec<CocoImage>,
    /// The images' names, one after the other.
    names: Vec<u8>,
    /// Objects that the filter lets through, sorted by image, in the order of the file.
    objects: Vec<(u64, ObjectEntry)>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Annotations of images that are not listed.
    pub(crate) unlisted: LeftOut,
}

/// An image of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CocoImage {
    id: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    name_at: u64,
    name_len: u32,
}

#[derive(Deserialize)]
struct ImageJson<'a> {
    id: u64,
    width: u32,
    height: u32,
    #[serde(borrow, default)]
    file_name: Option<Cow<'a, str>>,
    /// LVIS gives the address in place of the name.
    #[serde(borrow, default)]
    coco_url: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct AnnotationJson<'a> {
    #[serde(default)]
    id: Option<u64>,
    image_id: u64,
    #[serde(default)]
    category_id: Option<u32>,
    #[serde(default)]
    iscrowd: Flag,
    #[serde(default)]
    area: Option<f64>,
    #[serde(borrow)]
    segmentation: &'a RawValue,
}

/// 0 and 1, or false and true.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Flag {
    #[default]
    Missing,
    Bool(bool),
    Number(u8),
}

impl Flag {
    fn is_set(&self) -> bool {
        matches!(self, Flag::Bool(true) | Flag::Number(1..))
    }
}

#[derive(Deserialize)]
struct CategoryJson<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

struct Images;
impl<'a> Parsed<'a> for Images {
    type Value = ImageJson<'a>;
}

struct Annotations;
impl<'a> Parsed<'a> for Annotations {
    type Value = AnnotationJson<'a>;
}

struct Categories;
impl<'a> Parsed<'a> for Categories {
    type Value = CategoryJson<'a>;
}

/// Reads an instances file of the set `set`; spans of the result have the file number `number`.
///
/// # Errors
///
/// A file that cannot be read, is no JSON or of another schema; two images of one id; categories asked
/// for that the file does not list.
pub(crate) fn read_coco(
    path: &Path,
    number: u32,
    filter: &ObjectFilter,
    set: &str,
    context: &OpenContext<'_>,
) -> Result<CocoFile> {
    let open = || {
        let file = open_file(path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    };
    let (reader, length) = open().map_err(|source| Error::Read { file: path.into(), source })?;
    let stage = context.stage(set, "annotations", Some(length));
    read_coco_from(Counted { reader, stage: &stage }, path, number, filter)
}

/// As [`read_coco`], from a reader; `path` is named in errors.
pub(crate) fn read_coco_from(
    file: impl Read,
    path: &Path,
    number: u32,
    filter: &ObjectFilter,
) -> Result<CocoFile> {
    let mut found = CocoFile {
        unlisted: LeftOut::none("annotations of images that are not listed"),
        ..CocoFile::default()
    };
    let mut categories: Vec<(u32, String)> = Vec::new();
    let (mut images_seen, mut annotations_seen, mut keys) = (false, false, Vec::new());
    let mut drafts = Drafts::new(number, filter);

    let mut stream = JsonStream::new(file, path);
    stream.object(|key, stream| match key {
        "images" => {
            images_seen = true;
            stream.list::<Images>("image", |image, _, _| {
                found.add_image(&image);
                Ok(())
            })
        }
        "annotations" => {
            annotations_seen = true;
            stream.list::<Annotations>("annotation", |annotation, at, place| {
                let begin = place.of(annotation.segmentation.get());
                drafts.add(&annotation, at, begin);
                Ok(())
            })
        }
        "categories" => stream.list::<Categories>("category", |category, _, _| {
            categories.push((category.id, category.name.into_owned()));
            Ok(())
        }),
        other => {
            keys.push(other.to_owned());
            stream.skip()
        }
    })?;
    stream.end()?;
    for (key, seen) in [("images", images_seen), ("annotations", annotations_seen)] {
        if !seen {
            keys.truncate(8);
            return Err(stream.error(format!(
                "expected COCO's {{images, annotations, categories}}: no `{key}`, other keys are: {}",
                if keys.is_empty() { "none".into() } else { keys.join(", ") }
            )));
        }
    }
    let chosen = chosen_categories(path, filter, &categories)?;
    found.join(path, drafts, chosen.as_deref())?;
    Ok(found)
}

/// The ids of the categories asked for; none where all are.
fn chosen_categories(
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

/// Annotations before it is known which images and categories there are.
struct Drafts<'a> {
    number: u32,
    filter: &'a ObjectFilter,
    objects: Vec<(u64, ObjectEntry)>,
    crowds: LeftOut,
    empty: LeftOut,
    filtered: LeftOut,
}

impl<'a> Drafts<'a> {
    fn new(number: u32, filter: &'a ObjectFilter) -> Drafts<'a> {
        Drafts {
            number,
            filter,
            objects: Vec::new(),
            crowds: LeftOut::none("annotations of crowds"),
            empty: LeftOut::none("annotations without a segmentation"),
            filtered: LeftOut::none("annotations outside the bounds of the set's settings"),
        }
    }

    fn add(&mut self, annotation: &AnnotationJson<'_>, at: u64, begin: u64) {
        let text = annotation.segmentation.get();
        let facts = Facts { area: annotation.area, ..Facts::default() };
        let refused = if segmentation::is_empty(text) {
            &mut self.empty
        } else if annotation.iscrowd.is_set() && !self.filter.crowds {
            &mut self.crowds
        } else if !self.filter.lets_through(&facts) {
            &mut self.filtered
        } else {
            let segmentation = Span { file: self.number, len: text.len() as u32, at: begin };
            let entry = ObjectEntry {
                segmentation,
                id: annotation.id.unwrap_or(at),
                category: annotation.category_id.unwrap_or(0),
            };
            self.objects.push((annotation.image_id, entry));
            return;
        };
        refused
            .add(|| annotation.id.map_or_else(|| format!("number {at}"), |id| format!("id {id}")));
    }
}

impl CocoFile {
    fn add_image(&mut self, image: &ImageJson<'_>) {
        let name = match (&image.file_name, &image.coco_url) {
            (Some(name), _) => name.as_ref(),
            // The folder and file at the end of the address: "train2017/000000391895.jpg".
            (None, Some(address)) => {
                let from = address.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
                &address[from..]
            }
            (None, None) => "",
        };
        self.images.push(CocoImage {
            id: image.id,
            width: image.width,
            height: image.height,
            name_at: self.names.len() as u64,
            name_len: name.len() as u32,
        });
        self.names.extend_from_slice(name.as_bytes());
    }

    /// The file of an image, relative to the folder of images.
    pub(crate) fn name(&self, image: &CocoImage) -> &[u8] {
        let at = image.name_at as usize;
        self.names.get(at..at + image.name_len as usize).unwrap_or_default()
    }

    /// The objects of the image of a number.
    pub(crate) fn objects(&self, image: usize) -> &[(u64, ObjectEntry)] {
        let image = image as u64;
        let from = self.objects.partition_point(|(of, _)| *of < image);
        let to = from + self.objects[from..].partition_point(|(of, _)| *of == image);
        &self.objects[from..to]
    }

    /// Brings images and annotations together.
    fn join(&mut self, path: &Path, drafts: Drafts<'_>, categories: Option<&[u32]>) -> Result<()> {
        let mut numbers: HashMap<u64, u64> = HashMap::with_capacity(self.images.len());
        for (number, image) in self.images.iter().enumerate() {
            let twice = numbers.insert(image.id, number as u64).is_some();
            if twice || image.name_len == 0 || image.width == 0 || image.height == 0 {
                let message = if twice {
                    format!("image {number}: expected an id of its own, found {} again", image.id)
                } else {
                    format!("image {number}: expected a file_name, width and height")
                };
                return Err(Error::Json { file: path.into(), at: 0, message });
            }
        }
        let mut other_category = LeftOut::none("annotations of other categories");
        let mut objects = drafts.objects;
        objects.retain_mut(|(image, object)| {
            if categories.is_some_and(|chosen| !chosen.contains(&object.category)) {
                other_category.add(|| format!("id {}", object.id));
                return false;
            }
            match numbers.get(image) {
                Some(number) => {
                    *image = *number;
                    true
                }
                None => {
                    self.unlisted.add(|| format!("annotation {} of image {image}", object.id));
                    false
                }
            }
        });
        // Stable: an image's objects stay in the order of the file.
        objects.sort_by_key(|(image, _)| *image);
        self.objects = objects;
        let left = [drafts.crowds, drafts.empty, drafts.filtered, other_category];
        self.left_out = left.into_iter().filter(|left| left.count > 0).collect();
        Ok(())
    }
}
