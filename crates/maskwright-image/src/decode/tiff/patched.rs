//! A file in memory of which two bytes are read as others.

use std::io::{Cursor, Read, Result, Seek, SeekFrom};

/// The `tiff` crate refuses palettes; where a file says that its numbers are grey levels instead, it hands out the indices.
pub(super) struct Patched<'a> {
    file: Cursor<&'a [u8]>,
    /// Where, and what is read there.
    patch: Option<(usize, [u8; 2])>,
}

impl<'a> Patched<'a> {
    pub(super) fn new(bytes: &'a [u8], patch: Option<(usize, [u8; 2])>) -> Self {
        Self { file: Cursor::new(bytes), patch }
    }
}

impl Read for Patched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let start = self.file.position() as usize;
        let count = self.file.read(buffer)?;
        if let Some((at, with)) = self.patch {
            for (at, byte) in (at..).zip(with) {
                let place = at.checked_sub(start).filter(|&place| place < count);
                if let Some(place) = place {
                    buffer[place] = byte;
                }
            }
        }
        Ok(count)
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bytes_are_others() {
        for piece in 1..6 {
            let mut file = Patched::new(&[1, 2, 3, 4, 5], Some((2, [8, 9])));
            let (mut read, mut buffer) = (Vec::<u8>::new(), [0; 6]);
            loop {
                let count = file.read(&mut buffer[..piece]).unwrap();
                if count == 0 {
                    break;
                }
                read.extend(&buffer[..count]);
            }
            assert_eq!(read, [1, 2, 8, 9, 5]);
        }
    }
}
