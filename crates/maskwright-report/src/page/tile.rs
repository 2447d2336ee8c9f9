//! Pictures of predictions: truth as an outline, prediction as a tint, prompts as
//! they were given.
//!
//! A picture is scaled once ([`Backdrop`]), and so is every mask on it ([`Cover`]); tiles are drawn from both.
//!
//! ```
//! use maskwright_image::{RgbImage, Size, mask::Bitmap};
//! use maskwright_report::page::tile::{Backdrop, Marks};
//!
//! let image = RgbImage::filled(Size::new(48, 64), 90);
//! let mask = Bitmap::from_fn(Size::new(48, 64), |y, x| (10..30).contains(&y) && (20..40).contains(&x));
//! let backdrop = Backdrop::new(&image, 256);
//! let cover = backdrop.cover_of(&mask);
//! let marks = Marks {
//!     truth: Some(&cover),
//!     prediction: Some(&cover),
//!     box_xyxy: Some([20.0, 10.0, 39.0, 29.0]),
//!     ..Marks::default()
//! };
//! assert_eq!(backdrop.prediction(&marks).size, Size::new(192, 256));
//! ```

use maskwright_data::prompt::Point;
use maskwright_image::draw::{Canvas, Colour, POSITIVE, PromptPen};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::sample::{resize_antialiased_grey, shrink};
use maskwright_image::{GreyImage, RgbImage, Size};

/// The tint of a predicted mask.
pub const PREDICTION: Colour = [38, 120, 255];
/// Foreground that a prediction missed.
pub const MISSED: Colour = [235, 60, 60];
/// Background that a prediction took for foreground.
pub const EXTRA: Colour = [255, 170, 20];

/// What to draw on a picture. Coordinates are pixel indices of the picture before it was scaled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks<'a> {
    /// Outlined in green.
    pub truth: Option<&'a Cover>,
    /// Tinted in blue.
    pub prediction: Option<&'a Cover>,
    /// A box prompt, `[x0, y0, x1, y1]`, inclusive.
    pub box_xyxy: Option<[f32; 4]>,
    /// Point prompts: label 1 is foreground (green), 0 background (red).
    pub points: &'a [Point],
}

/// A picture as tiles show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backdrop {
    picture: RgbImage,
    size: Size,
}

/// How much of each pixel of a [`Backdrop`] a mask covers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cover {
    /// 0..=255, `[height, width]`.
    shares: Vec<f32>,
}

impl Backdrop {
    /// The picture scaled to `width` pixels; the height follows.
    pub fn new(image: &RgbImage, width: usize) -> Self {
        Self::of_scaled(scaled(image, width), image.size)
    }

    /// A picture that had this size before it was scaled.
    pub fn of_scaled(picture: RgbImage, size: Size) -> Self {
        Self { picture, size }
    }

    /// The size before it was scaled.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How a mask covers it, stretched over the whole picture whatever its size.
    pub fn cover(&self, mask: &Rle) -> Cover {
        let size = self.picture.size;
        Cover::of(match is_smaller(size, mask.size()) {
            true => mask.coverage(size),
            false => covered(&mask.to_bitmap(), size),
        })
    }

    /// As [`cover`](Self::cover), of a bitmap.
    pub fn cover_of(&self, mask: &Bitmap) -> Cover {
        Cover::of(covered(mask, self.picture.size))
    }

    /// Draws marks on the picture.
    pub fn prediction(&self, marks: &Marks<'_>) -> RgbImage {
        let mut canvas = Canvas::new(self.picture.clone());
        if self.picture.size.is_empty() {
            return canvas.into_image();
        }
        if let Some(cover) = marks.prediction {
            canvas.overlay_label(&cover.shares, PREDICTION, 0.55);
        }
        if let Some(cover) = marks.truth {
            outline(&mut canvas, &cover.shares, POSITIVE);
        }
        let pen = PromptPen::new(self.size, &canvas);
        if let Some(corners) = marks.box_xyxy {
            pen.box_xyxy(&mut canvas, corners);
        }
        for &Point { x, y, label } in marks.points {
            pen.point(&mut canvas, x, y, label > 0);
        }
        canvas.into_image()
    }

