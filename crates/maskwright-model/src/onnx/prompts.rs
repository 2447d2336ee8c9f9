//! The prompt encoder's part of the decoder's graph: [`crate::PromptEncoder`], with labels that are
//! known only when it runs.

use super::graph::{Graph, Value};
use super::layers::Walk;
use crate::config::SamConfig;

/// What stands for a point of each label: -1 is no point, 0 beside the object, 1 on it, 2 and 3 the
/// box's top-left and bottom-right.
const LABELS: [f32; 5] = [-1.0, 0.0, 1.0, 2.0, 3.0];

/// Points `[b, n, 2]` in pixels of the model's input and labels `[b, n]` to tokens `[b, n, c]`.
pub(super) fn points(
    g: &mut Graph<'_>,
    config: &SamConfig,
    coords: &Value,
    labels: &Value,
) -> Value {
    g.scope("prompt_encoder.point_embeddings");
    let centres = g.plus(coords, 0.5);
    let side = g.float(config.image_size as f32);
    let relative = g.node("Div", &[&centres, &side], &[]);
    let placed = positions(g, &relative);

    let labels = g.unsqueeze(labels, -1);
    let none = g.float(LABELS[0]);
    let is_none = g.node("Equal", &[&labels, &none], &[]);
    let zero = g.float(0.0);
    let placed = g.node("Where", &[&is_none, &zero, &placed], &[]);
    // A label that is none of these adds nothing, as in the original's export.
    let mut tokens = placed;
    for (i, label) in LABELS.into_iter().enumerate() {
        let vector = match i {
            0 => g.weight("prompt_encoder.not_a_point_embed.weight"),
            _ => g.weight(&format!("prompt_encoder.point_embeddings.{}.weight", i - 1)),
        };
        let label = g.float(label);
        let is = g.node("Equal", &[&labels, &label], &[]);
        let vector = g.node("Where", &[&is, &vector, &zero], &[]);
        tokens = g.add(&tokens, &vector);
    }
    tokens
}

/// A mask `[b, 1, m, m]` where there is one (1; otherwise 0) to `[b, c, g, g]`.
pub(super) fn masks(g: &mut Graph<'_>, mask: &Value, has_mask: &Value) -> Value {
    const DOWN: &str = "prompt_encoder.mask_downscaling";
    g.scope(DOWN);
    let x = g.conv(mask, &format!("{DOWN}.0"), Walk::squares(2), true);
    let x = g.layer_norm_2d(&x, &format!("{DOWN}.1"));
    let x = g.gelu(&x);
    let x = g.conv(&x, &format!("{DOWN}.3"), Walk::squares(2), true);
    let x = g.layer_norm_2d(&x, &format!("{DOWN}.4"));
    let x = g.gelu(&x);
    let embedded = g.conv(&x, &format!("{DOWN}.6"), Walk::CELLS, true);

    let none = g.weight("prompt_encoder.no_mask_embed.weight");
    let none = g.reshape(&none, &[1, -1, 1, 1]);
    let has_mask = g.reshape(has_mask, &[-1, 1, 1, 1]);
    let half = g.float(0.5);
    let has_mask = g.node("Greater", &[&has_mask, &half], &[]);
    g.node("Where", &[&has_mask, &embedded, &none], &[])
}

/// The position encoding of the embedding's cells, `[g * g, c]`.
pub(super) fn cells(g: &mut Graph<'_>, config: &SamConfig) -> Value {
    g.scope("prompt_encoder.pe_layer");
    let grid = config.grid();
    let at = |i: usize| (i as f32 + 0.5) / grid as f32;
    let centres: Vec<f32> =
        (0..grid * grid).flat_map(|cell| [at(cell % grid), at(cell / grid)]).collect();
    let centres = g.floats(&centres, &[grid * grid, 2]);
    positions(g, &centres)
}

/// Positions x, y in 0..1 to channels: `[.., 2]` to `[.., c]`.
fn positions(g: &mut Graph<'_>, at: &Value) -> Value {
    let gaussian = g.weight("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
    let signed = g.scaled(at, 2.0);
    let signed = g.plus(&signed, -1.0);
    let angles = g.matmul(&signed, &gaussian);
    let angles = g.scaled(&angles, std::f32::consts::TAU);
    let (sine, cosine) = (g.node("Sin", &[&angles], &[]), g.node("Cos", &[&angles], &[]));
    g.concat(&[&sine, &cosine], -1)
}
