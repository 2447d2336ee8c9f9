//! COCO's layout as tools write it: the objects are those of the plain spelling, and what is left out is counted by cause.

mod common;

use std::path::{Path, PathBuf};

use common::annotated::{coco, coco_json, coco_with, names, objects, open, scene, taking};
use common::{anywhere, picture, with_orientation, write};
use insta::assert_snapshot;
use maskwright_data::source::{ExifRule, Objects, OpenContext, SetSpec, Unmatched};
use maskwright_image::encode::jpeg_rgb;
use serde_json::{Value, json};

fn refused(spec: &SetSpec, root: &Path) -> String {
    anywhere(spec.open(&OpenContext::default()).err().unwrap(), root)
}

fn left_out(spec: &SetSpec) -> String {
    let lines: Vec<String> = open(spec).left_out().iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A set of these images (8 wide, 6 high) with one object each, whose segmentation is a box of 4 x 3 pixels.
fn listed(root: &Path, files: &[&str], listed: &[(Value, &str)]) -> SetSpec {
    for file in files {
        write(root.join("images").join(file), jpeg_rgb(&picture(8, 6), 90).unwrap());
    }
    let images: Vec<Value> = listed
        .iter()
        .map(|(id, name)| json!({"id": id, "file_name": name, "width": 8, "height": 6}))
        .collect();
    let annotations: Vec<Value> = listed
        .iter()
        .enumerate()
        .map(|(at, (id, _))| json!({"id": at, "image_id": id, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]}))
        .collect();
    write(root.join("a.json"), json!({"images": images, "annotations": annotations}).to_string());
    SetSpec::coco("c", root.join("a.json"), root.join("images"))
}

