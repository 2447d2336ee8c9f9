//! The first convolution of TinyViT: 3 x 3 with stride 2 and one cell of zeros around, of images whose planes lie one behind the other.
//!
//! A weight's row is for one pixel of the neighbourhood, and the pixels that it is for lie two apart along a line, whatever the cell.
//! So the cells of a line are rows of a product that overlap, and no columns are laid out in memory.

use pulp::Simd;

use super::panel::{Row, WIDTH};

/// Planes of an image.
pub(crate) const PLANES: usize = 3;

/// Pixels of a neighbourhood.
const TAPS: usize = 9 * PLANES;

/// One line of the result, on this thread.
pub(crate) struct Line<'a> {
    /// `[3, h, w]`.
    pub(crate) image: &'a [f32],
    pub(crate) sides: [usize; 2],
    /// Of the result.
    pub(crate) y: usize,
    /// Panels of the weight `[3, 3, 3, out]`: rows, columns, planes.
    pub(crate) panels: &'a [Row],
    /// `[out]`.
    pub(crate) bias: &'a [f32],
    /// Working memory.
    pub(crate) pixels: &'a mut Vec<f32>,
    /// `[ceil(w / 2), out]`.
    pub(crate) out: &'a mut [f32],
}

impl Line<'_> {
    pub(crate) fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl pulp::WithSimd for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.cells::<S, 2, 8>(simd),
            8 => self.cells::<S, 4, 3>(simd),
            4 => self.cells::<S, 8, 3>(simd),
            _ => self.cells::<S, 32, 1>(simd),
        }
    }
}

impl Line<'_> {
    /// `R` cells at a time; a panel is `V` vectors wide.
    #[inline(always)]
    fn cells<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        let Self { image, sides: [h, w], y, panels, bias, pixels, out } = self;
        let output = bias.len();
        let cells = w.div_ceil(2);
        // The lines around, each with zeros where it is over the edge; the last block of cells may read past the last one.
        let across = 2 * cells.next_multiple_of(R) + 2;
        pixels.clear();
        pixels.resize(TAPS / 3 * across, 0.0);
        for (i, line) in pixels.chunks_exact_mut(across).enumerate() {
            let (row, plane) = (i / PLANES, i % PLANES);
            // Above the first line the index wraps around and is past the last.
            let at = (2 * y + row).wrapping_sub(1);
            if at < h {
                line[1..=w].copy_from_slice(&image[(plane * h + at) * w..][..w]);
            }
        }
        // Where the pixel of each row of the weight lies, for the first cell.
        let from: [usize; TAPS] = std::array::from_fn(|tap| {
            let (row, column, plane) = (tap / 9, tap / PLANES % 3, tap % PLANES);
            (row * PLANES + plane) * across + column
        });
        for (p, panel) in panels.chunks_exact(TAPS).enumerate() {
            let (panel, _) = S::as_simd_f32s(panel.as_flattened()).0.as_chunks::<V>();
            let columns = WIDTH.min(output - p * WIDTH);
            let bias = &bias[p * WIDTH..][..columns];
            for first in (0..cells).step_by(R) {
                let mut sums = [[simd.splat_f32s(0.0); V]; R];
                for (vectors, &from) in panel.iter().zip(&from) {
                    let pixels = &pixels[from + 2 * first..][..2 * R - 1];
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let pixel = simd.splat_f32s(pixels[2 * r]);
                        for (sum, &vector) in sums.iter_mut().zip(vectors) {
                            *sum = simd.mul_add_f32s(pixel, vector, *sum);
                        }
                    }
                }
                for (r, sums) in sums.iter().enumerate().take(cells - first) {
                    let mut whole = [0f32; WIDTH];
                    S::as_mut_simd_f32s(&mut whole).0.copy_from_slice(sums);
                    let to = &mut out[(first + r) * output + p * WIDTH..][..columns];
                    for ((to, sum), bias) in to.iter_mut().zip(whole).zip(bias) {
                        *to = sum + bias;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;
    use crate::kernels::panel::panels;
    use crate::kernels::testing::random;
    use crate::ops::{self, Tf32};

    #[test]
    fn it_is_the_strided_convolution() {
        let values = |x: Tensor<4>| x.into_data().try_into_vec::<f32>().expect("f32");
        for [h, w, output] in [[1, 1, 5], [4, 9, 32], [19, 6, 70], [2, 33, 1]] {
            let image: Tensor<4> = random(1, [1, PLANES, h, w]);
            let weight: Tensor<4> = random(2, [3, 3, PLANES, output]);
            let map = image.clone().permute([0, 2, 3, 1]);
            let none = Tensor::zeros([output], &map.device());
            let expected = values(ops::strided3x3(map, weight.clone(), none, 2, Tf32::Never));
            let (image, panels) = (values(image), panels(&values(weight), output));
            let bias: Vec<f32> = (0..output).map(|i| i as f32 / 8.0).collect();
            let mut found = vec![0.0; expected.len()];
            for (y, out) in found.chunks_exact_mut(w.div_ceil(2) * output).enumerate() {
                let pixels = &mut vec![7.0; 3];
                let sides = [h, w];
                Line { image: &image, sides, y, panels: &panels, bias: &bias, pixels, out }.run();
            }
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let off = (found - expected - bias[i % output]).abs();
                assert!(off < 27.0 * 4.0 * 4.0 * f32::EPSILON, "{h} {w} {output}: {off}");
            }
        }
    }
}
