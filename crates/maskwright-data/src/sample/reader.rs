//! The files of the record at hand, read and made a mask.

use maskwright_image::GreyImage;
use maskwright_image::decode::{
    DecodeBudget, ImageFile, LabelDecoder, Limits, orient_grey, read_header,
};
use maskwright_image::mask::{Bitmap, Rle};

use super::SampleConfig;
use super::opened::{Opened, Part};
use super::timings::Stopwatch;
use super::upright::{Stored, fit};
use crate::error::{Error, Result};
use crate::source::{ImageBuffer, ImageForm, Located, MaskBuffer, MaskForm, Pick, Source};

/// A label of more bytes is given up after its record; smaller ones serve the next.
const KEPT: usize = 64 << 20;

/// Reads records, one after the other, into memory that it keeps: an image, and one mask at a time.
#[derive(Debug)]
pub(super) struct Reader {
    limits: Limits,
    budget: DecodeBudget,
    strict: bool,
    labels: LabelDecoder,
    pub(super) image: ImageBuffer,
    /// The mask as its source has it.
    mask: MaskBuffer,
    /// Where that is an image file: the label it becomes, upright.
    label: GreyImage,
    /// Which of its pixels do not count, upright.
    ignored: Option<GreyImage>,
}

/// A mask at the image's own size, upright like the image.
#[derive(Debug, Clone, Copy)]
pub(super) enum WholeMask<'a> {
    /// 0..=255; above 128 is foreground.
    Grey(&'a GreyImage),
    /// Run lengths.
    Rle(&'a Rle),
}

impl WholeMask<'_> {
    /// Whether there is no foreground.
    pub(super) fn is_empty(self) -> bool {
        match self {
            WholeMask::Grey(label) => Bitmap::from_grey(label).count() == 0,
            WholeMask::Rle(rle) => rle.area() == 0,
        }
    }

    /// The foreground.
    pub(super) fn to_bitmap(self) -> Bitmap {
        match self {
            WholeMask::Grey(label) => Bitmap::from_grey(label),
            WholeMask::Rle(rle) => rle.to_bitmap(),
        }
    }
}

impl Reader {
    pub(super) fn new(config: &SampleConfig) -> Reader {
        Reader {
            limits: config.limits,
            budget: config.decode_budget.clone(),
            strict: config.plan.strict,
            labels: LabelDecoder::default(),
            image: ImageBuffer::new(),
            mask: MaskBuffer::new(),
            label: GreyImage::default(),
            ignored: None,
        }
    }

