//! libjpeg through the C shim, as a safe row reader.
//!
//! [`Decoder`] owns libjpeg's state and is reused for many files; [`Picture`] is one file being read. The
//! shim (`shim.c`) keeps libjpeg's non-local error exits in C, so nothing unwinds through foreign frames.
#![allow(unsafe_code, reason = "calls into C")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

// Linked for the shim, which calls its symbols.
use mozjpeg_sys as _;

use super::header::has_end;
use super::huffman::Scan;
use crate::decode::header::Header;
use crate::decode::inks::cmyk_to_rgb;
use crate::decode::limits::{Limits, MAX_SCANS};
use crate::decode::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::image::RgbImage;
use crate::size::Size;

/// The shim's state; only C looks inside.
#[repr(C)]
struct State {
    _private: [u8; 0],
}

const OK: c_int = 0;
const TOO_MANY_SCANS: c_int = 2;
const OUT_OF_MEMORY: c_int = 3;

// SAFETY: declared as in shim.c, which is compiled by this crate's build script.
unsafe extern "C" {
    fn maskwright_jpeg_new() -> *mut State;
    fn maskwright_jpeg_free(state: *mut State);
    fn maskwright_jpeg_error(state: *const State) -> *const c_char;
    fn maskwright_jpeg_warning(state: *const State) -> *const c_char;
    fn maskwright_jpeg_warnings(state: *const State) -> c_long;
    fn maskwright_jpeg_truncated(state: *const State) -> c_int;
    fn maskwright_jpeg_open(
        state: *mut State,
        data: *const c_uchar,
        length: usize,
        max_scans: c_int,
        max_memory: c_long,
        width: *mut c_uint,
        height: *mut c_uint,
        components: *mut c_int,
    ) -> c_int;
    fn maskwright_jpeg_reduce(state: *mut State, divisor: c_uint);
    fn maskwright_jpeg_start(
        state: *mut State,
        scan: *mut c_void,
        width: *mut c_uint,
        height: *mut c_uint,
        exact_parts: *mut c_int,
    ) -> c_int;
    fn maskwright_jpeg_crop(state: *mut State, x: *mut c_uint, width: *mut c_uint) -> c_int;
    fn maskwright_jpeg_skip(
        state: *mut State,
        rows: c_uint,
        scratch: *mut c_uchar,
        room: usize,
    ) -> c_int;
    fn maskwright_jpeg_read(state: *mut State, row: *mut c_uchar, room: usize) -> c_int;
    fn maskwright_jpeg_close(state: *mut State);
}

/// libjpeg's state, kept between files.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: NonNull<State>,
    /// Our Huffman decoder, which libjpeg calls while a picture is open; none to leave all to libjpeg's own.
    scan: Option<NonNull<Scan>>,
}

// SAFETY: the state is owned by this value alone and holds nothing bound to a thread.
unsafe impl Send for Decoder {}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: `state` came from maskwright_jpeg_new and is freed once.
        unsafe { maskwright_jpeg_free(self.state.as_ptr()) }
        if let Some(scan) = self.scan {
            // SAFETY: it came from a box, and libjpeg, which knew it, is gone.
            drop(unsafe { Box::from_raw(scan.as_ptr()) });
        }
    }
}

impl Decoder {
    pub(crate) fn new() -> Result<Self> {
        let mut decoder = Self::plain()?;
        decoder.scan = NonNull::new(Box::into_raw(Box::<Scan>::default()));
        Ok(decoder)
    }

    /// One that leaves everything to libjpeg: what ours is held to.
    pub(crate) fn plain() -> Result<Self> {
        // SAFETY: no preconditions; null is handled.
        let state = unsafe { maskwright_jpeg_new() };
        let reason = || "no memory for the decoder".to_owned();
        let state = NonNull::new(state)
            .ok_or_else(|| Error::Damaged { format: Format::Jpeg, reason: reason() })?;
        Ok(Self { state, scan: None })
    }

