//! Tiles of images that are too large to be sent whole, 512 pixels wide and high. Level 0 is the whole size, each further one half of the one
//! before.
//!
//! A level is decoded when one of its tiles is asked for: what is shown first is a coarse one, of which a JPEG takes a fraction of the time.
//! The tiles that are asked for are cut from it at once, by whoever asks. All others follow in the background, those of the coarser levels
//! too, so that the pixels are held for no longer than that takes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use maskwright_image::encode::jpeg_rgb;
use maskwright_image::sample::shrink;
use maskwright_image::{RgbImage, Size};

use super::DataSet;
use super::cache::DiskCache;
use super::picture::{Picture, Turn, jpeg};
use crate::error::{Error, Result};
use crate::key::key_of;
use crate::locks::lock;

/// The side of a tile.
const TILE: usize = 512;
/// The quality of a tile.
const QUALITY: u8 = 88;
/// Levels whose pixels are held at once: two windows may look at two images.
const HELD: usize = 2;

/// Tiles, those that were made before from the disk.
pub(super) struct Tiles {
    cache: Arc<DiskCache>,
    /// Held while a level is decoded.
    decoding: Mutex<()>,
    /// The levels that were decoded last, while their tiles are made.
    held: Arc<Mutex<VecDeque<Weak<Level>>>>,
}

/// The pixels of a level.
struct Level {
    /// What the image is called by.
    image: String,
    level: usize,
    pixels: RgbImage,
}

impl Tiles {
    pub(super) fn new(cache: Arc<DiskCache>) -> Self {
        Self { cache, decoding: Mutex::new(()), held: Arc::default() }
    }

    /// A tile by its level, column and row. `turn` waits until an image may be decoded.
    ///
    /// # Errors
    /// An image that cannot be decoded, [`Error::Missing`] for a tile that it does not have.
    pub(super) fn tile<'a>(
        &self,
        set: &DataSet,
        index: usize,
        [level, column, row]: [usize; 3],
        turn: impl Fn() -> Turn<'a>,
    ) -> Result<Picture> {
        let size = set.size(index)?.halved(level as u32);
        if level > 16 || column >= size.width.div_ceil(TILE) || row >= size.height.div_ceil(TILE) {
            return Err(Error::missing(
                format!("tile {level}/{column}/{row}"),
                format!("tiles of {TILE} pixels of {size}"),
            ));
        }
        let image = set.key(index)?;
        let key = name(&image, [level, column, row]);
        if let Some(bytes) = self.cache.get(&key) {
            return Ok(Picture { bytes, key });
        }
        let found = self.level(set, index, (&image, level), turn)?;
        if found.pixels.size != size {
            return Err(Error::missing(
                format!("tile {level}/{column}/{row}"),
                format!("one of {}: the image has changed", found.pixels.size),
            ));
        }
        let bytes = jpeg(set, index, &cut(&found.pixels, column, row), QUALITY)?;
        self.cache.put(&key, &bytes);
        Ok(Picture { bytes, key })
    }

    /// The pixels of a level, decoded unless they are held.
    fn level<'a>(
        &self,
        set: &DataSet,
        index: usize,
        (image, level): (&str, usize),
        turn: impl Fn() -> Turn<'a>,
    ) -> Result<Arc<Level>> {
        let held = || {
            let levels = lock(&self.held);
            let mut levels = levels.iter().filter_map(Weak::upgrade);
            levels.find(|one| one.level == level && one.image == image)
        };
        if let Some(found) = held() {
            return Ok(found);
        }
        let _one = lock(&self.decoding);
        if let Some(found) = held() {
            return Ok(found);
        }
        let _turn = turn();
        let pixels = match level {
            0 => set.pixels(index)?,
            _ => set.halved(index, level)?,
        };
        let found = Arc::new(Level { image: image.to_owned(), level, pixels });
        let mut levels = lock(&self.held);
        levels.push_front(Arc::downgrade(&found));
        levels.truncate(HELD);
        drop(levels);
        let (of, cache, levels) = (found.clone(), self.cache.clone(), self.held.clone());
        // Without a thread for it, tiles are made when they are asked for.
        let thread = std::thread::Builder::new().name("tiles".into());
        let _ = thread.spawn(move || make_all(&of, &cache, &levels));
        Ok(found)
    }
}

