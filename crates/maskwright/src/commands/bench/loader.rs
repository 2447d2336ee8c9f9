//! `maskwright bench loader`: what batches cost on top of their samples, and whether memory grows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use cpu_time::ProcessTime;
use maskwright_data::loader::{LastBatch, Loader, LoaderConfig};
use maskwright_data::random::{Order, SampleKey};
use maskwright_data::sample::{SampleConfig, SampleMaker, ViewBuffers};
use maskwright_data::source::Mix;
use maskwright_image::decode::decoder_name;
use maskwright_image::sample::Sampler;
use serde::Serialize;

use super::median::median;
use super::soak;
use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::indexing::Indexing;
use crate::output;
use crate::warnings::Warnings;

/// Measure what the loader costs on top of making single samples.
///
/// The same samples are made in turns by single makers, as `bench data` does, and by the loader as
/// batches, with each number of threads. CPU times are those of the whole process per sample. All
/// numbers are medians over the rounds, and ratios medians of the ratios within a round.
#[derive(Args)]
pub(crate) struct LoaderBenchFlags {
    #[command(flatten)]
    data: DataFlags,

    /// Side of a sample in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1024)]
    size: usize,

    /// Numbers of threads to measure
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,

    /// Samples of a round, about
    #[arg(long, value_name = "N", default_value_t = 240)]
    samples: usize,

    /// Times that every sample is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeat: usize,

    /// Samples of a batch
    #[arg(long, value_name = "N", default_value_t = 4)]
    batch_size: usize,

    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Instead of speed, watch the resident memory over so many samples (Linux)
    #[arg(long, value_name = "N")]
    soak: Option<u64>,

    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    /// CPU milliseconds of a single sample: one maker, one thread.
    single_ms: f64,
    threads: Vec<Row>,
    samples: usize,
    images: usize,
    repeat: usize,
    batch_size: usize,
    size: usize,
    decoder: &'static str,
    simd: &'static str,
}

/// One number of threads.
#[derive(Debug, Serialize)]
struct Row {
    threads: usize,
    /// CPU milliseconds per sample of as many makers without a loader.
    makers_ms: f64,
    /// CPU milliseconds per sample of the loader, whatever takes its batches included.
    loader_ms: f64,
    /// The loader's CPU time over that of a single sample.
    loader_over_single: f64,
    /// The loader's CPU time over that of as many makers.
    loader_over_makers: f64,
    makers_per_second: f64,
    loader_per_second: f64,
    /// Images per second, by wall time, of the loader over those of as many makers.
    throughput: f64,
}

/// What a round took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// The makers and the loader of one number of threads, kept over all rounds.
struct Contest {
    makers: Vec<(SampleMaker, Vec<u8>, Vec<f32>)>,
    loader: Loader,
}

pub(crate) fn run(flags: &LoaderBenchFlags) -> anyhow::Result<()> {
    let threads = &flags.threads;
    let sensible = threads.iter().all(|n| (1..=1024).contains(n)) && !threads.is_empty();
    if !sensible || flags.repeat == 0 || flags.samples == 0 || flags.soak == Some(0) {
        return Err(Usage(
            "expected --threads of 1 to 1024, and --samples, --repeat and --soak of 1 or more"
                .into(),
        )
        .into());
    }
    let data = flags.data.resolve(0.0)?;
    let samples = data.sample_config(flags.size, (flags.size / 4).max(1));
    let mix = data.train_mix(&Indexing::new(flags.json).context())?;
    if let Some(count) = flags.soak {
        let most = threads.iter().copied().max().unwrap_or(1);
        return soak::run(mix, loader_config(flags, &samples, most), count, flags.json);
    }
    let (report, warnings) = measure(flags, &stretched(&mix, flags.samples)?, &samples)?;
    if flags.json { output::json(&report, &warnings) } else { print(&report) }
}

fn loader_config(flags: &LoaderBenchFlags, sample: &SampleConfig, workers: usize) -> LoaderConfig {
    LoaderConfig {
        batch_size: flags.batch_size,
        seed: flags.seed,
        last_batch: LastBatch::Drop,
        sample: sample.clone(),
        ..LoaderConfig::default()
    }
    .with_workers(workers)
}

/// The same sets with an epoch of about so many samples, so that a round has one beginning and one end.
fn stretched(mix: &Mix, samples: usize) -> anyhow::Result<Mix> {
    let stretch = samples as f64 / mix.len() as f64;
    let sets = mix.sets().iter().enumerate().filter(|(_, set)| !set.is_empty());
    let weighted = sets.map(|(at, set)| {
        let places = mix.places(at);
        (set.clone(), stretch * (places.end - places.start) as f64 / set.len() as f64)
    });
    Ok(Mix::repeated(weighted.collect())?)
}

