//! Box prompts.

use maskwright_image::Size;
use maskwright_image::mask::Bitmap;

use crate::random::Keyed;

/// The tight box `[x0, y0, x1, y1]` of the foreground, or `None` if there is none.
///
/// Pixel indices, all inclusive: an object of one pixel has a box of no extent.
pub fn tight_box(foreground: &Bitmap) -> Option<[f32; 4]> {
    foreground.box_xyxy().map(|corners| corners.map(|corner| corner as f32))
}

/// Moves and resizes a box at random, as boxes drawn by people are off.
///
/// With `amount` a, the centre moves by up to a/2 of the width and height, and width and height
/// change by up to a of themselves, each uniform (the box noise of DN-DETR, Li et al., 2022).
/// The result stays inside `visible`, the part of the frame that is not padding.
pub fn jittered_box(corners: [f32; 4], amount: f32, visible: Size, draw: &mut Keyed) -> [f32; 4] {
    let [x0, y0, x1, y1] = corners;
    let mut axis = |low: f32, high: f32, len: usize| {
        let extent = high - low;
        let centre = (low + high) / 2.0 + (draw.uniform() * 2.0 - 1.0) * extent / 2.0 * amount;
        let half = extent * (1.0 + (draw.uniform() * 2.0 - 1.0) * amount) / 2.0;
        let last = len.saturating_sub(1) as f32;
        ((centre - half).clamp(0.0, last), (centre + half).clamp(0.0, last))
    };
    let (x0, x1) = axis(x0, x1, visible.width);
    let (y0, y1) = axis(y0, y1, visible.height);
    [x0, y0, x1, y1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use maskwright_image::Size;

    #[test]
    fn boxes_hold_the_object_inclusively() {
        let one = Bitmap::from_fn(Size::new(10, 20), |y, x| (y, x) == (3, 7));
        assert_eq!(tight_box(&one), Some([7.0, 3.0, 7.0, 3.0]));
        assert_eq!(tight_box(&Bitmap::from_fn(Size::square(4), |_, _| false)), None);
    }

    #[test]
    fn jitter_stays_in_order_and_inside() {
        let mut draw = Keyed::new(1, 0, 0, Purpose::Box);
        let tight = [10.0, 20.0, 50.0, 99.0];
        for _ in 0..1000 {
            let [x0, y0, x1, y1] = jittered_box(tight, 0.4, Size::new(100, 60), &mut draw);
            assert!(0.0 <= x0 && x0 <= x1 && x1 <= 59.0);
            assert!(0.0 <= y0 && y0 <= y1 && y1 <= 99.0);
            // Half of 0.4 of the extent for the centre, half of 0.4 for the size.
            assert!((x0 - 10.0).abs() <= 16.001 && (x1 - 50.0).abs() <= 16.001);
        }
        assert_eq!(jittered_box(tight, 0.0, Size::new(100, 60), &mut draw), tight);
    }
}
