//! Which of two ways to lay a mask on an image fits the image's edges better.
//!
//! A mask that follows an object has its outline where the picture changes. So the strength of the
//! picture along the outline tells the right turn from the wrong one, where both fit by size.

use maskwright_image::decode::Orientation;
use maskwright_image::{GreyImage, RgbImage, Size};

/// Mean strength of the picture's edges along the mask's outline, in levels, for both turns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sides {
    /// With the image turned upright.
    pub(super) upright: f64,
    /// With the image as stored.
    pub(super) stored: f64,
}

impl Sides {
    /// Whether one way fits clearly better, and which: true for upright.
    pub(super) fn verdict(&self) -> Option<bool> {
        const CLEARLY: f64 = 1.25;
        if self.upright > CLEARLY * self.stored {
            Some(true)
        } else if self.stored > CLEARLY * self.upright {
            Some(false)
        } else {
            None
        }
    }
}

impl std::fmt::Display for Sides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = match self.verdict() {
            Some(true) => "upright fits the edges better",
            Some(false) => "as stored fits the edges better",
            None => "the edges do not tell which",
        };
        write!(
            f,
            "{verdict} (edges under the outline: {:.1} levels upright, {:.1} as stored)",
            self.upright, self.stored
        )
    }
}

/// Compares both ways; the label has the size of the stored and of the upright image.
pub(super) fn compare(image: &RgbImage, label: &GreyImage, turn: Orientation) -> Sides {
    let stored = strength(label, |y, x| luma(image, y, x));
    let upright = strength(label, |y, x| {
        let (row, column) = turn.stored_pixel(y, x, image.size);
        luma(image, row, column)
    });
    Sides { upright, stored }
}

/// BT.601 luma of a pixel; black outside.
fn luma(image: &RgbImage, y: usize, x: usize) -> f64 {
    if y >= image.size.height || x >= image.size.width {
        return 0.0;
    }
    let [r, g, b] = image.pixel(x, y).map(f64::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// The mean difference of pixels two to either side of the outline.
fn strength(label: &GreyImage, luma: impl Fn(usize, usize) -> f64) -> f64 {
    const REACH: usize = 2;
    let Size { height, width } = label.size;
    let (mut sum, mut count) = (0.0, 0u64);
    for y in 0..height.saturating_sub(1) {
        let (row, below) = (label.row(y), label.row(y + 1));
        for x in 0..width.saturating_sub(1) {
            let on = row[x] > 128;
            if on != (row[x + 1] > 128) {
                let (left, right) = (x.saturating_sub(REACH - 1), (x + REACH).min(width - 1));
                sum += (luma(y, left) - luma(y, right)).abs();
                count += 1;
            }
            if on != (below[x] > 128) {
                let (top, bottom) = (y.saturating_sub(REACH - 1), (y + REACH).min(height - 1));
                sum += (luma(top, x) - luma(bottom, x)).abs();
                count += 1;
            }
        }
    }
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use maskwright_image::decode::orient_rgb;

    use super::*;

    /// A bright disc off the centre on a dark ground, and its mask.
    fn disc() -> (RgbImage, GreyImage) {
        let inside = |x: usize, y: usize| (x as i32 - 25).pow(2) + (y as i32 - 20).pow(2) < 150;
        let mut image = RgbImage::filled(Size::new(60, 80), 30);
        let mut label = GreyImage::filled(Size::new(60, 80), 0);
        for at in (0..80 * 60).filter(|at| inside(at % 80, at / 80)) {
            image.data[3 * at..3 * at + 3].fill(220);
            label.data[at] = 255;
        }
        (image, label)
    }

    #[test]
    fn edges_tell_the_right_turn() {
        let (image, label) = disc();
        let half = Orientation::from_exif(3).unwrap();
        assert_eq!(compare(&image, &label, half).verdict(), Some(false));
        // Stored upside down, upright by the tag.
        let turned = orient_rgb(image, half);
        let sides = compare(&turned, &label, half);
        assert_eq!(sides.verdict(), Some(true));
        insta::assert_snapshot!(sides, @"upright fits the edges better (edges under the outline: 190.0 levels upright, 0.0 as stored)");
        let flat = RgbImage::filled(Size::new(60, 80), 7);
        assert_eq!(compare(&flat, &label, half).verdict(), None);
    }
}
