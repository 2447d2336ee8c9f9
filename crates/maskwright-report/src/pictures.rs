//! Pictures of masks and prompts drawn over an image, and of training samples.

use std::path::Path;

use maskwright_data::prompt::{NoiseMask, Point, Prompt};
use maskwright_image::draw::{Canvas, POSITIVE, PromptPen};
use maskwright_image::encode;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{RgbImage, Size};
use maskwright_predict::mask_generator::GeneratedMask;

use crate::error::{Error, Result};
use crate::page::tile::{Backdrop, Marks};

/// How opaque a mask's veil is.
const VEIL: f32 = 0.45;

/// Writes a picture as PNG.
pub fn write_png(picture: &RgbImage, path: &Path) -> Result<()> {
    let png = encode::png_rgb(picture)
        .map_err(|source| Error::Image { file: path.to_path_buf(), source })?;
    crate::files::write_atomically(path, &png)
}

/// Draws a predicted mask and its prompt over an image. The prompt is in pixels of the image.
pub fn overlay(image: &RgbImage, mask: &Bitmap, prompt: &Prompt) -> RgbImage {
    let backdrop = Backdrop::new(image, image.size.width);
    let cover = backdrop.cover_of(mask);
    backdrop.prediction(&Marks {
        prediction: Some(&cover),
        box_xyxy: prompt.box_xyxy,
        points: &prompt.points,
        ..Marks::default()
    })
}

/// Draws masks over an image in different colours, the largest at the bottom.
pub fn masks_overlay(image: &RgbImage, masks: &[GeneratedMask]) -> RgbImage {
    let masks: Vec<&Rle> = masks.iter().map(|mask| &mask.mask).collect();
    overlay_of(image, &masks)
}

/// As [`masks_overlay`], of masks from anywhere.
pub fn overlay_of(image: &RgbImage, masks: &[&Rle]) -> RgbImage {
    let mut order = masks.to_vec();
    order.sort_by_key(|mask| std::cmp::Reverse(mask.area()));
    let mut canvas = Canvas::new(image.clone());
    for (number, mask) in order.into_iter().enumerate() {
        canvas.overlay(&mask.to_bitmap(), colour(number), VEIL);
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

/// Draws a training sample: the image, the label as a green tint, and the prompt. `image` is `[3, size,
/// size]`, 0..=255; `label` is `[size, size]` in 0..255.
pub fn sample_tile(image: &[u8], label: &[f32], size: usize, prompt: &Prompt) -> RgbImage {
    let mut canvas = Canvas::new(RgbImage::from_planes(Size::square(size), image));
    canvas.overlay_label(label, POSITIVE, VEIL);
    draw_prompt(&mut canvas, Size::square(size), prompt);
    canvas.into_image()
}

/// Draws a prompt, in pixels of a picture of this size, on a canvas that shows it.
pub(crate) fn draw_prompt(canvas: &mut Canvas, size: Size, prompt: &Prompt) {
    let pen = PromptPen::new(size, canvas);
    if let Some(corners) = prompt.box_xyxy {
        pen.box_xyxy(canvas, corners);
    }
    for &Point { x, y, label } in &prompt.points {
        pen.point(canvas, x, y, label > 0);
    }
    if let Some(mask) = &prompt.mask {
        pen.mask(canvas, &foreground(mask));
    }
}

/// A mask prompt has two values; the upper one is the object.
fn foreground(mask: &NoiseMask) -> Bitmap {
    let low = mask.data.iter().copied().fold(f32::INFINITY, f32::min);
    let high = mask.data.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let middle = (low + high) / 2.0;
    Bitmap::from_fn(Size::square(mask.size), |y, x| mask.data[y * mask.size + x] > middle)
}
