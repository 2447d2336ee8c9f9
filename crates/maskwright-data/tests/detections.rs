//! All objects of a COCO file, and boxes that were found in its images.

mod common;

use std::path::Path;

use common::annotated::coco_with;
use common::{anywhere, picture, write};
use maskwright_data::source::{DetectionSet, FoundBoxes, OpenContext, SetSpec, Source, Unmatched};
use maskwright_image::encode::jpeg_rgb;

/// Three images, listed not in the order of their ids; a crowd, a box without a mask, an annotation of no image, and an image
/// without a size and without objects.
const INSTANCES: &str = r#"{
 "annotations": [
  {"id": 1, "image_id": 9, "category_id": 3, "iscrowd": 0, "area": 11.5, "bbox": [1, 1, 4, 3],
   "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]},
  {"id": 2, "image_id": "9", "category_id": 5, "iscrowd": 1,
   "segmentation": {"size": [6, 8], "counts": [0, 6, 42]}},
  {"id": 3, "image_id": 4, "category_id": 3, "bbox": [0, 0, 2, 2], "segmentation": []},
  {"id": 4, "image_id": 77, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2]]},
  {"id": 5, "image_id": 4, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}
 ],
 "images": [
  {"id": 9, "file_name": "nine.jpg", "width": 8, "height": 6},
  {"id": 4, "file_name": "four.jpg", "width": 8, "height": 6},
  {"id": 12, "file_name": "twelve.jpg"}
 ],
 "categories": [{"id": 5, "name": "crowd"}, {"id": 3, "name": "leaf"}]
}"#;

fn set(root: &Path, instances: &str) -> maskwright_data::Result<DetectionSet> {
    for file in ["nine.jpg", "four.jpg", "twelve.jpg"] {
        write(root.join("images").join(file), jpeg_rgb(&picture(8, 6), 90).unwrap());
    }
    write(root.join("a.json"), instances);
    let spec = SetSpec::coco("c", root.join("a.json"), root.join("images"));
    DetectionSet::read(&spec, &OpenContext::default())
}

fn context() -> OpenContext<'static> {
    OpenContext::default()
}

#[test]
fn all_objects_of_all_images_are_read() {
    let root = tempfile::tempdir().unwrap();
    let set = set(root.path(), INSTANCES).unwrap();
    assert_eq!(set.categories(), ["crowd", "leaf"]);
    let files: Vec<_> =
        set.images().iter().map(|image| image.file.file_name().unwrap().to_owned()).collect();
    assert_eq!(files, ["four.jpg", "nine.jpg", "twelve.jpg"], "in the order of their ids");
    assert_eq!(set.images()[2].size, maskwright_image::Size::new(6, 8));
    let facts: Vec<_> = set
        .images()
        .iter()
        .map(|image| {
            let fact = |one: &maskwright_data::source::TrueObject| {
                (one.category, one.area, one.mask.area(), one.crowd, one.box_xywh)
            };
            image.objects.iter().map(fact).collect::<Vec<_>>()
        })
        .collect();
    let expected = [
        vec![(1, 4.0, 4, false, [0.0, 0.0, 2.0, 2.0])],
        vec![(1, 11.5, 12, false, [1.0, 1.0, 4.0, 3.0]), (0, 6.0, 6, true, [0.0, 0.0, 1.0, 6.0])],
        vec![],
    ];
    assert_eq!(facts, expected);
    let lines: Vec<String> = set.left_out().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
        1 annotations of images that are not listed (first: id 4)
        1 annotations without a mask (first: id 3)
        ");
    assert_eq!(set.true_boxes().len(), 2, "crowds have no box");
}

#[test]
fn boxes_go_to_their_images() {
    let root = tempfile::tempdir().unwrap();
    let mut set = set(root.path(), INSTANCES).unwrap();
    let file = root.path().join("found.json");
    write(
        &file,
        r#"[{"image_id": 9, "category_id": 3, "bbox": [1, 1, 4, 3], "score": 0.5},
            {"image_id": 4, "category_id": 5, "bbox": [0, 0, 2.5, 2], "score": 0.25},
            {"image_id": 8, "category_id": 3, "bbox": [0, 0, 2, 2], "score": 1},
            {"image_id": 9, "category_id": 6, "bbox": [0, 0, 2, 2], "score": 1},
            {"image_id": 9.0, "category_id": "3", "bbox": [2, 1, 4, 3], "score": "0.75"}]"#,
    );
    let FoundBoxes { boxes, scored, left_out } = set.read_boxes(&file, &context()).unwrap();
    assert!(scored);
    let facts: Vec<_> = boxes.iter().map(|one| (one.image, one.category, one.score)).collect();
    assert_eq!(facts, [(0, 0, 0.25), (1, 1, 0.5), (1, 1, 0.75)]);
    assert_eq!(boxes[0].box_xywh, [0.0, 0.0, 2.5, 2.0]);
    let lines: Vec<String> = left_out.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
        1 detections of images that are not listed (first: number 2, of image 8)
        1 detections of categories that are not listed (first: number 3, of category 6)
        ");
}

