//! From records to samples.

use std::sync::Arc;

use maskwright_image::mask::Bitmap;
use maskwright_image::sample::Sampler;
use maskwright_image::{RgbImage, Size, check_environment};

use super::eval::EVALUATION;
use super::opened::{Opened, Part};
use super::reader::Reader;
use super::timings::{Stopwatch, wall};
use super::view_sampler::{Framed, ViewSampler};
use super::{
    Clock, EvalSample, ObjectInfo, Preset, SampleConfig, Timings, View, ViewInfo, ViewObject,
};
use crate::error::{Error, Result};
use crate::plan::{Attempts, Decode};
use crate::prompt::{Prompt, PromptDrawer, SampledLabel};
use crate::random::{ObjectKey, SampleKey};
use crate::source::{Mix, Pick, Source};

/// Makes samples, one after the other, in buffers that it keeps. Each thread has its own.
///
/// After a few samples have grown the buffers, [`view_into`](SampleMaker::view_into) takes memory for
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
/// let view = maker.view(&Mix::of(set)?, SampleKey::in_epoch(42, 0, 0))?;
/// assert_eq!(view.image.len(), 3 * 512 * 512);
/// assert_eq!(view.objects[0].label.len(), 512 * 512);
/// # Ok::<(), maskwright_data::Error>(())
/// ```
#[derive(Debug)]
pub struct SampleMaker {
    config: SampleConfig,
    reader: Reader,
    sampler: ViewSampler,
    prompts: PromptDrawer,
    watch: Stopwatch,
    bytes_read: u64,
}

/// The caller's memory for a view.
#[derive(Debug)]
pub struct ViewBuffers<'a> {
    /// `[3, size, size]`, as in [`View::image`]; its former content does not matter.
    pub image: &'a mut [u8],
    /// Whether the image is wanted. If not, it is not decoded, and `image` stays as it is; labels, prompts and draws are the
    /// same.
    pub image_wanted: bool,
    /// `[objects_per_image, size, size]`: the labels of the objects, in their order. Its former content does
    /// not matter; what lies behind the last object's label is undefined.
    pub labels: &'a mut [f32],
    /// A prompt for each object is appended.
    pub prompts: &'a mut Vec<Prompt>,
    /// The view's objects are appended, at least one.
    pub objects: &'a mut Vec<ObjectInfo>,
    /// For each of them, what does not count is appended, as in [`ViewObject::ignored`].
    pub ignored: &'a mut Vec<Option<Bitmap>>,
}

impl SampleMaker {
    /// A maker with the given settings; refuses those that make no sense.
    pub fn new(config: SampleConfig) -> Result<SampleMaker> {
        config.validate()?;
        check_environment().map_err(|source| Error::Environment { source })?;
        let scaled = config.plan.decode == Decode::Scaled;
        Ok(SampleMaker {
            reader: Reader::new(&config),
            sampler: ViewSampler::new(Sampler::new().scaled_decoding(scaled)),
            prompts: PromptDrawer::new(Sampler::new()),
            config,
            watch: Stopwatch { clock: wall, timings: Timings::default() },
            bytes_read: 0,
        })
    }

    /// The same maker, whose stages are timed by another clock.
    pub fn with_clock(mut self, clock: Clock) -> SampleMaker {
        self.watch.clock = clock;
        self
    }

    /// The settings.
    pub fn config(&self) -> &SampleConfig {
        &self.config
    }

    /// Time spent since the last call.
    pub fn take_timings(&mut self) -> Timings {
        std::mem::take(&mut self.watch.timings)
    }

    /// Bytes of the files that views were made from since the last call.
    pub fn take_bytes_read(&mut self) -> u64 {
        std::mem::take(&mut self.bytes_read)
    }

