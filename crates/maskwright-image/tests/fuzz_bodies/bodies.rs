//! What is fuzzed: each function takes any bytes and panics where a promise is broken.
//!
//! The targets in `fuzz/` call them, and so does this test on seeds and seeded changes of them.

use maskwright_image::GreyImage;
use maskwright_image::Size;
use maskwright_image::decode::{
    Colour, Format, ImageFile, LabelDecoder, Limits, MaskChannel, MaskRule, ValueRange,
    decode_label, decode_rgb, decode_rgb_plainly, read_header,
};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::sample::{AxisTable, Sampler};

const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_bytes: 16 << 20 };

/// Any bytes as a picture; then as the rows of a PNG with every filter, against the `png` crate.
pub(crate) fn png(data: &[u8]) {
    if let Ok(decoded) = decode_rgb(data, &LIMITS) {
        let header = read_header(data).expect("what decodes has a header");
        assert_eq!(decoded.pixels.size, header.size);
    }
    let Some(made) = made_png(data) else { return };
    let ours = decode_rgb(&made.file, &LIMITS);
    let theirs = reference(&made.file);
    match (ours, theirs) {
        (Ok(ours), Some(theirs)) => assert!(made.bits == 16 || ours.pixels.data == theirs),
        (Err(_), None) => {}
        (ours, theirs) => panic!("ours {}, theirs {}", ours.is_ok(), theirs.is_some()),
    }
}

/// Any bytes as a JPEG, then as the coded data of one with a sound header: our Huffman decoder gives the pixels, warnings and
/// errors of libjpeg's, and rows sampled on the way those of the whole picture.
pub(crate) fn jpeg(data: &[u8]) {
    for file in [Some(data.to_vec()), made_jpeg(data)].into_iter().flatten() {
        let ours = decode_rgb(&file, &LIMITS);
        assert!(ours == decode_rgb_plainly(&file, &LIMITS), "not what libjpeg makes of it");
        let Ok(whole) = ours else { continue };
        let Size { height, width } = whole.pixels.size;
        let rows = AxisTable::new(height, height, false, height / 3, 16);
        let columns = AxisTable::new(width, width, true, width / 4, 24);
        let (mut expected, mut found) = (vec![0; 3 * 16 * 24], vec![1; 3 * 16 * 24]);
        let mut sampler = Sampler::new();
        sampler.image(&whole.pixels, &rows, &columns, 9, &mut expected);
        sampler
            .image_from_bytes(&file, &LIMITS, &rows, &columns, 9, &mut found)
            .expect("it decodes");
        assert!(found == expected, "other pixels on the way");
    }
}

/// Any bytes as a TIFF.
pub(crate) fn tiff(data: &[u8]) {
    other(Format::Tiff, data);
}

/// Any bytes as a WebP.
pub(crate) fn webp(data: &[u8]) {
    other(Format::WebP, data);
}

/// Any bytes as a JPEG XL.
pub(crate) fn jxl(data: &[u8]) {
    other(Format::JpegXl, data);
}

/// Any bytes as an AVIF.
pub(crate) fn avif(data: &[u8]) {
    other(Format::Avif, data);
}

/// Any bytes as a BMP.
pub(crate) fn bmp(data: &[u8]) {
    other(Format::Bmp, data);
}

/// Any bytes as a GIF, QOI or portable map, by their beginning.
pub(crate) fn picture(data: &[u8]) {
    for format in [Format::Gif, Format::Qoi, Format::Pnm] {
        other(format, data);
    }
}

/// A file of a format beside JPEG and PNG: what decodes has the size of its header, as a picture, in a range of numbers and
/// as a mask, and no more numbers than that.
fn other(format: Format, data: &[u8]) {
    let Ok(header) = read_header(data) else { return };
    if header.format != format {
        return;
    }
    let file = ImageFile::with_header(data, header);
    let ranged = file.in_range(ValueRange::new(-3.0, 4095.0));
    for decoded in [file, ranged].map(|file| file.decode_rgb(&LIMITS)).into_iter().flatten() {
        assert_eq!(decoded.pixels.size, header.size);
        assert_eq!(decoded.pixels.data.len(), 3 * header.size.area());
    }
    if let Ok(Some(numbers)) = file.deep_numbers(&LIMITS) {
        assert!(header.is_deep() && numbers.len() <= 3 * header.size.area());
    }
    for rule in [MaskRule::default(), MaskRule::only(1)] {
        if let Ok(label) = decode_label(data, &rule, &LIMITS) {
            assert_eq!(label.pixels.data.len(), header.size.area());
        }
    }
}

