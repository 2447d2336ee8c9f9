//! What the grey levels of a mask file say about it.

use maskwright_image::GreyImage;
use maskwright_image::decode::Warning;

use crate::finding::Check;
use crate::issue::{Hint, Inspection};
use crate::shape::Shape;
use crate::values;

/// Grey by what is not black from which a mask counts as soft, and as hardly a mask.
const SOFT: f64 = 0.01;
const MOSTLY_GREY: f64 = 0.5;

/// Remarks on the grey levels of a mask file.
pub(super) fn remarks(
    shape: &Shape,
    label: &GreyImage,
    decoded: &[Warning],
    found: &mut Inspection,
) {
    let per_cent = |share: f64| format!("{:.1}%", 100.0 * share);
    if shape.foreground == 0 {
        if shape.brightest == 0 {
            found.note(Check::EmptyMask, false, "all pixels are 0");
        } else {
            let levels = values::levels(&label.data);
            let detail = format!("the brightest value is {}", shape.brightest);
            found.note(Check::DimMask, false, detail).hint = Hint::Values(levels);
        }
        return;
    }
    if shape.seems_inverted() {
        let detail = format!(
            "{} of the picture and {} of its border",
            per_cent(shape.share()),
            per_cent(shape.border)
        );
        found.note(Check::InvertedMask, false, detail);
    }
    let grey = format!(
        "{} of the pixels are between 10 and 245, {} of what is not black",
        per_cent(shape.grey_share()),
        per_cent(shape.grey_of_object())
    );
    let jpeg = decoded.iter().any(|warning| matches!(warning, Warning::LossyMask { .. }));
    if jpeg {
        found.note(Check::JpegMask, false, grey.clone());
    }
    if shape.grey_of_object() > MOSTLY_GREY {
        found.note(Check::GreyMask, false, grey);
    } else if !jpeg && shape.grey > 0 && shape.grey_of_object() >= SOFT {
        found.note(Check::SoftMask, false, grey);
    }
}
