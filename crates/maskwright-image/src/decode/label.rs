//! Mask files to labels, by stated rules.
//!
//! Masks come in many encodings, and one that is silently misread teaches a model nonsense. A label here
//! is grey, 0 to 255, and above 128 is the object. How a file becomes one (the first rule that fits):
//!
//! | the file | the label |
//! |---|---|
//! | grey, 8 bits | as it is |
//! | grey, 1, 2, 4 bits | scaled to 0..255 (1-bit: 0 and 255) |
//! | grey, 16 bits | `v / 257`, rounded |
//! | RGB(A), channels agree everywhere | the first channel |
//! | grey or RGB with alpha, colour the same everywhere but alpha not | alpha |
//! | RGB(A), channels disagree somewhere | error [`MaskColours`](Error::MaskColours) |
//! | palette | its colours, by the rules for RGB(A) |
//! | JPEG | the first channel, with [`Warning::LossyMask`]; colours may differ by what compression does |
//! | only 0 and 1 in the end | error [`MaskZeroOne`](Error::MaskZeroOne) |
//! | nothing above 31 but not all 0 | error [`MaskClassIds`](Error::MaskClassIds) |
//! | 16 bits, nothing above 255 but not all 0 | error [`MaskClassIds`](Error::MaskClassIds) |
//! | all 0 | all 0: whether an empty mask may be used is not decided here |
//!
//! A [`MaskRule`] overrides them where a data set needs it: choose the channel, map stored numbers or
//! colours, invert.

use std::collections::BTreeMap;

use super::{Colour, Decoded, Format, Limits, Warning, jpeg, png, read_header};
use crate::error::{Error, Result};
use crate::image::GreyImage;

/// Where in a mask file the mask is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum MaskChannel {
    /// By the rules of [`MaskRule`].
    #[default]
    Auto,
    /// Red, or grey.
    Red,
    /// Green, or grey.
    Green,
    /// Blue, or grey.
    Blue,
    /// Alpha; an error where the file has none.
    Alpha,
}

/// How a mask file becomes a label. The default applies the automatic rules:
///
/// - grey is taken as it is, 1, 2 and 4 bits scaled, 16 bits rounded to 8;
/// - colours that agree in all channels give that channel, colours that do not are an error;
/// - alpha is the mask where it varies and the colour does not;
/// - masks of only 0 and 1, or of small numbers (class ids), are errors.
///
/// Maps replace these checks: they say what each stored number or colour means, and everything that they do not
/// name is background. With both maps given, `values` is for grey and palette files, `colours` for the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaskRule {
    /// Which channel holds the mask.
    pub channel: MaskChannel,
    /// Stored number (grey level in the file's own depth, 16-bit value, palette index) to label value.
    pub values: BTreeMap<u16, u8>,
    /// Red, green and blue to label value. Not for JPEG, whose colours are not exact.
    pub colours: BTreeMap<[u8; 3], u8>,
    /// Exchanges object and background: `255 - v`, after everything else.
    pub invert: bool,
}

impl MaskRule {
    /// Maps one stored number to 255 and everything else to background.
    pub fn only(value: u16) -> Self {
        Self { values: BTreeMap::from([(value, 255)]), ..Self::default() }
    }
}

/// Largest value that still looks like a class id.
const LARGEST_ID: u16 = 31;
/// Channels of a lossy mask may differ by this much before it counts as coloured.
const LOSSY_COLOUR: u8 = 48;

/// Decodes a mask to a label of 0..255, as stored (the EXIF orientation is not applied).
///
/// # Errors
/// As [`decode_rgb`](super::decode_rgb), and the `Mask...` variants of [`Error`] where the rule does not say
/// what the file's values mean.
pub fn decode_label(bytes: &[u8], rule: &MaskRule, limits: &Limits) -> Result<Decoded<GreyImage>> {
    let header = read_header(bytes)?;
    limits.check(&header, bytes.len())?;
    let (width, height) = (header.width, header.height);
    let (mut data, warnings) = match header.format {
        Format::Png => (from_png(png::read_raw(bytes, limits)?, rule)?, Vec::new()),
        Format::Jpeg => {
            if !rule.values.is_empty() || !rule.colours.is_empty() {
                return Err(Error::MaskMapOnJpeg);
            }
            let Decoded { pixels, mut warnings } = jpeg::decode_rgb(bytes, &header, limits)?;
            let data = from_colours(pixels.data.as_chunks().0, None, rule, width, LOSSY_COLOUR)?;
            let between = data.iter().filter(|&&value| (64..192).contains(&value)).count() as u64;
            warnings.push(Warning::LossyMask { between });
            (data, warnings)
        }
    };
    if rule.values.is_empty() && rule.colours.is_empty() {
        refuse_ids(values(&data), LARGEST_ID)?;
    }
    if rule.invert {
        data.iter_mut().for_each(|value| *value = 255 - *value);
    }
    Ok(Decoded { pixels: GreyImage { width, height, data }, warnings })
}

