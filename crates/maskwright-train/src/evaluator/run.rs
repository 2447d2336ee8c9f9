//! The evaluation loop: decode, predict, score, each stage beside the others.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use maskwright_data::loader::{EvalLoader, EvalLoaderConfig};
use maskwright_data::postprocess;
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::sample::{EvalSample, SampleConfig};
use maskwright_image::mask::Bitmap;
use maskwright_image::metric;
use maskwright_model::{DecodeMode, ImageFeatures, MaskKind, PromptInput, Sam};

use super::config::EvalConfig;
use super::evaluation::{Evaluation, RecordWarning};
use super::metrics::{ImageScores, MaskScores, SetMetrics, WithoutPrompt};
use super::refusals::Refusals;
use super::sets::EvalSet;
use super::shown::{Keeper, Shown, ShownPrediction, rank};
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::prompts;

/// Images whose masks may wait for their scores: bounds the memory.
const WINDOW: usize = 8;

/// The masks of one prompt by kind, each as logits at the model's mask resolution.
type MaskLogits = Vec<(MaskKind, Vec<f32>)>;

/// Evaluates `sam`, which is on `device`, on every set with every kind of prompt in `config`. `samples`
/// says how images are decoded and padded.
///
/// # Errors
/// A sample that cannot be read, with its file, or too many of them ([`EvalConfig::on_refusal`]);
/// [`Error::NothingScored`] if no object of a set allows a prompt; [`Error::Stopped`] if the observer asks to stop.
pub fn evaluate(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    sets: &[EvalSet],
    config: &EvalConfig,
    observer: &mut dyn Observer,
) -> Result<Evaluation> {
    let asked = Asked { sam, device, scoring: Scoring { samples, config } };
    let mut evaluation = Evaluation::default();
    let mut found = Found { refusals: Refusals::new(sets, config), ..Found::default() };
    for set in sets {
        let records = asked.evaluate_set(set, &mut found, observer)?;
        for (place, &prompt) in config.prompts.iter().enumerate() {
            let scored: Vec<ImageScores> =
                records.iter().filter_map(|record| record.scores[place].clone()).collect();
            let unscored = records.iter().filter(|record| record.scores[place].is_none());
            let without = WithoutPrompt {
                records: records.len() - scored.len(),
                empty: unscored.filter(|record| record.empty).count(),
            };
            if scored.is_empty() && without.records > 0 {
                let set = set.name.clone();
                return Err(Error::NothingScored { set, prompt, why: without.why() });
            }
            let images = images(set, &scored)?;
            let metrics = SetMetrics::mean(&set.name, prompt, &scored, images, without);
            observer.evaluated(&metrics);
            evaluation.sets.push(metrics);
            evaluation.images.extend(scored);
        }
    }
    let (worst, best) = found.keeper.ends();
    evaluation.shown = Shown { worst, best };
    evaluation.warnings = found.warnings;
    evaluation.refused = found.refusals.list;
    Ok(evaluation)
}

/// How many images these records lie in; the objects of one follow each other.
fn images(set: &EvalSet, scored: &[ImageScores]) -> Result<usize> {
    let mut files = scored
        .iter()
        .map(|one| Ok(set.source.record(one.record)?.image))
        .collect::<Result<Vec<_>>>()?;
    files.dedup();
    Ok(files.len())
}

/// A model and what is asked of it.
struct Asked<'a> {
    sam: &'a Sam,
    device: &'a Device,
    scoring: Scoring<'a>,
}

/// What its masks are held to; other threads do that.
#[derive(Clone, Copy)]
struct Scoring<'a> {
    samples: &'a SampleConfig,
    config: &'a EvalConfig,
}

/// What is collected over all sets, beside the scores.
#[derive(Default)]
struct Found {
    keeper: Keeper<ShownPrediction>,
    warnings: Vec<RecordWarning>,
    refusals: Refusals,
}

/// What came of one record: per prompt of the configuration its scores, and what is kept of it.
#[derive(Default)]
struct Scored {
    scores: Vec<Option<ImageScores>>,
    /// Whether its mask shows no object at all.
    empty: bool,
    shown: Option<(f64, ShownPrediction)>,
}

