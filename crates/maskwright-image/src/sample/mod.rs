//! Flip, scale and crop in one pass, with PyTorch's bilinear arithmetic.
//!
//! An [`AxisTable`] per axis says which pixels every output mixes; a [`Sampler`] applies two of them to a
//! picture, a label or a plane of numbers. Results equal those of
//! `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` on flipped and then cropped
//! pictures: bit for bit for u8 images after truncation (PyTorch 2.15's channels-last CPU kernel, see
//! [`AxisTable`] for the positions; the four taps are mixed as
//! `fma(p11, w11, fma(p10, w10, fma(p00, w00, p01 * w01)))` with `wYX = hY * wX`), and therefore do not depend on the
//! instruction set or on whether a picture was streamed.
//!
//! ```
//! use maskwright_image::{sample::{AxisTable, Sampler}, GreyImage};
//! let mask = GreyImage::new(2, 2, vec![0, 255, 0, 255])?;
//! let (rows, columns) = (AxisTable::new(2, 2, false, 0, 2), AxisTable::new(2, 4, false, 0, 4));
//! let mut label = vec![0.0; 8];
//! Sampler::new().label(&mask, &rows, &columns, 0.0, &mut label);
//! assert_eq!(label[..4], [0.0, 63.75, 191.25, 255.0]);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

mod axis;
mod gather;
mod isa;
mod kernel;
mod sampler;
mod stream;
mod walk;

pub use axis::AxisTable;
pub use sampler::{Sampler, resize_plane};
