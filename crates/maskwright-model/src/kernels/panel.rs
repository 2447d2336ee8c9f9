//! The one matrix product that attention and the 3 x 3 convolution are made of: many rows times a
//! panel of 32 columns.
//!
//! Blocks of rows keep their sums in registers while the inner axis runs; the row's factors are
//! broadcast from where they lie, so nothing but the panel is packed.

use pulp::Simd;
use rayon::prelude::*;

/// Columns of a panel: two AVX-512 vectors, four AVX2, eight NEON.
pub(super) const WIDTH: usize = 32;

/// A row of a panel.
pub(crate) type Row = [f32; WIDTH];

/// Where a product's rows go.
pub(super) struct Output<'a> {
    /// The first row starts at the first value.
    pub(super) values: &'a mut [f32],
    /// Distance of a row to the next.
    pub(super) stride: usize,
    /// How many of the panel's columns are written, at most [`WIDTH`].
    pub(super) columns: usize,
    /// Whether the product is added to what is there.
    pub(super) add: bool,
}

/// `out[r] = sum over k of a[r * stride + k] * b[k]` for `rows` rows.
#[inline(always)]
pub(super) fn product<S: Simd>(
    simd: S,
    a: &[f32],
    stride: usize,
    rows: usize,
    b: &[Row],
    out: Output<'_>,
) {
    // As many sums as fit the registers of the vector width, with some left for the factors.
    match S::F32_LANES {
        16 => blocks::<S, 2, 8>(simd, a, stride, rows, b, out),
        8 => blocks::<S, 4, 3>(simd, a, stride, rows, b, out),
        4 => blocks::<S, 8, 3>(simd, a, stride, rows, b, out),
        _ => blocks::<S, 32, 1>(simd, a, stride, rows, b, out),
    }
}

/// Rows of any inner axis times all panels of a matrix.
pub(super) struct ByPanels<'a> {
    /// `[rows, inner]`.
    pub(super) a: &'a [f32],
    pub(super) inner: usize,
    /// Of the matrix, each of `inner` rows.
    pub(super) panels: &'a [Row],
    /// `[rows, width]`.
    pub(super) out: &'a mut [f32],
    /// The matrix's columns.
    pub(super) width: usize,
    /// Whether the product is added to what is there.
    pub(super) add: bool,
}

impl pulp::WithSimd for ByPanels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, inner, panels, out, width, add } = self;
        let rows = a.len() / inner;
        for (p, panel) in panels.chunks_exact(inner).enumerate() {
            let columns = WIDTH.min(width - p * WIDTH);
            let out = Output { values: &mut out[p * WIDTH..], stride: width, columns, add };
            product(simd, a, inner, rows, panel, out);
        }
    }
}

impl ByPanels<'_> {
    /// Multiplies, on this thread.
    pub(super) fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

#[inline(always)]
fn blocks<S: Simd, const V: usize, const R: usize>(
    simd: S,
    a: &[f32],
    stride: usize,
    rows: usize,
    b: &[Row],
    mut out: Output<'_>,
) {
    let (panel, _) = S::as_simd_f32s(b.as_flattened()).0.as_chunks::<V>();
    let mut row = 0;
    while row + R <= rows {
        let factors = std::array::from_fn(|i| &a[(row + i) * stride..][..panel.len()]);
        let sums = block::<S, V, R>(simd, factors, panel);
        for (i, sums) in sums.iter().enumerate() {
            store(simd, &mut out, row + i, sums);
        }
        row += R;
    }
    while row < rows {
        let sums = block::<S, V, 1>(simd, [&a[row * stride..][..panel.len()]], panel);
        store(simd, &mut out, row, &sums[0]);
        row += 1;
    }
}

#[inline(always)]
fn block<S: Simd, const V: usize, const R: usize>(
    simd: S,
    factors: [&[f32]; R],
    panel: &[[S::f32s; V]],
) -> [[S::f32s; V]; R] {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let factors = factors.map(|row| &row[..panel.len()]);
    for (k, columns) in panel.iter().enumerate() {
        for (sums, factors) in sums.iter_mut().zip(&factors) {
            let factor = simd.splat_f32s(factors[k]);
            for (sum, &column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_f32s(factor, column, *sum);
            }
        }
    }
    sums
}

