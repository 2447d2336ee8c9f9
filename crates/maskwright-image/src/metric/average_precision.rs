//! Average precision of masks with scores, as COCO evaluates it (Lin et al., "Microsoft COCO", 2014).
//!
//! Every number is that of `pycocotools`' `COCOeval` with its standard parameters, down to how ties are broken: IoU thresholds 0.5
//! to 0.95 in steps of 0.05, 101 recalls, at most 100 detections of a category in an image, areas by 32² and 96² pixels.
//! The overlap is the masks' IoU, or, for boundary AP (Cheng et al., 2021), the lesser of it and boundary IoU.
//!
//! ```
//! use maskwright_image::metric::average_precision::{Found, Overlap, Scene, True, average_precision};
//! use maskwright_image::{Size, mask::{Bitmap, Rle}};
//!
//! let mask = |to| Rle::from_bitmap(&Bitmap::from_fn(Size::new(20, 20), |_, x| x < to));
//! let scene = Scene {
//!     truths: vec![True { mask: mask(10), area: 200.0, crowd: false }],
//!     found: vec![Found { mask: mask(8), score: 0.9 }],
//! };
//! let found = average_precision(&[vec![scene]], Overlap::Mask)?;
//! // An IoU of 0.8: right at the thresholds 0.5 to 0.8, seven of ten.
//! assert!((found.ap.unwrap() - 0.7).abs() < 1e-12);
//! assert_eq!(found.large, None, "no object is large");
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::boundary_band;
use crate::error::Result;
use crate::mask::Rle;

/// The number of IoU thresholds.
const THRESHOLDS: usize = 10;
/// The number of recalls at which precision is read.
const RECALLS: usize = 101;
/// The largest number of detections of a category in an image; and the smaller ones of recall.
const MOST: [usize; 3] = [1, 10, 100];
/// The areas in pixels, ends included: all, small, medium, large.
const AREAS: [(f64, f64); 4] = [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];

/// What two masks are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Overlap {
    /// Their IoU.
    Mask,
    /// The lesser of their IoU and their boundary IoU, whose band is this share of the image's diagonal wide (usually 0.02).
    /// Crowds have no boundary: they are compared by the masks alone.
    Boundary(f64),
}

/// The objects of one category in one image.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// Those that are there, in the order of the annotations.
    pub truths: Vec<True>,
    /// Those that were found, in the order of the detections.
    pub found: Vec<Found>,
}

/// An object that is there.
#[derive(Debug, Clone)]
pub struct True {
    /// Its pixels.
    pub mask: Rle,
    /// Its area as the annotation states it, which decides to which areas it belongs.
    pub area: f64,
    /// Whether it is a crowd: what is found in it is neither right nor wrong.
    pub crowd: bool,
}

/// An object that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its pixels.
    pub mask: Rle,
    /// How sure the finder is; only the order counts.
    pub score: f64,
}

/// Average precision and recall; `None` where no object belongs to the areas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AveragePrecision {
    /// The mean over categories, IoU thresholds and recalls.
    pub ap: Option<f64>,
    /// At an IoU of 0.5.
    pub ap50: Option<f64>,
    /// At an IoU of 0.75.
    pub ap75: Option<f64>,
    /// Of objects up to 32² pixels.
    pub small: Option<f64>,
    /// Of objects of 32² to 96² pixels.
    pub medium: Option<f64>,
    /// Of objects from 96² pixels on.
    pub large: Option<f64>,
    /// The largest recall, mean over categories and thresholds, with 1, 10 and 100 detections in an image.
    pub recall: [Option<f64>; 3],
    /// The same with 100 detections, of small, medium and large objects.
    pub recall_by_area: [Option<f64>; 3],
}

