//! The mask type: packing, counting, finding.

use crate::image::GreyImage;
use crate::size::Size;

/// A binary mask, one bit per pixel, `[height, width]`.
///
/// Rows start at a word border: pixel (y, x) is bit `x % 64` of word `y * words_per_row + x / 64`, and bits past the
/// width are zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bitmap {
    pub(super) size: Size,
    pub(super) words_per_row: usize,
    pub(super) words: Vec<u64>,
    row_counts: Vec<u32>,
}

impl Bitmap {
    /// A mask that is set where `set(y, x)` says so.
    pub fn from_fn(size: Size, mut set: impl FnMut(usize, usize) -> bool) -> Self {
        Self::from_rows(size, |y, words| {
            for x in 0..size.width {
                words[x / 64] |= u64::from(set(y, x)) << (x % 64);
            }
        })
    }

    /// The foreground of a label, `[height, width]` in 0..=255: `> 128`.
    ///
    /// # Panics
    /// Where the label has another length.
    pub fn from_label(label: &[f32], size: Size) -> Self {
        Self::from_values(label, size, |value| value > 128.0)
    }

    /// Makes this an empty mask of another size, in the memory that it has.
    pub(crate) fn clear(&mut self, size: Size) {
        let words_per_row = size.width.div_ceil(64);
        (self.size, self.words_per_row) = (size, words_per_row);
        self.words.clear();
        self.words.resize(size.height * words_per_row, 0);
        self.row_counts.clear();
        self.row_counts.resize(size.height, 0);
    }

    /// Sets row `y` of a mask just cleared from the row of a label, which may be shorter: `> 128`. Columns before
    /// `first` are known to be background.
    pub(crate) fn set_row(&mut self, y: usize, first: usize, label: &[f32]) {
        debug_assert!(label.len() <= self.size.width);
        let word = first / 64;
        let row = &mut self.words[y * self.words_per_row + word..(y + 1) * self.words_per_row];
        pack_row(&label[64 * word..], row, |value| value > 128.0);
        self.row_counts[y] = row.iter().map(|word| word.count_ones()).sum();
    }

    /// The foreground of a grey picture: `> 128`.
    pub fn from_grey(image: &GreyImage) -> Self {
        Self::from_values(&image.data, image.size, |value| value > 128)
    }

    /// The foreground of logits, `[height, width]`: `> 0`.
    ///
    /// # Panics
    /// Where there are not height x width logits.
    pub fn from_logits(logits: &[f32], size: Size) -> Self {
        Self::from_values(logits, size, |value| value > 0.0)
    }

    /// The pixels that are not 0, `[height, width]`.
    ///
    /// # Panics
    /// Where there are not height x width values.
    pub fn from_nonzero(values: &[u8], size: Size) -> Self {
        Self::from_values(values, size, |value| value != 0)
    }

    fn from_values<T: Copy>(values: &[T], size: Size, set: impl Fn(T) -> bool) -> Self {
        let width = size.width;
        assert_eq!(values.len(), size.area(), "a mask of {size} pixels needs that many values");
        Self::from_rows(size, |y, words| {
            pack_row(&values[y * width..(y + 1) * width], words, &set);
        })
    }

    fn from_rows(size: Size, mut fill: impl FnMut(usize, &mut [u64])) -> Self {
        let words_per_row = size.width.div_ceil(64);
        let mut words = vec![0; size.height * words_per_row];
        for y in 0..size.height {
            fill(y, &mut words[y * words_per_row..(y + 1) * words_per_row]);
        }
        Self::from_words(size, words)
    }

    /// Takes words laid out as this type has them; bits past the width must be zero.
    pub(super) fn from_words(size: Size, words: Vec<u64>) -> Self {
        let words_per_row = size.width.div_ceil(64);
        debug_assert_eq!(words.len(), size.height * words_per_row);
        let count = |y: usize| {
            words[y * words_per_row..(y + 1) * words_per_row]
                .iter()
                .map(|word| word.count_ones())
                .sum()
        };
        let row_counts = (0..size.height).map(count).collect();
        Self { size, words_per_row, words, row_counts }
    }

    /// Height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Pixels per row.
    pub fn width(&self) -> usize {
        self.size.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.size.height
    }

