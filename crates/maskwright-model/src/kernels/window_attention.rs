//! Self-attention of the image encoder: over the whole map or within windows, with decomposed
//! relative positions, straight from the map of queries, keys and values to the map of results.

use rayon::prelude::*;

use super::attention::transpose;
use super::attention_core::{BackwardPass, Forward, Head, Inputs, Scratch};
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

    fn of(attention: &WindowAttention, qkv: &Array) -> Self {
        let sides = [qkv.shape()[1], qkv.shape()[2]];
        Self::new(attention.heads, attention.window, sides, qkv.width() / 3)
    }

    fn head(&self) -> Head {
        Head { d: self.d, keys: self.side[0] * self.side[1], grid: Some(self.side) }
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
}

impl Work {
    fn gather(&mut self, map: &Map, window: Window, head: usize, inputs: &[Array; 4]) {
        let [qkv, bias, rows, columns] = inputs.each_ref().map(Array::values);
        let &Map { h, w, c, d, side, scale, .. } = map;
        let channels = head * d;
        self.q.clear();
        self.k.clear();
        self.v.clear();
        self.places.clear();
        for y in 0..side[0] {
            for x in 0..side[1] {
                let (at_y, at_x) = (window.from[0] + y, window.from[1] + x);
                let cell = if at_y < h && at_x < w {
                    let cell = &qkv[((window.image * h + at_y) * w + at_x) * 3 * c..][..3 * c];
                    self.q.extend_from_slice(&cell[channels..][..d]);
                    self.places.push([y, x]);
                    cell
                } else {
                    bias
                };
                self.k.extend(cell[c + channels..][..d].iter().map(|v| v * scale));
                self.v.extend_from_slice(&cell[2 * c + channels..][..d]);
            }
        }
        self.k.extend_from_slice(rows);
        self.k.extend_from_slice(columns);
    }
}

impl Fused<4> for WindowAttention {
    type Saved = [Array; 4];

    fn forward(&self, inputs: [Array; 4], saves: bool) -> (Array, Option<[Array; 4]>) {
        let map = Map::of(self, &inputs[0]);
        let Map { h, w, c, d, heads, .. } = map;
        let images = inputs[0].shape()[0];
        let queries = map.head().keys;
        let parts = queries.div_ceil(QUERIES_PER_TASK);
        let per_part = if parts == 1 { queries } else { QUERIES_PER_TASK };
        let tasks = images * map.per_image() * heads * parts;
        let mut packed = zeros(tasks * per_part * d);
        packed.par_chunks_mut(per_part * d).enumerate().for_each_init(
            Work::default,
            |work, (task, out)| {
                let (i, part) = (task / parts, task % parts);
                let window = map.window(i / heads);
                work.gather(&map, window, i % heads, &inputs);
                transpose(&work.v, d, &mut work.t);
                let count = work.places.len();
                let from = (part * per_part).min(count);
                let to = (from + per_part).min(count);
                let inputs = Inputs {
                    head: map.head(),
                    keys: &work.k,
                    queries: &work.q[from * d..to * d],
                    places: &work.places[from..to],
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
        (Array::new(out, &[images, h, w, c]), saves.then_some(inputs))
    }

    fn backward(&self, inputs: [Array; 4], gradient: Array, _: [bool; 4]) -> [Option<Array>; 4] {
        let map = Map::of(self, &inputs[0]);
        let Map { h, w, c, d, heads, scale, .. } = map;
        let images = inputs[0].shape()[0];
        let head = map.head();
        let (keys, rows) = (head.keys, head.rows());
        let tasks = images * map.per_image() * heads;
        let mut to_q = zeros(tasks * keys * d);
        let mut to_k = zeros(tasks * rows * d);
        let mut to_v = zeros(tasks * keys * d);
        to_q.par_chunks_mut(keys * d)
            .zip(to_k.par_chunks_mut(rows * d))
            .zip(to_v.par_chunks_mut(keys * d))
            .enumerate()
            .for_each_init(Work::default, |work, (i, ((to_queries, to_keys), to_values))| {
                let window = map.window(i / heads);
                work.gather(&map, window, i % heads, &inputs);
                work.gradient.clear();
                for &[y, x] in &work.places {
                    let line = window.image * h + window.from[0] + y;
                    let cell = (line * w + window.from[1] + x) * c + i % heads * d;
                    work.gradient.extend_from_slice(&gradient.values()[cell..cell + d]);
                }
                transpose(&work.k, d, &mut work.t);
                pulp::Arch::new().dispatch(BackwardPass {
                    inputs: Inputs { head, keys: &work.k, queries: &work.q, places: &work.places },
                    keys_t: &work.t,
                    values: &work.v,
                    gradient: &work.gradient,
                    scratch: &mut work.scratch,
                    to_queries: &mut to_queries[..work.places.len() * d],
                    to_keys: &mut *to_keys,
                    to_values,
                });
                to_keys[..keys * d].iter_mut().for_each(|v| *v *= scale);
            });

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
                    out[head * d..][..d].copy_from_slice(&to_q[q..q + d]);
                    out[c + head * d..][..d].copy_from_slice(&to_k[k..k + d]);
                    out[2 * c + head * d..][..d].copy_from_slice(&to_v[v..v + d]);
                }
            }
        });

        // The rest is added in the order of the tasks, whichever threads ran them.
        let mut to_tables = vec![0f32; (rows - keys) * d];
        for task in to_k.chunks_exact(rows * d) {
            to_tables.iter_mut().zip(&task[keys * d..]).for_each(|(to, from)| *to += from);
        }
        let mut to_bias = vec![0f32; 3 * c];
        for task in 0..tasks {
            let window = map.window(task / heads);
            if window.inside == map.side {
                continue;
            }
            let channels = task % heads * d;
            for key in 0..keys {
                let (y, x) = (key / map.side[1], key % map.side[1]);
                if y < window.inside[0] && x < window.inside[1] {
                    continue;
                }
                let k = &to_k[(task * rows + key) * d..][..d];
                let v = &to_v[(task * keys + key) * d..][..d];
                for i in 0..d {
                    to_bias[c + channels + i] += k[i];
                    to_bias[2 * c + channels + i] += v[i];
                }
            }
        }
        let by_column = to_tables.split_off((2 * map.side[0] - 1) * d);
        [
            Some(Array::new(to_qkv, inputs[0].shape())),
            Some(Array::new(to_bias, &[3 * c])),
            Some(Array::new(to_tables, inputs[2].shape())),
            Some(Array::new(by_column, inputs[3].shape())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32, Windows};

    /// A map, a window, heads and their channels; the window reaches over the edge in some.
    const CASES: [[usize; 5]; 5] =
        [[4, 4, 4, 1, 8], [7, 9, 4, 2, 16], [5, 6, 0, 2, 32], [8, 8, 3, 1, 20], [16, 40, 0, 1, 8]];

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
}
