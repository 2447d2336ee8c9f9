//! Evaluation: IoU and boundary IoU of a model's masks at the images' own resolution.
//!
//! Each image is encoded once and decoded once per kind of prompt. SAM's own mask, the HQ mask and their
//! sum are scored side by side from the same features. HQ-SAM's validation scores only the HQ mask, and
//! its predictor returns the sum; [`MaskKind`](maskwright_model::MaskKind) names all three.
//!
//! Three stages run at the same time: decoding samples, running the model, and scoring masks at the
//! image's size. Results are in the order of the sets, and the same with any number of threads.
//!
//! [`EvalJob::evaluate_boxes`] asks with boxes, a detector's or the objects' own, and computes COCO's average precision.
//! [`clicks`] counts how many clicks an object takes. [`statistics`] says what the scores mean: how sure a mean is, on which
//! objects a model is good, how much it knows about its own masks, and which of two models is better.
//!
//! ```
//! use maskwright_data::prompt::PromptKind;
//! use maskwright_data::source::{DataFile, OpenContext};
//! use maskwright_model::{Compute, ModelSource};
//! use maskwright_train::evaluator::{EvalConfig, EvalJob};
//! use maskwright_train::observer::Silent;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let pictures = maskwright_demo::DemoConfig { train: 1, valid: 3, ..Default::default() };
//! # let data_file = maskwright_demo::write(&pictures, folder.path())?.data_file;
//! # let checkpoint = folder.path().join("sam_hq.safetensors");
//! # let device = maskwright_model::device::host();
//! # let sam = maskwright_model::SamConfig::small(64, 16, 32, 2).init(&device, 0)?;
//! # maskwright_model::weights::save(&sam, &checkpoint)?;
//! let data = DataFile::read(&data_file)?;
//! let model = ModelSource { checkpoint: Some(checkpoint), ..ModelSource::default() };
//! let job = EvalJob::open(&model, &Compute::default(), &data, &OpenContext::default())?;
//!
//! let config = EvalConfig { prompts: vec![PromptKind::Box], ..EvalConfig::default() };
//! let evaluation = job.evaluate(&config, &mut Silent)?;
//! for set in &evaluation.sets {
//!     println!("{}", set.one_line());
//! }
//! # assert_eq!(evaluation.sets[0].images, 3);
//! # Ok(())
//! # }
//! ```

mod boxes;
mod check;
pub mod clicks;
mod config;
mod encoded;
mod evaluation;
mod job;
mod metrics;
mod refusals;
mod run;
mod score;
mod sets;
mod shown;
pub mod statistics;

pub use boxes::{BoxEvaluation, BoxMetrics, ScoredBy};
pub(crate) use check::check_sets;
pub use clicks::{ClickConfig, ClickMetrics, ClickRun};
pub use config::EvalConfig;
pub use evaluation::{ClickTimes, EvalTimes, Evaluation, RecordWarning};
pub use job::EvalJob;
pub use metrics::{ImageScores, MaskScores, SetMetrics, WithoutPrompt, judged};
pub use refusals::RefusedRecord;
pub use run::evaluate;
pub(crate) use sets::left_out;
pub use sets::{EvalSet, open_sets, sample_config};
pub use shown::{Shown, ShownMask, ShownPrediction};
