//! Exports of annotation tools in formats of their own: Supervisely's, CVAT's, Label Studio's.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::annotated::{names, objects, open};
use common::{anywhere, mask, picture, write};
use insta::assert_snapshot;
use maskwright_data::export::{Shape, export};
use maskwright_data::source::{
    CvatKeys, DataFile, LabelStudioKeys, MaskBuffer, MaskForm, OpenContext, Pick, Recognised,
    SetKind, SetSpec, Source, SuperviselyKeys, Unmatched, recognise,
};
use maskwright_image::encode::{jpeg_rgb, png_grey};
use serde_json::{Value, json};

/// An image of 60 x 40 pixels.
fn photo(path: impl AsRef<Path>) {
    write(path, jpeg_rgb(&picture(60, 40), 90).unwrap());
}

/// The corners of a box of whole pixels.
fn corners([x, y, w, h]: [u32; 4]) -> [[u32; 2]; 4] {
    [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
}

/// Areas and boxes xywh of a record's objects.
fn found(set: &dyn Source, record: usize) -> Vec<(u64, [u32; 4])> {
    objects(set, record).iter().map(|(_, mask)| (mask.area(), mask.box_xywh())).collect()
}

fn left_out(set: &dyn Source, root: &Path) -> String {
    let lines = set.left_out().iter().map(ToString::to_string).collect::<Vec<_>>();
    anywhere(lines.join("\n"), root)
}

fn refused(spec: &SetSpec, root: &Path) -> String {
    anywhere(spec.open(&OpenContext::default()).err().unwrap(), root)
}

/// What a folder is taken for, and the one set of it, opened.
fn recognised(folder: &Path) -> (String, Arc<dyn Source>) {
    match recognise(folder).unwrap() {
        Recognised::Set(reading) => {
            let [spec] = &reading.data.train[..] else { panic!("{reading:?}") };
            (reading.what, open(spec))
        }
        other => panic!("{other:?}"),
    }
}

/// What a folder lacks to be read.
fn lacking(folder: &Path) -> String {
    match recognise(folder).unwrap() {
        Recognised::NotRead { what, instead } => format!("{what}: {instead}"),
        other => panic!("{other:?}"),
    }
}

/// The classes of a set of one folder, by an export to YOLO, which numbers them as they come.
fn classes(folder: &Path) -> Vec<String> {
    let Recognised::Set(reading) = recognise(folder).unwrap() else { panic!("not recognised") };
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("yolo");
    let context = OpenContext::default();
    export(&reading.data, &out, Shape::Yolo, &context, &mut |_| true).unwrap().unwrap().classes
}

// Supervisely.

/// A bitmap of an object whose pixels are `inside`, in a rectangle at `origin`.
fn bitmap(class: &str, [x, y, w, h]: [usize; 4], inside: impl Fn(usize, usize) -> bool) -> Value {
    let png = png_grey(&mask(w, h, inside)).unwrap();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&png).unwrap();
    let data = STANDARD.encode(packed.finish().unwrap());
    json!({"classTitle": class, "geometryType": "bitmap", "bitmap": {"data": data, "origin": [x, y]}})
}

fn outline(class: &str, exterior: Value, interior: Value) -> Value {
    json!({"classTitle": class, "geometryType": "polygon",
           "points": {"exterior": exterior, "interior": interior}})
}

fn supervisely(objects: &[Value]) -> String {
    json!({"description": "", "tags": [], "size": {"height": 40, "width": 60}, "objects": objects})
        .to_string()
}

