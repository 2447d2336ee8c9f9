//! `predict` and `masks` on many images: prompts in every form, results in every form, broken images, and going on.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use insta::assert_snapshot;
use maskwright_image::mask::Rle;
use maskwright_image::{Size, decode};
use serde_json::{Value, json};
use support::{Place, maskwright, refused, text, trained, without_width, works};

/// A model trained for a moment on four photographs, and prompts on three of them.
struct Many {
    place: Place,
    checkpoint: String,
    images: String,
}

/// The prompts of an image: places, ids and scores.
const PROMPTS: [(&str, [u32; 4], i64, f64); 4] = [
    ("photo_00", [5, 20, 60, 90], 7, 0.5),
    ("photo_02", [10, 3, 80, 80], 8, 0.25),
    ("photo_00", [0, 0, 89, 109], 9, 0.75),
    ("photo_03", [3, 4, 50, 60], 10, 1.0),
];

impl Many {
    fn new() -> Self {
        let place = Place::new();
        let run = place.text("run");
        let args = trained(&place, &run);
        works(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
        let images = place.text("images");
        Self { place, checkpoint, images }
    }

    /// Writes a file of prompts.
    fn prompts(&self, name: &str, content: &str) -> String {
        std::fs::write(self.place.join(name), content).expect("written");
        self.place.text(name)
    }

    fn csv(&self) -> String {
        let row = |(image, [x0, y0, x1, y1], id, score): &(&str, [u32; 4], i64, f64)| {
            format!("{image}.jpg,{x0},{y0},{x1},{y1},{id},{score}\n")
        };
        let rows: String = PROMPTS.iter().map(row).collect();
        self.prompts("boxes.csv", &format!("image,x0,y0,x1,y1,id,score\n{rows}"))
    }

    fn args<'a>(&'a self, prompts: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["predict", "--checkpoint", &self.checkpoint, "--input", &self.images];
        args.extend(["--prompts", prompts, "--output", output]);
        args.extend(more);
        args
    }

    /// The masks that `predict --image` writes for an image's prompts, by their place.
    fn single(&self, image: &str) -> Vec<Vec<u8>> {
        let own = PROMPTS.iter().filter(|(name, ..)| *name == image);
        let boxes: Vec<String> = own
            .map(|(_, corners, ..)| corners.map(|corner| corner.to_string()).join(","))
            .collect();
        let (photo, png) = (format!("{}/{image}.jpg", self.images), self.place.text("single.png"));
        let mut args = vec!["predict", "--checkpoint", &self.checkpoint, "--image", &photo];
        args.extend(["--output", &png, "--force"]);
        args.extend(boxes.iter().flat_map(|corners| ["--box", corners]));
        works(&args);
        let file = |number: usize| match boxes.len() {
            1 => png.clone(),
            _ => self.place.text(&format!("single_prompt{number}.png")),
        };
        (0..boxes.len()).map(|number| std::fs::read(file(number)).expect("a mask")).collect()
    }
}

/// A table without the line that differs from run to run.
fn without_speed(table: &str) -> String {
    let table = without_width(table);
    let lines = table.lines().filter(|line| !line.starts_with("speed  "));
    lines.collect::<Vec<_>>().join("\n")
}

