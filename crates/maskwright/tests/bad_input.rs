//! Bad input: one clear line with file, expected and found; status 2 for usage, 1 for data;
//! no panic, nothing half-written.

mod support;

use std::path::Path;

use insta::assert_snapshot;
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

    /// What the run is refused with; it leaves no folder behind.
    fn refused(&self, status: i32) -> String {
        let stderr = refused(&self.args(), status);
        assert!(!Path::new(&self.output).exists(), "nothing was written");
        stderr
    }
}

#[test]
fn missing_and_empty_folders() {
    let mut case = Case::new();
    case.images = case.place.text("nowhere");
    assert_snapshot!(case.refused(1), @"error: set nowhere: the folder of its images does not exist: [DIR]/nowhere");
    case.images = case.place.text("empty");
    std::fs::create_dir(&case.images).expect("created");
    assert_snapshot!(case.refused(1), @"error: set empty: no images in [DIR]/empty: expected files that end in .jpg, .jpeg, .png, .tif, .tiff, .webp, .avif, .jxl, .bmp, .gif, .qoi, .ppm, .pgm, .pbm, .pnm, .pam, found nothing");
}

#[test]
fn an_image_without_a_mask_and_the_reverse() {
    let case = Case::new();
    std::fs::remove_file(Path::new(&case.masks).join("photo_03.png")).expect("removed");
    assert_snapshot!(case.refused(1), @r#"
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: set images: 1 images of [DIR]/images have no mask in [DIR]/masks: photo_03.jpg; add the missing files or set unmatched = "skip" (--skip-unmatched)
        "#);
    let case = Case::new();
    std::fs::remove_file(Path::new(&case.images).join("photo_02.jpg")).expect("removed");
    assert_snapshot!(case.refused(1), @r#"
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: set images: 1 masks of [DIR]/masks have no image in [DIR]/images: photo_02.png; add the missing files or set unmatched = "skip" (--skip-unmatched)
        "#);
}

#[test]
fn sizes_that_differ_and_files_that_are_no_images() {
    let case = Case::new();
    let other = Path::new(&case.masks).join("photo_01.png");
    std::fs::copy(other, Path::new(&case.masks).join("photo_00.png")).expect("copied");
    assert_snapshot!(refused(&case.args(), 1), @"
        note: no checkpoint: all weights start fresh (seed 42)
        6 images, 6 steps per epoch, epochs 1 to 1, input of 64 x 64 pixels; training 283,688 of 283,752 parameters
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: record images/photo_00: the mask [DIR]/masks/photo_00.png is 103x99, but the image [DIR]/images/photo_00.jpg is 90x110 (width x height); expected the same size
        ");

    let case = Case::new();
    std::fs::write(Path::new(&case.images).join("photo_04.jpg"), "not a picture").expect("written");
    assert_snapshot!(refused(&case.args(), 1), @"
        note: no checkpoint: all weights start fresh (seed 42)
        6 images, 6 steps per epoch, epochs 1 to 1, input of 64 x 64 pixels; training 283,688 of 283,752 parameters
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: record images/photo_04: [DIR]/images/photo_04.jpg: not an image of a known format
        ");

    let case = Case::new();
    std::fs::write(Path::new(&case.images).join("photo_05.jpg"), "").expect("written");
    assert_snapshot!(refused(&case.args(), 1), @"
        note: no checkpoint: all weights start fresh (seed 42)
        6 images, 6 steps per epoch, epochs 1 to 1, input of 64 x 64 pixels; training 283,688 of 283,752 parameters
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: record images/photo_05: [DIR]/images/photo_05.jpg: the file is empty
        ");
}

#[test]
fn sizes_of_the_input_are_multiples_of_16() {
    let case = Case::new();
    let mut args = case.args();
    let place = args.iter().position(|arg| *arg == "64").expect("there");
    args[place] = "1000";
    assert_snapshot!(refused(&args, 2), @"error: --input-size: expected a multiple of 16, such as 992 or 1008, found 1000");
}

#[test]
fn a_checkpoint_of_another_type_or_none_at_all() {
    let case = Case::new();
    support::works(&case.args());
    let checkpoint = format!("{}/sam_hq_epoch_0.safetensors", case.output);
    let other = case.place.text("other");
    let with = |file: &str, more: &[&str], status| {
        let mut args = vec!["train", "--input-size", "64", "--checkpoint", file];
        args.extend(["--images", &case.images, "--masks", &case.masks, "--output", &other]);
        args.extend(more);
        refused(&args, status)
    };
    assert_snapshot!(with(&checkpoint, &["--model-type", "vit_b"], 1), @"error: [DIR]/run/sam_hq_epoch_0.safetensors: expected a vit_b checkpoint (--model-type), found a custom model (width 32, 2 blocks, patch 16)");
    assert_snapshot!(with(&checkpoint, &["--model-type", "vit_x"], 2), @r#"error: unknown model type "vit_x" (known: vit_b, vit_l, vit_h, vit_tiny)"#);
    assert_snapshot!(with(&case.images, &[], 1), @"error: [DIR]/images: not a readable checkpoint (a folder): expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json in it, found none");
    let text = case.place.text("text.pth");
    std::fs::write(&text, "hello").expect("written");
    assert_snapshot!(with(&text, &[], 1), @r#"error: [DIR]/text.pth: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "hello""#);
    // A checkpoint cut short is named, not half-read.
    let bytes = std::fs::read(&checkpoint).expect("read");
    let cut = case.place.text("cut.safetensors");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    assert_snapshot!(with(&cut, &[], 1), @"error: [DIR]/cut.safetensors: not a readable checkpoint (safetensors): expected 1157504 bytes by its header, found 578752: it is cut short or damaged");
    assert!(!Path::new(&other).exists());
}

#[test]
fn prompts_and_data_that_contradict() {
    let case = Case::new();
    assert_snapshot!(refused(&["train", "--output", &case.output], 2), @"error: to train, there is still missing: data (a folder of images and masks, or flags such as --images DIR --masks DIR; `maskwright train --help` lists them); a model (--checkpoint with a file, or with a name such as sam-vit-b, which is fetched; `maskwright models` lists them)");
    let nothing = ["predict", "--checkpoint", "a", "--image", "b", "--output", "c"];
    assert_snapshot!(refused(&nothing, 2), @"error: no prompt: give --box, --point, --mask, --mask-input or --prompts; `maskwright masks` finds everything in an image without any");
    let data = case.place.text("data.toml");
    std::fs::write(&data, "[[train]]\nname = \"a\"\nimage = \"x\"\nmasks = \"y\"\n")
        .expect("written");
    let args = ["train", "--data", &data, "--model-config", &case.model, "--output", &case.output];
    let stderr = refused(&args, 1);
    // All keys follow.
    let (message, _) = stderr.split_once("; known are ").expect("a list of keys");
    assert_snapshot!(message, @"error: [DIR]/data.toml, line 3: unknown key `image` in [[train]] (did you mean `images`?)");
    // A value in a file is the file's mistake, not the command line's.
    let set = "[[train]]\nname = \"a\"\nimages = \"x\"\nmasks = \"y\"\n";
    std::fs::write(&data, format!("{set}[plan]\nscale_min = 3\n")).expect("written");
    assert_snapshot!(refused(&args, 1), @"error: [DIR]/data.toml, plan.scale_min, scale_max: expected 0 < scale_min <= scale_max <= 16, found 3 and 2");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_partial_file() {
    // /dev/full accepts no byte; a folder there cannot be made, so the output itself is refused.
    let case = Case::new();
    let mut args = case.args();
    let last = args.len() - 1;
    args[last] = "/dev/full/run";
    assert_snapshot!(refused(&args, 1), @"error: /dev/full/run: cannot create: Not a directory (os error 20)");
}

#[test]
fn devices_that_are_not_there_are_refused_before_anything_is_read() {
    let case = Case::new();
    let with = |more: &[&str]| {
        let stderr = refused(&[&case.args(), more].concat(), 2);
        assert!(!Path::new(&case.output).exists());
        stderr
    };
    assert_snapshot!(with(&["--device", "tpu"]), @r#"
        error: invalid value 'tpu' for '--device <DEVICE>': expected cpu, cuda or cuda:N, found "tpu"

        For more information, try '--help'.
        "#);
    if !maskwright_model::device::cpu_has_bf16() {
        assert_snapshot!(with(&["--precision", "bf16"]), @"error: --precision: expected f32 on this processor, which has neither AMX-BF16 nor AVX512-BF16, found bf16");
    }
    assert_snapshot!(with(&["--precision", "f64"]), @r#"
        error: invalid value 'f64' for '--precision <TYPE>': expected bf16 or f32, found "f64"

        For more information, try '--help'.
        "#);
    // No machine has so many, and a build without CUDA has none.
    let many = ["--device", "cuda:977"];
    let predict = ["predict", "--checkpoint", "nowhere.pth", "--image", "nowhere.jpg"];
    let asks = ["--box", "1,1,5,5", "--output", "m.png"];
    let predict = refused(&[&predict[..], &asks, &many].concat(), 2);
    assert_eq!(with(&many), predict);
    if !cfg!(feature = "cuda") {
        assert_snapshot!(predict, @"error: --device cuda:977: expected a build with CUDA (feature cuda), found one without: cpu is the only device");
    } else {
        assert!(predict.starts_with("error: --device cuda:977: expected "), "{predict}");
    }
}

#[test]
fn a_single_pair_trains_where_nothing_is_held_out() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 1);
    let [images, masks] = [images, masks].map(|folder| folder.display().to_string());
    let (model, output) = (place.text("model.toml"), place.text("run"));
    write_tiny_model(Path::new(&model));
    let mut args = train(&images, &masks, &model, &output);
    let held_out = args.iter().position(|arg| *arg == "0").expect("there");
    args[held_out] = "10";
    assert_snapshot!(refused(&args, 1), @r#"error: set images (held out): none of its 1 records is left by part = "rest of 90%"; with --hold-out 0 it trains, and nothing is validated"#);
    args[held_out] = "0";
    // The batch is larger than the set.
    args.extend(["--batch-size-train", "4"]);
    let batch = args.iter().position(|arg| *arg == "--batch-size-train").expect("there");
    args.drain(batch..batch + 2);
    support::works(&args);
    assert!(Path::new(&output).join("sam_hq_epoch_0.safetensors").is_file());
}

#[cfg(unix)]
#[test]
fn settings_and_runs_are_not_waited_for() {
    let case = Case::new();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, case.place.join(name)).expect("linked");
        case.place.text(name)
    };
    support::make_pipe(&case.place.join("pipe"));
    let pipe = link(&case.place.text("pipe"), "pipe.toml");
    let zero = link("/dev/zero", "zero.toml");
    for (file, found) in [(&pipe, "a named pipe"), (&zero, "a device")] {
        let output = case.place.text("other");
        for args in [
            train(&case.images, &case.masks, file, &output),
            vec!["train", "--config", file, "--output", &output],
            vec![
                "train",
                "--preset",
                file,
                "--images",
                &case.images,
                "--masks",
                &case.masks,
                "--output",
                &output,
            ],
            vec!["config", file],
            vec!["doctor", file],
        ] {
            let said = refused(&args, 1);
            assert!(
                said.trim_end().ends_with(&format!("expected a file, found {found}")),
                "{args:?}: {said}"
            );
        }
    }
    // A run whose files were replaced.
    support::works(&case.args());
    for name in ["ledger.jsonl", "metrics.jsonl"] {
        let file = Path::new(&case.output).join(name);
        let _ = std::fs::remove_file(&file);
        std::os::unix::fs::symlink(case.place.join("pipe"), &file).expect("linked");
        let said =
            refused(&["train", "--resume", "--max-epoch-num", "2", "--output", &case.output], 1);
        let said = said.trim_end();
        assert!(
            said.contains(name) && said.ends_with("expected a file, found a named pipe"),
            "{said}"
        );
        std::fs::remove_file(&file).expect("removed");
    }
    support::works(&["train", "--resume", "--max-epoch-num", "2", "--output", &case.output]);
}
