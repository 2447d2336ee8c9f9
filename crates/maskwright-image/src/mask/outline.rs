//! The outlines of a mask: the way around its pieces along the edges of pixels.

use super::regions::label_regions;
use super::{Bitmap, Rle};

/// East, south, west, north: a step along an edge.
const STEPS: [(i64, i64); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];
/// For each step, the pixels ahead of a corner on the left and on the right, from the corner.
const AHEAD: [[(i64, i64); 2]; 4] =
    [[(0, -1), (0, 0)], [(0, 0), (-1, 0)], [(-1, 0), (-1, -1)], [(-1, -1), (0, -1)]];

/// The outer outline of each 8-connected piece, in the order of their first pixels row by row: corners `[x, y]` in pixels, where
/// pixel (x, y) reaches from corner `[x, y]` to `[x + 1, y + 1]`. Clockwise as seen, from the top left corner of the piece's first
/// pixel; corners on a straight edge are left out. Holes have no outline.
///
/// Filled as COCO's polygons are, the outline of a piece without holes gives its pixels again.
///
/// ```
/// use maskwright_image::{Size, mask::{Bitmap, outlines}};
/// let rows = ["##.", "#..", "..#"];
/// let mask = Bitmap::from_fn(Size::square(3), |y, x| rows[y].as_bytes()[x] == b'#');
/// let shape = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]];
/// assert_eq!(outlines(&mask), [shape.to_vec(), vec![[2, 2], [3, 2], [3, 3], [2, 3]]]);
/// ```
pub fn outlines(mask: &Bitmap) -> Vec<Vec<[u32; 2]>> {
    let size = mask.size();
    let mut pieces = Vec::new();
    let areas = label_regions(size, |y, x| mask.get(y, x), &mut pieces);
    let mut found: Vec<Vec<[u32; 2]>> = Vec::with_capacity(areas.len());
    for (at, &piece) in pieces.iter().enumerate() {
        // Pieces are numbered by their first pixels.
        if piece as usize == found.len() + 1 {
            let start = ((at % size.width) as i64, (at / size.width) as i64);
            let inside = |x: i64, y: i64| {
                let within = |at: i64, side: usize| (0..side as i64).contains(&at);
                within(x, size.width)
                    && within(y, size.height)
                    && pieces[y as usize * size.width + x as usize] == piece
            };
            found.push(around(start, inside));
        }
    }
    found
}

/// The way around the piece whose first pixel is `start`, which is on the right of every step.
fn around(start: (i64, i64), inside: impl Fn(i64, i64) -> bool) -> Vec<[u32; 2]> {
    let (mut corners, (mut x, mut y), mut step) =
        (vec![[start.0 as u32, start.1 as u32]], start, 0);
    loop {
        x += STEPS[step].0;
        y += STEPS[step].1;
        let [left, right] = AHEAD[step].map(|(dx, dy)| inside(x + dx, y + dy));
        // Pixels that touch at a corner belong together: left comes first.
        let turned = match (left, right) {
            (true, _) => (step + 3) % 4,
            (false, true) => step,
            (false, false) => (step + 1) % 4,
        };
        if (x, y) == start && turned == 0 {
            return corners;
        }
        if turned != step {
            corners.push([x as u32, y as u32]);
            step = turned;
        }
    }
}

/// One polygon `[x, y, x, y, ...]` around all pieces of a mask: from the first piece a line leads to each other one and back, as
/// formats of one polygon for each object have it. Holes are filled. Empty for an empty mask.
///
/// ```
/// use maskwright_image::{Size, mask::{Rle, one_polygon}};
/// // Two pieces in three rows.
/// let mask = Rle::new(Size::new(3, 5), vec![0, 2, 7, 2, 4])?;
/// let polygon = one_polygon(&mask);
/// assert_eq!(Rle::from_polygons(mask.size(), &[polygon])?.counts(), mask.counts());
/// # Ok::<(), maskwright_image::Error>(())
/// ```
pub fn one_polygon(mask: &Rle) -> Vec<f64> {
    // A piece within the hole of another is inside already, and drawn once more it would be a hole.
    let pieces = outlines(&filled(&mask.to_bitmap()));
    let Some((first, others)) = pieces.split_first() else { return Vec::new() };
    let mut corners = first.clone();
    for other in others {
        if corners.len() == first.len() {
            corners.push(first[0]);
        }
        corners.extend(other);
        corners.extend([other[0], first[0]]);
    }
    corners.into_iter().flatten().map(f64::from).collect()
}

/// A mask with its holes: background that no way of pixels with a common side leads out of.
fn filled(mask: &Bitmap) -> Bitmap {
    let size = mask.size();
    let (height, width) = (size.height, size.width);
    let mut outside = vec![false; size.area()];
    let rim = (0..height).flat_map(|y| [(y, 0), (y, width - 1)]);
    let mut next: Vec<(usize, usize)> =
        rim.chain((0..width).flat_map(|x| [(0, x), (height - 1, x)])).collect();
    while let Some((y, x)) = next.pop() {
        if mask.get(y, x) || std::mem::replace(&mut outside[y * width + x], true) {
            continue;
        }
        let around = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)];
        next.extend(around.into_iter().filter(|&(y, x)| y < height && x < width));
    }
    Bitmap::from_fn(size, |y, x| !outside[y * width + x])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use proptest::prelude::*;

    fn drawn(rows: &[&str]) -> Bitmap {
        let size = Size::new(rows.len(), rows[0].len());
        Bitmap::from_fn(size, |y, x| rows[y].as_bytes()[x] == b'#')
    }

    #[test]
    fn holes_and_what_is_in_them_are_filled() {
        let ring = drawn(&["#####", "#...#", "#.#.#", "#...#", "#####"]);
        assert_eq!(filled(&ring).count(), 25);
        let open = drawn(&["##.", "#.#", "##."]);
        // The hole is closed by a corner; the pixel beside it belongs to the piece.
        assert_eq!(filled(&open), drawn(&["##.", "###", "##."]));
        assert_eq!(one_polygon(&Rle::from_bitmap(&ring)), [0.0, 0.0, 5.0, 0.0, 5.0, 5.0, 0.0, 5.0]);
        assert!(one_polygon(&Rle::from_bitmap(&drawn(&["..."]))).is_empty());
    }

    proptest! {
        /// A filled outline is the mask with its holes, whatever its pieces.
        #[test]
        fn a_filled_outline_is_the_mask(
            (height, width) in (1usize..12, 1usize..12),
            share in 0.1f64..0.9,
            numbers in prop::collection::vec(0.0f64..1.0, 144),
        ) {
            let size = Size::new(height, width);
            let mask = Bitmap::from_fn(size, |y, x| numbers[y * 12 + x] < share);
            let polygon = one_polygon(&Rle::from_bitmap(&mask));
            if !polygon.is_empty() {
                let drawn = Rle::from_polygons(size, &[polygon]).unwrap();
                prop_assert_eq!(drawn.to_bitmap(), filled(&mask));
            }
        }
    }
}
