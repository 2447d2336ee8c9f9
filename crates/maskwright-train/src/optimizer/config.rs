//! The settings of the optimizer.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The settings of the optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// The rule.
    pub kind: OptimizerKind,
    /// The learning rate at the start of the schedule.
    pub learning_rate: f64,
    /// With [`OptimizerKind::AdamW`]: how much of a decaying parameter each update takes away, times the learning rate.
    /// PyTorch's default is 0.01; 0 takes nothing. [`decays`](super::decays) says which parameters decay.
    pub weight_decay: f64,
    /// The largest norm that all gradients together may have; longer ones are shortened to it
    /// (`torch.nn.utils.clip_grad_norm_`). If not given, they stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// How much slower each block of the image encoder learns than the one after it, as a factor; 1 for all alike. The
    /// last block learns with the learning rate times this, and everything behind the encoder's blocks with the learning
    /// rate itself ([`layer_scales`](super::layer_scales)).
    pub layer_decay: f64,
}

/// A rule that changes parameters by their gradients.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam (Kingma and Ba, 2015) as PyTorch has it.
    #[default]
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019) as PyTorch has it.
    AdamW,
}

impl Default for OptimizerConfig {
    /// HQ-SAM's.
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            clip_norm: None,
            layer_decay: 1.0,
        }
    }
}

impl OptimizerConfig {
    /// The weight decay that PyTorch's AdamW has if none is given.
    pub const WEIGHT_DECAY: f64 = 0.01;

    /// Checks that every number is in its range, and that nothing decays by a rule without decay.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key and the value.
    pub fn validate(&self) -> Result<()> {
        let above_0 = |value: f64| value.is_finite() && value > 0.0;
        let refused = |key: &str, expected: &str, found: f64| {
            Err(Error::setting(format!("optimizer.{key}"), expected, found))
        };
        if !above_0(self.learning_rate) {
            return refused("learning_rate", "a number above 0", self.learning_rate);
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refused("weight_decay", "a number of 0 or more", self.weight_decay);
        }
        if self.kind == OptimizerKind::Adam && self.weight_decay > 0.0 {
            let expected = "0 with adam, which has no decay (adamw has: optimizer.kind)";
            return refused("weight_decay", expected, self.weight_decay);
        }
        if let Some(norm) = self.clip_norm.filter(|norm| !above_0(*norm)) {
            return refused("clip_norm", "a number above 0", norm);
        }
        if !(above_0(self.layer_decay) && self.layer_decay <= 1.0) {
            return refused("layer_decay", "a factor above 0, at most 1", self.layer_decay);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_by_their_key() {
        let refused = |change: fn(&mut OptimizerConfig)| {
            let mut config = OptimizerConfig { kind: OptimizerKind::AdamW, ..Default::default() };
            config.validate().expect("the rest is right");
            change(&mut config);
            config.validate().expect_err("refused").to_string()
        };
        let lines = [
            refused(|config| config.learning_rate = 0.0),
            refused(|config| config.weight_decay = -0.1),
            refused(|config| {
                (config.kind, config.weight_decay) = (OptimizerKind::Adam, 0.1);
            }),
            refused(|config| config.clip_norm = Some(f64::NAN)),
            refused(|config| config.layer_decay = 1.1),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
            optimizer.learning_rate: expected a number above 0, found 0
            optimizer.weight_decay: expected a number of 0 or more, found -0.1
            optimizer.weight_decay: expected 0 with adam, which has no decay (adamw has: optimizer.kind), found 0.1
            optimizer.clip_norm: expected a number above 0, found NaN
            optimizer.layer_decay: expected a factor above 0, at most 1, found 1.1
            "#);
    }
}
