//! The program `maskwright`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(maskwright::run(std::env::args_os()))
}
