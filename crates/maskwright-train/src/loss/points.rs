//! The points of a mask at which the loss is computed.
//!
//! The method is PointRend's (Kirillov et al., 2020, section 3.2): oversample uniform
//! points, keep the most uncertain, add a few uniform ones for coverage.

use maskwright_data::random::Keyed;
use maskwright_image::mask::Bitmap;
use serde::{Deserialize, Serialize};

use super::boundary::BoundaryWeights;
pub use super::plane::Plane;
use crate::error::{Error, Result};

/// The number of points at which a mask's loss is computed, and how they are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PointConfig {
    /// The number of points per mask. HQ-SAM: 112 x 112.
    #[serde(alias = "points")]
    pub per_mask: usize,
    /// The number of uniform candidates per point, from which the most uncertain ones are taken. HQ-SAM:
    /// 3.
    pub oversample: usize,
    /// The share of the points that are taken from the most uncertain candidates, 0 to 1. HQ-SAM: 0.75.
    pub importance: f32,
}

impl Default for PointConfig {
    fn default() -> Self {
        Self { per_mask: 112 * 112, oversample: 3, importance: 0.75 }
    }
}

impl PointConfig {
    /// Checks that the number of points is not 0 and that the share is from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<()> {
        let counts = [("per_mask", self.per_mask), ("oversample", self.oversample)];
        for (key, count) in counts {
            if count == 0 {
                return Err(Error::setting(format!("train.loss.points.{key}"), "1 or more", count));
            }
        }
        if !(0.0..=1.0).contains(&self.importance) {
            let key = "train.loss.points.importance";
            return Err(Error::setting(key, "a share from 0 to 1", self.importance));
        }
        Ok(())
    }

    /// Returns the number of candidates per mask.
    pub fn candidates(&self) -> usize {
        self.per_mask * self.oversample
    }

    /// Returns the number of points that are taken from the candidates.
    pub fn uncertain(&self) -> usize {
        (self.importance * self.per_mask as f32) as usize
    }

    /// Returns the number of points that are uniform and independent of the logits.
    pub fn uniform(&self) -> usize {
        self.per_mask - self.uncertain()
    }
}

/// The chosen points of every mask in a batch, with the values of the labels there.
#[derive(Debug, Clone, PartialEq)]
pub struct PointTargets {
    /// The number of points per mask, P.
    pub per_mask: usize,
    /// The points `[B, P, 2]`, x then y, in `[0, 1]` of the mask's width and height.
    pub coords: Vec<f32>,
    /// The labels `[B, P]` in `[0, 1]`, interpolated bilinearly.
    pub targets: Vec<f32>,
    /// What the points `[B, P]` weigh by their distance from the label's boundary, 1 to 6, interpolated bilinearly; `None`
    /// where no term asks for it.
    pub boundary: Option<Vec<f32>>,
}

impl PointTargets {
    /// Returns an empty batch, for masks with `per_mask` points each.
    pub fn new(per_mask: usize) -> Self {
        Self { per_mask, coords: Vec::new(), targets: Vec::new(), boundary: None }
    }

    /// Returns an empty batch whose points are weighed by their distance from the boundary, too.
    pub fn weighed(per_mask: usize) -> Self {
        Self { boundary: Some(Vec::new()), ..Self::new(per_mask) }
    }

    /// Appends a mask: its points and the label's values at them.
    ///
    /// `label` is a sampled label in 0..255; the targets are its values divided by 255.
    pub fn push(&mut self, coords: Vec<f32>, label: &Plane<'_>) {
        self.targets
            .extend(coords.chunks_exact(2).map(|point| label.bilinear(point[0], point[1]) / 255.0));
        if let Some(boundary) = &mut self.boundary {
            let weights = BoundaryWeights::of(label);
            boundary.extend(coords.chunks_exact(2).map(|point| weights.at(point[0], point[1])));
        }
        self.coords.extend(coords);
    }

    /// Appends the masks of another batch with as many points for each.
    pub fn append(&mut self, other: Self) {
        self.coords.extend(other.coords);
        self.targets.extend(other.targets);
        if let (Some(boundary), Some(others)) = (&mut self.boundary, other.boundary) {
            boundary.extend(others);
        }
    }
}

/// Draws the points of one mask, for one object of one sample, whose generator of
/// [`Purpose::LossPoints`](maskwright_data::random::Purpose::LossPoints) this is. Returns x, y pairs in `[0, 1]` of the mask's
/// width and height.
///
/// The result depends only on the settings, the logits and the generator's key, so that a step can be repeated on
/// its own.
pub fn draw(config: &PointConfig, logits: &Plane<'_>, mut generator: Keyed) -> Vec<f32> {
    let candidates: Vec<f32> = (0..2 * config.candidates()).map(|_| generator.uniform()).collect();
    let uniform: Vec<f32> = (0..2 * config.uniform()).map(|_| generator.uniform()).collect();
    choose(config, logits, &candidates, &uniform)
}

