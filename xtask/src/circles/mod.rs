//! Circles of files: two or more files of a crate that each need the other to be understood.
//!
//! Every source file of a library or program is read by a Rust parser (`source_tree`), the paths in it are
//! followed to the files that define what they name (`paths`), and files that reach each other are
//! a circle (`graph`). What counts as an arrow from one file to another:
//!
//! - a path, in an import or in code, that leads to an item: an arrow to the file that defines the
//!   item, however many re-exports lie between; those who only hand it on are not part of it;
//! - none from a module's file to the files of its own children: a parent is made of them, hands
//!   them on and calls them, and they share the types and traits that it defines. What is found are
//!   circles between siblings, and those that lead out of a folder and back into it;
//! - tests (`#[cfg(test)]`, `#[test]`, files under `tests/`) are left out.

mod graph;
mod paths;
#[cfg(test)]
mod tests;

use std::path::Path;

use cargo_metadata::Metadata;

use crate::source_tree::Tree;

/// Circles that are known and to be cut: the files of each, relative to the root. A circle found may
/// be a part of one of these. One that is gone has to go from here, so that the list ends empty.
const KNOWN: &[&[&str]] = &[];

/// Every circle that is not known, and every known one that is gone, a text each.
pub(crate) fn violations(metadata: &Metadata) -> Result<Vec<String>, String> {
    let root = metadata.workspace_root.as_std_path();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            if target.is_lib() || target.is_bin() {
                found.extend(circles(root, target.src_path.as_std_path())?);
            }
        }
    }
    Ok(judge(&found, KNOWN))
}

/// A circle: its files relative to the root, sorted, and the arrows between them.
#[derive(Debug, PartialEq)]
struct Circle {
    files: Vec<String>,
    /// From, to, and a name that the first takes from the second.
    arrows: Vec<(String, String, String)>,
}

/// The circles among the files of the crate whose root file is given.
fn circles(root: &Path, source: &Path) -> Result<Vec<Circle>, String> {
    let tree = Tree::read(source)?;
    let arrows = paths::arrows(&tree);
    let name = |file: usize| {
        let path = &tree.files[file];
        path.strip_prefix(root).unwrap_or(path).display().to_string()
    };
    let mut circles = Vec::new();
    for members in graph::circles(tree.files.len(), arrows.keys().copied()) {
        let mut files: Vec<String> = members.iter().map(|&file| name(file)).collect();
        files.sort();
        let inside = arrows
            .iter()
            .filter(|((from, to), _)| members.contains(from) && members.contains(to))
            .map(|(&(from, to), word)| (name(from), name(to), word.clone()));
        circles.push(Circle { files, arrows: inside.collect() });
    }
    Ok(circles)
}

/// What is wrong with the circles found, beside the known ones.
fn judge(found: &[Circle], known: &[&[&str]]) -> Vec<String> {
    let part_of = |circle: &Circle, known: &[&str]| {
        circle.files.iter().all(|file| known.contains(&file.as_str()))
    };
    let mut wrong = Vec::new();
    for circle in found {
        if known.iter().any(|known| part_of(circle, known)) {
            continue;
        }
        let arrows: Vec<String> = circle
            .arrows
            .iter()
            .map(|(from, to, word)| format!("    {from} takes `{word}` from {to}"))
            .collect();
        let files = circle.files.join(", ");
        wrong.push(format!("these files import in a circle: {files}\n{}", arrows.join("\n")));
    }
    for known in known {
        if !found.iter().any(|circle| part_of(circle, known)) {
            let files = known.join(", ");
            wrong.push(format!(
                "this circle is gone, take it from xtask/src/circles/mod.rs: {files}"
            ));
        }
    }
    wrong
}
