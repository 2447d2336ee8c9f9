//! PNG: the stored numbers first, then what they mean as colours.
//!
//! Files are inflated in one piece and unfiltered here, which is three times as fast as row by row; anything unusual (interlaced with
//! fewer than 8 bits) or damaged goes to the `png` crate, which also words the errors. A file whose pixels
//! are sound though a checksum is not gives these pixels, with a warning.

mod checksum;
#[cfg(feature = "libdeflate")]
mod fast;
mod general;
pub(crate) mod header;
#[cfg(feature = "libdeflate")]
mod only_grey;
#[cfg(feature = "libdeflate")]
mod passes;
mod samples;
#[cfg(feature = "libdeflate")]
mod unfilter;

pub(crate) use checksum::check as check_checksums;
pub(crate) use samples::unpack;

use super::codec::Codec;
use super::header::{Colour, Header};
use super::limits::Limits;
use super::raw::Raw;
use super::warning::Decoded;
use crate::error::Result;

/// The format.
pub(crate) struct Png;

impl Codec for Png {
    fn starts(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&header::SIGNATURE)
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        header::read(bytes)
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        let pixels = read_raw(bytes, header, limits, &mut Scratch::default())?;
        Ok(Decoded { pixels, warnings: check_checksums(bytes).into_iter().collect() })
    }
}

/// Decodes to the stored numbers.
fn read_raw(bytes: &[u8], header: &Header, limits: &Limits, scratch: &mut Scratch) -> Result<Raw> {
    let mut packed = Vec::new();
    read_rows(bytes, header, limits, scratch, &mut packed)?;
    of_rows(packed, bytes, header)
}

/// The stored numbers, of unfiltered rows.
fn of_rows(packed: Vec<u8>, bytes: &[u8], header: &Header) -> Result<Raw> {
    let numbers = samples::numbers(packed, header);
    Ok(Raw::new(header.size, header.colour, numbers, samples::table(bytes, header)?))
}

/// Reads a mask. Of a file that says no more than a grey of 8 bits (in one channel, or in RGBA with colours that are grey and one
/// alpha everywhere) `grey` becomes that, in the memory that it has, and nothing is returned; of others, their numbers are. The
/// checksums are not looked at.
pub(crate) fn read_mask(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    scratch: &mut Scratch,
    grey: &mut Vec<u8>,
) -> Result<Option<Raw>> {
    let kind = (header.colour, header.bit_depth);
    if kind == (Colour::Grey, 8) {
        read_rows(bytes, header, limits, scratch, grey)?;
        return Ok(None);
    }
    #[cfg(feature = "libdeflate")]
    if kind == (Colour::Rgba, 8) {
        let (mut rows, mut only) = (Vec::new(), only_grey::OnlyGrey::new(grey));
        if !scratch.read_rows(bytes, header, &mut rows, Some(&mut only))? {
            rows = general::read_rows(bytes, header, limits)?;
        } else if only.is_all() {
            return Ok(None);
        }
        return of_rows(rows, bytes, header).map(Some);
    }
    read_raw(bytes, header, limits, scratch).map(Some)
}

/// What decoding keeps between files.
#[cfg(feature = "libdeflate")]
pub(crate) type Scratch = fast::Inflater;
/// Nothing is kept without libdeflate.
#[cfg(not(feature = "libdeflate"))]
pub(crate) type Scratch = ();

/// Makes `rows` the unfiltered rows, bits packed as stored.
fn read_rows(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    scratch: &mut Scratch,
    rows: &mut Vec<u8>,
) -> Result<()> {
    #[cfg(feature = "libdeflate")]
    if scratch.read_rows(bytes, header, rows, None)? {
        return Ok(());
    }
    #[cfg(not(feature = "libdeflate"))]
    let () = scratch;
    *rows = general::read_rows(bytes, header, limits)?;
    Ok(())
}

#[cfg(all(test, feature = "libdeflate"))]
mod tests {
    use png::{BitDepth, ColorType, Encoder, Filter, Transformations};

    use super::*;
    use crate::size::Size;