impl Asked<'_> {
    /// The scores per record.
    fn evaluate_set(
        &self,
        set: &EvalSet,
        found: &mut Found,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Scored>> {
        let Scoring { samples, config } = self.scoring;
        let total = config.records(set);
        let mut loaded = EvalLoader::new(
            Arc::clone(&set.source),
            EvalLoaderConfig {
                preset: config.geometry,
                sample: samples.clone(),
                ..EvalLoaderConfig::default()
            },
        )?
        .take(total)
        .enumerate();
        let mut records = Vec::with_capacity(total);
        let mut done = 0;
        while done < total {
            let mut window: Vec<Option<Scored>> = Vec::new();
            window.resize_with(WINDOW.min(total - done), || None);
            let Found { keeper, warnings, refusals } = &mut *found;
            let (scoring, kept) = (self.scoring, &*keeper);
            // The next image is predicted while the last ones are scored.
            rayon::in_place_scope(|scope| -> Result<()> {
                for (scored, (index, sample)) in window.iter_mut().zip(&mut loaded) {
                    if observer.should_stop() {
                        return Err(Error::Stopped);
                    }
                    done += 1;
                    match sample {
                        Ok(sample) => {
                            let odd = &sample.warnings;
                            warnings.extend(RecordWarning::all(&set.name, &sample.name, odd));
                            let masks = self.predict(&sample)?;
                            scope.spawn(move |_| {
                                *scored = Some(scoring.score(&sample, &masks, set, kept));
                            });
                        }
                        Err(error) => refusals.add(set, index, error)?,
                    }
                    observer.evaluating(&set.name, done, total);
                }
                Ok(())
            })?;
            for mut scored in window.into_iter().flatten() {
                if let Some((rank, shown)) = scored.shown.take() {
                    found.keeper.add(rank, shown);
                }
                records.push(scored);
            }
        }
        Ok(records)
    }

    /// The masks of one image under each prompt; the image is encoded once.
    fn predict(&self, sample: &EvalSample) -> Result<Vec<Option<MaskLogits>>> {
        let shown = sample.geometry.visible();
        let size = [shown.height, shown.width];
        let input = self.sam.preprocess_fitted(&sample.image, size, self.device)?;
        let features = self.sam.encode_image(input);
        let prompts = self.scoring.config.prompts.iter();
        prompts
            .map(|&kind| {
                let prompt = self.scoring.prompt(sample, kind);
                prompt
                    .map(|prompt| all_masks(self.sam, &features, &prompts::to_model(&prompt)))
                    .transpose()
            })
            .collect()
    }
}

impl Scoring<'_> {
    /// The prompt of a kind that a sample gets, in the frame of the input.
    fn prompt(&self, sample: &EvalSample, kind: PromptKind) -> Option<Prompt> {
        sample.prompt(kind, &self.samples.prompts, self.config.seed)
    }

    /// The scores of one record's masks under each prompt, at the image's own resolution.
    fn score(
        &self,
        sample: &EvalSample,
        masks: &[Option<MaskLogits>],
        set: &EvalSet,
        kept: &Keeper<ShownPrediction>,
    ) -> Scored {
        let empty = sample.truth.count() == 0;
        let mut scored = Scored { empty, ..Scored::default() };
        for (place, (&kind, masks)) in self.config.prompts.iter().zip(masks).enumerate() {
            let Some(masks) = masks else {
                scored.scores.push(None);
                continue;
            };
            let masks: Vec<(MaskScores, Bitmap)> = masks
                .iter()
                .map(|(mask, logits)| score(*mask, logits, sample, self.config.boundary_ratio))
                .collect();
            let scores: Vec<MaskScores> = masks.iter().map(|(scores, _)| *scores).collect();
            let rank = rank(&scores);
            if place == 0 && kept.wants(rank) {
                let prompt = self.prompt(sample, kind);
                let shown =
                    prompt.map(|p| ShownPrediction::new(&set.name, sample, kind, &p, &masks));
                scored.shown = shown.map(|shown| (rank, shown));
            }
            scored.scores.push(Some(ImageScores {
                set: set.name.clone(),
                record: sample.record,
                name: sample.name.clone(),
                prompt: kind,
                scores,
            }));
        }
        scored
    }
}

/// Every mask the model gives for one prompt of the first image, as host values, mask after mask.
///
/// SAM's own mask is decoded without the HQ token among the tokens, so that it is exactly
/// what the SAM inside the model says; HQ-SAM's comparison lets the token take part.
fn all_masks(sam: &Sam, features: &ImageFeatures, prompt: &PromptInput) -> Result<MaskLogits> {
    let prompt = std::slice::from_ref(prompt);
    let values = |mask: Tensor<4>| -> Vec<f32> { mask.into_data().iter::<f32>().collect() };
    let own = sam.predict(features, prompt, &[0], DecodeMode::Sam { multimask: false })?;
    let mut masks: MaskLogits =
        own.sam.map(|mask| (MaskKind::Sam, values(mask))).into_iter().collect();
    if sam.config().hq {
        let both = sam.predict(features, prompt, &[0], DecodeMode::Both { multimask: false })?;
        if let (Some(own), Some(hq)) = (both.sam, both.hq) {
            masks.push((MaskKind::Hq, values(hq.clone())));
            masks.push((MaskKind::SamHq, values(own + hq)));
        }
    }
    Ok(masks)
}

fn score(
    mask: MaskKind,
    logits: &[f32],
    sample: &EvalSample,
    boundary_ratio: f64,
) -> (MaskScores, Bitmap) {
    let side = logits.len().isqrt();
    let logits = postprocess::to_source(&sample.geometry, logits, side);
    let predicted = Bitmap::from_logits(&logits, sample.geometry.source);
    // The truth is without them already.
    let counted = sample.ignored.as_ref().map(|ignored| predicted.without(ignored));
    let counted = counted.as_ref().unwrap_or(&predicted);
    let iou = metric::iou(counted, &sample.truth);
    let boundary_iou = metric::boundary_iou(counted, &sample.truth, boundary_ratio);
    (MaskScores { mask, iou, boundary_iou }, predicted)
}
