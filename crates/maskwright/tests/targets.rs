//! Where results go: never over what is read, over what is there only where that is asked for, in the format that the
//! name says.

#![cfg(target_os = "linux")]

mod support;

use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

use insta::assert_snapshot;
use support::{Place, maskwright, names, printed, refused, text, trained, works};

/// A model, trained for a moment, and the pairs that it was trained on.
struct Model {
    place: Place,
    checkpoint: String,
    photo: String,
}

impl Model {
    fn new() -> Self {
        let place = Place::new();
        let args = trained(&place, &place.text("run"));
        works(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
        let photo = place.text("images/photo_00.jpg");
        Self { place, checkpoint, photo }
    }

    fn args<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&[command, "--checkpoint", &self.checkpoint][..], more].concat()
    }

    fn predict<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let photo = ["--image", &self.photo, "--box", "5,20,60,90"];
        self.args("predict", &[&photo[..], more].concat())
    }
}

/// What a command that was killed left of a result goes when the next writes beside it.
#[test]
fn half_written_files_of_killed_commands_go() {
    let model = Model::new();
    let place = &model.place;
    let folder = place.join("results");
    std::fs::create_dir(&folder).expect("made");
    let left = |command: &[&str]| {
        std::fs::write(folder.join(".maskwright-held-a1.part"), "half").expect("written");
        std::fs::create_dir(folder.join(".maskwright-held-b2.part")).expect("made");
        works(command);
        names(&folder)
    };
    let at = |name: &str| place.text(&format!("results/{name}"));
    assert_eq!(left(&model.predict(&["--output", &at("a.png")])), ["a.png"]);
    let convert = |name: &str| left(&["convert", &model.checkpoint, &at(name)]);
    assert_eq!(convert("b.pth"), ["a.png", "b.pth"]);
    assert_eq!(convert("hf"), ["a.png", "b.pth", "hf"]);
}

#[test]
fn nothing_is_written_over_what_is_read() {
    let model = Model::new();
    let before = std::fs::read(&model.photo).expect("a photograph");
    let place = &model.place;
    let [link, other] = ["link.png", "other.png"].map(|name| place.text(name));
    symlink(&model.photo, &link).expect("linked");
    std::fs::hard_link(&model.photo, &other).expect("linked");
    let output = |path: &str| refused(&model.predict(&["--output", path, "--force"]), 2);
    assert_snapshot!(output(&link), @"error: --output: expected another file than those that are read, found [DIR]/link.png");
    assert_snapshot!(output(&other), @"error: --output: expected another file than those that are read, found [DIR]/other.png");
    assert_snapshot!(output(&model.photo), @"error: --output: expected a name that ends in .png, found [DIR]/images/photo_00.jpg");
    let logits = model.predict(&["--logits", &model.checkpoint, "--force"]);
    assert_snapshot!(refused(&logits, 2), @"error: --logits: expected another file than those that are read, found [DIR]/run/sam_hq_epoch_0.safetensors");

    // Of a folder all images are read, and nothing is written among them.
    let images = place.text("images");
    let args = ["--input", &images, "--output", &images, "--overlay", "--force"];
    assert_snapshot!(refused(&model.args("masks", &args), 2), @"error: --output: expected a folder apart from the images, found [DIR]/images");

    let (mask, masks) = (place.text("masks/photo_01.png"), place.text("masks"));
    let preview = ["preview", "--images", &images, "--masks", &masks, "--output", &mask, "--force"];
    assert_snapshot!(refused(&preview, 2), @"error: --output: expected a path where nothing is, found [DIR]/masks/photo_01.png in [DIR]/masks, whose files are read");
    let report = place.text("masks/photo_01.html");
    let data = ["--images", &images, "--masks", &masks];
    let eval = model.args("eval", &[&data[..], &["--report", &report]].concat());
    assert_snapshot!(refused(&eval, 2), @"error: --report: expected a path where nothing is, found [DIR]/masks/photo_01.png in [DIR]/masks, whose files are read");

    let copy = place.text("copy.safetensors");
    symlink(&model.checkpoint, &copy).expect("linked");
    let convert = ["convert", &model.checkpoint, &copy, "--force"];
    assert_snapshot!(refused(&convert, 2), @"error: the output: expected another file than those that are read, found [DIR]/copy.safetensors");
    assert!(before == std::fs::read(&model.photo).expect("a photograph"));
}

