//! The two-way transformer: tokens attend to themselves and to the image, the image to the tokens.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use crate::config::DecoderConfig;
use crate::init::Init;
use crate::kernels::few_tokens::{self, Cells, FromTokens};
use crate::kernels::{Array, takes};
use crate::layers::{LayerNorm, Linear, MlpBlock};
use crate::ops::products::matmul;
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

    /// Whether attention between these tokens `[1, n, c]` and an image's cells `[1, m, c]` is cheaper without projections of the image,
    /// and nothing is derived by it.
    fn is_folded(&self, tokens: &Tensor<3>, image: &Tensor<3>) -> bool {
        const FEWEST_CELLS: usize = 64;
        let layers = [&self.q_proj, &self.k_proj, &self.v_proj, &self.out_proj];
        let frozen = |layer: &&Linear| {
            !layer.weight.val().is_autodiff()
                && layer.bias.as_ref().is_some_and(|bias| !bias.val().is_autodiff())
        };
        let ([batch, n, _], [images, m, _]) = (tokens.dims(), image.dims());
        let inner = self.q_proj.weight.dims()[1];
        let few = batch == 1 && images == 1 && m >= FEWEST_CELLS && n * self.heads <= inner;
        let taken = |x: &Tensor<3>| takes(x) && !x.is_autodiff();
        few && taken(tokens) && taken(image) && layers.iter().all(frozen)
    }

    /// Rows `[1, n, heads * d]` as `[heads, n, d]`.
    fn by_head(&self, rows: Tensor<3>) -> Tensor<3> {
        let [_, n, inner] = rows.dims();
        rows.reshape([n, self.heads, inner / self.heads]).swap_dims(0, 1)
    }

    /// Of a layer's weight `[c, heads * d]` what brings each head's channels back to the cells': `[heads, d, c]`.
    fn back(&self, layer: &Linear) -> Tensor<3> {
        let [c, inner] = layer.weight.dims();
        layer.weight.val().reshape([c, self.heads, inner / self.heads]).permute([1, 2, 0])
    }

    /// What one head's product of query and key is multiplied with.
    fn scale(&self) -> f64 {
        ((self.q_proj.weight.dims()[1] / self.heads) as f64).powf(-0.5)
    }

    /// [`forward`](Self::forward) of tokens `q` to the cells, whose keys have their places. The keys' bias is the same for all cells, so
    /// that the softmax takes it out; the values' is added once, since the weights add up to 1.
    fn to_image(&self, q: Tensor<3>, image: &Array, places: &Array, tf32: Tf32) -> Tensor<3> {
        let device = q.device();
        let q = self.by_head(self.q_proj.forward(q, tf32) * self.scale());
        let [heads, n, d] = q.dims();
        let vectors = Array::of(matmul(q, self.back(&self.k_proj), tf32));
        let c = vectors.width();
        let means = few_tokens::to_image(Cells::new(image, places), vectors.values());
        let means = Tensor::<3>::from_data(TensorData::new(means, [heads, n, c]), &device);
        let values = matmul(means, self.back(&self.v_proj).swap_dims(1, 2), tf32);
        let values = values.swap_dims(0, 1).reshape([1, n, heads * d]);
        let values = match &self.v_proj.bias {
            Some(bias) => values + bias.val().unsqueeze::<3>(),
            None => values,
        };
        self.out_proj.forward(values, tf32)
    }

    /// The norm of the cells' sum with [`forward`](Self::forward) of them, with their places, to tokens with keys `k` and values `v`.
    fn cells_attend(
        &self,
        (image, places): (&Array, &Array),
        (k, v): (Tensor<3>, Tensor<3>),
        norm: &LayerNorm,
        tf32: Tf32,
    ) -> Tensor<3> {
        let device = k.device();
        let tokens = k.dims()[1];
        let k = self.by_head(self.k_proj.forward(k, tf32) * self.scale());
        let v = self.by_head(self.v_proj.forward(v, tf32));
        let [heads, _, d] = k.dims();
        let c = image.width();
        let zeros = |count: usize| Tensor::zeros([count], &device);
        let bias = |layer: &Linear, count| {
            layer.bias.as_ref().map_or_else(|| zeros(count), |bias| bias.val())
        };
        let of_queries = bias(&self.q_proj, heads * d).reshape([heads, d, 1]);
        let added = Array::of(matmul(k.clone(), of_queries, tf32));
        let vectors = Array::of(matmul(k, self.back(&self.q_proj), tf32));
        let out = self.out_proj.weight.val().reshape([heads, d, c]);
        let given = Array::of(matmul(v, out, tf32));
        let bias = Array::of(bias(&self.out_proj, c));
        let (weight, shift) = (Array::of(norm.weight.val()), Array::of(norm.bias.val()));
        let from = FromTokens {
            vectors: vectors.values(),
            added: added.values(),
            given: given.values(),
            tokens,
            bias: bias.values(),
            norm: [weight.values(), shift.values()],
            epsilon: norm.epsilon as f32,
        };
        let cells = few_tokens::from_tokens(Cells::new(image, places), &from);
        Tensor::from_data(TensorData::new(cells, [1, image.shape()[1], c]), &device)
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

        let placed = tokens.clone() + token_pe.clone();
        if self.cross_attn_token_to_image.is_folded(&placed, &image)
            && self.cross_attn_image_to_token.is_folded(&placed, &image)
            && !self.norm4.weight.val().is_autodiff()
        {
            let [cells, places] = [image, image_pe.clone()].map(Array::of);
            let attended = self.cross_attn_token_to_image.to_image(placed, &cells, &places, tf32);
            let tokens = self.after_image(tokens, attended, tf32);
            let keys = tokens.clone() + token_pe.clone();
            let of_tokens = (keys, tokens.clone());
            let image = (&cells, &places);
            let cross = &self.cross_attn_image_to_token;
            return (tokens, cross.cells_attend(image, of_tokens, &self.norm4, tf32));
        }
        let placed_image = ops::add(image.clone(), image_pe.clone());
        let keys = placed_image.clone();
        let attended = self.cross_attn_token_to_image.forward(placed, keys, image.clone(), tf32);
        let tokens = self.after_image(tokens, attended, tf32);

        let placed = tokens.clone() + token_pe.clone();
        let attended =
            self.cross_attn_image_to_token.forward(placed_image, placed, tokens.clone(), tf32);
        (tokens, self.norm4.forward(ops::add(image, attended)))
    }

    /// The tokens after they attended to the image.
    fn after_image(&self, tokens: Tensor<3>, attended: Tensor<3>, tf32: Tf32) -> Tensor<3> {
        let tokens = self.norm2.forward(tokens + attended);
        self.norm3.forward(tokens.clone() + self.mlp.forward(tokens, tf32))
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
        let last = &self.final_attn_token_to_image;
        let attended = if last.is_folded(&placed, &image) {
            let [cells, places] = [image.clone(), image_pe].map(Array::of);
            last.to_image(placed, &cells, &places, tf32)
        } else {
            let keys = ops::add(image.clone(), image_pe);
            last.forward(placed, keys, image.clone(), tf32)
        };
        (self.norm_final_attn.forward(tokens + attended), image)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::kernels::PLAIN;
    use crate::kernels::testing::random;

    #[test]
    fn without_projections_of_the_image_it_is_the_same() {
        let config = DecoderConfig { depth: 2, heads: 4, mlp_dim: 48, ..DecoderConfig::default() };
        let device = Device::flex();
        let init = Init::new(&device, 3);
        let transformer = TwoWayTransformer::new(init.part("transformer"), 64, &config);
        let (image, places) = (random::<3>(1, [1, 1100, 64]), random::<2>(2, [1100, 64]));
        for (tokens, folds) in [(1, true), (8, true), (9, false)] {
            let tokens = random::<3>(4, [1, tokens, 64]);
            let last = &transformer.final_attn_token_to_image;
            assert_eq!(last.is_folded(&tokens, &image), folds);
            let run = |plain: bool| {
                PLAIN.with(|cell| cell.set(plain));
                let out =
                    transformer.forward(image.clone(), places.clone(), tokens.clone(), Tf32::Never);
                PLAIN.with(|cell| cell.set(false));
                out
            };
            let (found, expected) = (run(false), run(true));
            for (found, expected) in [(found.0, expected.0), (found.1, expected.1)] {
                let scale = expected.clone().abs().max().into_scalar::<f32>();
                let off = (found - expected).abs().max().into_scalar::<f32>();
                assert!(off < 1e-5 * scale, "{off} of {scale}");
            }
        }
    }
}
