//! The inner loops, written once.
//!
//! Each is compiled several times, for the instruction sets in [`isa`](super::isa). They use only
//! operations whose result IEEE 754 fixes (products, fused multiply-adds, truncation), in a fixed order, so every
//! compilation gives the same bits.
//!
//! Work is split in two. *Gathering* takes a source row apart into the two taps of every output column, which
//! jumps about in memory. *Blending* mixes the taps of two rows into an output row, which runs straight through
//! memory and is where vector instructions help. What was gathered of a row is kept while several output rows need
//! it.
//!
//! PyTorch has two kernels with different roundings, and both are here:
//!
//! - [`blend_rgb`] and [`blend_chain`], the kernel that it takes for pictures where it has one thread, as in the workers of
//!   its data loader, and for everything that is scaled to at most 128 pixels of height plus width: positions by a fused
//!   multiply-add, then `fma(p11, w11, fma(p10, w10, fma(p00, w00, p01 * w01)))` with `wYX = hY * wX`;
//! - [`mix_taps`] then [`mix_rows`], its generic kernel, which larger labels and logits go through, and pictures where it has
//!   several threads: positions rounded twice, then `fma(r0, h0, r1 * h1)` of rows `fma(p0, w0, p1 * w1)`.
#![allow(unsafe_code, reason = "one conversion without a range check")]

/// The two neighbouring pixels that every output column of one RGB row mixes, as loaded: bytes 0..3 are the left one's
/// red, green and blue, 3..6 the right one's, 6..8 whatever follows.
pub(crate) type RgbPairs = Vec<[u32; 2]>;

/// The two neighbouring bytes that every output column of one grey row mixes: the left one in the low byte.
pub(crate) type GreyPairs = Vec<u16>;

/// The two taps of every output column in one row of single numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct PlaneTaps {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

impl PlaneTaps {
    /// Makes these the taps of a row of zeros.
    pub(crate) fn clear(&mut self, visible: usize) {
        for taps in [&mut self.first, &mut self.second] {
            taps.clear();
            taps.resize(visible, 0.0);
        }
    }
}

/// Column weights and the row's two weights.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) columns: [&'a [f32]; 2],
    pub(crate) rows: [f32; 2],
}

impl Weights<'_> {
    /// Columns of exactly `n`, which lets the compiler drop bounds checks.
    #[inline(always)]
    fn first(self, n: usize) -> Self {
        Self { columns: [&self.columns[0][..n], &self.columns[1][..n]], ..self }
    }

    #[inline(always)]
    fn at(&self, x: usize) -> [[f32; 2]; 2] {
        let (c0, c1) = (self.columns[0][x], self.columns[1][x]);
        [[self.rows[0] * c0, self.rows[0] * c1], [self.rows[1] * c0, self.rows[1] * c1]]
    }
}

/// The four-tap chain; the order of operations decides the last bit.
#[inline(always)]
fn chain(p: [[f32; 2]; 2], w: [[f32; 2]; 2]) -> f32 {
    p[1][1].mul_add(w[1][1], p[1][0].mul_add(w[1][0], p[0][0].mul_add(w[0][0], p[0][1] * w[0][1])))
}

/// Mixes two rows of RGB pairs into one output row of each channel, truncated to u8. In a mirrored axis (`flip`) the
/// right one of a pair is the first tap.
#[inline(always)]
pub(crate) fn blend_rgb(
    top: &[[u32; 2]],
    bottom: &[[u32; 2]],
    flip: bool,
    weights: Weights<'_>,
    out: [&mut [u8]; 3],
) {
    if flip {
        blend_rgb_of::<true>(top, bottom, weights, out);
    } else {
        blend_rgb_of::<false>(top, bottom, weights, out);
    }
}

