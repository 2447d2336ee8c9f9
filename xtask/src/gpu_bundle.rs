//! `cargo xtask gpu-bundle`: everything that a borrowed GPU machine needs, in one small folder.
//!
//! Such a machine has PyTorch and a driver, but no cargo and no network, and is there for half an
//! hour. So the command and the golden tests are built here, with CUDA, stripped and compressed; beside
//! them lie the golden cases, the scripts that compare with PyTorch, the wheels of the public
//! package, and `run.sh`, which does what `benches/python/gpu.py` does.

use std::path::{Path, PathBuf};

use crate::shell;

/// What a folder may weigh that is carried to such a machine.
const LIMIT: u64 = 60 << 20;

/// The crates whose test `golden` runs there, and where each has its cases.
const TESTED: [&str; 2] = ["maskwright-model", "maskwright-train"];

/// What `gpu.py` needs of `benches/python`.
const SCRIPTS: [&str; 8] = [
    "cuda_place.py",
    "gpu.py",
    "machine.py",
    "opponent.py",
    "ours.py",
    "stand_in.py",
    "torch_model.py",
    "turns.py",
];

/// Packages that come along as wheels; pinned in `requirements.txt`. They are Python alone, and
/// what they need besides comes with PyTorch or is not needed for a training step.
const WHEELS: [&str; 2] = ["segment_anything_hq", "timm"];

const PYTHON: &str = "benches/python";
const RUN: &str = include_str!("gpu_bundle.sh");

/// Makes the bundle in a folder, anew.
pub(crate) fn run(folder: &Path) -> Result<(), String> {
    let error = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        if !folder.join("run.sh").is_file() {
            return Err(format!("{}: there already, and no bundle", folder.display()));
        }
        std::fs::remove_dir_all(folder).map_err(error)?;
    }
    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs).map_err(error)?;
    for (name, program) in build()? {
        let to = programs.join(name).display().to_string();
        shell::run("strip", &["-o", &to, &program.display().to_string()], &[])?;
    }
    compress(folder)?;
    wheels(folder)?;
    for name in SCRIPTS {
        copy(&Path::new(PYTHON).join(name), &folder.join("scripts").join(name))?;
    }
    for owner in TESTED {
        let cases = Path::new("crates").join(owner).join("tests/golden");
        copy_cases(&cases, &folder.join("golden").join(owner))?;
    }
    let script = folder.join("run.sh");
    std::fs::write(&script, RUN).map_err(error)?;
    shell::run("chmod", &["+x", &script.display().to_string()], &[])?;
    let size = size_of(folder)?;
    let told = format!("{}: {:.1} MiB", folder.display(), size as f64 / f64::from(1 << 20));
    if size > LIMIT {
        return Err(format!("{told}, more than the {} MiB it may be", LIMIT >> 20));
    }
    println!("{told}; there, `bash run.sh` does the rest");
    Ok(())
}

/// Builds the command and the tests; gives each program's name in the bundle and its path.
///
/// All by one line: two would build their dependencies twice, since what tests need asks for other features
/// of them. A test of the command brings the command itself along.
fn build() -> Result<Vec<(String, PathBuf)>, String> {
    let mut args = vec!["test", "--no-run", "--package", "maskwright", "--test", "help"];
    TESTED.iter().for_each(|package| args.extend(["--package", package]));
    args.extend(["--test", "golden", "--features", "cuda"]);
    args.extend(["--release", "--locked", "--message-format", "json"]);
    let mut found = Vec::new();
    for message in cargo_metadata::Message::parse_stream(shell::output("cargo", &args)?.as_bytes())
    {
        let message = message.map_err(|error| format!("cargo's messages: {error}"))?;
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message
            && let Some(program) = &artifact.executable
            && let Some(name) = name_of(&artifact)
        {
            found.push((name, program.clone().into_std_path_buf()));
        }
    }
    match found.len() == 1 + TESTED.len() {
        true => Ok(found),
        false => Err(format!(
            "`cargo {}`: expected the command and tests, found {found:?}",
            args.join(" ")
        )),
    }
}

