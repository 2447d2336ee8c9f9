//! What an annotated set holds, in a file of entries of fixed length that are read one at a time.
//!
//! Indexing a set (reading a COCO file, walking tar files, counting the objects of SA-1B's images) is
//! done once and kept in the user's cache folder; the next run opens the [`Index`] as fast as its checksum is made: in
//! milliseconds, or a quarter of a second for eleven million images.
//! Nothing of it stays in memory but a table of 8 bytes for every 1024 images: an entry is read from the
//! file when a sample needs it, so the system's page cache is shared by all processes, and a set of
//! eleven million images takes no more memory than one of ten thousand.
//!
//! ```text
//! magic, counts, checksum | images: 72 bytes each | objects: 28 bytes each | names | sparse table | meta (JSON)
//! ```
//!
//! The checksum is that of all other bytes, and is looked at whenever an index is opened. A damaged one is made anew, and
//! where none can be kept the set is indexed for this run alone; either is told ([`IndexNote`]).
//!
//! An index belongs to its sources as they were: the meta data holds every source's size and time and
//! the settings that chose the records, and an index that differs in any of them is made anew.

mod cache;
mod checksum;
mod entry;
mod names;
mod progress;
mod writer;

pub(crate) use cache::{Fingerprint, open_or_build};
pub(crate) use entry::{Entry, ObjectEntry, Span};
pub(crate) use names::Names;
pub(crate) use progress::{Counted, Stage};
pub use progress::{IndexNote, IndexObserver, IndexProgress, OpenContext};
pub(crate) use writer::{Image, IndexWriter};

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LeftOut;
use super::bytes::{os_bytes, path_from_bytes, read_exact_at};
use super::left_out::why_none;
use crate::error::{Error, Result};

/// The first bytes of an index; the last is the version of its layout.
const MAGIC: [u8; 8] = *b"MWINDEX\x03";

/// Magic, then seven numbers: images, objects, bytes of names, sparse entries, bytes of meta data, records, checksum.
const HEADER: u64 = 8 + 7 * 8;

/// Where the checksum stands in the header: at its end.
const CHECKSUM: u64 = HEADER - 8;

/// One image in so many has its first record in memory.
const SPARSE: u64 = 1024;

/// What an index says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    fingerprint: String,
    /// Folders, tar files and annotation files, as the bytes of their paths.
    files: Vec<Vec<u8>>,
    left_out: Vec<(String, u64, String)>,
}

/// The counts in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    images: u64,
    objects: u64,
    names: u64,
    sparse: u64,
    meta: u64,
    records: u64,
}

impl Counts {
    fn numbers(self) -> [u64; 6] {
        [self.images, self.objects, self.names, self.sparse, self.meta, self.records]
    }

    /// Where a section begins, in the order of the file; the last is the file's length. None where the
    /// counts are beyond reason.
    fn sections(self) -> Option<[u64; 6]> {
        let images = HEADER;
        let objects = images.checked_add(self.images.checked_mul(Entry::BYTES as u64)?)?;
        let names = objects.checked_add(self.objects.checked_mul(ObjectEntry::BYTES as u64)?)?;
        let sparse = names.checked_add(self.names)?;
        let meta = sparse.checked_add(self.sparse.checked_mul(8)?)?;
        Some([images, objects, names, sparse, meta, meta.checked_add(self.meta)?])
    }
}

/// An open index.
#[derive(Debug)]
pub(crate) struct Index {
    file: File,
    path: PathBuf,
    counts: Counts,
    sections: [u64; 6],
    /// First record of every 1024th image.
    sparse: Vec<u64>,
    files: Vec<PathBuf>,
    left_out: Vec<LeftOut>,
}

/// What is found where an index should be.
#[derive(Debug)]
pub(crate) enum Kept {
    /// The index that is wanted.
    Whole(Index),
    /// Nothing, an index of other sources or settings, or one of an earlier release.
    Other,
    /// An index that is not what was written.
    Damaged,
}

impl Index {
    /// Opens an index if it is whole and of this fingerprint.
    fn open(path: &Path, fingerprint: &str) -> Kept {
        match File::open(path) {
            Ok(file) => Index::look(file, path, fingerprint),
            Err(_) => Kept::Other,
        }
    }

    /// As [`open`](Index::open), of a file that is open.
    pub(crate) fn look(file: File, path: &Path, fingerprint: &str) -> Kept {
        let mut magic = [0; MAGIC.len()];
        if read_exact_at(&file, &mut magic, 0).is_err() {
            return Kept::Damaged;
        }
        let (name, version) = (&magic[..7], magic[7]);
        if *name == MAGIC[..7] && version != MAGIC[7] {
            return Kept::Other;
        }
        match Index::read(file, path) {
            // All else is looked at when it is known that the index is wanted.
            Some((_, print)) if print != fingerprint => Kept::Other,
            Some((index, _)) if checksum::holds(&index.file, index.sections[5]) => {
                Kept::Whole(index)
            }
            _ => Kept::Damaged,
        }
    }

    /// An index of any fingerprint whose checksum is not looked at, for fuzzing.
    pub(crate) fn unchecked(file: File, path: &Path) -> Option<Index> {
        Index::read(file, path).map(|(index, _)| index)
    }

