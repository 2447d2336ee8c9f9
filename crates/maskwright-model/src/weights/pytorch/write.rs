//! Writing the zip that `torch.load` reads.
//!
//! The layout is `torch.save`'s since 1.6: `NAME/data.pkl` is a pickle of protocol 2, an OrderedDict
//! of calls that rebuild tensors; each names a storage by a number, whose values are the entry
//! `NAME/data/NUMBER`. Entries are stored, not compressed, and begin at multiples of 64 bytes.

use std::io::{Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::budget::Budget;
use super::pickle::Pickle;
use super::read::{MAX_TEXT, TEXT_ENTRIES};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::weights::checkpoint::{Checkpoint, LazyTensor};
use crate::weights::element::Element;
use crate::weights::limits::check_length;

/// The folder inside the zip; its name says nothing to `torch.load`.
const ROOT: &str = "archive";

const LAYOUT: &str = "PyTorch";

/// Torch's own padding field, "FB".
const PADDING: u16 = 0x4246;

/// Writes a `.pth` file, one tensor after the other; `seen` gets each one's name, type and bytes as
/// they pass. What else is known of the model lies beside the pickle, where PyTorch does not look.
pub(in crate::weights) fn write(
    checkpoint: &Checkpoint,
    path: &Path,
    seen: &mut dyn FnMut(&str, Element, &[u8]),
) -> Result<()> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let failed = |error: zip::result::ZipError| io(error.into());
    let pickle = pickle(checkpoint);
    check_readable(checkpoint, &pickle, path)?;
    let texts = TEXT_ENTRIES.map(|(key, name)| (name, checkpoint.metadata.get(key)));
    for text in texts.iter().filter_map(|(_, text)| *text) {
        let expected = "a description of at most 64 KiB";
        check_length(path, LAYOUT, expected, text.len(), MAX_TEXT)?;
    }
    write_whole(path, |out| {
        let mut zip = ZipWriter::new(out);
        let mut entry = |name: &str, bytes: &[u8]| -> Result<()> {
            start(&mut zip, name, bytes.len() as u64).map_err(failed)?;
            zip.write_all(bytes).map_err(io)
        };
        entry("data.pkl", &pickle)?;
        entry("byteorder", b"little")?;
        for (name, text) in texts {
            if let Some(text) = text {
                entry(name, text.as_bytes())?;
            }
        }
        for (number, (name, tensor)) in checkpoint.tensors.iter().enumerate() {
            let bytes = checkpoint.bytes_of(name, tensor)?;
            seen(name, tensor.element, &bytes);
            entry(&format!("data/{number}"), &bytes)?;
        }
        entry("version", b"3\n")?;
        zip.finish().map_err(failed)?;
        Ok(())
    })
}

/// Refuses a pickle that would not be read again, since it is too long or takes too much memory.
fn check_readable(checkpoint: &Checkpoint, pickle: &[u8], path: &Path) -> Result<()> {
    let bytes = checkpoint.byte_len().saturating_add(pickle.len() as u64);
    let budget = &mut Budget::of_file(bytes);
    let read = Pickle::read(&mut &*pickle, budget).and_then(|pickle| pickle.tensors(budget));
    let refused = |found| Error::Layout {
        path: path.to_owned(),
        layout: LAYOUT,
        expected: "a list of tensors that is read again",
        found: format!("{} tensors: {found}", checkpoint.tensors.len()),
    };
    read.map(drop).map_err(refused)
}

fn start<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    length: u64,
) -> zip::result::ZipResult<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        // The same bytes whenever it is written.
        .last_modified_time(DateTime::default())
        .large_file(length >= u64::from(u32::MAX))
        .with_alignment_and_header_id(64, PADDING);
    zip.start_file(format!("{ROOT}/{name}"), options)
}

/// The OrderedDict of all tensors.
fn pickle(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = b"\x80\x02".to_vec();
    empty_ordered_dict(&mut out);
    out.push(b'(');
    for (number, (name, tensor)) in checkpoint.tensors.iter().enumerate() {
        text(&mut out, name);
        rebuild(&mut out, number, tensor);
    }
    out.extend(b"u.");
    out
}

/// `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`.
fn rebuild(out: &mut Vec<u8>, number: usize, tensor: &LazyTensor) {
    let storage = match tensor.element {
        Element::F32 => "FloatStorage",
        Element::F16 => "HalfStorage",
        Element::Bf16 => "BFloat16Storage",
        Element::F64 => "DoubleStorage",
        Element::I64 => "LongStorage",
    };
    out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    text(out, "storage");
    out.extend(format!("ctorch\n{storage}\n").bytes());
    text(out, &number.to_string());
    text(out, "cpu");
    integer(out, tensor.shape.iter().product());
    out.extend(b"tQ");
    integer(out, 0);
    tuple(out, &tensor.shape);
    let mut strides = vec![1; tensor.shape.len()];
    for axis in (1..strides.len()).rev() {
        // Of a tensor without values they may be anything.
        strides[axis - 1] = usize::saturating_mul(strides[axis], tensor.shape[axis]);
    }
    tuple(out, &strides);
    // Requires no gradient, has no hooks.
    out.push(0x89);
    empty_ordered_dict(out);
    out.extend(b"tR");
}

fn empty_ordered_dict(out: &mut Vec<u8>) {
    out.extend(b"ccollections\nOrderedDict\n)R");
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

fn tuple(out: &mut Vec<u8>, values: &[usize]) {
    out.push(b'(');
    values.iter().for_each(|&value| integer(out, value));
    out.push(b't');
}

/// BININT where it fits, else LONG1: two's complement, so that the highest bit has to be 0.
fn integer(out: &mut Vec<u8>, value: usize) {
    match i32::try_from(value) {
        Ok(value) => {
            out.push(b'J');
            out.extend(value.to_le_bytes());
        }
        Err(_) => {
            out.extend([0x8a, 9]);
            out.extend((value as u64).to_le_bytes());
            out.push(0);
        }
    }
}
