//! Matrix products of bf16 factors with sums in f32, by the processor's own instructions.
//!
//! A frozen encoder multiplies in bf16 where the processor has it: AMX (`tdpbf16ps`, tiles of 16 x 16 sums) or AVX512-BF16
//! (`vdpbf16ps`). As in [`panel`](super::panel), many rows are multiplied with a panel of 32 columns; here two neighbours along
//! the inner axis lie side by side, as both instructions want them. The inner axis is padded with zeros ([`padded`]).
//! Linear layers ([`layer`]) and attention ([`window_attention`]) are made of this product.
//!
//! Products of two bf16 numbers are exact in f32; only the order of the sums differs. What each instruction gives is defined, to the
//! bit, by its twin in [`scalar`]. On one processor the results are the same on any number of threads.
//!
//! This module and `panel` are the only ones that know how factors are laid out.

mod amx;
mod attention;
mod dot;
pub(crate) mod layer;
mod scalar;
pub(crate) mod window_attention;

use std::sync::OnceLock;

pub(super) use super::panel::{Row, WIDTH};

/// The inner axis of a product is padded to a multiple of this many at most: a tile's row.
pub(super) const INNER: usize = 32;

/// Numbers of a vector of sums.
pub(super) const LANES: usize = 16;

/// How long an inner axis of so many numbers is with its padding: whole rows of tiles, or whole vectors where there are no tiles.
pub(crate) fn padded(inner: usize) -> usize {
    match Instructions::best() {
        Some(Instructions::Dot) => inner.next_multiple_of(LANES),
        _ => inner.next_multiple_of(INNER),
    }
}

/// Two rows of a panel: of each column the upper one in the low 16 bits and the lower one in the high 16.
pub(super) type Pair = [u32; WIDTH];

/// Rows of the other factor are padded to a multiple of this many.
pub(super) const ROWS: usize = 32;

/// Instructions that multiply bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// AMX-BF16.
    Amx,
    /// AVX512-BF16.
    Dot,
}

impl Instructions {
    /// Returns the fastest ones that this processor has and the system allows; `None` if it has none.
    pub(crate) fn best() -> Option<Self> {
        static BEST: OnceLock<Option<Instructions>> = OnceLock::new();
        *BEST.get_or_init(|| {
            let dot = dot::is_there();
            // Rounding is AVX512-BF16's in both.
            if dot && amx::is_there() { Some(Self::Amx) } else { dot.then_some(Self::Dot) }
        })
    }

    /// What they are called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amx => "AMX-BF16",
            Self::Dot => "AVX512-BF16",
        }
    }

    /// `out[r * stride + c] = sum over k of a[r * inner + k] * b[k][c]` for `rows` rows and the panel's first `columns`.
    ///
    /// `a` has rows of `inner = 2 * b.len()` numbers, [`padded`], as many as `rows` rounded up to a multiple of [`ROWS`].
    pub(super) fn product(
        self,
        a: &[u16],
        rows: usize,
        b: &[Pair],
        out: &mut [f32],
        sizes: (usize, usize),
    ) {
        self.product_before(a, rows, (b, &[]), out, sizes);
    }

    /// The same before a product of as many rows with another panel, `next`, which is fetched meanwhile.
    pub(super) fn product_before(
        self,
        a: &[u16],
        rows: usize,
        (b, next): (&[Pair], &[Pair]),
        out: &mut [f32],
        (stride, columns): (usize, usize),
    ) {
        let inner = 2 * b.len();
        assert!(padded(inner) == inner && columns <= WIDTH, "a padded panel");
        assert!(a.len() >= rows.next_multiple_of(ROWS) * inner, "padded rows");
        if rows == 0 || inner == 0 {
            return;
        }
        assert!(out.len() >= (rows - 1) * stride + columns, "room for the sums");
        match self {
            Self::Amx => amx::product(a, rows, b, out, (stride, columns)),
            Self::Dot => dot::product(a, rows, (b, next), out, (stride, columns)),
        }
    }
}

/// Rounds to bf16, to the nearest, ties to even; what is too small for a normal number becomes 0.
pub(crate) fn round(from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len());
    if Instructions::best().is_some() {
        dot::round(from, to);
    } else {
        scalar::round(from, to);
    }
}

/// Rows of a matrix `[rows, width]`, rounded, as a panel: columns `32 p ..` of each row, zeros past the last column and the last row.
pub(super) fn pack_columns(matrix: &[f32], width: usize, p: usize, panel: &mut [Pair]) {
    let from = p * WIDTH;
    let columns = WIDTH.min(width - from);
    let mut rounded = [[0; WIDTH]; 2];
    for (rows, pair) in matrix.chunks(2 * width).zip(panel) {
        rounded[1] = [0; WIDTH];
        for (row, to) in rows.chunks(width).zip(&mut rounded) {
            round(&row[from..from + columns], &mut to[..columns]);
        }
        for (to, (&upper, &lower)) in pair.iter_mut().zip(rounded[0].iter().zip(&rounded[1])) {
            *to = u32::from(upper) | u32::from(lower) << 16;
        }
    }
}

