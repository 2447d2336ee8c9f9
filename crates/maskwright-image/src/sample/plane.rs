//! Labels and planes of numbers through two axis tables.

use std::ops::Range;

use super::axis::{AxisTable, Taps};
use super::bits::BitRows;
use super::gather;
use super::isa::Isa;
use super::kernel::{PlaneTaps, Weights};
use super::rows::{Number, Rows, Scratch};
use super::walk::Walk;
use crate::mask::Rle;

/// Scaled height plus width up to which PyTorch takes the kernel of pictures for everything.
const SMALL: usize = 128;

/// Buffers for planes.
#[derive(Debug, Default)]
pub(super) struct PlaneWalks {
    buffers: Buffers,
    bits: BitRows,
    window: [Taps; 2],
}

/// What the walk over a plane's rows needs.
#[derive(Debug, Default)]
struct Buffers {
    chain: Walk<PlaneTaps>,
    mixed: Walk<MixedRow>,
    scratch: Scratch,
}

/// A source row with its columns mixed.
#[derive(Debug, Default)]
struct MixedRow {
    values: Vec<f32>,
    /// Nothing but zeros, as most rows of most labels.
    zero: bool,
}

/// Rows in memory.
struct Plane<'a, T> {
    values: &'a [T],
    width: usize,
    needed: Range<usize>,
}

impl<T: Number> Rows for Plane<'_, T> {
    type Number = T;

    fn row(&mut self, y: usize) -> Option<&[T]> {
        let row = &self.values[y * self.width..(y + 1) * self.width];
        (!T::all_zero(&row[self.needed.clone()])).then_some(row)
    }
}

/// The taps that PyTorch's kernel for an output of this scaled size has, and whether that is the small one.
fn choose([rows, columns]: [&AxisTable; 2]) -> ([&Taps; 2], bool) {
    if rows.scaled() + columns.scaled() <= SMALL {
        ([&rows.fused, &columns.fused], true)
    } else {
        ([&rows.plain, &columns.plain], false)
    }
}

impl PlaneWalks {
    /// Samples `src`, of the size that the tables are for, into `out`. `seen` is called with every visible row once it
    /// is written, unless it is known to be all zero: its number, the first column that may not be zero, and its
    /// columns up to the last such one.
    pub(super) fn sample<T: Number>(
        &mut self,
        isa: Isa,
        src: &[T],
        tables: [&AxisTable; 2],
        pad: f32,
        out: &mut [f32],
        seen: impl FnMut(usize, usize, &[f32]),
    ) {
        let (taps, small) = choose(tables);
        let [rows, columns] = taps;
        let width = tables[1].output();
        assert_eq!(out.len(), tables[0].output() * width, "an output of another size");
        let mut source =
            Plane { values: src, width: tables[1].source(), needed: columns.source_range() };
        let target = Target { width, rows: 0..rows.visible(), columns: 0..columns.visible(), out };
        self.buffers.sample(isa, &mut source, taps, small, target, pad, seen);
    }

    /// Samples a run-length mask as [`Self::sample`] does its grey picture, with 0 as padding. Only the part of the
    /// mask that has foreground and is shown is drawn, and only the outputs that touch it are mixed.
    pub(super) fn sample_rle(
        &mut self,
        isa: Isa,
        mask: &Rle,
        tables: [&AxisTable; 2],
        out: &mut [f32],
        seen: impl FnMut(usize, usize, &[f32]),
    ) {
        let (taps, small) = choose(tables);
        let width = tables[1].output();
        assert_eq!(out.len(), tables[0].output() * width, "an output of another size");
        let Self { buffers, bits, window: [window_rows, window_columns] } = self;
        let [rows, columns] = taps;
        // The object may lie beside the window, and even between the taps.
        let mut touched = || {
            let touched_columns = columns.touching(&mask.foreground_columns()?);
            if touched_columns.is_empty() || rows.visible() == 0 {
                return None;
            }
            let needed = window_columns.set_window(columns, touched_columns.clone());
            let foreground = bits.draw(mask, rows.source_range(), needed)?;
            Some([rows.touching(&foreground), touched_columns])
        };
        let Some([touched_rows, touched_columns]) = touched().filter(|[rows, _]| !rows.is_empty())
        else {
            out.fill(0.0);
            return;
        };
        let needed = window_rows.set_window(rows, touched_rows.clone());
        bits.count_from(needed.start - rows.source_range().start);
        let target = Target { width, rows: touched_rows, columns: touched_columns, out };
        buffers.sample(isa, bits, [window_rows, window_columns], small, target, 0.0, seen);
    }
}

