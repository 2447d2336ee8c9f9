//! Safetensors files, read and written one tensor at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata};

use super::checkpoint::{Checkpoint, Layout, LazyTensor};
use super::element::Element;
use super::limits::{
    MAX_AXES, MAX_LIST, MAX_NAME, MAX_TENSORS, check_length, long_name, many_axes,
};
use super::shared_file::SharedFile;
use crate::error::{Error, Result};
use crate::files::write_whole;

/// Opens a safetensors file: reads its header and checks it against the file's length.
pub(super) fn open(path: &Path) -> Result<Checkpoint> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bad =
        |reason: String| Error::Checkpoint { path: path.to_owned(), format: "safetensors", reason };
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(io)?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > length.saturating_sub(8) {
        return Err(bad(format!(
            "its header claims {header_length} bytes, the file has {length}: it is cut short or damaged"
        )));
    }
    if header_length > MAX_LIST {
        return Err(bad(format!(
            "expected a header of at most {MAX_LIST} bytes, found {header_length}"
        )));
    }
    let mut header = vec![0; header_length as usize];
    file.read_exact(&mut header).map_err(io)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|e| bad(format!("header: {e}")))?;
    let expected = (8 + header_length).saturating_add(header.data_len() as u64);
    if length != expected {
        return Err(bad(format!(
            "expected {expected} bytes by its header, found {length}: it is cut short or damaged"
        )));
    }
    let listed = header.tensors();
    if listed.len() > MAX_TENSORS {
        let found = listed.len();
        return Err(bad(format!("expected at most {MAX_TENSORS} tensors, found {found}")));
    }
    let metadata: BTreeMap<String, String> =
        header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let file = SharedFile::new(file);
    let mut tensors = BTreeMap::new();
    for (name, info) in listed {
        let element = match info.dtype {
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::Bf16,
            Dtype::I64 => Element::I64,
            other => return Err(bad(wrong_type(&name, &format!("{other:?}")))),
        };
        if name.len() > MAX_NAME {
            return Err(bad(long_name("a tensor", name.len())));
        }
        check_element(&name, element).map_err(bad)?;
        if info.shape.len() > MAX_AXES {
            return Err(bad(many_axes(info.shape.len())));
        }
        let (start, end) = info.data_offsets;
        let (file, start, length) = (file.clone(), 8 + header_length + start as u64, end - start);
        let tensor = LazyTensor::new(element, info.shape.clone(), move |sink| {
            file.read(start, length as u64, sink)
        });
        tensors.insert(name, tensor);
    }
    Ok(Checkpoint { tensors, metadata, layout: Some(Layout::Safetensors), ..Checkpoint::default() })
}

/// Integers belong to counters alone.
pub(super) fn check_element(name: &str, element: Element) -> std::result::Result<(), String> {
    if element == Element::I64 && !name.ends_with("num_batches_tracked") {
        return Err(wrong_type(name, "i64"));
    }
    Ok(())
}

pub(super) fn wrong_type(name: &str, found: &str) -> String {
    format!("{name}: expected f32, f16, bf16 or f64, found {}", found.to_lowercase())
}

/// Writes a safetensors file; `seen` gets every tensor's name, type and bytes as they pass.
pub(super) fn write(
    checkpoint: &Checkpoint,
    path: &Path,
    seen: &mut dyn FnMut(&str, Element, &[u8]),
) -> Result<()> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let header = header(checkpoint);
    check_length(path, "safetensors", "a header of at most 16 MiB", header.len(), MAX_LIST)?;
    write_whole(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes()).map_err(io)?;
        out.write_all(&header).map_err(io)?;
        for (name, tensor) in in_file_order(checkpoint) {
            let bytes = checkpoint.bytes_of(name, tensor)?;
            seen(name, tensor.element, &bytes);
            out.write_all(&bytes).map_err(io)?;
        }
        Ok(())
    })
}

/// Wide types first, so that every tensor is aligned to its type, as the format's own writer does.
fn in_file_order(checkpoint: &Checkpoint) -> Vec<(&String, &LazyTensor)> {
    let mut tensors: Vec<_> = checkpoint.tensors.iter().collect();
    tensors.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.element.size()));
    tensors
}

/// The header's JSON, padded with spaces to a multiple of 8 bytes.
fn header(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut entries = serde_json::Map::new();
    if !checkpoint.metadata.is_empty() {
        entries.insert("__metadata__".to_owned(), serde_json::json!(checkpoint.metadata));
    }
    let mut offset = 0;
    for (name, tensor) in in_file_order(checkpoint) {
        let end = offset + tensor.byte_len();
        let dtype = match tensor.element {
            Element::F32 => "F32",
            Element::F16 => "F16",
            Element::Bf16 => "BF16",
            Element::F64 => "F64",
            Element::I64 => "I64",
        };
        let entry = serde_json::json!({
            "dtype": dtype, "shape": tensor.shape, "data_offsets": [offset, end],
        });
        entries.insert(name.clone(), entry);
        offset = end;
    }
    let mut header = serde_json::Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}
