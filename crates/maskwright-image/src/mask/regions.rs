//! Connected regions of pixels (8 neighbours).

use crate::size::Size;

/// Numbers the 8-connected regions of the pixels that are `set`, called with row and column: `labels` becomes, row by row,
/// the number of each pixel's region, from 1 on in the order of their first pixels, and 0 for all other pixels. Returns the
/// pixels of each region.
///
/// Pixels that touch at a corner belong together. Runs of pixels are joined to the runs that touch them in the row above, by
/// union-find (Rosenfeld and Pfaltz, 1966).
///
/// ```
/// use maskwright_image::{Size, mask::label_regions};
/// let rows = ["#..#", ".#.#"];
/// let mut labels = Vec::new();
/// let areas = label_regions(Size::new(2, 4), |y, x| rows[y].as_bytes()[x] == b'#', &mut labels);
/// assert_eq!(areas, [2, 2]);
/// assert_eq!(labels, [1, 0, 0, 2, 0, 1, 0, 2]);
/// ```
pub fn label_regions(
    size: Size,
    set: impl Fn(usize, usize) -> bool,
    labels: &mut Vec<u32>,
) -> Vec<usize> {
    label_equal_regions(size, |y, x| u32::from(set(y, x)), labels)
}

/// As [`label_regions`], of pixels that have a `number`: only pixels of one number belong together, and those of number 0 to none.
///
/// ```
/// use maskwright_image::{Size, mask::label_equal_regions};
/// let rows = ["1120", "2110"];
/// let mut labels = Vec::new();
/// let number = |y: usize, x: usize| u32::from(rows[y].as_bytes()[x] - b'0');
/// assert_eq!(label_equal_regions(Size::new(2, 4), number, &mut labels), [4, 1, 1]);
/// assert_eq!(labels, [1, 1, 2, 0, 3, 1, 1, 0]);
/// ```
pub fn label_equal_regions(
    Size { height, width }: Size,
    number: impl Fn(usize, usize) -> u32,
    labels: &mut Vec<u32>,
) -> Vec<usize> {
    labels.clear();
    labels.resize(height * width, 0);
    // For every number one that it met, at last itself; smaller numbers are nearer to the end.
    let mut met: Vec<u32> = vec![0];
    // Where runs begin and end, their regions, and the numbers of their pixels.
    let (mut above, mut here): (Vec<(usize, usize, u32, u32)>, Vec<_>) = (Vec::new(), Vec::new());
    for y in 0..height {
        let (mut x, mut from) = (0, 0);
        while x < width {
            let own = number(y, x);
            if own == 0 {
                x += 1;
                continue;
            }
            let first = x;
            while x < width && number(y, x) == own {
                x += 1;
            }
            // A run above touches, also by a corner, if it reaches `first - 1` and begins at `x` or before.
            while from < above.len() && above[from].1 < first {
                from += 1;
            }
            let touching = above[from..].iter().take_while(|run| run.0 <= x);
            let touching = touching.filter(|run| run.3 == own).map(|run| run.2);
            let region = touching.reduce(|a, b| join(&mut met, a, b)).unwrap_or_else(|| {
                met.push(met.len() as u32);
                met.len() as u32 - 1
            });
            labels[y * width + first..y * width + x].fill(region);
            here.push((first, x, region, own));
        }
        std::mem::swap(&mut above, &mut here);
        here.clear();
    }
    // A least number is that of its region's first pixel, so their order is the order of the regions.
    let mut regions = 0;
    for number in 1..met.len() {
        met[number] = match met[number] as usize {
            itself if itself == number => {
                regions += 1;
                regions
            }
            // Those before have their final numbers already.
            smaller => met[smaller],
        };
    }
    let mut areas = vec![0; regions as usize];
    for label in labels.iter_mut().filter(|label| **label > 0) {
        *label = met[*label as usize];
        areas[*label as usize - 1] += 1;
    }
    areas
}

/// Notes that two numbers belong to one region, and returns the least of it.
fn join(met: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (least(met, a), least(met, b));
    let (low, high) = (a.min(b), a.max(b));
    met[high as usize] = low;
    low
}

/// The least number of a region; the way to it is halved for the next time.
fn least(met: &mut [u32], mut number: u32) -> u32 {
    while met[number as usize] != number {
        let next = met[met[number as usize] as usize];
        met[number as usize] = next;
        number = next;
    }
    number
}
