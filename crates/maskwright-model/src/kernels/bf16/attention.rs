//! Softmax attention of one head over keys that were packed before, forward alone.
//!
//! Queries are rows, keys and values panels. Keys are taken some lines at a time, so that their scores stay in the cache: the maximum
//! and the sum so far are kept for each query, and what was added up is scaled down when a greater maximum comes (Milakov and
//! Gimelshein, arXiv:1805.02867). A line of keys is padded to a multiple of 16, so that vectors do not straddle lines: with
//! positions, the scores of a line are those of the product, plus one number for the line, plus one for each column.
//!
//! Sums, positions, maxima and exponentials are f32; the exponentials are rounded for the product with the values, and their
//! sum is that of the unrounded ones.

use super::layer::RoundedRows;
use super::{INNER, Instructions, LANES, Pair, WIDTH, padded, put_column, round};
use crate::kernels::{math, vectorised};

/// Keys whose scores are computed at once, at most, unless a line has more.
const KEYS_AT_ONCE: usize = 256;

/// Queries whose scores are computed at once.
pub(super) const QUERIES_AT_ONCE: usize = 108;

/// The keys and values of a head, as panels.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Of 32 keys each, `[channels / 2][32]`.
    keys: Vec<Pair>,
    /// Of 32 channels each, `[keys / 2][32]`.
    values: Vec<Pair>,
    channels: usize,
    lines: usize,
    /// Keys of a line.
    width: usize,
}

impl Keys {
    /// Room for lines of so many keys, and what pads them.
    pub(super) fn sized(&mut self, lines: usize, width: usize, channels: usize) {
        // What pads them is zeros, so it is made anew where other keys lay there.
        if (self.channels, self.lines, self.width) == (channels, lines, width) {
            return;
        }
        (self.channels, self.lines, self.width) = (channels, lines, width);
        let count = self.count();
        self.keys.clear();
        self.keys.resize(count / WIDTH * padded(channels) / 2, [0; WIDTH]);
        self.values.clear();
        self.values.resize(channels.div_ceil(WIDTH) * count / 2, [0; WIDTH]);
    }

    /// Keys with all padding.
    fn count(&self) -> usize {
        (self.lines * self.line()).next_multiple_of(INNER)
    }

    /// Keys of a line with its padding.
    pub(super) fn line(&self) -> usize {
        padded_line(self.width)
    }

    /// Puts a key and its value to their places.
    #[inline]
    pub(super) fn put(&mut self, line: usize, column: usize, key: &[u16], value: &[u16]) {
        let at = line * self.line() + column;
        let pairs = padded(self.channels) / 2;
        put_column(&mut self.keys[at / WIDTH * pairs..][..pairs], at % WIDTH, key);
        let pairs = self.count() / 2;
        for (value, panel) in value.chunks(WIDTH).zip(self.values.chunks_exact_mut(pairs)) {
            let to = &mut panel[at / 2];
            if at.is_multiple_of(2) {
                // What was in the upper half is of another head, or padding.
                to.iter_mut().zip(value).for_each(|(to, &value)| *to = u32::from(value));
            } else {
                to.iter_mut().zip(value).for_each(|(to, &value)| *to |= u32::from(value) << 16);
            }
        }
    }
}

/// Keys of a line of so many with what it is padded with.
pub(super) const fn padded_line(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

/// What is added to the scores of a query.
pub(super) struct Positions<'a> {
    /// For each line of keys.
    pub(super) lines: &'a [f32],
    /// For each key of a line; minus infinity for what it is padded with.
    pub(super) columns: &'a [f32],
}

/// Working memory, reused from head to head.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    scores: Vec<f32>,
    weights: RoundedRows,
    partial: Vec<f32>,
    result: Vec<f32>,
    states: Vec<State>,
}