#[test]
fn what_is_there_stays_unless_that_is_asked_for() {
    let model = Model::new();
    let place = &model.place;
    let mine = place.text("mine.png");
    std::fs::write(&mine, "mine").expect("written");
    assert_snapshot!(refused(&model.predict(&["--output", &mine]), 2), @"error: --output: expected a path where nothing is, or --force, found [DIR]/mine.png, a file that is there");
    let overlay = ["--output", &place.text("new.png"), "--overlay", &mine];
    assert_snapshot!(refused(&model.predict(&overlay), 2), @"error: --overlay: expected a path where nothing is, or --force, found [DIR]/mine.png, a file that is there");
    let (images, masks) = (place.text("images"), place.text("masks"));
    let data = ["--images", &images, "--masks", &masks];
    let preview = [&["preview"][..], &data, &["--output", &mine, "--input-size", "64"]].concat();
    assert_snapshot!(refused(&preview, 2), @"error: --output: expected a path where nothing is, or --force, found [DIR]/mine.png, a file that is there");
    assert_eq!(std::fs::read(&mine).expect("read"), b"mine");
    works(&[&preview[..], &["--force"]].concat());
    assert!(std::fs::read(&mine).expect("read").starts_with(b"\x89PNG"));

    // Names of several masks are their own.
    std::fs::write(place.join("m_prompt1.png"), "mine").expect("written");
    let several = ["--box", "1,1,9,9", "--output", &place.text("m.png")];
    assert_snapshot!(refused(&model.predict(&several), 2), @r"
        geometry longest_side, which the checkpoint was validated with
        error: --output: expected a path where nothing is, or --force, found [DIR]/m_prompt1.png, a file that is there
        ");

    let everything = place.text("everything");
    let args = ["--input", &model.photo, "--output", &everything, "--points-per-side", "2"];
    let args = model.args("masks", &args);
    works(&args);
    assert_snapshot!(refused(&args, 2), @"error: --output: expected a path where nothing is, or --force, found [DIR]/everything/photo_00.json, a file that is there");
    works(&[&args[..], &["--force"]].concat());

    // A page replaces an earlier one, and nothing else.
    let page = place.text("page.html");
    let eval = model.args("eval", &[&data[..], &["--report", &page]].concat());
    let doctor = [&["doctor"][..], &data, &["--report", &page]].concat();
    std::fs::write(&page, "<!DOCTYPE html><title>mine</title>").expect("written");
    for command in [&eval, &doctor] {
        insta::allow_duplicates! {
            assert_snapshot!(refused(command, 2), @"error: --report: expected a path where nothing is or an earlier page, found [DIR]/page.html, a file that is there");
        }
    }
    std::fs::remove_file(&page).expect("removed");
    for command in [&eval, &doctor, &eval] {
        works(command);
    }
    std::fs::remove_file(&page).expect("removed");
    assert_snapshot!(refused(&eval, 2), @"error: --report: expected a path where nothing is, found [DIR]/page.png, a file that is there");

    let set = place.text("set");
    let made = ["bench", "files", "--output", &set, "--count", "1", "--longest", "90"];
    works(&made);
    assert_snapshot!(refused(&made, 2), @"error: --output: expected a path where nothing is, or --force, found [DIR]/set/images/00000-90.jpg, a file that is there");
}

#[test]
fn names_say_the_format() {
    let model = Model::new();
    let place = &model.place;
    let with = |flag: &str, name: &str| refused(&model.predict(&[flag, &place.text(name)]), 2);
    assert_snapshot!(with("--output", "a.jpg"), @"error: --output: expected a name that ends in .png, found [DIR]/a.jpg");
    assert_snapshot!(with("--overlay", "a"), @"error: --overlay: expected a name that ends in .png, found [DIR]/a");
    assert_snapshot!(with("--logits", "a.npz"), @"error: --logits: expected a name that ends in .safetensors or .npy, found [DIR]/a.npz");
    assert_snapshot!(with("--embedding", "a.npy"), @"error: --embedding: expected a name that ends in .safetensors, found [DIR]/a.npy");
    assert_snapshot!(with("--output", "images"), @"error: --output: expected a name that ends in .png, found [DIR]/images");
    std::fs::create_dir(place.join("folder.png")).expect("made");
    assert_snapshot!(with("--output", "folder.png"), @"error: --output: expected a file, found the folder [DIR]/folder.png");
    let (images, masks) = (place.text("images"), place.text("masks"));
    let page = ["doctor", "--images", &images, "--masks", &masks, "--report", "page.pdf"];
    assert_snapshot!(refused(&page, 2), @"error: --report: expected a name that ends in .html, found page.pdf");
    let both = place.text("both.png");
    let both = model.predict(&["--output", &both, "--overlay", &both]);
    assert_snapshot!(refused(&both, 2), @"error: --output, --overlay: expected a file each, found [DIR]/both.png for both");
}

#[test]
fn standard_output_takes_one_picture() {
    let model = Model::new();
    let file = model.place.text("mask.png");
    let line = printed(&model.predict(&["--output", &file]));
    let output = works(&model.predict(&["--output", "-"]));
    assert!(output.stdout == std::fs::read(&file).expect("a mask"));
    let line = line.replace("[DIR]/mask.png", "-");
    let said = text(&output.stderr);
    assert_eq!(said.lines().last(), line.lines().last());

    let refused = |more: &[&str]| {
        let output = maskwright(&model.predict(more));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        text(&output.stderr).lines().last().expect("an error").to_owned()
    };
    assert_snapshot!(refused(&["--output", "-", "--json"]), @r#"{"schema":1,"error":{"code":"usage","message":"--output: expected a file, since standard output takes one thing, found - and --json too","file":null,"expected":"a file, since standard output takes one thing","found":"- and --json too","status":2}}"#);
    assert_snapshot!(refused(&["--output", "-", "--box", "1,1,5,5"]), @"error: --output: expected a file, since standard output takes one thing, found - and 2 masks");
    assert_snapshot!(refused(&["--output", "-", "--overlay", "-"]), @"error: --output, --overlay: expected a file each, found - for both");
    assert_snapshot!(refused(&["--logits", "-"]), @"error: --logits: expected a file, since only a PNG goes to standard output, found -");
    assert!(!Path::new("-").exists());
}

#[test]
fn devices_and_links_stay_what_they_are() {
    let model = Model::new();
    let place = &model.place;
    works(&model.predict(&["--output", "/dev/null", "--overlay", "/dev/null"]));
    let null = std::fs::metadata("/dev/null").expect("there");
    assert!(null.file_type().is_char_device());
    assert_snapshot!(refused(&model.predict(&["--output", "/dev/full"]), 1), @r"
        geometry longest_side, which the checkpoint was validated with
        error: /dev/full: cannot write: No space left on device (os error 28)
        ");
    // A link leads to where the file is written; one that leads nowhere yet as well.
    std::fs::create_dir(place.join("far")).expect("made");
    let link = place.text("link.png");
    symlink("far/mask.png", &link).expect("linked");
    works(&model.predict(&["--output", &link]));
    assert!(place.join("link.png").is_symlink() && place.join("far/mask.png").is_file());
    works(&model.predict(&["--output", &link, "--force"]));
    assert!(place.join("link.png").is_symlink());
}
