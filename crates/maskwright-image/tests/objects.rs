//! Mask files of several objects, and pixels that count for nothing: files made here, and sample sets where they are there.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use maskwright_image::decode::{
    Format, ImageFile, LabelDecoder, Limits, MaskChannel, MaskObject, MaskObjects, MaskRule,
    ObjectMap, Orientation, decode_label,
};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{Error, GreyImage, RgbImage, Size, encode};
use proptest::prelude::*;
use support::shared;

fn rule(objects: MaskObjects) -> MaskRule {
    MaskRule { objects, ..MaskRule::default() }
}

fn ignoring(numbers: &[u16]) -> MaskRule {
    MaskRule { ignore: numbers.iter().copied().collect(), ..MaskRule::default() }
}

fn map_of(file: &[u8], rule: &MaskRule) -> Result<ObjectMap, Error> {
    let mut map = ObjectMap::default();
    let (limits, mut labels) = (Limits::default(), LabelDecoder::default());
    map.read(&ImageFile::read(file)?, rule, &limits, &mut labels).map(|_| map)
}

/// Numbers in rows, a letter or dot for each: `.` is 0, `a` is 1.
fn drawn(rows: &[&str]) -> GreyImage {
    let number = |letter: u8| if letter == b'.' { 0 } else { letter - b'a' + 1 };
    let data = rows.iter().flat_map(|row| row.bytes().map(number)).collect();
    GreyImage::new(Size::new(rows.len(), rows[0].len()), data).unwrap()
}

fn scaled(image: &GreyImage, by: u16) -> Vec<u16> {
    image.data.iter().map(|&number| u16::from(number) * by).collect()
}

fn facts(objects: &[MaskObject]) -> Vec<(u32, u32, [u32; 4])> {
    objects.iter().map(|object| (object.number, object.area, object.box_xyxy)).collect()
}

const ROWS: [&str; 4] = ["aa..c", "aa.cc", ".b...", "..bba"];

#[test]
fn every_number_is_an_object_in_8_and_16_bits() {
    let picture = drawn(&ROWS);
    let numbers = rule(MaskObjects::Numbers);
    let narrow = encode::png_grey(&picture).unwrap();
    // Pieces of one number are one object, in whatever places.
    let expected = [(1, 5, [0, 0, 4, 3]), (2, 3, [1, 2, 3, 3]), (3, 3, [3, 0, 4, 1])];
    assert_eq!(facts(&map_of(&narrow, &numbers).unwrap().objects()), expected);
    let wide = encode::png_grey16(picture.size, &scaled(&picture, 20_001)).unwrap();
    let found = map_of(&wide, &numbers).unwrap().objects();
    assert_eq!(
        facts(&found),
        expected.map(|(number, area, box_xyxy)| (number * 20_001, area, box_xyxy))
    );
    // What is ignored is no object.
    let map =
        map_of(&narrow, &MaskRule { objects: MaskObjects::Numbers, ..ignoring(&[2]) }).unwrap();
    assert_eq!(facts(&map.objects()), [expected[0], expected[2]]);
    let ignored = map.ignored().unwrap();
    assert_eq!(Bitmap::from_grey(&ignored).count(), 3);
    assert_eq!(ignored.data[2 * 5 + 1], 255);
}

#[test]
fn colours_are_numbers_where_they_are_asked_for() {
    // Red + 256 green + 65536 blue, far beyond the pixels of the picture.
    let rgb = RgbImage {
        size: Size::new(1, 5),
        data: [[0, 0, 0], [1, 2, 3], [0, 0, 255], [1, 2, 3], [9, 0, 0]].concat(),
    };
    let file = encode::png_rgb(&rgb).unwrap();
    assert!(map_of(&file, &rule(MaskObjects::Numbers)).is_err());
    let colours = MaskRule { channel: MaskChannel::Rgb, ..rule(MaskObjects::Numbers) };
    let mixed = 1 + (2 << 8) + (3 << 16);
    let found = facts(&map_of(&file, &colours).unwrap().objects());
    let expected = [(9, 1, [4, 0, 4, 0]), (mixed, 2, [1, 0, 3, 0]), (255 << 16, 1, [2, 0, 2, 0])];
    assert_eq!(found, expected);
    // Those that are named, and everything else is background.
    let named = MaskRule { numbers: [9, mixed].into(), ..colours };
    assert_eq!(facts(&map_of(&file, &named).unwrap().objects()), expected[..2]);
    let pieces = MaskRule { objects: MaskObjects::NumberComponents, ..named };
    let found = facts(&map_of(&file, &pieces).unwrap().objects());
    assert_eq!(found, [(1, 1, [1, 0, 1, 0]), (2, 1, [3, 0, 3, 0]), (3, 1, [4, 0, 4, 0])]);
    // JPEG has no exact colours.
    let jpeg = encode::jpeg_rgb(&rgb, 90).unwrap();
    assert!(matches!(map_of(&jpeg, &pieces), Err(Error::MaskNumbersOnLossy { .. })));
    // Of a grey file the number.
    let grey = encode::png_grey(&drawn(&ROWS)).unwrap();
    let rgb = MaskRule { channel: MaskChannel::Rgb, ..rule(MaskObjects::Numbers) };
    assert_eq!(
        map_of(&grey, &rgb).unwrap().objects(),
        map_of(&grey, &rule(MaskObjects::Numbers)).unwrap().objects()
    );
}

