//! JPEG XL, lossy and lossless, by the `jxl-oxide` crate.
//!
//! The orientation belongs to the coded picture and is applied by every decoder, so pictures come upright. Numbers are in the
//! colour space that the file names, as those of all other formats are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jxl_oxide::frame::Encoding;
use jxl_oxide::image::BitDepth;
use jxl_oxide::{
    AllocTracker, InitializeResult, JxlImage, JxlThreadPool, PixelFormat, Result as JxlResult,
};

use super::codec::Codec;
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
        let image = opened(bytes, AllocTracker::with_limit(HEADER_BYTES)).map_err(wrong)?;
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
        let samples = size.height as u64 * size.width as u64 * colour.channels() as u64;
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

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        self.expect_header(bytes, header)?;
        let memory = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
        let image = opened(bytes, AllocTracker::with_limit(memory)).map_err(damaged)?;
        if image.num_loaded_keyframes() == 0 {
            return Err(damaged("the file ends in its first frame".to_owned()));
        }
        let mut samples = vec![0.0; header.size.area() * header.colour.channels()];
        caught(|| {
            let frame = image.render_frame(0)?;
            let mut stream = frame.stream();
            let given = stream.channels() as usize * header.size.area();
            // A frame without all its channels leaves black.
            if given == samples.len() {
                stream.write_to_buffer::<f32>(&mut samples);
                return Ok(true);
            }
            Ok(false)
        })
        .and_then(|whole| whole.then_some(()).ok_or("its frame lacks a channel".to_owned()))
        .map_err(damaged)?;
        let pixels =
            Raw::new(header.size, header.colour, numbers(samples, header), Table::default());
        let several = image.num_loaded_keyframes() > 1;
        let warnings = several.then_some(Warning::FirstOfSeveral { what: "frames" });
        Ok(Decoded { pixels, warnings: warnings.into_iter().collect() })
    }
}

/// Bytes that headers and colour profiles take at most.
const HEADER_BYTES: usize = 64 << 20;

/// Bytes that decoding holds for a sample: floats of the picture, of what it is made of, and of what is handed over. 12 were
/// measured for photographs of 12 megapixels.
const HELD: u64 = 16;

/// Reads headers, and the frames without decoding them. What went wrong is text.
fn opened(bytes: &[u8], tracker: AllocTracker) -> Result<JxlImage, String> {
    let opened = caught(|| {
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

/// Runs the decoder; a panic in it must not take a training run down.
fn caught<T>(run: impl FnOnce() -> JxlResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the decoder gave up".to_owned()),
    }
}

/// Fractions as the numbers that the header names.
fn numbers(samples: Vec<f32>, header: &Header) -> Numbers {
    if header.numbers == NumberKind::Float {
        return Numbers::Floats { data: samples, unit: true };
    }
    let full = u16::MAX >> (16 - header.bit_depth);
    let stored = |sample: f32| (sample * f32::from(full)).round().clamp(0.0, f32::from(full));
    match u8::try_from(full) {
        Ok(full) => {
            let data = samples.into_iter().map(|sample| stored(sample) as u8).collect();
            Numbers::Bytes { data, full }
        }
        Err(_) => {
            let data = samples.into_iter().flat_map(|sample| (stored(sample) as u16).to_be_bytes());
            Numbers::Wide { data: data.collect(), full }
        }
    }
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::JpegXl, reason }
}

fn unsupported(feature: String) -> Error {
    Error::Unsupported { format: Format::JpegXl, feature }
}
