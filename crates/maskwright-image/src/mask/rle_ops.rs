//! Area, box, union, intersection and IoU, from runs alone.

use super::rle::Rle;
use crate::error::{Error, Result};

impl Rle {
    /// Foreground pixels.
    pub fn area(&self) -> u64 {
        self.counts().iter().skip(1).step_by(2).map(|&run| u64::from(run)).sum()
    }

    /// The smallest box around the foreground, `[x, y, width, height]` in pixels; zeros for an empty mask.
    pub fn box_xywh(&self) -> [u32; 4] {
        let sides = self.foreground_rows().zip(self.foreground_columns());
        sides.map_or([0; 4], |(rows, columns)| {
            [columns.start, rows.start, columns.len(), rows.len()].map(|n| n as u32)
        })
    }

    /// The pixels that are foreground in any of the masks; for no masks, the mask of 0 x 0 pixels.
    ///
    /// # Errors
    /// [`Error::RleSizes`] where the masks are not all of one size.
    pub fn union(masks: &[&Self]) -> Result<Self> {
        Self::merge(masks, 1)
    }

    /// The pixels that are foreground in all of the masks; for no masks, the mask of 0 x 0 pixels.
    ///
    /// # Errors
    /// As [`Self::union`].
    pub fn intersection(masks: &[&Self]) -> Result<Self> {
        Self::merge(masks, masks.len())
    }

    /// The pixels that are foreground in at least `needed` masks.
    fn merge(masks: &[&Self], needed: usize) -> Result<Self> {
        let Some((first, others)) = masks.split_first() else { return Ok(Self::default()) };
        others.iter().try_for_each(|other| first.same_size(other))?;
        let mut events = Vec::new();
        masks.iter().for_each(|mask| push_events(mask.foreground(), &mut events));
        let pixels = first.size().area() as u32;
        let mut merged = Self::default();
        merged.refill(first.size(), |counts| {
            sweep(&mut events, needed, pixels, counts);
            Ok(())
        })?;
        Ok(merged)
    }

    /// Intersection over union of two masks; with a crowd as the other one, intersection over the area of this mask,
    /// since a crowd's mask covers many objects (Lin et al., 2014). 0 where nothing is shared.
    ///
    /// # Errors
    /// [`Error::RleSizes`] where the sizes differ.
    pub fn iou(&self, other: &Self, other_is_crowd: bool) -> Result<f64> {
        self.same_size(other)?;
        let shared = self.shared(other);
        let over = if other_is_crowd { self.area() } else { self.area() + other.area() - shared };
        Ok(if shared == 0 { 0.0 } else { shared as f64 / over as f64 })
    }

    /// Pixels that are foreground in both: what [`Comparable`](super::Comparable) counts faster.
    pub(super) fn shared(&self, other: &Self) -> u64 {
        let (mut ours, mut theirs) = (self.foreground(), other.foreground());
        let (mut a, mut b) = (ours.next(), theirs.next());
        let mut shared = 0;
        while let (Some((a_start, a_end)), Some((b_start, b_end))) = (a, b) {
            shared += u64::from(a_end.min(b_end).saturating_sub(a_start.max(b_start)));
            if a_end <= b_end {
                a = ours.next();
            } else {
                b = theirs.next();
            }
        }
        shared
    }

    fn same_size(&self, other: &Self) -> Result<()> {
        let (expected, found) = (self.size(), other.size());
        if expected == found { Ok(()) } else { Err(Error::RleSizes { expected, found }) }
    }
}

/// Adds where foreground runs start and end: the pixel's number doubled, and one more for an end.
pub(super) fn push_events(runs: impl Iterator<Item = (u32, u32)>, events: &mut Vec<u64>) {
    for (start, end) in runs {
        events.extend([u64::from(start) << 1, u64::from(end) << 1 | 1]);
    }
}

/// Appends the runs of the pixels that at least `needed` of the runs in `events` cover. Sorting once keeps the cost of
/// many masks near that of reading them, where merging one by one would go over the first again for every other.
pub(super) fn sweep(events: &mut [u64], needed: usize, pixels: u32, counts: &mut Vec<u32>) {
    events.sort_unstable();
    let (mut depth, mut inside) = (0, false);
    let changes = events.chunk_by(|a, b| a >> 1 == b >> 1).filter_map(|same| {
        for event in same {
            // Starts sort first, so this never goes below zero.
            depth = if event & 1 == 0 { depth + 1 } else { depth - 1 };
        }
        let changed = inside != (depth >= needed);
        inside ^= changed;
        changed.then_some((same[0] >> 1) as u32)
    });
    super::rle::push_runs(changes, pixels, counts);
}
