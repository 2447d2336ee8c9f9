//! Clicks that are given to a model one after the other, and how many it needs.
//!
//! The protocol of interactive segmentation as RITM (Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for
//! Interactive Segmentation", ICIP 2022) and those after it evaluate it: every click lies in the middle of the largest error.
//!
//! ```
//! use maskwright_image::metric::clicks::{Click, next_click, number_of_clicks};
//! use maskwright_image::{Size, mask::Bitmap};
//!
//! let truth = Bitmap::from_fn(Size::new(9, 9), |y, x| y < 5 && x < 5);
//! let nothing = Bitmap::from_fn(truth.size(), |_, _| false);
//! let click = next_click(&nothing, &truth, None, &[]);
//! assert_eq!(click, Some(Click { y: 2, x: 2, positive: true }));
//! assert_eq!(next_click(&truth, &truth, None, &[]), None, "nothing is wrong");
//! assert_eq!(number_of_clicks(&[0.6, 0.86, 0.84, 0.91], 0.85, 20), 2);
//! ```

use serde::{Deserialize, Serialize};

use crate::mask::Bitmap;
use crate::size::Size;

/// A click on a pixel, in the frame of the masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Click {
    /// Row, from the top.
    pub y: usize,
    /// Column, from the left.
    pub x: usize,
    /// Whether it lies on the object.
    pub positive: bool,
}

/// The deepest place of where a prediction is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeepestError {
    /// The pixel, and whether the object was missed there.
    pub click: Click,
    /// The square of its distance to the nearest pixel that is not wrong in the same way: all pixels that are nearer than this are
    /// wrong like it. At least 1.
    pub squared_depth: u64,
}

/// The next click after a prediction; `None` if no pixel is wrong that was not clicked already.
///
/// Of the false negatives and of the false positives, without the pixels of `ignored`, the Euclidean distance of each pixel to
/// the nearest pixel that is none is taken; what lies beyond the frame is none. Pixels in `clicked` count as having a distance of
/// 0. The click is positive if and only if the largest distance among the false negatives is greater than that among the
/// false positives, and lies on the first pixel in row order that has it.
///
/// # Panics
/// Where the sizes differ.
pub fn next_click(
    prediction: &Bitmap,
    truth: &Bitmap,
    ignored: Option<&Bitmap>,
    clicked: &[Click],
) -> Option<Click> {
    deepest_error(prediction, truth, ignored, clicked).map(|deepest| deepest.click)
}

/// Where [`next_click`] clicks, and how deep the error is there.
///
/// # Panics
/// Where the sizes differ.
pub fn deepest_error(
    prediction: &Bitmap,
    truth: &Bitmap,
    ignored: Option<&Bitmap>,
    clicked: &[Click],
) -> Option<DeepestError> {
    let deepest = |wrong: Bitmap, positive: bool| {
        let counted = match ignored {
            Some(ignored) => wrong.without(ignored),
            None => wrong,
        };
        deepest_pixel(&counted, clicked).map(|(squared_depth, y, x)| DeepestError {
            click: Click { y, x, positive },
            squared_depth,
        })
    };
    let missed = deepest(truth.without(prediction), true);
    let excess = deepest(prediction.without(truth), false);
    let depth = |error: &Option<DeepestError>| error.map_or(0, |error| error.squared_depth);
    if depth(&missed) > depth(&excess) { missed } else { excess }
}

/// The square of the largest distance to what lies outside of `wrong`, with the row and the column of the first pixel that has
/// it; `None` if all pixels were clicked.
fn deepest_pixel(wrong: &Bitmap, clicked: &[Click]) -> Option<(u64, usize, usize)> {
    // Around its box nothing is wrong, as beyond the frame: distances within the box are those in the whole picture.
    let [left, top, right, bottom] = wrong.box_xyxy()?.map(|corner| corner as usize);
    let size = Size::new(bottom - top + 1, right - left + 1);
    let part = Bitmap::from_fn(size, |y, x| wrong.get(top + y, left + x));
    let mut squares = part.squared_distances();
    for click in clicked {
        let inside = (top..=bottom).contains(&click.y) && (left..=right).contains(&click.x);
        if inside {
            squares[(click.y - top) * size.width + click.x - left] = 0;
        }
    }
    // The first of the largest.
    let first = |best: (u64, usize), (at, &square): (usize, &u64)| {
        if square > best.0 { (square, at) } else { best }
    };
    let (square, at) = squares.iter().enumerate().fold((0, 0), first);
    (square > 0).then_some((square, top + at / size.width, left + at % size.width))
}