/// Rows as a mask under any rule: a decoder that was used before gives what a new one gives, inverting is
/// exact, and maps give the values that they name.
pub(crate) fn label(data: &[u8]) {
    let Some((&[channel, invert, value, to], rest)) = data.split_first_chunk() else { return };
    let file = made_png(rest).map_or_else(|| rest.to_vec(), |made| made.file);
    let mut rule = MaskRule {
        channel: [
            MaskChannel::Auto,
            MaskChannel::Red,
            MaskChannel::Green,
            MaskChannel::Blue,
            MaskChannel::Alpha,
        ][usize::from(channel % 5)],
        ..MaskRule::default()
    };
    if invert & 2 != 0 {
        rule.values.insert(u16::from(value), to);
    }
    if invert & 4 != 0 {
        rule.colours.insert([value, value, to], to);
    }
    let fresh = decode_label(&file, &rule, &LIMITS);
    let mut used = LabelDecoder::default();
    let mut kept = GreyImage::default();
    // Whatever the first files were, the next one is read as if it were the first.
    for earlier in [&file[..], rest, &file[..]] {
        let _ = used.decode(earlier, &MaskRule::default(), &LIMITS, &mut kept);
    }
    let again = used.decode(&file, &rule, &LIMITS, &mut kept);
    match (&fresh, again) {
        (Ok(fresh), Ok(warnings)) => {
            assert_eq!(fresh.pixels, kept);
            assert_eq!(fresh.warnings, warnings);
        }
        (Err(fresh), Err(again)) => {
            assert_eq!(*fresh, again);
            assert!(kept.data.is_empty());
        }
        (fresh, again) => panic!("fresh {fresh:?}, again {again:?}"),
    }
    let Ok(plain) = fresh else { return };
    let header = read_header(&file).expect("what decodes has a header");
    assert_eq!(plain.pixels.size, header.size);
    if !rule.values.is_empty() || !rule.colours.is_empty() {
        assert!(plain.pixels.data.iter().all(|&label| label == 0 || label == to));
    }
    rule.invert = true;
    let inverted = decode_label(&file, &rule, &LIMITS).expect("inverting refuses nothing");
    let both = plain.pixels.data.iter().zip(&inverted.pixels.data);
    assert!(both.into_iter().all(|(&a, &b)| a == 255 - b));
}

/// Tables of any numbers: taps inside the source, weights that add up, the same table in used memory; and a label
/// sampled through them keeps its range.
pub(crate) fn axis(data: &[u8]) {
    let mut numbers = Numbers(data);
    let mut used = AxisTable::new(3, 9, true, 2, 40);
    let table = |numbers: &mut Numbers<'_>, used: &mut AxisTable| {
        let source = 1 + numbers.below(4096);
        let scaled = numbers.below(9000);
        let flip = numbers.below(2) == 1;
        let (offset, output) = (numbers.below(9000), numbers.below(80));
        let table = AxisTable::new(source, scaled, flip, offset, output);
        used.set(source, scaled, flip, offset, output);
        assert_eq!(*used, table);
        assert_eq!(table.visible(), output.min(scaled.saturating_sub(offset)));
        let range = table.source_range();
        assert!(range.end <= source && range.is_empty() == (table.visible() == 0));
        for k in 0..table.visible() {
            let (i0, i1) = (table.i0()[k] as usize, table.i1()[k] as usize);
            assert!(range.contains(&i0) && range.contains(&i1) && i0.abs_diff(i1) <= 1);
            let (w0, w1) = (table.w0()[k], table.w1()[k]);
            assert!((0.0..=1.0).contains(&w0) && (0.0..=1.0).contains(&w1) && w0 + w1 == 1.0);
        }
        table
    };
    let rows = table(&mut numbers, &mut used);
    let columns = table(&mut numbers, &mut used);
    if rows.source() * columns.source() > 1 << 16 {
        return;
    }
    let pixels = (0..rows.source() * columns.source()).map(|_| numbers.below(256) as u8).collect();
    let label =
        GreyImage::new(Size::new(rows.source(), columns.source()), pixels).expect("that many");
    let mut out = vec![-1.0; rows.output() * columns.output()];
    let (mut sampler, mut foreground) = (Sampler::new(), Bitmap::default());
    sampler.label_and_foreground(&label, &rows, &columns, &mut out, &mut foreground);
    assert!(out.iter().all(|value| (0.0..=255.001).contains(value)));
    assert_eq!(foreground, Bitmap::from_label(&out, Size::new(rows.output(), columns.output())));
}

