//! What is found on one record, and which check the decoder's words fall under.

use std::path::Path;

use maskwright_data::Error;
use maskwright_image::decode::{
    Colour, Format, Header, ImageFile, Limits, NumberKind, Warning, decode_rgb,
};
use maskwright_image::{RgbImage, Size};

use crate::differ::Differ;
use crate::edges::Sides;
use crate::finding::Check;
use crate::fingerprint::Look;
use crate::values;

/// Something found on a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Issue {
    pub(super) check: Check,
    /// Number of the object in its record, and the annotation's id.
    pub(super) nth: usize,
    pub(super) object: Option<u64>,
    /// Whether the image is to be looked at, not the mask.
    pub(super) image: bool,
    pub(super) detail: String,
    pub(super) hint: Hint,
}

/// What the line that fixes an issue is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Hint {
    #[default]
    None,
    /// Numbers that occur in masks.
    Values(Vec<u16>),
    /// Colours that occur in masks, by pixels.
    Colours(Vec<([u8; 3], u64)>),
    /// The mask may lie in the alpha channel.
    Alpha,
    /// The smallest scale at which the object is large enough, and its pixels.
    Scale { need: f64, area: usize },
    /// Which way of turning fits the image's edges better.
    Turn(Sides),
    /// The largest number of a picture of 16 bits.
    Largest(u16),
    /// `exif = "auto"` would make the sizes fit.
    ExifAuto,
    /// How the sizes differ.
    Sizes(Differ),
}

/// What is known about a record afterwards.
#[derive(Debug, Clone, Default)]
pub(super) struct Inspection {
    pub(super) issues: Vec<Issue>,
    /// Whether training could use it.
    pub(super) usable: bool,
    /// Whether the image can be.
    pub(super) decoded: bool,
    /// Bytes that were read.
    pub(super) bytes: u64,
    /// Size of the image, upright, where its header could be read.
    pub(super) size: Option<Size>,
    /// Objects that the record says it has.
    pub(super) objects: usize,
    /// Area of each object that could be read, by the image's.
    pub(super) areas: Vec<f64>,
    pub(super) image_hash: Option<u128>,
    pub(super) look: Option<Look>,
    /// Hash of the mask, where it is the record's only one and shows something.
    pub(super) mask_hash: Option<u128>,
}

impl Inspection {
    /// Notes something about the record's only object, or about its image.
    pub(super) fn note(
        &mut self,
        check: Check,
        image: bool,
        detail: impl Into<String>,
    ) -> &mut Issue {
        let detail = detail.into();
        self.issues.push(Issue { check, nth: 0, object: None, image, detail, hint: Hint::None });
        let last = self.issues.len() - 1;
        &mut self.issues[last]
    }
}

/// The ending of a file against its content.
pub(super) fn extension(file: &Path, format: Format, image: bool, found: &mut Inspection) {
    let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let Some(named) = Format::of_ending(&ending) else { return };
    if named != format {
        let what = if image { "image" } else { "mask" };
        found.note(Check::WrongExtension, image, format!("{what}: .{ending}, but {format} inside"));
    }
}

pub(super) fn format_notes(header: &Header, found: &mut Inspection) {
    match header.colour {
        Colour::Cmyk => {
            found.note(Check::CmykImage, true, "four printing inks");
        }
        Colour::Palette => {
            found.note(Check::PaletteImage, true, format!("{} bits per pixel", header.bit_depth));
        }
        _ => {}
    }
    if header.bit_depth == 16 {
        found.note(Check::SixteenBitImage, true, "16 bits per channel");
    }
}

/// Pictures of 16 bits that use a small part of them; `pixels` is the file as it is seen without a range.
pub(super) fn numbers(
    file: &ImageFile<'_>,
    pixels: &RgbImage,
    limits: &Limits,
    found: &mut Inspection,
) {
    /// 14 bits; brighter pictures are seen as such.
    const NARROW: f32 = 16383.0;
    /// The highest level that it has: PNM has files of 16 bits whose white is 32768.
    const NARROW_LEVEL: u8 = 128;
    let header = file.header();
    if header.bit_depth != 16 || header.numbers != NumberKind::Unsigned {
        return;
    }
    // Most pictures are brighter, and are not decoded again for their numbers.
    if pixels.data.iter().any(|&level| level > NARROW_LEVEL) {
        return;
    }
    let Ok(Some(numbers)) = file.deep_numbers(limits) else { return };
    let largest = numbers.into_iter().fold(0.0, f32::max);
    if largest <= NARROW {
        let detail = format!("the largest of its numbers is {largest} of 65535");
        found.note(Check::NarrowRange, true, detail).hint = Hint::Largest(largest as u16);
    }
}

