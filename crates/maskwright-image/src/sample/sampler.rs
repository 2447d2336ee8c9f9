//! The type that samples, and whole pictures, labels and planes.

use super::axis::AxisTable;
use super::isa::Isa;
use super::kernel::RgbPairs;
use super::picture::PictureWalk;
use super::plane::PlaneWalks;
#[cfg(feature = "mozjpeg")]
use super::stream::Stream;
use super::walk::Walk;
use crate::error::Result;
use crate::image::{GreyImage, RgbImage};
use crate::mask::{Bitmap, Rle};
use crate::size::Size;

/// Resamples pictures, reusing its buffers; one per thread.
///
/// The instruction set is chosen when the sampler is made: the best that the machine has, or the one that
/// the environment variable `MASKWRIGHT_SIMD` names (`scalar`, `avx2`, `avx512`, `neon`). Results are the same with each.
#[derive(Debug)]
pub struct Sampler {
    pub(super) isa: Isa,
    pub(super) rgb: Walk<RgbPairs>,
    planes: PlaneWalks,
    resize: Option<[AxisTable; 2]>,
    #[cfg(feature = "mozjpeg")]
    pub(super) stream: Stream,
    /// Whether JPEG may be decoded at a fraction of its size.
    #[cfg_attr(not(feature = "mozjpeg"), allow(dead_code, reason = "libjpeg alone can do it"))]
    pub(super) scaled: bool,
    #[cfg(feature = "mozjpeg")]
    pub(super) reduced: Option<[AxisTable; 2]>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// A sampler for this machine.
    ///
    /// # Panics
    /// Where `MASKWRIGHT_SIMD` names an instruction set that this machine has not.
    pub fn new() -> Self {
        Self::with_isa(Isa::detect())
    }

    pub(super) fn with_isa(isa: Isa) -> Self {
        Self {
            isa,
            rgb: Walk::default(),
            planes: PlaneWalks::default(),
            resize: None,
            #[cfg(feature = "mozjpeg")]
            stream: Stream::default(),
            scaled: false,
            #[cfg(feature = "mozjpeg")]
            reduced: None,
        }
    }

    /// Lets [`Self::image_from_bytes`] decode a JPEG at half, a quarter or an eighth of its size where the tables
    /// shrink it by at least as much (libjpeg's scaled DCT). **Inexact**: pixels are off by a level or two on average,
    /// since fine detail is averaged instead of skipped. Off by default; has no effect on PNG and in builds or
    /// with files that libjpeg does not decode in parts.
    pub fn scaled_decoding(self, scaled: bool) -> Self {
        Self { scaled, ..self }
    }

