//! The file endings that images and masks have where a set names none.
//!
//! Content decides what a file is; endings only tell which files are meant. JPEG and PNG come first: a folder may hold the same
//! picture in another format besides, as a tool's leftover or a camera's original, and that one is passed over.

use super::Extensions;

/// Endings of images.
pub const IMAGE_ENDINGS: [&str; 16] = [
    "jpg", "jpeg", "png", "tif", "tiff", "webp", "avif", "jxl", "bmp", "gif", "qoi", "ppm", "pgm",
    "pbm", "pnm", "pam",
];

/// Endings of masks.
pub const MASK_ENDINGS: [&str; 15] = [
    "png", "jpg", "tif", "tiff", "bmp", "gif", "webp", "jxl", "avif", "qoi", "pgm", "pbm", "pnm",
    "pam", "ppm",
];

/// Endings of images where masks lie beside them, which are PNG then.
pub(super) const IMAGES_BESIDE_MASKS: [&str; 15] = [
    "jpg", "jpeg", "tif", "tiff", "webp", "avif", "jxl", "bmp", "gif", "qoi", "ppm", "pgm", "pbm",
    "pnm", "pam",
];

/// Endings of masks in tar files, where images have those of [`IMAGES_BESIDE_MASKS`].
pub(super) const MASKS_IN_TAR: [&str; 15] = [
    "png",
    "mask.png",
    "seg.png",
    "mask.tif",
    "seg.tif",
    "mask.tiff",
    "seg.tiff",
    "mask.webp",
    "seg.webp",
    "mask.bmp",
    "seg.bmp",
    "mask.gif",
    "seg.gif",
    "mask.pgm",
    "seg.pgm",
];

/// Endings of a set, and those of them that come first where a name has several.
#[derive(Debug, Clone)]
pub(super) struct Endings {
    pub(super) all: Extensions,
    /// None where the set names its endings: two files of one name are then a question to its owner.
    first: &'static [&'static str],
}

impl Endings {
    /// The endings that a set gives, or else `all`, of which JPEG and PNG come first.
    pub(super) fn new(given: Option<&Extensions>, all: &[&'static str]) -> Endings {
        const FIRST: [&str; 5] = ["jpg", "jpeg", "png", "mask.png", "seg.png"];
        match given {
            Some(given) => Endings { all: given.clone(), first: &[] },
            None => Endings { all: all.iter().copied().collect(), first: &FIRST },
        }
    }

    /// Whether a lower-case ending is one of them.
    pub(super) fn contains(&self, ending: &str) -> bool {
        self.all.contains(ending)
    }

    /// Whether a file of the first ending is passed over where there is one of the other, too.
    pub(super) fn yields(&self, ending: &str, to: &str) -> bool {
        !self.first.is_empty() && !self.first.contains(&ending) && self.first.contains(&to)
    }
}

/// What is said about files of formats that are not read, by their ending.
pub(super) fn not_read(ending: &str) -> Option<&'static str> {
    match ending {
        "heic" | "heif" => {
            Some("HEIC is not read; convert the files, for instance with heif-convert")
        }
        "jp2" | "j2k" => {
            Some("JPEG 2000 is not read; convert the files, for instance with opj_decompress")
        }
        "dng" | "cr2" | "cr3" | "nef" | "arw" | "orf" | "raf" | "rw2" => {
            Some("cameras' raw files are not read; convert them, for instance with darktable-cli")
        }
        _ => None,
    }
}
