//! Sets of other formats than JPEG and PNG: listed by their endings, read by their content, sampled like all others.

mod common;

use std::path::{Path, PathBuf};

use common::{disc, picture, write};
use insta::assert_snapshot;
use maskwright_data::Error;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{PairsSource, SetSpec, Source};
use maskwright_image::RgbImage;
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};

/// A PPM: the shortest way to write a picture that is neither JPEG nor PNG.
fn ppm(image: &RgbImage) -> Vec<u8> {
    let head = format!("P6 {} {} 255\n", image.size.width, image.size.height);
    [head.as_bytes(), &image.data].concat()
}

fn open(root: &Path) -> maskwright_data::Result<PairsSource> {
    PairsSource::open(&SetSpec::pairs("set", root.join("images"), root.join("masks")))
}

fn names(source: &PairsSource) -> Vec<String> {
    (0..source.len())
        .map(|at| source.record(at).unwrap())
        .map(|record| {
            let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            format!("{} {}", name(record.image), name(record.mask))
        })
        .collect()
}

/// The same pixels give the same sample whatever the format; a name that lies about its format is no matter.
#[test]
fn a_set_of_several_formats_is_sampled_alike() {
    let root = tempfile::tempdir().unwrap();
    let (image, mask) = (picture(70, 50), disc(70, 50));
    let graymap = [&b"P5 70 50 255\n"[..], &mask.data].concat();
    write(root.path().join("images/a.png"), png_rgb(&image).unwrap());
    write(root.path().join("images/b.ppm"), ppm(&image));
    write(root.path().join("images/c.tif"), ppm(&image));
    write(root.path().join("masks/a.png"), png_grey(&mask).unwrap());
    write(root.path().join("masks/b.pgm"), &graymap);
    write(root.path().join("masks/c.bmp"), &graymap);
    let set = open(root.path()).unwrap();
    assert_eq!(names(&set), ["a.png a.png", "b.ppm b.pgm", "c.tif c.bmp"]);
    let mut maker = SampleMaker::new(SampleConfig::for_size(48)).unwrap();
    let samples: Vec<_> = (0..3).map(|at| maker.eval(&set, at, Preset::Squash).unwrap()).collect();
    for other in &samples[1..] {
        assert_eq!((&other.image, &other.truth), (&samples[0].image, &samples[0].truth));
        assert_eq!(other.warnings, []);
    }
}

/// JPEG and PNG come first: what lies beside them in another format was passed over before and still is.
#[test]
fn other_formats_of_a_name_yield() {
    let root = tempfile::tempdir().unwrap();
    let (image, mask) = (picture(70, 50), png_grey(&disc(70, 50)).unwrap());
    write(root.path().join("images/a.bmp"), ppm(&image));
    write(root.path().join("images/a.jpg"), jpeg_rgb(&image, 90).unwrap());
    write(root.path().join("images/a.tif"), ppm(&image));
    write(root.path().join("masks/a.gif"), &mask);
    write(root.path().join("masks/a.png"), &mask);
    assert_eq!(names(&open(root.path()).unwrap()), ["a.jpg a.png"]);
    // Two of one rank are a question.
    write(root.path().join("images/b.tif"), ppm(&image));
    write(root.path().join("images/b.webp"), ppm(&image));
    write(root.path().join("masks/b.png"), &mask);
    assert!(matches!(open(root.path()), Err(Error::DuplicateStem { .. })));
}

/// A damaged file of any format is an error that names it.
#[test]
fn damage_names_the_file() {
    let root = tempfile::tempdir().unwrap();
    write(root.path().join("images/a.tif"), b"II*\0\x08\0\0\0\x05\0");
    write(root.path().join("images/b.webp"), b"\0\0\0\x18ftypheic\0\0\0\0");
    for name in ["a", "b"] {
        let mask = png_grey(&disc(70, 50)).unwrap();
        write(root.path().join(format!("masks/{name}.png")), mask);
    }
    let set = open(root.path()).unwrap();
    let mut maker = SampleMaker::new(SampleConfig::for_size(48)).unwrap();
    let mut refused = |at| {
        let error = maker.eval(&set, at, Preset::Squash).unwrap_err().to_string();
        error.replace(&root.path().display().to_string(), "[DIR]")
    };
    assert_snapshot!(refused(0), @"record set/a: [DIR]/images/a.tif: damaged TIFF header: the file ends before its directory does");
    assert_snapshot!(refused(1), @"record set/b: [DIR]/images/b.webp: HEIC is not read; convert the file, for instance with `heif-convert photo.heic photo.png`");
}
