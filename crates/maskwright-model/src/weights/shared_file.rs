//! A file that many tensors are read from, in pieces.

use std::fs::File;
use std::io::Result;
use std::sync::Arc;

/// Bytes of a piece: whole values of every type, and few enough to stay in a core's cache until they are
/// where they belong. So a tensor's values are in memory once.
pub(super) const PIECE: usize = 128 << 10;

/// Takes a tensor's bytes in pieces, as they come. A piece holds whole values.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + 'a;

/// An open file; its clones read at places of their own, from any number of threads.
#[derive(Debug, Clone)]
pub(super) struct SharedFile(Arc<Positioned>);

impl SharedFile {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Positioned::new(file)))
    }

    /// The file's length as it is now.
    pub(super) fn len(&self) -> Result<u64> {
        self.0.len()
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
            self.0.read_exact_at(piece, start + done)?;
            sink(piece)?;
            done += piece.len() as u64;
        }
        Ok(())
    }
}

#[cfg(unix)]
use at_a_place::Positioned;
#[cfg(not(unix))]
use one_at_a_time::Positioned;

#[cfg(unix)]
mod at_a_place {
    use std::fs::File;
    use std::io::Result;
    use std::os::unix::fs::FileExt;

    /// Threads do not wait for each other.
    #[derive(Debug)]
    pub(super) struct Positioned(File);

    impl Positioned {
        pub(super) fn new(file: File) -> Self {
            Self(file)
        }

        pub(super) fn len(&self) -> Result<u64> {
            Ok(self.0.metadata()?.len())
        }

        pub(super) fn read_exact_at(&self, bytes: &mut [u8], start: u64) -> Result<()> {
            self.0.read_exact_at(bytes, start)
        }
    }
}

#[cfg(any(test, not(unix)))]
mod one_at_a_time {
    use std::fs::File;
    use std::io::{Read, Result, Seek, SeekFrom};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// For systems whose reads move the file's one place.
    #[derive(Debug)]
    pub(super) struct Positioned(Mutex<File>);

    impl Positioned {
        pub(super) fn new(file: File) -> Self {
            Self(Mutex::new(file))
        }

        pub(super) fn len(&self) -> Result<u64> {
            Ok(self.lock().metadata()?.len())
        }

        pub(super) fn read_exact_at(&self, bytes: &mut [u8], start: u64) -> Result<()> {
            let mut file = self.lock();
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(bytes)
        }

        fn lock(&self) -> MutexGuard<'_, File> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_read_at_a_place_give_the_same() {
        let path = std::env::temp_dir().join(format!("maskwright-place-{}", std::process::id()));
        std::fs::write(&path, b"0123456789").expect("written");
        let open = || File::open(&path).expect("open");
        let (mut one, mut other) = ([0; 4], [0; 4]);
        let (shared, lone) = (Positioned::new(open()), one_at_a_time::Positioned::new(open()));
        for start in [3, 0, 6] {
            shared.read_exact_at(&mut one, start).expect("read");
            lone.read_exact_at(&mut other, start).expect("read");
            assert_eq!(one, other);
        }
        assert_eq!((&one, shared.len().expect("a length")), (b"6789", lone.len().expect("one")));
        assert!(shared.read_exact_at(&mut one, 7).is_err());
        assert!(lone.read_exact_at(&mut other, 7).is_err());
        std::fs::remove_file(&path).expect("removed");
    }
}
