//! How image and mask lie on each other: their sizes, and the orientation that an image states.

use maskwright_data::sample::upright::{Fit, Stored, fit};
use maskwright_data::source::ExifRule;
use maskwright_image::decode::{Header, Orientation};
use maskwright_image::{GreyImage, RgbImage};

use crate::differ::Differ;
use crate::edges;
use crate::finding::Check;
use crate::issue::{Hint, Inspection};

/// Notes how image and mask lie on each other; `drawn` are the pixels of both, as they are stored.
pub(super) fn compare(
    rule: ExifRule,
    image: Option<&Header>,
    mask: &Stored,
    drawn: Option<(&RgbImage, &GreyImage)>,
    found: &mut Inspection,
) {
    let Some(header) = image else { return };
    let image = Stored::of(header);
    let turn = header.orientation;
    let Some(fitted) = fit(rule, &image, mask) else {
        let detail = format!(
            "the image is {}, the mask {}{}",
            image.size,
            mask.size,
            orientation_words(turn)
        );
        let would = rule == ExifRule::Ignore && fit(ExifRule::Auto, &image, mask).is_some();
        let issue = found.note(Check::SizeMismatch, false, detail);
        issue.hint = match would {
            true => Hint::ExifAuto,
            false => Hint::Sizes(Differ::of(header.upright_size(), mask.size)),
        };
        return;
    };
    if turn.is_identity() {
        return;
    }
    let detail = orientation_words(turn).trim_start_matches(", ").to_owned();
    match exif_check(rule, &fitted, &image, mask) {
        Check::ExifAmbiguous => {
            let same = drawn.filter(|_| mask.orientation.is_identity());
            let sides = same.map(|(pixels, label)| edges::compare(pixels, label, turn));
            let words = sides.as_ref().map_or_else(String::new, |sides| format!("; {sides}"));
            let issue = found.note(Check::ExifAmbiguous, true, format!("{detail}{words}"));
            if let Some(sides) = sides {
                issue.hint = Hint::Turn(sides);
            }
        }
        check => {
            found.note(check, true, detail);
        }
    }
}

/// Which of the checks about EXIF an oriented image falls under; the sizes fit.
fn exif_check(rule: ExifRule, fitted: &Fit, image: &Stored, mask: &Stored) -> Check {
    if rule == ExifRule::Ignore {
        return Check::ExifIgnored;
    }
    if fitted.image.is_identity() {
        return Check::ExifAsStored;
    }
    // Image and mask that carry the same orientation belong together.
    let both = fitted.mask == fitted.image;
    let as_stored = image.size == mask.size;
    if as_stored && !both { Check::ExifAmbiguous } else { Check::ExifTurned }
}

pub(super) fn orientation_words(orientation: Orientation) -> String {
    let how = match orientation.exif() {
        1 => return String::new(),
        2 => "mirrored",
        3 => "turned by 180 degrees",
        4 => "mirrored top to bottom",
        5 => "transposed",
        6 => "turned clockwise",
        7 => "transposed along the other diagonal",
        _ => "turned counter-clockwise",
    };
    format!(", EXIF orientation {} ({how})", orientation.exif())
}
