//! The work on many images, each of whose stages has a thread of its own: images are decoded, encoded, their prompts answered, their masks
//! written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use maskwright_data::prompt::{NoiseMask, Prompt};
use maskwright_image::{RgbImage, Size};
use maskwright_model::{MaskKind, PromptInput};
use sha2::{Digest, Sha256};

use super::{
    Asked, Batch, ImageRow, Journal, Outcome, Picture, PictureFile, RefusedPrompt, ResultFormat,
    Worked, read_ahead,
};
use crate::error::{Error, Result};
use crate::listed_prompts::ImagePrompts;
use crate::predictor::{EncodedImage, LowResMask, View, prompt, read_mask_checked};
use crate::prompt_file::PromptEntry;

/// Images that wait for the next stage.
const BEHIND: usize = 2;

/// An image on the way to the decoder.
struct Encoded<'a> {
    row: ImageRow,
    key: String,
    view: Option<(View, usize)>,
    /// None of which nothing is asked.
    image: Option<EncodedImage>,
    /// Where masks are drawn over them.
    pixels: Option<RgbImage>,
    /// Prompts in the model's frame, and their places among those of the image.
    inputs: Vec<PromptInput>,
    places: Vec<usize>,
    prompts: &'a ImagePrompts,
}

/// What the model said of an image, on the way to its files.
pub(super) struct Answered<'a> {
    pub(super) row: ImageRow,
    pub(super) key: String,
    pub(super) view: Option<(View, usize)>,
    /// Where masks are drawn over them.
    pub(super) pixels: Option<RgbImage>,
    /// The prompt's place with its masks.
    pub(super) masks: Vec<(usize, Vec<LowResMask>)>,
    pub(super) prompts: &'a ImagePrompts,
}

