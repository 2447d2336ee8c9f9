//! Loads one epoch of a folder of pairs and says how fast that was:
//! `cargo run --release --example load -- IMAGES MASKS [SIZE] [WORKERS] [EPOCHS]`.

use std::error::Error;
use std::time::Instant;

use maskwright_data::loader::{LastBatch, Loader, LoaderConfig, OnRefusal};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::{DataFile, OpenContext};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [images, masks, rest @ ..] = args.as_slice() else {
        return Err("expected IMAGES MASKS [SIZE] [WORKERS] [EPOCHS]".into());
    };
    let number = |at: usize, default: u64| rest.get(at).map_or(Ok(default), |text| text.parse());
    let config = LoaderConfig {
        on_refusal: OnRefusal::Replace { budget: 1.0 },
        last_batch: LastBatch::Keep,
        sample: SampleConfig::for_size(number(0, 1024)? as usize),
        ..LoaderConfig::default()
    };
    let workers = number(1, config.workers as u64)? as usize;
    let config = config.with_workers(workers);

    let mix = DataFile::from_folders(images, masks).train_mix(&OpenContext::default())?;
    println!("{} records", mix.len());
    let mut loader = Loader::new(mix, config)?;
    let clock = Instant::now();
    for epoch in 0..number(2, 1)? {
        loader.start_epoch(epoch);
        while let Some(batch) = loader.next() {
            loader.recycle(batch?);
        }
    }
    let stats = loader.stats();
    let per_second = stats.samples as f64 / clock.elapsed().as_secs_f64();
    println!(
        "{} images with {} objects, {per_second:.1} images per second",
        stats.samples, stats.objects
    );
    println!("{stats:#?}");
    println!("{}", stats.verdict());
    for entry in loader.ledger() {
        println!("{}: {}", if entry.used { "damaged" } else { "refused" }, entry.message);
    }
    Ok(())
}
