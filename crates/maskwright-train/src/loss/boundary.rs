//! Cross entropy in which the surroundings of the boundary count more: F3Net's (Wei et al., 2020).
//!
//! A pixel weighs `1 + 5 |m - t|`, where `t` is the label there in 0..1 and `m` its mean over the window around the pixel:
//! up to 6 beside a boundary and in thin parts, 1 far from any. The window is 31 pixels of the paper's 352, and as large
//! a share of other labels. What lies outside the label counts as 0 in the mean, as in the paper's code.

use burn::tensor::Tensor;

use super::bce::cross_entropy;
use super::plane::Plane;
use super::term::{LossTerm, TermFunction};

/// F3Net's weighted cross entropy; not computed by default.
pub(super) const BOUNDARY: LossTerm = LossTerm {
    name: "boundary",
    title: "boundary-weighted cross entropy",
    weight: 0.0,
    function: TermFunction::WeightedPoints(weighted),
};

/// `sum(w c) / sum(w)` over the points of an object, with `c` the cross entropy; the mean over objects.
fn weighted(logits: Tensor<2>, labels: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    let entropy = (cross_entropy(logits, labels) * weights.clone()).sum_dim(1);
    (entropy / weights.sum_dim(1)).mean()
}

/// How far the paper's window reaches from its middle, and the side of its labels.
const REACH: (usize, usize) = (15, 352);
/// How much more a pixel weighs whose surroundings are all other than itself.
const GAIN: f64 = 5.0;

/// The weights of a label's pixels.
pub(super) struct BoundaryWeights<'a> {
    label: &'a Plane<'a>,
    reach: usize,
    /// Of every rectangle from the first pixel the sum of its values, with a row and a column of zeros before it.
    sums: Vec<f64>,
}

impl<'a> BoundaryWeights<'a> {
    /// The weights for a label of values in 0..255.
    pub(super) fn of(label: &'a Plane<'a>) -> Self {
        let stride = label.width + 1;
        let mut sums = vec![0.0; stride * (label.height + 1)];
        for (row, values) in label.values.chunks_exact(label.width).enumerate() {
            let mut sum = 0.0;
            for (column, value) in values.iter().enumerate() {
                sum += f64::from(*value);
                let above = sums[row * stride + column + 1];
                sums[(row + 1) * stride + column + 1] = above + sum;
            }
        }
        let reach = (REACH.0 * label.width + REACH.1 / 2) / REACH.1;
        Self { label, reach, sums }
    }

    /// The bilinear weight at `(x, y)`, both in `[0, 1]` of the label; 0 outside, as [`Plane::bilinear`].
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let (top, left, fy, fx) = self.label.place(x, y);
        self.of_pixel(top, left) * (1.0 - fx) * (1.0 - fy)
            + self.of_pixel(top, left + 1) * fx * (1.0 - fy)
            + self.of_pixel(top + 1, left) * (1.0 - fx) * fy
            + self.of_pixel(top + 1, left + 1) * fx * fy
    }

    /// The weight of a pixel; 0 outside.
    fn of_pixel(&self, row: i64, column: i64) -> f32 {
        let Plane { height, width, .. } = *self.label;
        if !((0..height as i64).contains(&row) && (0..width as i64).contains(&column)) {
            return 0.0;
        }
        let (row, column) = (row as usize, column as usize);
        let (reach, stride) = (self.reach, width + 1);
        let (top, bottom) = (row.saturating_sub(reach), (row + reach + 1).min(height));
        let (left, right) = (column.saturating_sub(reach), (column + reach + 1).min(width));
        let sum = |row: usize, column: usize| self.sums[row * stride + column];
        let inside = sum(bottom, right) - sum(top, right) - sum(bottom, left) + sum(top, left);
        let window = (2 * reach + 1).pow(2) as f64;
        let here = f64::from(self.label.values[row * width + column]);
        (1.0 + GAIN * (inside / window - here).abs() / 255.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_beside_a_boundary_weigh_more() {
        // 64 pixels: the window reaches 3. The left half is the object.
        let side = 64;
        let values: Vec<f32> =
            (0..side * side).map(|i| if i % side < side / 2 { 255.0 } else { 0.0 }).collect();
        let label = Plane { values: &values, height: side, width: side };
        let weights = BoundaryWeights::of(&label);
        let at =
            |column: usize| weights.at((column as f32 + 0.5) / side as f32, 30.5 / side as f32);
        // Of 7 columns around column 31 three are background; around 32 three are object.
        for (column, others) in [(31, 3.0), (32, 3.0), (30, 2.0), (28, 0.0), (40, 0.0)] {
            let wanted = 1.0 + 5.0 * others / 7.0;
            assert!((at(column) - wanted).abs() < 1e-5, "{column}: {} for {wanted}", at(column));
        }
        // Half-way between two pixels, the mean of both.
        let between = weights.at(31.0 / side as f32, 30.5 / side as f32);
        assert!((between - f32::midpoint(at(30), at(31))).abs() < 1e-5);
    }
}
