//! Pictures made small from a part of their pixels, where looking at all of them would take longer than decoding.

use crate::image::RgbImage;
use crate::size::Size;

/// Every `step`-th pixel of every `step`-th row, from the top-left one on; what is left over at the right and at the bottom
/// is dropped.
///
/// # Panics
/// Where `step` is 0.
pub fn every_nth(image: &RgbImage, step: usize) -> RgbImage {
    let size = Size::new(image.size.height / step, image.size.width / step);
    let mut data = Vec::with_capacity(3 * size.area());
    for y in 0..size.height {
        let row = image.row(y * step).as_chunks::<3>().0;
        row.iter().step_by(step).take(size.width).for_each(|pixel| data.extend_from_slice(pixel));
    }
    RgbImage { size, data }
}

/// A thumbnail of `side` x `side` cells, `[side, side]` in row order, in BT.601 luma of 0..=255: the mean of at most
/// `taps` x `taps` pixels that are spread evenly through each cell. None for an empty picture.
pub fn luma_thumbnail(image: &RgbImage, side: usize, taps: usize) -> Option<Vec<f32>> {
    if image.size.is_empty() {
        return None;
    }
    let places = |length: usize| -> Vec<Vec<usize>> {
        (0..side)
            .map(|cell| {
                let (from, to) = (cell * length / side, (cell + 1) * length / side);
                let to = to.max(from + 1);
                let taps = (to - from).min(taps);
                (0..taps).map(|tap| from + (2 * tap + 1) * (to - from) / (2 * taps)).collect()
            })
            .collect()
    };
    let (rows, columns) = (places(image.size.height), places(image.size.width));
    let mut thumbnail = Vec::with_capacity(side * side);
    for rows in &rows {
        for columns in &columns {
            let mut sum = [0u32; 3];
            for &y in rows {
                let row = image.row(y).as_chunks::<3>().0;
                for &x in columns {
                    sum.iter_mut().zip(row[x]).for_each(|(sum, level)| *sum += u32::from(level));
                }
            }
            let [r, g, b] = sum.map(|sum| sum as f32 / (rows.len() * columns.len()) as f32);
            thumbnail.push(0.299 * r + 0.587 * g + 0.114 * b);
        }
    }
    Some(thumbnail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of levels 0, 1, 2, ...
    fn ramp(height: usize, width: usize) -> RgbImage {
        let data = (0..height * width).flat_map(|i| [(i % width) as u8; 3]).collect();
        RgbImage::new(Size::new(height, width), data).unwrap()
    }

    #[test]
    fn thinning_keeps_the_first_of_every_step() {
        let thin = every_nth(&ramp(5, 8), 3);
        assert_eq!(thin, RgbImage::new(Size::new(1, 2), vec![0, 0, 0, 3, 3, 3]).unwrap());
        assert_eq!(every_nth(&ramp(4, 6), 1), ramp(4, 6));
        assert_eq!(every_nth(&ramp(4, 6), 5).size, Size::new(0, 1));
    }

    #[test]
    fn thumbnails_are_means_of_their_cells() {
        let near = |found: Option<Vec<f32>>, expected: &[f32]| {
            let found = found.unwrap();
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3)
        };
        // All pixels of a cell of 4 x 2, then the middle one of the upper half alone.
        assert!(near(luma_thumbnail(&ramp(4, 8), 2, 4), &[1.5, 5.5, 1.5, 5.5]));
        assert!(near(luma_thumbnail(&ramp(4, 8), 2, 1), &[2.0, 6.0, 2.0, 6.0]));
        // A picture smaller than the thumbnail repeats its pixels.
        assert!(near(luma_thumbnail(&ramp(1, 1), 2, 6), &[0.0; 4]));
        assert_eq!(luma_thumbnail(&RgbImage::default(), 2, 6), None);
    }
}
