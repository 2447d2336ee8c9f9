//! Official names and those of Hugging Face's SamModel and SamHQModel, one for the other.

use std::collections::BTreeMap;

use crate::image_encoder::EncoderConfig;

/// Official name, theirs; a `*` stands for a number, and what follows a rule's parts stays. The first
/// rule that fits is taken, those of the encoders before these; names that no rule fits are the same in
/// both.
const RULES: [(&str, &str); 29] = [
    ("image_encoder", "vision_encoder"),
    (POSITIONS, "shared_image_embedding.positional_embedding"),
    // Files of older releases have the tied copy too.
    (POSITIONS, TIED),
    ("prompt_encoder.point_embeddings", "prompt_encoder.point_embed"),
    ("prompt_encoder.mask_downscaling.0", "prompt_encoder.mask_embed.conv1"),
    ("prompt_encoder.mask_downscaling.1", "prompt_encoder.mask_embed.layer_norm1"),
    ("prompt_encoder.mask_downscaling.3", "prompt_encoder.mask_embed.conv2"),
    ("prompt_encoder.mask_downscaling.4", "prompt_encoder.mask_embed.layer_norm2"),
    ("prompt_encoder.mask_downscaling.6", "prompt_encoder.mask_embed.conv3"),
    ("mask_decoder.transformer.layers.*.norm1", "mask_decoder.transformer.layers.*.layer_norm1"),
    ("mask_decoder.transformer.layers.*.norm2", "mask_decoder.transformer.layers.*.layer_norm2"),
    ("mask_decoder.transformer.layers.*.norm3", "mask_decoder.transformer.layers.*.layer_norm3"),
    ("mask_decoder.transformer.layers.*.norm4", "mask_decoder.transformer.layers.*.layer_norm4"),
    ("mask_decoder.transformer.norm_final_attn", "mask_decoder.transformer.layer_norm_final_attn"),
    ("mask_decoder.output_upscaling.0", "mask_decoder.upscale_conv1"),
    ("mask_decoder.output_upscaling.1", "mask_decoder.upscale_layer_norm"),
    ("mask_decoder.output_upscaling.3", "mask_decoder.upscale_conv2"),
    ("mask_decoder.hf_token", "mask_decoder.hq_token"),
    ("mask_decoder.hf_mlp", "mask_decoder.hq_mask_mlp"),
    ("mask_decoder.compress_vit_feat.0", "mask_decoder.compress_vit_conv1"),
    ("mask_decoder.compress_vit_feat.1", "mask_decoder.compress_vit_norm"),
    ("mask_decoder.compress_vit_feat.3", "mask_decoder.compress_vit_conv2"),
    ("mask_decoder.embedding_encoder.0", "mask_decoder.encoder_conv1"),
    ("mask_decoder.embedding_encoder.1", "mask_decoder.encoder_norm"),
    ("mask_decoder.embedding_encoder.3", "mask_decoder.encoder_conv2"),
    ("mask_decoder.embedding_maskfeature.0", "mask_decoder.mask_conv1"),
    ("mask_decoder.embedding_maskfeature.1", "mask_decoder.mask_norm"),
    ("mask_decoder.embedding_maskfeature.3", "mask_decoder.mask_conv2"),
    ("", ""),
];

const POSITIONS: &str = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";

/// Their second name of the one tensor, which saving drops.
const TIED: &str = "prompt_encoder.shared_embedding.positional_embedding";

/// Perceptrons, whose first and last layers they name apart.
const PERCEPTRONS: [&str; 3] = ["output_hypernetworks_mlps", "iou_prediction_head", "hq_mask_mlp"];

/// Whether these are names of theirs.
pub(super) fn are_theirs<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.starts_with("vision_encoder.") || name == "mask_decoder.hq_token.weight")
}

/// Their name of every official one.
pub(super) fn to_theirs<'a>(
    official: impl Iterator<Item = &'a str> + Clone,
) -> BTreeMap<String, String> {
    let renamed: Vec<(String, String)> = official
        .map(|name| (name.to_owned(), translate(name, |&(ours, theirs)| (ours, theirs))))
        .collect();
    let depths = depths(renamed.iter().map(|(_, name)| name.as_str()));
    renamed
        .into_iter()
        .map(|(ours, theirs)| {
            let named = perceptron(&theirs).and_then(|(parent, layer, rest)| {
                let layer: usize = layer.strip_prefix("layers.")?.parse().ok()?;
                let last = depths.get(parent)?.checked_sub(1)?;
                Some(match layer {
                    0 => format!("{parent}.proj_in.{rest}"),
                    layer if layer == last => format!("{parent}.proj_out.{rest}"),
                    layer => format!("{parent}.layers.{}.{rest}", layer - 1),
                })
            });
            (ours, named.unwrap_or(theirs))
        })
        .collect()
}

