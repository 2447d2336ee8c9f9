//! `maskwright prep`: data prepared in shards, from the command line.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use insta::assert_snapshot;
use maskwright_image::decode::{Limits, decode_rgb};
use serde_json::Value;
use support::{Place, maskwright, refused, text, trained, without_width, works, write_pairs};

/// A place with the folder `data` of so many pairs; the paths of both folders.
fn pairs(place: &Place, count: usize) -> [String; 2] {
    let (images, masks) = write_pairs(&place.join("data"), count);
    [images, masks].map(|folder| folder.display().to_string())
}

/// The members of a tar file whose names are short.
fn members(tar: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(tar).expect("a tar file");
    let (mut at, mut found) = (0, BTreeMap::new());
    while bytes[at] != 0 {
        let field = |from: usize, len: usize| {
            let field = &bytes[at + from..][..len];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(len);
            String::from_utf8(field[..end].to_vec()).expect("a header")
        };
        let len = usize::from_str_radix(field(124, 12).trim(), 8).expect("a size");
        found.insert(field(0, 100), bytes[at + 512..][..len].to_vec());
        at += 512 + len.div_ceil(512) * 512;
    }
    found
}

/// The rows of a ledger.
fn rows(ledger: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(ledger).expect("a ledger");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

/// All files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).unwrap_or_default())
    };
    entries.map(file).collect()
}