fn lines(folder: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(Path::new(folder).join("results.jsonl")).expect("results");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The mask of an entry with run lengths, as values of 0 and 255 row by row.
fn pixels(segmentation: &Value) -> Vec<u8> {
    let side = |at: usize| segmentation["size"][at].as_u64().expect("a side") as usize;
    let counts = segmentation["counts"].as_str().expect("runs").as_bytes();
    Rle::parse(Size::new(side(0), side(1)), counts).expect("a mask").to_grey().data
}

fn grey(png: &[u8]) -> Vec<u8> {
    let (file, limits) = (decode::ImageFile::read(png).expect("PNG"), decode::Limits::default());
    file.decode_upright(&limits).expect("PNG").pixels.data.iter().step_by(3).copied().collect()
}

#[test]
fn every_format_holds_what_single_images_give() {
    let many = Many::new();
    let csv = many.csv();
    let expected: BTreeMap<&str, Vec<Vec<u8>>> =
        ["photo_00", "photo_02", "photo_03"].map(|image| (image, many.single(image))).into();

    let png = many.place.text("out/of/png");
    let printed = text(&works(&many.args(&csv, &png, &[])).stdout);
    assert_snapshot!(without_speed(&printed), @"
        what  value
        --
        written  [DIR]/out/of/png/results.jsonl
        images  3
        ok  3
        images without prompts  1
        masks  4
        ");
    for (image, masks) in &expected {
        for (number, mask) in masks.iter().enumerate() {
            let file = Path::new(&png).join(format!("{image}_prompt{number}.png"));
            assert!(std::fs::read(&file).expect("a mask") == *mask, "{}", file.display());
        }
    }
    let rows = lines(&png);
    let names: Vec<&str> = rows.iter().map(|row| row["image"].as_str().expect("a name")).collect();
    assert_eq!(names, ["photo_00.jpg", "photo_02.jpg", "photo_03.jpg"]);
    assert_eq!(rows[0]["status"], "ok");
    let second = &rows[0]["masks"][1];
    assert_eq!((&second["id"], &second["score"]), (&json!(9), &json!(0.75)));
    assert_eq!(second["file"], "photo_00_prompt1.png");

    let coco = many.place.text("coco");
    works(&many.args(&csv, &coco, &["--format", "coco"]));
    let found = std::fs::read(Path::new(&coco).join("results.json")).expect("results");
    let found: Vec<Value> = serde_json::from_slice(&found).expect("JSON");
    let ids: Vec<_> = found.iter().map(|one| one["id"].as_i64().expect("an id")).collect();
    assert_eq!(ids, [7, 9, 8, 10]);
    let of = |one: &Value| (one["image_id"].clone(), one["score"].clone());
    assert_eq!(of(&found[1]), (json!(0), json!(0.75)));
    assert_eq!(of(&found[3]), (json!(2), json!(1.0)));
    let all: Vec<Vec<u8>> = expected.values().flatten().map(|mask| grey(mask)).collect();
    let decoded: Vec<_> = found.iter().map(|one| pixels(&one["segmentation"])).collect();
    assert!(decoded == all);

    let jsonl = many.place.text("jsonl");
    works(&many.args(&csv, &jsonl, &["--format", "jsonl"]));
    let rows = lines(&jsonl);
    let masks = rows.iter().flat_map(|row| row["masks"].as_array().expect("a list"));
    assert!(masks.map(|mask| pixels(&mask["segmentation"])).collect::<Vec<_>>() == all);

    let numbers = many.place.text("instances");
    works(&many.args(&csv, &numbers, &["--format", "instances"]));
    let png = std::fs::read(Path::new(&numbers).join("photo_00.png")).expect("a picture");
    let file = decode::ImageFile::read(&png).expect("PNG");
    let drawn = file.deep_numbers(&decode::Limits::default()).expect("numbers").expect("16 bits");
    // The second has the higher score, and covers the first.
    let [first, second] = [&all[0], &all[1]];
    let number = |(first, second): (&u8, &u8)| match (first, second) {
        (_, 255) => 2.0,
        (255, _) => 1.0,
        _ => 0.0,
    };
    let expected: Vec<f32> = first.iter().zip(second).map(number).collect();
    let drawn: Vec<f32> = drawn.into_iter().collect();
    assert!(drawn == expected);
    assert_eq!(lines(&numbers)[0]["instances"], "photo_00.png");
}

#[test]
fn prompts_in_every_form_are_the_same() {
    let many = Many::new();
    let masks = |prompts: &str, name: &str| -> Vec<Value> {
        let output = many.place.text(name);
        works(&many.args(prompts, &output, &["--format", "jsonl"]));
        let masks = lines(&output).into_iter().flat_map(|row| {
            let masks = row["masks"].as_array().expect("a list").clone();
            masks.into_iter().map(|mask| json!([mask["id"], mask["segmentation"]]))
        });
        masks.collect()
    };
    let expected = masks(&many.csv(), "csv");
    assert_eq!(expected.len(), 4);
    let ours = |(image, corners, id, score): &(&str, [u32; 4], i64, f64)| json!({"image": image, "box": corners, "id": id, "score": score});
    let ours: Vec<Value> = PROMPTS.iter().map(ours).collect();
    let list = many.prompts("ours.json", &json!(ours).to_string());
    assert!(masks(&list, "ours") == expected);
    let text: String = ours.iter().map(|one| format!("{one}\n")).collect();
    let by_line = many.prompts("ours.jsonl", &text);
    assert!(masks(&by_line, "lines") == expected);
    let annotation = |(image, [x0, y0, x1, y1], id, score): &(&str, [u32; 4], i64, f64)| {
        let bbox = [*x0, *y0, x1 - x0 + 1, y1 - y0 + 1];
        json!({"image_id": image[6..].parse::<u32>().expect("a number"), "bbox": bbox, "id": id, "score": score})
    };
    let annotations: Vec<Value> = PROMPTS.iter().map(annotation).collect();
    let images: Vec<Value> =
        (0..4).map(|id| json!({"id": id, "file_name": format!("photo_0{id}.jpg")})).collect();
    let coco = json!({"images": images, "annotations": annotations}).to_string();
    assert!(masks(&many.prompts("coco.json", &coco), "instances") == expected);
    // COCO's results know images by numbers, of which a file says the names.
    let results = many.prompts("results.json", &json!(annotations).to_string());
    let output = many.place.text("unnamed");
    assert_snapshot!(refused(&many.args(&results, &output, &[]), 1), @"error: [DIR]/images: expected one image 0, found none of this name, nor any other that [DIR]/results.json names (--coco-images FILE says which file a number is)");
    let named = many.place.text("named");
    let names = many.place.text("coco.json");
    works(&many.args(&results, &named, &["--format", "jsonl", "--coco-images", &names]));
    assert_eq!(lines(&named), lines(&many.place.text("instances")));
    // Or the files' names do.
    for id in 0..4 {
        let photo = many.place.join(&format!("images/photo_0{id}.jpg"));
        std::fs::rename(photo, many.place.join(&format!("images/00000{id}.jpg"))).expect("renamed");
    }
    assert!(masks(&results, "results") == expected);
}

#[test]
fn what_is_broken_is_a_row_with_its_reason() {
    let many = Many::new();
    std::fs::write(many.place.join("images/b.jpg"), "no picture").expect("written");
    let text_of = "image,x0,y0,x1,y1\nb,1,2,3,4\nphoto_01,5,5,60,60\nnone,1,2,3,4\n\
                   photo_01,500,5,600,60\nphoto_03,9,5,3,60\n\
                   photo_03,9,5,70,60\nphoto_02,9,5,300,60\nphoto_02,5,9,60,70\nnone.jpg,1,2,3,4\n";
    let prompts = many.prompts("p.csv", text_of);
    let output = many.place.text("out");
    let found = maskwright(&many.args(&prompts, &output, &[]));
    assert_eq!(found.status.code(), Some(1));
    assert_snapshot!(without_speed(&text(&found.stdout)), @"
        what  value
        --
        written  [DIR]/out/results.jsonl
        images  6
        ok  0
        warned  1
        partly  2
        refused  3
        prompts refused  2
        images without prompts  1
        masks  4
        ");
    assert_snapshot!(text(&found.stderr), @"
        note: geometry longest_side, which the checkpoint was validated with
        note: the first warning: photo_02: box corner (300, 60) of prompt 0 lies outside the 116 x 88 image; clipped to (115, 60) (all are in [DIR]/out/results.jsonl)
        note: the first refusal: b: [DIR]/images/b.jpg: not an image of a known format (all are in [DIR]/out/results.jsonl)
        ");
    let told: Vec<String> = lines(&output)
        .iter()
        .map(|row| {
            let masks = row["masks"].as_array().map(Vec::len).expect("a list");
            let row = format!(
                "{} {} {masks} {} {}",
                row["image"], row["status"], row["reason"], row["refused"]
            );
            row.replace(&many.images, "IMAGES")
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
        "b" "refused" 0 "IMAGES/b.jpg: not an image of a known format" null
        "photo_01" "partly" 1 null [{"prompt":1,"reason":"the box of prompt 1: expected a part of it within the 103 x 99 image, found 500,5,600,60"}]
        "none" "refused" 0 "IMAGES: expected one image none, found none of this name" null
        "photo_03" "partly" 1 null [{"prompt":0,"reason":"the box of prompt 0: expected left,top,right,bottom with left <= right and top <= bottom, found 9,5,3,60"}]
        "photo_02" "warned" 2 null null
        "none.jpg" "refused" 0 "IMAGES: expected one image none.jpg, found none of this name" null
        "#);

    let fails = many.place.text("fails");
    assert_snapshot!(refused(&many.args(&prompts, &fails, &["--on-refusal", "fail"]), 1), @"
        note: geometry longest_side, which the checkpoint was validated with
        error: [DIR]/p.csv: b: [DIR]/images/b.jpg: not an image of a known format
        ");

    // Mended, what was refused is done, and what was finished is left.
    let left = Path::new(&output).join("photo_02_prompt1.png");
    std::fs::write(&left, "not made again").expect("written");
    let mended = many.place.join("images/b.jpg");
    std::fs::copy(many.place.join("images/photo_02.jpg"), mended).expect("copied");
    assert_eq!(maskwright(&many.args(&prompts, &output, &[])).status.code(), Some(1));
    let status: Vec<Value> = lines(&output).iter().map(|row| row["status"].clone()).collect();
    assert_eq!(status, ["ok", "partly", "refused", "partly", "warned", "refused"]);
    assert_eq!(std::fs::read(&left).expect("read"), b"not made again");

    // Nothing of the list is among the images: the wrong folder.
    let none = many.prompts("none.csv", "image,x0,y0,x1,y1\nnone,1,2,3,4\nother.jpg,1,2,3,4\n");
    assert_snapshot!(refused(&many.args(&none, &many.place.text("none"), &[]), 1), @"error: [DIR]/images: expected one image none, found none of this name, nor any other that [DIR]/none.csv names");
}

#[test]
fn what_is_begun_anew_leaves_nothing_of_before() {
    let many = Many::new();
    let output = many.place.text("out");
    works(&many.args(&many.csv(), &output, &[]));
    std::fs::write(Path::new(&output).join("own.txt"), "the user's").expect("written");
    let files = || {
        let entries = std::fs::read_dir(&output).expect("listed").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names.join(" ")
    };
    assert_snapshot!(files(), @".maskwright-settings.json own.txt photo_00_prompt0.png photo_00_prompt1.png photo_02_prompt0.png photo_03_prompt0.png results.jsonl");
    works(&many.args(&many.csv(), &output, &["--format", "coco", "--force"]));
    assert_snapshot!(files(), @".maskwright-settings.json own.txt results.json results.jsonl");
    works(&many.args(&many.csv(), &output, &["--format", "instances", "--force"]));
    assert_snapshot!(files(), @".maskwright-settings.json own.txt photo_00.png photo_02.png photo_03.png results.jsonl");
}

#[test]
fn an_image_is_asked_again_when_a_mask_of_its_prompts_changed() {
    let many = Many::new();
    let output = many.place.text("out");
    works(&many.args(&many.csv(), &many.place.text("drawn"), &[]));
    let mask = |number: usize| {
        let made = many.place.join(&format!("drawn/photo_00_prompt{number}.png"));
        std::fs::copy(made, many.place.join("mask.png")).expect("copied");
    };
    mask(0);
    let list = json!([
        {"image": "photo_00", "mask": "mask.png"},
        {"image": "photo_02", "box": [1, 2, 30, 40]},
    ]);
    let list = many.prompts("list.json", &list.to_string());
    let before = || -> Value {
        let printed = text(&works(&many.args(&list, &output, &["--json"])).stdout);
        serde_json::from_str::<Value>(&printed).expect("JSON")["before"].clone()
    };
    assert_eq!([before(), before()], [json!(0), json!(2)]);
    mask(1);
    assert_eq!([before(), before()], [json!(1), json!(2)]);
}

#[test]
fn a_command_that_was_killed_goes_on() {
    let many = Many::new();
    let csv = many.csv();
    let (whole, cut) = (many.place.text("whole"), many.place.text("cut"));
    works(&many.args(&csv, &whole, &[]));
    works(&many.args(&csv, &cut, &[]));
    // As a kill leaves it: one image finished, the line of the next cut off, no results, a file half written.
    let folder = Path::new(&cut);
    let results = std::fs::read_to_string(folder.join("results.jsonl")).expect("results");
    let end = results.find('\n').expect("a line") + 20;
    std::fs::write(folder.join("unfinished.jsonl"), &results[..end]).expect("written");
    std::fs::remove_file(folder.join("results.jsonl")).expect("removed");
    std::fs::remove_file(folder.join("photo_02_prompt0.png")).expect("removed");
    std::fs::write(folder.join(".maskwright-x.part"), "half").expect("written");
    let first = folder.join("photo_00_prompt0.png");
    std::fs::write(&first, "not made again").expect("written");
    let printed = text(&works(&many.args(&csv, &cut, &[])).stdout);
    assert!(printed.contains("3 (1 finished before)"), "{printed}");
    assert_eq!(std::fs::read_to_string(&first).expect("read"), "not made again");
    std::fs::copy(Path::new(&whole).join("photo_00_prompt0.png"), &first).expect("copied");
    let content = |folder: &str| -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(folder).expect("listed").flatten();
        let file = |entry: std::fs::DirEntry| {
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap())
        };
        files.map(file).collect()
    };
    assert!(content(&cut) == content(&whole));

    // Other settings, prompts or weights are refused by name.
    let other = many.prompts("other.csv", "image,x0,y0,x1,y1\nphoto_00,1,1,9,9\n");
    let said = |args: &[&str]| {
        let said = refused(args, 2);
        let last = said.lines().last().expect("a line").to_owned();
        // Digits of a hash differ between machines.
        let word = |word: &str| {
            let hash = word.trim_end_matches([',', ')', ';']);
            let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hash { word.replace(hash, "[HASH]") } else { word.to_owned() }
        };
        last.split(' ').map(word).collect::<Vec<_>>().join(" ")
    };
    assert_snapshot!(said(&many.args(&csv, &whole, &["--format", "coco"])), @"error: --output: expected what [DIR]/whole was begun with (--format png), found coco; choose another folder, or begin anew with --force");
    assert_snapshot!(said(&many.args(&other, &whole, &[])), @"error: --output: expected what [DIR]/whole was begun with (--prompts SHA-256 [HASH]), found SHA-256 [HASH]; choose another folder, or begin anew with --force");
    assert_snapshot!(said(&many.args(&csv, &whole, &["--geometry", "sam"])), @"error: --output: expected what [DIR]/whole was begun with (--geometry longest_side), found sam; choose another folder, or begin anew with --force");
    works(&many.args(&other, &whole, &["--force"]));
    let among = many.place.text("images/out");
    assert_snapshot!(said(&many.args(&csv, &among, &[])), @"error: --output: expected a folder apart from the images, found [DIR]/images/out");
    let masks = many.place.text("masks");
    assert_snapshot!(said(&many.args(&csv, &masks, &[])), @"error: --output: expected a folder that is empty or that this command began, or --force, found photo_02.png in it");
}

#[test]
fn masks_of_a_folder_say_why_there_are_none_and_go_on() {
    let many = Many::new();
    std::fs::write(many.place.join("images/b.jpg"), "no picture").expect("written");
    let output = many.place.text("everything");
    let mut args = vec!["masks", "--checkpoint", &many.checkpoint, "--input", &many.images];
    args.extend(["--output", &output, "--points-per-side", "2", "--png", "--csv"]);
    let none = [&args[..], &["--pred-iou-thresh", "100"]].concat();
    let found = maskwright(&none);
    assert_eq!(found.status.code(), Some(1));
    let said = text(&found.stdout);
    assert_eq!(said.lines().count(), 4, "{said}");
    for line in said.lines() {
        let (_, why) = line.split_once("; ").expect("a reason");
        let (all, rest) = why.split_once(" candidates: ").expect("candidates");
        assert!(rest.starts_with(&format!("{all} below predicted IoU 100 (highest ")), "{line}");
    }
    assert!(text(&found.stderr).contains("b.jpg: "), "{}", text(&found.stderr));
    let rows = lines(&output);
    assert_eq!((&rows[0]["status"], rows.len()), (&json!("refused"), 5));
    assert!(rows[1]["why"].as_str().expect("a reason").contains("candidates"));

    let other = [&args[..], &["--pred-iou-thresh", "0"]].concat();
    let said = refused(&other, 2);
    let expected =
        "(--pred-iou-thresh 100.0), found 0.0; choose another folder, or begin anew with --force";
    assert!(said.trim_end().ends_with(expected), "{said}");

    std::fs::remove_file(many.place.join("images/b.jpg")).expect("removed");
    let all = [&other[..], &["--stability-score-thresh", "0", "--force"]].concat();
    works(&all);
    let json = std::fs::read(Path::new(&output).join("photo_00.json")).expect("masks");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    let annotations = json["annotations"].as_array().expect("a list");
    assert!(!annotations.is_empty());
    let table = std::fs::read_to_string(Path::new(&output).join("photo_00.csv")).expect("a table");
    assert_eq!(table.lines().count(), annotations.len() + 1);
    for (number, (one, row)) in annotations.iter().zip(table.lines().skip(1)).enumerate() {
        let cells: Vec<f64> = row.split(',').map(|cell| cell.parse().expect("a number")).collect();
        let mut expected = vec![number as f64, one["area"].as_f64().expect("an area")];
        expected.extend((0..4).map(|at| one["bbox"][at].as_f64().expect("a corner")));
        assert_eq!(cells[..6], expected);
        assert_eq!(cells.len(), 14);
        let png = Path::new(&output).join(format!("photo_00/{number}.png"));
        assert!(grey(&std::fs::read(png).expect("a mask")) == pixels(&one["segmentation"]));
    }
    // All is finished: nothing is searched again.
    let again = [&other[..], &["--stability-score-thresh", "0"]].concat();
    let found = works(&again);
    assert_eq!(text(&found.stdout), "");
    assert!(text(&found.stderr).contains("4 of 4 images: finished before"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_soon_and_leaves_a_state_to_go_on_from() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let many = Many::new();
    // Enough of them that the command is at work for a while.
    let mut rows = String::from("image,x0,y0,x1,y1\n");
    for number in 0..3000 {
        let photo = many.place.join(&format!("images/copy_{number}.jpg"));
        std::fs::hard_link(many.place.join("images/photo_00.jpg"), photo).expect("linked");
        rows += &format!("copy_{number},5,5,60,60\n");
    }
    let prompts = many.prompts("many.csv", &rows);
    let output = many.place.text("out");
    let args = many.args(&prompts, &output, &["--format", "jsonl"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_maskwright"))
        .args(&args)
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let log = Path::new(&output).join("unfinished.jsonl");
    let until = Instant::now() + Duration::from_secs(120);
    while std::fs::metadata(&log).map_or(0, |found| found.len()) == 0 {
        assert!(Instant::now() < until, "nothing is finished");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill").success());
    let asked = Instant::now();
    let status = child.wait().expect("ended");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    assert!(!Path::new(&output).join("results.jsonl").exists());
    let begun = std::fs::read_to_string(&log).expect("lines").lines().count();
    assert!(begun > 0 && begun < 3000, "{begun}");
}
