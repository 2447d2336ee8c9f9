//! From files to samples.

use maskwright_image::decode::{
    Decoded, LabelDecoder, decode_rgb, orient_grey, orient_rgb, read_header,
};
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::{AxisTable, Sampler};
use maskwright_image::{GreyImage, check_environment};

use super::eval::EVALUATION;
use super::opened::{Opened, Part};
use super::timings::wall;
use super::upright::{Stored, fit};
use super::{Clock, EvalSample, Preset, SampleConfig, SampleInfo, Timings, TrainSample};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::plan::{Decode, Framing, Plan, Views};
use crate::prompt::{LabelView, Prompt, PromptDrawer};
use crate::random::SampleKey;
use crate::source::{MaskBuffer, MaskForm, Mix, Pick, Source};

/// Makes samples, one after the other, in buffers that it keeps. Each thread has its own.
///
/// After a few samples have grown the buffers, [`train_into`](SampleMaker::train_into) takes memory for
/// nothing but what it returns, where the image is a JPEG that libjpeg decodes and the mask a grey PNG of
/// 8 bits.
///
/// ```no_run
/// use maskwright_data::random::SampleKey;
/// use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
/// use maskwright_data::source::{Mix, PairsSource, SetSpec};
///
/// let set = PairsSource::open(&SetSpec::pairs("leaves", "photos", "masks"))?;
/// let mut maker = SampleMaker::new(SampleConfig::for_size(512))?;
/// let shown = maker.eval(&set, 0, Preset::Squash)?;
/// let key = SampleKey::in_epoch(42, 0, 0);
/// let sample = maker.train(&Mix::of(set)?, key)?;
/// assert_eq!(sample.image.len(), 3 * 512 * 512);
/// # Ok::<(), maskwright_data::Error>(())
/// ```
#[derive(Debug)]
pub struct SampleMaker {
    config: SampleConfig,
    sampler: Sampler,
    labels: LabelDecoder,
    prompts: PromptDrawer,
    image_bytes: Vec<u8>,
    /// The mask of the record at hand, as its source has it.
    mask: MaskBuffer,
    /// Where that is an image file: the label it becomes, upright.
    label: GreyImage,
    /// The sampled label's object.
    foreground: Bitmap,
    rows: AxisTable,
    cols: AxisTable,
    timings: Timings,
    bytes_read: u64,
    clock: Clock,
}

impl SampleMaker {
    /// A maker with the given settings; refuses those that make no sense.
    pub fn new(config: SampleConfig) -> Result<SampleMaker> {
        config.validate()?;
        check_environment().map_err(|source| Error::Environment { source })?;
        Ok(SampleMaker {
            sampler: Sampler::new().scaled_decoding(config.plan.decode == Decode::Scaled),
            labels: LabelDecoder::default(),
            prompts: PromptDrawer::new(Sampler::new()),
            image_bytes: Vec::new(),
            mask: MaskBuffer::new(),
            label: GreyImage::default(),
            foreground: Bitmap::default(),
            rows: AxisTable::new(1, 1, false, 0, 1),
            cols: AxisTable::new(1, 1, false, 0, 1),
            config,
            timings: Timings::default(),
            bytes_read: 0,
            clock: wall,
        })
    }

    /// The same maker, whose stages are timed by another clock.
    pub fn with_clock(self, clock: Clock) -> SampleMaker {
        SampleMaker { clock, ..self }
    }

    /// The settings.
    pub fn config(&self) -> &SampleConfig {
        &self.config
    }

    /// Time spent since the last call.
    pub fn take_timings(&mut self) -> Timings {
        std::mem::take(&mut self.timings)
    }

    /// Bytes of the files that training samples were made from since the last call.
    pub fn take_bytes_read(&mut self) -> u64 {
        std::mem::take(&mut self.bytes_read)
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
        let (set, index) = mix.locate(key)?;
        let mut opened = self.open(&*mix.sets()[set], index, key)?;
        self.bytes_read += (self.image_bytes.len() + self.mask.bytes()) as u64;

        let plan = Plan::draw(&self.config.plan, &self.config.prompts, key, opened.size);
        let start = (self.clock)();
        let view = self.find_object(&opened, key, label)?;
        self.timings.label += (self.clock)() - start;

        self.sample_image(&mut opened, &view.geometry, image)?;

        let start = (self.clock)();
        let label_view = LabelView {
            label,
            shape: (size, size),
            foreground: &self.foreground,
            visible: view.geometry.visible(),
        };
        let config = &self.config.prompts;
        let prompt = self
            .prompts
            .draw(label_view, config, plan.kind, &plan.also, key.object(0))
            .ok_or_else(|| opened.empty_mask())?;
        self.timings.prompt += (self.clock)() - start;

        let (set, name) = opened.source.identity(index)?;
        let info = SampleInfo {
            set,
            name,
            key,
            geometry: view.geometry,
            framing: view.framing,
            redraws: view.redraws,
            other_kind: prompt.kind != plan.kind,
            object: self.mask.object,
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
        let key = SampleKey::in_epoch(0, EVALUATION, index as u64);
        let mut opened = self.open(source, index, key)?;
        let geometry = preset.geometry(opened.size, size);
        let mut image = vec![0; 3 * size * size];
        let mut label_output = vec![0.0; size * size];
        let start = (self.clock)();
        geometry.set_tables(&mut self.rows, &mut self.cols);
        if self.mask.form == MaskForm::Rle {
            self.label = self.mask.rle.to_grey();
        }
        self.sampler.label(&self.label, &self.rows, &self.cols, 0.0, &mut label_output);
        self.timings.label += (self.clock)() - start;
        self.sample_image(&mut opened, &geometry, &mut image)?;
        let (set, name) = source.identity(index)?;
        Ok(EvalSample {
            image,
            size,
            geometry,
            label: std::mem::take(&mut self.label),
            label_output,
            set,
            name,
            record: index,
            object: self.mask.object,
            turned: !opened.turn.is_identity(),
            warnings: opened.warnings,
        })
    }

    /// Reads image and mask, makes a mask file a label, decides about the orientation.
    fn open<'a>(
        &mut self,
        source: &'a dyn Source,
        index: usize,
        key: SampleKey,
    ) -> Result<Opened<'a>> {
        let start = (self.clock)();
        source.image_bytes(index, &mut self.image_bytes)?;
        self.timings.read += (self.clock)() - start;
        let start = (self.clock)();
        source.mask(index, Pick::Drawn(key), &mut self.mask)?;
        // What an annotation costs is mostly to find and parse its run lengths.
        *match self.mask.form {
            MaskForm::File => &mut self.timings.read,
            MaskForm::Rle => &mut self.timings.mask,
        } += (self.clock)() - start;

