//! The model's parts as work that can be repeated and timed: what `maskwright bench model` runs.
//!
//! Weights are fresh and inputs seeded noise: how long the work takes does not depend on them.

use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use maskwright_data::batch::TrainBatch;
use maskwright_data::geometry::Geometry;
use maskwright_data::plan::{Framing, SampleKey};
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::sample::SampleInfo;
use maskwright_image::{RgbImage, Size};
use maskwright_model::{
    DecodeMode, ImageFeatures, ModelType, PromptInput, Sam, SamConfig, TrainScope,
};
use serde::{Deserialize, Serialize};

use crate::device::{Place, host};
use crate::error::Result;
use crate::loss::PointConfig;
use crate::optimizer::Adam;
use crate::predictor::{EncodedImage, Fit, Predictor, SourcePrompt};
use crate::step::{StepSettings, train_step};

/// Which work is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The image encoder on one image, from normalised pixels to features.
    Encoder,
    /// A box on an image that was encoded before, to the mask at the image's size: SAM's mask plus
    /// HQ's, as HQ-SAM's predictor gives it. The image fills the input but for a quarter of padding.
    Decoder,
    /// The HQ mask of a box from an image's features, and the gradients of every parameter of the HQ
    /// head.
    Head,
    /// A whole training step of the HQ head, from u8 images to changed parameters.
    Step,
}

impl Part {
    /// All of them, in the order of the work.
    pub const ALL: [Self; 4] = [Self::Encoder, Self::Decoder, Self::Head, Self::Step];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Head => "head",
            Self::Step => "step",
        }
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.ok_or_else(|| format!("expected encoder, decoder, head or step, found {name:?}"))
    }
}

/// The official model of this name (`vit_tiny`, `vit_b`, `vit_l`, `vit_h`) for inputs of this size.
///
/// # Errors
/// For another name, or a size that the model cannot have.
pub fn official(model_type: &str, input_size: usize) -> Result<SamConfig> {
    let model: ModelType = model_type.parse()?;
    crate::config::input_size(input_size)?;
    Ok(SamConfig::of(model)?.with_image_size(input_size))
}

/// One part's work, ready to be repeated.
pub struct ModelBench(Work);

enum Work {
    Encoder { sam: Box<Sam>, input: Tensor<4> },
    Decoder { predictor: Box<Predictor>, image: Box<EncodedImage>, prompt: SourcePrompt },
    Head { sam: Box<Sam>, features: Box<ImageFeatures>, prompt: PromptInput },
    // The model leaves while a step changes it, and is not there after one that failed.
    Step { sam: Option<Box<Sam>>, adam: Adam, batch: Box<TrainBatch>, settings: StepSettings },
}

impl ModelBench {
    /// Makes a model of this configuration there, and the part's inputs; `batch` images a training
    /// step.
    ///
    /// # Errors
    /// What the model says of its configuration.
    pub fn new(
        config: &SamConfig,
        part: Part,
        batch: usize,
        seed: u64,
        place: &Place,
    ) -> Result<Self> {
        let device = place.device().clone();
        let sam = Box::new(place.put(config.init(&host(), seed)?.frozen(), false));
        let size = config.image_size;
        let corners = [0.2, 0.15, 0.7, 0.6].map(|share: f32| (share * size as f32).floor());
        let work = match part {
            Part::Encoder => {
                let input = sam.preprocess(&noise(3 * size * size, seed), 1, &device)?;
                Work::Encoder { sam, input }
            }
            Part::Decoder => {
                let height = (size * 3 / 4).max(1);
                let pixels = noise(3 * size * height, seed);
                let image = RgbImage { size: Size { height, width: size }, data: pixels };
                let predictor = Box::new(Predictor::new(*sam, device).with_fit(Fit::Sam));
                let image = Box::new(predictor.encode(&image)?);
                let prompt = SourcePrompt { box_xyxy: Some(corners), ..Default::default() };
                Work::Decoder { predictor, image, prompt }
            }
            Part::Head => {
                let input = sam.preprocess(&noise(3 * size * size, seed), 1, &device)?;
                let features = Box::new(sam.encode_image(input));
                let sam = Box::new(sam.train_scope(TrainScope::Hq));
                Work::Head { sam, features, prompt: PromptInput::from_box(corners) }
            }
            Part::Step => {
                let sam = Some(Box::new(sam.train_scope(TrainScope::Hq)));
                let settings = StepSettings {
                    scope: TrainScope::Hq,
                    points: PointConfig::default(),
                    iou_weight: 1.0,
                };
                let batch = Box::new(train_batch(size, batch, corners, seed));
                Work::Step { sam, adam: Adam::default(), batch, settings }
            }
        };
        Ok(Self(work))
    }

    /// Does the work once and says how long it took.
    ///
    /// # Errors
    /// What the model says, and a training loss that is not finite.
    pub fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        match &mut self.0 {
            Work::Encoder { sam, input } => {
                let features = sam.encode_image(input.clone());
                arrived(features.embedding);
            }
            Work::Decoder { predictor, image, prompt } => {
                let kind = predictor.best_kind();
                predictor.predict(image, prompt, kind, false)?;
            }
            Work::Head { sam, features, prompt } => {
                let prompt = std::slice::from_ref(prompt);
                let masks = sam.predict(features, prompt, DecodeMode::Hq)?.hq;
                let loss = masks.map(|masks| masks.square().mean());
                if let Some(loss) = loss {
                    drop(loss.backward());
                }
            }
            Work::Step { sam, adam, batch, settings } => {
                if let Some(model) = sam.take() {
                    let (model, _) = train_step(*model, adam, batch, 0, 0, 1e-3, settings)?;
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

/// Bytes that look like nothing.
fn noise(count: usize, seed: u64) -> Vec<u8> {
    let byte = |i: usize| ((seed ^ i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8;
    (0..count).map(byte).collect()
}

/// A batch of noise with a box of foreground, prompted by that box.
fn train_batch(size: usize, batch: usize, corners: [f32; 4], seed: u64) -> TrainBatch {
    let [x0, y0, x1, y1] = corners.map(|corner| corner as usize);
    let inside = |i: usize| {
        (x0..=x1).contains(&(i % size)) && (y0..=y1).contains(&(i % (size * size) / size))
    };
    let labels = (0..batch * size * size).map(|i| if inside(i) { 255.0 } else { 0.0 }).collect();
    let prompt =
        Prompt { kind: PromptKind::Box, box_xyxy: Some(corners), points: Vec::new(), mask: None };
    let info = |record: usize| SampleInfo {
        set: "noise".into(),
        name: record.to_string(),
        key: SampleKey { seed, epoch: 0, record: record as u64 },
        geometry: Geometry::whole((size, size)),
        framing: Framing::Jitter,
        redraws: 0,
        other_kind: false,
        object: None,
        turned: false,
        warnings: Vec::new(),
    };
    TrainBatch {
        images: noise(batch * 3 * size * size, seed),
        labels,
        prompts: vec![prompt; batch],
        samples: (0..batch).map(info).collect(),
        batch_size: batch,
        size,
        epoch: 0,
        index: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_again_and_again() {
        let config = SamConfig::small(64, 16, 32, 2);
        for part in Part::ALL {
            assert_eq!(part.name().parse::<Part>(), Ok(part));
            let mut bench = ModelBench::new(&config, part, 2, 5, &Place::default()).expect("ready");
            for _ in 0..2 {
                assert!(bench.run().expect("runs") > Duration::ZERO, "{}", part.name());
            }
        }
        assert!("all".parse::<Part>().is_err());
    }
}