    /// The words of row `y`; pixel x is bit `x % 64` of word `x / 64`.
    ///
    /// # Panics
    /// Where `y` is not below the height.
    pub fn row(&self, y: usize) -> &[u64] {
        &self.words[y * self.words_per_row..(y + 1) * self.words_per_row]
    }

    /// Set pixels per row.
    pub fn row_counts(&self) -> &[u32] {
        &self.row_counts
    }

    /// Whether the pixel in row `y`, column `x` is set.
    ///
    /// # Panics
    /// Where the pixel is outside.
    pub fn get(&self, y: usize, x: usize) -> bool {
        assert!(x < self.size.width && y < self.size.height, "({x}, {y}) is outside {}", self.size);
        self.row(y)[x / 64] >> (x % 64) & 1 == 1
    }

    /// Set pixels.
    pub fn count(&self) -> usize {
        self.row_counts.iter().map(|&count| count as usize).sum()
    }

    /// The smallest box around the set pixels, `[x0, y0, x1, y1]`, all inclusive pixel indices; none for an empty mask.
    pub fn box_xyxy(&self) -> Option<[u32; 4]> {
        let y0 = self.row_counts.iter().position(|&count| count > 0)?;
        let y1 = self.row_counts.iter().rposition(|&count| count > 0)?;
        let (mut x0, mut x1) = (u32::MAX, 0);
        for y in (y0..=y1).filter(|&y| self.row_counts[y] > 0) {
            let row = self.row(y);
            // Only words that could widen the box are looked at.
            let left = row.iter().take(x0.div_ceil(64) as usize).position(|&word| word != 0);
            if let Some(k) = left {
                x0 = x0.min(64 * k as u32 + row[k].trailing_zeros());
            }
            if let Some(k) = row.iter().rposition(|&word| word != 0) {
                x1 = x1.max(64 * k as u32 + 63 - row[k].leading_zeros());
            }
        }
        Some([x0, y0 as u32, x1, y1 as u32])
    }

    /// The `rank`-th set pixel in row order, as `(x, y)`; none from [`Self::count`] on.
    pub fn nth(&self, rank: usize) -> Option<(usize, usize)> {
        let mut left = rank;
        for (y, &count) in self.row_counts.iter().enumerate() {
            if left >= count as usize {
                left -= count as usize;
                continue;
            }
            for (k, &word) in self.row(y).iter().enumerate() {
                let ones = word.count_ones() as usize;
                if left >= ones {
                    left -= ones;
                    continue;
                }
                // Clear the lowest set bit until the wanted one is lowest.
                let word = (0..left).fold(word, |word, _| word & (word - 1));
                return Some((64 * k + word.trailing_zeros() as usize, y));
            }
        }
        None
    }

    /// As a grey picture of 0 and 255.
    pub fn to_grey(&self) -> GreyImage {
        let mut data = Vec::with_capacity(self.size.area());
        for y in 0..self.size.height {
            for (k, &word) in self.row(y).iter().enumerate() {
                data.extend_from_slice(&spread(word)[..64.min(self.size.width - 64 * k)]);
            }
        }
        GreyImage { size: self.size, data }
    }

    /// The pixels that are set here and not in another mask of the same size.
    ///
    /// # Panics
    /// Where the sizes differ.
    pub fn without(&self, other: &Self) -> Self {
        self.zip_with(other, |here, there| here & !there)
    }

    /// The pixels that are set here or in another mask of the same size.
    ///
    /// # Panics
    /// Where the sizes differ.
    pub fn with(&self, other: &Self) -> Self {
        self.zip_with(other, |here, there| here | there)
    }

