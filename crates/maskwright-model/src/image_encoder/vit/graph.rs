//! The graph of SAM's vision transformer: [`crate::image_encoder::Vit`], node by node.

use super::config::VitConfig;
use crate::image_encoder::specification::{Encoded, Frame};
use crate::onnx::graph::{Graph, Value};
use crate::onnx::layers::{Walk, Windows};

/// Of the image encoder's norms.
const EPSILON: f32 = 1e-6;

/// Normalised images `[n, 3, s, s]` to the embedding and the outputs of all global blocks.
pub(super) fn encode(g: &mut Graph<'_>, frame: &Frame, vit: &VitConfig, images: &Value) -> Encoded {
    let (grid, channels) = (frame.grid(), vit.embed_dim);
    g.scope("image_encoder.patch_embed");
    let walk = Walk::squares(frame.patch_size);
    let patches = g.conv(images, "image_encoder.patch_embed.proj", walk, true);
    let patches = g.channels_last(&patches);
    let positions = g.weight("image_encoder.pos_embed");
    let mut x = g.add(&patches, &positions);
    let mut early = Vec::new();
    for block in 0..vit.depth {
        let name = format!("image_encoder.blocks.{block}");
        g.scope(&name);
        let global = vit.global_blocks.contains(&block);
        let normed = g.layer_norm(&x, &format!("{name}.norm1"), EPSILON);
        let attention = Attention {
            name: format!("{name}.attn"),
            heads: vit.heads,
            side: if global { grid } else { vit.window_size },
            channels,
        };
        let attended = if global {
            let tokens = g.reshape(&normed, &[-1, (grid * grid) as i64, channels as i64]);
            let tokens = attention.forward(g, &tokens);
            g.reshape(&tokens, &[-1, grid as i64, grid as i64, channels as i64])
        } else {
            let windows = Windows { map: grid, side: vit.window_size, channels };
            let cut = windows.cut(g, &normed);
            let cut = attention.forward(g, &cut);
            windows.join(g, &cut)
        };
        x = g.add(&x, &attended);
        let normed = g.layer_norm(&x, &format!("{name}.norm2"), EPSILON);
        let rows = g.reshape(&normed, &[-1, channels as i64]);
        let hidden = g.linear_rows(&rows, &format!("{name}.mlp.lin1"));
        let hidden = g.gelu(&hidden);
        let rows = g.linear_rows(&hidden, &format!("{name}.mlp.lin2"));
        let out = g.reshape(&rows, &[-1, grid as i64, grid as i64, channels as i64]);
        x = g.add(&x, &out);
        if global {
            early.push(x.clone());
        }
    }
    let x = g.channels_first(&x);
    Encoded { embedding: g.neck(&x), early }
}

/// Self-attention over squares of tokens with decomposed relative positions.
struct Attention {
    name: String,
    heads: usize,
    /// Of a square, in tokens.
    side: usize,
    channels: usize,
}

impl Attention {
    /// `[b, side * side, channels]` to the same.
    fn forward(&self, g: &mut Graph<'_>, x: &Value) -> Value {
        let (heads, channels) = (self.heads as i64, self.channels as i64);
        let (side, tokens, d) =
            (self.side as i64, (self.side * self.side) as i64, channels / heads);
        let rows = g.reshape(x, &[-1, channels]);
        let qkv = g.linear_rows(&rows, &format!("{}.qkv", self.name));
        let qkv = g.reshape(&qkv, &[-1, tokens, 3 * channels]);
        let parts = g.split(&qkv, 2, &[self.channels; 3]);
        let mut by_heads = |part: &Value, axes: [i64; 4]| {
            let split = g.reshape(part, &[-1, tokens, heads, d]);
            g.transpose(&split, &axes)
        };
        let q = by_heads(&parts[0], [0, 2, 1, 3]);
        let k = by_heads(&parts[1], [0, 2, 3, 1]);
        let v = by_heads(&parts[2], [0, 2, 1, 3]);

        // The score of a query at (y, x) and a key at (y', x') is
        // scale * q.k + q.H[y - y'] + q.W[x - x']. The last two terms are further channels of the
        // query, which one-hot channels of the key pick: one product makes the whole score.
        let square = g.reshape(&q, &[-1, heads, side, side, d]);
        let table = self.by_pair(g, "rel_pos_h");
        let by_row = g.matmul(&square, &table);
        let by_row = g.reshape(&by_row, &[-1, heads, tokens, side]);
        let turned = g.transpose(&square, &[0, 1, 3, 2, 4]);
        let table = self.by_pair(g, "rel_pos_w");
        let by_column = g.matmul(&turned, &table);
        let by_column = g.transpose(&by_column, &[0, 1, 3, 2, 4]);
        let by_column = g.reshape(&by_column, &[-1, heads, tokens, side]);
        let q = g.scaled(&q, (d as f32).powf(-0.5));
        let q = g.concat(&[&q, &by_row, &by_column], 3);
        let picks = self.picks(g);
        let batch = g.lengths_before(&k, 2);
        let picks = g.expand(&picks, &batch, &[2 * side, tokens]);
        let k = g.concat(&[&k, &picks], 2);

        let scores = g.matmul(&q, &k);
        let weights = g.softmax(&scores);
        let out = g.matmul(&weights, &v);
        let out = g.transpose(&out, &[0, 2, 1, 3]);
        let rows = g.reshape(&out, &[-1, channels]);
        let rows = g.linear_rows(&rows, &format!("{}.proj", self.name));
        g.reshape(&rows, &[-1, tokens, channels])
    }

    /// The vector for each pair of positions along an axis: `[query, channels, key]`.
    fn by_pair(&self, g: &mut Graph<'_>, table: &str) -> Value {
        let side = self.side as i64;
        let differences: Vec<i64> =
            (0..side).flat_map(|q| (0..side).map(move |k| q - k + side - 1)).collect();
        let differences = g.integers_of_shape(&differences, &[self.side; 2]);
        let table = g.weight(&format!("{}.{table}", self.name));
        let pairs = g.gather(&table, &differences, 0);
        g.transpose(&pairs, &[0, 2, 1])
    }

    /// For each key the one-hot of its row and of its column: `[2 * side, side * side]`.
    fn picks(&self, g: &mut Graph<'_>) -> Value {
        let (side, tokens) = (self.side, self.side * self.side);
        let mut values = vec![0f32; 2 * side * tokens];
        for token in 0..tokens {
            values[token / side * tokens + token] = 1.0;
            values[(side + token % side) * tokens + token] = 1.0;
        }
        g.floats(&values, &[2 * side, tokens])
    }
}