/// A query's maximum so far, and the sum of its exponentials in lanes.
#[derive(Debug, Clone, Copy)]
struct State {
    highest: f32,
    sums: [f32; LANES],
    /// By what the earlier exponentials are too large since the last keys.
    correction: f32,
}

impl State {
    const START: Self = Self { highest: f32::NEG_INFINITY, sums: [0.0; LANES], correction: 1.0 };
}

/// As one instruction; a NaN on the left stays out, and comes through by the exponentials.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Adds the positions to a query's scaled scores, and notes the maximum. Returns by how much that was exceeded, as what is at most 0.
#[inline(always)]
fn place(scores: &mut [f32], line: usize, scale: f32, at: &Positions<'_>, to: &mut State) -> f32 {
    let mut highest = [f32::NEG_INFINITY; LANES];
    let (columns, _) = at.columns.as_chunks::<LANES>();
    for (scores, &of_line) in scores.chunks_exact_mut(line).zip(at.lines) {
        let (scores, _) = scores.as_chunks_mut::<LANES>();
        for (to, columns) in scores.iter_mut().zip(columns) {
            // Of copies, since the compiler takes one number at a time where what is written might be what is read.
            let (mut scores, columns) = (*to, *columns);
            for i in 0..LANES {
                scores[i] = scores[i].mul_add(scale, of_line + columns[i]);
            }
            for i in 0..LANES {
                highest[i] = larger(scores[i], highest[i]);
            }
            *to = scores;
        }
    }
    let before = to.highest;
    to.highest = larger(math::by_halves(highest, larger), before);
    before - to.highest
}

/// Replaces a query's scores by their exponentials, and adds them up.
#[inline(always)]
fn exponentials(scores: &mut [f32], correction: f32, state: &mut State) {
    let (pairs, last) = scores.as_chunks_mut::<WIDTH>();
    // Two sums a lane: each of one would wait for the one before.
    let mut both = [0.0; WIDTH];
    for scores in pairs {
        exponentials_of(scores, state.highest, &mut both);
    }
    let (sums, others) = both.split_at_mut(LANES);
    for scores in last.as_chunks_mut().0 {
        exponentials_of::<LANES>(scores, state.highest, sums.try_into().expect("as many"));
    }
    for (i, sum) in state.sums.iter_mut().enumerate() {
        *sum = sum.mul_add(correction, sums[i] + others[i]);
    }
    state.correction = correction;
}

#[inline(always)]
fn exponentials_of<const N: usize>(scores: &mut [f32; N], highest: f32, sums: &mut [f32; N]) {
    for (score, sum) in scores.iter_mut().zip(sums) {
        *score = math::exp_to_be_rounded(*score - highest);
        *sum += *score;
    }
}