/// Returns the average precision over categories, each of which holds its scenes, image by image. The order of the images breaks
/// ties of equal scores; pycocotools sorts them by their ids.
///
/// # Errors
/// [`Error::RleSizes`](crate::Error::RleSizes) for masks of one scene that differ in size.
pub fn average_precision(categories: &[Vec<Scene>], overlap: Overlap) -> Result<AveragePrecision> {
    let mut precision = vec![Table::default(); AREAS.len()];
    let mut recall: Vec<Vec<Vec<f64>>> = vec![vec![Vec::new(); MOST.len()]; AREAS.len()];
    for scenes in categories {
        let scenes = scenes.iter().map(|scene| Compared::new(scene, overlap));
        let scenes: Vec<Compared<'_>> = scenes.collect::<Result<_>>()?;
        for (area, range) in AREAS.iter().enumerate() {
            let matched: Vec<Matched> =
                scenes.iter().filter_map(|scene| scene.matched(*range)).collect();
            for (place, most) in MOST.iter().enumerate() {
                let Some(curves) = curves(&matched, *most) else { continue };
                recall[area][place].extend(curves.iter().map(|curve| curve.recall));
                if *most == MOST[2] {
                    precision[area].add(&curves);
                }
            }
        }
    }
    let mean_recall = |area: usize, most: usize| mean(recall[area][most].iter().copied());
    Ok(AveragePrecision {
        ap: precision[0].mean(None),
        ap50: precision[0].mean(Some(0)),
        ap75: precision[0].mean(Some(5)),
        small: precision[1].mean(None),
        medium: precision[2].mean(None),
        large: precision[3].mean(None),
        recall: [0, 1, 2].map(|most| mean_recall(0, most)),
        recall_by_area: [1, 2, 3].map(|area| mean_recall(area, 2)),
    })
}

/// The IoU threshold of a number, as NumPy's `linspace` computes it.
fn threshold(number: usize) -> f64 {
    let step = (0.95 - 0.5) / (THRESHOLDS - 1) as f64;
    if number == THRESHOLDS - 1 { 0.95 } else { number as f64 * step + 0.5 }
}

/// Precisions of categories, each per threshold and recall.
#[derive(Clone, Default)]
struct Table(Vec<Vec<[f64; RECALLS]>>);

impl Table {
    fn add(&mut self, curves: &[Curve]) {
        self.0.push(curves.iter().map(|curve| curve.precision).collect());
    }

    /// The mean over categories and recalls, and over thresholds or at one of them.
    fn mean(&self, threshold: Option<usize>) -> Option<f64> {
        let of = |category: &'_ Vec<[f64; RECALLS]>| match threshold {
            Some(number) => vec![category[number]],
            None => category.clone(),
        };
        mean(self.0.iter().flat_map(of).flatten())
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}

/// A scene with how its objects overlap.
struct Compared<'a> {
    scene: &'a Scene,
    /// The detections that count, the highest scores first.
    order: Vec<usize>,
    /// Per detection in that order and per truth.
    overlaps: Vec<Vec<f64>>,
    /// The areas of the detections, in that order.
    areas: Vec<f64>,
}

/// The detections of a scene held to those of its truths that belong to an area.
struct Matched {
    /// The highest first.
    scores: Vec<f64>,
    /// Per threshold and detection whether it found an object, and whether it counts.
    right: Vec<Vec<bool>>,
    counts: Vec<Vec<bool>>,
    /// The number of truths that count.
    truths: usize,
}

impl<'a> Compared<'a> {
    fn new(scene: &'a Scene, overlap: Overlap) -> Result<Self> {
        let mut order: Vec<usize> = (0..scene.found.len()).collect();
        order.sort_by(|&a, &b| scene.found[b].score.total_cmp(&scene.found[a].score));
        order.truncate(MOST[2]);
        let band = |mask: &Rle| match overlap {
            Overlap::Mask => None,
            Overlap::Boundary(ratio) => {
                Some(Rle::from_bitmap(&boundary_band(&mask.to_bitmap(), ratio)))
            }
        };
        let bands: Vec<Option<Rle>> =
            scene.truths.iter().map(|truth| band(&truth.mask).filter(|_| !truth.crowd)).collect();
        let overlaps = order.iter().map(|&at| {
            let found = &scene.found[at].mask;
            let found_band = band(found);
            let compare = |(truth, band): (&True, &Option<Rle>)| {
                let iou = found.iou(&truth.mask, truth.crowd)?;
                Ok(match found_band.as_ref().zip(band.as_ref()) {
                    Some((found, truth)) => iou.min(found.iou(truth, false)?),
                    None => iou,
                })
            };
            scene.truths.iter().zip(&bands).map(compare).collect()
        });
        let overlaps = overlaps.collect::<Result<_>>()?;
        let areas = order.iter().map(|&at| scene.found[at].mask.area() as f64).collect();
        Ok(Self { scene, order, overlaps, areas })
    }

