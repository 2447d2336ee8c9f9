//! Annotated sets of a few made pictures: COCO, SA-1B and WebDataset with the same objects.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::source::{
    CocoKeys, MaskBuffer, MaskForm, ObjectKeys, OpenContext, Patterns, Pick, ScoreKeys, SetKind,
    SetSpec, Source, WebDatasetKeys,
};
use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{GreyImage, RgbImage};
use serde_json::{Value, json};

use super::{mask, picture, write};

/// Image number `n` of a made set, with its objects' masks.
pub(crate) fn scene(n: usize) -> (RgbImage, Vec<GreyImage>) {
    let (width, height) = (64 + 9 * n, 80 - 5 * n);
    let objects = (0..2 + n % 3)
        .map(|k| {
            let (cx, cy, r) = (12 + 11 * k as i64, 20 + 9 * k as i64, 7 + k as i64);
            mask(width, height, move |x, y| {
                (x as i64 - cx).pow(2) + (y as i64 - cy).pow(2) < r * r && (x + y) % 7 != 0
            })
        })
        .collect();
    (picture(width, height), objects)
}

pub(crate) fn rle(mask: &GreyImage) -> Rle {
    Rle::from_bitmap(&Bitmap::from_grey(mask))
}

/// The id of object `k` of image `n`.
pub(crate) fn id(n: usize, k: usize) -> u64 {
    (100 * (n + 1) + k) as u64
}

/// An instances file of `count` images, whose annotations have the three spellings of run lengths and
/// come before the images; the last object of an image is a crowd.
pub(crate) fn coco_json(count: usize) -> Value {
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for n in (0..count).rev() {
        let (image, objects) = scene(n);
        let name = format!("scene_{n}.jpg");
        images.push(
            json!({"id": 7 * n, "file_name": name, "width": image.size.width, "height": image.size.height}),
        );
        let crowd = objects.len() - 1;
        for (k, object) in objects.iter().enumerate() {
            let rle = rle(object);
            let counts = if k == 0 { json!(rle.counts()) } else { json!(rle.to_compressed()) };
            annotations.push(json!({
                "id": id(n, k), "image_id": 7 * n, "category_id": 1 + k % 2, "area": rle.area(),
                "iscrowd": u8::from(k == crowd), "bbox": rle.box_xywh(),
                "segmentation": {"size": [rle.height(), rle.width()], "counts": counts},
            }));
        }
    }
    // Neighbouring images' annotations are mixed in real files.
    annotations.sort_by_key(|annotation| annotation["category_id"].as_u64());
    json!({
        "info": {"year": 2026}, "annotations": annotations, "images": images,
        "categories": [{"id": 1, "name": "disc"}, {"id": 2, "name": "plate"}],
    })
}

/// A folder of images and an instances file: both paths.
pub(crate) fn coco(folder: &Path, count: usize) -> (PathBuf, PathBuf) {
    let images = folder.join("coco_images");
    for n in 0..count {
        write(images.join(format!("scene_{n}.jpg")), jpeg_rgb(&scene(n).0, 95).unwrap());
    }
    let annotations = folder.join("instances.json");
    write(&annotations, coco_json(count).to_string());
    (annotations, images)
}

/// SA-1B's annotation file of image `n`.
pub(crate) fn sa1b_json(n: usize) -> Value {
    let (image, objects) = scene(n);
    let annotation = |(k, object): (usize, &GreyImage)| {
        let rle = rle(object);
        json!({
            "id": id(n, k), "area": rle.area(), "bbox": rle.box_xywh(),
            "predicted_iou": 0.9 + 0.02 * k as f64, "stability_score": 0.99 - 0.02 * k as f64,
            "crop_box": [0, 0, image.size.width, image.size.height], "point_coords": [[1.5, 2.5]],
            "segmentation": {"size": [rle.height(), rle.width()], "counts": rle.to_compressed()},
        })
    };
    json!({
        "image": {"image_id": n, "width": image.size.width, "height": image.size.height,
                  "file_name": format!("sa_{n}.jpg")},
        "annotations": objects.iter().enumerate().map(annotation).collect::<Vec<_>>(),
    })
}

