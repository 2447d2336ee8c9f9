//! Measuring: the file set, the numbers, and what the build says of itself.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Place, refused, works};

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&works(args).stdout).expect("JSON")
}

#[test]
fn samples_of_the_file_set_are_measured() {
    let place = Place::new();
    let made = json(&["bench", "files", "--output", &place.text("set"), "--count", "2", "--json"]);
    assert_eq!(made["count"], 2);
    let bits = made["image_bits_per_pixel"].as_f64().expect("a number");
    assert!((0.5..4.0).contains(&bits), "as photographs have: {bits}");
    let again = Place::new();
    works(&["bench", "files", "--output", &again.text("set"), "--count", "2"]);
    for file in ["images/00001-1024.jpg", "masks/00000-400.png"] {
        let read = |place: &Place| std::fs::read(place.join("set").join(file)).expect("written");
        assert_eq!(read(&place), read(&again), "{file}");
    }

    let (images, masks) = (place.text("set/images"), place.text("set/masks"));
    let mut args = vec!["bench", "data", "--images", &images, "--masks", &masks];
    args.extend(["--size", "128", "--repeat", "2", "--draws", "3", "--json"]);
    let one = json(&args);
    assert_eq!(
        (&one["samples"], &one["threads"], &one["size"]),
        (&6.into(), &1.into(), &128.into())
    );
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&one["images_per_second_per_core"]) > 0.0);
    for stage in ["read", "header", "decode_mask", "label", "decode_and_sample", "prompts"] {
        number(&one["ms"][stage]);
    }
    for work in [&one["ms"]["decode_and_sample"], &one["cpu_ms_per_sample"]] {
        assert!(number(work) > 0.0);
    }

    // Threads change no sample, other draws change all.
    args.extend(["--threads", "2"]);
    assert_eq!(json(&args)["digest"], one["digest"]);
    args.extend(["--seed", "43"]);
    assert_ne!(json(&args)["digest"], one["digest"]);
    refused(
        &["bench", "data", "--images", &images, "--masks", &masks, "--repeat", "0"],
        2,
        &["--repeat"],
    );
}

#[test]
fn the_loader_is_measured_beside_single_samples() {
    let place = Place::new();
    let set = place.text("set");
    works(&["bench", "files", "--output", &set, "--count", "3", "--longest", "90,120"]);
    assert!(place.join("set/images/00001-120.jpg").is_file());
    let (images, masks) = (place.text("set/images"), place.text("set/masks"));
    let mut args = vec!["bench", "loader", "--images", &images, "--masks", &masks];
    args.extend(["--size", "64", "--json"]);
    let with = |more: &[&str]| json(&[&args[..], more].concat());
    let found = with(&["--samples", "17", "--repeat", "2", "--threads", "1,3"]);
    // Three images six times, of which the loader leaves out what fills no batch of four.
    assert_eq!((&found["images"], &found["samples"]), (&3.into(), &16.into()));
    let rows = found["threads"].as_array().expect("a list");
    assert_eq!((&rows[0]["threads"], &rows[1]["threads"]), (&1.into(), &3.into()));
    for row in rows {
        for number in ["makers_ms", "loader_ms", "loader_over_single", "throughput"] {
            assert!(row[number].as_f64().expect("a number") > 0.0, "{number}");
        }
    }
    if cfg!(target_os = "linux") {
        let soaked = with(&["--soak", "400", "--threads", "2", "--batch-size", "2"]);
        let marks = soaked["marks"].as_array().expect("a list");
        assert_eq!((marks.len(), &marks[19]["samples"]), (20, &400.into()));
        assert!(marks.iter().all(|mark| mark["resident_mib"].as_f64().expect("a number") > 1.0));
        assert!(soaked["spread_percent"].is_f64(), "{soaked}");
    }
    refused(&[&args[..], &["--threads", "0"]].concat(), 2, &["--threads"]);
}

#[test]
fn the_system_is_described() {
    let found = json(&["doctor", "--system", "--json"]);
    let decoder = found["jpeg_decoder"].as_str().expect("a name");
    assert!(decoder.contains("mozjpeg") || decoder.contains("zune"), "{decoder}");
    let simd = found["simd_available"].as_array().expect("a list");
    assert_eq!(simd.last(), Some(&"scalar".into()));
    let text = String::from_utf8(works(&["doctor"]).stdout).expect("text");
    assert!(text.contains("JPEG decoder") && text.contains(decoder), "{text}");
}

#[test]
fn what_the_environment_cannot_ask_for_is_named() {
    for (variable, value) in [("MASKWRIGHT_SIMD", "mmx"), ("MASKWRIGHT_JPEG", "turbo")] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_maskwright"))
            .args(["doctor", "--system"])
            .env(variable, value)
            .output()
            .expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr.starts_with("error: ") && stderr.contains(variable), "{stderr}");
        assert!(stderr.contains(value) && !stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn parts_of_a_model_are_timed() {
    let small = ["bench", "model", "--model-type", "vit_tiny", "--input-size", "64"];
    let mut args = small.to_vec();
    args.extend(["--rounds", "2", "--warm-up", "0", "--json"]);
    let report = json(&args);
    let parts = report["parts"].as_array().expect("a list");
    let names: Vec<_> = parts.iter().filter_map(|part| part["part"].as_str()).collect();
    assert_eq!(names, ["encoder", "decoder", "head", "step"]);
    for part in parts {
        assert_eq!(part["ms"].as_array().map(Vec::len), Some(2));
        assert!(part["median_ms"].as_f64() > Some(0.0));
    }

    // In turns: an answer to each line, and the end with the input's.
    let mut turns = Command::new(env!("CARGO_BIN_EXE_maskwright"))
        .args(small)
        .args(["--part", "decoder", "--in-turns"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    turns.stdin.take().expect("a pipe").write_all(b"\n\n\n").expect("written");
    let output = turns.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let answer: Value = serde_json::from_str(line).expect("JSON");
        assert!(answer["ms"].as_f64() > Some(0.0));
    }

    refused(&["bench", "model", "--model-type", "vit_x"], 2, &["vit_x"]);
    refused(&["bench", "model", "--in-turns"], 2, &["--part"]);
    refused(&["bench", "model", "--input-size", "1000"], 2, &["1000"]);
}
