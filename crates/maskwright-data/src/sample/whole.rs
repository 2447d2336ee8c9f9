//! Records whole, for work that keeps them as they are: the image's file, and each object's mask at the image's own size.
//!
//! Image and masks are read as samples are made of them: by the same rules of mask files, orientation and damage.

use maskwright_image::decode::{Decoded, Header, ImageFile, Orientation, Warning, orient_rgb};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{RgbImage, Size};

use super::SampleConfig;
use super::opened::{Opened, Part};
use super::reader::{Reader, WholeMask};
use super::timings::{Stopwatch, Timings, wall};
use crate::error::Result;
use crate::source::{ExifRule, ImageForm, Pick, Source};

/// Reads records whole, one after the other, into memory that it keeps; each thread has its own.
#[derive(Debug)]
pub struct WholeReader {
    reader: Reader,
    config: SampleConfig,
    watch: Stopwatch,
}

/// A record whose image was read last.
pub struct WholeRecord<'a>(Opened<'a>);

/// One object of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeObject {
    /// The pixels above 128, in the frame of the image as it is turned.
    pub mask: Rle,
    /// The object's id, where it is one of several of a record and its source has ids.
    pub id: Option<u64>,
    /// Whether pixels that count for nothing lie in the picture; they are background here.
    pub ignored: bool,
}

impl WholeRecord<'_> {
    /// What the image file's header says; none of pixels in memory.
    pub fn header(&self) -> Option<&Header> {
        self.0.header.as_ref()
    }

    /// The size of image and masks: as the masks' fit turns the image; where no mask was read, upright or by the set's rule as
    /// it is stored.
    pub fn size(&self) -> Size {
        self.turn().upright(self.0.image.size)
    }

    fn turn(&self) -> Orientation {
        let by_rule = match self.0.source.exif() {
            ExifRule::Auto => self.0.image.orientation,
            ExifRule::Ignore => Orientation::IDENTITY,
        };
        self.0.turn.unwrap_or(by_rule)
    }
}

impl WholeReader {
    /// A reader that keeps to the limits, the memory and the strictness of these settings; nothing else of them is used.
    pub fn new(config: SampleConfig) -> WholeReader {
        let watch = Stopwatch { clock: wall, timings: Timings::default() };
        WholeReader { reader: Reader::new(&config), config, watch }
    }

    /// Reads the image of a record and its header.
    ///
    /// # Errors
    ///
    /// A record that is not there, an image that cannot be read or is none.
    pub fn open<'a>(&mut self, source: &'a dyn Source, index: usize) -> Result<WholeRecord<'a>> {
        self.reader.open_image(source, index, &mut self.watch).map(WholeRecord)
    }

    /// Reads one object of the record that was opened last, of its number below [`Source::objects`].
    ///
    /// # Errors
    ///
    /// A mask that cannot be read, whose numbers the set's rules do not take, or that does not fit the image.
    pub fn object(&mut self, record: &mut WholeRecord<'_>, nth: usize) -> Result<WholeObject> {
        let WholeReader { reader, watch, .. } = self;
        reader.read_mask(&mut record.0, Pick::Nth(nth), watch)?;
        let mask = match reader.mask() {
            // Whatever runs a file has, those of its pixels are taken.
            WholeMask::Rle(rle) => Rle::from_bitmap(&rle.to_bitmap()),
            WholeMask::Grey(label) => Rle::from_bitmap(&Bitmap::from_grey(label)),
        };
        let ignored = reader.ignored().is_some_and(|plane| plane.data.iter().any(|&it| it > 0));
        Ok(WholeObject { mask, id: reader.object(), ignored })
    }

    /// The image file that was read last; none of pixels in memory.
    pub fn file(&self) -> Option<&[u8]> {
        (self.reader.image.form == ImageForm::File).then_some(&*self.reader.image.file)
    }

    /// Decodes the image of the record that was opened last and turns it as its masks fit.
    ///
    /// # Errors
    ///
    /// An image that cannot be decoded, or needs more memory than decoding may take.
    pub fn pixels(&mut self, record: &mut WholeRecord<'_>) -> Result<(RgbImage, Vec<Warning>)> {
        let turn = record.turn();
        let image = &self.reader.image;
        let Some(header) = record.0.header else {
            return Ok((orient_rgb((*image.pixels).clone(), turn), Vec::new()));
        };
        record.0.reserve(&self.config.decode_budget, 0, || {})?;
        let file = ImageFile::with_header(&image.file, header).in_range(image.range);
        let Decoded { pixels, warnings } = file
            .decode_rgb(&self.config.limits)
            .map_err(|error| record.0.refused(Part::Image, error))?;
        Ok((orient_rgb(pixels, turn), warnings))
    }

    /// Gives back memory that no other record needs.
    pub fn end(&mut self) {
        self.reader.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use maskwright_image::GreyImage;

    use super::*;
    use crate::source::MemorySource;

    #[test]
    fn image_and_masks_come_as_they_are() {
        let size = Size::new(6, 8);
        let image = RgbImage::filled(size, 90);
        let left = Bitmap::from_fn(size, |_, x| x < 3);
        let soft = GreyImage::new(size, (0..48).map(|n| n * 5).collect()).unwrap();
        let mut set = MemorySource::new("set");
        set.push("a", image.clone(), vec![left.clone().into(), soft.clone().into()]).unwrap();
        let set: Arc<dyn Source> = Arc::new(set);
        let mut reader = WholeReader::new(SampleConfig::default());
        let mut record = reader.open(&*set, 0).unwrap();
        assert_eq!((record.size(), record.header().is_none(), reader.file()), (size, true, None));
        let masks: Vec<Rle> =
            (0..2).map(|nth| reader.object(&mut record, nth).unwrap().mask).collect();
        let expected = [left, Bitmap::from_grey(&soft)].map(|mask| Rle::from_bitmap(&mask));
        assert_eq!(masks, expected);
        assert_eq!(reader.pixels(&mut record).unwrap(), (image, Vec::new()));
        assert!(reader.open(&*set, 1).is_err());
    }
}
