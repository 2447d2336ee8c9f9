//! Clicks that correct a prediction, as a user would give them.
//!
//! SAM was trained so (Kirillov et al., 2023, appendix A): after a prediction a point is drawn uniformly from where it is
//! wrong. It lies on the object where the object was missed, and beside it where there was too much.

use maskwright_image::Size;
use maskwright_image::mask::Bitmap;

use super::Point;
use crate::random::{ObjectKey, Purpose};

/// Where a predicted mask is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRegion {
    /// Pixels of the object that the prediction does not have (false negatives).
    pub missed: Bitmap,
    /// Pixels of the prediction that are not of the object (false positives).
    pub excess: Bitmap,
}

impl ErrorRegion {
    /// Compares a prediction with the object, both bitmaps in the frame of the model's input. Pixels of `ignored`, and those
    /// outside `visible`, the rows and columns that show the image, are never wrong.
    ///
    /// # Panics
    ///
    /// If the bitmaps have different sizes.
    pub fn new(
        predicted: &Bitmap,
        object: &Bitmap,
        ignored: Option<&Bitmap>,
        visible: Size,
    ) -> ErrorRegion {
        assert_eq!(predicted.size(), object.size(), "sizes of prediction and object");
        let counted = |wrong: Bitmap| {
            let wrong = match ignored {
                Some(ignored) => wrong.without(ignored),
                None => wrong,
            };
            if visible == wrong.size() {
                return wrong;
            }
            Bitmap::from_fn(wrong.size(), |y, x| {
                y < visible.height && x < visible.width && wrong.get(y, x)
            })
        };
        ErrorRegion {
            missed: counted(object.without(predicted)),
            excess: counted(predicted.without(object)),
        }
    }

    /// Draws the click of one round of corrections, from 1: a uniformly drawn pixel of both regions, label 1 where the object
    /// was missed and 0 where there was too much. `None` if nothing is wrong.
    ///
    /// The draw depends on nothing but the regions, the object's key and the round.
    pub fn draw(&self, key: ObjectKey, round: u64) -> Option<Point> {
        let (missed, excess) = (self.missed.count(), self.excess.count());
        if missed + excess == 0 {
            return None;
        }
        let mut generator = key.generator_in(Purpose::Correction, round);
        let rank = generator.below((missed + excess) as u64) as usize;
        let (pixel, label) = match rank.checked_sub(missed) {
            None => (self.missed.nth(rank), 1),
            Some(rank) => (self.excess.nth(rank), 0),
        };
        pixel.map(|(x, y)| Point { x: x as f32, y: y as f32, label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SampleKey;

    fn columns(range: std::ops::Range<usize>) -> Bitmap {
        Bitmap::from_fn(Size::square(16), |_, x| range.contains(&x))
    }

    fn key(record: u64) -> ObjectKey {
        SampleKey::in_epoch(3, 0, record).object(0)
    }

    #[test]
    fn clicks_are_uniform_over_both_regions() {
        // The object has columns 4 to 9, the prediction 6 to 9 and 10: two columns are missed, one is too much.
        let whole = Size::square(16);
        let region = ErrorRegion::new(&columns(6..11), &columns(4..10), None, whole);
        let mut counts = [0u32; 16];
        for record in 0..3000 {
            let click = region.draw(key(record), 1).expect("something is wrong");
            assert_eq!(click.label, i32::from(click.x < 6.0));
            counts[click.x as usize] += 1;
        }
        // Five standard deviations of a count with mean 1000.
        assert!([4, 5, 10].iter().all(|&x| counts[x].abs_diff(1000) < 130), "{counts:?}");
        assert_eq!(counts.iter().sum::<u32>(), counts[4] + counts[5] + counts[10]);
    }

    #[test]
    fn every_round_has_its_own_click() {
        let region = ErrorRegion::new(&columns(0..0), &columns(0..16), None, Size::square(16));
        let click = |round| region.draw(key(5), round).expect("something is wrong");
        assert_eq!(click(1), click(1));
        assert!((2..6).any(|round| click(round) != click(1)));
    }

    #[test]
    fn padding_and_what_is_ignored_are_never_wrong() {
        let object = columns(0..8);
        let nothing = columns(0..0);
        let ignored = columns(2..8);
        let visible = Size { height: 4, width: 16 };
        let region = ErrorRegion::new(&nothing, &object, Some(&ignored), visible);
        assert_eq!((region.missed.count(), region.excess.count()), (2 * 4, 0));
        for record in 0..100 {
            let click = region.draw(key(record), 1).expect("something is wrong");
            assert!(click.x < 2.0 && click.y < 4.0 && click.label == 1, "{click:?}");
        }
        let right = ErrorRegion::new(&object, &object, None, visible);
        assert_eq!(right.draw(key(0), 1), None);
    }
}
