//! `--input`: the prompts of many images.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use maskwright_image::RgbImage;
use maskwright_image::mask::Rle;
use maskwright_predict::listed_prompts::{self, CocoImages};
use maskwright_predict::many::{
    Batch, COCO, COCO_IMAGES, CocoNumbers, ImageRow, Journal, Outcome, Overlay, Pictures, RESULTS,
    ResultFormat, plan,
};
use maskwright_predict::predictor::Predictor;
use maskwright_report::pictures;
use serde::Serialize;

use super::PredictFlags;
use crate::exit::{Unfit, Usage};
use crate::flags::named::named;
use crate::flags::predictor::sum;
use crate::numbers::thousands;
use crate::progress::Progress;
use crate::resumable::{self, Forget, Pace, Refusals, Refused, Resumable};
use crate::warnings::Warnings;
use crate::{interrupt, output, tell, words};

/// Which images, and what becomes of them.
#[derive(Args)]
#[command(next_help_heading = "Many images")]
pub(crate) struct ManyFlags {
    /// A folder of images, a text file with an image in each line, or one image, in place of --image; --prompts says
    /// what to point at in which
    #[arg(
        long,
        value_name = "DIR|LIST",
        requires = "prompts",
        requires = "output",
        conflicts_with_all = ["image", "logits", "embedding"]
    )]
    pub(super) input: Option<PathBuf>,

    /// What to write: png (each mask black and white), instances (a PNG of 16 bits for each image, with the masks'
    /// numbers from 1), coco (COCO's results with run lengths, in results.json), or jsonl (run lengths in results.jsonl)
    #[arg(long, value_name = "FORMAT", value_parser = named::<ResultFormat>(), default_value = "png", requires = "input")]
    format: ResultFormat,

    /// COCO's instances file, or another that lists images with id and file_name, and it may be categories with id and
    /// name: which image the image_id of --prompts is, and which numbers --format coco writes. Without it an image_id is
    /// the number in a file's name, and what the numbers written are is in images.json
    #[arg(long, value_name = "FILE.json", requires = "input")]
    coco_images: Option<PathBuf>,

    /// What happens at an image or a prompt that cannot be used: it is told in its line and left out, and the exit status
    /// is 1 (skip) or 0 (accept); or the command ends there (fail)
    #[arg(long, value_name = "WHAT", default_value = "skip", requires = "input")]
    on_refusal: Refused,
}

/// What became of all, and the document of `--json`.
#[derive(Serialize)]
struct Told<'a> {
    output: &'a Path,
    results: PathBuf,
    kind: &'static str,
    geometry: &'static str,
    images: usize,
    /// Images that were finished before.
    before: usize,
    ok: usize,
    warned: usize,
    /// Images of which some prompts were refused.
    partly: usize,
    refused: usize,
    prompts_refused: usize,
    /// Images that no prompt is on.
    without_prompts: usize,
    masks: usize,
    empty_masks: usize,
    /// The first that was odd.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_warned: Option<String>,
    /// The first that was refused, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_refused: Option<String>,
    /// Images per second, of those that were not finished before.
    #[serde(skip_serializing_if = "Option::is_none")]
    images_per_second: Option<f64>,
    /// The part of the time in which the image encoder was at work, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<f64>,
    /// Of the model and of every image.
    #[serde(skip)]
    warnings: Warnings,
}

pub(super) fn run(flags: &PredictFlags, input: &Path) -> anyhow::Result<()> {
    let (Some(list), Some(output)) = (flags.prompts.file(), &flags.output) else {
        return Err(Usage("--input: expected beside --prompts and --output".into()).into());
    };
    let interrupt = interrupt::on_ctrl_c();
    let images = Pictures::open(input)?;
    let files = images.files().iter().map(|file| &*file.path);
    resumable::check_output(output, input, files)?;
    let format = flags.many.format;
    let mut prompts = listed_prompts::read(list)?;
    let known = flags.many.coco_images.as_deref().map(CocoImages::read).transpose()?;
    if let Some(known) = &known {
        known.name(&mut prompts);
    }
    let asked = plan(prompts, (&images, input), list, format)?;
    let numbers = match format {
        ResultFormat::Coco => Some(CocoNumbers::of(&asked, list, known.as_ref())?),
        _ => None,
    };
    let mut warnings = Warnings::default();
    let (predictor, kind) = flags.model.load(&mut warnings)?;
    let mut settings = flags.model.settings(&predictor, kind, input)?;
    settings.insert("multimask".into(), flags.multimask.into());
    settings.insert("format".into(), serde_json::to_value(format)?);
    settings.insert("prompts".into(), sum(list)?.into());
    let names = flags.many.coco_images.as_deref().map(sum).transpose()?;
    settings.insert("coco_images".into(), names.into());
    if flags.overlay.is_some() {
        settings.insert("overlay".into(), true.into());
    }
    let anew = |folder: &Path| Journal::forget(folder, &[COCO, COCO_IMAGES], ImageRow::files);
    let anew: Option<Forget<'_>> = if flags.force { Some(&anew) } else { None };
    let Resumable { mut journal, tally, owned: _owned } =
        Resumable::open(output, &settings, anew, &interrupt)?;
    let (all, count) = (asked.len(), asked.iter().map(|one| one.prompts.prompts.len()).sum());
    tell::say(format_args!(
        "{} images and {} prompts with {}, {} mask, into {}",
        thousands(all),
        thousands(count),
        flags.model.checkpoint()?.display(),
        kind.title(),
        output.display()
    ));
    // They are said between two images, since a bar is in their way.
    let left_out = Mutex::new(Vec::new());
    let draw: Overlay<'_> = &|image: &RgbImage, masks: &[Rle]| {
        pictures::overlay_of(image, &masks.iter().collect::<Vec<_>>())
    };
    let batch = Batch {
        predictor: &predictor,
        kind,
        multimask: flags.multimask,
        format,
        reading: flags.model.reading(),
        fail: flags.many.on_refusal == Refused::Fail,
        list,
        output,
        words: &words::of_prediction,
        told: &|row: &ImageRow| lock(&left_out).extend(row.refusals()),
        overlay: flags.overlay.is_some().then_some(draw),
    };
    let quiet = flags.json || flags.quiet;
    let (mut bar, mut pace) = (Progress::new(quiet, Arc::clone(&interrupt)), Pace::new());
    let (mut refusals, mut begun) = (Refusals::new(output.join(RESULTS)), false);
    let worked = batch.run(&asked, &mut journal, &mut |done, total| {
        if !std::mem::replace(&mut begun, true) {
            tally.begin(done, total);
        }
        let left_out = std::mem::take(&mut *lock(&left_out));
        if !left_out.is_empty() {
            bar.finish();
            left_out.iter().for_each(|reason| refusals.tell(reason));
        }
        bar.count("images", done, total, pace.left(done, total));
        !interrupt.is_asked()
    });
    bar.finish();
    lock(&left_out).iter().for_each(|reason| refusals.tell(reason));
    let worked = worked?;
    if !worked.whole {
        return Err(tally.stopped());
    }
    // What was made is still to be told.
    interrupt.may_end(false);
    let mut told = Told::new(output, &predictor, (kind.name(), worked.before), warnings);
    if worked.images > 0 {
        let seconds = worked.time.as_secs_f64().max(1e-9);
        told.images_per_second = Some(worked.images as f64 / seconds);
        told.encoding = Some(worked.encoding.as_secs_f64() / seconds);
    }
    told.without_prompts = images.files().len() - asked.iter().filter(|one| one.is_there()).count();
    told.results = output.join(if format == ResultFormat::Coco { COCO } else { RESULTS });
    batch.finish(&asked, journal, numbers.as_ref(), &mut |row| told.add(row))?;
    told.print(flags.json, &flags.model.checkpoint()?)?;
    let accepted = flags.many.on_refusal == Refused::Accept;
    if told.refused + told.partly > 0 && !accepted { Err(Unfit.into()) } else { Ok(()) }
}

