//! `maskwright export`: a set in another shape, from the command line.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use support::{Place, refused, text, without_width, works, write_pairs};

#[test]
fn a_folder_becomes_coco_and_comes_back() {
    let place = Place::new();
    let [data, coco, back] = ["data", "coco", "back"].map(|name| place.text(name));
    std::fs::create_dir(&data).expect("created");
    let (images, masks) = write_pairs(Path::new(&data), 3);
    let said = works(&["export", &data, &coco, "--as", "coco"]);
    assert_snapshot!(without_width(&text(&said.stdout)), @"
        what  value
        --
        written  [DIR]/coco as coco
        train  3 images, 3 objects
        ");
    assert_snapshot!(text(&said.stderr), @"
        [DIR]/data looks like images with masks: 3 images, 3 masks; writing it
        train on it: maskwright train --data [DIR]/coco/data.toml
        ");
    // From the instances file to masks again, which are those that it was made of.
    let file = place.text("coco/annotations.json");
    works(&["export", &file, &back, "--as", "masks"]);
    for name in ["photo_00", "photo_01", "photo_02"] {
        let read = |path: std::path::PathBuf| std::fs::read(path).expect("a file");
        let copied = place.join(&format!("back/images/{name}.jpg"));
        assert_eq!(read(copied), read(images.join(format!("{name}.jpg"))));
        let mask = place.join(&format!("back/masks/{name}.png"));
        assert_eq!(read(mask), read(masks.join(format!("{name}.png"))));
    }
    let json = works(&[
        "export",
        "--images",
        &place.text("data/images"),
        "--masks",
        &place.text("data/masks"),
        &place.text("yolo"),
        "--as",
        "yolo",
        "--json",
    ]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&document["shape"], &document["parts"][0]["images"]), (&"yolo".into(), &3.into()));
    assert_eq!(document["parts"][0]["objects"], 3);
    assert_eq!(text(&json.stderr), "");
    // The result passes the doctor.
    works(&["doctor", &place.text("yolo")]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    let data = place.text("data");
    std::fs::create_dir(&data).expect("created");
    write_pairs(Path::new(&data), 2);
    let out = place.text("out");
    assert_snapshot!(refused(&["export", &data, "--as", "coco"], 2), @"error: expected DATA and OUT, or flags that say where the data are and OUT, found [DIR]/data alone");
    assert_snapshot!(refused(&["export", &data, &out, "--as", "coco", "--images", &data, "--masks", &data], 2), @"error: expected DATA and OUT, or flags that say where the data are and OUT, found [DIR]/data [DIR]/out beside such flags");
    assert_snapshot!(refused(&["export", &data, &data, "--as", "coco"], 2), @"
        [DIR]/data looks like images with masks: 2 images, 2 masks; writing it
        error: the output: expected a path where nothing is, found [DIR]/data, which is there
        ");
    assert_snapshot!(refused(&["export", &data, "-", "--as", "coco"], 2), @"
        [DIR]/data looks like images with masks: 2 images, 2 masks; writing it
        error: OUT: expected a folder, found -
        ");
    assert_snapshot!(refused(&["export", &data, &out, "--as", "voc"], 2), @"
        error: invalid value 'voc' for '--as <SHAPE>'
          [possible values: coco, masks, instances, sa1b, yolo, webdataset]

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["export", &place.text("nowhere"), &out, "--as", "coco"], 1), @"error: cannot read [DIR]/nowhere: No such file or directory (os error 2)");
    std::fs::create_dir(place.join("empty")).expect("created");
    assert_snapshot!(refused(&["export", &place.text("empty"), &out, "--as", "coco"], 2), @"error: [DIR]/empty: expected one data set, found no image and no folder; say what it is: `maskwright export --images DIR --masks DIR`, or `maskwright export --coco JSON --images DIR`");
    assert!(!place.join("out").exists());
}

/// On a device that is too small, and stopped by Ctrl-C, nothing is left, and one line says why. What a kill leaves goes by the next.
#[cfg(unix)]
#[allow(clippy::disallowed_macros, reason = "a test says what it leaves out")]
mod whole_or_not_there {
    use std::process::{Child, Command, Output, Stdio};

    use super::*;
    use crate::support::{names, send, until};

    #[test]
    fn on_a_full_disk() {
        let place = Place::new();
        let (data, small) = (place.text("data"), place.text("small"));
        write_pairs(Path::new(&data), 60);
        std::fs::create_dir(&small).expect("created");
        for shape in ["coco", "webdataset"] {
            let export = format!(
                "{} export {data} {small}/out --as {shape}",
                env!("CARGO_BIN_EXE_maskwright")
            );
            // A mount that goes with its process.
            let script = format!(
                "mount -t tmpfs -o size=100k tmpfs {small} && {{ {export}; echo status $?; ls -A {small}; }}"
            );
            let unshare = Command::new("unshare").args(["-rm", "sh", "-c", &script]).output();
            let Ok(output) = unshare else { return eprintln!("left out: unshare is not here") };
            let (out, said) = (text(&output.stdout), text(&output.stderr));
            if !out.contains("status") {
                return eprintln!("left out: no file system can be mounted here: {said}");
            }
            assert_eq!(out, "status 1\n", "{shape}: {said}");
            let lines: Vec<&str> = said.lines().collect();
            let [_, error] = &lines[..] else { panic!("{said}") };
            let full = error.starts_with("error: cannot write") && error.contains("No space left");
            assert!(full, "{error}");
        }
    }

    #[test]
    fn after_ctrl_c() {
        let begun = Begun::export();
        let (output, place) = begun.end("-INT");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert_eq!(said.lines().last(), Some("stopped: nothing was written"), "{said}");
        assert_eq!(names(place.path()), ["data"]);
    }

    #[test]
    fn after_a_kill_and_another_export() {
        let (output, place) = Begun::export().end("-KILL");
        assert_eq!(output.status.code(), None, "killed");
        assert_eq!(names(place.path()).len(), 2, "its folder, which nothing could remove");
        let (data, other) = (place.text("data"), place.text("other"));
        works(&["export", &data, &other, "--as", "masks"]);
        assert_eq!(names(place.path()), ["data", "other"]);
    }

    /// An export that has begun to write.
    struct Begun {
        child: Child,
        place: Place,
    }

    impl Begun {
        fn export() -> Self {
            let place = Place::new();
            let (data, out) = (place.text("data"), place.text("out"));
            write_pairs(Path::new(&data), 400);
            let child = Command::new(env!("CARGO_BIN_EXE_maskwright"))
                .args(["export", &data, &out, "--as", "coco"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts");
            until("it begins to write", || names(place.path()).len() == 2);
            Self { child, place }
        }

        fn end(self, signal: &str) -> (Output, Place) {
            send(signal, &self.child);
            (self.child.wait_with_output().expect("it ends"), self.place)
        }
    }
}
