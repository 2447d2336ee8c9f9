//! The licences of everything that a wheel's compiled part is made of, in one text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{Metadata, Package};

use crate::shell;

/// How the files begin in which packages state their licences.
const NAMES: &[&str] = &["license", "licence", "copying", "notice", "unlicense", "copyright"];

/// The licences of a package of the workspace and of everything that is compiled into it: each text once, below the packages that
/// have it. Packages without a file are listed with the licence that they state.
pub(crate) fn of(metadata: &Metadata, root: &str) -> Result<String, String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for package in compiled(metadata, root)? {
        let name = format!("{} {}", package.name, package.version);
        let stated = package.license.as_deref().unwrap_or("see its file");
        let files = licence_files(package)?;
        if files.is_empty() {
            without.push(format!("{name}: {stated}"));
        }
        for text in files {
            texts.entry(text).or_default().push(format!("{name} ({stated})"));
        }
    }
    let mut all = String::from("Licences of the packages in the compiled part of maskwright\n");
    let mut parts: Vec<(String, String)> =
        texts.into_iter().map(|(text, names)| (names.join("\n"), text)).collect();
    parts.sort();
    for (names, text) in parts {
        all.push_str(&format!("\n{}\n{names}\n\n{}\n", "=".repeat(80), text.trim_end()));
    }
    if !without.is_empty() {
        let heading = "Packages without a licence file";
        all.push_str(&format!("\n{}\n{heading}\n\n{}\n", "=".repeat(80), without.join("\n")));
    }
    Ok(all)
}

/// The packages outside of the workspace that a package of it is compiled from, in the order of their names.
///
/// `cargo metadata` also has packages that a feature which is off would ask for; `cargo tree` has those of the build.
fn compiled<'a>(metadata: &'a Metadata, root: &str) -> Result<Vec<&'a Package>, String> {
    let tree = ["tree", "--locked", "--package", root, "--edges", "normal", "--prefix", "none"];
    let lines = shell::output("cargo", &[&tree[..], &["--format", "{p}"]].concat())?;
    // "name v1.2.3 (proc-macro)"
    let reached: BTreeSet<(&str, &str)> = lines
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let mut packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| {
            let version = package.version.to_string();
            package.source.is_some() && reached.contains(&(package.name.as_str(), &version))
        })
        .collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    match packages.is_empty() {
        true => Err(format!("{root}: cargo tree named no package")),
        false => Ok(packages),
    }
}

/// The texts of a package's licences and notices.
fn licence_files(package: &Package) -> Result<Vec<String>, String> {
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let states = NAMES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".rs");
        if states && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    let text = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
    };
    files.iter().map(text).collect()
}
