//! Pictures for people from very large ones, for a part of what [`resize_antialiased`] takes.
//!
//! That filter looks at every pixel twice along each axis. Here blocks of pixels are averaged first, and what is left, still
//! twice as large as wanted or more, is filtered. A JPEG is averaged by its decoder: libjpeg's scaled DCT gives the
//! means of 2 x 2, 4 x 4 or 8 x 8 pixels without making the pixels. The last blocks of a row or column may lie beyond the
//! picture; the filter is told how much of them does, so that nothing is displaced.

use super::antialias::{resize_antialiased, resize_blocks};
use crate::decode::jpeg::decode_reduced;
use crate::decode::{Decoded, Format, Header, ImageFile, Limits};
use crate::error::Result;
use crate::image::RgbImage;
use crate::size::Size;

/// What is filtered is at least so many times as large as wanted.
const LEFT: usize = 2;

/// A picture for people at `size`: antialiased, and where it is much smaller than the original, from means of blocks. Where it
/// is less than four times smaller this is [`resize_antialiased`].
///
/// # Panics
/// Where the picture has no pixels.
///
/// ```
/// use maskwright_image::{RgbImage, Size, sample::shrink};
/// let large = RgbImage::filled(Size::new(3000, 4000), 77);
/// assert_eq!(shrink(&large, Size::new(300, 400)), RgbImage::filled(Size::new(300, 400), 77));
/// ```
pub fn shrink(image: &RgbImage, size: Size) -> RgbImage {
    if size.is_empty() {
        return RgbImage::filled(size, 0);
    }
    let most = |from: usize, to: usize| from / (LEFT * to);
    let block = most(image.size.width, size.width).min(most(image.size.height, size.height));
    match block {
        0 | 1 => resize_antialiased(image, size),
        _ => resize_blocks(&block_means(image, block), block, image.size, size),
    }
}

/// Whether [`shrunk_from_file`] makes small pictures of such files without making their pixels.
pub fn decodes_reduced(header: &Header) -> bool {
    cfg!(feature = "mozjpeg") && header.format == Format::Jpeg
}

/// Decodes a file to a picture of `size` for people, as stored (the EXIF orientation is not applied), which has the colours
/// of [`ImageFile::decode_rgb`]. A JPEG that is much larger is decoded at a fraction of its size.
///
/// # Errors
/// As [`ImageFile::decode_rgb`].
pub fn shrunk_from_file(
    file: &ImageFile<'_>,
    size: Size,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    let whole = file.header().size;
    let enough = |from: usize, to: usize, by: usize| to > 0 && from >= LEFT * to * by;
    let leaves_enough =
        |by: &usize| enough(whole.width, size.width, *by) && enough(whole.height, size.height, *by);
    let divisor = [8, 4, 2].into_iter().find(leaves_enough);
    if let Some(by) = divisor.filter(|_| decodes_reduced(file.header())) {
        file.check(limits)?;
        if let Some(small) = decode_reduced(file.bytes(), file.header(), by, limits)? {
            let pixels = resize_blocks(&small, by, whole, size);
            return Ok(Decoded { pixels, warnings: Vec::new() });
        }
    }
    let Decoded { pixels, warnings } = file.decode_rgb(limits)?;
    Ok(Decoded { pixels: shrink(&pixels, size), warnings })
}

/// Decodes a file to the means of blocks of `block` x `block` pixels, as stored, of a size that is rounded up. Of a JPEG the decoder makes
/// those of 2, 4 and 8 pixels without making the pixels.
///
/// # Errors
/// As [`ImageFile::decode_rgb`].
///
/// # Panics
/// Where `block` is 0.
pub fn means_from_file(
    file: &ImageFile<'_>,
    block: usize,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    if [2, 4, 8].contains(&block) && decodes_reduced(file.header()) {
        file.check(limits)?;
        if let Some(pixels) = decode_reduced(file.bytes(), file.header(), block, limits)? {
            return Ok(Decoded { pixels, warnings: Vec::new() });
        }
    }
    let Decoded { pixels, warnings } = file.decode_rgb(limits)?;
    let pixels = if block == 1 { pixels } else { block_means(&pixels, block) };
    Ok(Decoded { pixels, warnings })
}