#[inline(always)]
fn blend_rgb_of<const FLIP: bool>(
    top: &[[u32; 2]],
    bottom: &[[u32; 2]],
    weights: Weights<'_>,
    out: [&mut [u8]; 3],
) {
    let [red, green, blue] = out;
    let n = red.len();
    let (green, blue, top, bottom) = (&mut green[..n], &mut blue[..n], &top[..n], &bottom[..n]);
    let weights = weights.first(n);
    for x in 0..n {
        let w = weights.at(x);
        let (top, bottom) = (channels::<FLIP>(top[x]), channels::<FLIP>(bottom[x]));
        red[x] = truncate(chain([top[0], bottom[0]], w));
        green[x] = truncate(chain([top[1], bottom[1]], w));
        blue[x] = truncate(chain([top[2], bottom[2]], w));
    }
}

/// First and second tap of red, green and blue.
#[inline(always)]
fn channels<const FLIP: bool>([low, high]: [u32; 2]) -> [[f32; 2]; 3] {
    let byte = |word: u32, shift: u32| ((word >> shift) & 255) as i32 as f32;
    let left = [byte(low, 0), byte(low, 8), byte(low, 16)];
    let right = [byte(low, 24), byte(high, 0), byte(high, 8)];
    let (first, second) = if FLIP { (right, left) } else { (left, right) };
    [[first[0], second[0]], [first[1], second[1]], [first[2], second[2]]]
}

/// The mean of four bytes to a byte. The saturating conversion of `as` would be one scalar conversion per pixel.
#[inline(always)]
fn truncate(mean: f32) -> u8 {
    // SAFETY: products of bytes and of weights in 0..=1 (by AxisTable's construction) are finite and their sum of four
    // is at most 4 * 255, which i32 holds.
    unsafe { mean.to_int_unchecked::<i32>() as u8 }
}

/// Mixes two rows of taps into one output row.
#[inline(always)]
pub(crate) fn blend_chain(
    top: &PlaneTaps,
    bottom: &PlaneTaps,
    weights: Weights<'_>,
    out: &mut [f32],
) {
    let n = out.len();
    let (t0, t1, b0, b1) =
        (&top.first[..n], &top.second[..n], &bottom.first[..n], &bottom.second[..n]);
    let weights = weights.first(n);
    for x in 0..n {
        out[x] = chain([[t0[x], t1[x]], [b0[x], b1[x]]], weights.at(x));
    }
}

/// Mixes the two taps of every column.
#[inline(always)]
pub(crate) fn mix_taps(taps: &PlaneTaps, columns: [&[f32]; 2], out: &mut [f32]) {
    let n = out.len();
    let (p0, p1, w0, w1) =
        (&taps.first[..n], &taps.second[..n], &columns[0][..n], &columns[1][..n]);
    for x in 0..n {
        out[x] = p0[x].mul_add(w0[x], p1[x] * w1[x]);
    }
}

/// Mixes the two bytes of every column, as [`mix_taps`] does. In a mirrored axis (`flip`) the high byte is the first
/// tap.
#[inline(always)]
pub(crate) fn mix_pairs(pairs: &[u16], flip: bool, columns: [&[f32]; 2], out: &mut [f32]) {
    let n = out.len();
    let [w0, w1] = columns;
    let (pairs, w0, w1) = (&pairs[..n], &w0[..n], &w1[..n]);
    if flip {
        for x in 0..n {
            let (first, second) = ((pairs[x] >> 8) as i32 as f32, (pairs[x] & 255) as i32 as f32);
            out[x] = first.mul_add(w0[x], second * w1[x]);
        }
    } else {
        for x in 0..n {
            let (first, second) = ((pairs[x] & 255) as i32 as f32, (pairs[x] >> 8) as i32 as f32);
            out[x] = first.mul_add(w0[x], second * w1[x]);
        }
    }
}

/// Mixes two mixed rows.
#[inline(always)]
pub(crate) fn mix_rows(top: &[f32], bottom: &[f32], rows: [f32; 2], out: &mut [f32]) {
    let n = out.len();
    let (top, bottom) = (&top[..n], &bottom[..n]);
    for x in 0..n {
        out[x] = top[x].mul_add(rows[0], bottom[x] * rows[1]);
    }
}
