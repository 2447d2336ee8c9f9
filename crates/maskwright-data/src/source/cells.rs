//! Tables as text.

use std::io::{self, BufRead, Read};

/// The sign between the cells of a table: of commas, semicolons and tabs the one that the first row has most often outside of
/// quotes; a comma where it has none.
pub fn sign_between_cells(bytes: &[u8]) -> u8 {
    let (mut counts, mut quoted) = ([0u32; 3], false);
    for byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            b',' if !quoted => counts[0] += 1,
            b';' if !quoted => counts[1] += 1,
            b'\t' if !quoted => counts[2] += 1,
            _ => {}
        }
    }
    let [commas, semicolons, tabs] = counts;
    match commas {
        _ if tabs > commas && tabs >= semicolons => b'\t',
        _ if semicolons > commas => b';',
        _ => b',',
    }
}

/// A text whose lines end in `\n`, the last one, too, of one whose lines end so or in `\r\n`. Of such a text [`line_of`] knows the lines.
pub fn with_plain_ends(text: impl BufRead) -> impl Read {
    PlainEnds { text, held: false, last: b'\n' }
}

/// The line of the row that was just read, counted from 1, and of a row of several lines the first. `after` is where the reader is then.
/// The row's own position is no help: it is before the empty lines that are passed over.
pub fn line_of(after: &csv::Position, row: &[u8]) -> u64 {
    let within = row.iter().filter(|byte| **byte == b'\n').count() as u64;
    after.line().saturating_sub(1 + within)
}

struct PlainEnds<R> {
    text: R,
    /// Whether a `\r` was read of which it is not known what follows.
    held: bool,
    /// The last byte that was given.
    last: u8,
}

impl<R: BufRead> Read for PlainEnds<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        while given == 0 && !out.is_empty() {
            let bytes = self.text.fill_buf()?;
            if bytes.is_empty() {
                let end = match (std::mem::take(&mut self.held), self.last) {
                    (true, _) => b'\r',
                    (false, b'\n') => break,
                    (false, _) => b'\n',
                };
                out[0] = end;
                given = 1;
                break;
            }
            let mut used = 0;
            while used < bytes.len() && given < out.len() {
                let byte = bytes[used];
                if std::mem::take(&mut self.held) && byte != b'\n' {
                    out[given] = b'\r';
                    given += 1;
                    continue;
                }
                used += 1;
                if byte == b'\r' {
                    self.held = true;
                } else {
                    out[given] = byte;
                    given += 1;
                }
            }
            self.text.consume(used);
        }
        self.last = given.checked_sub(1).map_or(self.last, |place| out[place]);
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_plain_however_the_text_is_cut() {
        let text = "a\r\nb\rc\n\r\r\n\r";
        for cut in 1..=text.len() {
            for room in 1..4 {
                let text = io::BufReader::with_capacity(cut, text.as_bytes());
                let (mut plain, mut all) = (with_plain_ends(text), Vec::new());
                let mut out = vec![0; room];
                loop {
                    let count = plain.read(&mut out).expect("read");
                    if count == 0 {
                        break;
                    }
                    all.extend_from_slice(&out[..count]);
                }
                assert_eq!(all, b"a\nb\rc\n\r\n\r\n", "{cut} {room}");
            }
        }
    }
}
