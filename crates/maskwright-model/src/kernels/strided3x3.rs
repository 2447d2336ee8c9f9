//! The 3 x 3 convolution with a stride and one cell of zeros around, of maps that nothing is derived by.
//!
//! The neighbourhoods of a line's cells lie side by side as rows, and are multiplied with panels of the weight while they are in the
//! cache. Of images, whose planes lie one behind the other, [`super::stem`] makes the same.

use burn::tensor::Tensor;

use super::{Array, by_line, linear, lines_around, panel, stem};

/// Of a map `[b, h, w, in]` with a weight `[3, 3, in, out]` and a bias `[out]`: `[b, ceil(h / stride), ceil(w / stride), out]`.
pub(crate) fn forward(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
) -> Tensor<4> {
    let [images, h, w, input] = x.dims();
    let [to_h, to_w] = [h, w].map(|side| side.div_ceil(stride));
    let (x, weight, bias) = (Array::of(x), Array::of(weight), Array::of(bias));
    let output = bias.width();
    let panels = panel::panels(weight.values(), output);
    let sizes = [images, to_h, to_w, output];
    let out = by_line(sizes, |[image, y], rows, out| {
        let image = &x.values()[image * h * w * input..][..h * w * input];
        rows.clear();
        rows.resize(to_w * 9 * input, 0.0);
        for (row, line) in lines_around(image, w * input, y * stride).into_iter().enumerate() {
            let Some(line) = line else { continue };
            for (column, to) in rows.chunks_exact_mut(9 * input).enumerate() {
                let middle = column * stride;
                let (from, before) = (middle.saturating_sub(1), usize::from(middle == 0));
                let cells = &line[from * input..w.min(middle + 2) * input];
                to[(3 * row + before) * input..][..cells.len()].copy_from_slice(cells);
            }
        }
        linear::rows(rows, 9 * input, &panels, Some(bias.values()), (out, output));
    });
    Array::new(out, &sizes).into_tensor()
}

/// Of images `[b, 3, h, w]` with stride 2: `[b, ceil(h / 2), ceil(w / 2), out]`.
pub(crate) fn of_images(images: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let [count, planes, h, w] = images.dims();
    let (images, weight, bias) = (Array::of(images), Array::of(weight), Array::of(bias));
    let bias = bias.values();
    let panels = panel::panels(weight.values(), bias.len());
    let sizes = [count, h.div_ceil(2), w.div_ceil(2), bias.len()];
    let out = by_line(sizes, |[image, y], pixels, out| {
        let image = &images.values()[image * planes * h * w..][..planes * h * w];
        let (sides, panels) = ([h, w], &panels[..]);
        stem::Line { image, sides, y, panels, bias, pixels, out }.run();
    });
    Array::new(out, &sizes).into_tensor()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use crate::kernels::PLAIN;
    use crate::kernels::testing::random;
    use crate::ops::{self, Tf32};

    fn close(found: Tensor<4>, expected: Tensor<4>) {
        assert_eq!(found.dims(), expected.dims());
        let off = (found - expected).abs().max().into_scalar::<f32>();
        assert!(off < 9.0 * 20.0 * 4.0 * f32::EPSILON, "{off}");
    }

    fn plainly<R>(body: impl FnOnce() -> R) -> R {
        PLAIN.with(|cell| cell.set(true));
        let result = body();
        PLAIN.with(|cell| cell.set(false));
        result
    }

    #[test]
    fn it_is_burns_convolution() {
        for [h, w, input, output, stride] in [
            [1, 1, 2, 5, 2],
            [8, 9, 3, 32, 2],
            [7, 6, 20, 33, 2],
            [5, 1, 4, 3, 3],
            [2, 12, 1, 1, 1],
        ] {
            let x: Tensor<4> = random(1, [2, h, w, input]);
            let weight: Tensor<4> = random(2, [3, 3, input, output]);
            let bias: Tensor<1> = random(3, [output]);
            let run =
                || ops::strided3x3(x.clone(), weight.clone(), bias.clone(), stride, Tf32::Never);
            close(run(), plainly(run));
        }
    }

    #[test]
    fn of_images_it_is_the_same_with_their_planes_last() {
        for [h, w] in [[1, 1], [6, 7], [9, 32]] {
            let images: Tensor<4> = random(1, [2, 3, h, w]);
            let weight: Tensor<4> = random(2, [3, 3, 3, 20]);
            let bias: Tensor<1> = random(3, [20]);
            let run = || ops::stem3x3(images.clone(), weight.clone(), bias.clone(), Tf32::Never);
            close(run(), plainly(run));
        }
    }
}
