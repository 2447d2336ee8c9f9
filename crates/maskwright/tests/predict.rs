//! Every way to ask a model: prompts and their combinations, several at once, masks of everything.

mod support;

use std::path::Path;

use insta::assert_snapshot;
use maskwright_image::{RgbImage, Size, encode};
use serde_json::Value;
use support::{Place, printed, refused, text, without_times, works, write_pairs};

/// A model with an HQ head, trained for a moment, and a photograph of 90 x 110 pixels.
struct Model {
    place: Place,
    checkpoint: String,
    photo: String,
}

impl Model {
    fn new() -> Self {
        let place = Place::new();
        let (images, masks) = write_pairs(place.path(), 4);
        let config = place.text("model.toml");
        let model = maskwright_model::SamConfig::small(64, 16, 32, 2);
        std::fs::write(&config, toml::to_string(&model).expect("plain values")).expect("written");
        let run = place.text("run");
        let (images, masks) = (images.display().to_string(), masks.display().to_string());
        let data = ["--images", &images, "--masks", &masks, "--hold-out", "0"];
        let mut args = vec!["train", "--model-config", &config, "--input-size", "64"];
        args.extend(data);
        args.extend(["--train", "all", "--max-epoch-num", "1", "--batch-size-train", "4"]);
        args.extend(["--output", &run]);
        works(&args);
        let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
        Self { place, checkpoint, photo: format!("{images}/photo_00.jpg") }
    }

    fn args<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec![command, "--checkpoint", &self.checkpoint];
        args.extend(more);
        args
    }

    /// Runs `predict` on the photograph.
    fn predict(&self, more: &[&str]) -> Value {
        let mut args = self.args("predict", &["--image", &self.photo, "--json", "--force"]);
        args.extend(more);
        serde_json::from_slice(&works(&args).stdout).expect("JSON")
    }
}

/// A line of `predict` without the number of the object's pixels, which is the model's.
fn without_count(line: &str) -> String {
    let (file, rest) = line.split_once(" mask, ").expect("a mask");
    let (count, rest) = rest.split_once(" of ").expect("a count");
    count.parse::<u64>().expect("a number");
    format!("{file} mask, [COUNT] of {rest}")
}

