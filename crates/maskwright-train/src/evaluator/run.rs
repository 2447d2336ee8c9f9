//! The evaluation loop: decode, predict, score, each stage beside the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use maskwright_data::loader::{EvalLoader, EvalLoaderConfig};
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::sample::{EvalSample, SampleConfig};
use maskwright_image::mask::Bitmap;
use maskwright_model::{ImageFeatures, MaskKind, Sam};

use super::clicks::{Answers, ClickMetrics, ClickRun, Clicked};
use super::config::EvalConfig;
use super::encoded::Encoder;
use super::evaluation::{EvalTimes, Evaluation, RecordWarning};
use super::metrics::{ImageScores, MaskScores, SetMetrics, WithoutPrompt};
use super::refusals::{Refusals, RefusedRecord};
use super::score::{MaskLogits, Truth, all_masks};
use super::sets::EvalSet;
use super::shown::{Keeper, Shown, ShownPrediction, rank};
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::prompts;

/// Images whose masks may wait for their scores: bounds the memory.
const WINDOW: usize = 8;

/// Evaluates `sam`, which is on `device`, on every set with every kind of prompt in `config`. `samples`
/// says how images are decoded and padded.
///
/// # Errors
/// A sample that cannot be read, with its file, or too many of them ([`EvalConfig::on_refusal`]);
/// [`Error::NothingScored`] if no object of a set allows a prompt; [`Error::Stopped`] if the observer asks to stop;
/// [`Error::Setting`] for clicks that are not possible.
pub fn evaluate(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    sets: &[EvalSet],
    config: &EvalConfig,
    observer: &mut dyn Observer,
) -> Result<Evaluation> {
    let started = Instant::now();
    let clicks = config.clicks.as_ref();
    let clicked = clicks.map(|clicks| clicks.check(sam)).transpose()?.unwrap_or_default();
    let asked = Asked { sam, device, scoring: Scoring { samples, config }, clicked };
    let mut evaluation = Evaluation::default();
    let mut found = Found { refusals: Refusals::new(sets, config), ..Found::default() };
    for set in sets {
        let mut records = asked.evaluate_set(set, &mut found, observer)?;
        number_images(set, &mut records)?;
        for (place, &prompt) in config.prompts.iter().enumerate() {
            let scored: Vec<ImageScores> =
                records.iter().filter_map(|record| record.scores[place].clone()).collect();
            let unscored = records.iter().filter(|record| record.scores[place].is_none());
            let without = WithoutPrompt {
                records: records.len() - scored.len(),
                empty: unscored.filter(|record| record.empty).count(),
            };
            if scored.is_empty() && without.records > 0 {
                let (set, prompt) = (set.name.clone(), prompt.to_string());
                return Err(Error::NothingScored { set, prompt, why: without.why() });
            }
            let images = count_images(scored.iter().map(|one| one.image));
            let metrics = SetMetrics::mean(&set.name, prompt, &scored, images, without);
            observer.evaluated(&metrics);
            evaluation.sets.push(metrics);
            evaluation.images.extend(scored);
        }
        asked.click_metrics(set, &records, &mut evaluation, observer)?;
        evaluation.kept.extend(records.into_iter().filter_map(|record| record.kept));
    }
    let (worst, best) = found.keeper.ends();
    evaluation.shown = Shown { worst, best };
    evaluation.warnings = found.warnings;
    evaluation.damaged = found.damaged;
    evaluation.refused = found.refusals.list;
    observer.timed(&EvalTimes { seconds: started.elapsed().as_secs_f64(), ..found.times });
    Ok(evaluation)
}

/// Numbers the images that the records lie in; the objects of one follow each other.
fn number_images(set: &EvalSet, records: &mut [Scored]) -> Result<()> {
    let (mut number, mut last) = (0, None);
    for record in records {
        let image = set.source.record(record.record)?.image;
        if last.as_ref().is_some_and(|last| *last != image) {
            number += 1;
        }
        last = Some(image);
        record.scores.iter_mut().flatten().for_each(|scores| scores.image = number);
        record.clicks.iter_mut().for_each(|run| run.image = number);
    }
    Ok(())
}

