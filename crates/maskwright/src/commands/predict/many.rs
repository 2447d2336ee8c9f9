//! `--input`: the prompts of many images.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use maskwright_predict::many::{
    Batch, COCO, ImageRow, Journal, Outcome, Pictures, RESULTS, ResultFormat, plan,
};
use maskwright_predict::{Predictor, listed_prompts};
use serde::Serialize;

use super::PredictFlags;
use crate::exit::{Unfit, Usage};
use crate::flags::named::named;
use crate::flags::predictor::sum;
use crate::numbers::thousands;
use crate::progress::Progress;
use crate::resumable::{self, Forget, Pace, Refused, Resumable};
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
        conflicts_with_all = ["image", "overlay", "logits", "embedding"]
    )]
    pub(super) input: Option<PathBuf>,

    /// What to write: png (each mask black and white), instances (a PNG of 16 bits for each image, with the masks'
    /// numbers from 1), coco (COCO's results with run lengths, in results.json), or jsonl (run lengths in results.jsonl)
    #[arg(long, value_name = "FORMAT", value_parser = named::<ResultFormat>(), default_value = "png", requires = "input")]
    format: ResultFormat,

    /// COCO's instances file, or another that lists images with id and file_name: which image the image_id of
    /// --prompts is. Without it that is the number in a file's name
    #[arg(long, value_name = "FILE.json", requires = "input")]
    coco_images: Option<PathBuf>,

    /// What happens at an image or a prompt that cannot be used: it is told in its line and left out, or the command
    /// ends there
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
    warnings: Warnings,
}

pub(super) fn run(flags: &PredictFlags, input: &Path) -> anyhow::Result<()> {
    let (Some(list), Some(output)) = (flags.prompts.file(), &flags.output) else {
        return Err(Usage("--input: expected beside --prompts and --output".into()).into());
    };
    let interrupt = interrupt::on_ctrl_c();
    let pictures = Pictures::open(input)?;
    let files = pictures.files().iter().map(|file| &*file.path);
    resumable::check_output(output, input, files)?;
    let format = flags.many.format;
    let mut prompts = listed_prompts::read(list)?;
    if let Some(names) = &flags.many.coco_images {
        listed_prompts::name_images(&mut prompts, names)?;
    }
    let asked = plan(prompts, (&pictures, input), list, format)?;
    let mut warnings = Warnings::default();
    let (predictor, kind) = flags.model.load(&mut warnings)?;
    let mut settings = flags.model.settings(&predictor, kind, input)?;
    settings.insert("multimask".into(), flags.multimask.into());
    settings.insert("format".into(), serde_json::to_value(format)?);
    settings.insert("prompts".into(), sum(list)?.into());
    let names = flags.many.coco_images.as_deref().map(sum).transpose()?;
    settings.insert("coco_images".into(), names.into());
    let anew = |folder: &Path| Journal::forget(folder, &[COCO], ImageRow::files);
    let anew: Option<Forget<'_>> = if flags.force { Some(&anew) } else { None };
    let Resumable { mut journal, owned: _owned } =
        Resumable::open(output, &settings, anew, &interrupt)?;
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
    };
    let (mut bar, mut pace) = (Progress::new(flags.json, Arc::clone(&interrupt)), Pace::new());
    let worked = batch.run(&asked, &mut journal, &mut |done, total| {
        bar.count("images", done, total, pace.left(done, total));
        !interrupt.is_asked()
    })?;
    if !worked.whole {
        bar.finish();
        return Err(resumable::stopped(worked.before + worked.finished, asked.len()));
    }
    // What was made is still to be told.
    interrupt.may_end(false);
    bar.finish();
    let mut told = Told::new(output, &predictor, (kind.name(), worked.before), warnings);
    if worked.images > 0 {
        let seconds = worked.time.as_secs_f64().max(1e-9);
        told.images_per_second = Some(worked.images as f64 / seconds);
        told.encoding = Some(worked.encoding.as_secs_f64() / seconds);
    }
    told.without_prompts =
        pictures.files().len() - asked.iter().filter(|one| one.is_there()).count();
    told.results = output.join(if format == ResultFormat::Coco { COCO } else { RESULTS });
    batch.finish(&asked, journal, &mut |row| told.add(row))?;
    told.print(flags.json, &flags.model.checkpoint()?)?;
    if told.refused + told.partly > 0 { Err(Unfit.into()) } else { Ok(()) }
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
        self.empty_masks += row.masks.iter().filter(|mask| mask.area == 0).count();
        if self.first_warned.is_none() {
            self.first_warned = row.first_warning().map(|text| words::of_remark(&text));
        }
        if self.first_refused.is_none() {
            self.first_refused = row.first_refusal();
        }
    }

    fn print(&self, json: bool, checkpoint: &Path) -> anyhow::Result<()> {
        if json {
            return output::json_of(self, Some(checkpoint));
        }
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
        output::table(&["what", "value"], &rows)?;
        let firsts = [("warning", &self.first_warned), ("refusal", &self.first_refused)];
        for (what, first) in firsts {
            if let Some(first) = first {
                let results = self.output.join(RESULTS);
                tell::note(format_args!(
                    "the first {what}: {first} (all are in {})",
                    results.display()
                ));
            }
        }
        Ok(())
    }
}
