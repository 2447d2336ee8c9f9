//! What a mask looks like in numbers: one pass over its pixels.

use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, Size};
use xxhash_rust::xxh3::xxh3_128;

/// Levels from 10 to 245 are grey: neither black nor white, nor nearly so.
const GREY: std::ops::RangeInclusive<u8> = 10..=245;

/// Numbers about a mask.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Shape {
    /// Of the mask.
    pub(super) size: Size,
    /// Pixels above 128.
    pub(super) foreground: usize,
    /// Pixels from 10 to 245.
    pub(super) grey: usize,
    /// Pixels above 245.
    pub(super) white: usize,
    /// The brightest level.
    pub(super) brightest: u8,
    /// Share of the border's pixels that are foreground.
    pub(super) border: f64,
    /// Hash of the pixels and the size.
    pub(super) hash: u128,
}

impl Shape {
    /// Of a label, 0..=255.
    pub(super) fn of_label(label: &GreyImage) -> Shape {
        let (mut foreground, mut grey, mut white, mut brightest) = (0, 0, 0, 0);
        // Counted in pieces of 255, in bytes: the compiler makes it vector code.
        for piece in label.data.chunks(255) {
            let (mut on, mut between, mut top) = (0u8, 0u8, 0u8);
            for &level in piece {
                on += u8::from(level > 128);
                between += u8::from(GREY.contains(&level));
                top += u8::from(level > *GREY.end());
                brightest = level.max(brightest);
            }
            foreground += usize::from(on);
            grey += usize::from(between);
            white += usize::from(top);
        }
        let size = label.size;
        let on = |y: usize, x: usize| label.data[y * size.width + x] > 128;
        Shape {
            size,
            foreground,
            grey,
            white,
            brightest,
            border: border(size, on),
            hash: with_size(xxh3_128(&label.data), size),
        }
    }

    /// Of a mask without grey.
    pub(super) fn of_bitmap(mask: &Bitmap) -> Shape {
        let size = mask.size();
        let foreground = mask.count();
        let mut bytes = Vec::with_capacity(size.height * size.width.div_ceil(64) * 8);
        for y in 0..size.height {
            bytes.extend(mask.row(y).iter().flat_map(|word| word.to_le_bytes()));
        }
        Shape {
            size,
            foreground,
            grey: 0,
            white: foreground,
            brightest: if foreground > 0 { 255 } else { 0 },
            border: border(size, |y, x| mask.get(y, x)),
            hash: with_size(xxh3_128(&bytes), size),
        }
    }

    /// All pixels.
    pub(super) fn pixels(&self) -> usize {
        self.size.area()
    }

    /// Foreground by pixels, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        self.foreground as f64 / self.pixels().max(1) as f64
    }

    /// Grey by pixels, 0 to 1.
    pub(super) fn grey_share(&self) -> f64 {
        self.grey as f64 / self.pixels().max(1) as f64
    }

    /// Grey by what is not black, 0 to 1.
    pub(super) fn grey_of_object(&self) -> f64 {
        self.grey as f64 / (self.grey + self.white).max(1) as f64
    }

    /// Whether the background may be what counts as object: it covers more than half and touches nearly
    /// all of the border, and something else is there.
    pub(super) fn seems_inverted(&self) -> bool {
        self.share() > 0.5 && self.border >= 0.9 && self.foreground < self.pixels()
    }
}

/// The share of border pixels that `on` says are set.
fn border(Size { height, width }: Size, on: impl Fn(usize, usize) -> bool) -> f64 {
    if height == 0 || width == 0 {
        return 0.0;
    }
    let rows = (0..width).flat_map(|x| [(0, x), (height - 1, x)]);
    let columns = (0..height).flat_map(|y| [(y, 0), (y, width - 1)]);
    let set = rows.chain(columns).filter(|&(y, x)| on(y, x)).count();
    set as f64 / (2 * (width + height)) as f64
}

fn with_size(hash: u128, Size { height, width }: Size) -> u128 {
    hash ^ (((height as u128) << 32 | width as u128) << 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_equal_a_plain_count() {
        let (width, height) = (301, 97);
        let data: Vec<u8> = (0..width * height).map(|i| (i * i / 7 % 256) as u8).collect();
        let label = GreyImage::new(Size::new(height, width), data.clone()).unwrap();
        let shape = Shape::of_label(&label);
        let count = |test: fn(u8) -> bool| data.iter().filter(|&&level| test(level)).count();
        assert_eq!(shape.foreground, count(|level| level > 128));
        assert_eq!(shape.grey, count(|level| (10..=245).contains(&level)));
        assert_eq!(shape.white, count(|level| level > 245));
        assert_eq!(shape.brightest, *data.iter().max().unwrap());
    }

    #[test]
    fn bitmaps_and_labels_agree() {
        let mask = Bitmap::from_fn(Size::new(40, 70), |y, x| y > 3 && x > 5 && (x + y) % 3 > 0);
        let (a, b) = (Shape::of_bitmap(&mask), Shape::of_label(&mask.to_grey()));
        assert_eq!((a.foreground, a.white, a.border), (b.foreground, b.white, b.border));
        assert_eq!(a.size, b.size);
    }

    #[test]
    fn the_hash_knows_the_size() {
        let wide = Shape::of_label(&GreyImage::filled(Size::new(10, 20), 255));
        let high = Shape::of_label(&GreyImage::filled(Size::new(20, 10), 255));
        assert_ne!(wide.hash, high.hash);
    }

    #[test]
    fn only_backgrounds_seem_inverted() {
        let seems = |set: fn(usize, usize) -> bool| {
            Shape::of_bitmap(&Bitmap::from_fn(Size::square(100), set)).seems_inverted()
        };
        let in_the_middle = |y: usize, x: usize| (30..60).contains(&y) && (30..60).contains(&x);
        assert!(!seems(in_the_middle));
        assert!(seems(|y, x| !((30..60).contains(&y) && (30..60).contains(&x))));
        // A large object that leaves a corner free, and a whole picture.
        assert!(!seems(|y, x| y + x > 60));
        assert!(!seems(|_, _| true));
    }
}
