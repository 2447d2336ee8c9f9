//! The Python files: lint, format and types, by tools in a virtual environment of their own.

use std::path::Path;

use crate::shell;

/// Where the settings and the pins are.
const FOLDER: &str = "benches/python";
const FOLDERS: &[&str] = &[FOLDER, "python/golden", "python/parity"];
const VENV: &str = "target/python-checks";
/// The tools and what they need to see, and what the tests read event files with; the same pins as in `requirements.txt`.
const TOOLS: &[&str] = &["ruff", "mypy", "numpy", "tensorboard"];

/// Checks every Python file. Without Python, or where its packages cannot be had, it says so
/// and checks nothing: the Rust project does not need them.
pub(crate) fn check() -> Result<(), String> {
    let Some(program) = prepare()? else { return Ok(()) };
    let tool = |name: &str| format!("{program}/{name}");
    let settings = format!("{FOLDER}/pyproject.toml");
    for folder in FOLDERS {
        shell::run(&tool("ruff"), &["check", folder], &[])?;
        shell::run(&tool("ruff"), &["format", "--check", folder], &[])?;
        // The opponents' own packages are large and not installed here.
        let types = &["--config-file", &settings, "--ignore-missing-imports", folder];
        shell::run(&tool("mypy"), types, &[])?;
    }
    Ok(())
}

/// The folder of the tools, installed if they were not, or `None` if that cannot be done.
fn prepare() -> Result<Option<String>, String> {
    let pins = pins()?;
    let bin = format!("{VENV}/bin");
    let python = format!("{bin}/python");
    let stamp = format!("{VENV}/pins");
    let wanted = pins.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(Some(bin));
    }
    let mut install = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    install.extend(pins.iter().map(String::as_str));
    let ready = shell::works("python3", &["-m", "venv", VENV]) && shell::works(&python, &install);
    if !ready {
        eprintln!(
            "WARNING: the Python files were not checked: ruff and mypy could not be installed \
             (python3 with venv, and its packages, are needed for that)"
        );
        return Ok(None);
    }
    std::fs::write(&stamp, wanted).map_err(|error| format!("{stamp}: {error}"))?;
    Ok(Some(bin))
}

/// The tools' lines of `requirements.txt`.
fn pins() -> Result<Vec<String>, String> {
    let path = Path::new(FOLDER).join("requirements.txt");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error} (run this from the root)", path.display()))?;
    let of = |tool: &str| {
        let line = text.lines().find(|line| line.split("==").next() == Some(tool));
        line.map(str::to_owned).ok_or_else(|| format!("{}: no pin of {tool}", path.display()))
    };
    TOOLS.iter().map(|tool| of(tool)).collect()
}
