//! Thumbnails and whole images, as JPEG; images that are too large are shown by tiles.

use std::sync::Arc;

use maskwright_image::Size;
use maskwright_image::decode::{Colour, Format, Orientation};

use super::DataSet;
use super::cache::DiskCache;
use super::picture::{Gate, Picture, jpeg};
use super::tiles::Tiles;
use crate::error::{Error, Result};
use crate::key::key_of;

/// The smallest and the largest side of a thumbnail.
const SIDES: std::ops::RangeInclusive<usize> = 32..=512;
/// Images of more pixels are shown by tiles.
const WHOLE: usize = 16_000_000;
/// Pictures of a set's images, those that were made before from the disk.
pub(crate) struct Pictures {
    cache: Arc<DiskCache>,
    gate: Gate,
    tiles: Tiles,
}

impl Pictures {
    pub(crate) fn new(cache: DiskCache) -> Self {
        let cache = Arc::new(cache);
        Self { gate: Gate::default(), tiles: Tiles::new(cache.clone()), cache }
    }

    /// The image with its longer side at most `side` pixels.
    ///
    /// # Errors
    /// An image that cannot be decoded, [`Error::Setting`] for another side.
    pub(crate) fn thumbnail(&self, set: &DataSet, index: usize, side: usize) -> Result<Picture> {
        if !SIDES.contains(&side) {
            let expected = format!("{} to {} pixels", SIDES.start(), SIDES.end());
            return Err(Error::setting("side", expected, side.to_string()));
        }
        let key = key_of(&[b"thumbnail", set.key(index)?.as_bytes(), &side.to_le_bytes()]);
        self.kept(key, || {
            let (_, small) = set.scaled(index, |size| within(size, Size::square(side)))?;
            jpeg(set, index, &small, 82)
        })
    }

    /// The whole image, or one of this width if that is less. Returns the file itself where a browser shows it the same.
    ///
    /// # Errors
    /// An image that cannot be decoded, [`Error::Setting`] for one that has to be asked for in tiles.
    pub(crate) fn image(
        &self,
        set: &DataSet,
        index: usize,
        width: Option<usize>,
    ) -> Result<Picture> {
        let size = set.size(index)?;
        let wanted = match width {
            Some(width) if width > 0 && width < size.width => size.at_width(width),
            _ => size,
        };
        if wanted.area() > WHOLE {
            let expected = format!("a width of at most {}, or tiles", size.at_area(WHOLE));
            return Err(Error::setting("width", expected, wanted.width.to_string()));
        }
        let key = key_of(&[b"image", set.key(index)?.as_bytes(), &wanted.width.to_le_bytes()]);
        if wanted == size {
            let (buffer, _) = set.file(index)?;
            let plain =
                buffer.open().ok().filter(|_| !buffer.file.is_empty()).is_some_and(|file| {
                    let header = file.header();
                    header.format == Format::Jpeg
                        && header.orientation == Orientation::IDENTITY
                        && matches!(header.colour, Colour::Grey | Colour::Rgb)
                });
            if plain {
                return Ok(Picture { bytes: buffer.file, key });
            }
        }
        let _turn = self.gate.enter();
        let (_, pixels) = set.scaled(index, |_| wanted)?;
        Ok(Picture { bytes: jpeg(set, index, &pixels, 92)?, key })
    }

    /// A tile of a level: see [`Tiles`].
    ///
    /// # Errors
    /// An image that cannot be decoded, [`Error::Missing`] for a tile that it does not have.
    pub(crate) fn tile(&self, set: &DataSet, index: usize, place: [usize; 3]) -> Result<Picture> {
        self.tiles.tile(set, index, place, || self.gate.enter())
    }

    /// A picture that was made before, or is made now and kept.
    fn kept(&self, key: String, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Picture> {
        if let Some(bytes) = self.cache.get(&key) {
            return Ok(Picture { bytes, key });
        }
        let _turn = self.gate.enter();
        let bytes = make()?;
        self.cache.put(&key, &bytes);
        Ok(Picture { bytes, key })
    }
}

/// The largest size of these proportions within another, at most its own.
fn within(size: Size, most: Size) -> Size {
    let share =
        (most.width as f64 / size.width as f64).min(most.height as f64 / size.height as f64);
    let side = |side: usize| ((side as f64 * share.min(1.0)).round() as usize).max(1);
    Size::new(side(size.height), side(size.width))
}

/// An extension of sizes for the message about tiles.
trait AtArea {
    /// The width at which these proportions have an area.
    fn at_area(self, area: usize) -> usize;
}

impl AtArea for Size {
    fn at_area(self, area: usize) -> usize {
        (self.width as f64 * (area as f64 / self.area() as f64).sqrt()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_thumbnails() {
        assert_eq!(within(Size::new(300, 600), Size::square(200)), Size::new(100, 200));
        assert_eq!(within(Size::new(30, 60), Size::square(200)), Size::new(30, 60));
        assert_eq!(within(Size::new(1, 6000), Size::square(200)), Size::new(1, 200));
    }
}