/// As [`draw`], of a mask of which some pixels count for nothing. `ignored` is that of the label, and may have another size
/// than the logits.
///
/// All points of [`draw`] that lie where the label is known are drawn. Each of the others is drawn again until it lies there,
/// from numbers that follow those of [`draw`]: so candidates and uniform points are uniform on what counts, and the
/// loss is a mean over as many points as for any other mask. Where next to nothing counts, points lie on the centres of
/// such pixels in the end.
pub fn draw_outside(
    config: &PointConfig,
    logits: &Plane<'_>,
    ignored: &Bitmap,
    mut generator: Keyed,
) -> Vec<f32> {
    let mut drawn =
        |count: usize| -> Vec<f32> { (0..2 * count).map(|_| generator.uniform()).collect() };
    let (mut candidates, mut uniform) = (drawn(config.candidates()), drawn(config.uniform()));
    let known = Known::outside(ignored);
    known.redraw(&mut candidates, &mut generator);
    known.redraw(&mut uniform, &mut generator);
    choose(config, logits, &candidates, &uniform)
}

/// How often a point is drawn again anywhere, before it is drawn among the pixels that count.
const REDRAWS: usize = 64;

/// Where a label is known.
pub(crate) struct Known<'a> {
    ignored: &'a Bitmap,
    counted: Bitmap,
}

impl<'a> Known<'a> {
    /// Everywhere but where a pixel of `ignored` has a weight.
    pub(crate) fn outside(ignored: &'a Bitmap) -> Self {
        Known { ignored, counted: Bitmap::from_fn(ignored.size(), |y, x| !ignored.get(y, x)) }
    }

    /// Whether no pixel that counts for nothing has a weight in the bilinear value at `(x, y)`, both in `[0, 1]`.
    pub(crate) fn at(&self, x: f32, y: f32) -> bool {
        let axis = |at: f32, side: usize| {
            let at = ((2.0 * at - 1.0 + 1.0) * side as f32 - 1.0) / 2.0;
            let first = at.floor();
            // The second pixel has no weight at the centre of the first.
            let last = if at > first { first + 1.0 } else { first };
            (first.max(0.0) as usize)..((last + 1.0).max(0.0) as usize).min(side)
        };
        let (height, width) = (self.ignored.height(), self.ignored.width());
        let columns = axis(x, width);
        axis(y, height).all(|row| columns.clone().all(|column| !self.ignored.get(row, column)))
    }

    /// Draws those of the points again that do not lie here.
    fn redraw(&self, points: &mut [f32], generator: &mut Keyed) {
        let count = self.counted.count();
        for point in points.chunks_exact_mut(2) {
            let mut tries = 0;
            while !self.at(point[0], point[1]) && tries < REDRAWS {
                point.fill_with(|| generator.uniform());
                tries += 1;
            }
            if tries == REDRAWS
                && count > 0
                && let Some((x, y)) = self.counted.nth(generator.below(count as u64) as usize)
            {
                point[0] = (x as f32 + 0.5) / self.counted.width() as f32;
                point[1] = (y as f32 + 0.5) / self.counted.height() as f32;
            }
        }
    }
}

