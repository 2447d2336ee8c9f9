//! One record of a finding, in pictures.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maskwright_doctor::{Check, Instance, Look, Looker, Subject};
use maskwright_image::RgbImage;
use maskwright_image::encode::{Chroma, jpeg_rgb_with};
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::every_nth;

use crate::page::escape::escape;
use crate::page::tile::{self, Backdrop, Marks};

/// The largest width and height of a picture.
const WIDTH: usize = 236;
const HEIGHT: usize = 220;
const QUALITY: u8 = 88;

/// A picture with the words under it.
type Picture = (&'static str, RgbImage);

/// The name of an instance, with its object where it has one.
pub(super) fn label(instance: &Instance) -> String {
    match instance.object {
        Some(id) => format!("{}, annotation {id}", instance.name),
        None => instance.name.clone(),
    }
}

/// Writes an instance of a check as a figure.
pub(super) fn write(
    page: &mut String,
    subjects: &[Subject],
    place: usize,
    check: Check,
    instance: &Instance,
    looker: &mut Looker,
) {
    page.push_str("<figure class=\"case\">");
    if let Some(record) = instance.record {
        let look = subjects.get(place).map(|subject| looker.look(subject, record, instance.nth));
        let other = instance.like.as_ref().and_then(|like| {
            subjects.get(like.place).map(|subject| looker.look(subject, like.record, 0))
        });
        let pictures = pictures(check, &look.unwrap_or_default(), other.as_ref());
        page.push_str("<div class=\"pictures\">");
        for (words, picture) in &pictures {
            write_picture(page, &instance.name, words, picture);
        }
        if pictures.is_empty() {
            page.push_str("<p class=\"empty\">No picture.</p>");
        }
        page.push_str("</div>");
    }
    let _ = writeln!(
        page,
        "<figcaption>{}<span>{}</span></figcaption></figure>",
        escape(&label(instance)),
        escape(&instance.detail)
    );
}

fn write_picture(page: &mut String, name: &str, words: &str, picture: &RgbImage) {
    // The outline is thin and coloured: halved chroma would wash it out.
    let Ok(file) = jpeg_rgb_with(picture, QUALITY, Chroma::Full) else { return };
    let _ = write!(
        page,
        "<figure><img width=\"{}\" height=\"{}\" alt=\"{}\" src=\"data:image/jpeg;base64,{}\">",
        picture.size.width,
        picture.size.height,
        escape(format!("{name} {words}").trim()),
        STANDARD.encode(file)
    );
    if !words.is_empty() {
        let _ = write!(page, "<figcaption>{}</figcaption>", escape(words));
    }
    page.push_str("</figure>");
}

/// What shows a check best.
fn pictures(check: Check, look: &Look, other: Option<&Look>) -> Vec<Picture> {
    let plain = |image: &Option<RgbImage>| image.as_ref().map(|image| small(image, None, false));
    let outlined = |image: &Option<RgbImage>, boxed: bool| {
        image.as_ref().map(|image| small(image, look.mask.as_ref(), boxed))
    };
    let image = outlined(&look.image, false);
    let file = plain(&look.file);
    let mut found: Vec<(&'static str, Option<RgbImage>)> = match check {
        Check::ZeroOneMask
        | Check::InstanceMask
        | Check::VoidMask
        | Check::ClassIdMask
        | Check::ColourMask
        | Check::DimMask
        | Check::MaskSettings => {
            vec![("image", plain(&look.image)), ("mask file, brightest made white", file)]
        }
        Check::GreyMask
        | Check::SoftMask
        | Check::JpegMask
        | Check::UnevenChannels
        | Check::EmptyMask
        | Check::FullMask
        | Check::InvertedMask => vec![("image, object outlined", image), ("mask file", file)],
        Check::SizeMismatch => {
            let mask = file.or_else(|| look.mask.as_ref().map(fitted));
            vec![("image", plain(&look.image)), ("mask", mask)]
        }
        Check::ExifAmbiguous => vec![
            ("as stored", outlined(&look.stored, false)),
            ("upright, as it is used", outlined(&look.upright, false)),
        ],
        Check::ExifOrientation => {
            vec![("as stored", plain(&look.stored)), ("upright", plain(&look.upright))]
        }
        Check::ExifTurned => vec![
            ("as stored", plain(&look.stored)),
            ("upright, as it is used", outlined(&look.upright, false)),
        ],
        Check::ExifAsStored | Check::ExifIgnored => vec![
            ("as stored, as it is used", outlined(&look.stored, false)),
            ("upright", plain(&look.upright)),
        ],
        Check::TinyObject | Check::DuplicateObject | Check::AreaDisagrees | Check::BoxOutside => {
            vec![("", outlined(&look.image, true))]
        }
        _ => vec![("", image)],
    };
    if let Some(other) = other {
        let mask = other.mask.as_ref();
        found.push(("the other", other.image.as_ref().map(|image| small(image, mask, false))));
    }
    found.into_iter().filter_map(|(words, picture)| Some((words, picture?))).collect()
}

/// A picture that fits the page, with the mask's outline, and a box around it where it is hard to see. A mask of
/// other proportions is not drawn: it lies nowhere on the image.
fn small(image: &RgbImage, mask: Option<&Bitmap>, boxed: bool) -> RgbImage {
    let mask = mask.filter(|mask| mask.size() == image.size);
    let width = width_for(image.size.width, image.size.height);
    let (thinned, factor) = thinned(image, 2 * width);
    let box_xyxy = mask.filter(|_| boxed).and_then(Bitmap::box_xyxy).map(|corners| {
        let [x0, y0, x1, y1] = corners.map(|corner| corner as f32 / factor as f32);
        let margin = thinned.size.width as f32 / 60.0;
        [x0 - margin, y0 - margin, x1 + margin, y1 + margin]
    });
    let backdrop = Backdrop::new(&thinned, width);
    let truth = mask.map(|mask| backdrop.cover_of(mask));
    backdrop.prediction(&Marks { truth: truth.as_ref(), box_xyxy, ..Marks::default() })
}

/// A mask alone.
fn fitted(mask: &Bitmap) -> RgbImage {
    tile::mask(mask, width_for(mask.width(), mask.height()))
}

fn width_for(width: usize, height: usize) -> usize {
    let by_height = HEIGHT * width / height.max(1);
    // Small pictures are enlarged by whole steps at most, so that their pixels can be seen.
    WIDTH.min(by_height).min(4 * width.max(1)).max(1)
}

/// A picture much larger than `width` from every so manieth of its pixels, and which: averaging all of them would take
/// longer than decoding.
fn thinned(image: &RgbImage, width: usize) -> (Cow<'_, RgbImage>, usize) {
    let factor = (image.size.width / width.max(1)).max(1);
    if factor == 1 || image.size.height < factor {
        return (Cow::Borrowed(image), 1);
    }
    (Cow::Owned(every_nth(image, factor)), factor)
}

#[cfg(test)]
mod tests {
    use maskwright_image::Size;
    use maskwright_image::draw::{BOX, POSITIVE};

    use super::*;

    #[test]
    fn pictures_fit_and_keep_their_outline() {
        let image = RgbImage::filled(Size::new(2000, 3000), 90);
        let mask =
            Bitmap::from_fn(Size::new(2000, 3000), |y, x| (500..1500).contains(&y) && x > 1000);
        let picture = small(&image, Some(&mask), false);
        assert_eq!(picture.size, Size::new(157, 236));
        let green = |picture: &RgbImage| {
            picture.data.as_chunks::<3>().0.iter().filter(|pixel| **pixel == POSITIVE).count()
        };
        assert!(green(&picture) > 300);
        // Another size lies nowhere.
        assert_eq!(
            green(&small(&RgbImage::filled(Size::new(3000, 2000), 90), Some(&mask), false)),
            0
        );
        let high = small(&RgbImage::filled(Size::new(1000, 100), 9), None, false);
        assert_eq!(high.size, Size::new(220, 22));
        let dot = Bitmap::from_fn(Size::new(2000, 3000), |y, x| y == 900 && x == 700);
        let boxed = small(&image, Some(&dot), true);
        assert!(boxed.data.as_chunks::<3>().0.contains(&BOX));
    }

    #[test]
    fn checks_show_what_they_are_about() {
        let look = Look {
            image: Some(RgbImage::filled(Size::new(40, 60), 1)),
            stored: Some(RgbImage::filled(Size::new(40, 60), 2)),
            upright: Some(RgbImage::filled(Size::new(40, 60), 3)),
            mask: Some(Bitmap::from_fn(Size::new(40, 60), |_, x| x > 30)),
            file: Some(RgbImage::filled(Size::new(40, 60), 4)),
        };
        let words = |check| -> Vec<&str> {
            pictures(check, &look, None).iter().map(|picture| picture.0).collect()
        };
        assert_eq!(words(Check::ExifAmbiguous), ["as stored", "upright, as it is used"]);
        assert_eq!(words(Check::ZeroOneMask), ["image", "mask file, brightest made white"]);
        assert_eq!(words(Check::TinyObject), [""]);
        assert_eq!(pictures(Check::DuplicateImage, &look, Some(&look)).len(), 2);
        assert!(pictures(Check::NotAnImage, &Look::default(), None).is_empty());
    }
}
