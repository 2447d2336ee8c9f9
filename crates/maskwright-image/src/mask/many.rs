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
    let mut pairs = Pairs::new(masks, Some(others), crowds)?;
    pairs.compare(masks.len());
    Ok(pairs.ious())
}

/// Masks that are compared with others, or with each other, a few rows at a time.
///
/// Areas and boxes are computed once, and masks whose boxes do not meet are not compared. Masks that are compared with
/// each other are compared once for each pair.
pub struct Pairs<'a> {
    ours: Vec<Known>,
    /// None where they are ours.
    theirs: Option<Vec<Known>>,
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
    pub fn new(masks: &[Rle], others: Option<&[Rle]>, crowds: &'a [bool]) -> Result<Self> {
        let columns = others.unwrap_or(masks);
        assert_eq!(columns.len(), crowds.len(), "every other one is a crowd or is not");
        if let (Some(first), false) = (masks.first(), columns.is_empty()) {
            let expected = first.size();
            let other = masks.iter().chain(columns).find(|mask| mask.size() != expected);
            if let Some(other) = other {
                return Err(Error::RleSizes { expected, found: other.size() });
            }
        }
        // A run takes about a nanosecond.
        let runs = |masks: &[Rle]| masks.first().map_or(0, |mask| mask.counts().len());
        let known = |masks| each(masks, 50 + runs(masks), Known::of);
        let (ours, theirs) = (known(masks), others.map(known));
        let pair = (runs(masks) + runs(columns)) / 4 + 10;
        Ok(Self { ours, theirs, crowds, shared: Vec::new(), pair })
    }

    /// Compares so many masks more, on all threads; true where some are left.
    pub fn compare(&mut self, rows: usize) -> bool {
        let from = self.shared.len();
        let rows: Vec<usize> = (from..self.ours.len().min(from + rows)).collect();
        let columns = self.theirs.as_deref().unwrap_or(&self.ours);
        let row = |&row: &usize| -> Vec<u64> {
            let first = if self.theirs.is_some() { 0 } else { row };
            columns[first..].iter().map(|other| self.ours[row].shared(other)).collect()
        };
        let found = each(&rows, self.crowds.len() * self.pair, row);
        self.shared.extend(found);
        self.shared.len() < self.ours.len()
    }

    /// The IoU of the pairs whose masks were compared, row by row.
    pub fn ious(&self) -> Vec<f64> {
        let columns = self.theirs.as_deref().unwrap_or(&self.ours);
        let mut ious = Vec::with_capacity(self.shared.len() * columns.len());
        for (row, mask) in self.ours[..self.shared.len()].iter().enumerate() {
            for (column, (other, crowd)) in columns.iter().zip(self.crowds).enumerate() {
                let shared = match self.theirs {
                    Some(_) => self.shared[row][column],
                    None => self.shared[row.min(column)][row.abs_diff(column)],
                };
                let over = if *crowd { mask.area } else { mask.area + other.area - shared };
                ious.push(if shared == 0 { 0.0 } else { shared as f64 / over as f64 });
            }
        }
        ious
    }
}

/// A mask with what is computed of it once.
struct Known {
    /// Where runs of the foreground start and end.
    runs: Vec<(u32, u32)>,
    area: u64,
    box_xywh: [u32; 4],
}

impl Known {
    fn of(mask: &Rle) -> Self {
        let runs: Vec<(u32, u32)> = mask.foreground().collect();
        Self { runs, area: mask.area(), box_xywh: mask.box_xywh() }
    }

    /// The pixels that both masks have.
    fn shared(&self, other: &Known) -> u64 {
        if self.area == 0 || other.area == 0 || !meet(self.box_xywh, other.box_xywh) {
            return 0;
        }
        let (ours, theirs) = (&self.runs[..], &other.runs[..]);
        // Runs before the other mask begins, and after it ends, are skipped at once.
        let (ours, theirs) = (beside(ours, theirs), beside(theirs, ours));
        let (long, short) = if ours.len() < theirs.len() { (theirs, ours) } else { (ours, theirs) };
        // The runs of the longer list before its middle, and those from there on; a run of the other list may meet both.
        let (before, after) = long.split_at(long.len() / 2);
        let middle = after.first().map_or(u32::MAX, |run| run.0);
        let end = short.partition_point(|run| run.0 < middle);
        let start = short.partition_point(|run| run.1 <= middle);
        let mut first = Pass::new(before, &short[..end]);
        let mut second = Pass::new(after, &short[start..]);
        // In turns, as neither waits for what the other reads.
        while first.goes_on() && second.goes_on() {
            first.step();
            second.step();
        }
        first.finish() + second.finish()
    }
}

/// The runs that lie between the first and the last of others.
fn beside<'a>(runs: &'a [(u32, u32)], others: &[(u32, u32)]) -> &'a [(u32, u32)] {
    let (Some(first), Some(last)) = (others.first(), others.last()) else { return &[] };
    let from = runs.partition_point(|run| run.1 <= first.0);
    let to = runs.partition_point(|run| run.0 < last.1);
    // Both runs of one mask may lie within a gap of the other.
    &runs[from.min(to)..to]
}

/// Goes once over the runs of two masks and counts the pixels that they share.
struct Pass<'a> {
    ours: &'a [(u32, u32)],
    theirs: &'a [(u32, u32)],
    at: (usize, usize),
    shared: u64,
}

impl<'a> Pass<'a> {
    fn new(ours: &'a [(u32, u32)], theirs: &'a [(u32, u32)]) -> Self {
        Self { ours, theirs, at: (0, 0), shared: 0 }
    }

    fn goes_on(&self) -> bool {
        self.at.0 < self.ours.len() && self.at.1 < self.theirs.len()
    }

    /// Compares the next two runs; the one that ends first is done.
    fn step(&mut self) {
        let ((a_start, a_end), (b_start, b_end)) = (self.ours[self.at.0], self.theirs[self.at.1]);
        self.shared += u64::from(a_end.min(b_end).saturating_sub(a_start.max(b_start)));
        self.at.0 += usize::from(a_end <= b_end);
        self.at.1 += usize::from(b_end < a_end);
    }

    fn finish(mut self) -> u64 {
        while self.goes_on() {
            self.step();
        }
        self.shared
    }
}

fn meet([ax, ay, aw, ah]: [u32; 4], [bx, by, bw, bh]: [u32; 4]) -> bool {
    ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah
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
            let mut among = Pairs::new(&masks, None, &crowds).unwrap();
            while among.compare(3) {}
            prop_assert_eq!(among.ious(), found.clone());
            let pairs = masks.iter().flat_map(|a| masks.iter().zip(&crowds).map(move |(b, crowd)| (a, b, crowd)));
            let expected: Vec<f64> = pairs.map(|(a, b, crowd)| a.iou(b, *crowd).unwrap()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
