//! PyTorch's checkpoint files: the zip that `torch.save` has written since 1.6, read and written, and
//! the stream of pickles before it, read.

mod budget;
mod foreign;
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
use self::foreign::whole_module;
use self::value::Kind;
use super::checkpoint::{Checkpoint, Layout, LazyTensor};
use super::safetensors_file::{check_element, wrong_type};
use super::wrappers::{Unwrapped, unwrap};
use crate::error::{Error, Result};

/// Tensors may hold so many times the file's bytes: views of one storage, and strides of 0, would
/// otherwise unfold a small file into all memory.
const MAX_UNFOLDING: u64 = 4;

/// What of a model is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: what wraps it is undone.
    Whole,
    /// One of several files: its names stay as they are until all are read.
    Shard,
}

/// Opens a PyTorch file whose first bytes are those of `layout`.
pub(super) fn open(path: &Path, layout: Layout, part: Part) -> Result<Checkpoint> {
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
    let names = || found.iter().map(|(name, _)| name.as_str());
    let model = match part {
        Part::Whole => unwrap(names()).map_err(bad)?,
        Part::Shard => Unwrapped::as_they_are(names()),
    };
    if let (false, Some((class, key))) = (model.is_known, &contents.module) {
        return Err(bad(whole_module(class, key.as_deref(), &read::file_name(path))));
    }
    let mut tensors = BTreeMap::new();
    let mut total = 0u64;
    for (name, tensor) in found {
        let Some(official) = model.names.get(name) else { continue };
        let element = match tensor.kind {
            Kind::Float(element) => element,
            Kind::Other(found) => return Err(bad(wrong_type(name, found.name()))),
        };
        check_element(name, element).map_err(bad)?;
        let fetch = read::values(tensor, &contents).map_err(|e| bad(format!("{name}: {e}")))?;
        let tensor = LazyTensor::new(element, tensor.shape.clone(), fetch);
        total = total.saturating_add(tensor.byte_len());
        if tensors.insert(official.clone(), tensor).is_some() {
            return Err(bad(format!("it has {official} twice")));
        }
    }
    if total > length.saturating_mul(MAX_UNFOLDING) {
        return Err(bad(format!(
            "its tensors unfold to {total} bytes, the file has {length}: expected each to have \
             values of its own"
        )));
    }
    let mut notes = model.notes;
    notes.extend(passed_over(&contents.passed_over));
    Ok(Checkpoint { tensors, metadata, layout: Some(layout), notes, ..Checkpoint::default() })
}

/// A note on the classes of what lies beside the tensors.
fn passed_over(classes: &[String]) -> Option<String> {
    const SHOWN: usize = 3;
    // What Python itself is made of tells nothing.
    const PLAIN: [&str; 4] = ["__builtin__.", "_codecs.", "builtins.", "copyreg."];
    let told = |class: &&String| !PLAIN.iter().any(|plain| class.starts_with(plain));
    let classes: Vec<&String> = classes.iter().filter(told).collect();
    let shown =
        classes.iter().take(SHOWN).map(|class| class.as_str()).collect::<Vec<_>>().join(", ");
    let more = match classes.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let note = "passed over objects of its training program, none of which was built";
    (!classes.is_empty()).then(|| format!("{note}: {shown}{more}"))
}
