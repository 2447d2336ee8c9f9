//! Work on whole lists of masks, on all threads.
//!
//! ```
//! use maskwright_image::{Size, mask::{Rle, many}};
//! let texts = ["12200", "9", "09"];
//! let masks = many::each(&texts, 100, |text| Rle::parse(Size::square(3), text.as_bytes()));
//! let masks: Vec<Rle> = masks.into_iter().collect::<Result<_, _>>()?;
//! let ious = many::ious(&masks, &masks[2..], &[false])?;
//! assert_eq!(ious, [4.0 / 9.0, 0.0, 1.0]);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use rayon::prelude::*;

use super::comparable::Comparable;
use super::rle::Rle;
use crate::error::{Error, Result};

/// Nanoseconds of work below which one thread does it: others would have to be woken for it.
const ALONE: usize = 200_000;

/// Applies `work` to every item; the results keep the order. An item takes about so many `nanoseconds`: little work is done by this
/// thread alone.
pub fn each<'a, T: Sync, R: Send>(
    items: &'a [T],
    nanoseconds: usize,
    work: impl Fn(&'a T) -> R + Sync + Send,
) -> Vec<R> {
    if is_little(items.len(), nanoseconds) {
        return items.iter().map(work).collect();
    }
    let together = (ALONE / 8 / nanoseconds.max(1)).max(1);
    items.par_iter().with_min_len(together).map(work).collect()
}

fn is_little(items: usize, nanoseconds: usize) -> bool {
    items < 2 || items.saturating_mul(nanoseconds) < ALONE
}

/// Applies `work` to every item and its own part of `values`, which all are of one length; otherwise as [`each`].
///
/// # Panics
/// Where the values cannot be dealt out evenly.
pub fn each_into<T: Sync, V: Send, R: Send>(
    items: &[T],
    values: &mut [V],
    nanoseconds: usize,
    work: impl Fn(&T, &mut [V]) -> R + Sync + Send,
) -> Vec<R> {
    let part = values.len() / items.len().max(1);
    assert_eq!(part * items.len(), values.len(), "parts of one length");
    if part == 0 {
        return items.iter().map(|item| work(item, &mut [])).collect();
    }
    if is_little(items.len(), nanoseconds) {
        let parts = items.iter().zip(values.chunks_mut(part));
        return parts.map(|(item, values)| work(item, values)).collect();
    }
    let parts = items.par_iter().zip(values.par_chunks_mut(part));
    parts.map(|(item, values)| work(item, values)).collect()
}

/// IoU of every mask with each of `others`, row by row `[masks, others]`; with an other one that is a crowd as
/// [`Rle::iou`] has it. See [`Pairs`].
///
/// # Errors
/// [`Error::RleSizes`] where the masks are not all of one size.
///
/// # Panics
/// Where there are not as many `crowds` as others.
pub fn ious(masks: &[Rle], others: &[Rle], crowds: &[bool]) -> Result<Vec<f64>> {
    let [masks, others] = [masks, others]
        .map(|masks| masks.iter().cloned().map(Comparable::from).collect::<Vec<_>>());
    let mut pairs = Pairs::new(&masks, Some(&others), crowds)?;
    pairs.compare(masks.len());
    Ok(pairs.ious())
}

/// Masks that are compared with others, or with each other, a few rows at a time.
///
/// Masks whose boxes do not meet are not compared. Masks that are compared with each other are compared once for each pair.
pub struct Pairs<'a> {
    masks: &'a [Comparable],
    /// None where they are the masks themselves.
    others: Option<&'a [Comparable]>,
    crowds: &'a [bool],
    /// Pixels that the masks of a pair share, row by row; of masks that are compared with each other, from the diagonal on.
    shared: Vec<Vec<u64>>,
    /// About how long a pair takes, in nanoseconds.
    pair: usize,
}

impl<'a> Pairs<'a> {
    /// Of each of `masks` with each of `others`, or with each of `masks` where there are none.
    ///
    /// # Errors
    /// [`Error::RleSizes`] where the masks are not all of one size.
    ///
    /// # Panics
    /// Where there are not as many `crowds` as others.
    pub fn new(
        masks: &'a [Comparable],
        others: Option<&'a [Comparable]>,
        crowds: &'a [bool],
    ) -> Result<Self> {
        let columns = others.unwrap_or(masks);
        assert_eq!(columns.len(), crowds.len(), "every other one is a crowd or is not");
        if let (Some(first), false) = (masks.first(), columns.is_empty()) {
            let expected = first.size();
            let other = masks.iter().chain(columns).find(|mask| mask.size() != expected);
            if let Some(other) = other {
                return Err(Error::RleSizes { expected, found: other.size() });
            }
        }
        // A run takes about a nanosecond, and most pairs do not meet.
        let runs = |masks: &[Comparable]| masks.first().map_or(0, Comparable::runs);
        let pair = (runs(masks) + runs(columns)) / 8 + 10;
        Ok(Self { masks, others, crowds, shared: Vec::new(), pair })
    }

    /// Compares so many masks more, on all threads; true where some are left.
    pub fn compare(&mut self, rows: usize) -> bool {
        let from = self.shared.len();
        let rows: Vec<usize> = (from..self.masks.len().min(from + rows)).collect();
        let row = |&row: &usize| -> Vec<u64> {
            let mask = &self.masks[row];
            if let Some(others) = self.others {
                return others.iter().map(|other| mask.shared(other)).collect();
            }
            let later = self.masks[row + 1..].iter().map(|other| mask.shared(other));
            [mask.area()].into_iter().chain(later).collect()
        };
        let found = each(&rows, self.crowds.len() * self.pair, row);
        self.shared.extend(found);
        self.shared.len() < self.masks.len()
    }

