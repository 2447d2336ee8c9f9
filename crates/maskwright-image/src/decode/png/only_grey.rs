//! Pixels in RGBA that say no more than a grey: as many masks are saved.

use super::passes::Pass;
use crate::decode::uniform::is_grey_of;

/// The grey of pixels, as long as that is all that they say: their colours are grey, and alpha is the same everywhere.
#[derive(Debug)]
pub(super) struct OnlyGrey<'a> {
    grey: &'a mut Vec<u8>,
    alpha: Option<u8>,
    so_far: bool,
}

impl<'a> OnlyGrey<'a> {
    /// Before the first pixel; `grey` is memory to use.
    pub(super) fn new(grey: &'a mut Vec<u8>) -> Self {
        grey.clear();
        Self { grey, alpha: None, so_far: true }
    }

    /// Takes the next pixels.
    pub(super) fn take(&mut self, rgba: &[u8]) {
        let (pixels, _) = rgba.as_chunks::<4>();
        let Some(&[.., first]) = pixels.first().filter(|_| self.so_far) else { return };
        if is_grey_of(pixels, *self.alpha.get_or_insert(first)) {
            self.grey.extend(pixels.iter().map(|&[grey, ..]| grey));
        } else {
            self.so_far = false;
        }
    }

    /// Whether grey was all that they said, of as many as were taken.
    pub(super) fn is_all(&self) -> bool {
        self.so_far
    }

    /// Puts pixels that were taken pass by pass to their places in a picture of this width.
    pub(super) fn put_together(&mut self, passes: impl Iterator<Item = Pass>, width: usize) {
        let mut whole = vec![0; self.grey.len()];
        let mut rest = &self.grey[..];
        for pass in passes {
            let (rows, later) = rest.split_at(pass.size.area());
            pass.put::<1>(rows, width, &mut whole);
            rest = later;
        }
        *self.grey = whole;
    }
}
