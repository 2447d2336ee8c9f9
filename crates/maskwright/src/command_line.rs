//! The command line of this process, for a page that says what made it.

/// The command line of this process, as a shell takes it.
pub(crate) fn command_line() -> String {
    let quoted = |arg: std::ffi::OsString| {
        let arg = arg.to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
        match !arg.is_empty() && arg.chars().all(plain) {
            true => arg,
            false => format!("'{}'", arg.replace('\'', "'\\''")),
        }
    };
    let args: Vec<String> = std::env::args_os().skip(1).map(quoted).collect();
    format!("maskwright {}", args.join(" "))
}
