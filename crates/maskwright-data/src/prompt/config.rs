//! The settings of prompts.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::error::{Error, Result};
use crate::random::{Keyed, ObjectKey, Purpose};

/// A kind of prompt.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    Display,
    VariantNames,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = no_kind)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// The box around the object.
    Box,
    /// Points on the object.
    #[strum(to_string = "points", serialize = "point")]
    Points,
    /// A low resolution mask with a disturbed boundary.
    #[strum(to_string = "noise_mask", serialize = "noise-mask")]
    NoiseMask,
}

impl PromptKind {
    /// All kinds, in the order in which they are drawn.
    pub const ALL: [PromptKind; 3] = [PromptKind::Box, PromptKind::Points, PromptKind::NoiseMask];

    /// The name in settings, statistics and reports.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn no_kind(found: &str) -> Error {
    Error::unknown_name("prompt kind", PromptKind::VARIANTS, found)
}

/// How often each kind is drawn, relative to the others. A kind with weight 0 is never drawn, nor is one that a
/// table of weights does not name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindWeights {
    /// Weight of [`PromptKind::Box`].
    #[serde(default, rename = "box")]
    pub boxes: f64,
    /// Weight of [`PromptKind::Points`].
    #[serde(default)]
    pub points: f64,
    /// Weight of [`PromptKind::NoiseMask`].
    #[serde(default)]
    pub noise_mask: f64,
}

impl Default for KindWeights {
    /// Weight 1 for each kind.
    fn default() -> KindWeights {
        KindWeights { boxes: 1.0, points: 1.0, noise_mask: 1.0 }
    }
}

impl KindWeights {
    /// Returns weights of 0 for all kinds, to be changed by [`with`](KindWeights::with).
    pub fn none() -> KindWeights {
        KindWeights { boxes: 0.0, points: 0.0, noise_mask: 0.0 }
    }

    /// Returns weight 1 for `kind` and 0 for all others.
    pub fn only(kind: PromptKind) -> KindWeights {
        KindWeights::none().with(kind, 1.0)
    }

    /// Returns the same weights, but `weight` for `kind`.
    pub fn with(mut self, kind: PromptKind, weight: f64) -> KindWeights {
        *self.slot(kind) = weight;
        self
    }

    /// Returns the weight of one kind.
    pub fn weight(&self, kind: PromptKind) -> f64 {
        match kind {
            PromptKind::Box => self.boxes,
            PromptKind::Points => self.points,
            PromptKind::NoiseMask => self.noise_mask,
        }
    }

    /// Returns the same weights with 0 for `kind`, or `None` if no other kind has a weight.
    pub fn without(self, kind: PromptKind) -> Option<KindWeights> {
        Some(self.with(kind, 0.0)).filter(|weights| weights.total() > 0.0)
    }

    /// Draws a kind with these weights.
    pub fn draw(&self, draw: &mut Keyed) -> PromptKind {
        let mut at = f64::from(draw.uniform()) * self.total();
        for kind in PromptKind::ALL {
            at -= self.weight(kind);
            if at < 0.0 {
                return kind;
            }
        }
        // Reached only when rounding leaves `at` at zero: the last kind that has weight.
        let heavy = PromptKind::ALL.into_iter().rev().find(|&kind| self.weight(kind) > 0.0);
        heavy.unwrap_or(PromptKind::Box)
    }

    fn total(&self) -> f64 {
        PromptKind::ALL.iter().map(|&kind| self.weight(kind)).sum()
    }

    fn slot(&mut self, kind: PromptKind) -> &mut f64 {
        match kind {
            PromptKind::Box => &mut self.boxes,
            PromptKind::Points => &mut self.points,
            PromptKind::NoiseMask => &mut self.noise_mask,
        }
    }
}

/// The values of a mask prompt.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, VariantNames,
)]
#[strum(parse_err_ty = Error, parse_err_fn = no_values)]
pub enum MaskValues {
    /// 0 outside and 255 inside: what HQ-SAM trains with.
    #[default]
    #[serde(rename = "0_255")]
    #[strum(serialize = "0_255")]
    ZeroTo255,
    /// -10 outside and 10 inside: logits, like the earlier predictions that a model is given at
    /// inference.
    #[serde(rename = "logits")]
    #[strum(serialize = "logits")]
    Logits,
}

fn no_values(found: &str) -> Error {
    Error::unknown_name("mask_values", MaskValues::VARIANTS, found)
}

