//! Fused functions for tensors on the CPU, each with a backward pass of its own.
//!
//! Burn's CPU backend runs an expression one operation at a time, each writing a new tensor. What
//! the model spends its time on (GELU, norms, attention, 3 x 3 convolutions) is done here in one
//! pass, in parallel, on the widest vectors that the processor has. The definitions are the plain
//! tensor expressions in [`crate::ops::plain`]: they run on every other device, and the tests hold
//! each kernel to them, forward and backward. `MASKWRIGHT_KERNELS=plain` in the environment turns
//! the kernels off.
//!
//! The kernels see slices, and the vector code comes from `pulp` or from loops that the compiler vectorises inside `pulp`'s
//! dispatch. Only [`bf16`] has unsafe code, for instructions that `pulp` does not know.

pub(crate) mod add;
pub(crate) mod attention;
mod attention_core;
pub(crate) mod bf16;
pub(crate) mod conv3x3;
pub(crate) mod conv3x3_to_one;
pub(crate) mod depthwise;
pub(crate) mod few_tokens;
pub(crate) mod gelu;
pub(crate) mod layer_norm;
pub(crate) mod linear;
pub(crate) mod mask_feature;
pub(crate) mod math;
pub(crate) mod panel;
pub(crate) mod rearrange;
pub(crate) mod stem;
pub(crate) mod strided3x3;
pub(crate) mod upscale;
pub(crate) mod window_attention;

use std::sync::OnceLock;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, BackendTensor, DispatchTensor, Flex};
use burn::backend::{DispatchKindConversion, GradientCheckpointingStrategy};
use burn::tensor::{DType, Tensor, TensorData};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::ops::products::on_cpu;

/// Whether the kernels can take this tensor: f32, on the CPU backend, without checkpointing.
pub(crate) fn takes<const D: usize>(x: &Tensor<D>) -> bool {
    static OFF: OnceLock<bool> = OnceLock::new();
    let off = *OFF
        .get_or_init(|| std::env::var("MASKWRIGHT_KERNELS").is_ok_and(|choice| choice == "plain"));
    #[cfg(test)]
    if PLAIN.with(std::cell::Cell::get) {
        return false;
    }
    if off || x.dtype() != DType::F32 {
        return false;
    }
    on_cpu(&x.device())
        && matches!(
            x.gradient_checkpointing_strategy(),
            None | Some(GradientCheckpointingStrategy::Disabled)
        )
}

#[cfg(test)]
thread_local! {
    /// Makes [`takes`] refuse on this thread, so that a test can run the plain twin.
    pub(crate) static PLAIN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A contiguous CPU tensor.
#[derive(Debug, Clone)]
pub(crate) struct Array(FlexTensor);

impl Array {
    pub(crate) fn new(values: Vec<f32>, shape: &[usize]) -> Self {
        Self(FlexTensor::from_data(TensorData::new(values, shape.to_vec())))
    }

    /// Of a tensor that nothing is derived by.
    pub(crate) fn of<const D: usize>(x: Tensor<D>) -> Self {
        Self::from(untracked(x))
    }

    /// The tensor, which nothing is derived by.
    pub(crate) fn into_tensor<const D: usize>(self) -> Tensor<D> {
        let output = BackendTensor::<Flex>::Float(self.0);
        Tensor::from_dispatch(<DispatchTensor as DispatchKindConversion<Flex>>::from_backend(
            output,
        ))
    }

    pub(crate) fn values(&self) -> &[f32] {
        // Made contiguous by whoever wraps a tensor here.
        self.0.as_slice::<f32>().unwrap_or_default()
    }

    pub(crate) fn shape(&self) -> &[usize] {
        self.0.layout().shape()
    }

    /// The length of the last axis.
    pub(crate) fn width(&self) -> usize {
        self.shape().last().copied().unwrap_or(1)
    }
}

impl From<FlexTensor> for Array {
    fn from(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
    }
}

/// A function of N tensors and its derivative.
pub(crate) trait Fused<const N: usize>: Clone + std::fmt::Debug + Send + 'static {
    /// What the backward pass needs besides the gradient.
    type Saved: Clone + std::fmt::Debug + Send + 'static;

    /// The result, and what to save if a backward pass can follow.
    fn forward(&self, inputs: [Array; N], saves: bool) -> (Array, Option<Self::Saved>);

    /// The gradients of the inputs that need one.
    fn backward(&self, saved: Self::Saved, gradient: Array, needs: [bool; N])
    -> [Option<Array>; N];
}

