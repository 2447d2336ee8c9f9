//! Rows of a run-length mask, drawn only where they are asked for.

use std::ops::Range;

use super::rows::Rows;
use crate::mask::{Rle, spread};

/// A window of a mask, one bit per pixel, each row held as its difference from the row above.
#[derive(Debug, Default)]
pub(super) struct BitRows {
    changes: Vec<u64>,
    words_per_row: usize,
    /// The row before `next`.
    current: Vec<u64>,
    next: usize,
    /// The row that is asked for as row 0.
    origin: usize,
    bytes: Vec<[u8; 64]>,
}

impl BitRows {
    /// Takes a window of a mask, in the memory that it has. Returns the rows from the first to the last with foreground
    /// in the window; none where that is none.
    pub(super) fn draw(
        &mut self,
        mask: &Rle,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Option<Range<usize>> {
        self.words_per_row = columns.len().div_ceil(64);
        self.current.clear();
        self.current.resize(self.words_per_row, 0);
        self.bytes.resize(self.words_per_row, [0; 64]);
        self.changes.clear();
        self.changes.resize(rows.len() * self.words_per_row, 0);
        let first = rows.start;
        let foreground = mask.mark_changes(rows, columns, &mut self.changes)?;
        (self.next, self.origin) = (foreground.start - first, 0);
        Some(foreground)
    }

    /// From now on asks for the window's row `origin` as row 0.
    pub(super) fn count_from(&mut self, origin: usize) {
        self.origin = origin;
        // Above the first foreground nothing changes.
        self.next = self.next.min(origin);
    }
}

impl Rows for BitRows {
    type Number = u8;

    fn row(&mut self, y: usize) -> Option<&[u8]> {
        let y = self.origin + y;
        let changes = &self.changes[self.next * self.words_per_row..(y + 1) * self.words_per_row];
        for row in changes.chunks_exact(self.words_per_row) {
            self.current.iter_mut().zip(row).for_each(|(word, change)| *word ^= change);
        }
        self.next = y + 1;
        if self.current.iter().all(|&word| word == 0) {
            return None;
        }
        for (bytes, word) in self.bytes.iter_mut().zip(&self.current) {
            *bytes = spread(*word);
        }
        Some(self.bytes.as_flattened())
    }
}
