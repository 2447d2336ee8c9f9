//! Mask files of several objects: which object each pixel belongs to.
//!
//! An [`ObjectMap`] is read from a file whose numbers are objects, or whose foreground falls into connected pieces. It is
//! read once for all objects of the file; each is then taken out as run lengths.
//!
//! ```
//! use maskwright_image::{decode::{ImageFile, LabelDecoder, Limits, MaskObjects, MaskRule, ObjectMap}, encode};
//! use maskwright_image::{GreyImage, Size, mask::Rle};
//!
//! let file = encode::png_grey(&GreyImage::new(Size::new(2, 3), vec![0, 7, 7, 2, 0, 7])?)?;
//! let rule = MaskRule { objects: MaskObjects::Numbers, ..MaskRule::default() };
//! let mut map = ObjectMap::default();
//! map.read(&ImageFile::read(&file)?, &rule, &Limits::default(), &mut LabelDecoder::default())?;
//! let objects = map.objects();
//! let seen: Vec<_> = objects.iter().map(|object| (object.number, object.area, object.box_xyxy)).collect();
//! assert_eq!(seen, [(2, 1, [0, 1, 0, 1]), (7, 3, [1, 0, 2, 1])]);
//! let mut mask = Rle::default();
//! map.object(&objects[1], &mut mask)?;
//! // Down the columns: background 2, object 1, background 1, object 2.
//! assert_eq!(mask.counts(), [2, 1, 1, 2]);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use std::collections::BTreeMap;

use super::file::ImageFile;
use super::formats::codec;
use super::header::{Colour, Header};
use super::label::{LabelDecoder, numbered_channel, without_floats};
use super::limits::Limits;
use super::mask_rule::{MaskChannel, MaskObjects, MaskRule};
use super::orientation::Orientation;
use super::warning::Warning;
use crate::error::{Error, Result};
use crate::image::GreyImage;
use crate::mask::{Rle, label_equal_regions, label_regions};
use crate::size::Size;

/// Marks a pixel that does not count.
const IGNORED: u32 = u32::MAX;

/// An object of an [`ObjectMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskObject {
    /// The number of its pixels in the file; of connected pieces the place in the order of their first pixels, row by
    /// row, from 1.
    pub number: u32,
    /// Its pixels.
    pub area: u32,
    /// The smallest box around it: inclusive pixel indices.
    pub box_xyxy: [u32; 4],
}

/// Which object each pixel of a mask file belongs to, in memory that serves the next file too.
#[derive(Debug, Clone, Default)]
pub struct ObjectMap {
    size: Size,
    /// The number of each pixel's object, row by row; 0 is background.
    numbers: Vec<u32>,
    /// The stored number of each piece of a number, by the piece's own, less 1; empty where objects are no such pieces.
    stored: Vec<u32>,
    ignores: bool,
}

impl ObjectMap {
    /// Reads a file, as stored (the EXIF orientation is not applied), and returns the decoder's warnings.
    ///
    /// With [`MaskObjects::Components`] the objects are the 8-connected pieces of the label's foreground: pixels that
    /// touch at a corner belong together, so that a line one pixel wide is one object in any direction (OpenCV's and
    /// scikit-image's default). With [`MaskObjects::NumberComponents`] they are those of each number. Otherwise every stored number
    /// but 0 is an object, in whatever pieces; in a palette file the index is the number, unless
    /// [`MaskChannel::Rgb`] asks for its colour.
    ///
    /// # Errors
    /// As [`decode_label`](super::decode_label) for connected pieces. For numbers as decoding any picture, and
    /// [`Error::MaskColours`] or [`Error::MaskChannel`] where a pixel has several numbers or not the one asked for,
    /// [`Error::MaskNumbersOnLossy`]. The map is then empty.
    pub fn read(
        &mut self,
        file: &ImageFile<'_>,
        rule: &MaskRule,
        limits: &Limits,
        labels: &mut LabelDecoder,
    ) -> Result<Vec<Warning>> {
        self.clear();
        let read = match rule.objects {
            MaskObjects::Components => self.read_pieces(file, rule, limits, labels),
            MaskObjects::Numbers | MaskObjects::One => self.read_numbers(file, rule, limits),
            MaskObjects::NumberComponents => {
                let read = self.read_numbers(file, rule, limits);
                if read.is_ok() {
                    self.part(file.header().size);
                }
                read
            }
        };
        if read.is_ok() {
            self.size = file.header().size;
            self.ignores = !rule.ignore.is_empty();
        } else {
            self.clear();
        }
        read
    }

