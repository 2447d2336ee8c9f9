//! Lists the files of the page, which are a part of the program.

use std::fmt::Write;
use std::path::Path;

fn main() {
    let folder =
        Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join("page");
    println!("cargo::rerun-if-changed={}", folder.display());
    let listing = std::fs::read_dir(&folder).expect("the page's files");
    let mut names: Vec<String> = listing
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let mut code = String::from("&[\n");
    for name in names {
        let path = folder.join(&name);
        println!("cargo::rerun-if-changed={}", path.display());
        let path = path.display().to_string();
        writeln!(code, "    ({name:?}, include_bytes!({path:?})),").expect("a text");
    }
    code.push(']');
    let out = std::env::var("OUT_DIR").expect("cargo says it");
    std::fs::write(Path::new(&out).join("page.rs"), code).expect("written");
}
