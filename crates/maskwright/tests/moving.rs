//! Data that move between two parts of a run, runs that are begun again, and held-out photographs that are damaged.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use support::{Place, maskwright, refused, small_run, text, works, write_pairs, write_tiny_model};

/// Two of HQSeg-44K's sub-sets, below a root.
fn write_part(root: &Path) {
    for (folder, count) in [("DIS5K/DIS-TR", 4), ("DIS5K/DIS-VD", 2)] {
        let folder = root.join(folder);
        let (images, masks) = write_pairs(&folder, count);
        std::fs::rename(images, folder.join("im")).expect("renamed");
        std::fs::rename(masks, folder.join("gt")).expect("renamed");
    }
}

#[test]
fn a_part_of_hqseg44k_may_move_between_two_parts_of_a_run() {
    let place = Place::new();
    write_part(&place.join("first"));
    write_tiny_model(&place.join("model.toml"));
    let (model, root) = (place.text("model.toml"), place.text("first"));
    let (output, whole) = (place.text("run"), place.text("whole"));
    let train = |output: &str, epochs: &str| {
        let data = ["train", "--hqseg44k", &root, "--partial", "--model-config", &model];
        let rest = ["--input-size", "64", "--train", "decoder", "--batch-size-train", "2"];
        let last = ["--output", output, "--max-epoch-num", epochs];
        text(&works(&[&data[..], &rest, &last].concat()).stderr)
    };
    train(&whole, "2");
    let said = train(&output, "1");
    assert!(said.starts_with("note: HQSeg-44K in part: without ThinObject5K-TR, FSS, "), "{said}");
    assert_eq!(said.matches("without").count(), 1, "{said}");

    let moved = place.text("second");
    std::fs::rename(&root, &moved).expect("moved");
    let resume = ["train", "--resume", "--output", &output, "--max-epoch-num", "2"];
    assert_snapshot!(refused(&resume, 1), @"error: set DIS5K-TR: the folder of its images does not exist: [DIR]/first/DIS5K/DIS-TR/im; if it has moved, --resume --hqseg44k ROOT says where it lies now");
    let evaluate = ["eval", "--run", &output];
    let lost = refused(&evaluate, 1);
    let lost = lost.lines().last().expect("an error");
    assert_snapshot!(lost, @"error: set DIS5K-VD: the folder of its images does not exist: [DIR]/first/DIS5K/DIS-VD/im; if it has moved, --run RUN with --hqseg44k ROOT says where it lies now");
    let found = text(&works(&[&evaluate[..], &["--hqseg44k", &moved]].concat()).stderr);
    assert!(!found.contains("not the data"), "{found}");
    assert_snapshot!(refused(&[&resume[..], &["--set", "train.seed=2"]].concat(), 2), @"error: --set: a resumed run keeps this setting; begin another run to change it");

    // The run knows which sub-sets it has, whether --partial is said again or not.
    let flags = [&resume[..], &["--hqseg44k", &moved, "--partial"]].concat();
    let said = text(&works(&flags).stderr);
    assert!(!said.contains("in part"), "{said}");
    let weights =
        |run: &str| std::fs::read(Path::new(run).join("sam_hq_epoch_1.safetensors")).expect("read");
    assert!(weights(&output) == weights(&whole), "the same bits");

    // One sub-set that it had is gone.
    std::fs::remove_dir_all(place.join("second/DIS5K/DIS-TR")).expect("removed");
    assert_snapshot!(refused(&flags, 2), @"error: the place of set DIS5K-TR: expected a set of kind pairs of that name, found none");

    // Others in its place are told.
    let others = place.join("second/DIS5K/DIS-VD");
    for (folder, ending) in [("im", "jpg"), ("gt", "png")] {
        let name = |stem: &str| others.join(folder).join(format!("{stem}.{ending}"));
        std::fs::rename(name("photo_01"), name("another")).expect("renamed");
    }
    let told = text(&works(&[&evaluate[..], &["--hqseg44k", &moved]].concat()).stderr);
    assert!(told.contains("these are not the data that the run held out"), "{told}");
}

#[test]
fn a_run_that_saved_nothing_is_begun_again_by_the_same_command() {
    let place = Place::new();
    let flags = small_run(&place, 6, 0);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mask = place.join("masks/photo_03.png");
    let whole = std::fs::read(&mask).expect("read");
    std::fs::write(&mask, "no picture").expect("written");
    refused(&flags, 1);
    assert!(place.join("run/config.toml").exists(), "it had begun");
    let resume = ["train", "--resume", "--output", &place.text("run")];
    let error = refused(&resume, 2);
    assert!(
        error.contains("without --resume the command that began it begins it again"),
        "{error}"
    );
    std::fs::write(&mask, whole).expect("written");
    let said = text(&works(&flags).stderr);
    assert!(
        said.contains("the run that was begun here had saved nothing yet; it begins again"),
        "{said}"
    );
    // What was saved is not replaced.
    let error = refused(&flags, 2);
    assert!(error.contains("holds a run already"), "{error}");
}

