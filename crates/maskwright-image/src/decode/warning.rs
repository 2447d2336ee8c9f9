//! Pixels together with what was odd about them.

use std::fmt;

use crate::format::Format;

/// Pixels, and what the decoder had to overlook to get them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<T> {
    /// The picture.
    pub pixels: T,
    /// Oddities, empty for a sound file.
    pub warnings: Vec<Warning>,
}

/// Something odd that did not prevent decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The file ends too early; missing parts are grey or smeared.
    Truncated,
    /// The decoder met damaged data and went on.
    DamagedData {
        /// How often.
        count: u64,
        /// The decoder's words on the first one.
        first: String,
    },
    /// Chunks of a PNG that decide about its pixels have not the checksum that they state.
    Checksum {
        /// How many.
        count: u64,
        /// The kind of the first one: `IHDR`, `PLTE`, `tRNS`, `IDAT` or `IEND`.
        chunk: &'static str,
    },
    /// The file holds several pictures; the first was used.
    FirstOfSeveral {
        /// "pages" (TIFF) or "frames" (GIF, WebP, AVIF, JPEG XL).
        what: &'static str,
    },
    /// Alpha that was not opaque was dropped from a picture.
    AlphaDropped,
    /// The colour channels of a mask are not quite equal; the first was taken.
    UnequalChannels {
        /// Pixels whose channels differ.
        pixels: u64,
        /// Largest difference within a pixel, at most 32.
        largest: u8,
    },
    /// A mask is stored with lossy compression, so its edges ring; above 128 still decides.
    LossyMask {
        /// The format: JPEG, WebP, AVIF or JPEG XL.
        format: Format,
        /// Pixels that are neither nearly black (below 64) nor nearly white (above 191).
        between: u64,
    },
}

impl Warning {
    /// Whether it tells of damage, so that pixels may not be what they were when the file was written. The other
    /// warnings are about how sound files are used.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Truncated | Self::DamagedData { .. } | Self::Checksum { .. })
    }

    /// A short, stable word for the kind, for statistics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::DamagedData { .. } => "damaged_data",
            Self::Checksum { .. } => "checksum",
            Self::FirstOfSeveral { .. } => "first_of_several",
            Self::AlphaDropped => "alpha_dropped",
            Self::UnequalChannels { .. } => "unequal_channels",
            Self::LossyMask { .. } => "lossy_mask",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the file ends too early, the missing part was filled in"),
            Self::DamagedData { count: 1, first } => write!(f, "damaged data was skipped: {first}"),
            Self::DamagedData { count, first } => {
                write!(f, "damaged data was skipped {count} times, first: {first}")
            }
            Self::Checksum { count: 1, chunk } => {
                write!(f, "the checksum of the {chunk} chunk is wrong")
            }
            Self::Checksum { count, chunk } => {
                write!(f, "the checksums of {count} chunks are wrong, first: {chunk}")
            }
            Self::FirstOfSeveral { what } => {
                write!(f, "the file holds several {what}, the first was used")
            }
            Self::AlphaDropped => write!(f, "the transparency was dropped"),
            Self::UnequalChannels { pixels, largest } => write!(
                f,
                "the mask's colour channels differ in {pixels} pixels by up to {largest} levels, the first was taken"
            ),
            Self::LossyMask { format, between } => {
                // All JPEG is lossy, of the others some files are.
                let lossy = if *format == Format::Jpeg { "" } else { "lossy " };
                write!(
                    f,
                    "the mask is stored as {lossy}{format}, {between} of its pixels are neither black nor white"
                )
            }
        }
    }
}
