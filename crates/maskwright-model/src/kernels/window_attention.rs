//! Self-attention of the image encoders, straight from the map of queries, keys and values to the map of results: over the whole map or
//! within windows, with decomposed relative positions ([`WindowAttention`], SAM's vision transformer) or with a number for each pair
//! of cells ([`PairAttention`], TinyViT).

use rayon::prelude::*;

use super::attention::transpose;
use super::attention_core::{BackwardPass, Forward, Head, Inputs, Pairs, Scratch};
use super::panel::WIDTH;
use super::{Array, Fused, zeros};

/// Queries of one task where a window has more: enough to make packing its keys cheap.
const QUERIES_PER_TASK: usize = 16 * WIDTH;

/// Inputs: the map `[b, h, w, 3 c]` (queries, keys, values; heads side by side in each), the bias
/// `[3 c]` that was added to it, and the tables `[2 side - 1, d]` for rows and columns. Result:
/// `[b, h, w, c]`.
///
/// Windows that reach over the edge have keys and values there too: what the bias alone makes, as
/// the original pads before its linear layer. Here the padding costs no product.
#[derive(Debug, Clone)]
pub(crate) struct WindowAttention {
    pub(crate) heads: usize,
    /// Side of a window; 0 for the whole map.
    pub(crate) window: usize,
}

/// The same with a number for each pair of cells of a window, which is added to the score of the first for the second.
///
/// Inputs: the map `[b, h, w, 3 c]` (query, key and value side by side within each head), what it is `[3 c]` beyond the edge, and the
/// numbers `[heads, side * side, side * side]`: query, then key. Result: `[b, h, w, c]`.
#[derive(Debug, Clone)]
pub(crate) struct PairAttention {
    pub(crate) heads: usize,
    /// Side of a window.
    pub(crate) window: usize,
}

/// What both kinds read.
struct Sources<'a> {
    qkv: &'a [f32],
    /// What lies beyond the edge.
    beyond: &'a [f32],
    added: Added<'a>,
}

/// What is added to the scores, and how the channels of a cell lie.
#[derive(Clone, Copy)]
enum Added<'a> {
    /// The tables of rows and columns. The queries of all heads come first, then the keys, then the values.
    Differences([&'a [f32]; 2]),
    /// A number for each head, key and query: `[heads, keys, stride]`. Query, key and value of a head lie side by side.
    Pairs(&'a [f32]),
}

impl Sources<'_> {
    /// See [`Map::channels`].
    fn channels(&self, map: &Map, head: usize) -> [usize; 3] {
        map.channels(head, matches!(self.added, Added::Pairs(_)))
    }
}

/// The geometry of a call.
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) c: usize,
    /// Channels of a head.
    pub(super) d: usize,
    pub(super) heads: usize,
    /// Rows and columns of a window.
    pub(super) side: [usize; 2],
    /// Windows down and across.
    windows: [usize; 2],
    /// What scores are multiplied by.
    pub(super) scale: f32,
}

/// One window of one image.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) image: usize,
    /// Its first row and column in the map.
    pub(super) from: [usize; 2],
    /// Rows and columns of it inside the map.
    pub(super) inside: [usize; 2],
}

impl Map {
    /// Of `c` channels; the window is its side, 0 for the whole map.
    pub(super) fn new(heads: usize, window: usize, [h, w]: [usize; 2], c: usize) -> Self {
        let d = c / heads;
        let side = match window {
            0 => [h, w],
            side => [side, side],
        };
        Self {
            h,
            w,
            c,
            d,
            heads,
            side,
            windows: [h.div_ceil(side[0]), w.div_ceil(side[1])],
            scale: (d as f32).powf(-0.5),
        }
    }

    fn of(heads: usize, window: usize, qkv: &Array) -> Self {
        let sides = [qkv.shape()[1], qkv.shape()[2]];
        Self::new(heads, window, sides, qkv.width() / 3)
    }

    fn head(&self, added: Added<'_>) -> Head {
        let grid = matches!(added, Added::Differences(_)).then_some(self.side);
        Head { d: self.d, keys: self.keys(), grid }
    }

    /// Keys of a window.
    fn keys(&self) -> usize {
        self.side[0] * self.side[1]
    }

    /// From one key's numbers for pairs to the next one's.
    fn stride(&self) -> usize {
        self.keys().next_multiple_of(WIDTH)
    }

