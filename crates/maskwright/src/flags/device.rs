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

/// The device of work on a run that was started before; where that run computed if not given.
#[derive(Args, Default)]
#[command(next_help_heading = "Device")]
pub(crate) struct RunDeviceFlags {
    /// Where to compute: cpu, or cuda or cuda:N in a build with --features cuda; where the run
    /// computed if not given
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,

    /// On a GPU: what the frozen image encoder multiplies in, bf16 (if not given) or f32
    #[arg(long, value_name = "TYPE", requires = "device")]
    precision: Option<Precision>,

    /// On a GPU: let f32 products round their factors to TF32, for speed
    #[arg(long, requires = "device")]
    allow_tf32: bool,
}

impl RunDeviceFlags {
    /// The settings, if they are not the run's.
    pub(crate) fn resolve(&self) -> Option<Compute> {
        let (precision, allow_tf32) = (self.precision, self.allow_tf32);
        self.device.map(|device| Compute { device, precision, allow_tf32 })
    }
}

impl DeviceFlags {
    /// The settings.
    pub(crate) fn resolve(&self) -> Compute {
        Compute { device: self.device, precision: self.precision, allow_tf32: self.allow_tf32 }
    }
}
