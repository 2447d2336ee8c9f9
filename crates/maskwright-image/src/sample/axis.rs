//! One axis of a resampling: which two source pixels each output pixel mixes, and how.

use std::ops::Range;

/// Taps and weights of every output pixel along one axis: flip, scale and crop folded into a table.
///
/// The arithmetic is that of PyTorch's bilinear interpolation (`align_corners=False`, no antialiasing), in f32:
/// with `n` source pixels scaled to `s`, the pixel `d` of the scaled axis lies at
/// `src = max(fma(n / s, d + 0.5, -0.5), 0)`, between `i0 = floor(src)` and `i1 = min(i0 + 1, n - 1)`, with
/// weights `w1 = src - i0` and `w0 = 1 - w1`. A flipped axis is the mirrored source: both indices count from the
/// far end, the weights stay.
///
/// ```
/// use maskwright_image::sample::AxisTable;
/// // 4 pixels scaled to 8, of which pixels 3..9 are asked for: five exist, one is padding.
/// let table = AxisTable::new(4, 8, false, 3, 6);
/// assert_eq!(table.visible(), 5);
/// assert_eq!((table.i0()[0], table.i1()[0], table.w1()[0]), (1, 2, 0.25));
/// assert_eq!(table.source_range(), 1..4);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AxisTable {
    source: usize,
    scaled: usize,
    offset: usize,
    output: usize,
    /// Positions by a fused multiply-add, for pictures; what the accessors show.
    pub(crate) fused: Taps,
    /// Positions by a product and a difference, each rounded, for labels and planes.
    pub(crate) plain: Taps,
}

/// The table itself, per visible output.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Taps {
    pub(crate) flip: bool,
    pub(crate) i0: Vec<u32>,
    pub(crate) i1: Vec<u32>,
    pub(crate) w0: Vec<f32>,
    pub(crate) w1: Vec<f32>,
}

impl AxisTable {
    /// Makes the table of `output` pixels that start at pixel `offset` of an axis of `source` pixels, mirrored where
    /// `flip` says so and then scaled to `scaled` pixels. Outputs past the scaled axis are padding.
    ///
    /// # Panics
    /// For an empty source, and lengths over `u32::MAX`.
    pub fn new(source: usize, scaled: usize, flip: bool, offset: usize, output: usize) -> Self {
        let (fused, plain) = (Taps::default(), Taps::default());
        let mut table = Self { source, scaled, offset, output, fused, plain };
        table.set(source, scaled, flip, offset, output);
        table
    }

    /// Makes this the table that [`Self::new`] would give, in the memory that it has.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn set(&mut self, source: usize, scaled: usize, flip: bool, offset: usize, output: usize) {
        assert!(source > 0, "an axis without pixels cannot be sampled");
        assert!(
            source.max(scaled) <= u32::MAX as usize,
            "an axis of {} pixels",
            source.max(scaled)
        );
        let visible = offset..offset + output.min(scaled.saturating_sub(offset));
        let scale = source as f32 / scaled as f32;
        (self.source, self.scaled, self.offset, self.output) = (source, scaled, offset, output);
        let places = visible.clone().map(|d| scale.mul_add(d as f32 + 0.5, -0.5));
        self.fused.set(source, flip, places);
        self.plain.set(source, flip, visible.map(|d| scale * (d as f32 + 0.5) - 0.5));
    }

    /// Makes this the table of the same outputs as `full`, for a source that was decoded at one `divisor`-th of its
    /// size, rounded up. Only its fused taps are of use.
    #[cfg(feature = "mozjpeg")]
    pub(crate) fn set_reduced(&mut self, full: &Self, divisor: usize) {
        let (exact, stored) = (full.source as f32 / divisor as f32, full.source.div_ceil(divisor));
        (self.source, self.scaled, self.offset, self.output) =
            (stored, full.scaled, full.offset, full.output);
        let scale = exact / full.scaled as f32;
        // Mirrored positions count from the far end, where the last pixel may stand for less than `divisor` pixels.
        let shift = if full.flip() { stored as f32 - exact } else { 0.0 };
        let visible = full.offset..full.offset + full.visible();
        let place = |d: usize| scale.mul_add(d as f32 + 0.5, shift - 0.5);
        self.fused.set(stored, full.flip(), visible.map(place));
    }

    /// Pixels of the source axis.
    pub fn source(&self) -> usize {
        self.source
    }

    /// Pixels that the source is scaled to, of which the output is a window.
    pub fn scaled(&self) -> usize {
        self.scaled
    }

    /// Pixels of the output axis, padding included.
    pub fn output(&self) -> usize {
        self.output
    }

    /// Outputs below this show the picture, the others are padding.
    pub fn visible(&self) -> usize {
        self.fused.visible()
    }

    /// Whether the source is mirrored.
    pub fn flip(&self) -> bool {
        self.fused.flip
    }

    /// Index of the first tap in the stored source, per visible output.
    pub fn i0(&self) -> &[u32] {
        &self.fused.i0
    }

    /// Index of the second tap in the stored source, per visible output.
    pub fn i1(&self) -> &[u32] {
        &self.fused.i1
    }

    /// Weight of the first tap, per visible output.
    pub fn w0(&self) -> &[f32] {
        &self.fused.w0
    }

    /// Weight of the second tap, per visible output.
    pub fn w1(&self) -> &[f32] {
        &self.fused.w1
    }

    /// The source pixels that any output needs; empty where nothing is visible.
    pub fn source_range(&self) -> Range<usize> {
        self.fused.source_range()
    }
}

