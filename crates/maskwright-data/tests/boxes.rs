//! Sets of boxes without masks.

mod common;

use std::path::Path;

use common::annotated::{coco_with, taking};
use common::{anywhere, picture, write};
use insta::assert_snapshot;
use maskwright_data::source::{
    BoxSet, DataFile, ImageBuffer, ObjectBox, Objects, OpenContext, SetSpec,
};
use maskwright_image::encode::jpeg_rgb;
use serde_json::{Value, json};

fn spec(root: &Path, annotations: &Value) -> SetSpec {
    for name in ["7.jpg", "8.jpg"] {
        write(root.join("images").join(name), jpeg_rgb(&picture(60, 40), 90).unwrap());
    }
    let images = json!([{"id": 7, "file_name": "7.jpg", "width": 60, "height": 40},
                        {"id": 8, "file_name": "8.jpg", "width": 60, "height": 40}]);
    let document = match annotations.is_array() {
        true => json!({"images": images, "annotations": annotations,
                       "categories": [{"id": 3, "name": "leaf"}, {"id": 4, "name": "root"}]}),
        false => annotations["results"].clone(),
    };
    write(root.join("boxes.json"), document.to_string());
    let spec = SetSpec::coco("b", root.join("boxes.json"), root.join("images"));
    coco_with(spec, |keys| keys.boxes_only = true)
}

fn boxes(set: &BoxSet) -> Vec<(String, Vec<ObjectBox>)> {
    (0..set.len())
        .map(|image| (set.record(image).unwrap().name, set.boxes(image).unwrap()))
        .collect()
}

fn object(id: u64, category: u32, box_xywh: [f64; 4]) -> ObjectBox {
    ObjectBox { id, category, box_xywh }
}

#[test]
fn boxes_are_objects_where_nothing_asks_for_masks() {
    let root = tempfile::tempdir().unwrap();
    let annotations = json!([
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2.5, 10, 5], "area": 50},
        {"id": 2, "image_id": 8, "category_id": 4, "bbox": [-3, 0, 9, 9], "segmentation": []},
        {"id": 3, "image_id": 7, "category_id": 4, "bbox": [4, 4, 8, 8],
         "segmentation": [[4, 4, 12, 4, 12, 12]], "area": 32},
        {"id": 4, "image_id": 7, "category_id": 3},
        {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 1, 0, 5]},
        {"id": 6, "image_id": 7, "category_id": 3, "bbox": [1, 1, 5]},
        {"id": 7, "image_id": 7, "category_id": 3, "bbox": [1, 1, 5, 5], "iscrowd": 1},
    ]);
    let spec = spec(root.path(), &annotations);
    let set = spec.open_boxes(&OpenContext::default()).unwrap();
    let first = vec![object(1, 3, [1.0, 2.5, 10.0, 5.0]), object(3, 4, [4.0, 4.0, 8.0, 8.0])];
    let second = vec![object(2, 4, [-3.0, 0.0, 9.0, 9.0])];
    assert_eq!(boxes(&set), [("7".to_owned(), first.clone()), ("8".into(), second)]);
    let words: Vec<String> = set.left_out().iter().map(ToString::to_string).collect();
    assert_snapshot!(words.join("\n"), @"
        1 annotations of crowds (first: id 7)
        3 annotations without a box that has an area (first: id 4)
        ");
    let mut image = ImageBuffer::new();
    set.image(1, &mut image).unwrap();
    assert_eq!(image.open().unwrap().header().size, maskwright_image::Size::new(40, 60));
    // An image is a record, whatever the set's objects are elsewhere; its other bounds hold.
    let all = taking(spec.clone(), |keys| keys.objects = Objects::All);
    assert_eq!(all.open_boxes(&OpenContext::default()).unwrap().len(), 2);
    let large = taking(spec.clone(), |keys| keys.min_area = Some(40.0));
    assert_eq!(large.open_boxes(&OpenContext::default()).unwrap().boxes(0).unwrap(), first[..1]);

    // What asks for masks says so.
    let refused = spec.open(&OpenContext::default()).err().unwrap();
    assert_snapshot!(refused, @"boxes_only of set b: expected a use that needs no true masks, such as prompts of boxes, found one that asks for masks (training, IoU)");
    let masks = coco_with(spec, |keys| keys.boxes_only = false);
    let refused = masks.open_boxes(&OpenContext::default()).err().unwrap();
    assert_snapshot!(refused, @r#"set b: expected a set of kind "coco" or "lvis" with boxes_only = true, found kind "coco" without it"#);
}

#[test]
fn results_of_a_detector_are_boxes() {
    let root = tempfile::tempdir().unwrap();
    let results = json!({"results": [
        {"image_id": 8, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.9},
        {"image_id": 7, "category_id": 3, "bbox": [5, 6, 7, 8], "score": 0.8}]});
    let set = spec(root.path(), &results).open_boxes(&OpenContext::default()).unwrap();
    let expected = [
        ("7".to_owned(), vec![object(1, 3, [5.0, 6.0, 7.0, 8.0])]),
        ("8".to_owned(), vec![object(0, 3, [1.0, 2.0, 3.0, 4.0])]),
    ];
    assert_eq!(boxes(&set), expected);
}

#[test]
fn the_key_is_of_cocos_files_alone() {
    let read = |text: &str| {
        let text = format!("[[valid]]\nname = \"b\"\n{text}boxes_only = true\n");
        DataFile::parse(&text, Path::new("data.toml")).map_err(|error| error.to_string())
    };
    let coco = read("kind = \"coco\"\nannotations = \"a.json\"\nimages = \"i\"\n").unwrap();
    let error = coco.valid[0].open(&OpenContext::default()).err().unwrap();
    assert!(anywhere(error, Path::new("/")).starts_with("boxes_only of set b: "));
    assert_snapshot!(read("images = \"i\"\nmasks = \"m\"\n").unwrap_err(), @r#"data.toml, line 5: boxes_only of set b: expected a set of kind "coco" or "lvis", found kind "pairs""#);
}
