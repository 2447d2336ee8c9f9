//! Flags that several subcommands share, and how they resolve into settings.

pub(crate) mod data;
pub(crate) mod data_at;
pub(crate) mod device;
pub(crate) mod folder;
pub(crate) mod generator;
pub(crate) mod geometry;
pub(crate) mod given;
pub(crate) mod hq_sam;
pub(crate) mod input_size;
pub(crate) mod learning;
pub(crate) mod legacy;
pub(crate) mod log;
pub(crate) mod lora;
pub(crate) mod model;
pub(crate) mod named;
pub(crate) mod predictor;
pub(crate) mod prompts;
pub(crate) mod resolved;
pub(crate) mod set;
pub(crate) mod views;
