//! Images of more than 8 bits, and files of several pictures.

mod common;

use common::{Set, blob, diagnose, only_with_nothing_usable};
use maskwright_data::source::SetSpec;
use maskwright_doctor::{Check, SetDiagnosis};
use maskwright_image::encode::png_grey;

/// A graymap of 16 bits of pixels that differ.
fn graymap(number: impl Fn(usize) -> u16) -> Vec<u8> {
    let mut file = b"P5 240 180 65535\n".to_vec();
    (0..240 * 180).for_each(|at| file.extend(number(at).to_be_bytes()));
    file
}

/// The set, opened with a line more.
fn with_line(set: &Set, line: &str) -> SetDiagnosis {
    let spec = set.spec();
    let maskwright_data::source::SetKind::Pairs(keys) = &spec.kind else { panic!("pairs") };
    let text = format!(
        "name = \"set\"\nimages = {:?}\nmasks = {:?}\n{line}",
        keys.images.display().to_string(),
        keys.masks.display().to_string()
    );
    diagnose(&toml::from_str::<SetSpec>(&text).unwrap())
}

#[test]
fn narrow_ranges_are_told() {
    let set = Set::new(0);
    for n in 0..3 {
        set.image(&format!("{n}.pgm"), graymap(|at| (at * (n + 5) % 4081) as u16));
        set.mask(&format!("{n}.png"), png_grey(&blob(n, 240, 180)).unwrap());
    }
    let found = set.diagnose();
    let finding = found.find(Check::NarrowRange).unwrap();
    assert_eq!(finding.listed[0].detail, "the largest of its numbers is 4080 of 65535");
    assert!(found.lines.contains(&"value_range = [0, 4095]".to_owned()), "{:?}", found.lines);
    let mended = with_line(&set, "value_range = [0, 4095]");
    assert!(mended.find(Check::NarrowRange).is_none());
    // Where others are bright, no line for all is proposed.
    set.image("9.pgm", graymap(|at| (at * 7 % 65536) as u16));
    set.mask("9.png", png_grey(&blob(9, 240, 180)).unwrap());
    let found = set.diagnose();
    assert!(found.find(Check::NarrowRange).is_some());
    assert!(!found.lines.iter().any(|line| line.starts_with("value_range")), "{:?}", found.lines);
}

/// A TIFF of one strip of floats, little-endian.
fn float_tiff(number: impl Fn(usize) -> f32) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
    let start = 8 + 2 + 9 * 12 + 4;
    let (pixels, long, short) = (240 * 180, 4u16, 3u16);
    for (tag, kind, value) in [
        (256u16, long, 240u32),
        (257, long, 180),
        (258, short, 32),
        (259, short, 1),
        (262, short, 1),
        (273, long, start),
        (277, short, 1),
        (279, long, 4 * pixels),
        (339, short, 3),
    ] {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    (0..pixels as usize).for_each(|at| file.extend(number(at).to_le_bytes()));
    file
}

#[test]
fn numbers_without_a_range_are_refused_with_the_line() {
    let set = Set::new(0);
    for n in 0..2 {
        set.image(&format!("{n}.tif"), float_tiff(|at| (at % (200 + n)) as f32 * 3.0));
        set.mask(&format!("{n}.png"), png_grey(&blob(n, 240, 180)).unwrap());
    }
    let found = set.diagnose();
    let finding = only_with_nothing_usable(&found, Check::NoRange);
    insta::assert_snapshot!(finding.listed[0].detail, @r#"image: the picture's numbers go from 0 to 597, and nothing says which of them is black and which white; say it with value_range = [BLACK, WHITE] or value_range = "auto""#);
    assert_eq!(found.lines, ["value_range = \"auto\""]);
    for line in ["value_range = \"auto\"", "value_range = [0, 600]"] {
        let mended = with_line(&set, line);
        assert!(mended.find(Check::NoRange).is_none());
        assert_eq!(mended.usable, 2);
    }
}

#[test]
fn several_frames_are_told() {
    let set = Set::new(1);
    // Two frames of 1 x 1: the first is used.
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    let file = [b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".as_slice(), frame, frame, b"\x3b"]
        .concat();
    set.image("b.gif", file);
    let mask = maskwright_image::GreyImage::filled(maskwright_image::Size::square(1), 255);
    set.mask("b.png", png_grey(&mask).unwrap());
    let found = set.diagnose();
    let finding = found.find(Check::SeveralPictures).unwrap();
    assert_eq!(
        finding.listed[0].detail,
        "image: the file holds several frames, the first was used"
    );
}
