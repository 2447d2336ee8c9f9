//! Which parameters learn.
//!
//! A [`Trainable`] is a predicate on the official names of tensors. It is read from a word,
//! or from patterns of such names. It also decides which tensors a run saves as tuned
//! ([`weights::tuned`]).
//!
//! ```
//! use maskwright_model::Trainable;
//!
//! # fn main() -> Result<(), maskwright_model::Error> {
//! let head: Trainable = "hq".parse()?;
//! assert!(head.contains("mask_decoder.hf_token.weight"));
//! assert!(!head.contains("mask_decoder.iou_token.weight"));
//!
//! let some: Trainable = "mask_decoder.hf_*, image_encoder.neck.*".parse()?;
//! assert!(some.contains("mask_decoder.hf_mlp.layers.0.weight"));
//! assert!(some.contains("image_encoder.neck.0.weight"));
//! assert!(!some.contains("image_encoder.blocks.0.norm1.weight"));
//! # Ok(())
//! # }
//! ```
//!
//! [`weights::tuned`]: crate::weights::tuned

use std::str::FromStr;

use burn::module::Param;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::config::SamConfig;
use crate::error::{Error, Result};
use crate::name_pattern::{NamePattern, WORDS};
use crate::sam::Sam;
use crate::weights::by_name::{MapByName, map_by_name};
use crate::weights::model::{expected, shapes};
use crate::weights::names::{Path, in_hq_head, is_buffer, is_factor};

/// The part of a model that training changes. Constants of the model ([`is_buffer`]) never learn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Trainable {
    /// Only the HQ head, on a frozen SAM, as HQ-SAM is trained.
    #[default]
    Hq,
    /// The whole mask decoder with the HQ head.
    Decoder,
    /// Everything.
    All,
    /// The low-rank adapter of the image encoder ([`Sam::with_adapter`]), and with it the HQ head, or,
    /// where there are patterns, what they match.
    Lora(Vec<NamePattern>),
    /// The tensors that one of these patterns matches.
    Matching(Vec<NamePattern>),
}

/// The words, and what they say.
fn words() -> impl Iterator<Item = (&'static str, Trainable)> {
    let parts = [Trainable::Hq, Trainable::Decoder, Trainable::Lora(Vec::new()), Trainable::All];
    WORDS.into_iter().zip(parts)
}

/// The word for a low-rank adapter, which patterns may stand beside.
const LORA: &str = "lora";

impl FromStr for Trainable {
    type Err = Error;

    /// Reads `hq`, `decoder`, `lora`, `all`, or patterns separated by commas, with or without `lora` before them.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some((_, known)) = words().find(|(word, _)| *word == text) {
            return Ok(known);
        }
        let patterns = |text: &str| -> Result<Vec<NamePattern>> {
            text.split(',').map(|part| part.trim().parse()).collect()
        };
        match text.split_once(',') {
            Some((word, rest)) if word.trim() == LORA => patterns(rest).map(Self::Lora),
            _ => patterns(text).map(Self::Matching),
        }
    }
}

impl std::fmt::Display for Trainable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Matching(patterns) | Self::Lora(patterns)) = self else {
            let word = words().find(|(_, known)| known == self);
            return f.write_str(word.map_or("", |(word, _)| word));
        };
        let word = matches!(self, Self::Lora(_)).then_some(LORA);
        let word = word.map(str::to_owned);
        let texts: Vec<String> =
            word.into_iter().chain(patterns.iter().map(ToString::to_string)).collect();
        f.write_str(&texts.join(","))
    }
}