impl Taps {
    /// Takes the positions of the visible outputs, still to be clamped.
    fn set(&mut self, source: usize, flip: bool, positions: impl ExactSizeIterator<Item = f32>) {
        let visible = positions.len();
        let last = source as u32 - 1;
        self.flip = flip;
        for index in [&mut self.i0, &mut self.i1] {
            index.clear();
            index.reserve(visible);
        }
        for weight in [&mut self.w0, &mut self.w1] {
            weight.clear();
            weight.reserve(visible);
        }
        for position in positions {
            // PyTorch clamps the position below only; above, the last pixel is its own neighbour.
            let position = position.max(0.0);
            let i0 = (position as u32).min(last);
            let i1 = (i0 + 1).min(last);
            let w1 = (position - i0 as f32).clamp(0.0, 1.0);
            self.i0.push(if flip { last - i0 } else { i0 });
            self.i1.push(if flip { last - i1 } else { i1 });
            self.w0.push(1.0 - w1);
            self.w1.push(w1);
        }
    }

    pub(crate) fn visible(&self) -> usize {
        self.i0.len()
    }

    pub(crate) fn source_range(&self) -> Range<usize> {
        let (Some(&first), Some(&last)) = (self.i0.first(), self.i1.last()) else {
            return 0..0;
        };
        // The tables run one way, so their ends are the extremes; only the last output may be its own neighbour.
        let (start, end) = if self.flip { (last, first) } else { (first, last) };
        start as usize..end as usize + 1
    }

    /// The visible outputs whose two taps are the same pixel: those at the source's end.
    pub(crate) fn edge(&self) -> Range<usize> {
        let inner =
            self.i0.iter().zip(&self.i1).rposition(|(i0, i1)| i0 != i1).map_or(0, |last| last + 1);
        inner..self.visible()
    }

    /// The outputs of which a tap lies in `source`: the others show nothing of it.
    pub(crate) fn touching(&self, source: &Range<usize>) -> Range<usize> {
        let (from, to) = (source.start as u32, source.end as u32);
        // The tables run one way, and so do both conditions.
        if self.flip {
            self.i1.partition_point(|&i| i >= to)..self.i0.partition_point(|&i| i >= from)
        } else {
            self.i1.partition_point(|&i| i < from)..self.i0.partition_point(|&i| i < to)
        }
    }

    /// Makes this the table of some `outputs` of `full`, for a source of which only the pixels that they need are there.
    /// Returns those pixels.
    pub(crate) fn set_window(&mut self, full: &Self, outputs: Range<usize>) -> Range<usize> {
        self.flip = full.flip;
        for (window, full) in [(&mut self.w0, &full.w0), (&mut self.w1, &full.w1)] {
            window.clear();
            window.extend_from_slice(&full[outputs.clone()]);
        }
        for (window, full) in [(&mut self.i0, &full.i0), (&mut self.i1, &full.i1)] {
            window.clear();
            window.extend_from_slice(&full[outputs.clone()]);
        }
        let needed = self.source_range();
        for index in self.i0.iter_mut().chain(&mut self.i1) {
            *index -= needed.start as u32;
        }
        needed
    }

    /// The `k`-th visible output in the order in which ascending source pixels complete them.
    pub(crate) fn in_source_order(&self, k: usize) -> usize {
        if self.flip { self.visible() - 1 - k } else { k }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_identity() {
        let table = AxisTable::new(7, 7, false, 0, 7);
        assert_eq!(table.i0(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(table.w1().iter().all(|&w| w == 0.0));
        let flipped = AxisTable::new(7, 7, true, 0, 7);
        assert_eq!(flipped.i0(), [6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn flipping_mirrors_the_taps() {
        let (plain, flipped) =
            (AxisTable::new(13, 29, false, 5, 20), AxisTable::new(13, 29, true, 5, 20));
        assert_eq!(plain.w1(), flipped.w1());
        for (a, b) in plain.i0().iter().zip(flipped.i0()) {
            assert_eq!(a + b, 12);
        }
        assert_eq!(
            flipped.source_range(),
            13 - plain.source_range().end..13 - plain.source_range().start
        );
    }

    #[test]
    fn crops_are_windows_of_the_whole() {
        let whole = AxisTable::new(50, 81, false, 0, 81);
        let crop = AxisTable::new(50, 81, false, 30, 64);
        assert_eq!((crop.visible(), crop.output(), crop.scaled(), crop.source()), (51, 64, 81, 50));
        assert_eq!(crop.i0(), &whole.i0()[30..]);
        assert_eq!(crop.w1(), &whole.w1()[30..]);
        assert_eq!(AxisTable::new(50, 81, false, 90, 64).visible(), 0);
        assert_eq!(AxisTable::new(50, 81, false, 90, 64).source_range(), 0..0);
        assert_eq!(AxisTable::new(50, 0, false, 0, 64).visible(), 0);
    }

    #[test]
    fn a_single_pixel_is_its_own_neighbour() {
        let table = AxisTable::new(1, 5, false, 0, 5);
        assert_eq!((table.i0(), table.i1()), (&[0; 5][..], &[0; 5][..]));
        assert_eq!(table.fused.edge(), 0..5);
        assert_eq!(table.source_range(), 0..1);
    }

    #[test]
    fn the_edge_starts_where_taps_meet() {
        for flip in [false, true] {
            let table = AxisTable::new(3, 12, flip, 0, 12);
            let edge = table.fused.edge();
            for output in 0..12 {
                assert_eq!(table.i0()[output] == table.i1()[output], edge.contains(&output));
            }
        }
    }
}
