//! What the tests share: a set of sound pairs that flaws are put into, and annotation files.
#![allow(dead_code, reason = "every test uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

use maskwright_data::source::{OpenContext, SetSpec};
use maskwright_doctor::{
    Check, Contents, Diagnosis, Finding, Role, SetDiagnosis, Settings, Subject, examine, recognise,
};
use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::{GreyImage, RgbImage, Size};

/// A picture whose every pixel tells where it is: red is the column, green the row.
pub(crate) fn picture(width: usize, height: usize) -> RgbImage {
    let mut image = RgbImage::filled(Size::new(height, width), 0);
    for (at, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % width, at / width);
        pixel.copy_from_slice(&[
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            ((x / 8 + y / 8) % 2 * 99) as u8,
        ]);
    }
    image
}

/// A mask whose foreground is where `inside(x, y)`.
pub(crate) fn mask(
    width: usize,
    height: usize,
    inside: impl Fn(usize, usize) -> bool,
) -> GreyImage {
    let mut mask = GreyImage::filled(Size::new(height, width), 0);
    for (at, pixel) in mask.data.iter_mut().enumerate() {
        *pixel = if inside(at % width, at / width) { 255 } else { 0 };
    }
    mask
}

/// A disc in the middle.
pub(crate) fn disc(width: usize, height: usize) -> GreyImage {
    let (cx, cy, r) = (width as i64 / 2, height as i64 / 2, width.min(height) as i64 / 3);
    mask(width, height, |x, y| (x as i64 - cx).pow(2) + (y as i64 - cy).pow(2) < r * r)
}

/// Writes bytes, making the folder.
pub(crate) fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The JPEG with an EXIF orientation put in.
pub(crate) fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend([0, orientation, 0, 0, 0, 0, 0, 0]);
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend((tiff.len() as u16 + 2).to_be_bytes());
    out.extend(tiff);
    out.extend(&jpeg[2..]);
    out
}

/// A folder with `im` and `gt`, and as many sound pairs as asked for, all different.
pub(crate) struct Set {
    pub(crate) root: tempfile::TempDir,
}

impl Set {
    pub(crate) fn new(sound: usize) -> Set {
        let set = Set { root: tempfile::tempdir().unwrap() };
        for number in 0..sound {
            set.image(
                &format!("sound_{number}.jpg"),
                jpeg_rgb(&scene(number, 240, 180), 92).unwrap(),
            );
            set.mask(&format!("sound_{number}.png"), png_grey(&blob(number, 240, 180)).unwrap());
        }
        set
    }

    pub(crate) fn image(&self, name: &str, bytes: impl AsRef<[u8]>) {
        write(self.root.path().join("im").join(name), bytes);
    }

    pub(crate) fn mask(&self, name: &str, bytes: impl AsRef<[u8]>) {
        write(self.root.path().join("gt").join(name), bytes);
    }

    /// A pair of one name: a picture of its own, and the given mask.
    pub(crate) fn pair(&self, name: &str, mask: &GreyImage) {
        let image = scene(name.len() + 50, mask.size.width, mask.size.height);
        self.image(&format!("{name}.jpg"), jpeg_rgb(&image, 92).unwrap());
        self.mask(&format!("{name}.png"), png_grey(mask).unwrap());
    }

    pub(crate) fn spec(&self) -> SetSpec {
        SetSpec::pairs("set", self.root.path().join("im"), self.root.path().join("gt"))
    }

    pub(crate) fn diagnose(&self) -> SetDiagnosis {
        diagnose(&self.spec())
    }
}

pub(crate) fn diagnose(spec: &SetSpec) -> SetDiagnosis {
    all(&[Subject::open(spec, Role::Train, &OpenContext::default())]).sets.remove(0)
}

pub(crate) fn all(subjects: &[Subject]) -> Diagnosis {
    examine(subjects, &Settings { workers: 3, ..Settings::default() }, &mut |_| true).unwrap()
}

