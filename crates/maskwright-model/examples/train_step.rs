//! Times the parts of a training step of a small model on the CPU.
//!
//! `cargo run --release -p maskwright-model --example train_step [repetitions]` prints the least of
//! the repetitions for each part, in milliseconds.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use maskwright_model::{DecodeMode, PromptInput, PromptPoint, SamConfig, Trainable};

const BATCH: usize = 8;
const SIZE: usize = 256;

fn main() -> Result<(), maskwright_model::Error> {
    let repetitions: usize = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(10);
    let device = Device::flex();
    let sam = SamConfig::small(SIZE, 16, 128, 6).init(&device, 1)?;
    let pixels: Vec<u8> = (0..BATCH * 3 * SIZE * SIZE).map(|i| (i * 7919 % 251) as u8).collect();
    let mask: Vec<f32> = (0..64 * 64).map(|i| if i % 7 < 3 { 255.0 } else { 0.0 }).collect();
    let points: Vec<PromptPoint> =
        (0..10).map(|i| PromptPoint::new(i as f32 * 9.0, 70.0, 1)).collect();
    let prompts: Vec<PromptInput> = (0..BATCH)
        .map(|i| match i % 3 {
            0 => PromptInput::from_box([20.0, 30.0, 160.0, 170.0]),
            1 => PromptInput::from_points(points.clone()),
            _ => PromptInput::from_mask(mask.clone()),
        })
        .collect();
    let image_of: Vec<usize> = (0..BATCH).collect();
    let input = sam.preprocess(&pixels, BATCH, &device)?;

    let whole = sam.clone().training(&Trainable::All);
    let best = |run: &mut dyn FnMut() -> [f64; 3]| {
        let mut best = [f64::INFINITY; 3];
        for _ in 0..repetitions {
            for (best, time) in best.iter_mut().zip(run()) {
                *best = best.min(time);
            }
        }
        best.map(|seconds| (seconds * 1e4).round() / 10.0)
    };
    let clock = |from: Instant| from.elapsed().as_secs_f64();

    let frozen = best(&mut || {
        let start = Instant::now();
        let features = sam.encode_image(input.clone());
        let encoder = clock(start);
        let start = Instant::now();
        let output = sam.predict(&features, &prompts, &image_of, DecodeMode::Hq).unwrap();
        let _ = output.hq.unwrap().sum().into_scalar::<f32>();
        [encoder, clock(start), 0.0]
    });
    println!("prediction: encoder {} ms, HQ decoder {} ms", frozen[0], frozen[1]);

    for (name, scope, mode) in [
        ("everything, SAM's mask", Trainable::All, DecodeMode::Sam { multimask: false }),
        ("HQ head", Trainable::Hq, DecodeMode::Hq),
    ] {
        let model =
            if scope == Trainable::All { whole.clone() } else { sam.clone().training(&scope) };
        let times = best(&mut || {
            let start = Instant::now();
            let features = model.encode_image(input.clone());
            let encoder = clock(start);
            let start = Instant::now();
            let output = model.predict(&features, &prompts, &image_of, mode).unwrap();
            let masks: Tensor<4> = output.sam.or(output.hq).unwrap();
            let loss = masks.square().mean();
            let decoder = clock(start);
            let start = Instant::now();
            let gradients = loss.backward();
            let backward = clock(start);
            drop(gradients);
            [encoder, decoder, backward]
        });
        println!(
            "training {name}: encoder {} ms, decoder {} ms, backward {} ms, sum {:.1} ms",
            times[0],
            times[1],
            times[2],
            times.iter().sum::<f64>()
        );
    }
    Ok(())
}
