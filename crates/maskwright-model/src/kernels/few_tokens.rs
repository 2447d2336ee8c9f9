//! Attention between an image's cells and a few tokens, for tensors that nothing is derived by.
//!
//! A cell's key takes part in a score as `q · (x K)`, which is `(K q) · x`: with few tokens it is cheaper to bring their queries to
//! the cells' side than all cells to theirs, and likewise for values. So no projection of the image is ever made. Cells go through
//! some at a time, with the sum and the norm that follow.

use rayon::prelude::*;

use super::panel::{self, ByPanels, Row, WIDTH};
use super::{Array, layer_norm, math, vectorised, zeros};

/// Cells that go through at once.
const AT_ONCE: usize = 64;

/// Cells of a task of [`to_image`]: each sums on its own, so the results do not depend on the number of threads.
const PER_TASK: usize = 512;

/// The image's cells, `[m, c]`, and their positions, `[m, c]`.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    values: &'a [f32],
    places: &'a [f32],
    channels: usize,
}

impl<'a> Cells<'a> {
    /// One image's, from tensors `[1, m, c]` each.
    pub(crate) fn new(values: &'a Array, places: &'a Array) -> Self {
        Self { values: values.values(), places: places.values(), channels: values.width() }
    }

    fn part(&self, from: usize, to: usize) -> Cells<'a> {
        let range = from * self.channels..to * self.channels;
        let (values, places) = (&self.values[range.clone()], &self.places[range]);
        Cells { values, places, ..*self }
    }

    fn count(&self) -> usize {
        self.values.len() / self.channels
    }

    /// The sums of both.
    fn placed(&self, to: &mut Vec<f32>) {
        to.clear();
        to.extend(self.values.iter().zip(self.places).map(|(value, place)| value + place));
    }
}

/// What a thread works with.
#[derive(Default)]
struct Work {
    placed: Vec<f32>,
    scores: Vec<f32>,
    turned: Vec<f32>,
    panels: Vec<Row>,
}

/// A part of the softmax over all cells: what each column's exponentials are taken relative to, their sum, and the cells' sum with
/// them as weights, `[n, c]`.
struct Part {
    highest: Vec<f32>,
    sums: Vec<f32>,
    weighted: Vec<f32>,
}

/// For each of `n` vectors `[n, c]`, the mean of the cells weighted by the softmax, over all cells, of its product with cell and place:
/// `[n, c]`.
pub(crate) fn to_image(cells: Cells<'_>, vectors: &[f32]) -> Vec<f32> {
    let c = cells.channels;
    let n = vectors.len() / c;
    let panels = panel::transposed_panels(vectors, c);
    let tasks: Vec<usize> = (0..cells.count()).step_by(PER_TASK).collect();
    let parts = tasks.into_par_iter().map_init(Work::default, |work, from| {
        part(cells.part(from, cells.count().min(from + PER_TASK)), &panels, n, work)
    });
    let parts: Vec<Part> = parts.collect();
    let mut out = vec![0f32; n * c];
    for (i, out) in out.chunks_exact_mut(c).enumerate() {
        let highest = parts.iter().fold(f32::NEG_INFINITY, |most, part| most.max(part.highest[i]));
        let mut sum = 0.0;
        for part in &parts {
            let factor = (part.highest[i] - highest).exp();
            sum += part.sums[i] * factor;
            let weighted = &part.weighted[i * c..][..c];
            out.iter_mut().zip(weighted).for_each(|(out, value)| *out += value * factor);
        }
        out.iter_mut().for_each(|out| *out /= sum);
    }
    out
}

