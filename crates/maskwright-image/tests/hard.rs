//! Real files that broke other decoders: each gives a picture or a clear error.
//!
//! The files come from the test collections of Pillow, image-rs, PngSuite and others and are not part of the
//! repository; without them this tests damage made here.

mod support;

use std::path::{Path, PathBuf};

use maskwright_image::decode::{self, Limits, MaskRule, Warning};
use maskwright_image::sample::{AxisTable, Sampler};
use maskwright_image::{Error, GreyImage, RgbImage, Size, encode};
use proptest::prelude::*;
use support::{Hash, shared};

/// What a file is expected to give besides a picture without warnings.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Truncated,
    Damaged,
    Alpha,
    Refused(&'static str),
}
use Outcome::{Alpha, Damaged, Refused, Truncated};

/// Every file that is not simply decoded, with libjpeg as the JPEG decoder.
const TABLE: &[(&str, &[Outcome])] = &[
    ("alpha/Transparency.png", &[Alpha]),
    ("alpha/ga.png", &[Alpha]),
    ("alpha/pil123rgba.png", &[Alpha]),
    ("alpha/transparent.png", &[Alpha]),
    ("corrupt/194531363df5b73f59c4c0517422f917.jpg", &[Truncated, Damaged]),
    ("corrupt/1cbb1bb37d62c44f67374cd451643dc4.jpg", &[Damaged]),
    ("corrupt/2c9e7a1805f8b47630bbb83d21bf8222.jpg", &[Damaged]),
    ("corrupt/broken.png", &[Refused("ends before its first chunk")]),
    ("corrupt/broken_data_stream.png", &[Refused("CRC error")]),
    ("corrupt/dc-predictor-overflow.jpg", &[Damaged]),
    ("corrupt/derive-huffman-codes-overflow.jpg", &[Refused("Bogus Huffman table")]),
    ("corrupt/empty.jpg", &[Refused("the file is empty")]),
    ("corrupt/hopper_bad_exif.jpg", &[Damaged]),
    ("corrupt/invalid-prediction-shift.jpg", &[Refused("lossless coding is not supported")]),
    ("corrupt/jpeg_ff00_header.jpg", &[Damaged]),
    ("corrupt/junk_jpeg_header.jpg", &[Damaged]),
    ("corrupt/truncated_app14.jpg", &[Damaged]),
    ("corrupt/truncated_end_chunk.png", &[Refused("unexpected end of file")]),
    ("corrupt/truncated_image.png", &[Refused("unexpected end of file")]),
    ("corrupt/truncated_jpeg.jpg", &[Truncated]),
    ("corrupt/x_consecutive_idat.png", &[Refused("deflate")]),
    ("corrupt/x_ihdr_missing.png", &[Refused("not IHDR")]),
    ("corrupt/x_image-issue_1075.png", &[Refused("cannot hold")]),
    ("corrupt/x_unexpected_eof.png", &[Refused("ends before its first chunk")]),
    ("masks/gt/exif3_IMG_3438.png", &[Alpha]),
    ("masks/gt/rgbacutout_edited_id15__0.png", &[Alpha]),
    ("masks/gt/rgbacutout_edited_id15__1.png", &[Alpha]),
    ("misc/MR4.jpg", &[Refused("lossless coding is not supported")]),
    ("palette/pil123p.png", &[Alpha]),
    ("png16/basn4a16.png", &[Alpha]),
    ("png16/basn6a16.png", &[Alpha]),
    ("png16/i_trns.png", &[Alpha]),
];

