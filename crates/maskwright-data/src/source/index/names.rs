//! What an image's files are called.

/// The names of an image and of the file that tells its objects: a stem in common, and two endings.
///
/// An index holds them as one text, the three with a slash between them: neither ending has one. A file that does not
/// share the stem has in place of its ending a zero byte and its whole path, whose slashes are zero bytes, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names<'a> {
    /// The name that records, patterns and parts go by, with its folders.
    pub(crate) stem: &'a [u8],
    /// What the image's name ends in as it is spelt, with its dot; empty for a name without an ending.
    pub(crate) image: &'a [u8],
    /// The same of its annotation file or mask file; empty where one file is for all images.
    pub(crate) notes: &'a [u8],
}

impl<'a> Names<'a> {
    /// Of an image file, whose ending begins with the last dot.
    pub(crate) fn of_file(image: &'a [u8], notes: &'a [u8]) -> Names<'a> {
        let base = image.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let dot = image[base..].iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
        let (stem, ending) = image.split_at(dot.map_or(image.len(), |dot| base + dot));
        Names { stem, image: ending, notes }
    }

    /// What stands for the ending of a file at another path than the stem's.
    pub(crate) fn elsewhere(path: &[u8]) -> Vec<u8> {
        let zero = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
        std::iter::once(0).chain(path.iter().map(zero)).collect()
    }

    /// The path of a file whose ending [`elsewhere`](Names::elsewhere) made; none for an ending of the stem.
    pub(crate) fn path_of(ending: &[u8]) -> Option<Vec<u8>> {
        let slash = |byte: &u8| if *byte == 0 { b'/' } else { *byte };
        Some(ending.strip_prefix(&[0])?.iter().map(slash).collect())
    }

    /// The image's whole name.
    pub(crate) fn image_file(self) -> Vec<u8> {
        Names::path_of(self.image).unwrap_or_else(|| [self.stem, self.image].concat())
    }

    /// The pieces of the text.
    pub(crate) fn text(self) -> [&'a [u8]; 5] {
        [self.stem, b"/", self.image, b"/", self.notes]
    }

    /// The names of a text; none where it is no such text.
    pub(crate) fn of_text(text: &'a [u8]) -> Option<Names<'a>> {
        let mut parts = text.rsplitn(3, |byte| *byte == b'/');
        let (notes, image) = (parts.next()?, parts.next()?);
        Some(Names { stem: parts.next()?, image, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_begin_with_the_last_dot_of_the_file() {
        for (file, stem, ending) in [
            ("sa_1.jpg", "sa_1", ".jpg"),
            ("a.v2/x.tar.JPEG", "a.v2/x.tar", ".JPEG"),
            ("a.v2/x", "a.v2/x", ""),
            ("a/.hidden", "a/.hidden", ""),
            ("odd.", "odd", "."),
            ("", "", ""),
        ] {
            let names = Names::of_file(file.as_bytes(), b".json");
            assert_eq!((names.stem, names.image), (stem.as_bytes(), ending.as_bytes()), "{file}");
            assert_eq!(names.image_file(), file.as_bytes());
        }
    }

    #[test]
    fn a_file_elsewhere_has_a_path_of_its_own() {
        let image = Names::elsewhere(b"../photos/b.jpg");
        let names = Names { stem: b"x/a", image: &image, notes: b".json" };
        assert_eq!(Names::of_text(&names.text().concat()), Some(names));
        assert_eq!(names.image_file(), b"../photos/b.jpg");
        assert_eq!(Names::path_of(names.notes), None);
    }

    #[test]
    fn names_come_back_from_their_text() {
        for (stem, image, notes) in
            [("a/b/c", ".jpg", ".mask.png"), ("", "", ""), ("/a/", ".x", ""), ("x", "", ".json")]
        {
            let names =
                Names { stem: stem.as_bytes(), image: image.as_bytes(), notes: notes.as_bytes() };
            assert_eq!(Names::of_text(&names.text().concat()), Some(names));
        }
        assert_eq!(Names::of_text(b"sa_1.jpg/"), None);
    }
}