    /// Opens a file whose header was already read and found sound.
    pub(crate) fn open<'a>(
        &'a mut self,
        bytes: &'a [u8],
        header: &Header,
        limits: &Limits,
    ) -> Result<Picture<'a>> {
        let mut picture = Picture {
            state: self.state,
            scan: self.scan,
            width: header.size.width,
            channels: 0,
            rows_left: header.size.height,
            max_bytes: limits.max_bytes,
            cut_off: !has_end(bytes, header),
            borrowed: PhantomData,
        };
        let (mut width, mut height, mut components) = (0, 0, 0);
        // What the picture itself leaves of the limit is for coefficients; 0 would mean no limit.
        let pixels = header.size.area() as u64;
        let rest = limits.max_bytes.saturating_sub(3 * pixels).max(1);
        let max_memory = c_long::try_from(rest).unwrap_or(c_long::MAX);
        // SAFETY: `bytes` outlives the picture, whose drop makes libjpeg forget it; the out pointers are locals.
        let status = unsafe {
            maskwright_jpeg_open(
                picture.state.as_ptr(),
                bytes.as_ptr(),
                bytes.len(),
                MAX_SCANS as c_int,
                max_memory,
                &mut width,
                &mut height,
                &mut components,
            )
        };
        picture.check(status)?;
        let found = Size::new(height as usize, width as usize);
        if found != header.size {
            let reason = format!("two sizes, {} and {found}", header.size);
            return Err(Error::Damaged { format: Format::Jpeg, reason });
        }
        picture.channels = components as usize;
        Ok(picture)
    }

    /// Decodes a whole picture.
    pub(crate) fn decode_rgb(
        &mut self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
    ) -> Result<Decoded<RgbImage>> {
        let mut picture = self.open(bytes, header, limits)?;
        picture.start()?;
        picture.read_all()
    }

    /// Decodes a whole picture at one `divisor`-th (2, 4 or 8) of its size, rounded up. None where libjpeg overlooks damage or
    /// smooths an unfinished file, which it does otherwise at full size.
    pub(crate) fn decode_reduced(
        &mut self,
        bytes: &[u8],
        header: &Header,
        divisor: usize,
        limits: &Limits,
    ) -> Result<Option<RgbImage>> {
        let mut picture = self.open(bytes, header, limits)?;
        picture.reduce(divisor);
        if !picture.start()? {
            return Ok(None);
        }
        let Decoded { pixels, warnings } = picture.read_all()?;
        Ok(warnings.is_empty().then_some(pixels))
    }
}

/// One file being decoded: open, start, perhaps crop, then skip and read rows.
pub(crate) struct Picture<'a> {
    state: NonNull<State>,
    scan: Option<NonNull<Scan>>,
    width: usize,
    channels: usize,
    rows_left: usize,
    max_bytes: u64,
    /// Whether the file ends before its picture does.
    cut_off: bool,
    /// The decoder and the file's bytes.
    borrowed: PhantomData<(&'a mut Decoder, &'a [u8])>,
}

impl Drop for Picture<'_> {
    fn drop(&mut self) {
        // SAFETY: the decoder is alive, it is borrowed for 'a.
        unsafe { maskwright_jpeg_close(self.state.as_ptr()) }
    }
}

