//! The whole way on real files that the test writes: train from nothing, tune the HQ head,
//! evaluate, predict, preview; stop and resume.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use support::{Place, printed, refused, text, without_times, works, write_pairs, write_tiny_model};

fn losses(run: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("a log");
    text.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter(|entry| entry["kind"] == "epoch")
        .map(|entry| entry["loss"].as_f64().expect("a number"))
        .collect()
}

fn tensors(file: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(file).expect("a checkpoint");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut tensors: Vec<(String, Vec<u8>)> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    tensors.sort();
    tensors
}

/// The flags of a small run from nothing.
fn from_nothing<'a>(
    images: &'a str,
    masks: &'a str,
    model: &'a str,
    output: &'a str,
    epochs: &'a str,
) -> Vec<&'a str> {
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
        "--batch-size-train",
        "2",
        "--max-epoch-num",
        epochs,
        "--hold-out",
        "25",
        "--seed",
        "7",
        "--output",
        output,
    ]
}

#[test]
fn train_tune_evaluate_predict_preview() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 12);
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));

    // A SAM from nothing.
    let sam_run = place.text("sam");
    works(&from_nothing(&images, &masks, &model, &sam_run, "6"));
    let sam_losses = losses(Path::new(&sam_run));
    assert_eq!(sam_losses.len(), 6);
    assert!(sam_losses[5] < sam_losses[0], "{sam_losses:?}");
    let sam = place.text("sam/sam_hq_epoch_5.safetensors");

    // Its HQ head; the SAM beneath stays as it is.
    let hq_run = place.text("hq");
    let tuned = works(&[
        "train",
        "--images",
        &images,
        "--masks",
        &masks,
        "--checkpoint",
        &sam,
        "--input-size",
        "64",
        "--batch_size_train",
        "2",
        "--max-epoch-num=2",
        "--output",
        &hq_run,
        "--json",
    ]);
    let outcome: serde_json::Value = serde_json::from_slice(&tuned.stdout).expect("JSON");
    let hq = place.text("hq/sam_hq_epoch_1.safetensors");
    assert_eq!(outcome["checkpoint"], hq.as_str());
    for file in ["config.toml", "metrics.jsonl", "epoch_1.safetensors"] {
        assert!(Path::new(&hq_run).join(file).is_file(), "{file}");
    }
    let (before, after) = (tensors(Path::new(&sam)), tensors(Path::new(&hq)));
    let added: Vec<&String> = after
        .iter()
        .map(|(name, _)| name)
        .filter(|name| before.iter().all(|(old, _)| old != *name))
        .collect();
    assert_eq!(added.len(), 25, "the HQ head has 25 tensors: {added:?}");
    for (name, values) in &before {
        let (_, now) = after.iter().find(|(other, _)| other == name).expect("still there");
        assert_eq!(now, values, "{name} is frozen");
    }

    // Both masks are evaluated.
    let evaluated = works(&[
        "eval",
        "--checkpoint",
        &hq,
        "--images",
        &images,
        "--masks",
        &masks,
        "--prompts",
        "box,points,noise_mask",
        "--json",
    ]);
    let evaluation: serde_json::Value = serde_json::from_slice(&evaluated.stdout).expect("JSON");
    let sets = evaluation["sets"].as_array().expect("a list");
    assert_eq!(sets.len(), 3);
    for set in sets {
        assert_eq!(set["images"], 12);
        let names: Vec<&str> = set["scores"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|s| s["mask"].as_str())
            .collect();
        assert_eq!(names, ["sam", "hq", "sam_hq"]);
        for scores in set["scores"].as_array().expect("a list") {
            let iou = scores["iou"].as_f64().expect("a number");
            assert!((0.0..=1.0).contains(&iou));
        }
    }
    let table = printed(&["eval", "--checkpoint", &hq, "--images", &images, "--masks", &masks]);
    assert_snapshot!(without_times(&table), @"
        set     prompt      mask    mIoU          95%  boundary mIoU          95%  images
        ---------------------------------------------------------------------------------
        images     box       SAM     0.0    0.0-0.0            0.0    0.0-0.0      12
        images     box        HQ     0.0    0.0-0.0            0.0    0.0-0.0      12
        images     box  SAM + HQ     0.0    0.0-0.0            0.0    0.0-0.0      12
        ");

    // A mask for each kind of prompt.
    let photo = format!("{images}/photo_00.jpg");
    let truth = format!("{masks}/photo_00.png");
    for prompt in [["--box", "5,20,60,90"], ["--point", "31,55"], ["--mask", &truth]] {
        let out = place.text("mask.png");
        let overlay = place.text("overlay.png");
        let mut args = vec!["predict", "--checkpoint", &hq, "--image", &photo, "--output", &out];
        args.extend(prompt);
        args.extend(["--overlay", &overlay, "--force"]);
        works(&args);
        let png = std::fs::read(&out).expect("a mask");
        let header = maskwright_image::decode::read_header(&png).expect("a PNG");
        assert_eq!((header.size.width, header.size.height), (90, 110));
        assert!(Path::new(&overlay).is_file());
    }

    // What the model saw.
    let sheet = place.text("sheet.png");
    let preview = works(&[
        "preview",
        "--images",
        &images,
        "--masks",
        &masks,
        "--input-size",
        "64",
        "--count",
        "6",
        "--tile",
        "96",
        "--columns",
        "3",
        "--output",
        &sheet,
        "--json",
    ]);
    let tiles: serde_json::Value = serde_json::from_slice(&preview.stdout).expect("JSON");
    assert_eq!(tiles["tiles"].as_array().map(Vec::len), Some(6));
    let header = maskwright_image::decode::read_header(&std::fs::read(&sheet).expect("a sheet"))
        .expect("a PNG");
    assert_eq!(header.size.width, 6 + 3 * (96 + 6));
}

