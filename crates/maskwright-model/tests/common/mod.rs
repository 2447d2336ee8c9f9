//! What the integration tests share.

use maskwright_model::{EncoderConfig, SamConfig};

/// A TinyViT of the smallest sizes, for the official input.
pub(crate) fn tiny_vit() -> SamConfig {
    let mut config = SamConfig::vit_tiny();
    let EncoderConfig::TinyVit(tiny) = &mut config.encoder else { panic!("not a TinyViT") };
    tiny.embed_dims = [8, 16, 24, 32];
    tiny.depths = [1, 1, 1, 1];
    tiny.heads = [2, 2, 2];
    tiny.windows = [3, 4, 2];
    tiny.classes = 3;
    config.prompt_dim = 64;
    config
}
