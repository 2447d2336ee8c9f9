//! The steps that a training sample's view is composed of.
//!
//! Each step takes a view on an image and gives another one; nothing is sampled in between. So a list of
//! them costs one sampling pass, and the pixels are those of the composed view:
//!
//! ```
//! use maskwright_data::geometry::Geometry;
//! use maskwright_data::plan::{Draws, Transform};
//! use maskwright_data::random::SampleKey;
//! use maskwright_image::Size;
//!
//! let mut draws = Draws::new(SampleKey::in_epoch(42, 0, 7));
//! let list = [
//!     Transform::RandomHflip { probability: 0.5 },
//!     Transform::Resize { size: Some([600, 800].into()) },
//!     Transform::RandomCrop { size: Some(512.into()) },
//! ];
//! let whole = Geometry::whole(Size::new(480, 640));
//! let view = list.iter().fold(whole, |view, t| t.apply(view, 512, &mut draws));
//! assert_eq!((view.scaled, view.output), (Size::new(600, 800), Size::square(512)));
//! assert!(view.crop.0 <= 600 - 512 && view.crop.1 <= 800 - 512);
//! ```

use maskwright_image::Size;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::random::{Keyed, Purpose, SampleKey};

/// A height and width in pixels. In a data file it is one number for a square, or `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number of pixels or [height, width]")]
pub enum Sides {
    /// Height and width are the same.
    Square(usize),
    /// Height and width.
    Both([usize; 2]),
}

impl Sides {
    /// Returns height and width.
    pub fn size(self) -> Size {
        match self {
            Sides::Square(side) => Size::square(side),
            Sides::Both([height, width]) => Size { height, width },
        }
    }
}

impl From<usize> for Sides {
    fn from(side: usize) -> Sides {
        Sides::Square(side)
    }
}

impl From<[usize; 2]> for Sides {
    fn from(sides: [usize; 2]) -> Sides {
        Sides::Both(sides)
    }
}

/// One step of a view. A size that is not given is the model's input size.
///
/// | in a data file | the resulting view |
/// |---|---|
/// | `kind = "random_hflip"`, `probability = 0.5` | mirrored left to right, or as it was |
/// | `kind = "large_scale_jitter"`, `min = 0.1`, `max = 2.0`, `size` | resized in proportion so that it fits a square of scale x size, scale uniform in `[min, max)`; a random part of `size` x `size` of it, padded where it is smaller (Ghiasi et al., 2021, as in HQ-SAM) |
/// | `kind = "random_crop"`, `size` | a random part, each position equally likely, padded where the image is smaller |
/// | `kind = "resize"`, `size` | both sides stretched to the size |
/// | `kind = "squash"` | resized to the model's input: HQ-SAM's evaluation |
/// | `kind = "longest_side"` | the longer side resized to the model's input, the shorter in proportion, padded: SAM's predictor |
///
/// Padding is at the right and the bottom. After a step that crops or pads, only `random_crop` can
/// follow, since the parts outside a crop are lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Transform {
    /// Mirrors with a probability.
    RandomHflip {
        /// The probability, 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Resizes by a random scale, then crops.
    LargeScaleJitter {
        /// Smallest scale, above 0.
        #[serde(default = "tenth")]
        min: f64,
        /// Largest scale, at most 16.
        #[serde(default = "two")]
        max: f64,
        /// The side in pixels of the square that the image just fits into at scale 1. It is also the
        /// side of the crop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<usize>,
    },
    /// Takes a random part.
    RandomCrop {
        /// The size of the part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<Sides>,
    },
    /// Stretches both sides.
    Resize {
        /// The size of the result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<Sides>,
    },
    /// Stretches both sides to the model's input.
    Squash {},
    /// Fits the longer side into the model's input.
    LongestSide {},
}

fn half() -> f64 {
    0.5
}

fn tenth() -> f64 {
    0.1
}

fn two() -> f64 {
    2.0
}

/// The random generators of the steps of a view. There is one for each purpose, so that adding or
/// removing a step does not change the draws of the others.
#[derive(Debug, Clone)]
pub struct Draws {
    flips: Keyed,
    scales: Keyed,
    crops: Keyed,
    /// Whether a crop had more than one position to choose from.
    choice: bool,
}

impl Draws {
    /// Returns the generators of a sample.
    pub fn new(key: SampleKey) -> Draws {
        Draws {
            flips: key.generator(Purpose::Flip),
            scales: key.generator(Purpose::Scale),
            crops: key.generator(Purpose::Crop),
            choice: false,
        }
    }

    /// The same flips and scales again, but the crops that come next.
    pub(super) fn other_crops(&mut self, key: SampleKey) {
        *self = Draws { crops: self.crops.clone(), ..Draws::new(key) };
    }

    /// Whether a crop had more than one position to choose from.
    pub(super) fn had_choice(&self) -> bool {
        self.choice
    }

