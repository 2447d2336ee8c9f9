//! What to do where a search finds nothing: thresholds to try, and what the model was not trained for.

use maskwright_model::Sam;
use maskwright_predict::mask_generator::Sifted;
use maskwright_train::provenance::{self, PointPrompts};

/// Images without a mask after which it is said.
const PATIENCE: usize = 3;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Search {
    points: Option<PointPrompts>,
    images: usize,
    masks: usize,
    /// The highest predicted IoU and stability score of those that were too low.
    highest: [Option<f32>; 2],
}

impl Search {
    pub(super) fn with(sam: &Sam) -> Self {
        let training = sam.conventions().and_then(|known| known.training.as_ref());
        Self { points: training.and_then(provenance::point_prompts), ..Self::default() }
    }

    /// What is said before a search with a model whose own masks were trained, and not on single points.
    pub(super) fn warning(&self) -> Option<String> {
        let points = self.points.filter(|points| points.of_sam && !points.are_single())?;
        Some(format!(
            "{}, and `masks` asks about single points: expect little of it. {TRAINS}",
            trained(points)
        ))
    }

    /// Counts an image; gives the advice where it is time for it.
    pub(super) fn add(&mut self, masks: usize, sifted: &Sifted) -> Option<String> {
        self.images += 1;
        self.masks += masks;
        for (highest, (number, found)) in
            self.highest.iter_mut().zip([sifted.disbelieved, sifted.unstable])
        {
            if number > 0 {
                *highest = Some(highest.map_or(found, |highest| highest.max(found)));
            }
        }
        (self.images == PATIENCE).then(|| self.advice()).flatten()
    }

    /// What to do, if nothing was found.
    pub(super) fn advice(&self) -> Option<String> {
        if self.masks > 0 || self.images == 0 {
            return None;
        }
        // With 0 all pass.
        let below = |score: f32| (((score - 0.1) * 20.0).floor() / 20.0).clamp(0.0, 0.5);
        let flag = |name: &str, value: f32| format!(" --{name} {value}");
        let [iou, stability] = self.highest;
        let mut thresholds = String::new();
        if let Some(iou) = iou {
            thresholds += &flag("pred-iou-thresh", below(iou));
        }
        if iou.is_some() || stability.is_some() {
            // Of those whose predicted IoU was too low it is not known.
            thresholds += &flag("stability-score-thresh", stability.map_or(0.5, below));
        }
        let images = match self.images {
            1 => "the image".to_owned(),
            images => format!("any of {images} images"),
        };
        let mut text = format!("no mask in {images}");
        if !thresholds.is_empty() {
            text += &format!(": try{thresholds}, and look at what that finds (--overlay)");
        }
        match self.points {
            Some(points) if points.are_single() => {}
            Some(points) => {
                text += &format!(
                    "; {}, and `masks` asks about single points. {TRAINS}",
                    trained(points)
                );
            }
            None => {
                text += "; a model that was not trained on single points cannot be expected to find much so; \
                         `maskwright predict` with boxes suits it better";
            }
        }
        Some(text)
    }
}

/// How to train for it.
const TRAINS: &str = "`maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)";

fn trained(points: PointPrompts) -> String {
    match points.least {
        None => "this checkpoint was trained without point prompts".into(),
        Some(least) => format!("this checkpoint was trained on prompts of at least {least} points"),
    }
}

#[cfg(test)]
mod tests {
    use maskwright_predict::mask_generator::MaskGeneratorConfig;

    use super::*;

    fn sifted(disbelieved: (usize, f32), unstable: (usize, f32)) -> Sifted {
        let mut sifted = Sifted::of(&MaskGeneratorConfig::default());
        (sifted.disbelieved, sifted.unstable) = (disbelieved, unstable);
        sifted
    }

    #[test]
    fn thresholds_are_those_that_let_something_through() {
        let of = |points, disbelieved, unstable| {
            let mut search = Search { points, ..Search::default() };
            assert_eq!(search.advice(), None);
            assert_eq!(search.add(0, &sifted(disbelieved, unstable)), None);
            search.advice().expect("an advice")
        };
        let points = |least, of_sam| Some(PointPrompts { least, of_sam });
        insta::assert_snapshot!(
            [
                of(None, (9, 0.61), (0, 0.0)),
                of(points(Some(10), true), (9, -0.01), (0, 0.0)),
                of(points(None, false), (9, 0.5), (3, 0.81)),
                of(points(Some(1), true), (0, 0.0), (3, 0.3)),
                of(points(Some(1), true), (0, 0.0), (0, 0.0)),
            ]
            .join("\n"),
            @"
            no mask in the image: try --pred-iou-thresh 0.5 --stability-score-thresh 0.5, and look at what that finds (--overlay); a model that was not trained on single points cannot be expected to find much so; `maskwright predict` with boxes suits it better
            no mask in the image: try --pred-iou-thresh 0 --stability-score-thresh 0.5, and look at what that finds (--overlay); this checkpoint was trained on prompts of at least 10 points, and `masks` asks about single points. `maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)
            no mask in the image: try --pred-iou-thresh 0.4 --stability-score-thresh 0.5, and look at what that finds (--overlay); this checkpoint was trained without point prompts, and `masks` asks about single points. `maskwright train --train decoder --min-points 1` trains for it (docs/training.md, Ambiguous prompts)
            no mask in the image: try --stability-score-thresh 0.2, and look at what that finds (--overlay)
            no mask in the image
            "
        );
    }

    #[test]
    fn it_is_said_once_after_some_images_and_where_all_are_without_masks() {
        let said = |masks: [usize; 5]| {
            let mut search = Search::default();
            let none = sifted((9, 0.61), (0, 0.0));
            let said = masks.map(|masks| search.add(masks, &none).is_some());
            (said, search.advice().is_some())
        };
        assert_eq!(said([0; 5]), ([false, false, true, false, false], true));
        assert_eq!(said([0, 1, 0, 0, 0]), ([false; 5], false));
        assert_eq!(said([0, 0, 0, 0, 1]), ([false, false, true, false, false], false));
    }

    #[test]
    fn a_warning_is_about_masks_that_learnt_something_else() {
        let warning = |least, of_sam| {
            let points = Some(PointPrompts { least, of_sam });
            Search { points, ..Search::default() }.warning()
        };
        assert!(warning(Some(10), true).is_some_and(|text| text.contains("at least 10 points")));
        assert!(warning(None, true).is_some());
        // SAM's own masks are as they were, or know single points.
        assert_eq!(warning(Some(10), false), None);
        assert_eq!(warning(Some(1), true), None);
        assert_eq!(Search::default().warning(), None);
    }
}
