//! Pixels in RGBA that say no more than a grey: as many masks are saved.

use super::passes::passes;
use crate::size::Size;

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

    /// Puts pixels that were taken pass by pass to their places in a picture of this size.
    pub(super) fn put_together(&mut self, size: Size) {
        let mut whole = vec![0; self.grey.len()];
        let mut rest = &self.grey[..];
        for pass in passes(size) {
            let (rows, later) = rest.split_at(pass.size.area());
            pass.put::<1>(rows, size.width, &mut whole);
            rest = later;
        }
        *self.grey = whole;
    }
}

/// Whether the colours of every pixel are grey and its alpha is this one.
fn is_grey_of(pixels: &[[u8; 4]], one: u8) -> bool {
    // All of a piece, without a way out in between, so that many pixels are looked at in one go.
    let grey = |piece: &[[u8; 4]]| {
        let differences = |&[r, g, b, alpha]: &[u8; 4]| (r ^ g) | (g ^ b) | (alpha ^ one);
        piece.iter().map(differences).fold(0, |all, differ| all | differ) == 0
    };
    pixels.chunks(1 << 10).all(grey)
}

#[cfg(test)]
mod tests {
    use super::is_grey_of;

    #[test]
    fn one_number_of_one_pixel_is_more_than_grey() {
        for count in [0, 1, 2, 15, 1024, 1030] {
            let levels = (0..count).map(|at| at as u8 * 5);
            let grey: Vec<[u8; 4]> = levels.map(|level| [level, level, level, 9]).collect();
            assert!(is_grey_of(&grey, 9), "{count}");
            for at in 0..count {
                for channel in 0..4 {
                    let mut more = grey.clone();
                    more[at][channel] ^= 128;
                    assert!(!is_grey_of(&more, 9), "{at} of {count}, {channel}");
                }
            }
        }
    }
}
