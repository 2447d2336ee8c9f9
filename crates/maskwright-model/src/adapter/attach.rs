//! An adapter on a model: attached, and merged into its weights.

use std::collections::BTreeSet;

use burn::module::{LoraAdapter, Module, Param, Reparameterizer};
use burn::tensor::{Device, Tensor};

use super::base;
use super::config::{Adapter, Blocks, LoraConfig};
use crate::error::{Error, Result};
use crate::init::Init;
use crate::sam::Sam;
use crate::weights::by_name::{MapByName, map_by_name};
use crate::weights::names::Path;
use crate::weights::{Checkpoint, shapes};

impl Sam {
    /// Returns the model with a fresh adapter, which depends only on `config`, the seed and the names of the
    /// layers. It changes no output. A frozen copy of the image encoder is dropped.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that do not fit the model, or if it has an adapter already.
    pub fn with_adapter(self, config: &LoraConfig, seed: u64) -> Result<Self> {
        let base = base::hash(&Checkpoint::of(&self))?;
        let mut sam = self.with_factors(config, seed)?;
        sam.adapter = Some(Box::new(Adapter { lora: config.clone(), base }));
        Ok(sam)
    }

    /// Returns what adapter the model has.
    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_deref()
    }

    /// Returns the model with its adapter in the weights, out of autodiff there; a model without one as it is.
    #[must_use]
    pub fn merged(self) -> Self {
        if self.adapter.is_none() {
            return self;
        }
        let mut sam = self.materialize();
        sam.adapter = None;
        sam
    }

    /// The factors alone, for what does not ask for the base.
    pub(super) fn with_factors(mut self, config: &LoraConfig, seed: u64) -> Result<Self> {
        config.validate()?;
        let setting =
            |key, expected: String, found: String| Error::Setting { key, expected, found };
        if self.adapter.is_some() {
            let (expected, found) = ("a model without an adapter".into(), "one".into());
            return Err(setting("train.lora", expected, found));
        }
        let all = shapes(&self);
        let blocks = blocks(all.iter().map(|(name, _)| name.as_str()));
        let count = match config.blocks {
            Blocks::All => blocks.len(),
            Blocks::Last(count) => count,
        };
        if count > blocks.len() {
            let expected = format!("all, or last:K with K from 1 to {}", blocks.len());
            return Err(setting("train.lora.blocks", expected, config.blocks.to_string()));
        }
        let mut weights = BTreeSet::new();
        for block in &blocks[blocks.len() - count..] {
            let ends = config.targets.iter().flat_map(|target| target.weights());
            weights.extend(ends.map(|end| format!("{block}{end}")));
        }
        let sides = all.iter().filter(|(name, _)| weights.contains(name));
        let narrowest = sides.flat_map(|(_, shape)| shape.iter().copied()).min().unwrap_or(0);
        if config.rank > narrowest {
            let expected = format!("at most {narrowest}, the narrowest side of these layers");
            return Err(setting("train.lora.rank", expected, config.rank.to_string()));
        }
        self.image_encoder_mut();
        let device = self.device();
        let mut attach = Attach { weights, seed, config, device: &device };
        Ok(map_by_name(self, &mut attach))
    }
}

/// The blocks of an image encoder, in the order in which they run: what comes before the names of their
/// attention.
fn blocks<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .filter(|name| name.starts_with("image_encoder."))
        .filter_map(|name| name.strip_suffix("attn.qkv.weight").map(str::to_owned))
        .collect()
}

struct Attach<'a> {
    /// The official names of the weights that are adapted.
    weights: BTreeSet<String>,
    config: &'a LoraConfig,
    seed: u64,
    device: &'a Device,
}

impl MapByName for Attach<'_> {
    fn map<const D: usize>(&mut self, path: &Path, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = path.name();
        if !self.weights.contains(&name) {
            return param;
        }
        let layer = name.trim_end_matches(".weight");
        let init = Init::new(self.device, self.seed).part(layer);
        param.apply_reparameterization(Factors { init, config: self.config })
    }
}

/// Makes the factors of one weight, which is `[in, out]` here.
struct Factors<'a> {
    init: Init<'a>,
    config: &'a LoraConfig,
}

impl Reparameterizer for Factors<'_> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        _path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let shape = param.lazy_shape();
        let (input, output) = (shape[0], shape[1]);
        let rank = self.config.rank;
        let adapter = LoraAdapter {
            a: self.init.fan_in("lora_A", [input, rank], input),
            b: self.init.constant([rank, output], 0.0),
            scale: self.config.scale(),
        };
        (param.set_require_grad(false), Some(adapter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SamConfig;
    use crate::image_encoder::ImageEncoder;
    use crate::ops::Tf32;
    use crate::trainable::Trainable;

    #[test]
    fn what_lies_before_the_last_blocks_records_nothing() {
        let device = Device::flex();
        for count in 1..=3 {
            let config = LoraConfig { blocks: Blocks::Last(count), ..LoraConfig::default() };
            let sam = SamConfig::small(32, 8, 32, 3).init(&device, 0).expect("a model");
            let learns = Trainable::Lora(Vec::new());
            let sam = sam.with_adapter(&config, 0).expect("an adapter").training(&learns);
            let ImageEncoder::Vit(vit) = sam.image_encoder() else { panic!("a ViT") };
            let mut x = Tensor::ones([1, 4, 4, 32], &device);
            let records: Vec<bool> = vit
                .blocks
                .iter()
                .map(|block| {
                    x = block.forward(x.clone(), Tf32::default());
                    x.is_autodiff()
                })
                .collect();
            let expected: Vec<bool> = (0..3).map(|block| block >= 3 - count).collect();
            assert_eq!(records, expected, "last:{count}");
            // And so does what a whole pass keeps of the image.
            let images = sam.preprocess(&[9; 3 * 32 * 32], 1, &device).expect("a size");
            assert!(sam.encode_image(images).embedding.is_autodiff());
        }
    }
}
