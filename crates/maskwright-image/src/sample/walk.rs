//! Source rows in ascending order to output rows: the one loop behind whole and streamed sampling.
//!
//! An output row needs at most two source rows, neighbours. So two rows of taps are kept, and as soon as the later
//! of its rows has come, an output row can be written. Rows that no output needs are never asked for.

use super::axis::Taps as AxisTaps;

/// Which source rows have come, and the taps `T` of the last two.
#[derive(Debug, Default)]
pub(crate) struct Walk<T> {
    taps: [T; 2],
    held: [Option<usize>; 2],
    done: usize,
}

impl<T> Walk<T> {
    /// Forgets the last picture, keeps the memory.
    pub(crate) fn restart(&mut self) {
        self.held = [None; 2];
        self.done = 0;
    }

    /// The next source row that an output needs; none when all visible outputs are written.
    pub(crate) fn wanted(&self, rows: &AxisTaps) -> Option<usize> {
        if self.done == rows.visible() {
            return None;
        }
        let output = rows.in_source_order(self.done);
        let (i0, i1) = (rows.i0[output] as usize, rows.i1[output] as usize);
        let first = i0.min(i1);
        Some(if self.held.contains(&Some(first)) { i0.max(i1) } else { first })
    }

    /// Takes the wanted row `y`: `gather` fills its taps, then `write(output, top, bottom)` is called for every
    /// output row that is now complete; top and bottom are the taps of its `i0` and `i1`.
    pub(crate) fn push(
        &mut self,
        rows: &AxisTaps,
        y: usize,
        gather: impl FnOnce(&mut T),
        mut write: impl FnMut(usize, &T, &T),
    ) {
        // The row above may still be needed, the other slot is free.
        let slot = usize::from(y > 0 && self.held[0] == Some(y - 1));
        gather(&mut self.taps[slot]);
        self.held[slot] = Some(y);
        while self.done < rows.visible() {
            let output = rows.in_source_order(self.done);
            let find = |index: u32| self.held.iter().position(|held| *held == Some(index as usize));
            let (Some(top), Some(bottom)) = (find(rows.i0[output]), find(rows.i1[output])) else {
                return;
            };
            write(output, &self.taps[top], &self.taps[bottom]);
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::AxisTable;
    use super::*;

    /// Walks with the row number as its own taps and checks that every output gets its two rows, once.
    fn check(rows: &AxisTaps) -> Vec<usize> {
        let mut walk = Walk::<usize>::default();
        let (mut asked, mut written) = (Vec::new(), vec![0; rows.visible()]);
        while let Some(y) = walk.wanted(rows) {
            asked.push(y);
            walk.push(
                rows,
                y,
                |taps| *taps = y,
                |output, top, bottom| {
                    assert_eq!(
                        (*top, *bottom),
                        (rows.i0[output] as usize, rows.i1[output] as usize)
                    );
                    written[output] += 1;
                },
            );
        }
        assert!(written.iter().all(|&times| times == 1));
        assert!(asked.is_sorted_by(|a, b| a < b), "rows are asked for once, in order");
        asked
    }

    #[test]
    fn every_output_gets_its_rows() {
        for flip in [false, true] {
            for (source, scaled, offset, output) in [
                (1, 1, 0, 1),
                (1, 40, 3, 60),
                (100, 7, 0, 10),
                (7, 100, 30, 64),
                (64, 64, 10, 64),
                (97, 61, 5, 20),
            ] {
                check(&AxisTable::new(source, scaled, flip, offset, output).fused);
            }
        }
    }

    #[test]
    fn rows_that_nothing_needs_are_not_asked_for() {
        assert_eq!(
            check(&AxisTable::new(100, 4, false, 0, 4).fused),
            [12, 13, 37, 38, 62, 63, 87, 88]
        );
        assert_eq!(check(&AxisTable::new(100, 4, true, 1, 1).fused), [61, 62]);
        assert!(check(&AxisTable::new(100, 4, false, 9, 1).fused).is_empty());
    }
}