#[test]
fn a_run_in_two_parts_equals_one_in_one() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 8);
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));
    let (whole, parts) = (place.text("whole"), place.text("parts"));
    works(&from_nothing(&images, &masks, &model, &whole, "4"));

    // Two epochs, then the rest: the settings are raised by hand, as a user would.
    works(&from_nothing(&images, &masks, &model, &parts, "2"));
    let config = place.join("parts").join("config.toml");
    let text = std::fs::read_to_string(&config).expect("the settings");
    assert!(text.contains("\nepochs = 2"));
    std::fs::write(&config, text.replace("\nepochs = 2", "\nepochs = 4")).expect("written");
    works(&["train", "--resume", "--output", &parts]);

    let last = "sam_hq_epoch_3.safetensors";
    let (one, two) =
        (tensors(&place.join("whole").join(last)), tensors(&place.join("parts").join(last)));
    assert!(one == two, "the same weights, bit for bit");
    assert_eq!(losses(&place.join("whole")), losses(&place.join("parts")));
}

/// Lines of a kind of a run's `metrics.jsonl`.
fn entries(run: &Path, kind: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("a log");
    text.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter(|entry| entry["kind"] == kind)
        .collect()
}

/// Killed in the middle of an epoch and resumed with other threads, a run comes to the same bits.
#[test]
fn a_killed_run_goes_on_in_mid_epoch() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 20);
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));
    let (whole, parts) = (place.text("whole"), place.text("parts"));
    works(&from_nothing(&images, &masks, &model, &whole, "2"));
    // What the loader did is written down at the end.
    let told = entries(Path::new(&whole), "loader");
    let told = told.last().expect("at the end");
    assert_eq!((&told["whole_run"], &told["samples"]), (&true.into(), &28.into()));
    assert!(told["bytes"].as_u64().expect("a number") > 10_000);
    assert!(told["queue_fill"].as_f64().is_some_and(|fill| (0.0..=1.0).contains(&fill)));
    assert!(told["ms_per_sample"]["decode_and_sample"].as_f64().expect("a number") > 0.0);
    assert!(told["verdict"].as_str().expect("a sentence").starts_with("the model waited for data"));

    let mut args = from_nothing(&images, &masks, &model, &parts, "2");
    args.extend(["--save-every", "1"]);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_maskwright"))
        .args(&args)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let newest = || -> Option<u64> {
        let names = std::fs::read_dir(&parts).ok()?.flatten();
        names.filter_map(|e| e.file_name().to_str()?.strip_prefix("resume-")?.parse().ok()).max()
    };
    let begun = std::time::Instant::now();
    while newest() < Some(3) {
        assert!(begun.elapsed().as_secs() < 120, "no state is saved");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(newest() < Some(14), "killed before its end");

    let config = place.join("parts").join("config.toml");
    let text = std::fs::read_to_string(&config).expect("the settings");
    assert!(text.contains("workers = 0") && text.contains("prefetch_bytes = 2147483648"), "{text}");
    let text = text.replace("workers = 0", "workers = 3");
    std::fs::write(&config, text.replace("prefetch_bytes = 2147483648", "prefetch_bytes = 1"))
        .expect("written");
    works(&["train", "--resume", "--output", &parts]);
    let last = "sam_hq_epoch_1.safetensors";
    let (one, two) =
        (tensors(&place.join("whole").join(last)), tensors(&place.join("parts").join(last)));
    assert!(one == two, "the same weights, bit for bit");
    assert_eq!(losses(&place.join("whole")), losses(&place.join("parts")));
}

