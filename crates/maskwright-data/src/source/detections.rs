//! COCO's benchmark of detections: all images of an annotation file with all their objects, and boxes that were found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_image::Size;
use maskwright_image::decode::MaskRule;
use maskwright_image::mask::Rle;

use super::annotation::{BoxDetection, Known, TrueObject, is_results, read_coco, read_objects};
use super::boxes::BoxSet;
use super::bytes::read_file;
use super::drafts::in_parallel;
use super::image_size::size_of;
use super::listed::{Found, Listed};
use super::objects::ObjectFilter;
use super::{
    CocoKeys, ExifRule, ImageBuffer, LeftOut, Located, MaskBuffer, OpenContext, Pick, SetKind,
    SetSpec, Source, Unmatched,
};
use crate::error::{Error, Missing, Result};
use crate::record::Record;

/// The images of an annotation file with all their objects, crowds too. As a [`Source`] it has a record for every image, in the
/// order of their ids, with an empty mask: what is asked about them is boxes.
#[derive(Debug)]
pub struct DetectionSet {
    name: Arc<str>,
    annotations: PathBuf,
    folder: PathBuf,
    images: Vec<DetectionImage>,
    /// Places in `images` of the images in the order of the file.
    places: Vec<usize>,
    known: Known,
    left_out: Vec<LeftOut>,
    rule: MaskRule,
    exif: ExifRule,
}

/// An image with the objects that are in it.
#[derive(Debug)]
pub struct DetectionImage {
    /// Its file.
    pub file: PathBuf,
    /// Its size as the annotation file states it, or that of the upright picture.
    pub size: Size,
    /// Its objects, in the order of the file.
    pub objects: Vec<TrueObject>,
}

/// Boxes of a [`DetectionSet`]'s images.
#[derive(Debug)]
pub struct FoundBoxes {
    /// The boxes image by image, and within an image in the order of the file.
    pub boxes: Vec<BoxDetection>,
    /// Whether they came with scores, as a detector's do. Those of annotators are all scored 1.
    pub scored: bool,
    /// What was left out: boxes of images and of categories that the annotation file does not list, and what is no box.
    pub left_out: Vec<LeftOut>,
}

