//! One validation, cheapest checks first, so that a slip costs seconds.

use cargo_metadata::{CargoOpt, MetadataCommand};

use crate::{circles, dependency_rules, flag_words, licences, python, python_package, shell};

/// Checks that run no test.
pub(crate) fn check() -> Result<(), String> {
    shell::run("cargo", &["fmt", "--all", "--check"], &[])?;
    rules()?;
    python::check()?;
    shell::run(
        "cargo",
        &[
            "clippy",
            "--release",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    )?;
    // No GPU is needed to see that its part compiles.
    let cuda = ["--package", "maskwright", "--features", "cuda", "--", "-D", "warnings"];
    shell::run("cargo", &[["clippy", "--release", "--locked"].as_slice(), &cuda].concat(), &[])
}

/// Snapshots are compared; none is written, not even beside the old one.
const COMPARE_ONLY: (&str, &str) = ("INSTA_UPDATE", "no");

/// Everything.
pub(crate) fn test() -> Result<(), String> {
    check()?;
    // Unit, golden, property and end-to-end tests; documentation examples.
    shell::run("cargo", &["test", "--release", "--locked", "--workspace"], &[COMPARE_ONLY])?;
    // The program of these tests, killed and resumed.
    #[cfg(unix)]
    crate::soak::kills(&crate::soak::built(), 40, 0)?;
    // The scalar sampler and the pure-Rust decoder are what other machines run: the same
    // tests hold them.
    shell::run(
        "cargo",
        &[
            "test",
            "--release",
            "--locked",
            "--package",
            "maskwright-image",
            "--package",
            "maskwright-data",
        ],
        &[COMPARE_ONLY, ("MASKWRIGHT_SIMD", "scalar"), ("MASKWRIGHT_JPEG", "zune")],
    )?;
    python_package::test()
}

/// The dependency directions, circles of files, flags named in libraries, and the licences.
pub(crate) fn rules() -> Result<(), String> {
    let metadata = MetadataCommand::new()
        .features(CargoOpt::SomeFeatures(vec!["maskwright/cuda".to_owned()]))
        .other_options(vec![
            "--locked".to_owned(),
            "--filter-platform".to_owned(),
            "x86_64-unknown-linux-gnu".to_owned(),
        ])
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let mut found = dependency_rules::violations(&metadata);
    found.extend(circles::violations(&metadata)?);
    found.extend(flag_words::violations(&metadata)?);
    found.extend(licences::violations(&metadata));
    if found.is_empty() {
        println!("dependency directions, files, words and licences: as they should be");
        return Ok(());
    }
    Err(format!("{} violations:\n  {}", found.len(), found.join("\n  ")))
}
