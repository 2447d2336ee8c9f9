//! Resizing with an antialiasing triangle filter, in the fixed-point arithmetic of Pillow.
//!
//! SAM's predictor resizes with `torchvision.transforms.functional.resize` on a PIL image, that is
//! with Pillow's bilinear filter: every output pixel is the mean of the source pixels under a
//! triangle as wide as the step between two of them (but at least one source pixel to each side),
//! first along the rows and then along the columns, each pass rounded to u8. What comes out is
//! Pillow's result to the last bit.
//!
//! The [`Sampler`](super::Sampler) does not antialias, as PyTorch's `interpolate` does not; training
//! samples are made by it. This is for pictures that a model shall see as SAM saw its own, and for
//! pictures that people look at.

use std::borrow::Cow;

use crate::image::{GreyImage, RgbImage};
use crate::size::Size;

/// Bits of a weight after the point: a product with 255 and a sum of them stay within 32 bits.
const PRECISION: u32 = 32 - 8 - 2;

/// What one output pixel is made of along an axis.
struct Tap {
    /// The first source pixel.
    first: usize,
    /// Weights of it and those after it, in units of `2^-PRECISION`.
    weights: Vec<i32>,
}

/// Resizes a picture to `size` with antialiasing.
///
/// # Panics
/// Where the picture has no pixels.
///
/// ```
/// use maskwright_image::{RgbImage, Size, sample::resize_antialiased};
/// let stripes = RgbImage::new(Size::new(1, 4), [[0; 3], [255; 3], [0; 3], [255; 3]].concat())?;
/// let small = resize_antialiased(&stripes, Size::new(1, 2));
/// assert_eq!(small.pixel(0, 0), [109; 3]);
/// # Ok::<(), maskwright_image::Error>(())
/// ```
pub fn resize_antialiased(image: &RgbImage, size: Size) -> RgbImage {
    RgbImage { size, data: resize::<3>(&image.data, image.size, size) }
}

/// Resizes a grey picture to `size` with antialiasing; of a mask of 0 and 255 this is how much of each pixel it covers.
///
/// # Panics
/// Where the picture has no pixels.
pub fn resize_antialiased_grey(image: &GreyImage, size: Size) -> GreyImage {
    GreyImage { size, data: resize::<1>(&image.data, image.size, size) }
}

/// Resizes a picture whose pixels are blocks of `block` x `block` pixels of one of the size `whole`. The last ones of a row or
/// column may lie in part beyond it.
pub(super) fn resize_blocks(blocks: &RgbImage, block: usize, whole: Size, to: Size) -> RgbImage {
    assert!(!blocks.size.is_empty(), "a picture without pixels");
    let length = |whole: usize| whole as f64 / block as f64;
    let columns = taps(blocks.size.width, length(whole.width), to.width);
    let rows = taps(blocks.size.height, length(whole.height), to.height);
    let wide = along_rows::<3>(&blocks.data, blocks.size.width, &columns);
    RgbImage { size: to, data: along_columns(&wide, 3 * to.width, &rows) }
}

fn resize<const CHANNELS: usize>(data: &[u8], from: Size, to: Size) -> Vec<u8> {
    assert!(!from.is_empty(), "a picture without pixels");
    // An axis that keeps its length is copied, which the filter would do as well.
    let wide = if to.width == from.width {
        Cow::Borrowed(data)
    } else {
        let columns = taps(from.width, from.width as f64, to.width);
        Cow::Owned(along_rows::<CHANNELS>(data, from.width, &columns))
    };
    if to.height == from.height {
        return wide.into_owned();
    }
    along_columns(&wide, CHANNELS * to.width, &taps(from.height, from.height as f64, to.height))
}

/// What each of `to` pixels is made of, on an axis of `from` pixels of which a `length` is seen.
fn taps(from: usize, length: f64, to: usize) -> Vec<Tap> {
    let scale = length / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            // Truncated, not rounded down: both are the same from 0 on.
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end)
                .map(|x| {
                    let at = (x as f64 - centre + 0.5) * (1.0 / support);
                    (1.0 - at.abs()).max(0.0)
                })
                .collect();
            let sum: f64 = raw.iter().sum();
            let weights = raw
                .into_iter()
                .map(|weight| {
                    let share = if sum == 0.0 { weight } else { weight / sum };
                    (0.5 + share * f64::from(1u32 << PRECISION)) as i32
                })
                .collect();
            Tap { first, weights }
        })
        .collect()
}

/// The weighted sum, rounded to the nearest level.
fn level(sum: i32) -> u8 {
    ((sum + (1 << (PRECISION - 1))) >> PRECISION).clamp(0, 255) as u8
}

