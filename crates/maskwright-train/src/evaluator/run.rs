//! The evaluation loop: decode, predict, score, each stage beside the others.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use maskwright_data::loader::{EvalLoader, EvalLoaderConfig};
use maskwright_data::postprocess;
use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::{EvalSample, SampleConfig};
use maskwright_image::mask::Bitmap;
use maskwright_image::metric;
use maskwright_model::{DecodeMode, ImageFeatures, MaskKind, PromptInput, Sam};

use super::config::EvalConfig;
use super::metrics::{Evaluation, ImageScores, MaskScores, SetMetrics};
use super::refusals::Refusals;
use super::sets::EvalSet;
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
/// [`Error::Stopped`] if the observer asks to stop.
pub fn evaluate(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    sets: &[EvalSet],
    config: &EvalConfig,
    observer: &mut dyn Observer,
) -> Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    let mut refusals = Refusals::new(sets, config);
    for set in sets {
        let images = evaluate_set(sam, device, samples, set, config, &mut refusals, observer)?;
        for (place, &prompt) in config.prompts.iter().enumerate() {
            let scored: Vec<ImageScores> =
                images.iter().filter_map(|per_prompt| per_prompt[place].clone()).collect();
            let without = images.len() - scored.len();
            let metrics = SetMetrics::mean(&set.name, prompt, &scored, without);
            observer.evaluated(&metrics);
            evaluation.sets.push(metrics);
            evaluation.images.extend(scored);
        }
    }
    evaluation.refused = refusals.list;
    Ok(evaluation)
}

/// Per image, per prompt of the configuration, the scores.
fn evaluate_set(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    set: &EvalSet,
    config: &EvalConfig,
    refusals: &mut Refusals,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<Option<ImageScores>>>> {
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
    let mut images = Vec::with_capacity(total);
    let mut done = 0;
    while done < total {
        let mut scores = vec![None; WINDOW.min(total - done)];
        // The next image is predicted while the last ones are scored.
        rayon::in_place_scope(|scope| -> Result<()> {
            for (scores, (index, sample)) in scores.iter_mut().zip(&mut loaded) {
                if observer.should_stop() {
                    return Err(Error::Stopped);
                }
                done += 1;
                match sample {
                    Ok(sample) => {
                        let masks = predict(sam, device, samples, config, &sample)?;
                        scope.spawn(move |_| {
                            *scores = Some(score_image(&sample, &masks, set, config));
                        });
                    }
                    Err(error) => refusals.add(set, index, error)?,
                }
                observer.evaluating(&set.name, done, total);
            }
            Ok(())
        })?;
        images.extend(scores.into_iter().flatten());
    }
    Ok(images)
}

/// The masks of one image under each prompt; the image is encoded once.
fn predict(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    config: &EvalConfig,
    sample: &EvalSample,
) -> Result<Vec<Option<MaskLogits>>> {
    let shown = sample.geometry.visible();
    let input = sam.preprocess_fitted(&sample.image, [shown.height, shown.width], device)?;
    let features = sam.encode_image(input);
    config
        .prompts
        .iter()
        .map(|&kind| {
            let Some(prompt) = sample.prompt(kind, &samples.prompts, config.seed) else {
                return Ok(None);
            };
            Ok(Some(all_masks(sam, &features, &prompts::to_model(&prompt))?))
        })
        .collect()
}

/// Every mask the model gives for one prompt of the first image, as host values, mask after mask.
///
/// SAM's own mask is decoded without the HQ token among the tokens, so that it is exactly
/// what the SAM inside the model says; HQ-SAM's comparison lets the token take part.
pub(crate) fn all_masks(
    sam: &Sam,
    features: &ImageFeatures,
    prompt: &PromptInput,
) -> Result<MaskLogits> {
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

/// The scores of one image's masks under each prompt, at the image's own resolution.
fn score_image(
    sample: &EvalSample,
    masks: &[Option<MaskLogits>],
    set: &EvalSet,
    config: &EvalConfig,
) -> Vec<Option<ImageScores>> {
    let scores = |masks: &MaskLogits| -> Vec<MaskScores> {
        masks.iter().map(|(mask, logits)| score(*mask, logits, sample, config)).collect()
    };
    let of_prompt = |(&prompt, masks): (&PromptKind, &Option<MaskLogits>)| {
        masks.as_ref().map(|masks| ImageScores {
            set: set.name.clone(),
            record: sample.record,
            name: sample.name.clone(),
            prompt,
            scores: scores(masks),
        })
    };
    config.prompts.iter().zip(masks).map(of_prompt).collect()
}

fn score(mask: MaskKind, logits: &[f32], sample: &EvalSample, config: &EvalConfig) -> MaskScores {
    let side = logits.len().isqrt();
    let logits = postprocess::to_source(&sample.geometry, logits, side);
    let predicted = Bitmap::from_logits(&logits, sample.geometry.source);
    MaskScores {
        mask,
        iou: metric::iou(&predicted, &sample.truth),
        boundary_iou: metric::boundary_iou(&predicted, &sample.truth, config.boundary_ratio),
    }
}
