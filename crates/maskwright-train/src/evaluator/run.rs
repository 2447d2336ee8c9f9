//! The evaluation loop: decode, predict, score, each stage beside the others.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use burn::tensor::{Device, Tensor};
use maskwright_data::loader::{EvalConfig, EvalLoader};
use maskwright_data::postprocess;
use maskwright_data::sample::{EvalSample, SampleConfig};
use maskwright_image::mask::Bitmap;
use maskwright_image::metric;
use maskwright_model::{DecodeMode, ImageFeatures, MaskKind, PromptInput, Sam};

use super::config::EvalConfig as Settings;
use super::metrics::{Evaluation, ImageScores, MaskScores, SetMetrics};
use super::sets::EvalSet;
use crate::error::Result;
use crate::observer::Observer;
use crate::prompts;

/// Samples and masks that wait between two stages.
const QUEUE: usize = 4;

/// The masks of one prompt by kind, each as logits at the model's mask resolution.
type MaskLogits = Vec<(MaskKind, Vec<f32>)>;

/// What the model said of one image: the logits of each mask under each prompt.
struct Predicted {
    sample: EvalSample,
    /// Per prompt of the configuration; `None` where the object gives no such prompt.
    masks: Vec<Option<MaskLogits>>,
}

/// Evaluates `sam` on every set under every prompt of `config`.
///
/// # Errors
/// The first sample that cannot be read, with its file.
pub fn evaluate(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    sets: &[EvalSet],
    config: &Settings,
    observer: &mut dyn Observer,
) -> Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    for set in sets {
        let images = evaluate_set(sam, device, samples, set, config, observer)?;
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
    Ok(evaluation)
}

/// Per image, per prompt of the configuration, the scores.
fn evaluate_set(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    set: &EvalSet,
    config: &Settings,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<Option<ImageScores>>>> {
    let all = set.source.len();
    let total = if config.limit == 0 { all } else { all.min(config.limit) };
    let loader = EvalLoader::new(
        Arc::clone(&set.source),
        EvalConfig { preset: config.geometry, sample: samples.clone(), ..EvalConfig::default() },
    )?;
    let (mask_out, mask_in) = sync_channel(QUEUE);
    std::thread::scope(|scope| {
        let scorer = scope.spawn(move || score_all(&mask_in, set, config));
        let loaded = loader.take(total);
        let done = predict_all(sam, device, samples, config, loaded, &mask_out, |done| {
            observer.evaluating(&set.name, done, total);
        });
        // The scorer ends when its queue is closed.
        drop(mask_out);
        let scores = scorer.join().expect("scoring does not panic");
        done.map(|()| scores)
    })
}

/// The model's stage: samples to logits.
fn predict_all(
    sam: &Sam,
    device: &Device,
    settings: &SampleConfig,
    config: &Settings,
    samples: impl Iterator<Item = maskwright_data::Result<EvalSample>>,
    out: &SyncSender<Predicted>,
    mut done: impl FnMut(usize),
) -> Result<()> {
    for (count, sample) in samples.enumerate() {
        let sample = sample?;
        let masks = predict(sam, device, settings, config, &sample)?;
        if out.send(Predicted { sample, masks }).is_err() {
            break;
        }
        done(count + 1);
    }
    Ok(())
}

/// The masks of one image under each prompt; the image is encoded once.
fn predict(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    config: &Settings,
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

/// The last stage: logits to scores at the image's own resolution.
fn score_all(
    predicted: &Receiver<Predicted>,
    set: &EvalSet,
    config: &Settings,
) -> Vec<Vec<Option<ImageScores>>> {
    predicted
        .iter()
        .map(|predicted| {
            let per_prompt = config.prompts.iter().zip(&predicted.masks);
            per_prompt
                .map(|(&prompt, masks)| {
                    masks.as_ref().map(|masks| ImageScores {
                        set: set.name.clone(),
                        record: predicted.sample.record,
                        name: predicted.sample.name.clone(),
                        prompt,
                        scores: masks
                            .iter()
                            .map(|(mask, logits)| score(*mask, logits, &predicted.sample, config))
                            .collect(),
                    })
                })
                .collect()
        })
        .collect()
}

fn score(mask: MaskKind, logits: &[f32], sample: &EvalSample, config: &Settings) -> MaskScores {
    let side = logits.len().isqrt();
    let logits = postprocess::to_source(&sample.geometry, logits, side);
    let predicted = Bitmap::from_logits(&logits, sample.geometry.source);
    MaskScores {
        mask,
        iou: metric::iou(&predicted, &sample.truth),
        boundary_iou: metric::boundary_iou(&predicted, &sample.truth, config.boundary_ratio),
    }
}
