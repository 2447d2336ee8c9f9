//! Every command of docs/walks.md, in order, on small data: what the page promises, the program does.

#![cfg(unix)]

mod support;

use std::path::Path;
use std::process::Command;

use support::{Place, small_run, text, works, write_pairs};

/// What is smaller here than on the page: an input of 64 pixels, two epochs, few points.
const SMALLER: [(&str, &str); 4] = [
    ("--input-size 512", "--input-size 64"),
    ("--output run\n", "--max-epoch-num 2 --output run\n"),
    ("--output runs/hq-sam\n", "--max-epoch-num 2 --batch-size-train 2 --output runs/hq-sam\n"),
    ("--max-epoch-num 14", "--max-epoch-num 3"),
];

/// The commands of the page's blocks that are walked, in order.
fn commands() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/walks.md");
    let page = std::fs::read_to_string(file).expect("the page");
    let blocks = page.split("<!-- walk -->\n```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().expect("it begins"));
    let mut lines: Vec<String> =
        blocks.flat_map(str::lines).map(|line| format!("{line}\n")).collect();
    for (from, to) in SMALLER {
        let found = lines.iter().filter(|line| line.contains(from)).count();
        assert!(found > 0, "{from:?} is no longer on the page");
        lines.iter_mut().for_each(|line| *line = line.replace(from, to));
    }
    lines
}

/// Photographs and masks, a SAM under the names of published ones, HQSeg-44K as far as the page needs it, and a detector's boxes.
fn prepare(place: &Place) {
    let flags = small_run(place, 12, 25);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(["--train", "all"]).collect();
    works(&flags);
    for name in ["sam-vit-b", "sam-vit-l"] {
        std::fs::copy(place.join("run/best.safetensors"), place.join(name)).expect("copied");
    }
    std::fs::remove_dir_all(place.join("run")).expect("removed");
    let data = place.join("data");
    for (images, masks) in [
        ("DIS5K/DIS-TR/im", "DIS5K/DIS-TR/gt"),
        (
            "thin_object_detection/ThinObject5K/images_train",
            "thin_object_detection/ThinObject5K/masks_train",
        ),
        ("DIS5K/DIS-VD/im", "DIS5K/DIS-VD/gt"),
    ] {
        let part = place.join("part");
        let (from_images, from_masks) = write_pairs(&part, 4);
        for (from, to) in [(from_images, images), (from_masks, masks)] {
            let to = data.join(to);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            std::fs::rename(from, to).expect("moved");
        }
    }
    std::fs::rename(place.join("images"), place.join("photos")).expect("moved");
    std::fs::create_dir(place.join("new")).expect("made");
    std::fs::copy(place.join("photos/photo_03.jpg"), place.join("new/leaf_41.jpg"))
        .expect("copied");
    let boxes = "image,x0,y0,x1,y1,id,score\nphoto_00.jpg,5,20,60,90,7,0.5\nphoto_02.jpg,10,3,80,80,8,0.25\n";
    std::fs::write(place.join("boxes.csv"), boxes).expect("written");
}

#[test]
fn the_walks_can_be_walked() {
    let place = Place::new();
    prepare(&place);
    let program = Path::new(env!("CARGO_BIN_EXE_maskwright")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    for line in commands() {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(&line).current_dir(place.path());
        shell.env("PATH", format!("{}:{path}", program.display()));
        let done = shell.output().expect("it starts");
        let (out, err) = (text(&done.stdout), text(&done.stderr));
        assert!(done.status.success(), "{line}{out}\n{err}");
    }
    // What there is at the end of each.
    let there = [
        "preview.png",
        "run/best.safetensors",
        "before-and-after.html",
        "leaf_41.png",
        "everything/leaf_41.json",
        "compared.html",
        "elsewhere.json",
        "elsewhere/best.safetensors",
        "found.json",
        "predict.log",
    ];
    for file in there {
        assert!(place.join(file).metadata().is_ok_and(|found| found.len() > 0), "{file}");
    }
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(place.join(name)).expect("read")).expect("JSON")
    };
    assert_eq!(json("elsewhere.json")["model_file"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(json("found.json")["masks"], 2);
    let log = std::fs::read_to_string(place.join("predict.log")).expect("read");
    assert!(
        log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{log}"
    );
}
