//! Small holes and small islands of a mask.

use maskwright_image::Size;
use maskwright_image::mask::{Bitmap, label_regions};

/// A mask without its small holes, and then without its small islands: connected regions (8
/// neighbours) of fewer than `min_area` pixels. Of a mask whose islands are all small the largest
/// stays (the first of equals). The second value tells whether anything changed.
pub fn remove_small_regions(mask: &Bitmap, min_area: usize) -> (Bitmap, bool) {
    let (filled, holes) = fill_holes(mask, min_area);
    let (kept, islands) = drop_islands(&filled, min_area);
    (kept, holes || islands)
}

fn fill_holes(mask: &Bitmap, min_area: usize) -> (Bitmap, bool) {
    let background = Regions::of(mask, false);
    let small = |label: u32| label > 0 && background.areas[label as usize - 1] < min_area;
    if !(1..=background.areas.len() as u32).any(small) {
        return (mask.clone(), false);
    }
    let width = mask.width();
    let filled = Bitmap::from_fn(Size::new(mask.height(), width), |y, x| {
        let label = background.labels[y * width + x];
        label == 0 || small(label)
    });
    (filled, true)
}

fn drop_islands(mask: &Bitmap, min_area: usize) -> (Bitmap, bool) {
    let islands = Regions::of(mask, true);
    if islands.areas.iter().all(|&area| area >= min_area) {
        return (mask.clone(), false);
    }
    let largest = islands.areas.iter().max().copied().unwrap_or(0);
    let all_small = largest < min_area;
    let only = islands.areas.iter().position(|&area| area == largest).map(|i| i as u32 + 1);
    let keep = |label: u32| {
        label > 0
            && if all_small {
                Some(label) == only
            } else {
                islands.areas[label as usize - 1] >= min_area
            }
    };
    let width = mask.width();
    let kept = Bitmap::from_fn(Size::new(mask.height(), width), |y, x| {
        keep(islands.labels[y * width + x])
    });
    (kept, true)
}

/// The connected regions of the pixels that are set, or of those that are not.
struct Regions {
    /// Per pixel, row by row: the number of its region from 1 on, in the order of their first
    /// pixels; 0 for pixels of the other kind.
    labels: Vec<u32>,
    /// Pixels of each region.
    areas: Vec<usize>,
}

impl Regions {
    fn of(mask: &Bitmap, set: bool) -> Self {
        let size = Size::new(mask.height(), mask.width());
        let mut labels = Vec::new();
        let areas = label_regions(size, |y, x| mask.get(y, x) == set, &mut labels);
        Self { labels, areas }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(rows: &[&str]) -> Bitmap {
        Bitmap::from_fn(Size::new(rows.len(), rows[0].len()), |y, x| rows[y].as_bytes()[x] == b'#')
    }

    #[test]
    fn holes_are_filled_and_islands_dropped() {
        let before = mask(&["#####....", "#.#.#....", "#####..#.", "....#...#"]);
        let after = mask(&["#####....", "#####....", "#####....", "....#...."]);
        // Two holes of one pixel and an island of one.
        assert_eq!(remove_small_regions(&before, 3), (after, true));
        assert_eq!(remove_small_regions(&before, 1), (before.clone(), false));
        assert_eq!(remove_small_regions(&before, 0), (before, false));
    }

    #[test]
    fn the_largest_of_small_islands_stays() {
        let before = mask(&["#..##..##", "....#...."]);
        assert_eq!(drop_islands(&before, 5), (mask(&["...##....", "....#...."]), true));
        let empty = mask(&["...", "..."]);
        assert_eq!(remove_small_regions(&empty, 7), (mask(&["###", "###"]), true));
        let full = mask(&["###", "###"]);
        assert_eq!(remove_small_regions(&full, 5), (full, false));
    }

    /// Regions by flood fill, in the order of their first pixels.
    fn flooded(mask: &Bitmap, set: bool) -> (Vec<u32>, Vec<usize>) {
        let (height, width) = (mask.height() as i32, mask.width() as i32);
        let mut labels = vec![0; (height * width) as usize];
        let mut areas = Vec::new();
        for start in 0..height * width {
            let mut stack = vec![(start / width, start % width)];
            let number = areas.len() as u32 + 1;
            let mut area = 0;
            while let Some((y, x)) = stack.pop() {
                let inside = (0..height).contains(&y) && (0..width).contains(&x);
                if !inside || labels[(y * width + x) as usize] != 0 {
                    continue;
                }
                if mask.get(y as usize, x as usize) != set {
                    continue;
                }
                labels[(y * width + x) as usize] = number;
                area += 1;
                stack.extend((-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (y + dy, x + dx))));
            }
            if area > 0 {
                areas.push(area);
            }
        }
        (labels, areas)
    }

    proptest! {
        #[test]
        fn regions_are_those_of_a_flood(
            width in 1usize..40, height in 1usize..20, seed: u64, density in 1u64..10, set: bool,
        ) {
            let hash = |y: usize, x: usize| {
                (seed ^ (y * 7919 + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33
            };
            let mask = Bitmap::from_fn(Size::new(height, width), |y, x| hash(y, x) % 10 < density);
            let found = Regions::of(&mask, set);
            prop_assert_eq!((found.labels, found.areas), flooded(&mask, set));
        }
    }
}
