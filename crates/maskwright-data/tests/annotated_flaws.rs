//! Sets with annotated objects that do not fit together or are damaged: what is said of them, and when.

mod common;

use std::path::Path;

use common::annotated::{
    coco, coco_json, id, names, objects, open, sa1b_folder, sa1b_json, sa1b_members, taking, tar,
};
use common::{anywhere, write};
use insta::assert_snapshot;
use maskwright_data::Error;
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{SampleConfig, SampleMaker};
use maskwright_data::source::{
    DataFile, MaskBuffer, Mix, OpenContext, PairsSource, Pick, Sa1bKeys, SetKind, SetSpec,
    Unmatched,
};
use serde_json::json;

#[test]
fn annotations_and_images_must_belong_together() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 3);
    let spec = SetSpec::coco("c", &annotations, &images);
    let error =
        |spec: &SetSpec| anywhere(spec.open(&OpenContext::default()).err().unwrap(), root.path());
    std::fs::remove_file(images.join("scene_1.jpg")).unwrap();
    assert_snapshot!(error(&spec), @r#"set c: [DIR]/coco_images: 1 images that are listed but not there, the first scene_1.jpg; correct the files or set unmatched = "skip""#);
    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec.clone() };
    let set = open(&skip);
    assert_eq!(names(&*set), ["scene_2", "scene_0"]);
    assert!(set.left_out().iter().any(|left| left.first == "scene_1.jpg"));

    let mut file = coco_json(3);
    file["annotations"][0]["image_id"] = json!(999);
    write(&annotations, file.to_string());
    assert_snapshot!(error(&spec), @r#"set c: [DIR]/instances.json: 1 annotations of images that are not listed, the first annotation 300 of image 999; correct the files or set unmatched = "skip""#);

    let words = [
        json!([]),
        json!({"images": []}),
        json!({"image": {}, "annotations": []}),
        json!({"images": [{"id": 1}], "annotations": []}),
        json!({"images": [{"id": 1, "width": 3, "height": 4}], "annotations": []}),
        json!({"images": [], "annotations": [{"id": 1, "image_id": 2, "segments_info": []}]}),
    ]
    .map(|file| {
        write(&annotations, file.to_string());
        error(&spec)
    });
    assert_snapshot!(words.join("\n"), @"
        [DIR]/instances.json: expected COCO's {images, annotations, categories} or a list of results, found an empty list
        [DIR]/instances.json, byte 13: expected COCO's {images, annotations, categories}: no `annotations`, other keys are: none
        [DIR]/instances.json, byte 29: expected COCO's {images, annotations, categories}: no `images`, other keys are: image
        [DIR]/instances.json, image 1: file_name: expected the name of the image's file, found none
        [DIR]/instances.json, image 1: file_name: expected the name of the image's file, found none
        set c: expected at least one record, found none: 1 annotations without a segmentation (first: id 1)
        ");
    let gone = SetSpec::coco("c", root.path().join("none.json"), &images);
    assert_snapshot!(error(&gone), @"cannot read [DIR]/none.json: No such file or directory (os error 2)");
    let gone = SetSpec::coco("c", &annotations, root.path().join("none"));
    assert_snapshot!(error(&gone), @"set c: the folder of its images does not exist: [DIR]/none");
}

#[test]
fn flawed_run_lengths_are_left_out_when_a_set_is_opened() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 2);
    let file = coco_json(2);
    let flaws = [
        json!({"size": [80, 64], "counts": [1, 2, 3]}),
        json!({"size": [80, 64], "counts": "04"}),
        json!({"size": [80, 64], "counts": "~~"}),
        json!({"size": [80, 64]}),
        json!("mask.png"),
    ];
    let words = flaws.clone().map(|segmentation| {
        let mut file = file.clone();
        let list = file["annotations"].as_array_mut().unwrap();
        let first = list.iter().position(|a| a["id"] == json!(200)).unwrap();
        list[first]["segmentation"] = segmentation;
        write(&annotations, file.to_string());
        let set = open(&SetSpec::coco("c", &annotations, &images));
        // One of the two objects that are no crowd is left, and what is left can be drawn.
        let ids: Vec<_> = (0..2).flat_map(|n| objects(&*set, n)).map(|(id, _)| id).collect();
        assert_eq!(ids, [Some(id(1, 1)), Some(id(0, 0))]);
        let left = set.left_out().iter().filter(|left| !left.what.contains("crowds"));
        left.map(ToString::to_string).collect::<Vec<_>>().join("; ")
    });
    assert_snapshot!(words.join("\n"), @r#"
        1 annotations whose run lengths are no mask of their size (first: id 200: runs of 6 pixels for a mask of height 80 x width 64; expected 5120)
        1 annotations whose run lengths are no mask of their size (first: id 200: runs of 4 pixels for a mask of height 80 x width 64; expected 5120)
        1 annotations whose run lengths are no mask of their size (first: id 200: byte 126 at position 0 of a run-length string; expected 48 to 111)
        1 annotations whose run lengths are no mask of their size (first: id 200: segmentation: expected {size: [height, width], counts}: missing field `counts`)
        1 annotations whose segmentation is no list of polygons (first: id 200: expected a list of polygons or {size, counts}, found "mask.png")
        "#);

    // SA-1B's files, and its tar files, whose objects are counted when they are opened.
    let spec = sa1b_folder(root.path(), 3);
    let mut members = sa1b_members(0..3);
    for flaw in &flaws {
        let mut file = sa1b_json(1);
        file["annotations"][1]["segmentation"] = flaw.clone();
        write(root.path().join("sa1b/sa_1.json"), file.to_string());
        members[3].1 = file.to_string().into_bytes();
        tar(&root.path().join("sa.tar"), &members);
        for spec in [spec.clone(), SetSpec::sa1b("tar", root.path().join("sa.tar"))] {
            let set = open(&spec);
            let ids: Vec<_> = objects(&*set, 1).into_iter().map(|(id, _)| id).collect();
            assert_eq!(ids, [Some(id(1, 0)), Some(id(1, 2))], "{flaw}");
            let told = set.left_out().iter().any(|left| left.what.contains("run lengths"));
            assert!(told, "{:?}", set.left_out());
        }
    }
}

