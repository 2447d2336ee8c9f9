//! JPEG XL and AVIF: their pixels, headers and masks, how boxes turn them, grids of tiles, and what damage does.
//!
//! The files were made by libjxl and libavif of pictures that are computed here again.

use maskwright_image::decode::{
    self, Colour, Format, ImageFile, Limits, MaskChannel, MaskRule, NumberKind, ValueRange, Warning,
};
use maskwright_image::{Error, Size};
use mp4_atom::{
    Any, Auxc, Av1c, Decode, Encode, FourCC, Ftyp, Hdlr, Iinf, Iloc, Imir, Ipco, Ipma, Iprp, Iref,
    Irot, Ispe, ItemInfoEntry, ItemLocation, ItemLocationExtent, Meta, Pitm, PropertyAssociation,
    PropertyAssociations, Reference,
};

const RGB: &[u8] = include_bytes!("data/rgb.jxl");
const GREY12: &[u8] = include_bytes!("data/grey12.jxl");
const FLOAT: &[u8] = include_bytes!("data/float.jxl");
const LOSSY: &[u8] = include_bytes!("data/lossy.jxl");
const ALPHA: &[u8] = include_bytes!("data/alpha.jxl");
const FRAMES: &[u8] = include_bytes!("data/frames.jxl");
const AVIF_420: &[u8] = include_bytes!("data/420.avif");
const AVIF_444: &[u8] = include_bytes!("data/444.avif");
const AVIF_10: &[u8] = include_bytes!("data/10bits.avif");
const AVIF_ALPHA: &[u8] = include_bytes!("data/alpha.avif");
const AVIF_GREY: &[u8] = include_bytes!("data/grey.avif");
const AVIF_TURNED: &[u8] = include_bytes!("data/turned.avif");

const SMALL: Size = Size::new(7, 9);
const SIZE: Size = Size::new(20, 24);

/// The picture of the small lossless files.
fn rgb() -> Vec<u8> {
    (0..63).flat_map(|i| [(i * 4) as u8, (i % 9 * 25) as u8, 200]).collect()
}

/// The picture of all others: slopes in three directions.
fn slopes() -> Vec<u8> {
    let places = (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| (y, x)));
    places
        .flat_map(|(y, x)| [(x * 10) as u8, (y * 12) as u8, (255 - x * 5 - y * 5) as u8])
        .collect()
}

fn disc() -> Vec<u8> {
    let places = (0..20_i32).flat_map(|y| (0..24_i32).map(move |x| (y, x)));
    places.map(|(y, x)| if (x - 12).pow(2) + (y - 10).pow(2) < 60 { 255 } else { 0 }).collect()
}

fn by_alpha() -> MaskRule {
    MaskRule { channel: MaskChannel::Alpha, ..MaskRule::default() }
}

fn pixels(file: &[u8]) -> Vec<u8> {
    decode::decode_rgb(file, &Limits::default()).unwrap().pixels.data
}

/// The largest difference of two pictures, and the mean one.
fn apart(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let each = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (each().max().unwrap(), each().map(f64::from).sum::<f64>() / a.len() as f64)
}

#[test]
fn lossless_jpeg_xl_comes_back_exactly() {
    let header = decode::read_header(RGB).unwrap();
    assert_eq!((header.format, header.size, header.colour), (Format::JpegXl, SMALL, Colour::Rgb));
    assert_eq!((header.bit_depth, header.is_lossy()), (8, false));
    assert!(pixels(RGB) == rgb());

    let header = decode::read_header(ALPHA).unwrap();
    assert_eq!((header.size, header.colour), (SIZE, Colour::Rgba));
    let decoded = decode::decode_rgb(ALPHA, &Limits::default()).unwrap();
    assert!(decoded.pixels.data == slopes());
    assert_eq!(decoded.warnings, [Warning::AlphaDropped]);
    let label = decode::decode_label(ALPHA, &by_alpha(), &Limits::default()).unwrap();
    assert_eq!((label.pixels.data, label.warnings), (disc(), vec![]));
}