    fn read_numbers(
        &mut self,
        file: &ImageFile<'_>,
        rule: &MaskRule,
        limits: &Limits,
    ) -> Result<Vec<Warning>> {
        let (bytes, header) = (file.bytes(), file.header());
        file.check(limits)?;
        if header.is_lossy() {
            return Err(Error::MaskNumbersOnLossy { format: header.format });
        }
        let decoded = codec(header.format).decode_raw(bytes, header, limits)?;
        let raw = without_floats(decoded.pixels)?;
        let coloured = matches!(raw.colour(), Colour::Rgb | Colour::Rgba | Colour::Palette);
        if rule.channel == MaskChannel::Rgb && coloured {
            let pixels = raw.into_rgb(None)?;
            let number = |rgb: &[u8; 3]| u32::from_le_bytes([rgb[0], rgb[1], rgb[2], 0]);
            self.numbers.extend(pixels.data.as_chunks::<3>().0.iter().map(number));
        } else {
            let channel = numbered_channel(&raw, rule)?;
            self.numbers.extend(raw.stored(channel).map(u32::from));
        }
        if !rule.ignore.is_empty() {
            let ignored =
                |number: u32| u16::try_from(number).is_ok_and(|n| rule.ignore.contains(&n));
            let numbers = self.numbers.iter_mut().filter(|number| ignored(**number));
            numbers.for_each(|number| *number = IGNORED);
        }
        if !rule.numbers.is_empty() {
            let other = |number: u32| number != IGNORED && !rule.numbers.contains(&number);
            let numbers = self.numbers.iter_mut().filter(|number| other(**number));
            numbers.for_each(|number| *number = 0);
        }
        Ok(decoded.warnings)
    }

    /// Makes the objects the connected pieces of each number.
    fn part(&mut self, size: Size) {
        let mut pieces = Vec::new();
        let number = |y, x| match self.numbers[y * size.width + x] {
            IGNORED => 0,
            number => number,
        };
        label_equal_regions(size, number, &mut pieces);
        for (number, piece) in self.numbers.iter().zip(&mut pieces) {
            if *number == IGNORED {
                *piece = IGNORED;
            } else if *piece as usize > self.stored.len() {
                // Pieces are numbered as their first pixels come.
                self.stored.push(*number);
            }
        }
        self.numbers = pieces;
    }

    fn read_pieces(
        &mut self,
        file: &ImageFile<'_>,
        rule: &MaskRule,
        limits: &Limits,
        labels: &mut LabelDecoder,
    ) -> Result<Vec<Warning>> {
        let mut label = GreyImage::default();
        let warnings = labels.decode_file(file, rule, limits, &mut label)?;
        let width = label.size.width;
        let foreground = |y: usize, x: usize| label.data[y * width + x] > 128;
        label_regions(label.size, foreground, &mut self.numbers);
        if let Some(ignored) = labels.take_ignored() {
            let pixels = self.numbers.iter_mut().zip(&ignored.data);
            pixels.filter(|(_, ignored)| **ignored > 0).for_each(|(number, _)| *number = IGNORED);
        }
        Ok(warnings)
    }

    /// Forgets what was read, and keeps the memory.
    fn clear(&mut self) {
        self.size = Size::default();
        self.numbers.clear();
        self.stored.clear();
        self.ignores = false;
    }