/// What a thread gave; a panic in it goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Batch<'_> {
    /// Answers the prompts of those images that are not finished. `progress` is told how many images are, and of how many, before
    /// each, and asks to stop by returning false.
    ///
    /// # Errors
    /// Those of the model, [`Error::Io`] where results cannot be written, [`Error::Setting`] for masks that the format cannot hold,
    /// and [`Error::Refused`] where what cannot be used ends the work.
    pub fn run(
        &self,
        asked: &[Asked],
        journal: &mut Journal,
        progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Worked> {
        if self.format == ResultFormat::Instances && self.multimask && self.kind == MaskKind::Sam {
            return Err(Error::Setting {
                key: "batch.format".into(),
                expected: "png, coco or jsonl for several masks of a prompt".into(),
                found: self.format.to_string(),
            });
        }
        let todo: Vec<&Asked> = asked.iter().filter(|one| !self.is_done(one, journal)).collect();
        let before = asked.len() - todo.len();
        self.remove_parts(&todo);
        let paths = todo.iter().filter_map(|one| one.found.as_ref().ok());
        let paths: Vec<PathBuf> = paths.map(|file| file.path.clone()).collect();
        let mut pictures = read_ahead(paths, self.reading)?;
        let began = Instant::now();
        let mut worked = Worked { whole: true, before, ..Worked::default() };
        std::thread::scope(|scope| {
            let (encode, encoded) = sync_channel::<Encoded<'_>>(BEHIND);
            let (answer, answers) = sync_channel::<Answered<'_>>(BEHIND);
            let decoder = scope.spawn(move || -> Result<()> {
                for one in encoded {
                    // The writer is gone where it failed, which it says below.
                    if answer.send(self.decoded(one)?).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let writer = scope.spawn(move || -> Result<usize> {
                let mut finished = 0;
                for answered in answers {
                    let row = self.written(answered)?;
                    let (image, files) = ((&*row.image, row.status), row.mask_files.as_deref());
                    journal.add(image, files, &row)?;
                    (self.told)(&row);
                    finished += usize::from(row.status.is_whole());
                }
                Ok(finished)
            });
            let mut done = Ok(());
            for (number, one) in todo.iter().enumerate() {
                if !progress(before + number, asked.len()) {
                    worked.whole = false;
                    break;
                }
                let one = match self.encoded(one, &mut pictures, &mut worked.encoding) {
                    Ok(one) => one,
                    Err(error) => {
                        done = Err(error);
                        break;
                    }
                };
                if self.fail
                    && let Some(reason) = one.row.refusals().next()
                {
                    let reason = format!("{}: {reason}", self.list.display());
                    done = Err(Error::Refused { reason });
                    break;
                }
                if encode.send(one).is_err() {
                    break;
                }
                worked.images += 1;
            }
            drop(encode);
            worked.finished = joined(writer)?;
            joined(decoder)?;
            done?;
            worked.time = began.elapsed();
            Ok(worked)
        })
    }

    /// An image, encoded, with its prompts in the model's frame. What is wrong with it or a prompt is told in its row.
    fn encoded<'a>(
        &self,
        asked: &'a Asked,
        pictures: &mut impl Iterator<Item = Result<Picture>>,
        encoding: &mut Duration,
    ) -> Result<Encoded<'a>> {
        let prompts = &asked.prompts.prompts;
        let refused = |reason: String| Encoded {
            row: ImageRow::refused(&asked.prompts, reason),
            key: String::new(),
            view: None,
            image: None,
            pixels: None,
            inputs: Vec::new(),
            places: Vec::new(),
            prompts: &asked.prompts,
        };
        let file = match &asked.found {
            Ok(file) => file,
            Err(error) => return Ok(refused((self.words)(error))),
        };
        let picture = match pictures.next() {
            Some(Ok(picture)) => picture,
            Some(Err(error)) => return Ok(refused((self.words)(&error))),
            None => return Ok(refused(format!("{}: it was not read", file.path.display()))),
        };
        let size = picture.pixels.size;
        let mut row = ImageRow {
            warnings: picture.warnings,
            mask_files: self.mask_files(&asked.prompts),
            file_name: Some(file.name.clone()),
            width: size.width,
            height: size.height,
            ..ImageRow::begun(&asked.prompts, Outcome::Ok)
        };
        let config = self.predictor.sam().config();
        let (fit, side) = (self.predictor.fit().0, config.mask_size());
        let view = View::new(fit, size, config.image_size);
        let (mut inputs, mut places) = (Vec::new(), Vec::new());
        for (number, one) in prompts.iter().enumerate() {
            let name = format!("prompt {number}");
            let input = self
                .prompt(&one.entry, size)
                .and_then(|prompt| prompt::to_input(&prompt, &view, side, &name));
            match input {
                Ok((input, notes)) => {
                    inputs.push(input);
                    places.push(number);
                    row.warnings.extend(notes);
                }
                Err(error) => {
                    let (id, reason) = (one.id.clone(), (self.words)(&error));
                    row.refused.push(RefusedPrompt { prompt: number, id, reason });
                }
            }
        }
        row.status = match (row.refused.len(), row.warnings.is_empty()) {
            (0, true) => Outcome::Ok,
            (0, false) => Outcome::Warned,
            (refused, _) if refused < prompts.len() => Outcome::Partly,
            _ => Outcome::Refused,
        };
        let mut image = None;
        if !inputs.is_empty() {
            let began = Instant::now();
            image = Some(self.predictor.encode(&picture.pixels)?);
            *encoding += began.elapsed();
        }
        let (key, view) = (file.key(), Some((view, side)));
        let pixels = self.overlay.is_some().then_some(picture.pixels);
        Ok(Encoded { row, key, view, image, pixels, inputs, places, prompts: &asked.prompts })
    }

    /// The masks of an image's prompts.
    fn decoded<'a>(&self, encoded: Encoded<'a>) -> Result<Answered<'a>> {
        let Encoded { row, key, view, image, pixels, inputs, places, prompts } = encoded;
        let masks = match &image {
            Some(image) => {
                self.predictor.decode_in_turns(image, &inputs, self.kind, self.multimask)?
            }
            None => Vec::new(),
        };
        let masks = places.into_iter().zip(masks).collect();
        Ok(Answered { row, key, view, pixels, masks, prompts })
    }

    /// A prompt with its files read.
    fn prompt(&self, entry: &PromptEntry, image: Size) -> Result<Prompt> {
        let folder = self.list.parent().unwrap_or(Path::new(""));
        let mask: Option<NoiseMask> = match (&entry.mask, &entry.mask_input) {
            (Some(path), _) => {
                let path = folder.join(path);
                let mask = read_mask_checked(&path)?;
                self.reading.check(&path, &mask.warnings)?;
                Some(self.predictor.mask_prompt(&mask.pixels, image)?)
            }
            (None, Some(path)) => Some(self.predictor.read_logits(&folder.join(path))?),
            (None, None) => None,
        };
        Ok(Prompt::of(entry.box_xyxy, entry.points.clone(), mask))
    }

    /// What tells the files of masks that prompts name from others, the first digits of their SHA-256; none where they name none.
    pub(super) fn mask_files(&self, prompts: &ImagePrompts) -> Option<String> {
        let folder = self.list.parent().unwrap_or(Path::new(""));
        let entries = prompts.prompts.iter().map(|one| &one.entry);
        let mut files = entries.filter_map(|one| one.mask.as_ref().or(one.mask_input.as_ref()));
        let first = files.next()?;
        let mut sum = Sha256::new();
        for file in std::iter::once(first).chain(files) {
            match std::fs::read(folder.join(file)) {
                Ok(bytes) => sum.update(Sha256::digest(&bytes)),
                Err(_) => sum.update("missing"),
            }
        }
        Some(sum.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Removes files under temporary names that a process which is no more left in folders of the output.
    fn remove_parts(&self, todo: &[&Asked]) {
        let keys = todo.iter().filter_map(|one| one.found.as_ref().ok()).map(PictureFile::key);
        let folders: BTreeSet<PathBuf> =
            keys.filter_map(|key| self.output.join(key).parent().map(Path::to_path_buf)).collect();
        for entry in folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten() {
            let Ok(entry) = entry else { continue };
            if maskwright_files::is_temporary(&entry.file_name()) {
                // What stays is in nobody's way.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
