//! TIFF, WebP, BMP, GIF, QOI and PNM: their pixels, the numbers of their masks, their headers, and what damage does.

mod support;

use maskwright_image::decode::{
    self, Colour, Format, ImageFile, Limits, MaskRule, NumberKind, ValueRange, Warning,
};
use maskwright_image::{Error, Size};
use support::formats::{bmp, gif, qoi, tiff, tiff_pages, webp};
use tiff::encoder::colortype::{Gray8, Gray16, Gray32Float, GrayI16, RGB8, RGB16, RGBA8};
use tiff::encoder::{Compression, DeflateLevel};

const WIDTH: usize = 9;
const HEIGHT: usize = 7;
const SIZE: Size = Size::new(HEIGHT, WIDTH);

fn rgb() -> Vec<u8> {
    (0..HEIGHT * WIDTH).flat_map(|i| [(i * 4) as u8, (i % WIDTH * 25) as u8, 200]).collect()
}

fn indices() -> Vec<u8> {
    (0..HEIGHT * WIDTH).map(|i| (i % 3) as u8).collect()
}

const COLOURS: [[u8; 3]; 3] = [[0, 0, 0], [128, 0, 0], [0, 128, 0]];

fn pixels(file: &[u8]) -> Vec<u8> {
    decode::decode_rgb(file, &Limits::default()).unwrap().pixels.data
}

/// One file of each format, and of each way to write a TIFF, all of the same picture.
fn files() -> Vec<(Format, Vec<u8>)> {
    let (w, h) = (WIDTH as u32, HEIGHT as u32);
    let ppm = [format!("P6\n# a comment\n{w} {h}\n255\n").as_bytes(), &rgb()].concat();
    let numbers: Vec<String> = rgb().iter().map(u8::to_string).collect();
    let text = format!("P3 {w} {h} 255\n{}\n", numbers.join(" ")).into_bytes();
    let mut files = vec![
        (Format::WebP, webp(w, h, false, &rgb())),
        (Format::Bmp, bmp(WIDTH, HEIGHT, None, &rgb())),
        (Format::Qoi, qoi(w, h, &rgb())),
        (Format::Pnm, ppm),
        (Format::Pnm, text),
    ];
    for compression in [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Packbits,
        Compression::Deflate(DeflateLevel::Balanced),
    ] {
        files.push((Format::Tiff, tiff::<RGB8>(w, h, compression, &rgb())));
    }
    files
}

#[test]
fn pixels_come_back_exactly() {
    for (format, file) in files() {
        let header = decode::read_header(&file).unwrap();
        assert_eq!((header.format, header.size, header.colour), (format, SIZE, Colour::Rgb));
        assert_eq!(header.bit_depth, 8, "{format}");
        let decoded = decode::decode_rgb(&file, &Limits::default()).unwrap();
        assert_eq!(decoded.warnings, [], "{format}");
        assert!(decoded.pixels.data == rgb(), "{format}");
        assert!(header.rgb_bytes() >= 6 * (WIDTH * HEIGHT) as u64);
    }
    let palette = COLOURS.concat();
    let expected: Vec<u8> = indices().iter().flat_map(|i| COLOURS[usize::from(*i)]).collect();
    assert_eq!(pixels(&bmp(WIDTH, HEIGHT, Some(&COLOURS), &indices())), expected);
    assert_eq!(pixels(&gif(WIDTH as u16, HEIGHT as u16, &palette, &[&indices()])), expected);
}

