//! The run-length mask: its size and its runs.

use crate::error::{Error, Result};
use crate::size::Size;

/// Run lengths of a binary mask in column-major order, starting with background. The sum is height x width.
///
/// COCO's and SA-1B's form of a mask; see the [module](super) for the format. Runs of zero pixels are legal anywhere;
/// what this crate makes has one at most, first, where pixel (0, 0) is foreground.
///
/// Height x width is at most `u32::MAX`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rle {
    size: Size,
    counts: Vec<u32>,
}

impl Rle {
    /// Wraps runs.
    ///
    /// # Errors
    /// [`Error::RleSum`] where the runs do not sum to height x width, [`Error::RleSize`] where that is over `u32::MAX`.
    pub fn new(size: Size, counts: Vec<u32>) -> Result<Self> {
        let mut sum = RunSum::new(size)?;
        counts.iter().try_for_each(|&run| sum.add(run))?;
        sum.finish()?;
        Ok(Self { size, counts })
    }

    /// Makes this the mask that [`Self::new`] would give, in the memory that it has.
    ///
    /// # Errors
    /// As [`Self::new`]; then this is a mask of 0 x 0 pixels.
    pub fn set_counts(&mut self, size: Size, counts: impl IntoIterator<Item = u32>) -> Result<()> {
        self.refill(size, |into| {
            let mut sum = RunSum::new(size)?;
            for run in counts {
                sum.add(run)?;
                into.push(run);
            }
            sum.finish()
        })
    }

    /// Takes the size, and the runs that `fill` adds to the emptied list; where it fails, the mask is left without
    /// pixels. `fill` answers for the runs' sum.
    pub(super) fn refill(
        &mut self,
        size: Size,
        fill: impl FnOnce(&mut Vec<u32>) -> Result<()>,
    ) -> Result<()> {
        self.counts.clear();
        let filled = fill(&mut self.counts);
        if filled.is_err() {
            self.counts.clear();
            self.size = Size::default();
        } else {
            self.size = size;
        }
        filled
    }

    /// Height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.size.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.size.width
    }

    /// The runs: background, foreground, background, ... down the columns, from left to right.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The runs, whose memory may be used for something else.
    pub(super) fn into_counts(self) -> Vec<u32> {
        self.counts
    }

    /// The foreground runs that have pixels: where each starts and where it ends, as column-major pixel numbers.
    pub(super) fn foreground(&self) -> impl Iterator<Item = (u32, u32)> {
        foreground(&self.counts)
    }
}

/// As [`Rle::foreground`], of runs alone.
pub(super) fn foreground(counts: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    let mut at = 0;
    counts.chunks(2).filter_map(move |pair| {
        let start = at + pair[0];
        at = start + pair.get(1).copied().unwrap_or(0);
        (start < at).then_some((start, at))
    })
}

/// Height x width, where it can be counted.
pub(super) fn pixels(size: Size) -> Result<u32> {
    u32::try_from(size.area()).map_err(|_| Error::RleSize { size })
}

/// Height x width, where there are as many values of an array.
pub(super) fn counted(size: Size, found: usize) -> Result<u32> {
    let pixels = pixels(size)?;
    if found != pixels as usize {
        return Err(Error::BufferSize { size, channels: 1, expected: pixels as usize, found });
    }
    Ok(pixels)
}

/// Holds runs to height x width while they come, so that a list that is too long is left early.
pub(super) struct RunSum {
    size: Size,
    expected: u64,
    found: u64,
}

impl RunSum {
    pub(super) fn new(size: Size) -> Result<Self> {
        Ok(Self { size, expected: u64::from(pixels(size)?), found: 0 })
    }

    pub(super) fn add(&mut self, run: u32) -> Result<()> {
        self.found += u64::from(run);
        if self.found > self.expected { Err(self.error()) } else { Ok(()) }
    }

    pub(super) fn finish(self) -> Result<()> {
        if self.found == self.expected { Ok(()) } else { Err(self.error()) }
    }

    fn error(&self) -> Error {
        let &Self { size, expected, found } = self;
        Error::RleSum { size, expected, found }
    }
}

/// Appends the runs of a mask of `pixels` that changes at each of `toggles`, which ascend; two changes at the same
/// pixel are none.
pub(super) fn push_runs(
    toggles: impl IntoIterator<Item = u32>,
    pixels: u32,
    counts: &mut Vec<u32>,
) {
    let mut start = 0;
    let mut waiting: Option<u32> = None;
    for toggle in toggles {
        if waiting == Some(toggle) {
            waiting = None;
        } else if let Some(toggle) = waiting.replace(toggle) {
            counts.push(toggle - start);
            start = toggle;
        }
    }
    // A change at the end changes nothing.
    if let Some(toggle) = waiting.filter(|&toggle| toggle < pixels) {
        counts.push(toggle - start);
        start = toggle;
    }
    counts.push(pixels - start);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_must_cover_the_mask() {
        assert!(Rle::new(Size::new(2, 3), vec![1, 2, 3]).is_ok());
        assert!(Rle::new(Size::new(2, 3), vec![0, 0, 1, 0, 2, 0, 0, 3, 0]).is_ok());
        assert!(Rle::new(Size::new(0, 3), vec![]).is_ok());
        let error = |found| Err(Error::RleSum { size: Size::new(2, 3), expected: 6, found });
        assert_eq!(Rle::new(Size::new(2, 3), vec![1, 2, 2]), error(5));
        assert_eq!(Rle::new(Size::new(2, 3), vec![1, 2, 4, 9]), error(7));
        assert_eq!(Rle::new(Size::new(2, 3), vec![u32::MAX; 2]), error(u64::from(u32::MAX)));
        let size = Size::square(1 << 16);
        assert_eq!(Rle::new(size, vec![]), Err(Error::RleSize { size }));
        assert!(Rle::new(Size::new(usize::MAX, 2), vec![]).is_err());
        assert!(Rle::new(Size::new(1, u32::MAX as usize), vec![u32::MAX]).is_ok());
    }

    #[test]
    fn a_refused_list_leaves_no_half_mask() {
        let mut mask = Rle::new(Size::new(2, 3), vec![1, 2, 3]).unwrap();
        assert!(mask.set_counts(Size::new(2, 3), [1, 2]).is_err());
        assert_eq!(mask, Rle::default());
        mask.set_counts(Size::new(1, 2), [0, 2]).unwrap();
        assert_eq!(mask, Rle::new(Size::new(1, 2), vec![0, 2]).unwrap());
    }

    #[test]
    fn changes_become_runs() {
        let runs = |toggles: &[u32]| {
            let mut counts = Vec::new();
            push_runs(toggles.iter().copied(), 9, &mut counts);
            counts
        };
        assert_eq!(runs(&[]), [9]);
        assert_eq!(runs(&[0]), [0, 9]);
        assert_eq!(runs(&[2, 4]), [2, 2, 5]);
        assert_eq!(runs(&[2, 2, 4, 4, 4, 9]), [4, 5]);
        assert_eq!(runs(&[0, 9, 9]), [0, 9]);
    }
}