/// Two bytes of size and a compressed run-length string: what reads is written and read again the same, and is sampled as
/// its picture is; and the bytes as polygons, whose mask goes through its string.
pub(crate) fn rle(data: &[u8]) {
    let Some((&[height, width], text)) = data.split_first_chunk() else { return };
    let (height, width) = (usize::from(height % 64), usize::from(width));
    let mut numbers = Numbers(text);
    let polygons: Vec<Vec<f64>> = (0..numbers.below(4))
        .map(|_| {
            let far = [1.0, 0.1, 1e3, 1e9][numbers.below(4)];
            (0..2 * numbers.below(6)).map(|_| (numbers.below(1024) as f64 - 400.0) * far).collect()
        })
        .collect();
    let shapes = Rle::from_polygons(Size::new(height, width), &polygons);
    assert_eq!(shapes.is_ok(), polygons.iter().all(|polygon| polygon.len() >= 6));
    for mask in [Rle::parse(Size::new(height, width), text), shapes].into_iter().flatten() {
        let read = Rle::parse(Size::new(height, width), mask.to_compressed().as_bytes());
        assert_eq!(read.as_ref(), Ok(&mask));
        assert_eq!(Rle::new(Size::new(height, width), mask.counts().to_vec()), read);
        let bitmap = mask.to_bitmap();
        assert_eq!(mask.area(), bitmap.count() as u64);
        let box_xywh =
            bitmap.box_xyxy().map_or([0; 4], |[x0, y0, x1, y1]| [x0, y0, x1 - x0 + 1, y1 - y0 + 1]);
        assert_eq!(mask.box_xywh(), box_xywh);
        let plain = Rle::from_bitmap(&bitmap);
        assert_eq!(plain.to_bitmap(), bitmap);
        assert_eq!(mask.iou(&plain, false), Ok(if mask.area() == 0 { 0.0 } else { 1.0 }));
        if height == 0 || width == 0 {
            continue;
        }
        let mut table = |source: usize| {
            let scaled = numbers.below(150);
            AxisTable::new(source, scaled, scaled % 2 == 1, numbers.below(40), numbers.below(40))
        };
        let (rows, columns) = (table(height), table(width));
        let (mut sampler, mut foreground) =
            (Sampler::new(), [Bitmap::default(), Bitmap::default()]);
        let mut out = [0; 2].map(|_| vec![-1.0; rows.output() * columns.output()]);
        let grey = mask.to_grey();
        sampler.label_and_foreground(&grey, &rows, &columns, &mut out[0], &mut foreground[0]);
        sampler.rle_and_foreground(&mask, &rows, &columns, &mut out[1], &mut foreground[1]);
        assert_eq!(out[0], out[1]);
        assert_eq!(foreground[0], foreground[1]);
    }
}

/// Numbers from bytes; zeros when they are used up.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn below(&mut self, end: usize) -> usize {
        let mut number = 0;
        for _ in 0..if end > 256 { 2 } else { 1 } {
            let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
            number = number << 8 | usize::from(*first);
            self.0 = rest;
        }
        number % end
    }
}

/// A file made from bytes, and its bits per channel.
struct Made {
    file: Vec<u8>,
    bits: u8,
}