/// A set of one image of 8 x 6 pixels with these annotations.
fn annotated(root: &Path, annotations: &str) -> SetSpec {
    write(root.join("images/a.jpg"), jpeg_rgb(&picture(8, 6), 90).unwrap());
    let image = r#"{"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}"#;
    write(root.join("a.json"), format!(r#"{{"images": [{image}], "annotations": {annotations}}}"#));
    SetSpec::coco("c", root.join("a.json"), root.join("images"))
}

#[test]
fn names_are_found_as_other_machines_spell_them() {
    let root = tempfile::tempdir().unwrap();
    let files = [
        "one.jpg",
        "two.jpg",
        "sub/three.jpg",
        "a b.jpg",
        "five.jpg",
        "six.jpg",
        "e.jpg",
        "f.png.jpg",
    ];
    let spec = listed(
        root.path(),
        &files,
        &[
            (json!(1), "export\\images\\one.jpg"),
            (json!(2), "./two.jpg"),
            (json!(3), "/home/me/set/sub/three.jpg"),
            (json!(4), "a%20b.jpg"),
            (json!(5), "C:\\Users\\me\\five.jpg"),
            (json!(6), "https://host/bucket/six.jpg?token=a/b"),
            (json!(7), "/data/local-files/?d=set%2Fe.jpg"),
            (json!(8), "images/f.png.jpg"),
        ],
    );
    let found = ["one", "two", "sub/three", "a b", "five", "six", "e", "f.png"];
    assert_eq!(names(&*open(&spec)), found);
    // Patterns are compared with the record's name, too: excluding one excludes one.
    let some = SetSpec { exclude: vec!["one".into(), "sub/*".into()], ..spec.clone() };
    assert_eq!(names(&*open(&some)), [&found[1..2], &found[3..]].concat());
    let one = SetSpec { include: vec!["five".into()], ..spec };
    assert_eq!(names(&*open(&one)), ["five"]);
}

#[test]
fn one_file_is_one_image() {
    let root = tempfile::tempdir().unwrap();
    let both = [(json!(1), "train/0.jpg"), (json!(101), "val/0.jpg")];
    let spec = listed(root.path(), &["0.jpg"], &both);
    assert_snapshot!(refused(&spec, root.path()), @r#"set c: [DIR]/images: 2 images that are not where they are listed and share their file's name, the first train/0.jpg: 0.jpg may be val/0.jpg, too; correct the files or set unmatched = "skip""#);
    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec };
    assert_snapshot!(refused(&skip, root.path()), @"set c: expected at least one record, found none: 2 images that are not where they are listed and share their file's name (first: train/0.jpg: 0.jpg may be val/0.jpg, too)");

    // The folder's own name tells which is meant.
    let own = tempfile::tempdir().unwrap();
    let spec =
        listed(own.path(), &["0.jpg"], &[(json!(1), "images/0.jpg"), (json!(2), "val/0.jpg")]);
    let spec = SetSpec { unmatched: Unmatched::Skip, ..spec };
    assert_eq!(names(&*open(&spec)), ["0"]);
    assert_snapshot!(left_out(&spec), @"1 images that are not where they are listed and share their file's name (first: val/0.jpg: 0.jpg may be images/0.jpg, too)");

    for twice in
        [[(json!(1), "0.jpg"), (json!(2), "0.jpg")], [(json!(1), "0.jpg"), (json!(2), "./0.jpg")]]
    {
        let spec = listed(root.path(), &["0.jpg"], &twice);
        assert_eq!(
            refused(&spec, root.path()),
            "[DIR]/a.json, image 2: file_name: expected a file of its own, found 0.jpg, which is that of image 1, too"
        );
    }
}

#[test]
fn records_have_names_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let three = [(json!(1), "x.jpg"), (json!(2), "x.jpeg"), (json!(3), "y.jpg")];
    let spec = listed(root.path(), &["x.jpg", "x.jpeg", "y.jpg"], &three);
    let set = open(&spec);
    assert_eq!(names(&*set), ["x.jpg", "x.jpeg", "y"]);
    assert!(set.record(1).unwrap().image.ends_with("images/x.jpeg"));
    let spec = SetSpec { exclude: vec!["x.jpeg".into()], ..spec };
    assert_eq!(open(&spec).len(), 2);
}

/// The same objects from another spelling of the same file.
#[test]
fn spellings_give_the_same_objects() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 3);
    let spec = SetSpec::coco("c", &annotations, &images);
    let all = |spec: &SetSpec| {
        let set = open(spec);
        (0..set.len())
            .map(|record| (set.record(record).unwrap().name, objects(&*set, record)))
            .collect::<Vec<_>>()
    };
    let plain = all(&spec);
    let mut other = coco_json(3);
    let text = |value: &Value| json!(value.to_string());
    let float = |value: &Value| json!(value.as_f64().unwrap());
    for image in other["images"].as_array_mut().unwrap() {
        image["id"] = text(&image["id"]);
        image["width"] = float(&image["width"]);
        image["height"] = json!(null);
    }
    for annotation in other["annotations"].as_array_mut().unwrap() {
        annotation["image_id"] = float(&annotation["image_id"]);
        annotation["category_id"] = text(&annotation["category_id"]);
        annotation["id"] = text(&annotation["id"]);
        annotation["iscrowd"] = text(&annotation["iscrowd"]);
        if let Some(counts) = annotation["segmentation"]["counts"].as_array_mut() {
            counts.iter_mut().for_each(|count| *count = float(count));
        }
    }
    write(&annotations, format!("\u{feff}{other}"));
    assert_eq!(all(&spec), plain);
    let discs = coco_with(spec.clone(), |keys| keys.categories = vec!["disc".into()]);
    assert_eq!(open(&discs).len(), 3);

    // Lists as mappings, with ids as keys alone; categories by name.
    let mapping = |list: &Value| -> Value {
        let entry = |entry: &Value| {
            let mut entry = entry.as_object().unwrap().clone();
            let id = entry.remove("id").unwrap();
            (id.as_str().map_or_else(|| id.to_string(), str::to_owned), Value::Object(entry))
        };
        list.as_array().unwrap().iter().map(entry).collect::<serde_json::Map<_, _>>().into()
    };
    let mut mapped = coco_json(3);
    for key in ["images", "annotations"] {
        mapped[key] = mapping(&mapped[key]);
    }
    mapped["categories"] = json!({"1": "disc", "2": {"name": "plate"}});
    write(&annotations, mapped.to_string());
    // A mapping's keys are sorted here, so that objects come in another order.
    let sorted = |mut all: Vec<(String, Vec<_>)>| {
        all.iter_mut().for_each(|(_, objects): &mut (String, Vec<(Option<u64>, _)>)| {
            objects.sort_by_key(|(id, _)| *id)
        });
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    assert_eq!(sorted(all(&spec)), sorted(plain));
    assert_eq!(open(&discs).len(), 3);

    // Ids that are no numbers: the image of each is found by it, and an object is called by its place.
    let mut named = coco_json(1);
    named["images"][0]["id"] = json!("img-a");
    for annotation in named["annotations"].as_array_mut().unwrap() {
        annotation["image_id"] = json!("img-a");
        annotation["id"] = json!("uuid");
    }
    named.as_object_mut().unwrap().remove("categories");
    write(&annotations, named.to_string());
    assert_eq!(objects(&*open(&spec), 0).len(), 1);
    named["annotations"][0]["image_id"] = json!("img-b");
    write(&annotations, named.to_string());
    assert_snapshot!(refused(&spec, root.path()), @r#"set c: [DIR]/instances.json: 1 annotations of images that are not listed, the first annotation number 0 of image img-b; correct the files or set unmatched = "skip""#);
}

#[test]
fn tokens_that_json_does_not_have_are_no_numbers() {
    let root = tempfile::tempdir().unwrap();
    let spec = annotated(
        root.path(),
        r#"[{"id": 1, "image_id": 1, "area": NaN, "bbox": [-Infinity, 1, Infinity, NaN], "note": "NaN",
             "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]},
            {"id": 2, "image_id": 1, "segmentation": [[1, 1, NaN, 1, 5, 4, 1, 4]]}]"#,
    );
    let found = objects(&*open(&spec), 0);
    assert_eq!((found.len(), found[0].0, found[0].1.area()), (1, Some(1), 12));
    assert_snapshot!(left_out(&spec), @r#"1 annotations whose segmentation is no list of polygons (first: id 2: expected a list of polygons [[x, y, ...], ...]: invalid type: string "", expected a number)"#);
}

#[test]
fn what_is_left_out_is_counted_by_cause() {
    let root = tempfile::tempdir().unwrap();
    let spec = annotated(
        root.path(),
        r#"[{"id": 1, "image_id": 1},
            {"id": 2, "image_id": 1, "segmentation": null},
            {"id": 3, "image_id": 1, "segmentation": [[]], "bbox": [1, 1, 2, 2]},
            {"id": 4, "image_id": 1, "segmentation": [], "bbox": [1, 1, 2, 2]},
            {"id": 5, "image_id": 1, "segmentation": [[1, 1, 3, 3]]},
            {"id": "six", "image_id": 1, "segmentation": [[1, 1, null, 3, 4, 4]]},
            {"id": 7, "image_id": 1, "segmentation": [1, 1, 5, 1, 5, 4, 1, 4]},
            {"id": 7, "image_id": 1, "segmentation": [[1, 1], [5, 1], [5, 4], [1, 4]]},
            {"id": 9, "image_id": 1, "segmentation": [[[1, 1], [5, 1], [5, 4], [1, 4]], [1, 1], [2, 2, 3, 3]]},
            {"id": 10, "image_id": 1, "iscrowd": 1, "segmentation": {"size": [6, 8], "counts": [48]}}]"#,
    );
    let set = open(&spec);
    let found = objects(&*set, 0);
    assert_eq!(found.iter().map(|(id, _)| id.unwrap()).collect::<Vec<_>>(), [7, 7, 9]);
    // A box of 4 x 3 pixels.
    assert!(found.iter().all(|(_, rle)| rle.area() == 12 && rle.box_xywh() == [1, 1, 4, 3]));
    assert_snapshot!(left_out(&spec), @"
        1 annotations of crowds (first: id 10)
        2 annotations without a segmentation (first: id 1)
        2 annotations with a box and no mask (first: id 3)
        1 annotations without a polygon of three points (first: id 5)
        1 annotations whose segmentation is no list of polygons (first: id six: expected a list of polygons [[x, y, ...], ...]: invalid type: null, expected a number)
        2 polygons of fewer than three points or an odd number of coordinates, beside others (first: id 9)
        ");
}

#[test]
fn fields_and_ids_are_named() {
    let root = tempfile::tempdir().unwrap();
    let (image, object) = (
        json!({"id": 3, "file_name": "a.jpg", "width": 8, "height": 6}),
        json!({"id": 7, "image_id": 3, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]}),
    );
    let spec = annotated(root.path(), "[]");
    let with = |entry: &Value, key: &str, value: Value| {
        let mut entry = entry.clone();
        entry[key] = value;
        entry
    };
    let words = [
        (with(&image, "width", json!(3.5)), object.clone()),
        (with(&image, "height", json!("tall")), object.clone()),
        (with(&image, "file_name", json!(7)), object.clone()),
        (with(&image, "id", json!([1])), object.clone()),
        (json!(5), object.clone()),
        (image.clone(), with(&object, "image_id", json!(null))),
        (image.clone(), with(&object, "image_id", json!(1.5))),
        (image.clone(), with(&object, "image_id", json!(4))),
    ]
    .map(|(image, object)| {
        write(
            root.path().join("a.json"),
            json!({"images": [image], "annotations": [object]}).to_string(),
        );
        refused(&spec, root.path())
    });
    assert!(words.iter().all(|text| !text.contains("u64") && !text.contains("byte 0")));
    assert_snapshot!(words.join("\n"), @r#"
        [DIR]/a.json, image 3: width: expected a whole number of pixels, found 3.5
        [DIR]/a.json, image 3: height: expected a whole number of pixels, found "tall"
        [DIR]/a.json, image 3: file_name: expected the name of the image's file, found 7
        [DIR]/a.json, image number 0: id: expected a whole number or a text, found a list
        [DIR]/a.json, byte 84: image 0: invalid type: integer `5`, expected an image {id, file_name, width, height}
        [DIR]/a.json, annotation 7: image_id: expected the id of its image, found none
        [DIR]/a.json, annotation 7: image_id: expected the id of its image, found 1.5
        set c: [DIR]/a.json: 1 annotations of images that are not listed, the first annotation 7 of image 4; correct the files or set unmatched = "skip"
        "#);
    let again = with(&image, "width", json!(9));
    write(
        root.path().join("a.json"),
        json!({"images": [image, again], "annotations": [object]}).to_string(),
    );
    assert_snapshot!(refused(&spec, root.path()), @"[DIR]/a.json, image 3: id: expected an id of its own, found it again with another name or size");
    write(
        root.path().join("a.json"),
        json!({"images": [image, image], "annotations": [object]}).to_string(),
    );
    assert_snapshot!(left_out(&spec), @"1 entries of images that are listed twice alike (first: 3)");
    write(root.path().join("a.json"), b"\xff\xfe{\0}\0");
    assert_snapshot!(refused(&spec, root.path()), @"[DIR]/a.json: expected text in UTF-8, found UTF-16");
}

#[test]
fn sizes_come_from_the_image_where_they_are_not_stated() {
    let root = tempfile::tempdir().unwrap();
    let spec = annotated(root.path(), "[]");
    let jpeg = jpeg_rgb(&picture(8, 6), 90).unwrap();
    // Turned by 90 degrees: 6 wide and 8 high when it is shown.
    write(root.path().join("images/turned.jpg"), with_orientation(&jpeg, 6));
    let sides = |set: &SetSpec| {
        let set = open(set);
        (0..set.len())
            .map(|record| objects(&*set, record)[0].1.size())
            .map(|size| (size.width, size.height))
            .collect::<Vec<_>>()
    };
    for (width, height) in [
        (json!(null), json!(null)),
        (json!(0), json!(0)),
        (json!(-1), json!(-1)),
        (json!(8), json!(0)),
    ] {
        let image = |id: u64, name: &str| json!({"id": id, "file_name": name, "width": width, "height": height});
        let object =
            |id: u64| json!({"id": id, "image_id": id, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]});
        let file = json!({"images": [image(1, "a.jpg"), image(2, "turned.jpg")], "annotations": [object(1), object(2)]});
        write(root.path().join("a.json"), file.to_string());
        assert_eq!(sides(&spec), [(8, 6), (6, 8)]);
        assert_eq!(sides(&SetSpec { exif: ExifRule::Ignore, ..spec.clone() }), [(8, 6), (8, 6)]);
    }
    write(root.path().join("images/turned.jpg"), "no picture");
    let file = std::fs::read_to_string(root.path().join("a.json")).unwrap();
    write(root.path().join("a.json"), file + " ");
    assert_snapshot!(refused(&spec, root.path()), @r#"set c: [DIR]/images: 1 images whose size is neither listed nor in their file, the first turned.jpg; correct the files or set unmatched = "skip""#);
}

#[test]
fn a_list_of_results_finds_its_images_by_their_ids() {
    let root = tempfile::tempdir().unwrap();
    let spec = annotated(root.path(), "[]");
    write(root.path().join("images/000000000042.jpg"), jpeg_rgb(&picture(8, 6), 90).unwrap());
    write(root.path().join("images/COCO_val_0007.jpg"), jpeg_rgb(&picture(8, 6), 90).unwrap());
    let object = |image: Value| json!({"image_id": image, "category_id": 1, "score": 0.5, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]});
    let results =
        json!([object(json!(42)), object(json!("a.jpg")), object(json!(7)), object(json!(42))]);
    write(root.path().join("a.json"), results.to_string());
    let set = open(&spec);
    assert_eq!(names(&*set), ["COCO_val_0007", "000000000042", "a"]);
    assert_eq!(objects(&*set, 1).len(), 2);
    write(root.path().join("a.json"), json!([object(json!(5))]).to_string());
    assert_snapshot!(refused(&spec, root.path()), @r#"set c: [DIR]/images: 1 images of results whose id is neither a file's name nor the number in one, the first 5; correct the files or set unmatched = "skip""#);
    write(root.path().join("a.json"), "[]");
    assert_snapshot!(refused(&spec, root.path()), @"[DIR]/a.json: expected COCO's {images, annotations, categories} or a list of results, found an empty list");
}

#[test]
fn a_set_of_crowds_alone_names_the_setting() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 2);
    let mut file = coco_json(2);
    for annotation in file["annotations"].as_array_mut().unwrap() {
        annotation["iscrowd"] = json!(1);
    }
    write(&annotations, file.to_string());
    let spec = SetSpec::coco("c", &annotations, &images);
    assert_snapshot!(refused(&spec, root.path()), @"set c: expected at least one record, found none: 5 annotations of crowds (first: id 200); 2 images without an object to take (first: scene_1.jpg); crowds = true takes annotations of crowds");
    let set = open(&coco_with(spec, |keys| keys.crowds = true));
    assert_eq!(set.objects(&0.into()).unwrap(), scene(1).1.len());
}

