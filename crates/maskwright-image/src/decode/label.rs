//! Mask files to labels, by the rules stated at [`MaskRule`].

use std::collections::BTreeSet;

use super::alpha::{Alpha, decide};
use super::file::ImageFile;
use super::formats::codec;
use super::header::{Colour, Header};
use super::limits::Limits;
use super::mask_rule::{MaskChannel, MaskRule};
use super::meaning::{LARGEST_ID, refuse_numbers, refuse_several, refuse_wide_numbers};
use super::png;
use super::raw::{Numbers, Raw, fraction};
use super::uniform::{constant, is_grey};
use super::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::image::GreyImage;
use crate::size::Size;

/// Channels may differ by this much before a mask counts as coloured.
const COLOUR_TOLERANCE: u8 = 32;

/// Decodes a mask to a label of 0..255, as stored (the EXIF orientation is not applied).
///
/// # Errors
/// As [`decode_rgb`](super::decode_rgb), and the `Mask...` variants of [`Error`] where the rule does not say
/// what the file's values mean.
pub fn decode_label(bytes: &[u8], rule: &MaskRule, limits: &Limits) -> Result<Decoded<GreyImage>> {
    let mut pixels = GreyImage::default();
    let file = ImageFile::read(bytes)?;
    let warnings = LabelDecoder::default().decode_file(&file, rule, limits, &mut pixels)?;
    Ok(Decoded { pixels, warnings })
}

/// Decodes masks one after the other and keeps its memory: after the first, plain grey files of 8 bits, which most
/// masks are, take none.
///
/// ```
/// use maskwright_image::{decode::{LabelDecoder, Limits, MaskRule}, encode, GreyImage, Size};
/// let (mut decoder, mut label) = (LabelDecoder::default(), GreyImage::default());
/// for side in [5, 8] {
///     let file = encode::png_grey(&GreyImage::filled(Size::square(side), 255))?;
///     decoder.decode(&file, &MaskRule::default(), &Limits::default(), &mut label)?;
///     assert_eq!(label, GreyImage::filled(Size::square(side), 255));
/// }
/// # Ok::<(), maskwright_image::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct LabelDecoder {
    png: png::Scratch,
    ignored: Option<GreyImage>,
}

impl LabelDecoder {
    /// Takes out which pixels of the mask decoded last do not count by [`MaskRule::ignore`]: 255 there, 0 elsewhere, as
    /// stored. None where the rule names no numbers.
    pub fn take_ignored(&mut self) -> Option<GreyImage> {
        self.ignored.take()
    }

    /// As [`Self::decode_file`], of a file whose header was not read yet.
    ///
    /// # Errors
    /// As [`decode_label`]; `label` is then empty.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        rule: &MaskRule,
        limits: &Limits,
        label: &mut GreyImage,
    ) -> Result<Vec<Warning>> {
        match ImageFile::read(bytes) {
            Ok(file) => self.decode_file(&file, rule, limits, label),
            Err(error) => {
                label.size = Size::default();
                label.data.clear();
                Err(error)
            }
        }
    }

    /// Makes `label` what [`decode_label`] gives, in the memory that it has, and returns the warnings.
    ///
    /// # Errors
    /// As [`decode_label`]; `label` is then empty.
    pub fn decode_file(
        &mut self,
        file: &ImageFile<'_>,
        rule: &MaskRule,
        limits: &Limits,
        label: &mut GreyImage,
    ) -> Result<Vec<Warning>> {
        let done = self.decode_data(file, rule, limits, &mut label.data);
        if done.is_ok() {
            label.size = file.header().size;
        } else {
            label.size = Size::default();
            label.data.clear();
        }
        done
    }

    fn decode_data(
        &mut self,
        file: &ImageFile<'_>,
        rule: &MaskRule,
        limits: &Limits,
        data: &mut Vec<u8>,
    ) -> Result<Vec<Warning>> {
        let (bytes, header) = (file.bytes(), file.header());
        limits.check(header, bytes.len())?;
        let mapped = !rule.values.is_empty() || !rule.colours.is_empty();
        self.ignored = None;
        let plain = header.format == Format::Png
            && !mapped
            && rule.ignore.is_empty()
            && rule.channel != MaskChannel::Alpha;
        let mut warnings = Vec::new();
        if plain {
            let raw = png::read_mask(bytes, header, limits, &mut self.png, data)?;
            warnings.extend(png::check_checksums(bytes));
            if let Some(raw) = raw {
                *data = from_raw(raw, rule, &mut warnings)?;
            }
        } else {
            let mut ignored = None;
            *data = decode_any(bytes, header, rule, limits, &mut warnings, &mut ignored)?;
            self.ignored = ignored.map(|data| GreyImage { size: header.size, data });
        }
        if !mapped && rule.ignore.is_empty() {
            let exact =
                !warnings.iter().any(|warning| matches!(warning, Warning::LossyMask { .. }));
            refuse_numbers(data, header.size.width, exact)?;
        }
        if rule.invert {
            data.iter_mut().for_each(|value| *value = 255 - *value);
        }
        // Whatever was made of a number to be ignored, it is no object.
        if let Some(ignored) = &self.ignored {
            let pixels = data.iter_mut().zip(&ignored.data);
            pixels.filter(|(_, ignored)| **ignored > 0).for_each(|(value, _)| *value = 0);
        }
        Ok(warnings)
    }
}

