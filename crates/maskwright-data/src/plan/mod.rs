//! The plan of a training sample: what it will show, drawn before any pixel is decoded.
//!
//! A view is drawn from the width and height of the image, which are in the file's header. So the
//! decoder can be asked for only the rows and columns that the crop shows. The draws follow HQ-SAM's
//! training: mirroring with probability 1/2, a uniform scale in `[0.1, 2)`, and a crop that is uniform
//! over all positions.
//!
//! These steps can be replaced by a list of [others](Transform), each a random or fixed change of the
//! view. However many there are, the image is resampled only once.
//!
//! If a crop shows no object, [`Attempts`] returns further views: first other crops of the same scale,
//! then the whole image, then the object at the image's own resolution, which certainly shows at least
//! one of its pixels. So every mask that is not empty gives a sample.
//!
//! ```
//! use maskwright_data::plan::{Attempts, PlanConfig};
//! use maskwright_data::random::SampleKey;
//! use maskwright_image::Size;
//!
//! let config = PlanConfig::default();
//! let (key, size) = (SampleKey::in_epoch(42, 3, 1207), Size::new(768, 1024));
//! let geometry = Attempts::new(&config, key, size).first();
//! assert_eq!(geometry.output, Size::square(1024));
//! // The same view again, whatever is asked about it.
//! let again = SampleKey { draw: 4, ..key };
//! assert_eq!(geometry, Attempts::new(&config, again, size).first());
//! ```

mod attempts;
mod transform;

pub use attempts::{Attempts, Framing};
pub use transform::{Draws, Sides, Transform};

use maskwright_image::Size;
use serde::{Deserialize, Serialize};
use strum::{EnumString, VariantNames};

use crate::error::{Error, Result};
use crate::geometry::Geometry;

/// How training samples are cut out of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// The height and width of a sample in pixels, which is the model's input size. It is set from the
    /// model, never from a data file.
    #[serde(skip, default = "default_size")]
    pub size: usize,
    /// The probability that a sample is mirrored left to right, 0 to 1.
    pub flip_probability: f64,
    /// The smallest scale of the jitter, above 0. At scale 1 the image just fits into the sample.
    pub scale_min: f64,
    /// The largest scale of the jitter, at most 16.
    pub scale_max: f64,
    /// The steps of a view, in order, in place of the mirroring and jitter that the three settings above
    /// describe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<Transform>,
    /// The number of other crops that are tried if the first shows no object, at most 1000.
    pub max_redraws: u32,
    /// The value of the image's padding, 0..=255. Labels are padded with 0.
    pub pad: u8,
    /// How JPEG files are decoded.
    pub decode: Decode,
    /// Whether files that are damaged but can be decoded (cut short, corrupt data) are refused instead
    /// of used with a warning. Images are then always decoded in full, even if a crop shows little of
    /// them.
    pub strict: bool,
}

/// How JPEG files are decoded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, VariantNames,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = no_decode)]
#[serde(rename_all = "snake_case")]
pub enum Decode {
    /// Every pixel, as libjpeg decodes it: samples are PyTorch's to the last bit.
    #[default]
    Exact,
    /// At half, a quarter or an eighth of the size if the view shrinks the image by as much. This is
    /// faster and inexact: pixels differ by one or two levels on average.
    Scaled,
}

fn no_decode(found: &str) -> Error {
    Error::unknown_name("decode", Decode::VARIANTS, found)
}

fn default_size() -> usize {
    1024
}

impl Default for PlanConfig {
    /// HQ-SAM's training: mirrored half of the time, scaled by 0.1 to 2, padded with 128.
    fn default() -> PlanConfig {
        PlanConfig {
            size: default_size(),
            flip_probability: 0.5,
            scale_min: 0.1,
            scale_max: 2.0,
            transforms: Vec::new(),
            max_redraws: 10,
            pad: 128,
            decode: Decode::Exact,
            strict: false,
        }
    }
}

impl PlanConfig {
    /// The mirroring and the jitter of HQ-SAM's training, as far as no others are given.
    fn standard(&self) -> [Transform; 2] {
        [
            Transform::RandomHflip { probability: self.flip_probability },
            Transform::LargeScaleJitter { min: self.scale_min, max: self.scale_max, size: None },
        ]
    }

    /// Draws a view on an image of the size `source`, upright.
    fn view(&self, source: Size, draws: &mut Draws) -> Geometry {
        let start = Geometry::whole(source);
        let step = |view, transform: &Transform| transform.apply(view, self.size, draws);
        if self.transforms.is_empty() {
            self.standard().iter().fold(start, step)
        } else {
            self.transforms.iter().fold(start, step)
        }
    }

    /// Checks that views can be drawn with these settings. The error names the first setting that is
    /// wrong.
    pub fn validate(&self) -> Result<()> {
        self.validate_settings()?;
        if self.transforms.is_empty() {
            return Ok(());
        }
        transform::validate_output(&self.transforms, self.size)
    }

