//! What a view shows of masks and of the image.

use maskwright_image::decode::{Decoded, ImageFile, Warning, orient_rgb};
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::{AxisTable, Sampler, decodes_reduced, shrink};
use maskwright_image::{GreyImage, RgbImage};

use super::SampleConfig;
use super::opened::{Opened, Part};
use super::reader::WholeMask;
use crate::error::Result;
use crate::geometry::Geometry;
use crate::plan::{Attempts, Framing};
use crate::source::ImageBuffer;

/// An image is read again for its picture if it is less than so many times as wide.
const MUCH_LARGER: usize = 4;

/// A view that shows the object.
pub(super) struct Framed {
    pub(super) geometry: Geometry,
    pub(super) framing: Framing,
    pub(super) redraws: u32,
}

/// Samples masks and images through one view after the other, in memory that it keeps.
#[derive(Debug)]
pub(super) struct ViewSampler {
    sampler: Sampler,
    /// The tables of the view at hand.
    rows: AxisTable,
    cols: AxisTable,
    /// The object of the label sampled last.
    foreground: Bitmap,
    /// Which pixels of it do not count, where any.
    ignored: Option<Bitmap>,
    /// Memory to sample them in.
    plane: Vec<f32>,
}

impl ViewSampler {
    pub(super) fn new(sampler: Sampler) -> ViewSampler {
        let one = AxisTable::new(1, 1, false, 0, 1);
        ViewSampler {
            sampler,
            rows: one.clone(),
            cols: one,
            foreground: Bitmap::default(),
            ignored: None,
            plane: Vec::new(),
        }
    }

    /// Goes to a view.
    pub(super) fn set_view(&mut self, geometry: &Geometry) {
        geometry.set_tables(&mut self.rows, &mut self.cols);
    }

    /// Samples the label of a mask, and says whether the view shows its object: whether at least one
    /// pixel is foreground.
    ///
    /// `ignored` has the size of the mask. A pixel of the view does not count if any pixel that it mixes, with whatever
    /// weight above 0, is ignored: the label is 0 there.
    pub(super) fn label(
        &mut self,
        mask: WholeMask<'_>,
        ignored: Option<&GreyImage>,
        label: &mut [f32],
    ) -> bool {
        let Self { sampler, rows, cols, foreground, .. } = self;
        match mask {
            WholeMask::Grey(whole) => {
                sampler.label_and_foreground(whole, rows, cols, label, foreground)
            }
            WholeMask::Rle(rle) => sampler.rle_and_foreground(rle, rows, cols, label, foreground),
        }
        self.ignored = None;
        if let Some(ignored) = ignored {
            self.leave_out(ignored, label);
        }
        self.foreground.count() > 0
    }

    /// Takes what is ignored out of a label and its foreground.
    fn leave_out(&mut self, ignored: &GreyImage, label: &mut [f32]) {
        let Self { sampler, rows, cols, foreground, plane, .. } = self;
        plane.resize(label.len(), 0.0);
        sampler.label(ignored, rows, cols, 0.0, plane);
        let pixels = label.iter_mut().zip(&*plane);
        pixels.filter(|(_, ignored)| **ignored > 0.0).for_each(|(value, _)| *value = 0.0);
        let width = foreground.width();
        let shown = Bitmap::from_fn(foreground.size(), |y, x| plane[y * width + x] > 0.0);
        if shown.count() > 0 {
            *foreground = foreground.without(&shown);
            self.ignored = Some(shown);
        }
    }

    /// Which pixels of the label sampled last do not count; none where all do.
    pub(super) fn ignored(&self) -> Option<&Bitmap> {
        self.ignored.as_ref()
    }

    /// The object of the label sampled last.
    pub(super) fn foreground(&self) -> &Bitmap {
        &self.foreground
    }

    /// Goes from view to view until one shows the object, and stays there; `label` holds its label then.
    /// `None` if the mask is empty.
    pub(super) fn find(
        &mut self,
        mut attempts: Attempts<'_>,
        mask: WholeMask<'_>,
        ignored: Option<&GreyImage>,
        label: &mut [f32],
    ) -> Option<Framed> {
        let mut attempt = |geometry: Geometry, framing: Framing, redraws: u32| {
            self.set_view(&geometry);
            self.label(mask, ignored, label).then_some(Framed { geometry, framing, redraws })
        };
        let mut next = Some(attempts.first());
        while let Some(geometry) = next {
            if let Some(framed) = attempt(geometry, Framing::Jitter, attempts.redraws()) {
                return Some(framed);
            }
            next = attempts.redraw();
        }
        let redraws = attempts.redraws();
        if let Some(framed) = attempt(attempts.whole_image(), Framing::WholeImage, redraws) {
            return Some(framed);
        }
        let whole = mask.to_bitmap();
        let (x, y) = whole.nth(whole.count() / 2)?;
        attempt(attempts.around(x, y), Framing::Object, redraws)
    }

    /// Decodes what the view shows of the image. That a file is cut off is noticed always; other damage after the last
    /// row that is shown only where all is decoded, as `plan.strict` asks for. Gives the image's picture for people as well, where
    /// that is wanted and cheaper now than later.
    pub(super) fn image(
        &mut self,
        image: &ImageBuffer,
        opened: &Opened<'_>,
        config: &SampleConfig,
        out: &mut [u8],
    ) -> Result<(Vec<Warning>, Option<RgbImage>)> {
        let Self { sampler, rows, cols, .. } = self;
        let refused = |error| opened.refused(Part::Image, error);
        let (limits, pad, turn) = (&config.limits, config.plan.pad, opened.turn());
        // Pixels in memory have no header.
        let Some(header) = opened.header else {
            sampler.image(&image.pixels, rows, cols, pad, out);
            return Ok((Vec::new(), None));
        };
        let small = config.picture_width.filter(|_| !decodes_reduced(&header));
        let small = small.map(|width| opened.size.at_width(width));
        let small = small.filter(|small| opened.size.width >= MUCH_LARGER * small.width);
        let file = ImageFile::with_header(&image.file, header).in_range(image.range);
        if turn.is_identity() && !config.plan.strict && small.is_none() {
            let warnings = sampler.image_from_file(&file, limits, rows, cols, pad, out);
            return Ok((warnings.map_err(refused)?, None));
        }
        let Decoded { pixels, warnings } = file.decode_rgb(limits).map_err(refused)?;
        let pixels = orient_rgb(pixels, turn);
        sampler.image(&pixels, rows, cols, pad, out);
        Ok((warnings, small.map(|small| shrink(&pixels, small))))
    }
}
