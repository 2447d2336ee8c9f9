//! Sets whose images have more than 8 bits per channel: which stored numbers are black and white.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use maskwright_image::decode::{Limits, MaskRule, ValueRange};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::exif_rule::ExifRule;
use super::image::ImageForm;
use super::left_out::LeftOut;
use super::located::Located;
use super::mask::{MaskBuffer, Pick};
use super::{ImageBuffer, Source};
use crate::error::{Error, Result};
use crate::record::Record;

/// How many images `"auto"` looks at.
const IMAGES: usize = 32;
/// How many numbers of an image it takes, at equal distances.
const NUMBERS: usize = 1 << 16;
/// Draws the images.
const SEED: u64 = 0x5241_4E47;

/// The key `value_range` of a set: two numbers, or `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected two numbers, the smaller one first, such as [0, 4095], or \"auto\""
)]
pub enum ValueRangeKey {
    /// What becomes 0 and 255.
    Range(ValueRange),
    /// The range between the 0.1th and the 99.9th percentile of the numbers in up to 32 images that are drawn from all of the
    /// set, always the same ones.
    Auto(Auto),
}

/// The word `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// The only one.
    Auto,
}

impl FromStr for ValueRangeKey {
    type Err = String;

    /// Reads `LOW,HIGH` or `auto`.
    fn from_str(text: &str) -> std::result::Result<ValueRangeKey, String> {
        if text == "auto" {
            return Ok(ValueRangeKey::Auto(Auto::Auto));
        }
        let number = |part: &str| part.trim().parse::<f64>().ok();
        text.split_once(',')
            .and_then(|(low, high)| ValueRange::new(number(low)?, number(high)?))
            .map(ValueRangeKey::Range)
            .ok_or_else(|| {
                format!(
                    "expected two numbers, the smaller one first, such as 0,4095, or auto, found {text}"
                )
            })
    }
}

/// The range that [`ValueRangeKey::Auto`] stands for.
///
/// # Errors
/// An image that cannot be read, or [`Error::Setting`] where no image has more than 8 bits, or all have one number.
pub(super) fn automatic(source: &dyn Source) -> Result<ValueRange> {
    let mut numbers = Vec::new();
    let mut image = ImageBuffer::new();
    for index in drawn(source.len()) {
        let at = source.locate(index)?;
        source.image(&at, &mut image)?;
        if image.form == ImageForm::File {
            let read = image
                .open()
                .and_then(|file| file.deep_numbers(&Limits::default()))
                .map_err(|error| refused(source, index, error))?;
            let all = read.unwrap_or_default();
            let step = all.len().div_ceil(NUMBERS).max(1);
            numbers.extend(all.into_iter().step_by(step).filter(|number| number.is_finite()));
        }
    }
    let one = numbers.first().copied();
    ValueRange::spanning(numbers).ok_or_else(|| Error::Setting {
        key: format!("value_range of set {}", source.name()),
        expected: "two numbers, because \"auto\" needs images of more than 8 bits that differ"
            .into(),
        found: one.map_or_else(
            || "none with more than 8 bits".into(),
            |one| format!("numbers that are nearly all the same, such as {one}"),
        ),
    })
}

/// The numbers of the images that are looked at, ascending.
fn drawn(records: usize) -> BTreeSet<usize> {
    if records <= IMAGES {
        return (0..records).collect();
    }
    let mut generator = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = BTreeSet::new();
    while drawn.len() < IMAGES {
        drawn.insert((generator.next_u64() % records as u64) as usize);
    }
    drawn
}

fn refused(source: &dyn Source, index: usize, error: maskwright_image::Error) -> Error {
    source.record(index).map_or_else(
        |other| other,
        |record| Error::Image { record: record.to_string(), file: record.image, source: error },
    )
}

/// A set whose images are seen in a range.
pub(super) struct Ranged {
    pub(super) set: Arc<dyn Source>,
    pub(super) range: ValueRange,
}

impl Source for Ranged {
    fn name(&self) -> &str {
        self.set.name()
    }
    fn len(&self) -> usize {
        self.set.len()
    }
    fn record(&self, index: usize) -> Result<Record> {
        self.set.record(index)
    }
    fn locate(&self, index: usize) -> Result<Located> {
        self.set.locate(index)
    }
    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        self.set.identity(at)
    }
    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        self.set.image(at, image)?;
        image.range = Some(self.range);
        Ok(())
    }
    fn objects(&self, at: &Located) -> Result<usize> {
        self.set.objects(at)
    }
    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        self.set.mask(at, pick, mask)
    }
    fn mask_rule(&self) -> &MaskRule {
        self.set.mask_rule()
    }
    fn exif(&self) -> ExifRule {
        self.set.exif()
    }
    fn value_range(&self) -> Option<ValueRange> {
        Some(self.range)
    }
    fn left_out(&self) -> &[LeftOut] {
        self.set.left_out()
    }
}
