//! COCO's instances files, and LVIS's, which have the same layout (Lin et al., "Microsoft COCO", 2014;
//! Gupta et al., "LVIS", 2019).
//!
//! A file holds all images and all annotations of a set, in any order. Only what an index needs is kept
//! of it: sizes, names, and where each object's segmentation lies. Tools write the layout in many spellings: ids and numbers as
//! [`Said`], lists as mappings of ids to entries, or the annotations alone (a file of results).

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::causes::Causes;
use super::coco_file::{CocoFile, chosen_categories};
use super::said::{Ids, Said};
use super::segmentation::{Look, look, read_box};
use super::stream::{JsonStream, Parsed, Place};
use crate::error::{Error, Result};
use crate::source::bytes::open_file;
use crate::source::index::{Counted, ObjectEntry, OpenContext, Span};
use crate::source::objects::{Facts, ObjectFilter};

#[derive(Deserialize)]
#[serde(expecting = "an image {id, file_name, width, height}")]
struct ImageJson<'a> {
    #[serde(borrow, default)]
    id: Said<'a>,
    #[serde(borrow, default)]
    width: Said<'a>,
    #[serde(borrow, default)]
    height: Said<'a>,
    #[serde(borrow, default)]
    file_name: Said<'a>,
    /// LVIS gives the address in place of the name.
    #[serde(borrow, default)]
    coco_url: Said<'a>,
}

#[derive(Deserialize)]
#[serde(expecting = "an annotation {id, image_id, segmentation}")]
pub(super) struct AnnotationJson<'a> {
    #[serde(borrow, default)]
    pub(super) id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) image_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) category_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) iscrowd: Said<'a>,
    #[serde(borrow, default)]
    pub(super) area: Said<'a>,
    #[serde(borrow, default)]
    pub(super) segmentation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) bbox: Option<&'a RawValue>,
}

/// An entry of the categories, or its name alone in a mapping of ids to names.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a category {id, name} or its name")]
enum CategoryJson<'a> {
    Entry {
        #[serde(borrow, default)]
        id: Said<'a>,
        #[serde(borrow, default)]
        name: Said<'a>,
    },
    Name(#[serde(borrow)] Said<'a>),
}

struct Images;
impl<'a> Parsed<'a> for Images {
    type Value = ImageJson<'a>;
}

