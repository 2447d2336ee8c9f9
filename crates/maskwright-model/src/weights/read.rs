//! Reading checkpoint files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Dtype, SafeTensors};

use super::state::{StateDict, StateTensor};
use crate::error::{Error, Result};

impl StateDict {
    /// Reads a checkpoint: safetensors, or a PyTorch file (zip or legacy), told by its first bytes.
    /// Values of any float type, and the 64-bit
    /// counters of batch normalisation, become f32. A `module.` before every name, which PyTorch's
    /// distributed training leaves, is dropped.
    ///
    /// A PyTorch file's pickle is interpreted by a restricted reader that runs no code.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Checkpoint`] if it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let mut head = [0u8; 9];
        let mut file = File::open(path).map_err(io)?;
        let got = file.read(&mut head).map_err(io)?;
        // Safetensors opens with the header's length in 8 bytes and its JSON.
        let mut state = if got == 9 && head[8] == b'{' && !head.starts_with(b"PK") {
            let bytes = std::fs::read(path).map_err(io)?;
            read_safetensors(&bytes).map_err(|reason| Error::Checkpoint {
                path: path.to_owned(),
                format: "safetensors",
                reason,
            })?
        } else {
            read_pytorch(path).map_err(|reason| Error::Checkpoint {
                path: path.to_owned(),
                format: "PyTorch",
                reason,
            })?
        };
        const PARALLEL: &str = "module.";
        if !state.tensors.is_empty() && state.tensors.keys().all(|n| n.starts_with(PARALLEL)) {
            state.tensors = std::mem::take(&mut state.tensors)
                .into_iter()
                .map(|(name, tensor)| (name[PARALLEL.len()..].to_owned(), tensor))
                .collect();
        }
        Ok(state)
    }
}

/// Reads the bytes of a safetensors file.
pub(super) fn read_safetensors(bytes: &[u8]) -> std::result::Result<StateDict, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let metadata: BTreeMap<String, String> =
        header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::I64 => DType::I64,
            other => return Err(format!("{name} has the type {other:?}, which no model here has")),
        };
        let tensor = to_f32(view.data().to_vec(), view.shape(), dtype)
            .map_err(|reason| format!("{name}: {reason}"))?;
        tensors.insert(name, tensor);
    }
    Ok(StateDict { tensors, metadata })
}

fn read_pytorch(path: &Path) -> std::result::Result<StateDict, String> {
    let reader = pytorch_reader::PytorchReader::new(path).map_err(|e| e.to_string())?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in reader.tensors() {
        let dtype = match format!("{:?}", tensor.dtype()).as_str() {
            "F32" => DType::F32,
            "F64" => DType::F64,
            "F16" => DType::F16,
            "BF16" => DType::BF16,
            "I64" => DType::I64,
            other => return Err(format!("{name} has the type {other}, which no model here has")),
        };
        let shape = tensor.shape().to_vec();
        let bytes = tensor.read().map_err(|e| format!("{name}: {e}"))?;
        let tensor = to_f32(bytes, &shape, dtype).map_err(|reason| format!("{name}: {reason}"))?;
        tensors.insert(name.clone(), tensor);
    }
    if tensors.is_empty() {
        return Err("holds no tensor".to_owned());
    }
    Ok(StateDict { tensors, metadata: BTreeMap::new() })
}

fn to_f32(
    bytes: Vec<u8>,
    shape: &[usize],
    dtype: DType,
) -> std::result::Result<StateTensor, String> {
    let count: usize = shape.iter().product();
    if bytes.len() != count * dtype.size() {
        return Err(format!("{} bytes for shape {shape:?}", bytes.len()));
    }
    let values = if dtype == DType::F32 {
        let words = bytes.chunks_exact(4);
        words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    } else {
        TensorData::from_bytes_vec(bytes, shape.to_vec(), dtype)
            .convert::<f32>()
            .try_into_vec::<f32>()
            .map_err(|e| format!("{e:?}"))?
    };
    Ok(StateTensor { shape: shape.to_vec(), values })
}
