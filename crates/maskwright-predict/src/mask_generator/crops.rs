//! The parts of the image that are looked at: all of it, then layers of overlapping crops.

use maskwright_image::mask::Bitmap;
use maskwright_image::{RgbImage, Size};

/// A part of the image, `[x0, y0, x1, y1]`, the last column and row exclusive.
pub type CropBox = [usize; 4];

/// How near, in pixels, an edge of a mask's box counts as being a crop's edge.
const NEAR: f64 = 20.0;

/// The crops of an image of `size`, with the number of their layer: layer 0 is the
/// whole image, layer i has `2^i` x `2^i` crops, column by column. Crops of the first layer overlap
/// by `overlap_ratio` of the shorter side, those of further ones by less in proportion to their
/// number.
pub fn crop_boxes(size: Size, layers: usize, overlap_ratio: f64) -> Vec<(CropBox, usize)> {
    let Size { height, width } = size;
    let mut boxes = vec![([0, 0, width, height], 0)];
    for layer in 1..=layers {
        let count = 1usize << layer;
        let overlap = (overlap_ratio * height.min(width) as f64 * (2.0 / count as f64)) as usize;
        let length = |side: usize| (overlap * (count - 1) + side).div_ceil(count);
        let (crop_width, crop_height) = (length(width), length(height));
        let starts = |length: usize| (0..count).map(move |i| length.saturating_sub(overlap) * i);
        for x0 in starts(crop_width) {
            for y0 in starts(crop_height) {
                let (x1, y1) = ((x0 + crop_width).min(width), (y0 + crop_height).min(height));
                boxes.push(([x0, y0, x1, y1], layer));
            }
        }
    }
    boxes
}

/// Whether a mask's box (of the crop, inclusive pixel indices) ends at the crop's edge where that is
/// not the image's: then the object goes on outside, and another crop shows more of it.
pub fn ends_at_crop(
    [x0, y0, x1, y1]: [u32; 4],
    crop: CropBox,
    Size { height, width }: Size,
) -> bool {
    let (dx, dy) = (crop[0] as f64, crop[1] as f64);
    let edges = [f64::from(x0) + dx, f64::from(y0) + dy, f64::from(x1) + dx, f64::from(y1) + dy];
    let image = [0, 0, width, height];
    let near = |edge: f64, border: usize| (edge - border as f64).abs() <= NEAR;
    edges
        .into_iter()
        .zip(crop.into_iter().zip(image))
        .any(|(edge, (crop, image))| near(edge, crop) && !near(edge, image))
}

/// The part of the image that a crop shows.
pub(super) fn cut(image: &RgbImage, [x0, y0, x1, y1]: CropBox) -> RgbImage {
    image.cut([x0, y0], Size::new(y1 - y0, x1 - x0))
}

/// A crop's mask in the image.
pub(super) fn placed(mask: Bitmap, [x0, y0, x1, y1]: CropBox, size: Size) -> Bitmap {
    if mask.size() == size {
        return mask;
    }
    Bitmap::from_fn(size, |y, x| {
        (y0..y1).contains(&y) && (x0..x1).contains(&x) && mask.get(y - y0, x - x0)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_layer_by_hand() {
        // overlap = int(512 / 1500 * 1000) = 341; crops of ceil((341 + 1500) / 2) = 921 by
        // ceil((341 + 1000) / 2) = 671, the second ones from 580 and 330 on.
        let boxes = crop_boxes(Size::new(1000, 1500), 1, 512.0 / 1500.0);
        let expected = [
            ([0, 0, 1500, 1000], 0),
            ([0, 0, 921, 671], 1),
            ([0, 330, 921, 1000], 1),
            ([580, 0, 1500, 671], 1),
            ([580, 330, 1500, 1000], 1),
        ];
        assert_eq!(boxes, expected);
        assert_eq!(crop_boxes(Size::new(3, 4), 0, 0.3), [([0, 0, 4, 3], 0)]);
    }

    #[test]
    fn edges_of_the_image_do_not_count() {
        let crop = [500, 0, 1000, 400];
        let size = Size::new(400, 1000);
        // Against the crop's left edge, 20 pixels away, and 21.
        assert!(ends_at_crop([20, 100, 300, 200], crop, size));
        assert!(!ends_at_crop([21, 100, 300, 200], crop, size));
        // Against the top, the right and the bottom, which are the image's.
        assert!(!ends_at_crop([100, 0, 499, 399], crop, size));
        // The whole image has no such edge.
        assert!(!ends_at_crop([0, 0, 999, 399], [0, 0, 1000, 400], size));
    }

    proptest! {
        /// Every pixel is in a crop of each layer, no crop leaves the image.
        #[test]
        fn crops_cover_the_image(
            height in 8usize..300, width in 8usize..300, layers in 1usize..4, ratio in 0.0f64..0.9,
        ) {
            let boxes = crop_boxes(Size::new(height, width), layers, ratio);
            for layer in 0..=layers {
                let mut seen = vec![false; height * width];
                let of_layer = boxes.iter().filter(|(_, of)| *of == layer);
                prop_assert_eq!(of_layer.clone().count(), 1 << (2 * layer));
                for ([x0, y0, x1, y1], _) in of_layer {
                    prop_assert!(*x1 <= width && *y1 <= height);
                    for y in *y0..*y1 {
                        seen[y * width + x0.min(x1)..y * width + x1].fill(true);
                    }
                }
                prop_assert!(seen.into_iter().all(|seen| seen));
            }
        }
    }
}
