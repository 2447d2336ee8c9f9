//! Where the tensors of a PyTorch file lie, and the way to their values.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::budget::Budget;
use super::foreign::script;
use super::pickle::Pickle;
use super::value::{Parsed, TensorRecord};
use crate::weights::keys::{ADAPTER_KEY, CONFIG_KEY, CONVENTIONS_KEY, TRAINABLE_KEY};
use crate::weights::limits::{MAX_LIST, MAX_NAME, MAX_TENSORS, long_name};
use crate::weights::shared_file::{PIECE, SharedFile, Sink};

/// The most entries of a checkpoint's zip: one for each tensor, and few others.
const MAX_ENTRIES: usize = MAX_TENSORS + 16;

/// The longest of the texts beside the pickle.
pub(super) const MAX_TEXT: u64 = 1 << 16;

/// What is read of a zip before its entries are known: twice what 100,000 of them need. In memory they are ten
/// times as large.
const MAX_DIRECTORY: u64 = 16 << 20;

/// The entries in which this crate's files have what else is known of the model, by metadata key.
pub(super) const TEXT_ENTRIES: [(&str, &str); 4] = [
    (ADAPTER_KEY, "maskwright.adapter.json"),
    (CONFIG_KEY, "maskwright.config.json"),
    (CONVENTIONS_KEY, "maskwright.conventions.json"),
    (TRAINABLE_KEY, "maskwright.trainable.txt"),
];

/// The first pickle of a legacy file: PROTO 2, then the number 0x1950a86a20f9469cfc6c.
const LEGACY_MAGIC: [u8; 15] =
    [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];

/// A file that is open: what its pickle lists, and where its storages lie.
pub(super) struct Contents {
    pub(super) tensors: Vec<(String, Rc<TensorRecord>)>,
    /// The class of a module that was pickled whole, and its key in the dictionary that the file is.
    pub(super) module: Option<(Rc<str>, Option<Rc<str>>)>,
    /// The classes of objects that were passed over.
    pub(super) passed_over: Vec<String>,
    pub(super) storages: HashMap<String, Storage>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) file: SharedFile,
}

/// Where the values of a storage lie in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    start: u64,
    bytes: u64,
    /// The checksum of all bytes, where the file has one.
    checksum: Option<u32>,
}

