//! Data with a flaw: three pairs, of which one or all are wrong in one way.

use std::fs;
use std::path::Path;

use maskwright_image::decode::{Orientation, orient_rgb};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};
use maskwright_image::{GreyImage, RgbImage, Size};
use serde_json::json;

pub(crate) const SIZE: Size = Size { height: 96, width: 120 };

/// Smooth waves that differ from number to number.
fn photo(number: usize) -> RgbImage {
    let mut image = RgbImage::filled(SIZE, 0);
    for (at, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % SIZE.width) as f32 / 120.0, (at / SIZE.width) as f32 / 96.0);
        let n = number as f32;
        let wave = (x * (3.0 + 2.1 * n) + y * (7.0 - 1.3 * n) + n).sin() * 90.0 + 120.0;
        pixel.fill(wave as u8);
    }
    image
}

fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, bytes).expect("written");
}

fn write_photo(folder: &Path, number: usize) {
    let path = folder.join(format!("images/photo_{number}.jpg"));
    write(path, jpeg_rgb(&photo(number), 92).expect("encoded"));
}

/// A mask of the numbers that these pixels (row, column) have.
pub(crate) fn mask(number: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let data = (0..SIZE.area()).map(|at| number(at / SIZE.width, at % SIZE.width));
    png_grey(&GreyImage::new(SIZE, data.collect()).expect("a picture")).expect("encoded")
}

/// A block that lies elsewhere in every mask.
fn in_block(number: usize, y: usize, x: usize) -> bool {
    y < 60 && (20..80).contains(&(x + 3 * number))
}

/// Three pairs whose masks are drawn so: of the mask's number, row and column.
pub(crate) fn pairs_of(folder: &Path, level: impl Fn(usize, usize, usize) -> u8) {
    for number in 0..3 {
        write_photo(folder, number);
        let path = folder.join(format!("masks/photo_{number}.png"));
        write(path, mask(|y, x| level(number, y, x)));
    }
}

/// Three sound pairs.
pub(crate) fn sound(folder: &Path) {
    pairs_of(folder, |number, y, x| if in_block(number, y, x) { 255 } else { 0 });
}

/// All masks have these levels in place of 0 and 255.
pub(crate) fn with_levels(folder: &Path, ground: u8, object: u8) {
    pairs_of(folder, |number, y, x| if in_block(number, y, x) { object } else { ground });
}

/// The second pair's image or mask is this file.
pub(crate) fn second(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    sound(folder);
    let part = if file.starts_with("images") { "images/photo_1.jpg" } else { "masks/photo_1.png" };
    fs::remove_file(folder.join(part)).expect("removed");
    write(folder.join(file), bytes);
}

/// The second pair's image or mask is a copy of the first's.
pub(crate) fn copied(folder: &Path, parts: &[&str]) {
    sound(folder);
    for part in parts {
        let ending = if *part == "images" { "jpg" } else { "png" };
        let [from, to] = [0, 1].map(|n| folder.join(format!("{part}/photo_{n}.{ending}")));
        fs::copy(from, to).expect("copied");
    }
}

/// Training pairs, and one to validate whose image is that of the first, stored with this quality.
pub(crate) fn shared_by_splits(folder: &Path, quality: u8) {
    sound(&folder.join("train"));
    let valid = folder.join("valid");
    write(valid.join("images/seen.jpg"), jpeg_rgb(&photo(0), quality).expect("encoded"));
    write(valid.join("masks/seen.png"), mask(|y, x| if y > 50 && x > 60 { 255 } else { 0 }));
    write(valid.join("images/unseen.jpg"), jpeg_rgb(&photo(7), 92).expect("encoded"));
    write(valid.join("masks/unseen.png"), mask(|y, x| if y > 40 && x < 50 { 255 } else { 0 }));
}

/// Masks in colours, as bitmaps of QOI: green blocks on black, with a red corner, or cut-outs of photographs.
pub(crate) fn in_colours(folder: &Path, cut_out: bool) {
    sound(folder);
    for number in 0..3 {
        fs::remove_file(folder.join(format!("masks/photo_{number}.png"))).expect("removed");
        let mut file = b"qoif".to_vec();
        file.extend((SIZE.width as u32).to_be_bytes());
        file.extend((SIZE.height as u32).to_be_bytes());
        file.extend([4, 0]);
        for at in 0..SIZE.area() {
            let (y, x) = (at / SIZE.width, at % SIZE.width);
            let inside = in_block(number, y, x);
            let pixel = match (cut_out, inside) {
                (true, inside) => [x as u8, y as u8, 99, if inside { 255 } else { 0 }],
                (false, true) => [0, 176, 0, 255],
                (false, false) if y > 90 && x > 110 => [255, 0, 0, 255],
                (false, false) => [0, 0, 0, 255],
            };
            file.push(0xff);
            file.extend(pixel);
        }
        file.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        write(folder.join(format!("masks/photo_{number}.qoi")), file);
    }
}

