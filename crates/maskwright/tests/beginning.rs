//! How a run begins, whether it got better, and what is said of it: settings from other runs and by their keys, fresh weights
//! on request alone, the model before, the best model, evaluations of what a run held out, logs.

mod support;

use insta::assert_snapshot;
use serde_json::Value;
use support::{Place, printed, refused, small_run, text, trained, works, write_pairs};

fn json(args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    serde_json::from_slice(&works(&args).stdout).expect("JSON")
}

/// A SAM that was trained a little from nothing on eight pairs, in `run`; gives its checkpoint.
fn sam(place: &Place) -> String {
    let flags = small_run(place, 8, 25);
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    flags.extend(["--train", "all"]);
    works(&flags);
    place.text("run/best.safetensors")
}

/// The flags that tune the HQ head of a checkpoint, which says the input size, into a folder.
fn tune<'a>(images: &'a str, masks: &'a str, checkpoint: &'a str, output: &'a str) -> Vec<&'a str> {
    let data = ["train", "--images", images, "--masks", masks, "--hold-out", "25"];
    let rest = ["--checkpoint", checkpoint, "--output", output, "--max-epoch-num", "2"];
    [&data[..], &rest, &["--batch-size-train", "2"]].concat()
}

/// The folders of the pairs.
fn pairs(place: &Place) -> (String, String) {
    (place.text("images"), place.text("masks"))
}

#[test]
fn a_run_says_whether_it_got_better_and_its_best_model_is_evaluated() {
    let place = Place::new();
    let sam = sam(&place);
    let ((images, masks), hq) = (pairs(&place), place.text("hq"));
    let tuned = tune(&images, &masks, &sam, &hq);
    let points = [&tuned[..], &["--eval-prompts", "box,points"]].concat();
    let outcome = json(&points);
    let verdict = &outcome["verdict"];
    assert_eq!((&verdict["mask"], &verdict["before_mask"]), (&"hq".into(), &"sam".into()));
    assert_eq!(verdict["best_file"], place.text("hq/best.safetensors"));
    let sum = outcome["model_file"]["sha256"].as_str().expect("a sum");
    assert_eq!(sum, maskwright_train::checksums::of_file(sam.as_ref()).expect("read").0);

    // The run's own digits, from what it held out.
    let run = json(&["eval", "--run", &hq]);
    let log = std::fs::read_to_string(place.join("hq/metrics.jsonl")).expect("a log");
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().all(|line| line["time"].as_str().is_some_and(|time| time.ends_with('Z'))));
    assert_eq!(lines[0]["kind"], "before");
    let best = verdict["best_epoch"].as_u64().expect("an epoch");
    let epoch = lines.iter().find(|line| line["kind"] == "epoch" && line["epoch"] == best);
    assert_eq!(run["sets"], epoch.expect("logged")["validation"]);
    // By other flags, the same model comes to the same digits.
    let held_out = json(&[
        "eval",
        "--checkpoint",
        &place.text("hq/best.safetensors"),
        "--images",
        &images,
        "--masks",
        &masks,
        "--prompts",
        "box,points",
    ]);
    // Boxes: what is drawn at random depends on a record's number in its set, too.
    let boxes = |found: &Value| -> Vec<(String, Value)> {
        let images = found["images"].as_array().expect("a list").iter();
        let images = images.filter(|image| image["prompt"] == "box");
        images.map(|image| (image["name"].to_string(), image["scores"].clone())).collect()
    };
    let (all, held) = (boxes(&held_out), boxes(&run));
    assert_eq!((all.len(), held.len()), (8, 2));
    assert!(held.iter().all(|image| all.contains(image)), "{held:?}");
    // Of eight pairs six were trained on.
    let said = held_out["warnings"][0]["text"].as_str().expect("a remark");
    assert_snapshot!(said, @"set images: this checkpoint was trained on 75% of its images, by their names and lengths: its figures say little about new images. --run RUN evaluates on what a run held out");
    assert_eq!(run["warnings"], serde_json::json!([]));

    // Predictions are those that were judged.
    let photo = place.text("images/photo_00.jpg");
    let mask = place.text("mask.png");
    let predicted = json(&[
        "predict",
        "--checkpoint",
        &place.text("hq/best.safetensors"),
        "--image",
        &photo,
        "--box",
        "10,10,60,60",
        "--output",
        &mask,
    ]);
    assert_eq!(predicted["kind"], "hq");
    assert_eq!(predicted["command"], "predict");
    // The folder of a run is its best model, wherever a checkpoint is wanted.
    let best = place.text("hq/best.safetensors");
    let of_folder = json(&[
        "eval",
        "--checkpoint",
        &hq,
        "--against",
        &place.text("run"),
        "--images",
        &images,
        "--masks",
        &masks,
    ]);
    assert_eq!(of_folder["model_file"]["file"], best);
    let ours = |found: &Value| found["images"].as_array().cloned().expect("a list");
    let same = json(&["eval", "--checkpoint", &best, "--images", &images, "--masks", &masks]);
    assert_eq!(ours(&of_folder), ours(&same));
    let again = place.text("again.png");
    let point = ["--image", &photo, "--box", "10,10,60,60", "--output", &again];
    let said = works(&[&["predict", "--checkpoint", &hq][..], &point].concat());
    assert_snapshot!(text(&said.stderr), @"
        [DIR]/hq is the folder of a run: its best model, [DIR]/hq/best.safetensors
        geometry longest_side, which the checkpoint was validated with
        ");
    assert!(std::fs::read(&again).expect("a mask") == std::fs::read(&mask).expect("a mask"));
    let pth = place.text("best.pth");
    works(&["convert", &hq, &pth]);
    let tuned = tune(&images, &masks, &hq, "nowhere");
    let dry = json(&[&tuned[..], &["--dry-run"]].concat());
    assert_eq!(dry["settings"]["checkpoint"], hq);
    let said = text(&works(&[&points[..], &["--overwrite"]].concat()).stderr);
    assert!(
        said.contains("note: 2 held-out objects are few: a small difference may be chance; `maskwright eval --run [DIR]/hq --against start` says"),
        "{said}"
    );
    let runs = printed(&["runs", &place.text("")]);
    assert!(runs.lines().next().is_some_and(|header| header.contains("before")), "{runs}");
}

