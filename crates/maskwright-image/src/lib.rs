//! Pictures for training segmentation models: decoding, sampling, masks, metrics, writing and drawing.
//! This crate works on bytes and pixels; it knows nothing of files, data sets or tensors.
//!
//! - [`decode`]: JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, BMP, GIF, QOI and PNM, safe against damaged and hostile files. Mask files become labels by
//!   [documented rules](decode::MaskRule).
//! - [`sample`]: flip, resize and crop in one pass, with the results of PyTorch's bilinear interpolation
//!   to the last bit. The source is decoded pixels, or a file of which only the needed part is decoded.
//! - [`mask`]: masks with one bit per pixel, and what prompts need of them: count, box, n-th foreground
//!   pixel, erosion. Also COCO's run-length masks and polygons, read as pycocotools reads them.
//! - [`metric`]: IoU and boundary IoU.
//! - [`encode`], [`draw`]: PNG and JPEG writing, overlays for reports.
//!
//! Pictures are stored row by row, with y down and x to the right; pixel (0, 0) is the top-left one.
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
//! `mozjpeg` and `libdeflate` (both on by default) need a C compiler. On x86-64 `mozjpeg` also needs
//! nasm to be fast; without nasm the build prints a warning and uses the decoder in pure Rust. Without
//! default features the crate is pure Rust.

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
pub use shown::{is_obeyed, shown};
pub use size::Size;
