//! The report of a training run, made from the files in its folder: `report.html`, and its curves and
//! predictions as `curves.png` and `predictions.png`. Also the page of an evaluation.
//!
//! ```no_run
//! # fn main() -> Result<(), maskwright_report::Error> {
//! let written = maskwright_report::run_report::write(std::path::Path::new("run"))?;
//! println!("{}", written.report.display());
//! # Ok(())
//! # }
//! ```

mod comparison_page;
mod evaluation_page;
mod evaluation_tables;
pub mod figures;
pub mod gallery;

use std::path::{Path, PathBuf};

pub use comparison_page::{unlike, write_comparison};
pub use evaluation_page::{EvaluationPage, write_evaluation};

use maskwright_data::lossy;
use maskwright_data::prompt::PromptKind;
use maskwright_data::source::OpenContext;
use maskwright_image::draw::Canvas;
use maskwright_image::{RgbImage, Size};
use maskwright_model::MaskKind;
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{SetMetrics, judged, open_sets};
use maskwright_train::run_files::RunFiles;
use maskwright_train::run_log::{Entry, EpochEntry};
use maskwright_train::verdict::Verdict;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::page::{Gallery, Report};
use crate::pictures::write_png;

/// Width of a tile and of a curve in the PNGs.
const TILE: usize = 240;
const CURVE: usize = 640;
/// Records that a sentence names.
const LISTED: usize = 5;

/// The files that were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The page.
    #[serde(serialize_with = "lossy::path")]
    pub report: PathBuf,
    /// The picture of its curves.
    #[serde(serialize_with = "lossy::path")]
    pub curves: PathBuf,
    /// The picture of its predictions, if there are any.
    #[serde(serialize_with = "lossy::optional")]
    pub predictions: Option<PathBuf>,
    /// The reasons for missing parts of the page, which the page gives too.
    pub notes: Vec<String>,
}

/// Writes the report of the run in `folder` into it, whether the run is over or not.
///
/// Numbers are taken from the log. The pictures of predictions are those that the last validation kept, drawn over
/// the images of the validation sets. If they cannot be drawn, the page is written without them and gives the
/// reason, and those of an earlier report are removed.
///
/// # Errors
/// A folder without a run, files of a run that cannot be read, and failed writes.
pub fn write(folder: &Path) -> Result<Written> {
    let run = RunFiles::read(folder)?;
    let mut report = Report {
        title: format!("Training run {}", folder.display()),
        created: today(),
        curves: vec![figures::loss_curve("Training loss", &run.log)],
        ..Report::default()
    };
    let mut notes = run.notes.clone();
    let validated = run.epochs().rev().find(|epoch| !epoch.validation.is_empty());
    if let Some(last) = validated {
        add_verdict(&mut report, &run);
        // What best.safetensors is; of a run that was judged by clicks alone the last.
        let best = run.best().and_then(|(best, _)| run.epochs().find(|entry| entry.epoch == best));
        let best = best.unwrap_or(last);
        add_validations(&mut report, &run, best, last);
        match predictions(&run, last.epoch) {
            Ok(galleries) => {
                report.galleries = galleries;
                say_epoch(&mut report.galleries, best.epoch, last.epoch);
            }
            Err(reason) => notes.push(format!("No predictions are shown: {reason}.")),
        }
    }
    report.tables.extend(figures::time_table(&run.log));
    if run.epochs().next_back().is_none_or(|last| last.epoch + 1 < run.config.train.epochs) {
        let done = run.epochs().count();
        notes.push(match run.ran_out_of_patience() {
            true => format!("The run ended after {done} epochs, since validations were no better."),
            false => format!("The run is not over: {done} epochs are done."),
        });
    }
    let written = Written {
        report: folder.join("report.html"),
        curves: folder.join("curves.png"),
        predictions: (!report.galleries.is_empty()).then(|| folder.join("predictions.png")),
        notes,
    };
    match &written.predictions {
        Some(path) => write_png(&stacked(&pictures_of(&report.galleries)), path)?,
        None => remove(&folder.join("predictions.png"))?,
    }
    let curves: Vec<RgbImage> = report.curves.iter().map(|curve| curve.to_image(CURVE)).collect();
    write_png(&stacked(&curves), &written.curves)?;
    report.notes.push(settings(&run.config));
    report.notes.extend(checkpoints(&run));
    report.notes.extend(skipped(&run.log));
    report.notes.extend(damaged(folder));
    report.notes.extend(written.notes.iter().cloned());
    crate::files::write_atomically(&written.report, report.to_html().as_bytes())?;
    Ok(written)
}