    /// Where the query, the key and the value of a head begin within a cell: side by side, or behind those of all heads.
    pub(super) fn channels(&self, head: usize, side_by_side: bool) -> [usize; 3] {
        [0, 1, 2].map(|part| match side_by_side {
            true => (3 * head + part) * self.d,
            false => part * self.c + head * self.d,
        })
    }

    pub(super) fn per_image(&self) -> usize {
        self.windows[0] * self.windows[1]
    }

    pub(super) fn window(&self, index: usize) -> Window {
        let [rows, columns] = self.side;
        let in_image = index % self.per_image();
        let from = [in_image / self.windows[1] * rows, in_image % self.windows[1] * columns];
        Window {
            image: index / self.per_image(),
            from,
            inside: [rows.min(self.h - from[0]), columns.min(self.w - from[1])],
        }
    }

    /// Where the cell (y, x) of the map lies: its window and its place among the window's queries.
    pub(super) fn query(&self, image: usize, y: usize, x: usize) -> (usize, usize) {
        let [rows, columns] = self.side;
        let window = (image * self.windows[0] + y / rows) * self.windows[1] + x / columns;
        let inside = columns.min(self.w - x / columns * columns);
        (window, y % rows * inside + x % columns)
    }
}

/// A head of a window, packed.
#[derive(Default)]
struct Work {
    scratch: Scratch,
    q: Vec<f32>,
    /// Keys, times the scale, then both tables.
    k: Vec<f32>,
    v: Vec<f32>,
    t: Vec<f32>,
    gradient: Vec<f32>,
    places: Vec<[usize; 2]>,
    /// Numbers for pairs, of the queries of a window that reaches over the edge.
    pairs: Vec<f32>,
}

impl Work {
    fn gather(&mut self, map: &Map, window: Window, head: usize, sources: &Sources<'_>) {
        let &Map { h, w, c, d, side, scale, .. } = map;
        let [query, key, value] = sources.channels(map, head);
        self.q.clear();
        self.k.clear();
        self.v.clear();
        self.places.clear();
        for y in 0..side[0] {
            for x in 0..side[1] {
                let (at_y, at_x) = (window.from[0] + y, window.from[1] + x);
                let cell = if at_y < h && at_x < w {
                    let cell = ((window.image * h + at_y) * w + at_x) * 3 * c;
                    let cell = &sources.qkv[cell..][..3 * c];
                    self.q.extend_from_slice(&cell[query..][..d]);
                    self.places.push([y, x]);
                    cell
                } else {
                    sources.beyond
                };
                self.k.extend(cell[key..][..d].iter().map(|v| v * scale));
                self.v.extend_from_slice(&cell[value..][..d]);
            }
        }
        match sources.added {
            Added::Differences(tables) => {
                tables.iter().for_each(|table| self.k.extend_from_slice(table));
            }
            Added::Pairs(_) if self.places.len() == map.keys() => {}
            Added::Pairs(pairs) => {
                // Those of the queries that there are, side by side.
                let stride = map.stride();
                let pairs = &pairs[head * map.keys() * stride..][..map.keys() * stride];
                self.pairs.clear();
                self.pairs.resize(pairs.len(), 0.0);
                for (from, to) in
                    pairs.chunks_exact(stride).zip(self.pairs.chunks_exact_mut(stride))
                {
                    for (to, &[y, x]) in to.iter_mut().zip(&self.places) {
                        *to = from[y * side[1] + x];
                    }
                }
            }
        }
    }
}

/// What is added to the scores of a head; `gathered` is for its window, where that reaches over the edge.
fn pairs_of<'a>(
    map: &Map,
    head: usize,
    (sources, gathered): (&Sources<'a>, &'a [f32]),
    queries: usize,
) -> Option<Pairs<'a>> {
    let (count, stride) = (map.keys() * map.stride(), map.stride());
    match sources.added {
        Added::Differences(_) => None,
        Added::Pairs(all) if queries == map.keys() => {
            Some(Pairs { values: &all[head * count..][..count], stride })
        }
        Added::Pairs(_) => Some(Pairs { values: &gathered[..count], stride }),
    }
}

