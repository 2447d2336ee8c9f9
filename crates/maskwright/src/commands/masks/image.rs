//! One image of `maskwright masks`: its masks, its files, its line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use maskwright_image::encode;
use maskwright_model::GeometryFrom;
use maskwright_predict::many::{Outcome, Picture, PictureFile};
use maskwright_predict::mask_generator::{
    GeneratedMask, ImageEntry, MaskFile, MaskGenerator, write_csv, write_json,
};
use maskwright_predict::predictor::{Fit, Predictor};
use maskwright_report::pictures;
use serde::Serialize;

use super::advice::Search;
use super::{CSV, JSON, MasksFlags, OVERLAY};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::resumable::{Pace, Refusals};
use crate::warnings::Warnings;
use crate::{output, targets, tell, words};

/// The model with what it is asked for.
pub(super) struct Asked<'a> {
    pub(super) flags: &'a MasksFlags,
    pub(super) generator: MaskGenerator<'a>,
    pub(super) predictor: &'a Predictor,
    pub(super) progress: Progress,
    pub(super) pace: Pace,
    pub(super) interrupt: Arc<Interrupt>,
    /// The number of all images.
    pub(super) images: usize,
    pub(super) search: Search,
    pub(super) refusals: Refusals,
}

/// What became of an image.
#[derive(Serialize)]
pub(super) struct Row {
    image: String,
    pub(super) status: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    masks: usize,
    /// The file with the masks.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// All files that were written of it, within the output folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    geometry: Fit,
    geometry_from: GeometryFrom,
    warnings: Warnings,
}

impl Asked<'_> {
    fn row(&self, image: &Path, status: Outcome) -> Row {
        let (geometry, geometry_from) = self.predictor.fit();
        Row {
            image: image.to_string_lossy().into_owned(),
            status,
            reason: None,
            masks: 0,
            file: None,
            files: Vec::new(),
            why: None,
            geometry,
            geometry_from,
            warnings: Warnings::default(),
        }
    }

    /// The line of an image that cannot be used, which is said.
    pub(super) fn refused(&mut self, image: &Path, error: &maskwright_predict::Error) -> Row {
        let reason = words::of_prediction(error);
        self.refusals.tell(&reason);
        Row { reason: Some(reason), ..self.row(image, Outcome::Refused) }
    }

    /// Writes the files of an image, which is that of this number and comes behind so many that are finished. None where the
    /// search was stopped.
    pub(super) fn of_image(
        &mut self,
        (number, before): (usize, usize),
        file: &PictureFile,
        picture: Picture,
    ) -> anyhow::Result<Option<Row>> {
        let (flags, path) = (self.flags, &file.path);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut warnings = Warnings::default();
        warnings.add_of_file(path, &picture.warnings);
        let image = picture.pixels;
        let counting = match self.images {
            1 => format!("points of {name}"),
            images => format!("image {} of {images}, points of {name}", number + 1),
        };
        let left = self.pace.left(before, self.images);
        let (progress, interrupt) = (&mut self.progress, &self.interrupt);
        let found = self.generator.generate_sifted(&image, None, |done, total| {
            progress.count(&counting, done, total, left.clone());
            !interrupt.is_asked()
        });
        self.progress.finish();
        let (masks, sifted) = match found {
            Err(maskwright_predict::Error::Stopped) => return Ok(None),
            found => found?,
        };
        let entry = ImageEntry {
            image_id: number as u64,
            width: image.size.width,
            height: image.size.height,
            file_name: name,
        };
        let found = MaskFile::new(entry, &masks);
        let mut files = Vec::new();
        let mut place = |end: &str| {
            files.push(file.key() + end);
            flags.file(file, end)
        };
        let json = place(JSON);
        if let Some(folder) = json.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        if flags.overlay {
            let picture = pictures::masks_overlay(&image, &masks);
            pictures::write_png(&picture, &place(OVERLAY))?;
        }
        if flags.csv {
            write_csv(&found, &place(CSV))?;
        }
        if flags.png {
            write_pngs(&masks, &flags.file(file, ""))?;
            files.extend((0..masks.len()).map(|number| format!("{}/{number}.png", file.key())));
        }
        write_json(&found, &json)?;
        let why = masks.is_empty().then(|| sifted.to_string());
        if !flags.json {
            let why = why.as_ref().map_or(String::new(), |why| format!("; {why}"));
            let count = masks.len();
            let many = if count == 1 { "" } else { "s" };
            output::line(format_args!(
                "{}: {count} mask{many} of {}{why}",
                json.display(),
                path.display()
            ))?;
        }
        if let Some(advice) = self.search.add(masks.len(), &sifted).filter(|_| self.images > 1) {
            tell::note(advice);
        }
        let status = if warnings.is_empty() { Outcome::Ok } else { Outcome::Warned };
        Ok(Some(Row {
            masks: masks.len(),
            file: Some(json.to_string_lossy().into_owned()),
            files,
            why,
            warnings,
            ..self.row(path, status)
        }))
    }
}

/// Writes each mask as a PNG in a folder of the image's own, and removes those of a search that found more.
fn write_pngs(masks: &[GeneratedMask], folder: &Path) -> anyhow::Result<()> {
    if !masks.is_empty() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let file = |number: usize| -> PathBuf { folder.join(format!("{number}.png")) };
    for (number, mask) in masks.iter().enumerate() {
        targets::write_png(encode::png_grey(&mask.mask.to_grey()), &file(number))?;
    }
    let mut number = masks.len();
    while file(number).exists() {
        let path = file(number);
        std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        number += 1;
    }
    Ok(())
}
