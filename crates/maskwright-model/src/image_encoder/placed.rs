//! An image encoder on its device: its parameters and, if it is frozen, the copy that computes in their
//! place.
//!
//! A frozen encoder may run on another device or in another precision than its parameters, which stay on
//! the host in f32 for checkpoints. It then runs as a copy. This type makes sure that the copy is never
//! out of date. While there is a copy, a [`ModuleMapper`] (such as an optimizer) does not see the
//! parameters and cannot change them. [`PlacedEncoder::parameters_mut`] gives access to change them, and
//! drops the copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
    Param,
};
use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use super::features::ImageFeatures;
use super::kinds::ImageEncoder;
use super::packed::{Packed, values};
use super::state::EncoderState;
use crate::error::Result;
use crate::kernels::bf16::Instructions;
use crate::kernels::bf16::layer::{Columns, Layer};
use crate::ops::Tf32;
use crate::ops::products::on_cpu;
use crate::weights::checkpoint::LazyTensor;
use crate::words;

/// What the official names of an encoder's tensors begin with.
const PREFIX: &str = "image_encoder.";

/// The number type in which a frozen image encoder multiplies.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantNames,
)]
#[serde(into = "String", try_from = "String")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_precision)]
pub enum Precision {
    /// bfloat16, with sums in f32.
    #[default]
    Bf16,
    /// f32.
    F32,
}

fn no_precision(found: &str) -> String {
    words::expected(Precision::VARIANTS, found)
}

impl TryFrom<String> for Precision {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        name.parse()
    }
}

impl From<Precision> for String {
    fn from(precision: Precision) -> Self {
        precision.to_string()
    }
}

/// An image encoder and where it runs; see the [module](self).
#[derive(Debug, Clone)]
pub struct PlacedEncoder {
    parameters: ImageEncoder,
    /// What computes instead of the parameters.
    copy: Option<Frozen>,
    /// Weights that were packed as they were read, by their official names: parameters of which there is no more than their
    /// place in the file, unless they are asked for.
    in_file: Arc<InFile>,
}

/// Tensors that stay in their file, by their official names.
pub(crate) type InFile = BTreeMap<String, LazyTensor>;

/// A frozen copy.
#[derive(Debug, Clone)]
enum Frozen {
    /// On a device, or in another precision.
    Module(Box<ImageEncoder>),
    /// With packed weights of bf16, on the CPU.
    Packed(Arc<dyn Packed>),
}

impl Frozen {
    fn devices(&self) -> Devices {
        match self {
            Self::Module(encoder) => encoder.devices(),
            Self::Packed(_) => vec![Device::flex()],
        }
    }
}

impl PlacedEncoder {
    /// An encoder that computes with its own parameters, where they are.
    pub(crate) fn new(parameters: ImageEncoder) -> Self {
        Self { parameters, copy: None, in_file: Arc::default() }
    }

    /// The names of the weights that [`packed`](Self::packed) reads from their file.
    pub(crate) fn packs_alone(&self, official: &str) -> bool {
        let name = official.strip_prefix(PREFIX);
        name.is_some_and(|name| self.parameters.packs_alone(name))
    }

