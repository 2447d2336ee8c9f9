//! From files to samples.

use std::path::Path;
use std::time::{Duration, Instant};

use maskwright_image::GreyImage;
use maskwright_image::decode::{
    Decoded, Orientation, Warning, decode_label, decode_rgb, orient_grey, orient_rgb, read_header,
};
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::Sampler;

use super::upright::fit;
use super::{EvalSample, Preset, SampleConfig, SampleInfo, TrainSample};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::plan::{Framing, Plan, SampleKey, Views};
use crate::prompt::{LabelView, Prompt, draw_prompt};
use crate::record::Record;
use crate::source::{Mix, Source};

/// Makes samples, one after the other, in buffers that it keeps. Each thread has its own.
///
/// ```no_run
/// use maskwright_data::plan::SampleKey;
/// use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
/// use maskwright_data::source::{Mix, PairsSource, SetSpec};
///
/// let set = PairsSource::open(&SetSpec::pairs("leaves", "photos", "masks"))?;
/// let mut maker = SampleMaker::new(SampleConfig::for_size(512))?;
/// let shown = maker.eval(&set, 0, Preset::Squash)?;
/// let key = SampleKey { seed: 42, epoch: 0, record: 0 };
/// let sample = maker.train(&Mix::of(set)?, key)?;
/// assert_eq!(sample.image.len(), 3 * 512 * 512);
/// # Ok::<(), maskwright_data::Error>(())
/// ```
#[derive(Debug)]
pub struct SampleMaker {
    config: SampleConfig,
    sampler: Sampler,
    image_bytes: Vec<u8>,
    mask_bytes: Vec<u8>,
    timings: Timings,
}

/// Time spent per stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Reading files.
    pub read: Duration,
    /// Reading headers and decoding masks.
    pub mask: Duration,
    /// Sampling labels, also of crops that showed nothing.
    pub label: Duration,
    /// Decoding and sampling images.
    pub image: Duration,
    /// Drawing prompts.
    pub prompt: Duration,
}

impl Timings {
    /// The time of all stages.
    pub fn total(&self) -> Duration {
        self.read + self.mask + self.label + self.image + self.prompt
    }

    pub(crate) fn add(&mut self, other: Timings) {
        self.read += other.read;
        self.mask += other.mask;
        self.label += other.label;
        self.image += other.image;
        self.prompt += other.prompt;
    }
}

/// A record whose mask is decoded and whose image is read.
struct Opened {
    record: Record,
    label: GreyImage,
    /// How the image has to be turned; the label is turned already.
    turn: Orientation,
    /// Height and width.
    size: (usize, usize),
    warnings: Vec<Warning>,
}

impl SampleMaker {
    /// A maker with the given settings; refuses those that make no sense.
    pub fn new(config: SampleConfig) -> Result<SampleMaker> {
        config.validate()?;
        Ok(SampleMaker {
            config,
            sampler: Sampler::new(),
            image_bytes: Vec::new(),
            mask_bytes: Vec::new(),
            timings: Timings::default(),
        })
    }

    /// The settings.
    pub fn config(&self) -> &SampleConfig {
        &self.config
    }

    /// Time spent since the last call.
    pub fn take_timings(&mut self) -> Timings {
        std::mem::take(&mut self.timings)
    }

    /// The training sample of a key.
    ///
    /// # Errors
    ///
    /// Files that cannot be read or decoded, sizes that differ, a mask without any foreground. Each
    /// names the record and the file.
    pub fn train(&mut self, mix: &Mix, key: SampleKey) -> Result<TrainSample> {
        let pixels = self.config.plan.size * self.config.plan.size;
        let (mut image, mut label) = (vec![0; 3 * pixels], vec![0.0; pixels]);
        let (prompt, info) = self.train_into(mix, key, &mut image, &mut label)?;
        Ok(TrainSample { image, label, prompt, info })
    }

    /// As [`train`](SampleMaker::train), into memory of the caller: `image` of `3 * size * size`
    /// bytes, `label` of `size * size` values, as in [`TrainSample`]. Their former content does not
    /// matter.
    ///
    /// # Panics
    ///
    /// If the lengths are others.
    pub fn train_into(
        &mut self,
        mix: &Mix,
        key: SampleKey,
        image: &mut [u8],
        label: &mut [f32],
    ) -> Result<(Prompt, SampleInfo)> {
        let size = self.config.plan.size;
        assert_eq!(
            (image.len(), label.len()),
            (3 * size * size, size * size),
            "lengths for size {size}"
        );
        let (set, index) = mix.locate(key.record as usize)?;
        let mut opened = self.open(&*mix.sets()[set], index)?;

        let plan = Plan::draw(&self.config.plan, &self.config.prompts, key, opened.size);
        let clock = Instant::now();
        let view = self.find_object(&opened, key, label)?;
        self.timings.label += clock.elapsed();

        self.sample_image(&mut opened, &view.geometry, image)?;

        let clock = Instant::now();
        let label_view = LabelView {
            label,
            shape: (size, size),
            foreground: &view.foreground,
            visible: view.geometry.visible(),
        };
        let prompt = draw_prompt(label_view, &self.config.prompts, plan.kind, &plan.also, key)
            .ok_or_else(|| empty_mask(&opened.record))?;
        self.timings.prompt += clock.elapsed();

        let info = SampleInfo {
            set: opened.record.set,
            name: opened.record.name,
            key,
            geometry: view.geometry,
            framing: view.framing,
            redraws: view.redraws,
            other_kind: prompt.kind != plan.kind,
            turned: !opened.turn.is_identity(),
            warnings: opened.warnings,
        };
        Ok((prompt, info))
    }