fn part(cells: Cells<'_>, panels: &[Row], n: usize, work: &mut Work) -> Part {
    let c = cells.channels;
    let count = cells.count();
    let Work { placed, scores, turned, panels: packed } = work;
    scores.resize(count * n, 0.0);
    for from in (0..count).step_by(AT_ONCE) {
        let to = count.min(from + AT_ONCE);
        cells.part(from, to).placed(placed);
        let out = &mut scores[from * n..to * n];
        ByPanels { a: placed, inner: c, panels, out, width: n, add: false }.run();
    }
    let mut highest = vec![f32::NEG_INFINITY; n];
    let mut sums = vec![0f32; n];
    vectorised(
        #[inline(always)]
        || {
            for row in scores.chunks_exact(n) {
                for (highest, &score) in highest.iter_mut().zip(row) {
                    *highest = if score > *highest { score } else { *highest };
                }
            }
            for row in scores.chunks_exact_mut(n) {
                for ((score, highest), sum) in row.iter_mut().zip(&highest).zip(&mut sums) {
                    *score = math::exp(*score - highest);
                    *sum += *score;
                }
            }
        },
    );
    let mut weighted = vec![0f32; n * c];
    for from in (0..count).step_by(AT_ONCE) {
        let to = count.min(from + AT_ONCE);
        super::attention::transpose(&scores[from * n..to * n], n, turned);
        let values = cells.part(from, to).values;
        packed.resize((to - from) * c.div_ceil(WIDTH), [0.0; WIDTH]);
        for (p, panel) in packed.chunks_exact_mut(to - from).enumerate() {
            panel::pack_columns(values, c, p, panel);
        }
        let (a, inner, out) = (&turned[..], to - from, &mut weighted[..]);
        ByPanels { a, inner, panels: packed, out, width: c, add: true }.run();
    }
    Part { highest, sums, weighted }
}

/// What the image's cells take from tokens.
pub(crate) struct FromTokens<'a> {
    /// For each head and token the vector that its score is the product with, `[heads * tokens, c]`, and what is added to it.
    pub(crate) vectors: &'a [f32],
    pub(crate) added: &'a [f32],
    /// For each head and token what it gives, `[heads * tokens, c]`.
    pub(crate) given: &'a [f32],
    pub(crate) tokens: usize,
    /// What is added to the sum over heads and tokens, `[c]`.
    pub(crate) bias: &'a [f32],
    /// Weight and bias of the norm of the sum of that and the cell, `[c]`.
    pub(crate) norm: [&'a [f32]; 2],
    pub(crate) epsilon: f32,
}

/// The norm of each cell's sum with what its heads take from the tokens: `[m, c]`.
pub(crate) fn from_tokens(cells: Cells<'_>, from: &FromTokens<'_>) -> Vec<f32> {
    let c = cells.channels;
    let n = from.vectors.len() / c;
    let panels = panel::transposed_panels(from.vectors, c);
    let given = panel::panels(from.given, c);
    let mut out = zeros(cells.values.len());
    out.par_chunks_mut(AT_ONCE * c).enumerate().for_each_init(Work::default, |work, (i, out)| {
        let Work { placed, scores, .. } = work;
        let count = out.len() / c;
        let cells = cells.part(i * AT_ONCE, i * AT_ONCE + count);
        cells.placed(placed);
        scores.clear();
        (0..count).for_each(|_| scores.extend_from_slice(from.added));
        let to = &mut scores[..];
        ByPanels { a: placed, inner: c, panels: &panels, out: to, width: n, add: true }.run();
        softmax(scores, from.tokens);
        for (out, values) in out.chunks_exact_mut(c).zip(cells.values.chunks_exact(c)) {
            for ((out, value), bias) in out.iter_mut().zip(values).zip(from.bias) {
                *out = value + bias;
            }
        }
        let to = &mut *out;
        ByPanels { a: scores, inner: n, panels: &given, out: to, width: c, add: true }.run();
        layer_norm::rows_in_place(out, from.norm[0], from.norm[1], from.epsilon);
    });
    out
}