/// The results of all cells `[images, h, w, c]`.
fn attend(map: &Map, images: usize, sources: &Sources<'_>) -> Vec<f32> {
    let &Map { h, w, c, d, heads, .. } = map;
    let queries = map.keys();
    // Numbers for pairs lie for blocks of all queries of a window.
    let whole = matches!(sources.added, Added::Pairs(_));
    let parts = if whole { 1 } else { queries.div_ceil(QUERIES_PER_TASK) };
    let per_part = if parts == 1 { queries } else { QUERIES_PER_TASK };
    let tasks = images * map.per_image() * heads * parts;
    let mut packed = zeros(tasks * per_part * d);
    packed.par_chunks_mut(per_part * d).enumerate().for_each_init(
        Work::default,
        |work, (task, out)| {
            let (i, part) = (task / parts, task % parts);
            work.gather(map, map.window(i / heads), i % heads, sources);
            transpose(&work.v, d, &mut work.t);
            let count = work.places.len();
            let from = (part * per_part).min(count);
            let to = (from + per_part).min(count);
            let inputs = Inputs {
                head: map.head(sources.added),
                keys: &work.k,
                queries: &work.q[from * d..to * d],
                places: &work.places[from..to],
                pairs: pairs_of(map, i % heads, (sources, &work.pairs), count),
            };
            let out = &mut out[..(to - from) * d];
            let (scratch, values_t) = (&mut work.scratch, work.t.as_slice());
            pulp::Arch::new().dispatch(Forward { inputs, values_t, scratch, out });
        },
    );

    let mut out = zeros(images * h * w * c);
    out.par_chunks_mut(w * c).enumerate().for_each(|(line, out)| {
        for (x, out) in out.chunks_exact_mut(c).enumerate() {
            let (window, query) = map.query(line / h, line % h, x);
            for (head, out) in out.chunks_exact_mut(d).enumerate() {
                let task = (window * heads + head) * parts + query / per_part;
                let from = (task * per_part + query % per_part) * d;
                out.copy_from_slice(&packed[from..from + d]);
            }
        }
    });
    out
}

/// What a backward pass gives.
struct Gradients {
    qkv: Vec<f32>,
    beyond: Vec<f32>,
    /// Both tables, one below the other; empty where there are none.
    tables: Vec<f32>,
    /// Of each window and head, `[keys, stride]`; empty where there are none or nobody asks for it.
    pairs: Vec<f32>,
}

