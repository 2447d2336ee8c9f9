//! Bytes in, pixels out: what a segmentation trainer does with pictures, and nothing about files,
//! data sets or tensors.
//!
//! - [`decode`]: JPEG and PNG, hardened against damaged and hostile files; masks become labels by
//!   [stated rules](decode::MaskRule).
//! - [`sample`]: flip, resize and crop in one pass, with PyTorch's bilinear arithmetic to the last bit;
//!   from decoded pixels or straight from the file, decoding only what is shown.
//! - [`mask`]: one bit per pixel, with what prompts need: count, box, n-th foreground pixel, erosion; and COCO's
//!   run-length masks and polygons, as pycocotools reads them.
//! - [`metric`]: IoU and boundary IoU.
//! - [`encode`], [`draw`]: PNG and JPEG writing, overlays for reports.
//!
//! Pictures are row-major, y down, x right; pixel (0, 0) is the top-left one.
//!
//! ```
//! use maskwright_image::{decode, encode, sample::{AxisTable, Sampler}, RgbImage, Size};
//!
//! let file = encode::png_rgb(&RgbImage::filled(Size::new(30, 40), 200))?;
//! let header = decode::read_header(&file)?;
//! // Mirrored, scaled from 30 x 40 to 60 x 80, and of that the 64 x 64 window at row 0, column 10.
//! let rows = AxisTable::new(header.size.height, 60, false, 0, 64);
//! let columns = AxisTable::new(header.size.width, 80, true, 10, 64);
//! let mut image = vec![0; 3 * 64 * 64];
//! let warnings = Sampler::new().image_from_bytes(&file, &decode::Limits::default(), &rows, &columns, 128, &mut image)?;
//! assert!(warnings.is_empty());
//! assert_eq!(image[0], 200);
//! assert_eq!(image[63 * 64], 128); // rows 60..64 are padding
//! # Ok::<(), maskwright_image::Error>(())
//! ```
//!
//! # Features
//!
//! `mozjpeg` and `libdeflate` (both on by default) need a C compiler, and `mozjpeg` needs nasm on x86-64 to be
//! fast; without nasm the build warns and the pure Rust decoder is used. `--no-default-features` is pure Rust.

#![deny(unsafe_code)]

pub mod decode;
pub mod draw;
pub mod encode;
mod environment;
mod error;
mod format;
mod image;
pub mod mask;
pub mod metric;
pub mod sample;
mod shown;
mod size;

pub use environment::check_environment;
pub use error::{Error, Result};
pub use image::{GreyImage, RgbImage};
pub use shown::shown;
pub use size::Size;
