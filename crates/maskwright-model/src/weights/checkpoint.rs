//! A checkpoint whose tensors are fetched one at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::element::Element;
use super::shared_file::{PIECE, Sink};
use super::state::{StateDict, StateTensor};
use crate::error::{Error, Result};

/// Names, types and shapes of a checkpoint's tensors; their values are read when they are asked for,
/// so that neither loading nor converting holds a second copy of a model, and a file larger than
/// memory can be converted.
///
/// Names are the official ones, whatever the file has.
#[derive(Clone, Default)]
pub struct Checkpoint {
    pub(crate) tensors: BTreeMap<String, LazyTensor>,
    /// The text metadata, among it the configuration under [`CONFIG_KEY`](super::CONFIG_KEY) where one is known.
    pub metadata: BTreeMap<String, String>,
    /// The file or folder it was read from.
    pub path: Option<PathBuf>,
    /// How it was laid out there.
    pub layout: Option<Layout>,
    /// What was passed over or undone in reading: wrappers, prefixes.
    pub notes: Vec<String>,
}

/// How a checkpoint lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// One safetensors file with official names.
    Safetensors,
    /// PyTorch's zip, since 1.6.
    Pth,
    /// PyTorch's older stream of pickles.
    LegacyPth,
    /// `config.json` and safetensors with the names of Hugging Face's transformers.
    HuggingFace,
    /// The graphs of encoder and decoder with their weights ([`crate::onnx`]); written only.
    Onnx,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::Pth => "pth",
            Self::LegacyPth => "pth (legacy)",
            Self::HuggingFace => "Hugging Face",
            Self::Onnx => "ONNX",
        })
    }
}

type Fetch = dyn Fn(&mut Sink<'_>) -> std::io::Result<()> + Send + Sync;

/// A tensor's type and shape, and the way to its bytes.
#[derive(Clone)]
pub(crate) struct LazyTensor {
    pub(super) element: Element,
    pub(crate) shape: Vec<usize>,
    fetch: Arc<Fetch>,
}

impl LazyTensor {
    /// A tensor whose bytes `fetch` gives in pieces, the first value's first.
    pub(super) fn new(
        element: Element,
        shape: Vec<usize>,
        fetch: impl Fn(&mut Sink<'_>) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { element, shape, fetch: Arc::new(fetch) }
    }

    /// A tensor whose values `make` gives, all at once.
    pub(crate) fn of_values(
        element: Element,
        shape: Vec<usize>,
        make: impl Fn() -> std::io::Result<Vec<f32>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(element, shape, move |sink| {
            make()?.chunks(PIECE / 4).try_for_each(|values| sink(&element.of_f32(values)))
        })
    }

    /// Number of bytes; shapes whose size overflows do not get here.
    pub(super) fn byte_len(&self) -> u64 {
        self.shape.iter().product::<usize>() as u64 * self.element.size() as u64
    }

    /// Gives all bytes in pieces, and an error if there are more or fewer than the shape says.
    pub(super) fn read(&self, sink: &mut Sink<'_>) -> std::io::Result<()> {
        let expected = self.byte_len();
        let mut found = 0;
        let check = |found: u64, kind: std::cmp::Ordering| match found.cmp(&expected) == kind {
            true => Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                format!("expected {expected} bytes, found {found}"),
            )),
            false => Ok(()),
        };
        (self.fetch)(&mut |piece| {
            found += piece.len() as u64;
            check(found, std::cmp::Ordering::Greater)?;
            sink(piece)
        })?;
        check(found, std::cmp::Ordering::Less)
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.byte_len() as usize);
        self.read(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// All values as f32, and how many of them are NaN or infinite.
    pub(crate) fn values(&self) -> std::io::Result<(Vec<f32>, usize)> {
        let mut values = Vec::with_capacity(self.shape.iter().product());
        let mut not_finite = 0;
        self.read(&mut |piece| {
            not_finite += self.element.not_finite(piece);
            self.element.to_f32(piece, &mut values);
            Ok(())
        })?;
        Ok((values, not_finite))
    }

    /// The same tensor in another number type; counters stay.
    pub(super) fn to_element(&self, to: Element) -> Self {
        let from = self.element;
        if from == to || !from.is_float() {
            return self.clone();
        }
        let inner = self.clone();
        Self::new(to, self.shape.clone(), move |sink| {
            inner.read(&mut |piece| sink(&from.convert(piece, to)))
        })
    }
}

impl std::fmt::Debug for LazyTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { element, shape, .. } = self;
        f.debug_struct("LazyTensor")
            .field("element", element)
            .field("shape", shape)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .field("tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tensors.keys().map(String::as_str)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether it holds no tensor.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The number type of a tensor.
    pub fn element(&self, name: &str) -> Option<Element> {
        self.tensors.get(name).map(|tensor| tensor.element)
    }

    /// The axis lengths of a tensor, in PyTorch's layout.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// The bytes of a tensor; none of one that is not there.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        match self.tensors.get(name) {
            Some(tensor) => self.bytes_of(name, tensor),
            None => Ok(Vec::new()),
        }
    }

    /// Bytes of all values.
    pub fn byte_len(&self) -> u64 {
        self.tensors.values().map(LazyTensor::byte_len).sum()
    }

    /// Drops the tensors that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.tensors.retain(|name, _| keep(name));
    }

    /// Renames all tensors; those that `rename` has no name for are dropped.
    #[must_use]
    pub fn rename(mut self, mut rename: impl FnMut(&str) -> Option<String>) -> Self {
        self.tensors = std::mem::take(&mut self.tensors)
            .into_iter()
            .filter_map(|(name, tensor)| Some((rename(&name)?, tensor)))
            .collect();
        self
    }

    /// Puts another's tensors over this one's; gives how many were replaced and how many added.
    pub fn put_over(&mut self, other: Self) -> (usize, usize) {
        let (mut replaced, mut added) = (0, 0);
        for (name, tensor) in other.tensors {
            match self.tensors.insert(name, tensor) {
                Some(_) => replaced += 1,
                None => added += 1,
            }
        }
        (replaced, added)
    }

    /// Every float in this type; counters stay.
    #[must_use]
    pub fn to_element(mut self, element: Element) -> Self {
        for tensor in self.tensors.values_mut() {
            *tensor = tensor.to_element(element);
        }
        self
    }

    /// All values in memory, as f32.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming the tensor that cannot be read.
    pub fn into_state(self) -> Result<StateDict> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            let (values, _) = tensor.values().map_err(|e| self.failed(name, e))?;
            tensors.insert(name.clone(), StateTensor { shape: tensor.shape.clone(), values });
        }
        Ok(StateDict { tensors, metadata: self.metadata })
    }

    /// A tensor's bytes, its name in the error.
    pub(super) fn bytes_of(&self, name: &str, tensor: &LazyTensor) -> Result<Vec<u8>> {
        tensor.bytes().map_err(|e| self.failed(name, e))
    }

    /// The error of a tensor that could not be read.
    pub(super) fn failed(&self, name: &str, error: std::io::Error) -> Error {
        Error::Checkpoint {
            path: self.path.clone().unwrap_or_else(|| PathBuf::from("the model in memory")),
            format: "a tensor",
            reason: if error.to_string().contains(name) {
                error.to_string()
            } else {
                format!("{name}: {error}")
            },
        }
    }
}
