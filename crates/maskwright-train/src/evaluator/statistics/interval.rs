//! How sure a mean is.

use maskwright_data::random::{Keyed, Purpose};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How many times the images are drawn anew.
const RESAMPLES: u64 = 2000;
/// The share of resamples whose means lie below an interval, and of those above.
const TAIL: f64 = 0.025;

/// The interval that holds a mean with 95% confidence, as far as the images are a fair draw of those that the model will see.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Returns whether 0 lies outside of it.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Returns the intervals of the means of several values per object, by the percentile bootstrap (Efron, 1979): images are drawn
/// with replacement, each with all its objects, since the objects of one image are alike.
///
/// A row holds the number of the object's image and its values; rows of one image follow each other. `None` for fewer than two
/// images. The draws depend on the seed and the number of images alone.
pub fn intervals(rows: &[(usize, Vec<f64>)], seed: u64) -> Option<Vec<Interval>> {
    let values = rows.first()?.1.len();
    let images: Vec<Sums> =
        rows.chunk_by(|a, b| a.0 == b.0).map(|rows| Sums::of(rows, values)).collect();
    if images.len() < 2 {
        return None;
    }
    let means: Vec<Vec<f64>> =
        (0..RESAMPLES).into_par_iter().map(|number| resampled(&images, seed, number)).collect();
    let interval = |value: usize| {
        let mut sorted: Vec<f64> = means.iter().map(|means| means[value]).collect();
        sorted.sort_by(f64::total_cmp);
        Interval { low: quantile(&sorted, TAIL), high: quantile(&sorted, 1.0 - TAIL) }
    };
    Some((0..values).map(interval).collect())
}

/// The objects of one image.
struct Sums {
    objects: usize,
    values: Vec<f64>,
}

impl Sums {
    fn of(rows: &[(usize, Vec<f64>)], values: usize) -> Self {
        let sum = |value: usize| rows.iter().map(|(_, values)| values[value]).sum();
        Self { objects: rows.len(), values: (0..values).map(sum).collect() }
    }
}

/// The means over as many images as there are, drawn with replacement.
fn resampled(images: &[Sums], seed: u64, number: u64) -> Vec<f64> {
    let mut generator = Keyed::new(seed, number, images.len() as u64, Purpose::Bootstrap);
    let mut sums = vec![0.0; images[0].values.len()];
    let mut objects = 0;
    for _ in 0..images.len() {
        let image = &images[generator.below(images.len() as u64) as usize];
        objects += image.objects;
        sums.iter_mut().zip(&image.values).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().map(|sum| sum / objects as f64).collect()
}

/// The value below which a share of sorted values lies, linear between two of them.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_values() {
        let sorted = [0.0, 1.0, 4.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|at| quantile(&sorted, at)),
            [0.0, 0.5, 1.0, 2.5, 4.0]
        );
    }

    /// A mean of n values that are 0 or 1 with equal chance has a deviation of 0.5 / sqrt(n), and a 95% interval 1.96 of it to
    /// each side.
    #[test]
    fn an_interval_is_as_wide_as_theory_has_it() {
        let rows: Vec<_> = (0..400).map(|i| (i, vec![f64::from(i as u32 % 2), 0.25])).collect();
        let found = intervals(&rows, 1).expect("400 images");
        let expected = 1.96 * 0.5 / 20.0;
        assert!((found[0].low - (0.5 - expected)).abs() < 0.006, "{found:?}");
        assert!((found[0].high - (0.5 + expected)).abs() < 0.006, "{found:?}");
        assert_eq!(found[1], Interval { low: 0.25, high: 0.25 });
        assert_eq!(intervals(&rows, 1), Some(found), "the same seed, the same digits");
    }

    /// 100 images with four equal objects each are no surer than 100 objects.
    #[test]
    fn objects_of_one_image_are_drawn_together() {
        let width = |rows: &[(usize, Vec<f64>)]| {
            let found = intervals(rows, 5).expect("several images")[0];
            found.high - found.low
        };
        let value = |image: usize| vec![(image % 3) as f64];
        let single: Vec<_> = (0..100).map(|image| (image, value(image))).collect();
        let several: Vec<_> =
            (0..100).flat_map(|image| (0..4).map(move |_| (image, value(image)))).collect();
        assert!((width(&single) - width(&several)).abs() < 1e-12);
        let apart: Vec<_> = (0..400).map(|object| (object, value(object / 4))).collect();
        assert!(width(&apart) < 0.6 * width(&several));
    }

    #[test]
    fn one_image_has_no_interval() {
        assert_eq!(intervals(&[(0, vec![0.5]), (0, vec![0.75])], 1), None);
        assert_eq!(intervals(&[], 1), None);
    }
}
