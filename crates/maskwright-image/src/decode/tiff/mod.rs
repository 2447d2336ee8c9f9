//! TIFF: the first page of a file, as cameras, microscopes and annotation tools write it.
//!
//! The directory is read here, so that a header costs nothing; strips and tiles are unpacked by the `tiff` crate.

mod directory;
mod header;
mod patched;

use ::tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use directory::{Directory, tag};
use patched::Patched;

use super::codec::{Codec, expect_same};
use super::guarded::guarded;
use super::header::{Colour, Header, NumberKind};
use super::inks::cmyk_to_rgb;
use super::limits::Limits;
use super::png::unpack;
use super::raw::{Numbers, Raw, Table};
use super::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;

/// The format.
pub(crate) struct Tiff;

impl Codec for Tiff {
    fn starts(&self, bytes: &[u8]) -> bool {
        directory::starts(bytes)
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        header::read(bytes).map(|(header, _)| header)
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        let (own, planar) = header::read(bytes)?;
        expect_same(&own, header)?;
        let directory = Directory::first(bytes)?;
        let palette = header.colour == Colour::Palette;
        let patch = directory
            .values(tag::PHOTOMETRIC)
            .filter(|(_, each)| palette && *each == 2)
            .map(|(place, _)| (place.start, directory.short(1)));
        let decoded = unpacked(bytes, header.bit_depth, patch, limits)?;
        let stored = numbers(decoded, header, planar)?;
        let (colour, numbers) = of_colours(stored, header);
        let table = Table { palette: colour_map(&directory, header), key: None };
        let pixels = Raw::new(header.size, colour, numbers, table);
        let pages = directory.has_more_pages();
        let warnings = pages.then_some(Warning::FirstOfSeveral { what: "pages" });
        Ok(Decoded { pixels, warnings: warnings.into_iter().collect() })
    }
}

/// What the `tiff` crate makes of the first page, of whose numbers it has to say that they have as many bits.
fn unpacked(
    bytes: &[u8],
    bits: u8,
    patch: Option<(usize, [u8; 2])>,
    limits: &Limits,
) -> Result<DecodingResult> {
    let most = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    let mut own = TiffLimits::default();
    own.decoding_buffer_size = most;
    own.intermediate_buffer_size = most;
    own.ifd_value_size = bytes.len();
    let decoded = guarded(|| {
        let mut result = DecodingResult::U8(Vec::new());
        let mut decoder = Decoder::new(Patched::new(bytes, patch))?.with_limits(own);
        let seen = decoder.colortype()?.bit_depth();
        let layout = decoder.read_image_to_buffer(&mut result)?;
        let whole = result.as_buffer(0).byte_len() >= layout.complete_len;
        Ok::<_, ::tiff::TiffError>((result, whole, seen))
    });
    match decoded.map_err(damaged)? {
        (_, _, seen) if seen != bits => {
            Err(damaged(format!("numbers of both {bits} and {seen} bits")))
        }
        (result, true, _) => Ok(result),
        _ => Err(damaged("its planes are larger than the limit".to_owned())),
    }
}

/// The numbers in the order of pixels and channels.
fn numbers(decoded: DecodingResult, header: &Header, planar: bool) -> Result<Numbers> {
    let (size, channels) = (header.size, header.colour.channels());
    if header.bit_depth < 8 {
        let DecodingResult::U8(packed) = decoded else {
            return Err(damaged("numbers of another kind".to_owned()));
        };
        let bits = usize::from(header.bit_depth);
        let data = unpack(&packed, size.width, (size.width * bits).div_ceil(8), bits);
        return Ok(Numbers::Bytes {
            data: mixed(data, header, planar)?,
            full: u8::MAX >> (8 - bits),
        });
    }
    let floats = |data: Vec<f32>| -> Result<Numbers> {
        let unit = header.numbers == NumberKind::Float;
        Ok(Numbers::Floats { data: mixed(data, header, planar)?, unit })
    };
    match decoded {
        DecodingResult::U8(data) => {
            Ok(Numbers::Bytes { data: mixed(data, header, planar)?, full: 255 })
        }
        DecodingResult::U16(data) => {
            let data = mixed(data, header, planar)?;
            let mut bytes = Vec::with_capacity(2 * size.area() * channels);
            data.iter().for_each(|value| bytes.extend(value.to_be_bytes()));
            Ok(Numbers::Wide { data: bytes, full: u16::MAX })
        }
        DecodingResult::U32(data) => floats(data.into_iter().map(|value| value as f32).collect()),
        DecodingResult::U64(data) => floats(data.into_iter().map(|value| value as f32).collect()),
        DecodingResult::I8(data) => floats(data.into_iter().map(f32::from).collect()),
        DecodingResult::I16(data) => floats(data.into_iter().map(f32::from).collect()),
        DecodingResult::I32(data) => floats(data.into_iter().map(|value| value as f32).collect()),
        DecodingResult::I64(data) => floats(data.into_iter().map(|value| value as f32).collect()),
        DecodingResult::F16(data) => floats(data.into_iter().map(|value| value.to_f32()).collect()),
        DecodingResult::F32(data) => floats(data),
        DecodingResult::F64(data) => floats(data.into_iter().map(|value| value as f32).collect()),
    }
}

/// Planes pixel by pixel; anything else as it is. As many numbers as the header says, or an error.
fn mixed<T: Copy>(data: Vec<T>, header: &Header, planar: bool) -> Result<Vec<T>> {
    let (pixels, channels) = (header.size.area(), header.colour.channels());
    // Planes beyond several colours are behind them; beside a single one the header allows none.
    let planar = planar && channels > 1;
    let enough =
        if planar { data.len() >= pixels * channels } else { data.len() == pixels * channels };
    if !enough {
        let reason = format!("{} numbers for {} in {channels} channels", data.len(), header.size);
        return Err(damaged(reason));
    }
    if !planar {
        return Ok(data);
    }
    let pixel = |at: usize| (0..channels).map(move |channel| channel * pixels + at);
    Ok((0..pixels).flat_map(pixel).map(|place| data[place]).collect())
}

/// Inks multiplied out; everything else as it is.
fn of_colours(numbers: Numbers, header: &Header) -> (Colour, Numbers) {
    match (header.colour, numbers) {
        (Colour::Cmyk, Numbers::Bytes { data, full }) => {
            // Here 0 is no ink, other than in JPEG.
            let pixels = data.as_chunks::<4>().0.iter();
            let data = pixels.flat_map(|inks| cmyk_to_rgb(inks.map(|ink| 255 - ink))).collect();
            (Colour::Rgb, Numbers::Bytes { data, full })
        }
        (colour, numbers) => (colour, numbers),
    }
}

/// The colours of a palette: all reds, all greens, all blues, in 16 bits each.
fn colour_map(directory: &Directory<'_>, header: &Header) -> Vec<[u8; 4]> {
    if header.colour != Colour::Palette {
        return Vec::new();
    }
    let map = directory.numbers(tag::COLOUR_MAP);
    // Old writers gave 8 bits.
    let shift = if map.iter().all(|&value| value < 256) { 0 } else { 8 };
    let level = |value: u64| (value >> shift) as u8;
    let entries = map.len() / 3;
    (0..entries)
        .map(|at| [level(map[at]), level(map[entries + at]), level(map[2 * entries + at]), 255])
        .collect()
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::Tiff, reason }
}
