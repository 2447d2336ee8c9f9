//! Compiles `src/memory.c`, which tells glibc to keep freed memory.

#[allow(clippy::disallowed_macros, reason = "this is how a build script speaks to Cargo")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/memory.c");
    let glibc = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu")
        && std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if glibc {
        // Nothing calls into it, so the linker is told to keep it.
        cc::Build::new()
            .file("src/memory.c")
            .link_lib_modifier("+whole-archive")
            .compile("maskwright_memory");
    }
}
