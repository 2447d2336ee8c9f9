//! The size of an image file, where a set's annotations do not tell it.

use std::io::Read;
use std::path::Path;

use maskwright_image::decode::read_header;
use maskwright_image::{Error as ImageError, Size};

use super::ExifRule;
use super::bytes::{open_file, read_file};
use crate::error::{Error, Result};

/// Bytes of an image file that mostly hold its header.
const BEGIN: u64 = 1 << 16;

/// The size of an image as annotation tools show it: upright, unless the set's images are never turned.
///
/// `record` names it in errors.
pub(super) fn size_of(
    image: &Path,
    exif: ExifRule,
    record: impl FnOnce() -> String,
) -> Result<Size> {
    let unreadable = |source| Error::Read { file: image.into(), source };
    let mut bytes = Vec::new();
    let file = open_file(image).map_err(unreadable)?;
    file.take(BEGIN).read_to_end(&mut bytes).map_err(unreadable)?;
    let header = read_header(&bytes).or_else(|_| {
        // A long header, or none at all.
        read_file(image, &mut bytes).map(|()| read_header(&bytes))?.map_err(|source: ImageError| {
            Error::Image { record: record(), file: image.into(), source }
        })
    })?;
    Ok(match exif {
        ExifRule::Auto => header.upright_size(),
        ExifRule::Ignore => header.size,
    })
}
