//! A set whose images have annotated objects, read through an index.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_image::Size;
use maskwright_image::decode::MaskRule;

use super::annotation::{CROWDS, Flaw, flaw_of_runs, read_sa1b, read_segmentation};
use super::bytes::{append_bytes, push_bytes, read_file, read_part};
use super::index::{Entry, Index, Names, ObjectEntry, Span, no_record};
use super::left_out::why_none;
use super::objects::ObjectFilter;
use super::outlined::{OutlineFormat, read_outlines};
use super::own_notes::{OwnNotes, OwnObject};
use super::{
    ExifRule, ImageBuffer, LeftOut, Located, MaskBuffer, MaskForm, Objects, Pick, SetSpec, Source,
};
use crate::error::{Error, Result};
use crate::record::Record;

/// Images with their objects: COCO's and LVIS's instances, SA-1B in folders or tar files, WebDataset's
/// tar files, folders of Labelme, YOLO and Supervisely, exports of CVAT and of Label Studio. [`SetSpec::open`] makes one.
///
/// A record is an image, or one of its objects; [`Objects`] says which. Pixels and masks are read when a
/// sample needs them, from the files as they are: no tar file is unpacked, no annotation kept in memory.
#[derive(Debug)]
pub struct IndexedSource {
    name: Arc<str>,
    index: Index,
    notes: Notes,
    objects: Objects,
    filter: ObjectFilter,
    rule: MaskRule,
    exif: ExifRule,
}

/// Where the objects of an image are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notes {
    /// In a file for all images; the index knows where each object's mask lies.
    Shared,
    /// In a file of SA-1B's layout for each image.
    Own,
    /// As [`Own`](Notes::Own), or in a mask file for each image, which the index counts no objects of.
    OwnOrMask,
    /// In a file of outlines for each image, or in a part of a file for all; the index knows which objects of it are taken.
    Outlines(OutlineFormat),
    /// In a mask file for each object, whose number among the files the index knows.
    Masks,
}

impl IndexedSource {
    /// A source over an index that was made for this set.
    pub(super) fn new(spec: &SetSpec, index: Index, notes: Notes) -> Result<IndexedSource> {
        if index.records() == 0 {
            let left_out = index.left_out();
            return Err(match left_out.iter().any(|left| left.what == CROWDS) {
                true => Error::CrowdsLeftOut { set: spec.name.clone(), found: why_none(left_out) },
                false => no_record(&spec.name, left_out),
            });
        }
        Ok(IndexedSource {
            name: spec.name.as_str().into(),
            index,
            notes,
            objects: spec.kind.objects(),
            filter: spec.kind.object_filter(),
            rule: spec.mask_rule()?,
            exif: spec.exif,
        })
    }

    /// How many images the set's records show.
    pub fn images(&self) -> u64 {
        self.index.images()
    }

    /// The objects of a record's image.
    pub(super) fn all_objects(&self, record: usize) -> Result<Vec<ObjectEntry>> {
        let (entry, _) = self.entry(&record.into())?;
        (0..entry.objects).map(|object| self.index.object(&entry, object.into())).collect()
    }

    /// The file of a span.
    pub(super) fn file(&self, number: u32) -> &Path {
        self.index.file(number)
    }

    /// The name of an image's record of a number.
    fn record_name(&self, entry: &Entry, nth: u64) -> Result<String> {
        self.index.names(entry, |names| {
            self.objects.record_name(&String::from_utf8_lossy(names.stem), nth)
        })
    }

    /// The entry of a record's image, and which of the image's records it is.
    fn entry(&self, at: &Located) -> Result<(Entry, u64)> {
        at.entry.map_or_else(|| self.index.find(&self.name, at.index), Ok)
    }

    /// The image, or the member of a tar file.
    fn image_path(&self, entry: &Entry) -> Result<PathBuf> {
        let place = self.index.file(entry.image.file);
        self.index.names(entry, |names| path_of(place, names.stem, names.image))
    }

    /// The annotation file or mask file, or the member of a tar file.
    fn notes_path(&self, entry: &Entry) -> Result<PathBuf> {
        let place = self.index.file(entry.notes.file);
        if self.is_shared(entry) {
            return Ok(place.into());
        }
        self.index.names(entry, |names| path_of(place, names.stem, names.notes))
    }

    /// Whether one file describes the objects of all images.
    fn is_shared(&self, entry: &Entry) -> bool {
        match self.notes {
            Notes::Shared | Notes::Masks => true,
            Notes::Own | Notes::OwnOrMask => false,
            Notes::Outlines(_) => entry.notes.len > 0,
        }
    }

