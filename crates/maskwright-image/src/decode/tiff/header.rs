//! What a TIFF's first directory says about its picture.

use super::directory::{Directory, tag};
use crate::decode::header::{Colour, Header, NumberKind, Storage};
use crate::decode::orientation::Orientation;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// The largest side of a tile.
const MOST_TILE: u64 = 1 << 16;

/// Reads the header, and whether each channel is stored on its own.
pub(super) fn read(bytes: &[u8]) -> Result<(Header, bool)> {
    let directory = Directory::first(bytes)?;
    if directory.has(tag::DNG_VERSION) || bytes.get(8..10) == Some(b"CR") {
        let convert = "darktable-cli photo.dng photo.png";
        return Err(Error::FormatNotRead { format: "a camera's raw file", convert });
    }
    if directory.is_side_picture() {
        return Err(unsupported("a reduced preview as its first page, as in cameras' raw files,"));
    }
    let side = |tag: u16, name: &str| match directory.number(tag) {
        Some(0) => Err(damaged(format!("the {name} is 0"))),
        Some(side) if side <= i32::MAX as u64 => Ok(side as usize),
        Some(side) => Err(damaged(format!("the {name} is {side}"))),
        None => Err(damaged(format!("no {name}"))),
    };
    let size = Size::new(side(tag::HEIGHT, "height")?, side(tag::WIDTH, "width")?);
    let stored = directory.number(tag::SAMPLES).unwrap_or(1);
    if !(1..=64).contains(&stored) {
        return Err(unsupported(&format!("{stored} channels")));
    }
    let stored = stored as usize;
    let mut bits = directory.numbers(tag::BITS);
    bits.dedup();
    let bit_depth = match bits[..] {
        [] => 1,
        [bits @ (1 | 2 | 4 | 8 | 16 | 32 | 64)] => bits as u8,
        [bits] => return Err(unsupported(&format!("{bits} bits per channel"))),
        _ => return Err(unsupported("channels of different depth")),
    };
    let numbers = match directory.number(tag::SAMPLE_FORMAT).unwrap_or(1) {
        1 | 4 => NumberKind::Unsigned,
        2 => NumberKind::Signed,
        3 if bit_depth >= 16 => NumberKind::Float,
        other => return Err(unsupported(&format!("numbers of kind {other}"))),
    };
    let colour = colour(&directory, stored, bit_depth)?;
    let unsigned_alone = match colour {
        Colour::Palette => Some("a palette"),
        Colour::Cmyk => Some("CMYK"),
        _ => None,
    };
    if let Some(what) = unsigned_alone
        && numbers != NumberKind::Unsigned
    {
        return Err(unsupported(&format!("{what} of signed numbers")));
    }
    for tag in [tag::TILE_WIDTH, tag::TILE_HEIGHT] {
        if directory.number(tag).is_some_and(|side| side == 0 || side > MOST_TILE) {
            return Err(damaged(format!("tiles of more than {MOST_TILE} pixels, or none")));
        }
    }
    let orientation =
        directory.number(tag::ORIENTATION).and_then(|value| u16::try_from(value).ok());
    let planar = directory.number(tag::PLANAR) == Some(2);
    let row = (size.width as u64 * stored as u64 * u64::from(bit_depth)).div_ceil(8);
    let unpacked = row.saturating_mul(size.height as u64);
    Ok((
        Header {
            format: Format::Tiff,
            size,
            orientation: orientation.and_then(Orientation::from_exif).unwrap_or_default(),
            colour,
            bit_depth,
            numbers,
            storage: Storage::Other {
                // All that is stored, and a tile's row beside the picture's own size.
                held: unpacked.saturating_add(MOST_TILE * stored as u64 * 8),
                least_length: unpacked / expansion(&directory)?,
                lossy: false,
            },
        },
        planar,
    ))
}

/// Colours by PhotometricInterpretation and the number of channels.
fn colour(directory: &Directory<'_>, stored: usize, bit_depth: u8) -> Result<Colour> {
    // Unassociated or associated alpha; other channels beside the colours are passed over.
    let alpha = matches!(directory.number(tag::EXTRA_SAMPLES), Some(1 | 2));
    let colour = match (directory.number(tag::PHOTOMETRIC), stored) {
        (Some(0 | 1), 1) => Colour::Grey,
        (Some(0 | 1), 2) if alpha => Colour::GreyAlpha,
        (Some(0 | 1), channels) => {
            return Err(unsupported(&format!("{channels} channels that are not colours")));
        }
        (Some(2), 3) => Colour::Rgb,
        (Some(2), 4..) => {
            let extra = directory.numbers(tag::EXTRA_SAMPLES);
            // Writers that name no extra channel mean alpha by the fourth.
            if alpha || stored == 4 && extra.is_empty() { Colour::Rgba } else { Colour::Rgb }
        }
        (Some(3), 1) => Colour::Palette,
        (Some(5), 4..) => Colour::Cmyk,
        (Some(5 | 6), _) => return Err(unsupported("YCbCr or incomplete CMYK")),
        (Some(8..=10), _) => return Err(unsupported("L*a*b*")),
        (Some(32803), _) => return Err(unsupported("a camera's raw samples")),
        (Some(other), channels) => {
            let what = format!("colours of kind {other} in {channels} channels");
            return Err(unsupported(&what));
        }
        (None, _) => return Err(damaged("nothing says what its colours are".to_owned())),
    };
    let few = matches!(colour, Colour::Grey | Colour::Palette);
    match colour {
        Colour::Palette if bit_depth > 8 => Err(unsupported("a palette of 16 bits")),
        Colour::Cmyk if bit_depth != 8 => Err(unsupported("CMYK of more than 8 bits")),
        _ if bit_depth < 8 && !few => Err(unsupported("colours of less than 8 bits")),
        _ => Ok(colour),
    }
}

/// How many bytes one byte of compressed data becomes at most.
fn expansion(directory: &Directory<'_>) -> Result<u64> {
    Ok(match directory.number(tag::COMPRESSION).unwrap_or(1) {
        1 => 1,
        // Codes of at least 9 bits stand for 4094 bytes at most.
        5 => 4094,
        8 | 32946 => 1032,
        // Two bytes become 128.
        32773 => 64,
        2..=4 => return Err(unsupported("fax compression")),
        6 | 7 => return Err(unsupported("JPEG compression")),
        50000 => return Err(unsupported("Zstandard compression")),
        50001 => return Err(unsupported("WebP compression")),
        34887 => return Err(unsupported("LERC compression")),
        34925 => return Err(unsupported("LZMA compression")),
        other => return Err(unsupported(&format!("compression {other}"))),
    })
}

fn damaged(reason: String) -> Error {
    Error::Header { format: Format::Tiff, reason }
}

fn unsupported(feature: &str) -> Error {
    Error::Unsupported { format: Format::Tiff, feature: feature.to_owned() }
}
