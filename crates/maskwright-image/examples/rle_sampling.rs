//! What sampling run-length masks costs, beside drawing them first.
//!
//! `cargo run --release -p maskwright-image --example rle_sampling -- [runs|drawn] [SA-1B.json ...]`: with files, all their
//! masks; without, made ones. Each mask is sampled at SAM-HQ's range of scales into 1024 x 1024. With `runs` or
//! `drawn` only that way is taken, for counting instructions under `valgrind --tool=callgrind`.

use std::time::Instant;

use maskwright_image::Size;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::sample::{AxisTable, Sampler};

const SIDE: usize = 1024;
/// Samples of a view, after a first one that is not counted.
const ROUNDS: usize = 5;
/// Scales between HQ-SAM's 0.1 and 2, and whether mirrored.
const VIEWS: [(f64, bool); 5] =
    [(0.1, false), (0.4, true), (0.8, false), (1.3, true), (2.0, false)];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let only =
        arguments.first().filter(|first| ["runs", "drawn"].contains(&first.as_str())).cloned();
    if only.is_some() {
        arguments.remove(0);
    }
    let sets = if arguments.is_empty() {
        made()
    } else {
        arguments.iter().map(|path| (path.clone(), annotations(path))).collect()
    };
    let mut sampler = Sampler::new();
    let (mut out, mut foreground) = (vec![0.0; SIDE * SIDE], Bitmap::default());
    println!(
        "{:28} {:>6} {:>12} {:>12} {:>12}",
        "ms per sample", "masks", "runs", "drawn", "of it drawing"
    );
    for (name, masks) in &sets {
        let mut spent = [0.0; 3];
        for mask in masks {
            let scale = SIDE as f64 / mask.height().max(mask.width()) as f64;
            for (factor, flip) in VIEWS {
                let axis = |side: usize, flip| {
                    let scaled = (side as f64 * scale * factor).round().max(1.0) as usize;
                    AxisTable::new(side, scaled, flip, scaled.saturating_sub(SIDE) / 2, SIDE)
                };
                let (rows, columns) = (axis(mask.height(), false), axis(mask.width(), flip));
                for round in 0..=ROUNDS {
                    let counts = f64::from(u8::from(round > 0));
                    if only.as_deref() != Some("drawn") {
                        let start = Instant::now();
                        sampler.rle_and_foreground(
                            mask,
                            &rows,
                            &columns,
                            &mut out,
                            &mut foreground,
                        );
                        spent[0] += counts * start.elapsed().as_secs_f64();
                    }
                    if only.as_deref() != Some("runs") {
                        let start = Instant::now();
                        let grey = mask.to_grey();
                        spent[2] += counts * start.elapsed().as_secs_f64();
                        sampler.label_and_foreground(
                            &grey,
                            &rows,
                            &columns,
                            &mut out,
                            &mut foreground,
                        );
                        spent[1] += counts * start.elapsed().as_secs_f64();
                    }
                }
            }
        }
        let samples = (masks.len() * VIEWS.len() * ROUNDS) as f64;
        let [runs, drawn, drawing] = spent.map(|seconds| 1000.0 * seconds / samples);
        println!("{name:28} {:6} {runs:12.3} {drawn:12.3} {drawing:12.3}", masks.len());
    }
}

/// The masks of an SA-1B file.
fn annotations(path: &str) -> Vec<Rle> {
    let file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON");
    let annotations = file["annotations"].as_array().expect("SA-1B annotations");
    let mask = |annotation: &serde_json::Value| {
        let segmentation = &annotation["segmentation"];
        let side = |k: usize| segmentation["size"][k].as_u64().expect("a size") as usize;
        let counts = segmentation["counts"].as_str().expect("a string").as_bytes();
        Rle::parse(Size::new(side(0), side(1)), counts).expect("a mask")
    };
    annotations.iter().map(mask).collect()
}

/// Discs of several sizes in a picture of SA-1B's, and what is hardest: all of it, and noise.
fn made() -> Vec<(String, Vec<Rle>)> {
    let (height, width) = (1500, 2250);
    let of = |set: &dyn Fn(usize, usize) -> bool| {
        vec![Rle::from_bitmap(&Bitmap::from_fn(Size::new(height, width), set))]
    };
    let mut sets: Vec<(String, Vec<Rle>)> = [10usize, 50, 200, 700]
        .iter()
        .map(|&radius| {
            let disc = |y: usize, x: usize| {
                y.abs_diff(750).pow(2) + x.abs_diff(1100).pow(2) <= radius * radius
            };
            (format!("disc of radius {radius}"), of(&disc))
        })
        .collect();
    sets.push(("all foreground".into(), of(&|_, _| true)));
    sets.push(("stripes along rows".into(), of(&|y, _| y / 3 % 2 == 0)));
    let noise =
        |y: usize, x: usize| ((y * 2250 + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 == 0;
    sets.push(("noise, 1 of 4".into(), of(&noise)));
    sets
}
