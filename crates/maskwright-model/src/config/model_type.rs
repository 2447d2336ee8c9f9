//! The official models by name.

use std::str::FromStr;

use super::sam_config::SamConfig;
use crate::error::{Error, Result};
use crate::image_encoder::EncoderConfig;

/// The name of an official model, which the encoders list, or of any other ([`ModelType::CUSTOM`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelType(&'static str);

impl ModelType {
    /// Any other configuration.
    pub const CUSTOM: Self = Self("custom");

    /// The official ones.
    pub fn official() -> Vec<Self> {
        EncoderConfig::official().into_iter().map(|(names, _)| Self(names[0])).collect()
    }

    /// Whether it is none of the official ones.
    pub fn is_custom(self) -> bool {
        self == Self::CUSTOM
    }
}

impl FromStr for ModelType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        EncoderConfig::official()
            .into_iter()
            .find(|(names, _)| names.contains(&name))
            .map(|(names, _)| Self(names[0]))
            .ok_or_else(|| unknown(name))
    }
}

impl std::fmt::Display for ModelType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl SamConfig {
    /// The official model of this name, or an error for [`ModelType::CUSTOM`].
    pub fn of(model: ModelType) -> Result<Self> {
        EncoderConfig::official()
            .into_iter()
            .find(|(names, _)| names[0] == model.0)
            .map(|(_, encoder)| Self::official(encoder))
            .ok_or_else(|| unknown(model.0))
    }

    /// The official name of this configuration, whatever its image size and HQ head.
    pub fn model_type(&self) -> ModelType {
        let same = |encoder: &EncoderConfig| {
            let official = Self::official(encoder.clone());
            self.encoder == official.encoder
                && self.patch_size == official.patch_size
                && self.prompt_dim == official.prompt_dim
                && self.decoder == official.decoder
        };
        EncoderConfig::official()
            .into_iter()
            .find(|(_, encoder)| same(encoder))
            .map_or(ModelType::CUSTOM, |(names, _)| ModelType(names[0]))
    }
}

fn unknown(name: &str) -> Error {
    let known: Vec<String> = ModelType::official().iter().map(ToString::to_string).collect();
    Error::UnknownModelType { name: name.to_owned(), known: known.join(", ") }
}