#[test]
fn objects_come_as_run_lengths_in_any_orientation() {
    let file = encode::png_grey(&drawn(&ROWS)).unwrap();
    for exif in 1..=8 {
        let turn = Orientation::from_exif(exif).unwrap();
        let mut map = map_of(&file, &rule(MaskObjects::Numbers)).unwrap();
        map.turn(turn);
        let stored = drawn(&ROWS);
        let mut mask = Rle::default();
        for object in map.objects() {
            map.object(&object, &mut mask).unwrap();
            let expected = Bitmap::from_fn(turn.upright(stored.size), |y, x| {
                let (row, column) = turn.stored_pixel(y, x, stored.size);
                u32::from(stored.data[row * 5 + column]) == object.number
            });
            assert_eq!((mask.to_bitmap(), mask.area()), (expected, u64::from(object.area)));
        }
    }
}

#[test]
fn pieces_that_touch_at_a_corner_are_one() {
    let label = drawn(&["aa..a", "aa.aa", "..a..", "a...a"]);
    let white = GreyImage { data: label.data.iter().map(|&v| 255 * v).collect(), ..label };
    let file = encode::png_grey(&white).unwrap();
    let map = map_of(&file, &rule(MaskObjects::Components)).unwrap();
    // The first two squares are joined by the pixel in row 2; numbers follow the first pixels.
    let expected = [(1, 8, [0, 0, 4, 2]), (2, 1, [0, 3, 0, 3]), (3, 1, [4, 3, 4, 3])];
    assert_eq!(facts(&map.objects()), expected);
}

/// The pieces of a mask by filling from each pixel that has none yet, row by row.
fn filled(mask: &Bitmap) -> Vec<(u32, u32)> {
    let Size { height, width } = mask.size();
    let mut seen = vec![false; height * width];
    let mut pieces = Vec::new();
    for at in 0..height * width {
        if seen[at] || !mask.get(at / width, at % width) {
            continue;
        }
        let (mut open, mut area) = (vec![at], 0);
        seen[at] = true;
        while let Some(at) = open.pop() {
            area += 1;
            let (y, x) = (at / width, at % width);
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    if mask.get(y, x) && !std::mem::replace(&mut seen[y * width + x], true) {
                        open.push(y * width + x);
                    }
                }
            }
        }
        pieces.push((pieces.len() as u32 + 1, area));
    }
    pieces
}

