//! The types of the API in TypeScript: written from here, so that page and server cannot differ.

use std::path::Path;

use crate::api::declarations;

/// The file as it has to be.
fn text() -> String {
    let mut text = "// The types of the studio's API. A test of crates/maskwright-studio writes this file from src/api.rs:\n\
                    // UPDATE_API=1 cargo test -p maskwright-studio typescript\n"
        .to_owned();
    for declaration in declarations() {
        text += &format!("\nexport {declaration}\n");
    }
    text
}

#[test]
fn the_page_has_these_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studio/src/api.ts");
    if std::env::var_os("UPDATE_API").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, text()).expect("written");
    }
    let found = std::fs::read_to_string(&file).expect("studio/src/api.ts");
    assert_eq!(found, text(), "studio/src/api.ts is not what src/api.rs makes: set UPDATE_API=1");
}
