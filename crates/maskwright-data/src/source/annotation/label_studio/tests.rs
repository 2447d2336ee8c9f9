//! Tasks as Label Studio exports them.

use serde_json::json;

use super::super::brush::tests::pack;
use super::*;

const SIZE: Size = Size { height: 20, width: 40 };

/// The run lengths of a box xywh of alpha.
fn brush([x, y, w, h]: [usize; 4]) -> Vec<u8> {
    let inside = |at: usize| {
        let (row, column) = (at / SIZE.width, at % SIZE.width);
        (y..y + h).contains(&row) && (x..x + w).contains(&column)
    };
    let values = (0..SIZE.area()).flat_map(|at| [0, 0, 0, if inside(at) { 255 } else { 0 }]);
    pack(&values.collect::<Vec<u8>>())
}

fn drawn(task: &Task) -> Vec<(u64, String, u64, [u32; 4])> {
    let (mut rle, mut scratch) = Default::default();
    let file = task.outlines(SIZE).unwrap();
    let one = |object: &super::super::Outlined| {
        object.draw(SIZE, &mut rle, &mut scratch).unwrap();
        (object.number, object.label.clone(), rle.area(), rle.box_xywh())
    };
    file.objects.iter().map(one).collect()
}

#[test]
fn results_are_objects() {
    let sized = |result: Value| {
        let mut result = result;
        result["original_width"] = 40.into();
        result["original_height"] = 20.into();
        result["image_rotation"] = 0.into();
        result
    };
    let task = json!({"id": 7, "data": {"other": "x.txt", "photo": "/data/upload/1/a-b.jpg"}, "annotations": [
        {"was_cancelled": true, "result": [{"value": {"rle": 7}}]},
        {"result": [
            sized(json!({"id": "a", "type": "brushlabels",
                         "value": {"format": "rle", "rle": brush([2, 3, 4, 5]), "brushlabels": ["leaf"]}})),
            sized(json!({"id": "b", "type": "polygonlabels", "value": {"polygonlabels": ["stem"],
                         "points": [[25, 25], [50, 25], [50, 75], [25, 75]]}})),
            sized(json!({"id": "c", "type": "rectanglelabels",
                         "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["leaf"]}})),
            sized(json!({"id": "d", "type": "brush", "value": {"rle": brush([20, 3, 4, 5])}})),
            sized(json!({"id": "d", "type": "labels", "value": {"rle": brush([20, 3, 4, 5]), "labels": ["bud"]}})),
            {"id": "e", "type": "choices", "value": {"choices": ["good"]}}]}]});
    let task = Task::parse(task.to_string().as_bytes()).unwrap();
    assert_eq!((task.id.as_str(), task.image.as_deref()), ("7", Some("/data/upload/1/a-b.jpg")));
    assert!(task.is_one() && task.size() == Some(SIZE));
    let leaf = |number, label: &str, area, box_xywh| (number, label.to_owned(), area, box_xywh);
    // A quarter to a half of 40 columns, a quarter to three quarters of 20 rows.
    let expected = [
        leaf(1, "leaf", 20, [2, 3, 4, 5]),
        leaf(2, "stem", 100, [10, 5, 10, 10]),
        leaf(4, "bud", 20, [20, 3, 4, 5]),
    ];
    assert_eq!(drawn(&task), expected);
    assert_eq!(task.outlines(SIZE).unwrap().without_outline, [3, 6]);
}

#[test]
fn the_small_export_has_values_alone() {
    let task = json!({"id": 3, "image": "a.png", "annotator": 1, "tag": [
        {"rle": brush([2, 3, 4, 5]), "brushlabels": ["leaf"], "original_width": 40, "original_height": 20}],
        "shape": [{"points": [[25, 25], [50, 25], [50, 75], [25, 75]], "polygonlabels": ["stem"],
                   "original_width": 40, "original_height": 20}]});
    let task = Task::parse(task.to_string().as_bytes()).unwrap();
    let mut labels: Vec<_> = drawn(&task).into_iter().map(|one| (one.1, one.2)).collect();
    labels.sort();
    assert_eq!(labels, [("leaf".to_owned(), 20), ("stem".to_owned(), 100)]);
}

#[test]
fn what_is_wrong_is_named() {
    let words = [
        json!({"rle": [1, 2, 300]}),
        json!({"rle": "x"}),
        json!({"rle": [0, 0, 0, 4]}),
        json!({"points": [[1, 2, 3]]}),
        json!({"radiusX": 3, "x": 1, "y": "a"}),
    ]
    .map(|value| {
        let result = json!({"value": value, "original_width": 40, "original_height": 20});
        let task =
            json!({"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [result]}]});
        let flaw = Task::parse(task.to_string().as_bytes()).unwrap().outlines(SIZE).unwrap_err();
        format!("{}: {}", flaw.place, flaw.message)
    });
    insta::assert_snapshot!(words.join("\n"), @r#"
        result 1 (): rle: expected a list of bytes, found other values
        result 1 (): rle: expected a list of bytes, found other values
        result 1 (): rle: expected 4 values for each of 40x20 pixels, 3200 in all, found 4
        result 1 (): point 1: expected [x, y], found [1,2,3]
        result 1 (): y: expected a number, found "a"
        "#);
    assert!(Task::parse(b"3").is_err());
}
