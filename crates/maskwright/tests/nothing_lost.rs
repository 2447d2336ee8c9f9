//! What a run leaves when something goes wrong: the last good state, and a way to go on.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use support::{Place, maskwright, names, refusal, refused, small_run, text, works};

/// A place with data and a model, and the flags of a small run into its folder `run`.
struct Small {
    place: Place,
    flags: Vec<String>,
}

impl Small {
    /// Of `count` pairs a quarter validates.
    fn new(count: usize) -> Self {
        let place = Place::new();
        let mut flags = small_run(&place, count, 25);
        flags.extend(["--train", "decoder"].map(str::to_owned));
        Self { place, flags }
    }

    /// The flags of the run with `more` of them; one that is there already gets the new value.
    fn with<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let mut more = more.iter().copied().peekable();
        while let Some(flag) = more.next() {
            let value = more.next_if(|next| !next.starts_with("--"));
            match (flags.iter().position(|known| *known == flag), value) {
                (Some(at), Some(value)) => flags[at + 1] = value,
                _ => flags.extend([Some(flag), value].into_iter().flatten()),
            }
        }
        flags
    }

    fn run(&self) -> std::path::PathBuf {
        self.place.join("run")
    }
}

#[test]
fn an_output_that_holds_the_checkpoint_is_refused() {
    let small = Small::new(4);
    works(&small.with(&[]));
    let checkpoint = small.place.text("run/sam_hq_epoch_1.safetensors");
    let before = names(&small.run());
    let model = small.flags.iter().position(|flag| flag == "--model-config").expect("given");
    let mut flags = small.with(&["--checkpoint", &checkpoint, "--overwrite"]);
    flags.drain(model..model + 2);
    assert_snapshot!(refused(&flags, 2), @"error: --output: expected a folder apart from what is read, found [DIR]/run, which holds [DIR]/run/sam_hq_epoch_1.safetensors (--checkpoint)");
    assert_eq!(names(&small.run()), before);
}

#[test]
fn a_run_that_cannot_begin_leaves_the_one_it_should_replace() {
    let small = Small::new(4);
    works(&small.with(&[]));
    let before = names(&small.run());
    let weights = std::fs::read(small.run().join("sam_hq_epoch_1.safetensors")).expect("read");
    // Its data are fine when they are opened, and gone when the first batch is made.
    let images = small.place.join("images");
    for entry in std::fs::read_dir(&images).expect("listed").flatten() {
        std::fs::write(entry.path(), "no picture").expect("written");
    }
    let error = refused(&small.with(&["--overwrite", "--hold-out", "0"]), 1);
    assert!(error.ends_with("not an image of a known format\n"), "{error}");
    assert_eq!(names(&small.run()), before);
    let now = std::fs::read(small.run().join("sam_hq_epoch_1.safetensors")).expect("read");
    assert!(now == weights, "the former model is whole");
}

