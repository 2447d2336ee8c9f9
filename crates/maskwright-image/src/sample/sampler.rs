//! Whole pictures, labels and planes through two axis tables.

use super::axis::AxisTable;
use super::gather;
use super::isa::Isa;
use super::kernel::{PlaneTaps, RgbTaps, Weights};
use super::stream::Stream;
use super::walk::Walk;
use crate::image::{GreyImage, RgbImage};

/// Resamples pictures, reusing its buffers; one per thread.
///
/// The instruction set is chosen when the sampler is made: the best that the machine has, or the one that
/// the environment variable `MASKWRIGHT_SIMD` names (`scalar`, `avx2`, `avx512`, `neon`) where the machine has
/// it. Results are the same with each.
#[derive(Debug)]
pub struct Sampler {
    pub(super) isa: Isa,
    pub(super) rgb: Walk<RgbTaps>,
    plane: Walk<PlaneTaps>,
    pub(super) stream: Stream,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// A sampler for this machine.
    pub fn new() -> Self {
        Self::with_isa(Isa::detect())
    }

    pub(super) fn with_isa(isa: Isa) -> Self {
        Self { isa, rgb: Walk::default(), plane: Walk::default(), stream: Stream::default() }
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
        assert_eq!(
            (src.height, src.width),
            (rows.source(), columns.source()),
            "tables for another size"
        );
        let mut target = RgbTarget::new(self.isa, rows, columns, pad, out);
        self.rgb.restart();
        while let Some(y) = self.rgb.wanted(rows) {
            target.push(&mut self.rgb, y, &src.data[3 * src.width * y..]);
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
        assert_eq!(
            (src.height, src.width),
            (rows.source(), columns.source()),
            "tables for another size"
        );
        self.plane_of(&src.data, rows, columns, pad, out);
    }

    /// Samples `[src_h, src_w]` numbers into `out`, `[rows.output(), columns.output()]`.
    ///
    /// # Panics
    /// As [`Self::image`].
    #[allow(clippy::too_many_arguments, reason = "a plane is its numbers and two sizes")]
    pub fn plane(
        &mut self,
        src: &[f32],
        src_h: usize,
        src_w: usize,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: f32,
        out: &mut [f32],
    ) {
        assert_eq!((src_h, src_w), (rows.source(), columns.source()), "tables for another size");
        assert_eq!(src.len(), src_h * src_w, "a plane of another size");
        self.plane_of(src, rows, columns, pad, out);
    }

    fn plane_of<T: Copy + Into<f32>>(
        &mut self,
        src: &[T],
        rows: &AxisTable,
        columns: &AxisTable,
        pad: f32,
        out: &mut [f32],
    ) {
        let (width, visible) = (columns.output(), columns.visible());
        assert_eq!(out.len(), rows.output() * width, "an output of another size");
        out[rows.visible() * width..].fill(pad);
        let isa = self.isa;
        self.plane.restart();
        while let Some(y) = self.plane.wanted(rows) {
            let row = &src[y * columns.source()..];
            self.plane.push(
                rows,
                y,
                |taps| gather::plane(row, columns, taps),
                |output, top, bottom| {
                    let out = &mut out[output * width..(output + 1) * width];
                    out[visible..].fill(pad);
                    isa.blend_plane(
                        top,
                        bottom,
                        weights(rows, columns, output),
                        &mut out[..visible],
                    );
                },
            );
        }
    }
}

/// Where sampled RGB rows go.
pub(super) struct RgbTarget<'a> {
    isa: Isa,
    rows: &'a AxisTable,
    columns: &'a AxisTable,
    pad: u8,
    planes: [&'a mut [u8]; 3],
}

impl<'a> RgbTarget<'a> {
    /// Pads what no row will write.
    pub(super) fn new(
        isa: Isa,
        rows: &'a AxisTable,
        columns: &'a AxisTable,
        pad: u8,
        out: &'a mut [u8],
    ) -> Self {
        let plane = rows.output() * columns.output();
        assert_eq!(out.len(), 3 * plane, "an output of another size");
        let (red, rest) = out.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let mut planes = [red, green, blue];
        for plane in &mut planes {
            plane[rows.visible() * columns.output()..].fill(pad);
        }
        Self { isa, rows, columns, pad, planes }
    }

    /// Takes source row `y`; `row` starts with its pixels and may go on.
    pub(super) fn push(&mut self, walk: &mut Walk<RgbTaps>, y: usize, row: &[u8]) {
        let Self { isa, rows, columns, pad, planes } = self;
        let (width, visible) = (columns.output(), columns.visible());
        walk.push(
            rows,
            y,
            |taps| gather::rgb(row, columns, taps),
            |output, top, bottom| {
                let out = planes.each_mut().map(|plane| {
                    let (shown, padding) =
                        plane[output * width..(output + 1) * width].split_at_mut(visible);
                    padding.fill(*pad);
                    shown
                });
                isa.blend_rgb(top, bottom, weights(rows, columns, output), out);
            },
        );
    }
}

fn weights<'a>(rows: &AxisTable, columns: &'a AxisTable, output: usize) -> Weights<'a> {
    Weights { columns: [columns.w0(), columns.w1()], rows: [rows.w0()[output], rows.w1()[output]] }
}

/// Resizes `[h, w]` numbers to `[out_h, out_w]`: bilinear, `align_corners=False`, no antialiasing.
///
/// # Panics
/// Where `src` has not `h * w` numbers or a source side is 0.
///
/// ```
/// use maskwright_image::sample::resize_plane;
/// assert_eq!(resize_plane(&[0.0, 1.0], (1, 2), (1, 4)), [0.0, 0.25, 0.75, 1.0]);
/// ```
pub fn resize_plane(
    src: &[f32],
    (h, w): (usize, usize),
    (out_h, out_w): (usize, usize),
) -> Vec<f32> {
    let mut out = vec![0.0; out_h * out_w];
    let rows = AxisTable::new(h, out_h, false, 0, out_h);
    let columns = AxisTable::new(w, out_w, false, 0, out_w);
    Sampler::new().plane(src, h, w, &rows, &columns, 0.0, &mut out);
    out
}
