//! Sets in another shape: what comes out is what went in, the same twice, whole or not at all.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{anywhere, picture, write};
use insta::assert_snapshot;
use maskwright_data::Result;
use maskwright_data::export::{Exported, Progress, Shape, export};
use maskwright_data::source::{
    DataFile, MaskBuffer, Objects, OpenContext, Pick, Recognised, SetSpec, YoloSplit, recognise,
};
use maskwright_image::decode::{LabelDecoder, Limits, Orientation};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{GreyImage, Size};
use serde_json::{Value, json};
use strum::VariantNames;

const SIZE: Size = Size { height: 20, width: 30 };

fn drawn(set: impl FnMut(usize, usize) -> bool) -> Rle {
    Rle::from_bitmap(&Bitmap::from_fn(SIZE, set))
}

/// A square; one that overlaps it; two pieces; a ring.
fn shapes() -> [Rle; 4] {
    let square = |y: usize, x: usize, top: usize, left: usize| {
        (top..top + 6).contains(&y) && (left..left + 6).contains(&x)
    };
    [
        drawn(|y, x| square(y, x, 1, 1)),
        drawn(|y, x| square(y, x, 4, 4) && y < 8),
        drawn(|y, x| square(y, x, 12, 1) || square(y, x, 10, 20)),
        drawn(|y, x| square(y, x, 1, 15) && !(y == 3 && x == 18)),
    ]
}

/// COCO's set of two images of two categories; the second image has no object.
fn coco(root: &Path, name: &str) -> SetSpec {
    let file = jpeg_rgb(&picture(SIZE.width, SIZE.height), 90).unwrap();
    let images: Vec<Value> = (1..=3)
        .map(|id| {
            write(root.join(format!("{name}/im/{id}.jpg")), &file);
            json!({"id": id, "file_name": format!("{id}.jpg"), "width": 30, "height": 20})
        })
        .collect();
    let annotation = |(at, mask): (usize, &Rle)| {
        let segmentation = json!({"size": [20, 30], "counts": mask.to_compressed()});
        let image = if at < 3 { 1 } else { 3 };
        json!({"id": at + 10, "image_id": image, "category_id": 5 + at % 2, "segmentation": segmentation,
               "area": mask.area(), "bbox": mask.box_xywh(), "iscrowd": 0})
    };
    let annotations: Vec<Value> = shapes().iter().enumerate().map(annotation).collect();
    let categories = json!([{"id": 5, "name": "leaf"}, {"id": 6, "name": "a: stem"}]);
    let text = json!({"images": images, "annotations": annotations, "categories": categories});
    let notes = root.join(format!("{name}/notes.json"));
    write(&notes, text.to_string());
    SetSpec::coco(name, notes, root.join(format!("{name}/im")))
}

fn data(train: Vec<SetSpec>, valid: Vec<SetSpec>) -> DataFile {
    DataFile { train, valid, ..DataFile::default() }
}

fn written(data: &DataFile, out: &Path, shape: Shape) -> Exported {
    export(data, out, shape, &OpenContext::default(), &mut |_| true).unwrap().unwrap()
}

/// The masks of all objects of a set, sorted; each object of an image is a record of its own.
fn masks(spec: &SetSpec) -> Vec<Rle> {
    let mut spec = spec.clone();
    if let Some(taken) = spec.kind.taken_mut() {
        taken.objects = Objects::All;
    }
    let set = spec.open(&OpenContext::default()).unwrap();
    let (mut mask, mut labels) = (MaskBuffer::new(), LabelDecoder::default());
    let mut found: Vec<Rle> = (0..set.len())
        .map(|record| {
            set.mask(&record.into(), Pick::Nth(0), &mut mask).unwrap();
            match mask.form {
                maskwright_data::source::MaskForm::Objects => {
                    let (rule, limits) = (set.mask_rule(), Limits::default());
                    mask.read_object(rule, &limits, &mut labels, Orientation::default()).unwrap();
                }
                maskwright_data::source::MaskForm::File => {
                    let mut label = GreyImage::default();
                    labels
                        .decode(&mask.file, set.mask_rule(), &Limits::default(), &mut label)
                        .unwrap();
                    mask.rle = Rle::from_bitmap(&Bitmap::from_grey(&label));
                }
                _ => {}
            }
            Rle::from_bitmap(&mask.rle.to_bitmap())
        })
        .collect();
    found.sort_by(|a, b| a.counts().cmp(b.counts()));
    found
}