#[test]
fn masks_of_another_size_than_their_image_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 1);
    let file = coco_json(1);
    // A mask of another size than its image.
    let mut wrong = file;
    for annotation in wrong["annotations"].as_array_mut().unwrap() {
        annotation["segmentation"] = json!({"size": [2, 3], "counts": [2, 4]});
    }
    write(&annotations, wrong.to_string());
    let mix = Mix::new(vec![open(&SetSpec::coco("c", &annotations, &images))]).unwrap();
    let key = SampleKey::in_epoch(0, 0, 0);
    let mut maker = SampleMaker::new(SampleConfig::for_size(32)).unwrap();
    let error = maker.view(&mix, key).unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error}");
}

#[test]
fn damaged_annotation_files_and_lone_files_are_named() {
    let root = tempfile::tempdir().unwrap();
    let spec = sa1b_folder(root.path(), 3);
    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec.clone() };
    let error =
        |spec: &SetSpec| anywhere(spec.open(&OpenContext::default()).err().unwrap(), root.path());
    write(root.path().join("sa1b/sa_1.json"), "{\"image\": ");
    assert_snapshot!(error(&spec), @"[DIR]/sa1b/sa_1.json, byte 10: no valid JSON: EOF while parsing a value");
    let set = open(&skip);
    assert_eq!(names(&*set), ["sa_0", "sa_2"]);
    assert_snapshot!(anywhere(&set.left_out()[0], root.path()), @"1 images whose annotation file is damaged (first: [DIR]/sa1b/sa_1.json, byte 10: no valid JSON: EOF while parsing a value)");

    write(root.path().join("sa1b/sa_7.jpg"), "x");
    assert_snapshot!(error(&spec), @r#"set sa: [DIR]/sa1b: 1 images without an annotation file, the first sa_7.jpg; correct the files or set unmatched = "skip""#);
    std::fs::remove_file(root.path().join("sa1b/sa_7.jpg")).unwrap();
    write(root.path().join("sa1b/sa_8.json"), "{}");
    assert_snapshot!(error(&spec), @r#"set sa: [DIR]/sa1b: 1 annotation files without an image, the first sa_8.json; correct the files or set unmatched = "skip""#);

    // An annotation file that changes while the set is open.
    write(
        root.path().join("sa1b/sa_0.json"),
        r#"{"image": {"width": 64, "height": 80}, "annotations": []}"#,
    );
    let changed = set.mask(&0.into(), Pick::Nth(0), &mut MaskBuffer::new()).unwrap_err();
    assert_snapshot!(anywhere(changed, root.path()), @"[DIR]/sa1b/sa_0.json, byte 0: it changed since it was indexed: 2 objects were to be taken, 0 are");

    let lone = root.path().join("lone.tar");
    tar(&lone, &sa1b_members(0..2)[..3]);
    assert_snapshot!(error(&SetSpec::sa1b("t", &lone)), @r#"set t: [DIR]/lone.tar: 1 images without a mask or annotation file, the first [DIR]/lone.tar/sa_1.jpg; correct the files or set unmatched = "skip""#);
    let twice: Vec<_> = sa1b_members(0..1).into_iter().chain(sa1b_members(0..1)).collect();
    tar(&lone, &twice);
    assert_snapshot!(error(&SetSpec::sa1b("t", &lone)), @"[DIR]/lone.tar: expected one image, mask and annotation file of a name, found a second one: sa_0.jpg");
}

#[test]
fn annotation_files_are_found_however_their_ending_is_spelt() {
    let root = tempfile::tempdir().unwrap();
    let spec = sa1b_folder(root.path(), 2);
    let file = |name: &str| root.path().join("sa1b").join(name);
    std::fs::rename(file("sa_1.json"), file("sa_1.JSON")).unwrap();
    let set = open(&spec);
    assert_eq!(names(&*set), ["sa_0", "sa_1"]);
    let mut mask = MaskBuffer::new();
    for record in 0..2 {
        set.mask(&record.into(), Pick::Nth(0), &mut mask).unwrap();
    }
    // Two for one image are one too many, where a file system tells them apart.
    if !file("sa_1.json").exists() {
        std::fs::copy(file("sa_1.JSON"), file("sa_1.json")).unwrap();
        let text = spec.open(&OpenContext::default()).err().unwrap().to_string();
        assert!(text.contains("sa_1.json") && text.contains("sa_1.JSON"), "{text}");
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let parse = |set: &str| {
        DataFile::parse(&format!("[[train]]\n{set}"), Path::new("data.toml"))
            .map_err(|error| error.to_string())
    };
    let pairs = "name = 'p'\nimages = 'i'\nmasks = 'm'\n";
    assert_snapshot!(parse(&format!("{pairs}objects = 'all'\n")).unwrap_err(), @r#"data.toml, line 5: objects of set p: expected a set of kind "coco" or "lvis" or "sa1b" or "webdataset" or "labelme" or "yolo" or "supervisely" or "cvat" or "labelstudio", or mask_kind = "instances" or "components", found kind "pairs""#);
    assert_snapshot!(parse(&format!("kind = 'coco'\n{pairs}")).unwrap_err(), @r#"data.toml, line 5: masks of set p: expected a set of kind "pairs" or "labelstudio", found kind "coco""#);
    // Settings of earlier runs have the defaults of other kinds.
    let coco = "name = 'c'\nkind = 'coco'\nimages = 'i'\nannotations = 'a.json'\n";
    let data = parse(&format!("{coco}invert = false\nmask_channel = 'auto'\n")).unwrap();
    assert_eq!(data, parse(coco).unwrap());
    assert_snapshot!(parse(&format!("{coco}invert = true\n")).unwrap_err(), @r#"data.toml, line 6: invert of set c: expected a set of kind "pairs" or "webdataset", found kind "coco""#);
    // Where a set is read by itself, too.
    let alone = |text| toml::from_str::<SetSpec>(text).unwrap_err();
    assert_snapshot!(alone("name = 'p'\nmaskss = 'm'\n"), @"unknown key `maskss` (did you mean `masks`?); known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range");
    assert_snapshot!(alone("name = 'p'\ninvert = 1\n"), @"invert of set p: invalid type: integer `1`, expected a boolean");

    let error = |spec: SetSpec| spec.open(&OpenContext::default()).err().unwrap().to_string();
    assert_snapshot!(error(SetSpec::new("s", SetKind::Sa1b(Sa1bKeys::default()))), @r#"set s of kind "sa1b": expected either images or shards, found none of them"#);
    let spec = taking(SetSpec::sa1b("s", "x"), |keys| keys.min_area = Some(f64::NAN));
    assert_snapshot!(error(spec), @"min_area of set s: expected a number from 0, found NaN");
    assert_snapshot!(PairsSource::open(&SetSpec::sa1b("s", "x")).unwrap_err(), @r#"set s: expected a set of kind "pairs", found kind "sa1b""#);
}