/// The means of blocks of `block` x `block` pixels, rounded to the nearest level; the last ones in a row or column are those
/// of what there is.
fn block_means(image: &RgbImage, block: usize) -> RgbImage {
    let size = Size::new(image.size.height.div_ceil(block), image.size.width.div_ceil(block));
    let mut data = Vec::with_capacity(3 * size.area());
    let mut sums = vec![0u32; 3 * image.size.width];
    for rows in image.data.chunks(3 * image.size.width * block) {
        sums.fill(0);
        let rows = rows.chunks_exact(3 * image.size.width);
        let high = rows.len();
        for row in rows {
            sums.iter_mut().zip(row).for_each(|(sum, &level)| *sum += u32::from(level));
        }
        for columns in sums.as_chunks::<3>().0.chunks(block) {
            let pixels = (high * columns.len()) as u64;
            let total = columns.iter().fold([0u64; 3], |total, pixel| {
                std::array::from_fn(|channel| total[channel] + u64::from(pixel[channel]))
            });
            data.extend(total.map(|total| ((total + pixels / 2) / pixels) as u8));
        }
    }
    RgbImage { size, data }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode;

    /// A picture with slow and quick changes, and a corner of its own.
    fn scene(size: Size) -> RgbImage {
        let level = |i: usize| {
            let (c, x, y) = (i % 3, i / 3 % size.width, i / 3 / size.width);
            let slow = (x as f32 * 0.011 + y as f32 * 0.017 + c as f32).sin() * 60.0;
            let quick = ((x * (c + 3)) as f32 * 0.21).sin() * ((y * 5) as f32 * 0.13).cos() * 30.0;
            let corner = if x + 20 > size.width && y + 20 > size.height { 30.0 } else { 0.0 };
            (120.0 + slow + quick + corner) as u8
        };
        RgbImage::new(size, (0..3 * size.area()).map(level).collect()).unwrap()
    }

    /// Mean and largest difference.
    fn difference(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
        assert_eq!(a.size, b.size);
        let all = || a.data.iter().zip(&b.data).map(|(a, b)| a.abs_diff(*b));
        (all().map(f64::from).sum::<f64>() / a.data.len() as f64, all().max().unwrap_or(0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Means are those of the pixels one by one.
        #[test]
        fn blocks_are_means((width, height) in (1usize..40, 1usize..40), block in 1usize..9, seed: u64) {
            let value = |i: usize| ((seed ^ i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8;
            let size = Size::new(height, width);
            let image = RgbImage::new(size, (0..3 * size.area()).map(value).collect()).unwrap();
            let found = block_means(&image, block);
            for y in 0..found.size.height {
                for x in 0..found.size.width {
                    let inside = |from: usize, all: usize| from * block..((from + 1) * block).min(all);
                    for channel in 0..3 {
                        let levels = inside(y, height).flat_map(|v| {
                            let image = &image;
                            inside(x, width).map(move |u| f64::from(image.pixel(u, v)[channel]))
                        });
                        let levels: Vec<f64> = levels.collect();
                        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
                        prop_assert!((f64::from(found.pixel(x, y)[channel]) - mean).abs() <= 0.5 + 1e-9);
                    }
                }
            }
        }
    }

    /// What is shown is what the whole filter shows, whichever way it was made: sizes that no block divides, too.
    #[test]
    fn shrunk_pictures_are_near_those_of_the_filter() {
        let limits = Limits::default();
        for (from, to) in [
            (Size::new(900, 1200), Size::new(45, 60)),
            (Size::new(907, 1213), Size::new(48, 64)),
            (Size::new(733, 411), Size::new(91, 51)),
            (Size::new(1001, 333), Size::new(117, 39)),
        ] {
            let image = scene(from);
            let plain = resize_antialiased(&image, to);
            let (mean, most) = difference(&shrink(&image, to), &plain);
            assert!(mean < 0.7 && most <= 6, "{from} to {to}: {mean} {most}");
            let png = encode::png_rgb(&image).unwrap();
            let file = ImageFile::read(&png).unwrap();
            assert_eq!(shrunk_from_file(&file, to, &limits).unwrap().pixels, shrink(&image, to));
            let jpeg = encode::jpeg_rgb(&image, 95).unwrap();
            let file = ImageFile::read(&jpeg).unwrap();
            let plain = resize_antialiased(&file.decode_rgb(&limits).unwrap().pixels, to);
            let shrunk = shrunk_from_file(&file, to, &limits).unwrap();
            let (mean, most) = difference(&shrunk.pixels, &plain);
            assert!(mean < 1.0 && most <= 8, "{from} to {to}: {mean} {most} as JPEG");
        }
    }

    #[test]
    fn less_than_four_times_smaller_is_filtered_alone() {
        let image = scene(Size::new(120, 160));
        for to in [Size::new(31, 41), Size::new(120, 160), Size::new(200, 300), Size::new(5, 90)] {
            assert_eq!(shrink(&image, to), resize_antialiased(&image, to));
        }
        assert!(shrink(&image, Size::new(0, 3)).data.is_empty());
    }

    /// A file that is cut off is shown as it is decoded.
    #[test]
    fn damaged_files_are_decoded_whole() {
        let (image, to) = (scene(Size::new(600, 800)), Size::new(30, 40));
        let jpeg = encode::jpeg_rgb(&image, 90).unwrap();
        let cut = &jpeg[..jpeg.len() / 2];
        let file = ImageFile::read(cut).unwrap();
        let whole = file.decode_rgb(&Limits::default()).unwrap();
        let shrunk = shrunk_from_file(&file, to, &Limits::default()).unwrap();
        assert_eq!(shrunk, Decoded { pixels: shrink(&whole.pixels, to), warnings: whole.warnings });
    }

    /// What libjpeg makes of blocks is what their means are, but for its rounding; other files are averaged here.
    #[test]
    fn means_of_a_file_are_those_of_its_pixels() {
        let image = scene(Size::new(203, 309));
        let [jpeg, png] =
            [encode::jpeg_rgb(&image, 95), encode::png_rgb(&image)].map(|file| file.unwrap());
        for block in [1, 2, 3, 4, 8] {
            for file in [&jpeg, &png] {
                let file = ImageFile::read(file).unwrap();
                let whole = file.decode_rgb(&Limits::default()).unwrap().pixels;
                let found = means_from_file(&file, block, &Limits::default()).unwrap().pixels;
                let (mean, _) = difference(&found, &block_means(&whole, block));
                assert!(mean < 1.0, "{block}: {mean}");
            }
        }
    }
}
