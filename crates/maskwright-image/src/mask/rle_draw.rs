//! Runs to pixels and back: drawing a window of a mask, bit by bit, and reading a bitmap's runs.
//!
//! Runs go down the columns, memory along the rows. Setting the pixels of a run one by one would jump a whole row ahead for
//! each. Instead only the two places are marked at which a column changes, and then every row is the row above, changed
//! where it is marked: 64 pixels by one exclusive or.

use std::ops::Range;

use super::bitmap::Bitmap;
use super::rle::{Rle, push_runs};
use crate::image::GreyImage;
use crate::size::Size;

impl Rle {
    /// The runs of a bitmap.
    ///
    /// # Panics
    /// Where the bitmap has more than `u32::MAX` pixels.
    pub fn from_bitmap(mask: &Bitmap) -> Self {
        let size @ Size { height, width } = mask.size();
        let pixels = super::rle::pixels(size).unwrap_or_else(|error| panic!("{error}"));
        let mut toggles = Vec::new();
        let (mut changes, mut places) = (Vec::new(), Vec::new());
        for k in 0..width.div_ceil(64) {
            // The changes of 64 columns come row by row and are put in order by their column, in two passes.
            changes.clear();
            let mut starts = [0; 65];
            let mut above = 0;
            for y in 0..=height {
                let word = if y < height { mask.row(y)[k] } else { 0 };
                let mut changed = word ^ above;
                while changed != 0 {
                    let column = changed.trailing_zeros();
                    changes.push((column, y as u32));
                    starts[column as usize + 1] += 1;
                    changed &= changed - 1;
                }
                above = word;
            }
            for column in 0..64 {
                starts[column + 1] += starts[column];
            }
            places.clear();
            places.resize(changes.len(), 0);
            for &(column, y) in &changes {
                let start = &mut starts[column as usize];
                places[*start] = (64 * k as u32 + column) * height as u32 + y;
                *start += 1;
            }
            toggles.extend_from_slice(&places);
        }
        let mut runs = Self::default();
        let filled = runs.refill(size, |counts| {
            push_runs(toggles, pixels, counts);
            Ok(())
        });
        debug_assert!(filled.is_ok());
        runs
    }

    /// The mask, one bit per pixel.
    pub fn to_bitmap(&self) -> Bitmap {
        let size @ Size { height, width } = self.size();
        let words_per_row = width.div_ceil(64);
        let mut words = vec![0; height * words_per_row];
        self.mark_changes(0..height, 0..width, &mut words);
        for k in words_per_row..words.len() {
            words[k] ^= words[k - words_per_row];
        }
        Bitmap::from_words(size, words)
    }

    /// The mask as a grey picture of 0 and 255.
    pub fn to_grey(&self) -> GreyImage {
        self.to_bitmap().to_grey()
    }

    /// The columns from the first to the last with foreground; none for an empty mask.
    pub(crate) fn foreground_columns(&self) -> Option<Range<usize>> {
        let (first, _) = self.foreground().next()?;
        // From the end, so that long masks are not walked.
        let mut end = self.size().area();
        let last = self.counts().iter().enumerate().rev().find_map(|(k, &run)| {
            let found = (k % 2 == 1 && run > 0).then_some(end - 1);
            end -= run as usize;
            found
        })?;
        Some(first as usize / self.height()..last / self.height() + 1)
    }

    /// The rows from the first to the last with foreground; none for an empty mask.
    pub(super) fn foreground_rows(&self) -> Option<Range<usize>> {
        let (mut top, mut bottom) = (usize::MAX, 0);
        self.pieces(0..self.width(), |_, piece| {
            (top, bottom) = (top.min(piece.start), bottom.max(piece.end));
            bottom - top < self.height()
        });
        (top < bottom).then_some(top..bottom)
    }

    /// Marks in `words`, one bit per pixel of the window, row by row and each row starting at a word, where a pixel
    /// differs from the one above it; above the first row all is background. Returns the rows from the first to the last
    /// with foreground in the window; none where that is none.
    pub(crate) fn mark_changes(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        words: &mut [u64],
    ) -> Option<Range<usize>> {
        let words_per_row = columns.len().div_ceil(64);
        let first = columns.start;
        let (mut top, mut bottom) = (usize::MAX, 0);
        self.pieces(columns, |x, piece| {
            let (start, end) = (piece.start.max(rows.start), piece.end.min(rows.end));
            if start < end {
                (top, bottom) = (top.min(start), bottom.max(end));
                let (word, bit) = ((x - first) / 64, 1 << ((x - first) % 64));
                words[(start - rows.start) * words_per_row + word] ^= bit;
                if end < rows.end {
                    words[(end - rows.start) * words_per_row + word] ^= bit;
                }
            }
            true
        });
        (top < bottom).then_some(top..bottom)
    }

    /// Calls `each(x, rows)` for the part of every foreground run in every one of `columns` that it touches, in order,
    /// for as long as that is true.
    pub(super) fn pieces(
        &self,
        columns: Range<usize>,
        mut each: impl FnMut(usize, Range<usize>) -> bool,
    ) {
        let height = self.height();
        // The column of the last run's start, and the number of its first pixel: most runs start in the same.
        let (mut x, mut column_start) = (0, 0);
        for (start, end) in self.foreground() {
            let (start, end) = (start as usize, end as usize);
            if start - column_start >= height {
                x = start / height;
                column_start = x * height;
            }
            if x >= columns.end {
                return;
            }
            let mut at = start;
            while at < end && x < columns.end {
                let next = column_start + height;
                let stop = end.min(next);
                if x >= columns.start && !each(x, at - column_start..stop - column_start) {
                    return;
                }
                at = stop;
                if at == next {
                    x += 1;
                    column_start = next;
                }
            }
        }
    }
}
