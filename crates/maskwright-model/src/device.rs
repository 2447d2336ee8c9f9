//! The device on which models compute: the CPU, or a GPU if this build has CUDA.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::image_encoder::Precision;
use crate::kernels::bf16::Instructions;
use crate::ops::Tf32;
use crate::ops::products::on_cpu;
use crate::sam::Sam;

/// The name of a device: `cpu`, `cuda` (the first GPU) or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU with this number, as CUDA counts them from 0.
    Cuda(usize),
}

impl std::str::FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let unknown = || format!("expected cpu, cuda or cuda:N, found {name:?}");
        match name.split_once(':') {
            None if name == "cpu" => Ok(Self::Cpu),
            None if name == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        name.parse()
    }
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.to_string()
    }
}

/// The device and the precision to compute with. The default is the CPU in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compute {
    /// The device.
    pub device: DeviceName,
    /// The number type in which the frozen image encoder multiplies. If not given: bf16 on a GPU, f32 on
    /// the CPU. Bf16 on the CPU needs a processor with AMX-BF16 or AVX512-BF16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Whether f32 products on a GPU may round their factors to TF32; see
    /// [`crate::ops::products`].
    pub allow_tf32: bool,
}

/// A device that is ready to compute, with the precision that models use there.
#[derive(Debug, Clone)]
pub struct Place {
    device: Device,
    precision: Precision,
    tf32: Tf32,
}

impl Default for Place {
    /// The CPU.
    fn default() -> Self {
        Self { device: host(), precision: Precision::F32, tf32: Tf32::Never }
    }
}

impl Compute {
    /// Opens the device: checks that it exists and computes.
    ///
    /// # Errors
    /// [`Error::NoDevice`] for a GPU that this build does not support or this machine does not have,
    /// [`Error::Setting`] for bf16 on a CPU that does not multiply it, or TF32 on the CPU.
    pub fn open(&self) -> Result<Place> {
        let device = match self.device {
            DeviceName::Cpu => {
                self.check_cpu()?;
                host()
            }
            DeviceName::Cuda(index) => cuda(index)?,
        };
        let default = match self.device {
            DeviceName::Cpu => Precision::F32,
            DeviceName::Cuda(_) => Precision::Bf16,
        };
        let tf32 = if self.allow_tf32 { Tf32::Allowed } else { Tf32::Never };
        Ok(Place { device, precision: self.precision.unwrap_or(default), tf32 })
    }

    fn check_cpu(&self) -> Result<()> {
        let refuse = |key, expected: &str, found: &str| {
            Err(Error::Setting { key, expected: expected.into(), found: found.into() })
        };
        match self.precision {
            Some(Precision::Bf16) if !cpu_has_bf16() => {
                let expected = "f32 on this processor, which has neither AMX-BF16 nor AVX512-BF16";
                refuse("compute.precision", expected, "bf16")
            }
            _ if self.allow_tf32 => refuse("compute.allow_tf32", "f32 on the CPU", "TF32"),
            _ => Ok(()),
        }
    }
}

impl Place {
    /// Returns the device, without autodiff.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The instructions with which a frozen encoder computes here whose weights are packed; `None` where it computes otherwise.
    pub(crate) fn packs(&self) -> Option<Instructions> {
        let packs = self.precision == Precision::Bf16 && on_cpu(&self.device);
        Instructions::best().filter(|_| packs)
    }

    /// Moves a model to the device. If `encoder_trains`, its encoder is trained in f32; otherwise a
    /// frozen encoder computes in this place's precision.
    #[must_use]
    pub fn put(&self, sam: Sam, encoder_trains: bool) -> Sam {
        let sam = sam.with_tf32(self.tf32);
        if encoder_trains {
            sam.on(&self.device)
        } else {
            sam.with_frozen_encoder_on(&self.device, self.precision)
        }
    }
}

/// Returns whether the processor multiplies bf16 numbers (AMX-BF16 or AVX512-BF16), and so whether frozen encoders can compute
/// in bf16 on the CPU.
pub fn cpu_has_bf16() -> bool {
    cpu_bf16().is_some()
}

/// Returns the name of the instructions by which the processor multiplies bf16 numbers.
pub fn cpu_bf16() -> Option<&'static str> {
    Instructions::best().map(Instructions::name)
}

