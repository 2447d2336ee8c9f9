//! Pascal VOC's layout for segmentation, as VOC itself, CVAT and labelme2voc write it.
//!
//! `JPEGImages`, `SegmentationObject` (a number or colour for each object), `SegmentationClass` (one for each class),
//! `ImageSets/Segmentation/train.txt` with the names of a part. CVAT adds `labelmap.txt`: lines `name:red,green,blue:parts:actions`.

use std::path::Path;

use maskwright_image::decode::{Colour, ImageFile};

use super::listing::{Listing, ending};
use super::masks::IMAGES;
use super::{Reading, Recognised, count, first_named};
use crate::error::Result;
use crate::source::bytes::read_file;
use crate::source::{
    ChannelChoice, ClassMark, Classes, DataFile, MaskContents, MaskKeys, PairsKeys, SetKind,
    SetSpec, Unmatched,
};

/// Number that VOC marks with what shall not count.
const VOID: u16 = 255;
const OBJECTS: [&str; 2] = ["SegmentationObject", "SegmentationObjectPNG"];
const CLASSES: [&str; 2] = ["SegmentationClass", "SegmentationClassPNG"];

/// The sets of a folder of this layout.
pub(super) fn look(listing: &Listing, name: &str) -> Result<Option<Recognised>> {
    let masks_in = |names: [&str; 2]| -> Result<Option<Listing>> {
        for folder in names.iter().filter_map(|name| listing.folder(name)) {
            let listed = Listing::of(folder)?;
            if listed.pictures.iter().any(|picture| ending(picture) == "png") {
                return Ok(Some(listed));
            }
        }
        Ok(None)
    };
    let (objects, classes) = (masks_in(OBJECTS)?, masks_in(CLASSES)?);
    let of_objects = objects.is_some();
    let Some(masks) = objects.or(classes) else { return Ok(None) };
    let Some(images) = first_named(listing, &IMAGES) else {
        return Ok(Some(Recognised::NotRead {
            what: "masks of Pascal VOC's layout without their images",
            instead: "put the images into a folder JPEGImages beside them (CVAT: export with \"Save images\")",
        }));
    };
    let colour = colour_of(&masks);
    let labels = label_map(&listing.path.join("labelmap.txt"))?;
    let mask_files = match labels {
        // A tool with colours of its own has no number for what does not count.
        Some(labels) if !of_objects => MaskKeys {
            mask_kind: MaskContents::Instances,
            classes: classes_of(&labels, colour),
            ..MaskKeys::default()
        },
        _ if matches!(colour, Some(Colour::Rgb | Colour::Rgba)) => MaskKeys {
            mask_kind: MaskContents::Instances,
            mask_channel: ChannelChoice::Rgb,
            ..MaskKeys::default()
        },
        _ => MaskKeys {
            mask_kind: MaskContents::Instances,
            ignore_values: [VOID].into(),
            ..MaskKeys::default()
        },
    };
    let lists = listing.path.join("ImageSets").join("Segmentation");
    let list = |names: &[&str]| {
        names.iter().map(|name| lists.join(format!("{name}.txt"))).find(|file| file.is_file())
    };
    let set = |name: String, names: Option<std::path::PathBuf>| {
        // Without a list most images of VOC have no mask.
        let unmatched = if names.is_some() { Unmatched::Error } else { Unmatched::Skip };
        let keys = PairsKeys {
            images: images.clone(),
            masks: masks.path.clone(),
            names: names.unwrap_or_default(),
            recursive: masks.pictures.is_empty(),
            mask_files: mask_files.clone(),
            ..PairsKeys::default()
        };
        SetSpec { unmatched, ..SetSpec::new(name, SetKind::Pairs(keys)) }
    };
    let mut data = DataFile::default();
    let train = list(&["train", "Train"]);
    if train.is_some()
        && let Some(valid) = list(&["val", "Validation"])
    {
        data.valid.push(set(format!("{name} (val)"), Some(valid)));
    }
    data.train.push(set(name.to_owned(), train.or_else(|| list(&["trainval", "default"]))));
    let shown = if of_objects { "objects" } else { "classes" };
    let what =
        format!("Pascal VOC's layout: {} of {shown}", count(masks.pictures.len(), "mask", "masks"));
    Ok(Some(Recognised::Set(Box::new(Reading { what, data }))))
}

/// How the first mask file stores its pixels, by its header.
fn colour_of(masks: &Listing) -> Option<Colour> {
    let first = masks.pictures.iter().find(|picture| ending(picture) == "png")?;
    let mut bytes = Vec::new();
    read_file(first, &mut bytes).ok()?;
    ImageFile::read(&bytes).ok().map(|file| file.header().colour)
}

/// The name of a class and its colour.
type Label = (String, [u8; 3]);

/// Names and colours of CVAT's `labelmap.txt`, in its order; none where there is no such file.
fn label_map(file: &Path) -> Result<Option<Vec<Label>>> {
    if !file.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    read_file(file, &mut bytes)?;
    let line = |line: &str| {
        let (name, rest) = line.trim().split_once(':')?;
        let mut colour = rest.split(':').next()?.split(',').map(|part| part.trim().parse().ok());
        let rgb = [colour.next()??, colour.next()??, colour.next()??];
        (!name.starts_with('#')).then(|| (name.to_owned(), rgb))
    };
    let text = String::from_utf8_lossy(&bytes);
    let found: Vec<_> = text.lines().filter_map(line).collect();
    Ok((!found.is_empty()).then_some(found))
}

/// The classes of a label map but for the background, by colour, or by their places where masks are grey.
fn classes_of(labels: &[Label], colour: Option<Colour>) -> Classes {
    let grey = matches!(colour, Some(Colour::Grey | Colour::GreyAlpha));
    let marks = labels.iter().zip(0u16..).map(|((name, rgb), place)| {
        let mark = if grey { ClassMark::Number(place) } else { ClassMark::Colour(*rgb) };
        (name.clone(), mark)
    });
    let background =
        |mark: &ClassMark| matches!(mark, ClassMark::Number(0) | ClassMark::Colour([0, 0, 0]));
    Classes(marks.filter(|(name, mark)| name != "background" && !background(mark)).collect())
}