/// Returns the `config.uncertain()` candidates with the smallest |logit|, in the order of the
/// candidates, followed by the uniform points. All lists are x, y pairs in `[0, 1]`.
pub fn choose(
    config: &PointConfig,
    logits: &Plane<'_>,
    candidates: &[f32],
    uniform: &[f32],
) -> Vec<f32> {
    let mut ranked: Vec<(f32, u32)> = candidates
        .chunks_exact(2)
        .enumerate()
        .map(|(index, point)| (logits.bilinear(point[0], point[1]).abs(), index as u32))
        .collect();
    let keep = config.uncertain().min(ranked.len());
    if keep > 0 && keep < ranked.len() {
        // Ties go to the earlier candidate, so that the choice is one and the same everywhere.
        ranked.select_nth_unstable_by(keep - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }
    ranked.truncate(keep);
    ranked.sort_unstable_by_key(|&(_, index)| index);

    let mut chosen = Vec::with_capacity(2 * config.per_mask);
    for (_, index) in ranked {
        chosen.extend_from_slice(&candidates[2 * index as usize..][..2]);
    }
    chosen.extend_from_slice(uniform);
    chosen
}

#[cfg(test)]
mod tests {
    use maskwright_data::random::{Purpose, SampleKey};
    use maskwright_image::Size;

    use super::*;

    /// A plane whose logit is 0 on the vertical centre line and grows away from it.
    fn ramp() -> Vec<f32> {
        (0..16 * 16).map(|i| (i % 16) as f32 - 7.5).collect()
    }

    #[test]
    fn uncertain_points_lie_at_the_zero_crossing() {
        let values = ramp();
        let plane = Plane { values: &values, height: 16, width: 16 };
        let config = PointConfig { per_mask: 400, oversample: 3, importance: 0.75 };
        let key = SampleKey::in_epoch(1, 0, 5).object(0).generator(Purpose::LossPoints);
        let points = draw(&config, &plane, key.clone());
        assert_eq!(points.len(), 800);
        let (uncertain, uniform) = points.split_at(2 * config.uncertain());
        // A quarter of the candidates is kept, so all lie in the central quarter and a little.
        // (Logits fade to the zero padding at the top and the bottom, and corners pass as well.)
        let inner: Vec<&[f32]> =
            uncertain.chunks(2).filter(|p| (p[1] - 0.5).abs() < 0.46).collect();
        assert!(inner.len() > 250);
        assert!(inner.iter().all(|p| (p[0] - 0.5).abs() < 0.16));
        assert!(uniform.chunks(2).any(|p| (p[0] - 0.5).abs() > 0.4));
        assert_eq!(points, draw(&config, &plane, key.clone()), "keyed draws repeat");
        assert_ne!(
            points,
            draw(
                &config,
                &plane,
                SampleKey::in_epoch(1, 0, 6).object(0).generator(Purpose::LossPoints)
            )
        );
        assert_ne!(
            points,
            draw(
                &config,
                &plane,
                SampleKey::in_epoch(1, 0, 5).object(1).generator(Purpose::LossPoints)
            )
        );
    }

    /// The left half counts for nothing: no point has it among its pixels, points elsewhere stay where they were, and
    /// what is drawn again is uniform.
    #[test]
    fn points_avoid_what_does_not_count() {
        let values = vec![1.0; 16 * 16];
        let plane = Plane { values: &values, height: 16, width: 16 };
        // All logits are equal but at the rim: the first candidates are taken, whatever they are.
        let config = PointConfig { per_mask: 4000, oversample: 1, importance: 0.5 };
        let ignored = Bitmap::from_fn(Size::square(16), |_, x| x < 8);
        let key = SampleKey::in_epoch(1, 0, 5).object(0).generator(Purpose::LossPoints);
        let uniform = PointConfig { importance: 0.0, ..config };
        let before = draw(&uniform, &plane, key.clone());
        let after = draw_outside(&uniform, &plane, &ignored, key.clone());
        let (mut kept, mut right) = (0i32, 0i32);
        for (before, after) in before.chunks(2).zip(after.chunks(2)) {
            // Half a pixel beyond the border: the bilinear value before mixes a pixel of the left half.
            assert!(after[0] >= 8.5 / 16.0, "{after:?}");
            assert_eq!(before == after, before[0] >= 8.5 / 16.0);
            kept += i32::from(before == after);
            right += i32::from(after[0] > 12.25 / 16.0);
        }
        // 7.5 of 16 columns, and half of what is left: five standard deviations of binomial counts of 4000.
        assert!((kept - 1875).abs() < 158, "{kept}");
        assert!((right - 2000).abs() < 158, "{right}");
        assert!(
            draw_outside(&config, &plane, &ignored, key.clone())
                .chunks(2)
                .all(|p| p[0] >= 8.5 / 16.0)
        );
    }

    #[test]
    fn a_single_pixel_that_counts_gets_all_points() {
        let values = ramp();
        let plane = Plane { values: &values, height: 16, width: 16 };
        let config = PointConfig { per_mask: 20, oversample: 2, importance: 0.75 };
        let ignored = Bitmap::from_fn(Size::square(64), |y, x| (y, x) != (9, 40));
        let points = draw_outside(
            &config,
            &plane,
            &ignored,
            SampleKey::in_epoch(1, 0, 5).object(0).generator(Purpose::LossPoints),
        );
        assert_eq!(points.len(), 40);
        assert!(points.chunks(2).all(|point| point == [40.5 / 64.0, 9.5 / 64.0]));
    }

    #[test]
    fn without_anything_ignored_the_points_are_the_same() {
        let values = ramp();
        let plane = Plane { values: &values, height: 16, width: 16 };
        let config = PointConfig { per_mask: 100, ..PointConfig::default() };
        let key = SampleKey::in_epoch(1, 0, 5).object(0).generator(Purpose::LossPoints);
        let nothing = Bitmap::from_fn(Size::square(16), |_, _| false);
        assert_eq!(
            draw_outside(&config, &plane, &nothing, key.clone()),
            draw(&config, &plane, key.clone())
        );
    }

    #[test]
    fn bilinear_is_exact_at_centres_and_zero_padded_at_the_rim() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let plane = Plane { values: &values, height: 2, width: 2 };
        assert_eq!(plane.bilinear(0.25, 0.25), 1.0);
        assert_eq!(plane.bilinear(0.75, 0.75), 4.0);
        assert_eq!(plane.bilinear(0.5, 0.5), 2.5);
        // The very corner is a quarter of the corner pixel, three quarters padding.
        assert_eq!(plane.bilinear(0.0, 0.0), 0.25);
        assert_eq!(plane.bilinear(1.0, 1.0), 1.0);
    }

    #[test]
    fn fewer_candidates_than_wanted_are_all_taken() {
        let values = ramp();
        let plane = Plane { values: &values, height: 16, width: 16 };
        let config = PointConfig { per_mask: 4, oversample: 1, importance: 1.0 };
        let candidates = [0.1, 0.1, 0.9, 0.9, 0.5, 0.5, 0.2, 0.2];
        assert_eq!(choose(&config, &plane, &candidates, &[]), candidates);
    }
}
