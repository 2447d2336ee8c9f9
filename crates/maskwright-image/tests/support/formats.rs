//! Small files of the formats beside JPEG and PNG, made in code.

use std::io::Cursor;

use tiff::encoder::colortype::ColorType;
use tiff::encoder::{Compression, TiffEncoder, TiffValue};

/// A TIFF of one page.
pub(crate) fn tiff<C: ColorType>(
    width: u32,
    height: u32,
    compression: Compression,
    data: &[C::Inner],
) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    tiff_pages::<C>(width, height, compression, &[data])
}

/// A TIFF of several pages.
pub(crate) fn tiff_pages<C: ColorType>(
    width: u32,
    height: u32,
    compression: Compression,
    pages: &[&[C::Inner]],
) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(compression);
    for page in pages {
        encoder.write_image::<C>(width, height, page).unwrap();
    }
    file.into_inner()
}

/// A lossless WebP of RGB or RGBA.
pub(crate) fn webp(width: u32, height: u32, alpha: bool, data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let colour = if alpha { image_webp::ColorType::Rgba8 } else { image_webp::ColorType::Rgb8 };
    image_webp::WebPEncoder::new(&mut file).encode(data, width, height, colour).unwrap();
    file
}

/// A BMP of one palette index per byte, or of RGB, from the bottom as most are.
pub(crate) fn bmp(
    width: usize,
    height: usize,
    palette: Option<&[[u8; 3]]>,
    data: &[u8],
) -> Vec<u8> {
    let bits: u16 = if palette.is_some() { 8 } else { 24 };
    let row = width * usize::from(bits) / 8;
    let colours = palette.unwrap_or_default();
    let start = 54 + 4 * colours.len();
    let mut file = b"BM".to_vec();
    let mut put = |numbers: &[u32]| numbers.iter().for_each(|n| file.extend(n.to_le_bytes()));
    put(&[0, 0, start as u32, 40, width as u32, height as u32, 1 | u32::from(bits) << 16]);
    put(&[0, 0, 2835, 2835, colours.len() as u32, 0]);
    colours.iter().for_each(|[r, g, b]| file.extend([*b, *g, *r, 0]));
    for line in data.chunks(row).rev() {
        if bits == 8 {
            file.extend(line);
        } else {
            line.chunks(3).for_each(|pixel| file.extend([pixel[2], pixel[1], pixel[0]]));
        }
        let filled = start + (file.len() - start).next_multiple_of(4);
        file.resize(filled, 0);
    }
    file
}

/// A GIF of frames of one size, with a palette.
pub(crate) fn gif(width: u16, height: u16, palette: &[u8], frames: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, palette).unwrap();
    for frame in frames {
        let frame = gif::Frame::from_indexed_pixels(width, height, *frame, None);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

/// A QOI that writes every pixel out.
pub(crate) fn qoi(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let mut file = b"qoif".to_vec();
    file.extend(width.to_be_bytes());
    file.extend(height.to_be_bytes());
    file.extend([3, 0]);
    rgb.chunks(3).for_each(|pixel| file.extend([&[0xFE], pixel].concat()));
    file.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    file
}