/// The report, and what was odd about the files.
fn measure(
    flags: &LoaderBenchFlags,
    mix: &Mix,
    config: &SampleConfig,
) -> anyhow::Result<(Report, Warnings)> {
    let records = mix.len() as u64;
    let order = Order::new(flags.seed, 0, records);
    // A loader drops what fills no batch.
    let made = records - records % flags.batch_size.max(1) as u64;
    let keys: Vec<SampleKey> =
        (0..made).map(|place| SampleKey::in_epoch(flags.seed, 0, order.record(place))).collect();

    // Every number once; one thread is measured in any case.
    let mut counts = flags.threads.clone();
    counts.push(1);
    counts.sort_unstable();
    counts.dedup();
    let mut contests = Vec::new();
    for &threads in &counts {
        let loader = Loader::new(mix.clone(), loader_config(flags, config, threads))?;
        let pixels = config.plan.size * config.plan.size;
        let maker = || {
            let labels = vec![0.0; config.objects_per_image * pixels];
            anyhow::Ok((SampleMaker::new(config.clone())?, vec![0; 3 * pixels], labels))
        };
        let makers = (0..threads).map(|_| maker()).collect::<anyhow::Result<_>>()?;
        let mut contest = Contest { makers, loader };
        // The warm-up.
        contest.by_makers(mix, &keys)?;
        contest.by_loader()?;
        contests.push(contest);
    }
    let mut rounds: Vec<Vec<[Cost; 2]>> = Vec::new();
    for _ in 0..flags.repeat {
        let round = contests.iter_mut().map(|contest| {
            let makers = contest.by_makers(mix, &keys)?;
            Ok([makers, contest.by_loader()?])
        });
        rounds.push(round.collect::<anyhow::Result<_>>()?);
    }

    let per_sample = 1000.0 / keys.len() as f64;
    let over = |of: &dyn Fn(&[[Cost; 2]]) -> f64| median(rounds.iter().map(|round| of(round)));
    let row = |(at, &threads): (usize, &usize)| Row {
        threads,
        makers_ms: per_sample * over(&|round| round[at][0].cpu),
        loader_ms: per_sample * over(&|round| round[at][1].cpu),
        loader_over_single: over(&|round| round[at][1].cpu / round[0][0].cpu),
        loader_over_makers: over(&|round| round[at][1].cpu / round[at][0].cpu),
        makers_per_second: keys.len() as f64 / over(&|round| round[at][0].wall),
        loader_per_second: keys.len() as f64 / over(&|round| round[at][1].wall),
        throughput: over(&|round| round[at][0].wall / round[at][1].wall),
    };
    let mut warnings = Warnings::default();
    warnings.add_samples(&contests[0].loader.stats().warnings);
    let report = Report {
        single_ms: per_sample * over(&|round| round[0][0].cpu),
        threads: counts
            .iter()
            .enumerate()
            .filter(|(_, count)| flags.threads.contains(count))
            .map(row)
            .collect(),
        samples: keys.len(),
        images: mix.records(),
        repeat: flags.repeat,
        batch_size: flags.batch_size,
        size: flags.size,
        decoder: decoder_name(),
        simd: Sampler::new().simd_name(),
    };
    Ok((report, warnings))
}

impl Contest {
    /// Makes all samples without a loader: each thread takes the next one when it is done with one.
    fn by_makers(&mut self, mix: &Mix, keys: &[SampleKey]) -> anyhow::Result<Cost> {
        let next = AtomicUsize::new(0);
        let work = |(maker, image, labels): &mut (SampleMaker, Vec<u8>, Vec<f32>)| {
            let (mut prompts, mut objects, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
            while let Some(&key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                prompts.clear();
                objects.clear();
                ignored.clear();
                let mut buffers = ViewBuffers {
                    image,
                    image_wanted: true,
                    labels,
                    prompts: &mut prompts,
                    objects: &mut objects,
                    ignored: &mut ignored,
                };
                maker.view_into(mix, key, &mut buffers)?;
            }
            anyhow::Ok(())
        };
        cost(|| {
            std::thread::scope(|scope| {
                let threads: Vec<_> =
                    self.makers.iter_mut().map(|maker| scope.spawn(|| work(maker))).collect();
                threads.into_iter().try_for_each(|thread| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
            })
        })
    }

    /// Makes the same samples by the loader; the batches are given back at once.
    fn by_loader(&mut self) -> anyhow::Result<Cost> {
        let loader = &mut self.loader;
        cost(|| {
            loader.start_epoch(0);
            while let Some(batch) = loader.next() {
                loader.recycle(batch?);
            }
            Ok(())
        })
    }
}

fn cost(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Cost> {
    // Fails only where the system has no such clock; then nothing is measured.
    let cpu = || ProcessTime::try_now().map_or(Duration::ZERO, |time| time.as_duration());
    let (before, start) = (cpu(), Instant::now());
    work()?;
    let wall = start.elapsed();
    Ok(Cost { cpu: (cpu() - before).as_secs_f64(), wall: wall.as_secs_f64() })
}

fn print(report: &Report) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = report
        .threads
        .iter()
        .map(|row| {
            vec![
                row.threads.to_string(),
                format!("{:.3}", row.makers_ms),
                format!("{:.3}", row.loader_ms),
                format!("{:.3}", row.loader_over_single),
                format!("{:.3}", row.loader_over_makers),
                format!("{:.1}", row.makers_per_second),
                format!("{:.1}", row.loader_per_second),
                format!("{:.3}", row.throughput),
            ]
        })
        .collect();
    let header = [
        "threads",
        "makers, ms",
        "loader, ms",
        "loader / single",
        "loader / makers",
        "makers, images/s",
        "loader, images/s",
        "ratio",
    ];
    output::table(&header, &rows)?;
    output::line(format_args!(
        "\na single sample: {:.3} ms of CPU; {} samples of {} images at {} pixels in batches of {}, \
         {} rounds; {}; {}",
        report.single_ms,
        report.samples,
        report.images,
        report.size,
        report.batch_size,
        report.repeat,
        report.decoder,
        report.simd,
    ))
}
