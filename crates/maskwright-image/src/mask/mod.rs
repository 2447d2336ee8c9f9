//! Masks as one bit per pixel.
//!
//! ```
//! use maskwright_image::mask::Bitmap;
//! let disc = Bitmap::from_fn(9, 9, |y, x| (y as i32 - 4).pow(2) + (x as i32 - 4).pow(2) <= 9);
//! assert_eq!(disc.count(), 29);
//! assert_eq!(disc.box_xyxy(), Some([1, 1, 7, 7]));
//! assert_eq!(disc.nth(0), Some((4, 1)));
//! assert_eq!(disc.erode3x3(1).count(), 9);
//! ```

mod bitmap;
mod erode;
mod polygon;
mod rle;
mod rle_draw;
mod rle_ops;
mod rle_string;

pub use bitmap::Bitmap;
pub use polygon::PolygonScratch;
pub use rle::Rle;
