//! Prompts over a picture, in one meaning of colours.
//!
//! | what | colour |
//! |---|---|
//! | on the object: positive points, the truth | green, [`POSITIVE`] |
//! | beside the object: negative points | red, [`NEGATIVE`] |
//! | boxes, and the frames of mask prompts | yellow, [`BOX`] |
//! | the rim around points and boxes, so that they show on any ground | nearly black, [`RIM`] |
//!
//! Green for positive and red for negative clicks is what interactive segmentation tools show.
//!
//! ```
//! use maskwright_image::draw::{BOX, Canvas, NEGATIVE, POSITIVE, PromptPen};
//! use maskwright_image::{RgbImage, Size};
//!
//! // A canvas that shows a picture of 50 x 40 pixels at twice its size.
//! let mut canvas = Canvas::new(RgbImage::filled(Size::new(80, 100), 90));
//! let pen = PromptPen::new(Size::new(40, 50), &canvas);
//! pen.box_xyxy(&mut canvas, [10.0, 10.0, 39.0, 29.0]);
//! pen.point(&mut canvas, 20.0, 15.0, true);
//! pen.point(&mut canvas, 45.0, 35.0, false);
//! let image = canvas.into_image();
//! assert_eq!(image.pixel(20, 30), BOX);
//! assert_eq!(image.pixel(41, 31), POSITIVE);
//! assert_eq!(image.pixel(91, 71), NEGATIVE);
//! ```

use super::canvas::{Canvas, Colour};
use crate::image::RgbImage;
use crate::mask::Bitmap;
use crate::size::Size;

/// What is on the object: positive points, the truth.
pub const POSITIVE: Colour = [40, 220, 90];
/// What is beside the object: negative points.
pub const NEGATIVE: Colour = [235, 50, 50];
/// Boxes, and the frames of mask prompts.
pub const BOX: Colour = [255, 209, 26];
/// The rim around points and boxes.
pub const RIM: Colour = [20, 22, 26];

/// Draws prompts, given in pixel indices of a picture, on a canvas that shows the whole picture in its own size or another.
#[derive(Debug, Clone, Copy)]
pub struct PromptPen {
    scale_x: f32,
    scale_y: f32,
    canvas: Size,
    /// Width of lines, in pixels of the canvas.
    thickness: i32,
}

impl PromptPen {
    /// A pen for prompts on a picture of the size `picture`, as `canvas` shows it. Lines and points are as thick as
    /// shows at the canvas's width.
    pub fn new(picture: Size, canvas: &Canvas) -> Self {
        let canvas = canvas.image().size;
        Self {
            scale_x: canvas.width as f32 / picture.width as f32,
            scale_y: canvas.height as f32 / picture.height as f32,
            canvas,
            thickness: ((canvas.width as f32 / 140.0).round() as i32).max(1),
        }
    }

    /// A point at `(x, y)`, where whole numbers are the centres of pixels; `positive` where it is on the object.
    pub fn point(self, canvas: &mut Canvas, x: f32, y: f32, positive: bool) {
        let at = (((x + 0.5) * self.scale_x) as i32, ((y + 0.5) * self.scale_y) as i32);
        let radius = 1 + self.thickness;
        canvas.disc(at, radius + 1, RIM);
        canvas.disc(at, radius, if positive { POSITIVE } else { NEGATIVE });
    }

    /// A box `[x0, y0, x1, y1]` of inclusive pixel indices; its lines lie around the pixels that it holds, but for the
    /// innermost, which covers the outermost of them.
    pub fn box_xyxy(self, canvas: &mut Canvas, [x0, y0, x1, y1]: [f32; 4]) {
        let (left, top) = ((x0 * self.scale_x).round() as i32, (y0 * self.scale_y).round() as i32);
        // An inclusive index ends where the next pixel begins.
        let right = ((x1 + 1.0) * self.scale_x).round() as i32 - 1;
        let bottom = ((y1 + 1.0) * self.scale_y).round() as i32 - 1;
        let lines = (0..self.thickness).map(|grow| (grow, BOX));
        for (grow, colour) in lines.chain([(self.thickness, RIM)]) {
            canvas.rect(
                [
                    left.saturating_sub(grow),
                    top.saturating_sub(grow),
                    right.saturating_add(grow),
                    bottom.saturating_add(grow),
                ],
                colour,
            );
        }
    }