    /// Shows where a prediction is wrong: on the faded picture, what both have is tinted
    /// blue, what was missed red and what was added orange.
    pub fn errors(&self, prediction: &Cover, truth: &Cover) -> RgbImage {
        let mut base = self.picture.clone();
        for pixel in base.data.chunks_exact_mut(3) {
            // BT.601 luma, pulled half way to white.
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
            pixel.fill((127.5 + 0.5 * luma) as u8);
        }
        let mut canvas = Canvas::new(base);
        let layer = |rule: fn(f32, f32) -> f32| -> Vec<f32> {
            prediction.shares.iter().zip(&truth.shares).map(|(&f, &w)| rule(f, w)).collect()
        };
        canvas.overlay_label(&layer(f32::min), PREDICTION, 0.5);
        canvas.overlay_label(&layer(|f, w| (w - f).max(0.0)), MISSED, 0.95);
        canvas.overlay_label(&layer(|f, w| (f - w).max(0.0)), EXTRA, 0.95);
        canvas.into_image()
    }
}

impl Cover {
    fn of(shares: GreyImage) -> Self {
        Self { shares: shares.data.into_iter().map(f32::from).collect() }
    }
}

/// The mask alone, white on black, scaled to `width` pixels; the height follows.
pub fn mask(mask: &Bitmap, width: usize) -> RgbImage {
    let size = mask.size().at_width(width);
    let data = covered(mask, size).data.into_iter().flat_map(|value| [value; 3]).collect();
    RgbImage { size, data }
}

/// The picture scaled to `width` pixels; the height follows. Smaller pictures
/// average what falls into a pixel, so that thin parts fade instead of vanishing.
pub fn scaled(image: &RgbImage, width: usize) -> RgbImage {
    let size = image.size.at_width(width);
    if size.is_empty() { RgbImage::default() } else { shrink(image, size) }
}

/// How much of each pixel of a picture of `size` the mask covers, stretched over it; 0..=255. A larger picture has soft edges.
fn covered(mask: &Bitmap, size: Size) -> GreyImage {
    let countable = u32::try_from(mask.size().area()).is_ok();
    if countable && is_smaller(size, mask.size()) {
        Rle::from_bitmap(mask).coverage(size)
    } else if mask.size().is_empty() {
        GreyImage::filled(size, 0)
    } else {
        resize_antialiased_grey(&mask.to_grey(), size)
    }
}

/// Whether a picture of a size is nowhere larger than another.
fn is_smaller(size: Size, other: Size) -> bool {
    size.height <= other.height && size.width <= other.width
}

