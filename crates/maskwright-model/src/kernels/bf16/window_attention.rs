//! Self-attention over a map of queries, keys and values that are rounded already, with positions of either kind of encoder; forward
//! alone. For SAM's vision transformer its twin in f32, with a backward pass, is [`crate::kernels::window_attention`].
//!
//! The tables of relative positions multiply queries, as keys do. Their rows are packed in descending order: then what is
//! added to the scores of a query lies side by side, for the lines as for the columns of its keys.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::attention::{Keys, Positions, QUERIES_AT_ONCE, Scratch, padded_line};
use super::layer::RoundedRows;
use super::{Instructions, Pair, WIDTH, dot, padded, put_column, round};
use crate::kernels::window_attention::{Map, Window};

/// Queries of one task where a window has more.
const QUERIES_PER_TASK: usize = 4 * QUERIES_AT_ONCE;

/// How the map is attended over.
pub(crate) struct WindowAttention<'a> {
    pub(crate) instructions: Instructions,
    pub(crate) heads: usize,
    /// Side of a window; 0 for the whole map.
    pub(crate) window: usize,
    /// `[3 c]`: what keys and values beyond the edge of the map are made of.
    pub(crate) beyond: &'a [u16],
    /// What is added to the scores.
    pub(crate) positions: Added<'a>,
}

/// What is added to the scores, and how the channels of a cell lie.
pub(crate) enum Added<'a> {
    /// Decomposed relative positions: products of the query with a row of each table `[2 side - 1, d]`, their middle rows for the
    /// difference 0. The queries of all heads come first, then the keys, then the values.
    Differences { rows: &'a [f32], columns: &'a [f32] },
    /// A number for each pair of cells of a window: [`Pairs`]. Query, key and value of a head lie side by side.
    Pairs(&'a Pairs),
}

/// A number for each head and pair of cells of a window, laid out as scores are.
#[derive(Debug, Clone)]
pub(crate) struct Pairs {
    values: Vec<f32>,
    cells: usize,
    line: usize,
}

impl Pairs {
    /// Of `[heads, cells, cells]`: query, then key.
    pub(crate) fn new(values: &[f32], cells: usize) -> Self {
        let line = padded_line(cells);
        let mut all = Vec::with_capacity(values.len() / cells * line);
        for row in values.chunks_exact(cells) {
            all.extend_from_slice(row);
            all.resize(all.len() + line - cells, f32::NEG_INFINITY);
        }
        Self { values: all, cells, line }
    }

    fn of(&self, head: usize, query: usize) -> &[f32] {
        &self.values[(head * self.cells + query) * self.line..][..self.line]
    }
}

/// The results of all heads, in the order in which they were computed.
#[derive(Default)]
pub(crate) struct Attended {
    values: Vec<u16>,
    map: Option<Map>,
    parts: usize,
    per_part: usize,
}

impl Attended {
    /// Writes the result of a cell: its channels, the heads side by side.
    pub(crate) fn gather(&self, cell: usize, to: &mut [u16]) {
        let Some(map) = &self.map else { return };
        let (image, in_image) = (cell / (map.h * map.w), cell % (map.h * map.w));
        let (window, query) = map.query(image, in_image / map.w, in_image % map.w);
        let first = window * map.heads * self.parts + query / self.per_part;
        for (head, to) in to.chunks_exact_mut(map.d).enumerate() {
            let task = first + head * self.parts;
            let from = (task * self.per_part + query % self.per_part) * map.d;
            to.copy_from_slice(&self.values[from..from + map.d]);
        }
    }
}

/// Both tables as panels.
struct Tables {
    panels: Vec<Pair>,
    /// Sums of a query: those of the rows, then those of the columns.
    rows: usize,
    columns: usize,
}

impl Tables {
    fn new(rows: &[f32], columns: &[f32], d: usize) -> Self {
        let sides = [rows, columns].map(|table| (table.len() / d).next_multiple_of(WIDTH));
        let pairs = padded(d) / 2;
        let mut panels = vec![[0; WIDTH]; (sides[0] + sides[1]) / WIDTH * pairs];
        let mut rounded = vec![0; d];
        for (table, first) in [(rows, 0), (columns, sides[0])] {
            for (row, at) in table.chunks_exact(d).rev().zip(first..) {
                round(row, &mut rounded);
                put_column(&mut panels[at / WIDTH * pairs..][..pairs], at % WIDTH, &rounded);
            }
        }
        Self { panels, rows: sides[0], columns: sides[1] }
    }

    fn width(&self) -> usize {
        self.rows + self.columns
    }

