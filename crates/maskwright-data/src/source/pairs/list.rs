//! Pairs from a list: a CSV file with the columns `image` and `mask`, as programs and spreadsheets write it.
//!
//! Columns are separated by commas, semicolons or tabs, lines end in either way, a byte order mark is passed over, and a path may
//! have backslashes. Without a first row of names, two columns are the image and the mask.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::{Found, Item, Layout, Pairs};
use crate::error::{Error, Result};
use crate::source::bytes::{open_file, push_bytes};
use crate::source::cells::{line_of, sign_between_cells, with_plain_ends};
use crate::source::select::Selection;
use crate::source::{LeftOut, PairsKeys};

/// Bytes of the first row that are looked at for the sign between columns.
const FIRST_ROW: usize = 1 << 16;

/// Where the columns are that a list must or may have.
#[derive(Debug, PartialEq)]
struct Columns {
    image: usize,
    mask: usize,
    name: Option<usize>,
}

/// Reads the list. Its paths are relative to the set's folders or, where it has none, to the list.
pub(super) fn pairs(keys: &PairsKeys, selection: &Selection) -> Result<Found> {
    let path = &keys.list;
    let flaw = |line: u64, message: String| Error::List { file: path.clone(), line, message };
    let unreadable = |line: u64, error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(source) => Error::Read { file: path.clone(), source },
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            flaw(line, format!("expected {expected_len} columns, found {len}"))
        }
        other => flaw(line, format!("no valid CSV: {other:?}")),
    };
    let broken = |source| Error::Read { file: path.clone(), source };
    let file = open_file(path).map_err(broken)?;
    let mut file = BufReader::with_capacity(FIRST_ROW, file);
    let between = begin(&mut file).map_err(broken)?;
    let (columns, headed) = {
        // Looked at in what is buffered, so that a first row of files is read again as such.
        let mut first = ReaderBuilder::new();
        let first = first.trim(Trim::All).delimiter(between).flexible(true);
        let mut first = first.from_reader(file.fill_buf().map_err(broken)?);
        let header = first.byte_headers().map_err(|error| unreadable(1, error))?;
        columns(header).map_err(|message| flaw(1, message))?
    };
    let mut reader = ReaderBuilder::new();
    let reader = reader.trim(Trim::All).delimiter(between).has_headers(headed);
    let mut reader = reader.from_reader(with_plain_ends(file));

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
    loop {
        let read = reader.read_byte_record(&mut row);
        let line = line_of(reader.position(), row.as_slice());
        if !read.map_err(|error| unreadable(line, error))? {
            break;
        }
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let [image, mask] = [columns.image, columns.mask].map(|column| {
            with_slashes(
                cell(column),
                if column == columns.image { &pairs.images } else { &pairs.masks },
            )
        });
        let (image, mask) = (&*image, &*mask);
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
    Ok(Found {
        pairs,
        total,
        lone_images: Vec::new(),
        lone_masks: Vec::new(),
        nameless: LeftOut::default(),
    })
}

/// Passes over a byte order mark and tells the sign between columns.
fn begin<R: Read>(file: &mut BufReader<R>) -> std::io::Result<u8> {
    if file.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    Ok(sign_between_cells(file.fill_buf()?))
}

/// The columns that the first row names, or those of a list without names; and whether it names any.
fn columns(header: &ByteRecord) -> Result<(Columns, bool), String> {
    let tidy = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_lowercase();
    let find = |name: &str| header.iter().position(|cell| tidy(cell) == name);
    match (find("image"), find("mask")) {
        (Some(image), Some(mask)) => Ok((Columns { image, mask, name: find("name") }, true)),
        (None, None) if header.len() == 2 && header.iter().all(is_file) => {
            Ok((Columns { image: 0, mask: 1, name: None }, false))
        }
        _ => {
            let found: Vec<String> = header.iter().map(tidy).collect();
            Err(format!("expected the columns image and mask, found {}", found.join(", ")))
        }
    }
}

/// Whether a cell of the first row is a file's name and no column's: it has an ending.
fn is_file(cell: &[u8]) -> bool {
    let stem = without_ending(cell);
    stem.len() < cell.len() && cell.len() - stem.len() <= 6 && !stem.is_empty()
}

/// A path with slashes for backslashes, unless a file is called as it stands; on Windows both are the same.
fn with_slashes<'a>(path: &'a [u8], folder: &Path) -> Cow<'a, [u8]> {
    if !path.contains(&b'\\') {
        return Cow::Borrowed(path);
    }
    let mut as_it_is = folder.to_owned();
    push_bytes(&mut as_it_is, path);
    if as_it_is.is_file() {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect())
}

/// A path less the ending of its last part.
fn without_ending(path: &[u8]) -> &[u8] {
    let base = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at + 1);
    match path[base..].iter().rposition(|byte| *byte == b'.') {
        Some(dot) if dot > 0 => &path[..base + dot],
        _ => path,
    }
}

/// For fuzzing: a list of these bytes is read to its end.
pub(in crate::source) fn read_all(data: &[u8]) {
    let mut file = BufReader::with_capacity(FIRST_ROW, data);
    let Ok(between) = begin(&mut file) else { return };
    assert!(matches!(between, b',' | b';' | b'\t'));
    let mut reader = ReaderBuilder::new();
    let reader = reader.trim(Trim::All).delimiter(between).flexible(true).has_headers(false);
    let mut reader = reader.from_reader(with_plain_ends(file));
    let mut row = ByteRecord::new();
    let mut first = true;
    while let Ok(true) = reader.read_byte_record(&mut row) {
        if std::mem::take(&mut first) {
            let Ok((Columns { image, mask, name }, headed)) = columns(&row) else { return };
            let all = [Some(image), Some(mask), name];
            assert!(all.into_iter().flatten().all(|column| column < row.len()));
            assert!(headed || (row.len() == 2 && name.is_none()));
        }
        for cell in &row {
            let stem = without_ending(cell);
            assert!(
                cell.starts_with(stem) && with_slashes(cell, Path::new("")).len() == cell.len()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_between_columns_is_told() {
        for (text, sign) in [
            ("image,mask\n1;2;3;4", b','),
            ("\u{feff}image;mask\r\n", b';'),
            ("image\tmask", b'\t'),
            ("\"a;b;c\",\"d;e\"", b','),
            ("\"a,b\";\"c,d\"", b';'),
            ("image", b','),
            ("", b','),
        ] {
            assert_eq!(begin(&mut BufReader::new(text.as_bytes())).unwrap(), sign, "{text}");
        }
    }

    #[test]
    fn columns_are_named_or_are_files() {
        let row = |cells: &[&str]| columns(&ByteRecord::from(cells.to_vec()));
        let at = |image, mask, name| Columns { image, mask, name };
        assert_eq!(row(&["Mask", "name", " IMAGE "]).unwrap(), (at(2, 0, Some(1)), true));
        assert_eq!(row(&["a/b.jpg", "m.v2/b.png"]).unwrap(), (at(0, 1, None), false));
        assert!(row(&["a.jpg", "b"]).is_err() && row(&["a.jpg", "b.png", "c.png"]).is_err());
        assert_eq!(
            row(&["x", "image"]).unwrap_err(),
            "expected the columns image and mask, found x, image"
        );
    }
}