impl Picture<'_> {
    /// Asks for the picture at one `divisor`-th (2, 4 or 8) of its size, rounded up; before [`Self::start`].
    pub(crate) fn reduce(&mut self, divisor: usize) {
        debug_assert!(matches!(divisor, 2 | 4 | 8));
        self.width = self.width.div_ceil(divisor);
        self.rows_left = self.rows_left.div_ceil(divisor);
        // SAFETY: opened by `Decoder::open` and not started; only two numbers are set.
        unsafe { maskwright_jpeg_reduce(self.state.as_ptr(), divisor as c_uint) }
    }

    /// Starts decoding; true where skipping rows and columns gives exactly the pixels and the warnings of a whole decode.
    /// A file that is cut off has to be decoded whole, since the part that is missing may not be shown.
    ///
    /// # Errors
    /// Also where libjpeg is about to give rows of another size than asked for.
    pub(crate) fn start(&mut self) -> Result<bool> {
        let (mut width, mut height, mut exact_parts) = (0, 0, 0);
        let scan = self.scan.map_or(std::ptr::null_mut(), |scan| scan.as_ptr().cast());
        // SAFETY: opened by `Decoder::open`; the scan lives as long as the state; the out pointers are locals.
        let status = unsafe {
            maskwright_jpeg_start(
                self.state.as_ptr(),
                scan,
                &mut width,
                &mut height,
                &mut exact_parts,
            )
        };
        self.check(status)?;
        let (expected, found) =
            (Size::new(self.rows_left, self.width), Size::new(height as usize, width as usize));
        if found != expected {
            let reason = format!("libjpeg gives {found} pixels, {expected} were asked for");
            return Err(Error::Damaged { format: Format::Jpeg, reason });
        }
        Ok(exact_parts != 0 && !self.cut_off)
    }

    /// Reads all rows, at the size that they now have.
    fn read_all(&mut self) -> Result<Decoded<RgbImage>> {
        let mut pixels = RgbImage::filled(Size::new(self.rows_left, self.width), 0);
        let mut inks = vec![0; if self.channels() == 4 { self.row_bytes() } else { 0 }];
        for y in 0..pixels.size.height {
            self.read_rgb(pixels.row_mut(y), &mut inks)?;
        }
        Ok(Decoded { pixels, warnings: self.warnings() })
    }

    /// Restricts rows to columns around `x .. x + width`; returns the first column and the width that rows now have.
    ///
    /// # Errors
    /// Also where libjpeg is about to give columns outside the picture, or not all that were asked for.
    pub(crate) fn crop(&mut self, x: usize, width: usize) -> Result<(usize, usize)> {
        debug_assert!(width > 0 && x + width <= self.width);
        let wanted = x..x + width;
        let (mut x, mut columns) = (x as c_uint, width as c_uint);
        // SAFETY: started, no row read yet.
        let status = unsafe { maskwright_jpeg_crop(self.state.as_ptr(), &mut x, &mut columns) };
        self.check(status)?;
        let given = x as usize..x as usize + columns as usize;
        if given.start > wanted.start || given.end < wanted.end || given.end > self.width {
            let reason = format!("libjpeg gives columns {given:?}, {wanted:?} were asked for");
            return Err(Error::Damaged { format: Format::Jpeg, reason });
        }
        self.width = given.len();
        Ok((given.start, given.len()))
    }

    /// Passes over rows; `row` and `inks` are overwritten, as by [`Self::read_rgb`].
    pub(crate) fn skip(&mut self, rows: usize, row: &mut [u8], inks: &mut [u8]) -> Result<()> {
        let scratch = if self.channels == 3 { row } else { inks };
        assert!(rows <= self.rows_left && scratch.len() >= self.row_bytes(), "rows must be there");
        // SAFETY: started; that many rows are left; C writes no row that the room does not hold.
        let status = unsafe {
            maskwright_jpeg_skip(
                self.state.as_ptr(),
                rows as c_uint,
                scratch.as_mut_ptr(),
                scratch.len(),
            )
        };
        self.rows_left -= rows;
        self.check(status)
    }

    /// 3 (RGB) or 4 (inverted CMYK).
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Bytes of a row as libjpeg writes it.
    pub(crate) fn row_bytes(&self) -> usize {
        self.width * self.channels
    }

    /// Reads a row as RGB into the first 3 x width bytes of `row`; `inks` holds [`Self::row_bytes`] where the
    /// file has four channels.
    pub(crate) fn read_rgb(&mut self, row: &mut [u8], inks: &mut [u8]) -> Result<()> {
        if self.channels == 3 {
            return self.read(row);
        }
        self.read(inks)?;
        for (rgb, ink) in row.as_chunks_mut::<3>().0.iter_mut().zip(inks.as_chunks::<4>().0) {
            *rgb = cmyk_to_rgb(*ink);
        }
        Ok(())
    }

    fn read(&mut self, row: &mut [u8]) -> Result<()> {
        assert!(
            row.len() >= self.row_bytes() && self.rows_left > 0,
            "a row needs room and must be there"
        );
        // SAFETY: started; C writes no row that the room does not hold.
        let status =
            unsafe { maskwright_jpeg_read(self.state.as_ptr(), row.as_mut_ptr(), row.len()) };
        self.rows_left -= 1;
        self.check(status)
    }

    /// What libjpeg overlooked so far, and whether the file is cut off.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        // SAFETY: the state is alive; it keeps the message until the next file is opened.
        let (truncated, count, first) = unsafe {
            let state = self.state.as_ptr();
            (
                maskwright_jpeg_truncated(state),
                maskwright_jpeg_warnings(state),
                text(maskwright_jpeg_warning(state)),
            )
        };
        let mut warnings = Vec::new();
        if truncated != 0 || self.cut_off {
            warnings.push(Warning::Truncated);
        }
        // Running into the end is itself one of the counted warnings.
        let count = count as u64 - u64::from(truncated != 0);
        if count > 0 {
            warnings.push(Warning::DamagedData { count, first });
        }
        warnings
    }

    fn check(&self, status: c_int) -> Result<()> {
        match status {
            OK => Ok(()),
            TOO_MANY_SCANS => Err(Error::TooManyScans { max_scans: MAX_SCANS }),
            OUT_OF_MEMORY => {
                Err(Error::TooManyBytes { needed: self.max_bytes + 1, max_bytes: self.max_bytes })
            }
            _ => {
                // SAFETY: as above.
                let reason = unsafe { text(maskwright_jpeg_error(self.state.as_ptr())) };
                Err(Error::Damaged { format: Format::Jpeg, reason })
            }
        }
    }
}

/// # Safety
/// `message` ends with a zero byte.
unsafe fn text(message: *const c_char) -> String {
    // SAFETY: by this function's contract.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}
