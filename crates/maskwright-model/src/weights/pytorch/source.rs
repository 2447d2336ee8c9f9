//! The bytes of a pickle, of which there are only so many.

use std::io::{BufRead, Read};

use super::value::Parsed;
use crate::weights::limits::MAX_LIST;

pub(super) struct Source<'a, R> {
    reader: &'a mut R,
    left: u64,
}

impl<'a, R: BufRead> Source<'a, R> {
    pub(super) fn new(reader: &'a mut R) -> Self {
        Self { reader, left: MAX_LIST }
    }

    fn count(&mut self, bytes: u64) -> Parsed<()> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| format!("its pickle is longer than {MAX_LIST} bytes"))?;
        Ok(())
    }

    pub(super) fn take<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut bytes = [0; N];
        self.count(N as u64)?;
        self.reader.read_exact(&mut bytes).map_err(|_| cut())?;
        Ok(bytes)
    }

    /// So many bytes, with no more memory than there are.
    pub(super) fn bytes(&mut self, length: u32) -> Parsed<Vec<u8>> {
        self.count(length.into())?;
        let mut bytes = Vec::new();
        Read::take(&mut *self.reader, length.into()).read_to_end(&mut bytes).map_err(|_| cut())?;
        if bytes.len() == length as usize { Ok(bytes) } else { Err(cut()) }
    }

    /// Text up to the end of a line, which a module's or a function's name is; what is not plain text
    /// is escaped, since it will be shown.
    pub(super) fn line(&mut self) -> Parsed<String> {
        const MAX_NAME: u64 = 256;
        let mut bytes = Vec::new();
        Read::take(&mut *self.reader, MAX_NAME).read_until(b'\n', &mut bytes).map_err(|_| cut())?;
        self.count(bytes.len() as u64)?;
        if bytes.pop() != Some(b'\n') {
            return Err("its pickle has a name without an end".to_owned());
        }
        Ok(String::from_utf8_lossy(&bytes).escape_debug().to_string())
    }
}

fn cut() -> String {
    "its pickle is cut short".to_owned()
}
