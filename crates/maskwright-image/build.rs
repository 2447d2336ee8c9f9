//! Compiles the C shims around libjpeg and says loudly when the fast JPEG decoder is missing.
//!
//! mozjpeg-sys builds itself without assembly, silently for most people, when `nasm` is not
//! installed, and is then three times slower, slower than the pure Rust decoder. What counts is how it
//! was really built, which its generated `jconfig.h` tells; looking for `nasm` again here could
//! disagree with a cached build.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(jpeg_assembly)");
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "mozjpeg")]
    shim::build();
}

#[cfg(feature = "mozjpeg")]
mod shim {
    use std::path::PathBuf;

    pub(crate) fn build() {
        let sources = ["src/decode/jpeg/shim.c", "src/decode/jpeg/entropy.c"];
        for source in sources.iter().chain(&["src/decode/jpeg/entropy.h"]) {
            println!("cargo:rerun-if-changed={source}");
        }
        println!("cargo:rerun-if-env-changed=DEP_JPEG_INCLUDE");
        let include = std::env::var_os("DEP_JPEG_INCLUDE")
            .expect("mozjpeg-sys tells where its headers are (its `links` key is `jpeg`)");
        let folders: Vec<PathBuf> = std::env::split_paths(&include).collect();

        cc::Build::new()
            .files(sources)
            .includes(&folders)
            .warnings(false)
            .compile("maskwright_jpeg_shim");

        let assembly = folders.iter().any(|folder| {
            let config = folder.join("jconfig.h");
            std::fs::read_to_string(&config).is_ok_and(|text| {
                println!("cargo:rerun-if-changed={}", config.display());
                text.contains("#define WITH_SIMD")
            })
        });
        if assembly {
            println!("cargo:rustc-cfg=jpeg_assembly");
        } else {
            println!(
                "cargo:warning=nasm was not found when libjpeg (mozjpeg) was built, so it has no assembly and \
                 would decode three times slower. The pure Rust JPEG decoder is used instead, which is about 60 % \
                 slower than the fast one, cannot skip what a crop does not show, and differs by a few grey levels."
            );
            println!(
                "cargo:warning=To get the fast decoder: install nasm (apt install nasm, brew install nasm, \
                 winget install nasm) and rebuild with `cargo clean -p mozjpeg-sys -p maskwright-image`."
            );
        }
    }
}