/// The decoder's warnings about a file.
pub(super) fn warnings(what: &str, image: bool, warnings: &[Warning], found: &mut Inspection) {
    let cut = warnings.contains(&Warning::Truncated);
    for warning in warnings {
        let check = match warning {
            Warning::Truncated => Check::TruncatedFile,
            // The decoder's own words on the end that is missing.
            Warning::DamagedData { .. } if cut => continue,
            Warning::DamagedData { .. } | Warning::Checksum { .. } => Check::DamagedData,
            Warning::AlphaDropped => Check::TransparentImage,
            Warning::UnequalChannels { .. } => Check::UnevenChannels,
            Warning::FirstOfSeveral { .. } => Check::SeveralPictures,
            // Told with the mask's levels.
            _ => continue,
        };
        found.note(check, image, format!("{what}: {warning}"));
    }
}

/// A mask file that the rules refuse.
pub(super) fn refused_mask(
    error: &maskwright_image::Error,
    file: &[u8],
    limits: &Limits,
    found: &mut Inspection,
) {
    use maskwright_image::Error as E;
    let words = format!("mask: {error}");
    match error {
        E::MaskZeroOne => {
            found.note(Check::ZeroOneMask, false, "the values are 0 and 1");
        }
        E::MaskClassIds { values, more } => {
            let all = if *more { values::stored(file, limits) } else { Some(values.clone()) };
            let values = all.unwrap_or_else(|| values.clone());
            let detail = format!("the values are {}", values::listed(&values));
            found.note(Check::ClassIdMask, false, detail).hint = Hint::Values(values);
        }
        E::MaskObjectNumbers { count, smallest, largest } => {
            let detail = format!("{count} numbers from {smallest} to {largest}");
            found.note(Check::InstanceMask, false, detail);
        }
        E::MaskBesideVoid { values, .. } => {
            let mut all = values::stored(file, limits).unwrap_or_else(|| values.clone());
            let detail = format!("the values are {}", values::listed(&all));
            all.retain(|value| !matches!(value, 0 | 255));
            found.note(Check::VoidMask, false, detail).hint = Hint::Values(all);
        }
        E::MaskColours { alpha_varies, .. } => {
            let colours = decode_rgb(file, limits).map(|decoded| values::colours(&decoded.pixels));
            let colours = colours.unwrap_or_default();
            let alpha = if *alpha_varies { ", and its alpha varies" } else { "" };
            let detail = format!("{}{alpha}", values::listed_colours(&colours));
            let issue = found.note(Check::ColourMask, false, detail);
            issue.hint = if *alpha_varies { Hint::Alpha } else { Hint::Colours(colours) };
        }
        E::MaskReadings { .. } => {
            found.note(Check::ColourMask, false, words).hint = Hint::Alpha;
        }
        E::MaskChannel { .. }
        | E::MaskMapOnLossy { .. }
        | E::MaskNumbersOnLossy { .. }
        | E::MaskNumbers { .. } => {
            found.note(Check::MaskSettings, false, words);
        }
        _ => {
            found.note(check_of(error), false, words);
        }
    }
}

/// An object that its source could not hand out.
pub(super) fn refused(found: &mut Inspection, error: &Error) {
    let (check, text) = match error {
        Error::Annotation { source, .. } => (Check::AnnotationInvalid, source.to_string()),
        Error::AnnotationFile { .. } | Error::Json { .. } => {
            (Check::AnnotationInvalid, reason(error))
        }
        Error::Image { source, .. } => (check_of(source), format!("mask: {source}")),
        _ => (Check::UnreadableFile, reason(error)),
    };
    found.note(check, false, text);
}

/// The check that a codec's error falls under.
pub(super) fn check_of(error: &maskwright_image::Error) -> Check {
    use maskwright_image::Error as E;
    match error {
        E::UnknownFormat { .. } => Check::NotAnImage,
        E::NoRange { .. } => Check::NoRange,
        E::Unsupported { .. }
        | E::FormatNotRead { .. }
        | E::TooManyPixels { .. }
        | E::TooManyBytes { .. }
        | E::OverBudget { .. }
        | E::TooManyScans { .. } => Check::UnsupportedFile,
        _ => Check::DamagedFile,
    }
}

/// An error in words that do not name the file once more.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Read { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
