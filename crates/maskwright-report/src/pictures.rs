//! Pictures for people: a mask and its prompt over an image, a training sample as a tile.

use std::path::Path;

use maskwright_data::prompt::{NoiseMask, Point, Prompt};
use maskwright_image::draw::Canvas;
use maskwright_image::encode;
use maskwright_image::mask::Bitmap;
use maskwright_image::{RgbImage, Size};
use maskwright_predict::mask_generator::GeneratedMask;

use crate::error::{Error, Result};
use crate::page::tile::{self, BOX, Marks, TRUTH};

/// A point on the object: red.
const ON: [u8; 3] = [240, 40, 40];
/// A point beside it: white.
const OFF: [u8; 3] = [250, 250, 250];
/// The rim of points, so that they show on any ground.
const RIM: [u8; 3] = [20, 20, 20];
/// How opaque a mask's veil is.
const VEIL: f32 = 0.45;

/// Writes a picture as PNG.
pub fn write_png(picture: &RgbImage, path: &Path) -> Result<()> {
    let png = encode::png_rgb(picture)
        .map_err(|source| Error::Image { file: path.to_path_buf(), source })?;
    crate::files::write_atomically(path, &png)
}

/// The image with a predicted mask and its prompt, in the image's frame, over it.
pub fn overlay(image: &RgbImage, mask: &Bitmap, prompt: &Prompt) -> RgbImage {
    let marks = Marks {
        prediction: Some(mask),
        box_xyxy: prompt.box_xyxy,
        points: &prompt.points,
        ..Marks::default()
    };
    tile::prediction(image, &marks, image.size.width)
}

/// The image with the masks of everything in it as veils of different colours, the largest beneath.
pub fn masks_overlay(image: &RgbImage, masks: &[GeneratedMask]) -> RgbImage {
    let mut order: Vec<&GeneratedMask> = masks.iter().collect();
    order.sort_by_key(|mask| std::cmp::Reverse(mask.mask.area()));
    let mut canvas = Canvas::new(image.clone());
    for (number, mask) in order.into_iter().enumerate() {
        canvas.overlay(&mask.mask.to_bitmap(), colour(number), VEIL);
    }
    canvas.into_image()
}

/// Colours that differ however many there are: hues a golden angle apart.
fn colour(number: usize) -> [u8; 3] {
    let hue = (number as f32 * 0.618_034).fract() * 6.0;
    let brightness = [255.0, 190.0][number / 2 % 2];
    [5.0, 3.0, 1.0].map(|shift: f32| {
        // From hue, saturation 0.85 and brightness to red, green and blue.
        let place = (shift + hue) % 6.0;
        let dip = place.min(4.0 - place).clamp(0.0, 1.0);
        (brightness * (1.0 - 0.85 * dip)) as u8
    })
}

/// One training sample: image, label as a green veil, prompt. `image` is `[3, size, size]`,
/// `label` `[size, size]` in 0..255.
pub fn sample_tile(image: &[u8], label: &[f32], size: usize, prompt: &Prompt) -> RgbImage {
    let mut canvas = Canvas::new(interleave(image, size));
    canvas.overlay_label(label, TRUTH, VEIL);
    let radius = radius(size);
    if let Some(corners) = prompt.box_xyxy {
        draw_box(&mut canvas, corners, radius);
    }
    for &Point { x, y, label } in &prompt.points {
        draw_point(&mut canvas, x, y, label, radius);
    }
    if let Some(mask) = &prompt.mask {
        draw_mask(&mut canvas, mask, size);
    }
    canvas.into_image()
}

/// Planes to pixels.
pub fn interleave(planes: &[u8], size: usize) -> RgbImage {
    let pixels = size * size;
    let data =
        (0..pixels).flat_map(|i| [planes[i], planes[pixels + i], planes[2 * pixels + i]]).collect();
    RgbImage { size: Size::square(size), data }
}

/// Size of points, and width of lines, that show in a picture of this side.
fn radius(side: usize) -> i32 {
    (side / 110).max(2) as i32
}

fn draw_box(canvas: &mut Canvas, corners: [f32; 4], radius: i32) {
    let [x0, y0, x1, y1] = corners.map(|v| v.round() as i32);
    for inset in 0..(radius / 2).max(1) {
        canvas.rect([x0 - inset, y0 - inset, x1 + inset, y1 + inset], BOX);
    }
}

fn draw_point(canvas: &mut Canvas, x: f32, y: f32, label: i32, radius: i32) {
    let at = (x.round() as i32, y.round() as i32);
    canvas.disc(at, radius + 1, RIM);
    canvas.disc(at, radius, if label == 0 { OFF } else { ON });
}

/// A mask prompt, small, in the bottom-right corner: where jitter leaves padding most often.
fn draw_mask(canvas: &mut Canvas, mask: &NoiseMask, size: usize) {
    let low = mask.data.iter().copied().fold(f32::INFINITY, f32::min);
    let high = mask.data.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let middle = (low + high) / 2.0;
    let data = mask.data.iter().flat_map(|&v| if v > middle { [255; 3] } else { [0; 3] }).collect();
    let picture = RgbImage { size: Size::square(mask.size), data };
    let side = size / 3;
    let at = (size - side) as i32;
    canvas.paste(&picture, at, at, Size::square(side));
    let end = size as i32 - 1;
    canvas.rect([at, at, end, end], BOX);
}
