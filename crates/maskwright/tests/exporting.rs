//! `maskwright export`: a set in another shape, from the command line.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use support::{Place, refused, text, without_width, works, write_pairs};

#[test]
fn a_folder_becomes_coco_and_comes_back() {
    let place = Place::new();
    let [data, coco, back] = ["data", "coco", "back"].map(|name| place.text(name));
    std::fs::create_dir(&data).expect("created");
    let (images, masks) = write_pairs(Path::new(&data), 3);
    let said = works(&["export", &data, &coco, "--as", "coco"]);
    assert_snapshot!(without_width(&text(&said.stdout)), @"
        what  value
        --
        written  [DIR]/coco as coco
        train  3 images, 3 objects
        ");
    assert_snapshot!(text(&said.stderr), @"
        [DIR]/data looks like images with masks: 3 images, 3 masks; writing it
        train on it: maskwright train --data [DIR]/coco/data.toml
        ");
    // From the instances file to masks again, which are those that it was made of.
    let file = place.text("coco/annotations.json");
    works(&["export", &file, &back, "--as", "masks"]);
    for name in ["photo_00", "photo_01", "photo_02"] {
        let read = |path: std::path::PathBuf| std::fs::read(path).expect("a file");
        let copied = place.join(&format!("back/images/{name}.jpg"));
        assert_eq!(read(copied), read(images.join(format!("{name}.jpg"))));
        let mask = place.join(&format!("back/masks/{name}.png"));
        assert_eq!(read(mask), read(masks.join(format!("{name}.png"))));
    }
    let json = works(&[
        "export",
        "--images",
        &place.text("data/images"),
        "--masks",
        &place.text("data/masks"),
        &place.text("yolo"),
        "--as",
        "yolo",
        "--json",
    ]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&document["shape"], &document["parts"][0]["images"]), (&"yolo".into(), &3.into()));
    assert_eq!(document["parts"][0]["objects"], 3);
    assert_eq!(text(&json.stderr), "");
    // The result passes the doctor.
    works(&["doctor", &place.text("yolo")]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    let data = place.text("data");
    std::fs::create_dir(&data).expect("created");
    write_pairs(Path::new(&data), 2);
    let out = place.text("out");
    assert_snapshot!(refused(&["export", &data, "--as", "coco"], 2), @"error: expected DATA and OUT, or flags that say where the data are and OUT, found [DIR]/data alone");
    assert_snapshot!(refused(&["export", &data, &out, "--as", "coco", "--images", &data, "--masks", &data], 2), @"error: expected DATA and OUT, or flags that say where the data are and OUT, found [DIR]/data [DIR]/out beside such flags");
    assert_snapshot!(refused(&["export", &data, &data, "--as", "coco"], 2), @"
        [DIR]/data looks like images with masks: 2 images, 2 masks; writing it
        error: the output: expected a path where nothing is, found [DIR]/data, which is there
        ");
    assert_snapshot!(refused(&["export", &data, "-", "--as", "coco"], 2), @"
        [DIR]/data looks like images with masks: 2 images, 2 masks; writing it
        error: OUT: expected a folder, found -
        ");
    assert_snapshot!(refused(&["export", &data, &out, "--as", "voc"], 2), @"
        error: invalid value 'voc' for '--as <SHAPE>'
          [possible values: coco, masks, instances, sa1b, yolo, webdataset]

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["export", &place.text("nowhere"), &out, "--as", "coco"], 1), @"error: cannot read [DIR]/nowhere: No such file or directory (os error 2)");
    std::fs::create_dir(place.join("empty")).expect("created");
    assert_snapshot!(refused(&["export", &place.text("empty"), &out, "--as", "coco"], 2), @"error: [DIR]/empty: expected one data set, found no image and no folder; say what it is: `maskwright export --images DIR --masks DIR`, or `maskwright export --coco JSON --images DIR`");
    assert!(!place.join("out").exists());
}