    fn file(colour: ColorType, depth: BitDepth, filter: Filter) -> Vec<u8> {
        let (width, height) = (61, 40);
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, height);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.set_filter(filter);
        if colour == ColorType::Indexed {
            encoder.set_palette((0..=255u8).flat_map(|i| [i, 255 - i, i / 2]).collect::<Vec<u8>>());
        }
        let row = (61 * colour.samples() * depth as usize).div_ceil(8);
        let mut writer = encoder.write_header().unwrap();
        let data: Vec<u8> =
            (0..row * 40).map(|i| (i * i / 37 % 256) as u8 & ((i / 50) as u8)).collect();
        writer.write_image_data(&data).unwrap();
        writer.finish().unwrap();
        file
    }

    /// Both readers give the same rows, and the colours are those of the `png` crate.
    #[test]
    fn the_fast_reader_equals_the_general_one() {
        use BitDepth::{Eight, Four, One, Sixteen, Two};
        for (colour, depths) in [
            (ColorType::Grayscale, &[One, Two, Four, Eight, Sixteen][..]),
            (ColorType::Indexed, &[One, Two, Four, Eight]),
            (ColorType::Rgb, &[Eight, Sixteen]),
            (ColorType::GrayscaleAlpha, &[Eight, Sixteen]),
            (ColorType::Rgba, &[Eight, Sixteen]),
        ] {
            for &depth in depths {
                for filter in [
                    Filter::NoFilter,
                    Filter::Sub,
                    Filter::Up,
                    Filter::Avg,
                    Filter::Paeth,
                    Filter::Adaptive,
                ] {
                    let bytes = file(colour, depth, filter);
                    let header = header::read(&bytes).unwrap();
                    let mut fast = vec![9; 5];
                    let whole =
                        fast::Inflater::default().read_rows(&bytes, &header, &mut fast, None);
                    assert_eq!(whole, Ok(true));
                    let general = general::read_rows(&bytes, &header, &Limits::default()).unwrap();
                    assert!(fast == general, "{colour:?} {depth:?} {filter:?}");
                    if depth == Sixteen {
                        continue;
                    }
                    let mut decoder = png::Decoder::new(std::io::Cursor::new(&bytes));
                    decoder.set_transformations(Transformations::EXPAND);
                    let mut reader = decoder.read_info().unwrap();
                    let mut expanded = vec![0; reader.output_buffer_size().unwrap()];
                    let channels = reader.next_frame(&mut expanded).unwrap().color_type.samples();
                    let expected = expanded.chunks_exact(channels).flat_map(|pixel| match pixel {
                        [v] | [v, _] => [*v; 3],
                        [r, g, b, ..] => [*r, *g, *b],
                        [] => unreachable!(),
                    });
                    let rgb =
                        read_raw(&bytes, &header, &Limits::default(), &mut Scratch::default());
                    let rgb = rgb.unwrap().into_rgb(None).unwrap();
                    assert!(expected.eq(rgb.data), "{colour:?} {depth:?}");
                }
            }
        }
    }

    /// An interlaced file of these rows, its rows filtered by 0, 1 and 2 in turns.
    fn interlaced(rows: &[u8], size: Size, colour: u8, bits: u8, step: usize) -> Vec<u8> {
        let mut filtered = Vec::new();
        // The passes by the table of the specification, section 8.2.
        for [x0, y0, dx, dy] in [
            [0, 0, 8, 8],
            [4, 0, 8, 8],
            [0, 4, 4, 8],
            [2, 0, 4, 4],
            [0, 2, 2, 4],
            [1, 0, 2, 2],
            [0, 1, 1, 2],
        ] {
            let columns: Vec<usize> = (x0..size.width).step_by(dx).collect();
            if columns.is_empty() {
                continue;
            }
            let mut above = vec![0u8; columns.len() * step];
            for (i, y) in (y0..size.height).step_by(dy).enumerate() {
                let pixel = |&x: &usize| &rows[(y * size.width + x) * step..][..step];
                let row: Vec<u8> = columns.iter().flat_map(pixel).copied().collect();
                filtered.push(i as u8 % 3);
                filtered.extend((0..row.len()).map(|at| match i % 3 {
                    0 => row[at],
                    1 => row[at].wrapping_sub(if at < step { 0 } else { row[at - step] }),
                    _ => row[at].wrapping_sub(above[at]),
                }));
                above = row;
            }
        }
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut data = vec![0; compressor.zlib_compress_bound(filtered.len())];
        let length = compressor.zlib_compress(&filtered, &mut data).unwrap();
        let [width, height] = [size.width, size.height].map(|side| (side as u32).to_be_bytes());
        let header = [&width[..], &height, &[bits, colour, 0, 0, 1]].concat();
        let mut file = header::SIGNATURE.to_vec();
        for (kind, content) in [(b"IHDR", &header[..]), (b"IDAT", &data[..length]), (b"IEND", &[])]
        {
            let named = [kind, content].concat();
            file.extend_from_slice(&(content.len() as u32).to_be_bytes());
            file.extend_from_slice(&named);
            file.extend_from_slice(&libdeflater::crc32(&named).to_be_bytes());
        }
        file
    }

    #[test]
    fn interlaced_files_are_read_as_the_general_reader_reads_them() {
        for (colour, bits, step) in
            [(0, 8, 1), (0, 16, 2), (2, 8, 3), (2, 16, 6), (4, 8, 2), (6, 8, 4), (6, 16, 8)]
        {
            for size in [(1, 1), (1, 9), (2, 3), (5, 2), (8, 8), (13, 21)] {
                let size = Size::new(size.0, size.1);
                let count = size.height * size.width * step;
                let rows: Vec<u8> = (0..count).map(|i| (i * i * 31 + i / 7) as u8).collect();
                let file = interlaced(&rows, size, colour, bits, step);
                let header = header::read(&file).unwrap();
                let mut fast = vec![9; 5];
                let whole = fast::Inflater::default().read_rows(&file, &header, &mut fast, None);
                assert_eq!((whole, &fast), (Ok(true), &rows), "{colour} {bits} {size}");
                let general = general::read_rows(&file, &header, &Limits::default()).unwrap();
                assert!(general == rows, "{colour} {bits} {size}");
                // One row fewer is no whole picture, for either.
                let taller = Size::new(size.height + 1, size.width);
                let mut cut = file.clone();
                cut[20..24].copy_from_slice(&(taller.height as u32).to_be_bytes());
                let header = header::read(&cut).unwrap();
                let whole = fast::Inflater::default().read_rows(&cut, &header, &mut fast, None);
                assert_eq!(whole, Ok(false));
                assert!(general::read_rows(&cut, &header, &Limits::default()).is_err());
            }
        }
    }

    #[test]
    fn masks_in_rgba_are_their_grey_where_they_say_no_more() {
        let read = |file: &[u8]| {
            let header = header::read(file).unwrap();
            let (mut scratch, mut grey) = (Scratch::default(), vec![9; 5]);
            let raw = read_mask(file, &header, &Limits::default(), &mut scratch, &mut grey);
            (raw.unwrap(), grey)
        };
        for size in [Size::new(1, 2), Size::new(5, 2), Size::new(13, 21), Size::new(3, 1500)] {
            let levels: Vec<u8> = (0..size.area()).map(|i| (i * i / 7) as u8).collect();
            let rows: Vec<u8> =
                levels.iter().flat_map(|&level| [level, level, level, 200]).collect();
            let plain = |rows: &[u8]| {
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, size.width as u32, size.height as u32);
                encoder.set_color(ColorType::Rgba);
                encoder.set_filter(Filter::Adaptive);
                encoder.write_header().unwrap().write_image_data(rows).unwrap();
                file
            };
            let in_passes = |rows: &[u8]| interlaced(rows, size, 6, 8, 4);
            for file in [&plain as &dyn Fn(&[u8]) -> Vec<u8>, &in_passes] {
                let (raw, grey) = read(&file(&rows));
                assert!(raw.is_none() && grey == levels, "{size}");
                for at in [0, 1, 2, 3, rows.len() / 2, rows.len() - 2, rows.len() - 1] {
                    let mut more = rows.clone();
                    more[at] ^= 1;
                    let (raw, _) = read(&file(&more));
                    let raw = raw.expect("more than a grey");
                    for channel in 0..4 {
                        let expected = more.iter().skip(channel).step_by(4);
                        assert!(raw.channel(channel).iter().eq(expected), "{size} {at} {channel}");
                    }
                }
            }
        }
    }

    /// What ends too early or has no end chunk is an error, however much is there.
    #[test]
    fn cut_files_are_errors() {
        let bytes = file(ColorType::Rgb, BitDepth::Eight, Filter::Paeth);
        for length in (0..bytes.len() - 20).step_by(7) {
            let cut = &bytes[..length];
            let result = match header::read(cut) {
                Ok(header) => Png.decode_rgb(cut, &header, &Limits::default(), None),
                Err(error) => Err(error),
            };
            assert!(result.is_err(), "cut at {length} of {}", bytes.len());
        }
    }
}