#[test]
fn boxes_of_annotators_go_to_their_images_by_file_and_category_id() {
    let root = tempfile::tempdir().unwrap();
    let mut set = set(root.path(), INSTANCES).unwrap();
    let file = root.path().join("boxes.json");
    // Other ids than those of the annotation file, another order, and an image that it does not have.
    write(root.path().join("images/two.jpg"), jpeg_rgb(&picture(8, 6), 90).unwrap());
    write(
        &file,
        r#"{"images": [{"id": 1, "file_name": "nine.jpg"}, {"id": 2, "file_name": "two.jpg"},
                       {"id": 3, "file_name": "C:\\photos\\four.jpg"}],
            "annotations": [
              {"id": 10, "image_id": 1, "category_id": 5, "bbox": [1, 1, 4, 3]},
              {"id": 11, "image_id": 2, "category_id": 3, "bbox": [1, 1, 4, 3]},
              {"id": 12, "image_id": 3, "category_id": 3, "bbox": [0, 0, 2, 2], "segmentation": []},
              {"id": 13, "image_id": 3, "category_id": 8, "bbox": [0, 0, 2, 2]},
              {"id": 14, "image_id": 3, "category_id": "leaf", "bbox": [0, 0, 2, 2]},
              {"id": 15, "image_id": 3, "category_id": 3}],
            "categories": [{"id": 5, "name": "crowd"}, {"id": 3, "name": "leaf"}]}"#,
    );
    let found = set.read_boxes(&file, &context()).unwrap();
    let facts: Vec<_> =
        found.boxes.iter().map(|one| (one.image, one.category, one.score)).collect();
    assert_eq!(facts, [(0, 1, 1.0), (1, 0, 1.0)]);
    assert_eq!(found.boxes[1].box_xywh, [1.0, 1.0, 4.0, 3.0]);
    assert!(!found.scored);
    let lines: Vec<String> = found.left_out.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
        1 boxes of images that are not listed (first: id 11)
        2 boxes of categories that are not listed (first: id 13)
        1 annotations without a box that has an area (first: id 15)
        ");
    // A set of a data file leads to the same.
    let spec = SetSpec::coco("b", &file, root.path().join("images"));
    let spec = coco_with(spec, |keys| keys.boxes_only = true);
    let of_set = set.boxes_of(&spec.open_boxes(&context()).unwrap()).unwrap();
    assert_eq!(of_set.boxes, found.boxes);
}

#[test]
fn what_is_no_detection_is_named() {
    let root = tempfile::tempdir().unwrap();
    let mut set = set(root.path(), INSTANCES).unwrap();
    let file = root.path().join("found.json");
    let mut refused = |text: &str| {
        write(&file, text);
        anywhere(set.read_boxes(&file, &context()).unwrap_err(), root.path())
    };
    let lines = [
        refused("[]"),
        refused(r#"{"annotations": []}"#),
        refused("7"),
        refused(
            r#"{"images": [{"id": 1, "file_name": "nine.jpg"}], "categories": [],
                "annotations": [{"id": 1, "image_id": 1, "category_id": 9, "bbox": [0, 0, 2, 2]}]}"#,
        ),
        refused(r#"[{"image_id": 9, "category_id": 3, "bbox": [1, 1, 4, 3]}]"#),
        refused(r#"[{"image_id": 9, "category_id": 3, "bbox": [1, 1, 4], "score": 1}]"#),
        refused(r#"[{"image_id": 9, "category_id": 3, "bbox": [1, 1, 0, 4], "score": 1}]"#),
        refused(r#"[{"image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 3], "score": 1}]"#),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
        [DIR]/found.json: expected detections of the images of [DIR]/a.json, found an empty list
        [DIR]/found.json, byte 19: expected COCO's {images, annotations, categories}: no `images`, other keys are: none
        [DIR]/found.json, byte 0: expected COCO's list of results [{image_id, category_id, bbox, score}, ...] or its {images, annotations, categories}
        [DIR]/found.json: expected detections of the images of [DIR]/a.json, found none; 1 boxes of categories that are not listed (first: id 1)
        [DIR]/found.json, detection 0: score: expected a number, found none
        [DIR]/found.json, detection 0: bbox: expected four numbers [x, y, width, height], found [1, 1, 4]
        [DIR]/found.json, detection 0: bbox: expected a width and a height above 0, found [1, 1, 0, 4]
        [DIR]/found.json: expected detections of the images of [DIR]/a.json, found none; 1 detections of images that are not listed (first: number 0, of image 1)
        ");
}

#[test]
fn images_that_are_not_there_are_an_error() {
    let root = tempfile::tempdir().unwrap();
    let other = INSTANCES.replace("nine.jpg", "ninety.jpg");
    let error = set(root.path(), &other).unwrap_err();
    insta::assert_snapshot!(anywhere(error, root.path()), @r#"set c: [DIR]/images: 1 images that are listed but not there, the first ninety.jpg; correct the files or set unmatched = "skip""#);
    let mut skips = SetSpec::coco("c", root.path().join("a.json"), root.path().join("images"));
    skips.unmatched = Unmatched::Skip;
    let set_of_two = DetectionSet::read(&skips, &OpenContext::default()).unwrap();
    assert_eq!((set_of_two.images().len(), set_of_two.true_boxes().len()), (2, 1));
    let results = r#"[{"image_id": 9, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2]]}]"#;
    let error = set(root.path(), results).unwrap_err();
    insta::assert_snapshot!(anywhere(error, root.path()), @"[DIR]/a.json: expected COCO's {images, annotations, categories}, found a list of results");
}
