//! Writing checkpoints in the layouts that others read.

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint::{Checkpoint, LazyTensor};
use super::detect::detect;
use super::element::{Element, element_of};
use super::shared_file::PIECE;
use super::state::StateDict;
use super::{hugging_face, pytorch, safetensors_file};
use crate::error::{Error, Result};
use crate::sam::Sam;

/// Where a checkpoint goes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// A safetensors file.
    Safetensors,
    /// PyTorch's zip, which `torch.load(weights_only=True)` reads.
    Pth,
    /// A folder that transformers' SamModel or SamHQModel loads.
    HuggingFace,
}

impl Container {
    /// What a path's ending says: `.safetensors`; `.pth`, `.pt` or `.bin`; none, for a folder.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension() {
            None => Some(Self::HuggingFace),
            Some(_) if path.is_dir() => Some(Self::HuggingFace),
            Some(ending) => match ending.to_str()?.to_ascii_lowercase().as_str() {
                "safetensors" => Some(Self::Safetensors),
                "pth" | "pt" | "bin" => Some(Self::Pth),
                _ => None,
            },
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Number of tensors.
    pub tensors: usize,
    /// How many there are of each number type.
    pub elements: BTreeMap<Element, usize>,
    /// Bytes of their values.
    pub bytes: u64,
    /// Tensors with values that are NaN or infinite, and how many of them.
    pub not_finite: Vec<(String, usize)>,
}

impl Written {
    /// Takes note of a tensor that was written.
    pub(crate) fn count(&mut self, name: &str, element: Element, bytes: &[u8]) {
        self.tensors += 1;
        *self.elements.entry(element).or_default() += 1;
        self.bytes += bytes.len() as u64;
        let not_finite = element.not_finite(bytes);
        if not_finite > 0 {
            self.not_finite.push((name.to_owned(), not_finite));
        }
    }
}

/// Writes a model as a complete safetensors file with the official names, which PyTorch loads, and
/// its configuration in the metadata.
///
/// # Errors
/// As [`Checkpoint::write`].
pub fn save(sam: &Sam, path: &Path) -> Result<()> {
    Checkpoint::of(sam).write(path, Container::Safetensors).map(|_| ())
}

impl Checkpoint {
    /// Writes the checkpoint, one tensor at a time. The file (or a folder that was not there) appears
    /// under its name only when it is complete.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written, [`Error::Checkpoint`] if a tensor cannot be read, and for
    /// Hugging Face's layout [`Error::Layout`] or what [`detect`] says.
    pub fn write(&self, path: &Path, container: Container) -> Result<Written> {
        self.write_watched(path, container, &mut |_, _| {})
    }

    /// As [`Checkpoint::write`]; `watch` hears before every tensor how many bytes of values there are
    /// with it, and how many in all.
    ///
    /// # Errors
    /// As [`Checkpoint::write`].
    pub fn write_watched(
        &self,
        path: &Path,
        container: Container,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<Written> {
        let total = self.tensors.values().map(LazyTensor::byte_len).sum();
        let mut written = Written::default();
        let mut seen = |name: &str, element: Element, bytes: &[u8]| {
            written.count(name, element, bytes);
            watch(written.bytes, total);
        };
        match container {
            Container::Safetensors => safetensors_file::write(self, path, &mut seen)?,
            Container::Pth => pytorch::write(self, path, &mut seen)?,
            Container::HuggingFace => {
                hugging_face::write_folder(self, &detect(self)?, path, &mut seen)?;
            }
        }
        Ok(written)
    }
}

impl StateDict {
    /// Writes a safetensors file of f32.
    ///
    /// # Errors
    /// [`Error::Input`] if a tensor's values do not fill its shape, else as [`Checkpoint::write`].
    pub fn write(self, path: &Path) -> Result<()> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in self.tensors {
            if tensor.values.len() != tensor.shape.iter().product::<usize>() {
                return Err(Error::Input {
                    what: "checkpoint tensor",
                    expected: format!("{name}: values for {:?}", tensor.shape),
                    found: tensor.values.len().to_string(),
                });
            }
            let element = element_of(&name);
            let values = tensor.values;
            let lazy = LazyTensor::new(element, tensor.shape, move |sink| {
                values.chunks(PIECE / 4).try_for_each(|values| sink(&element.of_f32(values)))
            });
            tensors.insert(name, lazy);
        }
        let checkpoint = Checkpoint { tensors, metadata: self.metadata, ..Checkpoint::default() };
        checkpoint.write(path, Container::Safetensors).map(|_| ())
    }
}
