//! Telling a vision transformer's sizes from its tensors.

use super::config::VitConfig;
use crate::weights::tensor_shapes::{TensorShapes, Told, odd};

/// Image size, patch size and encoder; none where there are no blocks.
pub(super) fn detect(shapes: &TensorShapes) -> Option<Told<(usize, usize, VitConfig)>> {
    let depth = shapes.count("image_encoder.blocks.");
    (depth > 0).then(|| with_depth(shapes, depth))
}

fn with_depth(shapes: &TensorShapes, depth: usize) -> Told<(usize, usize, VitConfig)> {
    const POSITIONS: &str = "image_encoder.pos_embed";
    // The length and width of each block's relative position table.
    let tables: Vec<Option<(usize, usize)>> = (0..depth)
        .map(|block| {
            ["rel_pos_h", "rel_pos_w"].iter().find_map(|side| {
                let name = format!("image_encoder.blocks.{block}.attn.{side}");
                Some((shapes.axis(&name, 0)?, shapes.axis(&name, 1)?))
            })
        })
        .collect();
    let longest = tables.iter().flatten().map(|&(length, _)| length).max();
    let grid = match shapes.of(POSITIONS) {
        Some(&[_, h, w, _]) if h == w => h,
        Some(_) => return Err(format!("{POSITIONS} is not a square of vectors")),
        None => longest.map_or(64, |length| length.div_ceil(2)),
    };
    let embed_dim = shapes
        .axis(POSITIONS, 3)
        .or_else(|| shapes.axis("image_encoder.patch_embed.proj.weight", 0))
        .or_else(|| shapes.axis("image_encoder.blocks.0.norm1.weight", 0))
        .ok_or_else(|| odd(POSITIONS, "is missing"))?;
    let patch_size = shapes.axis("image_encoder.patch_embed.proj.weight", 2).unwrap_or(16);
    let heads = match tables.iter().flatten().next() {
        Some(&(_, head_dim)) if head_dim > 0 && embed_dim.is_multiple_of(head_dim) => {
            embed_dim / head_dim
        }
        Some(_) => {
            let name = "image_encoder.blocks.0.attn.rel_pos_h";
            return Err(odd(name, "has a width that does not divide the block's"));
        }
        None => return Err(odd("image_encoder.blocks.0.attn.rel_pos_h", "is missing")),
    };
    // Positions of another grid than the tables': then the longest tables are the global ones.
    let whole = (2 * grid).saturating_sub(1);
    let lengths = || tables.iter().flatten().map(|&(length, _)| length);
    let global = if lengths().any(|length| length == whole) || lengths().min() == longest {
        whole
    } else {
        longest.unwrap_or(whole)
    };
    let global_blocks = (0..depth)
        .filter(|&block| tables[block].is_some_and(|(length, _)| length == global))
        .collect();
    let window =
        lengths().filter(|&length| length != global).map(|length| length.div_ceil(2)).max();
    let mlp_dim = (0..depth)
        .find_map(|block| shapes.axis(&format!("image_encoder.blocks.{block}.mlp.lin1.weight"), 0))
        .unwrap_or(4 * embed_dim);
    let vit = VitConfig {
        embed_dim,
        depth,
        heads,
        mlp_dim,
        global_blocks,
        window_size: window.unwrap_or(grid),
    };
    let image_size =
        grid.checked_mul(patch_size).ok_or_else(|| odd(POSITIONS, "is larger than any image"))?;
    Ok((image_size, patch_size, vit))
}