#[test]
fn deep_jpeg_xl_is_seen_in_a_range() {
    let stored: Vec<f32> = (0..63).map(|i| (i * 65) as f32).collect();
    let file = ImageFile::read(GREY12).unwrap();
    let header = file.header();
    assert_eq!((header.colour, header.bit_depth, header.is_deep()), (Colour::Grey, 12, true));
    assert_eq!(file.deep_numbers(&Limits::default()).unwrap().unwrap(), stored);
    let first = |file: ImageFile<'_>| -> Vec<u8> {
        let data = file.decode_rgb(&Limits::default()).unwrap().pixels.data;
        data.chunks(3).map(|pixel| pixel[0]).collect()
    };
    let expected = |white: f32| -> Vec<u8> {
        stored.iter().map(|number| (number / white * 255.0).round().min(255.0) as u8).collect()
    };
    // 12 bits are whole at 4095.
    assert_eq!(first(file), expected(4095.0));
    assert_eq!(first(file.in_range(ValueRange::new(0.0, 2000.0))), expected(2000.0));

    let file = ImageFile::read(FLOAT).unwrap();
    assert_eq!(file.header().numbers, NumberKind::Float);
    let expected: Vec<u8> = (0..63).map(|i| (i as f32 / 62.0 * 255.0).round() as u8).collect();
    assert_eq!(first(file), expected);
}

#[test]
fn lossy_pictures_are_close() {
    for (file, format, largest, mean) in [
        (LOSSY, Format::JpegXl, 40, 3.5),
        (AVIF_420, Format::Avif, 24, 3.5),
        (AVIF_444, Format::Avif, 12, 2.0),
        (AVIF_10, Format::Avif, 12, 2.0),
        (AVIF_ALPHA, Format::Avif, 12, 2.0),
        (AVIF_TURNED, Format::Avif, 24, 3.5),
    ] {
        let header = decode::read_header(file).unwrap();
        assert_eq!((header.format, header.size, header.is_lossy()), (format, SIZE, true));
        let apart = apart(&pixels(file), &slopes());
        assert!(apart.0 <= largest && apart.1 <= mean, "{format}: {apart:?}");
    }
    // What libjxl and libavif make of the same files; chroma of AVIF is interpolated in other ways.
    for (file, theirs, largest, mean) in [
        (LOSSY, &include_bytes!("data/lossy.jxl.rgb")[..], 1, 0.5),
        (AVIF_444, include_bytes!("data/444.avif.rgb"), 2, 0.5),
        (AVIF_420, include_bytes!("data/420.avif.rgb"), 4, 0.7),
        (AVIF_GREY, include_bytes!("data/grey.avif.rgb"), 0, 0.0),
    ] {
        let apart = apart(&pixels(file), theirs);
        assert!(apart.0 <= largest && apart.1 <= mean, "{apart:?}");
    }
    let header = decode::read_header(AVIF_10).unwrap();
    assert_eq!((header.bit_depth, header.colour), (10, Colour::Rgb));
    let header = decode::read_header(AVIF_GREY).unwrap();
    assert_eq!((header.bit_depth, header.colour), (8, Colour::Grey));
    let reds: Vec<u8> = slopes().chunks(3).flat_map(|pixel| [pixel[0]; 3]).collect();
    let apart = apart(&pixels(AVIF_GREY), &reds);
    assert!(apart.0 <= 8 && apart.1 <= 1.5, "{apart:?}");
}

#[test]
fn lossy_files_are_told_as_masks() {
    for (file, format) in [(LOSSY, Format::JpegXl), (AVIF_GREY, Format::Avif)] {
        let error = decode::decode_label(file, &MaskRule::only(1), &Limits::default());
        let text = error.unwrap_err().to_string();
        let expected = format!("needs a lossless mask (PNG), this one is lossy {format}");
        assert!(text.ends_with(&expected), "{text}");
    }
    let label = decode::decode_label(AVIF_GREY, &MaskRule::default(), &Limits::default()).unwrap();
    assert!(matches!(
        label.warnings[..],
        [Warning::LossyMask { format: Format::Avif, between: 100.. }]
    ));
    let label = decode::decode_label(AVIF_ALPHA, &by_alpha(), &Limits::default()).unwrap();
    let wrong = label.pixels.data.iter().zip(disc()).filter(|(a, b)| (**a > 128) != (*b > 128));
    assert_eq!(wrong.count(), 0);
}