/// The gradients of the inputs, from that of the results.
fn gradients(
    map: &Map,
    images: usize,
    sources: &Sources<'_>,
    gradient: &[f32],
    pairs_wanted: bool,
) -> Gradients {
    let &Map { h, w, c, d, heads, scale, .. } = map;
    let head = map.head(sources.added);
    let (keys, rows) = (head.keys, head.rows());
    let tasks = images * map.per_image() * heads;
    let mut to_q = zeros(tasks * keys * d);
    let mut to_k = zeros(tasks * rows * d);
    let mut to_v = zeros(tasks * keys * d);
    let per_task = if pairs_wanted { keys * map.stride() } else { 0 };
    let mut to_pairs = zeros(tasks * per_task);
    // One that is empty has no parts.
    let mut parts: Vec<&mut [f32]> = match per_task {
        0 => (0..tasks).map(|_| &mut [][..]).collect(),
        _ => to_pairs.chunks_exact_mut(per_task).collect(),
    };
    to_q.par_chunks_mut(keys * d)
        .zip(to_k.par_chunks_mut(rows * d))
        .zip(to_v.par_chunks_mut(keys * d))
        .zip(&mut parts)
        .enumerate()
        .for_each_init(
            Work::default,
            |work, (i, (((to_queries, to_keys), to_values), to_pairs))| {
                let window = map.window(i / heads);
                work.gather(map, window, i % heads, sources);
                work.gradient.clear();
                for &[y, x] in &work.places {
                    let line = window.image * h + window.from[0] + y;
                    let cell = (line * w + window.from[1] + x) * c + i % heads * d;
                    work.gradient.extend_from_slice(&gradient[cell..cell + d]);
                }
                transpose(&work.k, d, &mut work.t);
                let count = work.places.len();
                let pairs = pairs_of(map, i % heads, (sources, &work.pairs), count);
                let (queries, places) = (&work.q, &work.places);
                pulp::Arch::new().dispatch(BackwardPass {
                    inputs: Inputs { head, keys: &work.k, queries, places, pairs },
                    keys_t: &work.t,
                    values: &work.v,
                    gradient: &work.gradient,
                    scratch: &mut work.scratch,
                    to_queries: &mut to_queries[..count * d],
                    to_keys: &mut *to_keys,
                    to_values,
                    to_pairs,
                });
                to_keys[..keys * d].iter_mut().for_each(|v| *v *= scale);
            },
        );

    let mut to_qkv = zeros(images * h * w * 3 * c);
    to_qkv.par_chunks_mut(w * 3 * c).enumerate().for_each(|(line, out)| {
        for (x, out) in out.chunks_exact_mut(3 * c).enumerate() {
            let (image, y) = (line / h, line % h);
            let (window, query) = map.query(image, y, x);
            let key = y % map.side[0] * map.side[1] + x % map.side[1];
            for head in 0..heads {
                let task = window * heads + head;
                let q = (task * keys + query) * d;
                let k = (task * rows + key) * d;
                let v = (task * keys + key) * d;
                let [at_q, at_k, at_v] = sources.channels(map, head);
                out[at_q..][..d].copy_from_slice(&to_q[q..q + d]);
                out[at_k..][..d].copy_from_slice(&to_k[k..k + d]);
                out[at_v..][..d].copy_from_slice(&to_v[v..v + d]);
            }
        }
    });

    // The rest is added in the order of the tasks, whichever threads ran them.
    let mut tables = vec![0f32; (rows - keys) * d];
    for task in to_k.chunks_exact(rows * d) {
        tables.iter_mut().zip(&task[keys * d..]).for_each(|(to, from)| *to += from);
    }
    let mut beyond = vec![0f32; 3 * c];
    for task in 0..tasks {
        let window = map.window(task / heads);
        if window.inside == map.side {
            continue;
        }
        let [_, at_k, at_v] = sources.channels(map, task % heads);
        for key in 0..keys {
            let (y, x) = (key / map.side[1], key % map.side[1]);
            if y < window.inside[0] && x < window.inside[1] {
                continue;
            }
            let k = &to_k[(task * rows + key) * d..][..d];
            let v = &to_v[(task * keys + key) * d..][..d];
            for i in 0..d {
                beyond[at_k + i] += k[i];
                beyond[at_v + i] += v[i];
            }
        }
    }
    Gradients { qkv: to_qkv, beyond, tables, pairs: to_pairs }
}

impl WindowAttention {
    fn sources(inputs: &[Array; 4]) -> Sources<'_> {
        let [qkv, beyond, rows, columns] = inputs.each_ref().map(Array::values);
        Sources { qkv, beyond, added: Added::Differences([rows, columns]) }
    }
}

impl Fused<4> for WindowAttention {
    type Saved = [Array; 4];

    fn forward(&self, inputs: [Array; 4], saves: bool) -> (Array, Option<[Array; 4]>) {
        let map = Map::of(self.heads, self.window, &inputs[0]);
        let images = inputs[0].shape()[0];
        let out = attend(&map, images, &Self::sources(&inputs));
        (Array::new(out, &[images, map.h, map.w, map.c]), saves.then_some(inputs))
    }

    fn backward(&self, inputs: [Array; 4], gradient: Array, _: [bool; 4]) -> [Option<Array>; 4] {
        let map = Map::of(self.heads, self.window, &inputs[0]);
        let images = inputs[0].shape()[0];
        let sources = Self::sources(&inputs);
        let Gradients { qkv, beyond, tables: mut by_row, .. } =
            gradients(&map, images, &sources, gradient.values(), false);
        let by_column = by_row.split_off((2 * map.side[0] - 1) * map.d);
        [
            Some(Array::new(qkv, inputs[0].shape())),
            Some(Array::new(beyond, &[3 * map.c])),
            Some(Array::new(by_row, inputs[2].shape())),
            Some(Array::new(by_column, inputs[3].shape())),
        ]
    }
}

impl PairAttention {
    /// The numbers for pairs `[heads, query, key]`, each head transposed and its rows padded: `[heads, keys, stride]`.
    fn laid(map: &Map, pairs: &[f32]) -> Vec<f32> {
        let (keys, stride) = (map.keys(), map.stride());
        let mut all = vec![0f32; map.heads * keys * stride];
        for (from, to) in pairs.chunks_exact(keys * keys).zip(all.chunks_exact_mut(keys * stride)) {
            for (query, from) in from.chunks_exact(keys).enumerate() {
                for (&value, to) in from.iter().zip(to.chunks_exact_mut(stride)) {
                    to[query] = value;
                }
            }
        }
        all
    }

