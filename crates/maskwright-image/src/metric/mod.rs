//! How well two masks agree.
//!
//! Boundary IoU is by Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
//! CVPR 2021.
//!
//! Pixels that shall count for nothing are taken out of both masks first ([`Bitmap::without`]). They then count neither as
//! object nor as background, no band of a boundary reaches into them, and a prediction that agrees with the truth
//! wherever it is known scores 1, whatever it says elsewhere.
//!
//! ```
//! use maskwright_image::{Size, mask::Bitmap, metric};
//! let truth = Bitmap::from_fn(Size::square(100), |y, x| y < 50 && x < 50);
//! let prediction = Bitmap::from_fn(Size::square(100), |y, x| y < 50 && x < 40);
//! assert_eq!(metric::iou(&prediction, &truth), 0.8);
//! assert!(metric::boundary_iou(&prediction, &truth, 0.02) < 0.8);
//! ```

pub mod agreement;
pub mod average_precision;
pub mod clicks;
pub mod scenes;

use crate::mask::Bitmap;
use crate::size::Size;

/// Intersection over union. Two empty masks score 1: nothing was there, and nothing was found.
///
/// # Panics
/// Where the sizes differ.
pub fn iou(prediction: &Bitmap, truth: &Bitmap) -> f64 {
    let intersection = prediction.shared(truth);
    let union = prediction.count() + truth.count() - intersection;
    if union == 0 { 1.0 } else { intersection as f64 / union as f64 }
}

/// IoU of the masks' inner boundaries: the pixels within `d` of background (or of the picture's border), where `d`
/// is `dilation_ratio` times the diagonal, rounded half to even, at least 1. The usual ratio is 0.02.
/// Two empty boundaries score 1.
///
/// # Panics
/// Where the sizes differ.
pub fn boundary_iou(prediction: &Bitmap, truth: &Bitmap, dilation_ratio: f64) -> f64 {
    iou(&boundary_band(prediction, dilation_ratio), &boundary_band(truth, dilation_ratio))
}

/// The inner boundary of a mask that [`boundary_iou`] compares: for the truth of several predictions it need be computed
/// only once.
pub fn boundary_band(mask: &Bitmap, dilation_ratio: f64) -> Bitmap {
    boundary(mask, boundary_width(mask.size(), dilation_ratio))
}

/// The width in pixels of the boundary of masks of a size.
pub fn boundary_width(size: Size, dilation_ratio: f64) -> usize {
    let Size { height, width } = size;
    let diagonal = ((height.pow(2) + width.pow(2)) as f64).sqrt();
    (dilation_ratio * diagonal).round_ties_even().max(1.0) as usize
}

fn boundary(mask: &Bitmap, distance: usize) -> Bitmap {
    mask.zip_with(&mask.erode3x3(distance), |mask, inside| mask & !inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(from: usize, to: usize) -> Bitmap {
        Bitmap::from_fn(Size::new(40, 50), |y, x| {
            (from..to).contains(&y) && (from..to).contains(&x)
        })
    }

    #[test]
    fn hand_computed() {
        // 20 x 20 and 15 x 15 inside it.
        assert_eq!(iou(&square(10, 25), &square(10, 30)), 225.0 / 400.0);
        // The diagonal of 40 x 50 is 64.03; 2 % of it rounds to 1: rings of one pixel.
        let rings = (76.0, 56.0, 29.0);
        let expected = rings.2 / (rings.0 + rings.1 - rings.2);
        assert_eq!(boundary_iou(&square(10, 25), &square(10, 30), 0.02), expected);
    }

    /// The truth is known to column 20; the prediction goes on where nothing counts.
    #[test]
    fn what_does_not_count_is_taken_out_of_both() {
        let wide = |to| {
            Bitmap::from_fn(Size::new(40, 50), |y, x| (10..30).contains(&y) && (5..to).contains(&x))
        };
        let ignored = Bitmap::from_fn(Size::new(40, 50), |_, x| (20..30).contains(&x));
        let (truth, prediction) = (wide(20), wide(27).without(&ignored));
        assert_eq!((iou(&prediction, &truth), boundary_iou(&prediction, &truth, 0.02)), (1.0, 1.0));
        // Beyond the region the prediction is wrong: 20 x 15 pixels of the truth, 20 x 5 too many.
        let wrong = wide(35).without(&ignored);
        assert_eq!(iou(&wrong, &truth), 300.0 / 400.0);
        // Rings of one pixel: 66 of the truth, all in the prediction's, which has 2 x 20 + 2 x 3 more of its 20 x 5.
        assert_eq!(boundary_iou(&wrong, &truth, 0.02), 66.0 / 112.0);
    }

    #[test]
    fn empty_masks() {
        let (empty, full) = (square(0, 0), square(5, 20));
        assert_eq!((iou(&empty, &empty), boundary_iou(&empty, &empty, 0.02)), (1.0, 1.0));
        assert_eq!((iou(&empty, &full), boundary_iou(&full, &empty, 0.02)), (0.0, 0.0));
    }

    #[test]
    fn the_picture_border_is_boundary() {
        let full = Bitmap::from_fn(Size::new(40, 50), |_, _| true);
        assert_eq!(boundary(&full, 2).count(), 40 * 50 - 36 * 46);
    }
}