/// What came out, before all else: the best epoch, what was missed, and whether the figures are of few objects.
fn add_verdict(report: &mut Report, run: &RunFiles) {
    let Some(verdict) = Verdict::of(run) else { return };
    let sentences = [Some(verdict.to_string()), verdict.missed_altogether(), verdict.caution()];
    let sentences = sentences.into_iter().flatten();
    report.verdict = sentences.map(|sentence| format!("{}.", capitalised(&sentence))).collect();
}

/// Says in the captions of predictions after which epoch they were made.
fn say_epoch(galleries: &mut [Gallery], best: usize, last: usize) {
    for gallery in galleries {
        let epoch = match best == last {
            true => format!("After epoch {}, the best and the last.", last + 1),
            false => {
                format!("After the last epoch, {}; the best was epoch {}.", last + 1, best + 1)
            }
        };
        gallery.caption = format!("{epoch} {}", gallery.caption);
    }
}

/// Curves, tables and key figures of the best epoch, and those of the last beside them.
fn add_validations(report: &mut Report, run: &RunFiles, best: &EpochEntry, last: &EpochEntry) {
    let of = |epoch: &EpochEntry| match (epoch.epoch == best.epoch, best.epoch == last.epoch) {
        (_, true) => format!("epoch {}, the best and last", epoch.epoch + 1),
        (true, _) => format!("the best epoch, {}", epoch.epoch + 1),
        (false, _) => format!("the last epoch, {}", epoch.epoch + 1),
    };
    for (place, metrics) in last.validation.iter().enumerate() {
        let hq = metrics.of(MaskKind::Hq).is_some();
        let masks: &[MaskKind] = if hq { &[MaskKind::Sam, MaskKind::Hq] } else { &[MaskKind::Sam] };
        let prompt = metrics.prompt.name().replace('_', " ");
        let title = format!("{}, prompt: {prompt}", metrics.set);
        let mut curve = figures::validation_curve(&title, &run.log, place, masks);
        curve.marks = vec![(best.epoch as f64 + 1.0, "best".into())];
        report.curves.push(curve);
    }
    let boxes = |epoch: &EpochEntry| -> Vec<SetMetrics> {
        let sets = epoch.decisive().iter().cloned();
        sets.filter(|set| set.prompt == PromptKind::Box).collect()
    };
    for metrics in boxes(best) {
        for scores in &metrics.scores {
            let name = format!("{} mIoU, {}, {}", scores.mask.title(), metrics.set, of(best));
            report.summary.push((name, format!("{:.3}", scores.iou)));
        }
    }
    if best.epoch != last.epoch {
        for metrics in boxes(last) {
            let Some(scores) = judged(&metrics.scores) else { continue };
            let name = format!("{} mIoU, {}, {}", scores.mask.title(), metrics.set, of(last));
            report.summary.push((name, format!("{:.3}", scores.iou)));
        }
    }
    let mut add = |title: String, sets: &[SetMetrics], caption: bool| {
        let mut table = figures::evaluation_table(sets);
        table.title = title;
        // What its columns are is said once.
        if !caption {
            table.caption.clear();
        }
        report.tables.push(table);
    };
    add(format!("Held-out images after {}", of(best)), &best.validation, true);
    if !best.average_validation.is_empty() {
        add(format!("Averaged weights after {}", of(best)), &best.average_validation, false);
    }
    if best.epoch != last.epoch {
        add(format!("Held-out images after {}", of(last)), &last.validation, false);
        if !last.average_validation.is_empty() {
            add(format!("Averaged weights after {}", of(last)), &last.average_validation, false);
        }
    }
    if let Some(before) = run.before() {
        add("The model as it came, before the first step".into(), &before.validation, false);
    }
}

