//! The errors of this crate.
//!
//! Messages say what was found and what would be accepted. They contain no file name, since this crate
//! works on bytes; the crate that read the file adds the name.

use crate::format::Format;
use crate::size::Size;

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a picture or a mask was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// None of the formats that are read, judged by content and not by a file's extension.
    #[error("not an image of a known format{}", hint(known_as))]
    UnknownFormat {
        /// The kind of file that the first bytes show, where known ("markup, perhaps a saved web page", ...).
        known_as: Option<&'static str>,
    },
    /// An image of a format that is known, but not read here.
    #[error("{format} is not read; convert the file, for instance with `{convert}`")]
    FormatNotRead {
        /// The format ("HEIC", "AVIF", ...).
        format: &'static str,
        /// A command that makes a file of it that is read.
        convert: &'static str,
    },
    /// The header is damaged or ends too early, so that not even the size is known.
    #[error("damaged {format} header: {reason}")]
    Header {
        /// The format that the first bytes show.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// A valid file of a kind that is not decoded.
    #[error("{format} with {feature} is not supported")]
    Unsupported {
        /// The format.
        format: Format,
        /// The kind ("arithmetic coding", "12-bit samples", ...).
        feature: String,
    },
    /// The pixels cannot be decoded.
    #[error("damaged {format}: {reason}")]
    Damaged {
        /// The format.
        format: Format,
        /// What the decoder met.
        reason: String,
    },
    /// The header claims more pixels than allowed.
    #[error("{size} pixels are more than the limit of {max_pixels} pixels")]
    TooManyPixels {
        /// Claimed size.
        size: Size,
        /// [`Limits::max_pixels`](crate::decode::Limits::max_pixels).
        max_pixels: u64,
    },
    /// Decoding would take more memory than allowed.
    #[error("decoding needs {needed} bytes, more than the limit of {max_bytes} bytes")]
    TooManyBytes {
        /// Memory that decoding would take, at least.
        needed: u64,
        /// [`Limits::max_bytes`](crate::decode::Limits::max_bytes).
        max_bytes: u64,
    },
    /// Decoding would take more memory than all decoding may take together.
    #[error(
        "decoding needs {needed} bytes, more than the {budget} bytes that all decoding may take together"
    )]
    OverBudget {
        /// Memory that decoding takes at most.
        needed: u64,
        /// [`DecodeBudget::bytes`](crate::decode::DecodeBudget::bytes).
        budget: u64,
    },
    /// A file far too short for the size in its header.
    #[error("{length} bytes cannot hold the {size} pixels that the header claims")]
    Implausible {
        /// Claimed size.
        size: Size,
        /// Length of the file in bytes.
        length: usize,
    },
    /// A progressive JPEG with more passes than any encoder writes.
    #[error("more than {max_scans} progressive scans")]
    TooManyScans {
        /// The limit.
        max_scans: u32,
    },
    /// A pixel buffer whose length does not fit its size.
    #[error("{size} x {channels} needs {expected} bytes, got {found}")]
    BufferSize {
        /// Size in pixels.
        size: Size,
        /// Bytes per pixel.
        channels: usize,
        /// Bytes that the size asks for.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The picture's size is not the one that the sampling tables were made for.
    #[error("sampling tables are for {expected} pixels, the picture has {found}")]
    TableSize {
        /// The size that the tables were made for.
        expected: Size,
        /// The size of the picture.
        found: Size,
    },
    /// Numbers of a picture that are no grey levels by themselves: floats beyond 0 to 1, signed integers or integers of
    /// more than 16 bits.
    #[error(
        "the picture's numbers go from {smallest} to {largest}, and nothing says which of them is black and which \
         white; say it with value_range = [BLACK, WHITE] or value_range = \"auto\""
    )]
    NoRange {
        /// The smallest number.
        smallest: String,
        /// The largest number.
        largest: String,
    },
    /// A mask of numbers that are neither fractions from 0 to 1 nor whole numbers of 16 bits.
    #[error(
        "the mask's numbers go from {smallest} to {largest}; expected fractions from 0 to 1, or whole numbers from 0 to 65535"
    )]
    MaskNumbers {
        /// The smallest number.
        smallest: String,
        /// The largest number.
        largest: String,
    },
    /// A mask in several colours, and nothing says which of them is the object.
    #[error(
        "the mask is coloured: pixel ({x}, {y}) is {colour:?}{}; map colours to 0..255 or choose a channel",
        if *alpha_varies { " (its alpha channel varies too: channel \"alpha\" may be the mask)" } else { "" }
    )]
    MaskColours {
        /// Column of the first coloured pixel.
        x: usize,
        /// Row of the first coloured pixel.
        y: usize,
        /// Its red, green and blue.
        colour: [u8; 3],
        /// Whether an alpha channel with more than one value is there as well.
        alpha_varies: bool,
    },
    /// A mask whose grey and whose alpha both look like one, and differ.
    #[error(
        "the mask may be its colour ({} of the pixels are foreground) or its alpha ({}); choose with mask_channel = \"red\" or mask_channel = \"alpha\"",
        percent(*colour, *pixels), percent(*alpha, *pixels)
    )]
    MaskReadings {
        /// Pixels of the mask.
        pixels: usize,
        /// Those above 128 in its colour.
        colour: usize,
        /// Those above 128 in its alpha.
        alpha: usize,
    },
    /// A mask that holds only 0 and 1, of which none would count as foreground (above 128).
    #[error("the mask holds only the values 0 and 1; map them with {{1 = 255}}")]
    MaskZeroOne,
    /// A mask of small numbers: class or instance ids, not grey levels.
    #[error("the mask holds the small values {values:?}{}, which look like class ids; map the wanted ones to 255, or say mask_kind = \"instances\" if each is an object", if *more { ", ..." } else { "" })]
    MaskClassIds {
        /// The first values found, ascending.
        values: Vec<u16>,
        /// Whether there are more.
        more: bool,
    },
    /// A mask of numbers that are no levels: each number's pixels are an object, by all appearances.
    #[error(
        "the mask holds {count} numbers from {smallest} to {largest}, which look like numbers of objects; \
         mask_kind = \"instances\" makes each number an object"
    )]
    MaskObjectNumbers {
        /// How many different numbers there are besides 0.
        count: usize,
        /// The smallest of them.
        smallest: u16,
        /// The largest.
        largest: u16,
    },
    /// A mask of small numbers and of 255, which cannot both be levels.
    #[error(
        "the mask holds {values:?}{} and 255, which look like classes and a region that shall not count; \
         ignore_values = [255] leaves that region out, mask_values = {{ 255 = 255 }} makes it the object",
        if *more { ", ..." } else { "" }
    )]
    MaskBesideVoid {
        /// The first of the small numbers found, ascending.
        values: Vec<u16>,
        /// Whether there are more.
        more: bool,
    },
    /// A mask of several objects in a file that does not keep numbers exactly.
    #[error("numbers of objects need a lossless mask (PNG), this one is {}{format}", if *format == Format::Jpeg { "" } else { "lossy " })]
    MaskNumbersOnLossy {
        /// The format: JPEG, WebP, AVIF or JPEG XL.
        format: Format,
    },
    /// A mask of several objects is not what it was when its set was opened.
    #[error(
        "the mask changed since its set was opened: object {number} had {expected} pixels then and has {found} now"
    )]
    ObjectsChanged {
        /// Number of the object; 0 where the mask could not be read then.
        number: u32,
        /// Its pixels when the set was opened.
        expected: u32,
        /// Its pixels now.
        found: u32,
    },
    /// A rule asks for a channel that the mask does not have.
    #[error("the mask has no {channel} channel")]
    MaskChannel {
        /// The channel's name.
        channel: &'static str,
    },
    /// A rule maps or ignores stored numbers, which a file that is stored with loss does not keep exactly.
    #[error("a value or colour map needs a lossless mask (PNG), this one is {}{format}", if *format == Format::Jpeg { "" } else { "lossy " })]
    MaskMapOnLossy {
        /// The format: JPEG, WebP, AVIF or JPEG XL.
        format: Format,
    },
    /// A run-length mask of more pixels than its 32-bit runs can count.
    #[error("a mask of {size} pixels; width x height must be at most {}", u32::MAX)]
    RleSize {
        /// Size of the mask.
        size: Size,
    },
    /// Runs that do not cover the mask exactly.
    #[error(
        "runs of {found} pixels for a mask of height {} x width {}; expected {expected}",
        size.height, size.width
    )]
    RleSum {
        /// Size of the mask.
        size: Size,
        /// Height x width.
        expected: u64,
        /// Sum of the runs, up to and including the first that is too long.
        found: u64,
    },
    /// A byte that no compressed run-length string holds.
    #[error("byte {byte} at position {position} of a run-length string; expected 48 to 111")]
    RleByte {
        /// Index of the byte.
        position: usize,
        /// The byte.
        byte: u8,
    },
    /// A compressed run-length string whose last number goes on past its end.
    #[error("a run-length string of {length} bytes ends inside the number at position {position}")]
    RleEnd {
        /// Index of the number's first byte.
        position: usize,
        /// Bytes in the string.
        length: usize,
    },
    /// A number of a compressed run-length string that makes a run below zero or above 32 bits.
    #[error("the number at position {position} of a run-length string makes a run of {}", run.map_or_else(|| "more than 32 bits".to_owned(), |run| format!("{run} pixels")))]
    RleRun {
        /// Index of the number's first byte.
        position: usize,
        /// The run; none where the number alone is too long.
        run: Option<i64>,
    },
    /// Two run-length masks of different size.
    #[error("masks of {expected} and {found} pixels cannot be combined")]
    RleSizes {
        /// Size of the first mask.
        expected: Size,
        /// Size of the other one.
        found: Size,
    },
    /// What is wrong with one mask of a list.
    #[error("mask {index} of the list: {source}")]
    InList {
        /// Its index.
        index: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A polygon that is not a list of at least three points.
    #[error("polygon {polygon} has {found} numbers; expected an even number, 6 at least")]
    PolygonLength {
        /// Index of the polygon in its mask.
        polygon: usize,
        /// How many numbers it has.
        found: usize,
    },
    /// A polygon with a coordinate that is NaN or infinite.
    #[error("number {index} of polygon {polygon} is not finite")]
    PolygonCoordinate {
        /// Index of the polygon in its mask.
        polygon: usize,
        /// Index of the number in the polygon.
        index: usize,
    },
    /// Polygons that cross more columns than any outline of an object does.
    #[error("the polygons' edges cross more than {limit} pixel columns")]
    PolygonCrossings {
        /// How many crossings a mask may take.
        limit: usize,
    },
    /// A box with a number that is NaN or infinite.
    #[error("number {index} of the box [x, y, width, height] is not finite")]
    BoxCoordinate {
        /// Index of the number.
        index: usize,
    },
    /// An environment variable has a value that this build or machine does not know.
    #[error("{variable} is {found:?}; expected {}", expected.join(", "))]
    Environment {
        /// Its name.
        variable: &'static str,
        /// Its value.
        found: String,
        /// What it may be here.
        expected: Vec<&'static str>,
    },
    /// The picture could not be written.
    #[error("writing {format} failed: {reason}")]
    Encode {
        /// The format.
        format: Format,
        /// What the encoder said.
        reason: String,
    },
}

impl Error {
    /// The same of the mask at `index` of a list.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        Self::InList { index, source: Box::new(self) }
    }
}

/// A share of all, with one digit behind the point.
fn percent(part: usize, all: usize) -> String {
    format!("{:.1}%", 100.0 * part as f64 / all.max(1) as f64)
}

fn hint(known_as: &Option<&'static str>) -> String {
    known_as.map_or_else(String::new, |kind| format!(" (this is {kind})"))
}
