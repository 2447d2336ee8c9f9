//! One validation, cheapest checks first, so that a slip costs seconds.

use crate::{
    circles, dependency_rules, dockerfile, flag_words, licences, package, page, python,
    python_package, resolved, shell,
};

/// Checks that run no test.
pub(crate) fn check() -> Result<(), String> {
    shell::run("cargo", &["fmt", "--all", "--check"], &[])?;
    rules()?;
    python::check()?;
    page::check()?;
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
    shell::run("cargo", &[["clippy", "--release", "--locked"].as_slice(), &cuda].concat(), &[])?;
    package::check(&resolved::metadata(&[])?)
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
    // And its studio, worked in for a while.
    #[cfg(target_os = "linux")]
    crate::soak::studio(&crate::soak::built())?;
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

/// The dependency directions, circles of files, flags named in libraries, the licences, the versions and the Dockerfile.
pub(crate) fn rules() -> Result<(), String> {
    let metadata = resolved::metadata(&["maskwright/cuda"])?;
    let mut found = dependency_rules::violations(&metadata);
    found.extend(circles::violations(&metadata)?);
    found.extend(flag_words::violations(&metadata)?);
    found.extend(licences::violations(&metadata));
    found.extend(package::violations(&metadata));
    found.extend(dockerfile::violations(&metadata)?);
    if found.is_empty() {
        println!(
            "dependency directions, files, words, licences, versions and Dockerfile: as they should be"
        );
        return Ok(());
    }
    Err(format!("{} violations:\n  {}", found.len(), found.join("\n  ")))
}
