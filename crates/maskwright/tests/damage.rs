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
    assert_snapshot!(stderr, @"");
    let text = "the file ends too early, the missing part was filled in";
    assert_eq!(found["warnings"], json!([{ "file": cut.photo, "text": text }]));
    let strict = cut.args("predict", &[&asked[..], &["--strict", "--force"]].concat());
    assert_snapshot!(refused(&strict, 1), @"");

    let output = cut.place.text("everything");
    let asked = ["--input", &cut.images, "--output", &output, "--points-per-side", "2", "--json"];
    let (stderr, found) = said(&cut.args("masks", &asked));
    assert_snapshot!(stderr, @"");
    let warnings = [json!([]), json!([{ "file": cut.photo, "text": text }]), json!([]), json!([])];
    for (image, warnings) in found.as_array().expect("a list").iter().zip(&warnings) {
        assert_eq!(image["warnings"], *warnings);
    }
    let strict = cut.args("masks", &[&asked[..], &["--strict", "--force"]].concat());
    assert_snapshot!(refused(&strict, 1), @"");
}

#[test]
fn an_evaluation_counts_damaged_records() {
    let cut = Cut::new();
    let asked = ["--images", &cut.images, "--masks", &cut.masks, "--json"];
    let (stderr, found) = said(&cut.args("eval", &asked));
    assert_snapshot!(stderr, @"");
    let text = "the file ends too early, the missing part was filled in";
    assert_eq!(found["warnings"], json!([{ "record": "images/photo_01", "text": text }]));
    assert_eq!((&found["sets"][0]["images"], &found["sets"][0]["objects"]), (&json!(4), &json!(4)));
    let strict = cut.args("eval", &[&asked[..], &["--strict"]].concat());
    assert_snapshot!(refused(&strict, 1), @"");

    // Of many the first are named.
    for number in [0, 2, 3] {
        let file = cut.place.join(&format!("images/photo_0{number}.jpg"));
        let bytes = std::fs::read(&file).expect("read");
        std::fs::write(&file, &bytes[..bytes.len() * 6 / 10]).expect("written");
    }
    let (stderr, found) = said(&cut.args("eval", &asked));
    assert_snapshot!(stderr, @"");
    assert_eq!(found["warnings"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_preview_names_damaged_records() {
    let cut = Cut::new();
    let sheet = cut.place.text("sheet.png");
    let asked = ["preview", "--images", &cut.images, "--masks", &cut.masks, "--output", &sheet];
    let asked = [&asked[..], &["--input-size", "64", "--range", "0..4", "--json"]].concat();
    let (stderr, tiles) = said(&asked);
    assert_snapshot!(stderr, @"");
    let text = "the file ends too early, the missing part was filled in";
    let warnings = json!([{ "record": "images/photo_01", "text": text }]);
    assert_eq!((&tiles[0]["warnings"], &tiles[1]["warnings"]), (&json!([]), &warnings));
    let strict = [&asked[..], &["--strict", "--force"]].concat();
    assert_snapshot!(refused(&strict, 1), @"");
}
