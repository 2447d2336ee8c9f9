//! The view on a terminal of its own, which util-linux's `script` makes. Where there is none the tests are left out with a line.

use std::process::{Command, Stdio};

use super::*;

/// Set where a test runs on its terminal.
const ON_TERMINAL: &str = "MASKWRIGHT_TEST_ON_TERMINAL";

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l\x1b[?25h";

/// Runs a test of this file by itself on a terminal, and gives what is written there; it has to fail, as by a panic.
#[allow(clippy::disallowed_macros, reason = "a test says what it leaves out")]
fn on_terminal(test: &str) -> Option<String> {
    let version = Command::new("script").arg("--version").output();
    if !version.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("util-linux")) {
        eprintln!("left out: there is no `script` to make a terminal with");
        return None;
    }
    let program = std::env::current_exe().expect("its path");
    let command = format!(
        "stty rows 24 cols 80; exec '{}' --exact view::tests::{test} --nocapture",
        program.display()
    );
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env(ON_TERMINAL, "yes")
        .env("TERM", "xterm")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert!(!output.status.success(), "the panic fails");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

fn is_on_terminal() -> bool {
    std::env::var_os(ON_TERMINAL).is_some()
}

/// Shows a view with a line, and waits until it was drawn.
fn shown() -> View {
    let view = View::show(State::default()).expect("a terminal");
    view.say("a line that lasts", false);
    std::thread::sleep(3 * INTERVAL);
    view
}

/// The places of parts of what was written, each after the one before.
fn in_order(written: &str, parts: &[&str]) {
    let mut at = 0;
    for part in parts {
        let found = written[at..].find(part);
        let found =
            found.unwrap_or_else(|| panic!("{part:?} is missing after {at} in {written:?}"));
        at += found + part.len();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_first() {
    if is_on_terminal() {
        let _view = shown();
        panic!("in the middle of a run");
    }
    let Some(written) = on_terminal("a_panic_gives_the_terminal_back_first") else { return };
    let parts = [ENTER, "a line that lasts", LEAVE, "a line that lasts", "in the middle of a run"];
    in_order(&written, &parts);
    assert_eq!(written.matches(LEAVE).count(), 1, "it is given back once");
}

/// Whoever panics holds what the view would draw, or the screen that it draws on.
#[test]
fn a_panic_that_holds_the_view_gives_the_terminal_back() {
    if is_on_terminal() {
        let view = shown();
        let holding = std::thread::spawn({
            let view = view.clone();
            move || {
                let _screen = lock(&view.0.screen);
                view.update(|_| panic!("with the view in hand"));
            }
        });
        let ended = holding.join();
        view.say("a line after it", false);
        ended.expect("it did not panic");
    }
    let Some(written) = on_terminal("a_panic_that_holds_the_view_gives_the_terminal_back") else {
        return;
    };
    in_order(&written, &[ENTER, LEAVE, "with the view in hand", "a line after it"]);
    let after = written.rfind(LEAVE).expect("left");
    assert!(!written[after..].contains(ENTER), "it is not entered again");
}