fn from_png(raw: png::Raw, rule: &MaskRule) -> Result<Vec<u8>> {
    let single = matches!(raw.colour(), Colour::Grey | Colour::Palette);
    let chosen = rule.channel != MaskChannel::Auto;
    if !rule.values.is_empty() && (single || rule.colours.is_empty()) {
        return map_values(&raw, rule);
    }
    if !rule.colours.is_empty() {
        let rgb = raw.into_rgb();
        let label = |colour| rule.colours.get(colour).copied().unwrap_or(0);
        return Ok(rgb.data.as_chunks::<3>().0.iter().map(label).collect());
    }
    if raw.bit_depth() == 16 && raw.colour() == Colour::Grey && !chosen {
        let mut seen = vec![false; 1 << 16];
        raw.stored(0).for_each(|value| seen[usize::from(value)] = true);
        refuse_ids((0..=u16::MAX).filter(|&value| seen[usize::from(value)]), 255)?;
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
            Ok(if constant(&grey) && !constant(&alpha) { alpha } else { grey })
        }
        _ => {
            let (width, alpha) = (raw.width(), raw.alpha());
            let rgb = raw.into_rgb();
            from_colours(rgb.data.as_chunks().0, alpha, rule, width, 0)
        }
    }
}

/// Looks stored numbers up; of several channels the chosen one, or the first where all agree.
fn map_values(raw: &png::Raw, rule: &MaskRule) -> Result<Vec<u8>> {
    let coloured = matches!(raw.colour(), Colour::Rgb | Colour::Rgba);
    let channel = match rule.channel {
        MaskChannel::Alpha => match raw.colour() {
            Colour::Rgba => 3,
            Colour::GreyAlpha => 1,
            _ => return Err(NO_ALPHA),
        },
        MaskChannel::Green if coloured => 1,
        MaskChannel::Blue if coloured => 2,
        MaskChannel::Auto if coloured => {
            let mut pixels = raw.stored(0).zip(raw.stored(1)).zip(raw.stored(2));
            if let Some(at) = pixels.position(|((r, g), b)| r != g || r != b) {
                let colour = [0, 1, 2].map(|channel| raw.channel(channel)[at]);
                let (x, y) = (at % raw.width(), at / raw.width());
                return Err(Error::MaskColours { x, y, colour, alpha_varies: false });
            }
            0
        }
        _ => 0,
    };
    Ok(raw.stored(channel).map(|value| rule.values.get(&value).copied().unwrap_or(0)).collect())
}

const NO_ALPHA: Error = Error::MaskChannel { channel: "alpha" };

/// The rules for colours; channels that differ by at most `tolerance` agree.
fn from_colours(
    pixels: &[[u8; 3]],
    alpha: Option<Vec<u8>>,
    rule: &MaskRule,
    width: usize,
    tolerance: u8,
) -> Result<Vec<u8>> {
    let channel = |index: usize| pixels.iter().map(|pixel| pixel[index]).collect();
    match rule.channel {
        MaskChannel::Red => return Ok(channel(0)),
        MaskChannel::Green => return Ok(channel(1)),
        MaskChannel::Blue => return Ok(channel(2)),
        MaskChannel::Alpha => return alpha.ok_or(NO_ALPHA),
        MaskChannel::Auto => {}
    }
    let varying_alpha = alpha.filter(|alpha| !constant(alpha));
    if let Some(alpha) =
        varying_alpha.as_ref().filter(|_| pixels.iter().all(|pixel| *pixel == pixels[0]))
    {
        return Ok(alpha.clone());
    }
    let disagree = |[r, g, b]: &[u8; 3]| r.max(g).max(b) - r.min(g).min(b) > tolerance;
    match pixels.iter().position(disagree) {
        None => Ok(channel(0)),
        Some(at) => Err(Error::MaskColours {
            x: at % width,
            y: at / width,
            colour: pixels[at],
            alpha_varies: varying_alpha.is_some(),
        }),
    }
}

/// Whether all bytes are the same.
fn constant(data: &[u8]) -> bool {
    data.first().is_none_or(|first| data.iter().all(|value| value == first))
}

/// The values that occur, ascending.
fn values(data: &[u8]) -> impl Iterator<Item = u16> {
    let mut seen = [false; 256];
    data.iter().for_each(|&value| seen[usize::from(value)] = true);
    (0..256u16).filter(move |&value| seen[usize::from(value)])
}

/// Refuses values that are not all zero and nowhere above `largest_id`.
fn refuse_ids(values: impl Iterator<Item = u16>, largest_id: u16) -> Result<()> {
    const SHOWN: usize = 8;
    let mut values: Vec<u16> = values.collect();
    match values.last() {
        None | Some(0) => Ok(()),
        Some(1) => Err(Error::MaskZeroOne),
        Some(&last) if last <= largest_id => {
            let more = values.len() > SHOWN;
            values.truncate(SHOWN);
            Err(Error::MaskClassIds { values, more })
        }
        Some(_) => Ok(()),
    }
}