/// What was said, but for masks without pixels, which so small a model may give.
fn but_empty(stderr: &[u8]) -> String {
    let said = text(stderr);
    let lines = said.lines().filter(|line| !line.contains("the mask is empty"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Shape and values of an f32 array in a safetensors file.
fn tensor(file: &str, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(file).expect("read");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let view = file.tensor(name).expect("the array");
    let values = view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
    (view.shape().to_vec(), values.collect())
}

#[test]
fn prompts_of_every_kind_and_their_numbers() {
    let model = Model::new();
    let logits = model.place.text("logits.safetensors");
    let first = model.place.text("first.npy");
    let embedding = model.place.text("embedding.safetensors");
    model.predict(&["--box", "5,20,60,90", "--logits", &first, "--embedding", &embedding]);
    assert_eq!(tensor(&embedding, "image_embedding").0, [1, 64, 4, 4]);
    assert_eq!(tensor(&embedding, "interm_embedding").0, [1, 4, 4, 32]);

    // Three prompts, the last with the first prediction's logits; SAM's three masks of each.
    let prompts = model.place.text("prompts.json");
    let text = r#"[{"box": [5, 20, 60, 90]}, {"points": [[31, 55, 1], [2, 2, 0]]},
        {"box": [5, 20, 60, 90], "points": [[31, 55, 1]], "mask_input": "first.npy"}]"#;
    std::fs::write(&prompts, text).expect("written");
    let output = model.place.text("mask.png");
    let found = model.predict(&[
        "--prompts",
        &prompts,
        "--kind",
        "sam",
        "--multimask",
        "--logits",
        &logits,
        "--output",
        &output,
    ]);
    let masks = found["masks"].as_array().expect("a list");
    assert_eq!(masks.len(), 9);
    let (shape, ious) = tensor(&logits, "iou_predictions");
    assert_eq!(shape, [3, 3]);
    assert_eq!(tensor(&logits, "low_res_logits").0, [3, 3, 16, 16]);
    let (shape, values) = tensor(&logits, "logits");
    assert_eq!(shape, [3, 3, 110, 90]);
    for (i, mask) in masks.iter().enumerate() {
        let (prompt, number) = (i / 3, i % 3);
        assert_eq!((&mask["prompt"], &mask["mask_number"]), (&prompt.into(), &number.into()));
        let file = model.place.text(&format!("mask_prompt{prompt}_mask{number}.png"));
        assert_eq!(mask["mask"], file);
        let above = values[i * 9900..][..9900].iter().filter(|&&value| value > 0.0).count();
        assert_eq!(mask["object_pixels"], above);
        let iou = mask["predicted_iou"].as_f64().expect("a number");
        assert!((iou - f64::from(ious[i])).abs() < 1e-6);
        let png = std::fs::read(&file).expect("a mask");
        let header = maskwright_image::decode::read_header(&png).expect("a PNG");
        assert_eq!((header.size.width, header.size.height), (90, 110));
    }

    // HQ-SAM's rule: one mask, the best of three plus the HQ mask.
    let sum = model.place.text("sum.safetensors");
    let best =
        model.predict(&["--point", "31,55", "--multimask", "--kind", "sam_hq", "--logits", &sum]);
    assert_eq!(best["kind"], "sam_hq");
    assert_eq!(best["masks"].as_array().map(Vec::len), Some(1));
    assert_eq!(tensor(&sum, "iou_predictions").0, [1, 1]);
    // Boxes alone are objects of their own.
    let two = model.predict(&[
        "--box",
        "5,20,60,90",
        "--box",
        "0,0,89,109",
        "--output",
        &output,
        "--kind",
        "hq",
        "--overlay",
        &model.place.text("over.png"),
    ]);
    assert_eq!(two["masks"].as_array().map(Vec::len), Some(2));
    let prompts = ["--box", "5,20,60,90", "--box", "0,0,89,109"];
    let shared = ["--image", &model.photo, "--output", &output, "--force"];
    let args = model.args("predict", &shared);
    let lines = printed(&[&args[..], &prompts].concat());
    let lines: Vec<String> = lines.lines().map(without_count).collect();
    assert_snapshot!(without_times(&lines.join("\n")), @"
        [DIR]/mask_prompt0.png: HQ mask, [COUNT] of 90 x 110 pixels (0.0%), predicted IoU 0.0
        [DIR]/mask_prompt1.png: HQ mask, [COUNT] of 90 x 110 pixels (0.0%), predicted IoU 0.0
        ");
    assert!(model.place.join("over_prompt1.png").is_file());
}

#[test]
fn several_prompts_equal_one_at_a_time_in_every_geometry() {
    let model = Model::new();
    let file = model.place.text("logits.safetensors");
    let boxes = ["5,20,60,90", "10,3,80,100"];
    for geometry in ["longest_side", "squash", "sam"] {
        for size in ["64", "80"] {
            let shared = ["--geometry", geometry, "--input-size", size, "--logits", &file];
            let predict = |boxes: &[&str]| {
                let mut args = shared.to_vec();
                args.extend(boxes.iter().flat_map(|corners| ["--box", *corners]));
                model.predict(&args);
                tensor(&file, "logits").1
            };
            let together = predict(&boxes);
            let apart = [predict(&boxes[..1]), predict(&boxes[1..])].concat();
            let largest = apart.iter().fold(0f32, |max, value| max.max(value.abs()));
            for (a, b) in together.iter().zip(&apart) {
                assert!((a - b).abs() <= 1e-4 * largest, "{geometry}: {a} for {b}");
            }
        }
    }
}

#[test]
fn odd_prompts_are_said_or_refused() {
    let model = Model::new();
    let output = model.place.text("mask.png");
    let args = |more: &[&str]| -> Vec<String> {
        let asked = ["--image", &model.photo, "--output", &output, "--force"];
        let shared = model.args("predict", &asked);
        shared.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    };
    let refused = |more: &[&str], status| {
        let args = args(more);
        refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), status)
    };
    let outside = args(&["--point", "-5,300", "--box", "3,4,200,50"]);
    let outside = works(&outside.iter().map(String::as_str).collect::<Vec<_>>());
    assert_snapshot!(but_empty(&outside.stderr), @"
        geometry longest_side, which the checkpoint was validated with
        note: point (-5, 300) lies outside the 90 x 110 image; clipped to (0, 109)
        note: box corner (200, 50) lies outside the 90 x 110 image; clipped to (89, 50)
        ");
    assert_snapshot!(refused(&["--box", "50,4,20,50"], 2), @"
        geometry longest_side, which the checkpoint was validated with
        error: the box: expected left,top,right,bottom with left <= right and top <= bottom, found 50,4,20,50
        ");
    assert_snapshot!(refused(&["--box", "95,4,120,50"], 2), @"
        geometry longest_side, which the checkpoint was validated with
        error: the box: expected a part of it within the 90 x 110 image, found 95,4,120,50
        ");
    assert_snapshot!(refused(&["--box", "1,1,5"], 2), @"
        error: invalid value '1,1,5' for '--box <X0,Y0,X1,Y1>': expected 4 numbers, found 3

        For more information, try '--help'.
        ");
    assert_snapshot!(refused(&["--point", "3,3,7"], 2), @"
        error: invalid value '3,3,7' for '--point <X,Y[,LABEL]>': expected the label 1 (on the object) or 0 (beside it), found 7

        For more information, try '--help'.
        ");
    let mixed = ["--box", "1,1,5,5", "--box", "2,2,6,6", "--point", "3,3"];
    assert_snapshot!(refused(&mixed, 2), @"error: several --box are several objects, and so it is open to which the points or the mask belong; write them to a file for --prompts");
    let npy = model.place.text("other.npy");
    std::fs::write(&npy, b"\x93NUMPY").expect("written");
    assert_snapshot!(refused(&["--mask-input", &npy], 1), @"
        geometry longest_side, which the checkpoint was validated with
        error: [DIR]/other.npy: expected an .npy file of f32 ('<f4') in row order, found magic not found for NPY file
        ");
    let prompts = model.place.text("prompts.json");
    let file = |text: &str, status| {
        std::fs::write(&prompts, text).expect("written");
        refused(&["--prompts", &prompts], status)
    };
    assert_snapshot!(file("[]", 1), @"
        geometry longest_side, which the checkpoint was validated with
        error: [DIR]/prompts.json: expected at least one prompt, found none
        ");
    assert_snapshot!(file("[{\"boxes\": [1, 2, 3, 4]}]", 1), @"
        geometry longest_side, which the checkpoint was validated with
        error: [DIR]/prompts.json: expected a JSON list of prompts with box, points, mask, mask_input, found unknown field `boxes`, expected one of `box`, `points`, `mask`, `mask_input` at line 1 column 9
        ");
    assert_snapshot!(file("[{\"points\": [[1, 2, 7]]}]", 1), @"
        geometry longest_side, which the checkpoint was validated with
        error: [DIR]/prompts.json: expected the label 1 (on the object) or 0 (beside it) for the point (1, 2) of prompt 0, found 7
        ");
    assert_snapshot!(file("[{}]", 1), @"
        geometry longest_side, which the checkpoint was validated with
        error: [DIR]/prompts.json: the prompt: expected a box, points or a mask, found none of them
        ");
    assert_snapshot!(file("[{\"box\": [1, 2, 3, 4]}, {\"box\": [9, 2, 3, 4]}]", 1), @"
        geometry longest_side, which the checkpoint was validated with
        error: [DIR]/prompts.json: the box of prompt 1: expected left,top,right,bottom with left <= right and top <= bottom, found 9,2,3,4
        ");
    assert!(!Path::new(&output).with_file_name("mask_prompt0.png").exists());
}

#[test]
fn a_single_pixel_is_an_image() {
    let model = Model::new();
    let dot = model.place.text("dot.png");
    let png = encode::png_rgb(&RgbImage::filled(Size::square(1), 77)).expect("encoded");
    std::fs::write(&dot, png).expect("written");
    let output = model.place.text("mask.png");
    for geometry in ["longest_side", "squash", "sam"] {
        let args = model.args(
            "predict",
            &[
                "--image",
                &dot,
                "--box",
                "0,0,0,0",
                "--geometry",
                geometry,
                "--output",
                &output,
                "--force",
            ],
        );
        works(&args);
        let png = std::fs::read(&output).expect("a mask");
        let header = maskwright_image::decode::read_header(&png).expect("a PNG");
        assert_eq!((header.size.width, header.size.height), (1, 1));
    }
}

#[test]
fn an_empty_mask_is_told_as_empty() {
    let model = Model::new();
    let mut bytes = std::fs::read(&model.checkpoint).expect("read");
    let weights = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    // What SAM's single mask is made with: without it all logits are 0, and none is above.
    let of_mask = |name: &&str| name.contains("output_hypernetworks_mlps.0.layers.2.");
    let ranges: Vec<(usize, usize)> = weights
        .names()
        .into_iter()
        .filter(of_mask)
        .map(|name| {
            let data = weights.tensor(name).expect("a tensor").data();
            (data.as_ptr() as usize - bytes.as_ptr() as usize, data.len())
        })
        .collect();
    assert_eq!(ranges.len(), 2);
    ranges.into_iter().for_each(|(at, length)| bytes[at..at + length].fill(0));
    let empty = model.place.text("empty.safetensors");
    std::fs::write(&empty, bytes).expect("written");
    let output = model.place.text("mask.png");
    let args = ["predict", "--checkpoint", &empty, "--image", &model.photo, "--kind", "sam"];
    let args = [&args[..], &["--box", "5,20,60,90", "--output", &output, "--force"]].concat();
    let found = works(&args);
    let line = text(&found.stdout);
    let start = "[DIR]/mask.png: SAM mask, empty, 0 of 90 x 110 pixels (0.0%), predicted IoU ";
    assert!(line.starts_with(start), "{line}");
    assert_snapshot!(text(&found.stderr), @"
        geometry longest_side, which the checkpoint was validated with
        note: [DIR]/mask.png: the mask is empty: no pixel is on the object
        ");
    let quiet = works(&[&args[..], &["-q", "--json"]].concat());
    assert_snapshot!(text(&quiet.stderr), @"note: [DIR]/mask.png: the mask is empty: no pixel is on the object");
    let document: Value = serde_json::from_slice(&quiet.stdout).expect("JSON");
    assert_eq!(document["warnings"].as_array().map(Vec::len), Some(1));

    let overlay = |more: &[&str]| {
        let args = ["predict", "--checkpoint", &empty, "--overlay"];
        refused(&[&args[..], more].concat(), 2)
    };
    assert_snapshot!(overlay(&["--image", &model.photo, "--box", "5,20,60,90"]), @"error: --overlay: expected a file beside --image, found none");
    let many = ["o.png", "--input", &model.photo, "--prompts", "p.csv", "--output", "o"];
    assert_snapshot!(overlay(&many), @"error: --overlay: expected no file beside --input, which writes NAME_masks.png for each image, found one");
}

#[test]
fn masks_of_everything_in_sa1bs_schema() {
    let model = Model::new();
    let folder = Path::new(&model.photo).parent().expect("a folder").display().to_string();
    let output = model.place.text("everything");
    let args = model.args(
        "masks",
        &[
            "--input",
            &folder,
            "--output",
            &output,
            "--overlay",
            "--json",
            "--points-per-side",
            "4",
            "--pred-iou-thresh",
            "0",
            "--stability-score-thresh",
            "0",
            "--crop-n-layers",
            "1",
            "--min-mask-region-area",
            "10",
        ],
    );
    let found: Value = serde_json::from_slice(&works(&args).stdout).expect("JSON");
    assert_eq!(found["images"].as_array().map(Vec::len), Some(4));
    for (number, image) in found["images"].as_array().expect("a list").iter().enumerate() {
        let file = image["file"].as_str().expect("a name");
        let text = std::fs::read_to_string(file).expect("read");
        let masks: Value = serde_json::from_str(&text).expect("JSON");
        let entry = &masks["image"];
        assert_eq!(entry["image_id"], number);
        assert_eq!(entry["file_name"], format!("photo_{number:02}.jpg"));
        let (width, height) = (entry["width"].as_u64(), entry["height"].as_u64());
        let annotations = masks["annotations"].as_array().expect("a list");
        assert_eq!(image["masks"], annotations.len());
        assert!(!annotations.is_empty());
        for annotation in annotations {
            let size = annotation["segmentation"]["size"].as_array().expect("a size");
            assert_eq!((size[0].as_u64(), size[1].as_u64()), (height, width));
            let (height, width) = (height.expect("a side"), width.expect("a side"));
            let counts = annotation["segmentation"]["counts"].as_str().expect("a string");
            let mask = maskwright_image::mask::Rle::parse(
                Size::new(height as usize, width as usize),
                counts.as_bytes(),
            )
            .expect("run lengths");
            assert_eq!(annotation["area"], mask.area());
            let numbers = |key: &str| -> Vec<f64> {
                let list = annotation[key].as_array().expect("a list").iter();
                list.map(|number| number.as_f64().expect("a number")).collect()
            };
            let [x, y, w, h] = mask.box_xywh().map(f64::from);
            if mask.area() > 0 {
                assert_eq!(numbers("bbox"), [x, y, w - 1.0, h - 1.0]);
            }
            let crop = numbers("crop_box");
            assert!(crop[0] + crop[2] <= width as f64 && crop[1] + crop[3] <= height as f64);
        }
        let overlay = file.replace(".json", "_masks.png");
        let header = maskwright_image::decode::read_header(&std::fs::read(overlay).expect("read"))
            .expect("a PNG");
        assert_eq!(
            (Some(header.size.width as u64), Some(header.size.height as u64)),
            (width, height)
        );
    }
    let args = model
        .args("masks", &["--input", &model.photo, "--output", &output, "--points-per-side", "0"]);
    assert_snapshot!(refused(&args, 2), @"error: --points-per-side: expected 1 or more, found 0");
    let empty = model.place.text("empty");
    std::fs::create_dir(&empty).expect("created");
    let args = model.args("masks", &["--input", &empty, "--output", &output]);
    assert_snapshot!(refused(&args, 1), @"error: [DIR]/empty: expected images (.jpg, .png, .tif, .webp, ...), found none");
}

/// A copy of a safetensors file whose first values are NaN.
fn with_nans(from: &str, to: &str, count: usize) {
    let mut bytes = std::fs::read(from).expect("read");
    let header = u64::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
    for value in bytes[8 + header..].as_chunks_mut::<4>().0.iter_mut().take(count) {
        *value = f32::NAN.to_le_bytes();
    }
    std::fs::write(to, bytes).expect("written");
}

#[test]
fn weights_that_are_no_numbers_are_counted() {
    let model = Model::new();
    let (whole, decoder) = (model.place.text("nan.safetensors"), model.place.text("d.safetensors"));
    with_nans(&model.checkpoint, &whole, 2);
    let sound = model.place.text("sound.safetensors");
    works(&["convert", &model.checkpoint, &sound, "--to", "hq-decoder"]);
    with_nans(&sound, &decoder, 3);
    let output = model.place.text("mask.png");
    let said = |checkpoint: &str, more: &[&str]| {
        let mut args = vec!["predict", "--checkpoint", checkpoint, "--image", &model.photo];
        args.extend(["--box", "5,5,60,60", "--output", &output, "--force"]);
        args.extend(more);
        but_empty(&works(&args).stderr)
    };
    assert_snapshot!(said(&whole, &[]), @"
        note: [DIR]/nan.safetensors: 2 weights are NaN or infinite (image_encoder.blocks.0.attn.proj.bias: 2)
        geometry longest_side, which the checkpoint was validated with
        ");
    assert_snapshot!(said(&model.checkpoint, &["--restore-model", &decoder]), @"
        note: [DIR]/d.safetensors: 3 weights are NaN or infinite (mask_decoder.compress_vit_feat.0.bias: 3)
        geometry longest_side, which the checkpoint was validated with
        ");
}
