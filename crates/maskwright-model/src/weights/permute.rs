//! Values in another order of their axes.

/// Values in the order of the permuted axes.
pub(super) fn permute(values: &[f32], shape: &[usize], axes: &[usize]) -> Vec<f32> {
    let mut strides = vec![1; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let mut out = Vec::with_capacity(values.len());
    let mut index = vec![0; axes.len()];
    let mut at = 0;
    for _ in 0..values.len() {
        out.push(values[at]);
        for place in (0..axes.len()).rev() {
            index[place] += 1;
            at += strides[axes[place]];
            if index[place] < shape[axes[place]] {
                break;
            }
            at -= strides[axes[place]] * index[place];
            index[place] = 0;
        }
    }
    out
}

/// Columns that are put to their places together.
const COLUMNS: usize = 16;

/// Puts values that come in pieces, in the row order of permuted axes, to their places.
pub(crate) struct Placer {
    values: Vec<f32>,
    /// Of every axis, in the order in which values come, its length and its stride at their places.
    axes: Vec<(usize, usize)>,
    index: Vec<usize>,
    at: usize,
}

impl Placer {
    /// For values of `shape`, which come in the order of `axes`.
    pub(super) fn new(shape: &[usize], axes: &[usize]) -> Self {
        let stride = |axis: usize| shape[axis + 1..].iter().product();
        Self {
            values: vec![0.0; shape.iter().product()],
            axes: axes.iter().map(|&axis| (shape[axis], stride(axis))).collect(),
            index: vec![0; axes.len()],
            at: 0,
        }
    }

    /// Takes the next values.
    pub(crate) fn put(&mut self, mut values: &[f32]) {
        while !values.is_empty() {
            let rows = self.whole_rows(values.len());
            if rows == 0 {
                self.values[self.at] = values[0];
                self.advance(self.axes.len() - 1, 1);
                values = &values[1..];
                continue;
            }
            let place = self.axes.len() - 2;
            let [(_, across), (length, down)] = [self.axes[place], self.axes[place + 1]];
            let (now, rest) = values.split_at(rows * length);
            // Some columns of all rows, so that what is read and what is written stays in the cache.
            for from in (0..length).step_by(COLUMNS) {
                for column in from..length.min(from + COLUMNS) {
                    let to = &mut self.values[self.at + column * down..];
                    for (row, value) in now[column..].iter().step_by(length).enumerate() {
                        to[row * across] = *value;
                    }
                }
            }
            self.advance(place, rows);
            values = rest;
        }
    }

    /// How many whole rows of the last axis so many values are, up to the end of the axis before.
    fn whole_rows(&self, values: usize) -> usize {
        match (&self.axes[..], &self.index[..]) {
            (&[.., (rows, _), (length, _)], &[.., row, 0]) if length > 0 => {
                (values / length).min(rows - row)
            }
            _ => 0,
        }
    }

    /// Goes on by so many steps along an axis, to its end at most.
    fn advance(&mut self, place: usize, steps: usize) {
        self.index[place] += steps;
        self.at += self.axes[place].1 * steps;
        for place in (0..=place).rev() {
            let (length, stride) = self.axes[place];
            if self.index[place] < length {
                break;
            }
            self.at -= stride * self.index[place];
            self.index[place] = 0;
            if place > 0 {
                self.index[place - 1] += 1;
                self.at += self.axes[place - 1].1;
            }
        }
    }

    /// The values, once all are there.
    pub(crate) fn finish(self) -> Vec<f32> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_come_to_their_places() {
        for (shape, axes) in [
            (vec![7, 45], vec![1, 0]),
            (vec![3, 2, 5, 20], vec![3, 2, 0, 1]),
            (vec![4, 2, 2, 6], vec![0, 3, 1, 2]),
            (vec![9], vec![0]),
        ] {
            let count: usize = shape.iter().product();
            let here: Vec<f32> = (0..count).map(|i| i as f32).collect();
            let official = permute(&here, &shape, &axes);
            for piece in [1, 2, 19, 50, count] {
                let mut placer = Placer::new(&shape, &axes);
                official.chunks(piece).for_each(|values| placer.put(values));
                assert_eq!(placer.finish(), here, "{shape:?} {axes:?} {piece}");
            }
        }
    }
}
