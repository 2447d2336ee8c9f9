//! A linear layer whose weight is packed once, for rows that are rounded already.

use std::ops::Range;

use rayon::prelude::*;

use super::{Instructions, Pair, ROWS, Row, WIDTH, dot, pack_columns, padded, put_column, round};
use crate::kernels::vectorised;

/// A weight `[input, output]` as panels of bf16, and a bias in f32.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    panels: Vec<Pair>,
    /// Of the whole panels; zeros past the last column and where there is none.
    bias: Vec<Row>,
    input: usize,
    output: usize,
}

/// Sums of one panel, on their way to where they are wanted.
type Sums = Vec<Row>;

impl Layer {
    /// Packs a weight `[input, output]` and a bias `[output]`.
    pub(crate) fn new(weight: &[f32], output: usize, bias: Option<&[f32]>) -> Self {
        let mut layer = Self::empty(weight.len() / output, output, bias);
        let pairs = padded(layer.input) / 2;
        layer.panels.par_chunks_exact_mut(pairs).enumerate().for_each(|(p, panel)| {
            pack_columns(weight, output, p, panel);
        });
        layer
    }

    /// Room for a weight, of which no column is there yet, and a bias `[output]`.
    fn empty(input: usize, output: usize, bias: Option<&[f32]>) -> Self {
        let panels = vec![[0; WIDTH]; padded(input) / 2 * output.div_ceil(WIDTH)];
        let mut biases = vec![[0.0; WIDTH]; output.div_ceil(WIDTH)];
        if let Some(bias) = bias {
            biases.as_flattened_mut()[..output].copy_from_slice(bias);
        }
        Self { panels, bias: biases, input, output }
    }

    /// Numbers of a row that it takes.
    pub(crate) fn input(&self) -> usize {
        self.input
    }

    /// Numbers of a row that it gives.
    pub(crate) fn output(&self) -> usize {
        self.output
    }

    /// Calls `take` with the sums of each panel in turn, its bias, and where its columns are in a row of the result.
    fn products(
        &self,
        instructions: Instructions,
        a: &[u16],
        rows: usize,
        sums: &mut Sums,
        mut take: impl FnMut(&mut [Row], &Row, Range<usize>),
    ) {
        if sums.len() < rows {
            sums.resize(rows, [0.0; WIDTH]);
        }
        let sums = &mut sums[..rows];
        let panels = self.panels.chunks_exact(padded(self.input) / 2);
        let next = panels.clone().skip(1).chain([&[][..]]);
        for (p, ((panel, next), bias)) in panels.zip(next).zip(&self.bias).enumerate() {
            let to = sums.as_flattened_mut();
            instructions.product_before(a, rows, (panel, next), to, (WIDTH, WIDTH));
            take(sums, bias, p * WIDTH..self.output.min((p + 1) * WIDTH));
        }
    }

    /// Writes `map(a @ weight + bias)`, rounded, to rows `stride` apart.
    pub(crate) fn rounded(
        &self,
        instructions: Instructions,
        a: &[u16],
        rows: usize,
        sums: &mut Sums,
        (to, stride): (&mut [u16], usize),
        map: impl Fn(f32) -> f32 + Copy,
    ) {
        self.products(instructions, a, rows, sums, |sums, bias, columns| {
            // Rounding is AVX512-BF16's, whatever the products are.
            dot::round_mapped(
                sums,
                #[inline(always)]
                |sums| lanes(sums, bias, |sum, bias| map(sum + bias)),
                &mut to[columns.start..],
                (stride, columns.len()),
            );
        });
    }

    /// Replaces each number of rows `[rows, output]` by `map` of what `a @ weight + bias` gives for it, and of itself.
    pub(crate) fn onto(
        &self,
        instructions: Instructions,
        a: &[u16],
        rows: usize,
        sums: &mut Sums,
        to: &mut [f32],
        map: impl Fn(f32, f32) -> f32 + Copy,
    ) {
        let output = self.output;
        self.products(instructions, a, rows, sums, |sums, bias, columns| {
            vectorised(
                #[inline(always)]
                || {
                    for (sums, to) in sums.iter().zip(to.chunks_exact_mut(output)) {
                        let to = &mut to[columns.start..columns.end];
                        let sums = lanes(sums, bias, |sum, bias| sum + bias);
                        if let Ok(to) = <&mut Row>::try_from(&mut *to) {
                            *to = lanes(&sums, to, map);
                            continue;
                        }
                        for (to, sum) in to.iter_mut().zip(sums) {
                            *to = map(sum, *to);
                        }
                    }
                },
            );
        });
    }
}

