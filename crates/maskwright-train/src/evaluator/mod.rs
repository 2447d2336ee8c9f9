//! Evaluation: IoU and boundary IoU of a model's masks at the images' own resolution.
//!
//! Each image goes through the model once per kind of prompt; SAM's own mask, the HQ mask
//! and their sum are scored side by side from the same features. HQ-SAM's validation
//! scores the HQ mask alone and its predictor shows the sum; both have a name here
//! ([`MaskKind`](maskwright_model::MaskKind)).
//!
//! Three stages run beside each other: samples are decoded, the model runs, masks are
//! brought to the image's size and scored. Results come in the sets' order.

mod config;
mod metrics;
mod run;
mod sets;

pub use config::EvalConfig;
pub use metrics::{Evaluation, ImageScores, MaskScores, SetMetrics};
pub(crate) use run::all_masks;
pub use run::evaluate;
pub(crate) use sets::left_out;
pub use sets::{EvalSet, open_sets, sample_config};