    /// As [`validate`](PlanConfig::validate), before the size of the model's input is known.
    pub(crate) fn validate_settings(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str, found: String| {
            Err(Error::Setting { key: format!("plan.{key}"), expected: expected.into(), found })
        };
        if !(1..=transform::MAX_SIDE).contains(&self.size) {
            return refuse("size", "1 to 16384 pixels", self.size.to_string());
        }
        if !(0.0..=1.0).contains(&self.flip_probability) {
            return refuse(
                "flip_probability",
                "a number from 0 to 1",
                self.flip_probability.to_string(),
            );
        }
        if !(self.scale_min > 0.0 && self.scale_min <= self.scale_max && self.scale_max <= 16.0) {
            return refuse(
                "scale_min, scale_max",
                "0 < scale_min <= scale_max <= 16",
                format!("{} and {}", self.scale_min, self.scale_max),
            );
        }
        let standard = PlanConfig::default().standard();
        if !self.transforms.is_empty() && self.standard() != standard {
            return refuse(
                "transforms",
                "either a list of transforms, or flip_probability, scale_min and scale_max",
                "both".into(),
            );
        }
        transform::validate_list(&self.transforms)?;
        if self.max_redraws > 1000 {
            return refuse("max_redraws", "at most 1000", self.max_redraws.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SampleKey;

    fn key(record: u64) -> SampleKey {
        SampleKey::in_epoch(5, 0, record)
    }

    #[test]
    fn flips_half_of_the_time_and_as_configured() {
        let count = |probability| {
            let config = PlanConfig { flip_probability: probability, ..PlanConfig::default() };
            (0..10_000)
                .filter(|&r| Attempts::new(&config, key(r), Size::new(10, 10)).first().flip)
                .count()
        };
        // Four standard deviations of a binomial count.
        assert!(count(0.5).abs_diff(5000) < 200);
        assert!(count(0.1).abs_diff(1000) < 120);
        assert_eq!(count(0.0), 0);
        assert_eq!(count(1.0), 10_000);
    }

    #[test]
    fn scales_and_crops_are_uniform() {
        let config = PlanConfig { size: 1000, ..PlanConfig::default() };
        let (mut scale_sum, mut crop_sum, mut crops) = (0f64, 0f64, 0u32);
        for record in 0..20_000 {
            let geometry = Attempts::new(&config, key(record), Size::new(1000, 1000)).first();
            let scale = geometry.scaled.height as f64 / 1000.0;
            assert!((0.1..=2.0).contains(&scale));
            scale_sum += scale;
            let margin = geometry.margin();
            if margin.height >= 100 {
                assert!(geometry.crop.0 <= margin.height && geometry.crop.1 <= margin.width);
                crop_sum += geometry.crop.0 as f64 / margin.height as f64;
                crops += 1;
            }
        }
        assert!((scale_sum / 20_000.0 - 1.05).abs() < 0.016);
        assert!((crop_sum / f64::from(crops) - 0.5).abs() < 0.013);
    }

    #[test]
    fn redraws_are_bounded_and_keep_the_scale() {
        let config = PlanConfig { scale_min: 2.0, ..PlanConfig::default() };
        let mut views = Attempts::new(&config, key(0), Size::new(600, 800));
        let first = views.first();
        let mut crops = vec![first.crop];
        while let Some(next) = views.redraw() {
            assert_eq!(next.scaled, first.scaled);
            crops.push(next.crop);
        }
        assert_eq!(crops.len(), 11);
        assert_eq!(views.redraws(), 10);
        crops.sort();
        crops.dedup();
        assert!(crops.len() > 5);
    }

    #[test]
    fn nothing_is_redrawn_where_the_whole_image_is_in_view() {
        let config = PlanConfig { scale_max: 0.9, ..PlanConfig::default() };
        let mut views = Attempts::new(&config, key(0), Size::new(600, 800));
        views.first();
        assert_eq!(views.redraw(), None);
    }

    #[test]
    fn the_last_view_holds_the_pixel() {
        let config = PlanConfig { size: 64, ..PlanConfig::default() };
        for record in 0..20 {
            let mut views = Attempts::new(&config, key(record), Size::new(500, 30));
            views.first();
            for (x, y) in [(0, 0), (29, 499), (3, 250)] {
                let geometry = views.around(x, y);
                let (u, v) = geometry.to_output(x as f64, y as f64);
                let visible = geometry.visible();
                assert!(
                    u >= 0.0 && v >= 0.0 && u < visible.width as f64 && v < visible.height as f64
                );
                assert_eq!((u.fract(), v.fract()), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn impossible_settings_are_refused() {
        let check = |config: PlanConfig| config.validate().unwrap_err().to_string();
        let base = PlanConfig::default;
        assert!(base().validate().is_ok());
        let words = [
            check(PlanConfig { size: 0, ..base() }),
            check(PlanConfig { scale_min: 0.0, ..base() }),
            check(PlanConfig { scale_min: 3.0, ..base() }),
            check(PlanConfig { flip_probability: f64::NAN, ..base() }),
        ];
        insta::assert_snapshot!(words.join("\n"), @"
            plan.size: expected 1 to 16384 pixels, found 0
            plan.scale_min, scale_max: expected 0 < scale_min <= scale_max <= 16, found 0 and 2
            plan.scale_min, scale_max: expected 0 < scale_min <= scale_max <= 16, found 3 and 2
            plan.flip_probability: expected a number from 0 to 1, found NaN
            ");
    }

    /// The default is a list like any other: written out, it draws the same views.
    #[test]
    fn the_default_list_is_the_references() {
        let written = PlanConfig {
            transforms: vec![
                Transform::RandomHflip { probability: 0.5 },
                Transform::LargeScaleJitter { min: 0.1, max: 2.0, size: Some(1024) },
            ],
            ..PlanConfig::default()
        };
        let standard = PlanConfig::default();
        assert!(written.validate().is_ok());
        for record in 0..100 {
            let (mut a, mut b) = (
                Attempts::new(&written, key(record), Size::new(600, 800)),
                Attempts::new(&standard, key(record), Size::new(600, 800)),
            );
            assert_eq!(a.first(), b.first());
            assert_eq!(a.redraw(), b.redraw());
            assert_eq!(a.redraw(), b.redraw());
        }
        let both = PlanConfig { scale_max: 1.5, ..written };
        insta::assert_snapshot!(both.validate().unwrap_err(), @"plan.transforms: expected either a list of transforms, or flip_probability, scale_min and scale_max, found both");
    }
}
