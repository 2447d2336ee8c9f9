//! `maskwright.mask`: lists of masks as run lengths, arrays and polygons.

use maskwright_image::mask::{Comparable, Rle, draw_instances, instances, many, outlines};
use maskwright_image::{Error, Result, Size};
use numpy::ndarray::{Array2, ArrayView2, Axis};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::detached::{in_pieces, on_thread, piece};
use crate::error::to_python;
use crate::rle::{RleDict, WrittenRle, pixels_of, reading};

/// The run lengths of masks in an array of uint8 with three axes, of which `axis` counts the masks and the others are rows and
/// columns. All that is not 0 is foreground.
#[pyfunction]
pub(crate) fn rle_encode(
    py: Python<'_>,
    masks: PyReadonlyArray3<'_, u8>,
    axis: usize,
) -> PyResult<Vec<WrittenRle>> {
    let array = masks.as_array();
    let views: Vec<ArrayView2<'_, u8>> = array.axis_iter(Axis(axis)).collect();
    // A byte takes some tenths of a nanosecond.
    let nanoseconds = 500 + views.first().map_or(0, ArrayView2::len) / 4;
    in_pieces(py, &views, nanoseconds, |mask| Ok(of_array(mask)?.into()))
}

/// One mask, in whichever order it lies.
fn of_array(mask: &ArrayView2<'_, u8>) -> Result<Rle> {
    let size = Size::new(mask.nrows(), mask.ncols());
    let turned = mask.t();
    if let Some(columns) = turned.as_slice() {
        Rle::from_columns(size, columns)
    } else if let Some(rows) = mask.as_slice() {
        Rle::from_rows(size, rows)
    } else {
        Rle::from_columns(size, &turned.iter().copied().collect::<Vec<u8>>())
    }
}

/// Masks as an array of uint8, 0 and 1: [height, width, masks] in Fortran's order, or [masks, height, width] in C's if `rows`.
#[pyfunction]
pub(crate) fn rle_decode<'py>(
    py: Python<'py>,
    masks: Vec<RleDict>,
    rows: bool,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let size = one_size(&masks).map_err(to_python)?;
    let (height, width, count) = (size.height, size.width, masks.len());
    let kwargs = PyDict::new(py);
    kwargs.set_item("dtype", "uint8")?;
    kwargs.set_item("order", if rows { "C" } else { "F" })?;
    let shape = if rows { (count, height, width) } else { (height, width, count) };
    let zeros = py.import("numpy")?.call_method("zeros", (shape,), Some(&kwargs))?;
    let array = zeros.cast_into::<PyArray3<u8>>()?;
    let mut values = array.readwrite();
    let (mut left, mut done) = (values.as_slice_mut()?, 0);
    let draw = |mask: &RleDict, values: &mut [u8]| {
        let mask = mask.read()?;
        if rows { mask.draw_rows(values) } else { mask.draw_columns(values) }
    };
    let nanoseconds = reading(&masks) + size.area() / 8;
    for masks in masks.chunks(piece(nanoseconds)) {
        let (values, rest) = std::mem::take(&mut left).split_at_mut(masks.len() * size.area());
        left = rest;
        for drawn in py.detach(|| many::each_into(masks, values, nanoseconds, draw)) {
            drawn.map_err(|error| to_python(error.at(done)))?;
            done += 1;
        }
        py.check_signals()?;
    }
    drop(values);
    Ok(array)
}

/// The size that all masks have; of none 0 x 0.
fn one_size(masks: &[RleDict]) -> Result<Size> {
    let expected = masks.first().map_or(Size::default(), |mask| mask.size);
    match masks.iter().position(|mask| mask.size != expected) {
        Some(index) => Err(Error::RleSizes { expected, found: masks[index].size }.at(index)),
        None => Ok(expected),
    }
}

/// The foreground pixels of each mask, uint32.
#[pyfunction]
pub(crate) fn rle_area<'py>(
    py: Python<'py>,
    masks: Vec<RleDict>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let areas = in_pieces(py, &masks, reading(&masks), |mask| Ok(mask.read()?.area() as u32))?;
    Ok(areas.into_pyarray(py))
}

/// The box [x, y, width, height] around each mask, float64 [masks, 4].
#[pyfunction]
pub(crate) fn rle_boxes<'py>(
    py: Python<'py>,
    masks: Vec<RleDict>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let boxes =
        in_pieces(py, &masks, reading(&masks), |mask| Ok(mask.read()?.box_xywh().map(f64::from)))?;
    Ok(table(py, boxes.as_flattened().to_vec(), [boxes.len(), 4]))
}

