//! A model is used as its checkpoint says: ours as they were trained and validated, others as those who
//! published them do, and both as the command line asks.

mod support;

use std::collections::HashMap;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;
use support::{Place, text, works, write_pairs, write_tiny_model};

/// A model that was trained and validated in a way of its own, with its data.
struct Trained {
    place: Place,
    data: String,
}

impl Trained {
    fn new(geometry: &str, pad: u8) -> Self {
        let place = Place::new();
        let (images, masks) = write_pairs(place.path(), 8);
        let (images, masks) = (images.display(), masks.display());
        let set = |list, name| {
            format!("[[{list}]]\nname = \"{name}\"\nimages = \"{images}\"\nmasks = \"{masks}\"\n")
        };
        let (data, model) = (place.text("data.toml"), place.text("model.toml"));
        let text = format!("{}{}[plan]\npad = {pad}\n", set("train", "some"), set("valid", "all"));
        std::fs::write(&data, text).expect("written");
        write_tiny_model(Path::new(&model));
        let output = place.text("run");
        let mut args = vec!["train", "--data", &data, "--output", &output];
        args.extend(["--model-config", &model, "--input-size", "64", "--train", "all"]);
        args.extend(["--batch-size-train", "4", "--max-epoch-num", "2", "--geometry", geometry]);
        works(&args);
        Self { place, data }
    }

    fn checkpoint(&self) -> String {
        self.place.text("run/sam_hq_epoch_1.safetensors")
    }

    /// The checkpoint with other metadata: `change` gets what it says of conventions.
    fn with_conventions(&self, name: &str, change: impl Fn(&str) -> Option<String>) -> String {
        const KEY: &str = "maskwright.conventions";
        let bytes = std::fs::read(self.checkpoint()).expect("a checkpoint");
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("a header");
        let mut metadata: HashMap<String, String> =
            header.metadata().clone().expect("metadata of ours");
        let conventions = metadata.remove(KEY).expect("conventions of ours");
        metadata.extend(change(&conventions).map(|changed| (KEY.to_owned(), changed)));
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
        let changed = safetensors::serialize(file.tensors(), Some(metadata)).expect("written");
        let path = self.place.text(name);
        std::fs::write(&path, changed).expect("written");
        path
    }

    /// What `predict` says of a photograph that does not fill the input, and its logits.
    fn predict(&self, checkpoint: &str, more: &[&str]) -> (Value, String, Vec<u8>) {
        let photo = self.place.text("images/photo_00.jpg");
        let logits = self.place.text("logits.npy");
        let mut args = vec!["predict", "--checkpoint", checkpoint, "--image", &photo];
        args.extend(["--box", "5,20,60,90", "--logits", &logits, "--force", "--json"]);
        args.extend(more);
        let output = works(&args);
        let said = text(&output.stderr);
        let document = serde_json::from_slice(&output.stdout).expect("JSON");
        (document, said, std::fs::read(&logits).expect("logits"))
    }

    fn evaluate(&self, checkpoint: &str, more: &[&str]) -> (Value, String) {
        let mut args = vec!["eval", "--checkpoint", checkpoint, "--data", &self.data, "--json"];
        args.extend(more);
        let output = works(&args);
        let said = text(&output.stderr);
        (serde_json::from_slice(&output.stdout).expect("JSON"), said)
    }
}

/// Geometry and who said so.
fn used(document: &Value) -> (&str, &str) {
    let text = |key: &str| document[key].as_str().expect("a name");
    (text("geometry"), text("geometry_from"))
}

#[test]
fn ours_are_used_as_they_were_validated() {
    for geometry in ["longest_side", "squash"] {
        let trained = Trained::new(geometry, 128);
        let checkpoint = trained.checkpoint();
        let (document, said, _) = trained.predict(&checkpoint, &[]);
        assert_eq!(used(&document), (geometry, "checkpoint"));
        let words = said.replace(geometry, "[GEOMETRY]");
        insta::allow_duplicates! {
            assert_snapshot!(words, @"geometry [GEOMETRY], which the checkpoint was validated with");
        }

        // The same figures as the run's last validation, to the last bit.
        let (document, _) = trained.evaluate(&checkpoint, &[]);
        assert_eq!(used(&document), (geometry, "checkpoint"));
        let log = std::fs::read_to_string(trained.place.join("run/metrics.jsonl")).expect("a log");
        let last: Value = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .rfind(|entry| entry["kind"] == "epoch")
            .expect("an epoch");
        assert_eq!(document["sets"], last["validation"]);
    }
}

#[test]
fn others_are_predicted_as_published_and_evaluated_as_hq_sam_validates() {
    let trained = Trained::new("longest_side", 128);
    let foreign = trained.with_conventions("foreign.safetensors", |_| None);
    let (document, said, by_habit) = trained.predict(&foreign, &[]);
    assert_eq!(used(&document), ("sam", "default"));
    assert_snapshot!(said, @"note: geometry sam, as SAM's published predictor fits images: the checkpoint does not say what it was validated with (--geometry does)");
    let (document, said, asked) = trained.predict(&foreign, &["--geometry", "sam"]);
    assert_eq!(used(&document), ("sam", "caller"));
    assert_eq!(said, "");
    assert!(asked == by_habit);

    let (document, said) = trained.evaluate(&foreign, &[]);
    assert_eq!(used(&document), ("squash", "default"));
    assert_snapshot!(said, @"note: geometry squash, as HQ-SAM validates: the checkpoint does not say what it was validated with (--geometry does)");
    let (asked, said) = trained.evaluate(&foreign, &["--geometry", "squash"]);
    assert_eq!(used(&asked), ("squash", "caller"));
    assert_eq!(said, "");
    assert_eq!(asked["images"], document["images"]);
    let (asked, _) = trained.evaluate(&foreign, &["--geometry", "longest-side"]);
    assert_eq!(used(&asked), ("longest_side", "caller"));
}

#[test]
fn the_padding_is_the_checkpoints() {
    let trained = Trained::new("longest_side", 0);
    let (_, _, black) = trained.predict(&trained.checkpoint(), &[]);
    let padded = |name: &str, value: &str| {
        trained.with_conventions(name, |conventions| {
            let changed = conventions.replace("\"padding\":0,", &format!("\"padding\":{value},"));
            assert_ne!(changed, conventions, "the run's padding is remembered");
            Some(changed)
        })
    };
    let grey = trained.predict(&padded("grey.safetensors", "128"), &[]).2;
    let zero = trained.predict(&padded("zero.safetensors", "\"zero\""), &[]).2;
    assert!(black != grey && black != zero && grey != zero, "the padding reaches the model");
    // Without a word on it, what is asked for is padded as HQ-SAM trains.
    let foreign = trained.with_conventions("foreign.safetensors", |_| None);
    assert!(trained.predict(&foreign, &["--geometry", "longest_side"]).2 == grey);
}
