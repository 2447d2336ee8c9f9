//! Which parameters learn.

use std::str::FromStr;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sam::Sam;
use crate::weights::{Path, is_buffer};

/// The part of a model that training changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainScope {
    /// The HQ head alone, on a frozen SAM, as HQ-SAM is trained.
    #[default]
    Hq,
    /// The whole mask decoder with the HQ head.
    Decoder,
    /// Everything.
    All,
}

impl FromStr for TrainScope {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "hq" => Ok(Self::Hq),
            "decoder" => Ok(Self::Decoder),
            "all" => Ok(Self::All),
            _ => Err(Error::Config {
                field: "train scope",
                value: name.to_owned(),
                reason: "known: hq, decoder, all".to_owned(),
            }),
        }
    }
}

impl TrainScope {
    /// Whether the tensor of this official name learns.
    ///
    /// ```
    /// use maskwright_model::TrainScope;
    ///
    /// assert!(TrainScope::Hq.contains("mask_decoder.hf_token.weight"));
    /// assert!(!TrainScope::Hq.contains("mask_decoder.iou_token.weight"));
    /// ```
    pub fn contains(self, name: &str) -> bool {
        const HQ: [&str; 5] = [
            "hf_token",
            "hf_mlp",
            "compress_vit_feat",
            "embedding_encoder",
            "embedding_maskfeature",
        ];
        let in_decoder = name.strip_prefix("mask_decoder.");
        match self {
            Self::Hq => in_decoder
                .and_then(|rest| rest.split('.').next())
                .is_some_and(|part| HQ.contains(&part)),
            Self::Decoder => in_decoder.is_some(),
            Self::All => !is_buffer(name),
        }
    }
}

impl Sam {
    /// Readies the model for training this part: its parameters record gradients, all others are
    /// taken out of autodiff, so that what depends on them alone runs as fast as in prediction.
    ///
    /// The result trains with any of Burn's optimizers, which skip parameters without a gradient.
    #[must_use]
    pub fn train_scope(self, scope: TrainScope) -> Self {
        self.map(&mut Marker { scope: Some(scope), path: Path::default() })
    }

    /// Takes every parameter out of autodiff, for prediction.
    #[must_use]
    pub fn frozen(self) -> Self {
        self.map(&mut Marker { scope: None, path: Path::default() })
    }

    /// Number of trainable values in a scope.
    pub fn trainable_count(&self, scope: TrainScope) -> usize {
        crate::weights::shapes(self)
            .iter()
            .filter(|(name, _)| scope.contains(name))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }
}

struct Marker {
    scope: Option<TrainScope>,
    path: Path,
}

impl ModuleMapper for Marker {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let learns = self.scope.is_some_and(|scope| scope.contains(&self.path.name()));
        // A parameter that was tracked before becomes a fresh leaf.
        let param = param.map(|tensor| {
            let tensor = tensor.without_autodiff();
            if learns { tensor.autodiff() } else { tensor }
        });
        param.set_require_grad(learns)
    }
}