fn outcomes(
    result: &Result<decode::Decoded<RgbImage>, Error>,
    expected: &[Outcome],
) -> Vec<Outcome> {
    match result {
        Ok(decoded) => decoded
            .warnings
            .iter()
            .map(|warning| match warning {
                Warning::Truncated => Truncated,
                Warning::DamagedData { .. } => Damaged,
                Warning::AlphaDropped => Alpha,
                other => panic!("{other} for a picture"),
            })
            .collect(),
        Err(error) => match expected {
            [Refused(words)] if error.to_string().contains(words) => expected.to_vec(),
            _ => panic!("refused: {error}"),
        },
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn hard_files() {
    let Some(folder) = shared("data/hard") else { return };
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    let libjpeg = decode::decoder_name().starts_with("mozjpeg");
    let limits = Limits::default();
    let mut sampler = Sampler::new();
    for path in files {
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let result = decode::decode_rgb(&bytes, &limits);
        assert!(result == decode::decode_rgb_plainly(&bytes, &limits), "{name}: not libjpeg's");
        // The pure Rust decoder overlooks less or more; its refusals are only held to be no panics.
        if libjpeg || bytes.starts_with(b"\x89PNG") {
            let expected = TABLE
                .iter()
                .find(|(file, _)| *file == name)
                .map_or(&[][..], |(_, outcome)| outcome);
            assert_eq!(outcomes(&result, expected), expected, "{name}");
        }
        // A mask or a named refusal, never a panic.
        let _ = decode::decode_label(&bytes, &MaskRule::default(), &limits);
        let Ok(decoded) = result else { continue };
        let header = decode::read_header(&bytes).unwrap();
        assert_eq!(decoded.pixels.size, header.size, "{name}");

        let rows =
            AxisTable::new(header.size.height, header.size.height.div_ceil(2), false, 1, 200);
        let columns =
            AxisTable::new(header.size.width, header.size.width, true, header.size.width / 3, 150);
        let (mut whole, mut streamed) = (vec![0; 3 * 200 * 150], vec![0; 3 * 200 * 150]);
        sampler.image(&decoded.pixels, &rows, &columns, 128, &mut whole);
        let warnings =
            sampler.image_from_bytes(&bytes, &limits, &rows, &columns, 128, &mut streamed).unwrap();
        assert!(whole == streamed, "{name}: streamed pixels differ");
        assert!(warnings.is_empty() || warnings == decoded.warnings, "{name}");
    }
}

#[test]
fn exif_orientations_are_read() {
    let Some(folder) = shared("data/hard/exif_orientation") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected: u8 = name.rsplit('_').next().unwrap().parse().unwrap();
        let header = decode::read_header(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(header.orientation.exif(), expected, "{name}");
    }
}

/// Decodes in every way; results do not matter, returning does.
fn try_everything(bytes: &[u8]) {
    let limits = Limits { max_pixels: 1 << 20, max_bytes: 64 << 20 };
    assert!(decode::decode_rgb(bytes, &limits) == decode::decode_rgb_plainly(bytes, &limits));
    let _ = decode::decode_label(bytes, &MaskRule::default(), &limits);
    if let Ok(header) = decode::read_header(bytes)
        && header.size.width.max(header.size.height) < 10_000
    {
        let rows = AxisTable::new(
            header.size.height,
            header.size.height,
            false,
            header.size.height / 2,
            16,
        );
        let columns =
            AxisTable::new(header.size.width, header.size.width, false, header.size.width / 2, 16);
        let mut out = vec![0; 3 * 16 * 16];
        let _ = Sampler::new().image_from_bytes(bytes, &limits, &rows, &columns, 0, &mut out);
    }
}

fn samples() -> Vec<Vec<u8>> {
    let mut hash = Hash(1);
    let mut bytes = |n: usize| (0..n).map(|_| hash.next() as u8).collect::<Vec<u8>>();
    let rgb = RgbImage::new(Size::new(24, 40), bytes(40 * 24 * 3)).unwrap();
    let grey = GreyImage::new(Size::new(20, 70), bytes(70 * 20)).unwrap();
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 80);
    encoder.set_progressive(true);
    encoder.encode(&rgb.data, 40, 24, jpeg_encoder::ColorType::Rgb).unwrap();
    vec![
        encode::png_rgb(&rgb).unwrap(),
        encode::png_grey(&grey).unwrap(),
        encode::jpeg_rgb(&rgb, 80).unwrap(),
        encode::jpeg_rgb(&rgb, 95).unwrap(),
        progressive,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_do_no_harm(which in 0usize..5, changes in prop::collection::vec((any::<u32>(), any::<u8>()), 1..12)) {
        let mut bytes = samples().swap_remove(which);
        for (at, value) in changes {
            let at = at as usize % bytes.len();
            bytes[at] = value;
        }
        try_everything(&bytes);
    }

    #[test]
    fn cut_files_do_no_harm(which in 0usize..5, part in 0.0f64..1.0) {
        let bytes = samples().swap_remove(which);
        try_everything(&bytes[..(bytes.len() as f64 * part) as usize]);
    }
}