#[test]
fn a_damaged_held_out_photograph_is_told_once_and_in_the_ledger() {
    let place = Place::new();
    let flags = small_run(&place, 8, 25);
    for entry in std::fs::read_dir(place.join("images")).expect("listed").flatten() {
        let bytes = std::fs::read(entry.path()).expect("read");
        std::fs::write(entry.path(), &bytes[..bytes.len() * 3 / 4]).expect("written");
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let said = text(&works(&flags).stderr);
    let note = "note: 2 held-out records are damaged and used as they are; the first: record images (held out)/photo_";
    assert_eq!(said.matches(note).count(), 1, "{said}");
    assert!(said.contains("note: 2 held-out objects are few"), "{said}");
    let held_out = || {
        let ledger = std::fs::read_to_string(place.join("run/ledger.jsonl")).expect("read");
        let lines = ledger.lines().filter(|line| line.starts_with(r#"{"validation":true"#));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        assert!(lines.iter().all(|line| line.contains(r#""used":true"#)), "{lines:?}");
        lines.len()
    };
    assert_eq!(held_out(), 2);
    let page = std::fs::read_to_string(place.join("run/report.html")).expect("a page");
    assert!(page.contains("Records of the data: 8 used though damaged"), "{page}");
    assert!(page.contains("<p class=\"verdict\">Best: epoch "));
    // A resumed run knows them.
    let output = place.text("run");
    let resume = ["train", "--resume", "--output", &output, "--max-epoch-num", "3"];
    let said = text(&maskwright(&resume).stderr);
    assert!(!said.contains("held-out records are damaged"), "{said}");
    assert_eq!(held_out(), 2);
}

#[test]
fn what_is_missing_is_named_at_once_and_what_has_a_published_name_is_fetched() {
    assert_snapshot!(refused(&["train"], 2), @"error: to train, there is still missing: data (a folder of images and masks, or flags such as --images DIR --masks DIR; `maskwright train --help` lists them); a model (--checkpoint with a file, or with a name such as sam-vit-b, which is fetched; `maskwright models` lists them); --output DIR, the folder that the run writes");
    let place = Place::new();
    write_part(&place.join("data"));
    let data = place.text("data");
    let train = |more: &[&str], status: i32| {
        let flags = [&["train", "--dry-run", "--partial"], more].concat();
        let error = refused(&flags, status);
        error.lines().last().expect("an error").to_owned()
    };
    let sets = ["--hqseg44k", &data, "--from-scratch", "--model-type", "vit_b"];
    let with = |more: &[&'static str]| train(&[&sets[..], more].concat(), 2);
    let missing = place.text("sam_vit_b.pth");
    let nowhere = place.text("nowhere");
    let lines = [
        train(&["--hqseg44k", &data, "--checkpoint", &missing], 1),
        train(&["--hqseg44k", &nowhere, "--checkpoint", &missing], 1),
        refused(
            &["train", "--hqseg44k", &data, "--from-scratch", "--model-type", "vit_b", "--dry-run"],
            1,
        )
        .split("; ")
        .last()
        .unwrap_or_default()
        .trim_end()
        .to_owned(),
        with(&["--set", "DIS5K-TRR.repeat=2"]),
        with(&["--set", "FSS.repeat=2"]),
        with(&["--set", "DIS5K-VD.repeat=2"]),
        with(&["--set", "schedule.warmup_step=2"]),
        with(&["--set", "train.epochs=many"]),
        with(&["--loss-weight", "dic=2"]),
        with(&["--loss-weight", "dice=-2"]),
    ];
    assert_snapshot!(lines.join("\n"), @r#"
    error: [DIR]/sam_vit_b.pth: No such file or directory; the name sam-vit-b in its place, as in `--checkpoint sam-vit-b`, fetches SAM ViT-B from its authors (375 MB)
    error: [DIR]/nowhere: expected the folder of a data set, found no such folder
    --partial takes the sub-sets that are there
    error: --set DIS5K-TRR.repeat=2: expected a key of all sets, or one behind mix, plan, prompts, model, train, optimizer, schedule, checkpoints, validation, compute, cache, or a set's name (DIS5K-TR, DIS5K-VD), found `DIS5K-TRR` (did you mean `DIS5K-TR`?)
    error: --set FSS.repeat=2: FSS is not among the sub-sets that are there: DIS5K-TR, DIS5K-VD
    error: --set DIS5K-VD.repeat=2: repeat of [[valid]] set DIS5K-VD: expected none: every record of a validation set is evaluated once, found 2
    error: --set schedule.warmup_step=2: unknown key `warmup_step` (did you mean `warmup_steps`?); known are kind, drop_every_epochs, warmup_steps
    error: --set train.epochs="many": expected a whole number, found the text "many"
    error: --loss-weight dic=2: expected one of bce, dice, focal, boundary, iou, found `dic` (did you mean `dice`?)
    error: --loss-weight dice=-2: expected a weight of at least 0, found -2
    "#);
}
