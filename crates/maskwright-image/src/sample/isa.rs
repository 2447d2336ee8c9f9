//! The kernels for the instruction sets of this machine.
//!
//! On x86-64 the [`kernel`] functions are compiled for AVX2 and AVX-512 as well, and the choice is made at
//! run time. A value of [`Avx2`] or [`Avx512`] exists only where the machine was found to have the
//! instructions, so calling through one is sound. On AArch64, NEON with fused multiply-add is part of the target: the
//! plain compilation is the NEON one, and goes by that name as well.
#![allow(unsafe_code, reason = "functions compiled for optional instruction sets")]

use std::ffi::OsStr;
use std::sync::OnceLock;

use super::kernel::{self, PlaneTaps, Weights};
use crate::error::{Error, Result};

/// Forces an instruction set.
const VARIABLE: &str = "MASKWRIGHT_SIMD";

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Isa {
    /// What the target guarantees.
    Scalar,
    /// The same code where the target guarantees NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// 256-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Isa {
    /// Every one that this machine has, best first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512::detect().map(Self::Avx512));
            all.extend(Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self::Neon);
        all.push(Self::Scalar);
        all
    }

    /// The best one, or the one that `MASKWRIGHT_SIMD` names.
    ///
    /// # Panics
    /// Where this machine has no instruction set of that name.
    pub(crate) fn detect() -> Self {
        Self::chosen().unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Self::detect`], with an error instead of a panic. The variable is read once.
    pub(crate) fn chosen() -> Result<Self> {
        static CHOSEN: OnceLock<Result<Isa>> = OnceLock::new();
        CHOSEN.get_or_init(|| Self::named(&std::env::var_os(VARIABLE).unwrap_or_default())).clone()
    }

    /// The one of that name; the best one for no name.
    pub(super) fn named(name: &OsStr) -> Result<Self> {
        let all = Self::all();
        let found = all.iter().copied().find(|isa| name.is_empty() || name == isa.name());
        found.ok_or_else(|| Error::Environment {
            variable: VARIABLE,
            found: name.to_string_lossy().into_owned(),
            expected: all.iter().map(|isa| isa.name()).collect(),
        })
    }

    /// The name that `MASKWRIGHT_SIMD` takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }
}

/// Declares the methods of [`Isa`] that dispatch to a [`kernel`] function of the same name.
macro_rules! dispatch {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl Isa {
            $(
                /// The [`kernel`] function of this name.
                pub(crate) fn $name(self, $($argument: $type),*) {
                    match self {
                        Self::Scalar => kernel::$name($($argument),*),
                        #[cfg(target_arch = "aarch64")]
                        Self::Neon => kernel::$name($($argument),*),
                        #[cfg(target_arch = "x86_64")]
                        Self::Avx2(proof) => proof.$name($($argument),*),
                        #[cfg(target_arch = "x86_64")]
                        Self::Avx512(proof) => proof.$name($($argument),*),
                    }
                }
            )*
        }

        #[cfg(target_arch = "x86_64")]
        compile_for!(Avx2, "avx2,fma,bmi2", $($name($($argument: $type),*);)*);
        #[cfg(target_arch = "x86_64")]
        compile_for!(
            Avx512,
            "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2",
            $($name($($argument: $type),*);)*
        );
    };
}

/// Compiles every kernel function for some instructions, reachable through the value that proves them.
#[cfg(target_arch = "x86_64")]
macro_rules! compile_for {
    ($proof:ident, $features:literal, $($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl $proof {
            $(
                fn $name(self, $($argument: $type),*) {
                    #[target_feature(enable = $features)]
                    fn compiled($($argument: $type),*) {
                        kernel::$name($($argument),*);
                    }
                    // SAFETY: `self` exists, so `detect` found these instructions.
                    unsafe { compiled($($argument),*) }
                }
            )*
        }
    };
}

dispatch! {
    blend_rgb(top: &[[u32; 2]], bottom: &[[u32; 2]], flip: bool, weights: Weights<'_>, out: [&mut [u8]; 3]);
    blend_chain(top: &PlaneTaps, bottom: &PlaneTaps, weights: Weights<'_>, out: &mut [f32]);
    mix_taps(taps: &PlaneTaps, columns: [&[f32]; 2], out: &mut [f32]);
    mix_pairs(pairs: &[u16], flip: bool, columns: [&[f32]; 2], out: &mut [f32]);
    mix_rows(top: &[f32], bottom: &[f32], rows: [f32; 2], out: &mut [f32]);
}

/// Proof that this machine has AVX2, FMA and BMI2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi2");
        found.then_some(Self(()))
    }
}

/// Proof that this machine has AVX-512 F, BW, DQ and VL, and what [`Avx2`] proves.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    fn detect() -> Option<Self> {
        let found = Avx2::detect().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        found.then_some(Self(()))
    }
}
