//! The objects of an image in one picture, each its number; and the rows of a list that names pictures.

use maskwright_image::decode::Format;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{Error, GreyImage, Result, Size, encode};

use crate::source::LeftOut;

/// The objects of an image in one picture.
pub struct InstancePicture {
    /// The picture, grey: 0 is background, and the numbers of the objects from 1 on are in their order. It has 8 bits as long as they
    /// suffice, otherwise 16; 255 is a number as any other.
    pub png: Vec<u8>,
    /// How many pixels each object has in the picture. Where objects overlap they are the smallest one's; one of which smaller ones have
    /// every pixel has none.
    pub areas: Vec<u64>,
    numbers: Vec<u16>,
    size: Size,
}

impl InstancePicture {
    /// Draws masks of one size, the smallest on top; of two that are as large the later.
    ///
    /// # Errors
    /// [`Error::Encode`] for no mask, or for more than 65535.
    pub fn of(masks: &[&Rle]) -> Result<InstancePicture> {
        let size = masks.first().map_or(Size::square(0), |mask| mask.size());
        if masks.len() > usize::from(u16::MAX) {
            let reason = format!("expected at most {} objects, found {}", u16::MAX, masks.len());
            return Err(Error::Encode { format: Format::Png, reason });
        }
        let numbers = drawn(masks, size);
        let png = match u8::try_from(masks.len()) {
            Ok(_) => {
                let data = numbers.iter().map(|&number| number as u8).collect();
                GreyImage::new(size, data).and_then(|grey| encode::png_grey(&grey))
            }
            Err(_) => encode::png_grey16(size, &numbers),
        }?;
        let mut areas = vec![0; masks.len() + 1];
        numbers.iter().for_each(|&number| areas[usize::from(number)] += 1);
        areas.remove(0);
        Ok(InstancePicture { png, areas, numbers, size })
    }

    /// What the picture holds of an object; objects count from 0 here.
    pub fn held(&self, object: usize) -> Rle {
        let row = |y: usize| &self.numbers[y * self.size.width..][..self.size.width];
        let is_its = |y: usize, x: usize| usize::from(row(y)[x]) == object + 1;
        Rle::from_bitmap(&Bitmap::from_fn(self.size, is_its))
    }
}

/// What pictures do not hold of their objects, because these overlap.
#[derive(Debug, Clone)]
pub struct Overlaps {
    overlapping: LeftOut,
    covered: LeftOut,
}

impl Default for Overlaps {
    fn default() -> Overlaps {
        Overlaps {
            overlapping: LeftOut::none("objects that lost the pixels that a smaller one has, too"),
            covered: LeftOut::none("objects of which smaller ones have every pixel"),
        }
    }
}

impl Overlaps {
    /// Counts what a picture of these masks does not hold.
    pub fn count(&mut self, record: &str, masks: &[&Rle], picture: &InstancePicture) {
        for (mask, &area) in masks.iter().zip(&picture.areas) {
            match area {
                0 => self.covered.add(|| record.to_owned()),
                area if area < mask.area() => self.overlapping.add(|| record.to_owned()),
                _ => {}
            }
        }
    }

    /// Adds those of further images.
    pub fn join(&mut self, other: Overlaps) {
        self.overlapping.join(other.overlapping);
        self.covered.join(other.covered);
    }

    /// What was counted, nothing of it where there are no overlaps.
    pub fn into_list(self) -> Vec<LeftOut> {
        [self.overlapping, self.covered].into_iter().filter(|left| left.count > 0).collect()
    }
}

/// The numbers of an image's objects, row by row; where objects overlap that of the smallest.
fn drawn(masks: &[&Rle], size: Size) -> Vec<u16> {
    let mut order: Vec<usize> = (0..masks.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(masks[at].area()), at));
    let mut numbers = vec![0; size.area()];
    for at in order {
        let (mut from, mut set) = (0usize, false);
        // Runs go down the columns.
        for &run in masks[at].counts() {
            let end = from + run as usize;
            if set {
                for pixel in from..end {
                    let (x, y) = (pixel / size.height, pixel % size.height);
                    numbers[y * size.width + x] = at as u16 + 1;
                }
            }
            (from, set) = (end, !set);
        }
    }
    numbers
}

/// A row of a list with these columns, with its end: quoted where commas or the like are in them.
pub fn list_row(columns: [&str; 3]) -> String {
    columns.map(column).join(",") + "\n"
}

/// A text as a column of a list.
fn column(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r', ';', '\t']) || text != text.trim() {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_object_is_on_top_and_what_is_covered_is_said() {
        let size = Size::new(4, 6);
        let mask = |from: usize, to: usize| {
            Rle::from_bitmap(&Bitmap::from_fn(size, |_, x| (from..to).contains(&x)))
        };
        let (small, large, same) = (mask(1, 3), mask(0, 5), mask(1, 3));
        let picture = InstancePicture::of(&[&small, &large, &same]).expect("drawn");
        assert_eq!(picture.areas, [0, 12, 8]);
        assert_eq!(picture.held(2), same);
        let mut overlaps = Overlaps::default();
        overlaps.count("a", &[&small, &large, &same], &picture);
        let said: Vec<String> = overlaps.into_list().iter().map(LeftOut::to_string).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        1 objects that lost the pixels that a smaller one has, too (first: a)
        1 objects of which smaller ones have every pixel (first: a)
        ");
        assert_eq!((picture.held(0).area(), picture.held(1).area()), (0, 12));
        assert!(InstancePicture::of(&[]).is_err());
    }

    #[test]
    fn columns_are_quoted_where_a_list_would_end_them() {
        assert_eq!(list_row(["a,b.jpg", "c\"d.png", "e"]), "\"a,b.jpg\",\"c\"\"d.png\",e\n");
        assert_eq!(list_row(["a b", " c", ""]), "a b,\" c\",\n");
    }
}
