//! The vision transformer in Hugging Face's files: the encoder of SamModel and SamHQModel.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::config::VitConfig;
use crate::image_encoder::specification::Frame;
use crate::weights::tensor_shapes::Told;

/// Official names and theirs.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("image_encoder.patch_embed.proj", "vision_encoder.patch_embed.projection"),
    ("image_encoder.blocks.*.norm1", "vision_encoder.layers.*.layer_norm1"),
    ("image_encoder.blocks.*.norm2", "vision_encoder.layers.*.layer_norm2"),
    ("image_encoder.blocks", "vision_encoder.layers"),
    ("image_encoder.neck.0", "vision_encoder.neck.conv1"),
    ("image_encoder.neck.1", "vision_encoder.neck.layer_norm1"),
    ("image_encoder.neck.2", "vision_encoder.neck.conv2"),
    ("image_encoder.neck.3", "vision_encoder.neck.layer_norm2"),
];

/// What is read of a `vision_config`; what a file leaves out has the value that transformers gives it.
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

/// The sizes that a `vision_config` describes.
pub(super) fn from_json(vision: &Json) -> Told<(Frame, VitConfig)> {
    let vision = Vision::deserialize(vision).map_err(|e| e.to_string())?;
    let mlp_dim = vision.mlp_dim.unwrap_or((vision.hidden_size as f64 * vision.mlp_ratio) as usize);
    let frame = Frame {
        image_size: vision.image_size,
        patch_size: vision.patch_size,
        embedding_dim: vision.output_channels,
    };
    let vit = VitConfig {
        embed_dim: vision.hidden_size,
        depth: vision.num_hidden_layers,
        heads: vision.num_attention_heads,
        mlp_dim,
        global_blocks: vision.global_attn_indexes,
        window_size: vision.window_size,
    };
    Ok((frame, vit))
}

/// The `vision_config` of these sizes, but for its `model_type`.
pub(super) fn to_json(vit: &VitConfig, frame: &Frame) -> Json {
    json!({
        "hidden_size": vit.embed_dim,
        "num_hidden_layers": vit.depth,
        "num_attention_heads": vit.heads,
        "mlp_dim": vit.mlp_dim,
        "mlp_ratio": vit.mlp_dim as f64 / vit.embed_dim as f64,
        "global_attn_indexes": vit.global_blocks,
        "window_size": vit.window_size,
        "image_size": frame.image_size,
        "patch_size": frame.patch_size,
        "output_channels": frame.embedding_dim,
        "num_pos_feats": frame.embedding_dim / 2,
        "num_channels": 3,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": true,
        "use_abs_pos": true,
        "use_rel_pos": true,
    })
}