#[test]
fn settings_come_from_another_run_and_by_their_keys() {
    let place = Place::new();
    let sam = sam(&place);
    let ((images, masks), first) = (pairs(&place), place.text("first"));
    let flags = tune(&images, &masks, &sam, &first);
    works(
        &[
            &flags[..],
            &["--set", "plan.scale_min=0.5", "--set", "validation.limit=1", "--scale-max", "1.5"],
        ]
        .concat(),
    );
    let second = place.text("second");
    works(&[
        "train",
        "--config",
        &first,
        "--output",
        &second,
        "--loss-weight",
        "dice=2",
        "--no-eval-before",
        "--quiet",
    ]);
    let differ = json(&["config", &first, "--diff", &second]);
    assert_snapshot!(differ["differences"], @r#"[{"first":"1.0","key":"train.loss.weights.dice","second":"2.0"},{"first":"true","key":"validation.before","second":"false"}]"#);
    assert!(printed(&["config", &first, "--diff", &first]).contains("the same settings"));
    let config = json(&["config", &second])["config"].clone();
    assert_eq!(config["data"]["plan"]["scale_min"], 0.5);
    assert_eq!(config["data"]["plan"]["scale_max"], 1.5);
    assert_eq!(
        (&config["validation"]["limit"], &config["model"]["input_size"]),
        (&1.into(), &64.into())
    );
    // What is printed is a config.toml to begin with.
    let file = place.text("start.toml");
    std::fs::write(&file, printed(&["config", &second])).expect("written");
    assert_eq!(printed(&["config", &file]), printed(&["config", &second]));
    let third = place.text("third");
    let third = ["train", "--config", &file, "--output", &third, "--set", "train.epoch=3"];
    assert!(refused(&third, 2).starts_with("error: --set train.epoch=3: unknown key `epoch`"));
    let of_eval = ["eval", "--run", &first, "--set", "train.epochs=3"];
    assert_snapshot!(refused(&of_eval, 2), @"error: --set train.epochs=3: expected a setting of data, found one of a training");
}

#[test]
fn fresh_weights_are_asked_for() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 4);
    let [images, masks] = [images, masks].map(|folder| folder.display().to_string());
    let output = place.text("run");
    let flags = [
        "train",
        "--images",
        &images,
        "--masks",
        &masks,
        "--model-type",
        "vit_b",
        "--output",
        &output,
    ];
    assert_snapshot!(refused(&flags, 2), @"error: no checkpoint: give --checkpoint FILE or the name of a published one (`maskwright models` lists them), or --from-scratch with --model-type to begin with fresh weights");
    assert!(!place.join("run").exists());
}

