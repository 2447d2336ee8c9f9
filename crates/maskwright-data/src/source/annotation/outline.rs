//! Objects that are drawn when they are asked for: outlines in pixels, and pixels.

use maskwright_image::Size;
use maskwright_image::mask::{PolygonScratch, Rle};

/// One object of a file that has its outlines: Labelme's shapes of one group, or a line of YOLO's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlined {
    /// Which one of the file it is, from 1: its first shape, or its line.
    pub(crate) number: u64,
    /// The name of its class; in YOLO's files the class's number.
    pub(crate) label: String,
    /// Polygons `[x, y, x, y, ...]` of three points or more, in pixels of the image.
    pub(crate) polygons: Vec<Vec<f64>>,
    /// What of it is given as pixels, of the image's size.
    pub(crate) pixels: Option<Rle>,
}

impl Outlined {
    /// Makes `mask` the object on an image of `size`: the union of its polygons, filled as COCO's are, and of its pixels.
    ///
    /// # Errors
    ///
    /// Those of [`Rle::set_polygons`], and pixels of another size.
    pub(crate) fn draw(
        &self,
        size: Size,
        mask: &mut Rle,
        scratch: &mut PolygonScratch,
    ) -> maskwright_image::Result<()> {
        mask.set_polygons(size, &self.polygons, scratch)?;
        if let Some(pixels) = &self.pixels {
            *mask = Rle::union(&[mask, pixels])?;
        }
        Ok(())
    }
}

/// What a file that has outlines says.
#[derive(Debug, Default)]
pub(crate) struct OutlineFile {
    /// The objects, in the order of the file.
    pub(crate) objects: Vec<Outlined>,
    /// The numbers of what has no area: points and lines, or boxes in place of outlines.
    pub(crate) without_outline: Vec<u64>,
    /// The numbers of polygons of fewer than three points.
    pub(crate) too_short: Vec<u64>,
}
