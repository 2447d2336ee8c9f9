//! What was written, read back and compared with what was meant.

use std::collections::HashMap;
use std::path::Path;

use maskwright_image::mask::Rle;

use super::layout::Held;
use super::names::{Classes, Names};
use super::reader::{Item, Reader};
use crate::error::{Error, Result};
use crate::source::{DataFile, OpenContext, SetSpec};

/// The records that a set has to have: checksums of each one's image and of its masks.
#[derive(Debug, Default)]
pub(super) struct Expected {
    records: HashMap<String, (u32, Vec<u32>)>,
}

impl Expected {
    /// Notes what was written of an image.
    pub(super) fn add(&mut self, item: &Item, held: Vec<Held>) {
        let image = crc32fast::hash(&item.file);
        for Held { record, masks } in held {
            self.records.insert(record, (image, masks.iter().map(checksum).collect()));
        }
    }
}

fn checksum(mask: &Rle) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let sides = [mask.height() as u32, mask.width() as u32];
    let numbers = sides.iter().chain(mask.counts());
    numbers.for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.finalize()
}

/// Reads a set in `root` and compares all of it; `progress` hears how many images are done and says whether to go on. Returns
/// whether it came to the end.
///
/// # Errors
///
/// Those of reading, and the first record that is not what was meant.
pub(super) fn read_back(
    root: &Path,
    spec: &SetSpec,
    expected: &Expected,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<bool> {
    if expected.records.is_empty() {
        return Ok(true);
    }
    let mut data = DataFile { train: vec![spec.clone()], ..DataFile::default() };
    data.rebase(root);
    let mut reader = Reader::open(&data.train[0], false, &OpenContext::fleeting())?;
    let (mut names, mut classes) = (Names::default(), Classes::default());
    let wrong = |record: &str, message: String| Error::AnnotationFile {
        file: root.into(),
        place: format!("record {record}"),
        message,
    };
    for index in 0..reader.len() {
        let item = reader.read(index, &mut names, &mut classes)?;
        let Some((image, masks)) = expected.records.get(&item.record) else {
            return Err(wrong(
                &item.record,
                "expected the records that were written, found another".into(),
            ));
        };
        if *image != crc32fast::hash(&item.file) {
            return Err(wrong(
                &item.record,
                "expected the image that was written, found another".into(),
            ));
        }
        let found: Vec<u32> = item.objects.iter().map(|object| checksum(&object.mask)).collect();
        if found != *masks {
            let message = format!(
                "expected the {} masks that were written, found {} of which not all are the same",
                masks.len(),
                found.len()
            );
            return Err(wrong(&item.record, message));
        }
        if !progress(index + 1) {
            return Ok(false);
        }
    }
    if reader.len() != expected.records.len() {
        let message =
            format!("expected {} records, found {}", expected.records.len(), reader.len());
        return Err(wrong("", message));
    }
    Ok(true)
}