impl DetectionSet {
    /// Reads the annotation file of a set of COCO's layout and finds its images. Filters of the set do not count here.
    ///
    /// # Errors
    /// A set of another kind, a file that cannot be read or is no instances file, images that are not there (unless the set
    /// [skips](Unmatched::Skip) them), and a mask that cannot be read.
    pub fn read(spec: &SetSpec, context: &OpenContext<'_>) -> Result<DetectionSet> {
        let SetKind::Coco(CocoKeys { images: folder, annotations, .. }) = &spec.kind else {
            return Err(Error::Setting {
                key: format!("kind of set {}", spec.name),
                expected: "annotations of COCO".into(),
                found: format!("\"{}\"", spec.kind.name()),
            });
        };
        let (name, exif) = (spec.name.as_str(), spec.exif);
        let filter = ObjectFilter { crowds: true, ..ObjectFilter::default() };
        let mut file = read_coco(annotations, 0, &filter, name, context)?;
        if file.results {
            return Err(Error::AnnotationFile {
                file: annotations.into(),
                place: String::new(),
                message:
                    "expected COCO's {images, annotations, categories}, found a list of results"
                        .into(),
            });
        }
        let listed = Listed::new(folder, &file);
        let mut absent = LeftOut::none("images that are listed but not there");
        let (mut files, mut there) = (Vec::with_capacity(file.images.len()), Vec::new());
        for (number, image) in file.images.iter().enumerate() {
            match listed.find(number) {
                Found::File(found) => {
                    files.push(folder.join(found));
                    there.push(*image);
                }
                Found::Absent | Found::Shared { .. } => {
                    absent.add(|| String::from_utf8_lossy(file.name(image)).into_owned());
                }
            }
        }
        if absent.count > 0 && spec.unmatched == Unmatched::Error {
            let (set, file) = (name.to_owned(), folder.into());
            return Err(Error::Unlisted { set, file, left: absent, missing: Missing::Image });
        }
        file.images = there;
        let sizes = in_parallel(files.len(), |number| {
            let image = &file.images[number];
            if image.width > 0 {
                return Ok((image.height, image.width));
            }
            let size = size_of(&files[number], exif, || file.image(number))?;
            Ok((size.height as u32, size.width as u32))
        })?;
        let ids: Vec<u64> = file.images.iter().map(|image| image.key()).collect();
        let (objects, known, mut left_out) = read_objects(annotations, file, &sizes)?;
        left_out.extend((absent.count > 0).then_some(absent));
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&number| ids[number]);
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &number)| places[number] = place);
        let mut found: Vec<_> = files.into_iter().zip(sizes).zip(objects).map(Some).collect();
        let in_order = order.iter().filter_map(|&number| found[number].take());
        let images = in_order
            .map(|((file, (height, width)), objects)| DetectionImage {
                file,
                size: Size::new(height as usize, width as usize),
                objects,
            })
            .collect();
        let (annotations, rule) = (annotations.to_path_buf(), MaskRule::default());
        Ok(DetectionSet {
            name: name.into(),
            annotations,
            folder: folder.clone(),
            images,
            places,
            known,
            left_out,
            rule,
            exif,
        })
    }

    /// Returns the images in the order of their ids.
    pub fn images(&self) -> &[DetectionImage] {
        &self.images
    }

    /// Returns the names of the categories, in the order of the file.
    pub fn categories(&self) -> &[String] {
        &self.known.names
    }

    /// Reads boxes from COCO's list of results, whose images and categories are known by their ids, or from an instances file,
    /// with or without masks, as [`boxes_of`](Self::boxes_of) finds them.
    ///
    /// # Errors
    /// A file that cannot be read or is neither, boxes that are none, and no box at all of these images.
    pub fn read_boxes(&mut self, file: &Path, context: &OpenContext<'_>) -> Result<FoundBoxes> {
        if !is_results(file)? {
            let mut spec = SetSpec::coco(self.name.to_string(), file, &self.folder);
            if let SetKind::Coco(keys) = &mut spec.kind {
                keys.boxes_only = true;
            }
            (spec.exif, spec.unmatched) = (self.exif, Unmatched::Skip);
            return self.boxes_of(&spec.open_boxes(context)?);
        }
        let (mut boxes, left_out) = self.known.read_boxes(file)?;
        boxes.iter_mut().for_each(|found| found.image = self.places[found.image]);
        self.found(file, FoundBoxes { boxes, scored: true, left_out })
    }

    /// Finds the boxes of another set among these images: an image by its file, a category by its id, which has to be a number.
    ///
    /// # Errors
    /// An annotation file that cannot be read or that changed since it was indexed, and no box at all of these images.
    pub fn boxes_of(&self, set: &BoxSet) -> Result<FoundBoxes> {
        let places: HashMap<&Path, usize> =
            self.images.iter().enumerate().map(|(at, image)| (&*image.file, at)).collect();
        let mut left_out = [
            LeftOut::none("boxes of images that are not listed"),
            LeftOut::none("boxes of categories that are not listed"),
        ];
        let (mut boxes, mut file) = (Vec::new(), PathBuf::new());
        for image in 0..set.len() {
            let record = set.record(image)?;
            let found = places.get(&*record.image);
            for object in set.boxes(image)? {
                let id = || format!("id {}", object.id);
                match (found, self.known.category_of(object.category)) {
                    (None, _) => left_out[0].add(id),
                    (_, None) => left_out[1].add(id),
                    (Some(&image), Some(category)) => {
                        let box_xywh = object.box_xywh;
                        boxes.push(BoxDetection { image, category, box_xywh, score: 1.0 });
                    }
                }
            }
            file = record.mask;
        }
        let none = left_out.into_iter().filter(|left| left.count > 0);
        let left_out = none.chain(set.left_out().iter().cloned()).collect();
        self.found(&file, FoundBoxes { boxes, scored: false, left_out })
    }

    /// The boxes of `file` in the order of the images.
    fn found(&self, file: &Path, mut found: FoundBoxes) -> Result<FoundBoxes> {
        if found.boxes.is_empty() {
            let causes: Vec<String> = found.left_out.iter().map(ToString::to_string).collect();
            let found = match causes.is_empty() {
                true => "an empty list".to_owned(),
                false => format!("none; {}", causes.join("; ")),
            };
            return Err(Error::AnnotationFile {
                file: file.into(),
                place: String::new(),
                message: format!(
                    "expected detections of the images of {}, found {found}",
                    self.annotations.display()
                ),
            });
        }
        found.boxes.sort_by_key(|one| one.image);
        Ok(found)
    }

    /// Returns the boxes of the objects themselves, crowds aside, all with a score of 1.
    pub fn true_boxes(&self) -> Vec<BoxDetection> {
        let of_image = |(image, shown): (usize, &DetectionImage)| {
            let single = shown.objects.iter().filter(|one| !one.crowd);
            let boxes = single.map(move |one| BoxDetection {
                image,
                category: one.category,
                box_xywh: one.box_xywh,
                score: 1.0,
            });
            boxes.filter(|one| one.box_xywh[2] > 0.0 && one.box_xywh[3] > 0.0).collect::<Vec<_>>()
        };
        self.images.iter().enumerate().flat_map(of_image).collect()
    }

    fn image_of(&self, index: usize) -> Result<&DetectionImage> {
        let (set, len) = (self.name.to_string(), self.images.len());
        self.images.get(index).ok_or(Error::NoSuchRecord { set, index, len })
    }
}

impl Source for DetectionSet {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn record(&self, index: usize) -> Result<Record> {
        let image = self.image_of(index)?;
        let stem = image.file.file_stem().unwrap_or_default();
        Ok(Record {
            set: self.name.clone(),
            name: stem.to_string_lossy().into_owned(),
            image: image.file.clone(),
            mask: self.annotations.clone(),
        })
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        read_file(&self.image_of(at.index)?.file, image.start_file())
    }

    fn mask(&self, at: &Located, _: Pick, mask: &mut MaskBuffer) -> Result<()> {
        let size = self.image_of(at.index)?.size;
        let empty = Rle::new(size, vec![size.area() as u32]).map_err(|source| Error::Image {
            record: at.index.to_string(),
            file: self.annotations.clone(),
            source,
        })?;
        mask.set_rle(&empty);
        Ok(())
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        self.exif
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}