    /// Gives each detection, the surest first, the truth that it overlaps most and that no other has; none where there is
    /// nothing in the scene.
    fn matched(&self, (least, most): (f64, f64)) -> Option<Matched> {
        let truths = &self.scene.truths;
        if truths.is_empty() && self.order.is_empty() {
            return None;
        }
        let outside = |area: f64| area < least || area > most;
        let ignored: Vec<bool> =
            truths.iter().map(|truth| truth.crowd || outside(truth.area)).collect();
        // Those that count first.
        let mut by_turn: Vec<usize> = (0..truths.len()).collect();
        by_turn.sort_by_key(|&truth| ignored[truth]);
        let (mut right, mut counts) = (Vec::new(), Vec::new());
        for number in 0..THRESHOLDS {
            let mut taken = vec![false; truths.len()];
            let (mut found, mut counted) = (Vec::new(), Vec::new());
            for (overlaps, &area) in self.overlaps.iter().zip(&self.areas) {
                let mut best: Option<usize> = None;
                let mut highest = threshold(number).min(1.0 - 1e-10);
                for &truth in &by_turn {
                    if taken[truth] && !truths[truth].crowd {
                        continue;
                    }
                    // One that counts is not given up for one that does not.
                    if best.is_some_and(|best| !ignored[best]) && ignored[truth] {
                        break;
                    }
                    if overlaps[truth] >= highest {
                        highest = overlaps[truth];
                        best = Some(truth);
                    }
                }
                if let Some(best) = best {
                    taken[best] = true;
                }
                found.push(best.is_some());
                counted.push(best.map_or(!outside(area), |best| !ignored[best]));
            }
            right.push(found);
            counts.push(counted);
        }
        let scores = self.order.iter().map(|&at| self.scene.found[at].score).collect();
        let truths = ignored.iter().filter(|ignored| !**ignored).count();
        Some(Matched { scores, right, counts, truths })
    }
}

/// Precision over recall at one threshold.
struct Curve {
    precision: [f64; RECALLS],
    /// The largest recall.
    recall: f64,
}

