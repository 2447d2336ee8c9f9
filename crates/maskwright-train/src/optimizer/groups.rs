//! Which parameters decay, and how fast each layer of the encoder learns, by official names.

use std::collections::BTreeMap;

/// Parameters of two axes and more that are no factors of a product but positions, biases or learned tokens.
const NOT_DECAYED: [&str; 10] = [
    "pos_embed",
    "rel_pos_h",
    "rel_pos_w",
    "attention_biases",
    "iou_token",
    "mask_tokens",
    "hf_token",
    "point_embeddings",
    "not_a_point_embed",
    "no_mask_embed",
];

/// Returns whether weight decay applies to the parameter of this official name and number of axes.
///
/// The factors of linear layers and convolutions decay. What has one axis does not: biases, and the factors of norms. Nor
/// do tables of positions (`pos_embed`, `rel_pos_h`, `rel_pos_w`), biases of attention (`attention_biases`) and
/// learned tokens (`iou_token`, `mask_tokens`, `hf_token`, `point_embeddings`, `not_a_point_embed`, `no_mask_embed`),
/// as in the training of MAE and BEiT, whose tables and tokens are left out, too.
pub fn decays(name: &str, axes: usize) -> bool {
    axes > 1 && !name.split('.').any(|part| NOT_DECAYED.contains(&part))
}

/// The place of a part of the encoder: of its stage, and of the block in it.
type Place = (usize, usize);

/// Returns what the learning rate of each of these parameters is multiplied by, where `decay` is how much slower a
/// block of the encoder learns than the next.
///
/// The rule is that of BEiT (Bao et al., 2022) and MAE (He et al., 2022). Of an encoder with n blocks, block i from 0
/// has `decay^(n - i)`; the patch embedding and the table of positions, which lie before the first block, have
/// `decay^(n + 1)`; everything else, such as the encoder's neck and the decoder, has 1. TinyViT's blocks are counted
/// through its stages, and what brings a stage to the next size belongs to the block before it.
pub fn layer_scales<'a>(names: impl Iterator<Item = &'a str>, decay: f64) -> BTreeMap<String, f64> {
    let names: Vec<&str> = names.collect();
    let mut blocks: Vec<Place> = names.iter().filter_map(|name| block(name)).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let layers = blocks.len() + 1;
    let layer = |name: &str| {
        if let Some(place) = block(name).or_else(|| end_of_stage(name)) {
            return blocks.partition_point(|block| *block <= place);
        }
        let rest = name.strip_prefix("image_encoder.").unwrap_or_default();
        let before = rest.starts_with("patch_embed.") || rest == "pos_embed";
        if before { 0 } else { layers }
    };
    let scale = |name: &&str| (name.to_string(), decay.powi((layers - layer(name)) as i32));
    names.iter().map(scale).collect()
}

/// The block that a parameter belongs to: of `image_encoder.blocks.J`, or of `image_encoder.layers.I.blocks.J`.
fn block(name: &str) -> Option<Place> {
    let rest = name.strip_prefix("image_encoder.")?;
    let (stage, rest) = match rest.strip_prefix("layers.") {
        Some(rest) => stage(rest)?,
        None => (0, rest),
    };
    let (block, _) = rest.strip_prefix("blocks.")?.split_once('.')?;
    Some((stage, block.parse().ok()?))
}

/// The end of the stage that a parameter outside its blocks belongs to.
fn end_of_stage(name: &str) -> Option<Place> {
    let (stage, _) = stage(name.strip_prefix("image_encoder.layers.")?)?;
    Some((stage, usize::MAX))
}

fn stage(rest: &str) -> Option<(usize, &str)> {
    let (stage, rest) = rest.split_once('.')?;
    Some((stage.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use maskwright_model::{SamConfig, weights};

    use super::*;

    fn scales(names: &[&str]) -> Vec<f64> {
        let scales = layer_scales(names.iter().copied(), 0.5);
        names.iter().map(|name| scales[*name]).collect()
    }

    #[test]
    fn every_block_learns_faster_than_the_one_before_it() {
        let names = [
            "image_encoder.pos_embed",
            "image_encoder.patch_embed.proj.weight",
            "image_encoder.blocks.0.attn.qkv.weight",
            "image_encoder.blocks.1.norm1.bias",
            "image_encoder.blocks.10.mlp.lin1.weight",
            "image_encoder.blocks.2.mlp.lin1.weight",
            "image_encoder.neck.0.weight",
            "mask_decoder.iou_token.weight",
        ];
        // Four blocks in all, so that the first is four steps below what comes behind the blocks.
        let wanted = [5, 5, 4, 3, 1, 2, 0, 0].map(|steps| 0.5f64.powi(steps));
        assert_eq!(scales(&names), wanted);
    }

    #[test]
    fn stages_are_counted_through() {
        let names = [
            "image_encoder.patch_embed.seq.0.c.weight",
            "image_encoder.layers.0.blocks.0.conv1.c.weight",
            "image_encoder.layers.0.downsample.conv1.c.weight",
            "image_encoder.layers.1.blocks.0.attn.qkv.weight",
            "image_encoder.layers.1.blocks.1.attn.qkv.weight",
            "image_encoder.layers.1.downsample.conv1.c.weight",
            "image_encoder.neck.0.weight",
        ];
        assert_eq!(scales(&names), [4, 3, 3, 2, 1, 1, 0].map(|steps| 0.5f64.powi(steps)));
    }

    #[test]
    fn what_decays_of_a_model_are_factors_of_products() {
        let sam = SamConfig::small(64, 16, 32, 2).init(&burn::tensor::Device::flex(), 0);
        let shapes = weights::shapes(&sam.expect("a model"));
        let kept: Vec<&str> = shapes
            .iter()
            .filter(|(name, shape)| shape.len() > 1 && !decays(name, shape.len()))
            .map(|(name, _)| name.as_str())
            .filter(|name| !name.contains("rel_pos"))
            .collect();
        assert_eq!(
            kept,
            [
                "image_encoder.pos_embed",
                "prompt_encoder.point_embeddings.0.weight",
                "prompt_encoder.point_embeddings.1.weight",
                "prompt_encoder.point_embeddings.2.weight",
                "prompt_encoder.point_embeddings.3.weight",
                "prompt_encoder.not_a_point_embed.weight",
                "prompt_encoder.no_mask_embed.weight",
                "mask_decoder.iou_token.weight",
                "mask_decoder.mask_tokens.weight",
                "mask_decoder.hf_token.weight",
            ]
        );
        for (name, shape) in &shapes {
            let of_one_axis = name.ends_with(".bias") || name.contains("norm");
            assert!(!of_one_axis || !decays(name, shape.len()), "{name}");
        }
        assert!(decays("image_encoder.patch_embed.proj.weight", 4));
        assert!(decays("mask_decoder.embedding_encoder.0.weight", 4));
    }
}