    /// A part of what the view shows, every position equally likely.
    fn crop(&mut self, view: Geometry, output: Size) -> Geometry {
        let shown = view.visible();
        let margin = |shown: usize, output: usize| shown.saturating_sub(output);
        let (down, right) =
            (margin(shown.height, output.height), margin(shown.width, output.width));
        self.choice |= (down, right) != (0, 0);
        let mut draw = |margin: usize| self.crops.below(margin as u64 + 1) as usize;
        let y = draw(down);
        let x = draw(right);
        view.with_crop((view.crop.0 + y, view.crop.1 + x)).with_output(output)
    }
}

impl Transform {
    /// Returns the view after this step. `size` is the side of the model's input in pixels.
    pub fn apply(&self, view: Geometry, size: usize, draws: &mut Draws) -> Geometry {
        match *self {
            Transform::RandomHflip { probability } => {
                let flip = f64::from(draws.flips.uniform()) < probability;
                view.with_flip(view.flip != flip)
            }
            Transform::LargeScaleJitter { min, max, size: given } => {
                // Product and sum rounded one after the other, as the reference computes the scale.
                let scale = draws.scales.uniform() * (max - min) as f32 + min as f32;
                let side = given.unwrap_or(size);
                draws.crop(view.scaled_to_fit(side, scale), Size::square(side))
            }
            Transform::RandomCrop { size: given } => {
                draws.crop(view, given.unwrap_or(size.into()).size())
            }
            Transform::Resize { size: given } => view.resized(given.unwrap_or(size.into()).size()),
            Transform::Squash {} => view.resized(Size::square(size)),
            Transform::LongestSide {} => view.fitted(size),
        }
    }

    /// Whether the view after this step may have lost parts of the image or gained padding.
    fn frames(&self) -> bool {
        !matches!(
            self,
            Transform::RandomHflip { .. } | Transform::Resize { .. } | Transform::Squash {}
        )
    }

    /// Refuses settings that no view can be drawn from; `at` counts from 1.
    fn validate(&self, at: usize) -> Result<()> {
        let refuse = |key: &str, expected: &str, found: String| {
            Err(Error::Setting {
                key: format!("plan.transforms, number {at}, {key}"),
                expected: expected.into(),
                found,
            })
        };
        let side = |length: usize| (1..=MAX_SIDE).contains(&length);
        match *self {
            Transform::RandomHflip { probability } if !(0.0..=1.0).contains(&probability) => {
                refuse("probability", "a number from 0 to 1", probability.to_string())
            }
            Transform::LargeScaleJitter { min, max, .. }
                if !(min > 0.0 && min <= max && max <= 16.0) =>
            {
                refuse("min, max", "0 < min <= max <= 16", format!("{min} and {max}"))
            }
            Transform::LargeScaleJitter { size: Some(size), .. } if !side(size) => {
                refuse("size", "1 to 16384 pixels", size.to_string())
            }
            Transform::RandomCrop { size: Some(size) } | Transform::Resize { size: Some(size) } => {
                let size = size.size();
                if side(size.height) && side(size.width) {
                    return Ok(());
                }
                refuse("size", "1 to 16384 pixels", format!("{} x {}", size.height, size.width))
            }
            _ => Ok(()),
        }
    }

    /// Height and width after this step where they do not depend on the image.
    fn output(&self, before: Option<Size>, size: usize) -> Option<Size> {
        match *self {
            Transform::RandomHflip { .. } => before,
            Transform::LargeScaleJitter { size: given, .. } => {
                let side = given.unwrap_or(size);
                Some(Size::square(side))
            }
            Transform::RandomCrop { size: given } | Transform::Resize { size: given } => {
                Some(given.unwrap_or(size.into()).size())
            }
            Transform::Squash {} | Transform::LongestSide {} => Some(Size::square(size)),
        }
    }
}

/// Largest side of a sample or of a step, in pixels.
pub(super) const MAX_SIDE: usize = 1 << 14;

/// Refuses lists whose steps cannot follow each other.
pub(super) fn validate_list(list: &[Transform]) -> Result<()> {
    let mut framed = false;
    for (at, step) in list.iter().enumerate() {
        step.validate(at + 1)?;
        if framed && !matches!(step, Transform::RandomCrop { .. }) {
            return Err(Error::Setting {
                key: format!("plan.transforms, number {}", at + 1),
                expected: "random_crop alone after a step that crops or pads".into(),
                found: format!("{step:?}"),
            });
        }
        framed |= step.frames();
    }
    Ok(())
}

