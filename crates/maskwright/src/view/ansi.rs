//! A terminal that is written to and never asked: ratatui's drawings as the control sequences of ECMA-48.
//!
//! Nothing is read from the terminal, so a program that is piped into and Ctrl-C work as ever. Colours are the sixteen of the
//! terminal's own palette; with `NO_COLOR` set there are none (<https://no-color.org>).

use std::io::{self, Write};

use console::Term;
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

/// A terminal behind a stream.
pub(super) struct Ansi<W: Write> {
    out: W,
    size: fn() -> io::Result<Size>,
    /// What is still to be written: a drawing goes out at once, so that no half of one is seen.
    waiting: Vec<u8>,
    colours: bool,
}

impl Ansi<io::Stderr> {
    /// The size of the terminal that standard error is.
    pub(super) fn size_of_terminal() -> io::Result<Size> {
        let size = Term::stderr().size_checked();
        let (height, width) = size.ok_or_else(|| io::Error::other("no terminal"))?;
        Ok(Size { width, height })
    }
}

impl<W: Write> Ansi<W> {
    pub(super) fn new(out: W, size: fn() -> io::Result<Size>) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { out, size, waiting: Vec::new(), colours }
    }

    fn put(&mut self, text: &str) {
        self.waiting.extend_from_slice(text.as_bytes());
    }

    /// The look of the cells that follow.
    fn look(&mut self, colour: Color, modifier: Modifier) {
        let mut sequence = String::from("\x1b[0");
        if modifier.contains(Modifier::BOLD) {
            sequence.push_str(";1");
        }
        if let Some(number) = foreground(colour).filter(|_| self.colours) {
            sequence.push_str(&format!(";{number}"));
        }
        sequence.push('m');
        self.put(&sequence);
    }
}

/// The number that selects one of the sixteen colours; none for the terminal's own.
fn foreground(colour: Color) -> Option<u8> {
    let number = match colour {
        Color::Black => 30,
        Color::Red => 31,
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Blue => 34,
        Color::Magenta => 35,
        Color::Cyan => 36,
        Color::Gray => 37,
        Color::DarkGray => 90,
        Color::LightRed => 91,
        Color::LightGreen => 92,
        Color::LightYellow => 93,
        Color::LightBlue => 94,
        Color::LightMagenta => 95,
        Color::LightCyan => 96,
        Color::White => 97,
        _ => return None,
    };
    Some(number)
}

impl<W: Write> Backend for Ansi<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let (mut at, mut look) = (None, None);
        for (x, y, cell) in content {
            if at != Some((x, y)) {
                self.put(&format!("\x1b[{};{}H", y + 1, x + 1));
            }
            if look != Some((cell.fg, cell.modifier)) {
                self.look(cell.fg, cell.modifier);
                look = Some((cell.fg, cell.modifier));
            }
            self.put(cell.symbol());
            // What is wider than a cell moves the cursor farther: then it is set anew.
            at = cell.symbol().is_ascii().then_some((x + 1, y));
        }
        self.put("\x1b[0m");
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.put("\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.put("\x1b[?25h");
        Ok(())
    }

    /// The terminal is not asked; a view of the whole screen does not need it.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        self.put(&format!("\x1b[{};{}H", y + 1, x + 1));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.put(match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[0J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[0K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        (self.size)()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        // How many pixels that are is not known.
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.out.write_all(&waiting)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::style::Stylize;
    use ratatui::text::Line;

    use super::*;

    fn size() -> io::Result<Size> {
        Ok(Size { width: 12, height: 2 })
    }

    #[test]
    fn a_drawing_is_one_text_with_positions_and_looks() {
        let mut terminal = Terminal::new(Ansi::new(Vec::new(), size)).expect("a terminal");
        terminal.backend_mut().colours = true;
        let line = Line::from(vec!["ab".cyan(), "c".bold(), " ━d".into()]);
        terminal.draw(|frame| frame.render_widget(&line, frame.area())).expect("drawn");
        let text = String::from_utf8(terminal.backend().out.clone()).expect("UTF-8");
        insta::assert_snapshot!(text.escape_debug().to_string(), @r#"\u{1b}[1;1H\u{1b}[0;36mab\u{1b}[0;1mc\u{1b}[1;5H\u{1b}[0m━\u{1b}[1;6Hd\u{1b}[0m\u{1b}[?25l"#);

        // What is the same is not drawn again.
        terminal.backend_mut().out.clear();
        let line = Line::from(vec!["ab".cyan(), "x".bold(), " ━d".into()]);
        terminal.draw(|frame| frame.render_widget(&line, frame.area())).expect("drawn");
        let text = String::from_utf8(terminal.backend().out.clone()).expect("UTF-8");
        insta::assert_snapshot!(text.escape_debug().to_string(), @r#"\u{1b}[1;3H\u{1b}[0;1mx\u{1b}[0m\u{1b}[?25l"#);
    }

    #[test]
    fn without_colours_there_are_none() {
        let mut terminal = Terminal::new(Ansi::new(Vec::new(), size)).expect("a terminal");
        terminal.backend_mut().colours = false;
        terminal.draw(|frame| frame.render_widget("a".red().bold(), frame.area())).expect("drawn");
        let text = String::from_utf8(terminal.backend().out.clone()).expect("UTF-8");
        assert!(text.contains("\u{1b}[0;1ma") && !text.contains(";31"), "{text:?}");
    }

    #[test]
    fn a_terminal_that_is_gone_is_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut terminal = Terminal::new(Ansi::new(Gone, size)).expect("a terminal");
        assert!(terminal.draw(|frame| frame.render_widget("a", frame.area())).is_err());
    }
}
