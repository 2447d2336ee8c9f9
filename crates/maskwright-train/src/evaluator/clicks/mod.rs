//! Evaluation by clicks: how many a model needs until its mask is good.
//!
//! An object begins with nothing found. Each click lies in the middle of the largest error
//! ([`maskwright_image::metric::clicks`]), and the model is asked with all clicks so far and the logits of its last mask. The
//! protocol is that of RITM (Sofiiuk et al., 2022) and those after it; errors are found at the image's own resolution.

mod config;
mod metrics;
mod sequence;

use std::time::{Duration, Instant};

pub use config::{ClickConfig, FirstMask};
use maskwright_data::sample::EvalSample;
use maskwright_model::{DecodeMode, ImageFeatures, MaskKind, PromptInput, Sam};
pub use metrics::{ClickMetrics, ClickRun, Reached};
use sequence::Sequence;

use super::evaluation::ClickTimes;
use super::score::values;
use crate::error::{Error, Result};
use crate::observer::Observer;

/// A model that is clicked at.
#[derive(Clone, Copy)]
pub(super) struct Clicked<'a> {
    pub(super) sam: &'a Sam,
    pub(super) config: &'a ClickConfig,
    /// The masks that get clicks.
    pub(super) masks: &'a [MaskKind],
    pub(super) seed: u64,
}

/// The number of clicks that were answered, and the time that the answers took, for each mask that gets clicks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answers(Vec<(MaskKind, usize, Duration)>);

impl Answers {
    fn add(&mut self, mask: MaskKind, took: Duration) {
        match self.0.iter_mut().find(|(of, ..)| *of == mask) {
            Some((_, clicks, all)) => {
                *clicks += 1;
                *all += took;
            }
            None => self.0.push((mask, 1, took)),
        }
    }

    /// The same of a set.
    pub(super) fn of_set(self, set: &str) -> impl Iterator<Item = ClickTimes> {
        self.0.into_iter().map(move |(mask, clicks, took)| ClickTimes {
            set: set.to_owned(),
            mask,
            clicks,
            seconds: took.as_secs_f64(),
        })
    }
}

impl Clicked<'_> {
    /// Clicks on the objects of some samples, whose images have these features. Returns the runs of each sample, none for an
    /// empty object.
    ///
    /// The objects take turns: while the model answers one, the last answers are judged on the other cores.
    pub(super) fn play<'s>(
        &self,
        samples: impl Iterator<Item = (&'s EvalSample, &'s ImageFeatures)>,
        answers: &mut Answers,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<ClickRun>>> {
        let begin = |(sample, features): (&'s EvalSample, &'s ImageFeatures)| {
            let masks = self.masks.iter();
            masks
                .map(|&mask| Sequence::new(sample, features, mask, self.config, self.seed))
                .collect::<Vec<_>>()
        };
        let mut objects: Vec<Vec<Sequence<'s>>> = samples.map(begin).collect();
        while objects.iter().flatten().any(|sequence| sequence.prompt.is_some()) {
            let config = self.config;
            let open = objects.iter_mut().flatten().filter(|sequence| sequence.prompt.is_some());
            rayon::in_place_scope(|scope| -> Result<()> {
                for sequence in open {
                    if observer.should_stop() {
                        return Err(Error::Stopped);
                    }
                    let started = Instant::now();
                    let logits = self.ask(sequence)?;
                    answers.add(sequence.mask, started.elapsed());
                    scope.spawn(move |_| sequence.answer(logits, config));
                }
                Ok(())
            })?;
        }
        let runs = |sequences: Vec<Sequence<'s>>| {
            sequences.into_iter().filter_map(Sequence::into_run).collect()
        };
        Ok(objects.into_iter().map(runs).collect())
    }

    /// The model's answer to the clicks so far.
    fn ask(&self, sequence: &Sequence<'_>) -> Result<Vec<f32>> {
        let prompt = sequence.prompt.as_ref().map_or_else(PromptInput::default, Clone::clone);
        let multimask = sequence.count() == 1 && self.config.first == FirstMask::Best;
        let mode = match sequence.mask {
            MaskKind::Sam => DecodeMode::Sam { multimask },
            MaskKind::Hq => DecodeMode::Hq,
            MaskKind::SamHq => DecodeMode::Both { multimask },
        };
        let output = self.sam.predict(sequence.features, &[prompt], &[0], mode)?;
        let logits = output.logits();
        Ok(logits.map_or_else(Vec::new, values))
    }
}
