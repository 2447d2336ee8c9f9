//! Pairs from a list: a CSV file with the columns `image` and `mask`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::{Found, Item, Layout, Pairs};
use crate::error::{Error, Result};
use crate::source::PairsKeys;
use crate::source::bytes::open_file;
use crate::source::select::Selection;

/// Where the columns are that a list must or may have.
struct Columns {
    image: usize,
    mask: usize,
    name: Option<usize>,
}

/// Reads the list. Its paths are relative to the set's folders or, where it has none, to the list.
pub(super) fn pairs(keys: &PairsKeys, selection: &Selection) -> Result<Found> {
    let path = &keys.list;
    let flaw = |line: u64, message: String| Error::List { file: path.clone(), line, message };
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        match error.into_kind() {
            csv::ErrorKind::Io(source) => Error::Read { file: path.clone(), source },
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                flaw(line, format!("expected {expected_len} columns, found {len}"))
            }
            other => flaw(line, format!("no valid CSV: {other:?}")),
        }
    };
    let file = open_file(path).map_err(|source| Error::Read { file: path.clone(), source })?;
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
    let header = reader.byte_headers().map_err(unreadable)?;
    let columns = columns(header).map_err(|message| flaw(1, message))?;

    let beside = path.parent().unwrap_or(Path::new(""));
    let base = |folder: &PathBuf| {
        if folder.as_os_str().is_empty() { beside.into() } else { folder.clone() }
    };
    let mut pairs = Pairs {
        images: base(&keys.images),
        masks: base(&keys.masks),
        layout: Layout::Rows,
        items: Vec::new(),
        text: Vec::new(),
    };
    let mut lines: HashMap<Vec<u8>, u64> = HashMap::new();
    let (mut total, mut row) = (0, ByteRecord::new());
    while reader.read_byte_record(&mut row).map_err(unreadable)? {
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let (image, mask) = (cell(columns.image), cell(columns.mask));
        if image.is_empty() || mask.is_empty() {
            let absent = if image.is_empty() { "image" } else { "mask" };
            return Err(flaw(line, format!("expected an image and a mask, found no {absent}")));
        }
        let name = columns.name.map_or_else(|| without_ending(image), cell);
        if let Some(before) = lines.insert(name.to_vec(), line) {
            let name = String::from_utf8_lossy(name);
            return Err(flaw(
                line,
                format!("expected a name of its own, found {name} of line {before} again"),
            ));
        }
        total += 1;
        let shown = String::from_utf8_lossy(name);
        if !selection.lets_through(&shown, &String::from_utf8_lossy(image)) {
            continue;
        }
        pairs.items.push(Item {
            at: pairs.text.len() as u64,
            name: name.len() as u32,
            image: image.len() as u32,
            mask: mask.len() as u32,
        });
        [name, image, mask].into_iter().for_each(|part| pairs.text.extend_from_slice(part));
    }
    if total == 0 {
        return Err(flaw(1, "expected rows below the names of the columns, found none".into()));
    }
    Ok(Found { pairs, total, lone_images: Vec::new(), lone_masks: Vec::new() })
}

fn columns(header: &ByteRecord) -> Result<Columns, String> {
    // Spreadsheets begin a file with a byte order mark.
    let tidy = |cell: &[u8]| {
        String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_lowercase()
    };
    let find = |name: &str| header.iter().position(|cell| tidy(cell) == name);
    let found: Vec<String> = header.iter().map(tidy).collect();
    match (find("image"), find("mask")) {
        (Some(image), Some(mask)) => Ok(Columns { image, mask, name: find("name") }),
        _ => Err(format!("expected the columns image and mask, found {}", found.join(", "))),
    }
}

/// A path less the ending of its last part.
fn without_ending(path: &[u8]) -> &[u8] {
    let base = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at + 1);
    match path[base..].iter().rposition(|byte| *byte == b'.') {
        Some(dot) if dot > 0 => &path[..base + dot],
        _ => path,
    }
}
