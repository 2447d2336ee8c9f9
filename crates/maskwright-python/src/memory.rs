//! The memory of a batch, which arrays share, and which its loader gets back when the last of them is gone.

use maskwright_data::loader::Recycler;
use numpy::{Element, PyArray, ndarray::Dimension};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// What an array refers to as its base. NumPy takes its place and shape by its array interface.
///
/// Nothing here looks at the memory while arrays do.
#[pyclass(frozen, module = "maskwright._maskwright")]
pub(crate) struct Memory {
    kept: Kept,
    address: usize,
    shape: Vec<usize>,
    recycler: Recycler,
}

enum Kept {
    Images(Vec<u8>),
    Labels(Vec<f32>),
}

impl Memory {
    /// Images as an array `[b, 3, size, size]`.
    pub(crate) fn images<'py, D: Dimension>(
        py: Python<'py>,
        mut images: Vec<u8>,
        shape: &[usize],
        recycler: &Recycler,
    ) -> PyResult<Bound<'py, PyArray<u8, D>>> {
        let address = images.as_mut_ptr() as usize;
        Memory::array(py, Kept::Images(images), address, shape, recycler)
    }

    /// Labels as an array `[n, size, size]`.
    pub(crate) fn labels<'py, D: Dimension>(
        py: Python<'py>,
        mut labels: Vec<f32>,
        shape: &[usize],
        recycler: &Recycler,
    ) -> PyResult<Bound<'py, PyArray<f32, D>>> {
        let address = labels.as_mut_ptr() as usize;
        Memory::array(py, Kept::Labels(labels), address, shape, recycler)
    }

    fn array<'py, T: Element, D: Dimension>(
        py: Python<'py>,
        kept: Kept,
        address: usize,
        shape: &[usize],
        recycler: &Recycler,
    ) -> PyResult<Bound<'py, PyArray<T, D>>> {
        let (len, size) = match &kept {
            Kept::Images(images) => (images.len(), size_of::<u8>()),
            Kept::Labels(labels) => (labels.len(), size_of::<f32>()),
        };
        assert!(
            shape.iter().product::<usize>() == len && size == size_of::<T>(),
            "the memory is that of the array"
        );
        let recycler = recycler.clone();
        let memory = Memory { kept, address, shape: shape.to_vec(), recycler };
        let array = py
            .import(intern!(py, "numpy"))?
            .call_method1(intern!(py, "asarray"), (Py::new(py, memory)?,))?;
        Ok(array.cast_into::<PyArray<T, D>>()?)
    }
}

#[pymethods]
impl Memory {
    /// Where the values are, and how they lie.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let kind = match self.kept {
            Kept::Images(_) => "|u1",
            Kept::Labels(_) if cfg!(target_endian = "big") => ">f4",
            Kept::Labels(_) => "<f4",
        };
        dict.set_item("version", 3)?;
        dict.set_item("typestr", kind)?;
        dict.set_item("shape", PyTuple::new(py, &self.shape)?)?;
        dict.set_item("data", (self.address, false))?;
        Ok(dict)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.kept, Kept::Images(Vec::new())) {
            Kept::Images(images) => self.recycler.images(images),
            Kept::Labels(labels) => self.recycler.labels(labels),
        }
    }
}