#[test]
fn a_bad_record_stops_a_run_or_is_replaced() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 12);
    std::fs::write(images.join("photo_05.jpg"), "no picture").expect("written");
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));
    let output = place.text("run");
    let mut args = from_nothing(&images, &masks, &model, &output, "2");
    // All train, so that the record is among them.
    let share = args.iter().position(|arg| *arg == "25").expect("the held out share");
    args[share] = "0";
    assert_snapshot!(refused(&args, 1), @"
        note: no checkpoint: all weights start fresh (seed 7)
        12 images, 6 steps per epoch, epochs 1 to 2, input of 64 x 64 pixels; training 283,688 of 283,752 parameters
        note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
        error: record images/photo_05: [DIR]/images/photo_05.jpg: not an image of a known format
        ");
    args.extend(["--overwrite", "--on-refusal", "replace"]);
    works(&args);
    let ledger = std::fs::read_to_string(place.join("run/ledger.jsonl")).expect("a ledger");
    assert_eq!(ledger.lines().count(), 2, "once in each epoch: {ledger}");
    assert!(ledger.lines().all(|line| line.contains("\"name\":\"photo_05\"")), "{ledger}");
    let told = entries(Path::new(&output), "loader");
    assert_eq!(told.last().expect("at the end")["refused"], 1);
}

#[test]
fn an_output_folder_is_never_overwritten_by_accident() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 4);
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let model = place.text("model.toml");
    write_tiny_model(Path::new(&model));
    let run = place.text("run");
    let mut args = from_nothing(&images, &masks, &model, &run, "1");
    assert_snapshot!(refused(&["train", "--resume", "--output", &run], 2), @"error: [DIR]/run: nothing to resume here: expected the config.toml of a run, found no such folder");
    works(&args);
    std::fs::write(place.join("run").join("notes.txt"), "mine").expect("written");
    assert_snapshot!(refused(&args, 2), @"error: [DIR]/run: holds a run already (best.safetensors); choose another --output, continue it with --resume, or replace it with --overwrite");
    args.push("--overwrite");
    works(&args);
    assert!(place.join("run").join("notes.txt").is_file(), "other files stay");
    let leftovers: Vec<_> = std::fs::read_dir(&run)
        .expect("listed")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains(".part"))
        .collect();
    assert!(leftovers.is_empty());
    // A run that is complete has nothing left to do.
    let again = works(&["train", "--resume", "--output", &run]);
    assert_snapshot!(text(&again.stderr), @"
        nothing left to train in [DIR]/run
        best: epoch 1 of 1 (SAM IoU 0.173, of one held-out object)
        note: one held-out object is few: a small difference may be chance
        the model is [DIR]/run/best.safetensors
        ");
}
