//! What became of the candidates of a search, so that one that finds nothing can say why.

use std::fmt;

use super::{GeneratedMask, MaskGeneratorConfig};

/// Why a candidate is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Dropped {
    /// With its stability score.
    Unstable(f32),
    /// It ends where the crop does.
    AtCrop,
}

/// The candidates of a search, by what became of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Sifted {
    /// All of them.
    pub candidates: usize,
    /// Those whose predicted IoU was too low, and the highest among them.
    pub disbelieved: (usize, f32),
    /// Those whose stability score was too low, and the highest among them.
    pub unstable: (usize, f32),
    /// Those that end where a crop does.
    pub at_crop: usize,
    /// The masks that were found; what is left are duplicates.
    pub found: usize,
    thresholds: (f32, f32),
}

impl Sifted {
    /// None yet, of a search with these settings.
    pub fn of(config: &MaskGeneratorConfig) -> Sifted {
        Sifted {
            candidates: 0,
            disbelieved: (0, 0.0),
            unstable: (0, 0.0),
            at_crop: 0,
            found: 0,
            thresholds: (config.pred_iou_thresh, config.stability_score_thresh),
        }
    }

    /// Counts a candidate, and one that is not believed by the IoU predicted for it.
    pub(super) fn see(&mut self, disbelieved: Option<f32>) {
        self.candidates += 1;
        count(&mut self.disbelieved, disbelieved);
    }

    /// Counts one that is dropped.
    pub(super) fn keep(&mut self, judged: Result<GeneratedMask, Dropped>) -> Option<GeneratedMask> {
        match judged {
            Ok(mask) => return Some(mask),
            Err(Dropped::Unstable(score)) => count(&mut self.unstable, Some(score)),
            Err(Dropped::AtCrop) => self.at_crop += 1,
        }
        None
    }
}

fn count((number, highest): &mut (usize, f32), score: Option<f32>) {
    if let Some(score) = score {
        // Of none there is no highest, and scores may be below 0.
        *highest = if *number == 0 { score } else { highest.max(score) };
        *number += 1;
    }
}

/// In words: "96 candidates: 90 below predicted IoU 0.88 (highest 0.61), 6 below stability score 0.95 (highest 0.9)".
impl fmt::Display for Sifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sifted { candidates, disbelieved, unstable, at_crop, found, thresholds } = self;
        let kept = candidates - disbelieved.0 - unstable.0 - at_crop;
        let mut parts = Vec::new();
        for (what, threshold, (number, highest)) in [
            ("predicted IoU", thresholds.0, disbelieved),
            ("stability score", thresholds.1, unstable),
        ] {
            if *number > 0 {
                // Rounded up it might be the threshold itself.
                let highest = (highest * 100.0).floor() / 100.0;
                parts.push(format!("{number} below {what} {threshold} (highest {highest:.2})"));
            }
        }
        if *at_crop > 0 {
            parts.push(format!("{at_crop} cut off by the edge of a crop"));
        }
        if kept > *found {
            parts.push(format!("{} duplicates", kept - found));
        }
        if *found > 0 {
            parts.push(format!("{found} found"));
        }
        write!(f, "{candidates} candidates: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_candidates_is_told() {
        let mut sifted = Sifted::of(&MaskGeneratorConfig::default());
        for iou in [0.3, -0.5, 0.879] {
            sifted.see(Some(iou));
        }
        assert_eq!(sifted.to_string(), "3 candidates: 3 below predicted IoU 0.88 (highest 0.87)");
        (0..6).for_each(|_| sifted.see(None));
        assert!(sifted.keep(Err(Dropped::Unstable(0.9))).is_none());
        assert!(sifted.keep(Err(Dropped::AtCrop)).is_none());
        sifted.found = 3;
        assert_eq!(
            sifted.to_string(),
            "9 candidates: 3 below predicted IoU 0.88 (highest 0.87), 1 below stability score 0.95 (highest 0.90), \
             1 cut off by the edge of a crop, 1 duplicates, 3 found"
        );
    }
}
