//! The graph of TinyViT: [`crate::image_encoder::TinyVit`], node by node.

use super::config::TinyVitConfig;
use crate::image_encoder::specification::{Encoded, Frame};
use crate::onnx::graph::{Attribute, Graph, Value};
use crate::onnx::layers::{Walk, Windows};

/// Of the norms.
const EPSILON: f32 = super::config::EPSILON as f32;

/// Normalised images `[n, 3, s, s]` to the embedding and the output of the second stage.
pub(super) fn encode(
    g: &mut Graph<'_>,
    frame: &Frame,
    tiny: &TinyVitConfig,
    images: &Value,
) -> Encoded {
    g.scope("image_encoder.patch_embed");
    let half = Walk { stride: 2, ..Walk::SAME };
    let x = conv_norm(g, images, "image_encoder.patch_embed.seq.0", half);
    let x = g.gelu(&x);
    let mut x = conv_norm(g, &x, "image_encoder.patch_embed.seq.2", half);
    let mut early = Vec::new();
    let mut map = frame.image_size / 4;
    for stage in 0..tiny.depths.len() {
        let layer = format!("image_encoder.layers.{stage}");
        let channels = tiny.embed_dims[stage];
        for block in 0..tiny.depths[stage] {
            let name = format!("{layer}.blocks.{block}");
            g.scope(&name);
            x = if stage == 0 {
                inverted_bottleneck(g, &x, &name, channels)
            } else {
                let windows = Windows { map, side: tiny.windows[stage - 1], channels };
                attention_block(g, &x, &name, windows, tiny.heads[stage - 1])
            };
        }
        if let Some(&next) = tiny.embed_dims.get(stage + 1) {
            // The last change keeps the resolution, so that the embedding is at 1/16.
            let stride = if stage == 2 { 1 } else { 2 };
            let name = format!("{layer}.downsample");
            g.scope(&name);
            let walk = Walk { stride, padding: 1, groups: next };
            x = conv_norm(g, &x, &format!("{name}.conv1"), Walk::CELLS);
            x = g.gelu(&x);
            x = conv_norm(g, &x, &format!("{name}.conv2"), walk);
            x = g.gelu(&x);
            x = conv_norm(g, &x, &format!("{name}.conv3"), Walk::CELLS);
            map = map.div_ceil(stride);
        }
        if stage == 1 {
            early.push(g.channels_last(&x));
        }
    }
    Encoded { embedding: g.neck(&x), early }
}

/// A convolution without bias, and batch normalisation by stored statistics.
fn conv_norm(g: &mut Graph<'_>, x: &Value, name: &str, walk: Walk) -> Value {
    let x = g.conv(x, &format!("{name}.c"), walk, false);
    let [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
        .map(|part| g.weight(&format!("{name}.bn.{part}")));
    let settings = [("epsilon", Attribute::Float(EPSILON))];
    g.node("BatchNormalization", &[&x, &scale, &shift, &mean, &variance], &settings)
}

/// Of `[n, c, h, w]`.
fn inverted_bottleneck(g: &mut Graph<'_>, x: &Value, name: &str, channels: usize) -> Value {
    let hidden = conv_norm(g, x, &format!("{name}.conv1"), Walk::CELLS);
    let hidden = g.gelu(&hidden);
    let walk = Walk { groups: 4 * channels, ..Walk::SAME };
    let hidden = conv_norm(g, &hidden, &format!("{name}.conv2"), walk);
    let hidden = g.gelu(&hidden);
    let out = conv_norm(g, &hidden, &format!("{name}.conv3"), Walk::CELLS);
    let out = g.add(&out, x);
    g.gelu(&out)
}

/// Window attention, a convolution per channel, a perceptron; of `[n, c, h, w]`.
fn attention_block(
    g: &mut Graph<'_>,
    x: &Value,
    name: &str,
    windows: Windows,
    heads: usize,
) -> Value {
    let x = g.channels_last(x);
    let cut = windows.cut(g, &x);
    let cut = attention(g, &cut, &format!("{name}.attn"), windows, heads);
    let attended = windows.join(g, &cut);
    let x = g.add(&x, &attended);
    let x = g.channels_first(&x);
    let walk = Walk { groups: windows.channels, ..Walk::SAME };
    let x = conv_norm(g, &x, &format!("{name}.local_conv"), walk);
    let x = g.channels_last(&x);
    let normed = g.layer_norm(&x, &format!("{name}.mlp.norm"), EPSILON);
    let (map, channels) = (windows.map as i64, windows.channels as i64);
    let rows = g.reshape(&normed, &[-1, channels]);
    let hidden = g.linear_rows(&rows, &format!("{name}.mlp.fc1"));
    let hidden = g.gelu(&hidden);
    let rows = g.linear_rows(&hidden, &format!("{name}.mlp.fc2"));
    let out = g.reshape(&rows, &[-1, map, map, channels]);
    let x = g.add(&x, &out);
    g.channels_first(&x)
}

/// Attention within windows `[b, side * side, c]`, with a learned bias per head and distance.
fn attention(g: &mut Graph<'_>, x: &Value, name: &str, windows: Windows, heads: usize) -> Value {
    let side = windows.side;
    let (tokens, channels) = ((side * side) as i64, windows.channels as i64);
    let d = windows.channels / heads;
    let normed = g.layer_norm(x, &format!("{name}.norm"), EPSILON);
    let rows = g.reshape(&normed, &[-1, channels]);
    let qkv = g.linear_rows(&rows, &format!("{name}.qkv"));
    // Query, key and value lie side by side within each head.
    let qkv = g.reshape(&qkv, &[-1, tokens, heads as i64, 3 * d as i64]);
    let qkv = g.transpose(&qkv, &[0, 2, 1, 3]);
    let parts = g.split(&qkv, 3, &[d; 3]);
    let q = g.scaled(&parts[0], (d as f32).powf(-0.5));
    let k = g.transpose(&parts[1], &[0, 1, 3, 2]);
    let scores = g.matmul(&q, &k);
    let distances: Vec<i64> = (0..side * side)
        .flat_map(|q| (0..side * side).map(move |k| (q, k)))
        .map(|(q, k)| {
            let (rows, columns) = ((q / side).abs_diff(k / side), (q % side).abs_diff(k % side));
            (rows * side + columns) as i64
        })
        .collect();
    let distances = g.integers_of_shape(&distances, &[side * side; 2]);
    let biases = g.weight(&format!("{name}.attention_biases"));
    let biases = g.gather(&biases, &distances, 1);
    let scores = g.add(&scores, &biases);
    let weights = g.softmax(&scores);
    let out = g.matmul(&weights, &parts[2]);
    let out = g.transpose(&out, &[0, 2, 1, 3]);
    let rows = g.reshape(&out, &[-1, channels]);
    let rows = g.linear_rows(&rows, &format!("{name}.proj"));
    g.reshape(&rows, &[-1, tokens, channels])
}