/// `data` has rows of `from` pixels.
fn along_rows<const CHANNELS: usize>(data: &[u8], from: usize, taps: &[Tap]) -> Vec<u8> {
    let rows = data.as_chunks::<CHANNELS>().0.chunks_exact(from);
    let mut out = Vec::with_capacity(rows.len() * taps.len() * CHANNELS);
    for row in rows {
        for tap in taps {
            let mut sums = [0i32; CHANNELS];
            for (weight, source) in tap.weights.iter().zip(&row[tap.first..]) {
                for (sum, &value) in sums.iter_mut().zip(source) {
                    *sum += weight * i32::from(value);
                }
            }
            out.extend(sums.map(level));
        }
    }
    out
}

/// `data` has rows of `stride` bytes.
fn along_columns(data: &[u8], stride: usize, taps: &[Tap]) -> Vec<u8> {
    let mut out = Vec::with_capacity(taps.len() * stride);
    let mut sums = vec![0i32; stride];
    for tap in taps {
        sums.fill(0);
        for (k, weight) in tap.weights.iter().enumerate() {
            let row = &data[(tap.first + k) * stride..][..stride];
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += weight * i32::from(value);
            }
        }
        out.extend(sums.iter().map(|&sum| level(sum)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(width: usize, height: usize, seed: u64) -> RgbImage {
        let value = |i: usize| ((seed ^ i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8;
        RgbImage::new(Size::new(height, width), (0..3 * width * height).map(value).collect())
            .unwrap()
    }

    /// The mean under the triangle in f64, without rounding between the axes.
    fn plain(image: &RgbImage, Size { height, width }: Size) -> Vec<f64> {
        let weights = |i: usize, from: usize, to: usize| -> Vec<f64> {
            let scale = from as f64 / to as f64;
            let centre = (i as f64 + 0.5) * scale;
            let raw: Vec<f64> = (0..from)
                .map(|x| (1.0 - ((x as f64 + 0.5 - centre) / scale.max(1.0)).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            raw.into_iter().map(|weight| weight / sum).collect()
        };
        let mut out = Vec::new();
        for y in 0..height {
            let rows = weights(y, image.size.height, height);
            for x in 0..width {
                let columns = weights(x, image.size.width, width);
                for channel in 0..3 {
                    let mut sum = 0.0;
                    for (v, row) in rows.iter().enumerate() {
                        for (u, column) in columns.iter().enumerate() {
                            sum += row * column * f64::from(image.pixel(u, v)[channel]);
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    #[test]
    fn numbers_of_pillow() {
        // PIL.Image.resize((w, h), BILINEAR) of one row: Pillow 13.
        let row = |values: &[u8]| {
            let data = values.iter().flat_map(|&v| [v; 3]).collect();
            RgbImage::new(Size::new(1, values.len()), data).unwrap()
        };
        let resized = |values: &[u8], width: usize| -> Vec<u8> {
            let out = resize_antialiased(&row(values), Size::new(1, width));
            out.data.iter().step_by(3).copied().collect()
        };
        assert_eq!(resized(&[0, 255], 4), [0, 64, 191, 255]);
        assert_eq!(resized(&[10, 200, 30, 90, 250, 7, 77], 3), [96, 115, 84]);
        assert_eq!(resized(&[10, 200, 30, 90, 250, 7, 77], 1), [100]);
        assert_eq!(resized(&[10, 200, 30], 7), [10, 37, 119, 200, 127, 54, 30]);
        assert_eq!(resized(&[9], 3), [9, 9, 9]);
    }

    #[test]
    fn grey_is_resized_as_every_channel() {
        for (from, to) in [((7, 5), (3, 11)), ((4, 4), (4, 2)), ((3, 8), (6, 8)), ((5, 6), (5, 6))]
        {
            let grey = noise(from.1, from.0, 3).data.into_iter().step_by(3).collect();
            let grey = GreyImage::new(Size::new(from.0, from.1), grey).unwrap();
            let rgb = grey.data.iter().flat_map(|&value| [value; 3]).collect();
            let rgb = RgbImage::new(grey.size, rgb).unwrap();
            let to = Size::new(to.0, to.1);
            let expected = resize_antialiased(&rgb, to).data.into_iter().step_by(3);
            assert!(resize_antialiased_grey(&grey, to).data.into_iter().eq(expected));
        }
    }

    #[test]
    fn a_size_without_pixels_gives_none() {
        let image = RgbImage::filled(Size::new(3, 4), 9);
        for to in [Size::new(0, 2), Size::new(2, 0), Size::default(), Size::new(0, 4)] {
            assert_eq!(resize_antialiased(&image, to), RgbImage::filled(to, 0));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn within_a_level_of_the_plain_mean(
            width in 1usize..24, height in 1usize..24, to in (1usize..24, 1usize..24), seed: u64,
        ) {
            let (image, to) = (noise(width, height, seed), Size::new(to.0, to.1));
            let out = resize_antialiased(&image, to);
            prop_assert_eq!(out.size, to);
            for (found, exact) in out.data.iter().zip(plain(&image, to)) {
                prop_assert!((f64::from(*found) - exact).abs() <= 1.01, "{found} for {exact}");
            }
        }
    }
}
