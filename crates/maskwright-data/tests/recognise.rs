//! What folders are taken for.

mod common;

use std::fs;
use std::path::Path;

use common::{picture, write};
use insta::assert_snapshot;
use maskwright_data::source::{Recognised, SetKind, SetSpec, images_of, recognise, yolo_sets};
use maskwright_image::encode::jpeg_rgb;
use serde_json::json;

fn make(root: &Path, files: &[(&str, &str)]) {
    files.iter().for_each(|(name, text)| write(root.join(name), text));
}

fn place(set: &SetSpec) -> String {
    match &set.kind {
        SetKind::Pairs(keys) => {
            format!("{} + {}{}", keys.images.display(), keys.masks.display(), keys.mask_suffix)
        }
        SetKind::Coco(keys) => {
            format!("{} of {}", keys.annotations.display(), keys.images.display())
        }
        SetKind::Labelme(keys) => {
            format!("{} of {}", keys.annotations.display(), keys.images.display())
        }
        SetKind::Yolo(keys) => {
            format!("{}{} {}", keys.annotations.display(), keys.images.display(), keys.split)
        }
        SetKind::Sa1b(keys) => format!("{}{}", keys.images.display(), keys.shards.0.join(" ")),
        other => format!("{other:?}"),
    }
}

/// What a folder is taken for, in lines.
fn seen(root: &Path) -> String {
    let text = match recognise(root).unwrap() {
        Recognised::Set(reading) => {
            let set = |role: &str, set: &SetSpec| {
                format!("\n{role} {}: {} {}", set.name, set.kind.name(), place(set))
            };
            let train = reading.data.train.iter().map(|spec| set("train", spec));
            let valid = reading.data.valid.iter().map(|spec| set("valid", spec));
            reading.what + &train.chain(valid).collect::<String>()
        }
        Recognised::Unclear { found, likely } => {
            let likely: Vec<String> = likely.into_iter().map(|reading| reading.what).collect();
            format!("unclear: {found}; {}", likely.join(" | "))
        }
        other => format!("{other:?}"),
    };
    text.replace(&root.display().to_string(), "[DIR]")
}

/// A folder `data` with files in it.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    fs::create_dir(&data).unwrap();
    make(&data, files);
    (root, data)
}

const LABELME: &str = r#"{"version": "5.4.1", "shapes": [], "imagePath": "a.jpg"}"#;
const COCO: &str =
    r#"{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}"#;
const YAML: &str = "train: images/train\nval: images/val\nnames: [leaf]\n";

