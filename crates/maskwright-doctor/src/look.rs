//! The pictures of a finding, decoded once more for those that are shown.

use maskwright_data::sample::upright::{Stored, fit};
use maskwright_data::source::{
    ImageBuffer, ImageForm, Located, MaskBuffer, MaskForm, Pick, Source,
};
use maskwright_image::decode::{
    ImageFile, LabelDecoder, Limits, Orientation, orient_grey, orient_rgb,
};
use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, RgbImage};

use crate::subject::Subject;

/// What can be seen of a record's object. Nothing here is an error: what cannot be decoded is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// The image as training would show it.
    pub image: Option<RgbImage>,
    /// The image as stored, where it is turned in [`image`](Look::image) or could be.
    pub stored: Option<RgbImage>,
    /// The image turned upright by its EXIF orientation, where it has one.
    pub upright: Option<RgbImage>,
    /// What counts as object, in the frame of [`image`](Look::image) where their sizes fit.
    pub mask: Option<Bitmap>,
    /// The mask file as a picture, its levels stretched from black to white; none where the mask is no file.
    pub file: Option<RgbImage>,
}

/// Makes looks, one after the other.
#[derive(Debug, Default)]
pub struct Looker {
    image: ImageBuffer,
    mask: MaskBuffer,
    limits: Limits,
}

impl Looker {
    /// With the default limits.
    pub fn new() -> Looker {
        Looker::default()
    }

    /// What can be seen of object `nth` of a record.
    pub fn look(&mut self, subject: &Subject, record: usize, nth: usize) -> Look {
        let mut look = Look::default();
        let Some(source) = subject.source() else { return look };
        let Ok(at) = source.locate(record) else { return look };
        let mut turn = Orientation::IDENTITY;
        let mut size = None;
        let stored = source.image(&at, &mut self.image).ok().and_then(|()| {
            if self.image.form == ImageForm::Pixels {
                return Some((*self.image.pixels).clone());
            }
            let file = self.image.open().ok()?;
            turn = file.header().orientation;
            size = Some(Stored::of(file.header()));
            file.decode_rgb(&self.limits).ok().map(|decoded| decoded.pixels)
        });
        let (label, mask_size) = self.mask(source, &at, nth, &mut look);
        let fitted = size.zip(mask_size).and_then(|(size, mask)| fit(source.exif(), &size, &mask));
        if let Some(stored) = stored {
            let shown = fitted.as_ref().map_or(Orientation::IDENTITY, |fitted| fitted.image);
            look.image = Some(orient_rgb(stored.clone(), shown));
            if !turn.is_identity() {
                look.upright = Some(orient_rgb(stored.clone(), turn));
                look.stored = Some(stored);
            }
        }
        let turned = fitted.map_or(Orientation::IDENTITY, |fitted| fitted.mask);
        look.mask = label.map(|label| Bitmap::from_grey(&orient_grey(label, turned)));
        look
    }

    /// The label as stored, and its size also where it is refused.
    fn mask(
        &mut self,
        source: &dyn Source,
        at: &Located,
        nth: usize,
        look: &mut Look,
    ) -> (Option<GreyImage>, Option<Stored>) {
        if nth >= source.objects(at).unwrap_or(0)
            || source.mask(at, Pick::Nth(nth), &mut self.mask).is_err()
        {
            return (None, None);
        }
        match self.mask.form {
            MaskForm::File => {
                let Ok(file) = ImageFile::read(&self.mask.file) else { return (None, None) };
                let picture = file.decode_rgb(&self.limits).ok();
                look.file = picture.map(|decoded| stretched(decoded.pixels));
                let (rule, mut label) = (source.mask_rule(), GreyImage::default());
                let decoded =
                    LabelDecoder::default().decode_file(&file, rule, &self.limits, &mut label);
                (decoded.ok().map(|_| label), Some(Stored::of(file.header())))
            }
            MaskForm::Objects => {
                let Ok(file) = ImageFile::read(&self.mask.file) else { return (None, None) };
                let stored = Stored::of(file.header());
                let picture = file.decode_rgb(&self.limits).ok();
                look.file = picture.map(|decoded| stretched(decoded.pixels));
                let (rule, mut labels) = (source.mask_rule(), LabelDecoder::default());
                let read =
                    self.mask.read_object(rule, &self.limits, &mut labels, Orientation::IDENTITY);
                (read.ok().map(|_| self.mask.rle.to_grey()), Some(stored))
            }
            MaskForm::Rle => {
                let rle = &self.mask.rle;
                (Some(rle.to_grey()), Some(Stored::plain(rle.size())))
            }
            MaskForm::Grey => {
                let grey = &self.mask.grey;
                (Some((**grey).clone()), Some(Stored::plain(grey.size)))
            }
        }
    }
}

/// The brightest level made 255, so that masks of small numbers can be seen.
fn stretched(mut picture: RgbImage) -> RgbImage {
    let brightest = picture.data.iter().copied().max().unwrap_or(0);
    if brightest > 0 && brightest < 255 {
        let stretch = |level: u8| (u16::from(level) * 255 / u16::from(brightest)) as u8;
        picture.data.iter_mut().for_each(|level| *level = stretch(*level));
    }
    picture
}