    /// Replaces the content of `bytes` with a file, or with a member of a tar file.
    fn read(
        &self,
        span: Span,
        path: impl FnOnce() -> Result<PathBuf>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        if span.len == 0 {
            return read_file(&path()?, bytes);
        }
        read_part(self.index.file(span.file), span.at, span.len.into(), bytes)
    }

    /// The mask of an object in a file that all images share.
    fn shared_mask(
        &self,
        entry: &Entry,
        object: u32,
        mask: &mut MaskBuffer,
    ) -> Result<Option<Flaw>> {
        let known = self.index.object(entry, object.into())?;
        let Span { file, at, len } = known.segmentation;
        let path = self.index.file(file);
        mask.object = Some(known.number());
        mask.category = known.category;
        let mut json = std::mem::take(&mut mask.json);
        read_part(path, at, len.into(), &mut json)?;
        mask.noted = json.len();
        let flaw = text(&json, || Ok(path.into()))
            .map(|json| read_segmentation(json, (entry.height, entry.width), mask).err());
        mask.json = json;
        flaw
    }

    /// The mask of an object in a file of the record's own, which is read for the first of its objects and kept
    /// for the others.
    fn own_mask(
        &self,
        record: usize,
        entry: &Entry,
        choose: impl FnOnce(u32) -> Option<u32>,
        mask: &mut MaskBuffer,
    ) -> Result<Option<Flaw>> {
        let mut own = std::mem::take(&mut mask.own);
        mask.noted = 0;
        if !own.is_of(&self.name, record) {
            self.read_own(record, entry, &mut own)?;
            mask.noted = own.json.len();
        }
        let objects = own.objects.len();
        let chosen = choose(objects as u32).and_then(|at| own.objects.get(at as usize));
        let Some(OwnObject { id, segmentation }) = chosen.cloned() else {
            let message = format!(
                "it changed since it was indexed: {} objects were to be taken, {objects} are",
                entry.objects
            );
            return Err(Error::Json { file: self.notes_path(entry)?, at: 0, message });
        };
        mask.object = id;
        let flaw = text(&own.json[segmentation], || self.notes_path(entry))
            .map(|json| read_segmentation(json, own.size, mask).err());
        mask.own = own;
        flaw
    }

    /// The mask of an object in a file of outlines, which is read for the first of its objects and kept for the
    /// others.
    fn outlined_mask(
        &self,
        record: usize,
        entry: &Entry,
        format: OutlineFormat,
        object: u32,
        mask: &mut MaskBuffer,
    ) -> Result<Option<Flaw>> {
        let number = self.index.object(entry, object.into())?.id;
        let size = Size::new(entry.height as usize, entry.width as usize);
        let mut own = std::mem::take(&mut mask.own);
        mask.noted = 0;
        if !own.is_of(&self.name, record) {
            own.of = None;
            let file = || self.notes_path(entry);
            self.read(entry.notes, file, &mut own.json)?;
            let read = read_outlines(format, &own.json, size, file);
            own.outlined = read.map_err(|error| self.of_image(entry, error))?.objects;
            own.of = Some((self.name.clone(), record));
            mask.noted = own.json.len();
        }
        mask.object = Some(number);
        let Some(outlined) = own.outlined.iter().find(|outlined| outlined.number == number) else {
            let message = "expected the object that was there when it was indexed, found none";
            let (place, message) = (format.place(number), message.to_owned());
            let error = Error::AnnotationFile { file: self.notes_path(entry)?, place, message };
            return Err(self.of_image(entry, error));
        };
        let drawn = outlined.draw(size, &mut mask.rle, &mut mask.scratch);
        mask.form = MaskForm::Rle;
        mask.own = own;
        Ok(drawn.err().map(Flaw::Mask))
    }

    /// An error about a file of outlines, which names the image where the file is for all of them.
    fn of_image(&self, entry: &Entry, error: Error) -> Error {
        match error {
            Error::AnnotationFile { file, place, message } if entry.notes.len > 0 => {
                let image = self.index.names(entry, |names| names.image_file()).unwrap_or_default();
                let image = String::from_utf8_lossy(&image);
                let comma = if place.is_empty() { "" } else { ", " };
                Error::AnnotationFile { file, place: format!("{image}{comma}{place}"), message }
            }
            other => other,
        }
    }

    /// The mask file of an object.
    fn mask_file(&self, entry: &Entry, object: u32, mask: &mut MaskBuffer) -> Result<()> {
        let known = self.index.object(entry, object.into())?;
        read_file(self.index.file(known.segmentation.file), mask.start_file())?;
        (mask.object, mask.category) = (Some(known.number()), known.category);
        Ok(())
    }

