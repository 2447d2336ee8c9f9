//! What the fuzz targets run: readers of this module on any bytes, and what must hold of the result.

use std::io::Cursor;
use std::path::Path;

use super::MaskBuffer;
use super::annotation::{read_coco_from, read_sa1b, read_segmentation};
use super::objects::ObjectFilter;
use super::tar;

/// Annotation files: no input panics, a place that an index would hold is inside the file, and a mask
/// that is read has as many pixels as its size.
///
/// # Panics
///
/// Where one of that fails.
pub fn annotations(data: &[u8]) {
    let path = Path::new("fuzz.json");
    let filter = ObjectFilter::default();
    let mut mask = MaskBuffer::new();
    let mut read = |json: &str, size: (u32, u32)| {
        if read_segmentation(json, size, &mut mask).is_ok() {
            let pixels: u64 = mask.rle.counts().iter().map(|&run| u64::from(run)).sum();
            assert_eq!(pixels, (mask.rle.height() * mask.rle.width()) as u64);
            assert!(mask.rle.area() <= pixels);
        }
    };
    if let Ok(file) = read_coco_from(data, path, 0, &filter) {
        for (number, image) in file.images.iter().enumerate() {
            for (_, object) in file.objects(number) {
                let at = object.segmentation.at as usize;
                let json = &data[at..at + object.segmentation.len as usize];
                let json = std::str::from_utf8(json).expect("JSON is text");
                read(json, (image.height, image.width));
            }
        }
    }
    if let Ok(file) = read_sa1b(data, || Ok(path.into())) {
        for object in file.objects(&filter) {
            read(object.segmentation(), (file.image.height, file.image.width));
        }
    }
}

/// Tar files: no input panics, and every member lies inside the file.
///
/// # Panics
///
/// Where one of that fails.
pub fn tar_index(data: &[u8]) {
    let length = data.len() as u64;
    // What is wrong with the file is the reader's to say; only that it ends matters here.
    let _ = tar::members_of(Cursor::new(data), length, Path::new("fuzz.tar"), |member| {
        assert!(member.at + member.len <= length);
        if let Some((key, ending)) = tar::key_and_ending(member.name) {
            assert!(
                !key.is_empty() && !key.ends_with(b"/") && ending.len() <= member.name.len() * 3
            );
        }
        Ok(())
    });
}
