//! Our Huffman decoder within libjpeg against libjpeg's own: the same pixels and the same warnings for every file, sound,
//! cut off anywhere, or damaged.

mod support;

use jpeg_encoder::{ColorType, SamplingFactor};
use maskwright_image::decode::{Limits, Warning, decode_rgb, decode_rgb_plainly};
use proptest::prelude::*;
use support::Hash;
use support::jpeg::{Kind, kinds};

/// Noise in patches between smooth ones: blocks of one coefficient and blocks of 64.
fn picture(width: usize, height: usize, channels: usize, seed: u64) -> Vec<u8> {
    let mut hash = Hash(seed);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let noise = [0, 0, 6, 255][(x / 24 + y / 16) % 4];
            for c in 0..channels {
                let slope = (x * (c + 1) + y * 2) / 3 % 256;
                pixels.push((slope + hash.below(noise + 1)) as u8);
            }
        }
    }
    pixels
}

fn jpeg(width: usize, height: usize, kind: Kind, seed: u64) -> Vec<u8> {
    kind.file(width, height, |channels| picture(width, height, channels, seed))
}

/// Returns whether the file seemed to end too early.
fn same(file: &[u8], what: &dyn std::fmt::Debug) -> bool {
    let limits = Limits { max_pixels: 1 << 20, max_bytes: 64 << 20 };
    let ours = decode_rgb(file, &limits);
    let plain = decode_rgb_plainly(file, &limits);
    match (&ours, &plain) {
        (Ok(ours), Ok(plain)) => {
            assert_eq!(ours.warnings, plain.warnings, "{what:?}");
            assert!(ours.pixels == plain.pixels, "{what:?}: other pixels");
        }
        _ => assert_eq!(ours.as_ref().err(), plain.as_ref().err(), "{what:?}"),
    }
    ours.is_ok_and(|ours| ours.warnings.contains(&Warning::Truncated))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sound_files(kind in kinds(), width in 1usize..500, height in 1usize..300, seed: u64) {
        prop_assert!(!same(&jpeg(width, height, kind, seed), &kind));
    }

    #[test]
    fn damaged_files(
        kind in kinds(),
        seed: u64,
        changes in prop::collection::vec((any::<u32>(), 0usize..5, any::<u8>()), 1..4),
    ) {
        let mut file = jpeg(300, 200, kind, seed);
        for (at, how, value) in changes {
            let at = at as usize % file.len();
            match how {
                0 => file[at] = value,
                1 => file[at] ^= 1 << (value % 8),
                // Markers, fill bytes, and what follows them.
                2 => drop(file.splice(at..at, [0xFF, value])),
                3 => drop(file.splice(at..at, [0xFF, 0xFF, 0])),
                _ => drop(file.drain(at..(at + usize::from(value)).min(file.len()))),
            }
        }
        same(&file, &kind);
    }

    #[test]
    fn cut_files(kind in kinds(), seed: u64, part in 0.0..1.0f64) {
        let file = jpeg(300, 200, kind, seed);
        same(&file[..(file.len() as f64 * part) as usize], &kind);
    }
}

/// libjpeg reads ahead of need, how far depends on all that it has read since the scan's start; so a file that lacks some of
/// its last bytes may be decoded without a look past its end. It is told as cut off all the same, and a scan that is handed
/// back to libjpeg near its end gives libjpeg's pixels.
#[test]
fn files_that_lack_their_last_bytes_are_told() {
    for seed in 0..300 {
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_2] {
            let kind = Kind { sampling, quality: 60 + (seed % 40) as u8, ..Kind::PLAIN };
            let file = jpeg(160, 96, kind, seed);
            for missing in 1..9 {
                let cut = &file[..file.len() - missing];
                assert!(same(cut, &(kind, seed, missing)), "{kind:?}, {missing} bytes of {seed}");
            }
        }
    }
}

/// Data that stops after any byte, long before and just before the end.
#[test]
fn files_cut_at_every_byte() {
    for kind in [Kind::PLAIN, Kind { colour: ColorType::Luma, quality: 100, ..Kind::PLAIN }] {
        let file = jpeg(72, 64, kind, 3);
        for length in 0..file.len() {
            same(&file[..length], &(kind, length));
        }
    }
}

/// One bit after the other is turned over in a picture's data.
#[test]
fn every_bit_turned_over() {
    let file = jpeg(96, 64, Kind { optimized: true, ..Kind::PLAIN }, 4);
    for bit in (0..8 * file.len()).step_by(7) {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        same(&file, &bit);
    }
}
