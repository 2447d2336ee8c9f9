//! Labels and planes of numbers through two axis tables.

use super::axis::{AxisTable, Taps};
use super::gather;
use super::isa::Isa;
use super::kernel::{GreyPairs, PlaneTaps, Weights};
use super::walk::Walk;

/// Scaled height plus width up to which PyTorch takes the kernel of pictures for everything.
const SMALL: usize = 128;

/// Buffers for planes.
#[derive(Debug, Default)]
pub(super) struct PlaneWalks {
    chain: Walk<PlaneTaps>,
    mixed: Walk<MixedRow>,
    scratch: Scratch,
}

/// A row's taps before they are mixed.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    taps: PlaneTaps,
    pairs: GreyPairs,
}

/// A source row with its columns mixed.
#[derive(Debug, Default)]
struct MixedRow {
    values: Vec<f32>,
    /// Nothing but zeros, as most rows of most labels.
    zero: bool,
}

/// What a plane is made of.
pub(super) trait Number: Copy + Into<f32> {
    /// Whether a row is known to be all zero; false where finding out is not worth it.
    fn all_zero(row: &[Self]) -> bool;

    /// Mixes the columns of a row.
    fn mix(isa: Isa, row: &[Self], columns: &Taps, scratch: &mut Scratch, out: &mut [f32]);
}

impl Number for u8 {
    fn all_zero(row: &[Self]) -> bool {
        row.chunks(256).all(|chunk| chunk.iter().fold(0, |any, value| any | value) == 0)
    }

    fn mix(isa: Isa, row: &[u8], columns: &Taps, scratch: &mut Scratch, out: &mut [f32]) {
        gather::grey(row, columns, &mut scratch.pairs);
        isa.mix_pairs(&scratch.pairs, columns.flip, [&columns.w0, &columns.w1], out);
    }
}

impl Number for f32 {
    fn all_zero(_: &[f32]) -> bool {
        false
    }

    fn mix(isa: Isa, row: &[f32], columns: &Taps, scratch: &mut Scratch, out: &mut [f32]) {
        gather::plane(row, columns, &mut scratch.taps);
        isa.mix_taps(&scratch.taps, [&columns.w0, &columns.w1], out);
    }
}

impl PlaneWalks {
    /// Samples `src`, of the size that the tables are for, into `out`. `seen` is called with every visible row once it
    /// is written: its number, and its visible columns unless they are known to be all zero.
    pub(super) fn sample<T: Number>(
        &mut self,
        isa: Isa,
        src: &[T],
        [rows, columns]: [&AxisTable; 2],
        pad: f32,
        out: &mut [f32],
        seen: impl FnMut(usize, Option<&[f32]>),
    ) {
        let width = columns.output();
        assert_eq!(out.len(), rows.output() * width, "an output of another size");
        if width == 0 {
            return;
        }
        let (shown, below) = out.split_at_mut(rows.visible() * width);
        below.fill(pad);
        for row in shown.chunks_exact_mut(width) {
            row[columns.visible()..].fill(pad);
        }
        let target = Target { source_width: columns.source(), width, out: shown };
        if rows.scaled() + columns.scaled() <= SMALL {
            self.by_chain(isa, src, &rows.fused, &columns.fused, target, seen);
        } else {
            self.by_rows(isa, src, &rows.plain, &columns.plain, target, seen);
        }
    }

    fn by_chain<T: Number>(
        &mut self,
        isa: Isa,
        src: &[T],
        rows: &Taps,
        columns: &Taps,
        target: Target<'_>,
        mut seen: impl FnMut(usize, Option<&[f32]>),
    ) {
        self.chain.restart();
        while let Some(y) = self.chain.wanted(rows) {
            let row = &src[y * target.source_width..];
            let write = |output: usize, top: &PlaneTaps, bottom: &PlaneTaps| {
                let weights = Weights {
                    columns: [&columns.w0, &columns.w1],
                    rows: [rows.w0[output], rows.w1[output]],
                };
                let at = output * target.width;
                let out = &mut target.out[at..at + columns.visible()];
                isa.blend_chain(top, bottom, weights, out);
                seen(output, Some(out));
            };
            self.chain.push(rows, y, |taps| gather::plane(row, columns, taps), write);
        }
    }

    fn by_rows<T: Number>(
        &mut self,
        isa: Isa,
        src: &[T],
        rows: &Taps,
        columns: &Taps,
        target: Target<'_>,
        mut seen: impl FnMut(usize, Option<&[f32]>),
    ) {
        let Self { mixed, scratch, .. } = self;
        let needed = columns.source_range();
        mixed.restart();
        while let Some(y) = mixed.wanted(rows) {
            let row = &src[y * target.source_width..(y + 1) * target.source_width];
            let mix = |mixed: &mut MixedRow| {
                mixed.values.resize(columns.visible(), 0.0);
                mixed.zero = T::all_zero(&row[needed.clone()]);
                if mixed.zero {
                    mixed.values.fill(0.0);
                } else {
                    T::mix(isa, row, columns, scratch, &mut mixed.values);
                }
            };
            let write = |output: usize, top: &MixedRow, bottom: &MixedRow| {
                let at = output * target.width;
                let out = &mut target.out[at..at + columns.visible()];
                if top.zero && bottom.zero {
                    out.fill(0.0);
                    seen(output, None);
                } else {
                    isa.mix_rows(
                        &top.values,
                        &bottom.values,
                        [rows.w0[output], rows.w1[output]],
                        out,
                    );
                    seen(output, Some(out));
                }
            };
            mixed.push(rows, y, mix, write);
        }
    }
}

/// Where sampled rows go: the visible rows, padding included to their right.
struct Target<'a> {
    source_width: usize,
    width: usize,
    out: &'a mut [f32],
}