/// The members of SA-1B's tar files: names and contents.
pub(crate) fn sa1b_members(images: std::ops::Range<usize>) -> Vec<(String, Vec<u8>)> {
    images
        .flat_map(|n| {
            [
                (format!("sa_{n}.jpg"), jpeg_rgb(&scene(n).0, 95).unwrap()),
                (format!("sa_{n}.json"), sa1b_json(n).to_string().into_bytes()),
            ]
        })
        .collect()
}

/// Members of WebDataset's layout: the first object as a mask file.
pub(crate) fn web_members(images: std::ops::Range<usize>) -> Vec<(String, Vec<u8>)> {
    images
        .flat_map(|n| {
            let (image, objects) = scene(n);
            [
                (format!("{n:04}.jpg"), jpeg_rgb(&image, 95).unwrap()),
                (format!("{n:04}.cls"), b"3".to_vec()),
                (format!("{n:04}.png"), png_grey(&objects[0]).unwrap()),
            ]
        })
        .collect()
}

/// A tar file.
pub(crate) fn tar(path: &Path, members: &[(String, Vec<u8>)]) {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    write(path, builder.into_inner().unwrap());
}

pub(crate) fn open(spec: &SetSpec) -> Arc<dyn Source> {
    spec.open(&OpenContext::default()).unwrap()
}

/// The names of all records, which their identities repeat.
pub(crate) fn names(set: &dyn Source) -> Vec<String> {
    let name = |index| {
        let record = set.record(index).unwrap();
        assert_eq!(set.identity(&index.into()).unwrap(), (record.set, record.name.clone()));
        record.name
    };
    (0..set.len()).map(name).collect()
}

/// All masks of a record, with their annotations' ids.
pub(crate) fn objects(set: &dyn Source, record: usize) -> Vec<(Option<u64>, Rle)> {
    let mut mask = MaskBuffer::new();
    (0..set.objects(&record.into()).unwrap())
        .map(|nth| {
            set.mask(&record.into(), Pick::Nth(nth), &mut mask).unwrap();
            assert_eq!(mask.form, MaskForm::Rle);
            (mask.object, mask.rle.clone())
        })
        .collect()
}

/// A folder of SA-1B.
pub(crate) fn sa1b_folder(root: &Path, count: usize) -> SetSpec {
    for (name, bytes) in sa1b_members(0..count) {
        write(root.join("sa1b").join(name), bytes);
    }
    SetSpec::sa1b("sa", root.join("sa1b"))
}

/// A set with other rules about its objects.
pub(crate) fn taking(mut spec: SetSpec, change: impl FnOnce(&mut ObjectKeys)) -> SetSpec {
    change(spec.kind.taken_mut().expect("a set of annotated images"));
    spec
}

/// A set of COCO with some keys changed.
pub(crate) fn coco_with(mut spec: SetSpec, change: impl FnOnce(&mut CocoKeys)) -> SetSpec {
    let SetKind::Coco(keys) = &mut spec.kind else { panic!("not a set of COCO: {spec:?}") };
    change(keys);
    spec
}

/// A set of SA-1B with other bounds of scores.
pub(crate) fn scoring(mut spec: SetSpec, change: impl FnOnce(&mut ScoreKeys)) -> SetSpec {
    let SetKind::Sa1b(keys) = &mut spec.kind else { panic!("not a set of SA-1B: {spec:?}") };
    change(&mut keys.scores);
    spec
}

/// Tar files of WebDataset's layout.
pub(crate) fn web(name: &str, shards: impl AsRef<Path>) -> SetSpec {
    let shards = Patterns(vec![shards.as_ref().to_string_lossy().into_owned()]);
    SetSpec::new(name, SetKind::WebDataset(WebDatasetKeys { shards, ..Default::default() }))
}
