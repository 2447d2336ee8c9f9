//! The header of an image, from the beginning of its file: a grid of hundreds of photographs is not read whole for their sizes.

use std::io::Read;
use std::path::Path;

use maskwright_data::source::open_file;
use maskwright_image::Size;
use maskwright_image::decode::read_header;

/// Bytes that are read; a JPEG has its EXIF and its preview before its size.
const BEGINNING: u64 = 256 << 10;

/// The size of a JPEG file that is stored upright; none for all else, which is read whole. In a JPEG all that says how it is turned stands
/// before its size, so a beginning with a size is enough.
pub(super) fn plain_size(path: &Path) -> Option<Size> {
    let mut bytes = Vec::new();
    open_file(path).ok()?.take(BEGINNING).read_to_end(&mut bytes).ok()?;
    if !bytes.starts_with(b"\xff\xd8\xff") {
        return None;
    }
    let header = read_header(&bytes).ok()?;
    header.orientation.is_identity().then_some(header.size)
}

#[cfg(test)]
mod tests {
    use maskwright_image::{RgbImage, encode};

    use super::*;

    #[test]
    fn a_jpeg_is_known_by_its_beginning_and_all_else_is_not() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("image");
        let size = Size::new(30, 40);
        let image = RgbImage::filled(size, 90);
        let jpeg = encode::jpeg_rgb(&image, 90).expect("encoded");
        std::fs::write(&file, &jpeg).expect("written");
        assert_eq!(plain_size(&file), Some(size));
        std::fs::write(&file, &jpeg[..20]).expect("written");
        assert_eq!(plain_size(&file), None);
        std::fs::write(&file, encode::png_rgb(&image).expect("encoded")).expect("written");
        assert_eq!(plain_size(&file), None);
        assert_eq!(plain_size(&place.path().join("none")), None);
    }
}
