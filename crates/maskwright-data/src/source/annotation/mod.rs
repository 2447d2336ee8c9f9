//! Annotation files: COCO's and LVIS's single file for all images, SA-1B's file for each image.

mod coco;
mod sa1b;
mod segmentation;
mod stated;
mod stream;

pub(crate) use coco::{CocoFile, CocoImage, read_coco, read_coco_from};
pub(crate) use sa1b::read_sa1b;
pub(crate) use segmentation::{Flaw, read_segmentation};
pub use stated::{Stated, read_stated};
