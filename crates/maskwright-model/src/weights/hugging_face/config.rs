//! The `config.json` of Hugging Face's SamModel and SamHQModel.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{DecoderConfig, SamConfig};
use crate::image_encoder::EncoderConfig;

/// What is read of it; what a file leaves out has the value that transformers gives it.
#[derive(Debug, Deserialize)]
struct File {
    model_type: Option<String>,
    #[serde(default = "nothing")]
    vision_config: Value,
    #[serde(default)]
    prompt_encoder_config: Prompt,
    #[serde(default)]
    mask_decoder_config: Decoder,
}

/// A file that leaves a part out.
fn nothing() -> Value {
    json!({})
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Prompt {
    mask_input_channels: usize,
}

impl Default for Prompt {
    fn default() -> Self {
        Self { mask_input_channels: 16 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Decoder {
    num_hidden_layers: usize,
    num_attention_heads: usize,
    mlp_dim: usize,
    iou_head_depth: usize,
    iou_head_hidden_dim: usize,
    num_multimask_outputs: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            num_hidden_layers: 2,
            num_attention_heads: 8,
            mlp_dim: 2048,
            iou_head_depth: 3,
            iou_head_hidden_dim: 256,
            num_multimask_outputs: 3,
        }
    }
}

/// The configuration that a `config.json` describes.
pub(super) fn from_json(text: &str) -> Result<SamConfig, String> {
    let file: File = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let kind = file.model_type.unwrap_or_default();
    let hq = match kind.as_str() {
        "sam" => false,
        "sam_hq" => true,
        other => return Err(format!("expected model_type sam or sam_hq, found {other:?}")),
    };
    let (frame, encoder) = EncoderConfig::from_hugging_face(&file.vision_config)
        .ok_or("its vision_config is of no encoder that is known here")??;
    let decoder = file.mask_decoder_config;
    let config = SamConfig {
        image_size: frame.image_size,
        patch_size: frame.patch_size,
        encoder,
        prompt_dim: frame.embedding_dim,
        decoder: DecoderConfig {
            depth: decoder.num_hidden_layers,
            mlp_dim: decoder.mlp_dim,
            heads: decoder.num_attention_heads,
            iou_head_depth: decoder.iou_head_depth,
            iou_head_hidden: decoder.iou_head_hidden_dim,
            multimask: decoder.num_multimask_outputs,
            mask_prompt_dim: file.prompt_encoder_config.mask_input_channels,
        },
        hq,
    };
    config.validate().map_err(|e| e.to_string())?;
    Ok(config)
}

/// The `config.json` of a model, or what it has that transformers knows no way to say.
pub(super) fn to_json(config: &SamConfig) -> Result<Value, String> {
    let mut vision = config
        .encoder
        .to_hugging_face(&config.frame())
        .ok_or_else(|| format!("{}, which transformers has not", config.encoder.title()))?;
    let decoder = &config.decoder;
    if decoder.iou_head_depth < 2 {
        return Err(format!(
            "an IoU head of {} layer; transformers has 2 or more",
            decoder.iou_head_depth
        ));
    }
    let (kind, class) = if config.hq { ("sam_hq", "SamHQModel") } else { ("sam", "SamModel") };
    vision["model_type"] = json!(format!("{kind}_vision_model"));
    let mut json = json!({
        "architectures": [class],
        "model_type": kind,
        "initializer_range": 0.02,
        "vision_config": vision,
        "prompt_encoder_config": {
            "hidden_size": config.prompt_dim,
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "image_embedding_size": config.grid(),
            "mask_input_channels": decoder.mask_prompt_dim,
            "num_point_embeddings": 4,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-6,
        },
        "mask_decoder_config": {
            "hidden_size": config.prompt_dim,
            "num_hidden_layers": decoder.depth,
            "num_attention_heads": decoder.heads,
            "mlp_dim": decoder.mlp_dim,
            "iou_head_depth": decoder.iou_head_depth,
            "iou_head_hidden_dim": decoder.iou_head_hidden,
            "num_multimask_outputs": decoder.multimask,
            "attention_downsample_rate": 2,
            "hidden_act": "relu",
            "layer_norm_eps": 1e-6,
        },
    });
    if config.hq {
        json["mask_decoder_config"]["vit_dim"] = json!(config.early_dim());
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_go_there_and_back() {
        let mut odd = SamConfig::small(96, 16, 48, 5);
        odd.decoder.iou_head_depth = 4;
        odd.decoder.mask_prompt_dim = 8;
        let officials = [SamConfig::vit_b(), SamConfig::vit_l().with_hq(false), SamConfig::vit_h()];
        for config in officials.into_iter().chain([odd]) {
            let json = to_json(&config).unwrap().to_string();
            assert_eq!(from_json(&json).unwrap(), config);
        }
        insta::assert_snapshot!(to_json(&SamConfig::vit_tiny()).unwrap_err(), @"TinyViT, which transformers has not");
    }

    #[test]
    fn short_files_mean_the_defaults_and_other_models_are_named() {
        let config = from_json(r#"{"model_type": "sam", "vision_config": {"extra": 1}}"#).unwrap();
        assert_eq!(config, SamConfig::vit_b().with_hq(false));
        let absurd = r#"{"model_type": "sam", "vision_config": {"num_attention_heads": 0}}"#;
        let refusals =
            [r#"{"model_type": "sam2"}"#, absurd].map(|text| from_json(text).unwrap_err());
        insta::assert_snapshot!(refusals.join("\n"), @r#"
            expected model_type sam or sam_hq, found "sam2"
            model configuration: encoder.heads = 0: must divide embed_dim (768)
            "#);
    }
}