#[test]
fn sixteen_bits_and_floats_are_seen_in_a_range() {
    let wide: Vec<u16> = (0..63u16).map(|i| i * 65).collect();
    let file = tiff::<Gray16>(9, 7, Compression::Lzw, &wide);
    let parsed = ImageFile::read(&file).unwrap();
    assert!(parsed.header().is_deep());
    let first = |file: ImageFile<'_>| -> Vec<u8> {
        let data = file.decode_rgb(&Limits::default()).unwrap().pixels.data;
        data.chunks(3).map(|pixel| pixel[0]).collect()
    };
    let expected: Vec<u8> = wide.iter().map(|v| (f64::from(*v) / 257.0).round() as u8).collect();
    assert_eq!(first(parsed), expected);
    let range = ValueRange::new(0.0, 4095.0);
    let expected: Vec<u8> =
        wide.iter().map(|v| (f64::from(*v) / 4095.0 * 255.0).round() as u8).collect();
    assert_eq!(first(parsed.in_range(range)), expected);
    let numbers = parsed.deep_numbers(&Limits::default()).unwrap().unwrap();
    assert_eq!(numbers, wide.iter().map(|v| f32::from(*v)).collect::<Vec<_>>());

    let fractions: Vec<f32> = (0..63).map(|i| i as f32 / 62.0).collect();
    let file = tiff::<Gray32Float>(9, 7, Compression::Uncompressed, &fractions);
    let parsed = ImageFile::read(&file).unwrap();
    assert_eq!(parsed.header().numbers, NumberKind::Float);
    let expected: Vec<u8> = fractions.iter().map(|v| (v * 255.0).round() as u8).collect();
    assert_eq!(first(parsed), expected);

    let metres: Vec<f32> = (0..63).map(|i| i as f32 * 10.0 - 20.0).collect();
    let file = tiff::<Gray32Float>(9, 7, Compression::Uncompressed, &metres);
    let error = decode::decode_rgb(&file, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @r#"the picture's numbers go from -20 to 600, and nothing says which of them is black and which white; say it with value_range = [BLACK, WHITE] or value_range = "auto""#);
    let seen = first(ImageFile::read(&file).unwrap().in_range(ValueRange::new(-20.0, 600.0)));
    assert_eq!((seen[0], seen[62]), (0, 255));

    let signed: Vec<i16> = (0..63).collect();
    let file = tiff::<GrayI16>(9, 7, Compression::Uncompressed, &signed);
    assert!(matches!(decode::decode_rgb(&file, &Limits::default()), Err(Error::NoRange { .. })));

    let colours: Vec<u16> = rgb().iter().map(|v| u16::from(*v) * 257).collect();
    let file = tiff::<RGB16>(9, 7, Compression::Uncompressed, &colours);
    assert_eq!(pixels(&file), rgb());
    // A range is for pictures of more than 8 bits.
    let eight = tiff::<Gray8>(9, 7, Compression::Uncompressed, &indices());
    let parsed = ImageFile::read(&eight).unwrap().in_range(ValueRange::new(0.0, 2.0));
    assert_eq!(first(parsed), indices());
    assert_eq!(parsed.deep_numbers(&Limits::default()), Ok(None));
}