    /// The evaluation sample of a record, without randomness.
    ///
    /// # Errors
    ///
    /// Files that cannot be read or decoded, sizes that differ. A mask without foreground is none:
    /// metrics have a rule for it.
    pub fn eval(
        &mut self,
        source: &dyn Source,
        index: usize,
        preset: Preset,
    ) -> Result<EvalSample> {
        let size = self.config.plan.size;
        let mut opened = self.open(source, index)?;
        let geometry = preset.geometry(opened.size, size);
        let mut image = vec![0; 3 * size * size];
        let mut label_output = vec![0.0; size * size];
        let clock = Instant::now();
        self.sampler.label(
            &opened.label,
            &geometry.rows(),
            &geometry.cols(),
            0.0,
            &mut label_output,
        );
        self.timings.label += clock.elapsed();
        self.sample_image(&mut opened, &geometry, &mut image)?;
        Ok(EvalSample {
            image,
            size,
            geometry,
            label: opened.label,
            label_output,
            set: opened.record.set,
            name: opened.record.name,
            record: index,
            turned: !opened.turn.is_identity(),
            warnings: opened.warnings,
        })
    }

    /// Reads both files, decodes the mask, decides about the orientation.
    fn open(&mut self, source: &dyn Source, index: usize) -> Result<Opened> {
        let record = source.record(index)?;
        let clock = Instant::now();
        source.image_bytes(index, &mut self.image_bytes)?;
        source.mask_bytes(index, &mut self.mask_bytes)?;
        self.timings.read += clock.elapsed();

        let clock = Instant::now();
        let image_header = read_header(&self.image_bytes).map_err(bad(&record, &record.image))?;
        let mask_header = read_header(&self.mask_bytes).map_err(bad(&record, &record.mask))?;
        let fit = fit(source.exif(), &record, &image_header, &mask_header)?;
        let Decoded { pixels, warnings } =
            decode_label(&self.mask_bytes, source.mask_rule(), &self.config.limits)
                .map_err(bad(&record, &record.mask))?;
        let label = orient_grey(pixels, fit.mask);
        self.timings.mask += clock.elapsed();
        Ok(Opened { record, label, turn: fit.image, size: fit.size, warnings })
    }

    /// Tries views until one shows the object; `label` holds that view's label then.
    fn find_object(&mut self, opened: &Opened, key: SampleKey, label: &mut [f32]) -> Result<Found> {
        let size = self.config.plan.size;
        let mut views = Views::new(&self.config.plan, key, opened.size);
        let mut try_view = |geometry: Geometry, framing: Framing, redraws: u32| {
            self.sampler.label(&opened.label, &geometry.rows(), &geometry.cols(), 0.0, label);
            let foreground = Bitmap::from_label(label, size, size);
            (foreground.count() > 0).then_some(Found { geometry, foreground, framing, redraws })
        };
        let mut next = Some(views.first());
        while let Some(geometry) = next {
            if let Some(found) = try_view(geometry, Framing::Jitter, views.redraws()) {
                return Ok(found);
            }
            next = views.redraw();
        }
        if let Some(found) = try_view(views.whole_image(), Framing::WholeImage, views.redraws()) {
            return Ok(found);
        }
        let whole = Bitmap::from_grey(&opened.label);
        whole
            .nth(whole.count() / 2)
            .and_then(|(x, y)| try_view(views.around(x, y), Framing::Object, views.redraws()))
            .ok_or_else(|| empty_mask(&opened.record))
    }

    /// Decodes what the view shows of the image.
    fn sample_image(
        &mut self,
        opened: &mut Opened,
        geometry: &Geometry,
        out: &mut [u8],
    ) -> Result<()> {
        let clock = Instant::now();
        let (rows, cols, pad) = (geometry.rows(), geometry.cols(), self.config.plan.pad);
        let limits = &self.config.limits;
        let record = &opened.record;
        let warnings = if opened.turn.is_identity() {
            self.sampler
                .image_from_bytes(&self.image_bytes, limits, &rows, &cols, pad, out)
                .map_err(bad(record, &record.image))?
        } else {
            let Decoded { pixels, warnings } =
                decode_rgb(&self.image_bytes, limits).map_err(bad(record, &record.image))?;
            self.sampler.image(&orient_rgb(pixels, opened.turn), &rows, &cols, pad, out);
            warnings
        };
        opened.warnings.extend(warnings);
        self.timings.image += clock.elapsed();
        Ok(())
    }
}

/// A view that shows the object.
struct Found {
    geometry: Geometry,
    foreground: Bitmap,
    framing: Framing,
    redraws: u32,
}

fn bad<'a>(
    record: &'a Record,
    file: &'a Path,
) -> impl FnOnce(maskwright_image::Error) -> Error + 'a {
    move |source| Error::Image { record: record.to_string(), file: file.into(), source }
}

fn empty_mask(record: &Record) -> Error {
    Error::EmptyMask { record: record.to_string(), file: record.mask.clone() }
}
