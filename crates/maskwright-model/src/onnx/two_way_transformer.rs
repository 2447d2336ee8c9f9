//! The two-way transformer's part of the decoder's graph: [`crate::mask_decoder::TwoWayTransformer`].

use super::graph::{Graph, Value};
use crate::config::DecoderConfig;

/// PyTorch's default for `nn.LayerNorm`.
const EPSILON: f32 = 1e-5;

const NAME: &str = "mask_decoder.transformer";

/// Attention, whose number of heads is the same in all of it.
struct Heads(usize);

/// Image cells `[b, m, c]`, their positions `[m, c]` and tokens `[b, n, c]` to the tokens and the
/// image cells after it.
pub(super) fn forward(
    g: &mut Graph<'_>,
    decoder: &DecoderConfig,
    channels: usize,
    [image, image_pe, tokens]: [&Value; 3],
) -> (Value, Value) {
    let heads = Heads(decoder.heads);
    let token_pe = tokens;
    let (mut tokens, mut image) = (tokens.clone(), image.clone());
    for layer in 0..decoder.depth {
        let name = format!("{NAME}.layers.{layer}");
        g.scope(&name);
        // The first block takes the tokens without their position, which they are themselves.
        tokens = if layer == 0 {
            heads.attention(g, &format!("{name}.self_attn"), [&tokens; 3], channels)
        } else {
            let placed = g.add(&tokens, token_pe);
            let parts = [&placed, &placed, &tokens];
            let attended = heads.attention(g, &format!("{name}.self_attn"), parts, channels);
            g.add(&tokens, &attended)
        };
        tokens = g.layer_norm(&tokens, &format!("{name}.norm1"), EPSILON);

        let placed_image = g.add(&image, image_pe);
        let placed = g.add(&tokens, token_pe);
        let cross = format!("{name}.cross_attn_token_to_image");
        let attended = heads.attention(g, &cross, [&placed, &placed_image, &image], channels / 2);
        tokens = g.add(&tokens, &attended);
        tokens = g.layer_norm(&tokens, &format!("{name}.norm2"), EPSILON);
        let hidden = g.linear(&tokens, &format!("{name}.mlp.lin1"));
        let hidden = g.relu(&hidden);
        let out = g.linear(&hidden, &format!("{name}.mlp.lin2"));
        tokens = g.add(&tokens, &out);
        tokens = g.layer_norm(&tokens, &format!("{name}.norm3"), EPSILON);

        let placed = g.add(&tokens, token_pe);
        let cross = format!("{name}.cross_attn_image_to_token");
        let attended = heads.attention(g, &cross, [&placed_image, &placed, &tokens], channels / 2);
        image = g.add(&image, &attended);
        image = g.layer_norm(&image, &format!("{name}.norm4"), EPSILON);
    }
    g.scope(&format!("{NAME}.final_attn_token_to_image"));
    let placed = g.add(&tokens, token_pe);
    let placed_image = g.add(&image, image_pe);
    let name = format!("{NAME}.final_attn_token_to_image");
    let attended = heads.attention(g, &name, [&placed, &placed_image, &image], channels / 2);
    tokens = g.add(&tokens, &attended);
    (g.layer_norm(&tokens, &format!("{NAME}.norm_final_attn"), EPSILON), image)
}

impl Heads {
    /// Attention with `inner` channels inside: query `[b, n, c]`, key and value `[b, m, c]` to
    /// `[b, n, c]`.
    fn attention(
        &self,
        g: &mut Graph<'_>,
        name: &str,
        [q, k, v]: [&Value; 3],
        inner: usize,
    ) -> Value {
        let (heads, d) = (self.0 as i64, (inner / self.0) as i64);
        let mut part = |x: &Value, name: String, axes: [i64; 4]| {
            let x = g.linear(x, &name);
            let x = g.reshape(&x, &[0, -1, heads, d]);
            g.transpose(&x, &axes)
        };
        let q = part(q, format!("{name}.q_proj"), [0, 2, 1, 3]);
        let k = part(k, format!("{name}.k_proj"), [0, 2, 3, 1]);
        let v = part(v, format!("{name}.v_proj"), [0, 2, 1, 3]);
        let q = g.scaled(&q, (d as f32).powf(-0.5));
        let scores = g.matmul(&q, &k);
        let weights = g.softmax(&scores);
        let out = g.matmul(&weights, &v);
        let out = g.transpose(&out, &[0, 2, 1, 3]);
        let out = g.reshape(&out, &[0, -1, inner as i64]);
        g.linear(&out, &format!("{name}.out_proj"))
    }
}