    /// Multiplies queries with them: the sums, and of each query those of its columns, as a line of keys has them.
    fn multiply(
        &self,
        instructions: Instructions,
        queries: &[u16],
        places: &[[usize; 2]],
        ([_, width], line): ([usize; 2], usize),
        (sums, columns): (&mut Vec<f32>, &mut Vec<f32>),
    ) {
        let across = self.width();
        sums.resize(places.len() * across, 0.0);
        let pairs = self.panels.len() / (across / WIDTH);
        for (p, panel) in self.panels.chunks_exact(pairs).enumerate() {
            let to = &mut sums[p * WIDTH..];
            instructions.product(queries, places.len(), panel, to, (across, WIDTH));
        }
        columns.clear();
        for (&[_, x], sums) in places.iter().zip(sums.chunks_exact(across)) {
            columns.extend_from_slice(&sums[self.rows + width - 1 - x..][..width]);
            columns.resize(columns.len() + line - width, f32::NEG_INFINITY);
        }
    }
}

/// A head of a window.
#[derive(Clone, Copy)]
struct Of {
    window: Window,
    head: usize,
}

/// What a thread works with.
#[derive(Default)]
struct Work {
    keys: Keys,
    queries: RoundedRows,
    places: Vec<[usize; 2]>,
    /// Of each query, sums with both tables.
    sums: Vec<f32>,
    /// Of each query, what is added in each column of the keys.
    columns: Vec<f32>,
    scratch: Scratch,
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

impl WindowAttention<'_> {
    /// `qkv` is `[images, h, w, 3 c]`.
    pub(crate) fn run(&self, qkv: &[u16], [images, h, w]: [usize; 3], out: &mut Attended) {
        let map = Map::new(self.heads, self.window, [h, w], self.beyond.len() / 3);
        let d = map.d;
        let windows = images * map.per_image();
        let queries = map.side[0] * map.side[1];
        let parts = queries.div_ceil(QUERIES_PER_TASK);
        let per_part = if parts == 1 { queries } else { QUERIES_PER_TASK };
        out.values.resize(windows * self.heads * parts * per_part * d, 0);
        (out.map, out.parts, out.per_part) = (Some(map), parts, per_part);
        let tables = match self.positions {
            Added::Differences { rows, columns } => Some(Tables::new(rows, columns, d)),
            Added::Pairs(_) => None,
        };
        let of = |i: usize| Of { window: map.window(i / self.heads), head: i % self.heads };
        // Where several tasks have the same keys, these are packed before.
        let heads = if parts == 1 { 0 } else { windows * self.heads };
        let shared = (0..heads).into_par_iter().with_max_len(1).map(|i| {
            let mut keys = Keys::default();
            self.pack(&map, of(i), qkv, &mut keys);
            keys
        });
        let shared: Vec<Keys> = shared.collect();
        let tasks = out.values.par_chunks_mut(per_part * d).enumerate();
        tasks.with_max_len(1).for_each(|(task, out)| {
            WORK.with_borrow_mut(|work| {
                let (i, part) = (task / parts, task % parts);
                let of = of(i);
                if parts == 1 {
                    self.pack(&map, of, qkv, &mut work.keys);
                }
                let inside = of.window.inside[0] * of.window.inside[1];
                let from = (part * per_part).min(inside);
                let to = (from + per_part).min(inside);
                // Nearly as many each time: the keys go by once for each, few queries or many.
                let times = (to - from).div_ceil(QUERIES_AT_ONCE).max(1);
                let at_once = (to - from).div_ceil(times).max(1);
                for first in (from..to).step_by(at_once) {
                    let queries = first..to.min(first + at_once);
                    let out = &mut out[(first - from) * d..][..queries.len() * d];
                    let keys = shared.get(i);
                    self.block(&map, of, queries, qkv, (tables.as_ref(), keys), work, out);
                }
            });
        });
    }

    /// Whether there is a number for each pair: query, key and value of a head then lie side by side.
    fn paired(&self) -> bool {
        matches!(self.positions, Added::Pairs(_))
    }

    /// Packs the keys and values of a head of a window.
    fn pack(&self, map: &Map, of: Of, qkv: &[u16], keys: &mut Keys) {
        let &Map { h, w, c, d, side: [rows, columns], .. } = map;
        let [_, key, value] = map.channels(of.head, self.paired());
        let [top, left] = of.window.from;
        let paired = self.paired();
        match paired {
            true => keys.sized(1, rows * columns, d),
            false => keys.sized(rows, columns, d),
        }
        let at = |y: usize, x: usize| {
            let cell = if top + y < h && left + x < w {
                &qkv[((of.window.image * h + top + y) * w + left + x) * 3 * c..][..3 * c]
            } else {
                self.beyond
            };
            (&cell[key..][..d], &cell[value..][..d])
        };
        for y in 0..rows {
            for x in 0..columns {
                // What a head has of a cell is far from what it has of the next, further than processors look ahead.
                if y + 1 < rows {
                    let (key, value) = at(y + 1, x);
                    dot::fetch(key);
                    dot::fetch(value);
                }
                let (line, column) = if paired { (0, y * columns + x) } else { (y, x) };
                let (key, value) = at(y, x);
                keys.put(line, column, key, value);
            }
        }
    }

