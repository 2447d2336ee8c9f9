//! Why annotations of an instances file are left out.

use super::coco_file::CROWDS;
use super::segmentation::NO_RUNS;
use crate::source::LeftOut;

/// Why annotations are left out, and what of others.
pub(super) struct Causes {
    pub(super) crowds: LeftOut,
    pub(super) empty: LeftOut,
    pub(super) boxes: LeftOut,
    pub(super) no_box: LeftOut,
    pub(super) no_polygon: LeftOut,
    pub(super) no_numbers: LeftOut,
    pub(super) no_runs: LeftOut,
    pub(super) filtered: LeftOut,
    pub(super) some_polygons: LeftOut,
}

impl Default for Causes {
    fn default() -> Causes {
        Causes {
            crowds: LeftOut::none(CROWDS),
            empty: LeftOut::none("annotations without a segmentation"),
            boxes: LeftOut::none("annotations with a box and no mask"),
            no_box: LeftOut::none("annotations without a box that has an area"),
            no_polygon: LeftOut::none("annotations without a polygon of three points"),
            no_numbers: LeftOut::none("annotations whose segmentation is no list of polygons"),
            no_runs: LeftOut::none(NO_RUNS),
            filtered: LeftOut::none("annotations outside the bounds of the set's settings"),
            some_polygons: LeftOut::none(
                "polygons of fewer than three points or an odd number of coordinates, beside others",
            ),
        }
    }
}

impl Causes {
    /// All of them, also those of which there are none.
    pub(super) fn left_out(self) -> Vec<LeftOut> {
        let Causes {
            crowds,
            empty,
            boxes,
            no_box,
            no_polygon,
            no_numbers,
            no_runs,
            filtered,
            some_polygons,
        } = self;
        vec![crowds, empty, boxes, no_box, no_polygon, no_numbers, no_runs, filtered, some_polygons]
    }
}