#[test]
fn the_first_frame_is_taken_and_told() {
    let decoded = decode::decode_rgb(FRAMES, &Limits::default()).unwrap();
    assert!(decoded.pixels.data == rgb());
    assert_eq!(decoded.warnings, [Warning::FirstOfSeveral { what: "frames" }]);
}

/// A file of AV1 pictures, one or a grid of `columns`, with what is said of the whole.
fn avif(tiles: &[&[u8]], columns: usize, size: Size, said: Vec<Any>) -> Vec<u8> {
    let coded: Vec<Vec<u8>> = tiles.iter().map(|file| av1(file).0).collect();
    let config = av1(tiles[0]).1;
    let tile = decode::read_header(tiles[0]).unwrap().size;
    let extent =
        |size: Size| Any::from(Ispe { width: size.width as u32, height: size.height as u32 });
    let mut properties = vec![Any::from(config), extent(tile), extent(size)];
    let extra: Vec<u16> = (0..said.len() as u16).map(|i| i + 4).collect();
    properties.extend(said);
    let grid = tiles.len() > 1;
    let of = |item_id, indices: &[u16]| PropertyAssociations {
        item_id,
        associations: indices
            .iter()
            .map(|index| PropertyAssociation { essential: false, property_index: *index })
            .collect(),
    };
    let mut items = vec![];
    let mut described = vec![];
    let mut pieces: Vec<(u32, Vec<u8>)> = vec![];
    let mut item = |id, kind: &[u8; 4], indices: &[u16], data: Vec<u8>| {
        items.push(ItemInfoEntry {
            item_id: id,
            item_protection_index: 0,
            item_type: Some(FourCC::new(kind)),
            item_name: String::new(),
            content_type: None,
            content_encoding: None,
            item_uri_type: None,
            item_not_in_presentation: id > 1,
        });
        described.push(of(id, indices));
        pieces.push((id, data));
    };
    let whole: Vec<u16> = [3].into_iter().chain(extra).collect();
    if grid {
        let rows = tiles.len() / columns;
        let (width, height) = (size.width as u16, size.height as u16);
        let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
        let data = [&[0, 0, rows as u8 - 1, columns as u8 - 1][..], &sides].concat();
        item(1, b"grid", &whole, data);
        for (index, data) in coded.into_iter().enumerate() {
            item(index as u32 + 2, b"av01", &[1, 2], data);
        }
    } else {
        let indices: Vec<u16> = [1].into_iter().chain(whole).collect();
        item(1, b"av01", &indices, coded.into_iter().next().unwrap());
    }
    let references = Reference {
        reference_type: FourCC::new(b"dimg"),
        from_item_id: 1,
        to_item_ids: (2..tiles.len() as u32 + 2).collect(),
    };
    let file = |starts: u64| {
        let mut at = starts;
        let places = pieces.iter().map(|(item_id, data)| {
            let (offset, length) = (at, data.len() as u64);
            at += length;
            let extents = vec![ItemLocationExtent { item_reference_index: 0, offset, length }];
            ItemLocation {
                item_id: *item_id,
                construction_method: 0,
                data_reference_index: 0,
                base_offset: 0,
                extents,
            }
        });
        let places = Iloc { item_locations: places.collect() };
        let ipma = Ipma { item_properties: described.clone() };
        let mut meta = Meta {
            hdlr: Hdlr { handler: FourCC::new(b"pict"), name: String::new() },
            items: vec![],
        };
        meta.push(Pitm { item_id: 1 });
        meta.push(places);
        meta.push(Iinf { item_infos: items.clone() });
        let ipco = Ipco { properties: properties.clone() };
        meta.push(Iprp { ipco, ipma: vec![ipma] });
        if grid {
            meta.push(Iref { references: vec![references.clone()] });
        }
        let brand = FourCC::new(b"avif");
        let ftyp = Ftyp { major_brand: brand, minor_version: 0, compatible_brands: vec![brand] };
        let mut file = vec![];
        ftyp.encode(&mut file).unwrap();
        meta.encode(&mut file).unwrap();
        file
    };
    let mut whole = file(file(0).len() as u64 + 8);
    let data: Vec<u8> = pieces.iter().flat_map(|(_, data)| data.clone()).collect();
    whole.extend((data.len() as u32 + 8).to_be_bytes());
    whole.extend(b"mdat");
    whole.extend(data);
    whole
}

