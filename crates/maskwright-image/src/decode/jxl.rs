//! JPEG XL, lossy and lossless, by the `jxl-oxide` crate.
//!
//! The orientation belongs to the coded picture and is applied by every decoder, so pictures come upright. Numbers are in the
//! colour space that the file names, as those of all other formats are.

use jxl_oxide::frame::Encoding;
use jxl_oxide::image::BitDepth;
use jxl_oxide::{
    AllocTracker, InitializeResult, JxlImage, JxlThreadPool, PixelFormat, Result as JxlResult,
};

use super::codec::{Codec, expect_same};
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
pub(crate) struct JpegXl;

impl Codec for JpegXl {
    fn starts(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n")
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let wrong = |reason| Error::Header { format: Format::JpegXl, reason };
        header_of(&opened(bytes, AllocTracker::with_limit(HEADER_BYTES)).map_err(wrong)?)
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        let memory = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
        let image = opened(bytes, AllocTracker::with_limit(memory)).map_err(damaged)?;
        expect_same(&header_of(&image)?, header)?;
        if image.num_loaded_keyframes() == 0 {
            return Err(damaged("the file ends in its first frame".to_owned()));
        }
        let mut samples = vec![0.0; header.size.area() * header.colour.channels()];
        let rendered = guarded(|| -> JxlResult<bool> {
            let frame = image.render_frame(0)?;
            let mut stream = frame.stream();
            let whole = stream.channels() as usize * header.size.area() == samples.len();
            if whole {
                stream.write_to_buffer::<f32>(&mut samples);
            }
            Ok(whole)
        });
        if !rendered.map_err(damaged)? {
            return Err(damaged("its frame lacks a channel".to_owned()));
        }
        let pixels =
            Raw::new(header.size, header.colour, numbers(samples, header), Table::default());
        let several = image.num_loaded_keyframes() > 1;
        let warnings = several.then_some(Warning::FirstOfSeveral { what: "frames" });
        Ok(Decoded { pixels, warnings: warnings.into_iter().collect() })
    }
}

/// What a file says about itself.
fn header_of(image: &JxlImage) -> Result<Header> {
    let metadata = &image.image_header().metadata;
    let colour = match image.pixel_format() {
        PixelFormat::Gray => Colour::Grey,
        PixelFormat::Graya => Colour::GreyAlpha,
        PixelFormat::Rgb => Colour::Rgb,
        PixelFormat::Rgba => Colour::Rgba,
        PixelFormat::Cmyk | PixelFormat::Cmyka => {
            return Err(unsupported("printing inks (CMYK)".to_owned()));
        }
    };
    let (bit_depth, numbers) = match metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample: bits @ 1..=16 } => {
            (bits as u8, NumberKind::Unsigned)
        }
        BitDepth::FloatSample { bits_per_sample: bits @ 1..=32, .. } => {
            (bits as u8, NumberKind::Float)
        }
        other => {
            let bits = other.bits_per_sample();
            return Err(unsupported(format!("integers of {bits} bits")));
        }
    };
    let size = Size::new(image.height() as usize, image.width() as usize);
    // A JPEG can be stored anew without another loss.
    let recompressed =
        image.frame_header(0).is_some_and(|frame| frame.encoding == Encoding::VarDct);
    let samples = size.times(colour.channels() as u64);
    Ok(Header {
        format: Format::JpegXl,
        size,
        orientation: Orientation::IDENTITY,
        colour,
        bit_depth,
        numbers,
        storage: Storage::Other {
            held: samples.saturating_mul(HELD).saturating_add(8 << 20),
            // A few bytes hold the largest picture of one colour.
            least_length: 0,
            lossy: metadata.xyb_encoded || recompressed,
        },
    })
}

/// Bytes that headers and colour profiles take at most.
const HEADER_BYTES: usize = 64 << 20;

/// Bytes that decoding holds for a sample: floats of the picture, of what it is made of, and of what is handed over. 12 were
/// measured for photographs of 12 megapixels.
const HELD: u64 = 16;

/// Reads headers, and the frames without decoding them. What went wrong is text.
fn opened(bytes: &[u8], tracker: AllocTracker) -> Result<JxlImage, String> {
    let opened = guarded(|| -> JxlResult<Option<JxlImage>> {
        let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(tracker);
        let mut image = builder.build_uninit();
        image.feed_bytes(bytes)?;
        Ok(match image.try_init()? {
            InitializeResult::Initialized(image) => Some(image),
            InitializeResult::NeedMoreData(_) => None,
        })
    })?;
    opened.ok_or_else(|| "the file ends in its header".to_owned())
}

/// Fractions as the numbers that the header names.
fn numbers(samples: Vec<f32>, header: &Header) -> Numbers {
    if header.numbers == NumberKind::Float {
        return Numbers::Floats { data: samples, unit: true };
    }
    let full = u16::MAX >> (16 - header.bit_depth);
    let white = f32::from(full);
    let stored = |sample: f32| (sample * white).round().clamp(0.0, white) as u16;
    Numbers::up_to(full, samples.into_iter().map(stored))
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::JpegXl, reason }
}

fn unsupported(feature: String) -> Error {
    Error::Unsupported { format: Format::JpegXl, feature }
}
