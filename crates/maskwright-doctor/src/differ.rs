//! How the sizes of images and masks differ.

use maskwright_image::Size;

/// How the size of a mask differs from that of its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Differ {
    /// Of the same proportions: the image is the smaller one.
    SmallerImage,
    /// Of the same proportions: the mask is the smaller one.
    SmallerMask,
    /// Height and width are exchanged.
    Sideways,
    Otherwise,
}

impl Differ {
    pub(super) fn of(image: Size, mask: Size) -> Differ {
        let across = (image.width * mask.height).abs_diff(image.height * mask.width);
        // Sides of scaled pictures are rounded to whole pixels.
        let alike = across <= image.height.max(image.width).max(mask.height).max(mask.width);
        if (image.height, image.width) == (mask.width, mask.height) {
            Differ::Sideways
        } else if alike && image.area() < mask.area() {
            Differ::SmallerImage
        } else if alike {
            Differ::SmallerMask
        } else {
            Differ::Otherwise
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_differ_in_four_ways() {
        let differ = |image: (usize, usize), mask: (usize, usize)| {
            Differ::of(Size::new(image.0, image.1), Size::new(mask.0, mask.1))
        };
        assert_eq!(differ((101, 150), (2020, 3000)), Differ::SmallerImage);
        assert_eq!(differ((2021, 3000), (101, 150)), Differ::SmallerMask);
        assert_eq!(differ((300, 200), (200, 300)), Differ::Sideways);
        assert_eq!(differ((300, 200), (300, 260)), Differ::Otherwise);
    }
}
