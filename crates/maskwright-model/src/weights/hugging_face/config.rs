//! The `config.json` of Hugging Face's SamModel and SamHQModel.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{DecoderConfig, EncoderConfig, SamConfig, VitConfig};

/// What is read of it; what a file leaves out has the value that transformers gives it.
#[derive(Debug, Deserialize)]
struct File {
    model_type: Option<String>,
    #[serde(default)]
    vision_config: Vision,
    #[serde(default)]
    prompt_encoder_config: Prompt,
    #[serde(default)]
    mask_decoder_config: Decoder,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Vision {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    window_size: usize,
    global_attn_indexes: Vec<usize>,
    mlp_ratio: f64,
    mlp_dim: Option<usize>,
    output_channels: usize,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 1024,
            patch_size: 16,
            window_size: 14,
            global_attn_indexes: vec![2, 5, 8, 11],
            mlp_ratio: 4.0,
            mlp_dim: None,
            output_channels: 256,
        }
    }
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
    let (vision, decoder) = (file.vision_config, file.mask_decoder_config);
    let mlp_dim = vision.mlp_dim.unwrap_or((vision.hidden_size as f64 * vision.mlp_ratio) as usize);
    let config = SamConfig {
        image_size: vision.image_size,
        patch_size: vision.patch_size,
        encoder: EncoderConfig::Vit(VitConfig {
            embed_dim: vision.hidden_size,
            depth: vision.num_hidden_layers,
            heads: vision.num_attention_heads,
            mlp_dim,
            global_blocks: vision.global_attn_indexes,
            window_size: vision.window_size,
        }),
        prompt_dim: vision.output_channels,
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
    let EncoderConfig::Vit(vit) = &config.encoder else {
        return Err("TinyViT, which transformers has not".to_owned());
    };
    let decoder = &config.decoder;
    if decoder.iou_head_depth < 2 {
        return Err(format!(
            "an IoU head of {} layer; transformers has 2 or more",
            decoder.iou_head_depth
        ));
    }
    let (kind, class) = if config.hq { ("sam_hq", "SamHQModel") } else { ("sam", "SamModel") };
    let mut json = json!({
        "architectures": [class],
        "model_type": kind,
        "initializer_range": 0.02,
        "vision_config": {
            "model_type": format!("{kind}_vision_model"),
            "hidden_size": vit.embed_dim,
            "num_hidden_layers": vit.depth,
            "num_attention_heads": vit.heads,
            "mlp_dim": vit.mlp_dim,
            "mlp_ratio": vit.mlp_dim as f64 / vit.embed_dim as f64,
            "global_attn_indexes": vit.global_blocks,
            "window_size": vit.window_size,
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "output_channels": config.prompt_dim,
            "num_pos_feats": config.prompt_dim / 2,
            "num_channels": 3,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-6,
            "qkv_bias": true,
            "use_abs_pos": true,
            "use_rel_pos": true,
        },
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
        json["mask_decoder_config"]["vit_dim"] = json!(vit.embed_dim);
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
        assert!(to_json(&SamConfig::vit_tiny()).unwrap_err().contains("TinyViT"));
    }

    #[test]
    fn short_files_mean_the_defaults_and_other_models_are_named() {
        let config = from_json(r#"{"model_type": "sam", "vision_config": {"extra": 1}}"#).unwrap();
        assert_eq!(config, SamConfig::vit_b().with_hq(false));
        let refused = from_json(r#"{"model_type": "sam2"}"#).unwrap_err();
        assert!(refused.contains("sam_hq") && refused.contains("sam2"), "{refused}");
        let absurd = r#"{"model_type": "sam", "vision_config": {"num_attention_heads": 0}}"#;
        assert!(from_json(absurd).is_err());
    }
}
