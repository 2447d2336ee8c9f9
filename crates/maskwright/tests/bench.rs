//! Measuring: the file set, the numbers, and what the build says of itself.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;
use support::{Place, printed, refusal, refused, without_times, works};

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&works(args).stdout).expect("JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("a text")
}

#[test]
fn samples_of_the_file_set_are_measured() {
    let place = Place::new();
    let made = json(&["bench", "files", "--output", &place.text("set"), "--count", "2", "--json"]);
    assert_eq!(made["count"], 2);
    let bits = made["image_bits_per_pixel"].as_f64().expect("a number");
    assert!((0.5..4.0).contains(&bits), "as photographs have: {bits}");
    let again = Place::new();
    let made = printed(&["bench", "files", "--output", &again.text("set"), "--count", "2"]);
    assert_snapshot!(without_times(&made), @"[DIR]/set: 2 pairs, 0.0 megapixels and 0.0 bits per pixel on average");
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

    let lines = printed(&args[..args.len() - 1]);
    let [decoder, simd, digest] = ["decoder", "simd", "digest"].map(|key| text(&one, key));
    let shown = without_times(&lines).replace(
        &format!("{decoder}; {simd}; digest {digest}"),
        "[DECODER]; [SIMD]; digest [HASH]",
    );
    assert_snapshot!(shown, @"
        stage                            ms of CPU
        ------------------------------------------
        reading both files                     0.0
        headers                                0.0
        decoding the mask                      0.0
        sampling the label                     0.0
        decoding and sampling the image        0.0
        prompts                                0.0
        a sample                               0.0
        decoding both files in full            0.0

        0.0 images/s/core; 0.0 images/s on 1 thread by wall time (0.0 s)
        6 samples of 2 images at 128 pixels, 2 times; [DECODER]; [SIMD]; digest [HASH]
        ");

    // Threads change no sample, other draws change all.
    args.extend(["--threads", "2"]);
    assert_eq!(json(&args)["digest"], one["digest"]);
    args.extend(["--seed", "43"]);
    assert_ne!(json(&args)["digest"], one["digest"]);
    let never = ["bench", "data", "--images", &images, "--masks", &masks, "--repeat", "0"];
    assert_snapshot!(refused(&never, 2), @"error: expected --threads of 1 to 1024, and --repeat and --draws of 1 or more");
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
    assert_snapshot!(refused(&[&args[..], &["--threads", "0"]].concat(), 2), @r#"{"schema":1,"error":{"code":"usage","message":"expected --threads of 1 to 1024, and --samples, --repeat and --soak of 1 or more","file":null,"expected":null,"found":null,"status":2}}"#);
}

#[test]
fn the_system_is_described() {
    let found = json(&["doctor", "--system", "--json"]);
    let decoder = text(&found, "jpeg_decoder");
    let decoders = ["mozjpeg (SIMD)", "mozjpeg (no SIMD)", "zune-jpeg (pure Rust)"];
    assert!(decoders.contains(&decoder), "{decoder}");
    assert_eq!(simd(&found).last(), Some(&"scalar"));
    let table = printed(&["doctor"]);
    let line = table.lines().find(|line| line.starts_with("JPEG decoder")).expect("a line");
    assert_eq!(line, format!("JPEG decoder      {decoder}"));
}

/// The instruction sets of this machine.
fn simd(found: &Value) -> Vec<&str> {
    let names = found["simd_available"].as_array().expect("a list");
    names.iter().filter_map(Value::as_str).collect()
}

#[test]
fn what_the_environment_cannot_ask_for_is_named() {
    let with = |variable: &str, value: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maskwright"));
        command.args(["doctor", "--system"]).env(variable, value);
        refusal(&command.output().expect("it starts"), 1)
    };
    let found = json(&["doctor", "--system", "--json"]);
    let here = simd(&found).join(", ");
    let refused = with("MASKWRIGHT_SIMD", "mmx").replace(&here, "[SIMD]");
    assert_snapshot!(refused, @r#"error: MASKWRIGHT_SIMD is "mmx"; expected [SIMD]"#);
    assert_snapshot!(with("MASKWRIGHT_JPEG", "turbo"), @r#"error: MASKWRIGHT_JPEG is "turbo"; expected mozjpeg, zune"#);
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

    assert_snapshot!(refused(&["bench", "model", "--model-type", "vit_x"], 2), @r#"error: unknown model type "vit_x" (known: vit_b, vit_l, vit_h, vit_tiny)"#);
    assert_snapshot!(refused(&["bench", "model", "--in-turns"], 2), @"error: expected one --part with --in-turns");
    assert_snapshot!(refused(&["bench", "model", "--input-size", "1000"], 2), @"error: --input-size: expected a multiple of 16, such as 992 or 1008, found 1000");
}
