//! The forward pass of softmax attention of one head with bf16 factors in both products.
//!
//! As [`attention_core`](super::attention_core) otherwise: sums, positions, maxima and exponentials are f32. The exponentials are
//! rounded for the product with the values; their sum is that of the unrounded ones.

use pulp::Simd;

use super::attention_core::{Inputs, Scratch, exponentials, sized};
use super::bf16::{INNER, Instructions, Pair, ROWS, WIDTH, pack_rows, pack_transposed, round};

/// The packed factors of a head, reused from head to head.
#[derive(Default)]
pub(super) struct Rounded {
    /// `[rows, d]`: keys times the scale and the tables, padded.
    keys: Vec<u16>,
    /// `[d, keys]`, padded.
    values_t: Vec<u16>,
    query: Vec<u16>,
    queries: Vec<Pair>,
    scores: Vec<Pair>,
}

/// Rounds a matrix `[rows, width]` into one with a multiple of 32 rows and columns; the rest is zeros.
fn pad(matrix: &[f32], width: usize, to: &mut Vec<u16>) {
    let rows = matrix.len() / width;
    let inner = width.next_multiple_of(INNER);
    to.clear();
    to.resize(rows.next_multiple_of(ROWS) * inner, 0);
    for (from, to) in matrix.chunks_exact(width).zip(to.chunks_exact_mut(inner)) {
        round(from, &mut to[..width]);
    }
}

impl Rounded {
    /// Takes a head's keys with their tables, and its values `[d, keys]`.
    pub(super) fn pack(&mut self, inputs: &Inputs<'_>, values_t: &[f32]) {
        pad(inputs.keys, inputs.head.d, &mut self.keys);
        pad(values_t, inputs.head.keys, &mut self.values_t);
    }
}

/// The forward pass: `out` is `[queries, d]`; keys and values are those that `rounded` has taken.
pub(super) struct ForwardBf16<'a> {
    pub(super) instructions: Instructions,
    pub(super) inputs: Inputs<'a>,
    pub(super) rounded: &'a mut Rounded,
    pub(super) scratch: &'a mut Scratch,
    pub(super) out: &'a mut [f32],
}

impl pulp::WithSimd for ForwardBf16<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { instructions, inputs, rounded, scratch, out } = self;
        let head = inputs.head;
        let (d, keys) = (head.d, head.keys);
        rounded.queries.resize(d.next_multiple_of(INNER) / 2, [0; WIDTH]);
        rounded.scores.resize(keys.next_multiple_of(INNER) / 2, [0; WIDTH]);
        let blocks = inputs.queries.chunks(WIDTH * d).zip(out.chunks_mut(WIDTH * d));
        for (block, (queries, out)) in blocks.enumerate() {
            pack_transposed(queries, d, &mut rounded.query, &mut rounded.queries);
            let scores = sized(&mut scratch.scores, head.rows()).as_flattened_mut();
            let whole = (WIDTH, WIDTH);
            instructions.product(&rounded.keys, head.rows(), &rounded.queries, scores, whole);
            let inverse = exponentials(&inputs, block, scratch);
            // What is padded stays zero.
            pack_rows(&scratch.scores[..keys], &mut rounded.scores[..keys.div_ceil(2)]);
            let result = sized(&mut scratch.result, d);
            let sums = result.as_flattened_mut();
            instructions.product(&rounded.values_t, d, &rounded.scores, sums, whole);
            for (query, out) in out.chunks_exact_mut(d).enumerate() {
                for (out, result) in out.iter_mut().zip(result.iter()) {
                    *out = result[query] * inverse[query];
                }
            }
        }
    }
}