/// What `map` makes of two rows, in vectors: of copies, since the compiler takes one number at a time where what is written
/// might be what is read.
#[inline(always)]
fn lanes(a: &Row, b: &Row, map: impl Fn(f32, f32) -> f32) -> Row {
    let (mut a, b) = (*a, *b);
    for i in 0..WIDTH {
        a[i] = map(a[i], b[i]);
    }
    a
}

/// A layer whose weight comes in pieces, in PyTorch's order `[output, input]`.
#[derive(Debug)]
pub(crate) struct Columns {
    layer: Layer,
    /// The column that the next numbers are of, and those of it that are there.
    column: usize,
    values: Vec<u16>,
}

impl Columns {
    pub(crate) fn new(input: usize, output: usize, bias: Option<&[f32]>) -> Self {
        let values = Vec::with_capacity(input);
        Self { layer: Layer::empty(input, output, bias), column: 0, values }
    }

    /// Takes the next numbers; there are no more of them than the weight has.
    pub(crate) fn put(&mut self, piece: &[f32]) {
        let input = self.layer.input;
        let pairs = padded(input) / 2;
        let mut rest = piece;
        while !rest.is_empty() {
            let there = self.values.len();
            let (now, later) = rest.split_at(rest.len().min(input - there));
            self.values.resize(there + now.len(), 0);
            round(now, &mut self.values[there..]);
            if self.values.len() == input {
                let panel = &mut self.layer.panels[self.column / WIDTH * pairs..][..pairs];
                put_column(panel, self.column % WIDTH, &self.values);
                self.column += 1;
                self.values.clear();
            }
            rest = later;
        }
    }

    /// The layer, all of whose numbers are there.
    pub(crate) fn finish(self) -> Layer {
        assert_eq!(self.column, self.layer.output, "a whole weight");
        self.layer
    }
}

/// Rows of a task, at most.
pub(crate) const ROWS_AT_ONCE: usize = 96;

/// The rows of each of the tasks that so many, of so many hidden channels, are shared among: few enough that their hidden
/// channels stay in the second cache while all weights go by, as many tasks for each thread, and all nearly alike, so that no
/// thread waits for another's last one. What is computed does not depend on it.
pub(crate) fn shared(rows: usize, hidden: usize) -> Vec<Range<usize>> {
    /// Bytes of hidden channels, beside which a panel of weights and the next one find room in a cache of 1 MiB.
    const HIDDEN: usize = 600 << 10;
    // Rows that the instructions take at once without loss.
    let step = match Instructions::best() {
        Some(Instructions::Amx) => 16,
        _ => 1,
    };
    let most = (HIDDEN / (2 * hidden).max(1)).clamp(ROWS_AT_ONCE / 2, ROWS_AT_ONCE);
    let steps = rows.div_ceil(step);
    let tasks = rows.div_ceil(most).next_multiple_of(rayon::current_num_threads()).min(steps);
    let first = |task: usize| rows.min(steps * task / tasks * step);
    (0..tasks).map(|task| first(task)..first(task + 1)).collect()
}

/// The numbers of each of such tasks, so many of a row.
pub(crate) fn parts<'a, T>(
    mut all: &'a mut [T],
    tasks: &[Range<usize>],
    width: usize,
) -> Vec<&'a mut [T]> {
    let part = |rows: &Range<usize>| all.split_off_mut(..rows.len() * width).unwrap_or_default();
    tasks.iter().map(part).collect()
}

/// Rows of bf16 for a product: each padded with zeros to a multiple of 32, and so many that whole blocks can be read.
#[derive(Debug, Default)]
pub(crate) struct RoundedRows {
    values: Vec<u16>,
    width: usize,
}

impl RoundedRows {
    /// Room for so many rows of so many numbers. What was in it is gone where another width was.
    pub(crate) fn sized(&mut self, rows: usize, width: usize) -> &mut Self {
        let count = rows.next_multiple_of(ROWS) * padded(width);
        if self.width != width {
            self.values.clear();
            self.width = width;
        }
        if self.values.len() < count {
            self.values.resize(count, 0);
        }
        self
    }

    /// Numbers from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        padded(self.width)
    }

    /// The numbers, with what they are padded with.
    pub(crate) fn values(&self) -> &[u16] {
        &self.values
    }

    /// The same, to be written.
    pub(crate) fn values_mut(&mut self) -> &mut [u16] {
        &mut self.values
    }

    /// Each row without what it is padded with, to be written.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [u16]> {
        let (width, stride) = (self.width, self.stride());
        self.values.chunks_exact_mut(stride).map(move |row| &mut row[..width])
    }

    /// Rounds rows of f32.
    pub(crate) fn fill(&mut self, rows: &[f32], width: usize) {
        self.sized(rows.len() / width, width);
        for (from, to) in rows.chunks_exact(width).zip(self.rows_mut()) {
            round(from, to);
        }
    }
}

