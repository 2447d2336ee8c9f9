//! Opens an address in the browser, where there is one.

use std::process::{Command, Stdio};

/// Has the system open an address. Nothing is said where it cannot: the address is printed.
pub(super) fn in_browser(url: &str) {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut shell = Command::new("rundll32");
        shell.arg("url.dll,FileProtocolHandler");
        shell
    } else if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some()) {
        Command::new("xdg-open")
    } else {
        return;
    };
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        // Whoever opens it ends at once or stays; both are awaited.
        let wait = move || {
            let _ = child.wait();
        };
        let _ = std::thread::Builder::new().name("browser".into()).spawn(wait);
    }
}