    /// Reads the annotation file of a record's image.
    fn read_own(&self, record: usize, entry: &Entry, own: &mut OwnNotes) -> Result<()> {
        let OwnNotes { of, json, size, objects, .. } = own;
        *of = None;
        let file = || self.notes_path(entry);
        self.read(entry.notes, file, json)?;
        let notes = read_sa1b(json, file)?;
        *size = (notes.image.height, notes.image.width);
        objects.clear();
        objects.extend(notes.objects(&self.filter).map(|object| OwnObject {
            id: object.id,
            segmentation: range_in(json, object.segmentation()),
        }));
        // Walking through all runs takes time, and is only needed where some were left out when the set was opened.
        if objects.len() as u32 > entry.objects {
            let sound = |object: &OwnObject| {
                let text = std::str::from_utf8(&json[object.segmentation.clone()]);
                text.is_ok_and(|text| flaw_of_runs(text).is_none())
            };
            objects.retain(sound);
        }
        *of = Some((self.name.clone(), record));
        Ok(())
    }

    /// An error about an object of a record.
    fn flawed(&self, index: usize, object: Option<u64>, flaw: Flaw) -> Error {
        let record = match self.record(index) {
            Ok(record) => record,
            Err(error) => return error,
        };
        let id = object.map_or_else(String::new, |id| format!(", annotation {id}"));
        let (record, file) = (format!("{record}{id}"), record.mask);
        match flaw {
            Flaw::Mask(source) => Error::Annotation { record, file, source },
            Flaw::Shape(message) => {
                Error::AnnotationFile { file, place: format!("record {record}"), message }
            }
        }
    }
}

/// A file in a folder, or a member of a tar file.
fn path_of(place: &Path, stem: &[u8], ending: &[u8]) -> PathBuf {
    let mut path = place.to_owned();
    if let Some(whole) = Names::path_of(ending) {
        push_bytes(&mut path, &whole);
        return path;
    }
    push_bytes(&mut path, stem);
    append_bytes(&mut path, ending);
    path
}

/// Whether an image's object is a mask file.
fn is_mask_file(entry: &Entry) -> bool {
    entry.objects == 0
}

fn text(json: &[u8], file: impl FnOnce() -> Result<PathBuf>) -> Result<&str> {
    std::str::from_utf8(json).map_err(|_| {
        let message = "it changed since it was indexed: no text where a mask was".into();
        file().map_or_else(|unknown| unknown, |file| Error::Json { file, at: 0, message })
    })
}

/// Where in `whole` a part of it lies.
fn range_in(whole: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

impl Source for IndexedSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.index.records() as usize
    }

    fn record(&self, index: usize) -> Result<Record> {
        let (entry, nth) = self.index.find(&self.name, index)?;
        Ok(Record {
            set: self.name.clone(),
            name: self.record_name(&entry, nth)?,
            image: self.image_path(&entry)?,
            mask: self.notes_path(&entry)?,
        })
    }

    fn locate(&self, index: usize) -> Result<Located> {
        Ok(Located { index, entry: Some(self.index.find(&self.name, index)?) })
    }

    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        let (entry, nth) = self.entry(at)?;
        Ok((self.name.clone(), self.record_name(&entry, nth)?))
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        let (entry, _) = self.entry(at)?;
        self.read(entry.image, || self.image_path(&entry), image.start_file())
    }

    fn objects(&self, at: &Located) -> Result<usize> {
        let (entry, _) = self.entry(at)?;
        Ok(self.objects.choices(entry.objects.max(1)) as usize)
    }

    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        let (index, (entry, nth)) = (at.index, self.entry(at)?);
        if self.notes == Notes::OwnOrMask && is_mask_file(&entry) {
            return self.read(entry.notes, || self.notes_path(&entry), mask.start_file());
        }
        let choose = |objects: u32| self.objects.choose(nth, objects, pick);
        let chosen = || self.objects.choose_of((&self.name, index), nth, entry.objects, pick);
        let flaw = match self.notes {
            Notes::Shared => {
                let object = chosen()?;
                self.shared_mask(&entry, object, mask)?
            }
            Notes::Outlines(format) => {
                let object = chosen()?;
                self.outlined_mask(index, &entry, format, object, mask)?
            }
            Notes::Own | Notes::OwnOrMask => self.own_mask(index, &entry, choose, mask)?,
            Notes::Masks => {
                let object = chosen()?;
                self.mask_file(&entry, object, mask)?;
                None
            }
        };
        match flaw {
            Some(flaw) => Err(self.flawed(index, mask.object, flaw)),
            None => Ok(()),
        }
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        self.exif
    }

    fn left_out(&self) -> &[LeftOut] {
        self.index.left_out()
    }
}