/// Any mask, before the values are looked at.
fn decode_any(
    bytes: &[u8],
    header: &Header,
    rule: &MaskRule,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
    ignored: &mut Option<Vec<u8>>,
) -> Result<Vec<u8>> {
    let lossy = header.is_lossy();
    let mapped = !rule.values.is_empty() || !rule.colours.is_empty();
    if lossy && (mapped || !rule.ignore.is_empty()) {
        return Err(Error::MaskMapOnLossy { format: header.format });
    }
    let decoded = codec(header.format).decode_raw(bytes, header, limits)?;
    warnings.extend(decoded.warnings);
    let raw = without_floats(decoded.pixels)?;
    let data = if rule.ignore.is_empty() {
        from_raw(raw, rule, warnings)?
    } else {
        let (label, pixels) = from_raw_ignoring(raw, rule, warnings)?;
        *ignored = Some(pixels);
        label
    };
    if lossy {
        let between = data.iter().filter(|&&value| (64..192).contains(&value)).count() as u64;
        warnings.push(Warning::LossyMask { format: header.format, between });
    }
    Ok(data)
}

/// Integers in place of floats and of integers that are signed or have more than 16 bits.
///
/// # Errors
/// [`Error::MaskNumbers`] for numbers that are neither fractions from 0 to 1 nor whole numbers of 16 bits.
pub(super) fn without_floats(raw: Raw) -> Result<Raw> {
    let Some(floats) = raw.floats() else { return Ok(raw) };
    let is_fraction = |value: &f32| (0.0..=1.0).contains(value);
    let whole = |value: &f32| (0.0..=65535.0).contains(value) && value.fract() == 0.0;
    let numbers = if raw.is_unit() && floats.iter().all(is_fraction) {
        let data = floats.iter().map(|&value| fraction(value)).collect();
        Numbers::Bytes { data, full: 255 }
    } else if floats.iter().all(whole) {
        if floats.iter().all(|value| *value <= 255.0) {
            Numbers::Bytes { data: floats.iter().map(|value| *value as u8).collect(), full: 255 }
        } else {
            let bytes = floats.iter().flat_map(|value| (*value as u16).to_be_bytes());
            Numbers::Wide { data: bytes.collect(), full: u16::MAX }
        }
    } else {
        let limit = |better: fn(f32, f32) -> f32| {
            floats.iter().copied().reduce(better).unwrap_or_default().to_string()
        };
        return Err(Error::MaskNumbers { smallest: limit(f32::min), largest: limit(f32::max) });
    };
    Ok(raw.with_numbers(numbers))
}

/// As [`from_raw`], with a second list: 255 where the number is one to be ignored, 0 elsewhere.
fn from_raw_ignoring(
    raw: Raw,
    rule: &MaskRule,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let (width, wide) = (raw.width(), raw.is_wide());
    let mut numbers: Vec<u16> = raw.stored(numbered_channel(&raw, rule)?).collect();
    let mut is_ignored = vec![false; 1 << 16];
    rule.ignore.iter().for_each(|&number| is_ignored[usize::from(number)] = true);
    let ignored = numbers.iter().map(|&number| 255 * u8::from(is_ignored[usize::from(number)]));
    let ignored: Vec<u8> = ignored.collect();
    if !rule.values.is_empty() || !rule.colours.is_empty() {
        return Ok((from_raw(raw, rule, warnings)?, ignored));
    }
    let left = numbers.iter_mut().zip(&ignored).filter(|(_, ignored)| **ignored > 0);
    left.for_each(|(number, _)| *number = 0);
    let mut objects = numbers.iter().copied().filter(|&number| number > 0);
    let first = objects.next();
    if objects.all(|number| Some(number) == first) {
        let label = numbers.iter().map(|&number| 255 * u8::from(number > 0));
        return Ok((label.collect(), ignored));
    }
    refuse_several(&numbers, width, wide)?;
    // As it would be read without any to be ignored, whose numbers say nothing about the others.
    let levels = MaskRule { ignore: BTreeSet::new(), ..rule.clone() };
    let label = if wide && raw.colour() == Colour::Grey {
        raw.channel(0)
    } else {
        from_raw(raw, &levels, warnings)?
    };
    Ok((label, ignored))
}

