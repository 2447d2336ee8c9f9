//! A mask as one that is compared with many others: where its runs start and end, its area and the box around it.

use super::rle::Rle;
use crate::size::Size;

/// A mask with what comparing it takes, which is computed once.
///
/// ```
/// use maskwright_image::{Size, mask::{Comparable, Rle}};
/// let masks = ["12200", "09"].map(|text| Rle::parse(Size::square(3), text.as_bytes()));
/// let [corner, all] = masks.map(|mask| mask.map(Comparable::from));
/// assert_eq!(corner?.shared(&all?), 4);
/// # Ok::<(), maskwright_image::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Comparable {
    size: Size,
    /// Where background and foreground end, in turns: where a run of the foreground starts, and where it ends. Runs of no pixel
    /// are among them.
    ends: Vec<u32>,
    area: u64,
    box_xywh: [u32; 4],
}

/// The mask's runs make room for their ends.
impl From<Rle> for Comparable {
    fn from(mask: Rle) -> Self {
        let size = mask.size();
        let height = size.height as u32;
        let mut ends = mask.into_counts();
        // Background behind the last foreground.
        ends.truncate(ends.len() & !1);
        let (mut area, mut end) = (0, 0);
        // The box, as `Rle::box_xywh` has it. `column` is the number of the first pixel of the column that a run starts in: mostly
        // that of the run before, or the next.
        let (mut column, mut first, mut last, mut top, mut bottom) = (0, u32::MAX, 0, height, 0);
        for [background, foreground] in ends.as_chunks_mut().0 {
            let start = end + *background;
            end = start + *foreground;
            (*background, *foreground) = (start, end);
            if start < end {
                if start - column >= height {
                    column += height;
                    if start - column >= height {
                        column = start / height * height;
                    }
                }
                area += end - start;
                (first, last) = (first.min(start), end - 1);
                (top, bottom) = (top.min(start - column), bottom.max(end - column));
            }
        }
        if area == 0 {
            return Self { size, ends: Vec::new(), area: 0, box_xywh: [0; 4] };
        }
        // A run goes on in the next column, from its top.
        if bottom > height {
            (top, bottom) = (0, height);
        }
        let (left, right) = (first / height, last / height);
        let box_xywh = [left, top, right + 1 - left, bottom - top];
        Self { size, ends, area: u64::from(area), box_xywh }
    }
}

impl Comparable {
    /// Height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Foreground pixels.
    pub fn area(&self) -> u64 {
        self.area
    }

    /// About how many runs the foreground has.
    pub(super) fn runs(&self) -> usize {
        self.ends.len() / 2
    }

    fn foreground(&self) -> &[[u32; 2]] {
        self.ends.as_chunks().0
    }

    /// The pixels that are foreground in both masks, which have one size.
    pub fn shared(&self, other: &Self) -> u64 {
        if self.area == 0 || other.area == 0 || !meet(self.box_xywh, other.box_xywh) {
            return 0;
        }
        let (ours, theirs) = (self.foreground(), other.foreground());
        // Runs before the other mask begins, and after it ends, are skipped at once.
        let (mut ours, mut theirs) = (beside(ours, theirs).iter(), beside(theirs, ours).iter());
        let (Some(mut a), Some(mut b)) = (ours.next(), theirs.next()) else { return 0 };
        let mut shared = 0;
        loop {
            shared += u64::from(a[1].min(b[1]).saturating_sub(a[0].max(b[0])));
            // The run that ends first is done, or both are: those of masks that agree end together.
            let (a_done, b_done) = (a[1] <= b[1], b[1] <= a[1]);
            if a_done {
                let Some(next) = ours.next() else { return shared };
                a = next;
            }
            if b_done {
                let Some(next) = theirs.next() else { return shared };
                b = next;
            }
        }
    }
}

/// The runs that lie between the first and the last of others.
fn beside<'a>(runs: &'a [[u32; 2]], others: &[[u32; 2]]) -> &'a [[u32; 2]] {
    let (Some(first), Some(last)) = (others.first(), others.last()) else { return &[] };
    let begins = runs.first().is_none_or(|run| run[1] > first[0]);
    let ends = runs.last().is_none_or(|run| run[0] < last[1]);
    let from = if begins { 0 } else { runs.partition_point(|run| run[1] <= first[0]) };
    let to = if ends { runs.len() } else { runs.partition_point(|run| run[0] < last[1]) };
    // Both runs of one mask may lie within a gap of the other.
    &runs[from.min(to)..to]
}

fn meet([ax, ay, aw, ah]: [u32; 4], [bx, by, bw, bh]: [u32; 4]) -> bool {
    ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs of a mask of this size, of no pixel among them.
    fn runs(size: Size) -> impl Strategy<Value = Rle> {
        let run = prop_oneof![1 => Just(0u32), 4 => 1..4u32, 2 => 1..(3 * size.height as u32 + 1)];
        prop::collection::vec(run, 0..60).prop_map(move |mut runs| {
            let mut left = size.area() as u32;
            runs.iter_mut().for_each(|run| {
                *run = left.min(*run);
                left -= *run;
            });
            runs.push(left);
            Rle::new(size, runs).expect("they cover the mask")
        })
    }

    fn sizes() -> impl Strategy<Value = Size> {
        (1usize..9, 1usize..30).prop_map(|(height, width)| Size::new(height, width))
    }

    proptest! {
        #[test]
        fn what_is_known_of_a_mask_is_what_it_says_itself(mask in sizes().prop_flat_map(runs)) {
            let known = Comparable::from(mask.clone());
            prop_assert_eq!(known.size(), mask.size());
            prop_assert_eq!(known.area(), mask.area());
            prop_assert_eq!(known.box_xywh, mask.box_xywh());
        }

        #[test]
        fn masks_share_what_the_plain_count_says(
            (a, b) in sizes().prop_flat_map(|size| (runs(size), runs(size))),
        ) {
            let expected = a.shared(&b);
            let [a, b] = [a, b].map(Comparable::from);
            prop_assert_eq!(a.shared(&b), expected);
            prop_assert_eq!(b.shared(&a), expected);
            prop_assert_eq!(a.shared(&a), a.area());
        }
    }

    #[test]
    fn the_largest_mask_has_a_box() {
        let size = Size::new(1, u32::MAX as usize);
        let mask = Rle::new(size, vec![u32::MAX - 2, 2]).expect("they cover the mask");
        let known = Comparable::from(mask.clone());
        assert_eq!(known.box_xywh, mask.box_xywh());
        let empty = Comparable::from(Rle::new(Size::new(0, 3), vec![]).expect("it is empty"));
        assert_eq!((empty.area(), empty.box_xywh), (0, [0; 4]));
    }
}