#[test]
fn models_are_listed_with_where_they_come_from() {
    let listed = json(&["models"]);
    let models = listed["models"].as_array().expect("a list");
    assert_eq!(models.len(), 8);
    assert!(models.iter().all(|model| {
        model["by_hand"].as_str().is_some_and(|line| line.starts_with("curl -L -o "))
    }));
    assert!(printed(&["models"]).contains("sam-hq-vit-tiny"));
    let unknown = ["predict", "--checkpoint", "sam-vit-x", "--image", "a.jpg", "--output", "b.png"];
    assert_snapshot!(refused(&[&unknown[..], &["--box", "1,2,3,4"]].concat(), 2), @"error: the checkpoint: expected a file, a folder, hf://OWNER/REPO/FILE or one of sam-vit-b, sam-vit-l, sam-vit-h, sam-hq-vit-tiny, sam-hq-vit-b, sam-hq-vit-l, sam-hq-vit-h, mobile-sam, found sam-vit-x, which is not there");
}

#[test]
fn words_go_into_a_file_too_and_as_json() {
    let place = Place::new();
    let (flags, log) = (trained(&place, &place.text("run")), place.text("words.log"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let train = [&flags[..], &["--overwrite", "--log-file", &log]].concat();
    let said = works(&train);
    let kept = std::fs::read_to_string(&log).expect("a log");
    let said: Vec<String> = text(&said.stderr).lines().map(str::to_owned).collect();
    assert_eq!(kept.lines().count(), said.len(), "{kept}");
    for (kept, said) in kept.lines().zip(&said) {
        let words = said.strip_prefix("note: ").unwrap_or(said);
        assert!(kept.contains("Z info ") || kept.contains("Z warn "), "{kept}");
        assert!(kept.contains(words.split("[DIR]").next().expect("a part")), "{kept}: {said}");
    }
    std::fs::remove_file(&log).expect("removed");
    let said = works(&[&train[..], &["--log-format", "json", "--log-level", "warn"]].concat());
    let kept = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(String::from_utf8_lossy(&said.stderr), kept);
    let lines: Vec<Value> =
        kept.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line["level"] == "warn"), "{kept}");
    // What is no file to write into is said before anything else.
    let folder = place.text("");
    assert!(refused(&["models", "--log-file", &folder], 1).contains("cannot write"));
}

#[test]
fn what_the_doctor_knows_is_said_where_training_refuses() {
    let place = Place::new();
    let flags = trained(&place, &place.text("run"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    for number in 0..4 {
        let mask = |suffix: &str| place.join(&format!("masks/photo_0{number}{suffix}.png"));
        std::fs::rename(mask(""), mask("_mask")).expect("renamed");
    }
    assert_snapshot!(refused(&flags, 1), @r#"
        note: --mask-suffix=_mask pairs 4 images with masks such as photo_00_mask.png
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: set images: 4 images of [DIR]/images have no mask in [DIR]/masks and 4 masks of [DIR]/masks have no image in [DIR]/images: photo_00.jpg, photo_01.jpg, photo_02.jpg, photo_00_mask.png, photo_01_mask.png, photo_02_mask.png and 2 more; add the missing files or set unmatched = "skip" (--skip-unmatched)
        "#);
    let mended = [&flags[..], &["--mask-suffix=_mask"]].concat();
    works(&mended);

    // Masks of 0 and 1.
    for entry in std::fs::read_dir(place.join("masks")).expect("listed") {
        let file = entry.expect("an entry").path();
        let bytes = std::fs::read(&file).expect("read");
        let seen = maskwright_image::decode::decode_rgb(&bytes, &Default::default())
            .expect("decoded")
            .pixels;
        let mut mask = maskwright_image::GreyImage::filled(seen.size, 0);
        for (value, pixel) in mask.data.iter_mut().zip(seen.data.chunks(3)) {
            *value = u8::from(pixel[0] > 128);
        }
        std::fs::write(&file, maskwright_image::encode::png_grey(&mask).expect("encoded"))
            .expect("written");
    }
    let again = [&mended[..], &["--overwrite"]].concat();
    let said = refused(&again, 1);
    assert!(said.contains("note: --set 'mask_values={ 1 = 255 }' maps them"), "{said}");
    works(&[&again[..], &["--set", "mask_values={ 1 = 255 }"]].concat());
}