/// A decoded mask, before the values are looked at.
fn from_raw(raw: Raw, rule: &MaskRule, warnings: &mut Vec<Warning>) -> Result<Vec<u8>> {
    let single = matches!(raw.colour(), Colour::Grey | Colour::Palette);
    let chosen = rule.channel != MaskChannel::Auto;
    if !rule.values.is_empty() && (single || rule.colours.is_empty()) {
        return map_values(&raw, rule);
    }
    if !rule.colours.is_empty() {
        let rgb = raw.into_rgb(None)?;
        let label = |colour| rule.colours.get(colour).copied().unwrap_or(0);
        return Ok(rgb.data.as_chunks::<3>().0.iter().map(label).collect());
    }
    if raw.is_wide() && raw.colour() == Colour::Grey && !chosen {
        let numbers: Vec<u16> = raw.stored(0).collect();
        refuse_wide_numbers(&numbers, raw.width())?;
    }
    match raw.colour() {
        Colour::Grey if rule.channel != MaskChannel::Alpha => {
            Ok(raw.into_grey8().unwrap_or_else(|raw| raw.channel(0)))
        }
        Colour::GreyAlpha if chosen => {
            Ok(raw.channel(usize::from(rule.channel == MaskChannel::Alpha)))
        }
        Colour::GreyAlpha => {
            let (grey, alpha) = (raw.channel(0), raw.channel(1));
            if constant(&grey) {
                return Ok(if constant(&alpha) { grey } else { alpha });
            }
            Ok(match decide(&grey, &alpha)? {
                Alpha::Mask => alpha,
                Alpha::Idle => grey,
            })
        }
        _ => {
            let (width, alpha) = (raw.width(), raw.alpha());
            let rgb = raw.into_rgb(None)?;
            from_colours(rgb.data.as_chunks().0, alpha, rule, width, warnings)
        }
    }
}

/// Looks stored numbers up.
fn map_values(raw: &Raw, rule: &MaskRule) -> Result<Vec<u8>> {
    let channel = numbered_channel(raw, rule)?;
    Ok(raw.stored(channel).map(|value| rule.values.get(&value).copied().unwrap_or(0)).collect())
}

/// The channel whose stored numbers are meant: of several the chosen one, or the first where all agree.
pub(super) fn numbered_channel(raw: &Raw, rule: &MaskRule) -> Result<usize> {
    let coloured = matches!(raw.colour(), Colour::Rgb | Colour::Rgba);
    match rule.channel {
        MaskChannel::Alpha => match raw.colour() {
            Colour::Rgba => Ok(3),
            Colour::GreyAlpha => Ok(1),
            _ => Err(NO_ALPHA),
        },
        MaskChannel::Green if coloured => Ok(1),
        MaskChannel::Blue if coloured => Ok(2),
        MaskChannel::Auto if coloured => {
            let mut pixels = raw.stored(0).zip(raw.stored(1)).zip(raw.stored(2));
            if let Some(at) = pixels.position(|((r, g), b)| r != g || r != b) {
                let colour = [0, 1, 2].map(|channel| raw.channel(channel)[at]);
                let (x, y) = (at % raw.width(), at / raw.width());
                return Err(Error::MaskColours { x, y, colour, alpha_varies: false });
            }
            Ok(0)
        }
        _ => Ok(0),
    }
}

const NO_ALPHA: Error = Error::MaskChannel { channel: "alpha" };

/// The rules for colours.
fn from_colours(
    pixels: &[[u8; 3]],
    alpha: Option<Vec<u8>>,
    rule: &MaskRule,
    width: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    let channel = |index: usize| pixels.iter().map(|pixel| pixel[index]).collect();
    match rule.channel {
        MaskChannel::Red => return Ok(channel(0)),
        MaskChannel::Green => return Ok(channel(1)),
        MaskChannel::Blue => return Ok(channel(2)),
        MaskChannel::Alpha => return alpha.ok_or(NO_ALPHA),
        MaskChannel::Auto | MaskChannel::Rgb => {}
    }
    let alpha = alpha.filter(|alpha| !constant(alpha));
    let (mut unequal, mut largest, mut brightest) = (0, 0, 0);
    // Of grey pixels, which most masks of several channels have, nothing needs to be known but that.
    let coloured = if is_grey(pixels) { &[] } else { pixels };
    for [r, g, b] in coloured {
        let spread = r.max(g).max(b) - r.min(g).min(b);
        unequal += u64::from(spread > 0);
        largest = largest.max(spread);
        brightest = brightest.max(*r.max(g).max(b));
    }
    if let Some(alpha) = &alpha
        && pixels.iter().all(|pixel| *pixel == pixels[0])
    {
        return Ok(alpha.clone());
    }
    // Dark class colours such as (0, 20, 0) agree only in being dark.
    let agree = largest <= COLOUR_TOLERANCE && u16::from(brightest) > LARGEST_ID;
    if unequal == 0 || agree {
        let grey: Vec<u8> = channel(0);
        if let Some(alpha) = alpha
            && matches!(decide(&grey, &alpha)?, Alpha::Mask)
        {
            return Ok(alpha);
        }
        if unequal > 0 {
            warnings.push(Warning::UnequalChannels { pixels: unequal, largest });
        }
        return Ok(grey);
    }
    let shown = if largest > COLOUR_TOLERANCE { COLOUR_TOLERANCE } else { 0 };
    let disagree = |[r, g, b]: &[u8; 3]| r.max(g).max(b) - r.min(g).min(b) > shown;
    let at = pixels.iter().position(disagree).unwrap_or(0);
    let alpha_varies = alpha.is_some();
    Err(Error::MaskColours { x: at % width, y: at / width, colour: pixels[at], alpha_varies })
}