impl Buffers {
    #[allow(clippy::too_many_arguments, reason = "one call for every kind of plane")]
    fn sample<R: Rows>(
        &mut self,
        isa: Isa,
        source: &mut R,
        [rows, columns]: [&Taps; 2],
        small: bool,
        mut target: Target<'_>,
        pad: f32,
        seen: impl FnMut(usize, usize, &[f32]),
    ) {
        if target.width == 0 {
            return;
        }
        target.fill_around(pad);
        if small {
            self.by_chain(isa, source, rows, columns, target, seen);
        } else {
            self.by_rows(isa, source, rows, columns, target, seen);
        }
    }

    fn by_chain<R: Rows>(
        &mut self,
        isa: Isa,
        source: &mut R,
        rows: &Taps,
        columns: &Taps,
        mut target: Target<'_>,
        mut seen: impl FnMut(usize, usize, &[f32]),
    ) {
        self.chain.restart();
        while let Some(y) = self.chain.wanted(rows) {
            let gather = |taps: &mut PlaneTaps| match source.row(y) {
                Some(row) => gather::plane(row, columns, taps),
                None => taps.clear(columns.visible()),
            };
            let write = |output: usize, top: &PlaneTaps, bottom: &PlaneTaps| {
                let weights = Weights {
                    columns: [&columns.w0, &columns.w1],
                    rows: [rows.w0[output], rows.w1[output]],
                };
                isa.blend_chain(top, bottom, weights, target.row(output));
                target.tell(output, &mut seen);
            };
            self.chain.push(rows, y, gather, write);
        }
    }

    fn by_rows<R: Rows>(
        &mut self,
        isa: Isa,
        source: &mut R,
        rows: &Taps,
        columns: &Taps,
        mut target: Target<'_>,
        mut seen: impl FnMut(usize, usize, &[f32]),
    ) {
        let Self { mixed, scratch, .. } = self;
        mixed.restart();
        while let Some(y) = mixed.wanted(rows) {
            let mix = |mixed: &mut MixedRow| {
                mixed.values.resize(columns.visible(), 0.0);
                let row = source.row(y);
                mixed.zero = row.is_none();
                match row {
                    Some(row) => Number::mix(isa, row, columns, scratch, &mut mixed.values),
                    None => mixed.values.fill(0.0),
                }
            };
            let write = |output: usize, top: &MixedRow, bottom: &MixedRow| {
                let out = target.row(output);
                if top.zero && bottom.zero {
                    out.fill(0.0);
                } else {
                    let weights = [rows.w0[output], rows.w1[output]];
                    isa.mix_rows(&top.values, &bottom.values, weights, out);
                    target.tell(output, &mut seen);
                }
            };
            mixed.push(rows, y, mix, write);
        }
    }
}

/// Where sampled rows go: a window of the output, around which all is padding.
struct Target<'a> {
    width: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    out: &'a mut [f32],
}

impl Target<'_> {
    fn fill_around(&mut self, pad: f32) {
        let (above, rest) = self.out.split_at_mut(self.rows.start * self.width);
        let (shown, below) = rest.split_at_mut(self.rows.len() * self.width);
        above.fill(pad);
        below.fill(pad);
        for row in shown.chunks_exact_mut(self.width) {
            row[..self.columns.start].fill(pad);
            row[self.columns.end..].fill(pad);
        }
    }

    /// The window's row `output`.
    fn row(&mut self, output: usize) -> &mut [f32] {
        let at = (self.rows.start + output) * self.width;
        &mut self.out[at + self.columns.start..at + self.columns.end]
    }

    fn tell(&self, output: usize, seen: &mut impl FnMut(usize, usize, &[f32])) {
        let y = self.rows.start + output;
        let at = y * self.width;
        seen(y, self.columns.start, &self.out[at..at + self.columns.end]);
    }
}
