//! Draws training samples, as the model will see them, into one picture.
//!
//! The samples are made by the same code as in training and from the same keys, so a tile shows exactly
//! the sample of its seed, epoch and record.

use maskwright_data::geometry::Geometry;
use maskwright_data::prompt::PromptKind;
use maskwright_data::random::{Order, SampleKey};
use maskwright_data::sample::{SampleMaker, View, ViewObject};
use maskwright_data::source::{DataFile, Mix, OpenContext};
use maskwright_image::draw::Canvas;
use maskwright_image::{RgbImage, Size};
use maskwright_model::load::check_input_size;
use maskwright_train::evaluator::RecordWarning;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::pictures;

/// Which samples are drawn, and how they are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewConfig {
    /// The seed of the training run.
    pub seed: u64,
    /// The epoch of the training run, from 0.
    pub epoch: u64,
    /// The records to show, by number, without the end. The repeats of a set's records have numbers of
    /// their own. If not given, the first `count` records of the epoch are shown.
    pub range: Option<(usize, usize)>,
    /// The number of samples if no range is given.
    pub count: usize,
    /// The side of the model's input in pixels.
    pub input_size: usize,
    /// The side of a tile in pixels.
    pub tile: usize,
    /// The number of tiles per row.
    pub columns: usize,
}

/// What a tile shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TileInfo {
    /// The record's number over all training sets, repeats included.
    pub record: u64,
    /// The set's name.
    pub set: String,
    /// The record's name.
    pub name: String,
    /// The kind of prompt that was drawn.
    pub prompt: PromptKind,
    /// The share of the sample that is foreground, 0 to 1.
    pub foreground: f64,
    /// The geometry that maps the image to the sample.
    pub geometry: Geometry,
    /// The number of crops that were drawn again because they showed no object.
    pub redraws: u32,
    /// What was odd about the record's files.
    pub warnings: Vec<RecordWarning>,
}

impl TileInfo {
    /// Returns the side of the scaled image in inputs: what the jitter drew from 0.1 to 2 by default. Below 1 the rest of the view is
    /// padding.
    pub fn scale(&self) -> f64 {
        scale(&self.geometry)
    }

    /// Returns a line for a list.
    pub fn one_line(&self) -> String {
        let geometry = &self.geometry;
        format!(
            "{:>6}  {}/{}  {} to {}, crop {},{}{}  {}  {:.1}% foreground",
            self.record,
            self.set,
            self.name,
            geometry.source,
            geometry.scaled,
            geometry.crop.1,
            geometry.crop.0,
            if geometry.flip { ", mirrored" } else { "" },
            self.prompt,
            100.0 * self.foreground,
        )
    }
}

/// Samples as they are shown.
pub struct Preview {
    /// What the tiles show, row by row.
    pub tiles: Vec<TileInfo>,
    /// All tiles in one picture.
    pub picture: RgbImage,
}

/// Makes the samples and draws them, a tile for every object of every view. `context` receives the progress of
/// indexing.
pub fn preview(
    data: &DataFile,
    config: &PreviewConfig,
    context: &OpenContext<'_>,
) -> Result<Preview> {
    check_input_size(config.input_size)?;
    let mix = data.train_mix(context)?;
    let records = records(&mix, config)?;
    let key = |record| SampleKey::in_epoch(config.seed, config.epoch, record);
    preview_of(&mix, &records.into_iter().map(key).collect::<Vec<_>>(), data, config)
}

/// As [`preview`], of the samples of these keys, and of sets that are open already; `data` says how samples are cut out.
///
/// # Errors
/// Those of the records.
pub fn preview_of(
    mix: &Mix,
    keys: &[SampleKey],
    data: &DataFile,
    config: &PreviewConfig,
) -> Result<Preview> {
    check_input_size(config.input_size)?;
    // Mask prompts have the resolution of masks: a quarter of the input at patch size 16.
    let samples = data.sample_config(config.input_size, config.input_size / 4);
    let mut maker = SampleMaker::new(samples)?;
    let mut tiles = Vec::new();
    let mut pictures = Vec::new();
    for &key in keys {
        let view = maker.view(mix, key)?;
        for object in &view.objects {
            tiles.push(info(&view, object));
            pictures.push((tile(&view, object, config), caption(&view, object)));
        }
    }
    Ok(Preview { tiles, picture: sheet(&pictures, config) })
}