    /// How many bytes the map holds.
    pub fn bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<u32>()
    }

    /// Height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The number that an object's pixels have in the file; 0 for the pieces of a mask that has no numbers.
    pub fn stored_number(&self, object: &MaskObject, rule: &MaskRule) -> u32 {
        match rule.objects {
            MaskObjects::NumberComponents => {
                let piece = (object.number as usize).checked_sub(1);
                piece.and_then(|piece| self.stored.get(piece)).copied().unwrap_or(0)
            }
            MaskObjects::Components => 0,
            MaskObjects::Numbers | MaskObjects::One => object.number,
        }
    }

    /// Turns the map upright.
    pub fn turn(&mut self, orientation: Orientation) {
        if orientation.is_identity() {
            return;
        }
        let (stored, upright) = (self.size, orientation.upright(self.size));
        let pixel = |y, x| {
            let (row, column) = orientation.stored_pixel(y, x, stored);
            self.numbers[row * stored.width + column]
        };
        let rows = 0..upright.height;
        self.numbers = rows
            .flat_map(|y| (0..upright.width).map(move |x| (y, x)))
            .map(|(y, x)| pixel(y, x))
            .collect();
        self.size = upright;
    }

    /// The objects, by number.
    pub fn objects(&self) -> Vec<MaskObject> {
        let largest = self.numbers.iter().filter(|&&number| number != IGNORED).max();
        let largest = largest.map_or(0, |&largest| largest as usize);
        let none = MaskObject { number: 0, area: 0, box_xyxy: [u32::MAX, u32::MAX, 0, 0] };
        // Colours are few numbers, far apart.
        let sparse = largest > self.numbers.len() + usize::from(u16::MAX);
        let mut found = vec![none; if sparse { 0 } else { largest + 1 }];
        let mut far: BTreeMap<u32, MaskObject> = BTreeMap::new();
        for (y, row) in self.numbers.chunks(self.size.width.max(1)).enumerate() {
            let (mut x, y) = (0, y as u32);
            for run in row.chunk_by(|a, b| a == b) {
                let (number, from) = (run[0], x);
                x += run.len() as u32;
                if number == 0 || number == IGNORED {
                    continue;
                }
                let object = match sparse {
                    true => far.entry(number).or_insert(none),
                    false => &mut found[number as usize],
                };
                let [x0, y0, x1, y1] = object.box_xyxy;
                object.number = number;
                object.area += run.len() as u32;
                object.box_xyxy = [x0.min(from), y0.min(y), x1.max(x - 1), y1.max(y)];
            }
        }
        found.retain(|object| object.area > 0);
        found.extend(far.into_values());
        found
    }

    /// Makes `mask` the mask of an object. Only the object's box is looked at.
    ///
    /// # Errors
    /// [`Error::RleSize`] for a picture of more pixels than run lengths can count.
    pub fn object(&self, object: &MaskObject, mask: &mut Rle) -> Result<()> {
        let Size { height, width } = self.size;
        let [x0, y0, x1, y1] = object.box_xyxy.map(|at| at as usize);
        let rows = y0..y1.saturating_add(1).min(height);
        let columns = x0..x1.saturating_add(1).min(width);
        let starts = columns.flat_map(|x| {
            let column = rows.clone().map(move |y| (x * height + y, self.numbers[y * width + x]));
            column.filter(|(_, number)| *number == object.number).map(|(at, _)| at)
        });
        let pixels = self.size.area();
        let (mut counts, mut end) = (Vec::new(), 0);
        for at in starts {
            match counts.last_mut() {
                // Runs go on from one column to the next.
                Some(run) if at == end => *run += 1,
                _ => counts.extend([(at - end) as u32, 1]),
            }
            end = at + 1;
        }
        counts.push((pixels - end) as u32);
        if end == pixels && counts.len() > 1 {
            counts.pop();
        }
        mask.set_counts(self.size, counts)
    }

    /// Which pixels do not count: 255 there, 0 elsewhere. None where the rule named no such numbers.
    pub fn ignored(&self) -> Option<GreyImage> {
        let level = |&number: &u32| 255 * u8::from(number == IGNORED);
        self.ignores
            .then(|| GreyImage { size: self.size, data: self.numbers.iter().map(level).collect() })
    }
}

impl Header {
    /// How many bytes [`ObjectMap::read`] and turning the map hold at once, at most; the map is among them, the file is
    /// not.
    pub fn objects_bytes(&self) -> u64 {
        // The numbers, those of pieces that touch, and what is ignored; or the numbers twice.
        self.label_bytes().saturating_add(self.size.times(8))
    }
}