/// The number of clicks after which the IoU first is `threshold` or more (NoC); `most` if it never is. `ious` holds the IoU after
/// each click.
pub fn number_of_clicks(ious: &[f64], threshold: f64, most: usize) -> usize {
    ious.iter().take(most).position(|iou| *iou >= threshold).map_or(most, |at| at + 1)
}

/// Whether the IoU is `threshold` or more after none of the first `most` clicks.
pub fn never_reached(ious: &[f64], threshold: f64, most: usize) -> bool {
    ious.iter().take(most).all(|iou| *iou < threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns `from..to` of 7 x 20 pixels.
    fn columns(from: usize, to: usize) -> Bitmap {
        Bitmap::from_fn(Size::new(7, 20), |_, x| (from..to).contains(&x))
    }

    #[test]
    fn the_larger_error_is_clicked_and_a_tie_is_negative() {
        // Missed: columns 0 to 4; too much: columns 12 to 14.
        let (truth, prediction) = (
            columns(0, 10),
            Bitmap::from_fn(Size::new(7, 20), |_, x| (5..10).contains(&x) || (12..15).contains(&x)),
        );
        let click = |y, x, positive| Some(Click { y, x, positive });
        assert_eq!(next_click(&prediction, &truth, None, &[]), click(2, 2, true));
        // Two columns of either kind are as deep.
        let (truth, prediction) = (columns(4, 8), columns(6, 10));
        assert_eq!(next_click(&prediction, &truth, None, &[]), click(0, 8, false));
    }

    #[test]
    fn clicked_and_ignored_pixels_are_left_out() {
        let (truth, nothing) = (columns(0, 3), columns(0, 0));
        let first = next_click(&nothing, &truth, None, &[]).expect("wrong");
        assert_eq!(first, Click { y: 1, x: 1, positive: true });
        let second = next_click(&nothing, &truth, None, &[first]).expect("wrong");
        assert_eq!(second, Click { y: 2, x: 1, positive: true });
        // The left half of the object does not count: what is left is one column.
        let ignored = columns(0, 2);
        let click = next_click(&nothing, &truth, Some(&ignored), &[]).expect("wrong");
        assert_eq!(click, Click { y: 0, x: 2, positive: true });
        assert_eq!(next_click(&nothing, &truth, Some(&columns(0, 20)), &[]), None);
    }

    #[test]
    fn a_sequence_ends_when_every_wrong_pixel_was_clicked() {
        let truth = Bitmap::from_fn(Size::new(3, 3), |y, x| y == 1 && x < 2);
        let nothing = Bitmap::from_fn(Size::new(3, 3), |_, _| false);
        let mut clicked = Vec::new();
        while let Some(click) = next_click(&nothing, &truth, None, &clicked) {
            clicked.push(click);
        }
        assert_eq!(
            clicked.iter().map(|click| (click.y, click.x)).collect::<Vec<_>>(),
            [(1, 0), (1, 1)]
        );
    }

    #[test]
    fn what_is_nearer_than_the_depth_is_wrong_too() {
        // A disc in a corner of a larger picture, of which the middle was clicked.
        let truth = Bitmap::from_fn(Size::new(60, 80), |y, x| {
            (y as i64 - 40).pow(2) + (x as i64 - 60).pow(2) < 150
        });
        let nothing = Bitmap::from_fn(truth.size(), |_, _| false);
        let middle = Click { y: 40, x: 60, positive: true };
        let first = deepest_error(&nothing, &truth, None, &[]).expect("wrong");
        assert_eq!(first.click, middle);
        let second = deepest_error(&nothing, &truth, None, &[middle]).expect("wrong");
        assert!(second.click != middle && second.squared_depth <= first.squared_depth);
        for y in 0..60u64 {
            for x in 0..80u64 {
                let square = y.abs_diff(40).pow(2) + x.abs_diff(60).pow(2);
                assert!(square >= first.squared_depth || truth.get(y as usize, x as usize));
            }
        }
    }

    #[test]
    fn counts_are_those_of_the_first_that_reaches() {
        let ious = [0.5, 0.9, 0.7, 0.95];
        let counts = [0.5, 0.8, 0.9, 0.92, 0.96].map(|least| number_of_clicks(&ious, least, 20));
        assert_eq!(counts, [1, 2, 2, 4, 20]);
        assert_eq!(number_of_clicks(&ious, 0.95, 3), 3);
        assert!(never_reached(&ious, 0.95, 3) && !never_reached(&ious, 0.95, 4));
    }
}
