//! A picture as JPEG, and who may make one now.

use std::sync::{Condvar, Mutex, PoisonError};

use maskwright_image::RgbImage;
use maskwright_image::encode::jpeg_rgb;

use super::DataSet;
use crate::error::{Error, Result};
use crate::locks::lock;

/// Images that are decoded at once, so that their memory is bounded.
const DECODED: usize = 4;

/// A picture, and what it is called by.
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: String,
}

/// A record's picture as JPEG.
///
/// # Errors
/// A picture without pixels.
pub(super) fn jpeg(set: &DataSet, index: usize, pixels: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let name = set.record(index)?.image;
    jpeg_rgb(pixels, quality).map_err(Error::image(&name))
}

/// Lets a few at a time pass.
#[derive(Default)]
pub(super) struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// Whoever is inside.
pub(super) struct Turn<'a>(&'a Gate);

impl Gate {
    /// Waits until there is room.
    pub(super) fn enter(&self) -> Turn<'_> {
        let inside = lock(&self.inside);
        let full = |inside: &mut usize| *inside >= DECODED;
        let mut inside = self.left.wait_while(inside, full).unwrap_or_else(PoisonError::into_inner);
        *inside += 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.inside) -= 1;
        self.0.left.notify_one();
    }
}
