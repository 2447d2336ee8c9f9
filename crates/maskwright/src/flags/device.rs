//! Where to compute.

use clap::Args;
use maskwright_model::{Compute, DeviceName, Precision, words};
use strum::VariantNames;

/// The device and its precision.
#[derive(Args, Default)]
#[command(next_help_heading = "Device")]
pub(crate) struct DeviceFlags {
    /// Where to compute: cpu, or cuda or cuda:N in a build with --features cuda
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceName,

    // Its help lists the names.
    #[arg(long, value_name = "TYPE", help = precision_help())]
    precision: Option<Precision>,

    /// On a GPU: let f32 products round their factors to TF32, for speed
    #[arg(long)]
    allow_tf32: bool,
}

impl DeviceFlags {
    /// The settings.
    pub(crate) fn resolve(&self) -> Compute {
        Compute { device: self.device, precision: self.precision, allow_tf32: self.allow_tf32 }
    }
}

/// What the precision is, by the names that it has.
fn precision_help() -> String {
    format!(
        "What a frozen image encoder multiplies in, {}. If not given: bf16 on a GPU, f32 on the CPU, which has bf16 with AMX-BF16 \
         or AVX512-BF16",
        words::list(Precision::VARIANTS, "or")
    )
}
