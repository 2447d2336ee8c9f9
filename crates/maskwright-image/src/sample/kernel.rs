//! The inner loops, written once.
//!
//! Each is compiled several times, for the instruction sets in [`isa`](super::isa). They use only
//! operations whose result IEEE 754 fixes (products, fused multiply-adds, truncation), in a fixed order, so every
//! compilation gives the same bits.
//!
//! Work is split in two. *Gathering* takes a source row apart into the two taps of every output column, which
//! jumps about in memory. *Blending* mixes the taps of two rows into an output row, which runs straight through
//! memory and is where vector instructions help. Taps of a row are kept while several output rows need them.

/// The two taps of every output column in one RGB row: red in bits 0..8, green in 8..16, blue in 16..24.
#[derive(Debug, Default, Clone)]
pub(crate) struct RgbTaps {
    pub(crate) first: Vec<u32>,
    pub(crate) second: Vec<u32>,
}

/// The two taps of every output column in one row of single numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct PlaneTaps {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

/// Column weights and the row's two weights.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) columns: [&'a [f32]; 2],
    pub(crate) rows: [f32; 2],
}

impl Weights<'_> {
    #[inline(always)]
    fn at(&self, x: usize) -> [[f32; 2]; 2] {
        let columns = [self.columns[0][x], self.columns[1][x]];
        self.rows.map(|row| columns.map(|column| row * column))
    }
}

/// PyTorch's four-tap chain; the order of operations decides the last bit.
#[inline(always)]
fn chain(p: [[f32; 2]; 2], w: [[f32; 2]; 2]) -> f32 {
    p[1][1].mul_add(w[1][1], p[1][0].mul_add(w[1][0], p[0][0].mul_add(w[0][0], p[0][1] * w[0][1])))
}

/// Mixes two rows of RGB taps into one output row of each channel, truncated to u8.
#[inline(always)]
pub(crate) fn blend_rgb(
    top: &RgbTaps,
    bottom: &RgbTaps,
    weights: Weights<'_>,
    out: [&mut [u8]; 3],
) {
    let [red, green, blue] = out;
    let n = red.len();
    // Equal lengths let the compiler drop the bounds checks.
    let (green, blue) = (&mut green[..n], &mut blue[..n]);
    let (t0, t1, b0, b1) =
        (&top.first[..n], &top.second[..n], &bottom.first[..n], &bottom.second[..n]);
    let weights = Weights { columns: weights.columns.map(|column| &column[..n]), ..weights };
    for x in 0..n {
        let w = weights.at(x);
        let channel = |shift: u32| {
            let value = |taps: &[u32]| ((taps[x] >> shift) & 255) as i32 as f32;
            chain([[value(t0), value(t1)], [value(b0), value(b1)]], w) as i32 as u8
        };
        red[x] = channel(0);
        green[x] = channel(8);
        blue[x] = channel(16);
    }
}

/// Mixes two rows of taps into one output row.
#[inline(always)]
pub(crate) fn blend_plane(
    top: &PlaneTaps,
    bottom: &PlaneTaps,
    weights: Weights<'_>,
    out: &mut [f32],
) {
    let n = out.len();
    let (t0, t1, b0, b1) =
        (&top.first[..n], &top.second[..n], &bottom.first[..n], &bottom.second[..n]);
    let weights = Weights { columns: weights.columns.map(|column| &column[..n]), ..weights };
    for x in 0..n {
        out[x] = chain([[t0[x], t1[x]], [b0[x], b1[x]]], weights.at(x));
    }
}