#[inline(always)]
fn store<S: Simd, const V: usize>(simd: S, out: &mut Output<'_>, row: usize, sums: &[S::f32s; V]) {
    let to = &mut out.values[row * out.stride..][..out.columns];
    if out.columns == WIDTH {
        let (to, _) = S::as_mut_simd_f32s(to);
        for (to, &sum) in to.iter_mut().zip(sums) {
            *to = if out.add { simd.add_f32s(*to, sum) } else { sum };
        }
        return;
    }
    let mut whole = [0f32; WIDTH];
    let (vectors, _) = S::as_mut_simd_f32s(&mut whole);
    vectors.copy_from_slice(sums);
    for (to, &sum) in to.iter_mut().zip(&whole) {
        *to = if out.add { *to + sum } else { sum };
    }
}

/// All panels of a matrix `[rows, width]`, one behind the other, each of so many rows.
pub(crate) fn panels(matrix: &[f32], width: usize) -> Vec<Row> {
    let rows = matrix.len() / width;
    let mut panels = vec![[0.0; WIDTH]; rows * width.div_ceil(WIDTH)];
    panels.par_chunks_mut(rows).enumerate().for_each(|(p, panel)| {
        pack_columns(matrix, width, p, panel);
    });
    panels
}

/// All panels of the transpose of a matrix `[rows, width]`, each of `width` rows.
pub(super) fn transposed_panels(matrix: &[f32], width: usize) -> Vec<Row> {
    let rows = matrix.len() / width;
    let mut panels = vec![[0.0; WIDTH]; width * rows.div_ceil(WIDTH)];
    for (rows, panel) in matrix.chunks(WIDTH * width).zip(panels.chunks_exact_mut(width)) {
        pack_transposed(rows, width, panel);
    }
    panels
}

/// Rows of a matrix `[rows, width]` as panels: columns `32 p ..` of each row, zeros past the last.
#[inline(always)]
pub(super) fn pack_columns(matrix: &[f32], width: usize, p: usize, panel: &mut [Row]) {
    let from = p * WIDTH;
    let columns = WIDTH.min(width - from);
    for (row, to) in matrix.chunks_exact(width).zip(panel) {
        to[..columns].copy_from_slice(&row[from..from + columns]);
        to[columns..].fill(0.0);
    }
}

/// The transpose of `[rows, width]` with at most 32 rows, as one panel of `width` rows; zeros in
/// the columns past the last.
#[inline(always)]
pub(super) fn pack_transposed(matrix: &[f32], width: usize, panel: &mut [Row]) {
    panel.fill([0.0; WIDTH]);
    for (column, row) in matrix.chunks_exact(width).enumerate() {
        for (&value, to) in row.iter().zip(panel.iter_mut()) {
            to[column] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_match_the_definition() {
        struct Run<'a>(&'a [f32], usize, usize, &'a [Row], &'a mut [f32], usize);
        impl pulp::WithSimd for Run<'_> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let Run(a, stride, rows, b, values, columns) = self;
                let out = Output { values, stride: columns + 1, columns, add: true };
                product(simd, a, stride, rows, b, out);
            }
        }
        for (rows, inner, columns) in [(1, 1, 32), (8, 5, 32), (21, 33, 32), (13, 7, 9)] {
            let stride = inner + 2;
            let a: Vec<f32> = (0..rows * stride).map(|i| (i % 11) as f32 - 5.0).collect();
            let b: Vec<Row> = (0..inner)
                .map(|k| std::array::from_fn(|j| ((k * 7 + j * 3) % 13) as f32 - 6.0))
                .collect();
            let mut found = vec![1.0; rows * (columns + 1)];
            pulp::Arch::new().dispatch(Run(&a, stride, rows, &b, &mut found, columns));
            for r in 0..rows {
                for c in 0..columns {
                    let sum: f32 = (0..inner).map(|k| a[r * stride + k] * b[k][c]).sum();
                    assert_eq!(found[r * (columns + 1) + c], sum + 1.0);
                }
                assert_eq!(found[r * (columns + 1) + columns], 1.0);
            }
        }
    }
}
