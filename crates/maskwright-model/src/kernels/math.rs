//! Scalar functions written so that loops over them vectorise: no branches, no calls.
//!
//! They are exact to a few units in the last place over the ranges the model uses; the tests state
//! how many.

/// One number of many lanes, by halves: one after the other, each would wait for the one before.
#[inline(always)]
pub(super) fn by_halves<const N: usize>(mut lanes: [f32; N], of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = N / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = of(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// `e^x`, 0 below about -87 and finite above 88.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // e^x = 2^n e^r with n the nearest integer to x / ln 2 and |r| <= ln(2) / 2; e^r by its Taylor
    // series to the sixth power, whose remainder is below 2^-26 there.
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, the first with few enough bits that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = n.mul_add(-LN2_HIGH, x);
    let r = n.mul_add(-LN2_LOW, r);
    let mut p = 1.0 / 720.0;
    p = r.mul_add(p, 1.0 / 120.0);
    p = r.mul_add(p, 1.0 / 24.0);
    p = r.mul_add(p, 1.0 / 6.0);
    p = r.mul_add(p, 0.5);
    p = r.mul_add(p, 1.0);
    p = r.mul_add(p, 1.0);
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    p * scale
}

/// `e^x` for x of at most 0, to five millionths of it, for what is rounded to bf16 afterwards; almost 0 below -87.
#[inline(always)]
pub(super) fn exp_to_be_rounded(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const MAGIC: f32 = 12_582_912.0;
    // 2^r for |r| <= 1/2, the least relative error of this degree: 2.7e-6.
    const P: [f32; 5] = [0.999_999_3, 0.693_121_8, 0.240_247_44, 0.055_917_86, 0.009_570_101];
    // Written so that a NaN stays one.
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x.mul_add(LOG2_E, MAGIC);
    let r = x.mul_add(LOG2_E, MAGIC - shifted);
    let mut p = P[4];
    p = r.mul_add(p, P[3]);
    p = r.mul_add(p, P[2]);
    p = r.mul_add(p, P[1]);
    p = r.mul_add(p, P[0]);
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The error function, by the rational approximation that Eigen uses for f32.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    const P: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const Q: [f32; 5] =
        [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut p = P[0];
    let mut i = 1;
    while i < P.len() {
        p = square.mul_add(p, P[i]);
        i += 1;
    }
    let mut q = Q[0];
    let mut i = 1;
    while i < Q.len() {
        q = square.mul_add(q, Q[i]);
        i += 1;
    }
    x * p / q
}

/// The GELU: x times the normal distribution up to x.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    let half = 0.5 * x;
    half.mul_add(erf(x * std::f32::consts::FRAC_1_SQRT_2), half)
}

/// The GELU to 6e-5, for what is rounded to bf16 afterwards, at half the work; x or 0 beyond 4.5.
#[inline(always)]
pub(crate) fn gelu_to_be_rounded(x: f32) -> f32 {
    const LARGEST: f32 = 4.5;
    // The normal distribution less a half, over y = x / 4.5: y times a polynomial of its square, the least error of x times it that
    // ends at a half.
    const P: [f32; 9] = [
        1.794_188_6,
        -6.012_179,
        17.679_0,
        -38.721_626,
        61.449_833,
        -67.905_77,
        49.033_253,
        -20.633_818,
        3.817_116_3,
    ];
    let y = x * (1.0 / LARGEST);
    // Written so that a NaN stays one.
    let y = if y < -1.0 { -1.0 } else { y };
    let y = if y > 1.0 { 1.0 } else { y };
    let square = y * y;
    let mut p = P[8];
    let mut i = 8;
    while i > 0 {
        i -= 1;
        p = square.mul_add(p, P[i]);
    }
    x.mul_add(y * p, 0.5 * x)
}

/// Its derivative: the normal distribution plus x times its density.
#[inline(always)]
pub(super) fn gelu_slope(x: f32) -> f32 {
    const DENSITY: f32 = 0.398_942_3;
    let below = 0.5f32.mul_add(erf(x * std::f32::consts::FRAC_1_SQRT_2), 0.5);
    (x * DENSITY).mul_add(exp(-0.5 * x * x), below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_two_units() {
        for i in -87_000..=88_000 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(off < 2.4e-7, "{x}: {off}");
        }
        for far in [-1000.0, f32::NEG_INFINITY] {
            assert!((0.0..1e-37).contains(&exp(far)), "{far}: {}", exp(far));
        }
    }

    #[test]
    fn what_is_rounded_afterwards_is_exact_to_five_millionths() {
        for i in 0..=87_000 {
            let x = i as f32 / -1000.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exp_to_be_rounded(x)) - exact).abs();
            // Below, numbers are not normal.
            assert!(off < 5e-6 * exact + 1.2e-38, "{x}: {off}");
        }
        for far in [-1000.0, f32::NEG_INFINITY] {
            assert!((0.0..2e-38).contains(&exp_to_be_rounded(far)), "{far}");
        }
        assert!(exp_to_be_rounded(f32::NAN).is_nan());
    }

    #[test]
    fn erf_matches_its_series() {
        // erf x = 2/sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) / (2n+1)!!, all terms positive.
        let exact = |x: f64| {
            let (mut term, mut sum) = (x, x);
            for n in 1..200 {
                term *= 2.0 * x * x / f64::from(2 * n + 1);
                sum += term;
            }
            sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
        };
        for i in -600..=600 {
            let x = i as f32 / 100.0;
            let off = (f64::from(erf(x)) - exact(f64::from(x))).abs();
            assert!(off < 4e-7, "{x}: {off}");
        }
    }

    #[test]
    fn the_gelu_of_what_is_rounded_afterwards_is_near_the_exact_one() {
        for i in -12_000..=12_000 {
            let x = i as f32 / 1000.0;
            let off = (gelu_to_be_rounded(x) - gelu(x)).abs();
            assert!(off < 6e-5, "{x}: {off}");
        }
        for far in [-100.0, 100.0] {
            let off = (gelu_to_be_rounded(far) - gelu(far)).abs();
            assert!(off < 5e-6 * 100.0, "{far}: {off}");
        }
        assert!(gelu_to_be_rounded(f32::NAN).is_nan());
    }

    #[test]
    fn gelu_slope_is_the_slope() {
        for i in -80..=80 {
            let x = i as f32 / 10.0;
            let step = 1e-2f32;
            let slope = (gelu(x + step) - gelu(x - step)) / (2.0 * step);
            assert!((slope - gelu_slope(x)).abs() < 1e-4, "{x}");
        }
    }
}
