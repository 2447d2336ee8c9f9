//! Writing an index.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::entry::{Entry, ObjectEntry, Span};
use super::{CHECKSUM, Counts, HEADER, Index, Kept, MAGIC, Meta, Names, SPARSE, checksum};
use crate::error::{Error, Result};
use crate::source::LeftOut;

/// An image to be written.
pub(crate) struct Image<'a> {
    pub(crate) names: Names<'a>,
    pub(crate) image: Span,
    pub(crate) notes: Span,
    /// Width and height, where the annotations tell; 0 otherwise.
    pub(crate) size: (u32, u32),
    /// How many objects it has, of which the index may hold entries.
    pub(crate) objects: u32,
    /// How many records it makes, at least 1.
    pub(crate) records: u64,
}

/// Writes images in order, then becomes an [`Index`].
///
/// Entries go straight to the file; objects and names, whose sections follow, to files without a name.
pub(crate) struct IndexWriter {
    path: PathBuf,
    entries: BufWriter<File>,
    objects: BufWriter<File>,
    names: BufWriter<File>,
    sparse: Vec<u64>,
    counts: Counts,
}

impl IndexWriter {
    /// A writer into an empty file; `path` is named in errors.
    pub(super) fn new(file: File, path: &Path) -> Result<IndexWriter> {
        let open = || {
            let mut entries = BufWriter::with_capacity(1 << 18, file);
            entries.write_all(&[0; HEADER as usize])?;
            Ok((
                entries,
                BufWriter::new(tempfile::tempfile()?),
                BufWriter::new(tempfile::tempfile()?),
            ))
        };
        let (entries, objects, names) =
            open().map_err(|source| Error::Write { file: path.into(), source })?;
        Ok(IndexWriter {
            path: path.into(),
            entries,
            objects,
            names,
            sparse: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Adds an image. Objects of it that have entries are added after it.
    pub(crate) fn image(&mut self, image: &Image<'_>) -> Result<()> {
        if self.counts.images.is_multiple_of(SPARSE) {
            self.sparse.push(self.counts.records);
        }
        let text = image.names.text();
        let length: usize = text.iter().map(|piece| piece.len()).sum();
        let entry = Entry {
            image: image.image,
            notes: image.notes,
            first_record: self.counts.records,
            first_object: self.counts.objects,
            objects: image.objects,
            width: image.size.0,
            height: image.size.1,
            name_len: length as u32,
            name_at: self.counts.names,
        };
        let written = self
            .entries
            .write_all(&entry.to_bytes())
            .and_then(|()| text.iter().try_for_each(|piece| self.names.write_all(piece)));
        written.map_err(|source| self.unwritable(source))?;
        self.counts.images += 1;
        self.counts.records += image.records;
        self.counts.names += length as u64;
        Ok(())
    }

    /// Adds an object of the last image.
    pub(crate) fn object(&mut self, object: &ObjectEntry) -> Result<()> {
        self.counts.objects += 1;
        self.objects.write_all(&object.to_bytes()).map_err(|source| self.unwritable(source))
    }

    /// Puts the sections together.
    pub(super) fn finish(
        mut self,
        fingerprint: &str,
        files: &[PathBuf],
        left_out: &[LeftOut],
    ) -> Result<Index> {
        let path = self.path.clone();
        let file = self
            .assemble(&Meta::new(fingerprint, files, left_out))
            .map_err(|source| Error::Write { file: path.clone(), source })?;
        match Index::look(file, &path, fingerprint) {
            Kept::Whole(index) => Ok(index),
            Kept::Other | Kept::Damaged => {
                let message = "what was written does not read back";
                Err(Error::Write { file: path, source: std::io::Error::other(message) })
            }
        }
    }

    fn assemble(&mut self, meta: &Meta) -> std::io::Result<File> {
        let meta = serde_json::to_vec(meta).map_err(std::io::Error::from)?;
        self.counts.sparse = self.sparse.len() as u64;
        self.counts.meta = meta.len() as u64;
        for section in [&mut self.objects, &mut self.names] {
            section.flush()?;
            let mut section = section.get_ref();
            section.rewind()?;
            std::io::copy(&mut section, &mut self.entries)?;
        }
        for first in &self.sparse {
            self.entries.write_all(&first.to_le_bytes())?;
        }
        self.entries.write_all(&meta)?;
        self.entries.rewind()?;
        self.entries.write_all(&MAGIC)?;
        for number in self.counts.numbers() {
            self.entries.write_all(&number.to_le_bytes())?;
        }
        self.entries.flush()?;
        let mut file = self.entries.get_ref().try_clone()?;
        let sum = checksum::of(&file, file.metadata()?.len())?;
        file.seek(SeekFrom::Start(CHECKSUM))?;
        file.write_all(&sum.to_le_bytes())?;
        Ok(file)
    }

    fn unwritable(&self, source: std::io::Error) -> Error {
        Error::Write { file: self.path.clone(), source }
    }
}
