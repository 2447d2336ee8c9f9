//! Times the image encoder of an official model on the CPU, with random weights.
//!
//! `cargo run --release -p maskwright-model --example encode [vit_b] [1024] [repetitions]`

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use maskwright_model::SamConfig;

fn main() -> Result<(), maskwright_model::Error> {
    let mut args = std::env::args().skip(1);
    let model = args.next().unwrap_or_else(|| "vit_b".to_owned()).parse()?;
    let size: usize = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(1024);
    let repetitions: usize = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(3);
    let device = Device::flex();
    let sam = SamConfig::of(model)?.with_image_size(size).init(&device, 1)?;
    let images = Tensor::zeros([1, 3, size, size], &device);
    let _ = sam.encode_image(images.clone());
    for _ in 0..repetitions {
        let start = Instant::now();
        let features = sam.encode_image(images.clone());
        println!("{:?} in {:.2?}", features.embedding.dims(), start.elapsed());
    }
    Ok(())
}
