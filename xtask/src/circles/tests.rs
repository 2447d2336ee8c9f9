use std::path::Path;

use super::{Circle, circles, judge};

/// The circles of a crate with these files.
fn of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    found(files).into_iter().map(|circle| circle.files).collect()
}

fn found(files: &[(&str, &str)]) -> Vec<Circle> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    circles(folder.path(), &folder.path().join("lib.rs")).unwrap()
}

#[test]
fn two_files_that_need_each_other() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::Two; pub struct One(Two);"),
        ("b.rs", "pub struct Two; fn f(_: super::a::One) {}"),
    ];
    let circles = found(&files);
    assert_eq!(circles.len(), 1);
    assert_eq!(circles[0].files, ["a.rs", "b.rs"]);
    let arrow = |from: &str, to: &str, word: &str| (from.into(), to.into(), word.into());
    assert_eq!(circles[0].arrows, [arrow("a.rs", "b.rs", "Two"), arrow("b.rs", "a.rs", "One")]);
}

#[test]
fn one_way_is_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::One;"),
        ("a.rs", "use crate::b::Two; pub struct One(Two);"),
        ("b.rs", "use serde::Serialize; pub struct Two;"),
    ];
    assert_eq!(of(&files), Vec::<Vec<String>>::new());
}

#[test]
fn re_exports_are_followed_to_what_they_name() {
    let files = [
        ("lib.rs", "mod room;"),
        ("room/mod.rs", "mod a; mod b; pub use a::One; pub use b::{Two, make};"),
        ("room/a.rs", "pub struct One;"),
        // By way of the parent's re-export: the arrow leads to where it is defined.
        (
            "room/b.rs",
            "use super::One; pub struct Two(One); pub fn make() -> crate::room::One { One }",
        ),
    ];
    assert_eq!(of(&files), Vec::<Vec<String>>::new());
}

#[test]
fn a_parent_and_its_own_children_are_none() {
    let files = [
        ("lib.rs", "mod room; pub struct Root; use room::Shared;"),
        ("room/mod.rs", "mod a; pub use a::One; pub struct Shared; fn f() { a::make() }"),
        ("room/a.rs", "use super::Shared; pub struct One(Shared, crate::Root); pub fn make() {}"),
    ];
    assert_eq!(of(&files), Vec::<Vec<String>>::new());
}

#[test]
fn a_circle_that_leads_out_of_a_folder_and_back_is_one() {
    let files = [
        ("lib.rs", "mod room; mod outside;"),
        ("room/mod.rs", "mod a; pub use a::One; pub struct Shared;"),
        ("room/a.rs", "use super::Shared; use crate::outside::Two; pub struct One(Shared, Two);"),
        ("outside.rs", "use crate::room::One; pub struct Two(Box<One>);"),
    ];
    assert_eq!(of(&files), [["outside.rs", "room/a.rs"]]);
    let parent = [
        files[0],
        ("room/mod.rs", "mod a; use crate::outside::Two; pub struct Shared(Two);"),
        ("room/a.rs", "pub struct One;"),
        ("outside.rs", "use crate::room::Shared; pub struct Two(Box<Shared>);"),
    ];
    assert_eq!(of(&parent), [["outside.rs", "room/mod.rs"]]);
}

#[test]
fn tests_are_left_out() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::Two; pub struct One(Two); #[cfg(test)] mod tests;"),
        (
            "b.rs",
            "pub struct Two;
            impl Two { #[cfg(all(test, unix))] fn g() -> crate::a::One { todo!() } }
            #[cfg(test)] mod tests { use crate::a::One; }
            #[test] fn t() { crate::a::f(); }",
        ),
    ];
    assert_eq!(of(&files), Vec::<Vec<String>>::new());
    let kept = [
        files[0],
        ("a.rs", files[1].1),
        ("b.rs", "pub struct Two; #[cfg(not(test))] fn g(_: crate::a::One) {}"),
    ];
    assert_eq!(of(&kept).len(), 1);
}

#[test]
fn paths_in_code_and_macros_count() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub fn one() { assert!(crate::b::two()); } pub const ONE: u8 = 1;"),
        ("b.rs", "use crate::c; pub fn two() -> bool { c::three() }"),
        (
            "c.rs",
            "pub fn three() -> bool { use crate::a::{self as first, ONE}; first::one(); ONE > 0 }",
        ),
    ];
    assert_eq!(of(&files), [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn globs_renames_and_other_crates() {
    let files = [
        ("lib.rs", "mod a; mod b; mod png;"),
        ("a.rs", "use super::b::*; pub struct One(Two);"),
        ("b.rs", "use crate::a::One as First; pub struct Two; fn f(_: First) {}"),
        // A crate of the name of a module elsewhere, and a path within a type.
        (
            "png.rs",
            "use ::png::Decoder; fn f() { <u8 as Into<u16>>::a::One; png::Encoder::new(); }",
        ),
    ];
    assert_eq!(of(&files), [["a.rs", "b.rs"]]);
}

#[test]
fn known_circles_are_allowed_until_they_are_gone() {
    let circle = |files: &[&str]| Circle {
        files: files.iter().map(|&file| file.to_owned()).collect(),
        arrows: vec![],
    };
    let found = [circle(&["a", "b"])];
    assert_eq!(judge(&found, &[&["a", "b", "c"]]), Vec::<String>::new());
    assert!(judge(&found, &[])[0].starts_with("these files import in a circle: a, b"));
    let gone = judge(&[], &[&["a", "b"]]);
    assert!(gone[0].contains("gone") && gone[0].contains("a, b"), "{gone:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lib.rs");
    std::fs::write(&root, "mod gone;").unwrap();
    let error = circles(Path::new("/"), &root).unwrap_err();
    assert!(error.contains("gone"), "{error}");
}
