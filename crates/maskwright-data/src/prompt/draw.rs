//! One prompt from one sampled label.

use maskwright_image::Size;
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::Sampler;

use super::noise_mask::Drawer;
use super::points::foreground_points_with;
use super::{DrawnKinds, Point, PointChoice, Prompt, PromptConfig, PromptKind};
use super::{background_points, centre_point, jittered_box, tight_box};
use crate::random::{ObjectKey, Purpose};

/// A sampled label and what was derived from it.
#[derive(Debug, Clone, Copy)]
pub struct SampledLabel<'a> {
    /// `[h, w]` in 0..255.
    pub label: &'a [f32],
    /// The size of the label.
    pub size: Size,
    /// The pixels above 128.
    pub foreground: &'a Bitmap,
    /// The pixels that count for nothing, where the label is 0; none where all count.
    pub ignored: Option<&'a Bitmap>,
    /// Rows and columns that show the image; the rest is padding.
    pub visible: Size,
}

/// Draws a prompt of the given kinds.
///
/// A point prompt needs as many foreground pixels as it has points: where they are fewer, that
/// sample draws another kind; if the settings have no other kind, some pixels are repeated. Returns
/// `None` if the label has no foreground, where no prompt can tell what to segment.
pub fn draw_prompt(
    sampled: SampledLabel<'_>,
    config: &PromptConfig,
    kinds: &DrawnKinds,
    key: ObjectKey,
) -> Option<Prompt> {
    PromptDrawer::new(Sampler::new()).draw(sampled, config, kinds, key)
}

/// Draws prompts one after the other and keeps its memory: a prompt then takes what it consists of and
/// nothing else.
#[derive(Debug)]
pub struct PromptDrawer {
    noise: Drawer,
    ranks: Vec<usize>,
}

impl PromptDrawer {
    /// A drawer whose mask prompts are resized by `sampler`.
    pub fn new(sampler: Sampler) -> PromptDrawer {
        PromptDrawer { noise: Drawer::new(sampler), ranks: Vec::new() }
    }

    /// As [`draw_prompt`].
    pub fn draw(
        &mut self,
        sampled: SampledLabel<'_>,
        config: &PromptConfig,
        kinds: &DrawnKinds,
        key: ObjectKey,
    ) -> Option<Prompt> {
        let count = sampled.foreground.count();
        let tight = tight_box(sampled.foreground)?;
        let points = config.draw_point_count(count, key);
        let too_small = points.is_none();
        let least = config.min_points.unwrap_or(config.points);
        let kind = match (kinds.kind, config.kinds.without(PromptKind::Points)) {
            (PromptKind::Points, Some(others)) if too_small => {
                others.draw(&mut key.generator(Purpose::OtherKind))
            }
            (kind, _) => kind,
        };
        let wants = |part: PromptKind| {
            part == kind
                || (kinds.also.contains(&part) && !(part == PromptKind::Points && too_small))
        };

        let box_xyxy = wants(PromptKind::Box).then(|| {
            let amount = config.box_jitter as f32;
            match amount {
                0.0 => tight,
                _ => jittered_box(tight, amount, sampled.visible, &mut key.generator(Purpose::Box)),
            }
        });
        let points = if wants(PromptKind::Points) {
            self.draw_points(sampled, config, points.unwrap_or(least), key)
        } else {
            Vec::new()
        };
        let mask = wants(PromptKind::NoiseMask).then(|| {
            let mut draw = key.generator(Purpose::NoiseMask);
            let (size, values) = (config.mask_size, config.mask_values);
            self.noise.draw(sampled.label, sampled.size, size, values, &mut draw)
        });
        Some(Prompt { kind, box_xyxy, points, mask })
    }

