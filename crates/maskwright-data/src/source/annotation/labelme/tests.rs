use insta::assert_snapshot;
use maskwright_image::encode::png_grey;
use maskwright_image::mask::PolygonScratch;
use serde_json::json;

use maskwright_image::GreyImage;

use super::super::outline::Outlined;
use super::*;

const SIZE: Size = Size::new(20, 30);

fn read(shapes: Value) -> Result<OutlineFile, Flawed> {
    let text = json!({"shapes": shapes, "imagePath": "..\\photos\\a.jpg"}).to_string();
    LabelmeFile::parse(text.as_bytes())?.outlines(SIZE)
}

/// The area and the box xywh of each object.
fn areas(shapes: Value) -> Vec<(u64, [u32; 4])> {
    let mut mask = Rle::default();
    let objects = read(shapes).unwrap().objects;
    let area = |object: &Outlined| {
        object.draw(SIZE, &mut mask, &mut PolygonScratch::default()).unwrap();
        (mask.area(), mask.box_xywh())
    };
    objects.iter().map(area).collect()
}

#[test]
fn the_head_of_a_file_is_read() {
    let text = "\u{feff}{\"shapes\": [], \"imagePath\": \"..\\\\photos\\\\a.jpg\", \
                \"imageData\": \"AAAA\", \"imageHeight\": 20.0, \"imageWidth\": 30}";
    let file = LabelmeFile::parse(text.as_bytes()).unwrap();
    assert_eq!((file.image_path.as_str(), file.embedded), ("../photos/a.jpg", true));
    assert_eq!(file.size, Some(SIZE));
    let file =
        LabelmeFile::parse(br#"{"shapes": [], "imageHeight": 0, "imageData": null}"#).unwrap();
    assert_eq!((file.image_path.as_str(), file.embedded, file.size), ("", false, None));
}

#[test]
fn shapes_cover_what_their_type_says() {
    let rectangle = json!([{"label": "a", "shape_type": "rectangle", "points": [[7, 9], [2, 4]]}]);
    assert_eq!(areas(rectangle), [(25, [2, 4, 5, 5])]);
    let corners = json!([[2, 4], [7, 4], [7, 9], [2, 9]]);
    for kind in ["polygon", "rectangle", "rotation", "oriented_rectangle"] {
        let shape = json!([{"label": "a", "shape_type": kind, "points": corners}]);
        assert_eq!(areas(shape), [(25, [2, 4, 5, 5])], "{kind}");
    }
    // No type, as older releases write it.
    assert_eq!(areas(json!([{"label": "a", "points": corners}])), [(25, [2, 4, 5, 5])]);
    let without = json!([
        {"label": "a", "shape_type": "point", "points": [[1, 1]]},
        {"label": "a", "shape_type": "linestrip", "points": [[1, 1], [5, 5], [9, 1]]},
        {"label": "a", "shape_type": "line", "points": [[1, 1], [5, 5]]},
        {"label": "a", "points": [[1, 1], [5, 5]]},
        {"label": "a", "points": corners},
    ]);
    let file = read(without).unwrap();
    assert_eq!((file.without_outline, file.too_short), (vec![1, 2, 3], vec![4]));
    assert_eq!(file.objects[0].number, 5);
}

#[test]
fn circles_have_the_points_of_labelmes_export() {
    // int(pi / arccos(1 - 1 / r)) of NumPy for these radii.
    for (radius, count) in [(0.3, 12), (5.0, 12), (60.0, 17), (1000.0, 70)] {
        let circle = circle([10.0, 10.0], [10.0 + radius, 10.0]);
        assert_eq!(circle.len(), count, "{radius}");
        assert_eq!(circle[0], [10.0, 10.0 + radius]);
    }
}

#[test]
fn groups_are_one_object() {
    let square = |x: u32| json!([[x, 0], [x + 4, 0], [x + 4, 4], [x, 4]]);
    let shapes = json!([
        {"label": "a", "group_id": 1, "points": square(0)},
        {"label": "b", "group_id": 1, "points": square(8)},
        {"label": "a", "group_id": null, "points": square(16)},
        {"label": "a", "group_id": 1, "points": square(20)},
        {"label": "a", "points": square(2)},
    ]);
    let file = read(shapes.clone()).unwrap();
    let found: Vec<_> = file.objects.iter().map(|o| (o.number, o.label.as_str())).collect();
    assert_eq!(found, [(1, "a"), (2, "b"), (3, "a"), (5, "a")]);
    assert_eq!(areas(shapes)[0], (32, [0, 0, 24, 4]));
}

#[test]
fn masks_lie_where_their_points_say() {
    let png = |height: usize, width: usize, data: Vec<u8>| {
        let image = GreyImage::new(Size::new(height, width), data).unwrap();
        STANDARD.encode(png_grey(&image).unwrap())
    };
    let corner = png(2, 3, vec![1, 0, 1, 0, 1, 0]);
    let at = |x: f64, y: f64, mask: &str| {
        let points = json!([[x, y], [x + 2.0, y + 1.0]]);
        json!([{"label": "a", "shape_type": "mask", "points": points, "mask": mask}])
    };
    assert_eq!(areas(at(4.0, 5.9, &corner)), [(3, [4, 5, 3, 2])]);
    // Over the right border and above the upper one, what is outside is cut off.
    assert_eq!(areas(at(28.0, 5.0, &corner)), [(2, [28, 5, 2, 2])]);
    assert_eq!(areas(at(4.0, -1.0, &corner)), [(1, [5, 0, 1, 1])]);
    assert_eq!(areas(at(40.0, 40.0, &corner)), [(0, [0; 4])]);
    let joined = json!([
        {"label": "a", "group_id": "x", "shape_type": "mask", "points": [[4, 5], [6, 6]], "mask": corner},
        {"label": "a", "group_id": "x", "shape_type": "mask", "points": [[5, 5], [7, 6]], "mask": corner},
        {"label": "a", "group_id": "x", "points": [[20, 0], [24, 0], [24, 4], [20, 4]]},
    ]);
    assert_eq!(areas(joined), [(6 + 16, [4, 0, 20, 7])]);
}

#[test]
fn other_files_are_refused() {
    let file = |text: &str| {
        let Flawed { place, message } = LabelmeFile::parse(text.as_bytes()).unwrap_err();
        format!("{place}: {message}")
    };
    let files =
        ["[]", "{\"images\": []}", "{\"shapes\": {}}", "{\"shapes\": [], \"imagePath\": 3}"];
    assert_snapshot!(files.map(file).join("\n"), @"
        : expected Labelme's JSON with shapes and imagePath, found no shapes
        : expected Labelme's JSON with shapes and imagePath, found no shapes
        shapes: expected a list, found an object {...}
        imagePath: expected a text, found 3
        ");
    let shape = |shape: Value| {
        let Flawed { place, message } = read(json!([shape])).unwrap_err();
        format!("{place}: {message}")
    };
    let square = json!([[0, 0], [4, 4]]);
    let shapes = [
        json!(7),
        json!({"label": [1], "points": []}),
        json!({"label": "a"}),
        json!({"label": "a", "points": [[0, 0], [1, "x"], [1, 1]]}),
        json!({"label": "a", "points": [[0, 0, 1]]}),
        json!({"label": "a", "points": square, "shape_type": "cuboid"}),
        json!({"label": "a", "points": [[0, 0]], "shape_type": "circle"}),
        json!({"points": [[0, 0]], "shape_type": "rectangle"}),
        json!({"label": "a", "points": square, "shape_type": "mask"}),
        json!({"label": "a", "points": square, "shape_type": "mask", "mask": "%%"}),
        json!({"label": "a", "points": square, "shape_type": "mask", "mask": "AAAA"}),
        json!({"label": "a", "points": square, "shape_type": "mask",
               "mask": STANDARD.encode(png_grey(&GreyImage::filled(SIZE, 1)).unwrap())}),
    ];
    assert_snapshot!(shapes.map(shape).join("\n"), @r#"
        shape 1: expected {label, points, shape_type}, found 7
        shape 1: label: expected a text, found [1]
        shape 1 (a): points: expected a list of [x, y], found none
        shape 1 (a): point 2: expected [x, y], found [1,"x"]
        shape 1 (a): point 1: expected [x, y], found [0,0,1]
        shape 1 (a): shape_type: expected polygon, rectangle, circle, mask, point, line or linestrip, found "cuboid"
        shape 1 (a): points: expected the centre and a point of a circle, found 1
        shape 1: points: expected 2 opposite corners of a rectangle, found 1
        shape 1 (a): mask: expected a PNG in base64, found none
        shape 1 (a): mask: expected a PNG in base64, found other text (Invalid symbol 37, offset 0.)
        shape 1 (a): mask: expected a PNG in base64: not an image of a known format
        shape 1 (a): mask: expected as many pixels as its points say, 5x5, found 30x20 (width x height)
        "#);
}