    /// Reads header, sparse table and meta data; gives the index and its fingerprint. The checksum is not looked at.
    fn read(file: File, path: &Path) -> Option<(Index, String)> {
        let mut header = [0; HEADER as usize];
        read_exact_at(&file, &mut header, 0).ok()?;
        let (magic, numbers) = header.split_first_chunk::<8>()?;
        let mut numbers = numbers.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut number = || numbers.next().unwrap_or_default();
        let counts = Counts {
            images: number(),
            objects: number(),
            names: number(),
            sparse: number(),
            meta: number(),
            records: number(),
        };
        let sections = counts.sections()?;
        let whole = *magic == MAGIC && file.metadata().ok()?.len() == sections[5];
        // Every image has a record, and every so many of them an entry in the table.
        if !whole
            || counts.sparse != counts.images.div_ceil(SPARSE)
            || counts.records < counts.images
            || (counts.images == 0 && counts.records > 0)
        {
            return None;
        }
        let mut table = vec![0; usize::try_from(8 * counts.sparse).ok()?];
        read_exact_at(&file, &mut table, sections[3]).ok()?;
        let mut meta = vec![0; usize::try_from(counts.meta).ok()?];
        read_exact_at(&file, &mut meta, sections[4]).ok()?;
        let meta: Meta = serde_json::from_slice(&meta).ok()?;
        let left_out = meta.left_out.into_iter();
        let index = Index {
            file,
            path: path.into(),
            counts,
            sections,
            sparse: table.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect(),
            files: meta.files.iter().map(|bytes| path_from_bytes(bytes)).collect(),
            left_out: left_out.map(|(what, count, first)| LeftOut { what, count, first }).collect(),
        };
        Some((index, meta.fingerprint))
    }

    /// Brings the file to the disk.
    fn sync(&self) -> std::io::Result<()> {
        self.file.sync_all()
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.counts.records
    }

    /// How many images.
    pub(crate) fn images(&self) -> u64 {
        self.counts.images
    }

    /// What did not become a record.
    pub(crate) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// A folder, tar file or annotation file by the number that a [`Span`] has.
    pub(crate) fn file(&self, number: u32) -> &Path {
        self.files.get(number as usize).map_or(&self.path, PathBuf::as_path)
    }

    /// As [`locate`](Self::locate), of a record of a set that may have fewer.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`].
    pub(crate) fn find(&self, set: &str, record: usize) -> Result<(Entry, u64)> {
        match (record as u64) < self.records() {
            true => self.locate(record as u64),
            false => Err(Error::NoSuchRecord {
                set: set.to_owned(),
                index: record,
                len: self.records() as usize,
            }),
        }
    }

    /// The entry of the image that a record belongs to, and which of the image's records it is.
    pub(crate) fn locate(&self, record: u64) -> Result<(Entry, u64)> {
        if self.counts.records == self.counts.images {
            return Ok((self.entry(record)?, 0));
        }
        // The last image whose first record is at or before this one; each image has a record.
        let block = self.sparse.partition_point(|&first| first <= record).saturating_sub(1) as u64;
        let (mut low, mut high) = (block * SPARSE, ((block + 1) * SPARSE).min(self.counts.images));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let at = self.sections[0] + middle * Entry::BYTES as u64 + Entry::FIRST_RECORD;
            if u64::from_le_bytes(self.read_at::<8>(at)?) <= record {
                low = middle;
            } else {
                high = middle;
            }
        }
        let entry = self.entry(low)?;
        let nth = record.saturating_sub(entry.first_record);
        Ok((entry, nth))
    }

    /// The entry of an image.
    pub(crate) fn entry(&self, image: u64) -> Result<Entry> {
        if image >= self.counts.images {
            return Err(self.damaged());
        }
        let at = self.sections[0] + image * Entry::BYTES as u64;
        Ok(Entry::from_bytes(&self.read_at(at)?))
    }

    /// One of an image's objects.
    pub(crate) fn object(&self, entry: &Entry, nth: u64) -> Result<ObjectEntry> {
        let object = entry.first_object.saturating_add(nth);
        if object >= self.counts.objects {
            return Err(self.damaged());
        }
        let at = self.sections[1] + object * ObjectEntry::BYTES as u64;
        Ok(ObjectEntry::from_bytes(&self.read_at(at)?))
    }

    /// What `of` makes of an image's names.
    pub(crate) fn names<T>(&self, entry: &Entry, of: impl FnOnce(Names<'_>) -> T) -> Result<T> {
        let end = entry.name_at.saturating_add(u64::from(entry.name_len));
        if end > self.counts.names {
            return Err(self.damaged());
        }
        let mut text = vec![0; entry.name_len as usize];
        read_exact_at(&self.file, &mut text, self.sections[2] + entry.name_at)
            .map_err(|source| Error::Read { file: self.path.clone(), source })?;
        Names::of_text(&text).map(of).ok_or_else(|| self.damaged())
    }

    fn read_at<const N: usize>(&self, at: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        read_exact_at(&self.file, &mut bytes, at)
            .map_err(|source| Error::Read { file: self.path.clone(), source })?;
        Ok(bytes)
    }

    fn damaged(&self) -> Error {
        let source = std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "the index is damaged; delete it and it will be made again",
        );
        Error::Read { file: self.path.clone(), source }
    }
}

impl Meta {
    fn new(fingerprint: &str, files: &[PathBuf], left_out: &[LeftOut]) -> Meta {
        Meta {
            fingerprint: fingerprint.into(),
            files: files.iter().map(|path| os_bytes(path.as_os_str()).to_vec()).collect(),
            left_out: left_out
                .iter()
                .map(|left| (left.what.clone(), left.count, left.first.clone()))
                .collect(),
        }
    }
}

/// The error about a set without a record.
pub(super) fn no_record(set: &str, left_out: &[LeftOut]) -> Error {
    Error::Setting {
        key: format!("set {set}"),
        expected: "at least one record".into(),
        found: why_none(left_out),
    }
}