/// The AV1 of a file's primary picture, and how it is coded.
fn av1(file: &[u8]) -> (Vec<u8>, Av1c) {
    let mut rest = file;
    Ftyp::decode(&mut rest).unwrap();
    let meta = Meta::decode(&mut rest).unwrap();
    let primary = meta.get::<Pitm>().unwrap().item_id;
    let places = &meta.get::<Iloc>().unwrap().item_locations;
    let place = places.iter().find(|place| place.item_id == primary).unwrap();
    let start = (place.base_offset + place.extents[0].offset) as usize;
    let data = file[start..start + place.extents[0].length as usize].to_vec();
    let properties = &meta.get::<Iprp>().unwrap().ipco.properties;
    let config = properties.iter().find_map(|property| match property {
        Any::Av1c(config) => Some(config.clone()),
        _ => None,
    });
    (data, config.unwrap())
}

/// Turned against the clock, then mirrored, as EXIF's numbers say it.
#[test]
fn boxes_turn_and_mirror() {
    assert_eq!(decode::read_header(AVIF_TURNED).unwrap().orientation.exif(), 6);
    for (turns, mirror, exif) in [
        (0, None, 1),
        (0, Some(1), 2),
        (2, None, 3),
        (0, Some(0), 4),
        (1, Some(0), 5),
        (3, None, 6),
        (1, Some(1), 7),
        (1, None, 8),
        (2, Some(0), 2),
        (2, Some(1), 4),
        (3, Some(0), 7),
        (3, Some(1), 5),
    ] {
        let turned = (turns > 0).then(|| Any::from(Irot { angle: turns }));
        let mirrored = mirror.map(|axis| Any::from(Imir { axis }));
        let said = turned.into_iter().chain(mirrored).collect();
        let file = avif(&[AVIF_420], 1, SIZE, said);
        let header = decode::read_header(&file).unwrap();
        assert_eq!(header.orientation.exif(), exif, "{turns} {mirror:?}");
        assert!(pixels(&file) == pixels(AVIF_420));
    }
}

/// Tiles lie row by row; the last ones are cut at the picture's sides.
#[test]
fn grids_are_put_together() {
    let tiles = [AVIF_420, AVIF_444, AVIF_444, AVIF_420, AVIF_420, AVIF_444];
    let size = Size::new(35, 60);
    let file = avif(&tiles, 3, size, vec![]);
    let decoded = decode::decode_rgb(&file, &Limits::default()).unwrap();
    assert_eq!((decoded.pixels.size, decoded.warnings), (size, vec![]));
    let parts = tiles.map(pixels);
    for y in 0..35 {
        for x in 0..60 {
            let part = &parts[y / 20 * 3 + x / 24];
            let from = 3 * (y % 20 * 24 + x % 24);
            let at = 3 * (y * 60 + x);
            assert_eq!(decoded.pixels.data[at..at + 3], part[from..from + 3], "{y} {x}");
        }
    }
    // Sides of which the bytes cannot be counted: found by fuzzing.
    let file = avif(&tiles, 3, Size::square(u32::MAX as usize), vec![]);
    assert_eq!(decode::read_header(&file).expect("a header").rgb_bytes(), u64::MAX);
    let error = decode::decode_rgb(&file, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @"4294967295 x 4294967295 pixels are more than the limit of 500000000 pixels");
    // Tiles that do not cover the picture.
    let file = avif(&tiles, 3, Size::new(41, 60), vec![]);
    let error = decode::decode_rgb(&file, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @"damaged AVIF: expected a picture of 60 x 41, found one of 24 x 20");
    let file = avif(&tiles[..5], 3, size, vec![]);
    let error = decode::decode_rgb(&file, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @"damaged AVIF header: expected 1 x 3 tiles, found 5");
}

