//! Tensors into a model, by name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Shape, Tensor, TensorData};
use rayon::prelude::*;

use super::by_name::{MapByName, VisitByName, map_by_name, visit_by_name};
use super::checkpoint::LazyTensor;
use super::names::{Layout, Path};
use super::resize::{fits, to_fit};
use super::state::StateTensor;
use super::tensors::Tensors;
use crate::error::{Error, Mismatch, Misshapen, Result};
use crate::image_encoder::InFile;
use crate::sam::Sam;

/// What [`apply`] did.
#[derive(Debug)]
pub struct Applied {
    /// The model.
    pub sam: Sam,
    /// The tensors that did not fit.
    pub mismatch: Mismatch,
    /// Tensors with values that are NaN or infinite, and how many of them.
    pub not_finite: Vec<(String, usize)>,
}

/// Puts a checkpoint's tensors into a model by name, one at a time.
///
/// Tensors that fit are taken; all others are listed in the [`Mismatch`], and the model keeps its own
/// values there. Absolute positions of another grid are interpolated bicubically, and relative
/// position tables of another length linearly, to the model's. A frozen copy of the image encoder is
/// dropped where the checkpoint has something of it: place the model anew.
///
/// # Errors
/// [`Error::Input`] if a tensor's values do not fill its shape, [`Error::Checkpoint`] if they cannot
/// be read.
pub fn apply(sam: Sam, tensors: &impl Tensors) -> Result<Applied> {
    apply_but(sam, tensors, &InFile::new())
}

/// The same, but the tensors in `stay`, which fit as they are, are left in their file: it is read when the model is asked for one.
pub(super) fn apply_but(mut sam: Sam, tensors: &impl Tensors, stay: &InFile) -> Result<Applied> {
    // What computes has to be what is put in.
    if tensors.shapes().keys().any(|name| name.starts_with("image_encoder.")) {
        sam.image_encoder_mut();
    }
    let shapes = tensors.shapes();
    let mut ahead =
        Ahead { shapes: &shapes, stay, wanted: VecDeque::new(), ready: BTreeMap::new() };
    visit_by_name(&sam, &mut ahead);
    let mut applier = Apply {
        ahead,
        tensors,
        used: BTreeSet::new(),
        mismatch: Mismatch { file: tensors.path().map(Into::into), ..Mismatch::default() },
        not_finite: Vec::new(),
        failed: None,
    };
    let sam = map_by_name(sam, &mut applier);
    let Apply { used, mut mismatch, not_finite, failed, .. } = applier;
    if let Some(error) = failed {
        return Err(error);
    }
    mismatch.unexpected = shapes.into_keys().filter(|name| !used.contains(name)).collect();
    mismatch.missing.sort();
    Ok(Applied { sam, mismatch, not_finite })
}

/// Bytes of the tensors that are read at once, each by a thread of its own: enough that all have work.
const AT_ONCE: usize = 64 << 20;

/// A tensor that fits a parameter as it is.
struct Wanted {
    name: String,
    layout: Layout,
    /// Of the parameter.
    shape: Vec<usize>,
}

/// Tensors that are read before their turn comes.
struct Ahead<'a> {
    shapes: &'a BTreeMap<String, Vec<usize>>,
    stay: &'a InFile,
    /// In the order in which they are put into the model.
    wanted: VecDeque<Wanted>,
    ready: BTreeMap<String, Result<(Vec<f32>, usize)>>,
}

impl VisitByName for Ahead<'_> {
    fn visit<const D: usize>(&mut self, path: &Path, param: &Param<Tensor<D>>) {
        let (name, layout, shape) = (path.name(), path.layout(), param.lazy_shape().to_vec());
        let fits =
            self.shapes.get(&name).is_some_and(|found| *found == layout.official_shape(&shape));
        if fits && !self.stay.contains_key(&name) {
            self.wanted.push_back(Wanted { name, layout, shape });
        }
    }
}

impl Ahead<'_> {
    /// The values of a tensor in the order here, and how many are NaN or infinite; those that come next are read along.
    fn values(&mut self, tensors: &impl Tensors, name: &str) -> Option<Result<(Vec<f32>, usize)>> {
        if !self.ready.contains_key(name) {
            let (mut now, mut bytes) = (Vec::new(), 0);
            while bytes < AT_ONCE
                && let Some(next) = self.wanted.pop_front()
            {
                bytes += next.shape.iter().product::<usize>() * size_of::<f32>();
                now.push(next);
            }
            let read = now.into_par_iter().map(|Wanted { name, layout, shape }| {
                let values = match layout.placer(&shape) {
                    // Straight to their places.
                    Some(mut placer) => {
                        let read = tensors.read(&name, &mut |piece| placer.put(piece));
                        read.map(|not_finite| (placer.finish(), not_finite))
                    }
                    None => tensors.values(&name),
                };
                (name, values)
            });
            self.ready.extend(read.collect::<Vec<_>>());
        }
        self.ready.remove(name)
    }
}

/// A parameter that is in a file until somebody asks for it.
fn in_file<const D: usize>(
    id: ParamId,
    name: String,
    layout: Layout,
    tensor: LazyTensor,
    shape: &Shape,
    device: &Device,
) -> Param<Tensor<D>> {
    let here = shape.clone();
    let read = move |device: &Device, _: bool| {
        // It was read before, to be packed.
        let (values, _) = tensor.values().unwrap_or_else(|e| panic!("{name} cannot be read: {e}"));
        let values = layout.official_to_here(values, &tensor.shape);
        Tensor::from_data(TensorData::new(values, here), device)
    };
    Param::uninitialized(id, read, device.clone(), false, shape.clone())
}

struct Apply<'a, T> {
    ahead: Ahead<'a>,
    tensors: &'a T,
    used: BTreeSet<String>,
    mismatch: Mismatch,
    not_finite: Vec<(String, usize)>,
    /// The first tensor that could not be read; the others are then left.
    failed: Option<Error>,
}

impl<T: Tensors> MapByName for Apply<'_, T> {
    fn map<const D: usize>(&mut self, path: &Path, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failed.is_some() {
            return param;
        }
        let name = path.name();
        let layout = path.layout();
        let shape = param.lazy_shape();
        let expected = layout.official_shape(&shape);
        let Some(found) = self.ahead.shapes.get(&name) else {
            self.mismatch.missing.push(name);
            return param;
        };
        self.used.insert(name.clone());
        if let Some(tensor) = self.ahead.stay.get(&name) {
            return in_file(param.id, name, layout, tensor.clone(), &shape, &param.lazy_device());
        }
        if !fits(&name, found, &expected) {
            let found = found.clone();
            self.mismatch.misshapen.push(Misshapen { name, expected, found });
            return param;
        }
        let found = found.clone();
        let fitting = (found == expected).then(|| self.ahead.values(self.tensors, &name)).flatten();
        let values = match fitting {
            Some(values) => values,
            None => self.tensors.values(&name).map(|(values, not_finite)| {
                let tensor = StateTensor { shape: found, values };
                let resized = to_fit(&name, &tensor, &expected).unwrap_or(tensor);
                (layout.official_to_here(resized.values, &expected), not_finite)
            }),
        };
        let values = match values {
            Ok((values, 0)) => values,
            Ok((values, count)) => {
                self.not_finite.push((name.clone(), count));
                values
            }
            Err(error) => {
                self.failed = Some(error);
                return param;
            }
        };
        let tensor = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        if param.is_initialized() {
            return param.map(|old| tensor.set_require_grad(old.is_require_grad()));
        }
        // Initial values that nobody has asked for are not made.
        Param::initialized(param.id, tensor).set_require_grad(true)
    }
}
