//! Images that are damaged and can be decoded all the same: told and counted, or refused where only sound ones are wanted.

mod support;

use insta::assert_snapshot;
use serde_json::{Value, json};
use support::{Place, refused, text, trained, works};

/// A model, trained for a moment, and the pairs that it was trained on, of which one image was cut short since.
struct Cut {
    place: Place,
    checkpoint: String,
    images: String,
    masks: String,
    photo: String,
}

impl Cut {
    fn new() -> Self {
        let place = Place::new();
        let args = trained(&place, &place.text("run"));
        works(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let photo = place.text("images/photo_01.jpg");
        let bytes = std::fs::read(&photo).expect("read");
        std::fs::write(&photo, &bytes[..bytes.len() * 6 / 10]).expect("written");
        let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
        let (images, masks) = (place.text("images"), place.text("masks"));
        Self { place, checkpoint, images, masks, photo }
    }

    /// A command line with the model, and what the flags say.
    fn args<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&[command, "--checkpoint", &self.checkpoint][..], more].concat()
    }
}

/// What is odd about an image that was cut short.
const ODD: [&str; 2] = [
    "the file ends too early, the missing part was filled in",
    "damaged data was skipped: Premature end of JPEG file",
];

/// The warnings about a file or a record in a document.
fn warnings(key: &str, name: &str) -> Value {
    ODD.iter().map(|text| json!({ key: name, "text": text })).collect()
}

