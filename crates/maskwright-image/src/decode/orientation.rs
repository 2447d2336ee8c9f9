//! EXIF orientation: reading the tag, turning pixels.

use crate::image::{GreyImage, RgbImage};
use crate::size::Size;

/// How a picture has to be turned to be shown upright: EXIF tag 0x0112, 1 to 8.
///
/// The number says where the first stored row and column belong: 1 as stored, 2 mirrored left-right, 3 turned by
/// 180 degrees, 4 mirrored top-bottom, 5 transposed, 6 turned clockwise by 90 degrees, 7 transposed along
/// the other diagonal, 8 turned counter-clockwise by 90 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Orientation {
    /// As stored.
    pub const IDENTITY: Self = Self(1);

    /// The orientation with this EXIF number, none outside 1 to 8.
    pub fn from_exif(value: u16) -> Option<Self> {
        (1..=8).contains(&value).then_some(Self(value as u8))
    }

    /// The EXIF number, 1 to 8.
    pub fn exif(self) -> u8 {
        self.0
    }

    /// Whether the upright picture is as stored.
    pub fn is_identity(self) -> bool {
        self.0 == 1
    }

    /// Whether width and height are exchanged in the upright picture.
    pub fn swaps_axes(self) -> bool {
        self.0 >= 5
    }

    /// The upright size of a picture that is `stored` in another.
    pub fn upright(self, stored: Size) -> Size {
        if self.swaps_axes() { stored.transposed() } else { stored }
    }

    /// Where the pixel in row `y`, column `x` of the upright picture is stored: `(row, column)`, for a picture of the
    /// size `stored`.
    pub fn stored_pixel(self, y: usize, x: usize, stored: Size) -> (usize, usize) {
        let (right, bottom) = (stored.width.wrapping_sub(1), stored.height.wrapping_sub(1));
        match self.0 {
            2 => (y, right - x),
            3 => (bottom - y, right - x),
            4 => (bottom - y, x),
            5 => (x, y),
            6 => (bottom - x, y),
            7 => (bottom - x, right - y),
            8 => (x, right - y),
            _ => (y, x),
        }
    }
}

/// Turns a stored picture upright.
pub fn orient_rgb(image: RgbImage, orientation: Orientation) -> RgbImage {
    if orientation.is_identity() {
        return image;
    }
    let (size, data) = turn::<3>(image.size, &image.data, orientation);
    RgbImage { size, data }
}

/// Turns a stored grey picture or label upright.
pub fn orient_grey(image: GreyImage, orientation: Orientation) -> GreyImage {
    if orientation.is_identity() {
        return image;
    }
    let (size, data) = turn::<1>(image.size, &image.data, orientation);
    GreyImage { size, data }
}

fn turn<const N: usize>(stored: Size, data: &[u8], orientation: Orientation) -> (Size, Vec<u8>) {
    let upright = orientation.upright(stored);
    let (pixels, _) = data.as_chunks::<N>();
    let mut out = Vec::with_capacity(data.len());
    for y in 0..upright.height {
        for x in 0..upright.width {
            let (row, column) = orientation.stored_pixel(y, x, stored);
            out.extend_from_slice(&pixels[row * stored.width + column]);
        }
    }
    (upright, out)
}

/// Reads the orientation from a TIFF block (what follows `Exif\0\0` in a JPEG, or a PNG's `eXIf` chunk).
///
/// Damaged metadata is no reason to refuse a picture: whatever cannot be read counts as absent.
pub(crate) fn from_tiff(tiff: &[u8]) -> Option<Orientation> {
    const ORIENTATION: u16 = 0x0112;
    const SHORT: u16 = 3;
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |at: usize| -> Option<u32> {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + 12 * entry)?;
        if u16_at(at)? == ORIENTATION && u16_at(at + 2)? == SHORT && u32_at(at + 4)? >= 1 {
            return Orientation::from_exif(u16_at(at + 8)?);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF block with one directory entry, the orientation.
    fn tiff(little: bool, value: u16) -> Vec<u8> {
        let u16_bytes = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let u32_bytes = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(u32_bytes(8));
        bytes.extend(u16_bytes(1));
        bytes.extend(u16_bytes(0x0112));
        bytes.extend(u16_bytes(3));
        bytes.extend(u32_bytes(1));
        bytes.extend(u16_bytes(value));
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn the_tag_is_read_in_both_byte_orders() {
        for value in 1..=8 {
            for little in [true, false] {
                assert_eq!(from_tiff(&tiff(little, value)), Orientation::from_exif(value));
            }
        }
        assert_eq!(from_tiff(&tiff(true, 9)), None);
    }

    #[test]
    fn damaged_metadata_counts_as_absent() {
        let whole = tiff(true, 6);
        for length in 0..whole.len() - 2 {
            assert_eq!(from_tiff(&whole[..length]), None, "cut at {length}");
        }
        let mut far = whole;
        far[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(from_tiff(&far), None);
    }

    /// The letter F, turned in the eight ways that the EXIF standard draws.
    #[test]
    fn the_eight_turns_show_an_upright_f() {
        let stored = [
            (1, ["##", "# ", "##", "# ", "# "].as_slice()),
            (2, &["##", " #", "##", " #", " #"]),
            (3, &[" #", " #", "##", " #", "##"]),
            (4, &["# ", "# ", "##", "# ", "##"]),
            (5, &["#####", "# #  "]),
            (6, &["# #  ", "#####"]),
            (7, &["  # #", "#####"]),
            (8, &["#####", "  # #"]),
        ];
        let picture = |rows: &[&str]| {
            let data = rows.concat().bytes().map(|c| if c == b'#' { 255 } else { 0 }).collect();
            GreyImage::new(Size::new(rows.len(), rows[0].len()), data).unwrap()
        };
        let upright = picture(stored[0].1);
        for (value, rows) in stored {
            let orientation = Orientation::from_exif(value).unwrap();
            assert_eq!(orientation.swaps_axes(), value >= 5);
            assert_eq!(orient_grey(picture(rows), orientation), upright, "orientation {value}");
        }
    }

    #[test]
    fn colours_stay_together() {
        let image = RgbImage::new(Size::new(1, 2), vec![1, 2, 3, 4, 5, 6]).unwrap();
        let turned = orient_rgb(image, Orientation::from_exif(6).unwrap());
        assert_eq!(turned.size, Size::new(2, 1));
        assert_eq!(turned.data, [1, 2, 3, 4, 5, 6]);
    }
}
