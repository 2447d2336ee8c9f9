//! Images of more than 8 bits: seen in the range that a set says, or that all of its images have.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{disc, write};
use insta::assert_snapshot;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{Auto, DataFile, OpenContext, Part, SetSpec, Source, ValueRangeKey};
use maskwright_image::decode::ValueRange;
use maskwright_image::encode::png_grey;

/// A graymap of 16 bits, of the numbers that `number(x, y)` gives.
fn graymap(width: usize, height: usize, number: impl Fn(usize, usize) -> u16) -> Vec<u8> {
    let mut file = format!("P5 {width} {height} 65535\n").into_bytes();
    for at in 0..width * height {
        file.extend(number(at % width, at / width).to_be_bytes());
    }
    file
}

/// `count` images of 12 bits, from 0 to 4095 along the rows.
fn twelve_bits(root: &Path, count: usize) -> SetSpec {
    for n in 0..count {
        let image = graymap(40, 40, |x, _| (x * 105) as u16);
        write(root.join(format!("images/{n:02}.pgm")), image);
        write(root.join(format!("masks/{n:02}.png")), png_grey(&disc(40, 40)).unwrap());
    }
    SetSpec::pairs("set", root.join("images"), root.join("masks"))
}

fn open(spec: &SetSpec) -> Arc<dyn Source> {
    spec.open(&OpenContext::default()).unwrap()
}

/// The red plane of the first record, at the images' own size.
fn seen(set: &dyn Source) -> Vec<u8> {
    let mut maker = SampleMaker::new(SampleConfig::for_size(40)).unwrap();
    let mut image = maker.eval(set, 0, Preset::Squash).unwrap().image;
    image.truncate(40 * 40);
    image
}

#[test]
fn twelve_bits_are_seen_in_their_range() {
    let root = tempfile::tempdir().unwrap();
    let spec = twelve_bits(root.path(), 2);
    let level = |x: usize, full: f64| (x as f64 * 105.0 * 255.0 / full).round() as u8;
    let row = |full: f64| (0..40).map(|x| level(x, full)).collect::<Vec<u8>>();
    assert_eq!(seen(&*open(&spec))[..40], row(65535.0));
    let range = ValueRange::new(0.0, 4095.0).unwrap();
    let ranged = SetSpec { value_range: Some(ValueRangeKey::Range(range)), ..spec.clone() };
    assert_eq!(seen(&*open(&ranged))[..40], row(4095.0));
    // The 0.1th percentile of 40 equal columns is the first of them, the 99.9th the last.
    let auto = SetSpec { value_range: Some(ValueRangeKey::Auto(Auto::Auto)), ..spec };
    let set = open(&auto);
    assert_eq!(set.value_range(), ValueRange::new(0.0, 4095.0));
    assert_eq!(seen(&*set)[..40], row(4095.0));
}

/// Parts of a set are seen alike, and what was found is written down.
#[test]
fn automatic_ranges_are_of_the_whole_set_and_written_down() {
    let root = tempfile::tempdir().unwrap();
    twelve_bits(root.path(), 9);
    // One bright image, which is in one of the parts alone.
    write(root.path().join("images/05.pgm"), graymap(40, 40, |x, _| (x * 1500) as u16));
    let text = r#"
        [[train]]
        name = "most"
        images = "images"
        masks = "masks"
        part = "50%"
        value_range = "auto"

        [[valid]]
        name = "rest"
        images = "images"
        masks = "masks"
        part = "rest of 50%"
        value_range = "auto"
    "#;
    let mut data = DataFile::parse(text, &root.path().join("data.toml")).unwrap();
    data.rebase(root.path());
    let sources: Vec<_> = [&data.train[0], &data.valid[0]].map(open).into();
    let range = sources[0].value_range();
    assert_eq!(range, sources[1].value_range());
    assert_eq!(range, ValueRange::new(0.0, 58_500.0));
    data.settle_ranges(&sources);
    let written = data.to_toml().unwrap();
    assert_eq!(written.matches("value_range").count(), 2, "{written}");
    let again = DataFile::parse(&written, Path::new("config.toml")).unwrap();
    assert_eq!(again.train[0].value_range, range.map(ValueRangeKey::Range));
    assert_eq!(again, data);
    assert!(matches!(data.train[0].part, Some(Part { .. })));
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let refused = |value: &str| {
        let text = format!(
            "[[train]]\nname = \"s\"\nimages = \"i\"\nmasks = \"m\"\nvalue_range = {value}\n"
        );
        DataFile::parse(&text, Path::new("data.toml")).unwrap_err().to_string()
    };
    assert_snapshot!(refused("[5, 5]"), @r#"data.toml, line 5: value_range of set s: expected two numbers, the smaller one first, such as [0, 4095], or "auto""#);
    assert_eq!(refused("\"automatic\""), refused("[5, 5]"));
    let root = tempfile::tempdir().unwrap();
    let spec = twelve_bits(root.path(), 1);
    write(
        root.path().join("images/00.pgm"),
        b"P5 40 40 255\n".iter().copied().chain([9; 1600]).collect::<Vec<u8>>(),
    );
    let auto = SetSpec { value_range: Some(ValueRangeKey::Auto(Auto::Auto)), ..spec };
    let error = auto.open(&OpenContext::default()).err().unwrap();
    assert_snapshot!(error, @r#"value_range of set set: expected two numbers, because "auto" needs images of more than 8 bits that differ, found none with more than 8 bits"#);
}

/// Cameras' pictures of 12 bits as PNG and TIFF, and WebP: the masks are those that were counted, the pictures are none of night.
#[test]
fn ordinary_sets_are_read() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary");
    let Ok(expected) = std::fs::read(root.join("expected.json")) else {
        eprintln!("left out: the optional folder ../shared/data/ordinary is not here");
        return;
    };
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let range = ValueRange::new(0.0, 4095.0).map(ValueRangeKey::Range);
    for (name, value_range) in [("tiff_16bit", range), ("twelve_bit_png", range), ("webp", None)] {
        let folder = root.join(name);
        let spec = SetSpec::pairs(name, folder.join("images"), folder.join("masks"));
        let set = open(&SetSpec { value_range, ..spec });
        assert_eq!(set.len(), 8);
        let mut maker = SampleMaker::new(SampleConfig::for_size(64)).unwrap();
        for index in 0..set.len() {
            let sample = maker.eval(&*set, index, Preset::Squash).unwrap();
            let known = &expected[name][&sample.name];
            assert_eq!(sample.truth.count() as u64, known["area"].as_u64().unwrap());
            let found: Vec<u64> =
                sample.truth.box_xyxy().unwrap().iter().map(|&side| side as u64).collect();
            assert_eq!(serde_json::json!(found), known["box_xyxy_inclusive"]);
            assert!(sample.image.iter().any(|&level| level > 200), "{name}/{}", sample.name);
        }
    }
}
