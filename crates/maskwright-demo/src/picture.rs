//! One picture and its mask, as a pure function of (seed, split, index).

use std::f32::consts::TAU;
use std::ops::RangeInclusive;

use maskwright_image::{GreyImage, RgbImage, Size};
use tiny_skia::{Rect, Transform};

use crate::background::{paint, value_noise};
use crate::draw::{Draw, Stream};
use crate::palette::{Palette, mix};
use crate::raster::{Drawing, Layer};
use crate::shapes::Family;

/// A generated picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What is in it.
    pub family: Family,
    /// The picture before JPEG coding, height x width x 3.
    pub image: RgbImage,
    /// The part of each pixel that the object covers, 0..255, height x width.
    /// Above 128 is foreground.
    pub mask: GreyImage,
}

/// Where the object lies, drawn before any pixel.
struct Pose {
    width: usize,
    height: usize,
    transform: Transform,
}

/// Renders a picture whose sides, in pixels, lie in `sides`. `split` is 0 for training and 1 for
/// validation.
pub(crate) fn render(
    seed: u64,
    sides: &RangeInclusive<usize>,
    split: u64,
    index: usize,
) -> Picture {
    let family = Family::of(index);
    let stream = |stream| Draw::new(seed, split, index as u64, stream);
    let drawing = family.draw(&mut stream(Stream::Shape));
    let Pose { width, height, transform } =
        pose(&mut stream(Stream::Frame), sides, family, &drawing);
    let palette = Palette::new(&mut stream(Stream::Colour));
    let mut colours = paint(&mut stream(Stream::Background), &palette, width, height);
    let layer = drawing.render(transform, width, height);
    surface(&mut stream(Stream::Surface), &palette, &layer, &mut colours, width, height);

    let mut grain = stream(Stream::Grain);
    let level = grain.range(0.5, 4.0);
    let mut data = Vec::with_capacity(width * height * 3);
    for colour in &colours {
        // Mostly brightness noise, as a sensor's after demosaicing.
        let noise = level * grain.grain();
        data.extend(colour.map(|c| (c + noise).round().clamp(0.0, 255.0) as u8));
    }
    let size = Size { height, width };
    let mask = layer.coverage.iter().map(|&c| (c * 255.0).round() as u8).collect();
    Picture { family, image: RgbImage { size, data }, mask: GreyImage { size, data: mask } }
}

/// Draws the frame's size and the object's turn, size and place in it.
fn pose(draw: &mut Draw, sides: &RangeInclusive<usize>, family: Family, drawing: &Drawing) -> Pose {
    let mut side = || draw.count(*sides.start(), *sides.end());
    let (width, height) = (side(), side());
    let turn = draw.range(-1.0, 1.0) * family.max_turn();
    // Seen a little from the side: squeezed along one direction of the object.
    let squeeze = if draw.chance(0.6) { draw.range(0.78, 1.0) } else { 1.0 };
    let lean = draw.range(-0.12, 0.12);
    let shape =
        Transform::from_row(draw.sign() * squeeze, 0.0, lean, 1.0, 0.0, 0.0).post_rotate(turn);
    let bounds = drawing
        .bounds(shape)
        .or_else(|| Rect::from_ltrb(-1.0, -1.0, 1.0, 1.0))
        .expect("a rectangle with extent");
    // Larger objects are more frequent: their thin parts survive a 256-pixel model.
    let span = 0.45 + 0.40 * draw.uniform().cbrt();
    let (frame_w, frame_h) = (width as f32, height as f32);
    let scale = span * (frame_w / bounds.width()).min(frame_h / bounds.height());
    let (w, h) = (bounds.width() * scale, bounds.height() * scale);
    // Anywhere inside the frame, two pixels from its edge.
    let x = draw.range(2.0, (frame_w - w - 2.0).max(2.1));
    let y = draw.range(2.0, (frame_h - h - 2.0).max(2.1));
    let transform = shape
        .post_scale(scale, scale)
        .post_translate(x - bounds.left() * scale, y - bounds.top() * scale);
    Pose { width, height, transform }
}

/// Paints the object over the background: two colours by shade, light from one
/// side, a rough surface, and now and then a soft shadow beside it.
fn surface(
    draw: &mut Draw,
    palette: &Palette,
    layer: &Layer,
    colours: &mut [[f32; 3]],
    width: usize,
    height: usize,
) {
    let tilt = draw.range(0.0, TAU);
    let (slope_y, slope_x) = tilt.sin_cos();
    let light = draw.range(0.0, 0.22);
    let cell = draw.range(3.0, 24.0);
    let rough = value_noise(draw, width, height, cell, 2);
    let roughness = draw.range(2.0, 14.0);
    if draw.chance(0.35) {
        let (dx, dy) = (draw.range(-5.0, 5.0), draw.range(2.0, 7.0));
        let strength = draw.range(0.1, 0.25);
        cast_shadow(layer, colours, width, height, (dx as isize, dy as isize), strength);
    }
    for y in 0..height {
        let down = (2.0 * y as f32 / height as f32 - 1.0) * slope_y;
        for x in 0..width {
            let i = y * width + x;
            let coverage = layer.coverage[i];
            if coverage == 0.0 {
                continue;
            }
            let across = (2.0 * x as f32 / width as f32 - 1.0) * slope_x;
            let gain = 1.0 + light * (across + down);
            let base = mix(palette.object[0], palette.object[1], layer.shade[i]);
            let lit = base.map(|c| c * gain + roughness * rough[i]);
            colours[i] = mix(colours[i], lit, coverage);
        }
    }
}

/// Darkens the background beside the object by a blurred, shifted copy of its
/// coverage. The shadow is background: it is not in the mask.
fn cast_shadow(
    layer: &Layer,
    colours: &mut [[f32; 3]],
    width: usize,
    height: usize,
    shift: (isize, isize),
    strength: f32,
) {
    const RADIUS: isize = 3;
    let at = |x: isize, y: isize| {
        let inside = (0..width as isize).contains(&x) && (0..height as isize).contains(&y);
        if inside { layer.coverage[y as usize * width + x as usize] } else { 0.0 }
    };
    // A box blur along x, then along y.
    let mut rows = vec![0.0f32; width * height];
    for y in 0..height as isize {
        for x in 0..width as isize {
            let sum: f32 = (-RADIUS..=RADIUS).map(|d| at(x - shift.0 + d, y - shift.1)).sum();
            rows[y as usize * width + x as usize] = sum;
        }
    }
    let share = strength / ((2 * RADIUS + 1) * (2 * RADIUS + 1)) as f32;
    for y in 0..height as isize {
        let from = (y - RADIUS).max(0) as usize;
        let to = ((y + RADIUS) as usize).min(height - 1);
        for x in 0..width {
            let sum: f32 = (from..=to).map(|row| rows[row * width + x]).sum();
            let keep = 1.0 - share * sum;
            let colour = &mut colours[y as usize * width + x];
            *colour = colour.map(|c| c * keep);
        }
    }
}
