//! Clicks on one object, one after the other.

use maskwright_data::random::{ObjectKey, Purpose};
use maskwright_data::sample::EvalSample;
use maskwright_image::mask::Bitmap;
use maskwright_image::metric;
use maskwright_image::metric::clicks::{Click, DeepestError, deepest_error};
use maskwright_model::{ImageFeatures, MaskKind, PromptInput, PromptPoint};

use super::{ClickConfig, ClickRun};
use crate::evaluator::score::{counted, pixels};

/// The clicks on one object for one of the model's masks.
pub(super) struct Sequence<'a> {
    sample: &'a EvalSample,
    pub(super) features: &'a ImageFeatures,
    pub(super) mask: MaskKind,
    key: ObjectKey,
    prediction: Bitmap,
    /// The clicks and the logits that the model is asked with next; none when the sequence is over.
    pub(super) prompt: Option<PromptInput>,
    clicks: Vec<Click>,
    ious: Vec<f64>,
}

impl<'a> Sequence<'a> {
    /// Begins with the first click, on an object of which nothing was found.
    pub(super) fn new(
        sample: &'a EvalSample,
        features: &'a ImageFeatures,
        mask: MaskKind,
        config: &ClickConfig,
        seed: u64,
    ) -> Self {
        let mut sequence = Self {
            sample,
            features,
            mask,
            key: sample.key(seed),
            prediction: Bitmap::from_fn(sample.truth.size(), |_, _| false),
            prompt: Some(PromptInput::default()),
            clicks: Vec::new(),
            ious: Vec::new(),
        };
        sequence.click(config);
        sequence
    }

    /// The number of clicks so far.
    pub(super) fn count(&self) -> usize {
        self.clicks.len()
    }

    /// Takes the model's answer, as logits at the resolution of its masks, and clicks where it is wrong.
    pub(super) fn answer(&mut self, logits: Vec<f32>, config: &ClickConfig) {
        self.prediction = pixels(&logits, &self.sample.geometry);
        let counted = counted(self.sample, &self.prediction);
        self.ious.push(metric::iou(&counted, &self.sample.truth));
        if let Some(prompt) = &mut self.prompt {
            prompt.mask = Some(logits.into());
        }
        self.click(config);
    }

    /// Adds the next click to the prompt, or ends the sequence.
    fn click(&mut self, config: &ClickConfig) {
        let EvalSample { truth, ignored, geometry, .. } = self.sample;
        let more = self.clicks.len() < config.most;
        let deepest = more
            .then(|| deepest_error(&self.prediction, truth, ignored.as_ref(), &self.clicks))
            .flatten();
        let Some((deepest, prompt)) = deepest.zip(self.prompt.as_mut()) else {
            self.prompt = None;
            return;
        };
        let round = self.clicks.len() as u64;
        let click = jittered(deepest, config.jitter, &self.clicks, self.key, round);
        let (x, y) = geometry.to_output(click.x as f64, click.y as f64);
        prompt.points.push(PromptPoint::new(x as f32, y as f32, i32::from(click.positive)));
        self.clicks.push(click);
    }

    /// What came of it; nothing was clicked on an empty object.
    pub(super) fn into_run(self) -> Option<ClickRun> {
        (!self.ious.is_empty()).then(|| ClickRun {
            set: self.sample.set.to_string(),
            record: self.sample.record,
            name: self.sample.name.clone(),
            image: 0,
            mask: self.mask,
            clicks: self.clicks,
            ious: self.ious,
        })
    }
}

/// A click that lies up to `jitter` times the error's depth beside its deepest place. Every pixel that is nearer than the
/// depth is wrong in the same way, so the click is as true as the one in the middle; none is clicked twice.
fn jittered(
    deepest: DeepestError,
    jitter: f64,
    clicked: &[Click],
    key: ObjectKey,
    round: u64,
) -> Click {
    let DeepestError { click, squared_depth } = deepest;
    let square = (jitter * jitter * squared_depth as f64).min(squared_depth as f64 - 0.5);
    let reach = square.sqrt() as isize;
    let offsets = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)));
    let near: Vec<Click> = offsets
        .filter(|(dy, dx)| (dy * dy + dx * dx) as f64 <= square)
        .filter_map(|(dy, dx)| {
            let (y, x) = (click.y.checked_add_signed(dy)?, click.x.checked_add_signed(dx)?);
            Some(Click { y, x, positive: click.positive })
        })
        .filter(|near| clicked.iter().all(|click| (click.y, click.x) != (near.y, near.x)))
        .collect();
    if near.len() < 2 {
        return click;
    }
    let drawn = key.generator_in(Purpose::ClickJitter, round).below(near.len() as u64);
    near[drawn as usize]
}

#[cfg(test)]
mod tests {
    use maskwright_data::random::SampleKey;
    use maskwright_image::Size;

    use super::*;

    #[test]
    fn jittered_clicks_are_wrong_in_the_same_way_and_new() {
        let truth = Bitmap::from_fn(Size::new(40, 50), |y, x| {
            (y as i64 - 20).pow(2) + (x as i64 - 25).pow(2) < 90
        });
        let nothing = Bitmap::from_fn(truth.size(), |_, _| false);
        let (mut clicked, mut distances) = (Vec::new(), Vec::new());
        for round in 0..60 {
            let key = SampleKey::in_epoch(3, 0, round).object(0);
            let deepest = deepest_error(&nothing, &truth, None, &[]).expect("wrong");
            assert_eq!(jittered(deepest, 0.0, &[], key, 0), deepest.click);
            let click = jittered(deepest, 1.0, &clicked, key, 0);
            assert!(truth.get(click.y, click.x) && click.positive, "{click:?}");
            assert!(!clicked.contains(&click), "{click:?}");
            distances.push(click.y.abs_diff(20).pow(2) + click.x.abs_diff(25).pow(2));
            clicked.push(click);
        }
        // Of a disc of radius 9.5 half of the area is farther than 6.7 from the middle.
        let far = distances.iter().filter(|&&square| square > 45).count();
        assert!((18..=42).contains(&far), "{far} of 60");
    }
}