    fn draw_points(
        &mut self,
        sampled: SampledLabel<'_>,
        config: &PromptConfig,
        count: usize,
        key: ObjectKey,
    ) -> Vec<Point> {
        let mut draw = key.generator(Purpose::Points);
        let mut points =
            foreground_points_with(sampled.foreground, count, &mut draw, &mut self.ranks);
        if config.point_choice == PointChoice::Centre
            && let Some((x, y)) = centre_point(sampled.foreground)
        {
            let centre = Point { x: x as f32, y: y as f32, label: 1 };
            // Points stay different: if the centre was drawn already, it only moves to the front.
            let at = points.iter().position(|point| *point == centre).unwrap_or(0);
            points.swap(0, at);
            points[0] = centre;
        }
        if config.negative_points > 0 {
            // Whether the object is there is not known of what does not count.
            let object = sampled.ignored.map(|ignored| sampled.foreground.with(ignored));
            let object = object.as_ref().unwrap_or(sampled.foreground);
            let count = config.negative_points;
            points.extend(background_points(object, sampled.visible, count, &mut draw));
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::super::KindWeights;
    use super::*;
    use crate::random::SampleKey;
    use maskwright_image::Size;

    fn key(record: u64) -> ObjectKey {
        SampleKey::in_epoch(1, 0, record).object(0)
    }

    fn with_label<T>(pixels: usize, test: impl FnOnce(SampledLabel<'_>) -> T) -> T {
        let label: Vec<f32> =
            (0..32 * 32).map(|at| if at < pixels { 255.0 } else { 0.0 }).collect();
        let foreground = Bitmap::from_label(&label, Size::square(32));
        test(SampledLabel {
            label: &label,
            size: Size::square(32),
            foreground: &foreground,
            ignored: None,
            visible: Size::square(32),
        })
    }

    fn config() -> PromptConfig {
        PromptConfig { mask_size: 8, ..PromptConfig::default() }
    }

    #[test]
    fn a_prompt_has_the_part_of_its_kind_alone() {
        with_label(100, |view| {
            let prompt =
                |kind| draw_prompt(view, &config(), &DrawnKinds::only(kind), key(0)).unwrap();
            let boxed = prompt(PromptKind::Box);
            assert_eq!(boxed.box_xyxy, Some([0.0, 0.0, 31.0, 3.0]));
            assert!(boxed.points.is_empty() && boxed.mask.is_none());
            let clicked = prompt(PromptKind::Points);
            assert!(
                clicked.box_xyxy.is_none() && clicked.points.len() == 10 && clicked.mask.is_none()
            );
            let masked = prompt(PromptKind::NoiseMask);
            assert!(masked.box_xyxy.is_none() && masked.points.is_empty());
            assert_eq!(masked.mask.unwrap().data.len(), 64);
        });
    }

    #[test]
    fn a_small_object_draws_another_kind() {
        with_label(9, |view| {
            let mut boxes = 0;
            for record in 0..400 {
                let prompt = draw_prompt(
                    view,
                    &config(),
                    &DrawnKinds::only(PromptKind::Points),
                    key(record),
                )
                .unwrap();
                assert_ne!(prompt.kind, PromptKind::Points);
                assert!(prompt.points.is_empty());
                boxes += i32::from(prompt.kind == PromptKind::Box);
            }
            assert!((150..250).contains(&boxes), "{boxes}");
            let only = PromptConfig { kinds: KindWeights::only(PromptKind::Points), ..config() };
            let prompt =
                draw_prompt(view, &only, &DrawnKinds::only(PromptKind::Points), key(0)).unwrap();
            assert_eq!(prompt.points.len(), 10);
        });
        with_label(0, |view| {
            assert_eq!(
                draw_prompt(view, &config(), &DrawnKinds::only(PromptKind::Box), key(0)),
                None
            );
        });
    }

    /// Negative points lie neither on the object nor where nothing is known.
    #[test]
    fn what_is_ignored_gets_no_point() {
        with_label(100, |view| {
            // Rows 4 to 30 are ignored: rows 3 (columns from 4) and 31 alone are background.
            let ignored = Bitmap::from_fn(Size::square(32), |y, _| (4..31).contains(&y));
            let view = SampledLabel { ignored: Some(&ignored), ..view };
            let config = PromptConfig { negative_points: 20, ..config() };
            for record in 0..20 {
                let kinds = DrawnKinds::only(PromptKind::Points);
                let prompt = draw_prompt(view, &config, &kinds, key(record)).unwrap();
                let beside = prompt.points.iter().filter(|point| point.label == 0);
                assert_eq!(beside.clone().count(), 20);
                assert!(beside.clone().all(|point| matches!(point.y, 3.0 | 31.0)));
            }
        });
    }

    #[test]
    fn options_add_parts() {
        with_label(100, |view| {
            let config =
                PromptConfig { negative_points: 3, point_choice: PointChoice::Centre, ..config() };
            let also = vec![PromptKind::Points, PromptKind::NoiseMask];
            let kinds = DrawnKinds { kind: PromptKind::Box, also };
            let prompt = draw_prompt(view, &config, &kinds, key(0)).unwrap();
            assert!(prompt.box_xyxy.is_some() && prompt.mask.is_some());
            assert_eq!(prompt.points.iter().filter(|p| p.label == 1).count(), 10);
            assert_eq!(prompt.points.iter().filter(|p| p.label == 0).count(), 3);
            assert_eq!((prompt.points[0].x, prompt.points[0].y), (1.0, 1.0));
        });
    }
}