/// What a program is called in the bundle, if it belongs there.
fn name_of(artifact: &cargo_metadata::Artifact) -> Option<String> {
    let package = artifact.manifest_path.parent()?.file_name()?;
    match &artifact.target {
        target if target.is_test() && target.name == "golden" && TESTED.contains(&package) => {
            Some(format!("{package}-golden"))
        }
        target if target.is_bin() && !artifact.profile.test && package == "maskwright" => {
            Some(target.name.clone())
        }
        _ => None,
    }
}

/// Packs the programs into one archive: what they have in common is stored once.
fn compress(folder: &Path) -> Result<(), String> {
    let folder = folder.display().to_string();
    let archive = format!("{folder}/programs.tar");
    let tar =
        ["--create", "--file", &archive, "--directory", &folder, "--remove-files", "programs"];
    shell::run("tar", &tar, &[])?;
    // A window as large as all programs; it takes as much memory to unpack.
    let filter = "--lzma2=preset=6e,dict=256MiB";
    shell::run("xz", &["--format=xz", filter, "--force", &archive], &[])
}

/// Fetches the wheels, of the versions that the record is made with.
fn wheels(folder: &Path) -> Result<(), String> {
    let path = Path::new(PYTHON).join("requirements.txt");
    let text = read(&path)?;
    let to = folder.join("wheels").display().to_string();
    let mut args =
        vec!["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", &to];
    for package in WHEELS {
        let pin = text.lines().find(|line| line.split("==").next() == Some(package));
        args.push(pin.ok_or_else(|| format!("{}: no pin of {package}", path.display()))?);
    }
    shell::run("python3", &args, &[])
}

/// Copies the cases of a folder and of the folders in it, and nothing else.
fn copy_cases(from: &Path, to: &Path) -> Result<(), String> {
    for entry in entries(from)? {
        let name = entry.file_name().ok_or("a file without a name")?;
        if entry.is_dir() {
            copy_cases(&entry, &to.join(name))?;
        } else if entry.extension().is_some_and(|ending| ending == "safetensors") {
            copy(&entry, &to.join(name))?;
        }
    }
    Ok(())
}

/// The bytes of all files below a folder.
fn size_of(folder: &Path) -> Result<u64, String> {
    let mut size = 0;
    for entry in entries(folder)? {
        size += if entry.is_dir() {
            size_of(&entry)?
        } else {
            entry.metadata().map_err(|error| format!("{}: {error}", entry.display()))?.len()
        };
    }
    Ok(size)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let error = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(error)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(error)).collect()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error} (run this from the root)", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let error = |error: std::io::Error| format!("{}: {error}", from.display());
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(error)?;
    }
    std::fs::copy(from, to).map(|_| ()).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository's root: tests run in the package's folder.
    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn what_the_scripts_import_comes_along() {
        let python = root().join(PYTHON);
        for script in SCRIPTS {
            let text = read(&python.join(script)).unwrap();
            for line in text.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (["import", module] | ["from", module, "import", ..]) = words[..] else {
                    continue;
                };
                // Indented imports are for type checkers alone.
                let ours = python.join(format!("{module}.py"));
                if ours.is_file() && !line.starts_with(' ') {
                    assert!(SCRIPTS.contains(&&*format!("{module}.py")), "{script}: {module}");
                }
            }
        }
    }

    #[test]
    fn only_cases_are_copied_and_weighed() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::create_dir_all(from.join("loss")).unwrap();
        for (name, text) in
            [("a.safetensors", "12345"), ("loss/b.safetensors", "123"), ("main.rs", "1")]
        {
            std::fs::write(from.join(name), text).unwrap();
        }
        copy_cases(&from, &to).unwrap();
        assert_eq!(size_of(&from).unwrap(), 9);
        assert_eq!(size_of(&to).unwrap(), 8);
        assert!(to.join("loss/b.safetensors").is_file() && !to.join("main.rs").exists());
    }

    #[test]
    fn another_folder_is_not_overwritten() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("precious"), "").unwrap();
        assert!(run(place.path()).unwrap_err().contains("no bundle"));
        assert!(place.path().join("precious").is_file());
    }
}
