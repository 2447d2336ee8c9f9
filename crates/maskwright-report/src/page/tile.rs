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
use maskwright_image::draw::{Canvas, Colour};
use maskwright_image::mask::Bitmap;
use maskwright_image::{RgbImage, Size};

/// The outline of the truth.
pub const TRUTH: Colour = [40, 220, 90];
/// The tint of a predicted mask.
pub const PREDICTION: Colour = [38, 120, 255];
/// Box prompts.
pub const BOX: Colour = [255, 209, 26];
/// Foreground that a prediction missed.
pub const MISSED: Colour = [235, 60, 60];
/// Background that a prediction took for foreground.
pub const EXTRA: Colour = [255, 170, 20];

const BACKGROUND_POINT: Colour = [235, 50, 50];
const HALO: Colour = [20, 22, 26];

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
    let base = scaled(image, width);
    let (width, height) = (base.size.width, base.size.height);
    let mut canvas = Canvas::new(base);
    if width == 0 || height == 0 {
        return canvas.into_image();
    }
    if let Some(mask) = marks.prediction {
        canvas.overlay_label(&coverage(mask, width, height), PREDICTION, 0.55);
    }
    if let Some(mask) = marks.truth {
        outline(&mut canvas, &coverage(mask, width, height), TRUTH);
    }
    let (scale_x, scale_y) =
        (width as f32 / image.size.width as f32, height as f32 / image.size.height as f32);
    let thick = ((width as f32 / 140.0).round() as i32).max(1);
    if let Some([x0, y0, x1, y1]) = marks.box_xyxy {
        let (left, top) = ((x0 * scale_x).round() as i32, (y0 * scale_y).round() as i32);
        // An inclusive index ends where the next pixel begins.
        let right = ((x1 + 1.0) * scale_x).round() as i32 - 1;
        let bottom = ((y1 + 1.0) * scale_y).round() as i32 - 1;
        for (grow, colour) in (0..thick).map(|grow| (grow, BOX)).chain([(thick, HALO)]) {
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
    for &Point { x, y, label } in marks.points {
        let at = (((x + 0.5) * scale_x) as i32, ((y + 0.5) * scale_y) as i32);
        let radius = 1 + thick;
        canvas.disc(at, radius + 1, HALO);
        canvas.disc(at, radius, if label > 0 { TRUTH } else { BACKGROUND_POINT });
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
    let (width, height) = (base.size.width, base.size.height);
    let mut canvas = Canvas::new(base);
    let (found, wanted) = (coverage(prediction, width, height), coverage(truth, width, height));
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
    let (width, height) = fitted(mask.width(), mask.height(), width);
    let data = coverage(mask, width, height).into_iter().flat_map(|v| [v.round() as u8; 3]);
    RgbImage { size: Size { height, width }, data: data.collect() }
}

/// The picture scaled to `width` pixels; the height follows. Smaller pictures
/// average what falls into a pixel, so that thin parts fade instead of vanishing.
pub fn scaled(image: &RgbImage, width: usize) -> RgbImage {
    let (width, height) = fitted(image.size.width, image.size.height, width);
    if (width, height) == (image.size.width, image.size.height) {
        return image.clone();
    }
    let data = resize::<3>((image.size.width, image.size.height), (width, height), |i| {
        let at = 3 * i;
        std::array::from_fn(|c| image.data.get(at + c).map_or(0.0, |&v| f32::from(v)))
    });
    RgbImage {
        size: Size { height, width },
        data: data.into_iter().flatten().map(|v| v.round() as u8).collect(),
    }
}

/// The size of the wanted width, with the height that keeps the proportions.
fn fitted(width: usize, height: usize, wanted: usize) -> (usize, usize) {
    if width == 0 || height == 0 || wanted == 0 {
        return (0, 0);
    }
    let scaled = height as f64 * wanted as f64 / width as f64;
    (wanted, (scaled.round() as usize).max(1))
}

/// How much of each output pixel the mask covers, 0..255.
fn coverage(mask: &Bitmap, width: usize, height: usize) -> Vec<f32> {
    let columns = mask.width();
    let value = |i: usize| [if mask.get(i / columns, i % columns) { 255.0 } else { 0.0 }];
    resize::<1>((columns, mask.height()), (width, height), value).into_flattened()
}

/// Source pixels and weights of an output pixel: linear interpolation between pixel
/// centres when enlarging, a triangle of two output pixels' width when reducing.
fn taps(source: usize, output: usize) -> Vec<Vec<(usize, f32)>> {
    let step = source as f64 / output as f64;
    let reach = step.max(1.0);
    (0..output)
        .map(|i| {
            let centre = (i as f64 + 0.5) * step - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(source - 1);
            let mut taps: Vec<(usize, f32)> = (first..=last)
                .map(|at| (at, (1.0 - (at as f64 - centre).abs() / reach).max(0.0) as f32))
                .collect();
            let sum: f32 = taps.iter().map(|tap| tap.1).sum();
            taps.iter_mut().for_each(|tap| tap.1 /= sum);
            taps
        })
        .collect()
}

/// Resizes `C` channels along x, then along y. Sizes are (width, height).
fn resize<const C: usize>(
    source: (usize, usize),
    output: (usize, usize),
    value: impl Fn(usize) -> [f32; C],
) -> Vec<[f32; C]> {
    if source.0 == 0 || source.1 == 0 || output.0 == 0 || output.1 == 0 {
        return vec![[0.0; C]; output.0 * output.1];
    }
    let sum = |taps: &[(usize, f32)], pixel: &dyn Fn(usize) -> [f32; C]| {
        taps.iter().fold([0.0; C], |sum, &(at, weight)| {
            let pixel = pixel(at);
            std::array::from_fn(|c| sum[c] + weight * pixel[c])
        })
    };
    let columns = taps(source.0, output.0);
    let mut narrow = Vec::with_capacity(output.0 * source.1);
    for y in 0..source.1 {
        narrow.extend(columns.iter().map(|taps| sum(taps, &|x| value(y * source.0 + x))));
    }
    let mut data = Vec::with_capacity(output.0 * output.1);
    for taps in self::taps(source.1, output.1) {
        data.extend((0..output.0).map(|x| sum(&taps, &|y| narrow[y * output.0 + x])));
    }
    data
}

/// Draws a line around what is at least half covered, on the pixels just outside, so
/// that thin parts stay visible.
fn outline(canvas: &mut Canvas, coverage: &[f32], colour: Colour) {
    let (width, height) = (canvas.image().size.width, canvas.image().size.height);
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
        assert_eq!(tile.pixel(4, 9), TRUTH);
        assert_eq!(tile.pixel(14, 15), TRUTH);
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
        assert_eq!(tile.pixel(62, 30), TRUTH);
        assert_eq!(tile.pixel(6, 34), BACKGROUND_POINT);
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
