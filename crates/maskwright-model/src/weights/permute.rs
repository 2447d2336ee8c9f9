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
    pub(crate) fn put(&mut self, values: &[f32]) {
        for &value in values {
            self.values[self.at] = value;
            for (index, &(length, stride)) in self.index.iter_mut().zip(&self.axes).rev() {
                *index += 1;
                self.at += stride;
                if *index < length {
                    break;
                }
                self.at -= stride * *index;
                *index = 0;
            }
        }
    }

    /// The values, once all are there.
    pub(crate) fn finish(self) -> Vec<f32> {
        self.values
    }
}
