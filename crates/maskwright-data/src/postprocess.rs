//! Maps mask logits back to the image: the inverse of the sample's geometry.

use crate::geometry::Geometry;
use maskwright_image::Size;
use maskwright_image::sample::resize_plane;

/// Returns the logits of one mask at the source image's size.
///
/// `logits` is `[mask_size, mask_size]` over the whole model input (`geometry.output`, a square). If the
/// image fills the whole input ([`Geometry::squash`]) this is one bilinear resize, as HQ-SAM's
/// evaluation does it. Otherwise it is SAM's post-processing: bilinear to the input's size, the padding
/// cut off, bilinear to the image's size. Both with `align_corners = false` and no antialiasing.
///
/// The geometry must show the whole image (no crop), which every preset for evaluation
/// and prediction does; a mirrored view is mirrored back.
///
/// Returns `[height, width]` of the source in row order.
pub fn to_source(geometry: &Geometry, logits: &[f32], mask_size: usize) -> Vec<f32> {
    let mut plane = if geometry.visible() == geometry.output {
        resize_plane(logits, Size::square(mask_size), geometry.source)
    } else {
        by_way_of_the_input(geometry, logits, mask_size)
    };
    if geometry.flip {
        for row in plane.chunks_exact_mut(geometry.source.width) {
            row.reverse();
        }
    }
    plane
}

/// SAM's post-processing for every image, also where nothing is padded: to the input's size, cut,
/// to the image's size. As [`to_source`], but for mirrored views.
pub fn by_way_of_the_input(geometry: &Geometry, logits: &[f32], mask_size: usize) -> Vec<f32> {
    let visible = geometry.visible();
    let mut input = resize_plane(logits, Size::square(mask_size), geometry.output);
    let width = geometry.output.width;
    if visible.width < width {
        for y in 1..visible.height {
            input.copy_within(y * width..y * width + visible.width, y * visible.width);
        }
    }
    input.truncate(visible.area());
    if visible == geometry.source {
        return input;
    }
    resize_plane(&input, visible, geometry.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits that are positive where a quarter of the input is: its top-left.
    fn quarter(size: usize) -> Vec<f32> {
        (0..size * size)
            .map(|i| {
                let inside = i / size < size / 2 && i % size < size / 2;
                if inside { 4.0 } else { -4.0 }
            })
            .collect()
    }

    fn share(plane: &[f32]) -> f64 {
        plane.iter().filter(|&&v| v > 0.0).count() as f64 / plane.len() as f64
    }

    #[test]
    fn squash_stretches_and_longest_side_cuts_the_padding() {
        let source = Size::new(40, 80);
        let squash = to_source(&Geometry::squash(source, 64), &quarter(16), 16);
        assert_eq!(squash.len(), 40 * 80);
        assert!((share(&squash) - 0.25).abs() < 0.03);
        // Of a 2:1 image the input's upper half is everything: the top-left quarter of the
        // input is the left half of the image.
        let longest = to_source(&Geometry::longest_side(source, 64), &quarter(16), 16);
        assert!((share(&longest) - 0.5).abs() < 0.05, "{}", share(&longest));
        let mirrored = Geometry::longest_side(source, 64).with_flip(true);
        let mirrored = to_source(&mirrored, &quarter(16), 16);
        assert_eq!(mirrored[79], longest[0]);
    }
}
