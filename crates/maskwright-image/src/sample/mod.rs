//! Flip, scale and crop in one pass, with PyTorch's bilinear arithmetic; and the other ways to resize.
//!
//! | for | by |
//! |---|---|
//! | training samples, evaluation, logits, mask prompts | [`Sampler`], [`resize_plane`]: PyTorch's bilinear, not antialiased |
//! | pictures as SAM's predictor sees them, pictures for people | [`resize_antialiased`]: Pillow's bilinear |
//! | pictures for people, of very large ones | [`shrink`], [`shrunk_from_file`]: means of blocks, then the same; [`means_from_file`] |
//! | small pictures of which many are made | [`every_nth`], [`luma_thumbnail`]: from a part of the pixels |
//!
//! An [`AxisTable`] per axis says which pixels every output mixes; a [`Sampler`] applies two of them to a
//! picture, a label, a run-length mask or a plane of numbers. Results are those of
//! `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` on flipped and then cropped f32
//! tensors, to the last bit (PyTorch 2.15, CPU), and so do not depend on the instruction set or on whether a picture was
//! streamed. PyTorch rounds differently in its two kernels; as a trainer reaches them, in a data loader's workers of one
//! thread each,
//!
//! - pictures use `fma(p11, w11, fma(p10, w10, fma(p00, w00, p01 * w01)))` with `wYX = hY * wX` and positions by a fused
//!   multiply-add, and are truncated to u8;
//! - labels and planes, of one channel, use `fma(r0, h0, r1 * h1)` of rows `fma(p0, w0, p1 * w1)` and positions
//!   rounded twice, but where scaled height plus width is at most 128 the pictures' way.
//!
//! ```
//! use maskwright_image::{sample::{AxisTable, Sampler}, GreyImage, Size};
//! let mask = GreyImage::new(Size::square(2), vec![0, 255, 0, 255])?;
//! let (rows, columns) = (AxisTable::new(2, 2, false, 0, 2), AxisTable::new(2, 4, false, 0, 4));
//! let mut label = vec![0.0; 8];
//! Sampler::new().label(&mask, &rows, &columns, 0.0, &mut label);
//! assert_eq!(label[..4], [0.0, 63.75, 191.25, 255.0]);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

mod antialias;
mod axis;
mod bits;
mod from_file;
mod gather;
mod isa;
mod kernel;
mod picture;
mod plane;
mod rows;
mod sampler;
mod shrink;
#[cfg(feature = "mozjpeg")]
mod stream;
#[cfg(test)]
mod tests;
mod thinning;
mod walk;

pub use antialias::{resize_antialiased, resize_antialiased_grey};
pub use axis::AxisTable;
pub(crate) use sampler::check_environment;
pub use sampler::{Sampler, resize_plane, simd_available};
pub use shrink::{decodes_reduced, means_from_file, shrink, shrunk_from_file};
pub use thinning::{every_nth, luma_thumbnail};