    /// Reads image and mask of a record; decides about the orientation.
    pub(super) fn open<'a>(
        &mut self,
        source: &'a dyn Source,
        index: usize,
        pick: Pick,
        watch: &mut Stopwatch,
    ) -> Result<Opened<'a>> {
        let mut opened = self.open_image(source, index, watch)?;
        self.read_mask(&mut opened, pick, watch)?;
        Ok(opened)
    }

    /// Reads the image of a record and its header.
    pub(super) fn open_image<'a>(
        &mut self,
        source: &'a dyn Source,
        index: usize,
        watch: &mut Stopwatch,
    ) -> Result<Opened<'a>> {
        let image = &mut self.image;
        let at = watch.time(
            |t| &mut t.read,
            || -> Result<Located> {
                let at = source.locate(index)?;
                source.image(&at, image)?;
                Ok(at)
            },
        )?;
        self.mask.forget();
        let mut opened = Opened::new(source, at);
        opened.image = match self.image.form {
            ImageForm::File => {
                let header = watch
                    .time(|t| &mut t.header, || read_header(&self.image.file))
                    .map_err(|error| opened.refused(Part::Image, error))?;
                opened.header = Some(header);
                Stored::of(&header)
            }
            ImageForm::Pixels => Stored::plain(self.image.pixels.size),
        };
        Ok(opened)
    }

    /// Reads another mask of the record.
    ///
    /// The first mask of a record says how the image is turned; others have to fit the image so turned.
    pub(super) fn read_mask(
        &mut self,
        opened: &mut Opened<'_>,
        pick: Pick,
        watch: &mut Stopwatch,
    ) -> Result<()> {
        let start = (watch.clock)();
        opened.source.mask(&opened.at, pick, &mut self.mask)?;
        // What an annotation costs is mostly to find and parse its run lengths.
        *match self.mask.form {
            MaskForm::File | MaskForm::Grey | MaskForm::Objects => &mut watch.timings.read,
            MaskForm::Rle => &mut watch.timings.mask,
        } += (watch.clock)() - start;

        let file = match self.mask.form {
            MaskForm::File | MaskForm::Objects => {
                let file = watch.time(|t| &mut t.header, || ImageFile::read(&self.mask.file));
                Some(file.map_err(|error| opened.refused(Part::Mask, error))?)
            }
            MaskForm::Rle | MaskForm::Grey => None,
        };
        let mask = match (self.mask.form, &file) {
            (MaskForm::Grey, _) => Stored::plain(self.mask.grey.size),
            (_, Some(file)) => Stored::of(file.header()),
            (_, None) => Stored::plain(self.mask.rle.size()),
        };
        let image = opened.image;
        let fits = fit(opened.source.exif(), &image, &mask)
            .filter(|fit| opened.turn.is_none_or(|turn| turn == fit.image));
        let fit = fits.ok_or_else(|| {
            opened.about(|record| Error::SizeMismatch {
                record: record.to_string(),
                image: record.image,
                image_size: image.size,
                mask: record.mask,
                mask_size: mask.size,
            })
        })?;
        (opened.turn, opened.size) = (Some(fit.image), fit.size);

        let limits = &self.limits;
        if let Some(header) = opened.header {
            ImageFile::with_header(&self.image.file, header)
                .check(limits)
                .map_err(|error| opened.refused(Part::Image, error))?;
        }
        if let Some(file) = &file {
            file.check(limits).map_err(|error| opened.refused(Part::Mask, error))?;
        }
        let several = self.mask.form == MaskForm::Objects;
        let needed = file.as_ref().map_or(0, |file| self.mask.form.decode_bytes(file.header()));
        opened.reserve(&self.budget, needed, || self.label = GreyImage::default())?;

        let rule = opened.source.mask_rule();
        if several {
            let (mask, labels) = (&mut self.mask, &mut self.labels);
            let warnings = watch
                .time(|t| &mut t.mask, || mask.read_object(rule, limits, labels, fit.mask))
                .map_err(|error| opened.refused(Part::Mask, error))?;
            opened.add(Part::Mask, warnings, self.strict)?;
        } else if let Some(file) = file {
            let (labels, label) = (&mut self.labels, &mut self.label);
            let warnings = watch
                .time(|t| &mut t.mask, || labels.decode_file(&file, rule, limits, label))
                .map_err(|error| opened.refused(Part::Mask, error))?;
            opened.add(Part::Mask, warnings, self.strict)?;
            self.ignored = self.labels.take_ignored().map(|plane| orient_grey(plane, fit.mask));
            if !fit.mask.is_identity() {
                let turned = std::mem::take(&mut self.label);
                self.label = watch.time(|t| &mut t.mask, || orient_grey(turned, fit.mask));
            }
        }
        Ok(())
    }

    /// Ends the work on a record: what no budget counts any more is small.
    pub(super) fn end(&mut self) {
        if self.label.data.capacity() > KEPT {
            self.label = GreyImage::default();
        }
        self.mask.shrink(KEPT);
        self.ignored = None;
    }

    /// The mask read last.
    pub(super) fn mask(&self) -> WholeMask<'_> {
        match self.mask.form {
            MaskForm::File => WholeMask::Grey(&self.label),
            MaskForm::Rle | MaskForm::Objects => WholeMask::Rle(&self.mask.rle),
            MaskForm::Grey => WholeMask::Grey(&self.mask.grey),
        }
    }

    /// Which pixels do not count, 255 there; at the size of the mask read last, and upright like it.
    pub(super) fn ignored(&self) -> Option<&GreyImage> {
        match self.mask.form {
            MaskForm::File => self.ignored.as_ref(),
            MaskForm::Objects => self.mask.ignored(),
            MaskForm::Rle | MaskForm::Grey => None,
        }
    }

    /// The object's id, where the mask read last is one of several.
    pub(super) fn object(&self) -> Option<u64> {
        self.mask.object
    }

    /// How many bytes of files were read for the mask read last.
    pub(super) fn mask_bytes(&self) -> usize {
        self.mask.bytes()
    }
}
