//! `maskwright bench loader --soak`: the resident memory of a loader over many samples.

use std::time::{Duration, Instant};

use anyhow::Context;
use maskwright_data::loader::{Loader, LoaderConfig};
use maskwright_data::source::Mix;
use serde::Serialize;

use crate::output;
use crate::process_memory as memory;
use crate::warnings::Warnings;

/// Measurements of a run.
const MARKS: u64 = 20;

#[derive(Debug, Serialize)]
struct Report {
    marks: Vec<Mark>,
    /// Largest difference between two marks over the smallest, the first tenth of the samples left out.
    spread_percent: f64,
    /// The last mark over the first after a tenth of the samples.
    growth_percent: f64,
    workers: usize,
    samples: u64,
    images_per_second: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Mark {
    samples: u64,
    resident_mib: f64,
}

/// Loads `count` samples, epoch after epoch, and prints the resident memory on the way.
pub(super) fn run(mix: Mix, config: LoaderConfig, count: u64, json: bool) -> anyhow::Result<()> {
    resident_mib()?;
    let mut loader = Loader::new(mix, config)?;
    fill(&mut loader)?;
    let start = Instant::now();
    let mut marks: Vec<Mark> = Vec::new();
    let mut samples = 0;
    while samples < count {
        match loader.next() {
            None => loader.start_epoch(loader.epoch() + 1),
            Some(batch) => {
                let batch = batch?;
                samples += batch.views.len() as u64;
                loader.recycle(batch);
                if samples * MARKS >= count * (marks.len() as u64 + 1) {
                    let mark = Mark { samples, resident_mib: resident_mib()? };
                    if !json {
                        let mib = mark.resident_mib;
                        output::line(format_args!("{samples:>10} samples  {mib:8.1} MiB"))?;
                    }
                    marks.push(mark);
                }
            }
        }
    }
    let settled: Vec<f64> =
        marks.iter().filter(|m| m.samples * 10 >= count).map(|m| m.resident_mib).collect();
    let (least, most) = settled
        .iter()
        .fold((f64::INFINITY, 0.0f64), |(least, most), &mib| (least.min(mib), most.max(mib)));
    let mut warnings = Warnings::default();
    warnings.add_samples(&loader.stats().warnings);
    let report = Report {
        spread_percent: 100.0 * (most - least) / least,
        growth_percent: 100.0 * (settled[settled.len() - 1] / settled[0] - 1.0),
        workers: loader.stats().workers,
        samples,
        images_per_second: samples as f64 / start.elapsed().as_secs_f64(),
        marks,
    };
    if json {
        return output::json(&report, &warnings);
    }
    output::line(format_args!(
        "\nafter the first tenth: {least:.1} to {most:.1} MiB, a spread of {:.2}%, {:+.2}% from first to last; \
         {:.0} images/s",
        report.spread_percent, report.growth_percent, report.images_per_second,
    ))
}

/// Brings the loader to its largest size: every batch that may be ready is, and one more is in use. Later that
/// happens only when the consumer is held up, at a moment that depends on the machine.
fn fill(loader: &mut Loader) -> anyhow::Result<()> {
    let wait = |loader: &Loader| {
        while loader.queue().0 < loader.queue().1 {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait(loader);
    if let Some(batch) = loader.next() {
        let batch = batch?;
        wait(loader);
        loader.recycle(batch);
    }
    Ok(())
}

/// The memory of this process that lies in RAM.
fn resident_mib() -> anyhow::Result<f64> {
    memory::resident_mib().context("this system does not tell a process's resident memory")
}
