//! Chunks of a PNG whose checksum is wrong: pixels that are sound all the same come with a warning.

mod support;

use maskwright_image::decode::{self, Limits, MaskRule, Warning};
use maskwright_image::sample::{AxisTable, Sampler};
use maskwright_image::{GreyImage, RgbImage, Size, encode};
use support::{png_chunks, png_file};

const COLOURS: [u8; 6] = [0, 0, 0, 255, 255, 255];

/// One row of zeros and ones as a picture of two colours, or as grey of 8 bits.
fn picture(colour: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let grey = GreyImage::new(Size::new(1, 3), vec![0, 1, 0]).unwrap();
    let idat = png_chunks(&encode::png_grey(&grey).unwrap(), b"IDAT");
    let chunks = [chunks, &[(b"IDAT", &idat)]].concat();
    png_file(3, 1, 8, colour, &chunks)
}

/// Changes a byte of the first chunk of a kind, counted from its content, and leaves its checksum as it is.
fn damage(mut file: Vec<u8>, kind: &[u8; 4], at: usize, byte: u8) -> Vec<u8> {
    let start = file.windows(4).position(|four| four == kind).unwrap() + 4;
    file[start + at] ^= byte;
    file
}

fn warnings(file: &[u8]) -> Vec<Warning> {
    decode::decode_rgb(file, &Limits::default()).unwrap().warnings
}

fn error(file: &[u8]) -> String {
    decode::decode_rgb(file, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn a_damaged_palette_is_told() {
    let sound = picture(3, &[(b"PLTE", &COLOURS)]);
    assert_eq!(warnings(&sound), []);
    // White becomes orange: the mask is another one.
    let file = damage(sound, b"PLTE", 5, 0xFF);
    let expected = [Warning::Checksum { count: 1, chunk: "PLTE" }];
    assert_eq!(warnings(&file), expected);
    let rule = MaskRule { values: [(1, 255)].into(), ..MaskRule::default() };
    let label = decode::decode_label(&file, &rule, &Limits::default()).unwrap();
    assert_eq!((label.pixels.data, &label.warnings[..]), (vec![0, 255, 0], &expected[..]));
    assert_eq!(expected[0].to_string(), "the checksum of the PLTE chunk is wrong");
    assert!(expected[0].is_damage());

    let (rows, columns) = (AxisTable::new(1, 1, false, 0, 1), AxisTable::new(3, 3, false, 0, 3));
    let mut out = [0; 9];
    let mut sampler = Sampler::new();
    let limits = Limits::default();
    let told = sampler.image_from_bytes(&file, &limits, &rows, &columns, 0, &mut out).unwrap();
    assert_eq!(told, expected);
}

/// Every byte of a file, checksums and lengths included: the file is refused, or read with a warning. A chunk that is renamed to
/// one that nobody knows is passed over as such chunks are.
#[test]
fn every_changed_bit_is_told() {
    let alpha: &[u8] = &[255, 0];
    for sound in [
        picture(0, &[]),
        picture(3, &[(b"PLTE", &COLOURS)]),
        picture(3, &[(b"PLTE", &COLOURS), (b"tRNS", alpha)]),
    ] {
        let renamed =
            sound.windows(4).position(|name| name == b"tRNS").map_or(0..0, |at| at..at + 4);
        for at in (8..sound.len()).filter(|at| !renamed.contains(at)) {
            for bit in 0..8 {
                let mut file = sound.clone();
                file[at] ^= 1 << bit;
                let Ok(decoded) = decode::decode_rgb(&file, &Limits::default()) else { continue };
                let told = decoded.warnings.iter().any(Warning::is_damage);
                assert!(told, "bit {bit} of byte {at} of {}", sound.len());
            }
        }
    }
}

#[test]
fn pixels_have_a_checksum_of_their_own() {
    let sound = picture(0, &[]);
    let content = png_chunks(&sound, b"IDAT").len();
    // That of the chunk is wrong, the pixels' is not.
    let file = damage(sound.clone(), b"IDAT", content, 1);
    assert_eq!(warnings(&file), [Warning::Checksum { count: 1, chunk: "IDAT" }]);
    let grey = decode::decode_label(&file, &MaskRule::only(1), &Limits::default()).unwrap();
    assert_eq!(grey.pixels.data, [0, 255, 0]);
    // The pixels themselves.
    let file = damage(sound, b"IDAT", content - 6, 1);
    assert!(error(&file).starts_with("damaged PNG: CRC error"), "{}", error(&file));
}

#[test]
fn interlaced_files_are_read_with_the_same_warning() {
    // One pixel is the same with and without passes.
    let idat =
        png_chunks(&encode::png_grey(&GreyImage::filled(Size::square(1), 7)).unwrap(), b"IDAT");
    let file = png_file(1, 1, 8, 0, &[(b"IDAT", &idat)]);
    let file = damage(file, b"IHDR", 12, 1);
    let decoded = decode::decode_rgb(&file, &Limits::default()).unwrap();
    assert_eq!(decoded.pixels, RgbImage::filled(Size::square(1), 7));
    assert_eq!(decoded.warnings, [Warning::Checksum { count: 1, chunk: "IHDR" }]);
    let file = damage(file, b"IEND", 0, 1);
    let told = warnings(&file)[0].to_string();
    assert_eq!(told, "the checksums of 2 chunks are wrong, first: IHDR");
}

#[test]
fn other_chunks_are_not_looked_at() {
    let file = picture(0, &[(b"gAMA", &[0, 0, 0xB1, 0x8F]), (b"tEXt", b"Title\0leaf")]);
    let file = damage(damage(file, b"gAMA", 2, 1), b"tEXt", 7, 1);
    assert_eq!(warnings(&file), []);
}

#[test]
fn a_palette_picture_needs_its_colours() {
    for file in [picture(3, &[]), picture(3, &[(b"PLTE", &[])])] {
        let text = error(&file);
        assert!(
            text == "damaged PNG: a palette picture without a colour table (PLTE)"
                || (!cfg!(feature = "libdeflate") && text.starts_with("damaged PNG: ")),
            "{text}"
        );
        let label = decode::decode_label(&file, &MaskRule::only(1), &Limits::default());
        assert!(label.is_err());
    }
}