/// Refuses a list that does not end with views of `size` x `size`.
pub(super) fn validate_output(list: &[Transform], size: usize) -> Result<()> {
    let output = list.iter().fold(None, |before, step| step.output(before, size));
    if output == Some(Size::square(size)) {
        return Ok(());
    }
    Err(Error::Setting {
        key: "plan.transforms".into(),
        expected: format!("a list whose last size is the model's input, {size} x {size}"),
        found: output.map_or("the image's own size".into(), |size| {
            format!("{} x {}", size.height, size.width)
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(record: u64) -> Draws {
        Draws::new(SampleKey::in_epoch(3, 0, record))
    }

    fn view(list: &[Transform], source: Size, size: usize, record: u64) -> Geometry {
        let mut draws = draws(record);
        let start = Geometry::whole(source);
        list.iter().fold(start, |view, step| step.apply(view, size, &mut draws))
    }

    #[test]
    fn each_step_alone_is_its_preset() {
        let source = Size::new(300, 400);
        assert_eq!(view(&[Transform::Squash {}], source, 64, 0), Geometry::squash(source, 64));
        assert_eq!(
            view(&[Transform::LongestSide {}], source, 64, 0),
            Geometry::longest_side(source, 64)
        );
        let resized = view(&[Transform::Resize { size: Some([30, 50].into()) }], source, 64, 0);
        assert_eq!((resized.scaled, resized.output), (Size::new(30, 50), Size::new(30, 50)));
        let jitter = Transform::LargeScaleJitter { min: 0.7, max: 0.7, size: None };
        assert_eq!(view(&[jitter], source, 64, 0), Geometry::jitter(source, 64, false, 0.7));
        assert!(view(&[Transform::RandomHflip { probability: 1.0 }], source, 64, 0).flip);
        let twice = [Transform::RandomHflip { probability: 1.0 }; 2];
        assert!(!view(&twice, source, 64, 0).flip);
    }

    #[test]
    fn crops_reach_every_position_and_no_other() {
        let crop = Transform::RandomCrop { size: Some([4, 3].into()) };
        let mut seen = std::collections::BTreeMap::new();
        for record in 0..3000 {
            let view = view(&[crop], Size::new(6, 5), 3, record);
            assert_eq!((view.output, view.visible()), (Size::new(4, 3), Size::new(4, 3)));
            *seen.entry(view.crop).or_insert(0u32) += 1;
        }
        assert_eq!(seen.len(), 9);
        // Five standard deviations of a count with mean 333.
        assert!(seen.values().all(|&count| count.abs_diff(333) < 90), "{seen:?}");
        // A smaller image is padded.
        let small = view(&[crop], Size::square(2), 3, 0);
        assert_eq!(
            (small.crop, small.visible(), small.output),
            ((0, 0), Size::square(2), Size::new(4, 3))
        );
    }

    #[test]
    fn a_crop_of_a_crop_lies_inside_it() {
        let jitter = Transform::LargeScaleJitter { min: 2.0, max: 2.0, size: Some(100) };
        let both = [jitter, Transform::RandomCrop { size: None }];
        let source = Size::new(90, 120);
        let mut moved = false;
        for record in 0..50 {
            let (first, second) =
                (view(&both[..1], source, 64, record), view(&both, source, 64, record));
            assert_eq!((first.scaled, second.scaled), (Size::new(150, 200), Size::new(150, 200)));
            let shift = (second.crop.0 - first.crop.0, second.crop.1 - first.crop.1);
            assert!(shift.0 <= 36 && shift.1 <= 36 && second.output == Size::square(64));
            moved |= shift != (0, 0);
        }
        assert!(moved);
    }

    #[test]
    fn jitter_after_a_resize_keeps_the_new_proportions() {
        let list = [
            Transform::Resize { size: Some([100, 100].into()) },
            Transform::LargeScaleJitter { min: 0.5, max: 0.5, size: None },
        ];
        assert_eq!(view(&list, Size::new(300, 400), 64, 0).scaled, Size::square(32));
    }

    #[test]
    fn lists_that_make_no_sense_are_refused() {
        let crop = Transform::RandomCrop { size: None };
        let words = |list: &[Transform], size| {
            validate_list(list).and_then(|()| validate_output(list, size)).unwrap_err().to_string()
        };
        let flip = |probability| Transform::RandomHflip { probability };
        let found = [
            words(&[crop, Transform::Squash {}], 64),
            words(&[crop, flip(0.5)], 64),
            words(&[flip(1.5)], 64),
            words(&[Transform::Resize { size: Some([0, 5].into()) }], 64),
            words(&[Transform::RandomCrop { size: Some(32.into()) }], 64),
            words(&[flip(0.5)], 64),
            words(&[Transform::LargeScaleJitter { min: 0.0, max: 1.0, size: None }], 64),
        ];
        insta::assert_snapshot!(found.join("\n"), @"
            plan.transforms, number 2: expected random_crop alone after a step that crops or pads, found Squash
            plan.transforms, number 2: expected random_crop alone after a step that crops or pads, found RandomHflip { probability: 0.5 }
            plan.transforms, number 1, probability: expected a number from 0 to 1, found 1.5
            plan.transforms, number 1, size: expected 1 to 16384 pixels, found 0 x 5
            plan.transforms: expected a list whose last size is the model's input, 64 x 64, found 32 x 32
            plan.transforms: expected a list whose last size is the model's input, 64 x 64, found the image's own size
            plan.transforms, number 1, min, max: expected 0 < min <= max <= 16, found 0 and 1
            ");
        assert!(validate_output(&[crop, crop], 64).is_ok());
    }
}
