//! PyTorch's checkpoint files: the zip that `torch.save` has written since 1.6, read and written, and
//! the stream of pickles before it, read.

mod budget;
mod heap;
mod machine;
mod opcode;
mod pickle;
mod read;
mod source;
mod value;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

pub(super) use write::write;

use self::budget::Budget;
use self::value::Kind;
use super::checkpoint::{Checkpoint, Layout, LazyTensor};
use super::names::wrapper_of;
use super::safetensors_file::{check_element, wrong_type};
use crate::error::{Error, Result};

/// Tensors may hold so many times the file's bytes: views of one storage, and strides of 0, would
/// otherwise unfold a small file into all memory.
const MAX_UNFOLDING: u64 = 4;

/// Opens a PyTorch file whose first bytes are those of `layout`.
pub(super) fn open(path: &Path, layout: Layout) -> Result<Checkpoint> {
    let bad =
        |reason: String| Error::Checkpoint { path: path.to_owned(), format: "PyTorch", reason };
    let length = std::fs::metadata(path)
        .map_err(|source| Error::Io { path: path.to_owned(), source })?
        .len();
    let contents = match layout {
        Layout::LegacyPth => read::legacy(path, &mut Budget::of_file(length)),
        _ => read::zip(path, &mut Budget::of_file(length)),
    }
    .map_err(bad)?;
    let (found, metadata) = (&contents.tensors, contents.metadata.clone());
    let wrapper = wrapper_of(found.iter().map(|(name, _)| name.as_str())).unwrap_or_default();
    let mut tensors = BTreeMap::new();
    let mut total = 0u64;
    for (name, tensor) in found.iter().filter(|(name, _)| name.starts_with(wrapper)) {
        let element = match tensor.kind {
            Kind::Float(element) => element,
            Kind::Other(found) => return Err(bad(wrong_type(name, found.name()))),
        };
        check_element(name, element).map_err(bad)?;
        let fetch = read::values(tensor, &contents).map_err(|e| bad(format!("{name}: {e}")))?;
        let tensor = LazyTensor::new(element, tensor.shape.clone(), fetch);
        total = total.saturating_add(tensor.byte_len());
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(bad(format!("it has {name} twice")));
        }
    }
    if total > length.saturating_mul(MAX_UNFOLDING) {
        return Err(bad(format!(
            "its tensors unfold to {total} bytes, the file has {length}: expected each to have \
             values of its own"
        )));
    }
    Ok(Checkpoint { tensors, metadata, layout: Some(layout), ..Checkpoint::default() })
}