/// How many different images there are among the numbers of objects, which are in order.
fn count_images(numbers: impl Iterator<Item = usize>) -> usize {
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.dedup();
    numbers.len()
}

/// A model and what is asked of it.
struct Asked<'a> {
    sam: &'a Sam,
    device: &'a Device,
    scoring: Scoring<'a>,
    /// The masks that get clicks.
    clicked: Vec<MaskKind>,
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
    damaged: Vec<RefusedRecord>,
    refusals: Refusals,
    times: EvalTimes,
}

/// What came of one record: per prompt of the configuration its scores, the clicks, and what is kept of it.
#[derive(Default)]
struct Scored {
    record: usize,
    scores: Vec<Option<ImageScores>>,
    /// Whether its mask shows no object at all.
    empty: bool,
    shown: Option<(f64, ShownPrediction)>,
    clicks: Vec<ClickRun>,
    kept: Option<ShownPrediction>,
}

/// A record whose image was encoded, while it is worked on.
struct Waiting {
    sample: Arc<EvalSample>,
    features: ImageFeatures,
    scored: Option<Scored>,
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
                sample: SampleConfig { picture_width: config.picture_width, ..samples.clone() },
                ..EvalLoaderConfig::default()
            },
        )?
        .take(total)
        .enumerate();
        let mut encoder = Encoder::new(self.sam, self.device);
        let (mut decoded, mut answers) = (Duration::ZERO, Answers::default());
        let mut records = Vec::with_capacity(total);
        let mut done = 0;
        while done < total {
            let Found { keeper, warnings, damaged, refusals, times } = &mut *found;
            let kept = &*keeper;
            let mut window: Vec<Option<Waiting>> = Vec::new();
            window.resize_with(WINDOW.min(total - done), || None);
            // The next image is predicted while the last ones are scored.
            rayon::in_place_scope(|scope| -> Result<()> {
                for (place, (index, sample)) in window.iter_mut().zip(&mut loaded) {
                    if observer.should_stop() {
                        return Err(Error::Stopped);
                    }
                    done += 1;
                    match sample {
                        Ok(sample) => {
                            let odd = &sample.warnings;
                            warnings.extend(RecordWarning::all(&set.name, &sample.name, odd));
                            damaged.extend(RefusedRecord::damaged(set, &sample));
                            let sample = Arc::new(sample);
                            let features = encoder.features(&sample)?;
                            let started = Instant::now();
                            let masks = self.predict(&sample, &features)?;
                            decoded += started.elapsed();
                            times.prompts += masks.iter().flatten().count();
                            let waiting = place.insert(Waiting { sample, features, scored: None });
                            let Waiting { sample, scored, .. } = waiting;
                            let scoring = self.scoring;
                            scope.spawn(move |_| {
                                *scored = Some(scoring.score(sample, &masks, set, kept));
                            });
                        }
                        Err(error) => refusals.add(set, index, error)?,
                    }
                    observer.evaluating(&set.name, done, total);
                }
                Ok(())
            })?;
            let window: Vec<Waiting> = window.into_iter().flatten().collect();
            let runs = self.click(&window, &mut answers, observer)?;
            let mut runs = runs.into_iter();
            for mut scored in window.into_iter().filter_map(|waiting| waiting.scored) {
                if let Some((rank, shown)) = scored.shown.take() {
                    found.keeper.add(rank, shown);
                }
                scored.clicks = runs.next().unwrap_or_default();
                records.push(scored);
            }
        }
        let times = &mut found.times;
        times.images += encoder.images;
        times.encode_seconds += encoder.took.as_secs_f64();
        times.decode_seconds += decoded.as_secs_f64();
        for of_mask in answers.of_set(&set.name) {
            times.clicks += of_mask.clicks;
            times.click_seconds += of_mask.seconds;
            times.clicks_by.push(of_mask);
        }
        Ok(records)
    }

    /// The masks of one image under each prompt.
    fn predict(
        &self,
        sample: &EvalSample,
        features: &ImageFeatures,
    ) -> Result<Vec<Option<Vec<MaskLogits>>>> {
        let prompts = self.scoring.config.prompts.iter();
        prompts
            .map(|&kind| {
                let Some(prompt) = self.scoring.prompt(sample, kind) else { return Ok(None) };
                let masks = all_masks(self.sam, features, &[prompts::to_model(&prompt)])?;
                Ok(masks.into_iter().next())
            })
            .collect()
    }

    /// The clicks on the objects of a window, if there are to be any.
    fn click(
        &self,
        window: &[Waiting],
        answers: &mut Answers,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<ClickRun>>> {
        let EvalConfig { clicks, seed, .. } = self.scoring.config;
        let Some(config) = clicks else { return Ok(Vec::new()) };
        let model = Clicked { sam: self.sam, config, masks: &self.clicked, seed: *seed };
        let samples = window.iter().map(|waiting| (&*waiting.sample, &waiting.features));
        model.play(samples, answers, observer)
    }

    /// Adds the runs of a set's clicks and their means.
    fn click_metrics(
        &self,
        set: &EvalSet,
        records: &[Scored],
        evaluation: &mut Evaluation,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some(config) = &self.scoring.config.clicks else { return Ok(()) };
        let empty = records.iter().filter(|record| record.empty).count();
        if empty == records.len() && empty > 0 {
            let why = WithoutPrompt { records: empty, empty }.why();
            let (set, prompt) = (set.name.clone(), "clicks".to_owned());
            return Err(Error::NothingScored { set, prompt, why });
        }
        for &mask in &self.clicked {
            let runs = records.iter().flat_map(|record| &record.clicks);
            let runs: Vec<&ClickRun> = runs.filter(|run| run.mask == mask).collect();
            if runs.is_empty() {
                continue;
            }
            let images = count_images(runs.iter().map(|run| run.image));
            let metrics = ClickMetrics::mean(&set.name, mask, config, &runs, (images, empty));
            observer.clicked(&metrics);
            evaluation.clicks.push(metrics);
            evaluation.click_runs.extend(runs.into_iter().cloned());
        }
        Ok(())
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
        masks: &[Option<Vec<MaskLogits>>],
        set: &EvalSet,
        kept: &Keeper<ShownPrediction>,
    ) -> Scored {
        let area = sample.truth.count();
        let mut scored = Scored { record: sample.record, empty: area == 0, ..Scored::default() };
        let truth = Truth::new(sample, self.config.boundary_ratio);
        let boundary_area = truth.band.count();
        for (place, (&kind, masks)) in self.config.prompts.iter().zip(masks).enumerate() {
            let Some(masks) = masks else {
                scored.scores.push(None);
                continue;
            };
            let masks: Vec<(MaskScores, Bitmap)> =
                masks.iter().map(|mask| truth.score(mask)).collect();
            let scores: Vec<MaskScores> = masks.iter().map(|(scores, _)| *scores).collect();
            let rank = rank(&scores);
            if place == 0 && (kept.wants(rank) || self.config.keep_masks) {
                let prompt = self.prompt(sample, kind);
                let shown =
                    prompt.map(|p| ShownPrediction::new(&set.name, sample, kind, &p, &masks));
                scored.kept = shown.clone().filter(|_| self.config.keep_masks);
                // Of many records, the pictures would fill the memory.
                scored.kept.iter_mut().for_each(|kept| kept.picture = None);
                scored.shown = shown.map(|shown| (rank, shown));
            }
            scored.scores.push(Some(ImageScores {
                set: set.name.clone(),
                record: sample.record,
                name: sample.name.clone(),
                image: 0,
                area,
                boundary_area,
                prompt: kind,
                scores,
            }));
        }
        scored
    }
}
