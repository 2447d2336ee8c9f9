//! Small files that ask for much: refused, or decoded without taking more than the picture needs.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use maskwright_image::decode::{self, Limits, MaskRule};
use maskwright_image::sample::{AxisTable, Sampler};
use maskwright_image::{Error, GreyImage, RgbImage, Size, encode};
use support::{Hash, png_chunks, png_file};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// Counts the bytes that a thread asks for, those that it gives back included.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // During a thread's end the counter may be gone.
        let _ = ALLOCATED.try_with(|count| count.set(count.get() + layout.size()));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc`, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What work gives, and how many bytes it asked for: what is inflated, decoded or converted has to
/// be put somewhere, so this tells on every machine how much was done.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let result = work();
    (result, ALLOCATED.get() - before)
}

fn jpeg(width: usize, height: usize, progressive: bool) -> Vec<u8> {
    let mut hash = Hash(3);
    let pixels: Vec<u8> =
        (0..width * height * 3).map(|i| (i / 40 % 200) as u8 + hash.below(40) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
    encoder.set_progressive(progressive);
    encoder.encode(&pixels, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    file
}

/// Where a marker starts.
fn find(file: &[u8], marker: u8) -> usize {
    file.windows(2).rposition(|pair| pair == [0xFF, marker]).unwrap()
}

/// Overwrites the size in the start-of-frame segment.
fn claim(mut file: Vec<u8>, frame: u8, width: u16, height: u16) -> Vec<u8> {
    let at = find(&file, frame);
    file[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    file[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    file
}

fn sample(bytes: &[u8], height: usize, width: usize) -> Result<Vec<decode::Warning>, Error> {
    let rows = AxisTable::new(height, 64, false, 0, 64);
    let columns = AxisTable::new(width, 64, false, 0, 64);
    Sampler::new().image_from_bytes(
        bytes,
        &Limits::default(),
        &rows,
        &columns,
        0,
        &mut [0; 3 * 64 * 64],
    )
}

#[test]
fn large_claims_are_refused_at_once() {
    let limits = Limits::default();
    let small = jpeg(32, 32, false);
    let file = claim(small.clone(), 0xC0, 65_500, 65_500);
    let (result, first) = counted(|| decode::decode_rgb(&file, &limits));
    assert!(matches!(result, Err(Error::TooManyPixels { .. })));
    assert!(matches!(sample(&file, 65_500, 65_500), Err(Error::TooManyPixels { .. })));
    let file = claim(small, 0xC0, 20_000, 20_000);
    let (result, second) = counted(|| decode::decode_rgb(&file, &limits));
    assert!(matches!(result, Err(Error::Implausible { .. })));
    // Not even a row of what is claimed.
    assert!(first.max(second) < 3 * 20_000, "{first} and {second} bytes");

    let idat =
        png_chunks(&encode::png_grey(&GreyImage::filled(Size::square(8), 0)).unwrap(), b"IDAT");
    for (width, height, depth, colour) in
        [(20_000, 20_000, 8, 0), (1 << 30, 1 << 30, 16, 6), (i32::MAX as u32, 1, 16, 6)]
    {
        let file = png_file(width, height, depth, colour, &[(b"IDAT", &idat)]);
        let (result, bytes) = counted(|| decode::decode_rgb(&file, &limits));
        assert!(result.is_err());
        let (result, more) = counted(|| decode::decode_label(&file, &MaskRule::default(), &limits));
        assert!(result.is_err());
        // Of at least 400 million pixels that are claimed.
        assert!(bytes.max(more) < 1 << 20, "{bytes} and {more} bytes");
    }

    // More bytes than 64 bits count.
    let sides = format!("{0} {0}", i32::MAX);
    let pam = format!("WIDTH {0}\nHEIGHT {0}\nDEPTH 4\nMAXVAL 65535\nENDHDR", i32::MAX);
    for said in [
        format!("P1\n{sides}\n0"),
        format!("P3\n{sides}\n65535\n0"),
        format!("P4\n{sides}\n0"),
        format!("P6\n{sides}\n65535\n0"),
        format!("P7\n{pam}\n0"),
    ] {
        let result = decode::decode_rgb(said.as_bytes(), &limits);
        assert!(matches!(result, Err(Error::TooManyPixels { .. })), "{said}: {result:?}");
    }
}

#[test]
fn limits_are_kept() {
    let image = RgbImage::filled(Size::new(200, 300), 9);
    let limits = Limits { max_pixels: 59_999, ..Limits::default() };
    for file in [encode::png_rgb(&image).unwrap(), encode::jpeg_rgb(&image, 80).unwrap()] {
        assert!(decode::decode_rgb(&file, &Limits { max_pixels: 60_000, ..limits }).is_ok());
        let error = decode::decode_rgb(&file, &limits).unwrap_err();
        assert_eq!(error, Error::TooManyPixels { size: Size::new(200, 300), max_pixels: 59_999 });
        let tight = Limits { max_bytes: 100_000, ..Limits::default() };
        assert!(matches!(decode::decode_rgb(&file, &tight), Err(Error::TooManyBytes { .. })));
    }
}

/// A progressive file holds all coefficients, twice what the pixels take: the decoder checks that itself.
#[test]
fn the_memory_of_progressive_files_is_limited() {
    let file = jpeg(640, 480, true);
    let picture = 640 * 480 * 3;
    let limits = |max_bytes| Limits { max_bytes, ..Limits::default() };
    assert!(decode::decode_rgb(&file, &limits(4 * picture)).is_ok());
    assert!(matches!(
        decode::decode_rgb(&file, &limits(picture + picture / 4)),
        Err(Error::TooManyBytes { .. })
    ));
}

#[test]
fn endless_scans_are_refused() {
    let file = jpeg(64, 64, true);
    let (scan, end) = (find(&file, 0xDA), file.len() - 2);
    let mut long = file[..end].to_vec();
    for _ in 0..5_000 {
        long.extend(&file[scan..end]);
    }
    long.extend([0xFF, 0xD9]);
    let error = decode::decode_rgb(&long, &Limits::default()).unwrap_err();
    if decode::decoder_name().starts_with("mozjpeg") {
        assert_eq!(error, Error::TooManyScans { max_scans: 100 });
        assert_eq!(sample(&long, 64, 64), Err(error));
    }
}

/// 100 million zeros behind a header of 8 x 8 pixels.
#[test]
fn data_that_inflates_without_end_is_not_followed() {
    let large = encode::png_grey(&GreyImage::filled(Size::square(10_000), 0)).unwrap();
    let idat = png_chunks(&large, b"IDAT");
    assert!(idat.len() < 1 << 20);
    let file = png_file(8, 8, 8, 0, &[(b"IDAT", &idat)]);
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let (result, bytes) = counted(|| decode::decode_rgb(&file, &limits));
    match result {
        Err(error) => {
            insta::assert_snapshot!(error, @"damaged PNG: the data holds more pixels than the header says")
        }
        // Without libdeflate reading stops after the last row.
        Ok(decoded) => assert_eq!(decoded.pixels, RgbImage::filled(Size::square(8), 0)),
    }
    assert!(bytes < limits.max_bytes as usize, "{bytes} bytes");
}

/// Compressed texts and colour profiles are not inflated at all.
#[test]
fn other_chunks_are_left_alone() {
    let large = encode::png_grey(&GreyImage::filled(Size::square(10_000), 0)).unwrap();
    let bomb = png_chunks(&large, b"IDAT");
    let idat =
        png_chunks(&encode::png_grey(&GreyImage::filled(Size::square(8), 7)).unwrap(), b"IDAT");
    let text = [b"Comment\0\0".as_slice(), &bomb].concat();
    for kind in [b"zTXt", b"iCCP"] {
        let file = png_file(8, 8, 8, 0, &[(kind, &text), (b"IDAT", &idat)]);
        let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
        let (result, bytes) = counted(|| decode::decode_rgb(&file, &limits));
        assert_eq!(result.unwrap().pixels, RgbImage::filled(Size::square(8), 7));
        assert!(bytes < limits.max_bytes as usize, "{bytes} bytes");
    }
}
