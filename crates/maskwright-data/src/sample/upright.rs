//! Whether image and mask are turned upright, and whether they fit each other.

use maskwright_image::Size;
use maskwright_image::decode::{Header, Orientation};

use crate::source::ExifRule;

/// How image and mask have to be turned so that they lie on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Of the image.
    pub image: Orientation,
    /// Of the mask.
    pub mask: Orientation,
    /// The size of both, so turned.
    pub size: Size,
}

/// The stored size of an image or mask, and how it says that it is to be turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Height and width as stored.
    pub size: Size,
    /// What the file says of its orientation.
    pub orientation: Orientation,
}

impl Stored {
    /// An image file.
    pub fn of(header: &Header) -> Stored {
        Stored { size: header.size, orientation: header.orientation }
    }

    /// A mask that knows no orientation.
    pub fn plain(size: Size) -> Stored {
        Stored { size, orientation: Orientation::IDENTITY }
    }
}

/// Decides from the headers alone.
///
/// With [`ExifRule::Auto`] the first of these that gives equal sizes: both upright; image upright,
/// mask as stored; both as stored; image as stored, mask upright. A mask without an orientation of
/// its own is upright as stored, so an oriented image is turned wherever that fits.
/// `None` where none fits.
pub fn fit(rule: ExifRule, image: &Stored, mask: &Stored) -> Option<Fit> {
    let stored = Orientation::IDENTITY;
    let candidates = [
        (image.orientation, mask.orientation),
        (image.orientation, stored),
        (stored, stored),
        (stored, mask.orientation),
    ];
    let allowed = match rule {
        ExifRule::Ignore => &candidates[2..3],
        ExifRule::Auto => &candidates[..],
    };
    for &(turn_image, turn_mask) in allowed {
        let size = turn_image.upright(image.size);
        if size == turn_mask.upright(mask.size) {
            return Some(Fit { image: turn_image, mask: turn_mask, size });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored((width, height, exif): (usize, usize, u16)) -> Stored {
        Stored {
            size: Size::new(height, width),
            orientation: Orientation::from_exif(exif).unwrap(),
        }
    }

    fn fitted(
        rule: ExifRule,
        image: (usize, usize, u16),
        mask: (usize, usize, u16),
    ) -> Option<(u8, u8, (usize, usize))> {
        let fit = fit(rule, &stored(image), &stored(mask))?;
        Some((fit.image.exif(), fit.mask.exif(), (fit.size.height, fit.size.width)))
    }

    #[test]
    fn the_image_is_turned_where_the_mask_fits_then() {
        let auto = |image, mask| fitted(ExifRule::Auto, image, mask);
        // Plain files.
        assert_eq!(auto((4, 3, 1), (4, 3, 1)), Some((1, 1, (3, 4))));
        // A portrait photo whose mask was drawn in a viewer.
        assert_eq!(auto((4, 3, 6), (3, 4, 1)), Some((6, 1, (4, 3))));
        // The same photo, annotated by a program that ignores EXIF.
        assert_eq!(auto((4, 3, 6), (4, 3, 1)), Some((1, 1, (3, 4))));
        // Both ways fit: a half turn, and a square.
        assert_eq!(auto((4, 3, 3), (4, 3, 1)), Some((3, 1, (3, 4))));
        assert_eq!(auto((4, 4, 6), (4, 4, 1)), Some((6, 1, (4, 4))));
        // The mask was written with the orientation of the image.
        assert_eq!(auto((4, 3, 6), (4, 3, 6)), Some((6, 6, (4, 3))));
        assert_eq!(auto((4, 3, 1), (4, 3, 6)), Some((1, 1, (3, 4))));
        assert_eq!(auto((4, 3, 1), (5, 3, 1)), None);
        assert_eq!(auto((4, 3, 1), (3, 4, 1)), None);
    }

    #[test]
    fn nothing_is_turned_where_exif_is_ignored() {
        let ignore = |image, mask| fitted(ExifRule::Ignore, image, mask);
        assert_eq!(ignore((4, 3, 3), (4, 3, 1)), Some((1, 1, (3, 4))));
        assert_eq!(ignore((4, 3, 6), (3, 4, 1)), None);
    }
}