impl TryFrom<String> for Trainable {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Trainable> for String {
    fn from(trainable: Trainable) -> Self {
        trainable.to_string()
    }
}

impl Trainable {
    /// Returns whether the tensor with this official name learns.
    pub fn contains(&self, name: &str) -> bool {
        !is_buffer(name)
            && match self {
                Self::Hq => in_hq_head(name),
                Self::Decoder => name.starts_with("mask_decoder."),
                Self::All => true,
                Self::Matching(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
                Self::Lora(_) if is_factor(name) => true,
                Self::Lora(patterns) if patterns.is_empty() => in_hq_head(name),
                Self::Lora(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
            }
    }

    /// Returns whether training needs an HQ head, so that a model without one gets it. That is the case
    /// for [`Trainable::Hq`], for an adapter without patterns, and if a pattern matches only tensors of the
    /// head.
    pub fn asks_for_hq_head(&self) -> bool {
        let patterns = match self {
            Self::Matching(patterns) => patterns,
            Self::Lora(patterns) if !patterns.is_empty() => patterns,
            word => return matches!(word, Self::Hq | Self::Lora(_)),
        };
        // The names of the decoder are the same in every model.
        let Ok(names) = expected(&SamConfig::small(32, 16, 32, 1)) else { return false };
        patterns.iter().any(|pattern| {
            let mut matched = names.keys().filter(|name| pattern.matches(name)).peekable();
            matched.peek().is_some() && matched.all(|name| in_hq_head(name))
        })
    }

    /// Checks that each pattern, or the word, matches a tensor of this model that can learn.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first pattern, or the word, that matches none.
    pub fn check(&self, sam: &Sam) -> Result<()> {
        let names = shapes(sam);
        let learns = |one: &Self| names.iter().any(|(name, _)| one.contains(name));
        let each: Vec<Self> = match self {
            Self::Matching(patterns) | Self::Lora(patterns) if !patterns.is_empty() => {
                patterns.iter().map(|pattern| Self::Matching(vec![pattern.clone()])).collect()
            }
            word => vec![word.clone()],
        };
        match each.iter().find(|one| !learns(one)) {
            Some(none) => Err(Error::Config {
                field: "what learns",
                value: none.to_string(),
                reason: "no tensor of this model that can learn has such a name".to_owned(),
            }),
            None => Ok(()),
        }
    }
}

impl Sam {
    /// Prepares the model for training this part. Its parameters record gradients. All other parameters
    /// are taken out of autodiff, so that computations that depend only on them run as fast as in
    /// prediction.
    ///
    /// The result can be trained with any of Burn's optimizers, which skip parameters without a
    /// gradient. If any part of the image encoder learns, a frozen copy of the encoder is dropped.
    #[must_use]
    pub fn training(mut self, trainable: &Trainable) -> Self {
        if self.encoder_learns(trainable) {
            self.image_encoder_mut();
        }
        map_by_name(self, &mut Marker { trainable: Some(trainable) })
    }

    /// Returns a model of the same values and names of its own: what learns is a leaf of a graph of its own, so that this model and
    /// the other can be gone through, forward and back, at the same time. Nothing is copied.
    #[must_use]
    pub fn twin(&self) -> Self {
        map_by_name(self.clone(), &mut Twin)
    }

    /// Takes every parameter out of autodiff, for prediction.
    #[must_use]
    pub fn frozen(self) -> Self {
        map_by_name(self, &mut Marker { trainable: None })
    }

    /// Returns the number of values that learn.
    pub fn trainable_count(&self, trainable: &Trainable) -> usize {
        shapes(self)
            .iter()
            .filter(|(name, _)| trainable.contains(name))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }

    /// Returns whether any part of the image encoder learns. It then cannot be a frozen copy.
    pub fn encoder_learns(&self, trainable: &Trainable) -> bool {
        shapes(self)
            .iter()
            .any(|(name, _)| name.starts_with("image_encoder.") && trainable.contains(name))
    }

    /// Returns how many pieces of the image encoder ([`EncoderState`](crate::image_encoder::EncoderState)) come before the
    /// first one that learns; all of them if none does. What they make of an image is the same all through a training.
    pub fn frozen_pieces(&self, trainable: &Trainable) -> usize {
        let encoder = self.image_encoder();
        let names = shapes(self);
        let learning = names.iter().filter(|(name, _)| trainable.contains(name));
        let piece = |name: &str| encoder.piece_of(name.strip_prefix("image_encoder.")?);
        learning.filter_map(|(name, _)| piece(name)).min().unwrap_or_else(|| encoder.pieces())
    }

    /// Returns whether only the HQ head learns, so that SAM's own masks need not be computed.
    pub fn hq_head_alone_learns(&self, trainable: &Trainable) -> bool {
        let names = shapes(self);
        let mut learning = names.iter().filter(|(name, _)| trainable.contains(name)).peekable();
        learning.peek().is_some() && learning.all(|(name, _)| in_hq_head(name))
    }
}

struct Marker<'a> {
    trainable: Option<&'a Trainable>,
}

impl MapByName for Marker<'_> {
    fn map<const D: usize>(&mut self, path: &Path, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let learns = self.trainable.is_some_and(|part| part.contains(&path.name()));
        // A parameter that was tracked before becomes a fresh leaf.
        let param = param.map(|tensor| {
            let tensor = tensor.without_autodiff();
            if learns { tensor.autodiff() } else { tensor }
        });
        param.set_require_grad(learns)
    }
}

struct Twin;

impl MapByName for Twin {
    fn map<const D: usize>(&mut self, _: &Path, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        param.map(|tensor| tensor.without_autodiff().autodiff()).set_require_grad(true)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn read(text: &str) -> Trainable {
        text.parse().expect("readable")
    }

    #[test]
    fn words_and_patterns_are_read_as_they_are_written() {
        let words = ["hq", "decoder", "lora", "all", "lora,mask_decoder.*"];
        for text in words.into_iter().chain(["mask_decoder.hf_*", "*.neck.*,mask_decoder.*"]) {
            assert_eq!(read(text).to_string(), text);
            let json = serde_json::to_string(&read(text)).expect("text");
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Trainable>(&json).expect("read"), read(text));
        }
        assert_eq!(read(" *.neck.* , mask_decoder.* "), read("*.neck.*,mask_decoder.*"));
        let refusals =
            ["", "HQ", "head", "hq,decoder", "lora,hq", "mask_decoder.hf_*,", "a.b c", "--x.*"]
                .map(|text| text.parse::<Trainable>().expect_err(text).to_string());
        insta::assert_snapshot!(refusals.join("\n"), @"
            model configuration: what learns = : known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = HQ: known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = head: known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = hq: known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = hq: known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = : known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = a.b c: known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            model configuration: what learns = --x.*: known: hq, decoder, lora and all, and patterns of tensor names such as mask_decoder.hf_*
            ");
    }

    #[test]
    fn a_model_says_what_of_it_learns() {
        let config = SamConfig::small(32, 8, 32, 2);
        let sam = config.init(&Device::flex(), 0).expect("a model");
        let plain = config.with_hq(false).init(&Device::flex(), 0).expect("a model");
        let cases = [
            ("hq", true, false, true),
            ("decoder", false, false, false),
            ("all", false, true, false),
            ("mask_decoder.hf_*", true, false, true),
            ("mask_decoder.hf_token.weight", true, false, true),
            ("mask_decoder.*", false, false, false),
            ("image_encoder.neck.*", false, true, false),
            ("*.bias", false, true, false),
            ("image_encoder.neck.*,mask_decoder.hf_*", true, true, false),
        ];
        for (text, asks, encoder, alone) in cases {
            let part = read(text);
            part.check(&sam).expect(text);
            assert_eq!(part.asks_for_hq_head(), asks, "{text}");
            assert_eq!(sam.encoder_learns(&part), encoder, "{text}");
            assert_eq!(sam.hq_head_alone_learns(&part), alone, "{text}");
            assert!(!part.contains("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"));
        }
        let refusals = ["hq", "mask_decoder.hf_*", "image_encoder.neck.*,mask_decoder.hf_*"]
            .map(|text| read(text).check(&plain).expect_err(text).to_string());
        insta::assert_snapshot!(refusals.join("\n"), @"
            model configuration: what learns = hq: no tensor of this model that can learn has such a name
            model configuration: what learns = mask_decoder.hf_*: no tensor of this model that can learn has such a name
            model configuration: what learns = mask_decoder.hf_*: no tensor of this model that can learn has such a name
            ");
    }

    #[test]
    fn parameters_are_marked_by_the_patterns() {
        let sam = SamConfig::small(32, 8, 32, 2).init(&Device::flex(), 0).expect("a model");
        let part = read("image_encoder.neck.*,mask_decoder.hf_token.*");
        let sam = sam.training(&part);
        let crate::image_encoder::ImageEncoder::Vit(vit) = sam.image_encoder() else {
            panic!("a ViT")
        };
        assert!(vit.neck.m0.weight.val().is_require_grad());
        assert!(!vit.pos_embed.val().is_require_grad());
        let head = sam.mask_decoder.hq.as_ref().expect("a head");
        assert!(head.hf_token.weight.val().is_require_grad());
        assert!(!head.hf_mlp.layers[0].weight.val().is_require_grad());
        let neck = 64 * 32 + 2 * 64 + 64 * 64 * 9 + 2 * 64;
        assert_eq!(sam.trainable_count(&part), neck + 64);
    }
}
