//! What the instructions compute, number by number.

/// bf16 numbers of one tile along the inner axis.
const TILE: usize = 32;

fn value(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// `vdpbf16ps`, pair by pair: first the second product is added, then the first.
#[cfg_attr(not(test), allow(dead_code, reason = "it is the definition that the tests hold"))]
pub(super) fn dot(a: &[u16], b: &[u16]) -> f32 {
    let pairs = a.chunks_exact(2).zip(b.chunks_exact(2));
    pairs.fold(0.0, |sum, (a, b)| sum + value(a[1]) * value(b[1]) + value(a[0]) * value(b[0]))
}

/// `tdpbf16ps`, tile by tile of 32 numbers: the products of even and of odd places are added up apart, then both together
/// are added to the sum.
#[cfg_attr(not(test), allow(dead_code, reason = "it is the definition that the tests hold"))]
pub(super) fn tiles(a: &[u16], b: &[u16]) -> f32 {
    let mut sum = 0f32;
    for (a, b) in a.chunks_exact(TILE).zip(b.chunks_exact(TILE)) {
        let (mut even, mut odd) = (0f32, 0f32);
        for (a, b) in a.chunks_exact(2).zip(b.chunks_exact(2)) {
            even += value(a[0]) * value(b[0]);
            odd += value(a[1]) * value(b[1]);
        }
        sum += even + odd;
    }
    sum
}

/// Rounds to the nearest bf16, ties to even.
pub(super) fn round(from: &[f32], to: &mut [u16]) {
    for (&from, to) in from.iter().zip(to) {
        *to = half::bf16::from_f32(from).to_bits();
    }
}
