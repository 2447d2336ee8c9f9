//! `maskwright bench data`.

use std::time::Duration;

use clap::Args;
use maskwright_data::random::SampleKey;
use maskwright_data::sample::Timings;
use maskwright_image::decode::decoder_name;
use maskwright_image::sample::Sampler;
use serde::Serialize;

use super::measure;
use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::indexing::Indexing;
use crate::output;
use crate::warnings::Warnings;

/// Measure how fast training samples are made from your files.
///
/// Every image is shown by the same seeded draws of flip, scale, crop and prompt, made once to
/// warm up and then --repeat times. Times are CPU times of the working thread: the median of each
/// sample over the repeats, and of those the mean.
#[derive(Args)]
pub(crate) struct DataBenchFlags {
    #[command(flatten)]
    data: DataFlags,

    /// Side of a sample in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1024)]
    size: usize,

    /// Threads that make samples at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,

    /// Times that every sample is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeat: usize,

    /// Different samples of each image
    #[arg(long, value_name = "N", default_value_t = 6)]
    draws: u64,

    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

/// The numbers of a run. Times are milliseconds, and CPU time unless they say otherwise.
#[derive(Debug, Serialize)]
struct Report {
    images_per_second_per_core: f64,
    cpu_ms_per_sample: f64,
    ms: Stages,
    /// Wall time of a thread per sample.
    ms_per_sample: f64,
    /// Of all threads together, by wall time.
    images_per_second: f64,
    /// Seconds from the first to the last sample of the repeats.
    wall: f64,
    /// Decoding both files of each record in full, by the same decoders.
    whole_decode_ms: WholeDecode,
    /// A whole sample over decoding its two files in full.
    over_whole_decode: f64,
    decoder: &'static str,
    simd: &'static str,
    threads: usize,
    repeat: usize,
    size: usize,
    images: usize,
    samples: usize,
    /// A hash of all pixels and labels: the same on every machine that decodes alike.
    digest: String,
}

#[derive(Debug, Serialize)]
struct Stages {
    read: f64,
    header: f64,
    decode_mask: f64,
    label: f64,
    /// Decoding and sampling the image: rows are sampled as they are decoded.
    decode_and_sample: f64,
    prompts: f64,
}

#[derive(Debug, Serialize)]
struct WholeDecode {
    image: f64,
    mask: f64,
}

pub(crate) fn run(flags: &DataBenchFlags) -> anyhow::Result<()> {
    if !(1..=1024).contains(&flags.threads) || flags.repeat == 0 || flags.draws == 0 {
        return Err(Usage(
            "expected --threads of 1 to 1024, and --repeat and --draws of 1 or more".into(),
        )
        .into());
    }
    let data = flags.data.resolve(0.0)?;
    let mix = data.train_mix(&Indexing::new(flags.json).context())?;
    let config = data.sample_config(flags.size, (flags.size / 4).max(1));
    let keys: Vec<SampleKey> = (0..flags.draws)
        .flat_map(|epoch| (0..mix.len() as u64).map(move |record| (epoch, record)))
        .map(|(epoch, record)| SampleKey::in_epoch(flags.seed, epoch, record))
        .collect();
    let threads = flags.threads.min(keys.len());
    let measured = measure::samples(&mix, &config, &keys, threads, flags.repeat)?;
    let whole = measure::whole_decodes(&mix, flags.repeat)?;

    let stage = |of: fn(&Timings) -> Duration| mean(measured.stages.iter().map(of));
    let wall = measured.wall;
    let made = (keys.len() * flags.repeat) as f64;
    let cpu = mean(measured.samples.iter().copied());
    let whole = WholeDecode {
        image: mean(whole.iter().map(|times| times[0])),
        mask: mean(whole.iter().map(|times| times[1])),
    };
    let report = Report {
        images_per_second_per_core: 1000.0 / cpu,
        cpu_ms_per_sample: cpu,
        ms: Stages {
            read: stage(|t| t.read),
            header: stage(|t| t.header),
            decode_mask: stage(|t| t.mask),
            label: stage(|t| t.label),
            decode_and_sample: stage(|t| t.image),
            prompts: stage(|t| t.prompt),
        },
        ms_per_sample: 1000.0 * wall * threads as f64 / made,
        images_per_second: made / wall,
        wall,
        over_whole_decode: cpu / (whole.image + whole.mask),
        whole_decode_ms: whole,
        decoder: decoder_name(),
        simd: Sampler::new().simd_name(),
        threads,
        repeat: flags.repeat,
        size: flags.size,
        images: mix.records(),
        samples: keys.len(),
        digest: format!("{:016x}", measured.digest),
    };
    let mut warnings = Warnings::default();
    warnings.add_records(&measured.warnings);
    if flags.json { output::json(&report, &warnings) } else { print(&report) }
}

/// The mean in milliseconds.
fn mean(times: impl ExactSizeIterator<Item = Duration>) -> f64 {
    let count = times.len() as f64;
    1000.0 * times.sum::<Duration>().as_secs_f64() / count
}

fn print(report: &Report) -> anyhow::Result<()> {
    let stages = [
        ("reading both files", report.ms.read),
        ("headers", report.ms.header),
        ("decoding the mask", report.ms.decode_mask),
        ("sampling the label", report.ms.label),
        ("decoding and sampling the image", report.ms.decode_and_sample),
        ("prompts", report.ms.prompts),
        ("a sample", report.cpu_ms_per_sample),
        ("decoding both files in full", report.whole_decode_ms.image + report.whole_decode_ms.mask),
    ];
    let rows: Vec<Vec<String>> =
        stages.iter().map(|(name, ms)| vec![(*name).to_owned(), format!("{ms:.3}")]).collect();
    output::table(&["stage", "ms of CPU"], &rows)?;
    output::line(format_args!(
        "\n{:.1} images/s/core; {:.1} images/s on {} thread{} by wall time ({:.2} s)",
        report.images_per_second_per_core,
        report.images_per_second,
        report.threads,
        if report.threads == 1 { "" } else { "s" },
        report.wall,
    ))?;
    output::line(format_args!(
        "{} samples of {} images at {} pixels, {} times; {}; {}; digest {}",
        report.samples,
        report.images,
        report.size,
        report.repeat,
        report.decoder,
        report.simd,
        report.digest,
    ))
}
