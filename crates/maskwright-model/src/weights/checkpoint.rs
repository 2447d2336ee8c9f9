//! A checkpoint whose tensors are fetched one at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::element::Element;
use super::names::Path as ModulePath;
use super::state::{StateDict, StateTensor};
use super::{CONFIG_KEY, hugging_face, pytorch, safetensors_file};
use crate::error::{Error, Result};
use crate::sam::Sam;

/// Names, types and shapes of a checkpoint's tensors; their values are read when they are asked for,
/// so that neither loading nor converting holds a second copy of a model, and a file larger than
/// memory can be converted.
///
/// Names are the official ones, whatever the file has.
#[derive(Clone, Default)]
pub struct Checkpoint {
    pub(super) tensors: BTreeMap<String, LazyTensor>,
    /// The text metadata, among it the configuration under [`CONFIG_KEY`] where one is known.
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

type Fetch = dyn Fn() -> std::io::Result<Vec<u8>> + Send + Sync;

/// A tensor's type and shape, and the way to its bytes.
#[derive(Clone)]
pub(super) struct LazyTensor {
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    fetch: Arc<Fetch>,
}

impl LazyTensor {
    pub(super) fn new(
        element: Element,
        shape: Vec<usize>,
        fetch: impl Fn() -> std::io::Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self { element, shape, fetch: Arc::new(fetch) }
    }

    /// Bytes that [`LazyTensor::bytes`] gives; shapes whose size overflows do not get here.
    pub(super) fn byte_len(&self) -> u64 {
        self.shape.iter().product::<usize>() as u64 * self.element.size() as u64
    }

    pub(super) fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let bytes = (self.fetch)()?;
        if bytes.len() as u64 != self.byte_len() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                format!("expected {} bytes, found {}", self.byte_len(), bytes.len()),
            ));
        }
        Ok(bytes)
    }

    /// The same tensor in another number type; counters stay.
    pub(super) fn to_element(&self, to: Element) -> Self {
        let from = self.element;
        if from == to || !from.is_float() {
            return self.clone();
        }
        let inner = self.clone();
        Self::new(to, self.shape.clone(), move || Ok(from.convert(inner.bytes()?, to)))
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
    /// Opens a checkpoint: safetensors, PyTorch's `.pth` (zip or legacy), or a folder in Hugging
    /// Face's layout. What it is is told by its first bytes, not by its name.
    ///
    /// Names of Hugging Face's SamModel and SamHQModel become the official ones. A `module.` before
    /// every name, which PyTorch's distributed training leaves, is dropped, and of a training
    /// checkpoint what lies under `model`, `state_dict` or `model_state_dict` is taken. Values are
    /// f32, f16, bf16 or f64.
    ///
    /// A PyTorch file's pickle is first searched for anything but the rebuilding of tensors, and
    /// then interpreted by a reader that runs no code.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Checkpoint`] if it is none.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.is_dir() {
            return hugging_face::open_folder(path);
        }
        let mut checkpoint = match sniff(path)? {
            Layout::Safetensors | Layout::HuggingFace => safetensors_file::open(path)?,
            layout => pytorch::open(path, layout)?,
        };
        checkpoint.path = Some(path.to_owned());
        checkpoint.tidy_names(path)?;
        Ok(checkpoint)
    }

    /// A model's tensors, which share its memory.
    pub fn of(sam: &Sam) -> Self {
        struct Collect {
            path: ModulePath,
            tensors: BTreeMap<String, LazyTensor>,
        }
        impl ModuleVisitor for Collect {
            fn enter_module(&mut self, name: &str, container_type: &str) {
                self.path.enter(name, container_type);
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.path.exit();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let name = self.path.name();
                let layout = self.path.layout();
                let tensor = param.val();
                let shape = tensor.dims();
                let element = element_of(&name);
                let official = layout.official_shape(&shape);
                let lazy = LazyTensor::new(element, official, move || {
                    let values = tensor.clone().try_into_vec_as::<f32>();
                    let values = values.map_err(|e| std::io::Error::other(format!("{e:?}")))?;
                    Ok(element.of_f32(&layout.here_to_official(values, &shape)))
                });
                self.tensors.insert(name, lazy);
            }
        }
        let mut collect = Collect { path: ModulePath::default(), tensors: BTreeMap::new() };
        sam.visit(&mut collect);
        let mut checkpoint = Self { tensors: collect.tensors, ..Self::default() };
        checkpoint.set_config(sam.config());
        if let Some(conventions) = sam.conventions() {
            checkpoint.set_conventions(conventions);
        }
        checkpoint
    }

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

    /// Remembers the configuration, which the files of this crate carry.
    pub fn set_config(&mut self, config: &crate::SamConfig) {
        if let Ok(json) = serde_json::to_string(config) {
            self.metadata.insert(CONFIG_KEY.to_owned(), json);
        }
    }

    /// All values in memory, as f32.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming the tensor that cannot be read.
    pub fn into_state(self) -> Result<StateDict> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            let values = tensor.element.to_f32(&self.bytes_of(name, tensor)?);
            tensors.insert(name.clone(), StateTensor { shape: tensor.shape.clone(), values });
        }
        Ok(StateDict { tensors, metadata: self.metadata })
    }

    /// A tensor's bytes, its name in the error.
    pub(super) fn bytes_of(&self, name: &str, tensor: &LazyTensor) -> Result<Vec<u8>> {
        tensor.bytes().map_err(|e| Error::Checkpoint {
            path: self.path.clone().unwrap_or_else(|| PathBuf::from("the model in memory")),
            format: "a tensor",
            reason: if e.to_string().contains(name) {
                e.to_string()
            } else {
                format!("{name}: {e}")
            },
        })
    }

    /// Official names from what the file has.
    fn tidy_names(&mut self, path: &Path) -> Result<()> {
        if let Some(wrapper) = wrapper_of(self.names()) {
            self.strip(wrapper);
            let key = wrapper.trim_end_matches('.');
            self.notes.push(format!("took what lies under {key:?}, and nothing else"));
        }
        const PARALLEL: &str = "module.";
        if !self.tensors.is_empty() && self.tensors.keys().all(|n| n.starts_with(PARALLEL)) {
            self.strip(PARALLEL);
        }
        // The one name that a safetensors header keeps for itself.
        const RESERVED: &str = "__metadata__";
        let odd = match self.tensors.is_empty() {
            true => Some("it holds no tensor".to_owned()),
            false if self.tensors.contains_key(RESERVED) => {
                Some(format!("it has a tensor of the name {RESERVED}"))
            }
            false => None,
        };
        if let Some(reason) = odd {
            let format = "expected tensors by name";
            return Err(Error::Checkpoint { path: path.to_owned(), format, reason });
        }
        hugging_face::to_official_names(self);
        Ok(())
    }

    /// Keeps what has this prefix, without it.
    fn strip(&mut self, prefix: &str) {
        let renamed = std::mem::take(self).rename(|n| n.strip_prefix(prefix).map(str::to_owned));
        *self = renamed;
    }
}

