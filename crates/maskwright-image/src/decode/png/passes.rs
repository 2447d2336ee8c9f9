//! The seven passes of an interlaced PNG (Adam7; PNG specification, section 8.2).

use crate::size::Size;

/// Of each pass: the first column and row of its pixels, and how far apart they are.
const PASSES: [([usize; 2], [usize; 2]); 7] = [
    ([0, 0], [8, 8]),
    ([4, 0], [8, 8]),
    ([0, 4], [4, 8]),
    ([2, 0], [4, 4]),
    ([0, 2], [2, 4]),
    ([1, 0], [2, 2]),
    ([0, 1], [1, 2]),
];

/// A pass that has pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    from: [usize; 2],
    step: [usize; 2],
    /// Of its own picture.
    pub(super) size: Size,
}

/// The passes of a picture of this size; those without pixels are left out, as they are in a file.
pub(super) fn passes(Size { height, width }: Size) -> impl Iterator<Item = Pass> {
    PASSES.into_iter().filter_map(move |(from, step)| {
        let count = |side: usize, at: usize| side.saturating_sub(from[at]).div_ceil(step[at]);
        let size = Size::new(count(height, 1), count(width, 0));
        (size.height > 0 && size.width > 0).then_some(Pass { from, step, size })
    })
}

impl Pass {
    /// Puts its rows, of pixels of `BYTES` bytes, to their places among those of the whole picture, `row_bytes` apart.
    pub(super) fn put<const BYTES: usize>(&self, rows: &[u8], row_bytes: usize, whole: &mut [u8]) {
        let whole = whole.chunks_exact_mut(row_bytes).skip(self.from[1]).step_by(self.step[1]);
        for (row, to) in rows.chunks_exact(self.size.width * BYTES).zip(whole) {
            let to = to.as_chunks_mut::<BYTES>().0[self.from[0]..].iter_mut().step_by(self.step[0]);
            for (pixel, to) in row.as_chunks::<BYTES>().0.iter().zip(to) {
                *to = *pixel;
            }
        }
    }
}
