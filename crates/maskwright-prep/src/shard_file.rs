//! The files of a shard: a tar file and its ledger, whole or not there.
//!
//! Both are written into a hidden folder that one process owns, and renamed when they are on the disk, the ledger last: a shard
//! whose ledger is there is finished.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use maskwright_train::owned_folder::OwnedFolder;

use crate::error::{Error, Result};
use crate::ledger::{self, Row};

/// The two blocks of zeros that end a tar file.
const END: u64 = 1024;

/// Where a shard lies.
#[derive(Debug, Clone)]
pub(crate) struct ShardFiles {
    folder: PathBuf,
    shard: usize,
    pub(crate) tar: PathBuf,
    pub(crate) ledger: PathBuf,
}

impl ShardFiles {
    pub(crate) fn new(folder: &Path, shard: usize) -> ShardFiles {
        let file = |ending: &str| folder.join(format!("shard-{shard:06}.{ending}"));
        ShardFiles { folder: folder.into(), shard, tar: file("tar"), ledger: file("jsonl") }
    }

    /// The folder that whoever makes the shard owns.
    pub(crate) fn work_folder(&self) -> PathBuf {
        self.folder.join(format!(".shard-{:06}", self.shard))
    }

    /// The ledger of a shard that is finished; none where it is not.
    ///
    /// # Errors
    ///
    /// A ledger whose tar file is not there or has another length.
    pub(crate) fn finished(&self) -> Result<Option<Vec<Row>>> {
        if !self.ledger.exists() {
            return Ok(None);
        }
        let rows = ledger::read(&self.ledger)?;
        let expected = END + rows.iter().map(|row| row.bytes).sum::<u64>();
        let found = std::fs::metadata(&self.tar).map_err(Error::io(&self.tar, "read"))?.len();
        if found != expected {
            return Err(Error::Content {
                file: self.tar.clone(),
                expected: format!("the {expected} bytes of its ledger {}", self.ledger.display()),
                found: format!("{found} bytes"),
            });
        }
        Ok(Some(rows))
    }

    /// Owns the shard and begins its tar file.
    ///
    /// # Errors
    ///
    /// [`Error::ShardInUse`] where another process makes it; [`Error::Io`].
    pub(crate) fn begin(&self) -> Result<ShardWriter> {
        let work = self.work_folder();
        let owned = OwnedFolder::take(&work).map_err(|error| match error {
            maskwright_train::Error::OutputInUse { owner, .. } => {
                Error::ShardInUse { folder: self.folder.clone(), shard: self.shard, owner }
            }
            maskwright_train::Error::Io { file, action, source } => {
                Error::Io { file, action, source }
            }
            other => Error::io(&work, "lock")(io::Error::other(other.to_string())),
        })?;
        let parts = ["tar", "jsonl"].map(|end| work.join(format!(".maskwright-{end}.part")));
        let [tar_part, _] = &parts;
        let file = File::create(tar_part).map_err(Error::io(tar_part, "write"))?;
        let counted = Counted { file: BufWriter::with_capacity(1 << 20, file), bytes: 0 };
        let tar = tar::Builder::new(counted);
        let unfinished = Unfinished { parts, work, owned: Some(owned) };
        Ok(ShardWriter { files: self.clone(), tar, unfinished })
    }
}

/// A shard that is being written. Dropped before it is finished, it leaves nothing.
pub(crate) struct ShardWriter {
    files: ShardFiles,
    tar: tar::Builder<Counted>,
    unfinished: Unfinished,
}

/// Files that go with this value, before the folder that they lie in is given back.
struct Unfinished {
    parts: [PathBuf; 2],
    work: PathBuf,
    owned: Option<OwnedFolder>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for part in &self.parts {
            // Of a finished shard there is none, and a later owner removes what cannot be removed now.
            let _ = std::fs::remove_file(part);
        }
        drop(self.owned.take());
        // It may be that of an owner who was killed; where there is a next one, it is not empty.
        let _ = std::fs::remove_dir(&self.work);
    }
}

/// A file, and how many bytes were written into it.
struct Counted {
    file: BufWriter<File>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ShardWriter {
    /// How long the tar file is.
    pub(crate) fn len(&self) -> u64 {
        self.tar.get_ref().bytes
    }

    /// Appends a member. The same members give the same bytes.
    pub(crate) fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        let appended = self.tar.append_data(&mut header, name, bytes);
        appended.map_err(Error::io(&self.files.tar, "write"))
    }

    /// Ends the tar file, writes the ledger, and gives both their names.
    pub(crate) fn finish(self, rows: &[Row]) -> Result<()> {
        let ShardWriter { files, tar, unfinished } = self;
        let [tar_part, ledger_part] = &unfinished.parts;
        tar.into_inner()
            .and_then(|counted| counted.file.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(|file| file.sync_all())
            .map_err(Error::io(&files.tar, "write"))?;
        File::create(ledger_part)
            .and_then(|mut file| {
                file.write_all(ledger::text(rows).as_bytes())?;
                file.sync_all()
            })
            .map_err(Error::io(&files.ledger, "write"))?;
        std::fs::rename(tar_part, &files.tar).map_err(Error::io(&files.tar, "write"))?;
        std::fs::rename(ledger_part, &files.ledger).map_err(Error::io(&files.ledger, "write"))?;
        // Both names, on systems where a folder can be asked for that.
        #[cfg(unix)]
        File::open(&files.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(Error::io(&files.folder, "write"))?;
        Ok(())
    }
}
