//! The work that `maskwright bench model` times.
//!
//! Inputs are seeded noise, and weights are fresh unless there is a checkpoint: how long the work takes depends on neither.

use std::time::{Duration, Instant};

use maskwright_data::prompt::Prompt;
use maskwright_image::{RgbImage, Size};
use maskwright_model::Sam;
use maskwright_model::device::{Place, host};
use maskwright_model::load::{ModelSource, load_frozen, load_model};
use maskwright_predict::predictor::{EncodedImage, Fit, Predictor};
use maskwright_train::bench::{self, ModelBench, corners, noise};
use serde::Serialize;

/// Which work is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
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
    pub(super) const ALL: [Self; 4] = [Self::Encoder, Self::Decoder, Self::Head, Self::Step];

    /// The name on the command line.
    pub(super) fn name(self) -> &'static str {
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

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.ok_or_else(|| format!("expected encoder, decoder, head or step, found {name:?}"))
    }
}

/// One part's work, ready to be repeated.
pub(super) enum Work {
    Model(Box<ModelBench>),
    Decoder { predictor: Box<Predictor>, image: Box<EncodedImage>, prompt: Prompt },
}

impl Work {
    /// Makes the model there, and the part's inputs; `batch` images a training step.
    pub(super) fn new(
        source: &ModelSource,
        part: Part,
        batch: usize,
        seed: u64,
        place: &Place,
    ) -> anyhow::Result<Self> {
        let sam = match part {
            // As predictions load it.
            Part::Encoder | Part::Decoder => load_frozen(source, place)?.sam,
            Part::Head | Part::Step => {
                place.put(load_model(source, true, seed, &host())?.sam, false)
            }
        };
        let part = match part {
            Part::Decoder => return Self::decoder(sam, seed, place),
            Part::Encoder => bench::Workload::Encoder,
            Part::Head => bench::Workload::Head,
            Part::Step => bench::Workload::Step,
        };
        Ok(Self::Model(Box::new(ModelBench::new(sam, part, batch, seed, place)?)))
    }

    fn decoder(sam: Sam, seed: u64, place: &Place) -> anyhow::Result<Self> {
        let size = sam.config().image_size;
        let height = (size * 3 / 4).max(1);
        let image =
            RgbImage { size: Size::new(height, size), data: noise(3 * size * height, seed) };
        let predictor = Box::new(Predictor::new(sam, place.device().clone()).with_fit(Fit::Sam));
        let image = Box::new(predictor.encode(&image)?);
        let prompt = Prompt::from_box(corners(size));
        Ok(Self::Decoder { predictor, image, prompt })
    }

    /// Does the work once and says how long it took.
    pub(super) fn run(&mut self) -> anyhow::Result<Duration> {
        match self {
            Self::Model(bench) => Ok(bench.run()?),
            Self::Decoder { predictor, image, prompt } => {
                let start = Instant::now();
                predictor.predict(image, prompt, predictor.best_kind(), false)?;
                Ok(start.elapsed())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maskwright_model::SamConfig;

    use super::*;

    #[test]
    fn every_part_runs_again_and_again() {
        let config = Some(SamConfig::small(64, 16, 32, 2).with_hq(true));
        let source = ModelSource { config, ..ModelSource::default() };
        for part in Part::ALL {
            assert_eq!(part.name().parse::<Part>(), Ok(part));
            let mut work = Work::new(&source, part, 2, 5, &Place::default()).expect("ready");
            for _ in 0..2 {
                assert!(work.run().expect("runs") > Duration::ZERO, "{}", part.name());
            }
        }
        assert!("all".parse::<Part>().is_err());
    }
}
