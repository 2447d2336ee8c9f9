//! Batches as arrays, which take over the memory that the loader's threads wrote them in, and give it back.

use maskwright_data::batch::TrainBatch;
use maskwright_data::loader::Recycler;
use maskwright_data::prompt::Prompt;
use maskwright_image::Size;
use maskwright_image::mask::Bitmap;
use numpy::{Ix1, Ix2, Ix3, Ix4, PyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::memory::Memory;

/// An array of a number of axes.
type Array<'py, T, D> = Bound<'py, PyArray<T, D>>;

/// A prompt: its kind, box, points, their labels, and mask.
type PromptParts<'py> = (
    &'static str,
    Option<Array<'py, f32, Ix1>>,
    Option<Array<'py, f32, Ix2>>,
    Option<Array<'py, i64, Ix1>>,
    Option<Array<'py, f32, Ix2>>,
);

/// A batch, in the order of the fields of Python's `Batch`.
pub(crate) type BatchParts<'py> = (
    Array<'py, u8, Ix4>,
    Array<'py, f32, Ix3>,
    Array<'py, i64, Ix1>,
    Vec<PromptParts<'py>>,
    Vec<String>,
    Vec<String>,
    Array<'py, i64, Ix1>,
    Option<Array<'py, bool, Ix3>>,
    u64,
    u64,
);

/// A batch as arrays. Images and labels are not copied, and their memory goes back to the loader behind them.
pub(crate) fn parts<'py>(
    py: Python<'py>,
    batch: TrainBatch,
    recycler: &Recycler,
) -> PyResult<BatchParts<'py>> {
    let (size, views, objects) = (batch.size, batch.views.len(), batch.objects.len());
    let numbers = |numbers: Vec<i64>| PyArray1::from_vec(py, numbers);
    let image_of = numbers(batch.image_of.iter().map(|&image| image as i64).collect());
    let records = numbers(batch.views.iter().map(|view| view.key.record as i64).collect());
    let prompts = batch.prompts.iter().map(|prompt| prompt_parts(py, prompt));
    Ok((
        Memory::images(py, batch.images, &[views, 3, size, size], recycler)?,
        Memory::labels(py, batch.labels, &[objects, size, size], recycler)?,
        image_of,
        prompts.collect::<PyResult<_>>()?,
        batch.views.iter().map(|view| view.name.clone()).collect(),
        batch.views.iter().map(|view| view.set.to_string()).collect(),
        records,
        ignored(py, &batch.ignored, size)?,
        batch.epoch,
        batch.index,
    ))
}

fn prompt_parts<'py>(py: Python<'py>, prompt: &Prompt) -> PyResult<PromptParts<'py>> {
    let given = !prompt.points.is_empty();
    let points = prompt.points.iter().flat_map(|point| [point.x, point.y]).collect();
    let labels = prompt.points.iter().map(|point| i64::from(point.label)).collect();
    let points = PyArray1::from_vec(py, points).reshape([prompt.points.len(), 2])?;
    let mask = prompt
        .mask
        .as_ref()
        .map(|mask| PyArray1::from_slice(py, &mask.data).reshape([mask.size, mask.size]));
    Ok((
        prompt.kind.name(),
        prompt.box_xyxy.map(|corners| PyArray1::from_slice(py, &corners)),
        given.then_some(points),
        given.then(|| PyArray1::from_vec(py, labels)),
        mask.transpose()?,
    ))
}

/// The pixels that do not count of every object; none where all count.
fn ignored<'py>(
    py: Python<'py>,
    masks: &[Option<Bitmap>],
    size: usize,
) -> PyResult<Option<Array<'py, bool, Ix3>>> {
    if masks.iter().all(Option::is_none) {
        return Ok(None);
    }
    let none = vec![false; size * size];
    let all = masks.iter().flat_map(|mask| mask.as_ref().map_or_else(|| none.clone(), bits));
    PyArray1::from_vec(py, all.collect()).reshape([masks.len(), size, size]).map(Some)
}

/// A mask's pixels, row by row.
pub(crate) fn bits(mask: &Bitmap) -> Vec<bool> {
    let Size { height, width } = mask.size();
    (0..height).flat_map(|y| (0..width).map(move |x| mask.get(y, x))).collect()
}
