//! Low-rank adapters (LoRA, arXiv:2106.09685) that other programs wrote into SAM's checkpoints.
//!
//! A weight W `[out, in]` is replaced by `W + scale * B A`, A `[rank, in]`, B `[out, rank]`. What is known is
//! merged: SAMed's files (`w_a_000`, `w_b_000`, ...: query and value of every block in turn, scale 1), which
//! go over their SAM, and whole models that have the adapters inside, of SAMed (`qkv.linear_a_q`) and of
//! micro-sam (`qkv.w_a_linear_q`). Where the scale is not in the file (PEFT), the file is refused by name.

use super::checkpoint::{Checkpoint, LazyTensor};
use super::element::Element;
use crate::error::{Error, Result};

/// A product that is added to a part of the rows of a weight.
#[derive(Clone)]
struct Addition {
    /// Query, key or value: a third of the rows of `qkv`.
    third: usize,
    a: LazyTensor,
    b: LazyTensor,
}

/// The thirds of `qkv` by name.
const THIRDS: [&str; 3] = ["q", "k", "v"];

/// Merges the adapters inside a whole model; others' tensors stay as they are.
///
/// # Errors
/// [`Error::Checkpoint`] for adapters whose rule is not known, or which do not fit their weight.
pub(super) fn merge_inside(checkpoint: &mut Checkpoint) -> Result<()> {
    let bad = |reason: String| Error::Checkpoint {
        path: checkpoint.path.clone().unwrap_or_default(),
        format: "a low-rank adapter",
        reason,
    };
    let first = |part: &str| checkpoint.names().find(|name| name.contains(part)).map(str::to_owned);
    if let Some(name) = first(".lora_A.").or_else(|| first(".lora_B.")) {
        if !checkpoint.names().any(|name| name.contains(".base_layer.")) {
            return Ok(());
        }
        return Err(bad(format!(
            "{name} is an adapter of PEFT, whose scale is not in this file: expected the merged model \
             (merge_and_unload in Python)"
        )));
    }
    if let Some(name) = first(".w_a_linear_1.").or_else(|| first(".FacTu.")) {
        return Err(bad(format!("{name} is an adapter that is no LoRA of a weight")));
    }
    const INNER: [(&str, &str, &str); 2] =
        [(".qkv.qkv.", "linear_a_", "linear_b_"), (".qkv.qkv_proj.", "w_a_linear_", "w_b_linear_")];
    for (inner, a, b) in INNER {
        let weight = format!("{inner}weight");
        let stems: Vec<String> = checkpoint
            .names()
            .filter_map(|name| name.strip_suffix(&weight).map(str::to_owned))
            .collect();
        for stem in &stems {
            let mut additions = Vec::new();
            for (third, letter) in THIRDS.iter().enumerate() {
                let a = checkpoint.tensors.remove(&format!("{stem}.qkv.{a}{letter}.weight"));
                let b = checkpoint.tensors.remove(&format!("{stem}.qkv.{b}{letter}.weight"));
                match (a, b) {
                    (Some(a), Some(b)) => additions.push(Addition { third, a, b }),
                    (None, None) => {}
                    _ => return Err(bad(format!("{stem}.qkv has half an adapter"))),
                }
            }
            for end in ["weight", "bias"] {
                let Some(tensor) = checkpoint.tensors.remove(&format!("{stem}{inner}{end}")) else {
                    continue;
                };
                let tensor = match end {
                    "weight" => added(&tensor, &additions)
                        .map_err(|reason| bad(format!("{stem}.qkv: {reason}")))?,
                    _ => tensor,
                };
                checkpoint.tensors.insert(format!("{stem}.qkv.{end}"), tensor);
            }
        }
        if !stems.is_empty() {
            let count = stems.len();
            checkpoint.notes.push(format!("merged the low-rank adapters (LoRA) of {count} blocks"));
        }
    }
    Ok(())
}

/// Whether this is an adapter as SAMed writes it.
pub(super) fn is_samed(checkpoint: &Checkpoint) -> bool {
    checkpoint.tensors.contains_key("w_a_000") && checkpoint.tensors.contains_key("w_b_000")
}

/// SAMed's adapter over its SAM: the weights that it changes, and what else is in its file.
///
/// # Errors
/// [`Error::Checkpoint`] for adapters that do not fit their SAM.
pub(super) fn samed_over(sam: &Checkpoint, mut adapter: Checkpoint) -> Result<Checkpoint> {
    let path = adapter.path.clone().unwrap_or_default();
    let bad = |reason: String| Error::Checkpoint {
        path: path.clone(),
        format: "a low-rank adapter of SAMed",
        reason,
    };
    let weight = |block: usize| format!("image_encoder.blocks.{block}.attn.qkv.weight");
    let depth = (0..).take_while(|&block| sam.tensors.contains_key(&weight(block))).count();
    let numbered = |letter: &str| {
        let prefix = format!("w_{letter}_");
        adapter.names().filter(|name| name.starts_with(&prefix)).count()
    };
    let (found, others) = (numbered("a"), numbered("b"));
    if found != 2 * depth || others != found {
        return Err(bad(format!(
            "expected {} pairs, query and value of the {depth} blocks of the model, found {found} of A and \
             {others} of B",
            2 * depth
        )));
    }
    for block in 0..depth {
        let name = weight(block);
        let mut additions = Vec::new();
        for (number, third) in [(2 * block, 0), (2 * block + 1, 2)] {
            let mut take = |letter: &str| {
                let name = format!("w_{letter}_{number:03}");
                adapter
                    .tensors
                    .remove(&name)
                    .ok_or_else(|| bad(format!("expected a tensor {name}")))
            };
            additions.push(Addition { third, a: take("a")?, b: take("b")? });
        }
        let merged = added(&sam.tensors[&name], &additions)
            .map_err(|reason| bad(format!("{name}: {reason}")))?;
        adapter.tensors.insert(name, merged);
    }
    Ok(adapter)
}

/// A weight of `qkv` with these products added, in f32.
fn added(weight: &LazyTensor, additions: &[Addition]) -> std::result::Result<LazyTensor, String> {
    let (&[out, width], 0) =
        (weight.shape.as_slice(), weight.shape.first().copied().unwrap_or(1) % 3)
    else {
        return Err(format!("expected a weight of query, key and value, found {:?}", weight.shape));
    };
    let rows = out / 3;
    for Addition { a, b, .. } in additions {
        match (a.shape.as_slice(), b.shape.as_slice()) {
            (&[rank, columns], &[height, other])
                if rank == other && columns == width && height == rows => {}
            (a, b) => {
                return Err(format!(
                    "expected A [rank, {width}] and B [{rows}, rank], found {a:?} and {b:?}"
                ));
            }
        }
    }
    if additions.is_empty() {
        return Ok(weight.clone());
    }
    let (base, additions) = (weight.clone(), additions.to_vec());
    Ok(LazyTensor::of_values(Element::F32, weight.shape.clone(), move || {
        let (mut values, _) = base.values()?;
        for Addition { third, a, b } in &additions {
            let rank = a.shape[0];
            let ((a, _), (b, _)) = (a.values()?, b.values()?);
            let part = &mut values[third * rows * width..][..rows * width];
            for (row, b) in part.chunks_exact_mut(width).zip(b.chunks_exact(rank)) {
                for (column, value) in row.iter_mut().enumerate() {
                    let terms = b.iter().zip(a.iter().skip(column).step_by(width));
                    let sum: f64 = terms.map(|(b, a)| f64::from(*b) * f64::from(*a)).sum();
                    *value = (f64::from(*value) + sum) as f32;
                }
            }
        }
        Ok(values)
    }))
}