proptest! {
    /// Pieces, their order and their sizes are those of filling.
    #[test]
    fn pieces_are_those_of_filling(width in 1usize..40, height in 1usize..30, seed: u64, density in 1u64..9) {
        let hash = |y: usize, x: usize| (seed ^ (y * 7919 + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        let mask = Bitmap::from_fn(Size::new(height, width), |y, x| hash(y, x) % 10 < density);
        let file = encode::png_grey(&mask.to_grey()).unwrap();
        let map = map_of(&file, &rule(MaskObjects::Components)).unwrap();
        let found: Vec<_> = map.objects().iter().map(|object| (object.number, object.area)).collect();
        prop_assert_eq!(found, filled(&mask));
    }
}

/// What a mask of numbers is refused with, or that it is read.
fn verdict(file: &[u8]) -> String {
    match decode_label(file, &MaskRule::default(), &Limits::default()) {
        Ok(decoded) => format!("read: {} above 128", Bitmap::from_grey(&decoded.pixels).count()),
        Err(error) => error.to_string(),
    }
}

/// Squares of 6 pixels, each of its own number, five apart from each other; `of` gives the number of a square.
fn squares(count: usize, of: impl Fn(usize) -> u16) -> (Size, Vec<u16>) {
    let size = Size::new(11 * count.div_ceil(16), 11 * 16);
    let at = |at: usize| {
        let (y, x) = (at / size.width, at % size.width);
        let square = y / 11 * 16 + x / 11;
        if y % 11 < 6 && x % 11 < 6 && square < count { of(square) } else { 0 }
    };
    (size, (0..size.area()).map(at).collect())
}

fn narrow((size, numbers): (Size, Vec<u16>)) -> Vec<u8> {
    let data = numbers.iter().map(|&number| number as u8).collect();
    encode::png_grey(&GreyImage::new(size, data).unwrap()).unwrap()
}

fn wide((size, numbers): (Size, Vec<u16>)) -> Vec<u8> {
    encode::png_grey16(size, &numbers).unwrap()
}

#[test]
fn numbers_of_objects_are_refused_by_name() {
    let from_1 = |square: usize| square as u16 + 1;
    let files = [
        narrow(squares(5, from_1)),
        // As levels, 129 to 200 would be one object.
        narrow(squares(200, from_1)),
        wide(squares(300, from_1)),
        wide(squares(5, from_1)),
        // A class and an object of it, as in Cityscapes; 33000 / 257 is above 128.
        wide(squares(6, |square| 33_000 + square as u16)),
        narrow(squares(1, |_| 1)),
        narrow(squares(2, from_1)),
        narrow(squares(3, |square| [3, 12, 31][square])),
        wide(squares(2, |square| [1000, 2000][square])),
    ];
    assert_snapshot!(files.map(|file| verdict(&file)).join("\n"), @r#"
    the mask holds 5 numbers from 1 to 5, which look like numbers of objects; mask_kind = "instances" makes each number an object
    the mask holds 200 numbers from 1 to 200, which look like numbers of objects; mask_kind = "instances" makes each number an object
    the mask holds 300 numbers from 1 to 300, which look like numbers of objects; mask_kind = "instances" makes each number an object
    the mask holds 5 numbers from 1 to 5, which look like numbers of objects; mask_kind = "instances" makes each number an object
    the mask holds 6 numbers from 33000 to 33005, which look like numbers of objects; mask_kind = "instances" makes each number an object
    the mask holds only the values 0 and 1; map them with {1 = 255}
    the mask holds the small values [0, 1, 2], which look like class ids; map the wanted ones to 255, or say mask_kind = "instances" if each is an object
    the mask holds the small values [0, 3, 12, 31], which look like class ids; map the wanted ones to 255, or say mask_kind = "instances" if each is an object
    the mask holds the small values [0, 1000, 2000], which look like class ids; map the wanted ones to 255, or say mask_kind = "instances" if each is an object
    "#);
}

/// What may well be levels is read as before.
#[test]
fn levels_are_no_numbers() {
    let ramp = |top: u16| {
        (
            Size::new(40, 800),
            (0..40 * 800).map(|at| (at % 800 * u32::from(top) / 800) as u16).collect(),
        )
    };
    let soft = squares(200, |square| if square < 150 { 255 } else { square as u16 });
    let files = [
        (narrow(squares(3, |_| 255)), 108),
        (narrow(squares(4, |square| [40, 120, 200, 255][square])), 72),
        (wide(squares(4, |square| [40, 120, 200, 255][square] * 257)), 72),
        (wide(squares(4, |square| [40, 120, 200, 250][square] << 8)), 72),
        // A gradient without white: columns of levels 129 to 199.
        (narrow(ramp(200)), 40 * (800 - 516)),
        (narrow(soft), 36 * 200),
        // Black and white, and a few pixels of 2.
        (narrow(squares(40, |square| if square < 39 { 255 } else { 2 })), 36 * 39),
    ];
    for (at, (file, expected)) in files.iter().enumerate() {
        assert_eq!(verdict(file), format!("read: {expected} above 128"), "file {at}");
    }
}

/// A square of a class within a frame of 255, four pixels broad, on 0.
fn framed(classes: [u8; 2]) -> GreyImage {
    let data = (0..40 * 60).map(|at| {
        let (y, x) = (at / 60, at % 60);
        let inside = |by: usize| (10 - by..30 + by).contains(&y) && (15 - by..45 + by).contains(&x);
        let class = classes[usize::from(x >= 30)];
        if inside(0) {
            class
        } else if inside(4) {
            255
        } else {
            0
        }
    });
    GreyImage::new(Size::new(40, 60), data.collect()).unwrap()
}

#[test]
fn classes_beside_255_are_refused_until_it_is_said_what_255_means() {
    let (one, two) = (framed([2, 2]), framed([2, 5]));
    let files = [&one, &two].map(|image| encode::png_grey(image).unwrap());
    assert_snapshot!(files.each_ref().map(|file| verdict(file)).join("\n"), @"
    the mask holds [2] and 255, which look like classes and a region that shall not count; ignore_values = [255] leaves that region out, mask_values = { 255 = 255 } makes it the object
    the mask holds [2, 5] and 255, which look like classes and a region that shall not count; ignore_values = [255] leaves that region out, mask_values = { 255 = 255 } makes it the object
    ");
    let mut decoder = LabelDecoder::default();
    let mut read = |file: &[u8], rule: &MaskRule| {
        let mut label = GreyImage::default();
        decoder.decode(file, rule, &Limits::default(), &mut label)?;
        let ignored = decoder.take_ignored().map(|ignored| Bitmap::from_grey(&ignored).count());
        Ok::<_, Error>((Bitmap::from_grey(&label).count(), ignored))
    };
    // 20 x 30 pixels of the class, and 28 x 38 with the frame.
    assert_eq!(read(&files[0], &ignoring(&[255])), Ok((600, Some(464))));
    assert_eq!(read(&files[0], &MaskRule::only(255)), Ok((464, None)));
    let mapped = MaskRule { values: BTreeMap::from([(5, 255)]), ..ignoring(&[255]) };
    assert_eq!(read(&files[1], &mapped), Ok((300, Some(464))));
    let inverted = MaskRule { invert: true, ..ignoring(&[255]) };
    assert_eq!(read(&files[0], &inverted), Ok((40 * 60 - 600 - 464, Some(464))));
    // Several classes are left: which is the object has to be said.
    let several = read(&files[1], &ignoring(&[255])).unwrap_err();
    assert_eq!(several, Error::MaskClassIds { values: vec![0, 2, 5], more: false });
    // A level in the middle that does not count, beside levels.
    let grey = GreyImage::new(Size::new(1, 6), vec![0, 60, 128, 128, 200, 255]).unwrap();
    let file = encode::png_grey(&grey).unwrap();
    assert_eq!(read(&file, &ignoring(&[128])), Ok((2, Some(2))));
    // Thin lines of 255 are drawn, and what they enclose is something else.
    let thin = squares(1, |_| 255);
    let mut thin = GreyImage::new(thin.0, thin.1.iter().map(|&v| v as u8).collect()).unwrap();
    (1..5).for_each(|y| thin.data[176 * y + 1..176 * y + 5].fill(3));
    assert_eq!(verdict(&encode::png_grey(&thin).unwrap()), "read: 20 above 128");
    let jpeg =
        encode::jpeg_rgb(&maskwright_image::RgbImage::filled(Size::square(8), 255), 90).unwrap();
    assert_eq!(read(&jpeg, &ignoring(&[255])), Err(Error::MaskMapOnLossy { format: Format::Jpeg }));
    assert_eq!(
        map_of(&jpeg, &rule(MaskObjects::Numbers)).unwrap_err(),
        Error::MaskNumbersOnLossy { format: Format::Jpeg }
    );
}

/// Areas and boxes of the sample sets, by counting.
#[test]
fn sample_sets_have_exactly_the_objects_that_are_listed() {
    let Some(folder) = shared("data/ordinary") else { return };
    let text = std::fs::read(folder.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&text).unwrap();
    for set in ["instances_8bit", "instances_16bit"] {
        for (name, objects) in expected[set].as_object().unwrap() {
            let file = std::fs::read(folder.join(set).join(format!("masks/{name}.png"))).unwrap();
            assert!(matches!(
                decode_label(&file, &MaskRule::default(), &Limits::default()),
                Err(Error::MaskObjectNumbers { .. })
            ));
            let map = map_of(&file, &rule(MaskObjects::Numbers)).unwrap();
            let found = map.objects();
            let numbers: BTreeSet<String> = found.iter().map(|o| o.number.to_string()).collect();
            assert_eq!(
                numbers,
                objects.as_object().unwrap().keys().cloned().collect(),
                "{set}/{name}"
            );
            let mut mask = Rle::default();
            for object in found {
                let listed = &objects[object.number.to_string()];
                let box_xyxy: Vec<u32> =
                    serde_json::from_value(listed["box_xyxy_inclusive"].clone()).unwrap();
                assert_eq!(
                    (listed["area"].as_u64().unwrap() as u32, &box_xyxy[..]),
                    (object.area, &object.box_xyxy[..])
                );
                map.object(&object, &mut mask).unwrap();
                assert_eq!(mask.to_bitmap().box_xyxy(), Some(object.box_xyxy));
                assert_eq!(mask.area(), u64::from(object.area));
            }
        }
    }
    for (name, objects) in expected["void_255"].as_object().unwrap() {
        let file = std::fs::read(folder.join(format!("void_255/masks/{name}.png"))).unwrap();
        let label = decode_label(&file, &ignoring(&[255]), &Limits::default()).unwrap().pixels;
        let mask = Bitmap::from_grey(&label);
        let object = objects.as_object().unwrap().values().next();
        assert_eq!(
            mask.count() as u64,
            object.map_or(0, |object| object["area"].as_u64().unwrap())
        );
        let listed = object.map(|object| {
            serde_json::from_value::<[u32; 4]>(object["box_xyxy_inclusive"].clone()).unwrap()
        });
        assert_eq!(mask.box_xyxy(), listed, "{name}");
        let plain = decode_label(&file, &MaskRule::default(), &Limits::default());
        assert_eq!(plain.is_err(), object.is_some(), "{name}");
    }
}
