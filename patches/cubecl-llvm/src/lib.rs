//! Stands in for `cubecl-llvm` 0.11.3.
//!
//! `cubecl-cuda` compiles two ways in which a kernel becomes something the driver loads: CUDA C++
//! through NVRTC, and PTX through LLVM. Its feature `cpp`, which maskwright's feature `cuda` turns
//! on, takes the first; the second is compiled in all the same, and its crate's build script
//! downloads an LLVM of several hundred megabytes, which fails wherever that is not allowed. What
//! is here has the names that `cubecl-cuda` asks for and no compiler behind them: asked to compile,
//! it answers with an error that says so.
//!
//! To be dropped when `cubecl-cuda` makes its LLVM way optional.

pub mod nvptx;
pub mod shared;

use cubecl_core::Compiler;
use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_environment::backtrace::BackTrace;
use cubecl_runtime::compiler::CompilationError;
use cubecl_runtime::kernel::BufferIOAttr;

use nvptx::ptx_version::PtxVersion;

/// What the compiler would compile for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    /// NVIDIA's PTX.
    #[default]
    Nvptx,
}

/// The compiler that is not here.
#[derive(Clone, Debug, Default)]
pub struct PlironCompiler {
    /// What for.
    pub target: LlvmTarget,
}

/// Its options.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// AMD's architecture, where it is for that.
    pub arch: Option<()>,
    /// NVIDIA's architecture.
    pub sm_arch: Option<SmArch>,
    /// The version of PTX to write.
    pub ptx_version: Option<PtxVersion>,
    /// Whether scalars go into the kernel's parameters.
    pub grid_constants: bool,
    /// CubeCL names the other options of its compiler by `..Default::default()`.
    pub others: (),
}

/// A compiled kernel; none is ever made.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// The text, ended by NUL.
    pub ptx: Vec<core::ffi::c_char>,
    /// The name of the kernel in it.
    pub entrypoint: String,
    /// For logs.
    pub ir: String,
    /// Bytes per launch.
    pub shared_memory_size: usize,
    /// How the buffers are used, in order.
    pub io: Vec<BufferIOAttr>,
}

/// What compiling would give.
#[derive(Clone)]
pub enum PlironArtifact {
    /// PTX.
    NvptxCode(NvptxModule),
    /// CubeCL expects more kinds than the one it takes.
    Other,
}

impl core::fmt::Display for PlironArtifact {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("nothing")
    }
}

impl Compiler for PlironCompiler {
    type Representation = PlironArtifact;
    type CompilationOptions = PlironOptions;

    fn buffer_io(_: &PlironArtifact) -> Option<Vec<BufferIOAttr>> {
        None
    }

    fn compile(
        &mut self,
        _: KernelDefinition,
        _: &PlironOptions,
    ) -> Result<PlironArtifact, CompilationError> {
        Err(CompilationError::Generic {
            reason: "this build has no LLVM; cubecl-cuda's feature `cpp` compiles by NVRTC".into(),
            backtrace: BackTrace::capture(),
        })
    }

    fn extension(&self) -> &'static str {
        "ll"
    }

    fn lang_tag(&self) -> &'static str {
        "llvm"
    }
}
