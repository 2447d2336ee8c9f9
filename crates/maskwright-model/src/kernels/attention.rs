//! Attention over separate query, key and value tensors, as the mask decoder's.

use rayon::prelude::*;

use super::attention_core::{BackwardPass, Forward, Head, Inputs, Scratch};
use super::{Array, Fused, zeros};

/// `softmax(q k^T / sqrt(d)) v` for each of the heads, whose channels lie side by side.
///
/// Inputs `q` `[b, n, c]`, `k` and `v` `[b, m, c]`; the result is `[b, n, c]`.
#[derive(Debug, Clone)]
pub(crate) struct CrossAttention {
    pub(crate) heads: usize,
}

struct Sizes {
    n: usize,
    m: usize,
    c: usize,
    d: usize,
    scale: f32,
}

impl CrossAttention {
    fn sizes(&self, q: &Array, k: &Array) -> Sizes {
        let (n, m, c) = (q.shape()[1], k.shape()[1], q.width());
        let d = c / self.heads;
        Sizes { n, m, c, d, scale: (d as f32).powf(-0.5) }
    }
}

/// One head's channels of `[rows, c]`, packed and times a factor.
fn pack(from: &[f32], c: usize, head: usize, d: usize, factor: f32, to: &mut Vec<f32>) {
    to.clear();
    for row in from.chunks_exact(c) {
        to.extend(row[head * d..][..d].iter().map(|v| v * factor));
    }
}

/// `[rows, width]` to `[width, rows]`.
pub(super) fn transpose(from: &[f32], width: usize, to: &mut Vec<f32>) {
    /// Rows whose values are written side by side: whole lines of the cache, since columns that are a power of two
    /// apart would drive each other out of it.
    const BLOCK: usize = 16;
    let rows = from.len() / width;
    to.clear();
    to.resize(from.len(), 0.0);
    for (block, from) in from.chunks(BLOCK * width).enumerate() {
        let first = block * BLOCK;
        let count = from.len() / width;
        for (c, to) in to.chunks_exact_mut(rows).enumerate() {
            let values = from[c..].iter().step_by(width);
            to[first..first + count].iter_mut().zip(values).for_each(|(to, &value)| *to = value);
        }
    }
}

/// Puts packed heads `[b, heads, rows, d]` side by side: `[b, rows, c]`.
fn unpack(packed: &[f32], heads: usize, rows: usize, d: usize) -> Vec<f32> {
    let c = heads * d;
    let mut out = zeros(packed.len());
    out.par_chunks_mut(rows * c).zip(packed.par_chunks(rows * c)).for_each(|(out, packed)| {
        for (head, packed) in packed.chunks_exact(rows * d).enumerate() {
            for (out, from) in out.chunks_exact_mut(c).zip(packed.chunks_exact(d)) {
                out[head * d..][..d].copy_from_slice(from);
            }
        }
    });
    out
}

#[derive(Default)]
struct Work {
    scratch: Scratch,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    t: Vec<f32>,
    gradient: Vec<f32>,
}

impl Fused<3> for CrossAttention {
    type Saved = [Array; 3];

    fn forward(&self, [q, k, v]: [Array; 3], saves: bool) -> (Array, Option<[Array; 3]>) {
        let Sizes { n, m, c, d, scale } = self.sizes(&q, &k);
        let mut packed = zeros(q.values().len());
        packed.par_chunks_mut(n * d).enumerate().for_each_init(Work::default, |work, (i, out)| {
            let (b, head) = (i / self.heads, i % self.heads);
            pack(&q.values()[b * n * c..][..n * c], c, head, d, 1.0, &mut work.q);
            pack(&k.values()[b * m * c..][..m * c], c, head, d, scale, &mut work.k);
            pack(&v.values()[b * m * c..][..m * c], c, head, d, 1.0, &mut work.v);
            transpose(&work.v, d, &mut work.t);
            pulp::Arch::new().dispatch(Forward {
                inputs: Inputs {
                    head: Head { d, keys: m, grid: None },
                    keys: &work.k,
                    queries: &work.q,
                    places: &[],
                    pairs: None,
                },
                values_t: &work.t,
                scratch: &mut work.scratch,
                out,
            });
        });
        let out = Array::new(unpack(&packed, self.heads, n, d), q.shape());
        (out, saves.then_some([q, k, v]))
    }

    fn backward(&self, [q, k, v]: [Array; 3], gradient: Array, _: [bool; 3]) -> [Option<Array>; 3] {
        let Sizes { n, m, c, d, scale } = self.sizes(&q, &k);
        let mut to_q = zeros(q.values().len());
        let mut to_k = zeros(k.values().len());
        let mut to_v = zeros(v.values().len());
        to_q.par_chunks_mut(n * d)
            .zip(to_k.par_chunks_mut(m * d))
            .zip(to_v.par_chunks_mut(m * d))
            .enumerate()
            .for_each_init(Work::default, |work, (i, ((to_queries, to_keys), to_values))| {
                let (b, head) = (i / self.heads, i % self.heads);
                let rows = b * n * c..(b + 1) * n * c;
                pack(&q.values()[rows.clone()], c, head, d, 1.0, &mut work.q);
                pack(&k.values()[b * m * c..][..m * c], c, head, d, scale, &mut work.k);
                pack(&v.values()[b * m * c..][..m * c], c, head, d, 1.0, &mut work.v);
                pack(&gradient.values()[rows], c, head, d, 1.0, &mut work.gradient);
                transpose(&work.k, d, &mut work.t);
                pulp::Arch::new().dispatch(BackwardPass {
                    inputs: Inputs {
                        head: Head { d, keys: m, grid: None },
                        keys: &work.k,
                        queries: &work.q,
                        places: &[],
                        pairs: None,
                    },
                    keys_t: &work.t,
                    values: &work.v,
                    gradient: &work.gradient,
                    scratch: &mut work.scratch,
                    to_queries,
                    to_keys: &mut *to_keys,
                    to_values,
                    to_pairs: &mut [],
                });
                to_keys.iter_mut().for_each(|v| *v *= scale);
            });
        [
            Some(Array::new(unpack(&to_q, self.heads, n, d), q.shape())),
            Some(Array::new(unpack(&to_k, self.heads, m, d), k.shape())),
            Some(Array::new(unpack(&to_v, self.heads, m, d), v.shape())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32};

    #[test]
    fn matches_the_plain_twin() {
        for (n, m, heads, d) in [(1, 1, 1, 8), (7, 65, 2, 16), (70, 9, 4, 16), (33, 40, 1, 80)] {
            let c = heads * d;
            let draw = |seed, rows| random(seed, [2, rows, c]);
            same(draw(1, n), draw(2, m), draw(3, m), 3e-5, |q, k, v| {
                ops::attention(q, k, v, heads, Tf32::Never)
            });
        }
    }
}