/// All images are these files in place of JPEG: each of its number.
pub(crate) fn stored_as(folder: &Path, ending: &str, file: impl Fn(usize) -> Vec<u8>) {
    sound(folder);
    for number in 0..3 {
        fs::remove_file(folder.join(format!("images/photo_{number}.jpg"))).expect("removed");
        write(folder.join(format!("images/photo_{number}.{ending}")), file(number));
    }
}

/// A graymap of 16 bits whose largest number is below 4096.
pub(crate) fn of_twelve_bits(number: usize) -> Vec<u8> {
    let mut file = b"P5 120 96 65535\n".to_vec();
    (0..SIZE.area()).for_each(|at| file.extend(((at * (number + 5) % 4081) as u16).to_be_bytes()));
    file
}

/// A TIFF of floats up to some 600, in one strip.
pub(crate) fn of_floats(number: usize) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
    let (long, short) = (4u16, 3u16);
    for (tag, kind, value) in [
        (256u16, long, SIZE.width as u32),
        (257, long, SIZE.height as u32),
        (258, short, 32),
        (259, short, 1),
        (262, short, 1),
        (273, long, 8 + 2 + 9 * 12 + 4),
        (277, short, 1),
        (279, long, 4 * SIZE.area() as u32),
        (339, short, 3),
    ] {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    (0..SIZE.area()).for_each(|at| file.extend(((at % (200 + number)) as f32 * 3.0).to_le_bytes()));
    file
}

/// A JPEG with an EXIF orientation, of a bright block where the second mask has its object: stored as it lies, or so that
/// the orientation turns it there.
pub(crate) fn oriented(exif: u8, as_stored: bool) -> Vec<u8> {
    let mut image = photo(1);
    for (at, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        let bright = in_block(1, at / SIZE.width, at % SIZE.width);
        pixel.iter_mut().for_each(|level| *level = *level / 3 + if bright { 160 } else { 0 });
    }
    if !as_stored {
        // A quarter turn to the left is undone by one to the right.
        let back = if exif == 6 { 8 } else { u16::from(exif) };
        image = orient_rgb(image, Orientation::from_exif(back).expect("an orientation"));
    }
    let jpeg = jpeg_rgb(&image, 95).expect("encoded");
    let mut tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend([0, exif, 0, 0, 0, 0, 0, 0]);
    let mut file = jpeg[..2].to_vec();
    file.extend([0xff, 0xe1]);
    file.extend((tiff.len() as u16 + 2).to_be_bytes());
    file.extend(tiff);
    file.extend(&jpeg[2..]);
    file
}

/// The second image as JPEG, and as PNG.
pub(crate) fn jpeg() -> Vec<u8> {
    jpeg_rgb(&photo(1), 92).expect("encoded")
}

pub(crate) fn png() -> Vec<u8> {
    png_rgb(&photo(1)).expect("encoded")
}

/// An instances file of three images with these annotations: box, whether it is a crowd, and the segmentation where it is
/// not that of the box.
pub(crate) fn coco(folder: &Path, objects: &[([u32; 4], bool, Option<serde_json::Value>)]) {
    sound(folder);
    fs::remove_dir_all(folder.join("masks")).expect("removed");
    let annotation = |(id, ([x, y, w, h], crowd, given)): (usize, &([u32; 4], bool, _))| {
        // Down the columns: background, then runs of the box.
        let mut counts = vec![x * 96 + y];
        (0..*w).for_each(|column| {
            counts.push(*h);
            counts.push(if column + 1 < *w { 96 - h } else { (120 - x - w + 1) * 96 - y - h });
        });
        let runs = json!({"size": [96, 120], "counts": counts});
        let segmentation = Option::<serde_json::Value>::clone(given).unwrap_or(runs);
        json!({"id": id, "image_id": id % 3, "category_id": 1, "iscrowd": u8::from(*crowd),
               "area": w * h, "bbox": [x, y, w, h], "segmentation": segmentation})
    };
    let images: Vec<_> = (0..3)
        .map(|id| json!({"id": id, "file_name": format!("photo_{id}.jpg"), "width": 120, "height": 96}))
        .collect();
    let annotations: Vec<_> = objects.iter().enumerate().map(annotation).collect();
    let categories = json!([{"id": 1, "name": "leaf"}]);
    let document = json!({"images": images, "annotations": annotations, "categories": categories});
    write(folder.join("annotations.json"), document.to_string());
}
