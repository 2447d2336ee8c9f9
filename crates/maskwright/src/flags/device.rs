//! Where to compute.

use clap::Args;
use maskwright_model::{Compute, DeviceName, Precision};

/// The device and its precision.
#[derive(Args, Default)]
#[command(next_help_heading = "Device")]
pub(crate) struct DeviceFlags {
    /// Where to compute: cpu, or cuda or cuda:N in a build with --features cuda
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceName,

    /// On a GPU: what the frozen image encoder multiplies in, bf16 (if not given) or f32
    #[arg(long, value_name = "TYPE")]
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
