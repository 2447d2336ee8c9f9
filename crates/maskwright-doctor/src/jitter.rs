//! How small the jitter can make an object, from the settings of a run.

use maskwright_data::plan::{PlanConfig, Transform};
use maskwright_data::prompt::PromptConfig;
use maskwright_image::Size;

/// The range of scales of a run, and how many points its prompts have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Jitter {
    /// Side of the square that scale 1 fits an image into.
    size: usize,
    /// Smallest scale.
    pub(super) min: f64,
    /// Largest scale.
    max: f64,
    /// Points of a prompt: an object needs as many pixels.
    pub(super) points: usize,
}

impl Jitter {
    /// The jitter of the settings; none where views are not made by one.
    pub(super) fn of(plan: &PlanConfig, prompts: &PromptConfig) -> Option<Jitter> {
        let points = prompts.points;
        if plan.transforms.is_empty() {
            return Some(Jitter {
                size: plan.size,
                min: plan.scale_min,
                max: plan.scale_max,
                points,
            });
        }
        plan.transforms.iter().find_map(|transform| match *transform {
            Transform::LargeScaleJitter { min, max, size } => {
                Some(Jitter { size: size.unwrap_or(plan.size), min, max, points })
            }
            Transform::LongestSide {} => {
                Some(Jitter { size: plan.size, min: 1.0, max: 1.0, points })
            }
            _ => None,
        })
    }

    /// Pixels that an object of `area` pixels in an image of a size has at a scale.
    pub(super) fn pixels_at(&self, scale: f64, area: usize, image: Size) -> f64 {
        let ratio = scale * self.size as f64 / image.height.max(image.width).max(1) as f64;
        area as f64 * ratio * ratio
    }

    /// The scale at which an object has as many pixels as a prompt has points, if that is above the
    /// smallest.
    pub(super) fn too_small(&self, area: usize, size: Size) -> Option<f64> {
        let need = (self.points as f64 / self.pixels_at(1.0, area, size)).sqrt();
        (need > self.min && area > 0).then_some(need)
    }

    /// The share of draws below a scale.
    pub(super) fn share_below(&self, scale: f64) -> f64 {
        if self.max <= self.min {
            return f64::from(u8::from(scale > self.min));
        }
        ((scale - self.min) / (self.max - self.min)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_shrink_with_the_square_of_the_scale() {
        let jitter = Jitter::of(&PlanConfig::default(), &PromptConfig::default()).unwrap();
        assert_eq!((jitter.size, jitter.min, jitter.points), (1024, 0.1, 10));
        // 1000 of 1024 x 768 pixels are exactly 10 at scale 0.1.
        assert_eq!(jitter.too_small(1000, Size::new(768, 1024)), None);
        let need = jitter.too_small(999, Size::new(768, 1024)).unwrap();
        assert!(need > 0.1 && need < 0.1001);
        assert!((jitter.too_small(250, Size::new(768, 1024)).unwrap() - 0.2).abs() < 1e-9);
        assert!((jitter.share_below(0.2) - 0.1 / 1.9).abs() < 1e-9);
        assert_eq!(jitter.share_below(5.0), 1.0);
    }

    #[test]
    fn other_transforms_have_other_scales() {
        let plan = |transforms| PlanConfig { transforms, ..PlanConfig::default() };
        let prompts = PromptConfig::default();
        let list = vec![Transform::LargeScaleJitter { min: 0.5, max: 1.0, size: Some(512) }];
        let jitter = Jitter::of(&plan(list), &prompts).unwrap();
        assert_eq!((jitter.size, jitter.min), (512, 0.5));
        assert_eq!(Jitter::of(&plan(vec![Transform::Squash {}]), &prompts), None);
        let longest = Jitter::of(&plan(vec![Transform::LongestSide {}]), &prompts).unwrap();
        assert_eq!(longest.too_small(10, Size::new(1024, 1024)), None);
        assert_eq!(longest.share_below(longest.too_small(9, Size::new(1024, 1024)).unwrap()), 1.0);
    }
}
