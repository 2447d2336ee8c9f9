//! The two-way transformer: tokens attend to themselves and to the image, the image to the tokens.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::config::DecoderConfig;
use crate::init::Init;
use crate::layers::{LayerNorm, Linear, MlpBlock};
use crate::ops::{self, Tf32};

/// PyTorch's default for `nn.LayerNorm`, which the original uses here.
const EPSILON: f64 = 1e-5;

/// The blocks and a last attention from tokens to image.
#[derive(Module, Debug)]
pub struct TwoWayTransformer {
    /// In order.
    pub layers: Vec<TwoWayBlock>,
    /// After the blocks.
    pub final_attn_token_to_image: CrossAttention,
    /// After it.
    pub norm_final_attn: LayerNorm,
}

/// One block: four steps, each with a residual and a norm after it.
#[derive(Module, Debug)]
pub struct TwoWayBlock {
    /// Tokens to tokens.
    pub self_attn: CrossAttention,
    /// After it.
    pub norm1: LayerNorm,
    /// Tokens to image.
    pub cross_attn_token_to_image: CrossAttention,
    /// After it.
    pub norm2: LayerNorm,
    /// On the tokens, with ReLU.
    pub mlp: MlpBlock,
    /// After it.
    pub norm3: LayerNorm,
    /// After the last attention, on the image.
    pub norm4: LayerNorm,
    /// Image to tokens.
    pub cross_attn_image_to_token: CrossAttention,
}

/// Multi-head attention whose inner channels may be fewer than the outer ones.
#[derive(Module, Debug)]
pub struct CrossAttention {
    /// Of the attending side.
    pub q_proj: Linear,
    /// Of the attended side.
    pub k_proj: Linear,
    /// Of the attended side.
    pub v_proj: Linear,
    /// Back to the outer channels.
    pub out_proj: Linear,
    heads: usize,
}

impl CrossAttention {
    fn new(init: Init<'_>, dim: usize, inner: usize, heads: usize) -> Self {
        Self {
            q_proj: Linear::new(init.part("q_proj"), dim, inner),
            k_proj: Linear::new(init.part("k_proj"), dim, inner),
            v_proj: Linear::new(init.part("v_proj"), dim, inner),
            out_proj: Linear::new(init.part("out_proj"), inner, dim),
            heads,
        }
    }

    /// `q` is `[b, n, c]`, `k` and `v` are `[b, m, c]`; gives `[b, n, c]`.
    pub fn forward(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, tf32: Tf32) -> Tensor<3> {
        let q = self.q_proj.forward(q, tf32);
        let k = self.k_proj.forward(k, tf32);
        let v = self.v_proj.forward(v, tf32);
        self.out_proj.forward(ops::attention(q, k, v, self.heads, tf32), tf32)
    }
}

impl TwoWayBlock {
    fn new(init: Init<'_>, dim: usize, config: &DecoderConfig) -> Self {
        let attention =
            |name, inner| CrossAttention::new(init.part(name), dim, inner, config.heads);
        let norm = |name| LayerNorm::new(init.part(name), dim, EPSILON);
        Self {
            self_attn: attention("self_attn", dim),
            norm1: norm("norm1"),
            cross_attn_token_to_image: attention("cross_attn_token_to_image", dim / 2),
            norm2: norm("norm2"),
            mlp: MlpBlock::new(init.part("mlp"), dim, config.mlp_dim, true),
            norm3: norm("norm3"),
            norm4: norm("norm4"),
            cross_attn_image_to_token: attention("cross_attn_image_to_token", dim / 2),
        }
    }

    /// The first block takes the tokens without their position, which they are themselves.
    fn forward(
        &self,
        tokens: Tensor<3>,
        image: Tensor<3>,
        token_pe: &Tensor<3>,
        image_pe: &Tensor<3>,
        first: bool,
        tf32: Tf32,
    ) -> (Tensor<3>, Tensor<3>) {
        let tokens = if first {
            self.self_attn.forward(tokens.clone(), tokens.clone(), tokens, tf32)
        } else {
            let placed = tokens.clone() + token_pe.clone();
            tokens.clone() + self.self_attn.forward(placed.clone(), placed, tokens, tf32)
        };
        let tokens = self.norm1.forward(tokens);

        let placed_image = ops::add(image.clone(), image_pe.clone());
        let placed = tokens.clone() + token_pe.clone();
        let keys = placed_image.clone();
        let attended = self.cross_attn_token_to_image.forward(placed, keys, image.clone(), tf32);
        let tokens = self.norm2.forward(tokens + attended);
        let tokens = self.norm3.forward(tokens.clone() + self.mlp.forward(tokens, tf32));

        let placed = tokens.clone() + token_pe.clone();
        let attended =
            self.cross_attn_image_to_token.forward(placed_image, placed, tokens.clone(), tf32);
        (tokens, self.norm4.forward(ops::add(image, attended)))
    }
}

impl TwoWayTransformer {
    pub(crate) fn new(init: Init<'_>, dim: usize, config: &DecoderConfig) -> Self {
        let last = init.part("final_attn_token_to_image");
        Self {
            layers: (0..config.depth)
                .map(|i| TwoWayBlock::new(init.part("layers").part(i), dim, config))
                .collect(),
            final_attn_token_to_image: CrossAttention::new(last, dim, dim / 2, config.heads),
            norm_final_attn: LayerNorm::new(init.part("norm_final_attn"), dim, EPSILON),
        }
    }

    /// Image cells `[b, m, c]`, their positions `[m, c]` and tokens `[b, n, c]` to the tokens and the
    /// image cells after it.
    pub fn forward(
        &self,
        image: Tensor<3>,
        image_pe: Tensor<2>,
        tokens: Tensor<3>,
        tf32: Tf32,
    ) -> (Tensor<3>, Tensor<3>) {
        let image_pe = image_pe.unsqueeze::<3>();
        let token_pe = tokens.clone();
        let (mut tokens, mut image) = (tokens, image);
        for (i, layer) in self.layers.iter().enumerate() {
            (tokens, image) = layer.forward(tokens, image, &token_pe, &image_pe, i == 0, tf32);
        }
        let placed = tokens.clone() + token_pe;
        let keys = ops::add(image.clone(), image_pe);
        let attended = self.final_attn_token_to_image.forward(placed, keys, image.clone(), tf32);
        (self.norm_final_attn.forward(tokens + attended), image)
    }
}
