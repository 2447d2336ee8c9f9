//! Masks: one bit per pixel, and COCO's run lengths.
//!
//! A [`Bitmap`] answers what prompts ask:
//!
//! ```
//! use maskwright_image::{Size, mask::Bitmap};
//! let disc = Bitmap::from_fn(Size::square(9), |y, x| (y as i32 - 4).pow(2) + (x as i32 - 4).pow(2) <= 9);
//! assert_eq!(disc.count(), 29);
//! assert_eq!(disc.box_xyxy(), Some([1, 1, 7, 7]));
//! assert_eq!(disc.nth(0), Some((4, 1)));
//! assert_eq!(disc.erode3x3(1).count(), 9);
//! ```
//!
//! # Run lengths
//!
//! An [`Rle`] is how COCO, LVIS and SA-1B store masks: the lengths of runs of background and foreground in turn, starting
//! with background (of 0 pixels where pixel (0, 0) is foreground), down the first column, then down the second: column-major
//! order. Area, box, union, intersection and IoU need no pixels, and
//! [`Sampler::rle_and_foreground`](crate::sample::Sampler::rle_and_foreground) draws only those that a crop shows.
//!
//! In files the runs are a list of numbers, or a string. The string holds one number per run: the first three runs as
//! they are, every later one minus the run two before it, which is of the same kind and mostly of about the same
//! length. A number is written in two's complement in groups of five bits, the lowest first, with as many groups as it
//! needs; the last group's highest bit is the sign. A group is one byte: 48, plus the five bits, plus 32 where another group of
//! the number follows; so all bytes are from 48 (`0`) to 111 (`o`).
//!
//! ```
//! use maskwright_image::{Size, mask::Rle};
//! // The rows:  . . #
//! //            # . .
//! //            # # .
//! let mask = Rle::parse(Size::square(3), b"12200")?;
//! assert_eq!(mask.counts(), [1, 2, 2, 2, 2]);
//! assert_eq!((mask.area(), mask.box_xywh()), (4, [0, 0, 3, 3]));
//! assert!(mask.to_bitmap().get(0, 2));
//! assert_eq!(mask.to_compressed(), "12200");
//! # Ok::<(), maskwright_image::Error>(())
//! ```
//!
//! Files also have polygons, which [`Rle::from_polygons`] fills. Everything here gives what pycocotools gives, but says
//! by name what is wrong with bad input, and takes runs of 0 pixels anywhere (pycocotools' `merge` and `iou` stop
//! at some of them).
//!
//! References: the COCO API, <https://github.com/cocodataset/cocoapi> (`common/maskApi.c` is the format's definition);
//! T.-Y. Lin et al., *Microsoft COCO: Common Objects in Context*, ECCV 2014, <https://arxiv.org/abs/1405.0312>.

mod bitmap;
mod comparable;
mod distance;
mod erode;
mod instances;
pub mod many;
mod outline;
mod polygon;
mod regions;
mod rle;
mod rle_array;
mod rle_cover;
mod rle_draw;
mod rle_number;
mod rle_ops;
mod rle_quick;
mod rle_string;

pub use bitmap::Bitmap;
pub(crate) use bitmap::spread;
pub use comparable::Comparable;
pub use instances::{draw_instances, instances};
pub use outline::{one_polygon, outlines};
pub use polygon::PolygonScratch;
pub use regions::{label_equal_regions, label_regions};
pub use rle::Rle;
