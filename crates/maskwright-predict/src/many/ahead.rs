//! Images that are read and decoded while the model works on those before them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::ordered::{Ordered, Task};
use maskwright_data::source::ValueRangeKey;
use maskwright_image::{RgbImage, decode};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::predictor::{narrow_range, read_image_in_range};

/// Threads that decode. The encoder takes longer than one of them.
const THREADS: usize = 2;

/// Images that are decoded before they are asked for.
const AHEAD: usize = 3;

/// How images are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which numbers of an image of more than 8 bits are black and white.
    pub value_range: Option<ValueRangeKey>,
    /// Whether files that are damaged but decodable are refused.
    pub strict: bool,
}

/// An image, decoded.
#[derive(Debug)]
pub struct Picture {
    /// As a viewer shows it.
    pub pixels: RgbImage,
    /// What was odd about the file.
    pub warnings: Vec<String>,
}

impl Reading {
    /// Reads an image as a viewer shows it.
    ///
    /// # Errors
    /// As [`read_image_in_range`]; [`Error::Damaged`] where damaged files are refused.
    pub fn read(&self, path: &Path) -> Result<Picture> {
        let image = read_image_in_range(path, self.value_range)?;
        self.check(path, &image.warnings)?;
        let mut warnings: Vec<String> = image.warnings.iter().map(ToString::to_string).collect();
        // Only such images are nearly black, and decoded once more for their numbers.
        let dark = self.value_range.is_none() && image.pixels.data.iter().all(|&level| level < 65);
        if let Some(largest) = dark.then(|| narrow_range(path)).flatten() {
            warnings.push(format!(
                "the largest of its numbers is {largest} of 65535, so it is seen nearly black; a value range says \
                 which are black and white"
            ));
        }
        Ok(Picture { pixels: image.pixels, warnings })
    }

    /// Refuses a damaged file, where that is asked for.
    pub(super) fn check(&self, path: &Path, warnings: &[decode::Warning]) -> Result<()> {
        match warnings.iter().find(|one| self.strict && one.is_damage()) {
            Some(damage) => {
                Err(Error::Damaged { file: path.to_path_buf(), damage: damage.to_string() })
            }
            None => Ok(()),
        }
    }
}

/// Decodes these files one after another, ahead of whoever asks for them. Dropping it waits for those that are being decoded.
///
/// # Errors
/// [`Error::Io`] where the system gives no more threads. The items are those of [`Reading::read`].
pub fn read_ahead(
    paths: Vec<PathBuf>,
    reading: Reading,
) -> Result<impl Iterator<Item = Result<Picture>>> {
    let (count, paths) = (paths.len() as u64, Arc::new(paths));
    let job = move |_: &mut (), task: Task| reading.read(&paths[task.index as usize]);
    let mut ordered = Ordered::new(vec![(); THREADS], AHEAD, "decode", job)
        .map_err(Error::io(Path::new("threads"), "start"))?;
    ordered.restart(0, 0, count);
    Ok(ordered)
}
