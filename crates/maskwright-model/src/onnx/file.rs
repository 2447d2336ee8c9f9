//! A graph into its file, one tensor at a time.
//!
//! A protobuf message carries the lengths of what is inside it before it. They are known from the
//! shapes, so the values need not be in memory together. Where they do not fit a protobuf file,
//! whose readers take 2 GiB at most, they go to a second file beside it, as ONNX provides for.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use prost::Message;

use super::graph::{Constant, Graph};
use super::proto::{
    DataLocation, DataType, GRAPH_FIELD, GraphProto, INITIALIZER_FIELD, IR_VERSION, ModelProto,
    OPSET, OperatorSetIdProto, RAW_DATA_FIELD, StringStringEntryProto, TensorProto,
};
use crate::error::{Error, Mismatch, Result};
use crate::files::write_whole;
use crate::weights::checkpoint::Checkpoint;
use crate::weights::element::Element;
use crate::weights::{CONFIG_KEY, CONVENTIONS_KEY};

/// What is smaller stays in the `.onnx` file: shapes, which readers want at once.
const SMALL: u64 = 1024;

/// Values in the second file begin at pages, so that they can be mapped.
const PAGE: u64 = 4096;

/// What the file says of itself.
pub(super) struct About<'a> {
    pub(super) part: &'a str,
    pub(super) says: &'a str,
    /// The configuration, under the key of the other files of this crate.
    pub(super) config: &'a str,
    /// How the model was trained, likewise.
    pub(super) conventions: Option<&'a str>,
}

/// Where the second file of `path` is.
pub(super) fn data_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".data");
    name.into()
}

/// Writes a graph to `path`, its values beside it if they have more than `most` bytes; gives the files
/// that were written. `seen` gets the name, type and bytes of every tensor of the checkpoint.
///
/// # Errors
/// [`Error::Mismatch`] if the checkpoint lacks a tensor, [`Error::Io`], [`Error::Checkpoint`].
pub(super) fn write(
    graph: Graph<'_>,
    about: &About<'_>,
    checkpoint: &Checkpoint,
    path: &Path,
    most: u64,
    seen: &mut dyn FnMut(&str, Element, &[u8]),
) -> Result<Vec<PathBuf>> {
    if !graph.missing.is_empty() {
        return Err(Error::Mismatch(Box::new(Mismatch {
            file: checkpoint.path.clone(),
            missing: graph.missing.into_iter().collect(),
            ..Mismatch::default()
        })));
    }
    let Graph { nodes, constants, inputs, outputs, .. } = graph;
    let mut values = Values { checkpoint, seen };
    let data = data_file(path);
    let inside = constants.iter().map(byte_len).sum::<u64>() <= most;
    let places = if inside { BTreeMap::new() } else { write_data(&constants, &data, &mut values)? };

    let tensors: Vec<TensorProto> =
        constants.iter().map(|constant| proto(constant, &data, &places)).collect();
    let rest = GraphProto {
        node: nodes,
        name: Some(format!("maskwright {}", about.part)),
        doc_string: Some(about.says.to_owned()),
        input: inputs,
        output: outputs,
        initializer: Vec::new(),
    };
    let mut head = header(about).encode_to_vec();
    let lengths: Vec<u64> = constants
        .iter()
        .zip(&tensors)
        .map(|(constant, tensor)| {
            let raw = byte_len(constant);
            let raw = if places.contains_key(&constant.name) { 0 } else { field_len(raw) };
            tensor.encoded_len() as u64 + raw
        })
        .collect();
    let graph_len =
        rest.encoded_len() as u64 + lengths.iter().map(|&length| field_len(length)).sum::<u64>();
    begin_field(&mut head, GRAPH_FIELD, graph_len);
    rest.encode_raw(&mut head);

    let io = |source| Error::Io { path: path.to_owned(), source };
    write_whole(path, |out| {
        out.write_all(&head).map_err(io)?;
        for ((constant, tensor), length) in constants.iter().zip(&tensors).zip(lengths) {
            let mut bytes = Vec::new();
            begin_field(&mut bytes, INITIALIZER_FIELD, length);
            tensor.encode_raw(&mut bytes);
            if !places.contains_key(&constant.name) {
                begin_field(&mut bytes, RAW_DATA_FIELD, byte_len(constant));
                out.write_all(&bytes).map_err(io)?;
                bytes = values.of(constant)?;
            }
            out.write_all(&bytes).map_err(io)?;
        }
        Ok(())
    })?;
    if inside {
        // What an earlier, larger export left there belongs to no file any more.
        match std::fs::remove_file(&data) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { path: data, source: e });
            }
            _ => return Ok(vec![path.to_owned()]),
        }
    }
    Ok(vec![path.to_owned(), data])
}