impl MaskValues {
    /// Returns the values outside and inside the object.
    pub fn levels(self) -> (f32, f32) {
        match self {
            MaskValues::ZeroTo255 => (0.0, 255.0),
            MaskValues::Logits => (-10.0, 10.0),
        }
    }
}

/// Where foreground points are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointChoice {
    /// All are uniform over the foreground.
    #[default]
    Uniform,
    /// The first is as deep inside the object as possible, the others are uniform.
    Centre,
}

/// How prompts are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromptConfig {
    /// How often each kind is drawn.
    pub kinds: KindWeights,
    /// The probability with which each kind that was not drawn is given in addition to the drawn one, 0
    /// to 1.
    pub also_probability: f64,
    /// The number of foreground points in a point prompt, 1 to 10000.
    pub points: usize,
    /// The least number of foreground points, where their number is drawn: uniformly from this to [`points`](Self::points),
    /// and no more than the object has pixels. `None` always takes `points`. With 1, some prompts are a single point, as a
    /// model needs them that shall propose three masks where a click is ambiguous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_points: Option<usize>,
    /// The number of background points in a point prompt, in addition to the foreground points, at most
    /// 10000.
    pub negative_points: usize,
    /// Where foreground points are put.
    pub point_choice: PointChoice,
    /// How far a box is moved and resized, as a share of its width and height, 0 to 1; see
    /// [`jittered_box`](super::jittered_box).
    pub box_jitter: f64,
    /// The values of a mask prompt.
    pub mask_values: MaskValues,
    /// The side of a mask prompt in pixels: a quarter of the input's side for patches of 16 pixels. It
    /// is set from the model, never from a data file.
    #[serde(skip, default = "default_mask_size")]
    pub mask_size: usize,
}

fn default_mask_size() -> usize {
    256
}

impl Default for PromptConfig {
    /// HQ-SAM's training: one of three kinds, 10 points, masks of 256 x 256 pixels with the values 0 and
    /// 255.
    fn default() -> PromptConfig {
        PromptConfig {
            kinds: KindWeights::default(),
            also_probability: 0.0,
            points: 10,
            min_points: None,
            negative_points: 0,
            point_choice: PointChoice::Uniform,
            box_jitter: 0.0,
            mask_values: MaskValues::default(),
            mask_size: default_mask_size(),
        }
    }
}

impl PromptConfig {
    /// Draws the kinds of prompt that an object is given.
    pub fn draw_kinds(&self, key: ObjectKey) -> DrawnKinds {
        let mut draw = key.generator(Purpose::PromptKind);
        let kind = self.kinds.draw(&mut draw);
        DrawnKinds { kind, also: self.draw_also(kind, &mut draw) }
    }

    /// Draws how many foreground points the prompt of an object of so many pixels has; `None` if the object is too small for
    /// any number that may be drawn.
    pub fn draw_point_count(&self, pixels: usize, key: ObjectKey) -> Option<usize> {
        let Some(least) = self.min_points else {
            return Some(self.points).filter(|&count| count <= pixels);
        };
        let choices = self.points.saturating_sub(least) as u64 + 1;
        let drawn = least + key.generator(Purpose::PointCount).below(choices) as usize;
        Some(drawn.min(pixels)).filter(|&count| count >= least)
    }

    /// Draws the kinds that are given along with `kind`.
    fn draw_also(&self, kind: PromptKind, draw: &mut Keyed) -> Vec<PromptKind> {
        if self.also_probability == 0.0 {
            return Vec::new();
        }
        let others = PromptKind::ALL.into_iter().filter(|&other| other != kind);
        others.filter(|_| f64::from(draw.uniform()) < self.also_probability).collect()
    }

    /// Checks that prompts can be drawn with these settings. The error names the first setting that is
    /// wrong.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str, found: String| {
            Err(Error::Setting { key: format!("prompts.{key}"), expected: expected.into(), found })
        };
        let weights = PromptKind::ALL.map(|kind| self.kinds.weight(kind));
        if weights.iter().any(|w| !w.is_finite() || *w < 0.0) || weights.iter().sum::<f64>() <= 0.0
        {
            return refuse(
                "kinds",
                "weights of 0 or more, one of them above 0",
                format!("{weights:?}"),
            );
        }
        if !(0.0..=1.0).contains(&self.also_probability) {
            return refuse(
                "also_probability",
                "a number from 0 to 1",
                self.also_probability.to_string(),
            );
        }
        if !(1..=10_000).contains(&self.points) {
            return refuse("points", "1 to 10000", self.points.to_string());
        }
        if let Some(least) = self.min_points
            && !(1..=self.points).contains(&least)
        {
            let expected = format!("1 to prompts.points ({})", self.points);
            return refuse("min_points", &expected, least.to_string());
        }
        if self.negative_points > 10_000 {
            return refuse("negative_points", "at most 10000", self.negative_points.to_string());
        }
        if !(0.0..=1.0).contains(&self.box_jitter) {
            return refuse("box_jitter", "a number from 0 to 1", self.box_jitter.to_string());
        }
        if !(1..=4096).contains(&self.mask_size) {
            return refuse("mask_size", "1 to 4096 pixels", self.mask_size.to_string());
        }
        Ok(())
    }
}

