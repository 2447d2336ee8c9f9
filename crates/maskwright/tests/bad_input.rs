//! Bad input: one clear line with file, expected and found; status 2 for usage, 1 for data;
//! no panic, nothing half-written.

mod support;

use std::path::Path;

use support::{Place, refused, write_pairs, write_tiny_model};

/// Arguments of a run that would work but for what a test breaks.
fn train<'a>(images: &'a str, masks: &'a str, model: &'a str, output: &'a str) -> Vec<&'a str> {
    vec![
        "train",
        "--images",
        images,
        "--masks",
        masks,
        "--model-config",
        model,
        "--input-size",
        "64",
        "--train",
        "all",
        "--max-epoch-num",
        "1",
        // Every pair is looked at in the one epoch.
        "--batch-size-train",
        "1",
        "--hold-out",
        "0",
        "--output",
        output,
    ]
}

struct Case {
    place: Place,
    images: String,
    masks: String,
    model: String,
    output: String,
}

impl Case {
    fn new() -> Self {
        let place = Place::new();
        let (images, masks) = write_pairs(place.path(), 6);
        let model = place.text("model.toml");
        write_tiny_model(Path::new(&model));
        Self {
            images: images.display().to_string(),
            masks: masks.display().to_string(),
            model,
            output: place.text("run"),
            place,
        }
    }

    fn args(&self) -> Vec<&str> {
        train(&self.images, &self.masks, &self.model, &self.output)
    }

    /// The run is refused, and left no folder behind.
    fn refused(&self, status: i32, words: &[&str]) {
        refused(&self.args(), status, words);
        assert!(!Path::new(&self.output).exists(), "nothing was written");
    }
}

#[test]
fn missing_and_empty_folders() {
    let mut case = Case::new();
    case.images = case.place.text("nowhere");
    case.refused(1, &["nowhere"]);
    case.images = case.place.text("empty");
    std::fs::create_dir(&case.images).expect("created");
    case.refused(1, &["empty", "jpg"]);
}

#[test]
fn an_image_without_a_mask_and_the_reverse() {
    let case = Case::new();
    std::fs::remove_file(Path::new(&case.masks).join("photo_03.png")).expect("removed");
    case.refused(1, &["photo_03"]);
    let case = Case::new();
    std::fs::remove_file(Path::new(&case.images).join("photo_02.jpg")).expect("removed");
    case.refused(1, &["photo_02"]);
}

#[test]
fn sizes_that_differ_and_files_that_are_no_images() {
    let case = Case::new();
    let other = Path::new(&case.masks).join("photo_01.png");
    std::fs::copy(other, Path::new(&case.masks).join("photo_00.png")).expect("copied");
    refused(&case.args(), 1, &["photo_00.jpg", "photo_00.png", "90x110"]);

    let case = Case::new();
    std::fs::write(Path::new(&case.images).join("photo_04.jpg"), "not a picture").expect("written");
    refused(&case.args(), 1, &["photo_04.jpg"]);

    let case = Case::new();
    std::fs::write(Path::new(&case.images).join("photo_05.jpg"), "").expect("written");
    refused(&case.args(), 1, &["photo_05.jpg"]);
}

#[test]
fn sizes_of_the_input_are_multiples_of_16() {
    let case = Case::new();
    let mut args = case.args();
    let place = args.iter().position(|arg| *arg == "64").expect("there");
    args[place] = "1000";
    refused(&args, 2, &["--input-size", "1000", "992", "1008"]);
}

#[test]
fn a_checkpoint_of_another_type_or_none_at_all() {
    let case = Case::new();
    let run = support::works(&case.args());
    drop(run);
    let checkpoint = format!("{}/sam_hq_epoch_0.safetensors", case.output);
    let other = case.place.text("other");
    let data = ["--images", &case.images, "--masks", &case.masks, "--output", &other];
    let with = |more: &[&'static str], file: &str| -> Vec<String> {
        let mut args = vec!["train".to_owned(), "--input-size".into(), "64".into()];
        args.extend(data.iter().map(|arg| (*arg).to_owned()));
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args.extend(["--checkpoint".to_owned(), file.to_owned()]);
        args
    };
    let as_refs = |args: &[String]| -> Vec<String> { args.to_vec() };
    let args = as_refs(&with(&["--model-type", "vit_b"], &checkpoint));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(&args, 1, &["sam_hq_epoch_0.safetensors", "vit_b", "custom"]);
    let args = with(&["--model-type", "vit_x"], &checkpoint);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(&args, 2, &["vit_x"]);
    let args = with(&[], &case.images);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(&args, 1, &["images"]);
    let text = case.place.text("text.pth");
    std::fs::write(&text, "hello").expect("written");
    let args = with(&[], &text);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(&args, 1, &["text.pth"]);
    assert!(!Path::new(&other).exists());
    // A checkpoint cut short is named, not half-read.
    let bytes = std::fs::read(&checkpoint).expect("read");
    let cut = case.place.text("cut.safetensors");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    let args = with(&[], &cut);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(&args, 1, &["cut.safetensors"]);
}

#[test]
fn prompts_and_data_that_contradict() {
    let case = Case::new();
    refused(&["train", "--output", &case.output], 2, &["--images", "--data", "--hqseg44k"]);
    refused(
        &["predict", "--checkpoint", "a", "--image", "b", "--output", "c"],
        2,
        &["--box", "--point", "--mask"],
    );
    let data = case.place.text("data.toml");
    std::fs::write(&data, "[[train]]\nname = \"a\"\nimage = \"x\"\nmasks = \"y\"\n")
        .expect("written");
    refused(
        &["train", "--data", &data, "--model-config", &case.model, "--output", &case.output],
        1,
        &["data.toml", "image", "images"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_partial_file() {
    // /dev/full accepts no byte; a folder there cannot be made, so the output itself is refused.
    let case = Case::new();
    let mut args = case.args();
    let last = args.len() - 1;
    args[last] = "/dev/full/run";
    refused(&args, 1, &["/dev/full/run"]);
}

#[test]
fn devices_that_are_not_there_are_refused_before_anything_is_read() {
    let case = Case::new();
    for (more, word) in [
        (["--device", "tpu"], "tpu"),
        // No machine has so many, and a build without CUDA has none.
        (["--device", "cuda:977"], "--device"),
        (["--precision", "bf16"], "f32 on the CPU"),
        (["--precision", "f64"], "f64"),
    ] {
        let mut args = case.args();
        args.extend(more);
        refused(&args, 2, &[word]);
        assert!(!Path::new(&case.output).exists());
    }
    let predict = ["predict", "--checkpoint", "nowhere.pth", "--image", "nowhere.jpg"];
    let asks = ["--box", "1,1,5,5", "--output", "m.png", "--device", "cuda:977"];
    refused(&[predict.as_slice(), &asks].concat(), 2, &["--device"]);
}
