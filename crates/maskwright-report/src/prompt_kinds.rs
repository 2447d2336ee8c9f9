//! Draws one training sample in each way in which a training can ask about it, into one picture.
//!
//! The prompts are drawn by the code of the training; docs/training.md shows the picture. The object is flat green here, so that
//! thin prompts show.

use maskwright_data::prompt::{
    DrawnKinds, ErrorRegion, Point, PointChoice, Prompt, PromptConfig, PromptKind, SampledLabel,
    draw_prompt,
};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{SampleMaker, View, ViewObject};
use maskwright_data::source::{DataFile, OpenContext};
use maskwright_image::draw::{Canvas, Colour, PromptPen};
use maskwright_image::mask::Bitmap;
use maskwright_image::{RgbImage, Size};
use maskwright_model::load::check_input_size;

use crate::error::Result;
use crate::pictures;
use crate::preview::{PreviewConfig, records, sheet};

const GROUND: Colour = [236, 236, 232];
const OBJECT: Colour = [168, 212, 178];
/// Of the object, what a prediction lacks.
const MISSED: Colour = [150, 184, 240];
/// Of a prediction, what is not of the object.
const EXCESS: Colour = [247, 190, 130];

/// A way to ask.
struct Way {
    caption: &'static str,
    kinds: &'static [PromptKind],
    /// What differs from the settings of the data.
    set: fn(&mut PromptConfig),
    /// How many draws are shown over each other.
    draws: u64,
}

const BOX: &[PromptKind] = &[PromptKind::Box];
const POINTS: &[PromptKind] = &[PromptKind::Points];

const WAYS: [Way; 8] = [
    Way { caption: "box", kinds: BOX, set: |_| (), draws: 1 },
    Way {
        caption: "box_jitter 0.2",
        kinds: BOX,
        set: |prompts| prompts.box_jitter = 0.2,
        draws: 3,
    },
    Way { caption: "points 10", kinds: POINTS, set: |_| (), draws: 1 },
    Way {
        caption: "centre, points 1",
        kinds: POINTS,
        set: |prompts| (prompts.point_choice, prompts.points) = (PointChoice::Centre, 1),
        draws: 1,
    },
    Way {
        caption: "min_points 1",
        kinds: POINTS,
        set: |prompts| prompts.min_points = Some(1),
        draws: 1,
    },
    Way {
        caption: "negative_points 5",
        kinds: POINTS,
        set: |prompts| prompts.negative_points = 5,
        draws: 1,
    },
    Way { caption: "noise_mask", kinds: &[PromptKind::NoiseMask], set: |_| (), draws: 1 },
    Way {
        caption: "box, also points",
        kinds: &[PromptKind::Box, PromptKind::Points],
        set: |_| (),
        draws: 1,
    },
];

/// Makes the first sample that `config` names, and draws it once as training sees it, once for each way to ask about it, and
/// with the clicks that correct a made-up prediction.
///
/// # Errors
/// Data that cannot be read, a record that is not there, an input size that no model has.
pub fn prompt_kinds(
    data: &DataFile,
    config: &PreviewConfig,
    context: &OpenContext<'_>,
) -> Result<RgbImage> {
    check_input_size(config.input_size)?;
    let mix = data.train_mix(context)?;
    let record = records(&mix, config)?.into_iter().next().unwrap_or_default();
    let samples = data.sample_config(config.input_size, config.input_size / 4);
    let settings = PromptConfig { mask_size: samples.prompts.mask_size, ..PromptConfig::default() };
    let mut maker = SampleMaker::new(samples)?;
    let view = maker.view(&mix, SampleKey::in_epoch(config.seed, config.epoch, record))?;
    let object = &view.objects[0];
    let size = config.input_size;
    let nothing = Prompt::of(None, Vec::new(), None);
    let photograph = pictures::sample_tile(&view.image, &object.label, size, &nothing);
    let asked = Asked {
        foreground: Bitmap::from_label(&object.label, Size::square(size)),
        view: &view,
        object,
    };
    let mut tiles = vec![(photograph, "the sample".to_owned())];
    tiles.extend(WAYS.iter().map(|way| (asked.tile(way, &settings), way.caption.to_owned())));
    for clicks in [1, 4] {
        let caption = if clicks == 1 { "a correction" } else { "corrections 4" };
        tiles.push((asked.corrected(&settings, clicks), caption.to_owned()));
    }
    Ok(sheet(&tiles, config))
}

