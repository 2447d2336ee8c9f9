//! What a mask file's numbers and colours mean.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Red, green and blue together, of files whose numbers are objects: a colour is the number
    /// `red + 256 * green + 65536 * blue`, as in COCO's panoptic masks. Of grey files the number; of the mask of one object as
    /// [`Auto`](MaskChannel::Auto).
    Rgb,
}

/// How a mask file becomes a label: grey, 0 to 255, above 128 is the object.
///
/// Masks come in many encodings, and one that is silently misread teaches a model nonsense. The default is
/// these rules, the first that fits:
///
/// | the file | the label |
/// |---|---|
/// | grey, 8 bits | as it is |
/// | grey, 1, 2, 4 bits | scaled to 0..255 (1 bit: 0 and 255) |
/// | grey, 16 bits | `v / 257`, rounded |
/// | grey or RGB with alpha, colour the same everywhere but alpha not | alpha |
/// | with alpha, channels equal to within 32 levels, alpha above 128 in a part of the pixels and another mask than the colour | alpha where the colour is a photograph; error [`Error::MaskReadings`](crate::Error::MaskReadings) where it looks like a mask |
/// | RGB(A), channels equal everywhere | the first channel |
/// | RGB(A), channels equal to within 32 levels (remnants of a photo, JPEG's chroma) | the first channel, with [`Warning::UnequalChannels`](super::Warning::UnequalChannels) |
/// | RGB(A), channels further apart somewhere, or unequal and nothing above 31 | error [`Error::MaskColours`](crate::Error::MaskColours) |
/// | palette | its colours, by the rules for RGB(A) |
/// | JPEG | by the rules for RGB, with [`Warning::LossyMask`](super::Warning::LossyMask) |
///
/// and then, of what came out:
///
/// | the values | |
/// |---|---|
/// | numbers of objects: several, nearly all from 1 to the largest, in flat pieces, without 255 | error [`Error::MaskObjectNumbers`](crate::Error::MaskObjectNumbers) |
/// | only 0 and 1 | error [`Error::MaskZeroOne`](crate::Error::MaskZeroOne) |
/// | nothing above 31 but not all 0; in 16 bits nothing above 8095 but not all 0 | error [`Error::MaskClassIds`](crate::Error::MaskClassIds) |
/// | numbers from 1 to 31 beside 255 and no other: several, or one that covers more than 255 does, which is nowhere a thin line | error [`Error::MaskBesideVoid`](crate::Error::MaskBesideVoid) |
/// | all 0 | fine: whether an empty mask may be used is not decided here |
///
/// The fields override the rules where a data set needs it. A map replaces the checks: it says what each stored number or
/// colour means, and everything that it does not name is background. With both maps given, `values` is for grey
/// and palette files, `colours` for the rest.
///
/// ```
/// use maskwright_image::{decode::{decode_label, Limits, MaskRule}, encode, Error, GreyImage, Size};
/// let ids = encode::png_grey(&GreyImage::new(Size::new(1, 3), vec![0, 1, 2])?)?;
/// let limits = Limits::default();
/// assert!(matches!(decode_label(&ids, &MaskRule::default(), &limits), Err(Error::MaskClassIds { .. })));
/// assert_eq!(decode_label(&ids, &MaskRule::only(2), &limits)?.pixels.data, [0, 0, 255]);
/// # Ok::<(), maskwright_image::Error>(())
/// ```
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
    /// Stored numbers of pixels that shall not count, neither as object nor as background. With such, a mask in which
    /// one other number but 0 is left shows that number's object, whatever the number. Not for JPEG.
    pub ignore: BTreeSet<u16>,
    /// The numbers that are objects, where a file shows several; where none is named, all but 0 are. Every other pixel is
    /// background.
    pub numbers: BTreeSet<u32>,
    /// How many objects a file holds, and what tells them apart. [`decode_label`](super::decode_label) reads the mask of one object
    /// whatever this says; [`ObjectMap`](super::ObjectMap) reads several.
    pub objects: MaskObjects,
}

/// How many objects a mask file holds, and what tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum MaskObjects {
    /// One object.
    #[default]
    One,
    /// An object for each number but 0.
    Numbers,
    /// An object for each connected piece of the foreground.
    Components,
    /// An object for each connected piece of each number but 0: pieces of two numbers that touch are two.
    NumberComponents,
}

impl MaskRule {
    /// Maps one stored number to 255 and everything else to background.
    pub fn only(value: u16) -> Self {
        Self { values: BTreeMap::from([(value, 255)]), ..Self::default() }
    }
}