/// What of the data was left out, or used though it is damaged.
fn damaged(folder: &Path) -> Option<String> {
    let entries = maskwright_train::run_files::ledger(folder);
    let named = |used: bool| {
        let own = entries.iter().filter(|entry| entry.used == used);
        let mut names: Vec<String> =
            own.map(|entry| format!("{}/{}", entry.set, entry.name)).collect();
        names.sort();
        names.dedup();
        names
    };
    let said = |names: Vec<String>, what: &str| {
        let first = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
        let more = if names.len() > LISTED { ", ..." } else { "" };
        (!names.is_empty()).then(|| format!("{} {what} ({first}{more})", names.len()))
    };
    let parts = [
        said(named(true), "used though damaged"),
        said(named(false), "left out since they could not be used"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let all = parts.join("; ");
    (!parts.is_empty())
        .then(|| format!("Records of the data: {all}. ledger.jsonl has the reasons."))
}

/// Removes a file that is no longer true, if it is there.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(path, "remove")(error))
        }
        _ => Ok(()),
    }
}

/// Returns the worst and the best predictions of the last validation of the run in `folder`; none where they cannot be shown.
///
/// # Errors
/// A folder without a run, and files of a run that cannot be read.
pub fn last_predictions(folder: &Path) -> Result<Vec<Gallery>> {
    let run = RunFiles::read(folder)?;
    let epoch = run.validation.as_ref().map(|validation| validation.epoch);
    Ok(epoch.and_then(|epoch| predictions(&run, epoch).ok()).unwrap_or_default())
}

/// The worst and the best predictions of the validation after `epoch`; or why they cannot be shown.
fn predictions(run: &RunFiles, epoch: usize) -> std::result::Result<Vec<Gallery>, String> {
    let Some(validation) = run.validation.as_ref().filter(|found| found.epoch == epoch) else {
        return Err(format!("the folder has no validation.json of epoch {epoch}"));
    };
    let shown = &validation.evaluation.shown;
    if shown.is_empty() {
        return Err("validation.json holds none".into());
    }
    // The run made the indexes that its sets need: there is nothing to wait for.
    let sets = run.config.data.open_valid(&OpenContext::default());
    let sets = sets.map(open_sets).map_err(|error| error.to_string())?;
    gallery::galleries(&mut gallery::Images::new(&sets), shown).map_err(|error| error.to_string())
}

/// The PNG of the predictions that lies beside the page of an evaluation.
pub fn picture_beside(page: &Path) -> PathBuf {
    page.with_extension("png")
}

fn pictures_of(galleries: &[Gallery]) -> Vec<RgbImage> {
    galleries.iter().map(|gallery| gallery.to_image(TILE)).collect()
}

fn settings(config: &TrainConfig) -> String {
    let input = config.model.input_size.map_or_else(
        || "the checkpoint's size".to_owned(),
        |side| format!("{side} x {side} pixels"),
    );
    format!(
        "The settings are in config.toml. What learns: {}; {} epochs, {} images per step{}, input of \
         {input}.",
        scope(config),
        config.train.epochs - config.train.first_epoch,
        config.train.batch_size,
        match config.train.accumulate {
            1 => String::new(),
            several => format!(", {several} steps per update"),
        },
    )
}

/// Which checkpoints there are beside the newest, where that is to be told.
fn checkpoints(run: &RunFiles) -> Option<String> {
    let (_, average) = run.average.as_ref()?;
    let best = run.best().map_or_else(String::new, |(epoch, score)| {
        let by = &run.config.checkpoints.best_by;
        let value = by.value(score);
        format!("; the best validation of them is that of epoch {} ({by} {value:.4})", epoch + 1)
    });
    let name = average.file_name().unwrap_or_default().to_string_lossy();
    Some(format!("The newest averaged weights are in {name}{best}."))
}

