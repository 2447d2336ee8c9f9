//! Thumbnails, whole images and tiles, as JPEG.

use std::sync::{Condvar, Mutex, PoisonError};

use maskwright_image::decode::{Colour, Format, Orientation};
use maskwright_image::encode::jpeg_rgb;
use maskwright_image::sample::shrink;
use maskwright_image::{RgbImage, Size};

use super::DataSet;
use super::cache::DiskCache;
use crate::error::{Error, Result};
use crate::key::key_of;
use crate::locks::lock;

/// The smallest and the largest side of a thumbnail.
const SIDES: std::ops::RangeInclusive<usize> = 32..=512;
/// Images of more pixels are shown by tiles.
const WHOLE: usize = 16_000_000;
/// The side of a tile.
const TILE: usize = 512;
/// Images that are decoded at once, so that their memory is bounded.
const DECODED: usize = 4;

/// Pictures of a set's images, those that were made before from the disk.
pub(crate) struct Pictures {
    cache: DiskCache,
    gate: Gate,
    /// Held while tiles are made.
    tiling: Mutex<()>,
}

/// A picture, and what it is called by.
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: String,
}

impl Pictures {
    pub(crate) fn new(cache: DiskCache) -> Self {
        Self { cache, gate: Gate::default(), tiling: Mutex::new(()) }
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

    /// A tile of a level: 0 is the whole size, each level half of the one before.
    ///
    /// # Errors
    /// An image that cannot be decoded, [`Error::Missing`] for a tile that it does not have.
    pub(crate) fn tile(
        &self,
        set: &DataSet,
        index: usize,
        [level, column, row]: [usize; 3],
    ) -> Result<Picture> {
        let size = level_size(set.size(index)?, level);
        if level > 16 || column >= size.width.div_ceil(TILE) || row >= size.height.div_ceil(TILE) {
            return Err(Error::missing(
                format!("tile {level}/{column}/{row}"),
                format!("tiles of {TILE} pixels of {size}"),
            ));
        }
        let image = set.key(index)?;
        let name = |level: usize, column: usize, row: usize| {
            let place = [level, column, row].map(usize::to_le_bytes).concat();
            key_of(&[b"tile", image.as_bytes(), &place])
        };
        let key = name(level, column, row);
        if let Some(bytes) = self.cache.get(&key) {
            return Ok(Picture { bytes, key });
        }
        let _one = lock(&self.tiling);
        if let Some(bytes) = self.cache.get(&key) {
            return Ok(Picture { bytes, key });
        }
        let _turn = self.gate.enter();
        let mut pixels = set.pixels(index)?;
        let mut found = None;
        for made in 0.. {
            let size = pixels.size;
            for at_row in 0..size.height.div_ceil(TILE) {
                for at_column in 0..size.width.div_ceil(TILE) {
                    let bytes = jpeg(set, index, &cut(&pixels, at_column, at_row), 88)?;
                    self.cache.put(&name(made, at_column, at_row), &bytes);
                    if [made, at_column, at_row] == [level, column, row] {
                        found = Some(bytes);
                    }
                }
            }
            if size.width.max(size.height) <= TILE && made >= level {
                break;
            }
            pixels = shrink(&pixels, level_size(size, 1));
        }
        let bytes = found.ok_or_else(|| Error::missing("the tile", "one of the image"))?;
        Ok(Picture { bytes, key })
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

/// The size of a level.
fn level_size(size: Size, level: usize) -> Size {
    let half =
        |side: usize| side.div_ceil(1_usize.checked_shl(level as u32).unwrap_or(usize::MAX)).max(1);
    Size::new(half(size.height), half(size.width))
}

/// The largest size of these proportions within another, at most its own.
fn within(size: Size, most: Size) -> Size {
    let share =
        (most.width as f64 / size.width as f64).min(most.height as f64 / size.height as f64);
    let side = |side: usize| ((side as f64 * share.min(1.0)).round() as usize).max(1);
    Size::new(side(size.height), side(size.width))
}

/// One tile of a picture.
fn cut(pixels: &RgbImage, column: usize, row: usize) -> RgbImage {
    let (x, y) = (column * TILE, row * TILE);
    let size = Size::new(TILE.min(pixels.size.height - y), TILE.min(pixels.size.width - x));
    let mut tile = RgbImage::filled(size, 0);
    for line in 0..size.height {
        let from = &pixels.row(y + line)[3 * x..][..3 * size.width];
        tile.row_mut(line).copy_from_slice(from);
    }
    tile
}

fn jpeg(set: &DataSet, index: usize, pixels: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let name = set.record(index)?.image;
    jpeg_rgb(pixels, quality).map_err(Error::image(&name))
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

/// Lets a few at a time pass.
#[derive(Default)]
struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// Whoever is inside.
struct Turn<'a>(&'a Gate);

impl Gate {
    fn enter(&self) -> Turn<'_> {
        let inside = lock(&self.inside);
        let full = |inside: &mut usize| *inside >= DECODED;
        let mut inside = self.left.wait_while(inside, full).unwrap_or_else(PoisonError::into_inner);
        *inside += 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.inside) -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_thumbnails_and_levels() {
        assert_eq!(within(Size::new(300, 600), Size::square(200)), Size::new(100, 200));
        assert_eq!(within(Size::new(30, 60), Size::square(200)), Size::new(30, 60));
        assert_eq!(within(Size::new(1, 6000), Size::square(200)), Size::new(1, 200));
        assert_eq!(level_size(Size::new(1001, 2000), 1), Size::new(501, 1000));
        assert_eq!(level_size(Size::new(1001, 2000), 16), Size::new(1, 1));
    }

    #[test]
    fn tiles_at_the_edge_are_smaller() {
        let mut image = RgbImage::filled(Size::new(600, 700), 9);
        image.row_mut(599)[3 * 699..].fill(200);
        let tile = cut(&image, 1, 1);
        assert_eq!(tile.size, Size::new(88, 188));
        assert_eq!(tile.pixel(187, 87), [200; 3]);
    }
}