/// Numbers row by row as an array of so many rows and columns.
fn table(py: Python<'_>, values: Vec<f64>, sides: [usize; 2]) -> Bound<'_, PyArray2<f64>> {
    let array = Array2::from_shape_vec(sides, values);
    array.expect("there is a value for each place").into_pyarray(py)
}

/// The union of masks, or what all of them share.
#[pyfunction]
pub(crate) fn rle_merge(
    py: Python<'_>,
    masks: Vec<RleDict>,
    intersect: bool,
) -> PyResult<WrittenRle> {
    let masks = read_all(py, &masks)?;
    let merge = move || {
        let masks: Vec<&Rle> = masks.iter().collect();
        if intersect { Rle::intersection(&masks) } else { Rle::union(&masks) }
    };
    on_thread(py, move || merge().map(WrittenRle::from))?.map_err(to_python)
}

/// IoU of every mask with each of `others`, or with each of `masks` where there are none, float64 [masks, others].
#[pyfunction]
pub(crate) fn rle_ious<'py>(
    py: Python<'py>,
    masks: Vec<RleDict>,
    others: Option<Vec<RleDict>>,
    crowds: Vec<bool>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, columns) = (masks.len(), crowds.len());
    let comparable = |masks: Vec<RleDict>| {
        in_pieces(py, &masks, reading(&masks), |mask| mask.read().map(Comparable::from))
    };
    let masks = comparable(masks)?;
    let others = others.map(comparable).transpose()?;
    let pairs = py.detach(|| many::Pairs::new(&masks, others.as_deref(), &crowds));
    let mut pairs = pairs.map_err(to_python)?;
    // Pairs take longer than masks, of which most do not meet.
    while py.detach(|| pairs.compare(((1 << 16) / columns.max(1)).max(8))) {
        py.check_signals()?;
    }
    Ok(table(py, py.detach(|| pairs.ious()), [rows, columns]))
}

fn read_all(py: Python<'_>, masks: &[RleDict]) -> PyResult<Vec<Rle>> {
    in_pieces(py, masks, reading(masks), RleDict::read)
}

/// IoU of every box [x, y, width, height] with each of `others`, float64 [boxes, others].
#[pyfunction]
pub(crate) fn box_ious<'py>(
    py: Python<'py>,
    boxes: Vec<[f64; 4]>,
    others: Vec<[f64; 4]>,
    crowds: Vec<bool>,
) -> Bound<'py, PyArray2<f64>> {
    let sides = [boxes.len(), others.len()];
    table(py, py.detach(|| many::box_ious(&boxes, &others, &crowds)), sides)
}

/// The run lengths of filled boxes [x, y, width, height].
#[pyfunction]
pub(crate) fn rle_from_boxes(
    py: Python<'_>,
    boxes: Vec<[f64; 4]>,
    height: usize,
    width: usize,
) -> PyResult<Vec<WrittenRle>> {
    let size = Size::new(height, width);
    in_pieces(py, &boxes, 1000, |box_xywh| Ok(Rle::from_box_xywh(size, *box_xywh)?.into()))
}

/// The run lengths of objects, each the union of its polygons [x0, y0, x1, y1, ...].
#[pyfunction]
pub(crate) fn rle_from_polygons(
    py: Python<'_>,
    objects: Vec<Vec<Vec<f64>>>,
    height: usize,
    width: usize,
) -> PyResult<Vec<WrittenRle>> {
    let size = Size::new(height, width);
    in_pieces(py, &objects, 10_000, |polygons| Ok(Rle::from_polygons(size, polygons)?.into()))
}

/// The outlines of each mask's pieces, polygons [x0, y0, x1, y1, ...].
#[pyfunction]
pub(crate) fn rle_to_polygons(py: Python<'_>, masks: Vec<RleDict>) -> PyResult<Vec<Vec<Vec<f64>>>> {
    in_pieces(py, &masks, 10 * pixels_of(&masks), |mask| {
        let flat = |corners: Vec<[u32; 2]>| corners.into_iter().flatten().map(f64::from).collect();
        Ok(outlines(&mask.read()?.to_bitmap()).into_iter().map(flat).collect())
    })
}

/// The same masks with compressed run lengths.
#[pyfunction]
pub(crate) fn rle_compress(py: Python<'_>, masks: Vec<RleDict>) -> PyResult<Vec<WrittenRle>> {
    in_pieces(py, &masks, reading(&masks), |mask| Ok(mask.read()?.into()))
}

/// The numbers but 0 of a picture, uint32 ascending, and the run lengths of each.
#[pyfunction]
pub(crate) fn rle_from_instances<'py>(
    py: Python<'py>,
    picture: PyReadonlyArray2<'py, u32>,
) -> PyResult<(Bound<'py, PyArray1<u32>>, Vec<WrittenRle>)> {
    let array = picture.as_array();
    let size = Size::new(array.nrows(), array.ncols());
    let numbers: Vec<u32> = array.iter().copied().collect();
    let find = move || -> Result<(Vec<u32>, Vec<WrittenRle>)> {
        let found = instances(size, &numbers)?;
        Ok(found.into_iter().map(|(number, mask)| (number, WrittenRle::from(mask))).unzip())
    };
    let (numbers, masks) = on_thread(py, find)?.map_err(to_python)?;
    Ok((numbers.into_pyarray(py), masks))
}

/// A picture [height, width] of uint32 with a number for each mask; later ones lie over earlier ones.
#[pyfunction]
pub(crate) fn rle_to_instances<'py>(
    py: Python<'py>,
    masks: Vec<RleDict>,
    numbers: Vec<u32>,
) -> PyResult<Bound<'py, PyArray2<u32>>> {
    let size = one_size(&masks).map_err(to_python)?;
    let masks = read_all(py, &masks)?;
    let picture = on_thread(py, move || {
        let mut picture = vec![0; size.area()];
        let drawn =
            masks.iter().zip(numbers).enumerate().try_for_each(|(index, (mask, number))| {
                draw_instances(mask, number, &mut picture).map_err(|error| error.at(index))
            });
        drawn.map(|()| picture)
    })?;
    picture.map_err(to_python)?.into_pyarray(py).reshape([size.height, size.width])
}

/// The lengths of a mask's runs, background first.
#[pyfunction]
pub(crate) fn rle_counts(mask: RleDict) -> PyResult<Vec<u32>> {
    Ok(mask.read().map_err(to_python)?.counts().to_vec())
}