/// The kinds of prompt that were drawn for an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnKinds {
    /// The kind of the prompt.
    pub kind: PromptKind,
    /// Further kinds that are given in addition; none by default.
    pub also: Vec<PromptKind>,
}

impl DrawnKinds {
    /// Returns one kind and no further ones.
    pub fn only(kind: PromptKind) -> DrawnKinds {
        DrawnKinds { kind, also: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_as_often_as_their_weights_say() {
        let count = |weights: KindWeights| {
            let mut counts = [0u32; 3];
            for record in 0..9000 {
                let mut draw = Keyed::new(1, 0, record, Purpose::PromptKind);
                counts[weights.draw(&mut draw) as usize] += 1;
            }
            counts
        };
        // Five standard deviations of a count with mean 3000.
        assert!(count(KindWeights::default()).iter().all(|n| n.abs_diff(3000) < 225));
        let uneven = count(KindWeights { boxes: 2.0, points: 0.0, noise_mask: 1.0 });
        assert!(uneven[0].abs_diff(6000) < 225 && uneven[1] == 0);
        for kind in PromptKind::ALL {
            assert_eq!(count(KindWeights::only(kind))[kind as usize], 9000);
            assert_eq!(KindWeights::only(kind).without(kind), None);
        }
    }

    #[test]
    fn the_number_of_points_is_drawn_between_its_bounds() {
        let config = PromptConfig { min_points: Some(2), points: 5, ..PromptConfig::default() };
        let mut counts = [0u32; 7];
        for record in 0..4000 {
            let key = crate::random::SampleKey::in_epoch(1, 0, record).object(0);
            counts[config.draw_point_count(100, key).unwrap()] += 1;
            assert!(matches!(config.draw_point_count(3, key), Some(2 | 3)));
            assert_eq!(config.draw_point_count(1, key), None);
            // A fixed number is taken or not.
            let fixed = PromptConfig { min_points: None, ..config.clone() };
            assert_eq!(fixed.draw_point_count(5, key), Some(5));
            assert_eq!(fixed.draw_point_count(4, key), None);
        }
        // Five standard deviations of a count with mean 1000.
        assert!(counts[2..6].iter().all(|n| n.abs_diff(1000) < 138), "{counts:?}");
        assert_eq!(counts[0] + counts[1] + counts[6], 0);
    }

    #[test]
    fn names_are_read_back() {
        for kind in PromptKind::ALL {
            assert_eq!(kind.to_string().parse::<PromptKind>().unwrap(), kind);
        }
        insta::assert_snapshot!("circle".parse::<PromptKind>().unwrap_err(), @"prompt kind: expected box, points or noise_mask, found circle");
    }

    #[test]
    fn impossible_settings_are_refused() {
        let check = |config: PromptConfig| config.validate().unwrap_err().to_string();
        let base = PromptConfig::default;
        assert!(base().validate().is_ok());
        let words = [
            check(PromptConfig { kinds: KindWeights::none(), ..base() }),
            check(PromptConfig { points: 0, ..base() }),
            check(PromptConfig { min_points: Some(0), ..base() }),
            check(PromptConfig { min_points: Some(11), ..base() }),
            check(PromptConfig { box_jitter: -0.1, ..base() }),
            check(PromptConfig { mask_size: 0, ..base() }),
        ];
        insta::assert_snapshot!(words.join("\n"), @"
            prompts.kinds: expected weights of 0 or more, one of them above 0, found [0.0, 0.0, 0.0]
            prompts.points: expected 1 to 10000, found 0
            prompts.min_points: expected 1 to prompts.points (10), found 0
            prompts.min_points: expected 1 to prompts.points (10), found 11
            prompts.box_jitter: expected a number from 0 to 1, found -0.1
            prompts.mask_size: expected 1 to 4096 pixels, found 0
            ");
    }
}