/// How many steps changed nothing, and the first of them.
fn skipped(log: &[Entry]) -> Option<String> {
    let skipped = || {
        log.iter().filter_map(|entry| match entry {
            Entry::Skipped(skipped) => Some(skipped),
            _ => None,
        })
    };
    let first = skipped().next()?;
    let count = match skipped().count() {
        1 => "One step was skipped, since its".to_owned(),
        several => format!("{several} steps were skipped; of the first the"),
    };
    Some(format!(
        "{count} {} was no number: step {} of epoch {} ({}).",
        first.what,
        first.step,
        first.epoch + 1,
        first.records.join(", ")
    ))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn scope(config: &TrainConfig) -> String {
    match &config.train.learns {
        maskwright_model::Trainable::Hq => "the HQ head".into(),
        maskwright_model::Trainable::Decoder => "the mask decoder".into(),
        maskwright_model::Trainable::All => "everything".into(),
        maskwright_model::Trainable::Lora(patterns) if patterns.is_empty() => {
            format!("{} and the HQ head", adapter(&config.train.lora))
        }
        maskwright_model::Trainable::Lora(patterns) => {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            format!("{} and {}", adapter(&config.train.lora), patterns.join(","))
        }
        patterns => patterns.to_string(),
    }
}

/// A low-rank adapter in words.
fn adapter(lora: &maskwright_model::adapter::LoraConfig) -> String {
    let targets: Vec<String> = lora.targets.iter().map(ToString::to_string).collect();
    let (rank, blocks, targets) = (lora.rank, lora.blocks, targets.join(", "));
    format!("a low-rank adapter of the image encoder (rank {rank}, blocks: {blocks}, {targets})")
}

/// Pictures one below the other on white.
fn stacked(pictures: &[RgbImage]) -> RgbImage {
    let width = pictures.iter().map(|picture| picture.size.width).max().unwrap_or(1);
    let height = pictures.iter().map(|picture| picture.size.height).sum::<usize>().max(1);
    let mut canvas = Canvas::filled(Size::new(height, width), [255; 3]);
    let mut y = 0;
    for picture in pictures {
        canvas.paste(picture, 0, y as i32, picture.size);
        y += picture.size.height;
    }
    canvas.into_image()
}

/// Today in UTC as year-month-day.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use maskwright_train::run_log::{NotFinite, SkippedEntry};

    use super::*;

    #[test]
    fn today_is_a_date() {
        let today: jiff::civil::Date = today().parse().expect("a date");
        assert!(today.year() >= 2026, "{today}");
    }

    #[test]
    fn skipped_steps_are_told() {
        let step = |step| {
            Entry::Skipped(SkippedEntry {
                epoch: 1,
                step,
                global_step: 10 + step,
                what: NotFinite::Gradient,
                loss: Some(0.5),
                records: vec!["leaves/a".into(), "leaves/b".into()],
            })
        };
        assert_eq!(skipped(&[]), None);
        let told = [skipped(&[step(3)]), skipped(&[step(3), step(7)])];
        insta::assert_snapshot!(told.map(Option::unwrap).join("\n"), @"
        One step was skipped, since its gradient was no number: step 3 of epoch 2 (leaves/a, leaves/b).
        2 steps were skipped; of the first the gradient was no number: step 3 of epoch 2 (leaves/a, leaves/b).
        ");
    }

    #[test]
    fn pictures_are_stacked() {
        let stack =
            stacked(&[RgbImage::filled(Size::new(2, 4), 0), RgbImage::filled(Size::new(3, 6), 9)]);
        assert_eq!(stack.size, Size::new(5, 6));
        assert_eq!(stack.pixel(5, 0), [255; 3]);
        assert_eq!(stack.pixel(5, 4), [9; 3]);
    }
}