/// Smooth colours that differ from number to number.
pub(crate) fn scene(number: usize, width: usize, height: usize) -> RgbImage {
    let mut image = RgbImage::filled(Size::new(height, width), 0);
    let n = number as f32;
    for (at, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % width) as f32 / width as f32, (at / width) as f32 / height as f32);
        let wave = |a: f32, b: f32, c: f32| {
            (127.0 + 60.0 * (a * x + b * y + c).sin() + 60.0 * (b * x * x - a * y + 2.0 * c).cos())
                as u8
        };
        pixel.copy_from_slice(&[
            wave(3.0 + n * 1.7 % 7.0, 5.0 - n * 2.3 % 6.0, n),
            wave(6.0 - n * 1.1 % 5.0, 2.0 + n * 1.9 % 8.0, n + 1.0),
            wave(4.0 + n * 0.7 % 3.0, 7.0 - n * 1.3 % 5.0, n + 2.0),
        ]);
    }
    image
}

/// An ellipse that differs from number to number.
pub(crate) fn blob(number: usize, width: usize, height: usize) -> GreyImage {
    let (cx, cy) = (width as f32 * (0.3 + 0.07 * (number % 6) as f32), height as f32 * 0.5);
    let (rx, ry) = (width as f32 * 0.2, height as f32 * (0.15 + 0.03 * (number % 7) as f32));
    mask(width, height, |x, y| {
        ((x as f32 - cx) / rx).powi(2) + ((y as f32 - cy) / ry).powi(2) < 1.0
    })
}

/// The one finding of a set that is otherwise sound.
pub(crate) fn only(found: &SetDiagnosis, check: Check) -> &Finding {
    let names: Vec<&str> = found.findings.iter().map(|finding| finding.name.name()).collect();
    assert_eq!(names, [check.name()], "{:#?}", found.findings);
    &found.findings[0]
}

pub(crate) fn names(finding: &Finding) -> Vec<&str> {
    finding.listed.iter().map(|listed| listed.name.as_str()).collect()
}

pub(crate) fn levels(label: &GreyImage, of: impl Fn(u8) -> u8) -> GreyImage {
    GreyImage { data: label.data.iter().map(|&level| of(level)).collect(), ..label.clone() }
}

pub(crate) fn png(
    colour: png::ColorType,
    depth: png::BitDepth,
    width: u32,
    height: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        encoder.set_palette((0..=255u8).flat_map(|i| [i, 255 - i, i / 2]).collect::<Vec<u8>>());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    file
}

/// The one finding of a set whose masks are all alike.
pub(crate) fn only_with_nothing_usable(found: &SetDiagnosis, check: Check) -> &Finding {
    let names: Vec<&str> = found.findings.iter().map(|finding| finding.name.name()).collect();
    assert_eq!(names, ["nothing-usable", check.name()]);
    assert_eq!(found.usable, 0);
    found.find(check).unwrap()
}

/// A folder with images and COCO's instances file for them.
pub(crate) fn coco(root: &Path, images: &[&str], annotations: &[serde_json::Value]) -> PathBuf {
    let list: Vec<serde_json::Value> = (0u64..)
        .zip(images)
        .map(|(id, name)| {
            serde_json::json!({"id": id, "file_name": name, "width": 240, "height": 180})
        })
        .collect();
    for (number, name) in images.iter().enumerate() {
        write(root.join("images").join(name), jpeg_rgb(&scene(number, 240, 180), 92).unwrap());
    }
    let path = root.join("instances.json");
    let document = serde_json::json!({
        "images": list, "annotations": annotations, "categories": [{"id": 1, "name": "leaf"}],
    });
    write(&path, document.to_string());
    path
}

/// An annotation of image `image`: a box-shaped polygon, with right area and box.
pub(crate) fn annotation(
    id: u64,
    image: u64,
    [x, y, width, height]: [u32; 4],
) -> serde_json::Value {
    let (right, bottom) = (x + width, y + height);
    serde_json::json!({
        "id": id, "image_id": image, "category_id": 1, "iscrowd": 0,
        "area": width * height, "bbox": [x, y, width, height],
        "segmentation": [[x, y, right, y, right, bottom, x, bottom]],
    })
}

pub(crate) fn recognised(path: &Path) -> Vec<(Role, String, usize)> {
    let Contents { subjects, .. } = recognise(path, &OpenContext::default()).unwrap();
    subjects.iter().map(|s| (s.role(), s.name().to_owned(), s.len())).collect()
}
