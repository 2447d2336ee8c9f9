//! `maskwright doctor` on folders and data files: what it prints, and its exit status.

mod support;

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use maskwright_image::{GreyImage, RgbImage, Size, encode};
use serde_json::Value;
use support::{
    Place, maskwright, printed, refused, send, text, trained, without_times, works, write_pairs,
};

/// Pairs that differ more from each other than those of [`write_pairs`], in folders `im` and `gt`.
fn write_photos(folder: &Path, count: usize) {
    for sub in ["im", "gt"] {
        std::fs::create_dir_all(folder.join(sub)).expect("created");
    }
    for number in 0..count {
        let (width, height) = (200, 150);
        let mut image = RgbImage::filled(Size::new(height, width), 0);
        let mut mask = GreyImage::filled(Size::new(height, width), 0);
        for at in 0..width * height {
            let (x, y) = ((at % width) as f32 / 200.0, (at / width) as f32 / 150.0);
            let n = number as f32;
            let wave = (x * (3.0 + 2.1 * n) + y * (7.0 - 1.3 * n) + n).sin() * 90.0 + 120.0;
            image.data[3 * at..][..3].fill(wave as u8);
            let inside = (x - 0.4 - 0.02 * n).abs() < 0.2 && (y - 0.5).abs() < 0.1 + 0.02 * n;
            mask.data[at] = if inside { 255 } else { 0 };
        }
        let jpeg = encode::jpeg_rgb(&image, 92).expect("encoded");
        let png = encode::png_grey(&mask).expect("encoded");
        std::fs::write(folder.join(format!("im/photo_{number}.jpg")), jpeg).expect("written");
        std::fs::write(folder.join(format!("gt/photo_{number}.png")), png).expect("written");
    }
}

fn json(args: &[&str]) -> (i32, serde_json::Value) {
    let output = maskwright(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code().expect("it ends by itself"), value)
}

/// A name: `[0, 1]` of the mask in place of 0 and 255.
fn break_mask(file: &Path) {
    let mut mask = GreyImage::filled(Size::new(150, 200), 0);
    mask.data[9000..12000].fill(1);
    std::fs::write(file, encode::png_grey(&mask).expect("encoded")).expect("written");
}

