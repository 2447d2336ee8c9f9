//! The first directory of a TIFF (TIFF 6.0, section 2; BigTIFF): its entries, without any pixel.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::format::Format;

/// How many directories of a file are looked at to tell whether there are several pages.
const MOST_DIRECTORIES: usize = 64;

/// Values that are longer are read by nobody here.
const MOST_VALUES: u64 = 3 << 16;

/// A file's byte order and the width of its offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    little: bool,
    big: bool,
}

/// A directory in a file.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    layout: Layout,
    /// Where its entries are.
    entries: Range<usize>,
    /// Where the next directory is; 0 where there is none.
    next: u64,
}

/// Whether a file starts as a TIFF or BigTIFF.
pub(super) fn starts(bytes: &[u8]) -> bool {
    layout(bytes).is_some()
}

fn layout(bytes: &[u8]) -> Option<Layout> {
    match bytes.first_chunk::<4>()? {
        b"II*\0" => Some(Layout { little: true, big: false }),
        b"MM\0*" => Some(Layout { little: false, big: false }),
        b"II+\0" => Some(Layout { little: true, big: true }),
        b"MM\0+" => Some(Layout { little: false, big: true }),
        _ => None,
    }
}

impl Layout {
    /// An unsigned number of 1 to 8 bytes.
    fn number(self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
    }

    /// Bytes of an offset, and of the count of an entry.
    fn word(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn entry(self) -> usize {
        4 + 2 * self.word()
    }
}

impl<'a> Directory<'a> {
    /// The first directory.
    pub(super) fn first(bytes: &'a [u8]) -> Result<Self> {
        let layout = layout(bytes).ok_or_else(|| damaged("the byte order is missing"))?;
        let at = if layout.big { 8 } else { 4 };
        let offset = bytes.get(at..at + layout.word()).ok_or_else(|| damaged(ENDS))?;
        let directory = Self::at(bytes, layout, layout.number(offset))?;
        // Of two such entries readers take either, and then see other numbers in the same bytes.
        let twice = tag::ALL.iter().find(|&&tag| directory.places(tag).nth(1).is_some());
        match twice {
            Some(tag) => Err(damaged(&format!("its directory has two entries of tag {tag}"))),
            None => Ok(directory),
        }
    }

    fn at(bytes: &'a [u8], layout: Layout, offset: u64) -> Result<Self> {
        let (count, word) = (if layout.big { 8 } else { 2 }, layout.word());
        let ends = || damaged(ENDS);
        let start = usize::try_from(offset).map_err(|_| ends())?;
        let counted = start.checked_add(count).ok_or_else(ends)?;
        let entries = layout.number(bytes.get(start..counted).ok_or_else(ends)?);
        let length = usize::try_from(entries).ok().and_then(|n| n.checked_mul(layout.entry()));
        let end = length.and_then(|length| counted.checked_add(length)).ok_or_else(ends)?;
        let next = bytes.get(end..end.saturating_add(word)).map_or(0, |word| layout.number(word));
        if end > bytes.len() {
            return Err(ends());
        }
        Ok(Self { bytes, layout, entries: counted..end, next })
    }

    /// Whether pages follow; reduced versions and masks of this page are none.
    pub(super) fn has_more_pages(&self) -> bool {
        let mut next = self.next;
        for _ in 0..MOST_DIRECTORIES {
            if next == 0 {
                break;
            }
            let Ok(directory) = Self::at(self.bytes, self.layout, next) else { break };
            if !directory.is_side_picture() {
                return true;
            }
            next = directory.next;
        }
        false
    }

    /// Whether the page is a reduced version of another one or its transparency mask.
    pub(super) fn is_side_picture(&self) -> bool {
        self.number(tag::NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 0b101 != 0)
    }

    /// Whether there is an entry.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }

    /// The only or first number of an entry.
    pub(super) fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag).first().copied()
    }

    /// The unsigned numbers of an entry; none where it is absent, cut off or of another type.
    pub(super) fn numbers(&self, tag: u16) -> Vec<u64> {
        let Some((range, each)) = self.values(tag) else { return Vec::new() };
        let values = self.bytes.get(range).unwrap_or_default();
        values.chunks_exact(each).map(|value| self.layout.number(value)).collect()
    }

    /// Where the values of an entry are, and the bytes of each.
    pub(super) fn values(&self, tag: u16) -> Option<(Range<usize>, usize)> {
        let at = self.entry(tag)?;
        let word = self.layout.word();
        let field = |at: usize, length: usize| {
            self.bytes.get(at..at + length).map(|bytes| self.layout.number(bytes))
        };
        // BYTE, UNDEFINED, SHORT, LONG, IFD, LONG8, IFD8.
        let each = match field(at + 2, 2)? {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        let count = field(at + 4, word)?;
        if count > MOST_VALUES {
            return None;
        }
        let length = count as usize * each;
        let inline = at + 4 + word;
        let start =
            if length <= word { inline } else { usize::try_from(field(inline, word)?).ok()? };
        Some((start..start.checked_add(length)?, each))
    }

    /// The byte order's way to write a number of two bytes.
    pub(super) fn short(&self, number: u16) -> [u8; 2] {
        if self.layout.little { number.to_le_bytes() } else { number.to_be_bytes() }
    }

    /// Where the entry of a tag is.
    fn entry(&self, tag: u16) -> Option<usize> {
        self.places(tag).next()
    }

    /// Where all entries of a tag are.
    fn places(&self, tag: u16) -> impl Iterator<Item = usize> {
        self.entries.clone().step_by(self.layout.entry()).filter(move |&at| {
            let found = self.bytes.get(at..at + 2);
            found.is_some_and(|found| self.layout.number(found) == u64::from(tag))
        })
    }
}

/// The tags that are read.
pub(super) mod tag {
    pub(in crate::decode::tiff) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in crate::decode::tiff) const WIDTH: u16 = 256;
    pub(in crate::decode::tiff) const HEIGHT: u16 = 257;
    pub(in crate::decode::tiff) const BITS: u16 = 258;
    pub(in crate::decode::tiff) const COMPRESSION: u16 = 259;
    pub(in crate::decode::tiff) const PHOTOMETRIC: u16 = 262;
    pub(in crate::decode::tiff) const ORIENTATION: u16 = 274;
    pub(in crate::decode::tiff) const SAMPLES: u16 = 277;
    pub(in crate::decode::tiff) const PLANAR: u16 = 284;
    pub(in crate::decode::tiff) const COLOUR_MAP: u16 = 320;
    pub(in crate::decode::tiff) const TILE_WIDTH: u16 = 322;
    pub(in crate::decode::tiff) const TILE_HEIGHT: u16 = 323;
    pub(in crate::decode::tiff) const EXTRA_SAMPLES: u16 = 338;
    pub(in crate::decode::tiff) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::decode::tiff) const DNG_VERSION: u16 = 50706;

    pub(super) const ALL: [u16; 15] = [
        NEW_SUBFILE_TYPE,
        WIDTH,
        HEIGHT,
        BITS,
        COMPRESSION,
        PHOTOMETRIC,
        ORIENTATION,
        SAMPLES,
        PLANAR,
        COLOUR_MAP,
        TILE_WIDTH,
        TILE_HEIGHT,
        EXTRA_SAMPLES,
        SAMPLE_FORMAT,
        DNG_VERSION,
    ];
}

const ENDS: &str = "the file ends before its directory does";

fn damaged(reason: &str) -> Error {
    Error::Header { format: Format::Tiff, reason: reason.to_owned() }
}
