//! The command line of this process, for a page that says what made it.

use std::ffi::OsString;
use std::path::Path;

/// The command line of this process, as a shell takes it.
pub(crate) fn command_line() -> String {
    let args: Vec<String> = words(std::env::args_os()).map(|arg| quoted(Path::new(&arg))).collect();
    format!("maskwright {}", args.join(" "))
}

/// A path, or another word, as a shell takes it.
pub(crate) fn quoted(word: &Path) -> String {
    let word = word.to_string_lossy().into_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The words behind the program's name. Where Python runs the program, its name is the second word, or the third
/// behind `-m`.
pub(crate) fn words(args: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut words = args.skip(1).peekable();
    if words.next_if(|word| word == "-m").is_some() {
        words.next();
    } else {
        words.next_if(|word| {
            Path::new(word)
                .file_stem()
                .is_some_and(|stem| stem == "maskwright" || stem == "__main__")
        });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_left_out_however_it_was_started() {
        for line in [
            "target/release/maskwright eval --json",
            "/usr/bin/python3 -m maskwright eval --json",
            "python /venv/bin/maskwright eval --json",
            "python.exe maskwright/__main__.py eval --json",
        ] {
            let words: Vec<OsString> = words(line.split(' ').map(OsString::from)).collect();
            assert_eq!(words, ["eval", "--json"], "{line}");
        }
    }
}
