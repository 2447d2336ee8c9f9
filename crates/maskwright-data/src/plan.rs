//! What a training sample will show, drawn before any pixel is decoded.
//!
//! A [`Plan`] needs only the image's width and height, which its header gives. So the decoder can
//! be asked for nothing but the rows and columns that the crop shows. The draws follow HQ-SAM's
//! training: mirrored with probability 1/2, a scale uniform in `[0.1, 2)`, a crop uniform over all
//! positions, a prompt kind uniform over box, points and noise mask.
//!
//! Where a crop shows no object, [`Views`] goes on: first other crops of the same scale, then the
//! whole image, then the object at the image's own resolution, where at least one of its pixels is
//! certain to be seen. So every mask that is not empty gives a sample.
//!
//! ```
//! use maskwright_data::plan::{Plan, PlanConfig, SampleKey};
//! use maskwright_data::prompt::PromptConfig;
//!
//! let key = SampleKey { seed: 42, epoch: 3, record: 1207 };
//! let plan = Plan::draw(&PlanConfig::default(), &PromptConfig::default(), key, (768, 1024));
//! assert_eq!(plan.geometry.output, (1024, 1024));
//! // The same key gives the same plan.
//! assert_eq!(plan, Plan::draw(&PlanConfig::default(), &PromptConfig::default(), key, (768, 1024)));
//! ```

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::prompt::{PromptConfig, PromptKind};
use crate::random::{Keyed, Purpose};

/// The identity of a training sample: everything random in it is a function of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SampleKey {
    /// Seed of the run.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Index of the record over all sets of the run.
    pub record: u64,
}

impl SampleKey {
    /// The generator of one purpose.
    pub fn draw(&self, purpose: Purpose) -> Keyed {
        Keyed::new(self.seed, self.epoch, self.record, purpose)
    }
}

/// How training samples are cut out of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// Height and width of a sample in pixels: the model's input size. Set from the model, never
    /// from a data file.
    #[serde(skip, default = "default_size")]
    pub size: usize,
    /// Probability that a sample is mirrored left to right.
    pub flip_probability: f64,
    /// Smallest scale of the jitter, relative to the image fitted into the sample.
    pub scale_min: f64,
    /// Largest scale of the jitter.
    pub scale_max: f64,
    /// How many other crops are tried where the first shows no object.
    pub max_redraws: u32,
    /// Value of the padding of the image, 0..=255. Labels are padded with 0.
    pub pad: u8,
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
            max_redraws: 10,
            pad: 128,
        }
    }
}

impl PlanConfig {
    /// The names of the settings, as a data file spells them.
    pub const KEYS: &'static [&'static str] =
        &["flip_probability", "scale_min", "scale_max", "max_redraws", "pad"];

    /// Refuses settings that no sample can be drawn from.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str, found: String| {
            Err(Error::Setting { key: format!("plan.{key}"), expected: expected.into(), found })
        };
        if self.size == 0 || self.size > 1 << 14 {
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
        if self.max_redraws > 1000 {
            return refuse("max_redraws", "at most 1000", self.max_redraws.to_string());
        }
        Ok(())
    }
}

/// What a sample will show and which prompt it will have.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The view on the image, as first drawn.
    pub geometry: Geometry,
    /// The kind of prompt.
    pub kind: PromptKind,
    /// Further kinds given along with it; none by default.
    pub also: Vec<PromptKind>,
}

impl Plan {
    /// Draws the plan of one sample. `source` is the image's height and width, upright.
    pub fn draw(
        config: &PlanConfig,
        prompts: &PromptConfig,
        key: SampleKey,
        source: (usize, usize),
    ) -> Plan {
        let mut kinds = key.draw(Purpose::PromptKind);
        let kind = prompts.kinds.draw(&mut kinds);
        Plan {
            geometry: Views::new(config, key, source).first(),
            kind,
            also: prompts.draw_also(kind, &mut kinds),
        }
    }
}

/// How the final view on a record came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// A jittered crop shows the object.
    Jitter,
    /// No crop tried showed it; the whole image is fitted in.
    WholeImage,
    /// The object is too small for that as well; it is shown at the image's own resolution.
    Object,
}

/// The views on one record that are tried in turn until one shows the object.
#[derive(Debug, Clone)]
pub struct Views {
    base: Geometry,
    crops: Keyed,
    redraws: u32,
    max_redraws: u32,
}

