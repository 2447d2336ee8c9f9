//! The parts of training as work that can be repeated and timed.
//!
//! Inputs are seeded noise: how long the work takes does not depend on them.

use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use maskwright_data::batch::TrainBatch;
use maskwright_data::geometry::Geometry;
use maskwright_data::plan::Framing;
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{ObjectInfo, ViewInfo};
use maskwright_image::Size;
use maskwright_model::device::Place;
use maskwright_model::{DecodeMode, ImageFeatures, PromptInput, Sam, Trainable};

use crate::error::{Error, Result};
use crate::features::encode;
use crate::not_finite::NotFinite;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::step::{StepSettings, learn};

/// The work that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// The image encoder on one image, from normalised pixels to features.
    Encoder,
    /// The HQ mask of a box from an image's features, and the gradients of every parameter of the HQ
    /// head.
    Head,
    /// A whole training step of the HQ head, from u8 images to changed parameters.
    Step,
}

/// The work with its model and inputs, ready to be repeated.
pub struct ModelBench(Work);

enum Work {
    Encoder {
        sam: Box<Sam>,
        input: Tensor<4>,
    },
    Head {
        sam: Box<Sam>,
        features: Box<ImageFeatures>,
        prompt: PromptInput,
    },
    // The model leaves while a step changes it, and is not there after one that failed.
    Step {
        sam: Option<Box<Sam>>,
        optimizer: Optimizer,
        batch: Box<TrainBatch>,
        settings: StepSettings,
    },
}

impl ModelBench {
    /// Makes the inputs of the work for a model that is at this place, frozen, and has an HQ head. A training step has `batch` images.
    ///
    /// # Errors
    /// The model's error for inputs that it does not take.
    pub fn new(sam: Sam, part: Workload, batch: usize, seed: u64, place: &Place) -> Result<Self> {
        let device = place.device().clone();
        let size = sam.config().image_size;
        let sam = Box::new(sam);
        let corners = corners(size);
        let work = match part {
            Workload::Encoder => {
                let input = sam.preprocess(&noise(3 * size * size, seed), 1, &device)?;
                Work::Encoder { sam, input }
            }
            Workload::Head => {
                let input = sam.preprocess(&noise(3 * size * size, seed), 1, &device)?;
                let features = Box::new(sam.encode_image(input));
                let sam = Box::new(sam.training(&Trainable::Hq));
                Work::Head { sam, features, prompt: PromptInput::from_box(corners) }
            }
            Workload::Step => {
                let sam = Box::new(sam.training(&Trainable::Hq));
                let settings = StepSettings::new(&sam, &Trainable::Hq);
                let sam = Some(sam);
                let optimizer = Optimizer::new(&OptimizerConfig::default());
                let batch = Box::new(train_batch(size, batch, corners, seed));
                Work::Step { sam, optimizer, batch, settings }
            }
        };
        Ok(Self(work))
    }

    /// Does the work once and returns how long it took.
    ///
    /// # Errors
    /// Errors of the model, and [`LossNotFinite`](crate::Error::LossNotFinite) for a training loss that is not finite.
    pub fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        match &mut self.0 {
            Work::Encoder { sam, input } => {
                let features = sam.encode_image(input.clone());
                arrived(features.embedding);
            }
            Work::Head { sam, features, prompt } => {
                let prompt = std::slice::from_ref(prompt);
                let masks = sam.predict(features, prompt, &[0], DecodeMode::Hq)?.hq;
                let loss = masks.map(|masks| masks.square().mean());
                if let Some(loss) = loss {
                    drop(loss.backward());
                }
            }
            Work::Step { sam, optimizer, batch, settings } => {
                if let Some(model) = sam.take() {
                    let state = encode(&model, batch, settings.frozen_pieces)?;
                    let learnt = learn(&model, state, batch, settings)?;
                    let gradients = learnt.gradients;
                    // A loss that is no number has no gradient that is one.
                    if !gradients.norm(&*model).is_finite() {
                        let what = NotFinite::Gradient;
                        let records = batch.views.iter().map(|view| view.name.clone()).collect();
                        return Err(Error::NotFinite {
                            in_a_row: 1,
                            what,
                            epoch: 0,
                            step: 1,
                            records,
                        });
                    }
                    let model = optimizer.update(*model, gradients, 1e-3);
                    *sam = Some(Box::new(model));
                }
            }
        }
        Ok(start.elapsed())
    }
}

/// Waits until a tensor is computed.
fn arrived(tensor: Tensor<4>) {
    let [_, _, _, channels] = tensor.dims();
    drop(tensor.slice([0..1, 0..1, 0..1, 0..channels]).into_data());
}

/// Returns the box `[x0, y0, x1, y1]` of the prompts, in an input of `size` x `size` pixels.
pub fn corners(size: usize) -> [f32; 4] {
    [0.2, 0.15, 0.7, 0.6].map(|share: f32| (share * size as f32).floor())
}

/// Returns `count` random bytes.
pub fn noise(count: usize, seed: u64) -> Vec<u8> {
    let byte = |i: usize| ((seed ^ i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8;
    (0..count).map(byte).collect()
}

/// A batch of noise with a box of foreground, prompted by that box.
pub(crate) fn train_batch(size: usize, batch: usize, corners: [f32; 4], seed: u64) -> TrainBatch {
    let [x0, y0, x1, y1] = corners.map(|corner| corner as usize);
    let inside = |i: usize| {
        (x0..=x1).contains(&(i % size)) && (y0..=y1).contains(&(i % (size * size) / size))
    };
    let labels = (0..batch * size * size).map(|i| if inside(i) { 255.0 } else { 0.0 }).collect();
    let prompt =
        Prompt { kind: PromptKind::Box, box_xyxy: Some(corners), points: Vec::new(), mask: None };
    let key = |record: usize| SampleKey::in_epoch(seed, 0, record as u64);
    let object = |record| ObjectInfo { key: key(record).object(0), id: None, other_kind: false };
    let view = |record: usize| ViewInfo {
        set: "noise".into(),
        name: record.to_string(),
        key: key(record),
        geometry: Geometry::whole(Size::square(size)),
        framing: Framing::Jitter,
        redraws: 0,
        not_in_view: 0,
        turned: false,
        warnings: Vec::new(),
        mask_warnings: 0,
    };
    TrainBatch {
        images: noise(batch * 3 * size * size, seed),
        labels,
        prompts: vec![prompt; batch],
        image_of: (0..batch).collect(),
        objects: (0..batch).map(object).collect(),
        ignored: vec![None; batch],
        views: (0..batch).map(view).collect(),
        size,
        epoch: 0,
        index: 0,
    }
}

#[cfg(test)]
mod tests {
    use maskwright_model::SamConfig;
    use maskwright_model::device::host;

    use super::*;

    #[test]
    fn every_part_runs_again_and_again() {
        let config = SamConfig::small(64, 16, 32, 2);
        for part in [Workload::Encoder, Workload::Head, Workload::Step] {
            let sam = config.init(&host(), 5).expect("a model").frozen();
            let mut bench = ModelBench::new(sam, part, 2, 5, &Place::default()).expect("ready");
            for _ in 0..2 {
                assert!(bench.run().expect("runs") > Duration::ZERO, "{part:?}");
            }
        }
    }
}
