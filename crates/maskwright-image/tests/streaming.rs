//! Streamed sampling gives the pixels of whole decoding.

mod support;

use jpeg_encoder::SamplingFactor;
use maskwright_image::decode::{Limits, decode_rgb, decoder_name};
use maskwright_image::sample::{AxisTable, Sampler};
use maskwright_image::{Error, RgbImage, Size, encode};
use proptest::prelude::*;
use support::Hash;
use support::jpeg::{Kind, kinds};

/// Smooth shapes, edges and noise, so that every kind of coefficient occurs.
fn picture(width: usize, height: usize, channels: usize, seed: u64) -> Vec<u8> {
    let mut hash = Hash(seed);
    let mut data = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let wave = ((x * (c + 2) + y * 3) as f32 * 0.05).sin() * 80.0 + 120.0;
                let edge = if (x / 13 + y / 17 + c) % 3 == 0 { 60.0 } else { 0.0 };
                data.push((wave + edge + (hash.next() % 30) as f32) as u8);
            }
        }
    }
    data
}

fn jpeg(width: usize, height: usize, kind: Kind, seed: u64) -> Vec<u8> {
    kind.file(width, height, |channels| picture(width, height, channels, seed))
}

/// A table of a random flip, scale and window.
fn table(source: usize, hash: &mut Hash, output: usize) -> AxisTable {
    let scaled = 1 + hash.below(2 * source + 20);
    let offset = hash.below(scaled);
    AxisTable::new(source, scaled, hash.below(2) == 1, offset, output)
}

fn compare(file: &[u8], rows: &AxisTable, columns: &AxisTable, sampler: &mut Sampler) {
    let limits = Limits::default();
    let whole = match decode_rgb(file, &limits) {
        Ok(whole) => whole,
        // Pure Rust builds refuse uncommon subsampling.
        Err(Error::Unsupported { .. }) if decoder_name().starts_with("zune") => return,
        Err(error) => panic!("{error}"),
    };
    let mut expected = vec![1; 3 * rows.output() * columns.output()];
    sampler.image(&whole.pixels, rows, columns, 128, &mut expected);
    let mut streamed = vec![2; expected.len()];
    let warnings =
        sampler.image_from_bytes(file, &limits, rows, columns, 128, &mut streamed).unwrap();
    assert_eq!(warnings, whole.warnings);
    let differing = expected.iter().zip(&streamed).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 0, "of {} bytes", expected.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn jpegs_of_every_kind(kind in kinds(), width in 1usize..260, height in 1usize..200, seed: u64) {
        let file = jpeg(width, height, kind, seed);
        let mut hash = Hash(seed);
        let mut sampler = Sampler::new();
        for _ in 0..4 {
            let (rows, columns) = (table(height, &mut hash, 64), table(width, &mut hash, 64));
            compare(&file, &rows, &columns, &mut sampler);
        }
    }
}

/// Windows that move pixel by pixel across a picture, at its own size.
#[test]
fn windows_at_every_offset() {
    let rgb = |sampling, progressive| Kind { sampling, progressive, quality: 80, ..Kind::PLAIN };
    let mut sampler = Sampler::new();
    for kind in [
        rgb(SamplingFactor::F_2_2, false),
        rgb(SamplingFactor::F_2_1, false),
        rgb(SamplingFactor::F_1_1, false),
        rgb(SamplingFactor::F_2_2, true),
    ] {
        let (width, height) = (131, 117);
        let file = jpeg(width, height, kind, 5);
        for offset in 0..110 {
            let rows = AxisTable::new(height, height, false, (offset * 7) % 110, 9);
            let columns = AxisTable::new(width, width, offset % 2 == 1, offset, 11);
            compare(&file, &rows, &columns, &mut sampler);
        }
    }
}

/// Small scales leave gaps between the rows that are needed.
#[test]
fn gaps_between_rows() {
    let mut sampler = Sampler::new();
    for sampling in
        [SamplingFactor::F_2_2, SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2]
    {
        let kind = Kind { sampling, restart: 3, ..Kind::PLAIN };
        let (width, height) = (150, 900);
        let file = jpeg(width, height, kind, 6);
        for scaled in [1, 2, 3, 5, 9, 17, 30, 31, 64, 100, 300, 449] {
            let rows = AxisTable::new(height, scaled, scaled % 2 == 1, 0, 64);
            let columns = AxisTable::new(width, 40, false, 3, 33);
            compare(&file, &rows, &columns, &mut sampler);
        }
    }
}

