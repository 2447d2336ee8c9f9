//! Pictures of predictions: truth as an outline, prediction as a tint, prompts as
//! they were given.
//!
//! ```
//! use maskwright_image::{RgbImage, Size, mask::Bitmap};
//! use maskwright_report::page::tile::{Marks, prediction};
//!
//! let image = RgbImage::filled(Size::new(48, 64), 90);
//! let mask = Bitmap::from_fn(Size::new(48, 64), |y, x| (10..30).contains(&y) && (20..40).contains(&x));
//! let marks = Marks {
//!     truth: Some(&mask),
//!     prediction: Some(&mask),
//!     box_xyxy: Some([20.0, 10.0, 39.0, 29.0]),
//!     ..Marks::default()
//! };
//! let tile = prediction(&image, &marks, 256);
//! assert_eq!(tile.size, Size::new(192, 256));
//! ```

use maskwright_data::prompt::Point;
use maskwright_image::draw::{Canvas, Colour, POSITIVE, PromptPen};
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::{resize_antialiased, resize_antialiased_grey};
use maskwright_image::{GreyImage, RgbImage, Size};

/// The tint of a predicted mask.
pub const PREDICTION: Colour = [38, 120, 255];
/// Foreground that a prediction missed.
pub const MISSED: Colour = [235, 60, 60];
/// Background that a prediction took for foreground.
pub const EXTRA: Colour = [255, 170, 20];

/// What to draw on a picture. Coordinates are pixel indices of the picture; masks
/// are stretched over the whole picture, whatever their size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks<'a> {
    /// Outlined in green.
    pub truth: Option<&'a Bitmap>,
    /// Tinted in blue.
    pub prediction: Option<&'a Bitmap>,
    /// A box prompt, `[x0, y0, x1, y1]`, inclusive.
    pub box_xyxy: Option<[f32; 4]>,
    /// Point prompts: label 1 is foreground (green), 0 background (red).
    pub points: &'a [Point],
}

/// Draws `marks` on the picture, scaled to `width` pixels; the height follows.
pub fn prediction(image: &RgbImage, marks: &Marks<'_>, width: usize) -> RgbImage {
    let mut canvas = Canvas::new(scaled(image, width));
    let size = canvas.image().size;
    if size.is_empty() {
        return canvas.into_image();
    }
    if let Some(mask) = marks.prediction {
        canvas.overlay_label(&coverage(mask, size), PREDICTION, 0.55);
    }
    if let Some(mask) = marks.truth {
        outline(&mut canvas, &coverage(mask, size), POSITIVE);
    }
    let pen = PromptPen::new(image.size, &canvas);
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
pub fn errors(image: &RgbImage, prediction: &Bitmap, truth: &Bitmap, width: usize) -> RgbImage {
    let mut base = scaled(image, width);
    for pixel in base.data.chunks_exact_mut(3) {
        // BT.601 luma, pulled half way to white.
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        pixel.fill((127.5 + 0.5 * luma) as u8);
    }
    let (found, wanted) = (coverage(prediction, base.size), coverage(truth, base.size));
    let mut canvas = Canvas::new(base);
    let layer = |rule: fn(f32, f32) -> f32| -> Vec<f32> {
        found.iter().zip(&wanted).map(|(&f, &w)| rule(f, w)).collect()
    };
    canvas.overlay_label(&layer(f32::min), PREDICTION, 0.5);
    canvas.overlay_label(&layer(|f, w| (w - f).max(0.0)), MISSED, 0.95);
    canvas.overlay_label(&layer(|f, w| (f - w).max(0.0)), EXTRA, 0.95);
    canvas.into_image()
}

/// The mask alone, white on black, scaled to `width` pixels; the height follows.
pub fn mask(mask: &Bitmap, width: usize) -> RgbImage {
    let size = fitted(mask.size(), width);
    let data = covered(mask, size).data.into_iter().flat_map(|value| [value; 3]).collect();
    RgbImage { size, data }
}

/// The picture scaled to `width` pixels; the height follows. Smaller pictures
/// average what falls into a pixel, so that thin parts fade instead of vanishing.
pub fn scaled(image: &RgbImage, width: usize) -> RgbImage {
    let size = fitted(image.size, width);
    if size.is_empty() { RgbImage::default() } else { resize_antialiased(image, size) }
}

/// The size of the wanted width, with the height that keeps the proportions.
fn fitted(size: Size, width: usize) -> Size {
    if size.is_empty() || width == 0 {
        return Size::default();
    }
    let height = size.height as f64 * width as f64 / size.width as f64;
    Size::new((height.round() as usize).max(1), width)
}

/// How much of each pixel of a picture of `size` the mask covers, stretched over it; 0..=255.
fn covered(mask: &Bitmap, size: Size) -> GreyImage {
    if mask.size().is_empty() {
        return GreyImage::filled(size, 0);
    }
    resize_antialiased_grey(&mask.to_grey(), size)
}

/// As [`covered`], as numbers.
fn coverage(mask: &Bitmap, size: Size) -> Vec<f32> {
    covered(mask, size).data.into_iter().map(f32::from).collect()
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

    fn square(size: usize, from: usize, to: usize) -> Bitmap {
        Bitmap::from_fn(Size::square(size), |y, x| {
            (from..to).contains(&y) && (from..to).contains(&x)
        })
    }

    #[test]
    fn the_outline_runs_around_the_truth() {
        let image = RgbImage::filled(Size::square(20), 100);
        let truth = square(20, 5, 15);
        let tile = prediction(&image, &Marks { truth: Some(&truth), ..Marks::default() }, 20);
        assert_eq!(tile.pixel(4, 9), POSITIVE);
        assert_eq!(tile.pixel(14, 15), POSITIVE);
        assert_eq!(tile.pixel(5, 9), [100; 3]);
        assert_eq!(tile.pixel(3, 9), [100; 3]);
        // At the picture's edge there is no pixel outside.
        let whole = square(20, 0, 20);
        let tile = prediction(&image, &Marks { truth: Some(&whole), ..Marks::default() }, 20);
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
        let tile = prediction(&image, &marks, 80);
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
        let tile = errors(&image, &found, &truth, 10);
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
        let tile = prediction(&image, &Marks { prediction: Some(&coarse), ..Marks::default() }, 64);
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
        assert_eq!(prediction(&empty, &Marks::default(), 50), empty);
    }
}
