//! The entries of an index and their bytes.

use maskwright_image::decode::MaskObject;

/// Where bytes lie: part of a file, or with a length of 0 a file of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    /// Number of the folder, tar file or annotation file.
    pub(crate) file: u32,
    /// How many bytes; 0 where the name tells a file in the folder.
    pub(crate) len: u32,
    /// The first byte.
    pub(crate) at: u64,
}

/// An image with its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub(crate) image: Span,
    /// Its annotation file or mask file, where it has one of its own.
    pub(crate) notes: Span,
    /// Number of its first record; the next image's first record tells how many it has.
    pub(crate) first_record: u64,
    /// Number of its first object in the index, where objects are in it.
    pub(crate) first_object: u64,
    /// How many of its objects the set's filters let through.
    pub(crate) objects: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) name_len: u32,
    pub(crate) name_at: u64,
}

/// An object in an annotation file that all images share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ObjectEntry {
    /// Where its segmentation lies.
    pub(crate) segmentation: Span,
    /// Id of the annotation; with the bit [`PLACE`](ObjectEntry::PLACE), its number in the file, where it has no id or one that
    /// is no number.
    pub(crate) id: u64,
    /// Its category, 0 where it has none.
    pub(crate) category: u32,
}

impl ObjectEntry {
    /// An object of a mask file. Its number stands in the place of an annotation's id, its area in that of the category,
    /// its box in that of the segmentation.
    pub(crate) fn of_mask_file(object: &MaskObject) -> ObjectEntry {
        let MaskObject { number, area, box_xyxy: [x0, y0, x1, y1] } = *object;
        let at = u64::from(x1) | u64::from(y1) << 32;
        ObjectEntry {
            segmentation: Span { file: x0, len: y0, at },
            id: number.into(),
            category: area,
        }
    }

    /// What [`of_mask_file`](ObjectEntry::of_mask_file) was given.
    pub(crate) fn in_mask_file(&self) -> MaskObject {
        let Span { file: x0, len: y0, at } = self.segmentation;
        let box_xyxy = [x0, y0, at as u32, (at >> 32) as u32];
        MaskObject { number: self.id as u32, area: self.category, box_xyxy }
    }
}

impl Span {
    const BYTES: usize = 16;

    fn to_bytes(self) -> [u8; Span::BYTES] {
        let words = [u64::from(self.file) | u64::from(self.len) << 32, self.at];
        bytes_of(words)
    }

    fn of(words: [u64; 2]) -> Span {
        Span { file: words[0] as u32, len: (words[0] >> 32) as u32, at: words[1] }
    }
}

impl Entry {
    /// Length of an entry.
    pub(crate) const BYTES: usize = 72;
    /// Where in an entry its first record's number lies.
    pub(crate) const FIRST_RECORD: u64 = 2 * Span::BYTES as u64;

    pub(crate) fn to_bytes(self) -> [u8; Entry::BYTES] {
        let mut bytes = [0; Entry::BYTES];
        bytes[..16].copy_from_slice(&self.image.to_bytes());
        bytes[16..32].copy_from_slice(&self.notes.to_bytes());
        let rest: [u8; 40] = bytes_of([
            self.first_record,
            self.first_object,
            u64::from(self.objects) | u64::from(self.name_len) << 32,
            u64::from(self.width) | u64::from(self.height) << 32,
            self.name_at,
        ]);
        bytes[32..].copy_from_slice(&rest);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Entry::BYTES]) -> Entry {
        let word = |at: usize| {
            bytes.as_chunks::<8>().0.get(at).map_or(0, |word| u64::from_le_bytes(*word))
        };
        Entry {
            image: Span::of([word(0), word(1)]),
            notes: Span::of([word(2), word(3)]),
            first_record: word(4),
            first_object: word(5),
            objects: word(6) as u32,
            name_len: (word(6) >> 32) as u32,
            width: word(7) as u32,
            height: (word(7) >> 32) as u32,
            name_at: word(8),
        }
    }
}

impl ObjectEntry {
    /// The bit of an id that is a place.
    pub(crate) const PLACE: u64 = 1 << 63;

    /// The annotation's id, or its number in the file.
    pub(crate) fn number(&self) -> u64 {
        self.id & !ObjectEntry::PLACE
    }

    /// The annotation's id in words: "7", or "number 7" where 7 is its place in the file.
    pub(crate) fn shown_id(&self) -> String {
        let place = if self.id >= ObjectEntry::PLACE { "number " } else { "" };
        format!("{place}{}", self.number())
    }

    /// Length of an entry.
    pub(crate) const BYTES: usize = 28;

    pub(crate) fn to_bytes(self) -> [u8; ObjectEntry::BYTES] {
        let mut bytes = [0; ObjectEntry::BYTES];
        bytes[..16].copy_from_slice(&self.segmentation.to_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..].copy_from_slice(&self.category.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; ObjectEntry::BYTES]) -> ObjectEntry {
        let (words, rest) = bytes.as_chunks::<8>();
        let word = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
        ObjectEntry {
            segmentation: Span::of([word(0), word(1)]),
            id: word(2),
            category: rest.first_chunk().map_or(0, |rest| u32::from_le_bytes(*rest)),
        }
    }
}

/// Little-endian bytes of words.
fn bytes_of<const WORDS: usize, const BYTES: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (slot, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *slot = word.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_back(a: [u32; 8], b: [u64; 6]) {
            let image = Span { file: a[0], len: a[1], at: b[0] };
            let notes = Span { file: a[2], len: a[3], at: b[1] };
            let entry = Entry {
                image,
                notes,
                first_record: b[2],
                first_object: b[3],
                objects: a[4],
                width: a[5],
                height: a[6],
                name_len: a[7],
                name_at: b[4],
            };
            prop_assert_eq!(Entry::from_bytes(&entry.to_bytes()), entry);
            let first = entry.to_bytes()[Entry::FIRST_RECORD as usize..][..8].to_vec();
            prop_assert_eq!(first, b[2].to_le_bytes());
            let object = ObjectEntry { segmentation: image, id: b[5], category: a[4] };
            prop_assert_eq!(ObjectEntry::from_bytes(&object.to_bytes()), object);
            let drawn = MaskObject { number: a[0], area: a[1], box_xyxy: [a[2], a[3], a[4], a[5]] };
            prop_assert_eq!(ObjectEntry::of_mask_file(&drawn).in_mask_file(), drawn);
        }
    }
}