/// A project of two data sets.
fn project(root: &Path) {
    write(root.join("meta.json"), r#"{"classes": [], "tags": []}"#);
    photo(root.join("first/img/a.jpg"));
    photo(root.join("first/img/b.png"));
    photo(root.join("second/img/a.jpg"));
    let holed = outline("leaf", json!(corners([20, 10, 10, 10])), json!([corners([22, 12, 4, 4])]));
    let bitten = bitmap("leaf", [5, 7, 6, 4], |x, y| (x, y) != (0, 0));
    let boxed = json!({"classTitle": "leaf", "geometryType": "rectangle",
                       "points": {"exterior": [[1, 1], [5, 5]], "interior": []}});
    write(root.join("first/ann/a.jpg.json"), supervisely(&[bitten, holed, boxed]));
    // Beyond the border it is cut off. Its PNG is as it is.
    let mut beyond = bitmap("stem", [56, 36, 8, 8], |_, _| true);
    let plain = png_grey(&mask(8, 8, |_, _| true)).unwrap();
    beyond["bitmap"]["data"] = STANDARD.encode(plain).into();
    write(root.join("first/ann/b.png.json"), supervisely(&[beyond]));
    let plain = outline("stem", json!(corners([2, 3, 10, 5])), json!([]));
    let thin = outline("stem", json!([[1, 1], [2, 2]]), json!([]));
    write(root.join("second/ann/a.jpg.json"), supervisely(&[plain, thin]));
}

#[test]
fn superviselys_bitmaps_and_polygons_are_objects() {
    let root = tempfile::tempdir().unwrap();
    project(root.path());
    let (what, set) = recognised(root.path());
    assert_eq!(what, "Supervisely: 3 images, 3 annotation files");
    assert_eq!(names(&*set), ["first/img/a", "first/img/b", "second/img/a"]);
    // 6 x 4 pixels but for one; 10 x 10 without a hole of 4 x 4.
    assert_eq!(found(&*set, 0), [(23, [5, 7, 6, 4]), (84, [20, 10, 10, 10])]);
    assert_eq!(found(&*set, 1), [(16, [56, 36, 4, 4])]);
    assert_eq!(found(&*set, 2), [(50, [2, 3, 10, 5])]);
    let record = set.record(2).unwrap();
    assert_eq!(record.image, root.path().join("second/img/a.jpg"));
    assert_eq!(record.mask, root.path().join("second/ann/a.jpg.json"));
    assert_snapshot!(left_out(&*set, root.path()), @"
        1 shapes without an outline (boxes, points, lines) (first: [DIR]/first/ann/a.jpg.json, object 3)
        1 outlines of fewer than three points (first: [DIR]/second/ann/a.jpg.json, object 2)
        ");
    assert_eq!(classes(root.path()), ["leaf", "stem"]);
    // One data set alone, and one class.
    let (what, first) = recognised(&root.path().join("first"));
    assert_eq!((what.as_str(), first.len()), ("Supervisely: 2 images, 2 annotation files", 2));
    let keys = SuperviselyKeys {
        images: root.path().into(),
        categories: vec!["stem".into()],
        ..SuperviselyKeys::default()
    };
    let stems = SetSpec::new("s", SetKind::Supervisely(keys));
    assert_eq!(names(&*open(&stems)), ["first/img/b", "second/img/a"]);
}

#[test]
fn supervisely_says_what_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    project(root.path());
    let keys = SuperviselyKeys { images: root.path().into(), ..SuperviselyKeys::default() };
    let spec = SetSpec::new("s", SetKind::Supervisely(keys));
    let lenient = SetSpec { unmatched: Unmatched::Skip, ..spec.clone() };
    let file = root.path().join("first/ann/a.jpg.json");
    let mut words = Vec::new();
    for objects in [
        json!({"classTitle": "leaf", "geometryType": "bitmap", "bitmap": {"data": "!", "origin": [0, 0]}}),
        json!({"classTitle": "leaf", "geometryType": "bitmap", "bitmap": {"data": "AAAA", "origin": [0, 0]}}),
        json!({"classTitle": "leaf", "geometryType": "bitmap"}),
        json!({"classTitle": "leaf", "geometryType": "polygon", "points": {"exterior": [[1]]}}),
    ] {
        fs::write(&file, supervisely(&[objects])).unwrap();
        words.push(refused(&spec, root.path()));
        assert_eq!(open(&lenient).len(), 2);
    }
    fs::write(&file, "[]").unwrap();
    words.push(refused(&spec, root.path()));
    fs::remove_file(&file).unwrap();
    words.push(refused(&spec, root.path()));
    fs::remove_file(root.path().join("first/img/a.jpg")).unwrap();
    fs::write(root.path().join("first/ann/gone.jpg.json"), supervisely(&[])).unwrap();
    words.push(refused(&spec, root.path()));
    assert_snapshot!(words.join("\n"), @r#"
        [DIR]/first/ann/a.jpg.json, object 1 (leaf): bitmap.data: expected a PNG, compressed with zlib and in base64, found other text (Invalid symbol 33, offset 0.)
        [DIR]/first/ann/a.jpg.json, object 1 (leaf): bitmap.data: expected a PNG, compressed with zlib and in base64, found other bytes (corrupt deflate stream)
        [DIR]/first/ann/a.jpg.json, object 1 (leaf): bitmap: expected {data, origin}, found none
        [DIR]/first/ann/a.jpg.json, object 1 (leaf): point 1: expected [x, y], found [1]
        [DIR]/first/ann/a.jpg.json: expected Supervisely's JSON with size and objects, found no such JSON (invalid length 1, expected an object {size, objects} at line 1 column 2)
        set s: [DIR]: 1 images without an annotation file, the first first/img/a.jpg; correct the files or set unmatched = "skip"
        set s: [DIR]: 1 annotation files without an image, the first first/ann/gone.jpg.json; correct the files or set unmatched = "skip"
        "#);
}

// CVAT.

const CVAT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>leaves &amp; roots</name></task></meta>
  <image id="0" name="more/a.jpg" width="60" height="40">
    <polygon label="leaf" points="2.0,3.0;12.0,3.0;12.0,8.0;2.0,8.0" z_order="0"/>
    <mask label="root" rle="0, 5, 2, 6" left="20" top="10" width="7" height="2" z_order="0"/>
    <box label="leaf" xtl="1" ytl="1" xbr="9" ybr="9"/>
  </image>
  <image id="1" name="b.jpg" width="60" height="40"></image>
  <image id="2" name="c.jpg" width="60" height="40">
    <polygon label="leaf" points="0,0;4,0;4,4;0,4" group_id="3"/>
    <polygon label="leaf" points="10,0;14,0;14,4;10,4" group_id="3"/>
  </image>
</annotations>"#;

fn cvat(root: &Path) -> SetSpec {
    ["images/more/a.jpg", "images/b.jpg", "images/c.jpg"]
        .into_iter()
        .for_each(|name| photo(root.join(name)));
    write(root.join("annotations.xml"), CVAT);
    let keys = CvatKeys {
        annotations: root.join("annotations.xml"),
        images: root.join("images"),
        ..CvatKeys::default()
    };
    SetSpec::new("c", SetKind::Cvat(keys))
}

#[test]
fn cvats_polygons_and_masks_are_objects() {
    let root = tempfile::tempdir().unwrap();
    cvat(root.path());
    let (what, set) = recognised(root.path());
    assert_eq!(what, "CVAT's XML: 3 images");
    assert_eq!(names(&*set), ["more/a", "c"]);
    // Of two rows of 7 pixels: 5 of the first; number 7 to 12, which are the first 6 of the second.
    assert_eq!(found(&*set, 0), [(50, [2, 3, 10, 5]), (11, [20, 10, 6, 2])]);
    assert_eq!(found(&*set, 1), [(32, [0, 0, 14, 4])]);
    let record = set.record(0).unwrap();
    assert_eq!(record.mask, root.path().join("annotations.xml"));
    assert_snapshot!(left_out(&*set, root.path()), @"
        1 images without an object to take (first: b.jpg)
        1 shapes without an outline (boxes, points, lines) (first: [DIR]/annotations.xml, more/a.jpg, shape 3)
        ");
    assert_eq!(classes(root.path()), ["leaf", "root"]);
    // Images beside the file, in a folder of another name.
    fs::rename(root.path().join("images"), root.path().join("job_3")).unwrap();
    assert_eq!(recognised(root.path()).1.len(), 2);
    fs::remove_dir_all(root.path().join("job_3")).unwrap();
    assert_snapshot!(lacking(root.path()), @r#"CVAT's XML without its images: put the images into a folder images beside it (or export with "Save images")"#);
}

#[test]
fn cvat_says_what_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    let spec = cvat(root.path());
    let file = root.path().join("annotations.xml");
    let mut words = Vec::new();
    for (old, new) in [
        ("12.0,8.0", "12.0"),
        ("0, 5, 2, 6", "0, 5, 2, 60"),
        ("more/a.jpg", "gone.jpg"),
        ("</annotations>", ""),
        ("<version>", "<track id=\"0\"/><version>"),
        ("name=\"c.jpg\"", "name=\"./b.jpg\""),
    ] {
        fs::write(&file, CVAT.replace(old, new)).unwrap();
        words.push(refused(&spec, root.path()));
    }
    assert_snapshot!(words.join("\n"), @r#"
        [DIR]/annotations.xml, more/a.jpg, shape 1 (leaf): points: expected x,y;x,y;..., found "12.0"
        [DIR]/annotations.xml, more/a.jpg, shape 2 (root): rle: expected runs of 7x2 pixels in all, found more
        set c: [DIR]/images: 1 images that are listed but not there, the first gone.jpg; correct the files or set unmatched = "skip"
        [DIR]/annotations.xml: expected CVAT's XML, found no such XML (the root node was opened but never closed)
        [DIR]/annotations.xml: expected "CVAT for images 1.1", found tracks of a video ("CVAT for video 1.1")
        set c: [DIR]/annotations.xml: 1 entries of an image that another one is about, the first b.jpg; correct the files or set unmatched = "skip"
        "#);
    // What changes after it was indexed is indexed anew.
    fs::write(&file, CVAT).unwrap();
    assert_eq!(found(&*open(&spec), 1), [(32, [0, 0, 14, 4])]);
    fs::write(&file, CVAT.replace("10,0;14,0;14,4;10,4", "10,0;14,0;14,8;10,8")).unwrap();
    assert_eq!(found(&*open(&spec), 1), [(48, [0, 0, 14, 8])]);
}

// Label Studio.

/// Label Studio's run lengths of a brush over a box xywh: runs of one value, their lengths in 16 bits.
fn brush([x, y, w, h]: [usize; 4]) -> Vec<u8> {
    let values: Vec<u8> = (0..60 * 40)
        .flat_map(|at| {
            let inside = (x..x + w).contains(&(at % 60)) && (y..y + h).contains(&(at / 60));
            [0, 0, 0, if inside { 255 } else { 0 }]
        })
        .collect();
    let mut bits = String::new();
    bits.push_str(&format!("{:032b}{:05b}", values.len(), 7));
    (0..4).for_each(|_| bits.push_str("1111"));
    for run in values.chunk_by(|a, b| a == b) {
        bits.push_str(&format!("111{:016b}{:08b}", run.len() - 1, run[0]));
    }
    let byte = |eight: &[u8]| u8::from_str_radix(std::str::from_utf8(eight).unwrap(), 2).unwrap();
    let whole = bits.len().next_multiple_of(8);
    format!("{bits:0<whole$}").as_bytes().chunks(8).map(byte).collect()
}

fn result(value: Value) -> Value {
    json!({"original_width": 60, "original_height": 40, "image_rotation": 0, "value": value})
}

fn tasks(root: &Path) -> SetSpec {
    ["a.jpg", "b 1.jpg", "c.jpg"]
        .into_iter()
        .for_each(|name| photo(root.join("images").join(name)));
    let brushed =
        result(json!({"format": "rle", "rle": brush([5, 6, 7, 8]), "brushlabels": ["leaf"]}));
    let drawn = result(
        json!({"points": [[50, 50], [75, 50], [75, 75], [50, 75]], "polygonlabels": ["root"]}),
    );
    let boxed =
        result(json!({"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["leaf"]}));
    let list = json!([
        {"id": 7, "data": {"image": "/data/upload/3/0f3a9b2c-a.jpg"},
         "annotations": [{"was_cancelled": true, "result": []}, {"result": [brushed, drawn, boxed]}]},
        {"id": 8, "data": {"image": "/data/local-files/?d=leaves/b%201.jpg"},
         "annotations": [{"result": [brushed.clone()]}]},
        {"id": 9, "data": {"image": "s3://bucket/c.jpg"}, "annotations": []},
    ]);
    write(root.join("project.json"), list.to_string());
    let keys = LabelStudioKeys {
        annotations: root.join("project.json"),
        images: root.join("images"),
        ..LabelStudioKeys::default()
    };
    SetSpec::new("l", SetKind::LabelStudio(keys))
}

#[test]
fn label_studios_strokes_and_polygons_are_objects() {
    let root = tempfile::tempdir().unwrap();
    tasks(root.path());
    let (what, set) = recognised(root.path());
    assert_eq!(what, "Label Studio's JSON: 3 tasks");
    assert_eq!(names(&*set), ["a", "b 1"]);
    // Half to three quarters of 60 columns and of 40 rows.
    assert_eq!(found(&*set, 0), [(56, [5, 6, 7, 8]), (150, [30, 20, 15, 10])]);
    assert_eq!(found(&*set, 1), [(56, [5, 6, 7, 8])]);
    assert_snapshot!(left_out(&*set, root.path()), @"
        1 images without an object to take (first: c.jpg)
        1 shapes without an outline (boxes, points, lines) (first: [DIR]/project.json, a.jpg, result 3)
        ");
    assert_eq!(classes(root.path()), ["leaf", "root"]);
    fs::remove_dir_all(root.path().join("images")).unwrap();
    assert_snapshot!(lacking(root.path()), @"Label Studio's JSON without its images: put the images into a folder images beside it");
}

#[test]
fn label_studio_says_what_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    let spec = tasks(root.path());
    let file = root.path().join("project.json");
    let text = fs::read_to_string(&file).unwrap();
    let mut words = Vec::new();
    for (old, new) in [
        ("[75,75]", "[75]"),
        ("\"image_rotation\":0", "\"image_rotation\":90"),
        ("0f3a9b2c-a.jpg", "gone.jpg"),
        ("s3://bucket/c.jpg", ""),
        ("[{", "{"),
        ("\"original_width\":60", "\"original_width\":61"),
    ] {
        assert!(text.contains(old), "{old}");
        fs::write(&file, text.replace(old, new)).unwrap();
        words.push(refused(&spec, root.path()));
    }
    assert_snapshot!(words.join("\n"), @r#"
        [DIR]/project.json, a.jpg, result 2 (root): point 3: expected [x, y], found [75]
        [DIR]/project.json, a.jpg, result 1 (leaf): image_rotation: expected 0, because images are read as they are, found 90
        set l: [DIR]/images: 1 images that are listed but not there, the first /data/upload/3/gone.jpg; correct the files or set unmatched = "skip"
        [DIR]/project.json, task number 3: data: expected the name or address of an image, found none
        [DIR]/project.json: expected Label Studio's list of tasks (export "JSON"), found no such JSON (invalid type: map, expected a sequence at line 1 column 0)
        [DIR]/project.json, a.jpg, result 1 (leaf): rle: expected 4 values for each of 61x40 pixels, 9760 in all, found 9600
        "#);
}

/// Brush masks of two tasks, one with two annotations.
fn brush_masks(root: &Path) {
    ["leaf_7.jpg", "leaf_8.jpg"].into_iter().for_each(|name| photo(root.join("images").join(name)));
    let block = |w: usize| png_grey(&mask(60, 40, |x, y| x < w && y < 4)).unwrap();
    for (name, width) in [
        ("task-7-annotation-30-by-1-tag-leaf-0", 10),
        ("task-7-annotation-30-by-1-tag-old-leaf-0", 20),
        ("task-7-annotation-31-by-2-tag-leaf-0", 30),
        ("task-8-annotation-32-by-1-tag-leaf-0", 40),
        ("task-8-annotation-32-by-1-tag-leaf-1", 0),
    ] {
        write(root.join(format!("masks/{name}.png")), block(width));
    }
}

#[test]
fn label_studios_brush_masks_are_objects() {
    let root = tempfile::tempdir().unwrap();
    brush_masks(root.path());
    let (what, set) = recognised(root.path());
    assert_eq!(what, "Label Studio's brush masks: 5 masks of 2 tasks");
    assert_eq!(names(&*set), ["leaf_7", "leaf_8"]);
    let mut buffer = MaskBuffer::new();
    let mut areas = |record: usize| -> Vec<usize> {
        (0..set.objects(&record.into()).unwrap())
            .map(|nth| {
                set.mask(&record.into(), Pick::Nth(nth), &mut buffer).unwrap();
                assert_eq!(buffer.form, MaskForm::File);
                let rule = set.mask_rule();
                let limits = maskwright_image::decode::Limits::default();
                let label = maskwright_image::decode::decode_label(&buffer.file, rule, &limits);
                label.unwrap().pixels.data.iter().filter(|level| **level > 128).count()
            })
            .collect()
    };
    // Of the first annotation 4 rows of 10 and of 20 pixels.
    assert_eq!((areas(0), areas(1)), (vec![40, 80], vec![160]));
    assert_snapshot!(left_out(&*set, root.path()), @"1 objects that cover no pixel of their image (first: [DIR]/masks/task-8-annotation-32-by-1-tag-leaf-1.png)");
    assert_eq!(classes(root.path()), ["leaf", "old-leaf"]);
    // The export "JSON" beside them names the images, whatever they are called.
    let two = tempfile::tempdir().unwrap();
    tasks(two.path());
    brush_masks(two.path());
    assert_eq!(recognised(two.path()).0, "Label Studio's JSON: 3 tasks");
    // Nothing names them.
    fs::rename(root.path().join("images/leaf_8.jpg"), root.path().join("images/other.jpg"))
        .unwrap();
    assert_snapshot!(lacking(root.path()), @r#"Label Studio's brush masks, whose names are numbers of tasks, without anything that says which image is whose: put the project's export "JSON" into the folder, beside a folder images; or give the images the numbers of their tasks (7.jpg for task-7-...); or write a list (CSV) with the columns image and mask, and give it in a data file: list = "list.csv""#);
    let keys = LabelStudioKeys {
        masks: root.path().join("masks"),
        images: root.path().join("images"),
        ..LabelStudioKeys::default()
    };
    let spec = SetSpec::new("l", SetKind::LabelStudio(keys));
    assert_snapshot!(refused(&spec, root.path()), @r#"set l: [DIR]/masks: 1 tasks whose number ends the stem of no image or of several (the export "JSON" names the images), the first task 8; correct the files or set unmatched = "skip""#);
    let lenient = SetSpec { unmatched: Unmatched::Skip, ..spec };
    assert_eq!(names(&*open(&lenient)), ["leaf_7"]);
}

#[test]
fn data_files_say_where_exports_are() {
    let root = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        let file = root.path().join("data.toml");
        fs::write(&file, format!("[[train]]\nname = \"a\"\n{text}\n")).unwrap();
        DataFile::read(&file).map(|data| data.train[0].kind.name().to_string())
    };
    for (text, kind) in [
        ("kind = \"supervisely\"\nimages = \"project\"", "supervisely"),
        ("kind = \"cvat\"\nannotations = \"a.xml\"\nimages = \"i\"", "cvat"),
        ("kind = \"labelstudio\"\nannotations = \"a.json\"\nimages = \"i\"", "labelstudio"),
        (
            "kind = \"labelstudio\"\nmasks = \"m\"\nimages = \"i\"\ncategories = [\"x\"]",
            "labelstudio",
        ),
    ] {
        assert_eq!(read(text).unwrap(), kind);
    }
    let wrong = [
        "kind = \"supervisely\"",
        "kind = \"cvat\"\nannotations = \"a.xml\"",
        "kind = \"labelstudio\"\nimages = \"i\"",
        "kind = \"labelstudio\"\nimages = \"i\"\nmasks = \"m\"\nannotations = \"a.json\"",
        "kind = \"cvat\"\nannotations = \"a.xml\"\nimages = \"i\"\nmasks = \"m\"",
    ]
    .map(|text| anywhere(read(text).unwrap_err(), root.path()));
    assert_snapshot!(wrong.join("\n"), @r#"
        [DIR]/data.toml, set a of kind "supervisely": expected images, the folder of a project or a data set, found none of them
        [DIR]/data.toml, set a of kind "cvat": expected annotations, an annotations.xml, and images, found only annotations
        [DIR]/data.toml, set a of kind "labelstudio": expected images, and either annotations, the JSON, or masks, found only images
        [DIR]/data.toml, set a of kind "labelstudio": expected images, and either annotations, the JSON, or masks, found only images, annotations, masks
        [DIR]/data.toml, line 6: masks of set a: expected a set of kind "pairs" or "labelstudio", found kind "cvat"
        "#);
}
