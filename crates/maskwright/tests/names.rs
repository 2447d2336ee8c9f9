//! Names that strangers gave: control characters do not reach the terminal, and what is no UTF-8 is a name as well.

#![cfg(target_os = "linux")]

mod support;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;
use support::{Place, text, trained, works, write_pairs};

/// Clears the screen, moves up a line, turns the direction of writing, and deletes.
const HOSTILE: &str = "a\u{1b}[2J\u{9b}A\u{202e}gnp\u{7f}";

fn maskwright(args: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_maskwright")).args(args).output().expect("it starts")
}

/// Whether a terminal would obey some of it.
fn is_obeyed(printed: &[u8]) -> bool {
    let printed = String::from_utf8(printed.to_vec()).expect("UTF-8");
    let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    printed.contains(obeyed)
}

#[test]
fn control_characters_of_names_are_escaped() {
    let place = Place::new();
    let (images, masks) = write_pairs(place.path(), 3);
    let name = |folder: &Path, ending: &str| folder.join(format!("{HOSTILE}.{ending}"));
    std::fs::rename(images.join("photo_00.jpg"), name(&images, "jpg")).expect("renamed");
    std::fs::rename(masks.join("photo_00.png"), name(&masks, "png")).expect("renamed");
    let [images, masks] = [images, masks].map(|folder| folder.display().to_string());
    let data = ["--images", &images, "--masks", &masks];
    let preview = place.text("preview.png");
    let preview = [&["preview"][..], &data, &["--output", &preview, "--input-size", "64"]].concat();
    std::fs::write(place.join(&format!("images/{HOSTILE}2.jpg")), "no picture").expect("written");
    std::fs::copy(
        place.join(&format!("masks/{HOSTILE}.png")),
        place.join(&format!("masks/{HOSTILE}2.png")),
    )
    .expect("copied");
    let doctor = [&["doctor"][..], &data].concat();
    let json = [&doctor[..], &["--json"]].concat();
    let missing = format!("{}/{HOSTILE}.pth", place.path().display());
    let eval = ["eval", "--checkpoint", &missing, "--images", &images, "--masks", &masks];
    // clap's own words repeat the argument.
    let unknown = ["predict", "--box", HOSTILE];
    for args in [&preview[..], &doctor, &json, &eval, &unknown] {
        let output = support::maskwright(args);
        assert!(!is_obeyed(&output.stdout), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(!is_obeyed(&output.stderr), "{}", String::from_utf8_lossy(&output.stderr));
        let said = [output.stdout, output.stderr].concat();
        assert!(
            text(&said).contains("\\u{1b}[2J") || text(&said).contains("\\u001b[2J"),
            "{args:?}"
        );
    }
    // As a document the names are what they were.
    let found: serde_json::Value =
        serde_json::from_slice(&support::maskwright(&json).stdout).expect("JSON");
    let listed = &found["sets"][0]["findings"][0]["listed"][0];
    assert_eq!(listed["name"], format!("{HOSTILE}2"));
}

#[test]
fn names_that_are_no_text_are_names() {
    let place = Place::new();
    let run = place.text("run");
    let train = trained(&place, &run);
    works(&train.iter().map(String::as_str).collect::<Vec<_>>());
    let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
    let odd = |ending: &str| {
        OsString::from(OsStr::from_bytes(&[b"caf\xe9.", ending.as_bytes()].concat()))
    };
    let photo = place.join("images").join(odd("jpg"));
    std::fs::rename(place.join("images/photo_00.jpg"), &photo).expect("renamed");
    std::fs::rename(place.join("masks/photo_00.png"), place.join("masks").join(odd("png")))
        .expect("renamed");

    // What they are called, and what is printed of them.
    let everything = place.join("everything");
    let mask = place.path().join(odd("png"));
    let (images, masks) = (place.join("images"), place.join("masks"));
    let model: [&OsStr; 2] = ["--checkpoint".as_ref(), checkpoint.as_ref()];
    let data: [&OsStr; 4] =
        ["--images".as_ref(), images.as_ref(), "--masks".as_ref(), masks.as_ref()];
    let json = |command: &str, parts: &[&[&OsStr]]| {
        let args = [&[command.as_ref()], &parts.concat()[..], &["--json".as_ref()]].concat();
        let output = maskwright(&args);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let points: [&OsStr; 2] = ["--points-per-side".as_ref(), "2".as_ref()];
    let asked: [&OsStr; 4] =
        ["--input".as_ref(), photo.as_ref(), "--output".as_ref(), everything.as_ref()];
    let found = json("masks", &[&model, &asked, &points]);
    assert!(
        found["images"][0]["image"].as_str().expect("text").ends_with("caf\u{fffd}.jpg"),
        "{found}"
    );
    assert!(everything.join(odd("json")).is_file());
    let asked: [&OsStr; 6] = [
        "--image".as_ref(),
        photo.as_ref(),
        "--output".as_ref(),
        mask.as_ref(),
        "--box".as_ref(),
        "5,5,20,20".as_ref(),
    ];
    let found = json("predict", &[&model, &asked]);
    assert!(found["masks"][0]["mask"].as_str().expect("text").ends_with("caf\u{fffd}.png"));
    assert!(mask.is_file());
    json("eval", &[&model, &data]);
    json("doctor", &[&data]);

    // Records may be called so, folders may not: config.toml is text.
    let again = place.join("again");
    let rest = &train[5..train.len() - 1];
    let args: Vec<&OsStr> = [&["train".as_ref()], &data[..]]
        .concat()
        .into_iter()
        .chain(rest.iter().map(OsStr::new))
        .collect();
    let with_output = [&args[..], &[again.as_ref()]].concat();
    let output = maskwright(&with_output);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let folder = place.path().join(OsStr::from_bytes(b"m\xe9moire"));
    std::fs::rename(&images, &folder).expect("renamed");
    let moved: Vec<&OsStr> = with_output
        .iter()
        .map(|arg| if *arg == images.as_os_str() { folder.as_os_str() } else { arg })
        .chain(["--overwrite".as_ref()])
        .collect();
    let output = maskwright(&moved);
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!(text(&output.stderr).lines().last().expect("an error"), @"error: the data of set m�moire: expected a path of UTF-8 text, as TOML is, found another");
}