    /// The IoU of the pairs whose masks were compared, row by row.
    pub fn ious(&self) -> Vec<f64> {
        let columns = self.others.unwrap_or(self.masks);
        let mut ious = Vec::with_capacity(self.shared.len() * columns.len());
        for (row, mask) in self.masks[..self.shared.len()].iter().enumerate() {
            for (column, (other, crowd)) in columns.iter().zip(self.crowds).enumerate() {
                let shared = match self.others {
                    Some(_) => self.shared[row][column],
                    None => self.shared[row.min(column)][row.abs_diff(column)],
                };
                let over = if *crowd { mask.area() } else { mask.area() + other.area() - shared };
                ious.push(if shared == 0 { 0.0 } else { shared as f64 / over as f64 });
            }
        }
        ious
    }
}

/// IoU of boxes `[x, y, width, height]`, row by row `[boxes, others]`; with an other one that is a crowd, the share of the
/// box that lies in it.
///
/// # Panics
/// Where there are not as many `crowds` as others.
///
/// ```
/// use maskwright_image::mask::many::box_ious;
/// let ious = box_ious(&[[0.0, 0.0, 2.0, 2.0]], &[[1.0, 0.0, 2.0, 2.0], [1.0, 0.0, 2.0, 2.0]], &[false, true]);
/// assert_eq!(ious, [2.0 / 6.0, 0.5]);
/// ```
pub fn box_ious(boxes: &[[f64; 4]], others: &[[f64; 4]], crowds: &[bool]) -> Vec<f64> {
    assert_eq!(others.len(), crowds.len(), "every other one is a crowd or is not");
    let one = |[ax, ay, aw, ah]: [f64; 4], [bx, by, bw, bh]: [f64; 4], crowd: bool| {
        let width = (aw + ax).min(bw + bx) - ax.max(bx);
        let height = (ah + ay).min(bh + by) - ay.max(by);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let shared = width * height;
        shared / if crowd { aw * ah } else { aw * ah + bw * bh - shared }
    };
    let pairs =
        boxes.iter().flat_map(|a| others.iter().zip(crowds).map(move |(b, crowd)| (a, b, crowd)));
    pairs.map(|(a, b, crowd)| one(*a, *b, *crowd)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Bitmap;
    use crate::size::Size;
    use proptest::prelude::*;

    fn square(size: usize, from: usize, to: usize) -> Rle {
        let inside = |at: usize| (from..to).contains(&at);
        Rle::from_bitmap(&Bitmap::from_fn(Size::square(size), |y, x| inside(y) && inside(x)))
    }

    #[test]
    fn parts_are_dealt_out_in_order() {
        let items: Vec<usize> = (0..100).collect();
        // Alone and on all threads.
        for nanoseconds in [1, 1_000_000] {
            dealt_out(&items, nanoseconds);
            assert_eq!(each(&items, nanoseconds, |item| item + 1), (1..101).collect::<Vec<_>>());
        }
        assert_eq!(each_into(&[1, 2], &mut [0u8; 0], 1, |&item, part| item + part.len()), [1, 2]);
        assert!(each_into(&[0u8; 0], &mut [0u8; 0], 1, |_, _| ()).is_empty());
    }

    fn dealt_out(items: &[usize], nanoseconds: usize) {
        let mut values = vec![0; 300];
        let done = each_into(items, &mut values, nanoseconds, |&item, part| {
            part.fill(item);
            item
        });
        assert_eq!(done, items);
        assert!(values.chunks(3).zip(items).all(|(part, item)| part == [*item; 3]));
    }

    #[test]
    fn masks_of_other_sizes_are_refused_and_empty_ones_share_nothing() {
        let (small, large) = (square(5, 1, 3), square(6, 1, 3));
        assert_eq!(
            ious(&[small.clone(), large.clone()], std::slice::from_ref(&small), &[false]),
            Err(Error::RleSizes { expected: small.size(), found: large.size() })
        );
        assert_eq!(ious(&[square(5, 0, 0)], &[square(5, 0, 0)], &[false]), Ok(vec![0.0]));
        assert_eq!(ious(&[], &[small], &[false]), Ok(vec![]));
    }

    proptest! {
        /// The matrix has what each pair has alone.
        #[test]
        fn the_matrix_is_that_of_pairs(sides in prop::collection::vec((0usize..9, 0usize..9), 0..12)) {
            let masks: Vec<Rle> = sides.iter().map(|&(from, to)| square(8, from, to)).collect();
            let crowds: Vec<bool> = (0..masks.len()).map(|k| k % 3 == 0).collect();
            let found = ious(&masks, &masks, &crowds).unwrap();
            let comparable: Vec<_> = masks.iter().cloned().map(Comparable::from).collect();
            let mut among = Pairs::new(&comparable, None, &crowds).unwrap();
            while among.compare(3) {}
            prop_assert_eq!(among.ious(), found.clone());
            let pairs = masks.iter().flat_map(|a| masks.iter().zip(&crowds).map(move |(b, crowd)| (a, b, crowd)));
            let expected: Vec<f64> = pairs.map(|(a, b, crowd)| a.iou(b, *crowd).unwrap()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