/// Returns the CPU, the device on which models are loaded and modified.
pub fn host() -> Device {
    Device::flex()
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<Device> {
    Err(Error::NoDevice {
        device: DeviceName::Cuda(index).to_string(),
        expected: "a build with CUDA (feature cuda)".into(),
        found: "one without: cpu is the only device".into(),
    })
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device> {
    cuda::open(index)
}

#[cfg(feature = "cuda")]
mod cuda {
    //! Everything of CUDA is opened at run time, and what is missing makes the libraries below
    //! panic: so it is looked for first.

    use std::panic::catch_unwind;
    use std::path::{Path, PathBuf};

    use burn::tensor::{Device, DeviceType, Tensor};

    use super::DeviceName;
    use crate::error::{Error, Result};

    pub(super) fn open(index: usize) -> Result<Device> {
        let refuse = |expected: String, found: String| {
            let device = DeviceName::Cuda(index).to_string();
            Err(Error::NoDevice { device, expected, found })
        };
        let count = Device::enumerate(DeviceType::Cuda).len();
        if count == 0 {
            let expected = "an NVIDIA GPU and its driver".into();
            return refuse(expected, "none (no libcuda, or no GPU that it shows)".into());
        }
        if index >= count {
            return refuse(format!("cuda:0 to cuda:{}", count - 1), format!("{count} GPUs"));
        }
        if let Some(searched) = headers_missing() {
            let expected = "CUDA's headers, which kernels are compiled with: set CUDA_PATH to the \
                            folder that holds include/cuda_fp16.h"
                .into();
            return refuse(expected, searched);
        }
        let device = Device::cuda(index);
        match first_kernel(&device) {
            Ok(()) => Ok(device),
            Err(reason) => refuse("a GPU that computes".into(), reason),
        }
    }

    /// Where the headers were looked for, if they are not there.
    fn headers_missing() -> Option<String> {
        let folders = match std::env::var_os("CUDA_PATH") {
            Some(path) => vec![PathBuf::from(path)],
            None => ["/usr/local/cuda", "/opt/cuda", "/usr"].iter().map(PathBuf::from).collect(),
        };
        let has = |folder: &Path| folder.join("include/cuda_fp16.h").is_file();
        if folders.iter().any(|folder| has(folder)) {
            return None;
        }
        let names: Vec<String> =
            folders.iter().map(|folder| folder.display().to_string()).collect();
        Some(format!("none in {}", names.join(", ")))
    }

    /// Compiles and runs one kernel: shows whether the compiler library is there and fits the driver.
    fn first_kernel(device: &Device) -> std::result::Result<(), String> {
        let sum = || (Tensor::<1>::ones([4], device) + 1.0).sum().into_scalar::<f32>();
        match catch_unwind(std::panic::AssertUnwindSafe(sum)) {
            Ok(8.0) => Ok(()),
            Ok(sum) => Err(format!("a wrong sum: {sum} for 8")),
            Err(panic) => Err(panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "a failure without words".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names() {
        for (name, device) in [
            ("cpu", DeviceName::Cpu),
            ("cuda", DeviceName::Cuda(0)),
            ("cuda:3", DeviceName::Cuda(3)),
        ] {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for name in ["", "gpu", "cuda:", "cuda:x", "cpu:0", "CUDA"] {
            assert!(name.parse::<DeviceName>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_cpu_computes_in_f32_and_in_bf16_where_it_can() {
        assert!(Compute::default().open().is_ok());
        let compute = Compute { allow_tf32: true, ..Default::default() };
        let refusal = compute.open().expect_err("not on the CPU").to_string();
        insta::assert_snapshot!(refusal, @"compute.allow_tf32: expected f32 on the CPU, found TF32");
        let compute = Compute { precision: Some(Precision::Bf16), ..Default::default() };
        match (compute.open(), cpu_has_bf16()) {
            (Ok(_), true) => {}
            (Err(refusal), false) => {
                insta::assert_snapshot!(refusal, @"compute.precision: expected f32 on this processor, which has neither AMX-BF16 nor AVX512-BF16, found bf16")
            }
            (opened, has) => panic!("{opened:?} where the processor's bf16 is {has}"),
        }
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused_by_name() {
        let compute = Compute { device: DeviceName::Cuda(977), ..Default::default() };
        let Err(Error::NoDevice { device, .. }) = compute.open() else {
            panic!("nobody has so many")
        };
        assert_eq!(device, "cuda:977");
    }
}