pub(super) struct Annotations;
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
    let mut reader = Reading {
        path,
        number,
        filter,
        found: CocoFile::new(),
        read: 0,
        objects: Vec::new(),
        categories: Vec::new(),
        causes: Causes::default(),
    };
    let mut stream = JsonStream::new(file, path);
    if stream.peek()? == Some(b'[') {
        stream.list::<Annotations>("annotation", |annotation, at, place| {
            reader.annotation(&annotation, at, place)
        })?;
        stream.end()?;
        if reader.read == 0 {
            return Err(Error::AnnotationFile {
                file: path.into(),
                place: String::new(),
                message: "expected COCO's {images, annotations, categories} or a list of results, found an empty list".into(),
            });
        }
        reader.list_of_results();
    } else {
        let (mut images_seen, mut annotations_seen, mut keys) = (false, false, Vec::new());
        stream.object(|key, stream| match key {
            "images" => {
                images_seen = true;
                stream.list::<Images>("image", |image, at, place| reader.image(&image, at, place))
            }
            "annotations" => {
                annotations_seen = true;
                stream.list::<Annotations>("annotation", |annotation, at, place| {
                    reader.annotation(&annotation, at, place)
                })
            }
            "categories" => stream.list::<Categories>("category", |category, _, place| {
                reader.category(category, place.key);
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
    }
    reader.finish()
}

/// What is known of a file while it is read.
struct Reading<'f> {
    path: &'f Path,
    number: u32,
    filter: &'f ObjectFilter,
    found: CocoFile,
    /// How many annotations there were.
    read: u64,
    /// With the keys of their images.
    objects: Vec<(u64, ObjectEntry)>,
    categories: Vec<(u32, String)>,
    causes: Causes,
}

impl Reading<'_> {
    fn flaw(&self, place: String, field: &str, expected: &str, found: &Said<'_>) -> Error {
        let message = format!("{field}: expected {expected}, found {found}");
        Error::AnnotationFile { file: self.path.into(), place, message }
    }

    fn image(&mut self, image: &ImageJson<'_>, at: u64, place: Place<'_>) -> Result<()> {
        let id = or_key(&image.id, place.key);
        let Some(key) = self.found.ids.key(&id) else {
            let place = format!("image number {at}");
            return Err(self.flaw(place, "id", "a whole number or a text", &id));
        };
        let shown = || format!("image {}", self.found.ids.shown(key));
        let name = match (image.file_name.text(), image.coco_url.text()) {
            (Some(name), _) => name,
            // The folder and file at the end of the address: "train2017/000000391895.jpg".
            (None, Some(address)) => {
                let from = address.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
                &address[from..]
            }
            (None, None) => {
                let expected = "the name of the image's file";
                return Err(self.flaw(shown(), "file_name", expected, &image.file_name));
            }
        };
        let side = |field: &str, said: &Said<'_>| match said.whole().map(u32::try_from) {
            Some(Ok(side)) => Ok(side),
            // 0, -1 and nothing are what tools write that do not know it.
            None if said.is_nothing() || said.number().is_some_and(|side| side < 0.0) => Ok(0),
            _ => Err(self.flaw(shown(), field, "a whole number of pixels", said)),
        };
        let (width, height) = (side("width", &image.width)?, side("height", &image.height)?);
        let size = if width > 0 && height > 0 { (width, height) } else { (0, 0) };
        self.found.add_image(key, name, size);
        Ok(())
    }

    fn annotation(
        &mut self,
        annotation: &AnnotationJson<'_>,
        at: u64,
        place: Place<'_>,
    ) -> Result<()> {
        self.read += 1;
        let own = or_key(&annotation.id, place.key);
        if self.filter.boxes_only {
            return self.boxed(annotation, &own, at, place);
        }
        let named = || named(&own, at);
        let text = annotation.segmentation.map_or("null", RawValue::get);
        let facts = Facts { area: annotation.area.number(), ..Facts::default() };
        let causes = &mut self.causes;
        let looked = look(text);
        let refused = match &looked {
            Look::Nothing if annotation.bbox.is_some_and(|bbox| bbox.get().len() > 4) => {
                Some(&mut causes.boxes)
            }
            Look::Nothing => Some(&mut causes.empty),
            Look::Mask
            | Look::SomePolygons(_)
            | Look::NoPolygon
            | Look::NoNumbers(_)
            | Look::NoRuns(_)
                if annotation.iscrowd.is_set() && !self.filter.crowds =>
            {
                Some(&mut causes.crowds)
            }
            Look::NoPolygon => Some(&mut causes.no_polygon),
            Look::NoNumbers(message) => {
                causes.no_numbers.add(|| format!("{}: expected {message}", named()));
                return Ok(());
            }
            Look::NoRuns(message) => {
                causes.no_runs.add(|| format!("{}: {message}", named()));
                return Ok(());
            }
            _ if !self.filter.lets_through(&facts) => Some(&mut causes.filtered),
            _ => None,
        };
        if let Some(refused) = refused {
            refused.add(named);
            return Ok(());
        }
        if let Look::SomePolygons(count) = looked {
            causes.some_polygons.add(named);
            causes.some_polygons.count += count - 1;
        }
        self.take(annotation, &own, at, place, text)
    }

    /// An annotation of which the box alone counts.
    fn boxed(
        &mut self,
        annotation: &AnnotationJson<'_>,
        own: &Said<'_>,
        at: u64,
        place: Place<'_>,
    ) -> Result<()> {
        let facts = Facts { area: annotation.area.number(), ..Facts::default() };
        let text = annotation.bbox.map_or("null", RawValue::get);
        let refused = if annotation.iscrowd.is_set() && !self.filter.crowds {
            Some(&mut self.causes.crowds)
        } else if read_box(text).is_none() {
            Some(&mut self.causes.no_box)
        } else if !self.filter.lets_through(&facts) {
            Some(&mut self.causes.filtered)
        } else {
            None
        };
        match refused {
            Some(refused) => {
                refused.add(|| named(own, at));
                Ok(())
            }
            None => self.take(annotation, own, at, place, text),
        }
    }

    /// Keeps an annotation, whose object lies at `text`.
    fn take(
        &mut self,
        annotation: &AnnotationJson<'_>,
        own: &Said<'_>,
        at: u64,
        place: Place<'_>,
        text: &str,
    ) -> Result<()> {
        let Some(image) = self.found.ids.key(&annotation.image_id) else {
            let place = format!("annotation {}", named(own, at).trim_start_matches("id "));
            return Err(self.flaw(place, "image_id", "the id of its image", &annotation.image_id));
        };
        let segmentation = Span { file: self.number, len: text.len() as u32, at: place.of(text) };
        let id = own.whole().filter(|id| *id < ObjectEntry::PLACE);
        let id = id.unwrap_or(at | ObjectEntry::PLACE);
        let category = category_key(&mut self.found.ids, &annotation.category_id);
        self.objects.push((image, ObjectEntry { segmentation, id, category }));
        Ok(())
    }

    fn category(&mut self, category: CategoryJson<'_>, key: Option<&str>) {
        let (id, name) = match category {
            CategoryJson::Entry { id, name } => (id, name),
            CategoryJson::Name(name) => (Said::Nothing, name),
        };
        let id = or_key(&id, key);
        let key = category_key(&mut self.found.ids, &id);
        let name = name.text().map_or_else(|| id.to_string(), str::to_owned);
        self.categories.push((key, name));
    }

    /// The images of a list of results: their ids say what their files are called.
    fn list_of_results(&mut self) {
        let mut keys: Vec<u64> = self.objects.iter().map(|(image, _)| *image).collect();
        keys.sort_unstable();
        keys.dedup();
        self.found.results = true;
        for key in keys {
            let name = self.found.ids.shown(key).into_owned();
            self.found.add_image(key, &name, (0, 0));
        }
    }

    fn finish(self) -> Result<CocoFile> {
        let Reading { path, filter, mut found, objects, categories, causes, .. } = self;
        let chosen = chosen_categories(path, filter, &categories)?;
        found.left_out = causes.left_out();
        found.join(path, objects, chosen.as_deref())?;
        found.categories = categories;
        Ok(found)
    }
}

/// The key of a category's id; 0 where there is none.
pub(super) fn category_key(ids: &mut Ids, id: &Said<'_>) -> u32 {
    const TEXT: u32 = 1 << 31;
    match ids.key(id) {
        None => 0,
        Some(key) => u32::try_from(key).ok().filter(|key| *key < TEXT).unwrap_or(key as u32 | TEXT),
    }
}

/// What an annotation is called in messages: by its id, or by its number in the file.
pub(super) fn named(own: &Said<'_>, at: u64) -> String {
    match own.is_nothing() {
        true => format!("number {at}"),
        false => format!("id {}", own.to_string().trim_matches('"')),
    }
}

/// An entry's own id, or what it is called in a mapping.
pub(super) fn or_key<'a>(id: &Said<'a>, key: Option<&'a str>) -> Said<'a> {
    match key {
        Some(key) if id.is_nothing() => Said::Text(key.into()),
        _ => id.clone(),
    }
}
