//! Point prompts.

use maskwright_image::Size;
use maskwright_image::mask::Bitmap;
use serde::{Deserialize, Serialize};

use crate::random::Keyed;

/// A click: pixel indices in the frame of its prompt, and whether it lies on the object.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Column, to the right.
    pub x: f32,
    /// Row, downwards.
    pub y: f32,
    /// 1 on the object, 0 on the background.
    pub label: i32,
}

/// `k` foreground pixels in random order, each set of different pixels equally likely.
///
/// If the foreground has fewer than `k` pixels, all of them come once and then some again; if it
/// has none, the result is empty.
pub fn foreground_points(foreground: &Bitmap, k: usize, draw: &mut Keyed) -> Vec<Point> {
    foreground_points_with(foreground, k, draw, &mut Vec::new())
}

/// As [`foreground_points`], with memory to work in.
pub(super) fn foreground_points_with(
    foreground: &Bitmap,
    k: usize,
    draw: &mut Keyed,
    ranks: &mut Vec<usize>,
) -> Vec<Point> {
    distinct_ranks(foreground.count(), k, draw, ranks);
    let mut points = Vec::with_capacity(k);
    let pixels = ranks.iter().filter_map(|&rank| foreground.nth(rank));
    points.extend(pixels.map(|(x, y)| Point { x: x as f32, y: y as f32, label: 1 }));
    points
}

/// `k` pixels of the background inside `visible`, in random order.
///
/// Fewer background pixels than `k` are repeated; where there are none, the result is empty.
pub fn background_points(
    foreground: &Bitmap,
    visible: Size,
    k: usize,
    draw: &mut Keyed,
) -> Vec<Point> {
    let background = Bitmap::from_fn(visible, |y, x| !foreground.get(y, x));
    let points = foreground_points(&background, k, draw);
    points.into_iter().map(|point| Point { label: 0, ..point }).collect()
}

/// Makes `ranks` `k` numbers below `count`, different ones as far as there are.
fn distinct_ranks(count: usize, k: usize, draw: &mut Keyed, ranks: &mut Vec<usize>) {
    ranks.clear();
    if count == 0 {
        return;
    }
    // Floyd's sampling: k draws whatever the count, each set of ranks equally likely.
    let distinct = k.min(count);
    for top in count - distinct..count {
        let rank = draw.below(top as u64 + 1) as usize;
        ranks.push(if ranks.contains(&rank) { top } else { rank });
    }
    for last in (1..ranks.len()).rev() {
        ranks.swap(last, draw.below(last as u64 + 1) as usize);
    }
    while ranks.len() < k {
        ranks.push(draw.below(count as u64) as usize);
    }
}