/// Where the bytes of constants come from.
struct Values<'a> {
    checkpoint: &'a Checkpoint,
    seen: &'a mut dyn FnMut(&str, Element, &[u8]),
}

impl Values<'_> {
    fn of(&mut self, constant: &Constant) -> Result<Vec<u8>> {
        if let Some(bytes) = &constant.bytes {
            return Ok(bytes.clone());
        }
        let bytes = self.checkpoint.bytes(&constant.name)?;
        let element = self.checkpoint.element(&constant.name).unwrap_or(Element::F32);
        (self.seen)(&constant.name, element, &bytes);
        Ok(bytes)
    }
}

/// Writes the second file; gives the place of each tensor that is in it.
fn write_data(
    constants: &[Constant],
    path: &Path,
    values: &mut Values<'_>,
) -> Result<BTreeMap<String, u64>> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut places = BTreeMap::new();
    write_whole(path, |out| {
        let mut at = 0u64;
        for constant in constants.iter().filter(|constant| byte_len(constant) >= SMALL) {
            let start = at.next_multiple_of(PAGE);
            out.write_all(&vec![0; (start - at) as usize]).map_err(io)?;
            out.write_all(&values.of(constant)?).map_err(io)?;
            at = start + byte_len(constant);
            places.insert(constant.name.clone(), start);
        }
        Ok(())
    })?;
    Ok(places)
}

fn header(about: &About<'_>) -> ModelProto {
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("maskwright".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        doc_string: Some(about.says.to_owned()),
        graph: None,
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: [
            Some(entry(CONFIG_KEY, about.config)),
            about.conventions.map(|json| entry(CONVENTIONS_KEY, json)),
            Some(entry("maskwright.part", about.part)),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

/// A tensor without the values that follow it.
fn proto(constant: &Constant, data: &Path, places: &BTreeMap<String, u64>) -> TensorProto {
    let mut tensor = TensorProto {
        dims: constant.shape.iter().map(|&length| length as i64).collect(),
        data_type: Some(constant.data_type as i32),
        name: Some(constant.name.clone()),
        ..TensorProto::default()
    };
    if let Some(place) = places.get(&constant.name) {
        let location = data.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tensor.data_location = Some(DataLocation::External as i32);
        tensor.external_data = [
            ("location", location),
            ("offset", place.to_string()),
            ("length", byte_len(constant).to_string()),
        ]
        .map(|(key, value)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value),
        })
        .to_vec();
    }
    tensor
}

/// Bytes of its values.
pub(super) fn byte_len(constant: &Constant) -> u64 {
    let size = match constant.data_type {
        DataType::Int64 => 8,
        DataType::Float16 | DataType::Bfloat16 => 2,
        DataType::Float | DataType::Undefined => 4,
    };
    constant.shape.iter().product::<usize>() as u64 * size
}

/// The key and length of a field of bytes.
fn begin_field(out: &mut Vec<u8>, field: u32, length: u64) {
    const LENGTH_DELIMITED: u32 = 2;
    varint(out, u64::from(field << 3 | LENGTH_DELIMITED));
    varint(out, length);
}

/// Bytes of a field of bytes, with its key and length.
fn field_len(length: u64) -> u64 {
    // The fields that are written here have numbers below 16, whose keys are one byte.
    let varint = (64 - length.leading_zeros()).max(1).div_ceil(7);
    1 + u64::from(varint) + length
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
