//! What the machine needs beyond Rust and a C compiler: nothing, but nasm makes JPEG
//! decoding about twice as fast, so it is installed where that can be done.

use crate::shell;

/// Installs nasm when it is missing and this is a Debian-like x86-64 machine on which
/// packages can be installed; otherwise says what will be slower. Never fails.
pub(crate) fn run() -> Result<(), String> {
    if !cfg!(target_arch = "x86_64") || shell::works("nasm", &["-v"]) {
        return Ok(());
    }
    println!("nasm (the assembler of the JPEG decoder's SIMD code) is not installed");
    if install() && shell::works("nasm", &["-v"]) {
        println!("nasm is installed now");
        return Ok(());
    }
    eprintln!(
        "WARNING: nasm could not be installed, so JPEGs are decoded by the pure-Rust decoder, \
         which takes about 1.7 times as long; everything else is unchanged. To mend it: install \
         the package `nasm` and build again."
    );
    Ok(())
}

fn install() -> bool {
    if !shell::works("apt-get", &["--version"]) {
        return false;
    }
    // Root installs directly; others only where sudo asks no password, so that nothing waits
    // for an answer that nobody gives.
    let sudo: &[&str] = if shell::works("test", &["-w", "/var/lib/dpkg/lock-frontend"]) {
        &[]
    } else if shell::works("sudo", &["-n", "true"]) {
        &["sudo", "-n"]
    } else {
        return false;
    };
    let apt = |arguments: &[&str]| {
        let mut line: Vec<&str> = sudo.to_vec();
        line.push("apt-get");
        line.extend_from_slice(arguments);
        shell::run(line[0], &line[1..], &[("DEBIAN_FRONTEND", "noninteractive")]).is_ok()
    };
    let packages = &["install", "--yes", "--no-install-recommends", "nasm"];
    apt(packages) || (apt(&["update"]) && apt(packages))
}
