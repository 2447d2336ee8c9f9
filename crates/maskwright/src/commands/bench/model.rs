//! `maskwright bench model`.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::Args;
use cpu_time::ProcessTime;
use maskwright_model::SamConfig;
use maskwright_model::load::{ModelSource, check_input_size};
use maskwright_model::weights::{Checkpoint, detect};
use serde::Serialize;

use super::median::median;
use super::work::{Part, Work};
use crate::exit::Usage;
use crate::flags::device::DeviceFlags;
use crate::output;
use crate::process_memory as memory;
use crate::warnings::Warnings;

/// Measure how fast the model runs: its encoder, a prompt, the HQ head's gradients, a training step.
///
/// Inputs are noise, and weights are fresh unless there is a --checkpoint. Every part runs a few times to warm up and then --rounds
/// times; times are wall times with all cores (RAYON_NUM_THREADS says how many).
#[derive(Args)]
pub(crate) struct ModelBenchFlags {
    /// vit_tiny, vit_b, vit_l or vit_h; vit_b if neither this nor --checkpoint is given
    #[arg(long, value_name = "NAME")]
    model_type: Option<String>,

    /// The model to measure, as predict and train load it, in place of fresh weights: so its memory shows, too
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// encoder, decoder (a box on an encoded image, to the mask at the image's size), head (HQ
    /// head, forward and backward) or step (a whole training step); all of them if not given
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<Part>,

    /// Side of the model's square input; 1024, or the checkpoint's own, if not given
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,

    /// Images in a training step
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,

    /// Times that every part is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,

    /// Runs before that which do not count
    #[arg(long, value_name = "N", default_value_t = 1)]
    warm_up: usize,

    #[command(flatten)]
    device: DeviceFlags,

    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,

    /// For measuring in turns with another program: measure once for each line on standard input,
    /// and answer each with a line of JSON; one --part
    #[arg(long, conflicts_with_all = ["json", "rounds"])]
    in_turns: bool,
}

/// The model that is measured if none is named.
const DEFAULT_MODEL: &str = "vit_b";

/// The numbers of one part.
#[derive(Debug, Serialize)]
struct Report {
    part: Part,
    median_ms: f64,
    min_ms: f64,
    max_ms: f64,
    /// Round by round.
    ms: Vec<f64>,
    /// The most memory that this process has held so far, where the system tells.
    peak_mib: Option<u64>,
}

pub(crate) fn run(flags: &ModelBenchFlags) -> anyhow::Result<()> {
    if flags.rounds == 0 || flags.batch == 0 {
        return Err(Usage("expected --rounds and --batch of 1 or more".into()).into());
    }
    let parts = if flags.parts.is_empty() { Part::ALL.to_vec() } else { flags.parts.clone() };
    if flags.in_turns && parts.len() != 1 {
        return Err(Usage("expected one --part with --in-turns".into()).into());
    }
    flags.input_size.map_or(Ok(()), check_input_size)?;
    let fresh = flags.checkpoint.is_none().then_some(DEFAULT_MODEL);
    let source = ModelSource {
        model_type: flags.model_type.as_deref().or(fresh).map(str::to_owned),
        checkpoint: flags.checkpoint.clone(),
        input_size: flags.input_size,
        ..ModelSource::default()
    };
    if flags.in_turns {
        return in_turns(flags, &source, parts[0]);
    }
    let mut reports = Vec::new();
    for part in parts {
        let mut bench = ready(flags, &source, part)?;
        let ms = (0..flags.rounds)
            .map(|_| Ok(1000.0 * bench.run()?.as_secs_f64()))
            .collect::<anyhow::Result<Vec<f64>>>()?;
        reports.push(report(part, ms));
    }
    if flags.json {
        let config = config(&source)?;
        let document = serde_json::json!({
            "model_type": config.model_type().to_string(),
            "checkpoint": flags.checkpoint,
            "input_size": source.input_size.unwrap_or(config.image_size),
            "batch": flags.batch,
            "parts": reports,
        });
        return output::json(&document, &Warnings::default());
    }
    let rows: Vec<Vec<String>> = reports
        .iter()
        .map(|report| {
            vec![
                report.part.name().to_owned(),
                format!("{:.1}", report.median_ms),
                format!("{:.1}", report.min_ms),
                format!("{:.1}", report.max_ms),
                report.peak_mib.map_or_else(String::new, |mib| mib.to_string()),
            ]
        })
        .collect();
    output::table(&["part", "median ms", "min", "max", "peak MiB so far"], &rows)
}

/// The sizes of the model that is measured.
fn config(source: &ModelSource) -> anyhow::Result<SamConfig> {
    Ok(match &source.checkpoint {
        Some(path) => detect(&Checkpoint::open(path)?)?,
        None => SamConfig::of(source.model_type.as_deref().unwrap_or(DEFAULT_MODEL).parse()?)?,
    })
}

/// The part's work, warmed up.
fn ready(flags: &ModelBenchFlags, source: &ModelSource, part: Part) -> anyhow::Result<Work> {
    let mut bench = Work::new(source, part, flags.batch, 1, &flags.device.resolve().open()?)?;
    for _ in 0..flags.warm_up {
        bench.run()?;
    }
    Ok(bench)
}

/// Answers each line of standard input with a measurement.
fn in_turns(flags: &ModelBenchFlags, source: &ModelSource, part: Part) -> anyhow::Result<()> {
    let mut bench = ready(flags, source, part)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        line?;
        let before = ProcessTime::try_now();
        let ms = 1000.0 * bench.run()?.as_secs_f64();
        // Of all threads; on a busy machine it tells more than the wall clock.
        let cpu_ms =
            before.and_then(|before| before.try_elapsed()).map(|cpu| 1000.0 * cpu.as_secs_f64());
        let answer = serde_json::json!({ "ms": ms, "cpu_ms": cpu_ms.ok(), "peak_mib": peak_mib() });
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn report(part: Part, ms: Vec<f64>) -> Report {
    let all = || ms.iter().copied();
    Report {
        part,
        median_ms: median(all()),
        min_ms: all().reduce(f64::min).unwrap_or_default(),
        max_ms: all().reduce(f64::max).unwrap_or_default(),
        ms,
        peak_mib: peak_mib(),
    }
}

/// The most memory this process has held, in whole MiB.
fn peak_mib() -> Option<u64> {
    memory::peak_mib().map(|mib| mib as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_hold_the_median_and_the_ends() {
        let report = report(Part::Head, vec![3.0, 1.0, 2.0]);
        assert_eq!((report.median_ms, report.min_ms, report.max_ms), (2.0, 1.0, 3.0));
        assert_eq!(report.ms, [3.0, 1.0, 2.0]);
        if cfg!(target_os = "linux") {
            assert!(report.peak_mib.is_some_and(|mib| mib > 0));
        }
    }
}