    /// An encoder with packed weights, some of which are still in their file; `read` gives one of those to a sink, piece by piece.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn packed(
        self,
        instructions: Instructions,
        in_file: InFile,
        read: impl Fn(&str, &mut dyn FnMut(&[f32])) -> Result<()> + Sync,
    ) -> Result<Self> {
        let packed = self.parameters.packed(instructions, &|name, linear| {
            let name = format!("{PREFIX}{name}.weight");
            if !in_file.contains_key(&name) {
                return Ok(Layer::of(linear));
            }
            let [input, output] = linear.weight.lazy_shape().dims();
            let bias = linear.bias.as_ref().map(|bias| values(bias.val()));
            let mut columns = Columns::new(input, output, bias.as_deref());
            read(&name, &mut |piece| columns.put(piece))?;
            Ok(columns.finish())
        })?;
        let copy = Some(Frozen::Packed(packed));
        Ok(Self { parameters: self.parameters, copy, in_file: Arc::new(in_file) })
    }

    /// The tensors that stay in their file.
    pub(crate) fn in_file(&self) -> &InFile {
        &self.in_file
    }

    /// The same on a device, in f32, computing with its own parameters.
    pub(crate) fn on(self, device: &Device) -> Self {
        Self::new(self.parameters.to_device(device))
    }

    /// The same with a frozen copy on a device in this precision; on the CPU an encoder in f32 computes
    /// with its own parameters.
    pub(crate) fn frozen_on(self, device: &Device, precision: Precision) -> Self {
        if on_cpu(device) && precision == Precision::F32 {
            return Self::new(self.parameters);
        }
        // What was packed as it was read need not be packed again.
        let packed = matches!(self.copy, Some(Frozen::Packed(_)));
        if packed && on_cpu(device) {
            return self;
        }
        let copy = self.parameters.clone().to_device(device);
        let copy = match (precision, Instructions::best()) {
            (Precision::Bf16, Some(instructions)) if on_cpu(device) => {
                let packed = copy.packed(instructions, &|_, linear| Ok(Layer::of(linear)));
                Frozen::Packed(packed.expect("layers that are in memory"))
            }
            (Precision::Bf16, _) => Frozen::Module(Box::new(copy.map(&mut ToBf16::default()))),
            (Precision::F32, _) => Frozen::Module(Box::new(copy)),
        };
        Self { copy: Some(copy), ..Self::new(self.parameters) }
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &ImageEncoder {
        &self.parameters
    }

    /// Returns the parameters, to be changed. A frozen copy is dropped, and the parameters move to its
    /// device.
    pub fn parameters_mut(&mut self) -> &mut ImageEncoder {
        self.in_file = Arc::default();
        if let Some(copy) = self.copy.take()
            && let Some(device) = copy.devices().first()
        {
            self.parameters = self.parameters.clone().to_device(&device.clone().without_autodiff());
        }
        &mut self.parameters
    }

    /// Returns whether a frozen copy computes in place of the parameters.
    pub fn is_frozen(&self) -> bool {
        self.copy.is_some()
    }

    /// Encodes normalised images; see [`ImageEncoder::forward`].
    pub fn forward(&self, images: Tensor<4>, tf32: Tf32) -> ImageFeatures {
        let state = EncoderState::of_images(images);
        self.advance(state, self.parameters.pieces(), tf32).into_features()
    }

    /// Runs the pieces that are left of the first `pieces`; see [`ImageEncoder::advance`].
    pub fn advance(&self, state: EncoderState, pieces: usize, tf32: Tf32) -> EncoderState {
        match &self.copy {
            None => self.parameters.advance(state, pieces, tf32),
            Some(Frozen::Module(copy)) => copy.advance(state, pieces, tf32),
            Some(Frozen::Packed(packed)) => packed.advance(state, pieces, tf32),
        }
    }
}

/// Visitors see the parameters; mappers see them where no copy computes.
impl Module for PlacedEncoder {
    fn collect_devices(&self, devices: Devices) -> Devices {
        let devices = self.parameters.collect_devices(devices);
        let of_copy = self.copy.iter().flat_map(Frozen::devices);
        of_copy.fold(devices, |mut devices, device| {
            if !devices.contains(&device) {
                devices.push(device);
            }
            devices
        })
    }

    fn fork(self, device: &Device) -> Self {
        Self::new(self.parameters.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.on(device)
    }

    fn train(self) -> Self {
        match self.copy {
            Some(_) => self,
            None => Self::new(self.parameters.train()),
        }
    }

    fn valid(&self) -> Self {
        match self.copy {
            Some(_) => self.clone(),
            None => Self::new(self.parameters.valid()),
        }
    }

    fn materialize(self) -> Self {
        match self.copy {
            Some(_) => self,
            None => Self::new(self.parameters.materialize()),
        }
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.parameters.visit(visitor);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        match self.copy {
            Some(_) => self,
            None => Self::new(self.parameters.map(mapper)),
        }
    }
}

impl ModuleDisplayDefault for PlacedEncoder {
    fn content(&self, content: Content) -> Option<Content> {
        self.parameters.content(content)
    }
}

impl ModuleDisplay for PlacedEncoder {}

/// Puts the weights of linear layers and convolutions into bf16; a layer's result has the type of
/// its weight.
#[derive(Default)]
struct ToBf16 {
    name: Vec<String>,
}

impl ModuleMapper for ToBf16 {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.name.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.name.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Of one axis are the weights of norms.
        let multiplies = D > 1 && self.name.last().is_some_and(|name| name == "weight");
        if multiplies { param.map(|tensor| tensor.cast(DType::BF16)) } else { param }
    }
}
