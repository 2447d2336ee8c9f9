//! The Python package: its wheel, and its tests in a virtual environment of their own.

use std::path::{Path, PathBuf};

use crate::{notices, python, resolved, shell};

/// Where the package is.
const FOLDER: &str = "python";
/// What the wheel says of the licences of all that is compiled into it.
const NOTICES: &str = "python/licences/THIRD-PARTY.txt";
const WHEELS: &str = "target/wheels";
const BUILD: &str = "target/python-build";
const TEST: &str = "target/python-tests";

/// Packages that tests use where they are there, and what is left out without them.
const OPTIONAL: &[(&str, &str)] = &[
    ("torch", "tensors, the drop-in for HQ-SAM's script"),
    ("PIL", "images of Pillow"),
    ("segment_anything_hq", "batches through the published model"),
    ("transformers", "batches through transformers' models and its Trainer"),
    ("lightning", "the loader in Lightning's loop"),
    ("accelerate", "the loader in Accelerate's loop, transformers' Trainer"),
    ("jax", "batches as JAX's arrays"),
    ("ray", "the example of data prepared on several machines"),
];

/// A folder of packages that tests may use beside those of their environment, or "install" to have them installed.
const PACKAGES: &str = "MASKWRIGHT_TEST_PACKAGES";

/// Builds the wheel and says where it is; `None` where maturin cannot be installed.
pub(crate) fn wheel() -> Result<Option<PathBuf>, String> {
    let pins = python::pins(&format!("{FOLDER}/requirements.txt"), &["maturin"])?;
    let Some(bin) = python::environment(BUILD, &pins)? else { return Ok(None) };
    let maturin = absolute(&format!("{bin}/maturin"))?;
    if Path::new(WHEELS).exists() {
        std::fs::remove_dir_all(WHEELS).map_err(|error| format!("{WHEELS}: {error}"))?;
    }
    write_notices()?;
    let out = format!("../{WHEELS}");
    shell::run_in(FOLDER, &maturin, &["build", "--release", "--locked", "--out", &out], &[])?;
    let files = std::fs::read_dir(WHEELS).map_err(|error| format!("{WHEELS}: {error}"))?;
    let wheel = files
        .flatten()
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    wheel.map(Some).ok_or_else(|| format!("{WHEELS}: expected a wheel, found none"))
}

/// Writes the licences of all that is compiled into the wheel to where the wheel takes them from.
pub(crate) fn write_notices() -> Result<(), String> {
    let text = notices::of(&resolved::metadata(&[])?, "maskwright-python")?;
    let failed = |error: std::io::Error| format!("{NOTICES}: {error}");
    if let Some(folder) = Path::new(NOTICES).parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(NOTICES, text).map_err(failed)
}

/// Builds the wheel, installs it where nothing else is, and runs its tests. Without Python, or where its packages cannot be
/// had, it says so and tests nothing.
pub(crate) fn test() -> Result<(), String> {
    let left_out = |what: &str| {
        eprintln!(
            "WARNING: the Python package was not tested: {what} could not be installed \
             (python3 with venv, and its packages, are needed for that)"
        );
        Ok(())
    };
    if wheel()?.is_none() {
        return left_out("maturin");
    }
    let mut pins = python::pins(&format!("{FOLDER}/requirements.txt"), &["pytest", "numpy"])?;
    pins.extend(python::pins("benches/python/requirements.txt", &["mypy"])?);
    if Path::new(TEST).exists() {
        std::fs::remove_dir_all(TEST).map_err(|error| format!("{TEST}: {error}"))?;
    }
    let Some(bin) = python::environment(TEST, &pins)? else { return left_out("pytest") };
    let python = format!("{bin}/python");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    shell::run(
        &python,
        &[&pip[..], &["--no-deps", "--no-index", "--find-links", WHEELS, "maskwright"]].concat(),
        &[],
    )?;
    match std::env::var(PACKAGES) {
        Ok(install) if install == "install" => {
            // PyTorch's wheels bring gigabytes of CUDA's libraries, without which it cannot be imported: they are not
            // kept a second time.
            let file = format!("{FOLDER}/requirements.txt");
            let all = [&pip[..], &["--no-cache-dir", "--requirement", &file]].concat();
            if let Err(error) = shell::run(&python, &all, &[]) {
                eprintln!("WARNING: tests that need more packages are left out: {error}");
            }
        }
        Ok(folder) if !folder.is_empty() => beside(&python, &absolute(&folder)?)?,
        _ => {}
    }
    // What the compiled part has, beside what its stub says.
    shell::run(&python, &["-m", "mypy.stubtest", "maskwright._maskwright"], &[])?;
    shell::run(&python, &["-m", "pytest", "-q", "-rs", &format!("{FOLDER}/tests")], &[])?;
    for (package, what) in OPTIONAL {
        if !shell::works(&python, &["-c", &format!("import {package}")]) {
            println!("left out without the package {package}: {what} ({PACKAGES}=install has it)");
        }
    }
    Ok(())
}

/// Lets an environment see the packages of a folder behind its own.
fn beside(python: &str, folder: &str) -> Result<(), String> {
    let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = shell::output(python, &["-c", script])?;
    let file = Path::new(packages.trim()).join("beside.pth");
    std::fs::write(&file, format!("{folder}\n"))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn absolute(path: &str) -> Result<String, String> {
    let path = std::path::absolute(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(path.display().to_string())
}
