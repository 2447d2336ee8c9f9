//! Where the rows of a plane come from, and the numbers in them.

use super::axis::Taps;
use super::gather;
use super::isa::Isa;
use super::kernel::{GreyPairs, PlaneTaps};

/// A row's taps before they are mixed.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    taps: PlaneTaps,
    pairs: GreyPairs,
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

/// Where source rows come from, in ascending order.
pub(super) trait Rows {
    type Number: Number;

    /// Row `y`; none where it is known to be all zero.
    fn row(&mut self, y: usize) -> Option<&[Self::Number]>;
}