/// Layer normalisation of rows that go into a product.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    /// Normalises rows and rounds the result.
    pub(crate) fn rounded(&self, rows: &[f32], normed: &mut Vec<f32>, to: &mut RoundedRows) {
        let width = self.weight.len();
        normed.resize(rows.len(), 0.0);
        crate::kernels::layer_norm::rows(rows, &self.weight, &self.bias, self.epsilon, normed);
        to.fill(normed, width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: usize, count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 101) % 251) as f32 / 64.0 - 2.0).collect()
    }

    fn rounded(values: &[f32]) -> Vec<f32> {
        values.iter().map(|&value| half::bf16::from_f32(value).to_f32()).collect()
    }

    #[test]
    fn a_weight_in_pieces_is_packed_as_it_is_in_whole() {
        for [input, output] in [[1, 1], [7, 33], [96, 64], [80, 5]] {
            let (weight, bias) = (numbers(1, input * output), numbers(2, output));
            let whole = Layer::new(&weight, output, Some(&bias));
            let turned: Vec<f32> =
                (0..input * output).map(|i| weight[i % input * output + i / input]).collect();
            for piece in [1, 10, input, 4096] {
                let mut columns = Columns::new(input, output, Some(&bias));
                turned.chunks(piece).for_each(|piece| columns.put(piece));
                assert!(columns.finish() == whole, "{input} {output} {piece}");
            }
        }
    }

    #[test]
    fn tasks_share_all_rows_alike() {
        let threads = rayon::current_num_threads();
        assert!(shared(0, 64).is_empty());
        for (rows, hidden) in [(1, 64), (47, 64), (196, 320), (4096, 3072), (4096, 5120)] {
            let tasks = shared(rows, hidden);
            assert_eq!(
                tasks.iter().cloned().flatten().collect::<Vec<_>>(),
                (0..rows).collect::<Vec<_>>()
            );
            let counts = || tasks.iter().map(ExactSizeIterator::len);
            let [most, fewest] = [counts().max(), counts().min()].map(|it| it.expect("one"));
            assert!(fewest > 0 && most <= ROWS_AT_ONCE, "{rows}: {tasks:?}");
            if rows > 1000 {
                assert!(tasks.len().is_multiple_of(threads) && most - fewest <= 16, "{tasks:?}");
                assert!(
                    most == ROWS_AT_ONCE || most * hidden * 2 < 700 << 10 || most <= 64,
                    "{most}"
                );
            }
            let mut all: Vec<usize> = (0..3 * rows).collect();
            let parts = parts(&mut all, &tasks, 3);
            assert!(parts.iter().zip(&tasks).all(|(part, rows)| part.len() == 3 * rows.len()));
            assert_eq!(parts.concat(), (0..3 * rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_layer_is_the_product_of_its_rounded_factors() {
        let Some(instructions) = Instructions::best() else {
            return println!("left out: this processor does not multiply bf16");
        };
        for [rows, input, output] in [[1, 8, 5], [100, 96, 64], [93, 70, 33]] {
            let (x, weight) = (numbers(1, rows * input), numbers(2, input * output));
            let (bias, before) = (numbers(3, output), numbers(4, rows * output));
            let (a, b) = (rounded(&x), rounded(&weight));
            let wanted: Vec<f32> = (0..rows * output)
                .map(|i| {
                    let (r, c) = (i / output, i % output);
                    let products = (0..input).map(|k| a[r * input + k] * b[k * output + c]);
                    products.sum::<f32>() + bias[c]
                })
                .collect();
            let layer = Layer::new(&weight, output, Some(&bias));
            let (mut a, mut sums) = (RoundedRows::default(), Vec::new());
            a.fill(&x, input);
            let mut found = before.clone();
            layer.onto(instructions, a.values(), rows, &mut sums, &mut found, |new, old| {
                new + 2.0 * old
            });
            for ((found, wanted), before) in found.iter().zip(&wanted).zip(&before) {
                // Sums of up to 96 products of at most 4, in another order.
                assert!((found - wanted - 2.0 * before).abs() < 96.0 * 8.0 * f32::EPSILON);
            }
            let stride = output + 3;
            let mut short = vec![7; rows * stride];
            let to = (&mut short[..], stride);
            layer.rounded(instructions, a.values(), rows, &mut sums, to, |sum| -sum);
            for (short, wanted) in short.chunks_exact(stride).zip(wanted.chunks_exact(output)) {
                for (&short, wanted) in short.iter().zip(wanted) {
                    let found = half::bf16::from_bits(short).to_f32();
                    assert!((found + wanted).abs() <= wanted.abs() / 250.0 + 1e-3);
                }
                assert_eq!(short[output..], [7; 3], "nothing beside is written");
            }
        }
    }
}
