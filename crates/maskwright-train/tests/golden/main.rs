//! The loss and the optimizer against PyTorch's numbers.

mod learning;
mod loss;
mod steps;
mod terms;

use std::path::{Path, PathBuf};

use burn::tensor::Device;

/// The golden cases of a crate in the repository. Away from it the tests are told where the cases are.
fn own(owner: &str, kind: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = match std::env::var_os("MASKWRIGHT_GOLDEN") {
        Some(cases) => PathBuf::from(cases).join(owner).join(kind),
        None => crates.join(owner).join("tests/golden").join(kind),
    };
    assert!(own.is_dir(), "no golden cases at {}", own.display());
    own
}

/// The golden cases of a crate: the folder of the repository, and that of `../shared/golden`, where it is there.
fn folders(owner: &str, kind: &str, shared: &str) -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = own(owner, kind);
    let mut folders = vec![own];
    let shared = crates.join("../../shared/golden").join(shared);
    if shared.is_dir() {
        folders.push(shared);
    } else {
        eprintln!("left out: the optional folder ../shared/golden is not here");
    }
    folders
}

/// The CPU, or with `MASKWRIGHT_TEST_DEVICE=cuda` the first GPU, in a build with that feature.
fn device() -> Device {
    match std::env::var("MASKWRIGHT_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => Device::flex(),
        #[cfg(feature = "cuda")]
        Ok("cuda") => Device::cuda(0),
        Ok(other) => panic!("no device {other:?} in this build"),
    }
}