#[test]
fn a_damaged_held_out_image_is_found_before_the_first_step() {
    let small = Small::new(8);
    let config = small.place.join("run/config.toml");
    // Each held-out image in turn would do; all are damaged, so that the first is one of them.
    for number in 0..8 {
        let path = small.place.join("images").join(format!("photo_{number:02}.jpg"));
        let whole = std::fs::read(&path).expect("read");
        std::fs::write(&path, "no picture").expect("written");
        let output = maskwright(&small.with(&[]));
        let said = text(&output.stderr);
        if !said.contains("steps per epoch") {
            let name = path.file_stem().expect("named").to_string_lossy();
            let said = said.replace(&*name, "photo_N");
            assert_snapshot!(said, @"
                note: no checkpoint: all weights start fresh (seed 42)
                note: `maskwright doctor --images [DIR]/images --masks [DIR]/masks` lists all that training would refuse, and what mends it
                error: record images (held out)/photo_N: [DIR]/images/photo_N.jpg: not an image of a known format
                ");
            assert!(!config.exists(), "nothing was begun");

            // Replaced, it is left out of the validation and told.
            let mut flags = small.with(&["--on-refusal", "replace"]);
            let replaced = text(&works(&flags).stderr).replace(&*name, "photo_N");
            assert!(replaced.contains("validation will leave out 1 records"), "{replaced}");
            let ledger = std::fs::read_to_string(small.run().join("ledger.jsonl")).expect("read");
            assert_eq!(ledger.lines().count(), 2, "{ledger}");
            assert!(ledger.lines().all(|line| line.starts_with(r#"{"validation":true,"epoch":"#)));
            // Resumed for another epoch, the ledger goes on.
            flags.truncate(0);
            let output = small.place.text("run");
            works(&["train", "--resume", "--output", &output, "--max-epoch-num", "3"]);
            let ledger = std::fs::read_to_string(small.run().join("ledger.jsonl")).expect("read");
            assert_eq!(ledger.lines().count(), 3, "{ledger}");
            return;
        }
        std::fs::write(&path, whole).expect("written");
        std::fs::remove_dir_all(small.run()).expect("removed");
    }
    panic!("no image was held out");
}

#[test]
fn a_log_that_is_damaged_or_gone_is_no_reason_to_stop() {
    let small = Small::new(6);
    works(&small.with(&["--max-epoch-num", "1", "--log-every", "1"]));
    let log = small.run().join("metrics.jsonl");
    let bytes = std::fs::read(&log).expect("read");
    std::fs::write(&log, [b"\xff\xfe\n{\"kind\":\n".as_slice(), &bytes].concat()).expect("written");
    let output = small.place.text("run");
    let resumed = works(&["train", "--resume", "--output", &output, "--max-epoch-num", "2"]);
    let said = text(&resumed.stderr);
    assert_snapshot!(said.lines().next().unwrap_or_default(), @"note: [DIR]/run/metrics.jsonl: 2 damaged lines are passed over (line 1: expected value at column 1)");
    std::fs::remove_file(&log).expect("removed");
    let resumed = works(&["train", "--resume", "--output", &output, "--max-epoch-num", "3"]);
    let said = text(&resumed.stderr);
    assert_snapshot!(said.lines().next().unwrap_or_default(), @"note: [DIR]/run/metrics.jsonl is not there; the log begins anew");
}

#[test]
fn what_is_given_beside_resume_is_applied_or_refused() {
    let small = Small::new(4);
    works(&small.with(&["--max-epoch-num", "1"]));
    let output = small.place.text("run");
    let resume = |more: &[&str]| {
        let mut flags = vec!["train", "--resume", "--output", &output];
        flags.extend(more);
        maskwright(&flags)
    };
    assert_snapshot!(refusal(&resume(&["--learning-rate", "0.1"]), 2), @"error: --learning-rate: a resumed run keeps this setting; begin another run to change it");
    assert_snapshot!(refusal(&resume(&["--seed", "3"]), 2), @"error: --seed: a resumed run keeps this setting; begin another run to change it");
    let more = resume(&["--max-epoch-num", "2", "--workers", "1", "--save-every", "1"]);
    assert!(more.status.success(), "{}", text(&more.stderr));
    assert!(small.run().join("sam_hq_epoch_1.safetensors").is_file());
    let config = std::fs::read_to_string(small.run().join("config.toml")).expect("read");
    for line in ["epochs = 2", "workers = 1", "state_every_steps = 1"] {
        assert!(config.lines().any(|found| found == line), "{config}");
    }
}

#[test]
fn a_run_and_its_data_may_move() {
    let small = Small::new(8);
    works(&small.with(&["--max-epoch-num", "3"]));
    let whole = std::fs::read(small.run().join("sam_hq_epoch_2.safetensors")).expect("read");

    // The same run, of relative paths, in two parts.
    let place = Place::new();
    for name in ["images", "masks", "model.toml"] {
        std::fs::rename(small.place.join(name), place.join(name)).expect("moved");
    }
    let flags = "train --images images --masks masks --model-config model.toml --input-size 64 --train decoder \
                 --batch-size-train 2 --max-epoch-num 1 --hold-out 25 --output run";
    let begun = Command::new(env!("CARGO_BIN_EXE_maskwright"))
        .args(flags.split(' '))
        .current_dir(place.path())
        .output()
        .expect("it starts");
    assert!(begun.status.success(), "{}", text(&begun.stderr));
    for name in ["images", "masks", "run"] {
        std::fs::rename(place.join(name), place.join(&format!("moved_{name}"))).expect("moved");
    }
    let (run, images, masks) =
        (place.text("moved_run"), place.text("moved_images"), place.text("moved_masks"));
    let resume = ["train", "--resume", "--max-epoch-num", "3", "--output", &run];
    let lost = refused(&resume, 1);
    assert!(lost.contains("[DIR]/images"), "it says where it looked: {lost}");
    let mut moved = resume.to_vec();
    moved.extend(["--images", &images, "--masks", &masks]);

    // Other data than it began with are refused.
    let swap = |from: &str, to: &str| {
        // Three of eight: two are held out.
        for number in 0..3 {
            for (folder, ending) in [("moved_images", "jpg"), ("moved_masks", "png")] {
                let name =
                    |stem: &str| place.join(&format!("{folder}/{stem}_{number:02}.{ending}"));
                std::fs::rename(name(from), name(to)).expect("renamed");
            }
        }
    };
    swap("photo", "other");
    let error = refused(&moved, 1);
    let refusal = error.lines().last().unwrap_or_default();
    assert!(
        refusal.starts_with("error: the training data: expected what the run began with (images ("),
        "{error}"
    );
    swap("other", "photo");

    works(&moved);
    let parts = std::fs::read(place.join("moved_run/sam_hq_epoch_2.safetensors")).expect("read");
    assert!(parts == whole, "the same bits");
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::support::{send, until};

    fn started(flags: &[&str]) -> std::process::Child {
        Command::new(env!("CARGO_BIN_EXE_maskwright"))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    }

    fn states(run: &Path) -> usize {
        let names = std::fs::read_dir(run).into_iter().flatten().flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().starts_with("resume-")).count()
    }

    #[test]
    fn stopped_twice_at_one_step_and_killed_a_run_goes_on() {
        let small = Small::new(8);
        let whole = small.place.text("whole");
        works(&small.with(&["--output", &whole]));
        let run = small.run();
        let output = small.place.text("run");
        let flags = small.with(&["--save-every", "1"]);
        let child = started(&flags);
        until("a state", || states(&run) > 0);
        send("-KILL", &child);
        child.wait_with_output().expect("ended");
        for _ in 0..3 {
            // Stopped before its first step: its state is of the step that it was resumed from.
            let child = started(&["train", "--resume", "--output", &output]);
            send("-INT", &child);
            let ended = child.wait_with_output().expect("ended");
            // Too early for the handler, the signal kills it.
            assert!(matches!(ended.status.code(), None | Some(130)), "{}", text(&ended.stderr));
            assert!(states(&run) > 0, "a state is there at any time");
        }
        works(&["train", "--resume", "--output", &output]);
        let file = "sam_hq_epoch_1.safetensors";
        let whole = std::fs::read(small.place.join("whole").join(file)).expect("read");
        assert!(std::fs::read(run.join(file)).expect("read") == whole, "the same bits");
        assert!(names(&run).iter().all(|name| !name.starts_with(".maskwright-")));
    }

    #[test]
    fn two_runs_do_not_write_into_one_folder() {
        let small = Small::new(8);
        let run = small.run();
        let flags = small.with(&["--max-epoch-num", "200"]);
        let first = started(&flags);
        until("the first run", || states(&run) > 0);
        let error = refused(&small.with(&["--overwrite"]), 2);
        let owner = format!("error: [DIR]/run: in use by process {} (", first.id());
        assert!(error.starts_with(&owner), "{error}");
        // Reading is free.
        works(&["report", &small.place.text("run")]);
        send("-TERM", &first);
        let ended = first.wait_with_output().expect("ended");
        assert_eq!(ended.status.code(), Some(130), "{}", text(&ended.stderr));
        works(&["train", "--resume", "--output", &small.place.text("run"), "--max-epoch-num", "1"]);
    }

    #[test]
    fn a_closed_terminal_stops_a_run_with_its_state_saved() {
        let small = Small::new(8);
        let run = small.run();
        let flags = small.with(&["--max-epoch-num", "200", "--save-every", "0"]);
        let child = started(&flags);
        until("a checkpoint", || run.join("sam_hq_epoch_0.safetensors").exists());
        send("-HUP", &child);
        let ended = child.wait_with_output().expect("ended");
        assert_eq!(ended.status.code(), Some(130), "{}", text(&ended.stderr));
        assert!(states(&run) > 0);
    }
}