#[test]
fn what_is_not_read_is_said() {
    let read = |said| {
        decode::decode_rgb(&avif(&[AVIF_420], 1, SIZE, said), &Limits::default()).unwrap_err()
    };
    let crop = mp4_atom::Clap { clean_aperture_width_n: 10, ..Default::default() };
    insta::assert_snapshot!(read(vec![crop.into()]), @"AVIF with a crop in its boxes is not supported");
    let space = mp4_atom::Colr::Nclx {
        colour_primaries: 1,
        transfer_characteristics: 13,
        matrix_coefficients: 10,
        full_range_flag: true,
    };
    insta::assert_snapshot!(read(vec![space.into()]), @"AVIF with colours by matrix 10 of H.273 is not supported");
    let other = avif(&[AVIF_420], 1, Size::new(20, 25), vec![]);
    let error = decode::decode_rgb(&other, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @"damaged AVIF: expected a picture of 25 x 20, found one of 24 x 20");
    // An unknown property changes nothing.
    let kind = Auxc { aux_type: "urn:example:depth".into(), aux_subtype: vec![] };
    assert!(pixels(&avif(&[AVIF_420], 1, SIZE, vec![kind.into()])) == pixels(AVIF_420));
    let mut film = AVIF_420.to_vec();
    let at = film.windows(4).position(|word| word == b"meta").unwrap();
    film[at..at + 4].copy_from_slice(b"moov");
    let error = decode::read_header(&film).unwrap_err();
    insta::assert_snapshot!(error, @"damaged AVIF header: it is a film without a still picture");
}

/// Any cut gives an error, or pixels of the header's size; none panics.
#[test]
fn cut_files_are_errors() {
    for file in [RGB, GREY12, FLOAT, LOSSY, ALPHA, FRAMES, AVIF_420, AVIF_10, AVIF_ALPHA] {
        let whole = decode::read_header(file).unwrap();
        let mut refused = 0;
        for length in 0..file.len() {
            match decode::decode_rgb(&file[..length], &Limits::default()) {
                Ok(decoded) => assert_eq!(decoded.pixels.size, whole.size),
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
        // An animation needs its first frame alone.
        let least = if file == FRAMES { file.len() / 3 } else { file.len() - 20 };
        assert!(refused >= least, "{}: {refused} of {}", whole.format, file.len());
    }
}

/// A flipped byte gives an error or pixels of the header's size.
#[test]
fn flipped_bytes_do_no_harm() {
    for file in [RGB, LOSSY, ALPHA, AVIF_420, AVIF_ALPHA] {
        for at in 0..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut file = file.to_vec();
                file[at] ^= flip;
                let Ok(header) = decode::read_header(&file) else { continue };
                if let Ok(decoded) = decode::decode_rgb(&file, &Limits::default()) {
                    assert_eq!(decoded.pixels.size, header.size);
                    assert_eq!(decoded.pixels.data.len(), 3 * header.size.area());
                }
            }
        }
    }
}

#[test]
fn too_large_pictures_take_no_memory() {
    for file in [RGB, AVIF_420] {
        let few = Limits { max_pixels: 62, ..Limits::default() };
        assert!(matches!(decode::decode_rgb(file, &few), Err(Error::TooManyPixels { .. })));
        let tight = Limits { max_bytes: 300, ..Limits::default() };
        assert!(matches!(decode::decode_rgb(file, &tight), Err(Error::TooManyBytes { .. })));
    }
}

/// Where the coded picture names a matrix that is reserved, the one that the file names beside it is taken, as ever; and where
/// the decoder panics at one, it is no other than those at which it does not.
#[test]
fn a_reserved_matrix_is_read_as_none() {
    let bits: String = AVIF_420.iter().map(|byte| format!("{byte:08b}")).collect();
    // Primaries, transfer and matrix, at any bit of the sequence header.
    let named = |matrix: u8| format!("{:08b}{:08b}{matrix:08b}", 1, 13);
    assert_eq!(bits.matches(&named(6)).count(), 1);
    for reserved in [3, 15, 200] {
        let bits = bits.replace(&named(6), &named(reserved));
        let (bytes, rest) = bits.as_bytes().as_chunks::<8>();
        assert!(rest.is_empty());
        let byte = |bits: &[u8; 8]| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
        let file: Vec<u8> = bytes.iter().map(byte).collect();
        assert!(pixels(&file) == pixels(AVIF_420), "matrix {reserved}");
    }
}
