//! Softmax attention of one head, forward and backward, on packed slices.
//!
//! Queries are taken 32 at a time, side by side in a panel, keys one below the other: then maxima,
//! exponentials and sums over the keys are plain vector operations over the queries, and every
//! product is a [`panel::product`]. The scores of a block never leave the cache.
//!
//! Decomposed relative positions add `q . H[y - y' + s]` and `q . W[x - x' + s]` to the score of a
//! query at (y, x) and a key at (y', x'). As `H` and `W` multiply queries just as the keys do, they
//! are rows below the keys, and one product gives all three parts. Where there is a number for each pair of a query and a key instead
//! ([`Pairs`]), it is added to the score.

use pulp::Simd;

use super::math;
use super::panel::{self, Output, Row, WIDTH};

/// The sizes of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Channels.
    pub(super) d: usize,
    /// Keys.
    pub(super) keys: usize,
    /// The keys' rows and columns where there are relative positions; their product is `keys`.
    pub(super) grid: Option<[usize; 2]>,
}

impl Head {
    /// Rows of the tables below the keys.
    fn table_rows(&self) -> usize {
        self.grid.map_or(0, |[h, w]| 2 * h - 1 + 2 * w - 1)
    }

    /// Rows of keys and tables together.
    pub(super) fn rows(&self) -> usize {
        self.keys + self.table_rows()
    }
}

/// Working memory, reused from head to head.
#[derive(Default)]
pub(super) struct Scratch {
    queries: Vec<Row>,
    scores: Vec<Row>,
    result: Vec<Row>,
    by_row: Vec<Row>,
    by_column: Vec<Row>,
    slopes: Vec<Row>,
    packed: Vec<Row>,
}

fn sized(rows: &mut Vec<Row>, count: usize) -> &mut [Row] {
    if rows.len() < count {
        rows.resize(count, [0.0; WIDTH]);
    }
    &mut rows[..count]
}

/// What both directions read.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) head: Head,
    /// `[rows, d]`: keys times the scale, row table, column table.
    pub(super) keys: &'a [f32],
    /// `[queries, d]`.
    pub(super) queries: &'a [f32],
    /// The place of each query in the grid, `[y, x]`; unused without relative positions.
    pub(super) places: &'a [[usize; 2]],
    /// What is added to the scores, where there are no relative positions.
    pub(super) pairs: Option<Pairs<'a>>,
}

/// A number for each pair of a key and a query: `[keys, stride]`, the stride a multiple of 32.
#[derive(Clone, Copy)]
pub(super) struct Pairs<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

impl<'a> Pairs<'a> {
    /// Of each key in turn, those with a block of queries.
    fn of_block(self, block: usize) -> impl Iterator<Item = &'a Row> {
        let rows = self.values.chunks_exact(self.stride);
        rows.filter_map(move |row| row[block * WIDTH..].first_chunk())
    }
}

/// The forward pass: `out` is `[queries, d]`; `values_t` is `[d, keys]`.
pub(super) struct Forward<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) values_t: &'a [f32],
    pub(super) scratch: &'a mut Scratch,
    pub(super) out: &'a mut [f32],
}

impl pulp::WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { inputs, values_t, scratch, out } = self;
        let Head { d, keys, .. } = inputs.head;
        let blocks = inputs.queries.chunks(WIDTH * d).zip(out.chunks_mut(WIDTH * d));
        for (block, (queries, out)) in blocks.enumerate() {
            let inverse = weights(simd, &inputs, block, queries, scratch);
            let result = sized(&mut scratch.result, d);
            let output = Output {
                values: result.as_flattened_mut(),
                stride: WIDTH,
                columns: WIDTH,
                add: false,
            };
            panel::product(simd, values_t, keys, d, &scratch.scores[..keys], output);
            for (query, out) in out.chunks_exact_mut(d).enumerate() {
                for (out, result) in out.iter_mut().zip(result.iter()) {
                    *out = result[query] * inverse[query];
                }
            }
        }
    }
}

