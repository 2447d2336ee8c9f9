//! What the integration tests share: small folders of real files, and the golden cases.
#![allow(dead_code, reason = "every test uses a part")]

pub(crate) mod annotated;

use std::fs;
use std::path::{Path, PathBuf};

use maskwright_data::batch::TrainBatch;
use maskwright_data::loader::{Loader, LoaderConfig};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::{PairsKeys, SetKind, SetSpec};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};
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

/// Folders `images` (JPEG) and `masks` (PNG) with `count` discs of different sizes.
pub(crate) fn pairs(folder: &Path, count: usize) -> (PathBuf, PathBuf) {
    let (images, masks) = (folder.join("images"), folder.join("masks"));
    for n in 0..count {
        let (width, height) = (60 + 7 * n % 50, 50 + 11 * n % 40);
        write(
            images.join(format!("disc_{n:03}.jpg")),
            jpeg_rgb(&picture(width, height), 90).unwrap(),
        );
        write(masks.join(format!("disc_{n:03}.png")), png_grey(&disc(width, height)).unwrap());
    }
    (images, masks)
}

/// Side of the samples of [`loader_config`].
pub(crate) const SIZE: usize = 48;

/// Small batches that two threads make.
pub(crate) fn loader_config() -> LoaderConfig {
    LoaderConfig {
        batch_size: 3,
        seed: 9,
        workers: 2,
        prefetch: 3,
        sample: SampleConfig::for_size(SIZE),
        ..LoaderConfig::default()
    }
}

/// All batches of the first epochs.
pub(crate) fn epochs(loader: &mut Loader, epochs: u64) -> Vec<TrainBatch> {
    let mut batches = Vec::new();
    for epoch in 0..epochs {
        loader.start_epoch(epoch);
        batches.extend(loader.by_ref().map(Result::unwrap));
    }
    batches
}

/// A text in which the folder of a test is called the same on every machine.
pub(crate) fn anywhere(text: impl std::fmt::Display, folder: &Path) -> String {
    text.to_string().replace(&folder.display().to_string(), "[DIR]")
}

/// One lossless pair.
pub(crate) fn png_pair(folder: &Path, name: &str, image: &RgbImage, mask: &GreyImage) {
    write(folder.join("images").join(format!("{name}.png")), png_rgb(image).unwrap());
    write(folder.join("masks").join(format!("{name}.png")), png_grey(mask).unwrap());
}

/// A set of pairs with some keys changed.
pub(crate) fn pairs_with(mut spec: SetSpec, change: impl FnOnce(&mut PairsKeys)) -> SetSpec {
    let SetKind::Pairs(keys) = &mut spec.kind else { panic!("not a set of pairs: {spec:?}") };
    change(keys);
    spec
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

/// The golden cases of a kind: those of the repository, and after them those of `../shared/golden`,
/// where it is there. The cases of geometry lie beside the crate that samples.
pub(crate) fn golden(kind: &str) -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let owner = if kind == "geometry" { "maskwright-image" } else { "maskwright-data" };
    let mut files = files_of(&crates.join(owner).join("tests/golden").join(kind));
    assert!(!files.is_empty(), "no golden cases of {kind}");
    let shared = crates.join("../../shared/golden").join(kind);
    if shared.is_dir() {
        files.extend(files_of(&shared));
    } else {
        eprintln!("left out: the optional folder ../shared/golden/{kind} is not here");
    }
    files
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
