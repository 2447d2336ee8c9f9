//! The report of a training run, written into its folder when it ends: `report.html`, and
//! the same curves and predictions as `curves.png` and `predictions.png`.

pub(crate) mod figures;
pub(crate) mod gallery;

use std::path::Path;

use maskwright_data::prompt::PromptKind;
use maskwright_image::draw::Canvas;
use maskwright_image::{RgbImage, Size};

use crate::config::TrainConfig;
use crate::error::Result;
use crate::evaluator::MaskKind;
use crate::pictures::write_png;
use crate::report::Report;
use crate::run_log;
use gallery::Evaluated;

/// Width of a tile and size of a curve in the PNGs.
const TILE: usize = 240;
const CURVE: (usize, usize) = (640, 360);

/// Writes the report of the run in `folder`, from its log and its last evaluation.
pub(crate) fn write(
    folder: &Path,
    config: &TrainConfig,
    last: Option<&Evaluated<'_>>,
) -> Result<()> {
    let log = run_log::read(&folder.join("metrics.jsonl"))?;
    let mut report = Report {
        title: format!("Training run {}", folder.display()),
        created: today(),
        curves: vec![figures::loss_curve("Training loss", &log)],
        ..Report::default()
    };
    if let Some(last) = last {
        let masks: &[MaskKind] =
            if last.sam.config().hq { &[MaskKind::Sam, MaskKind::Hq] } else { &[MaskKind::Sam] };
        for (place, metrics) in last.evaluation.sets.iter().enumerate() {
            let prompt = metrics.prompt.name().replace('_', " ");
            let title = format!("{}, prompt: {prompt}", metrics.set);
            report.curves.push(figures::validation_curve(&title, &log, place, masks));
            if metrics.prompt == PromptKind::Box {
                for scores in &metrics.scores {
                    let name = format!("{} mIoU, {}", scores.mask.title(), metrics.set);
                    report.summary.push((name, format!("{:.3}", scores.iou)));
                }
            }
        }
        report.tables.push(figures::evaluation_table(&last.evaluation.sets));
        report.galleries = gallery::galleries(last)?;
        let pictures: Vec<RgbImage> =
            report.galleries.iter().map(|gallery| gallery.to_image(TILE)).collect();
        write_png(&stacked(&pictures), &folder.join("predictions.png"))?;
    }
    let pictures: Vec<RgbImage> =
        report.curves.iter().map(|curve| curve.to_image(CURVE.0, CURVE.1)).collect();
    write_png(&stacked(&pictures), &folder.join("curves.png"))?;
    report.notes.push(format!(
        "The settings are in config.toml. What learns: {}; {} epochs, {} images per step, input of \
         {side} x {side} pixels.",
        scope(config),
        config.max_epoch_num - config.start_epoch,
        config.batch_size_train,
        side = config.input_size,
    ));
    crate::files::write_atomically(&folder.join("report.html"), report.to_html().as_bytes())
}

/// Writes the report of an evaluation to `page`, its predictions as a PNG beside it.
pub(crate) fn write_evaluation(evaluated: &Evaluated<'_>, page: &Path) -> Result<()> {
    let report = Report {
        title: "Evaluation".into(),
        created: today(),
        tables: vec![figures::evaluation_table(&evaluated.evaluation.sets)],
        galleries: gallery::galleries(evaluated)?,
        ..Report::default()
    };
    let pictures: Vec<RgbImage> =
        report.galleries.iter().map(|gallery| gallery.to_image(TILE)).collect();
    write_png(&stacked(&pictures), &page.with_extension("png"))?;
    crate::files::write_atomically(page, report.to_html().as_bytes())
}

fn scope(config: &TrainConfig) -> &'static str {
    match config.train {
        maskwright_model::TrainScope::Hq => "the HQ head",
        maskwright_model::TrainScope::Decoder => "the mask decoder",
        maskwright_model::TrainScope::All => "everything",
    }
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
pub(crate) fn today() -> String {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    date(seconds / 86_400)
}

/// The Gregorian date of a day counted from 1970-01-01: Hinnant, "chrono-compatible low-level
/// date algorithms", `civil_from_days`.
fn date(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_780), "2026-11-23");
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