/// Makes all tiles of a level that are not there, and those of the coarser ones, until other levels take its place.
fn make_all(of: &Arc<Level>, cache: &DiskCache, held: &Mutex<VecDeque<Weak<Level>>>) {
    let is_held = || lock(held).iter().any(|one| one.as_ptr() == Arc::as_ptr(of));
    let mut smaller: Option<RgbImage> = None;
    for level in of.level.. {
        let pixels = smaller.as_ref().unwrap_or(&of.pixels);
        for row in 0..pixels.size.height.div_ceil(TILE) {
            for column in 0..pixels.size.width.div_ceil(TILE) {
                let key = name(&of.image, [level, column, row]);
                if cache.has(&key) {
                    continue;
                }
                if !is_held() {
                    return;
                }
                // What cannot be encoded is told to whoever asks for it.
                if let Ok(bytes) = jpeg_rgb(&cut(pixels, column, row), QUALITY) {
                    cache.put(&key, &bytes);
                }
            }
        }
        if pixels.size.width.max(pixels.size.height) <= TILE {
            return;
        }
        smaller = Some(shrink(pixels, pixels.size.halved(1)));
    }
}

/// What a tile is called by.
fn name(image: &str, place: [usize; 3]) -> String {
    key_of(&[b"tile", image.as_bytes(), &place.map(usize::to_le_bytes).concat()])
}

/// One tile of a picture.
fn cut(pixels: &RgbImage, column: usize, row: usize) -> RgbImage {
    let (x, y) = (column * TILE, row * TILE);
    let size = Size::new(TILE.min(pixels.size.height - y), TILE.min(pixels.size.width - x));
    pixels.cut([x, y], size)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use maskwright_data::source::OpenContext;
    use maskwright_image::{decode, encode};

    use super::*;
    use crate::StudioData;
    use crate::data::picture::Gate;

    #[test]
    fn sizes_of_levels() {
        assert_eq!(Size::new(1001, 2000).halved(1), Size::new(501, 1000));
        assert_eq!(Size::new(1001, 2000).halved(16), Size::new(1, 1));
    }

    #[test]
    fn tiles_at_the_edge_are_smaller() {
        let mut image = RgbImage::filled(Size::new(600, 700), 9);
        image.row_mut(599)[3 * 699..].fill(200);
        let tile = cut(&image, 1, 1);
        assert_eq!(tile.size, Size::new(88, 188));
        assert_eq!(tile.pixel(187, 87), [200; 3]);
    }

    /// Whatever level is asked for first, each shows the same of the image, and all tiles come to lie on the disk.
    #[test]
    fn every_level_shows_the_image() {
        let size = Size::new(1203, 1601);
        let mut image = RgbImage::filled(size, 40);
        for y in 0..600 {
            image.row_mut(y)[..3 * 800].fill(200);
        }
        let place = tempfile::tempdir().expect("a folder");
        let photos = place.path().join("photos");
        std::fs::create_dir(&photos).expect("made");
        std::fs::write(photos.join("a.jpg"), encode::jpeg_rgb(&image, 95).expect("encoded"))
            .expect("written");
        std::fs::write(photos.join("b.png"), encode::png_rgb(&image).expect("encoded"))
            .expect("written");
        let from = StudioData::Photos { folder: photos };
        let set = DataSet::open(&from, &OpenContext::default()).expect("opened");
        let gate = Gate::default();
        let turn = || gate.enter();
        for (round, levels) in [[0, 1, 2], [2, 1, 0], [1, 2, 0]].into_iter().enumerate() {
            let folder = place.path().join(format!("cache-{round}"));
            let tiles = Tiles::new(Arc::new(DiskCache::new(folder.clone(), 1 << 30)));
            for index in 0..2 {
                for level in levels {
                    let shown = size.halved(level as u32);
                    let (mut bright, mut all) = (0, 0);
                    for row in 0..shown.height.div_ceil(TILE) {
                        for column in 0..shown.width.div_ceil(TILE) {
                            let tile = tiles.tile(&set, index, [level, column, row], turn);
                            let bytes = tile.expect("a tile").bytes;
                            let file = decode::ImageFile::read(&bytes).expect("a JPEG");
                            let tile = file.decode_rgb(&decode::Limits::default());
                            let tile = tile.expect("decoded").pixels;
                            all += tile.size.area();
                            bright += tile.data.chunks(3).filter(|pixel| pixel[0] > 120).count();
                        }
                    }
                    assert_eq!(all, shown.area());
                    let share = bright as f64 / all as f64;
                    let expected = (600.0 * 800.0) / size.area() as f64;
                    assert!((share - expected).abs() < 0.003, "level {level}: {share}");
                }
                assert!(tiles.tile(&set, index, [0, 4, 0], turn).is_err());
            }
        }
        // One tile is asked for, and all of its level and of the coarser ones follow: 12 + 4 + 1.
        let folder = place.path().join("cache");
        let tiles = Tiles::new(Arc::new(DiskCache::new(folder.clone(), 1 << 30)));
        tiles.tile(&set, 0, [0, 3, 2], turn).expect("a tile");
        let count = || {
            let folders = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.flat_map(|one| std::fs::read_dir(one.path()).into_iter().flatten()).count()
        };
        let until = Instant::now() + Duration::from_secs(60);
        while count() < 17 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(count(), 17);
    }
}
