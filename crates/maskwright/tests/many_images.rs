//! `predict` and `masks` on many images: prompts in every form, results in every form, broken images, and going on.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use insta::assert_snapshot;
use maskwright_image::mask::Rle;
use maskwright_image::{Size, decode};
use serde_json::{Value, json};
use support::{Place, maskwright, refused, schema, send, text, trained, without_width, works};

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

/// The lines of the results, each of which is as its schema says.
fn lines(folder: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(Path::new(folder).join("results.jsonl")).expect("results");
    let line = |line: &str| -> Value {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let name = if line["masks"].is_array() { "predict-results" } else { "masks-results" };
        schema::check(name, &line);
        line
    };
    text.lines().map(line).collect()
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
    works(&many.args(&csv, &coco, &["--format", "coco", "--overlay"]));
    assert_eq!(lines(&coco)[0]["overlay"], "photo_00_masks.png");
    let drawn = std::fs::read(Path::new(&coco).join("photo_00_masks.png")).expect("a picture");
    let photo = std::fs::read(format!("{}/photo_00.jpg", many.images)).expect("a photograph");
    let [drawn, photo] = [drawn, photo].map(|bytes| {
        let file = decode::ImageFile::read(&bytes).expect("an image");
        file.decode_upright(&decode::Limits::default()).expect("an image").pixels
    });
    assert!(drawn.size == photo.size && drawn.data != photo.data);
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
fn coco_results_have_the_numbers_that_its_readers_want() {
    let many = Many::new();
    let table = "filename,x,y,width,height,label,confidence,id\nphoto_02.jpg,10,3,71,78,dog,0.5,a\n\
                 photo_00.jpg,5,20,56,71,cat,0.25,7\nphoto_02.jpg,1,2,30,40,cat,1,b\n";
    let table = many.prompts("detections.csv", table);
    let read = |folder: &str, name: &str| -> Value {
        let file = std::fs::read(Path::new(folder).join(name)).expect("read");
        serde_json::from_slice(&file).expect("JSON")
    };
    let numbers = |folder: &str| -> Vec<Value> {
        let results = read(folder, "results.json");
        let results = results.as_array().expect("a list").iter();
        results
            .map(|one| {
                // Where there is a box, pycocotools takes its area for that of the mask.
                assert!(one.get("bbox").is_none() && one["segmentation"]["counts"].is_string());
                json!([
                    one["image_id"],
                    one["category_id"],
                    one["id"],
                    one["prompt_id"],
                    one["score"]
                ])
            })
            .collect()
    };
    let own = many.place.text("own");
    works(&many.args(&table, &own, &["--format", "coco"]));
    let expected = [
        json!([0, 1, null, "a", 0.5]),
        json!([0, 2, null, "b", 1.0]),
        json!([1, 2, 7, null, 0.25]),
    ];
    assert_eq!(numbers(&own), expected);
    let beside = read(&own, "images.json");
    let categories = json!([{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]);
    assert_eq!(beside["categories"], categories);
    assert_eq!(
        beside["images"][1],
        json!({"id": 1, "file_name": "photo_00.jpg", "width": 90, "height": 110})
    );

    // The numbers of a file, which may be the one that was written.
    let known = json!({
        "images": [{"id": 70, "file_name": "photo_00.jpg"}, {"id": 72, "file_name": "photo_02.jpg"}],
        "categories": [{"id": 9, "name": "cat"}, {"id": 4, "name": "dog"}],
    });
    let known = many.prompts("instances.json", &known.to_string());
    let (named, again) = (many.place.text("named"), many.place.text("again"));
    works(&many.args(&table, &named, &["--format", "coco", "--coco-images", &known]));
    let expected = [
        json!([72, 4, null, "a", 0.5]),
        json!([72, 9, null, "b", 1.0]),
        json!([70, 9, 7, null, 0.25]),
    ];
    assert_eq!(numbers(&named), expected);
    let written = format!("{own}/images.json");
    works(&many.args(&table, &again, &["--format", "coco", "--coco-images", &written]));
    assert_eq!(numbers(&again), numbers(&own));

    let other = many.prompts("other.csv", "filename,x,y,w,h,label\nphoto_00,1,2,30,40,bird\n");
    let refused = refused(
        &many.args(&other, &many.place.text("o"), &["--format", "coco", "--coco-images", &known]),
        1,
    );
    assert_snapshot!(refused, @"error: [DIR]/other.csv: expected a category that [DIR]/instances.json has, found bird");
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
        prompts refused  5
        images without prompts  1
        masks  4
        ");
    assert_snapshot!(text(&found.stderr), @"
        geometry longest_side, which the checkpoint was validated with
        6 images and 9 prompts with [DIR]/run/sam_hq_epoch_0.safetensors, SAM mask, into [DIR]/out
        note: left out: b: [DIR]/images/b.jpg: not an image of a known format
        note: left out: photo_01: the box of prompt 1: expected a part of it within the 103 x 99 image, found 500,5,600,60
        note: left out: none: [DIR]/images: expected one image none, found none of this name
        note: left out: photo_03: the box of prompt 0: expected left,top,right,bottom with left <= right and top <= bottom, found 9,5,3,60
        note: left out: none.jpg: [DIR]/images: expected one image none.jpg, found none of this name
        note: the first warning: photo_02: box corner (300, 60) of prompt 0 lies outside the 116 x 88 image; clipped to (115, 60) (all are in [DIR]/out/results.jsonl)
        6 images: 1 whole, 2 in part, 3 refused; 4 masks: [DIR]/out/results.jsonl
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
        "b" "refused" 0 "IMAGES/b.jpg: not an image of a known format" [{"prompt":0,"reason":"IMAGES/b.jpg: not an image of a known format"}]
        "photo_01" "partly" 1 null [{"prompt":1,"reason":"the box of prompt 1: expected a part of it within the 103 x 99 image, found 500,5,600,60"}]
        "none" "refused" 0 "IMAGES: expected one image none, found none of this name" [{"prompt":0,"reason":"IMAGES: expected one image none, found none of this name"}]
        "photo_03" "partly" 1 null [{"prompt":0,"reason":"the box of prompt 0: expected left,top,right,bottom with left <= right and top <= bottom, found 9,5,3,60"}]
        "photo_02" "warned" 2 null null
        "none.jpg" "refused" 0 "IMAGES: expected one image none.jpg, found none of this name" [{"prompt":0,"reason":"IMAGES: expected one image none.jpg, found none of this name"}]
        "#);

    // With --json the same words, quietly what is odd alone; and the prompts of what was refused by their ids.
    let with_ids: Vec<String> = text_of
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            0 => format!("{line},id\n"),
            at => format!("{line},p{at}\n"),
        })
        .collect();
    let with_ids = many.prompts("ids.csv", &with_ids.concat());
    let (json, quietly) = (many.place.text("json"), many.place.text("quietly"));
    let as_json = maskwright(&many.args(&with_ids, &json, &["--json"]));
    let document: Value = serde_json::from_slice(&as_json.stdout).expect("JSON");
    schema::check("predict", &document);
    assert_eq!(document["prompts_refused"], 5);
    let said = |output: &std::process::Output, name: &str| {
        text(&output.stderr).replace(&format!("[DIR]/{name}"), "[DIR]/out")
    };
    assert_eq!(said(&as_json, "json"), said(&found, "out"));
    let quiet = ["--json", "-q", "--on-refusal", "accept"];
    let quiet = maskwright(&many.args(&with_ids, &quietly, &quiet));
    assert_eq!((quiet.status.code(), as_json.status.code()), (Some(0), Some(1)));
    let odd = |line: &&str| line.starts_with("note: ");
    let odd: Vec<String> = said(&found, "out").lines().filter(odd).map(str::to_owned).collect();
    assert_eq!(said(&quiet, "quietly").lines().collect::<Vec<_>>(), odd);
    let ids: Vec<Value> = lines(&json)
        .iter()
        .flat_map(|row| row["refused"].as_array().cloned().unwrap_or_default())
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, ["p1", "p4", "p3", "p5", "p9"]);

    let fails = many.place.text("fails");
    assert_snapshot!(refused(&many.args(&prompts, &fails, &["--on-refusal", "fail"]), 1), @"
        geometry longest_side, which the checkpoint was validated with
        6 images and 9 prompts with [DIR]/run/sam_hq_epoch_0.safetensors, SAM mask, into [DIR]/fails
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

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_by_name_and_not_waited_for() {
    let many = Many::new();
    support::make_pipe(&many.place.join("images/b.jpg"));
    std::os::unix::fs::symlink("/dev/zero", many.place.join("images/c.jpg")).expect("linked");
    let prompts =
        many.prompts("p.csv", "image,x0,y0,x1,y1\nb,1,2,3,4\nc,5,5,60,60\nphoto_01,5,5,60,60\n");
    let everything = many.place.text("everything");
    let masks = [
        "masks",
        "--checkpoint",
        &many.checkpoint,
        "--input",
        &many.images,
        "--output",
        &everything,
    ];
    let found = many.place.text("found");
    for (args, output) in [(&many.args(&prompts, &found, &[])[..], &found), (&masks, &everything)] {
        assert_eq!(maskwright(args).status.code(), Some(1));
        let rows = lines(output);
        let told: Vec<String> = rows
            .iter()
            .filter(|row| row["status"] == "refused")
            .map(|row| row["reason"].to_string().replace(&many.images, "IMAGES"))
            .collect();
        let expected = [("b", "a named pipe"), ("c", "a device")].map(|(name, found)| {
            format!("\"IMAGES/{name}.jpg: cannot read: expected a file, found {found}\"")
        });
        assert_eq!(told, expected);
        assert!(rows.len() > told.len());
    }
    for name in ["b", "c"] {
        let image = format!("{}/{name}.jpg", many.images);
        let args = [
            "predict",
            "--checkpoint",
            &many.checkpoint,
            "--image",
            &image,
            "--box",
            "1,2,3,4",
            "--output",
            "-",
        ];
        assert!(refused(&args, 1).contains("expected a file, found a "));
    }

    // A pipe that was given to the command is an image like another.
    let mut photo = std::process::Command::new("cat")
        .arg(many.place.join("images/photo_02.jpg"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let args =
        ["predict", "--checkpoint", &many.checkpoint, "--image", "/dev/stdin", "--output", "-"];
    let piped = std::process::Command::new(env!("CARGO_BIN_EXE_maskwright"))
        .args(args)
        .args(["--box", &PROMPTS[1].1.map(|corner| corner.to_string()).join(",")])
        .stdin(photo.stdout.take().expect("a pipe"))
        .output()
        .expect("started");
    assert!(photo.wait().expect("ended").success());
    assert!([piped.stdout] == many.single("photo_02")[..]);
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
    assert_snapshot!(files(), @".maskwright-settings.json images.json own.txt results.json results.jsonl");
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
    for line in said.lines().take(4) {
        let (_, why) = line.split_once("; ").expect("a reason");
        let (all, rest) = why.split_once(" candidates: ").expect("candidates");
        assert!(rest.starts_with(&format!("{all} below predicted IoU 100 (highest ")), "{line}");
    }
    let rest: Vec<&str> = said.lines().skip(4).collect();
    assert_snapshot!(without_speed(&rest.join("\n")), @"
        what  value
        --
        written  [DIR]/everything/results.jsonl
        images  5
        refused  1
        images without masks  4
        masks  0
        ");
    let words = text(&found.stderr);
    let told = |what: &str| words.lines().filter(|line| line.contains(what)).count();
    assert_eq!(
        told("note: left out: [DIR]/images/b.jpg: not an image of a known format"),
        1,
        "{words}"
    );
    // The model learnt from points, ten at a time: said before, once meanwhile, and at the end.
    let untrained = "this checkpoint was trained on prompts of at least 10 points, and `masks` asks about single points";
    assert_eq!(told(untrained), 3, "{words}");
    assert_eq!(told("note: no mask in any of 3 images: try --pred-iou-thresh 0"), 1, "{words}");
    assert_eq!(told("note: no mask in any of 4 images: try --pred-iou-thresh 0"), 1, "{words}");
    let last =
        "5 images: 4 whole, 1 refused; 0 masks, none in 4 images: [DIR]/everything/results.jsonl";
    assert_eq!(words.lines().last(), Some(last));
    let rows = lines(&output);
    assert_eq!((&rows[0]["status"], rows.len()), (&json!("refused"), 5));
    assert!(rows[1]["why"].as_str().expect("a reason").contains("candidates"));

    let other = [&args[..], &["--pred-iou-thresh", "0"]].concat();
    let said = refused(&other, 2);
    let expected =
        "(--pred-iou-thresh 100.0), found 0.0; choose another folder, or begin anew with --force";
    assert!(said.trim_end().ends_with(expected), "{said}");

    std::fs::remove_file(many.place.join("images/b.jpg")).expect("removed");
    // A threshold below 0 is none, as 0 is, and needs no `=`.
    let all =
        [&args[..], &["--pred-iou-thresh", "-1", "--stability-score-thresh", "-1", "--force"]];
    let found = works(&all.concat());
    assert!(!text(&found.stderr).contains("no mask in any"), "{}", text(&found.stderr));
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
    let again =
        [&args[..], &["--pred-iou-thresh", "-1", "--stability-score-thresh", "-1"]].concat();
    let found = works(&again);
    assert!(text(&found.stdout).starts_with("what "), "{}", text(&found.stdout));
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
    send("-INT", &child);
    let asked = Instant::now();
    let status = child.wait().expect("ended");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    assert!(!Path::new(&output).join("results.jsonl").exists());
    let begun = std::fs::read_to_string(&log).expect("lines").lines().count();
    assert!(begun > 0 && begun < 3000, "{begun}");
}

/// Starts the command and sends it these signals, the first once `begun` is so, the others soon after.
#[cfg(unix)]
fn stopped(args: &[&str], signals: &[&str], begun: impl Fn() -> bool) -> std::process::Output {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let mut command = Command::new(env!("CARGO_BIN_EXE_maskwright"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    // Open, and silent, until the command has ended.
    let _stdin = child.stdin.take();
    let until = Instant::now() + Duration::from_secs(120);
    while !begun() {
        assert!(Instant::now() < until, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    for signal in signals {
        send(signal, &child);
        std::thread::sleep(Duration::from_millis(100));
    }
    child.wait_with_output().expect("ended")
}

#[cfg(unix)]
#[test]
fn whoever_stops_it_at_whatever_moment_gets_one_line_of_json_with_the_count() {
    let many = Many::new();
    let mut rows = String::from("image,x0,y0,x1,y1\n");
    let mut list = String::new();
    for number in 0..3000 {
        std::fs::hard_link(
            many.place.join("images/photo_00.jpg"),
            many.place.join(&format!("images/copy_{number}.jpg")),
        )
        .expect("linked");
        rows += &format!("copy_{number},5,5,60,60\n");
    }
    let prompts = many.prompts("many.csv", &rows);
    let finished = |output: &str| {
        let log = std::fs::read_to_string(Path::new(output).join("unfinished.jsonl"));
        log.map_or(0, |log| log.lines().count())
    };
    let told = |output: std::process::Output, folder: &str, all: usize| {
        assert_eq!(output.status.code(), Some(130));
        assert_eq!(text(&output.stdout), "");
        let stderr = text(&output.stderr);
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with('{')).collect();
        assert_eq!(errors.len(), 1, "{stderr}");
        assert_eq!(stderr.lines().last(), errors.first().copied());
        let error: Value = serde_json::from_str(errors[0]).expect("JSON");
        schema::check("error", &error);
        assert_eq!(error["error"]["code"], "interrupted");
        let message = error["error"]["message"].as_str().expect("a message").to_owned();
        let count = format!("({} of {all} are finished)", finished(folder));
        assert!(message.ends_with(&count), "{message}: {count}");
    };
    // Between two images, where the work itself stops.
    for (number, least) in [1, 40, 200].into_iter().enumerate() {
        let output = many.place.text(&format!("out{number}"));
        let format = ["jsonl", "coco", "png"][number];
        let args = many.args(&prompts, &output, &["--format", format, "--json"]);
        let ended = stopped(&args, &["-INT"], || finished(&output) >= least);
        told(ended, &output, 3000);
    }
    // Where it hangs, and a thread ends the process: an image that never comes.
    for name in ["images/photo_00.jpg", "images/photo_02.jpg", "/dev/stdin"] {
        list += &format!("{name}\n");
    }
    let list = many.prompts("list.txt", &list);
    let few = "image,x0,y0,x1,y1\nphoto_00,5,5,60,60\nphoto_02,5,5,60,60\nstdin,1,2,3,4\n";
    let few = many.prompts("few.csv", few);
    for (number, signals) in [&["-INT"][..], &["-TERM"], &["-INT", "-INT"]].into_iter().enumerate()
    {
        let output = many.place.text(&format!("hangs{number}"));
        let mut args = vec!["predict", "--checkpoint", &many.checkpoint, "--input", &list];
        args.extend(["--prompts", &few, "--output", &output, "--json"]);
        told(stopped(&args, signals, || finished(&output) == 2), &output, 3);
    }
}
