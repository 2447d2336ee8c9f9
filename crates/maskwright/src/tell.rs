//! The command's words about its work: lines on standard error.
//!
//! Everything but clap's messages and the progress bars goes through here. A reader that is gone, a closed
//! terminal or a full disk costs the words and never the work: that they could not be written is told to
//! nobody. Results go to standard output, through `output`.

use std::fmt::Display;
use std::io::Write;

use crate::shown::shown;

/// Says a line.
pub(crate) fn say(text: impl Display) {
    // One write, so that the lines of several processes do not mix.
    let line = format!("{}\n", shown(&text.to_string()));
    std::io::stderr().write_all(line.as_bytes()).ok();
}

/// Says what a person should know and what stops nothing.
pub(crate) fn note(text: impl Display) {
    say(format_args!("note: {text}"));
}
