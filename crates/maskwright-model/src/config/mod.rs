//! What a model is made of: the [`SamConfig`] and its presets; `check` says which can be, `model_type`
//! which have names.

mod check;
mod model_type;
mod sam_config;

pub use model_type::ModelType;
pub use sam_config::{DecoderConfig, SamConfig};
