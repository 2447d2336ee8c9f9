//! Folders that are named without a word about what they hold.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use support::{Place, maskwright, refused, text, works, write_pairs, write_tiny_model};

/// Trains for a moment on a folder.
fn train<'a>(folder: &'a str, model: &'a str, output: &'a str) -> Vec<&'a str> {
    let small = ["--model-config", model, "--input-size", "64", "--train", "all"];
    let short = ["--max-epoch-num", "1", "--hold-out", "25", "--output", output];
    [&["train", folder][..], &small, &short].concat()
}

#[test]
fn a_folder_trains_and_a_line_says_what_it_is_taken_for() {
    let place = Place::new();
    let (data, model, output) = (place.text("data"), place.text("model.toml"), place.text("run"));
    std::fs::create_dir(&data).expect("created");
    write_pairs(Path::new(&data), 4);
    write_tiny_model(Path::new(&model));
    let said = works(&train(&data, &model, &output));
    let said = text(&said.stderr) + &text(&said.stdout);
    let line = "[DIR]/data looks like images with masks: 4 images, 4 masks; training on it";
    assert!(said.contains(line), "{said}");
    assert!(place.join("run/sam_hq_epoch_0.safetensors").is_file());
    // Flags say how its masks are read.
    let pieces = place.text("pieces");
    works(&[train(&data, &model, &pieces), vec!["--mask-kind", "components"]].concat());
    let config = std::fs::read_to_string(place.join("pieces/config.toml")).expect("written");
    assert!(config.contains("mask_kind = \"components\""), "{config}");
    let wrong = [train(&data, &model, &pieces), vec!["--crowds", "--overwrite"]].concat();
    assert_snapshot!(refused(&wrong, 2), @r#"
        [DIR]/data looks like images with masks: 4 images, 4 masks; training on it
        error: --crowds: expected annotations of COCO, found a set of kind "pairs"
        "#);
}

#[test]
fn the_doctor_says_what_a_folder_is_taken_for() {
    let place = Place::new();
    let data = place.text("data");
    std::fs::create_dir(&data).expect("created");
    write_pairs(Path::new(&data), 4);
    let said = |args: &[&str]| text(&maskwright(&[&["doctor"], args].concat()).stderr);
    let line = "[DIR]/data looks like images with masks: 4 images, 4 masks; looking at it\n";
    for args in [&[data.as_str()][..], &[&data, "--json"], &[&data, "--mask-kind", "components"]] {
        let said = said(args);
        assert!(said.starts_with(line), "{args:?}: {said}");
        assert!(said.lines().nth(1).is_none_or(|line| line.contains("--input-size")), "{said}");
    }
    // What a file is, its ending says.
    let file = place.text("data/data.toml");
    let sets = "[[train]]\nname = \"a\"\nimages = \"images\"\nmasks = \"masks\"\n";
    std::fs::write(&file, sets).expect("written");
    assert!(!said(&[&file]).contains("looks like"), "a data file is what it says");
}

#[test]
fn what_is_unclear_is_described_with_two_command_lines() {
    let place = Place::new();
    let (data, output) = (place.text("data"), place.text("run"));
    std::fs::create_dir(&data).expect("created");
    assert_snapshot!(refused(&["train", &data, "--output", &output], 2), @"error: [DIR]/data: expected one data set, found no image and no folder; say what it is: `maskwright train --images DIR --masks DIR`, or `maskwright train --coco JSON --images DIR`");
    write_pairs(Path::new(&data), 2);
    std::fs::create_dir(place.join("data/labels")).expect("created");
    std::fs::write(place.join("data/labels/0.txt"), "0 0 0 1 0 1 1\n").expect("written");
    assert_snapshot!(refused(&["train", &data, "--output", &output], 2), @"error: [DIR]/data: expected one data set, found the folders images, labels, masks; say what it is: `maskwright train --yolo [DIR]/data/images` (YOLO: 2 images, 1 label file), or `maskwright train --images [DIR]/data/images --masks [DIR]/data/masks` (images with masks: 2 images, 2 masks)");
    assert_snapshot!(refused(&["doctor", &data], 2), @"error: [DIR]/data: expected one data set, found the folders images, labels, masks; say what it is: `maskwright doctor --yolo [DIR]/data/images` (YOLO: 2 images, 1 label file), or `maskwright doctor --images [DIR]/data/images --masks [DIR]/data/masks` (images with masks: 2 images, 2 masks)");
    let file = place.text("data.toml");
    std::fs::write(&file, "").expect("written");
    assert_snapshot!(refused(&["train", &file, "--output", &output], 2), @"error: [DIR]/data.toml: expected a folder, found a file; give it with its flag, such as --data [DIR]/data.toml");
    std::fs::write(place.join("data/annotations.xml"), "").expect("written");
    assert_snapshot!(refused(&["train", &data, "--output", &output], 2), @r#"error: [DIR]/data looks like an annotations.xml that is not CVAT's "CVAT for images 1.1", which is not read; export the task in that format, with "Save images""#);
}
