//! The terminal's second screen, entered and left.

use std::io::{self, Stderr, Write};
use std::time::Duration;

use ratatui::Terminal;

use super::State;
use super::ansi::Ansi;
use super::draw::draw;

/// xterm's second screen, and the cursor, which has nothing to show there.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[0m\x1b[?1049l\x1b[?25h";

/// The second screen of the terminal that standard error is.
pub(super) struct Screen(Terminal<Ansi<Stderr>>);

impl Screen {
    /// Enters it. The terminal goes on to treat Ctrl-C as the signal that it is.
    pub(super) fn enter() -> io::Result<Self> {
        io::stderr().write_all(ENTER)?;
        let terminal = Terminal::new(Ansi::new(io::stderr(), Ansi::size_of_terminal));
        if terminal.is_err() {
            give_back();
        }
        terminal.map(Self)
    }

    /// Draws what is known `after` the view began.
    pub(super) fn draw(&mut self, state: &State, after: Duration) -> io::Result<()> {
        self.0.draw(|frame| draw(frame, state, after)).map(drop)
    }

    /// Leaves it.
    pub(super) fn leave(self) {
        drop(self);
        give_back();
    }
}

/// Leaves the second screen whoever is on it. What cannot be written is nobody's loss.
pub(super) fn give_back() {
    let _ = io::stderr().write_all(LEAVE);
}