#[test]
fn a_folder_is_prepared_and_comes_back() {
    let place = Place::new();
    pairs(&place, 5);
    let [data, out, back] = ["data", "out", "back"].map(|name| place.text(name));
    let said = works(&["prep", &data, "--output", &out, "--shards", "2"]);
    assert_snapshot!(without_width(&text(&said.stdout)), @"
        what  value
        --
        written  [DIR]/out
        shards  2 of 2
        records  5
        ok  5
        warned  0
        refused  0
        objects  5
        bytes  39,424
        ");
    assert_snapshot!(text(&said.stderr), @"
        [DIR]/data looks like images with masks: 5 images, 5 masks; preparing it
        train on it: maskwright train --data [DIR]/out/data.toml
        ");
    let names: Vec<String> = files(Path::new(&out)).into_keys().collect();
    let expected = ["data.toml", "prep.json"].into_iter().map(str::to_owned);
    let shards = (0..2).flat_map(|n| ["jsonl", "tar"].map(|end| format!("shard-{n:06}.{end}")));
    assert_eq!(names, expected.chain(shards).collect::<Vec<_>>());
    assert_snapshot!(std::fs::read_to_string(place.join("out/data.toml")).unwrap(), @r#"
        [[train]]
        name = "data"
        kind = "webdataset"
        shards = ["shard-*.tar"]
        image_ext = [
            "jpg",
            "jpeg",
            "png",
            "tif",
            "tiff",
            "webp",
            "avif",
            "jxl",
            "bmp",
            "gif",
            "qoi",
            "ppm",
            "pgm",
            "pbm",
            "pnm",
            "pam",
        ]
        mask_channel = "auto"
        invert = false
        unmatched = "error"
        exif = "auto"
        "#);
    let first = &rows(&place.join("out/shard-000001.jsonl"))[0];
    assert_snapshot!(serde_json::to_string_pretty(first).unwrap(), @r#"
        {
          "bytes": 7680,
          "checks": [],
          "embedding": false,
          "height": 88,
          "image": "jpg",
          "index": 2,
          "key": "photo_02",
          "name": "photo_02",
          "objects": 1,
          "objects_refused": 0,
          "offset": 0,
          "reason": "",
          "record": 2,
          "role": "train",
          "set": "data",
          "source_height": 88,
          "source_width": 116,
          "status": "ok",
          "width": 116
        }
        "#);

    // The same images and masks, byte for byte.
    works(&["export", &place.text("out/data.toml"), &back, "--as", "masks"]);
    for part in ["images", "masks"] {
        let [data, back] =
            ["data", "back"].map(|root| files(&place.join(&format!("{root}/{part}"))));
        assert_eq!(data, back);
    }
    works(&["doctor", &place.text("out/data.toml")]);
}

#[test]
fn shards_of_several_processes_are_those_of_one() {
    let place = Place::new();
    let [images, masks] = pairs(&place, 7);
    let prep = |out: &str, more: &[&str]| {
        let out = place.text(out);
        let all = ["prep", "--images", &images, "--masks", &masks, "--output", &out];
        works(&[&all[..], more].concat())
    };
    prep("one", &["--shards", "3", "--threads", "1", "--longest-side", "80"]);
    for shard in ["2/3", "0/3", "1/3"] {
        prep("several", &["--shard", shard, "--workers", "3", "--longest-side", "80"]);
    }
    let one = files(&place.join("one"));
    assert_eq!(one, files(&place.join("several")));
    // Again: nothing is made a second time, whoever asks.
    let again = prep("one", &["--shards", "3", "--longest-side", "80", "--json"]);
    let told: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    let made = told["made"].as_array().expect("a list");
    assert!(made.len() == 3 && made.iter().all(|shard| shard["before"] == true), "{told}");
    assert_eq!(
        (&told["records"], &told["ok"], &told["refused"]),
        (&7.into(), &7.into(), &0.into())
    );
    // A shard that is lost is made again, the same.
    std::fs::remove_file(place.join("one/shard-000001.jsonl")).expect("removed");
    prep("one", &["--shard", "1/3", "--longest-side", "80"]);
    assert_eq!(one, files(&place.join("one")));
    // More shards than records leave some empty.
    prep("many", &["--shards", "9"]);
    works(&["doctor", &place.text("many/data.toml")]);
}

#[test]
fn images_and_masks_shrink_together() {
    let place = Place::new();
    let [images, masks] = pairs(&place, 3);
    let out = place.text("out");
    let all = ["prep", "--images", &images, "--masks", &masks, "--output", &out];
    works(&[&all[..], &["--longest-side", "100", "--jpeg-quality", "95"]].concat());
    let rows = rows(&place.join("out/shard-000000.jsonl"));
    let members = members(&place.join("out/shard-000000.tar"));
    // 90 x 110, 103 x 99 and 116 x 88.
    let sizes: Vec<[u64; 4]> = rows
        .iter()
        .map(|row| {
            ["source_width", "source_height", "width", "height"]
                .map(|key| row[key].as_u64().unwrap())
        })
        .collect();
    assert_eq!(sizes, [[90, 110, 82, 100], [103, 99, 100, 96], [116, 88, 100, 76]]);
    for (row, [_, _, width, height]) in rows.iter().zip(sizes) {
        let key = row["key"].as_str().unwrap();
        let image = decode_rgb(&members[&format!("{key}.jpg")], &Limits::default()).unwrap().pixels;
        assert_eq!([image.size.width as u64, image.size.height as u64], [width, height]);
        let notes: Value = serde_json::from_slice(&members[&format!("{key}.json")]).unwrap();
        let mask = &notes["annotations"][0]["segmentation"];
        assert_eq!(mask["size"], serde_json::json!([height, width]));
        let counts = mask["counts"].as_str().unwrap();
        let size = maskwright_image::Size::new(height as usize, width as usize);
        let mask = maskwright_image::mask::Rle::parse(size, counts.as_bytes()).unwrap().to_bitmap();
        // The object is bright and its ground dark: the shrunk mask lies on the shrunk object.
        let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x)));
        let wrong = pixels.filter(|&(y, x)| (image.pixel(x, y)[0] > 130) != mask.get(y, x)).count();
        assert!(wrong * 100 < size.area(), "{wrong} of {} pixels", size.area());
    }
}

#[test]
fn what_is_broken_is_a_row() {
    let place = Place::new();
    let [images, masks] = pairs(&place, 6);
    let out = place.text("out");
    let image = |number: usize| format!("{images}/photo_{number:02}.jpg");
    let whole = std::fs::read(image(1)).expect("read");
    std::fs::write(image(1), &whole[..whole.len() / 2]).expect("written");
    std::fs::write(image(2), "no picture").expect("written");
    std::fs::write(format!("{masks}/photo_03.png"), "no mask").expect("written");
    std::fs::write(image(4), "").expect("written");
    let all = ["prep", "--images", &images, "--masks", &masks, "--output", &out];
    let done = maskwright(&all);
    assert_eq!(done.status.code(), Some(1));
    assert_snapshot!(without_width(&text(&done.stdout)), @"
        what  value
        --
        written  [DIR]/out
        shards  1 of 1
        records  6
        ok  2
        warned  1
        refused  3 (first: images/photo_02: not-an-image: image: not an image of a known format)
        objects  3
        objects refused  1
        bytes  18,944
        ");
    let told = |folder: &str| {
        let rows = rows(&place.join(&format!("{folder}/shard-000000.jsonl")));
        let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let lines = rows.iter().map(|row| {
            let checks: Vec<String> = row["checks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|check| word(check, "check"))
                .collect();
            format!(
                "{}  {}  [{}]  {}",
                word(row, "name"),
                word(row, "status"),
                checks.join(", "),
                word(row, "reason")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told("out"), @"
        photo_00  ok  []  
        photo_01  warned  [truncated-file]  
        photo_02  refused  [not-an-image]  not-an-image: image: not an image of a known format
        photo_03  refused  [not-an-image]  not-an-image: mask: not an image of a known format
        photo_04  refused  [damaged-file]  damaged-file: image: the file is empty
        photo_05  ok  []
        ");
    let stored: Vec<String> = members(&place.join("out/shard-000000.tar")).into_keys().collect();
    assert_snapshot!(stored.join(" "), @"photo_00.jpg photo_00.json photo_01.jpg photo_01.json photo_05.jpg photo_05.json");
    // Finished, it says the same again.
    assert_eq!(maskwright(&all).status.code(), Some(1));
    let strict = place.text("strict");
    let all = ["prep", "--images", &images, "--masks", &masks, "--output", &strict, "--strict"];
    assert_eq!(maskwright(&all).status.code(), Some(1));
    assert_snapshot!(told("strict"), @"
        photo_00  ok  []  
        photo_01  refused  [truncated-file]  truncated-file: image: the file ends too early, the missing part was filled in
        photo_02  refused  [not-an-image]  not-an-image: image: not an image of a known format
        photo_03  refused  [not-an-image]  not-an-image: mask: not an image of a known format
        photo_04  refused  [damaged-file]  damaged-file: image: the file is empty
        photo_05  ok  []
        ");
}

#[test]
fn a_model_finds_masks_and_makes_embeddings() {
    let place = Place::new();
    let run = place.text("run");
    works(&trained(&place, &run).iter().map(String::as_str).collect::<Vec<_>>());
    let checkpoint = format!("{run}/sam_hq_epoch_0.safetensors");
    let [images, out, found] = ["images", "out", "found"].map(|name| place.text(name));
    let settings =
        ["--points-per-side", "4", "--pred-iou-thresh", "0", "--stability-score-thresh", "0"];
    let prep = [
        "prep",
        &images,
        "--output",
        &out,
        "--checkpoint",
        &checkpoint,
        "--auto-masks",
        "--embeddings",
    ];
    let said = works(&[&prep[..], &settings].concat());
    assert!(text(&said.stderr).contains("looks like 4 images without masks; preparing them"));
    let masks = ["masks", "--checkpoint", &checkpoint, "--input", &images, "--output", &found];
    works(&[&masks[..], &settings].concat());
    let members = members(&place.join("out/shard-000000.tar"));
    let read =
        |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON")["annotations"].clone();
    let mut objects = 0;
    for row in rows(&place.join("out/shard-000000.jsonl")) {
        assert_eq!((&row["status"], &row["embedding"]), (&"ok".into(), &true.into()));
        let key = row["key"].as_str().unwrap();
        // Those of the command that finds masks alone.
        let alone =
            std::fs::read(place.join(&format!("found/{}.json", key.trim_end_matches("_jpg"))));
        let ours = read(&members[&format!("{key}.json")]);
        assert_eq!(ours, read(&alone.expect("a file")));
        objects += ours.as_array().unwrap().len();
        let embedding = &members[&format!("{key}.embedding.safetensors")];
        let tensors = safetensors::SafeTensors::deserialize(embedding).expect("tensors");
        assert_eq!(tensors.tensor("image_embedding").expect("there").shape()[0], 1);
    }
    assert!(objects > 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    let [images, masks] = pairs(&place, 3);
    let out = place.text("out");
    let refused = |more: &[&str], status| {
        let all = ["prep", "--images", &images, "--masks", &masks, "--output", &out];
        refused(&[&all[..], more].concat(), status)
    };
    let of = |args: &[&str], status| support::refused(&[&["prep"], args].concat(), status);
    assert_snapshot!(refused(&["--shard", "3/3"], 2), @"
        error: invalid value '3/3' for '--shard <I/N>': expected a shard from 0/3 to 2/3, since they count from 0

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["--shard", "one"], 2), @"
        error: invalid value 'one' for '--shard <I/N>': expected the number of a shard, from 0, and how many there are, as in 2/8

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["--shard", "0/3", "--shards", "3"], 2), @"
        error: the argument '--shard <I/N>' cannot be used with '--shards <N>'

        Usage: maskwright prep --output <DIR> --images <DIR> --masks <DIR> --shard <I/N> [DATA]

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["--shards", "0"], 2), @"error: --shards: expected 1 to 1000000, found 0");
    assert_snapshot!(refused(&["--longest-side", "0"], 2), @"error: --longest-side: expected 1 to 65535 pixels, found 0");
    assert_snapshot!(refused(&["--jpeg-quality", "101"], 2), @"error: --jpeg-quality: expected 1 to 100, found 101");
    assert_snapshot!(refused(&["--embeddings"], 2), @"
        error: the following required arguments were not provided:
          --checkpoint <FILE>

        Usage: maskwright prep --output <DIR> --images <DIR> --checkpoint <FILE> --masks <DIR> --embeddings [DATA]

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["--checkpoint", "sam.pth"], 2), @"error: --checkpoint: expected beside --embeddings or --auto-masks, found neither");
    assert_snapshot!(of(&[&place.text("data")], 2), @"
        error: the following required arguments were not provided:
          --output <DIR>

        Usage: maskwright prep --output <DIR> <DATA>

        For more information, try '--help'.
        ");
    assert_snapshot!(of(&["--output", &out], 2), @"error: no data: give --images DIR with --masks DIR or --coco JSON, --sa1b PLACE, --labelme DIR, --yolo PLACE, --data FILE, --hqseg44k ROOT, or --hqsam-datasets FILE");
    assert_snapshot!(of(&[&images, "--output", &out], 2), @"error: [DIR]/data/images: expected images with masks or annotations (--masks DIR, --coco JSON), or something to make of images alone (--auto-masks, --embeddings), found images alone");
    assert_snapshot!(of(&["--images", &images, "--output", &out], 2), @"error: --images [DIR]/data/images: expected images with masks or annotations (--masks DIR, --coco JSON), or something to make of images alone (--auto-masks, --embeddings), found images alone");
    assert_snapshot!(of(&[&place.text("nowhere"), "--output", &out], 1), @"error: cannot read [DIR]/nowhere: No such file or directory (os error 2)");
    std::fs::create_dir(place.join("empty")).expect("created");
    assert_snapshot!(of(&[&place.text("empty"), "--output", &out], 2), @"error: [DIR]/empty: expected one data set, found no image and no folder; say what it is: `maskwright prep --images DIR --masks DIR`, or `maskwright prep --coco JSON --images DIR`");
    let inside = place.text("data/images/out");
    assert_snapshot!(of(&["--images", &images, "--masks", &masks, "--output", &inside], 2), @"error: the output: expected a path outside of the data, found [DIR]/data/images/out in [DIR]/data/images, which is read");
    assert!(!place.join("out").exists());

    works(&["prep", "--images", &images, "--masks", &masks, "--output", &out, "--shard", "0/2"]);
    assert_snapshot!(refused(&["--shards", "3"], 2), @"error: --output: expected the data and settings that [DIR]/out was begun with (--shards 2), found 3; choose another folder");
    assert_snapshot!(refused(&["--shards", "2", "--longest-side", "64"], 2), @"error: --output: expected the data and settings that [DIR]/out was begun with (--longest-side none), found 64; choose another folder");
    let tar = place.join("out/shard-000000.tar");
    std::fs::write(&tar, "cut").expect("written");
    assert_snapshot!(refused(&["--shards", "2"], 1), @"error: [DIR]/out/shard-000000.tar: expected the 8192 bytes of its ledger [DIR]/out/shard-000000.jsonl, found 3 bytes; remove both files, and the shard is made again");
}

/// On a device that is too small, stopped by Ctrl-C and killed: nothing half is left, and the same command goes on.
#[cfg(unix)]
#[allow(clippy::disallowed_macros, reason = "a test says what it leaves out")]
mod whole_or_not_there {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use maskwright_train::owned_folder::OwnedFolder;

    use super::*;
    use crate::support::send;

    #[test]
    fn on_a_full_disk() {
        let place = Place::new();
        let [images, masks] = pairs(&place, 60);
        let small = place.text("small");
        std::fs::create_dir(&small).expect("created");
        let prep = format!(
            "{} prep --images {images} --masks {masks} --output {small}/out --shards 6",
            env!("CARGO_BIN_EXE_maskwright")
        );
        // A mount that goes with its process.
        let script = format!(
            "mount -t tmpfs -o size=200k tmpfs {small} && {{ {prep}; echo status $?; ls -A {small}/out; }}"
        );
        let unshare = Command::new("unshare").args(["-rm", "sh", "-c", &script]).output();
        let Ok(output) = unshare else { return eprintln!("left out: unshare is not here") };
        let (out, said) = (text(&output.stdout), text(&output.stderr));
        if !out.contains("status") {
            return eprintln!("left out: no file system can be mounted here: {said}");
        }
        let mut lines = out.lines();
        assert_eq!(lines.next(), Some("status 1"), "{said}");
        let names: Vec<&str> = lines.collect();
        // Some shards are finished, and none is half there.
        let tars = names.iter().filter(|name| name.ends_with(".tar")).count();
        assert!((1..6).contains(&tars), "{names:?}");
        assert_eq!(names.len(), 2 + 2 * tars, "{names:?}");
        let full = said.starts_with("error: ") && said.contains("No space left");
        assert!(full && said.lines().count() == 1, "{said}");
    }

    fn start(images: &str, masks: &str, out: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_maskwright"))
            .args([
                "prep",
                "--images",
                images,
                "--masks",
                masks,
                "--output",
                out,
                "--per-shard",
                "40",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    }

    /// Waits until a second shard is begun.
    fn until_begun(out: &str) {
        let begun = |name: &str| Path::new(out).join(name).exists();
        while !begun(".shard-000001") && !begun("shard-000001.tar") {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn after_ctrl_c_and_after_a_kill() {
        let place = Place::new();
        let [images, masks] = pairs(&place, 400);
        let [stopped, killed, whole] = ["stopped", "killed", "whole"].map(|name| place.text(name));
        let child = start(&images, &masks, &stopped);
        until_begun(&stopped);
        let asked = Instant::now();
        send("-INT", &child);
        let output = child.wait_with_output().expect("it ends");
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.starts_with("stopped: finished shards stay"), "{said}");
        let hidden = files(Path::new(&stopped)).into_keys().filter(|name| name.starts_with('.'));
        assert_eq!(hidden.collect::<Vec<_>>(), Vec::<String>::new());

        let mut child = start(&images, &masks, &killed);
        until_begun(&killed);
        child.kill().expect("killed");
        child.wait().expect("it ends");
        assert!(files(Path::new(&killed)).len() < 2 + 2 * 10);
        for out in [&stopped, &killed, &whole] {
            works(&[
                "prep",
                "--images",
                &images,
                "--masks",
                &masks,
                "--output",
                out,
                "--per-shard",
                "40",
            ]);
        }
        let whole = files(Path::new(&whole));
        assert_eq!(whole.len(), 2 + 2 * 10);
        assert_eq!(whole, files(Path::new(&stopped)));
        assert_eq!(whole, files(Path::new(&killed)));
    }

    #[test]
    fn a_shard_has_one_owner() {
        let place = Place::new();
        let [images, masks] = pairs(&place, 20);
        let out = place.text("out");
        // As a process that is at it.
        let held = OwnedFolder::take(&place.join("out/.shard-000003")).expect("nobody's");
        let second = maskwright(&[
            "prep", "--images", &images, "--masks", &masks, "--output", &out, "--shard", "3/10",
        ]);
        drop(held);
        let said = text(&second.stderr);
        assert_eq!(second.status.code(), Some(2), "{said}");
        let begin =
            format!("error: shard 3 of [DIR]/out: in use by process {} (", std::process::id());
        assert!(said.starts_with(&begin), "{said}");
    }
}
