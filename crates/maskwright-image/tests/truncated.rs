//! JPEG files that were cut off: whatever is decoded of them, and however, a warning says so.

mod support;

use jpeg_encoder::{ColorType, SamplingFactor};
use maskwright_image::Size;
use maskwright_image::decode::{self, Limits, MaskRule, Warning};
use maskwright_image::sample::{AxisTable, Sampler};
use support::jpeg::Kind;

const SIZE: Size = Size { height: 96, width: 120 };

fn file(kind: Kind) -> Vec<u8> {
    kind.file(SIZE.width, SIZE.height, |channels| {
        let level = |i: usize| (i / channels % 90 * 2 + i / channels / SIZE.width) as u8;
        (0..SIZE.area() * channels).map(level).collect()
    })
}

fn files() -> Vec<Vec<u8>> {
    let kinds = [
        Kind::PLAIN,
        Kind { sampling: SamplingFactor::F_1_1, ..Kind::PLAIN },
        Kind { colour: ColorType::Luma, ..Kind::PLAIN },
        Kind { restart: 3, ..Kind::PLAIN },
        Kind { progressive: true, ..Kind::PLAIN },
        Kind { optimized: true, sampling: SamplingFactor::F_2_1, ..Kind::PLAIN },
    ];
    kinds.into_iter().map(file).collect()
}

/// The warnings of a view on the first rows, or on all of them.
fn sampled(file: &[u8], shown: usize, scaled: bool) -> maskwright_image::Result<Vec<Warning>> {
    let by = if scaled { 4 } else { 1 };
    let rows = AxisTable::new(SIZE.height, SIZE.height / by, false, 0, shown);
    let columns = AxisTable::new(SIZE.width, SIZE.width / by, false, 0, 30);
    let mut out = vec![0; 3 * shown * 30];
    let mut sampler = Sampler::new().scaled_decoding(scaled);
    sampler.image_from_bytes(file, &Limits::default(), &rows, &columns, 0, &mut out)
}

/// Where the first scan's data begin.
fn scan(file: &[u8]) -> usize {
    file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 2
}

#[test]
fn a_cut_anywhere_is_told() {
    let limits = Limits::default();
    for whole in files() {
        assert_eq!(sampled(&whole, 8, false).unwrap(), []);
        assert_eq!(decode::decode_rgb(&whole, &limits).unwrap().warnings, []);
        let start = scan(&whole);
        for length in (start..whole.len()).filter(|at| at % 41 == 0 || at + 5 > whole.len()) {
            let cut = &whole[..length];
            let ways = [
                decode::decode_rgb(cut, &limits).map(|decoded| decoded.warnings),
                decode::decode_label(cut, &MaskRule::default(), &limits)
                    .map(|label| label.warnings),
                sampled(cut, 1, false),
                sampled(cut, 8, false),
                sampled(cut, SIZE.height, false),
                sampled(cut, 2, true),
                sampled(cut, SIZE.height / 4, true),
            ];
            for (way, warnings) in ways.into_iter().enumerate() {
                let told = warnings.map_or(true, |found| found.contains(&Warning::Truncated));
                // A refusal tells it as well.
                assert!(told, "cut at {length} of {}, way {way}", whole.len());
            }
        }
    }
}

/// What cameras add behind the picture is no reason for a warning.
#[test]
fn bytes_behind_the_end_are_no_damage() {
    for whole in files() {
        for more in
            [vec![0; 1], vec![0; 5000], b"\r\n".to_vec(), (0..=255).collect(), whole.clone()]
        {
            let longer = [&whole[..], &more].concat();
            assert_eq!(sampled(&longer, 8, false).unwrap(), []);
            let decoded = decode::decode_rgb(&longer, &Limits::default()).unwrap();
            assert_eq!(decoded.warnings, []);
        }
    }
}

/// A download that was stopped, in a file that had its full length from the beginning.
#[test]
fn zeros_in_place_of_the_rest_are_told() {
    for whole in files() {
        let mut file = whole.clone();
        let half = (scan(&file) + file.len()) / 2;
        file[half..].fill(0);
        for shown in [4, SIZE.height] {
            let warnings = sampled(&file, shown, false).unwrap();
            assert!(warnings.contains(&Warning::Truncated), "{warnings:?}");
        }
    }
}