        let start = (self.clock)();
        let mut opened = Opened::new(source, index);
        let image = read_header(&self.image_bytes)
            .map(|header| Stored::of(&header))
            .map_err(|error| opened.refused(Part::Image, error))?;
        let mask = match self.mask.form {
            MaskForm::File => read_header(&self.mask.file)
                .map(|header| Stored::of(&header))
                .map_err(|error| opened.refused(Part::Mask, error))?,
            MaskForm::Rle => Stored::plain(self.mask.rle.size()),
        };
        let fit = fit(source.exif(), &image, &mask).ok_or_else(|| {
            opened.about(|record| Error::SizeMismatch {
                record: record.to_string(),
                image: record.image,
                image_size: image.size,
                mask: record.mask,
                mask_size: mask.size,
            })
        })?;
        (opened.turn, opened.size) = (fit.image, (fit.size.height, fit.size.width));
        self.timings.header += (self.clock)() - start;

        if self.mask.form == MaskForm::File {
            let start = (self.clock)();
            let (rule, limits) = (source.mask_rule(), &self.config.limits);
            let warnings = self
                .labels
                .decode(&self.mask.file, rule, limits, &mut self.label)
                .map_err(|error| opened.refused(Part::Mask, error))?;
            opened.add(Part::Mask, warnings, self.config.plan.strict)?;
            if !fit.mask.is_identity() {
                self.label = orient_grey(std::mem::take(&mut self.label), fit.mask);
            }
            self.timings.mask += (self.clock)() - start;
        }
        Ok(opened)
    }

    /// Tries views until one shows the object; `label` holds that view's label then, and `foreground`
    /// its object.
    fn find_object(&mut self, opened: &Opened, key: SampleKey, label: &mut [f32]) -> Result<Found> {
        let Self { config, sampler, mask, label: decoded, foreground, rows, cols, .. } = self;
        let mut views = Views::new(&config.plan, key, opened.size);
        let mut try_view = |geometry: Geometry, framing: Framing, redraws: u32| {
            geometry.set_tables(rows, cols);
            match mask.form {
                MaskForm::File => {
                    sampler.label_and_foreground(decoded, rows, cols, label, foreground)
                }
                MaskForm::Rle => {
                    sampler.rle_and_foreground(&mask.rle, rows, cols, label, foreground)
                }
            }
            (foreground.count() > 0).then_some(Found { geometry, framing, redraws })
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
        let whole = match mask.form {
            MaskForm::File => Bitmap::from_grey(decoded),
            MaskForm::Rle => mask.rle.to_bitmap(),
        };
        whole
            .nth(whole.count() / 2)
            .and_then(|(x, y)| try_view(views.around(x, y), Framing::Object, views.redraws()))
            .ok_or_else(|| opened.empty_mask())
    }

    /// Decodes what the view shows of the image.
    fn sample_image(
        &mut self,
        opened: &mut Opened,
        geometry: &Geometry,
        out: &mut [u8],
    ) -> Result<()> {
        let start = (self.clock)();
        let Self { config, sampler, image_bytes, rows, cols, .. } = self;
        geometry.set_tables(rows, cols);
        let (limits, pad) = (&config.limits, config.plan.pad);
        // Damage after the last row that is shown goes unnoticed unless all is decoded.
        let warnings = if opened.turn.is_identity() && !config.plan.strict {
            sampler
                .image_from_bytes(image_bytes, limits, rows, cols, pad, out)
                .map_err(|error| opened.refused(Part::Image, error))?
        } else {
            let Decoded { pixels, warnings } = decode_rgb(image_bytes, limits)
                .map_err(|error| opened.refused(Part::Image, error))?;
            sampler.image(&orient_rgb(pixels, opened.turn), rows, cols, pad, out);
            warnings
        };
        opened.add(Part::Image, warnings, config.plan.strict)?;
        self.timings.image += (self.clock)() - start;
        Ok(())
    }
}

/// A view that shows the object.
struct Found {
    geometry: Geometry,
    framing: Framing,
    redraws: u32,
}
