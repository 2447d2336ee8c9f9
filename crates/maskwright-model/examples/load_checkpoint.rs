//! Loads a checkpoint into a model, as training and prediction do, to measure time and memory; with a second
//! name, writes it there.
//!
//! `cargo run --release -p maskwright-model --example load_checkpoint CHECKPOINT [OUTPUT.safetensors]`; without a
//! checkpoint, `OUTPUT` is an official ViT-B of random weights: `--example load_checkpoint -- -- OUTPUT`.

use std::time::Instant;

use burn::tensor::Device;
use maskwright_model::SamConfig;
use maskwright_model::weights::{LoadOptions, load, save};

fn main() -> Result<(), maskwright_model::Error> {
    let mut args = std::env::args().skip(1);
    let device = Device::flex();
    let start = Instant::now();
    let sam = match args.next().filter(|name| name != "--") {
        Some(name) => load(name.as_ref(), &LoadOptions::default(), &device)?.sam,
        None => SamConfig::vit_b().init(&device, 1)?,
    };
    println!("{} in {:.2?}", sam.config().model_type(), start.elapsed());
    if let Some(output) = args.next() {
        save(&sam, output.as_ref())?;
    }
    Ok(())
}
