//! Pictures of numbers, in which every number but 0 is an object: to masks and back.

use std::collections::BTreeMap;

use super::rle::{Rle, counted};
use crate::error::Result;
use crate::size::Size;

/// The mask of every number but 0 of a picture `[height, width]`, row by row, in the order of the numbers.
///
/// # Errors
/// [`crate::Error::BufferSize`] where there are not height x width numbers, [`crate::Error::RleSize`] where that is over `u32::MAX`.
///
/// ```
/// use maskwright_image::{Size, mask::{draw_instances, instances}};
/// let picture = [7, 7, 0, 2, 7, 2];
/// let found = instances(Size::new(2, 3), &picture)?;
/// let areas: Vec<_> = found.iter().map(|(number, mask)| (*number, mask.area())).collect();
/// assert_eq!(areas, [(2, 2), (7, 3)]);
/// let mut drawn = [0; 6];
/// found.iter().try_for_each(|(number, mask)| draw_instances(mask, *number, &mut drawn))?;
/// assert_eq!(drawn, picture);
/// # Ok::<(), maskwright_image::Error>(())
/// ```
pub fn instances(size: Size, numbers: &[u32]) -> Result<Vec<(u32, Rle)>> {
    let pixels = counted(size, numbers.len())?;
    let mut found: BTreeMap<u32, Runs> = BTreeMap::new();
    let (mut last, mut start) = (0, 0);
    for x in 0..size.width {
        for y in 0..size.height {
            let number = numbers[y * size.width + x];
            if number != last {
                let at = (x * size.height + y) as u32;
                found.entry(last).or_default().add(start, at);
                (last, start) = (number, at);
            }
        }
    }
    found.entry(last).or_default().add(start, pixels);
    found.remove(&0);
    let whole = |(number, runs): (u32, Runs)| Ok((number, Rle::new(size, runs.finish(pixels))?));
    found.into_iter().map(whole).collect()
}

/// Writes `number` to the pixels of a mask in a picture `[height, width]`, row by row; others stay.
///
/// # Errors
/// [`crate::Error::BufferSize`] where the picture has not the size of the mask.
pub fn draw_instances(mask: &Rle, number: u32, picture: &mut [u32]) -> Result<()> {
    counted(mask.size(), picture.len())?;
    let (height, width) = (mask.height() as u32, mask.width());
    for (start, end) in mask.foreground() {
        for at in start..end {
            picture[(at % height) as usize * width + (at / height) as usize] = number;
        }
    }
    Ok(())
}

/// The runs of one number while they are found.
#[derive(Default)]
struct Runs {
    counts: Vec<u32>,
    end: u32,
}

impl Runs {
    /// Adds foreground; runs come in order and never touch.
    fn add(&mut self, start: u32, end: u32) {
        if start < end {
            self.counts.extend([start - self.end, end - start]);
            self.end = end;
        }
    }

    fn finish(mut self, pixels: u32) -> Vec<u32> {
        if self.end < pixels {
            self.counts.push(pixels - self.end);
        }
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Bitmap;
    use proptest::prelude::*;

    #[test]
    fn pictures_without_objects_and_of_one_object() {
        assert_eq!(instances(Size::new(2, 2), &[0; 4]), Ok(vec![]));
        assert_eq!(instances(Size::new(0, 2), &[]), Ok(vec![]));
        let whole = Rle::new(Size::new(2, 2), vec![0, 4]).unwrap();
        assert_eq!(instances(Size::new(2, 2), &[3; 4]), Ok(vec![(3, whole.clone())]));
        assert!(instances(Size::new(2, 2), &[3; 5]).is_err());
        assert!(draw_instances(&whole, 1, &mut [0; 3]).is_err());
    }

    proptest! {
        /// Each mask is that of its number's pixels, and all together are the picture.
        #[test]
        fn masks_are_those_of_their_pixels(height in 1usize..20, width in 1usize..20, seed: u64) {
            let hash = |at: usize| (seed ^ at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let size = Size::new(height, width);
            let numbers: Vec<u32> = (0..size.area()).map(|at| (hash(at / 3) % 4) as u32).collect();
            let found = instances(size, &numbers).unwrap();
            let mut drawn = vec![0; size.area()];
            for (number, mask) in &found {
                let pixels = Bitmap::from_fn(size, |y, x| numbers[y * width + x] == *number);
                prop_assert_eq!(mask, &Rle::from_bitmap(&pixels));
                draw_instances(mask, *number, &mut drawn).unwrap();
            }
            prop_assert_eq!(drawn, numbers);
        }
    }
}
