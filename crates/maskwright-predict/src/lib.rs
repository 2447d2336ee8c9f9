//! Promptable segmentation models in use.
//!
//! [`Predictor`] fits an image into the model's input, encodes it once and answers prompts on it;
//! [`mask_generator`] asks it about a grid of points and so finds everything in an image.
//! [`tensor_file`] holds numbers for other tools.

#![forbid(unsafe_code)]

mod error;
mod files;
pub mod mask_generator;
pub mod predictor;
pub mod tensor_file;

pub use error::{Error, Result};
pub use predictor::Predictor;
