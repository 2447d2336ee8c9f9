//! Sets with annotated objects that do not fit together or are damaged: what is said of them, and when.

mod common;

use std::path::Path;

use common::annotated::{coco, coco_json, names, open, sa1b_folder, sa1b_members, taking, tar};
use common::write;
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
    let error = |spec: &SetSpec| spec.open(&OpenContext::default()).err().unwrap().to_string();
    std::fs::remove_file(images.join("scene_1.jpg")).unwrap();
    let text = error(&spec);
    assert!(
        text.contains("1 images that are listed but not there, the first scene_1.jpg"),
        "{text}"
    );
    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec.clone() };
    let set = open(&skip);
    assert_eq!(names(&*set), ["scene_2", "scene_0"]);
    assert!(set.left_out().iter().any(|left| left.first == "scene_1.jpg"));

    let mut file = coco_json(3);
    file["annotations"][0]["image_id"] = json!(999);
    write(&annotations, file.to_string());
    let text = error(&spec);
    assert!(
        text.contains("1 annotations of images that are not listed") && text.contains("image 999"),
        "{text}"
    );

    for (change, part) in [
        (json!([]), "expected an object {...}, found `[`"),
        (json!({"images": []}), "no `annotations`, other keys are: none"),
        (json!({"image": {}, "annotations": []}), "no `images`, other keys are: image"),
        (json!({"images": [{"id": 1}], "annotations": []}), "image 0: missing field `width`"),
        (
            json!({"images": [{"id": 1, "width": 3, "height": 4}], "annotations": []}),
            "image 0: expected a file_name",
        ),
        (
            json!({"images": [], "annotations": [{"id": 1, "image_id": 2, "segments_info": []}]}),
            "annotation 0: missing field `segmentation`",
        ),
    ] {
        write(&annotations, change.to_string());
        let text = error(&spec);
        assert!(text.contains("instances.json") && text.contains(part), "{change}: {text}");
    }
    let gone = SetSpec::coco("c", root.path().join("none.json"), &images);
    assert!(error(&gone).contains("none.json"));
    let gone = SetSpec::coco("c", &annotations, root.path().join("none"));
    assert!(error(&gone).contains("does not exist"));
}

#[test]
fn flawed_objects_are_named_when_they_are_drawn() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 1);
    let file = coco_json(1);
    for (segmentation, part) in [
        (json!({"size": [80, 64], "counts": [1, 2, 3]}), "5120"),
        (json!({"size": [80, 64], "counts": "~~"}), "annotation 100"),
        (json!([[1.0, 2.0, 3.0]]), "annotation 100"),
        (json!([[1.0, 2.0, 3.0, 4.0]]), "annotation 100"),
        (json!([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), "a list of polygons"),
        (json!({"size": [80, 64]}), "missing field `counts`"),
        (json!("mask.png"), "expected a list of polygons or {size, counts}"),
    ] {
        let mut file = file.clone();
        let list = file["annotations"].as_array_mut().unwrap();
        let first = list.iter().position(|a| a["id"] == json!(100)).unwrap();
        list[first]["segmentation"] = segmentation.clone();
        write(&annotations, file.to_string());
        let set = open(&SetSpec::coco("c", &annotations, &images));
        let error =
            set.mask(&0.into(), Pick::Nth(0), &mut MaskBuffer::new()).unwrap_err().to_string();
        assert!(error.contains(part), "{segmentation}: {error}");
        assert!(error.contains("c/scene_0") && error.contains("instances.json"), "{error}");
    }
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
    // NaN, which Python writes, is no JSON.
    write(
        &annotations,
        r#"{"images": [], "annotations": [{"image_id": 1, "segmentation": [[NaN]]}]}"#,
    );
    let error = SetSpec::coco("c", &annotations, &images)
        .open(&OpenContext::default())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("annotation 0: expected value") && error.contains("byte 31"), "{error}");
}