fn sorted(mut masks: Vec<Rle>) -> Vec<Rle> {
    masks.sort_by(|a, b| a.counts().cmp(b.counts()));
    masks
}

/// Every file below a folder with its bytes.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(folder: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().into(), fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    add(root, root, &mut found);
    found
}

fn shapes_by_name() -> Vec<(&'static str, Shape)> {
    Shape::VARIANTS.iter().map(|name| (*name, name.parse().unwrap())).collect()
}

#[test]
fn every_shape_holds_the_objects_and_the_same_bytes_twice() {
    let root = tempfile::tempdir().unwrap();
    let whole = data(vec![coco(root.path(), "a")], Vec::new());
    let image = fs::read(root.path().join("a/im/1.jpg")).unwrap();
    for (name, shape) in shapes_by_name() {
        let out = root.path().join(format!("{name}-out"));
        let done = written(&whole, &out, shape);
        assert_eq!((done.images(), done.parts[0].objects), (2, 4), "{name}");
        assert_eq!(done.classes, ["leaf", "a: stem"]);
        let again = root.path().join(format!("{name}-again"));
        written(&whole, &again, shape);
        assert_eq!(files(&out), files(&again), "{name}");
        // What data.toml says, and what the folder itself tells.
        let described = DataFile::read(&out.join("data.toml")).unwrap();
        let [one, over, pieces, ring] = shapes();
        let expected = match shape {
            // The smaller one keeps the pixels of both.
            Shape::Instances => {
                let rest = one.to_bitmap().without(&over.to_bitmap());
                vec![Rle::from_bitmap(&rest), over, pieces, ring]
            }
            // A polygon has no hole.
            Shape::Yolo => {
                let filled = drawn(|y, x| (1..7).contains(&y) && (15..21).contains(&x));
                vec![one, over, pieces, filled]
            }
            _ => vec![one, over, pieces, ring],
        };
        assert_eq!(masks(&described.train[0]), sorted(expected.clone()), "{name}");
        let notes: Vec<String> = done.inexact.iter().map(ToString::to_string).collect();
        let classes = "2 classes whose names are in no file (first: leaf)";
        let expected_notes: &[&str] = match shape {
            Shape::Instances => {
                &["1 objects that lost the pixels that a smaller one has, too (first: 1)", classes]
            }
            Shape::Yolo => {
                &["1 objects that a polygon does not hold exactly (holes are filled) (first: 3)"]
            }
            Shape::Coco => &[],
            _ => &[classes],
        };
        assert_eq!(notes, expected_notes, "{name}");
        // Bytes of images are copied.
        let copied = files(&out).into_values().filter(|bytes| *bytes == image).count();
        let in_tar = files(&out)
            .into_values()
            .any(|bytes| bytes.windows(image.len()).any(|part| part == image));
        assert!(copied == 2 || shape == Shape::WebDataset && in_tar, "{name}");
        if matches!(shape, Shape::Coco | Shape::Yolo) {
            let Recognised::Set(reading) = recognise(&out).unwrap() else { panic!("{name}") };
            assert_eq!(masks(&reading.data.train[0]), sorted(expected), "{name}");
        }
    }
    // An export of an export is the same data.
    let first = DataFile::read(&root.path().join("coco-out/data.toml")).unwrap();
    let second = root.path().join("second");
    let done = written(&first, &second, Shape::Coco);
    assert_eq!(done.classes, ["leaf", "a: stem"]);
    assert_eq!(files(&second).len(), files(&root.path().join("coco-out")).len());
}