/// The numbers of the records to show.
pub(crate) fn records(mix: &Mix, config: &PreviewConfig) -> Result<Vec<u64>> {
    let total = mix.len();
    match config.range {
        Some((from, to)) if to <= total => Ok((from as u64..to as u64).collect()),
        Some((from, to)) => Err(Error::Setting {
            key: "preview.range".into(),
            expected: format!("records below {total}"),
            found: if to == from + 1 { from.to_string() } else { format!("{from}..{to}") },
        }),
        None => {
            let order = Order::new(config.seed, config.epoch, total as u64);
            Ok((0..config.count.min(total) as u64).map(|place| order.record(place)).collect())
        }
    }
}

fn info(view: &View, object: &ViewObject) -> TileInfo {
    let foreground = object.label.iter().filter(|&&v| v > 128.0).count();
    TileInfo {
        record: view.info.key.record,
        set: view.info.set.to_string(),
        name: view.info.name.clone(),
        prompt: object.prompt.kind,
        foreground: foreground as f64 / object.label.len() as f64,
        geometry: view.info.geometry,
        redraws: view.info.redraws,
        warnings: RecordWarning::all(&view.info.set, &view.info.name, &view.info.warnings),
    }
}

fn scale(geometry: &Geometry) -> f64 {
    let longest = |size: Size| size.height.max(size.width) as f64;
    longest(geometry.scaled) / longest(geometry.output)
}

/// Three lines: which record with which prompt, how large the image is in the view, and what of it is there.
fn caption(view: &View, object: &ViewObject) -> String {
    let geometry = &view.info.geometry;
    let scale = scale(geometry);
    let mirrored = if geometry.flip { ", mirrored" } else { "" };
    let (y, x) = geometry.crop;
    let part = match scale < 1.0 {
        true => "whole, the rest is padding".to_owned(),
        false => format!("cut out at {x},{y}"),
    };
    format!(
        "{} {} {}\nscale {scale:.2}{mirrored}\n{part}",
        view.info.key.record, object.prompt.kind, view.info.name
    )
}

fn tile(view: &View, object: &ViewObject, config: &PreviewConfig) -> RgbImage {
    pictures::sample_tile(&view.image, &object.label, config.input_size, &object.prompt)
}

/// Height of a caption's line.
const CAPTION: usize = 12;
/// Space between tiles.
const GAP: usize = 6;
const PAPER: [u8; 3] = [250, 250, 250];
const INK: [u8; 3] = [30, 30, 30];

/// Tiles with their captions, row by row.
pub(crate) fn sheet(pictures: &[(RgbImage, String)], config: &PreviewConfig) -> RgbImage {
    let columns = config.columns.min(pictures.len()).max(1);
    let rows = pictures.len().div_ceil(columns);
    let lines = pictures.iter().map(|(_, caption)| caption.lines().count()).max().unwrap_or(1);
    let caption_height = CAPTION * lines + 2;
    let (cell_width, cell_height) = (config.tile + GAP, config.tile + caption_height + GAP);
    let mut canvas =
        Canvas::filled(Size::new(GAP + rows * cell_height, GAP + columns * cell_width), PAPER);
    for (place, (picture, caption)) in pictures.iter().enumerate() {
        let x = (GAP + place % columns * cell_width) as i32;
        let y = (GAP + place / columns * cell_height) as i32;
        canvas.paste(picture, x, y, Size::square(config.tile));
        let letters = config.tile / 8;
        for (number, line) in caption.lines().enumerate() {
            let shown: String = line.chars().take(letters).collect();
            canvas.text(x, y + (config.tile + CAPTION * number) as i32 + 3, &shown, INK, 1);
        }
    }
    canvas.into_image()
}
