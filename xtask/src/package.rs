//! The crates as they will be published: packed, and built where the workspace is not.

use std::path::Path;

use cargo_metadata::{Metadata, Package};

use crate::shell;

/// Where the packed crates are unpacked and checked.
const FOLDER: &str = "target/package-check";

/// Packs every crate that is published, unpacks them beside each other, and checks them there: what a crate needs is in its package, or
/// in a package that it names.
pub(crate) fn check(metadata: &Metadata) -> Result<(), String> {
    let published = published(metadata);
    let mut pack = vec!["package", "--locked", "--no-verify", "--allow-dirty"];
    pack.extend(published.iter().flat_map(|package| ["--package", package.name.as_str()]));
    shell::run("cargo", &pack, &[])?;
    let said = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let folder = Path::new(FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| said(folder, error))?;
    }
    std::fs::create_dir_all(folder).map_err(|error| said(folder, error))?;
    let names: Vec<String> =
        published.iter().map(|package| format!("{}-{}", package.name, package.version)).collect();
    for name in &names {
        let file = metadata.target_directory.join(format!("package/{name}.crate"));
        // Packed files are all of one day in 2006: with it Cargo would take those of an earlier check for unchanged.
        shell::run("tar", &["-xzmf", file.as_str(), "-C", FOLDER], &[])?;
    }
    let manifest = folder.join("Cargo.toml");
    std::fs::write(&manifest, workspace(&published, &names))
        .map_err(|error| said(&manifest, error))?;
    let lock = folder.join("Cargo.lock");
    std::fs::copy("Cargo.lock", &lock).map_err(|error| said(&lock, error))?;
    let manifest = manifest.display().to_string();
    shell::run(
        "cargo",
        &["check", "--release", "--workspace", "--manifest-path", &manifest],
        &[("CARGO_TARGET_DIR", metadata.target_directory.as_str())],
    )
}

/// The crates of the workspace that are published, by name.
fn published(metadata: &Metadata) -> Vec<&Package> {
    let mut found: Vec<&Package> = metadata
        .workspace_packages()
        .into_iter()
        // An empty list of registries is `publish = false`.
        .filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Crates of the workspace that have, or ask of each other for, another version than the program's, and what is missing of what is
/// shown of a published crate.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    let published = published(metadata);
    let mut found = Vec::new();
    let Some(program) = published.iter().find(|package| package.name == "maskwright") else {
        return vec!["no crate is called maskwright".to_owned()];
    };
    for package in metadata.workspace_packages() {
        if package.version != program.version {
            found.push(format!(
                "{}: expected version {}, found {}",
                package.name, program.version, package.version
            ));
        }
        let own = |name: &str| published.iter().any(|package| package.name == name);
        let wanted = format!("^{}", program.version);
        for needed in package.dependencies.iter().filter(|needed| own(&needed.name)) {
            if needed.req.to_string() != wanted {
                found.push(format!(
                    "{}: expected {} {wanted}, found {}",
                    package.name, needed.name, needed.req
                ));
            }
        }
    }
    for package in published {
        let has = [
            ("description", package.description.is_some()),
            ("license", package.license.is_some()),
            ("readme", package.readme.is_some()),
            ("keywords", !package.keywords.is_empty()),
            ("categories", !package.categories.is_empty()),
            ("rust-version", package.rust_version.is_some()),
        ];
        found.extend(
            has.iter()
                .filter(|(_, there)| !there)
                .map(|(key, _)| format!("{}: expected a {key}, found none", package.name)),
        );
    }
    found
}

/// The manifest of a workspace of unpacked crates, which take each other instead of published ones.
fn workspace(published: &[&Package], names: &[String]) -> String {
    let members: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let mut text = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n\
         # As in the repository, so that what is built there is not built again.\n\
         [profile.release]\ndebug = \"line-tables-only\"\n\n[patch.crates-io]\n",
        members.join(", ")
    );
    for (package, name) in published.iter().zip(names) {
        text.push_str(&format!("{} = {{ path = {name:?} }}\n", package.name));
    }
    text
}
