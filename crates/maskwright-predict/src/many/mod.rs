//! Prompts on many images: the model is loaded once, images are decoded ahead, results are written behind.
//!
//! [`plan`] finds the image of each entry of a list of prompts ([`listed_prompts`](crate::listed_prompts)) among [`Pictures`].
//! [`Batch::run`] answers them, one image after another: while the encoder works, threads decode the images to come, another one answers the
//! prompts on those before, and one more brings their masks to size and writes them. A [`Journal`] knows what is finished; [`Batch::finish`] writes the
//! results once all is.
//!
//! The masks of an image are those that [`Predictor::predict_all`] gives for its prompts, to the last pixel.

mod ahead;
mod coco;
mod journal;
mod pictures;
mod row;
mod work;
mod written;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use maskwright_image::RgbImage;
use maskwright_image::mask::Rle;
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

pub use ahead::{Picture, Reading, read_ahead};
pub use coco::CocoNumbers;
pub use journal::{Journal, Outcome, RESULTS};
pub use pictures::{PictureFile, Pictures};
pub use row::{ImageRow, MaskRow, RefusedPrompt};

use crate::error::{Error, Result};
use crate::listed_prompts::ImagePrompts;
use crate::predictor::Predictor;

/// COCO's list of results.
pub const COCO: &str = "results.json";

/// COCO's images and categories, by whose numbers the results go.
pub const COCO_IMAGES: &str = "images.json";

/// What the name of an image's picture with all masks over it has behind the image's own.
const OVERLAY: &str = "_masks.png";

/// What the masks are written as. The lines of [`RESULTS`] are there besides.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ResultFormat {
    /// A black and white PNG for each mask.
    #[default]
    Png,
    /// A PNG of 16 bits for each image: the number of a pixel is that of its mask, counted from 1; of masks that overlap the one
    /// with the highest score is seen.
    Instances,
    /// COCO's list of results, with run lengths.
    Coco,
    /// Run lengths in the lines of the results.
    Jsonl,
}

/// An image with its prompts.
#[derive(Debug)]
pub struct Asked {
    /// The prompts.
    pub prompts: ImagePrompts,
    /// The image, or why there is none.
    found: Result<PictureFile>,
}

impl Asked {
    /// Whether there is such an image.
    pub fn is_there(&self) -> bool {
        self.found.is_ok()
    }
}

/// The images of a list of prompts, in its order. One that is not there is told when its turn comes.
///
/// # Errors
/// [`Error::NoImage`] where none of them is there. [`Error::Content`] where two names are of one image, or of images whose results
/// would have one name; and where a picture of numbers cannot have so many.
pub fn plan(
    prompts: Vec<ImagePrompts>,
    (pictures, input): (&Pictures, &Path),
    list: &Path,
    format: ResultFormat,
) -> Result<Vec<Asked>> {
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut taken: HashMap<String, String> = HashMap::new();
    let wrong = |expected: &str, found: String| Error::Content {
        file: list.to_path_buf(),
        expected: expected.to_owned(),
        found,
    };
    let asked = prompts.into_iter().map(|prompts| {
        let found = pictures.find(&prompts.image, folder).cloned();
        let found = found.map_err(|found| Error::NoImage {
            input: input.to_path_buf(),
            name: prompts.image.clone(),
            by_number: prompts.is_by_number(),
            found: found.to_owned(),
        });
        if let Ok(file) = &found
            && let Some(other) = taken.insert(file.key(), prompts.image.clone())
        {
            let expected = "images whose names differ before the ending, each called by one name";
            return Err(wrong(expected, format!("{other} and {}", prompts.image)));
        }
        let count = prompts.prompts.len();
        if format == ResultFormat::Instances && count > usize::from(u16::MAX) {
            let expected = "at most 65535 prompts on an image whose masks are numbered";
            return Err(wrong(expected, format!("{count} on {}", prompts.image)));
        }
        Ok(Asked { prompts, found })
    });
    let mut asked = asked.collect::<Result<Vec<Asked>>>()?;
    // The wrong folder, and not some images that are missing.
    let several = asked.len() > 1;
    if asked.iter().all(|one| one.found.is_err())
        && let Some(Asked { found: Err(mut error), .. }) = asked.drain(..).next()
    {
        if let Error::NoImage { found, .. } = &mut error
            && several
        {
            *found += &format!(", nor any other that {} names", list.display());
        }
        return Err(error);
    }
    Ok(asked)
}

/// A model with what it is asked for.
pub struct Batch<'a> {
    /// The model.
    pub predictor: &'a Predictor,
    /// The mask that is wanted.
    pub kind: MaskKind,
    /// Whether prompts are ambiguous.
    pub multimask: bool,
    /// What is written.
    pub format: ResultFormat,
    /// How images are read.
    pub reading: Reading,
    /// Whether what cannot be used ends the work.
    pub fail: bool,
    /// The list of prompts, from whose folder files of masks are named.
    pub list: &'a Path,
    /// The folder that is written into.
    pub output: &'a Path,
    /// How it is told why something cannot be used.
    pub words: &'a (dyn Fn(&Error) -> String + Sync),
    /// Is told of each line once it is kept.
    pub told: &'a (dyn Fn(&ImageRow) + Sync),
    /// Draws masks over their image, where such a picture is wanted of each.
    pub overlay: Option<Overlay<'a>>,
}

/// Draws masks over their image, in the order of its prompts.
pub type Overlay<'a> = &'a (dyn Fn(&RgbImage, &[Rle]) -> RgbImage + Sync);

/// What a call of [`Batch::run`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Worked {
    /// Whether all is finished, and it was not asked to stop.
    pub whole: bool,
    /// Images that were finished before.
    pub before: usize,
    /// Images that were finished now, of which nothing was refused.
    pub finished: usize,
    /// Images that were finished or refused.
    pub images: usize,
    /// All of it.
    pub time: Duration,
    /// What the image encoder took of that.
    pub encoding: Duration,
}

impl Batch<'_> {
    /// Whether an image is finished, its files of masks being what they were.
    fn is_done(&self, asked: &Asked, journal: &Journal) -> bool {
        let image = &asked.prompts.image;
        journal.has(image) && journal.is_done(image, self.mask_files(&asked.prompts).as_deref())
    }

    /// Writes the results of all images, once each has its line, with `numbers` also as COCO has them; `each` is told of every one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Content`] for lines that were changed since.
    pub fn finish(
        &self,
        asked: &[Asked],
        journal: Journal,
        numbers: Option<&CocoNumbers>,
        each: &mut dyn FnMut(&ImageRow),
    ) -> Result<()> {
        journal.finish(asked.iter().map(|one| &*one.prompts.image))?;
        let results = self.output.join(RESULTS);
        let failed = |source| Error::Io { file: results.clone(), action: "read", source };
        let file = std::fs::File::open(&results).map_err(failed)?;
        let rows = BufReader::new(file).split(b'\n').map(|line| -> Result<ImageRow> {
            serde_json::from_slice(&line.map_err(failed)?).map_err(|error| Error::Content {
                file: results.clone(),
                expected: "the result of an image in each line".into(),
                found: error.to_string(),
            })
        });
        match numbers {
            Some(numbers) => numbers.write(self.output, rows, each),
            None => rows.into_iter().try_for_each(|row| row.map(|row| each(&row))),
        }
    }
}