/// A graymap says its largest number itself.
#[test]
fn portable_maps_are_seen_by_their_largest_number() {
    let mut file = b"P5 2 2 4095\n".to_vec();
    [0u16, 2048, 4095, 16].iter().for_each(|value| file.extend(value.to_be_bytes()));
    let header = decode::read_header(&file).unwrap();
    assert_eq!((header.bit_depth, header.colour), (12, Colour::Grey));
    assert_eq!(pixels(&file), [[0; 3], [128; 3], [255; 3], [1; 3]].concat());
    // In a bitmap 1 is black, as text and in bits.
    assert_eq!(pixels(b"P1\n2 2\n10\n0 1\n"), [[0; 3], [255; 3], [255; 3], [0; 3]].concat());
    assert_eq!(pixels(b"P4\n2 2\n\x80\x40"), [[0; 3], [255; 3], [255; 3], [0; 3]].concat());
    let pam = b"P7\nWIDTH 1\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\x01\x02\x03\xff\x04\x05\x06\xff";
    assert_eq!(pixels(pam), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_first_of_several_is_taken_and_told() {
    let (first, second) = (rgb(), vec![9; 3 * WIDTH * HEIGHT]);
    let pages = tiff_pages::<RGB8>(9, 7, Compression::Lzw, &[&first, &second]);
    let palette = COLOURS.concat();
    let others = vec![1; WIDTH * HEIGHT];
    let frames = gif(9, 7, &palette, &[&indices(), &others]);
    for (file, what, words) in [
        (pages, "pages", "the file holds several pages, the first was used"),
        (frames, "frames", "the file holds several frames, the first was used"),
    ] {
        let decoded = decode::decode_rgb(&file, &Limits::default()).unwrap();
        assert_eq!(decoded.warnings, [Warning::FirstOfSeveral { what }]);
        assert_eq!(decoded.warnings[0].to_string(), words);
        assert!(!decoded.warnings[0].is_damage());
        assert_ne!(decoded.pixels.data, second);
        let rule = MaskRule { channel: decode::MaskChannel::Green, ..MaskRule::default() };
        let label = decode::decode_label(&file, &rule, &Limits::default()).unwrap();
        assert!(label.warnings.contains(&Warning::FirstOfSeveral { what }));
    }
}

/// Values of a rule are the numbers in the file: indices of palettes, floats that are whole.
#[test]
fn masks_are_read_by_their_numbers() {
    let limits = Limits::default();
    let expected: Vec<u8> = indices().iter().map(|i| if *i == 2 { 255 } else { 0 }).collect();
    let palette = COLOURS.concat();
    let floats: Vec<f32> = indices().iter().map(|i| f32::from(*i)).collect();
    for file in [
        bmp(WIDTH, HEIGHT, Some(&COLOURS), &indices()),
        gif(9, 7, &palette, &[&indices()]),
        tiff::<Gray8>(9, 7, Compression::Lzw, &indices()),
        tiff::<Gray32Float>(9, 7, Compression::Lzw, &floats),
    ] {
        let label = decode::decode_label(&file, &MaskRule::only(2), &limits).unwrap();
        assert_eq!(label.pixels.data, expected);
    }
    let ids = tiff::<Gray8>(9, 7, Compression::Lzw, &indices());
    let refused = decode::decode_label(&ids, &MaskRule::default(), &limits);
    assert_eq!(refused.unwrap_err(), Error::MaskClassIds { values: vec![0, 1, 2], more: false });
    let wide: Vec<u16> = indices().iter().map(|i| u16::from(*i) * 300).collect();
    let file = tiff::<Gray16>(9, 7, Compression::Lzw, &wide);
    let label = decode::decode_label(&file, &MaskRule::only(600), &limits).unwrap();
    assert_eq!(label.pixels.data, expected);
    // Fractions are levels.
    let fractions: Vec<f32> = indices().iter().map(|i| f32::from(*i) / 2.0).collect();
    let file = tiff::<Gray32Float>(9, 7, Compression::Lzw, &fractions);
    let label = decode::decode_label(&file, &MaskRule::default(), &limits).unwrap();
    let levels: Vec<u8> = indices().iter().map(|i| [0, 128, 255][usize::from(*i)]).collect();
    assert_eq!(label.pixels.data, levels);
    let odd: Vec<f32> = indices().iter().map(|i| f32::from(*i) * 1.5).collect();
    let file = tiff::<Gray32Float>(9, 7, Compression::Lzw, &odd);
    let error = decode::decode_label(&file, &MaskRule::default(), &limits).unwrap_err();
    insta::assert_snapshot!(error, @"the mask's numbers go from 0 to 3; expected fractions from 0 to 1, or whole numbers from 0 to 65535");
}

/// A grey object on white paper, cut out: its red channel is nearly all foreground, its alpha is the object.
#[test]
fn an_almost_grey_cut_out_is_read_by_its_alpha() {
    let object = |i: usize| (20..40).contains(&i);
    let pixel = |i: usize| {
        if object(i) {
            [120 + i as u8, 122 + i as u8, 119 + i as u8, 255]
        } else {
            [255, 255, 255, 0]
        }
    };
    let data: Vec<u8> = (0..HEIGHT * WIDTH).flat_map(pixel).collect();
    let alpha: Vec<u8> = (0..HEIGHT * WIDTH).map(|i| if object(i) { 255 } else { 0 }).collect();
    for file in [webp(9, 7, true, &data), tiff::<RGBA8>(9, 7, Compression::Lzw, &data)] {
        let label = decode::decode_label(&file, &MaskRule::default(), &Limits::default()).unwrap();
        assert_eq!((label.pixels.data, label.warnings), (alpha.clone(), vec![]));
    }
}

/// Lossy WebP: read as a picture, warned about as a mask, and no numbers of it are mapped.
#[test]
fn lossy_webp_is_told_as_a_mask() {
    // 8 x 8 white pixels by libwebp.
    const FILE: &[u8] = include_bytes!("data/white.webp");
    let header = decode::read_header(FILE).unwrap();
    assert_eq!((header.format, header.is_lossy()), (Format::WebP, true));
    let label = decode::decode_label(FILE, &MaskRule::default(), &Limits::default()).unwrap();
    assert_eq!(label.warnings, [Warning::LossyMask { format: Format::WebP, between: 0 }]);
    assert!(label.pixels.data.iter().all(|value| *value > 250));
    let error = decode::decode_label(FILE, &MaskRule::only(1), &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @"a value or colour map needs a lossless mask (PNG), this one is lossy WebP");
}

/// Any cut gives an error, and none panics or gives pixels of another size; trailing bytes that nothing needs may be missing.
#[test]
fn cut_files_are_errors() {
    let limits = Limits::default();
    let mut all = files();
    all.push((Format::Gif, gif(9, 7, &COLOURS.concat(), &[&indices()])));
    all.push((Format::Tiff, tiff::<RGBA8>(9, 7, Compression::Lzw, &[7; 4 * WIDTH * HEIGHT])));
    for (format, file) in all {
        let mut refused = 0;
        for length in 0..file.len() {
            match decode::decode_rgb(&file[..length], &limits) {
                Ok(decoded) => assert_eq!(decoded.pixels.size, SIZE),
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
        // A QOI's end mark and a GIF's last block are not missed.
        assert!(refused >= file.len() - 20, "{format}: {refused} of {}", file.len());
    }
}

/// A TIFF that says twice, and differently, how many bits its numbers have: whichever of both one reader takes, another may
/// take the other.
#[test]
fn a_tiff_that_says_it_twice_is_refused() {
    let bits = |bits: u16| {
        [&258u16.to_le_bytes()[..], &[3, 0, 1, 0, 0, 0], &bits.to_le_bytes(), &[0; 2]].concat()
    };
    let mut file = tiff::<Gray8>(9, 7, Compression::Uncompressed, &indices());
    assert!(file.starts_with(b"II*\0"));
    let at = file.windows(12).position(|entry| entry == bits(8)).expect("its bits");
    // In place of the software's or the resolution's, which no reader needs.
    let other = file[at..].chunks_exact(12).position(|entry| entry[..2] == 282u16.to_le_bytes());
    let other = at + 12 * other.expect("its resolution");
    for (again, first) in [(1, 8), (8, 1), (8, 8)] {
        file[other..other + 12].copy_from_slice(&bits(again));
        file[at..at + 12].copy_from_slice(&bits(first));
        let refused = decode::decode_rgb(&file, &Limits::default()).expect_err("refused");
        assert_eq!(
            refused.to_string(),
            "damaged TIFF header: its directory has two entries of tag 258"
        );
    }
}

/// Small files that claim much take no memory.
#[test]
fn large_claims_are_refused() {
    let limits = Limits::default();
    let mut huge = qoi(9, 7, &rgb());
    huge[4..8].copy_from_slice(&60_000u32.to_be_bytes());
    huge[8..12].copy_from_slice(&60_000u32.to_be_bytes());
    assert!(matches!(decode::decode_rgb(&huge, &limits), Err(Error::TooManyPixels { .. })));
    huge[8..12].copy_from_slice(&5_000u32.to_be_bytes());
    assert!(matches!(decode::decode_rgb(&huge, &limits), Err(Error::Implausible { .. })));
    let text = b"P5 20000 20000 255\n";
    assert!(matches!(decode::decode_rgb(text, &limits), Err(Error::Implausible { .. })));
    let tight = Limits { max_bytes: 300, ..limits };
    for (format, file) in files() {
        let refused = decode::decode_rgb(&file, &tight);
        assert!(matches!(refused, Err(Error::TooManyBytes { .. })), "{format}");
    }
}
