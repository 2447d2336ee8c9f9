//! What the fuzz targets run: readers of this module on any bytes, and what must hold of the result.

use std::io::{Cursor, Write};
use std::path::Path;

use maskwright_image::Size;
use maskwright_image::mask::{PolygonScratch, Rle};

use super::annotation::{
    Flawed, LabelmeFile, OutlineFile, SuperviselyFile, Task, is_taken, list_cvat, read_coco_from,
    read_cvat, read_sa1b, read_segmentation, read_yolo,
};
use super::index::{Index, Kept};
use super::objects::ObjectFilter;
use super::pairs::list;
use super::yolo_yaml::DataYaml;
use super::{DataFile, MaskBuffer, pattern, tar};

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
                assert!(is_taken(json), "{json}");
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

/// Lists of pairs: no input panics, and the columns that are found are there.
///
/// # Panics
///
/// Where one of that fails.
pub fn csv(data: &[u8]) {
    list::read_all(data);
}

/// Labelme's annotation files: no input panics, every object has a mask of the image's size or an error, and has the
/// number of a shape.
///
/// # Panics
///
/// Where one of that fails.
pub fn labelme(data: &[u8]) {
    let Ok(file) = LabelmeFile::parse(data) else { return };
    // A size that is not drawn in a moment says nothing new.
    let told = file.size.filter(|size| size.area() < 1 << 20).unwrap_or_default();
    for size in [told, Size::new(24, 40)] {
        let flaws = file.outlines(size).map(|outlines| draw(&outlines, size));
        if let Err(flaw) = flaws {
            assert!(!flaw.place.is_empty() && !flaw.message.is_empty());
        }
    }
}

/// YOLO's label files and its `data.yaml`: no input panics, and every object has a mask of the image's size.
///
/// # Panics
///
/// Where one of that fails.
pub fn yolo(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for size in [Size::new(24, 40), Size::new(1, 3000)] {
        match read_yolo(text, size) {
            Ok(outlines) => draw(&outlines, size),
            Err((line, message)) => assert!(line > 0 && !message.is_empty()),
        }
    }
    // Whether it is one is the reader's to say.
    drop(DataYaml::parse(text, "fuzz.yaml".as_ref()));
}

/// Files of Supervisely, CVAT and Label Studio: no input panics, and every object has a mask of the image's size or an error.
///
/// # Panics
///
/// Where one of that fails.
pub fn tool_exports(data: &[u8]) {
    // A size that is not drawn in a moment says nothing new.
    let told = |size: Option<Size>| {
        size.filter(|size| size.height.saturating_mul(size.width) < 1 << 20)
            .unwrap_or(Size::new(24, 40))
    };
    let drawn = |outlines: std::result::Result<OutlineFile, Flawed>, size| match outlines {
        Ok(outlines) => draw(&outlines, size),
        Err(flaw) => assert!(!flaw.message.is_empty()),
    };
    if let Ok(file) = SuperviselyFile::parse(data) {
        let size = told(file.size);
        drawn(file.outlines(size), size);
    }
    for image in list_cvat(data).unwrap_or_default() {
        let size = told(image.size);
        drawn(read_cvat(&data[image.range], size), size);
    }
    if let Ok(task) = Task::parse(data) {
        let size = told(task.size());
        drawn(task.outlines(size), size);
    }
}

/// Draws the objects of a file as a sample would.
fn draw(outlines: &OutlineFile, size: Size) {
    let (mut mask, mut scratch) = (Rle::default(), PolygonScratch::default());
    let mut last = 0;
    for object in &outlines.objects {
        assert!(object.number > last && (object.pixels.is_some() || !object.polygons.is_empty()));
        last = object.number;
        if object.draw(size, &mut mask, &mut scratch).is_ok() {
            let pixels: u64 = mask.counts().iter().map(|&run| u64::from(run)).sum();
            assert_eq!((mask.size(), pixels), (size, size.area() as u64));
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

/// Data files: no input panics or takes more than it has to, and what reads is written and read again as the same.
///
/// # Panics
///
/// Where one of that fails.
pub fn data_file(data: &[u8]) {
    let path = Path::new("fuzz.toml");
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(file) = DataFile::parse(text, path) else { return };
    let written = file.to_toml().expect("what was TOML can be TOML");
    let again = DataFile::parse(&written, path).expect("what was written reads");
    // Not compared as values: a number that is none differs from itself.
    assert_eq!(format!("{file:?}"), format!("{again:?}"));
    let mut sets = [file.train, file.valid].concat();
    for patterns in sets.iter_mut().filter_map(|set| set.kind.places_mut().1) {
        for text in &patterns.0 {
            let words = pattern::expand(text).unwrap_or_default();
            assert!(words.len() <= pattern::MOST);
        }
    }
}

/// Indexes: no input panics, and what an index tells is answered or an error, also where its checksum is right.
///
/// # Panics
///
/// Where one of that fails, or where no temporary file can be made.
pub fn index(data: &[u8]) {
    let path = Path::new("fuzz.index");
    let open = || {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(data).expect("room for it");
        file
    };
    if let Kept::Whole(index) = Index::look(open(), path, "fuzz") {
        ask(&index);
    }
    if let Some(index) = Index::unchecked(open(), path) {
        ask(&index);
    }
}

/// Asks an index for some of its records.
fn ask(index: &Index) {
    let records = index.records();
    assert!(records >= index.images());
    let some = [0, 1, 2, records / 3, records / 2, records.saturating_sub(1)];
    for record in some.into_iter().filter(|&record| record < records) {
        let Ok((entry, nth)) = index.locate(record) else { continue };
        let _ = index.object(&entry, nth);
        let _ = index.object(&entry, u64::from(entry.objects));
        let _ = index.file(entry.image.file);
        let _ = index.names(&entry, |names| names.image_file());
    }
    index.left_out().iter().for_each(|left| drop(left.to_string()));
}
