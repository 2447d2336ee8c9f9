//! A shard: a file with the features of some views, whole or not there.
//!
//! It is a safetensors file with a tensor of bytes for each view, `VIEW.RECORD`. In the metadata are the CRC-32 of each, and the
//! names of those whose images the decoder warned of.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, TensorView};

use super::entry::{Entry, Shape};
use crate::error::{Error, Result};

/// The number of the view and of the record in the mix.
pub(super) type Key = (u64, u64);

/// Where the features of a view lie.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) start: u64,
    pub(super) bytes: usize,
    /// [`Entry::warned`].
    pub(super) warned: bool,
    crc32: u32,
}

const FORMAT: &str = "maskwright features";
const SHAPES: &str = "shapes";
const WARNED: &str = "warned";

/// The longest header that is read: about 100 bytes for each of a million views.
const LONGEST_HEADER: u64 = 100 << 20;

/// Writes a shard.
pub(super) fn write(path: &Path, entries: &[(Key, Entry)]) -> Result<()> {
    let name = |(view, record): Key| format!("{view}.{record}");
    let mut metadata: HashMap<String, String> = entries
        .iter()
        .map(|(key, entry)| (name(*key), format!("{:08x}", crc32fast::hash(&entry.bytes))))
        .collect();
    metadata.insert("format".into(), FORMAT.into());
    let shapes = entries.first().map(|(_, entry)| &entry.shapes);
    metadata.insert(SHAPES.into(), serde_json::to_string(&shapes).expect("numbers"));
    let warned = entries.iter().filter(|(_, entry)| entry.warned);
    let warned: Vec<String> = warned.map(|(key, _)| name(*key)).collect();
    metadata.insert(WARNED.into(), warned.join(" "));
    let views = entries.iter().map(|(key, entry)| {
        let view = TensorView::new(Dtype::U8, vec![entry.bytes.len()], &entry.bytes);
        (name(*key), view.expect("as many bytes as it says"))
    });
    let bytes = safetensors::serialize(views, Some(metadata)).expect("names and lengths fit");
    crate::files::write_atomically(path, &bytes)
}

/// The views of a shard, by its header alone, and the shapes of their feature maps.
pub(super) fn open(path: &Path) -> Result<(BTreeMap<Key, Place>, Vec<Shape>)> {
    let wrong = |expected: &str, found: String| Error::RunFile {
        file: path.to_path_buf(),
        expected: expected.to_owned(),
        found,
    };
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    let there = file.metadata().map_err(Error::io(path, "read"))?.len();
    let mut length = [0; 8];
    let header = match file.read_exact(&mut length) {
        Ok(()) => u64::from_le_bytes(length),
        Err(_) => return Err(wrong("a file of features", format!("{there} bytes"))),
    };
    if header > LONGEST_HEADER || header + 8 > there {
        let found = format!("{there} bytes, which is less than its header says");
        return Err(wrong("a whole file of features", found));
    }
    let mut bytes = vec![0; header as usize];
    file.read_exact(&mut bytes).map_err(Error::io(path, "read"))?;
    let read: Metadata = serde_json::from_slice(&bytes)
        .map_err(|error| wrong("a file of features", format!("another header: {error}")))?;
    let notes = read.metadata().clone().unwrap_or_default();
    if notes.get("format").map(String::as_str) != Some(FORMAT) {
        return Err(wrong("a file of features", "another safetensors file".into()));
    }
    let shapes = notes.get(SHAPES).and_then(|text| serde_json::from_str(text).ok());
    let shapes: Vec<Shape> =
        shapes.ok_or_else(|| wrong("the shapes of the features", "none".into()))?;
    let warned: HashSet<&str> =
        notes.get(WARNED).map_or_else(HashSet::new, |text| text.split(' ').collect());
    let mut places = BTreeMap::new();
    for (name, info) in read.tensors() {
        let key = name.split_once('.').and_then(|(view, record)| {
            Some((view.parse::<u64>().ok()?, record.parse::<u64>().ok()?))
        });
        let crc32 = notes.get(&name).and_then(|sum| u32::from_str_radix(sum, 16).ok());
        let (Some(key), Some(crc32)) = (key, crc32) else {
            return Err(wrong("views with their checksums", name));
        };
        let (start, end) = info.data_offsets;
        let bytes = end.saturating_sub(start);
        let start = 8 + header + start as u64;
        if start + bytes as u64 > there {
            let found = format!("{there} bytes, which is less than its header says");
            return Err(wrong("a whole file of features", found));
        }
        let warned = warned.contains(name.as_str());
        places.insert(key, Place { file: path.to_path_buf(), start, bytes, warned, crc32 });
    }
    Ok((places, shapes))
}

impl Place {
    /// Reads the features, which have these shapes and this length.
    pub(super) fn read(&self, shapes: &[Shape], expected: usize) -> Result<Entry> {
        let wrong = |expected: String, found: String| Error::RunFile {
            file: self.file.clone(),
            expected,
            found,
        };
        if self.bytes != expected {
            return Err(wrong(format!("{expected} bytes a view"), self.bytes.to_string()));
        }
        let file = File::open(&self.file).map_err(Error::io(&self.file, "read"))?;
        let mut bytes = vec![0; self.bytes];
        read_at(&file, &mut bytes, self.start).map_err(Error::io(&self.file, "read"))?;
        if crc32fast::hash(&bytes) != self.crc32 {
            let expected = "the bytes whose checksum is in its header".to_owned();
            return Err(wrong(expected, "others: the file is damaged".into()));
        }
        Ok(Entry { bytes, shapes: shapes.to_vec(), warned: self.warned })
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], start: u64) -> std::io::Result<()> {
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [Shape; 2] = [[2, 2, 3], [2, 2, 1]];

    fn entry(start: u8) -> Entry {
        let warned = start == 100;
        Entry { bytes: (start..start + 32).collect(), shapes: SHAPES.to_vec(), warned }
    }

    #[test]
    fn views_come_back_and_damage_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("shard");
        let written = [((0, 7), entry(1)), ((3, 1200), entry(100))];
        write(&path, &written).expect("written");
        let (places, shapes) = open(&path).expect("opened");
        assert_eq!(shapes, SHAPES);
        assert_eq!(places.keys().copied().collect::<Vec<_>>(), [(0, 7), (3, 1200)]);
        for (key, entry) in &written {
            assert_eq!(places[key].read(&shapes, 32).expect("read"), *entry);
        }

        let whole = std::fs::read(&path).expect("read");
        let mut said = Vec::new();
        let mut say = |error: Error| {
            let folder = format!("{}/", folder.path().display());
            said.push(error.to_string().replace(&folder, ""));
        };
        // A byte of the second view is another.
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("bytes") ^= 1;
        std::fs::write(&path, &flipped).expect("written");
        let (places, shapes) = open(&path).expect("the header is right");
        assert_eq!(places[&(0, 7)].read(&shapes, 32).expect("the first is right"), written[0].1);
        say(places[&(3, 1200)].read(&shapes, 32).expect_err("damaged"));
        say(places[&(0, 7)].read(&shapes, 16).expect_err("another length"));
        for cut in [4, 40, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).expect("written");
            say(open(&path).expect_err("cut off"));
        }
        insta::assert_snapshot!(said.join("\n"), @"
            shard: expected the bytes whose checksum is in its header, found others: the file is damaged
            shard: expected 16 bytes a view, found 32
            shard: expected a file of features, found 4 bytes
            shard: expected a whole file of features, found 40 bytes, which is less than its header says
            shard: expected a whole file of features, found 327 bytes, which is less than its header says
            ");
    }
}