/// The foreground pixel `(x, y)` that is farthest from the background, or `None` if there is no
/// foreground.
///
/// What lies outside the frame counts as background. Distances are 3-4 chamfer distances
/// (Borgefors, 1986), within 8% of Euclidean; of equally deep pixels the first in row order is
/// taken.
pub fn centre_point(foreground: &Bitmap) -> Option<(usize, usize)> {
    let (h, w) = (foreground.height(), foreground.width());
    let stride = w + 2;
    // A frame of background one pixel wide spares all bounds checks of the neighbours.
    let mut distance = vec![0u32; (h + 2) * stride];
    for y in 0..h {
        for x in 0..w {
            if foreground.get(y, x) {
                let at = (y + 1) * stride + x + 1;
                let above = at - stride;
                distance[at] = (distance[at - 1] + 3)
                    .min(distance[above] + 3)
                    .min(distance[above - 1] + 4)
                    .min(distance[above + 1] + 4);
            }
        }
    }
    let mut deepest: Option<(u32, (usize, usize))> = None;
    for y in (0..h).rev() {
        for x in (0..w).rev() {
            let at = (y + 1) * stride + x + 1;
            if distance[at] > 0 {
                let below = at + stride;
                let value = distance[at]
                    .min(distance[at + 1] + 3)
                    .min(distance[below] + 3)
                    .min(distance[below - 1] + 4)
                    .min(distance[below + 1] + 4);
                distance[at] = value;
                // The scan runs backwards: of equals the last one seen is the first in row order.
                if deepest.is_none_or(|(depth, _)| value >= depth) {
                    deepest = Some((value, (x, y)));
                }
            }
        }
    }
    deepest.map(|(_, pixel)| pixel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn draw(record: u64) -> Keyed {
        Keyed::new(3, 0, record, Purpose::Points)
    }

    #[test]
    fn points_are_different_and_on_the_object() {
        let disc = Bitmap::from_fn(Size::new(64, 80), |y, x| {
            (y as i32 - 30).pow(2) + (x as i32 - 40).pow(2) < 200
        });
        for record in 0..200 {
            let points = foreground_points(&disc, 10, &mut draw(record));
            assert_eq!(points.len(), 10);
            let mut pixels: Vec<_> = points.iter().map(|p| (p.x as usize, p.y as usize)).collect();
            assert!(pixels.iter().all(|&(x, y)| disc.get(y, x)));
            pixels.sort();
            pixels.dedup();
            assert_eq!(pixels.len(), 10);
        }
    }

    #[test]
    fn every_pixel_is_equally_likely_at_every_place() {
        let row = Bitmap::from_fn(Size::new(3, 70), |y, x| y == 1 && x >= 50);
        let (mut any, mut first) = ([0u32; 20], [0u32; 20]);
        for record in 0..4000 {
            let points = foreground_points(&row, 5, &mut draw(record));
            first[points[0].x as usize - 50] += 1;
            for point in points {
                any[point.x as usize - 50] += 1;
            }
        }
        let chi2 = |counts: [u32; 20], mean: f64| -> f64 {
            counts.iter().map(|&n| (f64::from(n) - mean).powi(2) / mean).sum()
        };
        // 19 degrees of freedom: 43.8 is passed once in a thousand.
        assert!(chi2(first, 200.0) < 43.8, "{first:?}");
        assert!(chi2(any, 1000.0) < 43.8, "{any:?}");
    }

    #[test]
    fn small_objects_give_all_their_pixels() {
        let three = Bitmap::from_fn(Size::square(5), |y, x| y == 2 && x < 3);
        let points = foreground_points(&three, 7, &mut draw(0));
        assert_eq!(points.len(), 7);
        let mut firsts: Vec<_> = points[..3].iter().map(|p| p.x as i32).collect();
        firsts.sort();
        assert_eq!(firsts, [0, 1, 2]);
        assert!(
            foreground_points(&Bitmap::from_fn(Size::square(5), |_, _| false), 7, &mut draw(0))
                .is_empty()
        );
    }

    #[test]
    fn background_points_avoid_object_and_padding() {
        let left = Bitmap::from_fn(Size::square(20), |_, x| x < 5);
        for record in 0..50 {
            for point in background_points(&left, Size::new(10, 8), 6, &mut draw(record)) {
                assert_eq!(point.label, 0);
                assert!(point.y < 10.0 && (5.0..8.0).contains(&point.x));
            }
        }
        assert!(background_points(&left, Size::new(10, 5), 6, &mut draw(0)).is_empty());
    }

    #[test]
    fn the_centre_is_deep_inside() {
        let square =
            Bitmap::from_fn(Size::square(40), |y, x| (10..21).contains(&y) && (5..16).contains(&x));
        assert_eq!(centre_point(&square), Some((10, 15)));
        // A handle does not pull the centre off the blade; the border is background.
        let pan = Bitmap::from_fn(Size::new(9, 60), |y, x| y == 4 || x < 9);
        assert_eq!(centre_point(&pan), Some((4, 4)));
        assert_eq!(centre_point(&Bitmap::from_fn(Size::square(4), |_, _| false)), None);
    }
}