#[test]
fn truncated_files_give_the_pixels_of_a_whole_decode() {
    let mut sampler = Sampler::new();
    for progressive in [false, true] {
        let kind = Kind { progressive, quality: 85, ..Kind::PLAIN };
        let file = jpeg(200, 160, kind, 7);
        for part in [40, 60, 80, 95] {
            let cut = &file[..file.len() * part / 100];
            let rows = AxisTable::new(160, 200, false, 0, 200);
            let columns = AxisTable::new(200, 180, false, 60, 64);
            compare(cut, &rows, &columns, &mut sampler);
        }
    }
}

#[test]
fn other_formats_are_sampled_too() {
    let image = RgbImage::new(Size::new(50, 70), picture(70, 50, 3, 8)).unwrap();
    let file = encode::png_rgb(&image).unwrap();
    let (rows, columns) =
        (AxisTable::new(50, 80, false, 10, 64), AxisTable::new(70, 90, true, 5, 64));
    compare(&file, &rows, &columns, &mut Sampler::new());
}

#[test]
fn tables_for_another_size_are_an_error() {
    let file = encode::png_rgb(&RgbImage::filled(Size::new(50, 70), 0)).unwrap();
    let table = AxisTable::new(50, 50, false, 0, 8);
    let result = Sampler::new().image_from_bytes(
        &file,
        &Limits::default(),
        &table,
        &table,
        0,
        &mut [0; 192],
    );
    assert!(matches!(
        result,
        Err(Error::TableSize { expected: Size { width: 50, .. }, found: Size { width: 70, .. } })
    ));
}

/// A slope in both directions and colours: a pixel's place can be read from its value.
fn slopes(width: usize, height: usize) -> Vec<u8> {
    let at = |i: usize, n: usize| (20 + i * 215 / n) as u8;
    (0..width * height)
        .flat_map(|i| [at(i % width, width), at(i / width, height), at(width - i % width, width)])
        .collect()
}

/// Scaled decoding looks where exact decoding looks: at every fraction, mirrored or not, at the borders too.
#[test]
fn scaled_decoding_stays_in_place() {
    let mut exact = Sampler::new();
    let mut scaled = Sampler::new().scaled_decoding(true);
    let limits = Limits::default();
    let (mut differ, mut total) = (0u64, 0u64);
    for (width, height) in [(333, 251), (640, 480), (97, 205)] {
        for chroma in [encode::Chroma::Full, encode::Chroma::Halved] {
            let image = RgbImage::new(Size::new(height, width), slopes(width, height)).unwrap();
            let file = encode::jpeg_rgb_with(&image, 95, chroma).unwrap();
            for shrink in [1.3, 2.0, 2.9, 4.1, 5.5, 8.2, 11.0] {
                for flip in [false, true] {
                    let side = |length: usize| (length as f64 / shrink) as usize;
                    let rows = AxisTable::new(height, side(height), false, side(height) / 5, 40);
                    let columns = AxisTable::new(width, side(width), flip, side(width) / 7, 40);
                    let (mut a, mut b) = (vec![0; 3 * 40 * 40], vec![0; 3 * 40 * 40]);
                    exact.image_from_bytes(&file, &limits, &rows, &columns, 128, &mut a).unwrap();
                    scaled.image_from_bytes(&file, &limits, &rows, &columns, 128, &mut b).unwrap();
                    if shrink < 2.0 {
                        assert_eq!(a, b, "nothing is shrunk by two");
                        continue;
                    }
                    for (&a, &b) in a.iter().zip(&b) {
                        let off = a.abs_diff(b);
                        assert!(off <= 6, "{width} x {height}, 1/{shrink}, flip {flip}: {a} {b}");
                        differ += u64::from(off);
                        total += 1;
                    }
                }
            }
        }
    }
    assert!(differ < total, "less than a level on average: {differ} of {total}");
}

/// Damage is told, and the pixels are then those of the whole decode.
#[test]
fn scaled_decoding_of_damaged_files_is_exact() {
    let image = RgbImage::new(Size::new(240, 320), slopes(320, 240)).unwrap();
    let file = encode::jpeg_rgb(&image, 90).unwrap();
    let cut = &file[..file.len() / 2];
    let (rows, columns) =
        (AxisTable::new(240, 60, false, 0, 64), AxisTable::new(320, 80, false, 0, 64));
    compare(cut, &rows, &columns, &mut Sampler::new().scaled_decoding(true));
}