    /// Adds up what the windows give for each pair: `[heads, query, key]`.
    fn summed(map: &Map, of_tasks: &[f32]) -> Vec<f32> {
        let (keys, stride, [_, side]) = (map.keys(), map.stride(), map.side);
        let mut sums = vec![0f32; map.heads * keys * keys];
        for (task, from) in of_tasks.chunks_exact(keys * stride).enumerate() {
            let [rows, columns] = map.window(task / map.heads).inside;
            let to = &mut sums[task % map.heads * keys * keys..][..keys * keys];
            for (key, from) in from.chunks_exact(stride).enumerate() {
                for (query, from) in from[..rows * columns].iter().enumerate() {
                    let place = query / columns * side + query % columns;
                    to[place * keys + key] += from;
                }
            }
        }
        sums
    }
}

impl Fused<3> for PairAttention {
    type Saved = [Array; 3];

    fn forward(&self, inputs: [Array; 3], saves: bool) -> (Array, Option<[Array; 3]>) {
        let [qkv, beyond, pairs] = inputs.each_ref().map(Array::values);
        let map = Map::of(self.heads, self.window, &inputs[0]);
        let images = inputs[0].shape()[0];
        let laid = Self::laid(&map, pairs);
        let out = attend(&map, images, &Sources { qkv, beyond, added: Added::Pairs(&laid) });
        (Array::new(out, &[images, map.h, map.w, map.c]), saves.then_some(inputs))
    }

    fn backward(
        &self,
        inputs: [Array; 3],
        gradient: Array,
        needs: [bool; 3],
    ) -> [Option<Array>; 3] {
        let [qkv, beyond, pairs] = inputs.each_ref().map(Array::values);
        let map = Map::of(self.heads, self.window, &inputs[0]);
        let images = inputs[0].shape()[0];
        let laid = Self::laid(&map, pairs);
        let sources = Sources { qkv, beyond, added: Added::Pairs(&laid) };
        let found = gradients(&map, images, &sources, gradient.values(), needs[2]);
        let to_pairs = needs[2].then(|| Self::summed(&map, &found.pairs));
        [
            Some(Array::new(found.qkv, inputs[0].shape())),
            Some(Array::new(found.beyond, &[3 * map.c])),
            to_pairs.map(|pairs| Array::new(pairs, inputs[2].shape())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32, Windows};

    /// A map, a window, heads and their channels; the window reaches over the edge in some.
    const CASES: [[usize; 5]; 6] = [
        [4, 4, 4, 1, 8],
        [9, 20, 7, 2, 4],
        [7, 9, 4, 2, 16],
        [5, 6, 0, 2, 32],
        [8, 8, 3, 1, 20],
        [16, 40, 0, 1, 8],
    ];

    #[test]
    fn matches_the_plain_twin() {
        for [h, w, window, heads, d] in CASES {
            let c = heads * d;
            let side = if window == 0 { [h, w] } else { [window; 2] };
            let tables = random(3, [2 * (side[0] + side[1]) - 2, d]) * 0.3;
            let qkv = random(1, [2, h, w, 3 * c]);
            same(qkv, random(2, [3 * c]), tables, 5e-5, |qkv, bias, tables: Tensor<2>| {
                let rows = tables.clone().narrow(0, 0, 2 * side[0] - 1);
                let columns = tables.narrow(0, 2 * side[0] - 1, 2 * side[1] - 1);
                let qkv = qkv + bias.clone().unsqueeze::<4>();
                let windows = Windows { heads, window };
                ops::window_attention(qkv, bias, rows, columns, windows, Tf32::Never)
            });
        }
    }

    #[test]
    fn with_pairs_it_matches_the_plain_twin() {
        for [h, w, window, heads, d] in CASES.into_iter().filter(|case| case[2] > 0) {
            let cells = window * window;
            let qkv = random(1, [2, h, w, 3 * heads * d]);
            let pairs = random(3, [heads, cells, cells]);
            let beyond = random(2, [3 * heads * d]);
            same(qkv, beyond, pairs, 5e-5, |qkv, beyond, pairs| {
                let windows = Windows { heads, window };
                let qkv = qkv + beyond.clone().unsqueeze::<4>();
                ops::pair_attention(qkv, beyond, pairs, windows, Tf32::Never)
            });
        }
    }
}