impl Scratch {
    /// Attends: `queries` are so many rows of the keys' channels, `positions` says what is added to the scores of each. `take` is given
    /// each query's result, its channels padded to a multiple of 32.
    pub(super) fn attend<'a>(
        &mut self,
        instructions: Instructions,
        (queries, rows): (&[u16], usize),
        keys: &Keys,
        scale: f32,
        positions: impl Fn(usize) -> Positions<'a>,
        mut take: impl FnMut(usize, &[f32]),
    ) {
        let (channels, lines, line) = (keys.channels, keys.lines, keys.line());
        let across = channels.next_multiple_of(WIDTH);
        let pairs = padded(channels) / 2;
        // Whole panels of keys, but at the end: a line is a multiple of half a panel.
        let whole = if line.is_multiple_of(INNER) { 1 } else { 2 };
        let at_once = (KEYS_AT_ONCE / line).max(1).next_multiple_of(whole);
        let Self { scores, weights, partial, result, states } = self;
        states.clear();
        states.resize(rows, State::START);
        for sums in [&mut *partial, result] {
            // All of it is written before it is read, but what pads the channels.
            sums.resize(rows * across, 0.0);
        }
        for first in (0..lines).step_by(at_once) {
            let count = at_once.min(lines - first);
            let from = first * line;
            let real = count * line;
            let width = real.next_multiple_of(INNER);
            scores.resize(rows * width, 0.0);
            let panels = &keys.keys[from / WIDTH * pairs..][..width / WIDTH * pairs];
            for (p, panel) in panels.chunks_exact(pairs).enumerate() {
                let to = &mut scores[p * WIDTH..];
                instructions.product(queries, rows, panel, to, (width, WIDTH));
            }
            vectorised(
                #[inline(always)]
                || {
                    // As many queries as a vector has numbers, for the exponentials of their corrections.
                    let groups = scores.chunks_mut(LANES * width).zip(states.chunks_mut(LANES));
                    for (group, (scores, states)) in groups.enumerate() {
                        let mut corrections = [0.0; LANES];
                        let all = scores.chunks_exact_mut(width).zip(states.iter_mut());
                        for (i, (scores, state)) in all.enumerate() {
                            let Positions { lines, columns } = positions(group * LANES + i);
                            let at = Positions { lines: &lines[first..first + count], columns };
                            corrections[i] = place(&mut scores[..real], line, scale, &at, state);
                        }
                        // A loop, since `map` of an array calls a function that is compiled for any processor.
                        for correction in &mut corrections {
                            *correction = math::exp_to_be_rounded(*correction);
                        }
                        let all = scores.chunks_exact_mut(width).zip(states.iter_mut());
                        for ((scores, state), correction) in all.zip(corrections) {
                            let (scores, beyond) = scores.split_at_mut(real);
                            exponentials(scores, correction, state);
                            beyond.fill(0.0);
                        }
                    }
                },
            );
            weights.sized(rows, width);
            round(&scores[..rows * width], &mut weights.values_mut()[..rows * width]);
            let panels = keys.values.chunks_exact(keys.count() / 2);
            for (p, panel) in panels.enumerate() {
                let panel = &panel[from / 2..][..width / 2];
                // What the first keys give is the result so far.
                let to = if first == 0 { &mut *result } else { &mut *partial };
                let to = &mut to[p * WIDTH..];
                let columns = WIDTH.min((channels - p * WIDTH).next_multiple_of(LANES));
                instructions.product(weights.values(), rows, panel, to, (across, columns));
            }
            if first == 0 {
                continue;
            }
            vectorised(
                #[inline(always)]
                || {
                    let rows = result.chunks_exact_mut(across).zip(partial.chunks_exact(across));
                    for ((result, partial), state) in rows.zip(states.iter()) {
                        for (result, partial) in result.iter_mut().zip(partial) {
                            *result = result.mul_add(state.correction, *partial);
                        }
                    }
                },
            );
        }
        vectorised(
            #[inline(always)]
            || {
                for (result, state) in result.chunks_exact_mut(across).zip(states.iter()) {
                    let inverse = 1.0 / math::by_halves(state.sums, |a, b| a + b);
                    result.iter_mut().for_each(|result| *result *= inverse);
                }
            },
        );
        for (query, result) in result.chunks_exact(across).enumerate() {
            take(query, &result[..channels]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pads_the_keys_is_zeros_whatever_lay_there_before() {
        let mut keys = Keys::default();
        let not_a_number = half::bf16::NAN.to_bits();
        let fill = |keys: &mut Keys, width: usize, number: u16| {
            keys.sized(3, width, 20);
            for (line, column) in (0..3).flat_map(|line| (0..width).map(move |x| (line, x))) {
                keys.put(line, column, &[number; 20], &[number; 20]);
            }
        };
        // Lines of 9 and of 5 keys are padded to as many.
        fill(&mut keys, 9, not_a_number);
        fill(&mut keys, 5, 1);
        let mut fresh = Keys::default();
        fill(&mut fresh, 5, 1);
        assert!(keys.keys == fresh.keys && keys.values == fresh.values);
    }
}