/// Shapes of public bug reports; areas and boxes of pycocotools.
#[test]
fn ordinary_files_have_the_objects_that_pycocotools_finds() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary");
    if !data.is_dir() {
        eprintln!("left out: the optional folder ../shared/data/ordinary is not here");
        return;
    }
    let expected: Value =
        serde_json::from_slice(&std::fs::read(data.join("expected.json")).unwrap()).unwrap();
    let mut checked = 0;
    for (folder, file, images) in [
        ("backslash_paths", "annotations.json", "images"),
        ("string_ids", "annotations.json", "images"),
        ("crowd_brush_masks", "annotations.json", "images"),
        ("degenerate_polygon", "annotations.json", "images"),
        ("roboflow", "train/_annotations.coco.json", "train"),
    ] {
        let place = data.join(folder);
        let spec = SetSpec::coco(folder, place.join(file), place.join(images));
        let spec = coco_with(spec, |keys| keys.crowds = folder == "crowd_brush_masks");
        let set = open(&taking(spec, |keys| keys.objects = Objects::All));
        let mut wanted: Vec<(String, u64, [u64; 4])> = Vec::new();
        for (image, objects) in expected[folder].as_object().unwrap() {
            let name = PathBuf::from(image).file_name().unwrap().to_string_lossy().into_owned();
            for object in
                objects.as_array().unwrap().iter().filter(|object| object.get("area").is_some())
            {
                let side = |at: usize| object["box_xyxy_inclusive"][at].as_u64().unwrap();
                wanted.push((
                    name.clone(),
                    object["area"].as_u64().unwrap(),
                    [0, 1, 2, 3].map(side),
                ));
            }
        }
        let mut found: Vec<(String, u64, [u64; 4])> = (0..set.len())
            .map(|record| {
                let name = set.record(record).unwrap().image;
                let (_, rle) = &objects(&*set, record)[0];
                let [x, y, width, height] = rle.box_xywh().map(u64::from);
                let name = name.file_name().unwrap().to_string_lossy().into_owned();
                (name, rle.area(), [x, y, x + width - 1, y + height - 1])
            })
            .collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{folder}");
        checked += found.len();
        let one_left =
            set.left_out().iter().any(|left| left.what.contains("polygon of three points"));
        assert_eq!(one_left, folder == "degenerate_polygon");
    }
    assert!(checked >= 5 * 6, "{checked}");
    let clash = data.join("name_clash");
    let spec = SetSpec::coco("clash", clash.join("all.json"), clash.join("images"));
    let text = spec.open(&OpenContext::default()).err().unwrap().to_string();
    assert!(text.contains("8 images that are not where they are listed"), "{text}");
}
