//! Reads images and masks from files and from bytes. Pixels that are already in memory do not need this:
//! [`RgbImage::new`] takes them as `[height, width, 3]`, u8, red, green, blue.

use std::path::Path;

use maskwright_data::source::{LARGEST_FILE, ValueRangeKey};
use maskwright_image::decode::{
    Decoded, ImageFile, Limits, MaskRule, NumberKind, ValueRange, decode_label,
};
use maskwright_image::{GreyImage, RgbImage};

use crate::error::{Error, Result};
use crate::files::read_at_most;

/// 14 bits: what a picture of 16 that is not nearly black exceeds.
const NARROW: f32 = 16383.0;

/// Reads an image file (JPEG or PNG) as a viewer shows it, with its EXIF orientation applied.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read or is no file (a named pipe, a device), [`Error::Content`] if it is longer than 2^31
/// bytes, [`Error::Image`] if it cannot be decoded.
pub fn read_image(path: &Path) -> Result<RgbImage> {
    read_image_checked(path).map(|image| image.pixels)
}

/// As [`read_image`], with what was odd about the file: one that is damaged is read as far as that can be.
///
/// # Errors
/// As [`read_image`].
pub fn read_image_checked(path: &Path) -> Result<Decoded<RgbImage>> {
    read_image_in_range(path, None)
}

/// As [`read_image_checked`]; an image of more than 8 bits per channel is seen in `range`, or where that is automatic in the
/// range of its own 0.1th to 99.9th percentile. Others are seen as they are.
///
/// # Errors
/// As [`read_image`]; without a range, [`Error::Image`] also where the image's numbers are no grey levels.
pub fn read_image_in_range(path: &Path, range: Option<ValueRangeKey>) -> Result<Decoded<RgbImage>> {
    let bytes = read_at_most(path, LARGEST_FILE)?;
    decoded(&bytes, range).map_err(|source| Error::Image { file: Some(path.to_path_buf()), source })
}

/// The largest of an image's numbers, where it has 16 bits per channel and is seen nearly black without a range: at most a
/// quarter of white. None for all others, and for what cannot be read.
pub fn narrow_range(path: &Path) -> Option<f32> {
    let bytes = read_at_most(path, LARGEST_FILE).ok()?;
    let file = ImageFile::read(&bytes).ok()?;
    if file.header().bit_depth != 16 || file.header().numbers != NumberKind::Unsigned {
        return None;
    }
    let numbers = file.deep_numbers(&Limits::default()).ok()??;
    let largest = numbers.into_iter().fold(0.0, f32::max);
    (largest <= NARROW).then_some(largest)
}

/// As [`read_image`], for the bytes of a file.
///
/// # Errors
/// [`Error::Image`].
pub fn decode_image(bytes: &[u8]) -> Result<RgbImage> {
    let image = decoded(bytes, None).map_err(|source| Error::Image { file: None, source })?;
    Ok(image.pixels)
}

/// Reads a mask file for a prompt; values above 128 are the object.
///
/// # Errors
/// As [`read_image`]; [`Error::Image`] if it is not a mask.
pub fn read_mask(path: &Path) -> Result<GreyImage> {
    read_mask_checked(path).map(|mask| mask.pixels)
}

/// As [`read_mask`], with what was odd about the file.
///
/// # Errors
/// As [`read_mask`].
pub fn read_mask_checked(path: &Path) -> Result<Decoded<GreyImage>> {
    let bytes = read_at_most(path, LARGEST_FILE)?;
    label(&bytes).map_err(|source| Error::Image { file: Some(path.to_path_buf()), source })
}

/// As [`read_mask`], for the bytes of a file.
///
/// # Errors
/// [`Error::Image`].
pub fn decode_mask(bytes: &[u8]) -> Result<GreyImage> {
    let mask = label(bytes).map_err(|source| Error::Image { file: None, source })?;
    Ok(mask.pixels)
}

fn decoded(
    bytes: &[u8],
    range: Option<ValueRangeKey>,
) -> maskwright_image::Result<Decoded<RgbImage>> {
    let (file, limits) = (ImageFile::read(bytes)?, Limits::default());
    let range = match range {
        None => None,
        Some(ValueRangeKey::Range(range)) => Some(range),
        Some(ValueRangeKey::Auto(_)) => file.deep_numbers(&limits)?.and_then(ValueRange::spanning),
    };
    file.in_range(range).decode_upright(&limits)
}

fn label(bytes: &[u8]) -> maskwright_image::Result<Decoded<GreyImage>> {
    decode_label(bytes, &MaskRule::default(), &Limits::default())
}

#[cfg(test)]
mod tests {
    use maskwright_image::{Size, encode};

    use super::*;

    #[test]
    fn bytes_and_files_give_the_same_and_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let image = RgbImage::new(Size::new(2, 3), (0..18).collect()).expect("pixels");
        let png = encode::png_rgb(&image).expect("encoded");
        std::fs::write(&path, &png).expect("written");
        assert_eq!(decode_image(&png).expect("decoded"), image);
        assert_eq!(read_image(&path).expect("read"), image);

        std::fs::write(&path, "no picture").expect("written");
        assert_eq!(narrow_range(&path), None);
        assert!(read_image(&path).expect_err("refused").to_string().contains("a.png"));
        assert!(read_mask(&path).expect_err("refused").to_string().contains("a.png"));
        assert!(decode_image(b"no picture").is_err() && decode_mask(b"").is_err());
    }
    #[test]
    fn pictures_of_16_bits_are_seen_in_a_range() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        // 12 bits: 0, 1365, 2730 and 4095 are at 0, 1, 2 and 3 thirds.
        let numbers = [0, 1365, 2730, 4095].repeat(250);
        let png = encode::png_grey16(Size::new(10, 100), &numbers).expect("encoded");
        std::fs::write(&path, png).expect("written");
        let levels = |range: Option<&str>| {
            let range = range.map(|text| text.parse().expect("a range"));
            let image = read_image_in_range(&path, range).expect("read").pixels;
            [0, 3, 6, 9].map(|at| image.data[at])
        };
        // Divided by 257 and rounded.
        assert_eq!(levels(None), [0, 5, 11, 16]);
        assert_eq!(levels(Some("0,4095")), [0, 85, 170, 255]);
        assert_eq!(levels(Some("auto")), [0, 85, 170, 255]);
        assert_eq!(narrow_range(&path), Some(4095.0));
        for wrong in ["4095,0", "7", "x,y", "0,inf"] {
            assert!(wrong.parse::<ValueRangeKey>().is_err(), "{wrong}");
        }
    }
}