/// The object that is asked about.
struct Asked<'a> {
    view: &'a View,
    object: &'a ViewObject,
    foreground: Bitmap,
}

impl Asked<'_> {
    fn size(&self) -> Size {
        self.foreground.size()
    }

    /// The object in flat colour, with other parts over it.
    fn canvas(&self, parts: &[(&Bitmap, Colour)]) -> Canvas {
        let mut canvas = Canvas::filled(self.size(), GROUND);
        canvas.overlay(&self.foreground, OBJECT, 1.0);
        for (part, colour) in parts {
            canvas.overlay(part, *colour, 1.0);
        }
        canvas
    }

    fn prompt(&self, kinds: &[PromptKind], settings: &PromptConfig, draw: u64) -> Option<Prompt> {
        let sampled = SampledLabel {
            label: &self.object.label,
            size: self.size(),
            foreground: &self.foreground,
            ignored: self.object.ignored.as_ref(),
            visible: self.view.info.geometry.visible(),
        };
        let (kind, also) = kinds.split_first()?;
        let kinds = DrawnKinds { kind: *kind, also: also.to_vec() };
        let key = SampleKey { draw: self.view.info.key.draw + draw, ..self.view.info.key };
        draw_prompt(sampled, settings, &kinds, key.object(0))
    }

    fn tile(&self, way: &Way, settings: &PromptConfig) -> RgbImage {
        let mut settings = settings.clone();
        (way.set)(&mut settings);
        let mut canvas = self.canvas(&[]);
        for prompt in (0..way.draws).filter_map(|draw| self.prompt(way.kinds, &settings, draw)) {
            pictures::draw_prompt(&mut canvas, self.size(), &prompt);
        }
        canvas.into_image()
    }

    /// A prediction that lacks the left third of the object and has a disc too much, with the clicks that say so. There is no
    /// model that would learn of the first one, so all are about the same prediction.
    fn corrected(&self, settings: &PromptConfig, clicks: u64) -> RgbImage {
        let [x0, y0, x1, y1] = self.foreground.box_xyxy().unwrap_or_default().map(|at| at as usize);
        let (width, height) = (x1 + 1 - x0, y1 + 1 - y0);
        let radius = width.min(height) / 5;
        let (x, y) = (x1 as i64, (y0 + height / 2) as i64);
        let predicted = Bitmap::from_fn(self.size(), |row, column| {
            let (down, right) = (row as i64 - y, column as i64 - x);
            let disc = down * down + right * right <= (radius * radius) as i64;
            disc || (column >= x0 + width / 3 && self.foreground.get(row, column))
        });
        let visible = self.view.info.geometry.visible();
        let ignored = self.object.ignored.as_ref();
        let wrong = ErrorRegion::new(&predicted, &self.foreground, ignored, visible);
        let mut canvas = self.canvas(&[(&wrong.missed, MISSED), (&wrong.excess, EXCESS)]);
        if let Some(prompt) = self.prompt(BOX, settings, 0) {
            pictures::draw_prompt(&mut canvas, self.size(), &prompt);
        }
        let pen = PromptPen::new(self.size(), &canvas);
        for Point { x, y, label } in
            (1..=clicks).filter_map(|round| wrong.draw(self.object.info.key, round))
        {
            pen.point(&mut canvas, x, y, label > 0);
        }
        canvas.into_image()
    }
}
