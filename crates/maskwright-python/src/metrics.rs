//! `maskwright.metrics`: how well masks agree.

use maskwright_image::Error;
use maskwright_image::metric::agreement::{Agreement, agreement};
use maskwright_image::metric::average_precision::{Found, Overlap, True, average_precision};
use maskwright_image::metric::clicks::{Click, never_reached, next_click, number_of_clicks};
use maskwright_image::metric::scenes::{Place, scenes};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::detached::{in_pieces, on_thread};
use crate::error::to_python;
use crate::rle::{RleDict, pixels_of};
use crate::values;

/// IoU, or with a ratio boundary IoU, of each prediction with its truth, without the ignored pixels, float64 [masks].
#[pyfunction]
#[pyo3(signature = (predictions, truths, ignored, boundary_ratio))]
pub(crate) fn agreements<'py>(
    py: Python<'py>,
    predictions: Vec<RleDict>,
    truths: Vec<RleDict>,
    ignored: Vec<Option<RleDict>>,
    boundary_ratio: Option<f64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let what = boundary_ratio.map_or(Agreement::Iou, Agreement::BoundaryIou);
    // A pixel takes some tenths of a nanosecond, with erosion about one.
    let nanoseconds = 1000 + pixels_of(&truths) / if boundary_ratio.is_some() { 1 } else { 4 };
    let triples: Vec<_> = predictions.into_iter().zip(truths).zip(ignored).collect();
    let values = in_pieces(py, &triples, nanoseconds, |((prediction, truth), ignored)| {
        let ignored = ignored.as_ref().map(RleDict::read).transpose()?;
        agreement(&prediction.read()?, &truth.read()?, ignored.as_ref(), what)
    })?;
    Ok(values.into_pyarray(py))
}

/// After how many clicks the IoU is `threshold` or more for the first time, for the IoUs of each object click by click; `most` where it
/// never is.
#[pyfunction]
pub(crate) fn clicks_needed<'py>(
    py: Python<'py>,
    ious: Vec<Vec<f64>>,
    threshold: f64,
    most: usize,
) -> Bound<'py, PyArray1<i64>> {
    let of_object = |ious: &Vec<f64>| number_of_clicks(ious, threshold, most) as i64;
    ious.iter().map(of_object).collect::<Vec<_>>().into_pyarray(py)
}

/// Whether the IoU is below `threshold` after each of the first `most` clicks, for the IoUs of each object click by click.
#[pyfunction]
pub(crate) fn clicks_failed<'py>(
    py: Python<'py>,
    ious: Vec<Vec<f64>>,
    threshold: f64,
    most: usize,
) -> Bound<'py, PyArray1<bool>> {
    let of_object = |ious: &Vec<f64>| never_reached(ious, threshold, most);
    ious.iter().map(of_object).collect::<Vec<_>>().into_pyarray(py)
}

/// Column and row of the next click and whether it is positive; none where nothing is wrong. `clicked` has them of earlier ones.
#[pyfunction]
pub(crate) fn click(
    py: Python<'_>,
    prediction: RleDict,
    truth: RleDict,
    ignored: Option<RleDict>,
    clicked: Vec<(usize, usize, bool)>,
) -> PyResult<Option<(usize, usize, bool)>> {
    let find = move || {
        let (prediction, truth) = (prediction.read()?, truth.read()?);
        let ignored = ignored.as_ref().map(RleDict::read).transpose()?;
        let expected = truth.size();
        if let Some(other) = [Some(&prediction), ignored.as_ref()]
            .into_iter()
            .flatten()
            .find(|other| other.size() != expected)
        {
            return Err(Error::RleSizes { expected, found: other.size() });
        }
        let ignored = ignored.map(|ignored| ignored.to_bitmap());
        let clicked: Vec<Click> =
            clicked.into_iter().map(|(x, y, positive)| Click { y, x, positive }).collect();
        let found =
            next_click(&prediction.to_bitmap(), &truth.to_bitmap(), ignored.as_ref(), &clicked);
        Ok(found.map(|click| (click.x, click.y, click.positive)))
    };
    on_thread(py, find)?.map_err(to_python)
}

/// Average precision of masks with scores, as a dict: of truths (image, category, mask, area, crowd) and detections (image, category,
/// mask, score). With a ratio, masks overlap by the lesser of IoU and boundary IoU.
#[pyfunction]
#[pyo3(signature = (truths, found, boundary_ratio))]
pub(crate) fn mask_average_precision<'py>(
    py: Python<'py>,
    truths: Vec<(i64, i64, RleDict, f64, bool)>,
    found: Vec<(i64, i64, RleDict, f64)>,
    boundary_ratio: Option<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let overlap = boundary_ratio.map_or(Overlap::Mask, Overlap::Boundary);
    let compute = move || {
        let truth =
            |(index, (image, category, mask, area, crowd)): (usize, (_, _, RleDict, _, _))| {
                let mask = mask.read().map_err(|error| error.at(index))?;
                Ok((Place { category, image }, True { mask, area, crowd }))
            };
        let one = |(index, (image, category, mask, score)): (usize, (_, _, RleDict, _))| {
            let mask = mask.read().map_err(|error| error.at(index))?;
            Ok((Place { category, image }, Found { mask, score }))
        };
        let truths: Vec<_> =
            truths.into_iter().enumerate().map(truth).collect::<Result<_, Error>>()?;
        let found: Vec<_> = found.into_iter().enumerate().map(one).collect::<Result<_, Error>>()?;
        average_precision(&scenes(truths, found), overlap)
    };
    values::to_python(py, &on_thread(py, compute)?.map_err(to_python)?)
}
