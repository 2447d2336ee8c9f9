//! The size of a picture, in one order everywhere.
//!
//! ```
//! use maskwright_image::Size;
//! let size = Size::new(480, 640);
//! assert_eq!((size.height, size.width, size.area()), (480, 640, 307_200));
//! // Shown the way people say it: the width first.
//! assert_eq!(size.to_string(), "640 x 480");
//! assert_eq!(size.transposed(), Size { height: 640, width: 480 });
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

/// Height and width in pixels, of whole pictures, masks, crops and windows.
///
/// Ordered by height, then by width. There is no conversion from a pair of numbers on purpose: a pair does not say which
/// of its numbers is the height.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// A size of `height` rows and `width` columns.
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// As many rows as columns.
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }

    /// The number of pixels; `usize::MAX` where there are more.
    pub const fn area(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// So many for each pixel; `u64::MAX` where there are more.
    pub(crate) const fn times(self, each: u64) -> u64 {
        (self.height as u64).saturating_mul(self.width as u64).saturating_mul(each)
    }

    /// Whether there is no pixel.
    pub const fn is_empty(self) -> bool {
        self.height == 0 || self.width == 0
    }

    /// The size of this width that keeps the proportions, at least a row high; none where there is no pixel.
    ///
    /// ```
    /// # use maskwright_image::Size;
    /// assert_eq!(Size::new(480, 640).at_width(320), Size::new(240, 320));
    /// ```
    #[must_use]
    pub fn at_width(self, width: usize) -> Self {
        if self.is_empty() || width == 0 {
            return Self::default();
        }
        let height = self.height as f64 * width as f64 / self.width as f64;
        Self::new((height.round() as usize).max(1), width)
    }

    /// Half of it, so many times halved, rounded up; never less than a pixel.
    ///
    /// ```
    /// # use maskwright_image::Size;
    /// assert_eq!(Size::new(1001, 2000).halved(1), Size::new(501, 1000));
    /// assert_eq!(Size::new(1001, 2000).halved(40), Size::square(1));
    /// ```
    #[must_use]
    pub fn halved(self, times: u32) -> Self {
        let by = 1_usize.checked_shl(times).unwrap_or(usize::MAX);
        let half = |side: usize| side.div_ceil(by).max(1);
        Self::new(half(self.height), half(self.width))
    }

    /// Height and width exchanged.
    #[must_use]
    pub const fn transposed(self) -> Self {
        Self { height: self.width, width: self.height }
    }
}

/// `WIDTH x HEIGHT`, as people say it.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_does_not_overflow() {
        assert_eq!(Size::new(3, 5).area(), 15);
        assert_eq!(Size::new(usize::MAX, 2).area(), usize::MAX);
        assert!(Size::new(0, 9).is_empty() && Size::new(9, 0).is_empty());
        assert!(!Size::square(1).is_empty());
        assert_eq!(Size::new(3, 5).times(4), 60);
        assert_eq!(Size::square(1 << 31).times(3), 3 << 62);
        assert_eq!(Size::square(u32::MAX as usize).times(4), u64::MAX);
    }

    #[test]
    fn sizes_are_ordered_by_height_first() {
        assert!(Size::new(2, 9) < Size::new(3, 1));
        assert!(Size::new(2, 8) < Size::new(2, 9));
    }
}
