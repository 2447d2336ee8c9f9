//! Prediction with promptable segmentation models.
//!
//! [`Predictor`] fits an image into the model's input, encodes it once, and predicts the mask of each
//! prompt on it. [`mask_generator`] prompts it with a grid of points and so finds everything in an
//! image. [`prompt_file`] reads lists of prompts, [`listed_prompts`] those on many images, which [`many`]
//! answers. [`tensor_file`] writes and reads logits and embeddings for other tools.

#![forbid(unsafe_code)]

pub mod begun;
mod error;
mod files;
pub mod listed_prompts;
pub mod many;
pub mod mask_generator;
pub mod predictor;
pub mod prompt_file;
pub mod tensor_file;

pub use error::{Error, Result};
pub use predictor::Predictor;
