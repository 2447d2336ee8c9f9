//! The metrics of run-length masks, whose sizes need not agree: then an error says so.

use super::{boundary_iou, iou};
use crate::error::{Error, Result};
use crate::mask::{Bitmap, Rle};

/// What is said of two masks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Agreement {
    /// [`iou`].
    Iou,
    /// [`boundary_iou`] with this share of the diagonal, usually 0.02.
    BoundaryIou(f64),
}

/// How well a prediction agrees with the truth, 0 to 1, without the pixels of `ignored`, which are taken out of both. Two empty masks
/// score 1.
///
/// # Errors
/// [`Error::RleSizes`] where the sizes differ.
///
/// ```
/// use maskwright_image::metric::agreement::{Agreement, agreement};
/// use maskwright_image::{Size, mask::Rle};
/// let columns = |to: u32| Rle::new(Size::new(2, 5), vec![0, 2 * to, 10 - 2 * to]);
/// let (prediction, truth, ignored) = (columns(3)?, columns(4)?, columns(2)?);
/// assert_eq!(agreement(&prediction, &truth, None, Agreement::Iou)?, 0.75);
/// assert_eq!(agreement(&prediction, &truth, Some(&ignored), Agreement::Iou)?, 0.5);
/// # Ok::<(), maskwright_image::Error>(())
/// ```
pub fn agreement(
    prediction: &Rle,
    truth: &Rle,
    ignored: Option<&Rle>,
    what: Agreement,
) -> Result<f64> {
    let expected = truth.size();
    let other = [Some(prediction), ignored].into_iter().flatten();
    if let Some(other) = other.into_iter().find(|other| other.size() != expected) {
        return Err(Error::RleSizes { expected, found: other.size() });
    }
    let ignored = ignored.map(Rle::to_bitmap);
    let counted = |mask: &Rle| -> Bitmap {
        match &ignored {
            Some(ignored) => mask.to_bitmap().without(ignored),
            None => mask.to_bitmap(),
        }
    };
    let (prediction, truth) = (counted(prediction), counted(truth));
    Ok(match what {
        Agreement::Iou => iou(&prediction, &truth),
        Agreement::BoundaryIou(ratio) => boundary_iou(&prediction, &truth, ratio),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn empty_masks_agree_and_sizes_must() {
        let empty = Rle::new(Size::new(4, 5), vec![20]).unwrap();
        let full = Rle::new(Size::new(4, 5), vec![0, 20]).unwrap();
        let other = Rle::new(Size::new(5, 4), vec![20]).unwrap();
        for what in [Agreement::Iou, Agreement::BoundaryIou(0.02)] {
            assert_eq!(agreement(&empty, &empty, None, what), Ok(1.0));
            assert_eq!(agreement(&empty, &full, None, what), Ok(0.0));
            // All pixels ignored: nothing counts.
            assert_eq!(agreement(&empty, &full, Some(&full), what), Ok(1.0));
            let error = Err(Error::RleSizes { expected: empty.size(), found: other.size() });
            assert_eq!(agreement(&other, &empty, None, what), error);
            assert_eq!(agreement(&empty, &empty, Some(&other), what), error);
        }
        // The diagonal of 4 x 5 is 6.4, of which a fiftieth is less than a pixel: a ring of one, 14 of 20 pixels; columns 0 to 2
        // have one of 10 of 12, and 8 of them are in the other.
        let left = Rle::new(Size::new(4, 5), vec![0, 12, 8]).unwrap();
        assert_eq!(
            agreement(&left, &full, None, Agreement::BoundaryIou(0.02)),
            Ok(8.0 / (14.0 + 10.0 - 8.0))
        );
    }
}