/// Three bytes for colour, width and height, then rows with their filter numbers, which are stored without
/// compression: so changed bytes reach the filters instead of failing a checksum.
fn made_png(data: &[u8]) -> Option<Made> {
    const KINDS: [(u8, u8, Colour); 15] = [
        (0, 8, Colour::Grey),
        (0, 1, Colour::Grey),
        (0, 2, Colour::Grey),
        (0, 4, Colour::Grey),
        (0, 16, Colour::Grey),
        (2, 8, Colour::Rgb),
        (2, 16, Colour::Rgb),
        (3, 8, Colour::Palette),
        (3, 1, Colour::Palette),
        (3, 2, Colour::Palette),
        (3, 4, Colour::Palette),
        (4, 8, Colour::GreyAlpha),
        (4, 16, Colour::GreyAlpha),
        (6, 8, Colour::Rgba),
        (6, 16, Colour::Rgba),
    ];
    let (&[kind, width, height], rows) = data.split_first_chunk()?;
    let (code, bits, colour) = KINDS[usize::from(kind) % KINDS.len()];
    let (width, height) = (1 + u32::from(width) % 70, 1 + u32::from(height) % 24);
    let row = (width as usize * colour.channels() * usize::from(bits)).div_ceil(8);
    let mut filtered = rows.to_vec();
    filtered.resize((row + 1) * height as usize, 0);
    for filter in filtered.iter_mut().step_by(row + 1) {
        // One in six does not exist.
        *filter %= 6;
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([bits, code, 0, 0, 0]);
    chunk(&mut file, *b"IHDR", &header);
    if colour == Colour::Palette {
        let palette: Vec<u8> =
            (0..1u32 << bits).flat_map(|i| [i as u8, i as u8, (i * 7) as u8]).collect();
        chunk(&mut file, *b"PLTE", &palette);
    }
    chunk(&mut file, *b"IDAT", &stored(&filtered));
    chunk(&mut file, *b"IEND", &[]);
    Some(Made { file, bits })
}

/// A baseline JPEG from four bytes and its coded data, repeated so that most of it is not near the end. The Huffman tables are
/// the standard's, which decoders take where a file has none, or made from the bytes.
fn made_jpeg(data: &[u8]) -> Option<Vec<u8>> {
    let (&[kind, width, height, repeat], coded) = data.split_first_chunk()?;
    let sampling: &[u8] =
        [&[0x11][..], &[0x11; 3], &[0x21, 0x11, 0x11], &[0x22, 0x11, 0x11]][usize::from(kind & 3)];
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, content: &[u8]| {
        file.extend([0xFF, marker]);
        file.extend((content.len() as u16 + 2).to_be_bytes());
        file.extend(content);
    };
    segment(0xDB, &[&[0][..], &[3; 64]].concat());
    let mut frame = vec![8, 0, height.max(1), 0, width.max(1), sampling.len() as u8];
    let mut scan = vec![sampling.len() as u8];
    for (id, &factors) in (1..).zip(sampling) {
        frame.extend([id, factors, 0]);
        scan.extend([id, 0]);
    }
    segment(0xC0, &frame);
    if kind & 4 != 0 {
        // As many codes of each length as a byte says and as are left.
        let (mut table, mut symbols, mut free) = (vec![0x10], Vec::new(), 1u32);
        for length in 0..16u8 {
            free *= 2;
            let wanted = u32::from(coded.get(usize::from(length)).copied().unwrap_or(3) % 8);
            let count = wanted.min(free - 1).min(200 - symbols.len() as u32);
            free -= count;
            table.push(count as u8);
            symbols.extend((0..count).map(|k| (k as u8).wrapping_mul(17).wrapping_add(length)));
        }
        segment(0xC4, &[table, symbols].concat());
    }
    if kind & 8 != 0 {
        segment(0xDD, &[0, 1 + kind / 16]);
    }
    scan.extend([0, 63, 0]);
    segment(0xDA, &scan);
    for &byte in coded.repeat(1 + usize::from(repeat % 8)).iter().take(12_000) {
        file.push(byte);
        if byte == 0xFF && kind & 64 == 0 {
            file.push(0);
        }
    }
    if kind & 128 == 0 {
        file.extend([0xFF, 0xD9]);
    }
    Some(file)
}

/// A zlib stream of stored blocks (RFC 1950 and 1951).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(60_000);
    let last = blocks.len() - 1;
    for (at, block) in blocks.enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(at == last));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    file.extend((content.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(content);
    let crc = file[start..].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    file.extend((!crc).to_be_bytes());
}

/// RGB by the `png` crate; none where it refuses.
fn reference(file: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    let step = info.color_type.samples() * if info.bit_depth as u8 == 16 { 2 } else { 1 };
    let rgb = |pixel: &[u8]| match *pixel {
        [v] | [v, _] => [v; 3],
        [r, g, b, ..] => [r, g, b],
        [] => [0; 3],
    };
    Some(pixels.chunks_exact(step).flat_map(rgb).collect())
}
