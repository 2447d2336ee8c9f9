//! Writing checkpoint files.

use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::state::{StateDict, state_dict};
use crate::error::{Error, Result};
use crate::sam::Sam;

/// Writes a model as a complete safetensors file with the official names, which PyTorch loads, and
/// its configuration in the metadata.
///
/// # Errors
/// As [`StateDict::write`].
pub fn save(sam: &Sam, path: &Path) -> Result<()> {
    state_dict(sam).write(path)
}

impl StateDict {
    /// Writes a safetensors file of f32. The file appears under its name only when it is complete:
    /// it is written beside it under a temporary name, and renamed.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written, [`Error::Checkpoint`] if a tensor's values do not fill
    /// its shape.
    pub fn write(&self, path: &Path) -> Result<()> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let bad = |reason: String| Error::Checkpoint {
            path: path.to_owned(),
            format: "safetensors",
            reason,
        };
        let bytes: Vec<(&String, &[usize], Dtype, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| {
                // The one kind of tensor that PyTorch has as integers.
                let (dtype, bytes) = if name.ends_with("num_batches_tracked") {
                    let whole = tensor.values.iter().flat_map(|&v| (v as i64).to_le_bytes());
                    (Dtype::I64, whole.collect())
                } else {
                    (Dtype::F32, tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect())
                };
                (name, tensor.shape.as_slice(), dtype, bytes)
            })
            .collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (name, shape, dtype, bytes) in &bytes {
            let view = TensorView::new(*dtype, shape.to_vec(), bytes)
                .map_err(|e| bad(format!("{name}: {e}")))?;
            views.push((name.as_str(), view));
        }
        let metadata = self.metadata.clone().into_iter().collect();
        let file = safetensors::serialize(views, Some(metadata)).map_err(|e| bad(e.to_string()))?;

        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".maskwright-").suffix(".safetensors");
        // Temporary files are private; a checkpoint is as readable as the user's other files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut temporary = builder.tempfile_in(folder).map_err(io)?;
        temporary.write_all(&file).map_err(io)?;
        temporary.as_file().sync_all().map_err(io)?;
        temporary.persist(path).map_err(|e| io(e.error))?;
        Ok(())
    }
}