/// The curves of a category, one for each threshold; none where there is no truth to find.
fn curves(scenes: &[Matched], most: usize) -> Option<Vec<Curve>> {
    let truths: usize = scenes.iter().map(|scene| scene.truths).sum();
    if truths == 0 {
        return None;
    }
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (number, scene) in scenes.iter().enumerate() {
        order.extend((0..scene.scores.len().min(most)).map(|at| (number, at)));
    }
    let score = |&(scene, at): &(usize, usize)| scenes[scene].scores[at];
    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let curve = |number: usize| {
        let (mut right, mut wrong) = (0usize, 0usize);
        let (mut recalls, mut precisions) = (Vec::new(), Vec::new());
        for &(scene, at) in &order {
            let scene = &scenes[scene];
            if scene.counts[number][at] {
                if scene.right[number][at] { right += 1 } else { wrong += 1 }
            }
            recalls.push(right as f64 / truths as f64);
            precisions.push(right as f64 / ((wrong + right) as f64 + f64::EPSILON));
        }
        // Precision never rises with recall.
        for at in (1..precisions.len()).rev() {
            precisions[at - 1] = f64::max(precisions[at - 1], precisions[at]);
        }
        let mut precision = [0.0; RECALLS];
        for (number, value) in precision.iter_mut().enumerate() {
            let wanted = if number == RECALLS - 1 { 1.0 } else { number as f64 * 0.01 };
            let at = recalls.partition_point(|recall| *recall < wanted);
            *value = precisions.get(at).copied().unwrap_or(0.0);
        }
        Curve { precision, recall: recalls.last().copied().unwrap_or(0.0) }
    };
    Some((0..THRESHOLDS).map(curve).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use crate::mask::Bitmap;

    /// Columns `from..to` of 4 x 100 pixels.
    fn columns(from: usize, to: usize) -> Rle {
        Rle::from_bitmap(&Bitmap::from_fn(Size::new(4, 100), |_, x| (from..to).contains(&x)))
    }

    fn truth(from: usize, to: usize) -> True {
        let mask = columns(from, to);
        True { area: mask.area() as f64, mask, crowd: false }
    }

    fn found(from: usize, to: usize, score: f64) -> Found {
        Found { mask: columns(from, to), score }
    }

    #[test]
    fn thresholds_are_numpys() {
        let text: Vec<String> = (0..THRESHOLDS).map(|at| format!("{:?}", threshold(at))).collect();
        // np.linspace(.5, 0.95, 10).
        assert_eq!(
            text,
            [
                "0.5",
                "0.55",
                "0.6",
                "0.65",
                "0.7",
                "0.75",
                "0.8",
                "0.85",
                "0.8999999999999999",
                "0.95"
            ]
        );
    }

    /// Two objects; the surest detection is wrong, the second finds one of them whole. Precision is 1/2 up to a recall of 1/2.
    #[test]
    fn hand_computed() {
        let scene = Scene {
            truths: vec![truth(0, 20), truth(40, 60)],
            found: vec![found(0, 20, 0.5), found(70, 90, 0.9)],
        };
        let result = average_precision(&[vec![scene]], Overlap::Mask).expect("one size");
        let expected = 51.0 * 0.5 / 101.0;
        assert!((result.ap.expect("objects") - expected).abs() < 1e-12, "{result:?}");
        assert_eq!(result.recall, [Some(0.0), Some(0.5), Some(0.5)]);
        assert_eq!((result.small, result.medium), (result.ap, None));
    }

    #[test]
    fn what_is_found_in_a_crowd_counts_for_nothing() {
        let crowd = True { crowd: true, ..truth(50, 100) };
        let scene = |found| Scene { truths: vec![truth(0, 20), crowd.clone()], found };
        let ap =
            |found| average_precision(&[vec![scene(found)]], Overlap::Mask).expect("one size").ap;
        let near = |found, expected: f64| (ap(found).expect("an object") - expected).abs() < 1e-12;
        assert!(near(vec![found(0, 20, 0.1), found(50, 60, 0.8), found(70, 80, 0.9)], 1.0));
        assert!(near(vec![found(0, 20, 0.1), found(25, 35, 0.8)], 0.5));
    }

    #[test]
    fn nothing_to_find_is_no_number() {
        let scene = Scene { truths: Vec::new(), found: vec![found(0, 5, 0.5)] };
        let result = average_precision(&[vec![scene], vec![]], Overlap::Mask).expect("one size");
        assert_eq!((result.ap, result.recall[2]), (None, None));
    }

    #[test]
    fn boundaries_are_the_stricter_measure() {
        let square = |side| {
            Rle::from_bitmap(&Bitmap::from_fn(Size::new(100, 100), |y, x| y < side && x < side))
        };
        let scene = || Scene {
            truths: vec![True { mask: square(60), area: 3600.0, crowd: false }],
            found: vec![Found { mask: square(56), score: 0.9 }],
        };
        let ap = |overlap| average_precision(&[vec![scene()]], overlap).expect("one size").ap;
        // An IoU of 3136 / 3600 = 0.87. The rings of one pixel share 111 of 345 pixels.
        assert!((ap(Overlap::Mask).expect("an object") - 0.8).abs() < 1e-12);
        assert_eq!(ap(Overlap::Boundary(0.01)), Some(0.0));
    }
}