    /// The instruction set in use: `"scalar"`, `"avx2"`, `"avx512"` or `"neon"`.
    pub fn simd_name(&self) -> &'static str {
        self.isa.name()
    }

    /// Samples an RGB picture into `out`, `[3, rows.output(), columns.output()]`, u8, truncated; what the tables do
    /// not show is `pad`.
    ///
    /// # Panics
    /// Where the tables are not for the picture's size, or `out` has another length.
    pub fn image(
        &mut self,
        src: &RgbImage,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: u8,
        out: &mut [u8],
    ) {
        expect_size(src.size, rows, columns);
        let mut walk = PictureWalk::new(self.isa, &mut self.rgb, rows, columns, pad, out);
        while let Some(y) = walk.wanted() {
            walk.push(y, &src.data[3 * src.size.width * y..], 0);
        }
    }

    /// Samples a label into `out`, `[rows.output(), columns.output()]`, f32 in 0..=255; what the tables do not show is
    /// `pad`. Foreground is `> 128`.
    ///
    /// # Panics
    /// As [`Self::image`].
    pub fn label(
        &mut self,
        src: &GreyImage,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: f32,
        out: &mut [f32],
    ) {
        expect_size(src.size, rows, columns);
        self.planes.sample(self.isa, &src.data, [rows, columns], pad, out, |_, _, _| ());
    }

    /// Samples a label as [`Self::label`] does, padded with 0, and makes `foreground` its [`Bitmap`] (`> 128`), row by
    /// row while they are at hand.
    ///
    /// # Panics
    /// As [`Self::image`].
    pub fn label_and_foreground(
        &mut self,
        src: &GreyImage,
        rows: &AxisTable,
        columns: &AxisTable,
        out: &mut [f32],
        foreground: &mut Bitmap,
    ) {
        expect_size(src.size, rows, columns);
        foreground.clear(Size::new(rows.output(), columns.output()));
        self.planes.sample(self.isa, &src.data, [rows, columns], 0.0, out, |y, first, row| {
            foreground.set_row(y, first, row);
        });
    }

    /// As [`Self::label_and_foreground`] on `mask.to_grey()`, byte for byte, without drawing the whole mask: the
    /// cost is that of the mask's runs and of the part of the output that shows the object.
    ///
    /// # Panics
    /// As [`Self::image`].
    pub fn rle_and_foreground(
        &mut self,
        mask: &Rle,
        rows: &AxisTable,
        columns: &AxisTable,
        out: &mut [f32],
        foreground: &mut Bitmap,
    ) {
        foreground.clear(Size::new(rows.output(), columns.output()));
        self.rle(mask, rows, columns, out, |y, first, row| foreground.set_row(y, first, row));
    }

    /// As [`Self::label`] on `mask.to_grey()`, padded with 0, without drawing the whole mask.
    ///
    /// # Panics
    /// As [`Self::image`].
    pub fn rle_label(
        &mut self,
        mask: &Rle,
        rows: &AxisTable,
        columns: &AxisTable,
        out: &mut [f32],
    ) {
        self.rle(mask, rows, columns, out, |_, _, _| ());
    }

    fn rle(
        &mut self,
        mask: &Rle,
        rows: &AxisTable,
        columns: &AxisTable,
        out: &mut [f32],
        seen: impl FnMut(usize, usize, &[f32]),
    ) {
        expect_size(mask.size(), rows, columns);
        self.planes.sample_rle(self.isa, mask, [rows, columns], out, seen);
    }

    /// Samples the numbers `src`, `[size.height, size.width]`, into `out`, `[rows.output(), columns.output()]`.
    ///
    /// # Panics
    /// As [`Self::image`].
    pub fn plane(
        &mut self,
        src: &[f32],
        size: Size,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: f32,
        out: &mut [f32],
    ) {
        expect_size(size, rows, columns);
        assert_eq!(src.len(), size.area(), "a plane of another size");
        self.planes.sample(self.isa, src, [rows, columns], pad, out, |_, _, _| ());
    }

    /// As [`resize_plane`], into memory of the caller, with tables that the sampler keeps.
    ///
    /// # Panics
    /// As [`resize_plane`].
    pub fn resize_plane_into(
        &mut self,
        src: &[f32],
        size: Size,
        out_size: Size,
        out: &mut Vec<f32>,
    ) {
        out.resize(out_size.area(), 0.0);
        let [mut rows, mut columns] = self.resize.take().unwrap_or_else(|| {
            [AxisTable::new(1, 1, false, 0, 1), AxisTable::new(1, 1, false, 0, 1)]
        });
        rows.set(size.height, out_size.height, false, 0, out_size.height);
        columns.set(size.width, out_size.width, false, 0, out_size.width);
        self.plane(src, size, &rows, &columns, 0.0, out);
        self.resize = Some([rows, columns]);
    }
}

/// Holds the tables to the size of what is sampled.
fn expect_size(size: Size, rows: &AxisTable, columns: &AxisTable) {
    assert_eq!(size, Size::new(rows.source(), columns.source()), "tables for another size");
}

/// Refuses a value of `MASKWRIGHT_SIMD` that this machine has not.
pub(crate) fn check_environment() -> Result<()> {
    Isa::chosen().map(|_| ())
}

/// The instruction sets that this machine has a sampler for, best first; each is a value of `MASKWRIGHT_SIMD`.
pub fn simd_available() -> Vec<&'static str> {
    Isa::all().into_iter().map(Isa::name).collect()
}

/// Resizes numbers, `[size.height, size.width]`, to `out_size`: bilinear, `align_corners=False`, no antialiasing.
///
/// # Panics
/// Where `src` has not `size.area()` numbers or a source side is 0.
///
/// ```
/// use maskwright_image::{Size, sample::resize_plane};
/// assert_eq!(resize_plane(&[0.0, 1.0], Size::new(1, 2), Size::new(1, 4)), [0.0, 0.25, 0.75, 1.0]);
/// ```
pub fn resize_plane(src: &[f32], size: Size, out_size: Size) -> Vec<f32> {
    let mut out = Vec::new();
    Sampler::new().resize_plane_into(src, size, out_size, &mut out);
    out
}
