//! Names for files that people do have in their folders and that are not read, for a helpful message.
//!
//! HEIC has no decoder in pure Rust.

use crate::error::Error;

/// Why a file that starts as no format that is read does is refused.
pub(super) fn error(bytes: &[u8]) -> Error {
    match format_not_read(bytes) {
        Some((format, convert)) => Error::FormatNotRead { format, convert },
        None => Error::UnknownFormat { known_as: known_as(bytes) },
    }
}

/// Formats of pictures, with a command that converts them.
fn format_not_read(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const HEIC: (&str, &str) = ("HEIC", "heif-convert photo.heic photo.png");
    const JPEG_2000: (&str, &str) = ("JPEG 2000", "opj_decompress -i photo.jp2 -o photo.png");
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => {
            let brand = brand.first_chunk::<4>()?;
            match brand {
                b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs"
                | b"mif1" | b"msf1" => Some(HEIC),
                b"crx " => Some(("a camera's raw file", "darktable-cli photo.cr3 photo.png")),
                _ => None,
            }
        }
        [0xFF, 0x4F, 0xFF, 0x51, ..] => Some(JPEG_2000),
        _ if bytes.starts_with(b"\0\0\0\x0cjP") => Some(JPEG_2000),
        _ if bytes.starts_with(b"8BPS") => {
            Some(("Photoshop's PSD", "magick photo.psd[0] photo.png"))
        }
        _ if bytes.starts_with(b"\x76\x2f\x31\x01") => {
            Some(("OpenEXR", "magick photo.exr photo.tif"))
        }
        _ => None,
    }
}

/// Files that are no pictures.
fn known_as(bytes: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 4] = [
        (b"version https://git-lfs", "a Git LFS pointer: fetch the real file with `git lfs pull`"),
        (b"<", "markup, perhaps a saved web page"),
        (b"%PDF", "PDF"),
        (b"PK\x03\x04", "a zip archive"),
    ];
    starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named() {
        let words = |bytes: &[u8]| error(bytes).to_string();
        let convert = "is not read; convert the file, for instance with";
        for (bytes, format, command) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], "HEIC", "heif-convert photo.heic photo.png"),
            (b"\xff\x4f\xff\x51", "JPEG 2000", "opj_decompress -i photo.jp2 -o photo.png"),
        ] {
            assert_eq!(words(bytes), format!("{format} {convert} `{command}`"));
        }
        assert_eq!(words(b"plain words"), "not an image of a known format");
        assert_eq!(
            words(b"version https://git-lfs.github.com/spec/v1"),
            "not an image of a known format (this is a Git LFS pointer: fetch the real file with `git lfs pull`)"
        );
    }
}