impl Views {
    /// Draws flip and scale. `source` is the image's height and width, upright.
    pub fn new(config: &PlanConfig, key: SampleKey, source: (usize, usize)) -> Views {
        let flip = f64::from(key.draw(Purpose::Flip).uniform()) < config.flip_probability;
        let span = (config.scale_max - config.scale_min) as f32;
        // Product and sum rounded one after the other, as the reference computes the scale.
        let scale = key.draw(Purpose::Scale).uniform() * span + config.scale_min as f32;
        Views {
            base: Geometry::jitter(source, config.size, flip, scale),
            crops: key.draw(Purpose::Crop),
            redraws: 0,
            max_redraws: config.max_redraws,
        }
    }

    /// The first view: the jittered crop that a sample has in all but a few cases.
    pub fn first(&mut self) -> Geometry {
        let margin = self.base.margin();
        let mut draw = |margin: usize| self.crops.below(margin as u64 + 1) as usize;
        let y = draw(margin.0);
        let x = draw(margin.1);
        self.base.with_crop((y, x))
    }

    /// Another crop of the same scale, or `None` when all tries are used up or the whole image was
    /// in view already.
    pub fn redraw(&mut self) -> Option<Geometry> {
        if self.redraws == self.max_redraws || self.base.margin() == (0, 0) {
            return None;
        }
        self.redraws += 1;
        Some(self.first())
    }

    /// How many times the crop was drawn again.
    pub fn redraws(&self) -> u32 {
        self.redraws
    }

    /// The whole image, fitted into the sample.
    pub fn whole_image(&self) -> Geometry {
        let Geometry { source, flip, output, .. } = self.base;
        Geometry::jitter(source, output.0, flip, 1.0)
    }

    /// The surroundings of the source pixel `(x, y)` at the image's own resolution: no pixel is
    /// blended with another, so a foreground pixel stays one.
    pub fn around(&self, x: usize, y: usize) -> Geometry {
        let Geometry { source, flip, output, .. } = self.base;
        let x = if flip { source.1 - 1 - x } else { x };
        let whole = Geometry { source, flip, scaled: source, crop: (0, 0), output };
        let margin = whole.margin();
        let crop =
            |at: usize, output: usize, margin: usize| at.saturating_sub(output / 2).min(margin);
        whole.with_crop((crop(y, output.0, margin.0), crop(x, output.1, margin.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(record: u64) -> SampleKey {
        SampleKey { seed: 5, epoch: 0, record }
    }

    #[test]
    fn flips_half_of_the_time_and_as_configured() {
        let count = |probability| {
            let config = PlanConfig { flip_probability: probability, ..PlanConfig::default() };
            (0..10_000).filter(|&r| Views::new(&config, key(r), (10, 10)).base.flip).count()
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
            let geometry = Views::new(&config, key(record), (1000, 1000)).first();
            let scale = geometry.scaled.0 as f64 / 1000.0;
            assert!((0.1..=2.0).contains(&scale));
            scale_sum += scale;
            let margin = geometry.margin();
            if margin.0 >= 100 {
                assert!(geometry.crop.0 <= margin.0 && geometry.crop.1 <= margin.1);
                crop_sum += geometry.crop.0 as f64 / margin.0 as f64;
                crops += 1;
            }
        }
        assert!((scale_sum / 20_000.0 - 1.05).abs() < 0.016);
        assert!((crop_sum / f64::from(crops) - 0.5).abs() < 0.013);
    }

    #[test]
    fn redraws_are_bounded_and_keep_the_scale() {
        let config = PlanConfig { scale_min: 2.0, ..PlanConfig::default() };
        let mut views = Views::new(&config, key(0), (600, 800));
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
        let mut views = Views::new(&config, key(0), (600, 800));
        views.first();
        assert_eq!(views.redraw(), None);
    }

    #[test]
    fn the_last_view_holds_the_pixel() {
        let config = PlanConfig { size: 64, ..PlanConfig::default() };
        for record in 0..20 {
            let views = Views::new(&config, key(record), (500, 30));
            for (x, y) in [(0, 0), (29, 499), (3, 250)] {
                let geometry = views.around(x, y);
                let (u, v) = geometry.to_output(x as f64, y as f64);
                let visible = geometry.visible();
                assert!(u >= 0.0 && v >= 0.0 && u < visible.1 as f64 && v < visible.0 as f64);
                assert_eq!((u.fract(), v.fract()), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn impossible_settings_are_refused() {
        let check = |config: PlanConfig| config.validate().unwrap_err().to_string();
        let base = PlanConfig::default;
        assert!(base().validate().is_ok());
        assert!(check(PlanConfig { size: 0, ..base() }).contains("plan.size"));
        assert!(check(PlanConfig { scale_min: 0.0, ..base() }).contains("scale_min"));
        assert!(check(PlanConfig { scale_min: 3.0, ..base() }).contains("3 and 2"));
        assert!(check(PlanConfig { flip_probability: f64::NAN, ..base() }).contains("NaN"));
    }
}