#[test]
fn folders_of_tools_are_unmistakable() {
    let (_root, yolo) = folder(&[
        ("data.yaml", YAML),
        ("images/train/a.jpg", ""),
        ("images/val/b.jpg", ""),
        ("labels/train/a.txt", ""),
    ]);
    assert_snapshot!(seen(&yolo), @"
        YOLO: 2 images, 1 label file
        train data: yolo [DIR]/data.yaml train
        valid data (val): yolo [DIR]/data.yaml val
        ");
    assert_eq!(yolo_sets("s", &yolo).unwrap().valid.len(), 1);
    assert_eq!(yolo_sets("s", &yolo.join("data.yaml")).unwrap().train.len(), 1);
    fs::write(yolo.join("data.yaml"), "train: images/train\nval: images/train\nnames: [leaf]\n")
        .unwrap();
    assert!(yolo_sets("s", &yolo).unwrap().valid.is_empty());
    fs::remove_file(yolo.join("data.yaml")).unwrap();
    assert_snapshot!(seen(&yolo), @"
        YOLO: 2 images, 1 label file
        train data: yolo [DIR]/images train
        ");
    // A file of another tool.
    fs::write(yolo.join("compose.yaml"), "services: {}\n").unwrap();
    assert_snapshot!(seen(&yolo), @"
        YOLO: 2 images, 1 label file
        train data: yolo [DIR]/images train
        ");

    let (_root, labelme) = folder(&[("a.jpg", ""), ("a.json", LABELME), ("b.jpg", "")]);
    assert_snapshot!(seen(&labelme), @"
        Labelme: 2 images, 1 annotation file
        train data: labelme  of [DIR]
        ");
    let (_root, labelme) = folder(&[("images/a.jpg", ""), ("json/a.json", LABELME)]);
    assert_snapshot!(seen(&labelme), @"
        Labelme: 1 image, 1 annotation file
        train data: labelme [DIR]/json of [DIR]/images
        ");

    let (_root, roboflow) = folder(&[
        ("train/a.jpg", ""),
        ("train/_annotations.coco.json", COCO),
        ("valid/a.jpg", ""),
        ("valid/_annotations.coco.json", COCO),
        ("README.roboflow.txt", ""),
    ]);
    assert_snapshot!(seen(&roboflow), @"
        COCO of Roboflow: 1 annotation file (train), COCO of Roboflow: 1 annotation file (valid)
        train data/train: coco [DIR]/train/_annotations.coco.json of [DIR]/train
        valid data/valid: coco [DIR]/valid/_annotations.coco.json of [DIR]/valid
        ");
    assert_snapshot!(seen(&roboflow.join("train")), @"
        COCO of Roboflow: 1 annotation file
        train train: coco [DIR]/_annotations.coco.json of [DIR]
        ");
    let windows = COCO.replace("a.jpg", "export\\\\images\\\\a.jpg");
    let (_root, coco) = folder(&[("images/a.jpg", ""), ("annotations.json", windows.as_str())]);
    assert_snapshot!(seen(&coco), @"
        COCO: 1 annotation file
        train data: coco [DIR]/annotations.json of [DIR]/images
        ");
    let (_root, coco) = folder(&[
        ("train2017/a.jpg", ""),
        ("val2017/a.jpg", ""),
        ("annotations/instances_train2017.json", COCO),
        ("annotations/instances_val2017.json", COCO),
        ("annotations/captions_val2017.json", COCO),
    ]);
    assert_snapshot!(seen(&coco), @"
        COCO: 2 annotation files
        train data/instances_train2017: coco [DIR]/annotations/instances_train2017.json of [DIR]/train2017
        valid data/instances_val2017: coco [DIR]/annotations/instances_val2017.json of [DIR]/val2017
        ");
    assert_eq!(
        images_of(&coco.join("annotations/instances_val2017.json")).unwrap(),
        Some(coco.join("annotations/../val2017"))
            .filter(|p| p.exists())
            .map(|_| coco.join("val2017"))
    );
    let (_root, sa) = folder(&[("sa_1.jpg", ""), ("sa_1.json", "{}")]);
    assert_snapshot!(seen(&sa), @"
        SA-1B: 1 annotation file
        train data: sa1b [DIR]
        ");
    let (_root, tars) = folder(&[("sa_000.tar", "")]);
    assert_snapshot!(seen(&tars), @"
        SA-1B: 1 tar file
        train data: sa1b [DIR]/*.tar
        ");
}

#[test]
fn images_with_masks_are_unmistakable() {
    let (_root, pairs) = folder(&[("im/a.jpg", ""), ("gt/a.png", "")]);
    assert_snapshot!(seen(&pairs), @"
        images with masks: 1 image, 1 mask
        train data: pairs [DIR]/im + [DIR]/gt
        ");
    let (_root, beside) = folder(&[("a.jpg", ""), ("a.png", ""), ("list.txt", "")]);
    assert_snapshot!(seen(&beside), @"
        images with masks beside them: 1 pair
        train data: pairs [DIR] + [DIR]
        ");
    let (_root, suffix) =
        folder(&[("a.png", ""), ("a_mask.png", ""), ("b.png", ""), ("b_mask.png", "")]);
    assert_snapshot!(seen(&suffix), @"
        images with masks beside them called *_mask: 2 pairs
        train data: pairs [DIR] + [DIR]_mask
        ");
    let (_root, parts) = folder(&[
        ("train/images/a.jpg", ""),
        ("train/masks/a.png", ""),
        ("val/images/b.jpg", ""),
        ("val/masks/b.png", ""),
        ("test/c.jpg", ""),
    ]);
    assert_snapshot!(seen(&parts), @"
        images with masks: 1 image, 1 mask (train), images with masks: 1 image, 1 mask (val)
        train data/train: pairs [DIR]/train/images + [DIR]/train/masks
        valid data/val: pairs [DIR]/val/images + [DIR]/val/masks
        ");
}

#[test]
fn what_is_unclear_is_described() {
    let (_root, both) =
        folder(&[("images/a.jpg", ""), ("labels/a.txt", "0 0 0 1 0 1 1"), ("masks/a.png", "")]);
    assert_snapshot!(seen(&both), @"unclear: the folders images, labels, masks; YOLO: 1 image, 1 label file | images with masks: 1 image, 1 mask");
    let (_root, both) = folder(&[("a.jpg", ""), ("a.png", ""), ("a.json", LABELME)]);
    assert_snapshot!(seen(&both), @"unclear: 2 pictures, 1 other file (a.json); Labelme: 2 images, 1 annotation file | images with masks beside them: 1 pair");
    let (_root, nothing) = folder(&[]);
    assert_snapshot!(seen(&nothing), @"unclear: no image and no folder;");
    let (_root, other) = folder(&[("notes/a.doc", ""), ("b.doc", ""), ("data.json", "{}")]);
    assert_snapshot!(seen(&other), @"unclear: 2 other files (b.doc, data.json), the folders notes;");
    let (_root, alone) = folder(&[("a.jpg", ""), ("b.tif", "")]);
    assert_snapshot!(seen(&alone), @"ImagesAlone { images: 2 }");
    let (_root, supervisely) =
        folder(&[("meta.json", "{}"), ("ds/img/a.jpg", ""), ("ds/ann/a.jpg.json", "{}")]);
    assert_snapshot!(seen(&supervisely), @r#"
        Supervisely: 1 image, 1 annotation file
        train data: supervisely Supervisely(SuperviselyKeys { images: "[DIR]", categories: [], taken: ObjectKeys { objects: One, min_area: None, max_area: None, min_objects: None, max_objects: None } })
        "#);
    let (_root, tasks) = folder(&[("task-1-annotation-3-by-1-tag-leaf-0.png", "")]);
    assert_snapshot!(seen(&tasks), @r#"NotRead { what: "Label Studio's brush masks, whose names are numbers of tasks, without anything that says which image is whose", instead: "put the project's export \"JSON\" into the folder, beside a folder images; or give the images the numbers of their tasks (7.jpg for task-7-...); or write a list (CSV) with the columns image and mask, and give it in a data file: list = \"list.csv\"" }"#);
}

/// The folders of `../shared/data/ordinary`, each taken for what it is.
#[test]
fn ordinary_folders_are_recognised() {
    let ordinary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary");
    if !ordinary.is_dir() {
        eprintln!("left out: the optional folder ../shared/data/ordinary is not here");
        return;
    }
    let names = [
        "labelme",
        "yolo_seg",
        "roboflow",
        "backslash_paths",
        "string_ids",
        "instances_8bit",
        "void_255",
        "tiff_16bit",
    ];
    let seen = names.map(|name| match recognise(&ordinary.join(name)).unwrap() {
        Recognised::Set(reading) => format!("{name}: {}", reading.what),
        other => panic!("{name}: {other:?}"),
    });
    assert_snapshot!(seen.join("\n"), @"
        labelme: Labelme: 8 images, 8 annotation files
        yolo_seg: YOLO: 8 images, 8 label files
        roboflow: COCO of Roboflow: 1 annotation file (train)
        backslash_paths: COCO: 1 annotation file
        string_ids: COCO: 1 annotation file
        instances_8bit: images with masks: 8 images, 8 masks
        void_255: images with masks: 8 images, 8 masks
        tiff_16bit: images with masks: 8 images, 8 masks
        ");
}

/// What is recognised opens.
#[test]
fn recognised_sets_open() {
    let (_root, data) = folder(&[
        ("data.yaml", "train: images\nnames: [leaf]\n"),
        ("labels/a.txt", "0 0 0 1 0 1 1"),
    ]);
    write(data.join("images/a.jpg"), jpeg_rgb(&picture(40, 30), 90).unwrap());
    let Recognised::Set(reading) = recognise(&data).unwrap() else { panic!("not recognised") };
    assert_eq!(common::annotated::open(&reading.data.train[0]).len(), 1);
    let square = json!([[1, 1], [9, 1], [9, 9]]);
    let text = json!({"shapes": [{"label": "leaf", "points": square}], "imagePath": "a.jpg"});
    write(data.join("images/a.json"), text.to_string());
    let Recognised::Set(reading) = recognise(&data.join("images")).unwrap() else {
        panic!("not recognised")
    };
    assert_eq!(common::annotated::open(&reading.data.train[0]).len(), 1);
}
