//! The settings of a training run, as they are written into its folder.

mod file;
mod flat;
mod sections;
mod whole;

pub use sections::{CheckpointsConfig, ComputeConfig, LearningConfig, ValidationConfig};
pub use whole::TrainConfig;