/// A file of which no more than `left` bytes are read.
struct Counted {
    file: File,
    left: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| {
            std::io::Error::other(format!("its directory has more than {MAX_DIRECTORY} bytes"))
        })?);
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// Opens a zip, and checks its directory.
pub(super) fn zip(path: &Path, budget: &mut Budget) -> Parsed<Contents> {
    let damaged = |e: zip::result::ZipError| format!("its zip is damaged or cut short: {e}");
    let file = File::open(path).map_err(|e| e.to_string())?;
    // PyTorch puts nothing before its zips, and guessing what might be there fails on some of them.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let left = Rc::new(Cell::new(MAX_DIRECTORY));
    let reader = file.try_clone().map_err(|e| e.to_string())?;
    let reader = BufReader::new(Counted { file: reader, left: Rc::clone(&left) });
    let mut archive = ZipArchive::with_config(config, reader).map_err(damaged)?;
    // The entries are read one by one.
    left.set(u64::MAX);
    if archive.len() > MAX_ENTRIES {
        return Err(format!(
            "its zip has {} entries, expected at most {MAX_ENTRIES}",
            archive.len()
        ));
    }
    if archive.has_duplicate_names() {
        return Err("its zip has two entries of one name".to_owned());
    }
    if archive.has_overlapping_entries().map_err(damaged)? {
        return Err("its zip has entries that overlap".to_owned());
    }
    let mut entries = HashMap::new();
    let mut packed = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let (compression, crc) = (entry.compression(), entry.crc32());
        if compression != CompressionMethod::Stored || entry.size() != entry.compressed_size() {
            packed.get_or_insert_with(|| name.clone());
        }
        let start = entry.data_start().ok_or("its zip has an entry without a place")?;
        // Files saved without checksums have zeros.
        let checksum = Some(crc).filter(|&crc| crc != 0);
        entries.insert(name, Storage { start, bytes: entry.size(), checksum });
    }
    drop(archive);
    if entries.keys().any(|name: &String| name.ends_with("/constants.pkl")) {
        return Err(script(&file_name(path)));
    }
    if let Some(name) = packed {
        return Err(format!(
            "its zip compresses {name:?}: expected entries as torch.save stores them, unpacked"
        ));
    }
    let file = SharedFile::new(file);
    let root = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .min_by_key(|root| root.len())
        .ok_or("its zip has no data.pkl: expected one that torch.save wrote")?
        .to_owned();
    let small = |name: &str, limit: u64| -> Parsed<Option<Vec<u8>>> {
        let Some(entry) = entries.get(&format!("{root}{name}")) else { return Ok(None) };
        if entry.bytes > limit {
            let found = entry.bytes;
            return Err(format!("its {name} has {found} bytes, expected at most {limit}"));
        }
        entry.bytes(&file, 0, entry.bytes).map(Some).map_err(|e| format!("{name}: {e}"))
    };
    match small("byteorder", 64)?.as_deref() {
        None | Some(b"little") => {}
        Some(other) => {
            let found = String::from_utf8_lossy(other);
            return Err(format!("expected little-endian values, found {found:?}"));
        }
    }
    let pickle = small("data.pkl", MAX_LIST)?.unwrap_or_default();
    let pickle = Pickle::read(&mut pickle.as_slice(), budget)?;
    let tensors = pickle.tensors(budget)?;
    let mut metadata = BTreeMap::new();
    for (key, entry) in TEXT_ENTRIES {
        if let Some(text) = small(entry, MAX_TEXT)? {
            let text = String::from_utf8(text).map_err(|e| format!("{entry}: {e}"))?;
            metadata.insert(key.to_owned(), text);
        }
    }
    let data = format!("{root}data/");
    let storages = entries
        .into_iter()
        .filter_map(|(name, entry)| Some((name.strip_prefix(&data)?.to_owned(), entry)))
        .collect();
    let (module, passed_over) = (pickle.module(), pickle.passed_over());
    Ok(Contents { tensors, module, passed_over, storages, metadata, file })
}

/// The file's name without its folder.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Opens a legacy file: pickles of a magic number, a version, the system, the tensors and the storages'
/// keys, and then each storage as its length and its values.
pub(super) fn legacy(path: &Path, budget: &mut Budget) -> Parsed<Contents> {
    let io = |e: std::io::Error| e.to_string();
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::new(file);
    let mut head = Vec::new();
    reader.by_ref().take(LEGACY_MAGIC.len() as u64).read_to_end(&mut head).map_err(io)?;
    if head != LEGACY_MAGIC {
        // Whatever it is, what it would have done is worth saying.
        Pickle::read(&mut head.chain(reader), budget)?;
        return Err("it is a plain pickle: expected what torch.save writes".to_owned());
    }
    match Pickle::read(&mut reader, budget)?.integer() {
        Some(1001) => {}
        found => return Err(format!("expected protocol version 1001, found {found:?}")),
    }
    if Pickle::read(&mut reader, budget)?.flag("little_endian") == Some(false) {
        return Err("expected little-endian values, found big-endian ones".to_owned());
    }
    let pickle = Pickle::read(&mut reader, budget)?;
    let tensors = pickle.tensors(budget)?;
    let keys = Pickle::read(&mut reader, budget)?.texts(budget)?;
    let sizes: HashMap<&str, usize> = pickle.storages().collect();
    let mut storages = HashMap::new();
    let mut at = reader.stream_position().map_err(io)?;
    for key in keys {
        if key.len() > MAX_NAME {
            return Err(long_name("a storage", key.len()));
        }
        let size = sizes.get(&*key).ok_or_else(|| format!("no tensor uses its storage {key}"))?;
        reader.seek(SeekFrom::Start(at)).map_err(io)?;
        let mut count = [0; 8];
        reader.read_exact(&mut count).map_err(|_| "it is cut short".to_owned())?;
        let bytes = u64::from_le_bytes(count).saturating_mul(*size as u64);
        let start = at + 8;
        at = start.saturating_add(bytes);
        if at > length {
            return Err(format!(
                "it is cut short: storage {key} ends at byte {at}, the file at {length}"
            ));
        }
        let storage = Storage { start, bytes, checksum: None };
        if storages.insert(key.to_string(), storage).is_some() {
            return Err(format!("it has its storage {key} twice"));
        }
    }
    let file = SharedFile::new(reader.into_inner());
    let (module, passed_over) = (pickle.module(), pickle.passed_over());
    Ok(Contents { tensors, module, passed_over, storages, metadata: BTreeMap::new(), file })
}