    /// Attends for some queries of a head of a window.
    #[allow(clippy::too_many_arguments)]
    fn block(
        &self,
        map: &Map,
        of: Of,
        queries: Range<usize>,
        qkv: &[u16],
        (tables, keys): (Option<&Tables>, Option<&Keys>),
        work: &mut Work,
        out: &mut [u16],
    ) {
        let &Map { h, w, c, d, side, scale, .. } = map;
        let [channels, ..] = map.channels(of.head, self.paired());
        let Work { places, sums, columns, scratch, .. } = work;
        let inside = of.window.inside[1];
        places.clear();
        places.extend(queries.map(|query| [query / inside, query % inside]));
        work.queries.sized(places.len(), d);
        for ([y, x], to) in places.iter().zip(work.queries.rows_mut()) {
            let line = of.window.image * h + of.window.from[0] + y;
            let cell = (line * w + of.window.from[1] + x) * 3 * c;
            to.copy_from_slice(&qkv[cell + channels..][..d]);
        }
        let a = work.queries.values();
        let keys = keys.unwrap_or(&work.keys);
        if let Some(tables) = tables {
            let sizes = (side, keys.line());
            tables.multiply(self.instructions, a, places, sizes, (&mut *sums, &mut *columns));
        }
        let at = |query: usize| {
            let [y, x] = places[query];
            match (&self.positions, tables) {
                (Added::Pairs(pairs), _) => {
                    Positions { lines: &[0.0], columns: pairs.of(of.head, y * side[1] + x) }
                }
                (_, Some(tables)) => Positions {
                    lines: &sums[query * tables.width() + side[0] - 1 - y..][..side[0]],
                    columns: &columns[query * keys.line()..][..keys.line()],
                },
                (_, None) => unreachable!("differences have tables"),
            }
        };
        scratch.attend(self.instructions, (a, places.len()), keys, scale, at, |query, row| {
            round(row, &mut out[query * d..][..d]);
        });
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::kernels::testing::random;
    use crate::ops::{self, Tf32};

    /// A map, a window, heads and their channels; the window reaches over the edge in some, some have more keys or queries than
    /// are computed at once.
    const CASES: [[usize; 5]; 6] = [
        [4, 4, 4, 1, 8],
        [7, 9, 4, 2, 16],
        [5, 6, 0, 2, 32],
        [8, 8, 3, 1, 20],
        [16, 40, 0, 1, 8],
        [31, 17, 14, 2, 80],
    ];

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().try_into_vec::<f32>().expect("f32")
    }

    fn rounded(x: &[f32]) -> Vec<u16> {
        let mut to = vec![0; x.len()];
        round(x, &mut to);
        to
    }

    #[test]
    fn it_is_the_attention_of_rounded_factors_and_the_same_on_any_number_of_threads() {
        let Some(instructions) = Instructions::best() else {
            return println!("left out: this processor does not multiply bf16");
        };
        for [h, w, window, heads, d] in CASES {
            let c = heads * d;
            let side = if window == 0 { [h, w] } else { [window; 2] };
            let qkv = random(1, [2, h, w, 3 * c]) * 0.5;
            let bias: Tensor<1> = random(2, [3 * c]);
            let rows: Tensor<2> = random(3, [2 * side[0] - 1, d]) * 0.3;
            let columns: Tensor<2> = random(4, [2 * side[1] - 1, d]) * 0.3;
            let whole = |x: Vec<f32>, shape| {
                let exact =
                    rounded(&x).into_iter().map(|bits| half::bf16::from_bits(bits).to_f32());
                Tensor::<4>::from_data(
                    TensorData::new(exact.collect::<Vec<f32>>(), shape),
                    &qkv.device(),
                )
            };
            let [rows, columns] = [rows, columns].map(values);
            let attention = WindowAttention {
                instructions,
                heads,
                window,
                beyond: &rounded(&values(bias.clone())),
                positions: Added::Differences { rows: &rows, columns: &columns },
            };
            let short = rounded(&values(qkv.clone()));
            let run = || {
                let mut attended = Attended::default();
                attention.run(&short, [2, h, w], &mut attended);
                let mut out = vec![0; 2 * h * w * c];
                for (cell, out) in out.chunks_exact_mut(c).enumerate() {
                    attended.gather(cell, out);
                }
                out
            };
            let found = run();
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
            assert_eq!(alone.install(run), found, "{h} {w} {window}");

            let shape = [2, h, w, 3 * c];
            let table =
                |x: Vec<f32>, side| whole(x, [1, 1, 2 * side - 1, d]).reshape([2 * side - 1, d]);
            let exact = ops::plain::window_attention(
                whole(values(qkv.clone()), shape),
                whole(values(bias), [1, 1, 1, 3 * c]).reshape([3 * c]),
                table(rows, side[0]),
                table(columns, side[1]),
                heads,
                window,
                Tf32::Never,
            );
            let exact = values(exact);
            assert_eq!(exact.len(), found.len());
            for (found, exact) in found.iter().zip(exact) {
                let off = (half::bf16::from_bits(*found).to_f32() - exact).abs();
                // Values are within 1; the weights and the result have 8 bits.
                assert!(off < 6e-3, "{instructions:?} {h} {w} {window}: {off}");
            }
        }
    }
}