/// The key, with its dot, under which a training checkpoint has the model.
pub(super) fn wrapper_of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    const WRAPPERS: [&str; 3] = ["model.", "state_dict.", "model_state_dict."];
    WRAPPERS.into_iter().find(|wrapper| names.clone().any(|name| name.starts_with(wrapper)))
}

/// What number type a model's tensor has in files: PyTorch's counters are integers.
pub(super) fn element_of(name: &str) -> Element {
    if name.ends_with("num_batches_tracked") { Element::I64 } else { Element::F32 }
}

/// What a file is, from its first bytes.
fn sniff(path: &Path) -> Result<Layout> {
    use std::io::Read;

    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(64).read_to_end(&mut head).map_err(io)?;
    let not = |found: String| Error::Checkpoint {
        path: path.to_owned(),
        format: "expected a .pth or safetensors file",
        reason: found,
    };
    if head.is_empty() {
        return Err(not("it is empty".to_owned()));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Layout::Pth);
    }
    // Safetensors opens with the header's length in 8 bytes and its JSON.
    if head.get(8) == Some(&b'{') {
        return Ok(Layout::Safetensors);
    }
    // A pickle of protocol 2 and above opens with its number.
    if head[0] == 0x80 && head.get(1).is_some_and(|&protocol| protocol <= 5) {
        return Ok(Layout::LegacyPth);
    }
    let text = head.iter().all(|&byte| byte >= b' ' || byte.is_ascii_whitespace());
    Err(not(match String::from_utf8(head) {
        Ok(start) if text => {
            let start: String = start.chars().take(24).collect();
            format!("it is a text file that begins {start:?}")
        }
        _ => "its first bytes are of neither".to_owned(),
    }))
}
