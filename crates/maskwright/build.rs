//! Compiles `src/memory.c`, which tells glibc to keep freed memory, into the program. The library that the
//! Python package loads has no part in it.

#[allow(clippy::disallowed_macros, reason = "this is how a build script speaks to Cargo")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/memory.c");
    let glibc = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu")
        && std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if glibc {
        // Nothing calls into it: an object file is linked all the same.
        for object in cc::Build::new().file("src/memory.c").compile_intermediates() {
            println!("cargo:rustc-link-arg-bins={}", object.display());
        }
    }
}
