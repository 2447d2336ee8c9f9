//! Adapters in files: what they say of themselves, and over which model they go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};

use super::base;
use super::config::{Adapter, LoraConfig};
use crate::config::SamConfig;
use crate::error::{Error, Result};
use crate::sam::Sam;
use crate::trainable::Trainable;
use crate::weights::checkpoint::{Checkpoint, LazyTensor};
use crate::weights::names::{FACTORS, Layout, in_hq_head};
use crate::weights::{ADAPTER_KEY, Applied, Element, apply_part, check_names, conventions, shapes};

/// What a checkpoint says of the adapter that it is; none if it is something else.
///
/// # Errors
/// [`Error::Checkpoint`] if that cannot be read.
pub(crate) fn adapter_of(checkpoint: &Checkpoint) -> Result<Option<Adapter>> {
    let Some(text) = checkpoint.metadata.get(ADAPTER_KEY) else { return Ok(None) };
    let bad = |reason: String| Error::Checkpoint {
        path: checkpoint.path.clone().unwrap_or_default(),
        format: "a low-rank adapter",
        reason,
    };
    let adapter: Adapter =
        serde_json::from_str(text).map_err(|e| bad(format!("metadata {ADAPTER_KEY}: {e}")))?;
    adapter.lora.validate().map_err(|e| bad(e.to_string()))?;
    Ok(Some(adapter))
}

/// Refuses a base whose hash is not the adapter's.
fn check_base(
    adapter: &Adapter,
    file: &Checkpoint,
    found: &str,
    path: Option<PathBuf>,
) -> Result<()> {
    if found == adapter.base {
        return Ok(());
    }
    Err(Error::AdapterBase {
        file: file.path.clone().unwrap_or_default(),
        base: path,
        expected: base::short(&adapter.base),
        found: base::short(found),
    })
}

/// Puts an adapter's file over a checkpoint of its base: the adapted weights become `W + (alpha / rank) B A`, and
/// what else the file has (a tuned HQ head) replaces what the base has. Gives how many tensors were replaced and
/// how many added.
///
/// # Errors
/// [`Error::AdapterBase`] for another base, [`Error::Mismatch`] with every misfit.
pub(crate) fn merge_adapter(
    sam: &mut Checkpoint,
    config: SamConfig,
    file: Checkpoint,
    adapter: &Adapter,
) -> Result<(usize, usize)> {
    check_base(adapter, &file, &base::hash(sam)?, sam.path.clone())?;
    let config = config.clone().with_hq(config.hq || file.names().any(in_hq_head));
    check_complete(&file, &config.init(&Device::flex(), 0)?.with_factors(&adapter.lora, 0)?)?;
    let tuned_with = conventions(&file)?;
    let mut part = Checkpoint::default();
    let mut rest = file;
    for name in rest.names().map(str::to_owned).collect::<Vec<_>>() {
        let Some(layer) = name.strip_suffix(FACTORS[0]) else { continue };
        let weight = format!("{layer}.weight");
        let factors = FACTORS.map(|factor| rest.tensors.remove(&format!("{layer}{factor}")));
        let (Some(base), [Some(a), Some(b)]) = (sam.tensors.get(&weight), factors) else {
            continue;
        };
        part.tensors.insert(weight, composed(base, a, b, adapter.lora.scale()));
    }
    part.put_over(rest);
    let counts = sam.put_over(part);
    tuned_with.iter().for_each(|conventions| sam.set_conventions(conventions));
    sam.set_config(&config);
    Ok(counts)
}

/// Puts an adapter's file into a model: into its own adapter, where it has the same one, otherwise into its
/// weights.
///
/// # Errors
/// As [`merge_adapter`].
pub(crate) fn apply_adapter(sam: Sam, file: &Checkpoint, adapter: &Adapter) -> Result<Applied> {
    if let Some(own) = sam.adapter() {
        if own.lora != adapter.lora {
            return Err(Error::Setting {
                key: "train.lora",
                expected: format!(
                    "the settings of the adapter in the file, {}",
                    said(&adapter.lora)
                ),
                found: said(&own.lora),
            });
        }
        check_base(adapter, file, &own.base, None)?;
        check_complete(file, &sam)?;
        return apply_part(sam, file);
    }
    let sam = sam.with_adapter(&adapter.lora, 0)?;
    let own = sam.adapter().map(|own| own.base.clone()).unwrap_or_default();
    check_base(adapter, file, &own, None)?;
    check_complete(file, &sam)?;
    let applied = apply_part(sam, file)?;
    Ok(Applied { sam: applied.sam.merged(), ..applied })
}

/// Settings in words.
fn said(lora: &LoraConfig) -> String {
    serde_json::to_string(lora).unwrap_or_default()
}

/// Refuses a file that lacks a factor, or has something that its patterns do not name.
fn check_complete(file: &Checkpoint, sam: &Sam) -> Result<()> {
    let patterns = match crate::weights::patterns_of(file)? {
        Some(patterns) => patterns,
        None => Trainable::Lora(Vec::new()),
    };
    let hq = file.names().any(in_hq_head);
    let belongs = |name: &str| patterns.contains(name) && (hq || !in_hq_head(name));
    let expected: BTreeMap<String, Vec<usize>> =
        shapes(sam).into_iter().filter(|(name, _)| belongs(name)).collect();
    check_names(file, &expected)
}

/// `W + scale B A`, by the operations of a model that has the adapter, so that both have the same bits.
fn composed(base: &LazyTensor, a: LazyTensor, b: LazyTensor, scale: f64) -> LazyTensor {
    let (base, shape) = (base.clone(), base.shape.clone());
    LazyTensor::of_values(Element::F32, shape, move || {
        let device = Device::flex();
        let here = |tensor: &LazyTensor| -> std::io::Result<Tensor<2>> {
            let (values, _) = tensor.values()?;
            let values = Layout::Linear.official_to_here(values, &tensor.shape);
            let [rows, columns] = [tensor.shape[1], tensor.shape[0]];
            Ok(Tensor::from_data(TensorData::new(values, [rows, columns]), &device))
        };
        let (w, a, b) = (here(&base)?, here(&a)?, here(&b)?);
        let sum = w + a.matmul(b).mul_scalar(scale);
        let shape = sum.dims();
        let values = sum.try_into_vec_as::<f32>();
        let values = values.map_err(|e| std::io::Error::other(format!("{e:?}")))?;
        Ok(Layout::Linear.here_to_official(values, &shape))
    })
}