    /// The number of pixels that are set in both of two masks of the same size.
    ///
    /// # Panics
    /// Where the sizes differ.
    pub(crate) fn shared(&self, other: &Self) -> usize {
        assert_eq!(self.size, other.size, "masks of different size");
        let words = self.words.iter().zip(&other.words);
        words.map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    /// Combines two masks of the same size word by word; zero and zero must give zero.
    ///
    /// # Panics
    /// Where the sizes differ.
    pub(crate) fn zip_with(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        assert_eq!(self.size, other.size, "masks of different size");
        let words = self.words.iter().zip(&other.words).map(|(a, b)| combine(*a, *b)).collect();
        Self::from_words(self.size, words)
    }
}

/// One row of values to words.
fn pack_row<T: Copy>(values: &[T], words: &mut [u64], set: impl Fn(T) -> bool) {
    let (whole, rest) = values.as_chunks::<64>();
    for (word, chunk) in words.iter_mut().zip(whole) {
        *word = pack(chunk.map(&set));
    }
    if let Some(word) = words.get_mut(whole.len()) {
        let mut flags = [false; 64];
        flags.iter_mut().zip(rest).for_each(|(flag, &value)| *flag = set(value));
        *word = pack(flags);
    }
}

/// 64 flags to 64 bits; eight bytes of 0 or 1 become eight bits by one product.
pub(super) fn pack(flags: [bool; 64]) -> u64 {
    let bytes = flags.map(u8::from);
    let eights = bytes.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |word, (k, eight)| {
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word | bits << (8 * k)
    })
}

/// 64 bits to as many bytes of 0 or 255.
#[inline]
pub(crate) fn spread(word: u64) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (eight, byte) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(word.to_le_bytes()) {
        *eight = EIGHT[usize::from(byte)];
    }
    bytes
}

/// The bytes for every eight bits.
static EIGHT: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut k = 0;
    while k < 256 * 8 {
        table[k / 8][k % 8] = if (k / 8) >> (k % 8) & 1 == 1 { 255 } else { 0 };
        k += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thresholds_are_strict() {
        let label = [128.0, 128.00002, 0.0, 255.0, f32::NAN];
        let bits = |mask: Bitmap| (0..mask.width()).map(|x| mask.get(0, x)).collect::<Vec<_>>();
        assert_eq!(
            bits(Bitmap::from_label(&label, Size::new(1, 5))),
            [false, true, false, true, false]
        );
        assert_eq!(
            bits(Bitmap::from_logits(&[0.0, -1.0, 1e-30], Size::new(1, 3))),
            [false, false, true]
        );
        let grey = GreyImage::new(Size::new(1, 3), vec![128, 129, 255]).unwrap();
        assert_eq!(bits(Bitmap::from_grey(&grey)), [false, true, true]);
    }

    #[test]
    fn masks_are_joined_and_taken_from_each_other() {
        let columns = |set: std::ops::Range<usize>| {
            Bitmap::from_fn(Size::new(2, 70), |_, x| set.contains(&x))
        };
        let (left, right) = (columns(0..67), columns(60..70));
        assert_eq!(left.without(&right), columns(0..60));
        assert_eq!(left.with(&right), columns(0..70));
    }

    #[test]
    fn empty_masks_have_nothing() {
        for (height, width) in [(0, 0), (3, 70), (0, 5), (5, 0)] {
            let mask = Bitmap::from_fn(Size::new(height, width), |_, _| false);
            assert_eq!((mask.count(), mask.box_xyxy(), mask.nth(0)), (0, None, None));
        }
    }

    proptest! {
        /// Everything that the mask tells agrees with a list of its pixels.
        #[test]
        fn agrees_with_a_list(width in 1usize..200, height in 1usize..20, seed: u64, density in 1u64..9) {
            let hash = |y: usize, x: usize| (seed ^ (y * 7919 + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let set = |y: usize, x: usize| hash(y, x) % 10 < density;
            let mask = Bitmap::from_fn(Size::new(height, width), set);
            let list: Vec<(usize, usize)> =
                (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).filter(|&(x, y)| set(y, x)).collect();
            prop_assert_eq!(mask.count(), list.len());
            for (rank, pixel) in list.iter().enumerate() {
                prop_assert_eq!(mask.nth(rank), Some(*pixel));
            }
            prop_assert_eq!(mask.nth(list.len()), None);
            let box_xyxy = (!list.is_empty()).then(|| {
                let xs = || list.iter().map(|p| p.0 as u32);
                let ys = || list.iter().map(|p| p.1 as u32);
                [xs().min().unwrap(), ys().min().unwrap(), xs().max().unwrap(), ys().max().unwrap()]
            });
            prop_assert_eq!(mask.box_xyxy(), box_xyxy);
            prop_assert_eq!(&Bitmap::from_grey(&mask.to_grey()), &mask);
            let label: Vec<f32> = mask.to_grey().data.iter().map(|&v| f32::from(v)).collect();
            prop_assert_eq!(Bitmap::from_label(&label, Size::new(height, width)), mask);
        }
    }
}
