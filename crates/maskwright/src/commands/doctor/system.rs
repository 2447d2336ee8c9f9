//! `maskwright doctor --system`: the machine and the build.

use std::num::NonZero;

use maskwright_image::decode::decoder_name;
use maskwright_image::sample::{Sampler, simd_available};
use serde::Serialize;

use crate::output;

/// What was found.
#[derive(Debug, Serialize)]
struct System {
    version: &'static str,
    target: String,
    jpeg_decoder: &'static str,
    png_inflate: &'static str,
    simd: &'static str,
    simd_available: Vec<&'static str>,
    /// By which instructions the processor multiplies bf16.
    bf16: Option<&'static str>,
    threads: usize,
    backend: &'static str,
    gpu: &'static str,
    /// What is worth changing.
    advice: Vec<&'static str>,
}

/// Prints what this build uses on this machine.
pub(super) fn run(json: bool) -> anyhow::Result<()> {
    maskwright_image::check_environment()?;
    let found = examine();
    if json {
        return output::json_whole(&found);
    }
    let rows = [
        ("maskwright", found.version.to_owned()),
        ("machine", found.target.clone()),
        ("JPEG decoder", found.jpeg_decoder.to_owned()),
        ("PNG inflate", found.png_inflate.to_owned()),
        (
            "instruction set",
            format!("{} (this machine has {})", found.simd, found.simd_available.join(", ")),
        ),
        ("bf16 products", found.bf16.unwrap_or("none on this processor").to_owned()),
        ("threads", found.threads.to_string()),
        ("backend", found.backend.to_owned()),
        ("GPU", found.gpu.to_owned()),
    ];
    let rows = rows.iter().map(|(name, value)| format!("{name:<16}  {value}"));
    let advice = found.advice.iter().map(|advice| format!("\nadvice: {advice}"));
    output::lines(rows.chain(advice))
}

fn examine() -> System {
    let jpeg_decoder = decoder_name();
    let simd = Sampler::new().simd_name();
    let simd_available = simd_available();
    let mut advice = Vec::new();
    if !jpeg_decoder.contains("(SIMD)") {
        advice.push(
            "JPEG is decoded by the slower decoder; install nasm and build again with \
             `cargo clean -p mozjpeg-sys -p maskwright-image`",
        );
    }
    if Some(&simd) != simd_available.first() {
        advice.push("MASKWRIGHT_SIMD forces an instruction set that is not this machine's best");
    }
    let bf16 = maskwright_model::device::cpu_bf16();
    if bf16.is_some() {
        advice.push(
            "this processor multiplies bf16: with `--precision bf16` a frozen encoder takes less than half the time \
             (docs/training.md says what it costs)",
        );
    }
    System {
        version: env!("CARGO_PKG_VERSION"),
        target: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
        jpeg_decoder,
        png_inflate: maskwright_image::decode::inflate_name(),
        simd,
        simd_available,
        bf16,
        threads: std::thread::available_parallelism().map_or(1, NonZero::get),
        backend: "flex (CPU)",
        gpu: "none in this build",
        advice,
    }
}