/// Fills the scores of a block of queries with `exp(score - max)` and gives the inverse of their
/// sums.
#[inline(always)]
fn weights<S: Simd>(
    simd: S,
    inputs: &Inputs<'_>,
    block: usize,
    queries: &[f32],
    scratch: &mut Scratch,
) -> Row {
    let head = inputs.head;
    let d = head.d;
    let packed = sized(&mut scratch.queries, d);
    panel::pack_transposed(queries, d, packed);
    let scores = sized(&mut scratch.scores, head.rows());
    let output =
        Output { values: scores.as_flattened_mut(), stride: WIDTH, columns: WIDTH, add: false };
    panel::product(simd, inputs.keys, d, head.rows(), packed, output);

    let Head { keys, grid, .. } = head;
    let mut highest = [f32::NEG_INFINITY; WIDTH];
    let (scores, tables) = scores.split_at_mut(keys);
    if let Some([h, w]) = grid {
        let by_row = sized(&mut scratch.by_row, h);
        let by_column = sized(&mut scratch.by_column, w);
        let places = &inputs.places[block * WIDTH..];
        for (query, &[y, x]) in places.iter().take(WIDTH).enumerate() {
            for (row, to) in by_row.iter_mut().enumerate() {
                to[query] = tables[y + h - 1 - row][query];
            }
            for (column, to) in by_column.iter_mut().enumerate() {
                to[query] = tables[2 * h - 1 + x + w - 1 - column][query];
            }
        }
        for (scores, by_row) in scores.chunks_exact_mut(w).zip(by_row.iter()) {
            for (scores, by_column) in scores.iter_mut().zip(by_column.iter()) {
                let (by_row, by_column) = (*by_row, *by_column);
                add(scores, |i| by_row[i] + by_column[i], &mut highest);
            }
        }
    } else if let Some(pairs) = inputs.pairs {
        for (scores, &added) in scores.iter_mut().zip(pairs.of_block(block)) {
            add(scores, |i| added[i], &mut highest);
        }
    } else {
        for scores in scores.iter() {
            for i in 0..WIDTH {
                highest[i] = highest[i].max(scores[i]);
            }
        }
    }
    let mut sums = [0f32; WIDTH];
    for scores in scores.iter_mut() {
        for i in 0..WIDTH {
            scores[i] = math::exp(scores[i] - highest[i]);
            sums[i] += scores[i];
        }
    }
    sums.map(|sum| 1.0 / sum)
}

/// Adds to a key's scores, and raises the maxima to them.
#[inline(always)]
fn add(scores: &mut Row, added: impl Fn(usize) -> f32, highest: &mut Row) {
    // Of a copy, since the compiler takes one number at a time where what is written might be what is read.
    let mut sums = *scores;
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum += added(i);
    }
    for i in 0..WIDTH {
        highest[i] = highest[i].max(sums[i]);
    }
    *scores = sums;
}

/// The backward pass. All gradients are `[.., d]` row by row; those of keys (with tables) and values
/// are added to, that of the queries is written.
pub(super) struct BackwardPass<'a> {
    pub(super) inputs: Inputs<'a>,
    /// `[d, rows]`, the transpose of the keys.
    pub(super) keys_t: &'a [f32],
    /// `[keys, d]`.
    pub(super) values: &'a [f32],
    /// The gradient of the result, `[queries, d]`.
    pub(super) gradient: &'a [f32],
    pub(super) scratch: &'a mut Scratch,
    pub(super) to_queries: &'a mut [f32],
    /// `[rows, d]`; of the keys as scaled.
    pub(super) to_keys: &'a mut [f32],
    pub(super) to_values: &'a mut [f32],
    /// Of the pairs, as these lie; it is written. Empty where there are none or nobody asks for it.
    pub(super) to_pairs: &'a mut [f32],
}