impl Storage {
    /// Gives so many bytes from an offset; the checksum is held to whole storages, at their end.
    fn read(
        &self,
        file: &SharedFile,
        offset: u64,
        length: u64,
        sink: &mut Sink<'_>,
    ) -> std::io::Result<()> {
        let end = offset.checked_add(length).filter(|&end| end <= self.bytes);
        // A directory may claim any size: no memory is taken for more than the file has.
        let available = file.len()?.saturating_sub(self.start.saturating_add(offset));
        if end.is_none() || available < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let start = self.start + offset;
        let Some(expected) = self.checksum.filter(|_| length == self.bytes) else {
            return file.read(start, length, sink);
        };
        let mut found = crc32fast::Hasher::new();
        file.read(start, length, &mut |piece| {
            found.update(piece);
            sink(piece)
        })?;
        if found.finalize() != expected {
            let reason = "its values do not have the checksum that the zip states: it is damaged";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }

    /// So many bytes from an offset.
    fn bytes(&self, file: &SharedFile, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(file, offset, length, &mut |piece| {
            bytes.reserve_exact(length as usize - bytes.len());
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }
}

/// The reader of one tensor's values in row order, after everything about it was checked.
pub(super) fn values(
    tensor: &TensorRecord,
    contents: &Contents,
) -> Parsed<impl Fn(&mut Sink<'_>) -> std::io::Result<()> + Send + Sync + 'static> {
    let size = tensor.kind.size();
    let storage = *contents
        .storages
        .get(&*tensor.storage)
        .ok_or_else(|| format!("its storage {:?} is not in the file", tensor.storage))?;
    let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
    let odd = || format!("shape {shape:?} with strides {strides:?} does not fit its storage");
    if shape.len() != strides.len() {
        return Err(odd());
    }
    let count = shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis)).ok_or_else(odd)?;
    // The last value's place, and so the window of the storage that is read.
    let last = shape.iter().zip(&strides).try_fold(0usize, |last, (&axis, &stride)| {
        last.checked_add(axis.saturating_sub(1).checked_mul(stride)?)
    });
    let window =
        if count == 0 { 0 } else { last.and_then(|n| n.checked_add(1)).ok_or_else(odd)? };
    let end = tensor.offset.checked_add(window).and_then(|end| end.checked_mul(size));
    let end = end.ok_or_else(odd)? as u64;
    let declared = (tensor.storage_len as u64).saturating_mul(size as u64);
    if end > declared || declared > storage.bytes {
        return Err(format!(
            "it needs {end} bytes of its storage, which states {declared} and has {}",
            storage.bytes
        ));
    }
    count.checked_mul(size).ok_or_else(odd)?;
    let file = contents.file.clone();
    let (start, bytes) = ((tensor.offset * size) as u64, (window * size) as u64);
    Ok(move |sink: &mut Sink<'_>| {
        if count == 0 {
            return Ok(());
        }
        if is_in_rows(&shape, &strides) {
            return storage.read(&file, start, bytes, sink);
        }
        gather(&storage.bytes(&file, start, bytes)?, &shape, &strides, size, sink)
    })
}

fn is_in_rows(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&axis, &stride)| {
        let fits = axis == 1 || stride == expected;
        expected *= axis;
        fits
    })
}

/// Gives values that lie in another order, or more than once, in row order.
fn gather(
    window: &[u8],
    shape: &[usize],
    strides: &[usize],
    size: usize,
    sink: &mut Sink<'_>,
) -> std::io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE);
    for number in 0..shape.iter().product::<usize>() {
        let mut rest = number;
        let mut place = 0;
        for (&axis, &stride) in shape.iter().zip(strides).rev() {
            place += rest % axis * stride;
            rest /= axis;
        }
        piece.extend_from_slice(&window[place * size..][..size]);
        if piece.len() == PIECE {
            sink(&piece)?;
            piece.clear();
        }
    }
    sink(&piece)
}
