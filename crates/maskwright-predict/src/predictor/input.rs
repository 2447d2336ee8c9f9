//! Reads images and masks from files and from bytes. Pixels that are already in memory do not need this:
//! [`RgbImage::new`] takes them as `[height, width, 3]`, u8, red, green, blue.

use std::path::Path;

use maskwright_image::decode::{Decoded, ImageFile, Limits, MaskRule, decode_label};
use maskwright_image::{GreyImage, RgbImage};

use crate::error::{Error, Result};

/// Reads an image file (JPEG or PNG) as a viewer shows it, with its EXIF orientation applied.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Image`] if it cannot be decoded.
pub fn read_image(path: &Path) -> Result<RgbImage> {
    read_image_checked(path).map(|image| image.pixels)
}

/// As [`read_image`], with what was odd about the file: one that is damaged is read as far as that can be.
///
/// # Errors
/// As [`read_image`].
pub fn read_image_checked(path: &Path) -> Result<Decoded<RgbImage>> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
    decoded(&bytes).map_err(|source| Error::Image { file: Some(path.to_path_buf()), source })
}

/// As [`read_image`], for the bytes of a file.
///
/// # Errors
/// [`Error::Image`].
pub fn decode_image(bytes: &[u8]) -> Result<RgbImage> {
    let image = decoded(bytes).map_err(|source| Error::Image { file: None, source })?;
    Ok(image.pixels)
}

/// Reads a mask file for a prompt; values above 128 are the object.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Image`] if it is not a mask.
pub fn read_mask(path: &Path) -> Result<GreyImage> {
    read_mask_checked(path).map(|mask| mask.pixels)
}

/// As [`read_mask`], with what was odd about the file.
///
/// # Errors
/// As [`read_mask`].
pub fn read_mask_checked(path: &Path) -> Result<Decoded<GreyImage>> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
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

fn decoded(bytes: &[u8]) -> maskwright_image::Result<Decoded<RgbImage>> {
    ImageFile::read(bytes)?.decode_upright(&Limits::default())
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
        assert!(read_image(&path).expect_err("refused").to_string().contains("a.png"));
        assert!(read_mask(&path).expect_err("refused").to_string().contains("a.png"));
        assert!(decode_image(b"no picture").is_err() && decode_mask(b"").is_err());
    }
}