#[test]
fn damaged_annotation_files_and_lone_files_are_named() {
    let root = tempfile::tempdir().unwrap();
    let spec = sa1b_folder(root.path(), 3);
    let skip = SetSpec { unmatched: Unmatched::Skip, ..spec.clone() };
    let error = |spec: &SetSpec| spec.open(&OpenContext::default()).err().unwrap().to_string();
    write(root.path().join("sa1b/sa_1.json"), "{\"image\": ");
    let text = error(&spec);
    assert!(text.contains("sa_1.json") && text.contains("no valid JSON"), "{text}");
    let set = open(&skip);
    assert_eq!(names(&*set), ["sa_0", "sa_2"]);
    assert!(set.left_out()[0].to_string().contains("annotation file is damaged"));

    write(root.path().join("sa1b/sa_7.jpg"), "x");
    let text = error(&spec);
    assert!(text.contains("1 images without an annotation file, the first sa_7.jpg"), "{text}");
    std::fs::remove_file(root.path().join("sa1b/sa_7.jpg")).unwrap();
    write(root.path().join("sa1b/sa_8.json"), "{}");
    let text = error(&spec);
    assert!(text.contains("1 annotation files without an image, the first sa_8.json"), "{text}");

    // An annotation file that changes while the set is open.
    write(
        root.path().join("sa1b/sa_0.json"),
        r#"{"image": {"width": 64, "height": 80}, "annotations": []}"#,
    );
    let text = set.mask(&0.into(), Pick::Nth(0), &mut MaskBuffer::new()).unwrap_err().to_string();
    assert!(text.contains("changed since it was indexed"), "{text}");

    let lone = root.path().join("lone.tar");
    tar(&lone, &sa1b_members(0..2)[..3]);
    let text = error(&SetSpec::sa1b("t", &lone));
    assert!(
        text.contains("lone.tar") && text.contains("images without a mask or annotation file"),
        "{text}"
    );
    let twice: Vec<_> = sa1b_members(0..1).into_iter().chain(sa1b_members(0..1)).collect();
    tar(&lone, &twice);
    let text = error(&SetSpec::sa1b("t", &lone));
    assert!(text.contains("a second one: sa_0.jpg"), "{text}");
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
    let text = parse(&format!("{pairs}objects = 'all'\n")).unwrap_err();
    assert!(
        text.contains("data.toml, line 5: objects of set p")
            && text.contains("\"coco\" or \"lvis\" or \"sa1b\""),
        "{text}"
    );
    let text = parse(&format!("kind = 'coco'\n{pairs}")).unwrap_err();
    assert!(text.contains("line 5: masks of set p") && text.contains("kind \"coco\""), "{text}");
    // Settings of earlier runs have the defaults of other kinds.
    let coco = "name = 'c'\nkind = 'coco'\nimages = 'i'\nannotations = 'a.json'\n";
    let data = parse(&format!("{coco}invert = false\nmask_channel = 'auto'\n")).unwrap();
    assert_eq!(data, parse(coco).unwrap());
    assert!(parse(&format!("{coco}invert = true\n")).unwrap_err().contains("line 6: invert"));
    // Where a set is read by itself, too.
    let error = toml::from_str::<SetSpec>("name = 'p'\nmaskss = 'm'\n").unwrap_err().to_string();
    assert!(error.contains("unknown key `maskss` (did you mean `masks`?)"), "{error}");
    let error = toml::from_str::<SetSpec>("name = 'p'\ninvert = 1\n").unwrap_err().to_string();
    assert!(error.contains("invert of set p") && error.contains("bool"), "{error}");

    let error = |spec: SetSpec| spec.open(&OpenContext::default()).err().unwrap().to_string();
    let text = error(SetSpec::new("s", SetKind::Sa1b(Sa1bKeys::default())));
    assert!(text.contains("either images or shards") && text.contains("none of them"), "{text}");
    let spec = taking(SetSpec::sa1b("s", "x"), |keys| keys.min_area = Some(f64::NAN));
    let text = error(spec);
    assert!(text.contains("min_area of set s"), "{text}");
    let text = PairsSource::open(&SetSpec::sa1b("s", "x")).unwrap_err().to_string();
    assert!(text.contains("kind \"pairs\"") && text.contains("kind \"sa1b\""), "{text}");
}