/// Runs a fused function on tensors of any ranks; see [`run`].
macro_rules! fused {
    ($function:expr; $($x:expr),+) => {{
        let tracked = $( $x.is_autodiff() )||+;
        let inputs = if tracked {
            [$( $x.autodiff().into_dispatch() ),+]
        } else {
            [$( $x.into_dispatch() ),+]
        };
        $crate::kernels::run($function, inputs, tracked)
    }};
}
pub(crate) use fused;

/// An autodiff CPU backend tensor.
type Tracking = Autodiff<Flex, NoCheckpointing>;

#[derive(Debug)]
struct Step<F>(F);

impl<F: Fused<N>, const N: usize> Backward<Flex, N> for Step<F> {
    type State = F::Saved;

    fn backward(self, ops: Ops<F::Saved, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Array::from(grads.consume::<Flex>(&ops.node));
        let needs = std::array::from_fn(|i| ops.parents[i].is_some());
        let results = self.0.backward(ops.state, gradient, needs);
        for (parent, result) in ops.parents.iter().zip(results) {
            if let (Some(parent), Some(result)) = (parent, result) {
                grads.register::<Flex>(parent.id, result.0);
            }
        }
    }
}

/// Runs a fused function. All inputs carry autodiff if `tracked`, none otherwise.
pub(crate) fn run<const N: usize, const D: usize, F: Fused<N>>(
    function: F,
    inputs: [DispatchTensor; N],
    tracked: bool,
) -> Tensor<D> {
    // `takes` was asked before, and `fused!` gave all inputs the same context.
    const KIND: &str = "a float tensor of the CPU backend";
    if !tracked {
        let inputs =
            inputs.map(
                |x| match <DispatchTensor as DispatchKindConversion<Flex>>::try_into_backend(x) {
                    Ok(BackendTensor::Float(x)) => Array::from(x),
                    other => panic!("expected {KIND}, got {other:?}"),
                },
            );
        return function.forward(inputs, false).0.into_tensor();
    }
    let parts =
        inputs.map(
            |x| match <DispatchTensor as DispatchKindConversion<Tracking>>::try_into_backend(x) {
                Ok(BackendTensor::Float(x)) => x.into_parts(),
                other => panic!("expected {KIND} with autodiff, got {other:?}"),
            },
        );
    let mut guards = Vec::with_capacity(N);
    let inputs = parts.map(|(x, guard)| {
        guards.push(guard);
        Array::from(x)
    });
    let Ok(guards) = <[_; N]>::try_from(guards) else { unreachable!("one guard per input") };
    let step = Step(function.clone());
    let prepared = step.prepare::<NoCheckpointing>(guards).compute_bound().stateful();
    let output = match prepared {
        OpsKind::Tracked(prepared) => {
            let (output, saved) = function.forward(inputs, true);
            prepared.finish(saved.expect("saved when asked to"), output.0)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(function.forward(inputs, false).0.0),
    };
    let output = BackendTensor::<Tracking>::Float(output);
    Tensor::from_dispatch(<DispatchTensor as DispatchKindConversion<Tracking>>::from_backend(
        output,
    ))
}

/// A tensor of the CPU backend without autodiff.
fn untracked<const D: usize>(x: Tensor<D>) -> FlexTensor {
    match <DispatchTensor as DispatchKindConversion<Flex>>::try_into_backend(x.into_dispatch()) {
        Ok(BackendTensor::Float(x)) => x,
        other => panic!("expected a float tensor of the CPU backend, got {other:?}"),
    }
}

/// Runs a closure compiled for the widest vectors of this processor. The closure must be
/// `#[inline(always)]`, as must be all that it calls.
#[inline(always)]
pub(crate) fn vectorised<F: FnMut()>(body: F) {
    struct Body<F>(F);
    impl<F: FnMut()> pulp::WithSimd for Body<F> {
        type Output = ();

        // Through `FnMut`: calling a closure by value goes through a shim of the standard library,
        // which is not inlined where the body is long, and then is compiled for plain SSE.
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(mut self, _: S) {
            (self.0)();
        }
    }
    pulp::Arch::new().dispatch(Body(body));
}

/// A map `[images, h, w, channels]` of which each line is made by itself: `make` is given the image's number and the line's, memory
/// of its thread, and the line.
pub(crate) fn by_line(
    [images, h, w, channels]: [usize; 4],
    make: impl Fn([usize; 2], &mut Vec<f32>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut out = zeros(images * h * w * channels);
    let lines = out.par_chunks_mut(w * channels).enumerate();
    lines.for_each_init(Vec::new, |work, (line, out)| make([line / h, line % h], work, out));
    out
}

/// The lines of an image, so many numbers each, above, at and below one; none beyond the edge.
pub(crate) fn lines_around(image: &[f32], length: usize, middle: usize) -> [Option<&[f32]>; 3] {
    [0, 1, 2].map(|row: usize| {
        // Above the first line the index wraps around and is past the last.
        let line = (middle + row).wrapping_sub(1);
        (line < image.len() / length).then(|| &image[line * length..][..length])
    })
}

/// How many values one task of a parallel loop should have at least: below, starting it costs more.
pub(crate) const GRAIN: usize = 1 << 14;

/// How many rows of this width make a task. It does not depend on the number of threads, and so
/// sums that are made per task do not either.
pub(crate) fn rows_per_task(width: usize) -> usize {
    GRAIN.div_ceil(width)
}

/// So many zeros. Many of them are written by all threads: one thread alone would keep the others waiting.
pub(crate) fn zeros(count: usize) -> Vec<f32> {
    const BLOCK: usize = 64;
    if count < 2 * GRAIN {
        return vec![0f32; count];
    }
    let blocks = (0..count.div_ceil(BLOCK)).into_par_iter().with_min_len(GRAIN / BLOCK);
    let blocks: Vec<[f32; BLOCK]> = blocks.map(|_| [0f32; BLOCK]).collect();
    let mut zeros = blocks.into_flattened();
    zeros.truncate(count);
    zeros
}

#[cfg(test)]
pub(crate) mod testing {
    //! Holding a kernel to its plain twin.

    use burn::tensor::{Device, Tensor, TensorData};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::PLAIN;

    /// Values in -2..2 that depend on the seed alone.
    pub(crate) fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| (generator.next_u32() >> 8) as f32 / (1 << 22) as f32 - 2.0)
            .collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn tracked<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
        x.clone().autodiff().require_grad()
    }

    fn worst(a: &[f32], b: &[f32]) -> (f32, f32) {
        assert_eq!(a.len(), b.len());
        let off = a.iter().zip(b).fold(0f32, |m, (a, b)| {
            assert!(a.is_finite() && b.is_finite());
            m.max((a - b).abs())
        });
        (off, b.iter().fold(0f32, |m, b| m.max(b.abs())))
    }

    fn close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
        let (off, scale) = worst(found, expected);
        assert!(off <= tolerance * scale.max(1e-3), "{what}: off by {off} of {scale}");
    }

    /// Compares the result and all gradients of a function with kernels and without; also without
    /// autodiff.
    pub(crate) fn same<const A: usize, const B: usize, const C: usize, const O: usize>(
        a: Tensor<A>,
        b: Tensor<B>,
        c: Tensor<C>,
        tolerance: f32,
        function: impl Fn(Tensor<A>, Tensor<B>, Tensor<C>) -> Tensor<O>,
    ) {
        let run = |plain: bool| {
            PLAIN.with(|cell| cell.set(plain));
            let (a, b, c) = (tracked(&a), tracked(&b), tracked(&c));
            let out = function(a.clone(), b.clone(), c.clone());
            // Uneven weights, so that no gradient cancels.
            let weights = random(99, out.dims());
            let grads = (out.clone() * weights).sum().backward();
            let values =
                |g: Option<TensorData>| g.map_or(Vec::new(), |g| g.try_into_vec::<f32>().unwrap());
            PLAIN.with(|cell| cell.set(false));
            [
                out.into_data().try_into_vec::<f32>().unwrap(),
                values(a.grad(&grads).map(Tensor::into_data)),
                values(b.grad(&grads).map(Tensor::into_data)),
                values(c.grad(&grads).map(Tensor::into_data)),
            ]
        };
        let (found, expected) = (run(false), run(true));
        for (what, (found, expected)) in
            ["result", "first", "second", "third"].iter().zip(found.iter().zip(&expected))
        {
            close(what, found, expected, tolerance);
        }
        let plain = function(a, b, c).into_data().try_into_vec::<f32>().unwrap();
        close("without autodiff", &plain, &expected[0], tolerance);
    }
}