impl pulp::WithSimd for BackwardPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { inputs, keys_t, values, gradient, scratch, .. } = self;
        let Self { to_queries, to_keys, to_values, to_pairs, .. } = self;
        let head = inputs.head;
        let Head { d, keys, grid } = head;
        let step = WIDTH * d;
        let blocks = inputs.queries.chunks(step).zip(gradient.chunks(step));
        for (block, ((queries, gradient), to_queries)) in
            blocks.zip(to_queries.chunks_mut(step)).enumerate()
        {
            let inverse = weights(simd, &inputs, block, queries, scratch);
            let packed = sized(&mut scratch.packed, d.max(WIDTH));
            panel::pack_transposed(gradient, d, &mut packed[..d]);
            let slopes = sized(&mut scratch.slopes, head.rows());
            let output = Output {
                values: slopes[..keys].as_flattened_mut(),
                stride: WIDTH,
                columns: WIDTH,
                add: false,
            };
            panel::product(simd, values, d, keys, &packed[..d], output);

            let (scores, _) = scratch.scores.split_at_mut(keys);
            let mut means = [0f32; WIDTH];
            for (scores, slopes) in scores.iter_mut().zip(slopes.iter()) {
                for i in 0..WIDTH {
                    scores[i] *= inverse[i];
                    means[i] = scores[i].mul_add(slopes[i], means[i]);
                }
            }
            let (slopes, tables) = slopes.split_at_mut(keys);
            if let Some([h, w]) = grid {
                let by_row = sized(&mut scratch.by_row, h);
                let by_column = sized(&mut scratch.by_column, w);
                by_column.fill([0.0; WIDTH]);
                let lines = scores.chunks_exact(w).zip(slopes.chunks_exact_mut(w));
                for ((scores, slopes), by_row) in lines.zip(by_row.iter_mut()) {
                    *by_row = [0.0; WIDTH];
                    let cells = scores.iter().zip(slopes).zip(by_column.iter_mut());
                    for ((scores, slopes), by_column) in cells {
                        for i in 0..WIDTH {
                            slopes[i] = scores[i] * (slopes[i] - means[i]);
                            by_row[i] += slopes[i];
                            by_column[i] += slopes[i];
                        }
                    }
                }
                tables.fill([0.0; WIDTH]);
                let places = &inputs.places[block * WIDTH..];
                for (query, &[y, x]) in places.iter().take(WIDTH).enumerate() {
                    for (row, from) in by_row.iter().enumerate() {
                        tables[y + h - 1 - row][query] = from[query];
                    }
                    for (column, from) in by_column.iter().enumerate() {
                        tables[2 * h - 1 + x + w - 1 - column][query] = from[query];
                    }
                }
            } else {
                for (scores, slopes) in scores.iter().zip(slopes.iter_mut()) {
                    for i in 0..WIDTH {
                        slopes[i] = scores[i] * (slopes[i] - means[i]);
                    }
                }
                if let Some(Pairs { stride, .. }) = inputs.pairs {
                    for (slopes, to) in slopes.iter().zip(to_pairs.chunks_exact_mut(stride)) {
                        to[block * WIDTH..][..WIDTH].copy_from_slice(slopes);
                    }
                }
            }

            let result = sized(&mut scratch.result, d);
            let output = Output {
                values: result.as_flattened_mut(),
                stride: WIDTH,
                columns: WIDTH,
                add: false,
            };
            let slopes = &scratch.slopes[..head.rows()];
            panel::product(simd, keys_t, head.rows(), d, slopes, output);
            for (query, to) in to_queries.chunks_exact_mut(d).enumerate() {
                for (to, result) in to.iter_mut().zip(result.iter()) {
                    *to = result[query];
                }
            }

            let count = queries.len() / d;
            let scores = scratch.scores[..keys].as_flattened();
            for p in 0..d.div_ceil(WIDTH) {
                let columns = WIDTH.min(d - p * WIDTH);
                let packed = &mut scratch.packed[..count];
                panel::pack_columns(gradient, d, p, packed);
                let values = &mut to_values[p * WIDTH..];
                let output = Output { values, stride: d, columns, add: true };
                panel::product(simd, scores, WIDTH, keys, packed, output);
                panel::pack_columns(queries, d, p, packed);
                let values = &mut to_keys[p * WIDTH..];
                let output = Output { values, stride: d, columns, add: true };
                panel::product(simd, slopes.as_flattened(), WIDTH, head.rows(), packed, output);
            }
        }
    }
}