#[test]
fn a_sound_folder_ends_with_status_0() {
    let place = Place::new();
    write_photos(&place.join("photos"), 5);
    let photos = place.text("photos");
    assert_snapshot!(without_times(&printed(&["doctor", &photos])), @"
        photos [[train]]: 5 records, 5 usable, 5 objects
          nothing was found

        0 errors, 0 warnings and 0 notes; 5 images in 0.0 s (0.0/s)
        ");
    let (status, found) = json(&["doctor", &photos, "--json", "--workers", "3"]);
    assert_eq!(status, 0);
    assert_eq!((&found["schema"], &found["errors"]), (&1.into(), &0.into()));
    assert_eq!(found["complete"], true);
    let set = &found["sets"][0];
    assert_eq!((&set["list"], &set["usable"]), (&"train".into(), &5.into()));
    assert_eq!(set["findings"], serde_json::json!([]));
    assert_eq!(set["histograms"][1]["name"], "longest_side");
}

#[test]
fn photographs_alone_are_examined_and_are_no_error() {
    let place = Place::new();
    write_photos(&place.join("photos"), 5);
    let photos = place.text("photos/im");
    std::fs::rename(place.join("photos/gt"), place.join("gone")).expect("moved");
    let found = without_times(&printed(&["doctor", &photos]));
    assert_snapshot!(found, @"
        im [[train]]: 5 records, 5 usable, 0 objects
          note     missing-mask      5  There is no mask for these images.
                                        im: there are no masks here: the images alone were looked at
                                        to train, name both folders, the images' and the masks'

        0 errors, 0 warnings and 1 note; 5 images in 0.0 s (0.0/s)
        ");
    assert_eq!(without_times(&printed(&["doctor", "--images", &photos])), found);
    std::fs::write(place.join("photos/im/photo_3.jpg"), "no picture").expect("written");
    let (status, found) = json(&["doctor", "--images", &photos, "--json"]);
    assert_eq!((status, &found["errors"]), (1, &1.into()));
    assert_eq!(found["sets"][0]["usable"], 4);
}

#[test]
fn the_size_of_the_input_is_that_of_the_model_or_is_told() {
    let place = Place::new();
    let run = place.text("run");
    let args = trained(&place, &run);
    works(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let (images, masks) = (place.text("images"), place.text("masks"));
    // 8 pixels: at the smallest scale of the jitter fewer than the 10 points of a prompt, whatever the input. The others are so with one
    // of 64 pixels alone.
    let mut mask = GreyImage::filled(Size::new(110, 90), 0);
    (0..8).for_each(|at| mask.data[90 * (50 + at / 4) + 40 + at % 4] = 255);
    let png = encode::png_grey(&mask).expect("encoded");
    std::fs::write(place.join("masks/photo_00.png"), png).expect("written");
    let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
    let data = ["--images", &images, "--masks", &masks];
    let of = |command: &str, more: &[&str]| {
        let output = works(&[&[command][..], &data, &["--json"], more].concat());
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (document, text(&output.stderr))
    };
    let tiny = |document: &Value| {
        let findings = document["sets"][0]["findings"].as_array().expect("a list").clone();
        let tiny = findings.iter().find(|one| one["name"] == "tiny-object").expect("it is tiny");
        tiny["count"].as_u64().expect("a count")
    };
    let (usual, said) = of("doctor", &[]);
    assert_eq!((&usual["input_size"], tiny(&usual)), (&1024.into(), 1));
    assert_snapshot!(said, @"for an input of 1024 pixels, as SAM has it; --checkpoint FILE or --input-size says another");
    let (small, said) = of("doctor", &["--checkpoint", &checkpoint]);
    assert_eq!((&small["input_size"], tiny(&small)), (&64.into(), 4));
    assert_snapshot!(said, @"for an input of 64 pixels, as [DIR]/run/sam_hq_epoch_0.safetensors has it");
    let (same, said) = of("doctor", &["--input-size", "64"]);
    assert_eq!((&same["sets"], &*said), (&small["sets"], ""));
    let (sheet, own) = (place.text("sheet.png"), place.text("own.png"));
    let (of_checkpoint, _) = of("preview", &["--output", &sheet, "--checkpoint", &checkpoint]);
    let (of_size, _) = of("preview", &["--output", &own, "--input-size", "64"]);
    assert_eq!(of_checkpoint["input_size"], 64);
    assert_eq!(of_checkpoint["tiles"], of_size["tiles"]);
    assert!(std::fs::read(sheet).expect("a sheet") == std::fs::read(own).expect("a sheet"));
}

#[test]
fn errors_end_with_status_1_and_name_the_line_that_fixes_them() {
    let place = Place::new();
    let photos = place.text("photos");
    write_photos(Path::new(&photos), 5);
    break_mask(&place.join("photos/gt/photo_2.png"));
    std::fs::remove_file(place.join("photos/gt/photo_4.png")).expect("removed");
    let page = place.text("doctor.html");
    let output = maskwright(&["doctor", &photos, "--report", &page]);
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(without_times(&text(&output.stdout)), @r#"
        photos [[train]]: 4 records, 3 usable, 4 objects
          error    missing-mask       1  There is no mask for these images.
                                         photo_4.jpg: no partner
                                         fix: unmatched = "skip", or --skip-unmatched
          error    zero-one-mask      1  The mask holds only 0 and 1, of which nothing is above 128: it would train as empty.
                                         photo_2: the values are 0 and 1
                                         fix: mask_values = { 1 = 255 }, or --set 'mask_values={ 1 = 255 }'
          all fixes together:
            unmatched = "skip"
            mask_values = { 1 = 255 }

        2 errors, 0 warnings and 0 notes; 4 images in 0.0 s (0.0/s)
        "#);
    let page = std::fs::read_to_string(page).expect("written");
    assert!(page.contains("zero-one-mask") && page.contains("data:image/jpeg"));
    let fix = "<code>unmatched = &quot;skip&quot;</code>, or <code>--skip-unmatched</code>";
    assert!(page.contains(fix), "{page}");
    let (status, found) = json(&["doctor", &photos, "--json"]);
    assert_eq!(status, 1);
    let findings = found["sets"][0]["findings"].as_array().expect("a list");
    let names: Vec<&str> =
        findings.iter().map(|one| one["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["missing-mask", "zero-one-mask"]);
    let one = &findings[1];
    assert_eq!(one["severity"], "error");
    assert_eq!((&one["count"], &one["records"]), (&1.into(), &1.into()));
    assert_eq!(one["fix"], "mask_values = { 1 = 255 }");
    let by_key = "--set 'mask_values={ 1 = 255 }'";
    assert_eq!(
        (&findings[0]["flags"], &one["flags"]),
        (&"--skip-unmatched".into(), &by_key.into())
    );
    assert_eq!(one["listed"][0]["name"], "photo_2");
    assert!(one["listed"][0]["file"].as_str().expect("a path").ends_with("gt/photo_2.png"));
}

#[test]
fn a_data_file_has_all_its_sets_examined_together() {
    let place = Place::new();
    write_photos(&place.join("a"), 4);
    write_photos(&place.join("b"), 1);
    // A warning is no error.
    let data = place.text("data.toml");
    let text = "[[train]]\nname = \"a\"\nimages = \"a/im\"\nmasks = \"a/gt\"\n\
                [[valid]]\nname = \"b\"\nimages = \"b/im\"\nmasks = \"b/gt\"\n";
    std::fs::write(&data, text).expect("written");
    for args in [vec!["doctor", &data, "--json"], vec!["doctor", "--data", &data, "--json"]] {
        let (status, found) = json(&args);
        assert_eq!((status, &found["warnings"]), (0, &1.into()));
        let finding = &found["sets"][1]["findings"][0];
        assert_eq!(finding["name"], "duplicate-across-splits");
        assert_eq!(finding["listed"][0]["like"]["set"], "a");
        assert_eq!(finding["fix"], "exclude = [\"photo_0\"]");
    }
    let (status, found) = json(&["doctor", &place.text("a"), &place.text("b"), "--json"]);
    assert_eq!((status, found["sets"].as_array().expect("a list").len()), (0, 2));
}

#[test]
fn wrong_paths_and_flags_are_one_clear_line() {
    let place = Place::new();
    write_pairs(place.path(), 2);
    let images = place.text("images");
    assert_snapshot!(refused(&["doctor", &place.text("nowhere")], 1), @"error: cannot read [DIR]/nowhere: No such file or directory (os error 2)");
    std::fs::create_dir(place.join("empty")).expect("created");
    assert_snapshot!(refused(&["doctor", &place.text("empty")], 2), @"error: [DIR]/empty: expected a folder of images and masks (images/ and masks/, im/ and gt/, or side by side), of COCO, Labelme, YOLO or SA-1B, a data file, or COCO's .json, found no image and no folder");
    let data = place.text("data.toml");
    std::fs::write(&data, "[[train]]\nname = \"a\"\nimagess = \"x\"\n").expect("written");
    let stderr = refused(&["doctor", &data], 1);
    // All keys follow.
    let (message, _) = stderr.split_once("; known are ").expect("a list of keys");
    assert_snapshot!(message, @"error: [DIR]/data.toml, line 3: unknown key `imagess` in [[train]] (did you mean `images`?)");
    assert_snapshot!(refused(&["doctor", "x", "--images", &images, "--masks", &images], 2), @"error: expected DATA or flags that say where the data are (--images and --masks, --data, ...), found both");
    assert_snapshot!(refused(&["doctor", "x", "--system"], 2), @"
        error: the argument '[DATA]...' cannot be used with '--system'

        Usage: maskwright doctor <DATA>...

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["doctor", "x", "--workers", "many"], 2), @"
        error: invalid value 'many' for '--workers <N>': invalid digit found in string

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["doctor", &images, "--input-size", "0"], 2), @"
        [DIR]/images looks like 2 images without masks; looking at it
        error: --input-size: expected 1 to 16384 pixels, found 0
        ");
}

#[test]
fn the_system_is_told_without_data() {
    // The values are this machine's and this build's; advice may follow after an empty line.
    let table = printed(&["doctor", "--system"]);
    assert_eq!(table, printed(&["doctor"]));
    let rows = table.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = rows.filter_map(|row| row.split("  ").next()).collect();
    assert_snapshot!(names.join("\n"), @"
        maskwright
        machine
        JPEG decoder
        PNG inflate
        instruction set
        bf16 products
        threads
        backend
        GPU
        ");
}

#[cfg(unix)]
#[test]
fn ctrl_c_prints_what_was_found_so_far() {
    let place = Place::new();
    write_photos(place.path(), 3);
    // Records that take a while: the same large picture under many names.
    let mut large = RgbImage::filled(Size::new(2400, 3000), 90);
    large.data.iter_mut().enumerate().for_each(|(at, v)| *v = (at * at / 977) as u8);
    let jpeg = encode::jpeg_rgb(&large, 95).expect("encoded");
    let png = encode::png_grey(&GreyImage::filled(Size::new(2400, 3000), 255)).expect("encoded");
    std::fs::write(place.join("im/large_0.jpg"), jpeg).expect("written");
    std::fs::write(place.join("gt/large_0.png"), png).expect("written");
    for number in 1..400 {
        for (folder, ending) in [("im", "jpg"), ("gt", "png")] {
            let from = place.join(&format!("{folder}/large_0.{ending}"));
            let to = place.join(&format!("{folder}/large_{number}.{ending}"));
            std::fs::hard_link(from, to).expect("linked");
        }
    }
    let child = Command::new(env!("CARGO_BIN_EXE_maskwright"))
        .args(["doctor", &place.text(""), "--json", "--workers", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    send("-INT", &child);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["complete"], false);
    assert!(found["sets"][0]["checked"].as_u64().expect("a number") < 403);
}