/// Replaces each of some groups by its softmax.
fn softmax(scores: &mut [f32], group: usize) {
    for group in scores.chunks_exact_mut(group) {
        let highest = group.iter().fold(f32::NEG_INFINITY, |most, &score| most.max(score));
        group.iter_mut().for_each(|score| *score -= highest);
    }
    // Apart, so that it goes through whole vectors.
    vectorised(
        #[inline(always)]
        || scores.iter_mut().for_each(|score| *score = math::exp(*score)),
    );
    for group in scores.chunks_exact_mut(group) {
        let inverse = 1.0 / group.iter().sum::<f32>();
        group.iter_mut().for_each(|score| *score *= inverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    fn array(seed: u64, shape: [usize; 2], scale: f32) -> Array {
        let values = (random::<2>(seed, shape) * scale).into_data().try_into_vec().expect("f32");
        Array::new(values, &shape)
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    #[test]
    fn tokens_take_the_mean_of_the_cells_by_the_softmax_of_their_products() {
        // More cells than a task has, and a part of those that go through at once.
        for [m, n, c] in [[1, 1, 3], [70, 5, 16], [1100, 40, 33]] {
            let (values, places) = (array(1, [m, c], 1.0), array(2, [m, c], 0.5));
            let vectors = array(3, [n, c], 0.4);
            let found = to_image(Cells::new(&values, &places), vectors.values());
            let both = values.values().iter().zip(places.values()).map(|(a, b)| a + b);
            let placed: Vec<f32> = both.collect();
            for (vector, found) in vectors.values().chunks_exact(c).zip(found.chunks_exact(c)) {
                let weights: Vec<f64> =
                    placed.chunks_exact(c).map(|cell| dot(cell, vector).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for (i, &found) in found.iter().enumerate() {
                    let column = values.values()[i..].iter().step_by(c);
                    let mean: f64 =
                        weights.iter().zip(column).map(|(w, &v)| w * f64::from(v)).sum();
                    assert!((f64::from(found) - mean / sum).abs() < 1e-5, "{m} {n} {c}");
                }
            }
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
            let cells = Cells::new(&values, &places);
            assert_eq!(alone.install(|| to_image(cells, vectors.values())), found);
        }
    }

    #[test]
    fn cells_take_from_tokens_and_are_normalised() {
        for [m, heads, tokens, c] in [[1, 1, 1, 4], [70, 2, 5, 16], [130, 8, 8, 33]] {
            let n = heads * tokens;
            let (values, places) = (array(1, [m, c], 1.0), array(2, [m, c], 0.5));
            let (vectors, given) = (array(3, [n, c], 0.4), array(4, [n, c], 1.0));
            let (added, bias) = (array(5, [1, n], 1.0), array(6, [1, c], 1.0));
            let (weight, shift) = (array(7, [1, c], 1.0), array(8, [1, c], 1.0));
            let from = FromTokens {
                vectors: vectors.values(),
                added: added.values(),
                given: given.values(),
                tokens,
                bias: bias.values(),
                norm: [weight.values(), shift.values()],
                epsilon: 1e-5,
            };
            let found = from_tokens(Cells::new(&values, &places), &from);
            for (cell, found) in found.chunks_exact(c).enumerate() {
                let value = &values.values()[cell * c..][..c];
                let placed: Vec<f32> =
                    value.iter().zip(&places.values()[cell * c..]).map(|(a, b)| a + b).collect();
                let mut sums: Vec<f64> =
                    value.iter().zip(bias.values()).map(|(&a, &b)| f64::from(a + b)).collect();
                for head in 0..heads {
                    let of = head * tokens..(head + 1) * tokens;
                    let weights = of.clone().map(|i| {
                        let score = dot(&placed, &vectors.values()[i * c..][..c]);
                        (score + f64::from(added.values()[i])).exp()
                    });
                    let weights: Vec<f64> = weights.collect();
                    let all: f64 = weights.iter().sum();
                    for (i, weight) in of.zip(weights) {
                        let given = &given.values()[i * c..][..c];
                        sums.iter_mut()
                            .zip(given)
                            .for_each(|(sum, &given)| *sum += weight / all * f64::from(given));
                    }
                }
                let mean = sums.iter().sum::<f64>() / c as f64;
                let variance = sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / c as f64;
                for (i, &found) in found.iter().enumerate() {
                    let one = (sums[i] - mean) / (variance + 1e-5).sqrt();
                    let expected =
                        one * f64::from(weight.values()[i]) + f64::from(shift.values()[i]);
                    assert!((f64::from(found) - expected).abs() < 3e-5, "{found} {expected}");
                }
            }
        }
    }
}
