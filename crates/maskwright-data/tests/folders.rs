//! Folders of annotation tools: Labelme's and YOLO's.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::annotated::{names, objects, open, taking};
use common::{anywhere, picture, write};
use insta::assert_snapshot;
use maskwright_data::source::{
    LabelmeKeys, Objects, OpenContext, SetKind, SetSpec, Source, Unmatched, YoloKeys, YoloSplit,
};
use maskwright_image::encode::{jpeg_rgb, png_rgb};
use serde_json::{Value, json};

/// The corners of a box of whole pixels.
fn corners([x, y, w, h]: [u32; 4]) -> [[u32; 2]; 4] {
    [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
}

fn shape(label: &str, box_xywh: [u32; 4]) -> Value {
    json!({"label": label, "points": corners(box_xywh), "shape_type": "polygon", "group_id": null})
}

/// An annotation file of Labelme for an image of 60 x 40 pixels.
fn labelme(image: &str, shapes: &[Value]) -> String {
    json!({"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image,
           "imageData": null, "imageHeight": 40, "imageWidth": 60})
    .to_string()
}

fn photo(path: impl AsRef<Path>) {
    write(path, jpeg_rgb(&picture(60, 40), 90).unwrap());
}

/// Areas and boxes xywh of a record's objects.
fn found(set: &dyn Source, record: usize) -> Vec<(u64, [u32; 4])> {
    objects(set, record).iter().map(|(_, mask)| (mask.area(), mask.box_xywh())).collect()
}

fn left_out(set: &dyn Source, root: &Path) -> String {
    let lines = set.left_out().iter().map(ToString::to_string).collect::<Vec<_>>();
    lines.join("\n").replace(&root.display().to_string(), "[DIR]")
}

fn refused(spec: &SetSpec, root: &Path) -> String {
    anywhere(spec.open(&OpenContext::default()).err().unwrap(), root)
}

fn labelme_with(spec: SetSpec, change: impl FnOnce(&mut LabelmeKeys)) -> SetSpec {
    let SetKind::Labelme(mut keys) = spec.kind else { panic!("not a set of Labelme") };
    change(&mut keys);
    SetSpec { kind: SetKind::Labelme(keys), ..spec }
}

fn yolo_with(spec: SetSpec, change: impl FnOnce(&mut YoloKeys)) -> SetSpec {
    let SetKind::Yolo(mut keys) = spec.kind else { panic!("not a set of YOLO") };
    change(&mut keys);
    SetSpec { kind: SetKind::Yolo(keys), ..spec }
}

/// Two images with four objects; `b` lies in a folder, its JSON names it as Windows does.
fn labelme_folder(root: &Path) -> SetSpec {
    let folder = root.join("leaves");
    photo(folder.join("a.jpg"));
    photo(folder.join("more/b.jpg"));
    let point = json!({"label": "leaf", "points": [[3, 3]], "shape_type": "point"});
    let thin = json!({"label": "leaf", "points": [[3, 3], [9, 9]], "shape_type": "polygon"});
    let shapes = [shape("leaf", [2, 3, 10, 5]), point, shape("root", [20, 10, 4, 4]), thin];
    write(folder.join("a.json"), labelme("a.jpg", &shapes));
    let outside = shape("leaf", [70, 50, 5, 5]);
    let shapes = [shape("leaf", [0, 0, 60, 40]), outside, shape("leaf", [1, 1, 2, 2])];
    write(folder.join("more/b.json"), labelme("..\\elsewhere\\b.jpg", &shapes));
    SetSpec::labelme("leaves", folder)
}

#[test]
fn labelme_objects_are_the_polygons() {
    let root = tempfile::tempdir().unwrap();
    let spec = labelme_folder(root.path());
    let set = open(&spec);
    assert_eq!(names(&*set), ["a", "more/b"]);
    assert_eq!(found(&*set, 0), [(50, [2, 3, 10, 5]), (16, [20, 10, 4, 4])]);
    assert_eq!(found(&*set, 1), [(2400, [0, 0, 60, 40]), (4, [1, 1, 2, 2])]);
    // The number of the shape is the object's id.
    let ids: Vec<_> = objects(&*set, 1).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [Some(1), Some(3)]);
    let record = set.record(1).unwrap();
    assert!(record.image.ends_with("leaves/more/b.jpg") && record.image.is_file());
    assert!(record.mask.ends_with("leaves/more/b.json"));
    assert_snapshot!(left_out(&*set, root.path()), @"
        1 shapes without an area (points and lines) (first: [DIR]/leaves/a.json, shape 2)
        1 outlines of fewer than three points (first: [DIR]/leaves/a.json, shape 4)
        1 objects that cover no pixel of their image (first: [DIR]/leaves/more/b.json, shape 2)
        ");

    let all = open(&taking(spec.clone(), |keys| keys.objects = Objects::All));
    assert_eq!(names(&*all), ["a#0", "a#1", "more/b#0", "more/b#1"]);
    assert_eq!(found(&*all, 1), [(16, [20, 10, 4, 4])]);
    let two = open(&taking(spec.clone(), |keys| keys.objects = Objects::UpTo(2)));
    assert_eq!(two.len(), 4);
    let large = open(&taking(spec.clone(), |keys| keys.min_area = Some(50.0)));
    assert_eq!((found(&*large, 0).len(), found(&*large, 1).len()), (1, 1));
    let roots = labelme_with(spec.clone(), |keys| keys.categories = vec!["root".into()]);
    let roots = open(&roots);
    assert_eq!((names(&*roots), found(&*roots, 0)), (vec!["a".into()], vec![(16, [20, 10, 4, 4])]));
    let typo = labelme_with(spec.clone(), |keys| keys.categories = vec!["leave".into()]);
    assert_snapshot!(refused(&typo, root.path()), @r#"categories of set leaves: expected names among its 2 categories, found "leave" (did you mean "leaf"?)"#);
    let only = SetSpec { include: vec!["more/*".into()], ..spec };
    assert_eq!(names(&*open(&only)), ["more/b"]);
}

#[test]
fn labelme_finds_images_in_a_folder_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    photo(root.path().join("photos/a.jpg"));
    photo(root.path().join("photos/IMG_7.JPG"));
    let square = [shape("leaf", [2, 3, 10, 5])];
    write(root.path().join("json/a.json"), labelme("C:\\Users\\me\\a.jpg", &square));
    write(root.path().join("json/renamed.json"), labelme("../photos/IMG_7.JPG", &square));
    let spec = labelme_with(SetSpec::labelme("s", root.path().join("photos")), |keys| {
        keys.annotations = root.path().join("json");
    });
    let set = open(&spec);
    assert_eq!(names(&*set), ["a", "renamed"]);
    for (record, image) in ["photos/a.jpg", "photos/IMG_7.JPG"].iter().enumerate() {
        assert_eq!(set.record(record).unwrap().image, root.path().join(image));
        assert_eq!(found(&*set, record), [(50, [2, 3, 10, 5])]);
        let mut image = maskwright_data::source::ImageBuffer::new();
        set.image(&record.into(), &mut image).unwrap();
        assert!(!image.file.is_empty());
    }
}

#[test]
fn labelme_says_what_does_not_belong_together() {
    let root = tempfile::tempdir().unwrap();
    let spec = labelme_folder(root.path());
    let folder = root.path().join("leaves");
    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec.clone() };

    photo(folder.join("c.jpg"));
    assert_snapshot!(refused(&spec, root.path()), @r#"set leaves: [DIR]/leaves: 1 images without an annotation file, the first c.jpg; correct the files or set unmatched = "skip""#);
    assert_eq!(names(&*open(&skip)), ["a", "more/b"]);
    fs::remove_file(folder.join("c.jpg")).unwrap();

    let embedded = labelme("c.jpg", &[]).replace("\"imageData\":null", "\"imageData\":\"AAAA\"");
    write(folder.join("c.json"), embedded);
    assert_snapshot!(refused(&spec, root.path()), @r#"set leaves: [DIR]/leaves: 1 annotation files without an image, the first c.json (imagePath "c.jpg", whose pixels are in the file alone); correct the files or set unmatched = "skip""#);
    write(folder.join("c.json"), labelme("a.jpg", &[shape("leaf", [2, 3, 10, 5])]));
    assert_snapshot!(refused(&spec, root.path()), @r#"set leaves: [DIR]/leaves: 1 annotation files of an image that another one is about, the first c.json beside a.json; correct the files or set unmatched = "skip""#);
    assert_eq!(names(&*open(&skip)), ["a", "more/b"]);

    photo(folder.join("c.jpg"));
    let wrong = json!({"label": "leaf", "points": [[1, 2], [3, "x"], [4, 4]]});
    write(folder.join("c.json"), labelme("c.jpg", &[shape("leaf", [2, 3, 10, 5]), wrong]));
    assert_snapshot!(refused(&spec, root.path()), @r#"[DIR]/leaves/c.json, shape 2 (leaf): point 2: expected [x, y], found [3,"x"]"#);
    let set = open(&skip);
    assert_eq!(names(&*set), ["a", "more/b"]);
    assert_snapshot!(left_out(&*set, root.path()).lines().last().unwrap(), @r#"1 images whose annotation file is damaged (first: [DIR]/leaves/c.json, shape 2 (leaf): point 2: expected [x, y], found [3,"x"])"#);
    write(folder.join("c.json"), r#"{"images": [], "annotations": []}"#);
    assert_snapshot!(refused(&spec, root.path()), @"[DIR]/leaves/c.json: expected Labelme's JSON with shapes and imagePath, found no shapes");
    // Excluded by name, it is of no interest.
    let without = SetSpec { exclude: vec!["c".into()], ..spec };
    assert_eq!(names(&*open(&without)), ["a", "more/b"]);
}

/// The tool writes its file over in place, which no time of a folder tells.
#[test]
fn edited_files_are_indexed_again() {
    let root = tempfile::tempdir().unwrap();
    let spec = labelme_folder(root.path());
    let before = open(&spec);
    assert_eq!(found(&*before, 0).len(), 2);
    let file = root.path().join("leaves/a.json");
    write(&file, labelme("a.jpg", &[shape("leaf", [5, 5, 3, 3])]));
    assert_eq!(found(&*open(&spec), 0), [(9, [5, 5, 3, 3])]);
    // Who has it open is told.
    let mut mask = maskwright_data::source::MaskBuffer::new();
    let error = before.mask(&0.into(), maskwright_data::source::Pick::Nth(1), &mut mask);
    assert_snapshot!(anywhere(error.unwrap_err(), root.path()), @"[DIR]/leaves/a.json, shape 3: expected the object that was there when it was indexed, found none");
}

/// Three images in two splits: 4 objects in a.txt of which one is a box, none in b.txt, one in c.txt.
fn yolo_folder(root: &Path) -> PathBuf {
    let folder = root.join("leaves");
    for image in ["train/a.jpg", "train/b.jpg", "val/c.jpg", "train/more/d.jpg"] {
        photo(folder.join("images").join(image));
    }
    let labels = |name: &str, text: &str| write(folder.join("labels").join(name), text);
    // Of 60 x 40 pixels.
    let a = "0 0.1 0.25 0.2 0.25 0.2 0.5 0.1 0.5\n1 0.5 0.5 0.2 0.2\n1 0 0 1 0 1 1 0 1\n0 0.5 0.5 0.6 0.5 0.6 0.75\n";
    labels("train/a.txt", a);
    labels("train/b.txt", "");
    labels("val/c.txt", "1 0.1 0.25 0.2 0.25 0.2 0.5 0.1 0.5\r\n");
    labels("classes.txt", "leaf\nroot\n");
    write(
        folder.join("data.yaml"),
        "path: /nowhere/of/mine\ntrain: images/train\nval: ../images/val\nnames: [leaf, root]\n",
    );
    folder.join("data.yaml")
}

#[test]
fn yolo_objects_are_the_polygons() {
    let root = tempfile::tempdir().unwrap();
    let yaml = yolo_folder(root.path());
    let spec = SetSpec::yolo("leaves", &yaml, YoloSplit::Train);
    let set = open(&spec);
    assert_eq!(names(&*set), ["a"]);
    let expected = [(60, [6, 10, 6, 10]), (2400, [0, 0, 60, 40])];
    assert_eq!(found(&*set, 0)[..2], expected);
    assert_eq!(objects(&*set, 0).iter().map(|(id, _)| id.unwrap()).collect::<Vec<_>>(), [1, 3, 4]);
    let record = set.record(0).unwrap();
    assert_eq!(record.image, root.path().join("leaves/images/train/a.jpg"));
    assert_eq!(record.mask, root.path().join("leaves/labels/train/a.txt"));
    assert_snapshot!(left_out(&*set, root.path()), @"
        1 images without an object to take (first: images/train/b.jpg)
        1 boxes without an outline (first: [DIR]/leaves/labels/train/a.txt, line 2)
        1 images without a label file (first: images/train/more/d.jpg)
        ");

    let valid = open(&SetSpec::yolo("leaves", &yaml, YoloSplit::Val));
    assert_eq!((names(&*valid), found(&*valid, 0)), (vec!["c".into()], vec![(60, [6, 10, 6, 10])]));
    let roots = yolo_with(spec.clone(), |keys| keys.categories = vec!["root".into()]);
    assert_eq!(found(&*open(&roots), 0), [(2400, [0, 0, 60, 40])]);
    let typo = yolo_with(spec.clone(), |keys| keys.categories = vec!["roots".into()]);
    assert_snapshot!(refused(&typo, root.path()), @r#"categories of set leaves: expected names among its 2 categories, found "roots" (did you mean "root"?)"#);
    assert_snapshot!(refused(&SetSpec::yolo("leaves", &yaml, YoloSplit::Test), root.path()), @"[DIR]/leaves/data.yaml: expected `test`, the images of the split test, found train, val");

    // The folder alone: classes have numbers.
    let folder = |categories: &[&str]| {
        let keys = YoloKeys {
            images: root.path().join("leaves/images"),
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            ..YoloKeys::default()
        };
        SetSpec::new("leaves", SetKind::Yolo(keys))
    };
    let set = open(&folder(&[]));
    assert_eq!(names(&*set), ["train/a", "val/c"]);
    assert_eq!(names(&*open(&folder(&["1"]))), ["train/a", "val/c"]);
    assert_eq!(names(&*open(&folder(&["0"]))), ["train/a"]);
}

#[test]
fn yolo_reads_lists_and_labels_beside_images() {
    let root = tempfile::tempdir().unwrap();
    let square = "0 0.1 0.25 0.2 0.25 0.2 0.5 0.1 0.5\n";
    write(root.path().join("x/a.png"), png_rgb(&picture(60, 40)).unwrap());
    write(root.path().join("x/a.txt"), square);
    yolo_folder(root.path());
    write(root.path().join("list.txt"), "./x/a.png\r\nleaves\\images\\val\\c.jpg\n");
    write(
        root.path().join("data.yaml"),
        "train: list.txt\nval: [x, leaves/images/val]\nnames:\n  0: leaf\n  1: root\n",
    );
    for split in [YoloSplit::Train, YoloSplit::Val] {
        let set = open(&SetSpec::yolo("s", root.path().join("data.yaml"), split));
        assert_eq!(names(&*set), ["leaves/images/val/c", "x/a"]);
        assert_eq!(found(&*set, 1), [(60, [6, 10, 6, 10])]);
    }
    write(root.path().join("list.txt"), "./x/a.png\n./x/gone.png\n");
    let spec = SetSpec::yolo("s", root.path().join("data.yaml"), YoloSplit::Train);
    assert_snapshot!(refused(&spec, root.path()), @r#"set s: [DIR]: 1 images that are listed but not there, the first ./x/gone.png; correct the files or set unmatched = "skip""#);
}

#[test]
fn yolo_says_which_line_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    let yaml = yolo_folder(root.path());
    let spec = SetSpec::yolo("leaves", &yaml, YoloSplit::Val);
    let labels = root.path().join("leaves/labels/val/c.txt");
    let mut messages = Vec::new();
    for text in
        ["\n7 0 0 1 0 1 1\n", "0 10 20 30 40 50 60\n", "0 0 0 1 0 1\n", "leaf 0 0 1 1 1 0\n"]
    {
        write(&labels, text);
        messages.push(refused(&spec, root.path()));
    }
    write(&labels, b"\xff\xfe");
    messages.push(refused(&spec, root.path()));
    // Boxes alone are no masks.
    write(&labels, "0 0.5 0.5 0.2 0.2\n");
    messages.push(refused(&spec, root.path()));
    fs::remove_file(&labels).unwrap();
    messages.push(refused(&spec, root.path()));
    write(&labels, "");
    fs::rename(&labels, labels.with_file_name("lone.txt")).unwrap();
    messages.push(refused(&spec, root.path()));
    let gone = SetSpec::yolo("leaves", root.path().join("gone.yaml"), YoloSplit::Val);
    messages.push(refused(&gone, root.path()));
    write(&yaml, "train: images/trian\n");
    messages.push(refused(&SetSpec::yolo("leaves", &yaml, YoloSplit::Train), root.path()));
    assert_snapshot!(messages.join("\n"), @r#"
        [DIR]/leaves/labels/val/c.txt, line 2: class: expected one of the 2 classes that data.yaml names, found 7
        [DIR]/leaves/labels/val/c.txt, line 1: number 1: expected a share of the image's width from 0 to 1, found "10"
        [DIR]/leaves/labels/val/c.txt, line 1: expected a class and x and y of each point, found 5 numbers behind the class
        [DIR]/leaves/labels/val/c.txt, line 1: class: expected a whole number from 0, found "leaf"
        [DIR]/leaves/labels/val/c.txt: expected lines of text, found other bytes
        set leaves: expected at least one record, found none: 1 images without an object to take (first: images/val/c.jpg); 1 boxes without an outline (first: [DIR]/leaves/labels/val/c.txt, line 1)
        set leaves: expected at least one record, found none: 1 images without a label file (first: images/val/c.jpg)
        set leaves: [DIR]/leaves: 1 label files without an image, the first [DIR]/leaves/labels/val/lone.txt; correct the files or set unmatched = "skip"
        cannot read [DIR]/gone.yaml: No such file or directory (os error 2)
        [DIR]/leaves/data.yaml, train: expected a folder of images or a list of them, found "images/trian", which is neither in [DIR]/leaves/ nor beside this file
        "#);
}

#[test]
fn keys_that_are_missing_are_named() {
    let set = |kind| SetSpec::new("s", kind);
    let root = Path::new("/nowhere");
    assert_snapshot!(refused(&set(SetKind::Labelme(LabelmeKeys::default())), root), @r#"set s of kind "labelme": expected images, the folder of images and annotation files, found none of them"#);
    assert_snapshot!(refused(&set(SetKind::Yolo(YoloKeys::default())), root), @r#"set s of kind "yolo": expected either annotations, a data.yaml, or images, found none of them"#);
    assert_snapshot!(refused(&SetSpec::labelme("s", "/nowhere/x"), root), @"set s: the folder of its images does not exist: [DIR]/x");
}

/// The folders of `../shared/data/ordinary`, whose polygons are those of its set of Roboflow: areas and boxes by
/// pycocotools.
#[test]
fn ordinary_folders_have_the_areas_of_pycocotools() {
    let ordinary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary");
    let Ok(expected) = fs::read_to_string(ordinary.join("expected.json")) else {
        eprintln!("left out: the optional folder ../shared/data/ordinary is not here");
        return;
    };
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let of_image = |(name, objects): (&String, &Value)| {
        let name = name.strip_prefix("IMG_").unwrap().split("_jpg").next().unwrap();
        let objects = objects.as_array().unwrap().iter().map(|object| {
            let side = |at: usize| object["box_xyxy_inclusive"][at].as_u64().unwrap() as u32;
            let [x, y] = [side(0), side(1)];
            let box_xywh = [x, y, side(2) - x + 1, side(3) - y + 1];
            (object["area"].as_u64().unwrap(), box_xywh)
        });
        (name.to_owned(), objects.collect::<Vec<_>>())
    };
    let expected: BTreeMap<String, Vec<(u64, [u32; 4])>> =
        expected["roboflow"].as_object().unwrap().iter().map(of_image).collect();
    assert_eq!(expected.len(), 8);
    let yaml = ordinary.join("yolo_seg/data.yaml");
    let roboflow = ordinary.join("roboflow/train");
    for spec in [
        SetSpec::labelme("labelme", ordinary.join("labelme")),
        SetSpec::yolo("yolo", &yaml, YoloSplit::Train),
        SetSpec::yolo("yolo", &yaml, YoloSplit::Val),
        SetSpec::coco("roboflow", roboflow.join("_annotations.coco.json"), &roboflow),
    ] {
        let set = open(&spec);
        assert!(set.left_out().is_empty());
        let name = |name: String| match name.strip_prefix("IMG_") {
            Some(name) => name.split("_jpg").next().unwrap().to_owned(),
            None => name,
        };
        let records = names(&*set).into_iter().map(name).enumerate();
        let found: BTreeMap<_, _> =
            records.map(|(record, name)| (name, found(&*set, record))).collect();
        assert_eq!(found, expected, "{}", spec.name);
    }
}