/// What a command says, and its document.
fn said(args: &[&str]) -> (String, Value) {
    let output = works(args);
    (text(&output.stderr), serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn a_prediction_on_a_damaged_image_says_so() {
    let cut = Cut::new();
    let mask = cut.place.text("mask.png");
    let asked = ["--image", &cut.photo, "--box", "5,20,60,90", "--output", &mask, "--json"];
    let (stderr, found) = said(&cut.args("predict", &asked));
    assert_snapshot!(stderr, @"
        geometry longest_side, which the checkpoint was validated with
        note: [DIR]/images/photo_01.jpg: the file ends too early, the missing part was filled in
        note: [DIR]/images/photo_01.jpg: damaged data was skipped: Premature end of JPEG file
        ");
    assert_eq!(found["warnings"], warnings("file", &cut.photo));
    let strict = cut.args("predict", &[&asked[..], &["--strict", "--force"]].concat());
    assert_snapshot!(refused(&strict, 1), @r#"
        geometry longest_side, which the checkpoint was validated with
        {"schema":1,"error":{"code":"data","message":"[DIR]/images/photo_01.jpg: the file ends too early, the missing part was filled in (--strict refuses such files)","file":"[DIR]/images/photo_01.jpg","expected":null,"found":null,"status":1}}
        "#);

    let output = cut.place.text("everything");
    let asked = ["--input", &cut.images, "--output", &output, "--points-per-side", "2", "--json"];
    let (stderr, found) = said(&cut.args("masks", &asked));
    assert_snapshot!(stderr, @"
        geometry longest_side, which the checkpoint was validated with
        note: this checkpoint was trained on prompts of at least 10 points, and `masks` asks about single points: expect little of it. `maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)
        4 images with [DIR]/run/sam_hq_epoch_0.safetensors, SAM mask, into [DIR]/everything
        note: [DIR]/images/photo_01.jpg: the file ends too early, the missing part was filled in
        note: [DIR]/images/photo_01.jpg: damaged data was skipped: Premature end of JPEG file
        note: no mask in any of 3 images: try --pred-iou-thresh 0 --stability-score-thresh 0.5, and look at what that finds (--overlay); this checkpoint was trained on prompts of at least 10 points, and `masks` asks about single points. `maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)
        note: no mask in any of 4 images: try --pred-iou-thresh 0 --stability-score-thresh 0.5, and look at what that finds (--overlay); this checkpoint was trained on prompts of at least 10 points, and `masks` asks about single points. `maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)
        4 images: 4 whole, 0 refused; 0 masks, none in 4 images: [DIR]/everything/results.jsonl
        ");
    let expected = [json!([]), warnings("file", &cut.photo), json!([]), json!([])];
    for (image, expected) in found["images"].as_array().expect("a list").iter().zip(&expected) {
        assert_eq!(image["warnings"], *expected);
    }
    // Behind the one about what the model has learned from.
    let told = found["warnings"].as_array().expect("a list");
    assert_eq!(json!(told[1..]), warnings("file", &cut.photo));
    let strict =
        cut.args("masks", &[&asked[..], &["--strict", "--force", "--on-refusal", "fail"]].concat());
    assert_snapshot!(refused(&strict, 1), @r#"
        geometry longest_side, which the checkpoint was validated with
        note: this checkpoint was trained on prompts of at least 10 points, and `masks` asks about single points: expect little of it. `maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)
        4 images with [DIR]/run/sam_hq_epoch_0.safetensors, SAM mask, into [DIR]/everything
        {"schema":1,"error":{"code":"data","message":"[DIR]/images/photo_01.jpg: the file ends too early, the missing part was filled in (--strict refuses such files)","file":"[DIR]/images/photo_01.jpg","expected":null,"found":null,"status":1}}
        "#);
}

#[test]
fn predictions_on_many_images_list_what_was_odd() {
    let cut = Cut::new();
    let prompts = cut.place.text("prompts.jsonl");
    let one = |number: usize| {
        format!("{{\"image\": \"photo_0{number}.jpg\", \"box\": [5, 20, 60, 90]}}\n")
    };
    std::fs::write(&prompts, (0..4).map(one).collect::<String>()).expect("written");
    let output = cut.place.text("found");
    let asked = ["--input", &cut.images, "--prompts", &prompts, "--output", &output, "--json"];
    let (stderr, found) = said(&cut.args("predict", &asked));
    assert!(
        stderr.contains("note: the first warning: photo_01.jpg: the file ends too early"),
        "{stderr}"
    );
    let told = found["warnings"].as_array().expect("a list");
    let of_cut: Value = told.iter().filter(|one| one["file"] == "photo_01.jpg").cloned().collect();
    assert_eq!(of_cut, warnings("file", "photo_01.jpg"));
    // All the same where all was done before.
    assert_eq!(said(&cut.args("predict", &asked)).1["warnings"], found["warnings"]);
}

#[test]
fn prepared_records_that_are_damaged_are_named() {
    let cut = Cut::new();
    let output = cut.place.text("shards");
    let asked = ["prep", "--images", &cut.images, "--masks", &cut.masks, "--output", &output];
    let asked = [&asked[..], &["--json"]].concat();
    // Made, and found to be there.
    for _ in 0..2 {
        let (stderr, found) = said(&asked);
        assert_eq!(
            stderr,
            "note: images/photo_01: image: the file ends too early, the missing part was filled in\n"
        );
        assert_eq!((&found["ok"], &found["warned"]), (&json!(3), &json!(1)));
        let text = format!("image: {}", ODD[0]);
        let odd = json!([{ "record": "images/photo_01", "text": text }]);
        assert_eq!(found["warnings"], odd);
    }
}

#[test]
fn measured_files_that_are_damaged_are_named() {
    let cut = Cut::new();
    let pairs = ["--images", &cut.images, "--masks", &cut.masks, "--size", "64", "--json"];
    let (stderr, found) = said(&[&["bench", "data", "--repeat", "1"], &pairs[..]].concat());
    assert_snapshot!(stderr, @"note: 2 warnings: images/photo_01: the file ends too early, the missing part was filled in; images/photo_01: damaged data was skipped: Premature end of JPEG file");
    assert_eq!(found["warnings"], warnings("record", "images/photo_01"));
    let loader = ["bench", "loader", "--repeat", "1", "--samples", "4", "--threads", "1"];
    let (stderr, found) = said(&[&loader, &pairs[..]].concat());
    let told = "samples with a warning (truncated), the first records: images/photo_01";
    assert!(stderr.contains(told), "{stderr}");
    assert_eq!(found["warnings"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_evaluation_counts_damaged_records() {
    let cut = Cut::new();
    let asked = ["--images", &cut.images, "--masks", &cut.masks, "--json"];
    let (stderr, found) = said(&cut.args("eval", &asked));
    assert_snapshot!(stderr, @"
        geometry longest_side, which the checkpoint was validated with
        note: set images: this checkpoint was trained on 75% of its images, by their names and lengths: its figures say little about new images. --run RUN evaluates on what a run held out
        note: 2 warnings: images/photo_01: the file ends too early, the missing part was filled in; images/photo_01: damaged data was skipped: Premature end of JPEG file
        ");
    // Behind the one about what the model has seen.
    let told = found["warnings"].as_array().expect("a list");
    assert_eq!(json!(told[1..]), warnings("record", "images/photo_01"));
    assert_eq!((&found["sets"][0]["images"], &found["sets"][0]["objects"]), (&json!(4), &json!(4)));
    let strict = cut.args("eval", &[&asked[..], &["--strict"]].concat());
    assert_snapshot!(refused(&strict, 1), @r#"
        geometry longest_side, which the checkpoint was validated with
        note: set images: this checkpoint was trained on 75% of its images, by their names and lengths: its figures say little about new images. --run RUN evaluates on what a run held out
        {"schema":1,"error":{"code":"data","message":"record images/photo_01: [DIR]/images/photo_01.jpg: the file ends too early, the missing part was filled in (strict = true refuses such files)","file":"[DIR]/images/photo_01.jpg","expected":null,"found":null,"status":1}}
        "#);

    // Of many the first are named.
    for number in [0, 2, 3] {
        let file = cut.place.join(&format!("images/photo_0{number}.jpg"));
        let bytes = std::fs::read(&file).expect("read");
        std::fs::write(&file, &bytes[..bytes.len() * 6 / 10]).expect("written");
    }
    let (stderr, found) = said(&cut.args("eval", &asked));
    assert_snapshot!(stderr, @"
        geometry longest_side, which the checkpoint was validated with
        note: 8 warnings, the first 3: images/photo_00: the file ends too early, the missing part was filled in; images/photo_00: damaged data was skipped: Premature end of JPEG file; images/photo_01: the file ends too early, the missing part was filled in; --json lists all
        ");
    assert_eq!(found["warnings"].as_array().map(Vec::len), Some(8));
}

#[test]
fn a_preview_names_damaged_records() {
    let cut = Cut::new();
    let sheet = cut.place.text("sheet.png");
    let asked = ["preview", "--images", &cut.images, "--masks", &cut.masks, "--output", &sheet];
    let asked = [&asked[..], &["--input-size", "64", "--range", "0..4", "--json"]].concat();
    let (stderr, found) = said(&asked);
    let tiles = &found["tiles"];
    assert_snapshot!(stderr, @"note: 2 warnings: images/photo_01: the file ends too early, the missing part was filled in; images/photo_01: damaged data was skipped: Premature end of JPEG file");
    let odd = warnings("record", "images/photo_01");
    assert_eq!((&tiles[0]["warnings"], &tiles[1]["warnings"]), (&json!([]), &odd));
    assert_eq!(found["warnings"], odd);
    let strict = [&asked[..], &["--strict", "--force"]].concat();
    assert_snapshot!(refused(&strict, 1), @r#"{"schema":1,"error":{"code":"data","message":"record images/photo_01: [DIR]/images/photo_01.jpg: the file ends too early, the missing part was filled in (strict = true refuses such files)","file":"[DIR]/images/photo_01.jpg","expected":null,"found":null,"status":1}}"#);
}
