//! The worst and the best predictions of an evaluation, kept while it is made, so that nothing has to be predicted
//! again to show them.

use std::sync::Arc;

use maskwright_data::prompt::{Point, Prompt, PromptKind};
use maskwright_data::sample::EvalSample;
use maskwright_image::RgbImage;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use super::metrics::{MaskScores, judged};

/// Predictions that are kept at each end.
const KEPT: usize = 4;

/// The worst and the best predictions under the first prompt of an evaluation, by the IoU of the HQ mask (or
/// SAM's own where there is no other).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The worst, beginning with the worst of all.
    pub worst: Vec<ShownPrediction>,
    /// The best, beginning with the best of all.
    pub best: Vec<ShownPrediction>,
}

/// The prediction of one record. Masks are in the image's own frame, upright where the image was turned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownPrediction {
    /// The set's name.
    pub set: String,
    /// The record's number in the set.
    pub record: usize,
    /// The record's name.
    pub name: String,
    /// Whether the image was turned upright by its EXIF orientation.
    pub turned: bool,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// Its box in pixels of the image: left, top, right, bottom.
    pub box_xyxy: Option<[f32; 4]>,
    /// Its points in pixels of the image.
    pub points: Vec<Point>,
    /// The object.
    #[serde(with = "run_lengths")]
    pub truth: Rle,
    /// The masks that the model gives, their sum aside.
    pub masks: Vec<ShownMask>,
    /// The image at the width that was asked for ([`EvalConfig::picture_width`]), where it was decoded whole.
    ///
    /// [`EvalConfig::picture_width`]: super::EvalConfig::picture_width
    #[serde(skip)]
    pub picture: Option<Arc<RgbImage>>,
}

/// A mask and how it agrees with the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownMask {
    /// Which mask, and its scores.
    #[serde(flatten)]
    pub scores: MaskScores,
    /// Its pixels.
    #[serde(with = "run_lengths")]
    pub pixels: Rle,
}

impl Shown {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.worst.is_empty() && self.best.is_empty()
    }
}

impl ShownPrediction {
    /// What is kept of a sample, its prompt in the frame of the input, and its masks with their scores.
    pub(super) fn new(
        set: &str,
        sample: &EvalSample,
        kind: PromptKind,
        prompt: &Prompt,
        masks: &[(MaskScores, Bitmap)],
    ) -> Self {
        let geometry = &sample.geometry;
        let point = |point: &Point| {
            let (x, y) = geometry.to_source(f64::from(point.x), f64::from(point.y));
            Point { x: x as f32, y: y as f32, label: point.label }
        };
        let own = masks.iter().filter(|(scores, _)| scores.mask != MaskKind::SamHq);
        Self {
            set: set.to_owned(),
            record: sample.record,
            name: sample.name.clone(),
            turned: sample.turned,
            prompt: kind,
            box_xyxy: prompt.box_xyxy.map(|corners| {
                geometry.box_to_source(corners.map(f64::from)).map(|corner| corner as f32)
            }),
            points: prompt.points.iter().map(point).collect(),
            truth: Rle::from_bitmap(&sample.truth),
            picture: sample.picture.clone(),
            masks: own
                .map(|(scores, mask)| ShownMask { scores: *scores, pixels: Rle::from_bitmap(mask) })
                .collect(),
        }
    }
}

/// By what predictions are ranked.
pub(super) fn rank(scores: &[MaskScores]) -> f64 {
    judged(scores).map_or(0.0, |scores| scores.iou)
}

/// Keeps the worst and the best of what it is given, earlier ones before later ones of the same rank.
pub(super) struct Keeper<T> {
    /// By rank: the worst, then the best.
    kept: Vec<(f64, T)>,
}

impl<T> Default for Keeper<T> {
    fn default() -> Self {
        Self { kept: Vec::new() }
    }
}

impl<T: Clone> Keeper<T> {
    /// Whether one of this rank would be kept.
    pub(super) fn wants(&self, rank: f64) -> bool {
        self.kept.len() < 2 * KEPT
            || rank.total_cmp(&self.kept[KEPT - 1].0).is_lt()
            || rank.total_cmp(&self.kept[KEPT].0).is_ge()
    }

    /// Takes one, in the order of the evaluation.
    pub(super) fn add(&mut self, rank: f64, one: T) {
        if !self.wants(rank) {
            return;
        }
        let place = self.kept.partition_point(|(other, _)| other.total_cmp(&rank).is_le());
        self.kept.insert(place, (rank, one));
        if self.kept.len() > 2 * KEPT {
            self.kept.remove(KEPT);
        }
    }

    /// The worst and the best, each from its end on.
    pub(super) fn ends(&self) -> (Vec<T>, Vec<T>) {
        let all = self.kept.iter().map(|(_, one)| one.clone());
        (all.clone().take(KEPT).collect(), all.rev().take(KEPT).collect())
    }
}

/// A mask as COCO's compressed run lengths, with height and width.
mod run_lengths {
    use maskwright_image::Size;
    use maskwright_image::mask::Rle;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Text {
        size: [usize; 2],
        counts: String,
    }

    pub(super) fn serialize<S: Serializer>(mask: &Rle, to: S) -> Result<S::Ok, S::Error> {
        Text { size: [mask.height(), mask.width()], counts: mask.to_compressed() }.serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Rle, D::Error> {
        let Text { size: [height, width], counts } = Text::deserialize(from)?;
        Rle::parse(Size::new(height, width), counts.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worst and the best by sorting all, as they are shown.
    fn sorted(ranks: &[f64]) -> (Vec<usize>, Vec<usize>) {
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
        let worst = order.iter().copied().take(KEPT).collect();
        (worst, order.iter().rev().copied().take(KEPT).collect())
    }

    #[test]
    fn the_ends_are_those_of_all_sorted() {
        // Many of the same rank, and few as well.
        for count in [0, 1, 3, 7, 8, 9, 40, 300] {
            for modulus in [1u64, 2, 5, 1000] {
                let rank = |i: u64| ((i * 7919 + 13) % 1009 % modulus) as f64 / 10.0;
                let ranks: Vec<f64> = (0..count).map(rank).collect();
                let mut keeper = Keeper::default();
                for (place, &rank) in ranks.iter().enumerate() {
                    keeper.add(rank, place);
                }
                assert_eq!(keeper.ends(), sorted(&ranks), "{count} {modulus}");
            }
        }
    }

    #[test]
    fn what_is_shown_is_read_as_it_was_written() {
        let mask = |bit: usize| {
            let size = maskwright_image::Size::new(3, 5);
            Rle::from_bitmap(&Bitmap::from_fn(size, |y, x| (x + y) % 3 == bit))
        };
        let scores = MaskScores::new(MaskKind::Hq, 0.25, 0.5);
        let one = ShownPrediction {
            set: "leaves".into(),
            record: 3,
            name: "a".into(),
            turned: true,
            prompt: PromptKind::Points,
            box_xyxy: None,
            points: vec![Point { x: 1.5, y: 2.0, label: 0 }],
            truth: mask(0),
            masks: vec![ShownMask { scores, pixels: mask(1) }],
            picture: None,
        };
        let shown = Shown { worst: vec![one.clone()], best: vec![one] };
        let text = serde_json::to_string(&shown).expect("plain");
        assert_eq!(serde_json::from_str::<Shown>(&text).expect("read"), shown);
    }
}
