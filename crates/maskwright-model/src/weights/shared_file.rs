//! A file that many tensors are read from, in pieces.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a piece: whole values of every type, and few enough to stay in a core's cache until they are
/// where they belong. So a tensor's values are in memory once.
pub(super) const PIECE: usize = 128 << 10;

/// Takes a tensor's bytes in pieces, as they come. A piece holds whole values.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + 'a;

/// An open file; its clones read at places of their own.
#[derive(Debug, Clone)]
pub(super) struct SharedFile(Arc<Mutex<File>>);

impl SharedFile {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    /// The file's length as it is now.
    pub(super) fn len(&self) -> Result<u64> {
        Ok(self.lock().metadata()?.len())
    }

    /// Gives so many bytes from `start` on.
    pub(super) fn read(&self, start: u64, length: u64, sink: &mut Sink<'_>) -> Result<()> {
        let mut piece = vec![0; PIECE.min(usize::try_from(length).unwrap_or(PIECE))];
        let mut done = 0;
        while done < length {
            let piece = match usize::try_from(length - done) {
                Ok(rest) if rest < piece.len() => &mut piece[..rest],
                _ => &mut piece[..],
            };
            {
                let mut file = self.lock();
                file.seek(SeekFrom::Start(start + done))?;
                file.read_exact(piece)?;
            }
            sink(piece)?;
            done += piece.len() as u64;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
