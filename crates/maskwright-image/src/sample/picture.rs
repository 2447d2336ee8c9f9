//! RGB rows through two axis tables, from memory or from a decoder.

use super::axis::{AxisTable, Taps};
use super::gather;
use super::isa::Isa;
use super::kernel::{RgbPairs, Weights};
use super::walk::Walk;

/// One picture being sampled: source rows go in, output rows come out.
pub(super) struct PictureWalk<'a> {
    isa: Isa,
    walk: &'a mut Walk<RgbPairs>,
    rows: &'a Taps,
    columns: &'a Taps,
    width: usize,
    planes: [&'a mut [u8]; 3],
}

impl<'a> PictureWalk<'a> {
    /// Starts a picture, and pads what it will not write of `out`, `[3, rows.output(), columns.output()]`.
    pub(super) fn new(
        isa: Isa,
        walk: &'a mut Walk<RgbPairs>,
        rows: &'a AxisTable,
        columns: &'a AxisTable,
        pad: u8,
        out: &'a mut [u8],
    ) -> Self {
        let width = columns.output();
        let plane = rows.output() * width;
        assert_eq!(out.len(), 3 * plane, "an output of another size");
        let (red, rest) = out.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let mut planes = [red, green, blue];
        for plane in planes.iter_mut().filter(|_| width > 0) {
            let (shown, below) = plane.split_at_mut(rows.visible() * width);
            below.fill(pad);
            shown.chunks_exact_mut(width).for_each(|row| row[columns.visible()..].fill(pad));
        }
        walk.restart();
        Self { isa, walk, rows: &rows.fused, columns: &columns.fused, width, planes }
    }

    /// Starts the same picture again.
    pub(super) fn restart(&mut self) {
        self.walk.restart();
    }

    /// The next source row to be pushed; none when all is written.
    pub(super) fn wanted(&self) -> Option<usize> {
        self.walk.wanted(self.rows)
    }

    /// Takes source row `y` from column `start` on; `row` may go on past its end.
    pub(super) fn push(&mut self, y: usize, row: &[u8], start: usize) {
        let Self { isa, walk, rows, columns, width, planes } = self;
        let (rows, columns) = (*rows, *columns);
        let write = |output: usize, top: &RgbPairs, bottom: &RgbPairs| {
            let at = output * *width;
            let out = planes.each_mut().map(|plane| &mut plane[at..at + columns.visible()]);
            let weights = Weights {
                columns: [&columns.w0, &columns.w1],
                rows: [rows.w0[output], rows.w1[output]],
            };
            isa.blend_rgb(top, bottom, columns.flip, weights, out);
        };
        walk.push(rows, y, |pairs| gather::rgb(row, start, columns, pairs), write);
    }
}
