//! Files that list prompts on many images: a detector's boxes, clicks that were stored, prompts of our own form.
//!
//! | ending | content |
//! |---|---|
//! | `.csv` | a header and a row per prompt: `image`; `x0, y0, x1, y1` (inclusive pixel indices), `points` (`x y label; ...`), or both; and where they are wanted `id`, `score`, `category_id`. Detectors' names of these columns are taken, too |
//! | `.json` | COCO's list of results (`image_id`, `category_id`, `bbox`, `score`), COCO's instances file (`images`, `annotations`), or a list of prompts as [`prompt_file`](crate::prompt_file) reads it, each with `image`, and with `id`, `score`, `category_id` |
//! | `.jsonl` | the same objects, one per line |
//!
//! ```
//! use maskwright_predict::listed_prompts::parse;
//!
//! let text = "image,x0,y0,x1,y1,id\na.jpg,1,2,30,40,left\nb.jpg,5,5,9,9,\na.jpg,0,0,9,9,7\n";
//! let images = parse(text.as_bytes(), "boxes.csv".as_ref())?;
//! let counts: Vec<_> = images.iter().map(|one| (&*one.image, one.prompts.len())).collect();
//! assert_eq!(counts, [("a.jpg", 2), ("b.jpg", 1)]);
//! # Ok::<(), maskwright_predict::Error>(())
//! ```

mod coco_images;
mod columns;
mod csv;
mod json;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use coco_images::CocoImages;

use crate::error::{Error, Result};
use crate::files::read_at_most;
use crate::prompt_file::PromptEntry;

/// The longest file that is read.
const MAX_BYTES: u64 = 1 << 30;

/// A number or a name that the list gave, and that the results keep.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(i64),
    /// Any other text.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => write!(f, "{number}"),
            Id::Text(text) => f.write_str(text),
        }
    }
}

/// One prompt of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedPrompt {
    /// What the list calls the object.
    pub id: Option<Id>,
    /// How sure whoever made the list was of it.
    pub score: Option<f64>,
    /// The class of the object.
    pub category_id: Option<Id>,
    /// What points at it.
    pub entry: PromptEntry,
}

/// The prompts of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagePrompts {
    /// The image's name as the list has it: a file name, with folders or without, with its ending or without, or a number.
    pub image: String,
    /// The id of the image, in lists that know images by ids.
    pub image_id: Option<Id>,
    /// Its prompts, in the order of the list; there is at least one.
    pub prompts: Vec<ListedPrompt>,
}

impl ImagePrompts {
    /// Whether the list knows the image by COCO's number alone, and not by a name.
    pub fn is_by_number(&self) -> bool {
        self.image_id.as_ref().is_some_and(|id| id.to_string() == self.image)
    }
}

/// Reads a list. Its images are in the order in which they are first named, and there is at least one.
///
/// # Errors
/// [`Error::Io`]; [`Error::FileName`] for another ending; [`Error::Content`] names the row or the prompt that is none.
pub fn read(file: &Path) -> Result<Vec<ImagePrompts>> {
    parse(&read_at_most(file, MAX_BYTES)?, file)
}

/// As [`read`], of the bytes of `file`.
///
/// # Errors
/// [`Error::FileName`], [`Error::Content`].
pub fn parse(bytes: &[u8], file: &Path) -> Result<Vec<ImagePrompts>> {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    // Spreadsheets and some editors begin their files with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut list = List { file, images: Vec::new(), places: HashMap::new() };
    match &*ending {
        "csv" => csv::read(bytes, &mut list)?,
        "json" => json::read(bytes, &mut list)?,
        "jsonl" => json::read_lines(bytes, &mut list)?,
        _ => {
            let expected = "a list of prompts whose name ends in .csv, .json or .jsonl";
            return Err(Error::FileName { file: file.to_path_buf(), expected });
        }
    }
    if list.images.is_empty() {
        return Err(list.wrong("at least one prompt", "none"));
    }
    Ok(list.images)
}

/// A list while it is read.
struct List<'a> {
    file: &'a Path,
    images: Vec<ImagePrompts>,
    places: HashMap<String, usize>,
}

impl List<'_> {
    /// Adds a prompt; `place` is how errors call it, such as "row 3".
    fn add(
        &mut self,
        (image, image_id): (String, Option<Id>),
        prompt: ListedPrompt,
        place: &dyn Fn() -> String,
    ) -> Result<()> {
        let PromptEntry { box_xyxy, points, mask, mask_input } = &prompt.entry;
        if image.is_empty() {
            return Err(self.wrong(&format!("the name of an image in {}", place()), "none"));
        }
        if box_xyxy.is_none() && points.is_empty() && mask.is_none() && mask_input.is_none() {
            let expected = format!("a box, points or a mask in {}", place());
            return Err(self.wrong(&expected, "none of them"));
        }
        let number = *self.places.entry(image.clone()).or_insert(self.images.len());
        if number == self.images.len() {
            self.images.push(ImagePrompts { image, image_id, prompts: Vec::new() });
        }
        self.images[number].prompts.push(prompt);
        Ok(())
    }

    fn wrong(&self, expected: &str, found: impl ToString) -> Error {
        Error::Content {
            file: self.file.to_path_buf(),
            expected: expected.to_owned(),
            found: found.to_string(),
        }
    }
}