    /// The view of a key, with its objects.
    ///
    /// # Errors
    ///
    /// Files that cannot be read or decoded, sizes that differ, a mask without any foreground. Each
    /// names the record and the file.
    pub fn view(&mut self, mix: &Mix, key: SampleKey) -> Result<View> {
        let pixels = self.config.plan.size * self.config.plan.size;
        let mut image = vec![0; 3 * pixels];
        let mut labels = vec![0.0; self.config.objects_per_image * pixels];
        let (mut prompts, mut objects, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
        let mut buffers = ViewBuffers {
            image: &mut image,
            image_wanted: true,
            labels: &mut labels,
            prompts: &mut prompts,
            objects: &mut objects,
            ignored: &mut ignored,
        };
        let info = self.view_into(mix, key, &mut buffers)?;
        let parts = labels.chunks_exact(pixels).zip(prompts).zip(objects).zip(ignored);
        let object = |(((label, prompt), info), ignored): (((&[f32], _), _), _)| ViewObject {
            label: label.to_vec(),
            prompt,
            info,
            ignored,
        };
        Ok(View { image, objects: parts.map(object).collect(), info })
    }

    /// As [`view`](SampleMaker::view), into memory of the caller. After an error prompts, objects and what is ignored
    /// are what they were.
    ///
    /// # Panics
    ///
    /// If the lengths of image or labels are others than [`ViewBuffers`] says.
    pub fn view_into(
        &mut self,
        mix: &Mix,
        key: SampleKey,
        out: &mut ViewBuffers<'_>,
    ) -> Result<ViewInfo> {
        let size = self.config.plan.size;
        assert_eq!(
            (out.image.len(), out.labels.len()),
            (3 * size * size, self.config.objects_per_image * size * size),
            "lengths for size {size}"
        );
        let (prompts, objects, ignored) = (out.prompts.len(), out.objects.len(), out.ignored.len());
        let made = self.make_view(mix, key, out);
        self.reader.end();
        if made.is_err() {
            out.prompts.truncate(prompts);
            out.objects.truncate(objects);
            out.ignored.truncate(ignored);
        }
        made
    }

    fn make_view(
        &mut self,
        mix: &Mix,
        key: SampleKey,
        out: &mut ViewBuffers<'_>,
    ) -> Result<ViewInfo> {
        let size = self.config.plan.size;
        let (set, index) = mix.locate(key)?;
        let source = &*mix.sets()[set];
        // The view shows this object: a function of the view's number, whatever is drawn to ask about it.
        let framing = SampleKey { draw: key.view, ..key }.object(0);
        let mut opened = self.reader.open(source, index, Pick::Drawn(framing), &mut self.watch)?;
        self.bytes_read += (self.reader.image.bytes() + self.reader.mask_bytes()) as u64;

        let attempts = Attempts::new(&self.config.plan, key, opened.size);
        let (mask, ignored) = (self.reader.mask(), self.reader.ignored());
        let (sampler, first) = (&mut self.sampler, &mut out.labels[..size * size]);
        let framed =
            self.watch.time(|t| &mut t.label, || sampler.find(attempts, mask, ignored, first));
        let framed = framed.ok_or_else(|| opened.empty_mask())?;

        let drawn = self.objects_drawn(&opened)?;
        let (mut shown, mut not_in_view) = (0, 0);
        for object in (0..drawn).map(|place| key.object(place)) {
            let label = &mut out.labels[shown * size * size..][..size * size];
            // The label of the object that the view was made for is there already.
            let visible = object == framing || self.look(&mut opened, object, label)?;
            if visible {
                let prompt = self.prompt(&opened, &framed, object, label, out.objects)?;
                out.prompts.push(prompt);
                out.ignored.push(self.sampler.ignored().cloned());
                shown += 1;
            } else {
                not_in_view += 1;
            }
        }
        if shown == 0 {
            let label = &mut out.labels[..size * size];
            self.look(&mut opened, framing, label)?;
            let prompt = self.prompt(&opened, &framed, key.object(0), label, out.objects)?;
            out.prompts.push(prompt);
            out.ignored.push(self.sampler.ignored().cloned());
        }

        let mask_warnings = opened.warnings.len();
        if out.image_wanted {
            self.image(&mut opened, out.image)?;
        }

        let (set, name) = source.identity(&opened.at)?;
        Ok(ViewInfo {
            set,
            name,
            key,
            geometry: framed.geometry,
            framing: framed.framing,
            redraws: framed.redraws,
            not_in_view,
            turned: !opened.turn().is_identity(),
            warnings: opened.warnings,
            mask_warnings,
        })
    }

    /// How many objects of a record are drawn.
    fn objects_drawn(&self, opened: &Opened<'_>) -> Result<u64> {
        let most = self.config.objects_per_image;
        let there = if most == 1 { 1 } else { opened.source.objects(&opened.at)? };
        Ok(there.min(most) as u64)
    }

    /// Samples the label of another object in the view at hand; says whether the view shows it.
    fn look(
        &mut self,
        opened: &mut Opened<'_>,
        object: ObjectKey,
        label: &mut [f32],
    ) -> Result<bool> {
        self.reader.read_mask(opened, Pick::Drawn(object), &mut self.watch)?;
        self.bytes_read += self.reader.mask_bytes() as u64;
        let (mask, ignored) = (self.reader.mask(), self.reader.ignored());
        let visible =
            self.watch.time(|t| &mut t.label, || self.sampler.label(mask, ignored, label));
        if !visible && mask.is_empty() {
            return Err(opened.empty_mask());
        }
        Ok(visible)
    }

    /// Draws the prompt of the object whose label was sampled last, and appends the object.
    fn prompt(
        &mut self,
        opened: &Opened<'_>,
        framed: &Framed,
        key: ObjectKey,
        label: &[f32],
        objects: &mut Vec<ObjectInfo>,
    ) -> Result<Prompt> {
        let size = self.config.plan.size;
        let (config, drawer) = (&self.config.prompts, &mut self.prompts);
        let sampled = SampledLabel {
            label,
            size: Size::square(size),
            foreground: self.sampler.foreground(),
            ignored: self.sampler.ignored(),
            visible: framed.geometry.visible(),
        };
        let kinds = config.draw_kinds(key);
        let prompt = self
            .watch
            .time(|t| &mut t.prompt, || drawer.draw(sampled, config, &kinds, key))
            .ok_or_else(|| opened.empty_mask())?;
        let other_kind = prompt.kind != kinds.kind;
        objects.push(ObjectInfo { key, id: self.reader.object(), other_kind });
        Ok(prompt)
    }

    /// Decodes and samples what the view at hand shows of the image; gives its picture for people, where the settings ask for one.
    fn image(&mut self, opened: &mut Opened<'_>, out: &mut [u8]) -> Result<Option<RgbImage>> {
        let (config, sampler) = (&self.config, &mut self.sampler);
        let image = &self.reader.image;
        let (warnings, picture) =
            self.watch.time(|t| &mut t.image, || sampler.image(image, opened, config, out))?;
        opened.add(Part::Image, warnings, config.plan.strict)?;
        Ok(picture)
    }

    /// Reads a record's image and parses its header, without decoding it.
    ///
    /// # Errors
    ///
    /// An image that cannot be read, or is none.
    pub fn check_image(&mut self, source: &dyn Source, index: usize) -> Result<()> {
        self.reader.open_image(source, index, &mut self.watch).map(drop)
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
        let made = self.make_eval(source, index, preset);
        self.reader.end();
        made
    }

    fn make_eval(
        &mut self,
        source: &dyn Source,
        index: usize,
        preset: Preset,
    ) -> Result<EvalSample> {
        let size = self.config.plan.size;
        let object = SampleKey::in_epoch(0, EVALUATION, index as u64).object(0);
        let mut opened = self.reader.open(source, index, Pick::Drawn(object), &mut self.watch)?;
        let geometry = preset.geometry(opened.size, size);
        let mut image = vec![0; 3 * size * size];
        let mut label = vec![0.0; size * size];
        self.sampler.set_view(&geometry);
        let (mask, ignored) = (self.reader.mask(), self.reader.ignored());
        self.watch.time(|t| &mut t.label, || self.sampler.label(mask, ignored, &mut label));
        let (mut truth, ignored) = (mask.to_bitmap(), ignored.map(Bitmap::from_grey));
        if let Some(ignored) = &ignored {
            truth = truth.without(ignored);
        }
        let ignored_in_label = self.sampler.ignored().cloned();
        let mask_warnings = opened.warnings.len();
        let picture = self.image(&mut opened, &mut image)?;
        let (set, name) = source.identity(&opened.at)?;
        Ok(EvalSample {
            image,
            size,
            geometry,
            truth,
            ignored,
            label,
            ignored_in_label,
            set,
            name,
            record: index,
            object: self.reader.object(),
            turned: !opened.turn().is_identity(),
            picture: picture.map(Arc::new),
            warnings: opened.warnings,
            mask_warnings,
        })
    }
}