#[test]
fn training_and_validation_become_a_set_each() {
    let root = tempfile::tempdir().unwrap();
    let both =
        data(vec![coco(root.path(), "a"), coco(root.path(), "b")], vec![coco(root.path(), "c")]);
    for (name, shape) in shapes_by_name() {
        let out = root.path().join(format!("{name}-out"));
        let done = written(&both, &out, shape);
        let parts: Vec<_> =
            done.parts.iter().map(|part| (part.role, part.images, part.objects)).collect();
        assert_eq!(parts, [("train", 4, 8), ("valid", 2, 4)], "{name}");
        let described = DataFile::read(&out.join("data.toml")).unwrap();
        assert_eq!(masks(&described.train[0]).len(), 8, "{name}");
        assert_eq!(masks(&described.valid[0]).len(), 4, "{name}");
    }
    // Images of one name in two sets.
    let images: Vec<PathBuf> =
        files(&root.path().join("coco-out/train/images")).into_keys().collect();
    assert_eq!(images, ["1-2.jpg", "1.jpg", "3-2.jpg", "3.jpg"].map(PathBuf::from));
    let yolo = root.path().join("yolo-out");
    assert_snapshot!(fs::read_to_string(yolo.join("data.yaml")).unwrap(), @r#"
        path: .
        train: images/train
        val: images/val
        names:
          0: "leaf"
          1: "a: stem"
        "#);
    let val = SetSpec::yolo("v", yolo.join("data.yaml"), YoloSplit::Val);
    assert_eq!(masks(&val).len(), 4);
}

#[test]
fn masks_of_one_object_keep_their_levels() {
    let root = tempfile::tempdir().unwrap();
    write(root.path().join("im/a.png"), png_rgb(&picture(30, 20)).unwrap());
    let data_of = |level: u8| {
        (0..600).map(move |at| {
            if at % 30 < 10 {
                255
            } else if at % 30 < 12 {
                level
            } else {
                0
            }
        })
    };
    let soft = GreyImage::new(SIZE, data_of(200).collect()).unwrap();
    write(root.path().join("gt/a.png"), png_grey(&soft).unwrap());
    let set = SetSpec::pairs("a", root.path().join("im"), root.path().join("gt"));
    let whole = data(vec![set], Vec::new());
    let out = root.path().join("masks");
    assert!(written(&whole, &out, Shape::Masks).inexact.is_empty());
    let label = maskwright_image::decode::decode_label(
        &fs::read(out.join("masks/a.png")).unwrap(),
        &maskwright_image::decode::MaskRule::default(),
        &Limits::default(),
    );
    assert_eq!(label.unwrap().pixels, soft);
    // The folder is a set by itself, and levels above 128 are the object elsewhere.
    let Recognised::Set(reading) = recognise(&out).unwrap() else { panic!("not recognised") };
    assert_eq!(masks(&reading.data.train[0])[0].area(), 12 * 20);
    let done = written(&whole, &root.path().join("coco"), Shape::Coco);
    assert_eq!(
        done.inexact[0].to_string(),
        "1 masks of levels between, which are 0 and 255 now (first: a)"
    );
    assert_eq!(done.classes, ["object"]);
    // A PNG beside its annotations would be a mask.
    let refused = |shape| {
        let out = root.path().join("refused");
        let done: Result<_> = export(&whole, &out, shape, &OpenContext::default(), &mut |_| true);
        let error = done.unwrap_err().to_string();
        assert!(!out.exists());
        error
    };
    assert_snapshot!(refused(Shape::Sa1b), @"record a: expected a JPEG image, since this layout holds no PNG images; the others do, found a PNG image");
    assert_eq!(refused(Shape::WebDataset), refused(Shape::Sa1b));
}

/// A mask that was cut short is told and used; a strict export refuses it, and an image that would only be copied.
#[test]
fn damaged_files_are_told_or_refused() {
    let root = tempfile::tempdir().unwrap();
    let photo = jpeg_rgb(&picture(160, 120), 90).unwrap();
    let mut grey = picture(160, 120);
    grey.data.chunks_exact_mut(3).for_each(|pixel| pixel.fill(pixel[0]));
    let grey = jpeg_rgb(&grey, 90).unwrap();
    let cut = |file: &[u8]| file[..file.len() * 2 / 3].to_vec();
    let set = |name: &str, image: &[u8], mask: &[u8]| {
        write(root.path().join(format!("{name}/im/a.jpg")), image);
        write(root.path().join(format!("{name}/gt/a.jpg")), mask);
        SetSpec::pairs(name, root.path().join(name).join("im"), root.path().join(name).join("gt"))
    };
    let mask = data(vec![set("mask", &photo, &cut(&grey))], Vec::new());
    let image = data(vec![set("image", &cut(&photo), &grey)], Vec::new());

    let done = written(&mask, &root.path().join("out"), Shape::Coco);
    let told = done.damaged.iter().map(|one| format!("{}/{}: {}", one.set, one.name, one.message));
    let told: Vec<String> = told.collect();
    // A decoder may have more to say of it.
    assert_eq!(told[0], "mask/a: mask: the file ends too early, the missing part was filled in");
    assert!(told.iter().all(|one| one.starts_with("mask/a: mask: ")), "{told:?}");
    assert_eq!(written(&image, &root.path().join("copied"), Shape::Coco).damaged, []);
    let refused = |mut data: DataFile| {
        data.plan.strict = true;
        let out = root.path().join("refused");
        let done = export(&data, &out, Shape::Coco, &OpenContext::default(), &mut |_| true);
        assert!(!out.exists());
        anywhere(done.unwrap_err(), root.path())
    };
    assert_snapshot!(refused(mask), @"record mask/a: [DIR]/mask/gt/a.jpg: the file ends too early, the missing part was filled in (strict = true refuses such files)");
    assert_snapshot!(refused(image), @"record image/a: [DIR]/image/im/a.jpg: the file ends too early, the missing part was filled in (strict = true refuses such files)");
}

#[test]
fn an_export_is_whole_or_not_there() {
    let root = tempfile::tempdir().unwrap();
    let whole = data(vec![coco(root.path(), "a")], Vec::new());
    let before = files(root.path());
    let try_to = |out: &Path, progress: &mut dyn FnMut(Progress) -> bool| {
        export(&whole, out, Shape::Coco, &OpenContext::default(), progress)
    };
    // Asked to stop at any image, of writing and of checking.
    for last in 0..4 {
        let mut calls = 0;
        let out = root.path().join("out");
        let stopped = try_to(&out, &mut |_| {
            calls += 1;
            calls <= last
        });
        assert_eq!(stopped.unwrap(), None, "{last}");
        assert_eq!(files(root.path()), before);
    }
    let shown = |error: maskwright_data::Error| {
        error.to_string().replace(&root.path().display().to_string(), "[DIR]")
    };
    // Something is there, or the data are around it.
    let taken = try_to(&root.path().join("a"), &mut |_| true).unwrap_err();
    assert_snapshot!(shown(taken), @"the output: expected a path where nothing is, found [DIR]/a, which is there");
    let inside = try_to(&root.path().join("a/im/out"), &mut |_| true).unwrap_err();
    assert_snapshot!(shown(inside), @"the output: expected a path outside of the data, found [DIR]/a/im/out in [DIR]/a/im, which is read");
    let nowhere = try_to(&root.path().join("no/where"), &mut |_| true).unwrap_err();
    assert_snapshot!(shown(nowhere), @"cannot read [DIR]/no: No such file or directory (os error 2)");
    // An image that cannot be read.
    write(root.path().join("a/im/3.jpg"), "no image");
    let before = files(root.path());
    let damaged = try_to(&root.path().join("out"), &mut |_| true).unwrap_err();
    assert_snapshot!(shown(damaged), @"record a/3: [DIR]/a/im/3.jpg: not an image of a known format");
    assert_eq!(files(root.path()), before);
}

/// Pieces of classes keep the names of these, whichever class a piece is of.
#[test]
fn pieces_of_classes_keep_their_names() {
    let root = tempfile::tempdir().unwrap();
    write(root.path().join("im/a.jpg"), jpeg_rgb(&picture(30, 20), 90).unwrap());
    // A leaf, two stems of which one touches it, another leaf, and 255 that does not count.
    let number = |at: usize| match (at / 30, at % 30) {
        (0..6, 0..6) => 4,
        (0..6, 6..9) | (10..14, 0..3) => 9,
        (10..14, 20..25) => 4,
        (18.., _) => 255,
        _ => 0,
    };
    let mask = GreyImage::new(SIZE, (0..SIZE.area()).map(number).collect()).unwrap();
    write(root.path().join("gt/a.png"), png_grey(&mask).unwrap());
    let text = format!(
        "name = \"a\"\nimages = {:?}\nmasks = {:?}\nmask_kind = \"components\"\nignore_values = [255]\n\
         classes = {{ leaf = 4, stem = 9 }}\n",
        root.path().join("im"),
        root.path().join("gt")
    );
    let spec: SetSpec = toml::from_str(&text).unwrap();
    let out = root.path().join("coco");
    let done = written(&data(vec![spec], Vec::new()), &out, Shape::Coco);
    assert_eq!(
        (done.classes.as_slice(), done.parts[0].objects),
        (&["leaf".into(), "stem".into()][..], 4)
    );
    let file = fs::read_to_string(out.join("annotations.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let areas: Vec<(u64, u64)> = file["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["category_id"].as_u64().unwrap(), one["area"].as_u64().unwrap()))
        .collect();
    let category = |name: &str| {
        let categories = file["categories"].as_array().unwrap();
        categories.iter().find(|one| one["name"] == name).unwrap()["id"].as_u64().unwrap()
    };
    let (leaf, stem) = (category("leaf"), category("stem"));
    assert_eq!(areas, [(leaf, 36), (stem, 18), (stem, 12), (leaf, 20)]);
}