/// Draws a line around what is at least half covered, on the pixels just outside, so
/// that thin parts stay visible.
fn outline(canvas: &mut Canvas, coverage: &[f32], colour: Colour) {
    let Size { height, width } = canvas.image().size;
    let inside = |x: usize, y: usize| coverage[y * width + x] >= 127.5;
    for y in 0..height {
        for x in 0..width {
            let beside = (x > 0 && inside(x - 1, y))
                || (x + 1 < width && inside(x + 1, y))
                || (y > 0 && inside(x, y - 1))
                || (y + 1 < height && inside(x, y + 1));
            if beside && !inside(x, y) {
                canvas.pixel(x as i32, y as i32, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maskwright_image::draw::{BOX, NEGATIVE};

    use super::*;

    /// The marks of masks on a picture.
    fn prediction(image: &RgbImage, masks: [Option<&Bitmap>; 2], width: usize) -> RgbImage {
        let backdrop = Backdrop::new(image, width);
        let [truth, prediction] = masks.map(|mask| mask.map(|mask| backdrop.cover_of(mask)));
        let marks =
            Marks { truth: truth.as_ref(), prediction: prediction.as_ref(), ..Marks::default() };
        backdrop.prediction(&marks)
    }

    fn square(size: usize, from: usize, to: usize) -> Bitmap {
        Bitmap::from_fn(Size::square(size), |y, x| {
            (from..to).contains(&y) && (from..to).contains(&x)
        })
    }

    #[test]
    fn the_outline_runs_around_the_truth() {
        let image = RgbImage::filled(Size::square(20), 100);
        let truth = square(20, 5, 15);
        let tile = prediction(&image, [Some(&truth), None], 20);
        assert_eq!(tile.pixel(4, 9), POSITIVE);
        assert_eq!(tile.pixel(14, 15), POSITIVE);
        assert_eq!(tile.pixel(5, 9), [100; 3]);
        assert_eq!(tile.pixel(3, 9), [100; 3]);
        // At the picture's edge there is no pixel outside.
        let whole = square(20, 0, 20);
        let tile = prediction(&image, [Some(&whole), None], 20);
        assert_eq!(tile, image);
    }

    #[test]
    fn boxes_and_points_scale_with_the_picture() {
        let image = RgbImage::filled(Size::new(10, 20), 0);
        let marks = Marks {
            box_xyxy: Some([4.0, 2.0, 9.0, 5.0]),
            points: &[Point { x: 15.0, y: 7.0, label: 1 }, Point { x: 1.0, y: 8.0, label: 0 }],
            ..Marks::default()
        };
        let tile = Backdrop::new(&image, 80).prediction(&marks);
        assert_eq!(tile.size, Size::new(40, 80));
        // The box covers whole source pixels: columns 16..40, rows 8..24.
        assert_eq!([tile.pixel(16, 12), tile.pixel(39, 12)], [BOX; 2]);
        assert_eq!([tile.pixel(20, 8), tile.pixel(20, 23)], [BOX; 2]);
        assert_eq!(tile.pixel(20, 12), [0; 3]);
        assert_eq!(tile.pixel(62, 30), POSITIVE);
        assert_eq!(tile.pixel(6, 34), NEGATIVE);
    }

    #[test]
    fn errors_are_coloured_by_kind() {
        let image = RgbImage::filled(Size::square(10), 255);
        let truth = Bitmap::from_fn(Size::square(10), |_, x| x < 6);
        let found = Bitmap::from_fn(Size::square(10), |_, x| (3..8).contains(&x));
        let backdrop = Backdrop::new(&image, 10);
        let tile = backdrop.errors(&backdrop.cover_of(&found), &backdrop.cover_of(&truth));
        let near = |x: usize, colour: Colour| {
            let pixel = tile.pixel(x, 5);
            pixel.iter().zip(colour).all(|(&a, b)| a.abs_diff(b) < 16)
        };
        assert!(near(1, MISSED) && near(7, EXTRA) && near(9, [255; 3]));
        assert_eq!(
            tile.pixel(4, 5),
            PREDICTION.map(|c| ((255.0 + f32::from(c)) / 2.0).round() as u8)
        );
    }

    #[test]
    fn masks_of_another_size_are_stretched() {
        let image = RgbImage::filled(Size::square(64), 0);
        let coarse = square(16, 4, 12);
        let tile = prediction(&image, [None, Some(&coarse)], 64);
        assert_eq!(tile.pixel(32, 32), PREDICTION.map(|c| (0.55 * f32::from(c)).round() as u8));
        assert_eq!(tile.pixel(8, 8), [0; 3]);
    }

    #[test]
    fn scaling_keeps_the_mean_and_constants() {
        let line = Bitmap::from_fn(Size::square(40), |_, x| x == 20);
        let small = mask(&line, 10);
        let sum: u32 = small.row(5).iter().step_by(3).map(|&v| u32::from(v)).sum();
        // One of four columns of one pixel: a quarter of 255.
        assert!(sum.abs_diff(64) <= 2, "{sum}");
        assert_eq!(
            scaled(&RgbImage::filled(Size::new(5, 7), 77), 31),
            RgbImage::filled(Size::new(22, 31), 77)
        );
        assert_eq!(
            scaled(&RgbImage::filled(Size::new(50, 70), 77), 7),
            RgbImage::filled(Size::new(5, 7), 77)
        );
        let empty = RgbImage::filled(Size::square(0), 0);
        assert_eq!(prediction(&empty, [None, None], 50), empty);
    }

    /// Runs and bits of a mask cover the same, whether the picture is larger or smaller.
    #[test]
    fn runs_cover_what_their_pixels_cover() {
        let mask = Bitmap::from_fn(Size::new(60, 90), |y, x| (x * x + y * 3) % 17 < 6 || x > 70);
        let image = RgbImage::filled(mask.size(), 9);
        for width in [7, 30, 89, 90, 91, 250] {
            let backdrop = Backdrop::new(&image, width);
            assert_eq!(backdrop.cover(&Rle::from_bitmap(&mask)), backdrop.cover_of(&mask));
        }
    }
}
