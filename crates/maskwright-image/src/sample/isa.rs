//! The kernels for the instruction sets of this machine.

use super::kernel::{self, PlaneTaps, RgbTaps, Weights};

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Isa {
    /// What the target guarantees.
    Scalar,
}

impl Isa {
    /// The best one, or the one that `MASKWRIGHT_SIMD` names.
    pub(crate) fn detect() -> Self {
        Self::Scalar
    }

    /// See [`kernel::blend_rgb`].
    pub(crate) fn blend_rgb(
        self,
        top: &RgbTaps,
        bottom: &RgbTaps,
        weights: Weights<'_>,
        out: [&mut [u8]; 3],
    ) {
        match self {
            Self::Scalar => kernel::blend_rgb(top, bottom, weights, out),
        }
    }

    /// See [`kernel::blend_plane`].
    pub(crate) fn blend_plane(
        self,
        top: &PlaneTaps,
        bottom: &PlaneTaps,
        weights: Weights<'_>,
        out: &mut [f32],
    ) {
        match self {
            Self::Scalar => kernel::blend_plane(top, bottom, weights, out),
        }
    }
}
