//! Run-length masks as Python has them: pycocotools' dicts with `size` and `counts`.

use maskwright_image::mask::Rle;
use maskwright_image::{Result, Size};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::error::Raised;

/// A dict of a mask whose runs were not read yet.
pub(crate) struct RleDict {
    pub(crate) size: Size,
    counts: Counts,
}

enum Counts {
    Bytes(PyBackedBytes),
    Text(PyBackedStr),
    Runs(Vec<u32>),
}

impl RleDict {
    /// The mask.
    pub(crate) fn read(&self) -> Result<Rle> {
        match &self.counts {
            Counts::Bytes(text) => Rle::parse(self.size, text),
            Counts::Text(text) => Rle::parse(self.size, text.as_bytes()),
            Counts::Runs(runs) => Rle::new(self.size, runs.clone()),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for RleDict {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        const EXPECTED: &str = "a dict {\"size\": [height, width], \"counts\": bytes}";
        let py = object.py();
        let dict = object.cast::<PyDict>().map_err(|_| refused("mask", EXPECTED, &object))?;
        let item = |key: &Bound<'py, PyString>| {
            dict.get_item(key)?.ok_or_else(|| refused("mask", EXPECTED, &object))
        };
        let size = item(intern!(py, "size"))?;
        let [height, width] =
            sides(&size).map_err(|_| refused("size", "[height, width]", &size))?;
        let counts = item(intern!(py, "counts"))?;
        let read = if let Ok(bytes) = counts.cast::<PyBytes>() {
            Counts::Bytes(bytes.clone().into())
        } else if let Ok(text) = counts.cast::<PyString>() {
            Counts::Text(PyBackedStr::try_from(text.clone())?)
        } else {
            let expected = "bytes or str of compressed run lengths, or a list of run lengths";
            Counts::Runs(counts.extract().map_err(|_| refused("counts", expected, &counts))?)
        };
        Ok(Self { size: Size::new(height, width), counts: read })
    }
}

/// Two numbers, those of a list in the shortest way.
fn sides(size: &Bound<'_, PyAny>) -> PyResult<[usize; 2]> {
    let Some(list) = size.cast::<PyList>().ok().filter(|list| list.len() == 2) else {
        return size.extract();
    };
    let side =
        |at| -> PyResult<usize> { Ok(usize::try_from(list.get_item(at)?.extract::<i64>()?)?) };
    Ok([side(0)?, side(1)?])
}

/// A mask whose runs are written already, which becomes a dict.
pub(crate) struct WrittenRle {
    size: Size,
    counts: String,
}

impl From<Rle> for WrittenRle {
    fn from(mask: Rle) -> Self {
        Self { size: mask.size(), counts: mask.to_compressed() }
    }
}

impl<'py> IntoPyObject<'py> for WrittenRle {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let size = PyList::new(py, [self.size.height, self.size.width])?;
        dict.set_item(intern!(py, "size"), size)?;
        dict.set_item(intern!(py, "counts"), PyBytes::new(py, self.counts.as_bytes()))?;
        Ok(dict)
    }
}

/// The exception for something else than expected.
fn refused(key: &str, expected: &str, found: &Bound<'_, PyAny>) -> PyErr {
    let kind =
        found.get_type().name().map_or_else(|_| "another type".into(), |name| name.to_string());
    let found = match found.repr() {
        Ok(text) if text.len().is_ok_and(|length| length <= 60) => format!("{kind} {text}"),
        _ => kind,
    };
    Raised::setting(key, expected, found).into()
}

/// About how many nanoseconds it takes to read one of these masks: the first tells.
pub(crate) fn reading(masks: &[RleDict]) -> usize {
    let length = |mask: &RleDict| match &mask.counts {
        Counts::Bytes(text) => text.len(),
        Counts::Text(text) => text.len(),
        Counts::Runs(runs) => runs.len(),
    };
    100 + 2 * masks.first().map_or(0, length)
}

/// The pixels of the first mask, 0 for no masks.
pub(crate) fn pixels_of(masks: &[RleDict]) -> usize {
    masks.first().map_or(0, |mask| mask.size.area())
}
