//! Textured backgrounds: value noise, gradients, stripes, checks and soft blobs,
//! with faint shapes that are not the object.

use std::f32::consts::TAU;

use crate::draw::Draw;
use crate::palette::{Colour, Palette, mix};

/// A plane of smooth random values, height x width, roughly -1..1.
///
/// Value noise: random values on a lattice, interpolated with the smoothstep
/// polynomial, summed over octaves of doubled frequency and halved amplitude.
pub(super) fn value_noise(
    draw: &mut Draw,
    width: usize,
    height: usize,
    cell: f32,
    octaves: usize,
) -> Vec<f32> {
    let mut plane = vec![0.0f32; width * height];
    let (mut cell, mut amplitude, mut total) = (cell, 1.0f32, 0.0f32);
    for _ in 0..octaves {
        let across = (width as f32 / cell) as usize + 2;
        let down = (height as f32 / cell) as usize + 2;
        let lattice: Vec<f32> =
            (0..across * down).map(|_| amplitude * draw.range(-1.0, 1.0)).collect();
        let taps: Vec<(usize, f32)> = (0..width).map(|x| tap(x, cell)).collect();
        for (y, row) in plane.chunks_exact_mut(width).enumerate() {
            let (top, ty) = tap(y, cell);
            let upper = &lattice[top * across..][..across];
            let lower = &lattice[(top + 1) * across..][..across];
            for (value, &(left, tx)) in row.iter_mut().zip(&taps) {
                let a = upper[left] + (upper[left + 1] - upper[left]) * tx;
                let b = lower[left] + (lower[left + 1] - lower[left]) * tx;
                *value += a + (b - a) * ty;
            }
        }
        total += amplitude;
        amplitude *= 0.5;
        cell = (cell * 0.5).max(1.5);
    }
    // Interpolated values gather around 0: stretched to use the range.
    let gain = 1.6 / total;
    plane.iter_mut().for_each(|value| *value = (*value * gain).clamp(-1.0, 1.0));
    plane
}

/// The lattice cell of a pixel and the smoothed place in it.
fn tap(pixel: usize, cell: f32) -> (usize, f32) {
    let place = pixel as f32 / cell;
    let t = place.fract();
    (place as usize, t * t * (3.0 - 2.0 * t))
}

/// Paints a background of `width` x `height` colours, row by row.
pub(super) fn paint(
    draw: &mut Draw,
    palette: &Palette,
    width: usize,
    height: usize,
) -> Vec<Colour> {
    let blend = pattern(draw, width, height);
    let cell = draw.range(40.0, 110.0);
    let tint = value_noise(draw, width, height, cell, 2);
    let cell = draw.range(3.0, 14.0);
    let rough = value_noise(draw, width, height, cell, 2);
    let roughness = draw.range(3.0, 13.0);
    let tilt = draw.range(0.0, TAU);
    let (slope_y, slope_x) = tilt.sin_cos();
    let light = draw.range(0.0, 0.18);
    let [first, second, third] = palette.ground;
    let mut colours: Vec<Colour> = Vec::with_capacity(width * height);
    for y in 0..height {
        let down = (2.0 * y as f32 / height as f32 - 1.0) * slope_y;
        for x in 0..width {
            let i = y * width + x;
            let base = mix(mix(first, second, blend[i]), third, 0.25 + 0.25 * tint[i]);
            let across = (2.0 * x as f32 / width as f32 - 1.0) * slope_x;
            let gain = 1.0 + light * (across + down);
            colours.push(base.map(|c| c * gain + roughness * rough[i]));
        }
    }
    distractors(draw, palette, &mut colours, width, height);
    colours
}