    /// A mask prompt, white on black, framed and small in the bottom-right corner, where samples are padded most often: a
    /// third of the canvas's shorter side at its longer one.
    pub fn mask(self, canvas: &mut Canvas, mask: &Bitmap) {
        let longest = mask.height().max(mask.width());
        let side = self.canvas.height.min(self.canvas.width) / 3;
        if longest == 0 || side == 0 {
            return;
        }
        let share = |length: usize| (length * side).div_ceil(longest).max(1);
        let size = Size::new(share(mask.height()), share(mask.width()));
        let data = mask.to_grey().data.into_iter().flat_map(|value| [value; 3]).collect();
        let picture = RgbImage { size: mask.size(), data };
        let (x, y) =
            ((self.canvas.width - size.width) as i32, (self.canvas.height - size.height) as i32);
        canvas.paste(&picture, x, y, size);
        canvas.rect([x, y, self.canvas.width as i32 - 1, self.canvas.height as i32 - 1], BOX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(height: usize, width: usize) -> Canvas {
        Canvas::new(RgbImage::filled(Size::new(height, width), 0))
    }

    #[test]
    fn boxes_and_points_scale_with_the_picture() {
        let mut canvas = canvas(40, 80);
        let pen = PromptPen::new(Size::new(10, 20), &canvas);
        pen.box_xyxy(&mut canvas, [4.0, 2.0, 9.0, 5.0]);
        pen.point(&mut canvas, 15.0, 7.0, true);
        pen.point(&mut canvas, 1.0, 8.0, false);
        let image = canvas.into_image();
        // The box covers whole source pixels: columns 16..40, rows 8..24.
        assert_eq!([image.pixel(16, 12), image.pixel(39, 12)], [BOX; 2]);
        assert_eq!([image.pixel(20, 8), image.pixel(20, 23)], [BOX; 2]);
        assert_eq!([image.pixel(15, 12), image.pixel(40, 12)], [RIM; 2]);
        assert_eq!(image.pixel(20, 12), [0; 3]);
        assert_eq!(image.pixel(62, 30), POSITIVE);
        assert_eq!(image.pixel(6, 34), NEGATIVE);
    }

    #[test]
    fn points_lie_on_their_pixel_at_the_pictures_own_size() {
        let mut canvas = canvas(30, 30);
        let pen = PromptPen::new(Size::square(30), &canvas);
        pen.point(&mut canvas, 12.0, 17.0, true);
        let image = canvas.into_image();
        let (mut count, mut sum) = (0, (0, 0));
        for (x, y) in (0..30).flat_map(|y| (0..30).map(move |x| (x, y))) {
            if image.pixel(x, y) == POSITIVE {
                (count, sum) = (count + 1, (sum.0 + x, sum.1 + y));
            }
        }
        assert_eq!((sum.0 / count, sum.1 / count), (12, 17));
    }

    #[test]
    fn masks_lie_framed_in_the_corner() {
        let mut canvas = canvas(60, 90);
        let pen = PromptPen::new(Size::new(60, 90), &canvas);
        // The left half of a mask as wide as two of its heights.
        pen.mask(&mut canvas, &Bitmap::from_fn(Size::new(8, 16), |_, x| x < 8));
        let image = canvas.into_image();
        // 20 x 10 pixels, from (70, 50) on.
        assert_eq!([image.pixel(70, 50), image.pixel(89, 59), image.pixel(80, 50)], [BOX; 3]);
        assert_eq!([image.pixel(73, 55), image.pixel(86, 55)], [[255; 3], [0; 3]]);
        assert_eq!(image.pixel(69, 55), [0; 3]);
    }

    #[test]
    fn nothing_is_drawn_of_what_is_not_there_or_far_away() {
        let mut canvas = canvas(4, 4);
        let pen = PromptPen::new(Size::square(4), &canvas);
        pen.mask(&mut canvas, &Bitmap::default());
        pen.point(&mut canvas, f32::INFINITY, f32::NEG_INFINITY, true);
        pen.box_xyxy(&mut canvas, [-1e30, -1e30, 1e30, 1e30]);
        assert_eq!(canvas.into_image(), RgbImage::filled(Size::square(4), 0));
        let mut none = Canvas::new(RgbImage::default());
        let pen = PromptPen::new(Size::square(4), &none);
        pen.mask(&mut none, &Bitmap::from_fn(Size::square(4), |_, _| true));
        pen.point(&mut none, 1.0, 1.0, true);
    }
}