/// The official name of every one of theirs.
pub(super) fn to_official<'a>(
    theirs: impl Iterator<Item = &'a str> + Clone,
) -> BTreeMap<String, String> {
    let middle = depths(theirs.clone());
    theirs
        .map(|name| {
            let counted = perceptron(name).and_then(|(parent, layer, rest)| {
                let layer = match layer {
                    "proj_in" => 0,
                    "proj_out" => middle.get(parent).copied().unwrap_or(0) + 1,
                    inner => {
                        inner.strip_prefix("layers.")?.parse::<usize>().ok()?.checked_add(1)?
                    }
                };
                Some(format!("{parent}.layers.{layer}.{rest}"))
            });
            let counted = counted.as_deref().unwrap_or(name);
            (name.to_owned(), translate(counted, |&(ours, theirs)| (theirs, ours)))
        })
        .collect()
}

/// Parent, layer (`proj_in`, `layers.1`) and the rest of a perceptron's tensor.
fn perceptron(name: &str) -> Option<(&str, &str, &str)> {
    let rest = name.strip_prefix("mask_decoder.")?;
    let kind = PERCEPTRONS
        .into_iter()
        .find(|kind| rest.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.')))?;
    let mut end = "mask_decoder.".len() + kind.len();
    if kind == PERCEPTRONS[0] {
        end += 1 + name.get(end + 1..)?.find('.')?;
    }
    let (parent, inner) = (name.get(..end)?, name.get(end + 1..)?);
    let split = inner.rfind('.')?;
    Some((parent, &inner[..split], &inner[split + 1..]))
}

/// How many numbered layers every perceptron has.
fn depths<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut depths: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let Some((parent, layer, _)) = perceptron(name) else { continue };
        let Some(Ok(layer)) = layer.strip_prefix("layers.").map(str::parse::<u16>) else {
            continue;
        };
        let depth = depths.entry(parent.to_owned()).or_default();
        *depth = (*depth).max(usize::from(layer) + 1);
    }
    depths
}

/// The name by the first rule that fits.
fn translate(
    name: &str,
    sides: impl Fn(&(&'static str, &'static str)) -> (&'static str, &'static str),
) -> String {
    EncoderConfig::hugging_face_names()
        .chain(&RULES)
        .map(sides)
        .find_map(|(from, to)| by_rule(name, from, to))
        .unwrap_or_else(|| name.to_owned())
}

fn by_rule(name: &str, from: &str, to: &str) -> Option<String> {
    if from.is_empty() {
        return Some(name.to_owned());
    }
    let mut rest = name.split('.');
    let mut number = None;
    for part in from.split('.') {
        let found = rest.next()?;
        if part == "*" {
            found.parse::<u32>().ok()?;
            number = Some(found);
        } else if part != found {
            return None;
        }
    }
    let mut parts: Vec<&str> =
        to.split('.').map(|part| if part == "*" { number.unwrap_or(part) } else { part }).collect();
    parts.extend(rest);
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SamConfig;

    #[test]
    fn every_name_goes_there_and_back() {
        let mut config = SamConfig::small(64, 16, 32, 12);
        config.decoder.iou_head_depth = 5;
        let sam = config.init(&burn::tensor::Device::flex(), 0).unwrap();
        let names: Vec<String> =
            crate::weights::shapes(&sam).into_iter().map(|(name, _)| name).collect();
        let theirs = to_theirs(names.iter().map(String::as_str));
        let unique: std::collections::BTreeSet<_> = theirs.values().collect();
        assert_eq!(unique.len(), names.len());
        let back = to_official(theirs.values().map(String::as_str));
        for name in &names {
            assert_eq!(&back[&theirs[name]], name);
        }
        for (ours, expected) in [
            ("image_encoder.blocks.11.attn.rel_pos_h", "vision_encoder.layers.11.attn.rel_pos_h"),
            (
                "mask_decoder.iou_prediction_head.layers.3.bias",
                "mask_decoder.iou_prediction_head.layers.2.bias",
            ),
            (
                "mask_decoder.iou_prediction_head.layers.4.bias",
                "mask_decoder.iou_prediction_head.proj_out.bias",
            ),
            (
                "mask_decoder.output_hypernetworks_mlps.2.layers.0.weight",
                "mask_decoder.output_hypernetworks_mlps.2.proj_in.weight",
            ),
            ("mask_decoder.hf_mlp.layers.1.weight", "mask_decoder.hq_mask_mlp.layers.0.weight"),
            ("prompt_encoder.not_a_point_embed.weight", "prompt_encoder.not_a_point_embed.weight"),
        ] {
            assert_eq!(theirs[ours], expected);
        }
        assert_eq!(to_official([TIED].into_iter())[TIED], POSITIONS);
    }

    #[test]
    fn names_of_other_things_stay() {
        for name in [
            "",
            ".",
            "mask_decoder.",
            "mask_decoder.iou_prediction_head",
            "stray.weight",
            "mask_decoder.output_hypernetworks_mlps.",
            "mask_decoder.hq_mask_mlp..",
            "mask_decoder.hq_mask_mlp.layers.99999999999999999999.weight",
        ] {
            let there = to_official([name].into_iter());
            assert_eq!(there.len(), 1, "{name}");
            to_theirs([name].into_iter());
        }
    }
}
