//! AVIF: pictures of AV1 in boxes of ISO media files.
//!
//! ```text
//! file -> boxes (what the picture is made of) -> frames (AV1 by `re_rav1d`) -> colours -> stored numbers
//! ```
//!
//! What is rotated or mirrored by its boxes is told as an orientation, as EXIF tells it for other formats; EXIF in an AVIF
//! is about the same and does not count. AVIF is taken for lossy: few files are not, and nothing in them says so.

mod boxes;
mod colours;
mod frames;

use boxes::{Coded, Still};
use colours::Conversion;

use super::codec::{Codec, expect_same};
use super::guarded::guarded;
use super::header::{Colour, Header, NumberKind, Storage};
use super::limits::Limits;
use super::raw::{Numbers, Raw, Table};
use super::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// The format.
pub(crate) struct Avif;

impl Codec for Avif {
    fn starts(&self, bytes: &[u8]) -> bool {
        boxes::starts(bytes)
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let wrong = |reason| Error::Header { format: Format::Avif, reason };
        Ok(header_of(&boxes::read(bytes, wrong)?))
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        let still = boxes::read(bytes, damaged)?;
        expect_same(&header_of(&still), header)?;
        let full = u16::MAX >> (16 - header.bit_depth);
        let channels = header.colour.channels();
        let mut numbers = vec![0; header.size.area() * channels];
        let mut into = Into { numbers: &mut numbers, channels, first: 0, size: header.size };
        let colours = channels - usize::from(still.alpha.is_some());
        decode(&still.colour, &still, colours, limits, &mut into)?;
        if let Some(alpha) = &still.alpha {
            into.first = colours;
            decode(alpha, &still, 1, limits, &mut into)?;
        }
        let numbers = Numbers::up_to(full, numbers);
        let pixels = Raw::new(header.size, header.colour, numbers, Table::default());
        let warnings = still.sequence.then_some(Warning::FirstOfSeveral { what: "frames" });
        Ok(Decoded { pixels, warnings: warnings.into_iter().collect() })
    }
}

/// What a file says about itself.
fn header_of(still: &Still<'_>) -> Header {
    let colour = match (still.monochrome, still.alpha.is_some()) {
        (true, false) => Colour::Grey,
        (true, true) => Colour::GreyAlpha,
        (false, false) => Colour::Rgb,
        (false, true) => Colour::Rgba,
    };
    let samples = still.size.times(colour.channels() as u64);
    let each = if still.bit_depth > 8 { 2 } else { 1 };
    Header {
        format: Format::Avif,
        size: still.size,
        orientation: still.orientation,
        colour,
        bit_depth: still.bit_depth,
        numbers: NumberKind::Unsigned,
        storage: Storage::Other {
            held: samples.saturating_mul(HELD * each).saturating_add(8 << 20),
            least_length: 0,
            lossy: true,
        },
    }
}

/// Bytes that decoding holds for a stored byte: the coded frame, what AV1 keeps of it, and what is handed over. 3 were measured
/// for photographs of 12 megapixels.
const HELD: u64 = 5;

/// Where the numbers of a decoded picture go: from channel `first` on.
struct Into<'a> {
    numbers: &'a mut [u16],
    channels: usize,
    first: usize,
    size: Size,
}

/// Decodes the one picture, or the tiles, of an item into `channels` of the numbers.
fn decode(
    coded: &Coded<'_>,
    still: &Still<'_>,
    channels: usize,
    limits: &Limits,
    into: &mut Into<'_>,
) -> Result<()> {
    let columns = coded.columns;
    let mut tile = None;
    for (index, data) in coded.tiles.iter().enumerate() {
        let frame = guarded(|| frames::decode(data, limits)).map_err(damaged)?;
        let size = *tile.get_or_insert(frame.size);
        let covered = (columns * size.width, coded.tiles.len() / columns * size.height);
        let fits = match coded.tiles.len() {
            1 => size == into.size,
            _ => covered.0 >= into.size.width && covered.1 >= into.size.height,
        };
        if frame.size != size || !fits {
            let expected = into.size;
            return Err(damaged(format!("expected a picture of {expected}, found one of {size}")));
        }
        if frame.bits != still.bit_depth || (frame.is_grey() && channels > 1) {
            return Err(damaged("the coded picture has other bits or channels".to_owned()));
        }
        let (top, left) = (index / columns * size.height, index % columns * size.width);
        let height = size.height.min(into.size.height.saturating_sub(top));
        let width = size.width.min(into.size.width.saturating_sub(left));
        let conversion = Conversion::new(&frame, still.space).map_err(unsupported)?;
        let mut row = vec![0; size.width * channels];
        for y in 0..height {
            conversion.row(&frame, y, channels, &mut row);
            let start = ((top + y) * into.size.width + left) * into.channels;
            let places = into.numbers[start..].chunks_exact_mut(into.channels).take(width);
            for (to, from) in places.zip(row.chunks_exact(channels)) {
                to[into.first..into.first + channels].copy_from_slice(from);
            }
        }
    }
    Ok(())
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::Avif, reason }
}

fn unsupported(feature: String) -> Error {
    Error::Unsupported { format: Format::Avif, feature }
}
