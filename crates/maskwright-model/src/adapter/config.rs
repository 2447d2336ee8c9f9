//! The settings of a low-rank adapter.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use crate::error::{Error, Result};
use crate::words;

/// Which weights get an adapter, and how large it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// The number of rows of A and of columns of B.
    pub rank: usize,
    /// The product B A is scaled by `alpha / rank`; the rank if not given, which scales by 1, as SAMed does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The blocks of the image encoder.
    pub blocks: Blocks,
    /// The layers of each block.
    pub targets: Vec<LoraTarget>,
}

/// What an adapter is, and over which base it goes; in the metadata of its file as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Its settings.
    pub lora: LoraConfig,
    /// The SHA-256 of the image encoder that it goes over, in hexadecimal.
    pub base: String,
}

impl Default for LoraConfig {
    /// Rank 4 in query, key and value of all blocks; rank and scale are SAMed's.
    fn default() -> Self {
        Self { rank: 4, alpha: None, blocks: Blocks::All, targets: vec![LoraTarget::Qkv] }
    }
}

impl LoraConfig {
    /// Returns what B A is multiplied with.
    pub fn scale(&self) -> f64 {
        self.alpha.map_or(1.0, |alpha| alpha / self.rank as f64)
    }

    /// Checks that the settings are in range by themselves; blocks and rank are held against the model when
    /// the adapter is attached.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key of the first setting that is wrong.
    pub fn validate(&self) -> Result<()> {
        let setting = |key, expected: &str, found: String| {
            Err(Error::Setting { key, expected: expected.to_owned(), found })
        };
        if self.rank == 0 {
            return setting("train.lora.rank", "1 or more", self.rank.to_string());
        }
        if let Some(alpha) = self.alpha.filter(|alpha| !(alpha.is_finite() && *alpha > 0.0)) {
            return setting("train.lora.alpha", "a number above 0", alpha.to_string());
        }
        let twice = |(at, target)| self.targets[..at].contains(target);
        let list = || self.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        if self.targets.is_empty() || self.targets.iter().enumerate().any(twice) {
            let expected = "each of qkv, proj and mlp at most once, and one of them";
            let found = if self.targets.is_empty() { "none".to_owned() } else { list() };
            return setting("train.lora.targets", expected, found);
        }
        Ok(())
    }
}

/// Which blocks of an image encoder are adapted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Blocks {
    /// All of them.
    All,
    /// So many of the last ones. What comes before them runs without gradients.
    Last(usize),
}

impl FromStr for Blocks {
    type Err = String;

    /// Reads `all` or `last:K`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let count = text.strip_prefix("last:").and_then(|count| count.parse().ok());
        match (text, count) {
            ("all", _) => Ok(Self::All),
            (_, Some(count)) if count > 0 => Ok(Self::Last(count)),
            _ => Err(format!("expected all, or last:K with K of 1 or more, found {text:?}")),
        }
    }
}

impl std::fmt::Display for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Last(count) => write!(f, "last:{count}"),
        }
    }
}

impl TryFrom<String> for Blocks {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Blocks> for String {
    fn from(blocks: Blocks) -> Self {
        blocks.to_string()
    }
}

/// A part of a block whose weights are adapted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = no_target)]
pub enum LoraTarget {
    /// Query, key and value.
    Qkv,
    /// The layer behind the attention's heads.
    Proj,
    /// Both layers of the perceptron.
    Mlp,
}

fn no_target(found: &str) -> String {
    words::expected(LoraTarget::VARIANTS, found)
}

impl LoraTarget {
    /// The weights of this part, behind the name of a block; the perceptron's as both kinds of encoder
    /// call them.
    pub(super) fn weights(self) -> &'static [&'static str] {
        match self {
            Self::Qkv => &["attn.qkv.weight"],
            Self::Proj => &["attn.proj.weight"],
            Self::Mlp => {
                &["mlp.lin1.weight", "mlp.lin2.weight", "mlp.fc1.weight", "mlp.fc2.weight"]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_their_key() {
        let config = LoraConfig::default();
        assert!(config.validate().is_ok());
        assert_eq!(config.scale(), 1.0);
        assert_eq!(LoraConfig { alpha: Some(6.0), ..config.clone() }.scale(), 1.5);
        let refusals = [
            LoraConfig { rank: 0, ..config.clone() },
            LoraConfig { alpha: Some(0.0), ..config.clone() },
            LoraConfig { alpha: Some(f64::NAN), ..config.clone() },
            LoraConfig { targets: vec![], ..config.clone() },
            LoraConfig { targets: vec![LoraTarget::Qkv, LoraTarget::Qkv], ..config },
        ]
        .map(|config| config.validate().expect_err("refused").to_string());
        insta::assert_snapshot!(refusals.join("\n"), @"
            train.lora.rank: expected 1 or more, found 0
            train.lora.alpha: expected a number above 0, found 0
            train.lora.alpha: expected a number above 0, found NaN
            train.lora.targets: expected each of qkv, proj and mlp at most once, and one of them, found none
            train.lora.targets: expected each of qkv, proj and mlp at most once, and one of them, found qkv,qkv
            ");
    }

    #[test]
    fn blocks_are_read_as_they_are_written() {
        for (text, blocks) in [("all", Blocks::All), ("last:3", Blocks::Last(3))] {
            assert_eq!((text.parse(), blocks.to_string()), (Ok(blocks), text.to_owned()));
        }
        for text in ["last:0", "last:", "last:-1", "first:2", "3", ""] {
            assert!(text.parse::<Blocks>().is_err(), "{text}");
        }
    }
}
