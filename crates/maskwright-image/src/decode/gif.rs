//! GIF: the first frame, as indices of its palette, by the `gif` crate.

use ::gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::codec::Codec;
use super::guarded::guarded;
use super::header::{Colour, Header, NumberKind, Storage};
use super::limits::Limits;
use super::orientation::Orientation;
use super::raw::{Numbers, Raw, Table};
use super::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// The format.
pub(crate) struct Gif;

/// The first frame on its canvas, with the colours of its indices.
struct Frame {
    data: Vec<u8>,
    palette: Vec<[u8; 4]>,
    /// Whether others follow.
    several: bool,
}

impl Codec for Gif {
    fn starts(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let damaged = |reason: String| Error::Header { format: Format::Gif, reason };
        let Some(&[_, _, _, _, _, _, w0, w1, h0, h1]) = bytes.first_chunk() else {
            return Err(damaged("the file ends before its header does".to_owned()));
        };
        let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
        if width == 0 || height == 0 {
            return Err(damaged(format!("the size is {width} x {height}")));
        }
        let size = Size::new(height.into(), width.into());
        Ok(Header {
            format: Format::Gif,
            size,
            orientation: Orientation::IDENTITY,
            colour: Colour::Palette,
            bit_depth: 8,
            numbers: NumberKind::Unsigned,
            // The frame beside the canvas.
            storage: Storage::Other { held: size.area() as u64, least_length: 0, lossy: false },
        })
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        self.expect_header(bytes, header)?;
        let frame = guarded(|| first_frame(bytes, header.size, limits)).map_err(damaged)?;
        let frame = frame.ok_or_else(|| damaged("there is no frame".to_owned()))?;
        let numbers = Numbers::Bytes { data: frame.data, full: 255 };
        let table = Table { palette: frame.palette, key: None };
        let pixels = Raw::new(header.size, Colour::Palette, numbers, table);
        let warnings = frame.several.then_some(Warning::FirstOfSeveral { what: "frames" });
        Ok(Decoded { pixels, warnings: warnings.into_iter().collect() })
    }
}

/// The first frame; what it does not cover is transparent where an index is, and in the background's colour otherwise.
fn first_frame(bytes: &[u8], size: Size, limits: &Limits) -> Result<Option<Frame>, DecodingError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.check_frame_consistency(true);
    let most = std::num::NonZeroU64::new(limits.max_bytes).unwrap_or(std::num::NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(most));
    let mut decoder = options.read_info(bytes)?;
    let background = decoder.bg_color().and_then(|index| u8::try_from(index).ok()).unwrap_or(0);
    let Some(frame) = decoder.read_next_frame()?.cloned() else { return Ok(None) };
    let colours = decoder.palette()?.as_chunks::<3>().0.iter();
    let mut palette: Vec<[u8; 4]> = colours.map(|&[r, g, b]| [r, g, b, 255]).collect();
    if let Some(entry) = frame.transparent.and_then(|index| palette.get_mut(usize::from(index))) {
        entry[3] = 0;
    }
    let [left, top, width, height] =
        [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let data = if [left, top, width, height] == [0, 0, size.width, size.height] {
        frame.buffer.into_owned()
    } else {
        let mut canvas = vec![frame.transparent.unwrap_or(background); size.area()];
        let rows = canvas.chunks_exact_mut(size.width).skip(top);
        for (row, of_frame) in rows.zip(frame.buffer.chunks_exact(width.max(1))) {
            row[left..left + width].copy_from_slice(of_frame);
        }
        canvas
    };
    let several = matches!(decoder.next_frame_info(), Ok(Some(_)));
    Ok(Some(Frame { data, palette, several }))
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::Gif, reason }
}
