//! Telling a TinyViT's sizes from its tensors.

use super::config::TinyVitConfig;
use crate::weights::tensor_shapes::{TensorShapes, Told, odd};

/// Image size, patch size and encoder; none where the first layer is another's.
pub(super) fn detect(shapes: &TensorShapes) -> Option<Told<(usize, usize, TinyVitConfig)>> {
    // Nothing in a TinyViT depends on the input's size: the official one is taken.
    shapes.has("image_encoder.patch_embed.seq.0.c.weight").then(|| Ok((1024, 16, sizes(shapes)?)))
}

fn sizes(shapes: &TensorShapes) -> Told<TinyVitConfig> {
    let mut config = TinyVitConfig::default();
    let axis =
        |name: &str, axis: usize, official: usize| shapes.axis(name, axis).unwrap_or(official);
    config.embed_dims[0] =
        axis("image_encoder.patch_embed.seq.2.c.weight", 0, config.embed_dims[0]);
    for stage in 0..4 {
        let layer = format!("image_encoder.layers.{stage}");
        match shapes.count(&format!("{layer}.blocks.")) {
            0 => {}
            depth => config.depths[stage] = depth,
        }
        if stage < 3 {
            let name = format!("{layer}.downsample.conv1.c.weight");
            config.embed_dims[stage + 1] = axis(&name, 0, config.embed_dims[stage + 1]);
        }
        if stage > 0 {
            let name = format!("{layer}.blocks.0.attn.attention_biases");
            let distances = axis(&name, 1, config.windows[stage - 1].pow(2));
            let side = distances.isqrt();
            if side * side != distances {
                return Err(odd(&name, "is for no square window"));
            }
            config.heads[stage - 1] = axis(&name, 0, config.heads[stage - 1]);
            config.windows[stage - 1] = side;
        }
    }
    config.classes = axis("image_encoder.head.weight", 0, config.classes);
    Ok(config)
}