/// The blend of the first two ground colours, 0..1, height x width.
fn pattern(draw: &mut Draw, width: usize, height: usize) -> Vec<f32> {
    let size = width.max(height) as f32;
    let kind = draw.count(0, 4);
    if kind == 0 {
        let cell = size * draw.range(0.12, 0.5);
        let noise = value_noise(draw, width, height, cell, 4);
        return noise.into_iter().map(|v| 0.5 + 0.5 * v).collect();
    }
    let (sin, cos) = draw.range(0.0, TAU).sin_cos();
    let period = size * draw.range(0.06, 0.22);
    let soft = draw.range(1.0, 6.0);
    let blobs: Vec<(f32, f32, f32)> = (0..draw.count(5, 14))
        .map(|_| {
            let (x, y) = (draw.range(0.0, width as f32), draw.range(0.0, height as f32));
            (x, y, size * draw.range(0.05, 0.2))
        })
        .collect();
    let wave = |v: f32| (0.5 + 0.5 * soft * (TAU * v).sin()).clamp(0.0, 1.0);
    let mut plane = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (x as f32, y as f32);
            let (u, v) = (x * cos + y * sin, y * cos - x * sin);
            plane.push(match kind {
                1 => (0.5 + u / size * 0.7).clamp(0.0, 1.0),
                2 => wave(u / period),
                3 => {
                    let (a, b) = (wave(u / period), wave(v / period));
                    a + b - 2.0 * a * b
                }
                _ => blobs
                    .iter()
                    .map(|&(bx, by, r)| {
                        let distance = (x - bx).powi(2) + (y - by).powi(2);
                        (1.0 - distance / (r * r)).clamp(0.0, 1.0)
                    })
                    .fold(0.0f32, f32::max),
            });
        }
    }
    plane
}

/// A few faint rings and discs towards another ground colour: structure that a
/// model must learn to leave alone.
fn distractors(
    draw: &mut Draw,
    palette: &Palette,
    colours: &mut [Colour],
    width: usize,
    height: usize,
) {
    let size = width.min(height) as f32;
    for _ in 0..draw.count(0, 4) {
        let (cx, cy) = (draw.range(0.0, width as f32), draw.range(0.0, height as f32));
        let radius = size * draw.range(0.05, 0.2);
        // A ring of this half width, or a disc.
        let band = if draw.chance(0.6) { size * draw.range(0.008, 0.02) } else { radius };
        let target = palette.ground[draw.count(1, 2)];
        let darker = draw.range(0.75, 1.25);
        let strength = draw.range(0.25, 0.5);
        let reach = radius + band + 1.0;
        for y in (cy - reach).max(0.0) as usize..((cy + reach).max(0.0) as usize).min(height) {
            for x in (cx - reach).max(0.0) as usize..((cx + reach).max(0.0) as usize).min(width) {
                let distance = ((x as f32 - cx).powi(2) + (y as f32 - cy).powi(2)).sqrt();
                let inside = (band - (distance - radius).abs() + 0.5).clamp(0.0, 1.0);
                let colour = &mut colours[y * width + x];
                *colour = mix(*colour, target.map(|c| c * darker), strength * inside);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn value_noise_is_smooth_and_uses_its_range() {
        let mut draw = Draw::new(5, 0, 0, Stream::Background);
        let plane = value_noise(&mut draw, 97, 61, 16.0, 1);
        assert_eq!(plane.len(), 97 * 61);
        let (low, high) = plane.iter().fold((0.0f32, 0.0f32), |(l, h), &v| (l.min(v), h.max(v)));
        assert!(low < -0.6 && high > 0.6, "{low} {high}");
        // Slope of a smoothstep is at most 1.5 per cell, of a range of 2 stretched 1.6 times.
        let step = plane.chunks(97).flat_map(|r| r.windows(2).map(|w| (w[0] - w[1]).abs()));
        assert!(step.fold(0.0f32, f32::max) <= 1.5 * 2.0 * 1.6 / 16.0 + 1e-4);
    }

    #[test]
    fn backgrounds_are_whole_and_vary() {
        for index in 0..12 {
            let palette = Palette::new(&mut Draw::new(5, 0, index, Stream::Colour));
            let colours = paint(&mut Draw::new(5, 0, index, Stream::Background), &palette, 53, 40);
            assert_eq!(colours.len(), 53 * 40);
            assert!(colours.iter().flatten().all(|v| v.is_finite()));
            assert!(colours.iter().any(|&c| crate::palette::distance(c, colours[0]) > 4.0));
        }
    }
}