impl<'a> Told<'a> {
    fn new(
        output: &'a Path,
        predictor: &Predictor,
        (kind, before): (&'static str, usize),
        warnings: Warnings,
    ) -> Self {
        Told {
            output,
            results: PathBuf::new(),
            kind,
            geometry: predictor.fit().0.name(),
            images: 0,
            before,
            ok: 0,
            warned: 0,
            partly: 0,
            refused: 0,
            prompts_refused: 0,
            without_prompts: 0,
            masks: 0,
            empty_masks: 0,
            first_warned: None,
            first_refused: None,
            images_per_second: None,
            encoding: None,
            warnings,
        }
    }

    fn add(&mut self, row: &ImageRow) {
        self.images += 1;
        *match row.status {
            Outcome::Ok => &mut self.ok,
            Outcome::Warned => &mut self.warned,
            Outcome::Partly => &mut self.partly,
            Outcome::Refused => &mut self.refused,
        } += 1;
        self.prompts_refused += row.refused.len();
        self.masks += row.masks.len();
        self.warnings.keep_of_file(&row.image, &row.warnings);
        self.empty_masks += row.masks.iter().filter(|mask| mask.area == 0).count();
        if self.first_warned.is_none() {
            self.first_warned = row.first_warning().map(|text| words::of_remark(&text));
        }
        if self.first_refused.is_none() {
            self.first_refused = row.refusals().next();
        }
    }

    fn print(&self, json: bool, checkpoint: &Path) -> anyhow::Result<()> {
        match json {
            true => output::json_of(self, &self.warnings, Some(checkpoint))?,
            false => self.table()?,
        }
        let all = self.output.join(RESULTS);
        if let Some(first) = &self.first_warned {
            tell::note(format_args!("the first warning: {first} (all are in {})", all.display()));
        }
        let mut masks = format!("{} masks", thousands(self.masks));
        if self.empty_masks > 0 {
            masks += &format!(", {} of them empty", thousands(self.empty_masks));
        }
        tell::say(format_args!(
            "{} images: {} whole, {} in part, {} refused; {masks}: {}",
            thousands(self.images),
            thousands(self.ok + self.warned),
            thousands(self.partly),
            thousands(self.refused),
            self.results.display()
        ));
        Ok(())
    }

    fn table(&self) -> anyhow::Result<()> {
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let mut images = thousands(self.images);
        if self.before > 0 {
            images += &format!(" ({} finished before)", thousands(self.before));
        }
        let mut rows = vec![row("written", self.results.display().to_string())];
        rows.push(row("images", images));
        rows.push(row("ok", thousands(self.ok)));
        // What is usual is 0, and is not told.
        for (what, count) in [
            ("warned", self.warned),
            ("partly", self.partly),
            ("refused", self.refused),
            ("prompts refused", self.prompts_refused),
            ("images without prompts", self.without_prompts),
        ] {
            if count > 0 {
                rows.push(row(what, thousands(count)));
            }
        }
        rows.push(row("masks", thousands(self.masks)));
        if self.empty_masks > 0 {
            rows.push(row("empty masks", thousands(self.empty_masks)));
        }
        if let (Some(speed), Some(encoding)) = (self.images_per_second, self.encoding) {
            let busy = 100.0 * encoding;
            rows.push(row(
                "speed",
                format!("{speed:.2} images/s, {busy:.0}% of the time encoding"),
            ));
        }
        output::table(&["what", "value"], &rows)
    }
}

/// What threads share; none of them ends while it holds it.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
