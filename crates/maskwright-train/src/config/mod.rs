//! The settings of a training run, as they are written into its folder.

mod best_by;
mod file;
mod flat;
mod preset;
mod sections;
mod whole;

pub use best_by::{BestBy, BestMetric};
pub use preset::Preset;
pub use sections::{CheckpointsConfig, ComputeConfig, LearningConfig, ValidationConfig};
pub use whole::TrainConfig;