/// Puts numbers along the inner axis into a column of a panel; an odd number of them is followed by a zero.
#[inline]
pub(super) fn put_column(panel: &mut [Pair], column: usize, values: &[u16]) {
    for (two, to) in values.chunks(2).zip(panel) {
        let lower = two.get(1).copied().unwrap_or(0);
        to[column] = u32::from(two[0]) | u32::from(lower) << 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in -2..2 of many sizes, as bf16.
    fn numbers(seed: u32, count: usize) -> Vec<u16> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 9
        };
        let value = |bits: u32, scale: u32| {
            ((bits as f32 / (1 << 21) as f32) - 2.0) * 0.5f32.powi((scale % 12) as i32)
        };
        let values: Vec<f32> = (0..count).map(|_| value(next(), next())).collect();
        let mut rounded = vec![0; count];
        scalar::round(&values, &mut rounded);
        rounded
    }

    #[test]
    fn each_instruction_is_its_scalar_twin_to_the_bit() {
        let mut tried = Vec::new();
        for instructions in [Instructions::Amx, Instructions::Dot] {
            let there = match instructions {
                Instructions::Amx => amx::is_there(),
                Instructions::Dot => dot::is_there(),
            };
            if !there {
                continue;
            }
            tried.push(instructions);
            for (rows, inner, columns) in [
                (1, 32, 32),
                (5, 64, 32),
                (16, 32, 1),
                (32, 96, 16),
                (22, 64, 16),
                (33, 160, 17),
                (75, 768, 31),
            ] {
                let mut a = numbers(1, rows * inner);
                a.resize(rows.next_multiple_of(ROWS) * inner, 0);
                let b = numbers(2, inner * columns);
                let mut panel = vec![[0; WIDTH]; inner / 2];
                let exact: Vec<f32> =
                    b.iter().map(|&bits| half::bf16::from_bits(bits).to_f32()).collect();
                pack_columns(&exact, columns, 0, &mut panel);
                let stride = columns + 3;
                let mut found = vec![7f32; rows * stride];
                instructions.product(&a, rows, &panel, &mut found, (stride, columns));
                for r in 0..rows {
                    for c in 0..columns {
                        let row = &a[r * inner..][..inner];
                        let column: Vec<u16> = (0..inner).map(|k| b[k * columns + c]).collect();
                        let sum = match instructions {
                            Instructions::Amx => scalar::tiles(row, &column),
                            Instructions::Dot => scalar::dot(row, &column),
                        };
                        let at = found[r * stride + c];
                        assert_eq!(
                            at.to_bits(),
                            sum.to_bits(),
                            "{instructions:?} {rows} {inner} {columns}: {at} for {sum} at {r}, {c}"
                        );
                    }
                    let beside = &found[r * stride + columns..(r + 1) * stride];
                    assert!(beside.iter().all(|&value| value == 7.0), "nothing beside is written");
                }
            }
        }
        println!("tried: {tried:?}");
    }

    #[test]
    fn rounding_is_its_scalar_twin_and_that_of_the_half_crate() {
        let special =
            [0.0, -0.0, 1.0, 1.003_906_3, 1.011_718_8, f32::INFINITY, f32::NAN, 3.4e38, -1e-30];
        let values: Vec<f32> =
            (0..4096u32).map(|i| f32::from_bits(0x3f80_0000 + i * 4093)).chain(special).collect();
        let (mut fast, mut plain) = (vec![0; values.len()], vec![0; values.len()]);
        round(&values, &mut fast);
        scalar::round(&values, &mut plain);
        for ((&value, fast), plain) in values.iter().zip(fast).zip(plain) {
            if value.is_nan() {
                assert!(
                    half::bf16::from_bits(fast).is_nan() && half::bf16::from_bits(plain).is_nan()
                );
                continue;
            }
            assert_eq!(fast, plain, "{value}");
            assert_eq!(plain, half::bf16::from_f32(value).to_bits(), "{value}");
        }
    }

    #[test]
    fn panels_have_neighbours_side_by_side() {
        // [3, 2]: an odd row is followed by zeros.
        let mut panel = vec![[9; WIDTH]; 2];
        pack_columns(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 0, &mut panel);
        let one = |value: f32| u32::from(half::bf16::from_f32(value).to_bits());
        assert_eq!(panel[0][..3], [one(1.0) | one(3.0) << 16, one(2.0) | one(4.0) << 16, 0]);
        assert_eq!(panel[1][..3], [one(5.0), one(6.0), 0]);
    }
}
